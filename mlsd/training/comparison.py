"""Two models on the same rows: is the difference more than the luck of these rows?"""

from __future__ import annotations

from typing import Any

import numpy as np

from mlsd.metrics import METRICS, score
from mlsd.report import Finding, Report
from mlsd.stats import percentile_interval
from mlsd.training.intervals import MIN_ROWS, check_scores, resampled, undefined


def compare_models(
    y: Any,
    prediction: Any,
    other: Any,
    metric: str = "roc_auc",
    *,
    level: float = 0.95,
    n_resamples: int = 1000,
    random_state: int = 0,
) -> Report:
    """Judge whether one model is better than another: the whole interval of the difference lies above 0.

    Both are scored on the same resamples, so what makes a row hard for both cancels out. A model is
    never better than itself; of two equally good ones, one seems better in about 2.5 % of the tables.

    Args:
        y: shape (n,), coded, n >= 30.
        prediction, other: shape (n,) or (n, k), of the same rows in the same order.
        metric: a key of `mlsd.metrics.METRICS`; the difference counts up where the model is better.
        level, n_resamples, random_state: as in `metric_interval`.

    Raises:
        RefusedError: a value is missing or not finite, or lengths differ.

    >>> rng = np.random.default_rng(0)
    >>> heat = rng.normal(size=500)
    >>> y = heat + rng.normal(size=500) > 0
    >>> compare_models(y, heat, heat + rng.normal(size=500)).findings[0]
    Finding(ok difference roc_auc: 0.854 against 0.735: better by 0.12, 0.0856 to 0.154)
    """
    y, prediction, other = check_scores(metric, y, prediction, other)
    details: dict[str, Any] = {"level": level, "n": len(y), "verdict": "cannot tell"}
    first, second = score(metric, y, prediction), score(metric, y, other)
    why = f"{len(y)} rows, needs {MIN_ROWS}" if len(y) < MIN_ROWS else undefined(metric)
    if len(y) < MIN_ROWS or np.isnan(first) or np.isnan(second):
        finding = Finding("difference", metric, False, None, 0, f"cannot tell: {why}", details=details)
        return Report("two models", (finding,))
    sign = 1 if METRICS[metric].greater_is_better else -1
    values = resampled(metric, y, [prediction, other], n_resamples, random_state)
    low, high = percentile_interval(sign * (values[0] - values[1]), level)
    gain = sign * (first - second)
    details |= {"verdict": "better" if low > 0 else "worse" if high < 0 else "cannot tell"}
    words = {"better": "better by", "worse": "worse, by", "cannot tell": "not told apart,"}[
        details["verdict"]
    ]
    message = f"{first:.3g} against {second:.3g}: {words} {gain:.3g}, {low:.3g} to {high:.3g}"
    finding = Finding("difference", metric, low > 0, gain, 0, message, interval=(low, high), details=details)
    return Report("two models", (finding,))
