"""Fitted before the split: is a prepared column's statistic that of all rows, or of the training rows?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from mlsd.cells import NUMBER, read_cells
from mlsd.data.single_feature import Answers
from mlsd.report import Finding, RefusedError

EXACT = 1e-6  # of a statistic's own size: equal but for the rounding of floats
_LEAST = 4  # categories, so that two unknowns (a prior and its weight) cannot fit them by chance
_CODE = "fitted_before_split"


@dataclass(frozen=True)
class Raw:
    """The table before the preparation: its rows, their coded target, NaN where unknown, and where the
    prepared rows stand in it, training rows first, (n + m,).
    """

    frame: pd.DataFrame
    y: np.ndarray
    where: np.ndarray

    @classmethod
    def of(cls, frame: pd.DataFrame, y: np.ndarray, index: pd.Index) -> Raw:
        """Find the prepared rows by their index labels.

        Raises:
            RefusedError: the raw table does not hold the rows, or holds an index label twice.
        """
        if not frame.index.is_unique:
            raise RefusedError(
                "the raw table holds an index label twice; number its rows before all: raw.reset_index(drop=True)"
            )
        where = frame.index.get_indexer(index)
        if (where < 0).any():
            label = index[int(np.argmax(where < 0))]
            raise RefusedError(
                f"the raw table has no row {label!r}; give the table that the split was made of"
            )
        return cls(frame, y, where)


def prepared_columns(
    train: pd.DataFrame, test: pd.DataFrame, answers: Answers, raw: Raw | None = None
) -> Iterator[Finding]:
    """Yield, for each column of floats, whether its statistics are those of all rows.

    Read from the column alone: a mean label (the rows of each value have exactly that mean label) and
    a mean of 0 with a standard deviation of 1. With the raw table too: scaling by mean, median, least
    or largest value, missing values filled with a mean or median, and mean labels drawn to a prior.
    A mean label of the training rows alone gives a warning: each row sees its own label in it.

    Cost: O(d n log n) for n rows and d columns.

    Args:
        train, test: the prepared rows.
        answers: the target of these rows.
        raw: the table before the preparation; None looks at the columns alone.

    >>> train, test = pd.DataFrame({"x": [-1.2, 0.0]}), pd.DataFrame({"x": [1.2]})
    >>> scaled = [part / np.sqrt(0.96) for part in (train, test)]
    >>> next(prepared_columns(*scaled, Answers(np.array([0, 1, 0]), 2, "binary", 2))).value
    'all'
    """
    both = pd.concat([train, test])
    for name in both.columns:
        if both[name].dtype.kind != "f":
            continue
        e = both[name].to_numpy(dtype="float64", na_value=np.nan)
        words = _by_itself(e, answers)
        if raw is not None and words is None:
            words = _by_its_raw(str(name), e, raw, answers)
        yield _finding(str(name), words)


def _finding(name: str, words: tuple[str, str] | None) -> Finding:
    if words is None:
        return Finding(_CODE, name, message="no statistic of all rows is recognised")
    what, rows = words
    if rows == "all":
        return Finding(
            _CODE, name, False, rows, "train", f"{what} of all rows, test rows too: fit after the split"
        )
    if what.startswith("mean label"):
        message = f"{what} of the training rows, their own among them: encode them out of fold"
        return Finding(_CODE, name, False, rows, "train", message, "warning")
    return Finding(_CODE, name, True, rows, "train", f"{what} of the training rows")


def _by_itself(e: np.ndarray, answers: Answers) -> tuple[str, str] | None:
    """Return what a column says without its source: (statistic, whose rows)."""
    parts = {"all": slice(None), "train": slice(answers.n)}
    for rows, part in parts.items():
        if any(_is_mean_label(e[part], side) for side in _sides(answers.y[part], answers)):
            return "mean label", rows
    standard = {rows: _is_standard(e[part]) for rows, part in parts.items()}
    return ("mean and standard deviation", "all") if standard["all"] and not standard["train"] else None


def _is_mean_label(e: np.ndarray, y: np.ndarray) -> bool:
    """Whether the rows of each value have that value as their mean y; y itself does not count."""
    if len(e) == 0 or not np.isfinite(e).all():
        return False
    scale = EXACT * max(float(np.abs(y).max()), EXACT)
    if abs(e.mean() - y.mean()) > scale:  # the mean of means must be right: most columns end here
        return False
    values, codes = np.unique(e, return_inverse=True)
    means = np.bincount(codes, y) / np.bincount(codes)
    return len(values) > 1 and bool(np.abs(means - values).max() <= scale and np.abs(e - y).max() > scale)


def _is_standard(e: np.ndarray) -> bool:
    known = e[np.isfinite(e)]
    if len(known) < 2 or abs(known.mean()) > EXACT:
        return False
    return any(abs(known.std(ddof=ddof) - 1) < EXACT for ddof in (0, 1))


# ---- with the raw table -----------------------------------------------------------------------------


def _source(name: str, raw: pd.DataFrame) -> str | None:
    """Return the raw column behind a prepared one: of the same name, or of the longest name inside it."""
    inside = [column for column in raw.columns if str(column) in name]
    return max(inside, key=lambda column: len(str(column)), default=None)


def _by_its_raw(name: str, e: np.ndarray, raw: Raw, answers: Answers) -> tuple[str, str] | None:
    source = _source(name, raw.frame)
    if source is None:
        return None
    cells = read_cells(raw.frame[source])
    numbers = cells.numbers if (cells.family[cells.family > 0] == NUMBER).all() else None
    if numbers is not None and (line := _line(numbers[raw.where], e)) is not None:
        return _scaled(numbers, e, raw.where, answers.n, *line)
    return _encoded(raw.frame[source], e, raw, answers)


def _line(x: np.ndarray, e: np.ndarray) -> tuple[float, float] | None:
    """Return slope and intercept when e = slope x + intercept wherever x is known, else None."""
    known = np.isfinite(x) & np.isfinite(e)
    x, e = x[known], e[known]
    if len(x) < 3 or x.std() == 0 or e.std() == 0:
        return None
    slope = float(((x - x.mean()) * (e - e.mean())).mean() / x.var())
    intercept = float(e.mean() - slope * x.mean())
    exact = np.abs(e - slope * x - intercept).max() <= EXACT * e.std()
    return (slope, intercept) if exact and slope > 0 else None


def _scaled(
    x: np.ndarray, e: np.ndarray, where: np.ndarray, n: int, slope: float, intercept: float
) -> tuple[str, str] | None:
    """Compare what filled and scaled a column with the statistics of all rows and of the training rows."""
    rows = {"train": where[:n], "all": np.arange(len(x))}
    filled = (e[np.isnan(x[where])] - intercept) / slope
    if len(filled) and np.isfinite(filled).all() and np.ptp(filled) <= EXACT * np.nanstd(x):
        whose = [r for r, part in rows.items() if _is_centre(filled[0], x[part])]
        if whose:
            return "filled with the mean or median", whose[0]
        x = np.where(np.isnan(x), filled[0], x)
    if abs(slope - 1) < EXACT and abs(intercept) <= EXACT * np.nanstd(x):
        return None  # as it was
    whose = [r for r, part in rows.items() if _is_scale(-intercept / slope, 1 / slope, x[part])]
    return ("scaled by the statistics", whose[0]) if whose else None


def _is_centre(value: float, x: np.ndarray) -> bool:
    x = x[np.isfinite(x)]
    return len(x) > 0 and bool(np.abs([x.mean() - value, np.median(x) - value]).min() <= EXACT * x.std())


def _is_scale(centre: float, scale: float, x: np.ndarray) -> bool:
    x = x[np.isfinite(x)]
    if len(x) < 2 or x.std() == 0:
        return False
    low, median, high = np.percentile(x, [25, 50, 75])
    pairs = [
        (x.mean(), x.std()), (x.mean(), x.std(ddof=1)), (x.min(), np.ptp(x)), (median, high - low),
        (x.mean(), 1.0), (median, 1.0), (0.0, np.abs(x).max()),
    ]  # fmt: skip
    off = np.abs(np.array(pairs) - [centre, scale]).max(axis=1)
    return bool(off.min() <= EXACT * x.std())


def _encoded(column: pd.Series, e: np.ndarray, raw: Raw, answers: Answers) -> tuple[str, str] | None:
    """Compare a value for each category with its mean label over all rows and over the training rows."""
    whole = pd.factorize(column.map(repr) if column.dtype == object else column, use_na_sentinel=False)[0]
    seen, codes = np.unique(whole[raw.where], return_inverse=True)
    value = np.bincount(codes, e) / np.bincount(codes)
    uneven = np.abs(value[codes] - e).max() > EXACT * max(float(e.std()), EXACT)
    if not np.isfinite(e).all() or uneven or len(seen) < _LEAST:
        return None
    known = np.flatnonzero(np.isfinite(raw.y))
    for rows, part in {"train": raw.where[: answers.n], "all": known}.items():
        count = np.bincount(whole[part], minlength=whole.max() + 1)[seen]
        for side in _sides(raw.y[part], answers):
            if _drawn_to_prior(value, count, np.bincount(whole[part], side, whole.max() + 1)[seen]):
                return "mean label of each category", rows
    return None


def _sides(y: np.ndarray, answers: Answers) -> list[np.ndarray]:
    """Return what a mean label may be the mean of: the quantity, or the indicator of a class."""
    if answers.task == "regression":
        return [y]
    return [(y == c).astype("float64") for c in range(answers.n_classes)][answers.task == "binary" :]


def _drawn_to_prior(value: np.ndarray, count: np.ndarray, total: np.ndarray) -> bool:
    """Whether value = (total + weight x prior) / (count + weight) in every category, for some prior, weight."""
    if np.ptp(value) <= EXACT:
        return False
    left = count * value - total  # = weight x prior - weight x value
    line = np.stack([np.ones_like(value), value], axis=1)
    fit = line @ np.linalg.lstsq(line, left, rcond=None)[0]
    return bool(np.abs(left - fit).max() <= EXACT * max(float(np.abs(total).max()), 1.0))
