"""How sure a metric is: rows drawn again with replacement, many resamples at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from mlsd.metrics import METRICS, row_losses, score
from mlsd.report import RefusedError
from mlsd.stats import percentile_interval

MIN_ROWS = 30  # labelled rows; fewer cannot carry an interval
CELLS = 2_000_000  # resamples x rows held at once: about 50 MB

Weighted = Callable[[np.ndarray], np.ndarray]  # how often each row was drawn (r, n) -> the metric (r,)


def metric_interval(
    name: str,
    y: Any,
    prediction: Any,
    *,
    level: float = 0.95,
    n_resamples: int = 1000,
    random_state: int = 0,
) -> tuple[float, float]:
    """Return the bootstrap interval of a metric, as a loop over resamples of rows would give it.

    Args:
        name: a key of `mlsd.metrics.METRICS`.
        y: shape (n,), coded: 0 and 1, class positions, or numbers.
        prediction: shape (n,) or (n, k).
        level: the wished coverage.
        n_resamples: how often n rows are drawn.
        random_state: resample i draws its rows by `default_rng(random_state)`, the i-th `integers(0, n, n)`.

    Raises:
        RefusedError: a value is missing or not finite, or the metric is not defined on the rows.

    Source: Efron, Annals of Statistics 7 (1979), the percentile interval.

    >>> p = np.linspace(0, 1, 200)
    >>> metric_interval("roc_auc", np.sin(np.arange(200)) < 2 * p - 1, p)
    (0.683, 0.814)
    """
    y, prediction = check_scores(name, y, prediction)
    if np.isnan(score(name, y, prediction)):
        raise RefusedError(f"cannot tell: {undefined(name)}")
    return percentile_interval(resampled(name, y, [prediction], n_resamples, random_state)[0], level)


def resampled(
    name: str, y: np.ndarray, predictions: list[np.ndarray], n_resamples: int, random_state: int
) -> np.ndarray:
    """Return a metric of several predictions on the same resamples, shape (len(predictions), n_resamples)."""
    n, rng = len(y), np.random.default_rng(random_state)
    functions = [_weighted(name, y, prediction) for prediction in predictions]
    found = np.empty((len(predictions), n_resamples))
    for start in range(0, n_resamples, max(1, CELLS // n)):
        part = found[:, start : start + max(1, CELLS // n)]
        weights = draw(rng, part.shape[1], n)
        for row, function in zip(part, functions, strict=True):
            row[:] = function(weights)
    return found


def draw(rng: np.random.Generator, n_resamples: int, n: int) -> np.ndarray:
    """Return how often each of n rows is drawn in each resample, shape (n_resamples, n)."""
    rows = rng.integers(0, n, (n_resamples, n)) + np.arange(n_resamples)[:, None] * n
    return np.bincount(rows.ravel(), minlength=n_resamples * n).reshape(n_resamples, n).astype("float64")


def undefined(name: str) -> str:
    """Return why a metric has no value on some rows."""
    why = (
        "the target does not vary"
        if METRICS[name].tasks == ("regression",)
        else "the rows hold one class only"
    )
    return f"{name} is not defined: {why}"


def ties(scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows from the highest score to the lowest, and where in them each distinct score begins."""
    order = np.argsort(-scores, kind="stable")
    return order, np.flatnonzero(np.r_[True, np.diff(scores[order]) != 0])


def per_row(name: str, y: np.ndarray, prediction: np.ndarray) -> np.ndarray | None:
    """Return the values whose mean a metric is (for rmse, its square), shape (n,); None for others."""
    if name in ("log_loss", "rmse"):
        task = "regression" if name == "rmse" else "binary" if prediction.ndim == 1 else "multiclass"
        return row_losses(task, y, prediction)
    if name == "mae":
        return np.abs(y - prediction)
    if name == "accuracy":
        chosen = prediction.argmax(axis=1) if prediction.ndim == 2 else prediction > 0.5
        return (chosen == y).astype("float64")
    if name == "brier":
        truth = np.eye(prediction.shape[1])[y.astype(int)] if prediction.ndim == 2 else y
        squares = (prediction - truth) ** 2
        return squares.sum(axis=1) if prediction.ndim == 2 else squares
    return None


