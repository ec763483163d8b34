"""How sure we may be: intervals around what was measured, and a correction for asking often."""

from __future__ import annotations

from collections.abc import Callable
from statistics import NormalDist
from typing import Any

import numpy as np

Interval = tuple[float, float]


def wilson_interval(successes: int, n: int, level: float = 0.95) -> Interval:
    """Return the interval of a share, also right near 0 and 1 and for few rows.

    Args:
        successes: how many of the rows.
        n: rows looked at; 0 rows tell nothing and give (0, 1).
        level: the wished coverage.

    Source: Wilson, JASA 22 (1927); without continuity correction.

    >>> wilson_interval(8, 10)
    (0.490, 0.943)
    """
    _check_level(level)
    if not 0 <= successes <= n:
        raise ValueError(f"{successes} successes of {n} rows; expected 0 <= successes <= n")
    if n == 0:
        return 0.0, 1.0
    z = NormalDist().inv_cdf((1 + level) / 2)
    share = successes / n
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z * np.sqrt(share * (1 - share) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    low = 0.0 if successes == 0 else float(middle - half)
    high = 1.0 if successes == n else float(middle + half)
    return low, high


def mean_interval(values: Any, level: float = 0.95) -> Interval:
    """Return Student's interval of a mean: exact for normal values, good for many of any kind.

    Args:
        values: shape (n,), n >= 2, finite.
        level: the wished coverage.

    >>> mean_interval([1.0, 2.0, 3.0, 4.0])
    (0.446, 4.554)
    """
    _check_level(level)
    values = np.asarray(values, dtype="float64")
    n = len(values)
    if values.ndim != 1 or n < 2 or not np.isfinite(values).all():
        raise ValueError(f"mean_interval got shape {values.shape}; expected (n,), n >= 2, finite values")
    from scipy.special import stdtrit  # quantiles of Student's t

    half = stdtrit(n - 1, (1 + level) / 2) * values.std(ddof=1) / np.sqrt(n)
    return float(values.mean() - half), float(values.mean() + half)


def paired_interval(a: Any, b: Any, level: float = 0.95) -> Interval:
    """Return the interval of the mean of `a - b`, two measurements of the same rows.

    Args:
        a, b: shape (n,) each, row i of both measured on the same row.
        level: the wished coverage.

    Pairing is what makes it narrow: what makes a row hard for both cancels out.

    >>> paired_interval([1.0, 5.0, 9.0], [0.5, 4.0, 8.5])
    (-0.050, 1.384)
    """
    a, b = np.asarray(a, dtype="float64"), np.asarray(b, dtype="float64")
    if a.shape != b.shape:
        raise ValueError(f"paired_interval got shapes {a.shape} and {b.shape}; expected the same rows")
    return mean_interval(a - b, level)


def bootstrap_interval(
    function: Callable[..., float],
    *arrays: Any,
    n_resamples: int = 1000,
    level: float = 0.95,
    random_state: int = 0,
) -> Interval:
    """Return the percentile interval of any statistic, from rows drawn again with replacement.

    Args:
        function: takes the arrays, returns a number; a resample without one (nan) is left out.
        arrays: shape (n, ...) each; row i of all of them is drawn together.
        n_resamples: how often; 1,000 give the limits to about 0.05 standard errors.
        level: the wished coverage.
        random_state: the same number gives the same interval.

    Drawn rows keep their order, so arrays sorted by a score stay sorted.
    Source: Efron, Annals of Statistics 7 (1979).

    >>> bootstrap_interval(np.median, np.arange(101))
    (40.0, 59.0)
    """
    _check_level(level)
    columns = [np.asarray(array) for array in arrays]
    sizes = {len(column) for column in columns}
    if len(sizes) != 1 or 0 in sizes:
        raise ValueError(
            f"bootstrap_interval got arrays of {sorted(sizes)} rows; expected one number above 0"
        )
    n = sizes.pop()
    rng = np.random.default_rng(random_state)
    found = np.empty(n_resamples)
    for i in range(n_resamples):
        counts = np.bincount(rng.integers(0, n, n), minlength=n)  # how often each row was drawn
        rows = np.repeat(np.arange(n), counts)
        found[i] = function(*(column[rows] for column in columns))
    return percentile_interval(found, level)


def percentile_interval(values: np.ndarray, level: float = 0.95) -> Interval:
    """Return the middle of resampled values; those without one (nan) are left out.

    Args:
        values: shape (n_resamples,).
        level: the share between the limits.

    >>> percentile_interval(np.arange(101.0), 0.9)
    (5.0, 95.0)
    """
    _check_level(level)
    known = values[~np.isnan(values)]
    if len(known) < len(values) / 2:
        raise ValueError(
            f"the statistic was undefined in {len(values) - len(known)} of {len(values)} resamples"
        )
    low, high = np.quantile(known, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def benjamini_hochberg(p: Any) -> np.ndarray:
    """Return adjusted p-values: rejecting those <= q keeps the share of false alarms at most q.

    Args:
        p: shape (m,), the p-values of one family of independent tests.

    Returns:
        Shape (m,), in the order given.

    Source: Benjamini and Hochberg, JRSS B 57 (1995).

    >>> benjamini_hochberg([0.01, 0.04, 0.03, 0.5])
    array([0.04 , 0.053, 0.053, 0.5  ])
    """
    p = np.asarray(p, dtype="float64")
    if p.ndim != 1 or not ((p >= 0) & (p <= 1)).all():  # nan fails both
        raise ValueError("benjamini_hochberg expects p-values between 0 and 1, shape (m,)")
    order = np.argsort(p, kind="stable")[::-1]  # largest first
    scaled = p[order] * len(p) / np.arange(len(p), 0, -1)
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum.accumulate(np.minimum(scaled, 1.0))
    return adjusted


def logit(probability: Any, epsilon: float) -> np.ndarray:
    """Return log(p / (1 - p)), the log-odds; `scipy.special.expit` is the way back.

    Args:
        probability: any shape; 0 and 1 are moved in by `epsilon`, so that every answer is finite.
        epsilon: the smallest probability that is believed.

    >>> logit([0.5, 0.9, 1.0], epsilon=1e-6)
    array([ 0. , 2.197, 13.816])
    """
    from scipy import special

    p = np.clip(np.asarray(probability, dtype="float64"), epsilon, 1 - epsilon)
    return special.logit(p)


def total_variation(p: Any, q: Any) -> float:
    """Return the total variation distance of two distributions: 0 when equal, 1 when disjoint.

    Args:
        p, q: shape (k,), counts or probabilities over the same k cells.

    >>> total_variation([50, 50], [0.9, 0.1])
    0.4
    """
    p, q = np.asarray(p, dtype="float64"), np.asarray(q, dtype="float64")
    if p.shape != q.shape or not (p.sum() > 0 and q.sum() > 0):
        raise ValueError(f"total_variation got cells {p.shape} and {q.shape}; expected the same, not empty")
    return float(np.abs(p / p.sum() - q / q.sum()).sum() / 2)


def _check_level(level: float) -> None:
    if not 0 < level < 1:
        raise ValueError(f"level is {level}; expected a number between 0 and 1, such as 0.95")
