"""Is the model still right? Its loss on labelled rows, beside the loss that it promised."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mlsd.metrics import row_losses
from mlsd.report import Finding, Report
from mlsd.stats import logit, mean_interval

MIN_ROWS = 500
EXCESS_LIMIT = 0.03  # nats a row; for regression, as a share of the loss at training time
FLOOR = 1e-6  # the smallest probability a fit believes: one row of certain error must not decide it
_Z = 1.96  # 95 % intervals

Floats = NDArray[np.float64]


def promised_losses(task: str, prediction: ArrayLike) -> Floats:
    """Return the log loss that each prediction expects of itself: the entropy of its probabilities.

    A calibrated model meets this loss on average, so it tells performance before any label arrives.

    Args:
        task: `"binary"` or `"multiclass"`.
        prediction: (n,) probabilities of the second class, or (n, k).

    Returns:
        (n,) nats.

    >>> promised_losses("binary", [0.5, 1.0]).round(3).tolist()
    [0.693, 0.0]
    """
    p = np.asarray(prediction, dtype=float)
    p = np.column_stack([1 - p, p]) if task == "binary" else p
    terms = p * np.log(np.where(p > 0, p, 1.0))  # 0 log 0 is 0
    return 0.0 - terms.sum(axis=1)


def judge_performance(
    y: ArrayLike,
    prediction: ArrayLike,
    *,
    task: str,
    reference_loss: float | None = None,
    limit: float | None = None,
    min_rows: int = MIN_ROWS,
) -> Report:
    """Judge labelled rows: is the loss above what the model promised, by more than a limit?

    For classification the promise is the model's own: the entropy of its probabilities, row by row,
    so a harder mix of rows is no failure and a calibrated model passes. For regression the promise
    is the loss on held-out rows at training time. The finding `excess_loss` fails when even the low
    end of the 95 % interval of (loss - promise) is above the limit.

    Args:
        y: (n,) coded truth: 0/1, class numbers, or numbers.
        prediction: (n,) or (n, k), as `ModelPackage.predict` gives.
        task: `"binary"`, `"multiclass"` or `"regression"`.
        reference_loss: mean squared error at training time; needed for regression.
        limit: nats a row (default 0.03); for regression a share of `reference_loss` (default 0.25).
        min_rows: with fewer, the finding `rows` says that it cannot judge; this is no failure.

    Raises:
        ValueError: regression without `reference_loss`.

    >>> rng = np.random.default_rng(0)
    >>> p = rng.uniform(size=4000)
    >>> judge_performance(rng.uniform(size=4000) < p, p, task="binary").ok      # calibrated
    True
    >>> judge_performance(rng.uniform(size=4000) < 1 - p, p, task="binary").ok  # upside down
    False
    """
    y, prediction = np.asarray(y), np.asarray(prediction)
    n = len(y)
    if n < min_rows:
        message = f"cannot judge: {n} rows, needs {min_rows}"
        finding = Finding("rows", value=n, limit=min_rows, message=message, severity="info")
        return Report("performance", (finding,))
    losses = row_losses(task, y, prediction)
    if task == "regression":
        if not reference_loss:
            raise ValueError("regression needs reference_loss, the mean squared error at training time")
        limit = 0.25 if limit is None else limit
        unit = float(reference_loss)
        promise, name, form, excess_form = np.full(n, unit), "squared error", ".3g", "+.0%"
    else:
        limit = EXCESS_LIMIT if limit is None else limit
        unit, name, form, excess_form = 1.0, "log loss", ".3f", "+.3f"
        promise = promised_losses(task, prediction)
    over = (losses - promise) / unit
    excess, (low, high) = float(over.mean()), mean_interval(over)
    loss = float(losses.mean())
    verdict = "worse than promised" if low > limit else "as promised"
    return Report(
        "performance",
        (
            Finding(
                "loss",
                value=loss,
                interval=mean_interval(losses),
                details={"promised": promise.mean(), "n": n},
                message=f"{name} {loss:{form}} on {n:,} rows, {promise.mean():{form}} promised",
            ),
            Finding(
                "excess_loss",
                ok=low <= limit,
                value=excess,
                limit=limit,
                interval=(low, high),
                details={"n": n},
                message=f"{verdict}: loss - promise is {excess:{excess_form}} "
                f"({low:{excess_form}} to {high:{excess_form}}), limit {limit:{excess_form}}",
            ),
        ),
    )


def recalibration(y: ArrayLike, probability: ArrayLike) -> dict[str, float]:
    """Fit logit P(y = 1) = offset + slope * logit(probability) (Cox 1958).

    A calibrated model has offset 0 and slope 1. A moved base rate alone moves the offset and leaves
    the slope; a changed concept breaks the slope.

    Args:
        y: (n,) of 0 and 1.
        probability: (n,) in [0, 1].

    Returns:
        `offset` and `slope`, `slope_low` and `slope_high` of the 95 % interval, and `shift`, the
        offset that fits best while the slope is held at 1.

    >>> rng = np.random.default_rng(0)
    >>> p = rng.uniform(0.05, 0.95, size=20_000)
    >>> fit = recalibration(rng.uniform(size=20_000) < p, p)
    >>> fit["slope_low"] < 1 < fit["slope_high"]
    True
    """
    y = np.asarray(y, dtype=float)
    z = logit(probability, FLOOR)
    (offset, slope), covariance = logistic_fit(y, np.column_stack([np.ones_like(z), z]), np.zeros_like(z))
    (shift,), _ = logistic_fit(y, np.ones((len(z), 1)), z)
    half = _Z * np.sqrt(covariance[1, 1])
    return {
        "offset": float(offset),
        "slope": float(slope),
        "slope_low": float(slope - half),
        "slope_high": float(slope + half),
        "shift": float(shift),
    }


def logistic_fit(y: Floats, X: Floats, start: Floats) -> tuple[Any, Any]:
    """Return coefficients and covariance of a logistic regression beside fixed log-odds `start` (n,).

    Newton's method; X has shape (n, 1 or 2).
    """
    from scipy.special import expit

    beta = np.zeros(X.shape[1])
    for _ in range(100):
        p = expit(start + X @ beta)
        information = (X * (p * (1 - p))[:, None]).T @ X + 1e-9 * np.eye(X.shape[1])
        step = np.clip(np.linalg.solve(information, X.T @ (y - p)), -2, 2)  # labels of one kind: walk on
        beta = beta + step
        if np.abs(step).max() < 1e-9:
            break
    return beta, np.linalg.inv(information)
