"""The baselines of a table: the answer without looking, a single rule, the last value, a linear model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from mlsd.baseline import Baseline, LastValue, kinds_of
from mlsd.training.estimator import fit_estimator

SMOOTHING = 0.5  # added to the count of each class, so that no answer is certain
_LIMITS = 255  # limits tried per feature, at its quantiles
_LINEAR_ROWS = 20_000  # a linear model learns no more from more


def fit_constant(y: np.ndarray, task: str, n_classes: int) -> Baseline:
    """Return the share of each class, or the mean: what is known without looking at a row.

    Args:
        y: shape (n,), coded.
        task: `"binary"`, `"multiclass"` or `"regression"`.
        n_classes: classes, 0 for regression.

    >>> fit_constant(np.array([0, 0, 1]), "binary", 2)
    Baseline(constant: always 0.375)
    """
    return Baseline("constant", _answer(_sums(y, np.zeros(len(y), int), 1, task, n_classes)[0], task))


def fit_rule(
    table: np.ndarray, y: np.ndarray, task: str, n_classes: int, features: Sequence[str]
) -> Baseline | None:
    """Return the single limit on a single feature with the lowest training loss; None without any.

    Args:
        table: shape (n, f), encoded; nan where missing.
        y: shape (n,), coded.
        task, n_classes: as in `fit_constant`.
        features: f names.

    >>> fit_rule(np.array([[1.0], [2.0], [8.0], [9.0]]), np.array([0, 0, 1, 1]), "binary", 2, ["n_links"])
    Baseline(rule: n_links <= 2 gives 0.167, else 0.833)
    """
    middle = float(y.mean()) if task == "regression" else 0.0
    y = y - middle if task == "regression" else y  # sums of squares of large numbers lose digits
    best: tuple[float, int, float, np.ndarray] | None = None
    for column in range(table.shape[1]):
        limits = _limits(table[:, column])
        if len(limits) == 0:
            continue
        values = table[:, column]
        cell = np.where(
            np.isnan(values), len(limits) + 1, np.searchsorted(limits, values)
        )  # 0..len: low to high
        sums = _sums(y, cell, len(limits) + 2, task, n_classes)
        below = np.cumsum(sums[: len(limits)], axis=0)
        above = sums[:-1].sum(axis=0) - below
        losses = _loss(below, task) + _loss(above, task) + _loss(sums[-1:], task)
        i = int(losses.argmin())
        if best is None or losses[i] < best[0]:
            best = float(losses[i]), column, float(limits[i]), np.stack([below[i], above[i], sums[-1]])
    if best is None:
        return None
    _, column, limit, parts = best
    if parts[2, 0] == 0:  # no missing value to learn from: answer as without looking
        parts[2] = parts[:2].sum(axis=0)
    answers = [tuple(value + middle for value in _answer(part, task)) for part in parts]
    return Baseline("rule", answers[0], answers[1], answers[2], features[column], column, limit)


def fit_last_value(
    table: np.ndarray, y: np.ndarray, moments: np.ndarray, features: Sequence[str], columns: Sequence[int]
) -> LastValue:
    """Return the latest answer of each kind of row; the mean for a kind that was never seen.

    Args:
        table: shape (n, f), encoded; nan where missing.
        y: shape (n,), numbers.
        moments: shape (n,), when each row is of.
        features: f names.
        columns: the columns whose categories make a kind; all rows are one kind without any.

    >>> days, depots = np.array([1, 2, 3, 4]), np.array([[0.0], [1.0], [0.0], [1.0]])
    >>> fit_last_value(depots, np.array([10.0, 20.0, 11.0, 21.0]), days, ["depot"], [0]).values
    (11.0, 21.0)
    """
    latest_first = np.argsort(moments, kind="stable")[::-1]
    kinds, first = np.unique(kinds_of(table, tuple(columns))[latest_first], axis=0, return_index=True)
    return LastValue(
        "last_value",
        tuple(features[column] for column in columns),
        tuple(columns),
        tuple(tuple(kind) for kind in kinds.tolist()),
        tuple(y[latest_first][first].tolist()),
        float(y.mean()),
    )


def fit_linear(table: np.ndarray, y: np.ndarray, task: str, categories: Sequence[int]) -> Any:
    """Return a fitted logistic or ridge regression, from at most 20,000 rows, evenly spread."""
    import warnings

    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression, Ridge

    rows = np.unique(np.linspace(0, len(y) - 1, min(len(y), _LINEAR_ROWS)).astype(int))
    estimator = Ridge() if task == "regression" else LogisticRegression(max_iter=200)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # near its best is near enough for a yardstick
        return fit_estimator(estimator, table[rows], y[rows], task, categories)


def _limits(values: np.ndarray) -> np.ndarray:
    """Return limits with rows on both sides, at most 255, each a value that occurs."""
    values = values[~np.isnan(values)]
    if len(values) == 0:
        return values
    shares = np.linspace(0, 1, _LIMITS + 2)[1:-1]
    limits = np.unique(np.quantile(values, shares, method="lower"))
    return limits[limits < values.max()]


def _sums(y: np.ndarray, cell: np.ndarray, n_cells: int, task: str, n_classes: int) -> np.ndarray:
    """Return what each cell of rows adds up to, (n_cells, 1 + ...): n, then classes, or y and y squared."""
    n = np.bincount(cell, minlength=n_cells)
    if task == "regression":
        parts = [np.bincount(cell, weights=y**power, minlength=n_cells) for power in (1, 2)]
        return np.column_stack([n, *parts])
    counts = np.bincount(cell * n_classes + y, minlength=n_cells * n_classes)
    return np.column_stack([n, counts.reshape(n_cells, n_classes)])


def _answer(sums: np.ndarray, task: str) -> tuple[float, ...]:
    if task == "regression":
        return (float(sums[1] / sums[0]),)
    shares = (sums[1:] + SMOOTHING) / (sums[0] + SMOOTHING * len(sums[1:]))
    return (float(shares[1]),) if task == "binary" else tuple(shares.tolist())


def _loss(sums: np.ndarray, task: str) -> np.ndarray:
    """Return the summed loss of each row of sums when its own answer is given, shape (m,)."""
    n = np.maximum(sums[:, :1], 1)
    if task == "regression":
        return sums[:, 2] - sums[:, 1] ** 2 / n[:, 0]
    k = sums.shape[1] - 1
    return -(sums[:, 1:] * np.log((sums[:, 1:] + SMOOTHING) / (n + SMOOTHING * k))).sum(axis=1)
