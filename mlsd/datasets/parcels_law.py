"""The law of the parcel world: what moves through a depot on a day, and what was known the evening before.

With x the creation features of a depot's day (the calendar, the plan of promotions, the forecast of the
weather) and w the depot's level, a random walk that nobody sees:

    m(x, w)  = size exp(w + s(x))                    s(x): a sum of terms, see `TERMS`
    z        = r h + sqrt(1 - r^2) e                 how the day turns out; h, e standard normals, r = 0.6
    y        = floor(m (1 + 0.045 z) + V)            V uniform, so that E[y | x, w] = m exactly

so m is the ceiling: no forecast made the evening before has a smaller squared error, even one that
knows w. What the depot sees at nine depends on h and never on m, and E[y | x, w, h] = m (1 + 0.045 r h).

The level grows by 0.15 percent a day, wanders by 1.2 percent a day, and turns where it lies `BOUND`
from the middle: a day of next year does not lie between two days of last year.
Numbers that went through exp, log, cos or a normal quantile are rounded to 6 decimals before anything
depends on them: a last bit that differs between two machines changes no integer and no time.
"""

from __future__ import annotations

import numpy as np

from mlsd.column import Column
from mlsd.datasets.spam_law import Features, normal

DEPOTS = tuple(
    "millbeck thornby ashwick fernley stonegate brackwater "
    "hollowford larkmoor eastquay wrenfield oldbridge sandhythe".split()
)
SIZES = np.array([240, 190, 290, 145, 335, 215, 265, 120, 385, 170, 310, 190])  # parcels a day at level 0

COLUMNS = (
    Column("volume_id", "text", unique=True, description="names the depot's day"),
    Column("day", "time", description="midnight at which the day begins; known the evening before"),
    Column("depot", "category", categories=DEPOTS, description="where the parcels go through"),
    Column("is_holiday", "boolean", description="a public holiday: a third less"),
    Column("promotion", "boolean", description="a week of cheap sending, planned for this depot"),
    Column("rain_mm", "number", minimum=0, maximum=60, unit="mm", description="forecast for all depots"),
    Column(
        "temperature", "number", minimum=-25, maximum=45, unit="degrees C", description="forecast for all"
    ),
    # what the morning shows
    Column("vans_at_nine", "integer", minimum=0, maximum=60, unit="vans", known_at="reaction"),
    Column("calls_at_nine", "integer", minimum=0, maximum=60, unit="calls", known_at="reaction"),
    # the count of the day
    Column("n_parcels", "integer", minimum=0, maximum=2500, unit="parcels", known_at="label"),
    Column("counted_at", "time", known_at="label", description="18 to 42 hours after the day began"),
)

# One name per uniform; their order is part of the law.
DAILY = "rain wet temperature".split()  # of a day, the same at all depots
NOISE = "morning rest rounding vans calls delay".split()  # of a row

GROWTH = 0.0015  # of the level in a day, on average
STEP = 0.012  # the level's standard deviation from one day to the next
BOUND = 1.0  # where it turns: e times less, or more, than in the middle
BEGIN = -0.8  # the level on the first day
NOISE_SHARE = 0.045  # of the mean
MORNING = 0.6  # r: how far the morning tells how the day turns out
HOLIDAYS = ((1, 1), (5, 1), (7, 21), (8, 15), (11, 1), (11, 11), (12, 25), (12, 26))  # month, day

# name: (coefficient, coefficient after a concept drift of strength 1)
TERMS = {
    "monday": (0.12, -0.10),
    "friday": (0.06, 0.00),
    "saturday": (-0.50, 0.10),  # members begin to send at the weekend
    "sunday": (-1.10, -0.55),
    "year": (0.15, 0.15),  # high in December
    "holiday": (-0.35, -0.20),
    "promotion": (0.08, -0.05),  # nobody waits for one any more
    "rain": (-0.02, 0.04),
    "cold": (0.02, -0.04),
}


