"""One column alone: how well it predicts the target on held-out rows, and whether it is a key that knows."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from mlsd.cells import BOOLEAN, MISSING, NUMBER, TEXT, read_cells
from mlsd.column import Column
from mlsd.inference import ENOUGH, infer_column
from mlsd.metrics import score
from mlsd.report import Finding
from mlsd.stats import wilson_interval

LIMIT = 0.99  # AUC, or R2 of ranks, reached by one column
BELIEVED = 0.9  # what the 95 % interval must lie above: 35 perfectly told rows of the rarer class do
IN_ORDER = 0.9  # rank correlation of a key with time
ALIKE = 0.1  # share of the target's variance that neighbours of a key have in common
_STANDARD_ERRORS = 5.0
_CELLS, _LEAST = 1_000, 3  # cells of numbers, and training rows in each: one on a border mixes few rows


@dataclass(frozen=True)
class Answers:
    """The target of n training and m test rows: `y` coded, (n + m,), and what kind of task it sets."""

    y: np.ndarray
    n: int
    task: str
    n_classes: int

    @cached_property
    def sides(self) -> np.ndarray:
        """What cells are averaged over, (n + m, k): an indicator of each class, or ranks in [0, 1]."""
        if self.task == "regression":
            return (pd.Series(self.y).rank(method="average").to_numpy() / len(self.y))[:, None]
        return np.eye(self.n_classes)[self.y.astype(int)][:, self.task == "binary" :]


def gives_away(both: pd.Series, answers: Answers) -> Finding:
    """Return whether a column alone predicts the target nearly perfectly on the test rows.

    Numbers are cut into many cells of training rows, other columns by value; a cell predicts the
    mean target of its training rows. The measure is the AUC, of several classes that of the class told
    worst, and for a quantity the R2 of its ranks.

    Cost: O(n log n) for n rows.

    Args:
        both: the column in n training and m test rows, one below the other.
        answers: the target of these rows.

    >>> x, y = pd.Series(np.arange(400), name="x"), np.arange(400) % 4 < 2
    >>> gives_away(x, Answers(y.astype(int), 200, "binary", 2)).ok
    True
    >>> gives_away(x % 4, Answers(y.astype(int), 200, "binary", 2))
    Finding(FAILED gives_away x: alone it reaches AUC 1.000 on the test rows, above 0.99: ...)
    """
    codes = _cells(both, answers.n)
    predicted = _means(codes, answers)[codes[answers.n :]]  # (m, k)
    name, value, m = _measure(answers, predicted)
    if value is None:
        message = "the test rows hold one value of the target only: nothing can be told"
        return Finding("gives_away", str(both.name), message=message, severity="info")
    low, high = wilson_interval(round(min(max(value, 0.0), 1.0) * m), m)
    message = f"alone it reaches {name} {value:.3f} on the test rows"
    found = value >= LIMIT and low >= BELIEVED
    message += f", above {LIMIT}: it may be the answer in another coat" if found else ""
    return Finding(
        "gives_away", str(both.name), not found, value, LIMIT, message, interval=(low, high), details={"n": m}
    )


def _cells(both: pd.Series, n: int) -> np.ndarray:
    """Return the cell of each row, (n + m,); missing values and those never seen have their own."""
    numbers = _as_numbers(both)
    if numbers is None:
        names = both.map(repr) if both.dtype == object else both
        codes = pd.factorize(names)[0]
        unseen = ~np.isin(codes, codes[:n])
        return np.where(unseen, codes.max() + 2, codes + 1)
    known = np.sort(numbers[:n][np.isfinite(numbers[:n])])
    chosen = known[_LEAST - 1 :: max(_LEAST, len(known) // _CELLS)]
    last = np.unique(np.searchsorted(known, chosen, side="right")) - 1  # equal values stay together
    last = last[last < len(known) - 1]
    edges = known[last] / 2 + known[last + 1] / 2  # half-way, as between the leaves of a tree
    cells = np.searchsorted(edges, numbers) + 1
    return np.where(np.isnan(numbers), 0, cells)


def _as_numbers(column: pd.Series) -> np.ndarray | None:
    """Return numbers, booleans and times as float64, NaN where missing; None for all other columns."""
    if column.dtype.kind == "M":
        seconds = column.to_numpy(dtype="datetime64[us]").astype("float64")
        return np.where(column.isna().to_numpy(), np.nan, seconds)
    cells = read_cells(column)
    fit = np.isin(cells.family, [MISSING, NUMBER, BOOLEAN]).all()
    return cells.numbers if fit else None


def _means(codes: np.ndarray, answers: Answers) -> np.ndarray:
    """Return the mean of the target in each cell's training rows, that of all rows in an empty cell."""
    sides, n, k = answers.sides, answers.n, int(codes.max()) + 1
    count = np.bincount(codes[:n], minlength=k)[:, None]
    total = np.stack([np.bincount(codes[:n], side[:n], k) for side in sides.T], axis=1)
    return np.where(count > 0, total / np.maximum(count, 1), sides[:n].mean(axis=0))


