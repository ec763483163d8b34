"""The metrics of a task as findings, each with its interval, and whether probabilities can be believed."""

from __future__ import annotations

import numpy as np

from mlsd.metrics import METRICS, score
from mlsd.report import Finding
from mlsd.stats import mean_interval, percentile_interval
from mlsd.training.intervals import per_row, resampled, undefined

RESAMPLES = 200
SHOWN = {  # the main metric first
    "binary": ("log_loss", "roc_auc", "average_precision", "brier", "accuracy"),
    "multiclass": ("log_loss", "brier", "accuracy"),
    "regression": ("rmse", "mae", "r2"),
}


def measure(task: str, y: np.ndarray, prediction: np.ndarray, random_state: int = 0) -> list[Finding]:
    """Return one `metric` finding for each metric of the task, with a 95 % interval.

    Args:
        task: `"binary"`, `"multiclass"` or `"regression"`.
        y: shape (n,), coded, n >= 2.
        prediction: shape (n,) or (n, k).
        random_state: of the bootstrap.

    >>> measure("regression", np.array([1.0, 2, 3, 4]), np.array([1.0, 2, 3, 5]))[0]
    Finding(ok metric rmse: rmse 0.5, 0 to 1.02)
    """
    return [_metric(name, y, prediction, random_state) for name in SHOWN[task]]


def _metric(name: str, y: np.ndarray, prediction: np.ndarray, random_state: int) -> Finding:
    value = score(name, y, prediction)
    details = {"n": len(y), "level": 0.95, "greater_is_better": METRICS[name].greater_is_better}
    if np.isnan(value):
        message = f"cannot tell: {undefined(name)}"
        return Finding("metric", name, False, None, None, message, "warning", details=details)
    low, high = _interval(name, y, prediction, random_state)
    message = f"{name} {value:.3g}, {low:.3g} to {high:.3g}"
    return Finding("metric", name, True, value, None, message, "info", interval=(low, high), details=details)


def _interval(name: str, y: np.ndarray, prediction: np.ndarray, random_state: int) -> tuple[float, float]:
    rows = per_row(name, y, prediction)
    if rows is None:
        return percentile_interval(resampled(name, y, [prediction], RESAMPLES, random_state)[0], 0.95)
    low, high = mean_interval(rows)
    if name == "rmse":
        return float(np.sqrt(max(low, 0.0))), float(np.sqrt(high))
    return max(low, 0.0), min(high, 1.0) if name == "accuracy" else high