def level(steps: np.ndarray) -> np.ndarray:
    """Return w of each day and depot, (days, depots), from standard normals: a walk that turns at +-`BOUND`.

    In whole millionths, so that it is the same everywhere.
    """
    bound, begin = round(BOUND * 1e6), round(BEGIN * 1e6)
    walked = begin + np.cumsum(np.rint(1e6 * (GROWTH + STEP * steps)).astype("int64"), axis=0)
    return (bound - np.abs((walked + bound) % (4 * bound) - 2 * bound)) / 1e6  # there and back


def weather(u: dict[str, np.ndarray], day_of_year: np.ndarray, moved: np.ndarray) -> Features:
    """Return the forecast of each row, (n,): rain on four days of ten, warm in July.

    Args:
        u: uniforms by name, (n,) each, the same for all rows of a day.
        day_of_year: from 1, (n,).
        moved: strength of the data drift, (n,): more and heavier rain, warmer days.
    """
    wet = np.clip(0.40 + 0.15 * moved, 0.0, 1.0)
    heavy = np.round(-np.log1p(-np.clip(u["wet"], 0.0, 1 - 1e-9)) * (4.0 + 1.5 * moved), 1)
    mean = 11.0 + 3.0 * moved - 8.0 * _winter(day_of_year)
    return {
        "rain_mm": np.where(u["rain"] < wet, np.clip(heavy, 0.0, 60.0), 0.0),
        "temperature": np.clip(np.round(np.round(mean + 4.0 * normal(u["temperature"]), 6), 1), -25.0, 45.0),
    }


def promotions(u: np.ndarray, moved: np.ndarray) -> np.ndarray:
    """Return whether the week of each row is one of cheap sending at its depot, (n,): about one of seven."""
    return u < 0.15 + 0.15 * moved


def mean(x: Features, level: np.ndarray, turned: np.ndarray) -> np.ndarray:
    """Return m, the expected number of parcels, (n,), to 6 decimals.

    Args:
        x: creation features, weekday from 0 and day of the year from 1; the depot as a position.
        level: w, (n,).
        turned: strength of the concept drift, (n,): the coefficients go from old to new.
    """
    found = terms(x)
    s = sum(found[name] * (old + turned * (new - old)) for name, (old, new) in TERMS.items())
    return np.round(SIZES[x["depot"]] * np.exp(np.clip(np.round(level + s, 6), -4.0, 1.6)), 6)


def terms(x: Features) -> dict[str, np.ndarray]:
    """Return the terms of s(x) by name, (n,) each."""
    names = {"monday": 0, "friday": 4, "saturday": 5, "sunday": 6}
    found = {name: (x["weekday"] == number).astype("float64") for name, number in names.items()}
    return found | {
        "year": _winter(x["day_of_year"]),
        "holiday": x["is_holiday"].astype("float64"),
        "promotion": x["promotion"].astype("float64"),
        "rain": np.round(np.log1p(x["rain_mm"]), 6),
        "cold": (11.0 - x["temperature"]) / 10.0,
    }


def _winter(day_of_year: np.ndarray) -> np.ndarray:
    """Return 1 at the turn of the year, -1 at midsummer, (n,)."""
    return np.round(np.cos(2 * np.pi * (day_of_year - 1) / 365.25), 6)


def morning(h: np.ndarray, u: dict[str, np.ndarray]) -> Features:
    """Return what is seen at nine, (n,) each: noisy signs of h."""
    vans = np.round(14.0 + 4.0 * h + 2.0 * normal(u["vans"]), 6)
    calls = np.round(9.0 + 2.0 * h + 3.0 * normal(u["calls"]), 6)
    return {"vans_at_nine": np.floor(np.clip(vans, 0, 60)), "calls_at_nine": np.floor(np.clip(calls, 0, 60))}


def volume(mean: np.ndarray, h: np.ndarray, u: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Return y and E[y | x, w, h], (n,) each."""
    reactive = np.round(mean * (1 + NOISE_SHARE * MORNING * h), 6)
    rest = NOISE_SHARE * np.sqrt(1 - MORNING**2) * normal(u["rest"])
    return np.maximum(np.floor(np.round(reactive + mean * rest + u["rounding"], 6)), 0.0), reactive
