"""Measures of a model by name: they take the truth and a prediction and return one number.

The truth `y` is coded: 0 or 1 for a binary task, 0..k-1 for a multiclass one, a number for regression.
A prediction is the probability of class 1, shape (n,); of every class, (n, k); or a number, (n,).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

import numpy as np

Task = Literal["binary", "multiclass", "regression", "ranking"]
EPSILON = float(np.finfo("float64").eps)  # 2.2e-16: log loss never asks for the logarithm of 0

_CLASSES: tuple[str, ...] = ("binary", "multiclass")


@dataclass(frozen=True)
class Metric:
    """A measure with a name.

    Args:
        name: how it is asked for.
        function: (y, prediction) -> float; nan where it is not defined.
        greater_is_better: whether a higher number is a better model.
        tasks: what it can judge.

    >>> METRICS["rmse"]
    Metric(rmse: lower is better; regression)
    """

    name: str
    function: Callable[[np.ndarray, np.ndarray], float]
    greater_is_better: bool
    tasks: tuple[str, ...]

    def __repr__(self) -> str:
        better = "higher" if self.greater_is_better else "lower"
        return f"Metric({self.name}: {better} is better; {', '.join(self.tasks)})"


def score(name: str, y: Any, prediction: Any) -> float:
    """Return one metric of a prediction.

    Args:
        name: a key of `METRICS`.
        y: shape (n,), coded.
        prediction: shape (n,) or (n, k).

    Raises:
        ValueError: no such metric, or shapes that do not fit.

    >>> score("log_loss", [0, 1], [0.5, 0.5])
    0.693
    >>> score("accuracy", [0, 1, 2], np.eye(3))
    1.0
    """
    if name not in METRICS:
        raise ValueError(f"no metric is called {name!r}; expected one of {', '.join(METRICS)}")
    y, prediction = _checked(y, prediction)
    shape = "multiclass" if prediction.ndim == 2 else None
    if shape and shape not in METRICS[name].tasks:
        raise ValueError(
            f"{name} judges {' or '.join(METRICS[name].tasks)}; the prediction has one column a class"
        )
    return float(METRICS[name].function(y, prediction))


def default_metric(task: str) -> str:
    """Return the metric a task is judged by first: what training makes small.

    >>> default_metric("binary"), default_metric("regression"), default_metric("ranking")
    ('log_loss', 'rmse', 'ndcg')
    """
    if task == "ranking":
        return "ndcg"
    _check_task(task)
    return "rmse" if task == "regression" else "log_loss"


def row_losses(task: str, y: Any, prediction: Any, epsilon: float = EPSILON) -> np.ndarray:
    """Return the loss of each row: log loss in nats, or the squared error.

    Probabilities are cut at `epsilon` and 1 - `epsilon`: by default one row costs at most 36 nats.

    Args:
        task: "binary", "multiclass" or "regression".
        y: shape (n,), coded.
        prediction: shape (n,) or (n, k).
        epsilon: the smallest probability that is believed.

    Returns:
        Shape (n,).

    >>> row_losses("binary", [1, 0], [0.9, 0.9])
    array([0.105, 2.303])
    """
    _check_task(task)
    y, prediction = _checked(y, prediction)
    if (prediction.ndim == 2) != (task == "multiclass"):
        raise ValueError(
            f"the prediction has shape {prediction.shape}; a {task} task expects "
            f"{'(n, k)' if task == 'multiclass' else '(n,)'}"
        )
    if task == "regression":
        return (y - prediction) ** 2
    return -np.log(np.clip(_chance_of_truth(y, prediction), epsilon, 1 - epsilon))


def ndcg(y: Any, prediction: Any, group: Any) -> np.ndarray:
    """Return the NDCG of each list: 1 when the most relevant rows stand first.

    A row counts its relevance divided by log2(1 + place); rows of one score share their places.

    Args:
        y: shape (n,), relevance from 0.
        prediction: shape (n,), the score that orders the rows.
        group: shape (n,), the list each row belongs to.

    Returns:
        Shape (m,), one for each list in sorted order; nan for a list in which nothing is relevant.

    >>> ndcg([1, 0, 0, 1], [0.9, 0.2, 0.8, 0.7], ["a", "a", "b", "b"])
    array([1.   , 0.631])
    """
    y, prediction = _checked(y, prediction)
    code = np.unique(np.asarray(group), return_inverse=True)[1]
    with np.errstate(invalid="ignore"):
        return _discounted(y, prediction, code) / _discounted(y, y, code)


def _discounted(y: np.ndarray, score: np.ndarray, code: np.ndarray) -> np.ndarray:
    """Return the sum over each list of relevance / log2(1 + place), shape (m,)."""
    order = np.lexsort((-score, code))
    code, score, y = code[order], score[order], y[order]
    first = np.r_[True, code[1:] != code[:-1]]  # of its list
    place = np.arange(len(y)) - np.flatnonzero(first)[code] + 1
    tie = np.cumsum(first | np.r_[True, score[1:] != score[:-1]]) - 1
    share = np.bincount(tie, 1 / np.log2(1 + place)) / np.bincount(tie)
    return np.bincount(code, y * share[tie])


def _check_task(task: str) -> None:
    if task not in ("binary", "multiclass", "regression"):
        raise ValueError(f"no task is called {task!r}; expected 'binary', 'multiclass' or 'regression'")


def _checked(y: Any, prediction: Any) -> tuple[np.ndarray, np.ndarray]:
    y = np.asarray(y, dtype="float64")
    prediction = np.asarray(prediction, dtype="float64")
    if y.ndim != 1 or prediction.ndim not in (1, 2) or len(y) != len(prediction) or len(y) == 0:
        raise ValueError(
            f"y has shape {y.shape} and the prediction {prediction.shape}; "
            "expected (n,) with (n,) or (n, k), n > 0"
        )
    return y, prediction


def _chance_of_truth(y: np.ndarray, prediction: np.ndarray) -> np.ndarray:
    """Return the probability that was given to what turned out true, shape (n,)."""
    if prediction.ndim == 2:
        return prediction[np.arange(len(y)), y.astype(int)]
    return np.where(y == 1, prediction, 1 - prediction)


def _label(prediction: np.ndarray) -> np.ndarray:
    """Return the most probable class of each row, shape (n,)."""
    return prediction.argmax(axis=1) if prediction.ndim == 2 else (prediction > 0.5).astype(int)


def _log_loss(y: np.ndarray, prediction: np.ndarray) -> float:
    return float(-np.log(np.clip(_chance_of_truth(y, prediction), EPSILON, 1 - EPSILON)).mean())


def _brier(y: np.ndarray, prediction: np.ndarray) -> float:
    if prediction.ndim == 1:
        return float(((prediction - y) ** 2).mean())
    truth = np.zeros_like(prediction)
    truth[np.arange(len(y)), y.astype(int)] = 1.0
    return float(((prediction - truth) ** 2).sum(axis=1).mean())


def _accuracy(y: np.ndarray, prediction: np.ndarray) -> float:
    return float((_label(prediction) == y).mean())


def _f1(y: np.ndarray, prediction: np.ndarray) -> float:
    """Harmonic mean of precision and recall: of class 1, or averaged over the classes there are."""
    label = _label(prediction)
    names = [1] if prediction.ndim == 1 else np.union1d(y, label)
    found = [(label == c) & (y == c) for c in names]
    size = [(label == c).sum() + (y == c).sum() for c in names]
    return float(np.mean([2 * f.sum() / s if s else 0.0 for f, s in zip(found, size, strict=True)]))


def _steps(y: np.ndarray, prediction: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return how many positives and rows score at least each distinct value, highest first."""
    order = np.argsort(-prediction, kind="stable")
    scores = prediction[order]
    last = np.r_[np.flatnonzero(np.diff(scores)), len(scores) - 1]  # the last row of each tie
    return np.cumsum(y[order])[last], last + 1.0


