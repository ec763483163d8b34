"""How good a model is on labelled rows, how sure that is, and whether it may pass the gate."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from mlsd.metrics import METRICS, row_losses, score
from mlsd.plain import is_missing
from mlsd.report import Finding, RefusedError, Report
from mlsd.stats import bootstrap_interval, mean_interval
from mlsd.training.gate import UNITS, beats, not_worse
from mlsd.training.inputs import check_table
from mlsd.training.slices import judge_slices

if TYPE_CHECKING:
    import pandas as pd

    from mlsd.package import ModelPackage

MIN_ROWS = 30  # labelled rows; fewer cannot carry an interval
RESAMPLES = 200
LEAST = 1e-4  # the smallest probability the gate believes: one row costs at most 9.2 nats
_SHOWN = {  # the main metric first
    "binary": ("log_loss", "roc_auc", "average_precision", "brier", "accuracy"),
    "multiclass": ("log_loss", "brier", "accuracy"),
    "regression": ("rmse", "mae", "r2"),
}


def evaluate(
    package: ModelPackage,
    frame: pd.DataFrame,
    *,
    champion: ModelPackage | None = None,
    random_state: int = 0,
    slices: bool = True,
) -> Report:
    """Judge a package on labelled rows it was not trained on.

    Findings: `rows` (how many could be judged), `metric` (one each, with a 95 % interval, the main
    one first), `beats_constant` and `beats_rule`, with a champion `not_worse_than_champion`, and
    `slice`. Log loss, Brier score, accuracy and errors get Student's interval of a mean; ranking
    metrics and r2 a bootstrap of 200 resamples. Gate and slices compare losses row by row, in which no
    probability counts as less than 0.0001: one mistake made with certainty does not decide alone.

    Args:
        package: the model to be judged.
        frame: features and target; rows without a label are left out and counted.
        champion: the model it would replace.
        random_state: of the bootstrap.
        slices: whether parts of the rows are judged too.

    Raises:
        RefusedError: the target is not in the table, holds an unknown class, or the champion
            predicts something else.
    """
    frame, y, rows = _labelled(package, frame)
    title = f"evaluation of {package.target}"
    if not rows.ok:
        return Report(title, (rows,))
    if champion is not None:
        _check_champion(package, champion)
    table = package.schema.encode_frame(frame, package.features)
    prediction = package.predict_encoded(table)
    losses = row_losses(package.task, y, prediction, LEAST)
    unit = UNITS[package.task]
    found = [rows, *measure(package.task, y, prediction, random_state)]
    for baseline in package.baselines:
        others = row_losses(package.task, y, baseline.predict(table), LEAST)
        found.append(beats(baseline.name, losses, others, unit))
    before = None
    if champion is not None:
        before = row_losses(package.task, y, champion.predict(frame), LEAST)
        found.append(not_worse(losses, before, unit))
    if slices:
        found += judge_slices(package.schema, package.features, table, losses, before)
    return Report(title, tuple(found))


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
    if prediction.ndim == 1:  # sorted by score, the ranking metrics need not sort each resample
        order = np.argsort(-prediction, kind="stable")
        y, prediction = y[order], prediction[order]
    return [_metric(name, task, y, prediction, random_state) for name in _SHOWN[task]]


def _metric(name: str, task: str, y: np.ndarray, prediction: np.ndarray, random_state: int) -> Finding:
    value = score(name, y, prediction)
    details = {"n": len(y), "level": 0.95, "greater_is_better": METRICS[name].greater_is_better}
    if np.isnan(value):
        why = "the rows hold one class only" if task != "regression" else "the target does not vary"
        return Finding(
            "metric", name, message=f"{name} is not defined: {why}", severity="info", details=details
        )
    low, high = _interval(name, task, y, prediction, random_state)
    message = f"{name} {value:.3g}, {low:.3g} to {high:.3g}"
    return Finding("metric", name, True, value, None, message, "info", interval=(low, high), details=details)


def _interval(
    name: str, task: str, y: np.ndarray, prediction: np.ndarray, random_state: int
) -> tuple[float, float]:
    rows = _per_row(name, task, y, prediction)
    if rows is None:
        return bootstrap_interval(
            METRICS[name].function, y, prediction, n_resamples=RESAMPLES, random_state=random_state
        )
    low, high = mean_interval(rows)
    if name == "rmse":
        return float(np.sqrt(max(low, 0.0))), float(np.sqrt(high))
    return max(low, 0.0), min(high, 1.0) if name == "accuracy" else high


def _per_row(name: str, task: str, y: np.ndarray, prediction: np.ndarray) -> np.ndarray | None:
    """Return the values whose mean a metric is (for rmse, its square), shape (n,); None for others."""
    if name in ("log_loss", "rmse"):
        return row_losses(task, y, prediction)
    if name == "mae":
        return np.abs(y - prediction)
    if name == "accuracy":
        chosen = prediction.argmax(axis=1) if prediction.ndim == 2 else prediction > 0.5
        return (chosen == y).astype("float64")
    if name == "brier":
        truth = np.eye(prediction.shape[1])[y] if prediction.ndim == 2 else y
        squares = (prediction - truth) ** 2
        return squares.sum(axis=1) if prediction.ndim == 2 else squares
    return None


def _labelled(package: ModelPackage, frame: pd.DataFrame) -> tuple[pd.DataFrame, np.ndarray, Finding]:
    """Return the rows that have a label, their coded labels, and how many they are."""
    check_table(frame, package.target, least=0)
    without = is_missing(frame[package.target])
    frame = frame[~without]
    y = package.encode_target(frame[package.target]) if len(frame) else np.empty(0)
    n, left = len(frame), int(without.sum())
    if n < MIN_ROWS:
        message = f"cannot judge: {n} rows, needs {MIN_ROWS}"
        return frame, y, Finding("rows", package.target, False, n, MIN_ROWS, message, count=left)
    message = f"{n:,} labelled rows judged" + (f", {left:,} without a label left out" if left else "")
    return frame, y, Finding("rows", package.target, True, n, MIN_ROWS, message, count=left)


def _check_champion(package: ModelPackage, champion: ModelPackage) -> None:
    for what in ("target", "task", "classes"):
        mine, other = getattr(package, what), getattr(champion, what)
        if mine != other:
            raise RefusedError(
                f"the champion has {what} {_short(other)}, this model {_short(mine)}; they cannot be compared"
            )


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
