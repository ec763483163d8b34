"""Can a probability be believed? What was said against what came true, in bins of as many rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from mlsd.report import Finding
from mlsd.stats import wilson_interval
from mlsd.training.intervals import check_chances

BINS = 10
DRAWS = 1000  # tables that a calibrated model might have met


def reliability_table(y: Any, p: Any, bins: int = BINS) -> pd.DataFrame:
    """Return, for rows sorted by probability and cut into bins of as many, what was said and what came true.

    Args:
        y: shape (n,), 0 or 1.
        p: shape (n,), probability of 1.
        bins: at most this many.

    Returns:
        One row a bin: `n`, mean probability `said`, share `true`, its 95 % interval `low` to `high`.

    Raises:
        RefusedError: a value is missing, or p holds no probabilities.

    >>> reliability_table([0, 0, 1, 0, 1, 1], [0.1, 0.1, 0.2, 0.6, 0.8, 0.9], bins=2).round(2)
       n  said  true   low  high
    0  3  0.13  0.33  0.06  0.79
    1  3  0.77  0.67  0.21  0.94
    """
    y, p = check_chances(y, p)
    starts = _starts(len(y), bins)
    n, said, true, _ = _sums(y, p, starts)
    shares = np.array([wilson_interval(int(k), int(m)) for k, m in zip(true, n, strict=True)])
    return pd.DataFrame(
        {"n": n, "said": said / n, "true": true / n, "low": shares[:, 0], "high": shares[:, 1]}
    )


def calibration_error(y: Any, p: Any, bins: int = BINS) -> float:
    """Return the expected calibration error: how far, on average over the rows, a bin's share is from its word.

    Args:
        y, p, bins: as in `reliability_table`.

    Source: Naeini, Cooper and Hauskrecht, AAAI 2015; here with bins of as many rows.

    >>> calibration_error([0, 0, 1, 0, 1, 1], [0.1, 0.1, 0.2, 0.6, 0.8, 0.9], bins=2)
    0.15
    """
    y, p = check_chances(y, p)
    _, said, true, _ = _sums(y, p, _starts(len(y), bins))
    return float(np.abs(said - true).sum() / len(y))


def judge_calibration(y: Any, p: Any, *, random_state: int = 0) -> Finding:
    """Judge whether the calibration error is more than a calibrated model would show on so many rows.

    The error of a calibrated model is never 0: its limit is the 95th percentile over 1,000 tables
    whose answers are drawn from the probabilities themselves.

    Args:
        y, p: as in `reliability_table`.
        random_state: of the drawn tables.

    Source: Broecker and Smith, Weather and Forecasting 22 (2007), consistency resampling.

    >>> p = np.linspace(0.01, 0.99, 2000)
    >>> judge_calibration(np.random.default_rng(0).random(2000) < p**2, p)
    Finding(note calibration: error 0.172; a calibrated model stays below 0.0323 on so many rows)
    """
    y, p = check_chances(y, p)
    n, said, true, spread = _sums(y, p, _starts(len(y), BINS))
    error = float(np.abs(said - true).sum() / len(y))
    drawn = np.random.default_rng(random_state).normal(0, np.sqrt(spread), (DRAWS, len(n)))
    limit = float(np.quantile(np.abs(drawn).sum(axis=1), 0.95) / len(y))
    ok = error <= limit
    word = "stays" if not ok else "may reach"
    message = f"error {error:.3g}; a calibrated model {word} {'below ' * (not ok)}{limit:.3g} on so many rows"
    return Finding("calibration", "", ok, error, limit, message, "info", details={"n": len(y), "level": 0.95})


def _starts(n: int, bins: int) -> np.ndarray:
    """Return where each of `bins` parts begins in n sorted rows."""
    return np.unique(np.arange(bins) * n // bins)


def _sums(y: np.ndarray, p: np.ndarray, starts: np.ndarray) -> tuple[np.ndarray, ...]:
    """Return rows, sum of p, sum of y and the variance of the latter if p is right, per bin."""
    order = np.argsort(p, kind="stable")
    n = np.diff(np.r_[starts, len(y)])
    return n, *(np.add.reduceat(values[order], starts) for values in (p, y, p * (1 - p)))