def _weighted(name: str, y: np.ndarray, prediction: np.ndarray) -> Weighted:
    rows = per_row(name, y, prediction)
    if rows is not None:
        root = np.sqrt if name == "rmse" else np.asarray
        return lambda weights: root(weights @ rows / len(y))
    if name == "r2":
        return _weighted_r2(y, prediction)
    if name in ("roc_auc", "average_precision"):
        return _weighted_ranks(name, y, prediction)

    def one_by_one(weights: np.ndarray) -> np.ndarray:
        drawn = [np.repeat(np.arange(len(y)), row.astype(int)) for row in weights]
        return np.array([score(name, y[rows], prediction[rows]) for rows in drawn])

    return one_by_one


def _weighted_r2(y: np.ndarray, prediction: np.ndarray) -> Weighted:
    centred, squares = y - y.mean(), (y - prediction) ** 2

    def function(weights: np.ndarray) -> np.ndarray:
        spread = weights @ centred**2 - (weights @ centred) ** 2 / len(y)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(spread > 0, 1 - weights @ squares / spread, np.nan)

    return function


def _weighted_ranks(name: str, y: np.ndarray, prediction: np.ndarray) -> Weighted:
    order, starts = ties(prediction)
    truth = y[order]

    def function(weights: np.ndarray) -> np.ndarray:
        weights = weights[:, order]
        positive = np.add.reduceat(weights * truth, starts, axis=1)  # of each distinct score, (r, g)
        both = np.add.reduceat(weights, starts, axis=1)
        found = np.cumsum(positive, axis=1)
        n_positive = found[:, -1]
        with np.errstate(divide="ignore", invalid="ignore"):
            if name == "roc_auc":  # a positive above a negative counts 1, beside it a half
                won = ((found - positive / 2) * (both - positive)).sum(axis=1)
                return won / (n_positive * (len(y) - n_positive))
            precision = np.where(positive > 0, found / np.cumsum(both, axis=1), 0)
            return (positive * precision).sum(axis=1) / n_positive

    return function


def check_scores(name: str, y: Any, *predictions: Any) -> tuple[np.ndarray, ...]:
    """Return truth and predictions as arrays of numbers, fit for a metric.

    Args:
        name: a key of `METRICS`.
        y: shape (n,), coded.
        predictions: shape (n,) or (n, k) each.

    Raises:
        RefusedError: a value is missing or not finite, lengths differ, y is not coded, or a
            probability lies outside 0 to 1.
    """
    if name not in METRICS:
        raise RefusedError(f"no metric is called {name!r}; expected one of {', '.join(METRICS)}")
    y = _numbers(y, "y", "leave those rows out of y and of the predictions")
    told = [_numbers(p, "the prediction", "a model must answer every row") for p in predictions]
    for p in told:
        if y.ndim != 1 or p.ndim not in (1, 2) or len(p) != len(y) or len(y) < 2:
            raise RefusedError(
                f"y has shape {y.shape}, the prediction {p.shape}; expected the same 2 rows or more"
            )
        if p.ndim == 2 and "multiclass" not in METRICS[name].tasks:
            raise RefusedError(f"{name} wants one number a row; the prediction has {p.shape[1]} columns")
        if name in ("log_loss", "brier") and not ((p >= 0) & (p <= 1)).all():
            raise RefusedError(
                f"{name} wants probabilities; the prediction goes from {p.min():.3g} to {p.max():.3g}"
            )
        allowed = p.shape[1] if p.ndim == 2 else 2
        if "regression" not in METRICS[name].tasks and not np.isin(y, np.arange(allowed)).all():
            raise RefusedError(
                f"y holds {y[~np.isin(y, np.arange(allowed))][0]:g}; {name} expects classes coded 0 to "
                f"{allowed - 1}, as package.encode_target gives them"
            )
    return y, *told


def check_chances(y: Any, p: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return answers 0 or 1 and one probability of 1 a row, both (n,); refuses as `check_scores`."""
    y, p = check_scores("brier", y, p)
    if p.ndim == 2:
        raise RefusedError(f"p has {p.shape[1]} columns; expected one probability a row, p[:, 1] say")
    return y, p


def _numbers(values: Any, what: str, remedy: str) -> np.ndarray:
    try:
        found = np.asarray(values, dtype="float64")
    except (TypeError, ValueError):
        raise RefusedError(
            f"{what} holds what is no number; expected numbers (package.encode_target codes classes)"
        ) from None
    wrong = int((~np.isfinite(found)).sum())
    if wrong:
        raise RefusedError(
            f"{what} is missing or not finite {wrong:,} times in {len(found):,} rows; {remedy}"
        )
    return found
