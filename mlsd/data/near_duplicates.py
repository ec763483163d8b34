"""Rows that are the same thing told twice: equal, or equal but for a change in one or two columns."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import reduce
from itertools import combinations

import numpy as np
import pandas as pd

CHANGED = 2  # columns that may differ between a row and its near-duplicate
CHANCE = 0.01  # pairs of unrelated rows that may agree by chance before nothing is concluded
_GROUPS = 6  # of columns; leaving out each pair of them makes 15 comparisons
_GRID = 1_000  # steps per standard deviation: numbers closer than a step mostly count as equal


@dataclass(frozen=True)
class Twins:
    """What two parts of a table share, for the m rows of the second.

    Args:
        equal: (m,) whether a row of the first part has the same cells.
        nearly: (m,) whether a row of the first part differs in one or two columns, or by a rounding.
        sure: whether chance alone would hardly make rows of these columns equal.
        told: whether it would hardly make them nearly equal; if not, `nearly` is False everywhere.
    """

    equal: np.ndarray
    nearly: np.ndarray
    sure: bool
    told: bool


def find_twins(train: pd.DataFrame, test: pd.DataFrame) -> Twins:
    """Return which test rows equal a training row, or nearly do.

    Numbers are laid on a grid of a thousandth of their standard deviation, every cell becomes a hash,
    and a row the sum of its hashes. The columns form six groups; the sums without each pair of groups
    are looked up. So any two changed columns are left out together once, and the rest is equal. A
    comparison that unrelated rows would pass by chance (each column on its own) is not made.

    Cost: O(d n log n) for n rows and d columns. Missed: more than two changed columns, numbers that all
    moved by more than a step, and a twin hidden behind another row with the same remaining cells.

    Args:
        train: n rows.
        test: m rows of the same d columns.

    >>> train = pd.DataFrame({name: np.arange(50.0) ** p for name, p in zip("abcd", (0.5, 1, 2, 3))})
    >>> test = pd.DataFrame({"a": [1.0, 9.0], "b": [1.0, -1.0], "c": [1.0, -2.0], "d": [700.0, -3.0]})
    >>> find_twins(train, test).nearly.tolist()
    [True, False]
    """
    n, d = len(train), train.shape[1]
    nothing = np.zeros(len(test), dtype=bool)
    if d == 0 or n == 0 or len(test) == 0:
        return Twins(nothing, nothing, False, False)
    both = pd.concat([train, test], ignore_index=True)
    exact = _mixed([_hashes(both.iloc[:, j]) for j in range(d)])
    equal = np.isin(exact.sum(axis=0)[n:], exact.sum(axis=0)[:n])
    coarse = _mixed([_hashes(_on_grid(both.iloc[:, j])) for j in range(d)])
    agree = [_chance_to_agree(column) for column in coarse]  # of two random rows, column by column
    made: list[set[int]] = []
    nearly = nothing.copy()
    for left_out in _left_out(agree):
        kept = [j for j in range(d) if j not in left_out]
        if _no_chance(agree, kept, n, len(test)) and not any(left_out <= wider for wider in made):
            made.append(left_out)
            nearly |= _matches(coarse, kept, n)
    return Twins(equal, nearly & ~equal, _no_chance(agree, range(d), n, len(test)), bool(made))


def _no_chance(agree: list[float], kept: Iterable[int], n: int, m: int) -> bool:
    """Whether unrelated rows hardly ever agree on these columns, n x m pairs taken together."""
    return n * m * float(np.prod([agree[j] for j in kept])) <= CHANCE


def _mixed(columns: list[np.ndarray]) -> np.ndarray:
    """Return hashes (d, n), each column times an odd number of its own: equal cells of two columns differ."""
    odd = np.random.default_rng(0).integers(0, 2**63, len(columns), dtype="uint64") * np.uint64(
        2
    ) + np.uint64(1)
    return np.stack(columns) * odd[:, None]


def _hashes(column: pd.Series) -> np.ndarray:
    """Return one 64-bit number for each cell; cells that have no hash count by their text."""
    if column.dtype == object and not all(cell.__hash__ is not None for cell in column):
        column = column.map(repr)
    return pd.util.hash_pandas_object(column, index=False).to_numpy()


def _on_grid(column: pd.Series) -> pd.Series:
    if column.dtype.kind != "f":
        return column
    values = column.to_numpy(dtype="float64", na_value=np.nan)
    finite = values[np.isfinite(values)]
    with np.errstate(over="ignore", invalid="ignore"):  # of numbers near the largest there are
        step = finite.std() / _GRID if len(finite) else 0.0
    return pd.Series(np.floor(values / step)) if np.isfinite(step) and step > 0 else column


def _chance_to_agree(hashes: np.ndarray) -> float:
    _, counts = np.unique(hashes, return_counts=True)
    return float(((counts / len(hashes)) ** 2).sum())


def _left_out(agree: list[float]) -> list[set[int]]:
    """Return the sets of columns left out: pairs of groups, then single groups, telling columns apart."""
    order = np.argsort(agree, kind="stable")
    n_groups = min(_GROUPS, len(agree))
    groups = [{int(j) for j in order[i::n_groups]} for i in range(n_groups)]
    several = combinations(groups, CHANGED) if n_groups > CHANGED else ()
    alone = combinations(groups, 1) if n_groups > 1 else ()
    return [reduce(set.union, parts) for parts in [*several, *alone]]


def _matches(hashes: np.ndarray, kept: list[int], n: int) -> np.ndarray:
    """Return which rows after the first n agree with one of those on `kept`, and on all but two columns."""
    keys = hashes[kept].sum(axis=0)
    order = np.argsort(keys[:n], kind="stable")
    place = np.minimum(np.searchsorted(keys[:n][order], keys[n:]), n - 1)
    partner = order[place]
    found = np.flatnonzero(keys[:n][partner] == keys[n:])
    differ = (hashes[:, n + found] != hashes[:, partner[found]]).sum(axis=0)
    mask = np.zeros(len(keys) - n, dtype=bool)
    mask[found[differ <= CHANGED]] = True
    return mask
