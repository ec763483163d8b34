"""Two-sample tests on counts: did both rows of a 2 x k table come from one distribution?

Every test holds the pooled totals fixed and asks how the rows could have fallen into two samples by
chance (Fisher's permutation argument), so ties and cells of any size are counted exactly.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import special, stats

MAX_CELLS = 20
MIN_EXPECTED = 10.0  # rows of the smaller sample in a cell of the chi-square test


@dataclass(frozen=True)
class Answer:
    """What one test says: its p-value, and the cells that show it best.

    Args:
        name: `location`, `scale`, `shape`, `outside`, `level`, `unseen` or `share`.
        p: the chance of so large a difference without drift.
        statistic: z, chi-square, or the window's rows in the cell.
        groups: shape (k,), for each cell the number of the group that it is merged into.
        cell: the cell it points at, for tests of a single cell.
    """

    name: str
    p: float
    statistic: float
    groups: np.ndarray
    cell: int = -1


def rank_scores(total: ArrayLike, power: int = 1) -> np.ndarray:
    """Return the mean score of each cell's rows, all rows ranked together: Wilcoxon's or Mood's.

    Args:
        total: shape (k,), pooled counts of ordered cells.
        power: 1 gives midranks minus their mean; 2 the mean squared distance from the middle rank.

    >>> rank_scores([1, 2, 1])
    array([-1.5,  0. ,  1.5])
    >>> rank_scores([1, 2, 1], power=2)
    array([2.25, 0.25, 2.25])
    """
    total = np.asarray(total, dtype="float64")
    middle = np.cumsum(total) - total / 2 - total.sum() / 2
    return middle if power == 1 else middle**2 + (np.maximum(total, 1) ** 2 - 1) / 12


def score_test(reference: ArrayLike, current: ArrayLike, scores: ArrayLike) -> tuple[float, float, float]:
    """Return z, skewness and two-sided p of the current rows' score sum under random relabelling.

    Mean, variance and skewness are the exact permutation moments, ties included. The tail is that of
    a gamma distribution with this skewness on its thick side and the normal on its thin side, so that
    few rows in an unbalanced column do not cry wolf.

    Args:
        reference, current: shape (k,), counts.
        scores: shape (k,), what a row of each cell counts.

    Source: Wilcoxon, Biometrics 1 (1945); Mood, Ann. Math. Stat. 25 (1954); Mielke and Berry,
    Permutation Methods (2007), for three-moment tails.

    >>> total = np.array([3, 3, 3, 3])
    >>> z, skewness, p = score_test([3, 2, 1, 0], [0, 1, 2, 3], rank_scores(total))
    >>> z, p
    (2.47, 0.013)
    """
    reference, current = np.asarray(reference, dtype="float64"), np.asarray(current, dtype="float64")
    total = reference + current
    n, m = reference.sum(), current.sum()
    size = n + m
    if size < 3 or not n or not m:
        return 0.0, 0.0, 1.0
    away = np.asarray(scores, dtype="float64") - total @ np.asarray(scores) / size
    away = away / max(np.abs(away).max(), 1e-300)  # large tables would overflow the third power
    second, third = total @ away**2 / size, total @ away**3 / size
    if second <= 1e-12:
        return 0.0, 0.0, 1.0
    z = current @ away / np.sqrt(n * m / (size - 1) * second)
    skewness = (n - m) * np.sqrt((size - 1) / (n * m)) / (size - 2) * third / second**1.5
    return float(z), float(skewness), min(1.0, 2 * _tail(z, skewness))


def _tail(z: float, skewness: float) -> float:
    if z * skewness <= 0 or abs(skewness) < 1e-4:
        return float(special.ndtr(-abs(z)))
    shape = 4 / skewness**2
    return float(special.gammaincc(shape, shape + abs(z) * np.sqrt(shape)))


def exact_test(a: float, n: float, b: float, m: float, side: str = "both") -> float:
    """Return the exact p-value of `b` of `m` rows against `a` of `n`: Fisher's test.

    Args:
        a, n, b, m: rows; rounded, where only a share of them counts.
        side: `"more"` asks for b too large only; `"both"` doubles the smaller tail.

    >>> exact_test(1, 10, 9, 10, side="more")
    0.000547
    """
    a, n, b, m = round(a), round(n), round(b), round(m)
    if not n or not m or not 0 < a + b < n + m:
        return 1.0
    more = float(stats.hypergeom.sf(b - 1, n + m, a + b, m))
    if side == "more":
        return min(1.0, more)
    return min(1.0, 2 * min(more, float(stats.hypergeom.cdf(b, n + m, a + b, m))))


def chi_square(reference: ArrayLike, current: ArrayLike) -> tuple[float, float]:
    """Return Pearson's chi-square of a 2 x k table without empty cells, and its p-value.

    >>> chi_square([10, 20, 30], [20, 20, 20])
    (5.33, 0.0695)
    """
    table = np.array([reference, current], dtype="float64")
    if table.shape[1] < 2 or not table.sum(axis=1).all():
        return 0.0, 1.0
    expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / table.sum()
    found = float(((table - expected) ** 2 / expected).sum())
    return found, float(special.chdtrc(table.shape[1] - 1, found))


def unseen_test(counts: ArrayLike, unseen: float, m: float) -> float:
    """Return the chance of so many rows with a name that the reference never saw.

    A reference with many names seen once has missed others: the share of rows yet unseen is about
    n1 / n, with variance (n1 + 2 n2) / n^2, for n1 names seen once and n2 seen twice. A gamma
    distribution with these moments (one name more, to stay careful) makes the number of unseen rows
    negative binomial; with n1 = 0 this is the exact chance that all rows of one name fall into the
    window.

    Args:
        counts: shape (k,), the reference's rows per name.
        unseen: rows of the window with another name.
        m: rows of the window.

    Source: Good, Biometrika 40 (1953); Robbins, Ann. Math. Stat. 39 (1968).

    >>> unseen_test([500, 500], unseen=5, m=1000), unseen_test([1] * 50 + [950], unseen=50, m=1000)
    (0.0312, 0.540)
    """
    counts = np.asarray(counts)
    n, once, twice = counts.sum(), np.sum(counts == 1), np.sum(counts == 2)
    unseen = round(unseen)
    if unseen <= 0 or not n or not m:
        return 1.0
    size = (once**2 / (once + 2 * twice) if once else 0.0) + 1
    rate = size * n / (once + 1)
    return float(stats.nbinom.sf(unseen - 1, size, rate / (rate + m)))


def merge_ordered(reference: np.ndarray, current: np.ndarray) -> np.ndarray:
    """Return groups of neighbouring cells: at most 20, by pooled totals, 10 expected rows or more each.

    >>> merge_ordered(np.array([100, 4, 5, 100]), np.array([100, 5, 6, 100])).tolist()
    [0, 1, 1, 1]
    """
    total = reference + current
    least = max(total.sum() / MAX_CELLS, _needed(reference, current))
    groups, group, held, left = np.zeros(len(total), dtype=int), 0, 0, total.sum()
    for i, count in enumerate(total):
        groups[i] = group
        held, left = held + count, left - count
        if held >= least and left >= least:
            group, held = group + 1, 0
    return groups


def pool_rare(
    reference: np.ndarray, current: np.ndarray, always: ArrayLike = False, least: float = 0.0
) -> np.ndarray:
    """Return groups of named cells: the frequent ones alone, the rest in one pool, by pooled totals.

    Args:
        reference, current: shape (k,), counts.
        always: shape (k,), cells that belong to the pool however large they are.
        least: pooled rows that a cell of its own needs beside 10 expected rows in either sample.

    >>> pool_rare(np.array([100, 5, 9, 100]), np.array([100, 6, 9, 100])).tolist()
    [0, 1, 1, 2]
    """
    total, needed = reference + current, _needed(reference, current)
    always = np.broadcast_to(always, total.shape)
    rare = (total < max(least, needed)) | always
    if rare.all() and not always.all() and not least:  # too few rows for chi-square: the largest alone
        rare[np.where(always, -1, total).argmax()] = False
    if 0 < total[rare].sum() < needed and np.count_nonzero(~rare) > 1:  # the pool itself is rare
        rare[np.where(rare, total.sum(), total).argmin()] = True
    pool = int((rare if total[rare].any() else ~rare).argmax())  # an empty pool goes to another cell
    return np.unique(np.where(rare, pool, np.arange(len(total))), return_inverse=True)[1]


def _needed(reference: np.ndarray, current: np.ndarray) -> float:
    n, m = reference.sum(), current.sum()
    return MIN_EXPECTED * (n + m) / max(min(n, m), 1)


def merged(counts: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Return the counts per group."""
    return np.bincount(groups, weights=counts)


