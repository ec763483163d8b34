"""How good was the model, day by day and slice by slice, on the labels that have arrived?"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from mlsd.metrics import METRICS, row_losses, score
from mlsd.monitoring.labels import checked_rows
from mlsd.plain import is_missing
from mlsd.report import RefusedError
from mlsd.stats import bootstrap_interval, mean_interval, wilson_interval

MAX_SLICES = 50
MIN_EACH = 5  # labelled rows of the rarer class before a ranking metric gets an interval
N_RESAMPLES = 200
_RANKING = ("roc_auc", "average_precision")
_NAN = float("nan")
Triple = tuple[float, float, float]


def _log_losses(y: np.ndarray, p: np.ndarray) -> np.ndarray:
    return row_losses("multiclass" if p.ndim == 2 else "binary", y, p)


def _brier_losses(y: np.ndarray, p: np.ndarray) -> np.ndarray:
    return (p - y) ** 2 if p.ndim == 1 else ((p - np.eye(p.shape[1])[y]) ** 2).sum(axis=1)


# The metrics that are means over rows: (y, prediction) -> the rows' values, shape (n,).
_ROW_VALUES: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "log_loss": _log_losses,
    "brier": _brier_losses,
    "mae": lambda y, p: np.abs(y - p),
}


def performance_by_window(
    rows: pd.DataFrame,
    *,
    every: str = "1D",
    metric: str = "accuracy",
    by: str | None = None,
    random_state: int = 0,
) -> pd.DataFrame:
    """Return a metric of each window of time, with its interval, on the labels that have arrived.

    A window is complete when `labelled` equals `rows`; until then its value speaks of the early
    labels only, which `judge_labels` looks at. A window without rows is shown: silence is news too.

    Args:
        rows: as `PredictionLog.window` gives them; predictions of one version, or of all.
        every: the length of a window, as pandas writes it: `"1h"`, `"1D"`, `"W"`.
        metric: a key of `mlsd.metrics.METRICS`.
        by: a column whose values make slices.
        random_state: of the bootstrap behind f1, r2 and average precision.

    Returns:
        start, rows, labelled, value, low, high (95 %), and slice with `by`. What cannot be told is
        missing: a value without labels or, for AUC, of one class; an interval of too few rows.

    Raises:
        RefusedError: ids stand twice, labels or predictions do not fit the metric, too many slices.

    >>> at = pd.to_datetime(["2024-02-05T10:00Z", "2024-02-05T11:00Z", "2024-02-06T10:00Z"])
    >>> rows = pd.DataFrame({"id": list("abc"), "at": at, "prediction": [0.1, 0.8, 0.3]})
    >>> days = performance_by_window(rows.assign(label=[False, True, None]))
    >>> days[["rows", "labelled", "value"]].values.tolist()
    [[2.0, 2.0, 1.0], [1.0, 0.0, nan]]
    """
    if metric not in METRICS:
        raise RefusedError(f"no metric is called {metric!r}; expected one of {', '.join(METRICS)}")
    rows = checked_rows(rows).reset_index(drop=True)
    if by is not None:
        _check_slices(rows, by)
    known = np.flatnonzero(~is_missing(rows["label"]))
    y, prediction = coded(rows.iloc[known], metric)
    place = np.full(len(rows), -1)
    place[known] = np.arange(len(known))  # of a row among the labelled ones
    found = []
    for start, window in _windows(rows, every):
        parts = [(None, window)] if by is None else window.groupby(by, observed=True, dropna=False)
        for name, part in parts:
            own = place[part.index]
            own = own[own >= 0]
            answer = _with_interval(metric, y[own], prediction[own], random_state)
            found.append((start, len(part), len(own), *answer, name))
    table = pd.DataFrame(found, columns=["start", "rows", "labelled", "value", "low", "high", "slice"])
    return table if by else table.drop(columns="slice")


def _windows(rows: pd.DataFrame, every: str) -> Any:
    """Return (start, rows) of each window from the first row to the last, empty ones too."""
    try:
        return rows.groupby(pd.Grouper(key="at", freq=every)) if len(rows) else []
    except ValueError:
        raise RefusedError(
            f"every is {every!r}; expected a length of time such as '1h', '1D' or 'W'"
        ) from None


def _check_slices(rows: pd.DataFrame, by: str) -> None:
    if by not in rows:
        raise RefusedError(f"rows have no column {by!r} to slice by")
    count = rows[by].nunique()
    if count > MAX_SLICES:
        raise RefusedError(f"{by!r} has {count:,} values, at most {MAX_SLICES} make slices; use pd.cut first")


def coded(rows: pd.DataFrame, metric: str) -> tuple[np.ndarray, np.ndarray]:
    """Return labels as the metrics want them, (n,), and predictions, (n,) or (n, k).

    Args:
        rows: logged predictions, all labelled.
        metric: decides what fits: classes, or numbers.

    Raises:
        RefusedError: they do not fit.

    >>> coded(pd.DataFrame({"label": ["b"], "prediction": [{"a": 0.2, "b": 0.8}]}), "accuracy")
    (array([1]), array([[0.2, 0.8]]))
    """
    prediction, label = rows["prediction"], rows["label"]
    if len(rows) and isinstance(prediction.iloc[0], dict):
        return _coded_classes(prediction, label)
    try:
        y, p = label.to_numpy(dtype="float64"), prediction.to_numpy(dtype="float64")
    except (TypeError, ValueError):
        raise RefusedError(
            f"label {label.iloc[0]!r} beside prediction {prediction.iloc[0]!r}: one number is predicted, so "
            "expected labels are 0 and 1, booleans or numbers: code them with package.encode_target"
        ) from None
    if "regression" in METRICS[metric].tasks:
        return y, p
    if not np.isin(y, (0, 1)).all() or not ((p >= 0) & (p <= 1)).all():
        raise RefusedError(
            f"{metric} expects labels 0 and 1 and probabilities; of a quantity ask 'rmse' or 'mae'"
        )
    return y, p


def _coded_classes(prediction: pd.Series, label: pd.Series) -> tuple[np.ndarray, np.ndarray]:
    table = pd.DataFrame(prediction.tolist())
    y = table.columns.get_indexer(label.astype(str))
    if table.isna().any(axis=None):
        raise RefusedError("predictions name different classes; look at one version at a time")
    if (y < 0).any():
        odd = label[y < 0].iloc[0]
        raise RefusedError(f"label {odd!r} is none of the predicted classes {', '.join(table.columns)}")
    return y, table.to_numpy(dtype="float64")


def _with_interval(metric: str, y: np.ndarray, prediction: np.ndarray, random_state: int) -> Triple:
    """Return (value, low, high): Wilson's of a share, Student's of a mean, DeLong's of AUC, else a bootstrap."""
    n = len(y)
    value = score(metric, y, prediction) if n else _NAN
    if n < 3 or np.isnan(value):
        return value, _NAN, _NAN
    if metric == "accuracy":
        return value, *wilson_interval(round(value * n), n)
    if metric in _ROW_VALUES:
        return value, *mean_interval(_ROW_VALUES[metric](y, prediction))
    if metric == "rmse":
        low, high = mean_interval(row_losses("regression", y, prediction))
        return value, max(low, 0.0) ** 0.5, high**0.5
    if metric in _RANKING and min((y == 0).sum(), (y == 1).sum()) < MIN_EACH:
        return value, _NAN, _NAN
    if metric == "roc_auc":
        return value, *_delong(y == 1, prediction, value)
    interval = bootstrap_interval(
        partial(score, metric), y, prediction, n_resamples=N_RESAMPLES, random_state=random_state
    )
    return value, *interval


def _delong(positive: np.ndarray, prediction: np.ndarray, auc: float) -> tuple[float, float]:
    """Return the 95 % interval of AUC: it is a mean over positives and over negatives (Biometrics 44, 1988)."""
    from scipy.stats import rankdata

    rank, up, down = rankdata(prediction), prediction[positive], prediction[~positive]
    beaten = (rank[positive] - rankdata(up)) / len(down)  # the share of negatives below each positive
    beating = (rank[~positive] - rankdata(down)) / len(up)
    half = 1.96 * np.sqrt(beaten.var(ddof=1) / len(up) + beating.var(ddof=1) / len(down))
    return max(0.0, float(auc - half)), min(1.0, float(auc + half))