def _roc_auc(y: np.ndarray, prediction: np.ndarray) -> float:
    """The chance that a positive scores above a negative, a tie counting half."""
    positives, rows = _steps(y, prediction)
    n_positive, n_negative = positives[-1], rows[-1] - positives[-1]
    if n_positive == 0 or n_negative == 0:
        return float("nan")
    hits, alarms = np.r_[0.0, positives], np.r_[0.0, rows - positives]
    return float(np.sum(np.diff(alarms) * (hits[1:] + hits[:-1]) / 2) / (n_positive * n_negative))


def _average_precision(y: np.ndarray, prediction: np.ndarray) -> float:
    """Precision averaged over the positives as they are found."""
    positives, rows = _steps(y, prediction)
    if positives[-1] == 0:
        return float("nan")
    return float(np.sum(np.diff(np.r_[0.0, positives]) * positives / rows) / positives[-1])


def _rmse(y: np.ndarray, prediction: np.ndarray) -> float:
    return float(np.sqrt(((y - prediction) ** 2).mean()))


def _mae(y: np.ndarray, prediction: np.ndarray) -> float:
    return float(np.abs(y - prediction).mean())


def _r2(y: np.ndarray, prediction: np.ndarray) -> float:
    """The share of the variance that is explained; 0 is what the mean of y would reach."""
    spread = ((y - y.mean()) ** 2).sum()
    return float(1 - ((y - prediction) ** 2).sum() / spread) if spread > 0 else float("nan")


METRICS: Mapping[str, Metric] = MappingProxyType(
    {
        metric.name: metric
        for metric in (
            Metric("log_loss", _log_loss, False, _CLASSES),
            Metric("brier", _brier, False, _CLASSES),
            Metric("roc_auc", _roc_auc, True, ("binary",)),
            Metric("average_precision", _average_precision, True, ("binary",)),
            Metric("accuracy", _accuracy, True, _CLASSES),
            Metric("f1", _f1, True, _CLASSES),
            Metric("rmse", _rmse, False, ("regression",)),
            Metric("mae", _mae, False, ("regression",)),
            Metric("r2", _r2, True, ("regression",)),
        )
    }
)