def moved_share(reference: ArrayLike, current: ArrayLike) -> float:
    """Return the share of rows that moved: total variation, less what chance alone makes of it.

    sqrt(max(0, TV^2 - TV0^2)), TV0 being the total variation expected of two samples of these sizes
    without drift. So it stays near 0 for few rows too, where it rather says too little than too much,
    and means the same for numbers and for names.

    >>> moved_share([500, 500], [600, 400]), moved_share([500, 500], [510, 490])
    (0.0984, 0.0)
    """
    reference, current = np.asarray(reference, dtype="float64"), np.asarray(current, dtype="float64")
    n, m = reference.sum(), current.sum()
    if not n or not m:
        return 0.0
    found = np.abs(reference / n - current / m).sum() / 2
    return float(np.sqrt(max(0.0, found**2 - chance_share(reference, current) ** 2)))


def chance_share(reference: ArrayLike, current: ArrayLike) -> float:
    """Return the total variation that two samples of these sizes show without any drift."""
    reference, current = np.asarray(reference, dtype="float64"), np.asarray(current, dtype="float64")
    n, m = reference.sum(), current.sum()
    share = (reference + current) / (n + m)
    return float(np.sqrt(2 / np.pi * share * (1 - share) * (1 / n + 1 / m)).sum() / 2)