def _measure(answers: Answers, predicted: np.ndarray) -> tuple[str, float | None, int]:
    """Return the measure's name, its value on the test rows, and on how many rows it rests."""
    sides = answers.sides[answers.n :]  # (m, k)
    if answers.task == "regression":
        name, told = "R2 of ranks", [(score("r2", sides[:, 0], predicted[:, 0]), len(sides))]
    else:
        name = "AUC" if answers.task == "binary" else "AUC for the class it tells worst"
        told = [
            (score("roc_auc", y, p), min(y.sum(), (1 - y).sum()))
            for y, p in zip(sides.T, predicted.T, strict=True)
        ]
    value, m = min(((v, m) for v, m in told if not np.isnan(v)), default=(None, 0))
    return name, value, int(m)


def is_key(both: pd.Series, column: Column | None) -> bool:
    """Return whether a column names rows: declared unique, or distinct text or whole numbers like a key's.

    >>> is_key(pd.Series(range(500), name="row"), None), is_key(pd.Series([1.5] * 500, name="km"), None)
    (True, False)
    """
    if column is not None and column.unique:
        return True
    whole = both.dtype.kind in "iu"
    if (
        len(both) < ENOUGH
        or both.dtype.kind in "fbM"
        or not (whole or (read_cells(both).family == TEXT).all())
    ):
        return False
    if both.duplicated().any():
        return False
    if whole and int(both.max()) - int(both.min()) < 1.5 * len(both):
        return len(both) >= 100  # whole numbers, none twice, hardly a gap: they count the rows
    return infer_column(both).unique


def identifier(both: pd.Series, times: pd.Series | None, answers: Answers, declared: bool) -> Finding:
    """Return whether a key runs with time, or puts rows with like answers beside each other.

    Cost: O(n log n) for n rows.

    Args:
        both: the key of n rows, training rows first.
        times: when the rows were, if it is known.
        answers: the target of these rows.
        declared: whether the schema says that it is a key, so that no model reads it.

    >>> key, y = pd.Series(range(200), name="row"), np.repeat([0, 1], 100)
    >>> identifier(key, None, Answers(y, 150, "binary", 2), False).message
    'rows that stand beside each other in its order have 0.99 of the target in common: it encodes the target'
    """
    ranks, name = _ranks(both), str(both.name)
    if times is not None:
        dated = times.notna().to_numpy()
        moments = pd.Series(times[dated]).rank().to_numpy()
        r = abs(_correlation(ranks[dated], moments))
        if r >= IN_ORDER and dated.sum() >= 30:
            message = f"its order is that of {times.name} (rank correlation {r:.2f}): it encodes time"
            message += "; it is declared a key, which no model reads" if declared else ", leave it out"
            severity = "info" if declared else "warning"
            return Finding("identifier", name, False, r, IN_ORDER, message, severity)  # type: ignore[arg-type]
    y = answers.y[np.argsort(ranks, kind="stable")]
    alike = _alike(y if answers.task != "regression" else pd.Series(y).rank().to_numpy(), answers.task)
    found = alike > max(ALIKE, _STANDARD_ERRORS / np.sqrt(len(y)))
    message = "its order tells nothing about the target"
    if found:
        message = f"rows that stand beside each other in its order have {alike:.2f} of the target in common"
        message += ": it encodes the target"
    return Finding("identifier", name, not found, alike, ALIKE, message)


def _ranks(key: pd.Series) -> np.ndarray:
    """Return the place of each key, (n,): by the number it ends with, if all do, else as text."""
    if key.dtype.kind in "iu":
        return key.rank().to_numpy()
    digits = key.astype(str).str.extract(r"(\d{1,15})$")[0]
    return (key.astype(str) if digits.isna().any() else digits.astype("int64")).rank().to_numpy()


def _alike(y: np.ndarray, task: str) -> float:
    """Return how much more alike neighbours are than any two rows: 0 by chance, 1 when they never differ."""
    if task == "regression":
        return _correlation(y[1:], y[:-1])
    shares = np.bincount(y.astype(int)) / len(y)
    expected = float((shares**2).sum())
    return float(((y[1:] == y[:-1]).mean() - expected) / (1 - expected)) if expected < 1 else 0.0


def _correlation(a: np.ndarray, b: np.ndarray) -> float:
    if len(a) < 2 or a.std() == 0 or b.std() == 0:
        return 0.0
    return float(np.corrcoef(a, b)[0, 1])
