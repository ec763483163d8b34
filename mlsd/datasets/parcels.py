"""Bramblework's depots: how many parcels go through each of them on each day."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd

from mlsd.datasets import parcels_law as law
from mlsd.datasets.checks import check_changes, check_number, check_whole
from mlsd.datasets.drift import Drift, size
from mlsd.datasets.fault import Fault, check_suits
from mlsd.datasets.plan import Plan, Sound, table_of
from mlsd.datasets.world import BLOCK, DAY, World, moments
from mlsd.report import RefusedError

TARGET = "n_parcels"
HOUR = 3600  # seconds
MOST_DAYS = 36_500
DESCRIPTION = (
    "Bramblework is an invented network where independent craftspeople show work, sell tools and find jobs. "
    "Members send each other tools and parts through its depots; Teun runs the one at Millbeck and plans each "
    "evening how many hands the next day needs. The volume follows the week, the year, holidays, promotions and "
    "the weather, on a level of each depot that wanders. A day's count comes 18 to 42 hours after the day began, "
    "so yesterday's is not always there when tomorrow is planned; that of two days ago is."
)


class _Plan(Plan):
    """How the days of the depots come about; row i is depot i % depots on day i // depots."""

    columns = law.COLUMNS
    target = TARGET

    def sound(self, k: int) -> Sound:
        """Return block k: calendar, plans and forecasts, then how the days turned out."""
        n_days = self.length // DAY
        row = np.arange(k * BLOCK, k * BLOCK + self.rows(k))
        day, depot = np.divmod(row, self.n_samples // n_days)
        u = dict(
            zip(law.NOISE, self.generator(k).random((len(law.NOISE), BLOCK))[:, : len(row)], strict=True)
        )
        x, turned = self._evening(day, depot)
        mean = law.mean(x, _history(self.seed, n_days)["level"][day, depot], turned)
        h = law.normal(u["morning"])
        volume, reactive = law.volume(mean, h, u)
        counted = moments(day * DAY + 18 * HOUR + (u["delay"] * (24 * HOUR + 1)).astype("int64"))
        cells = x | law.morning(h, u) | {TARGET: volume}
        return Sound(_table(cells, row, moments(day * DAY), counted), day * DAY, mean, reactive)

    def _evening(self, day: np.ndarray, depot: np.ndarray) -> tuple[law.Features, np.ndarray]:
        """Return what is known the evening before, and the strength of the concept drift, (n,) each."""
        moved, turned = (size(self.drifts, kind, day * DAY, self.length) for kind in ("data", "concept"))
        history, dates = _history(self.seed, self.length // DAY), moments(day * DAY)
        x: law.Features = {
            "depot": depot,
            "weekday": dates.day_of_week.to_numpy(),
            "day_of_year": dates.day_of_year.to_numpy(),
            "is_holiday": np.isin(dates.month * 100 + dates.day, [100 * m + d for m, d in law.HOLIDAYS]),
            "promotion": law.promotions(history["promotion"][day // 7, depot], moved),
        }
        u = {name: history[name][day] for name in law.DAILY}
        return x | law.weather(u, x["day_of_year"], moved), turned


@lru_cache(maxsize=4)
def _history(seed: int, n_days: int) -> law.Features:
    """Return what more than one row hangs on: the level, and uniforms of promotions and of the weather."""
    steps, promotion, daily = np.random.SeedSequence(seed, spawn_key=(0, 0, 0)).spawn(3)
    shape = (n_days, len(law.DEPOTS))  # of all depots, so that one more leaves the others as they are
    history = dict(
        zip(law.DAILY, np.random.default_rng(daily).random((n_days, len(law.DAILY))).T, strict=True)
    )
    history["level"] = law.level(law.normal(np.random.default_rng(steps).random(shape)))
    history["promotion"] = np.random.default_rng(promotion).random(
        shape
    )  # of weeks; the first of them are used
    return history


def _table(x: law.Features, row: np.ndarray, day: pd.Index, counted: pd.Index) -> pd.DataFrame:
    """Return columns in the order of `COLUMNS`, the depot by name."""
    table: dict[str, Any] = {**x, "day": day, "counted_at": counted}
    table["volume_id"] = [f"volume-{i:08d}" for i in row]
    return table_of(law.COLUMNS, table)


def make_parcel_volumes(
    n_days: int = 1_096,
    *,
    depots: int = 3,
    random_state: int = 0,
    faults: Sequence[Fault] = (),
    drifts: Sequence[Drift] = (),
) -> World:
    """Return a world of depots' days, one row per depot and day, with the number of parcels to forecast.

    Data drift: it rains more, is warmer and promotions come more often, while the law that makes
    parcels of them stays (P(x) moves, P(y|x) does not). Concept drift: the same days bring other
    volumes, as members begin to send at the weekend and no longer wait for promotions (P(y|x) moves,
    no feature moves by a bit). Target drift is refused: each depot has each day once, so the calendar
    cannot follow when P(y) moves and P(x|y) stays.

    Args:
        n_days: number of days, from Monday 2024-01-01; 1,096 are three years.
        depots: number of depots, at most 12; one more leaves the days of the others as they are.
        random_state: whole number from 0; another number is another world under the same law.
        faults: what breaks between the world and the table; rows they do not hit stay as they are.
        drifts: how the world itself changes; rows outside their spans stay as they are.

    Raises:
        RefusedError: an argument is not as described; the sentence names it.

    >>> world = make_parcel_volumes(28, depots=2)
    >>> world.frame[["day", "depot", "promotion", "rain_mm", "n_parcels"]].shape
    (56, 5)
    >>> error = world.frame["n_parcels"] - world.true_mean
    >>> round(float((error**2).mean() ** 0.5), 1)  # in parcels: no forecast has a smaller error
    4.5
    """
    check_whole("n_days is", n_days, 1)
    check_number("n_days is", n_days, 1, MOST_DAYS)
    check_whole("depots is", depots, 1)
    check_number("depots is", depots, 1, len(law.DEPOTS))
    check_whole("random_state is", random_state, 0)
    faults, drifts = check_changes("faults", faults, Fault), check_changes("drifts", drifts, Drift)
    for fault in faults:
        check_suits(fault, law.COLUMNS, TARGET)
    if any(drift.kind == "target" for drift in drifts):
        raise RefusedError(
            "parcel volumes have no target drift: each depot has each day once, so the calendar cannot follow "
            "when P(y) moves and P(x|y) stays; use a data or a concept drift"
        )
    n_samples, length = int(n_days) * int(depots), int(n_days) * DAY
    return World(
        name="days of depots",
        description=DESCRIPTION,
        columns=law.COLUMNS,
        target=TARGET,
        key="volume_id",
        n_samples=n_samples,
        days=n_days,
        changes=(*faults, *drifts),
        label_delay=pd.Timedelta(hours=42),
        make_block=_Plan(n_samples, length, int(random_state), faults, drifts),
    )
