"""How good is the model before any label arrives? What its own probabilities lead one to expect."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mlsd.metrics import EPSILON
from mlsd.monitoring.performance import FLOOR, logistic_fit
from mlsd.report import Finding, RefusedError, Report
from mlsd.stats import logit

Floats = NDArray[np.float64]
MEANS = ("accuracy", "brier", "log_loss")
SHARES = ("f1", "precision", "recall", "roc_auc")  # of two classes
_Z = 1.96  # 95 % intervals
MIN_REFERENCE = 200  # labelled rows to calibrate by
_ASSUMES = "if the probabilities are {} and P(y|x) is unchanged; a concept drift does not show here"


def estimate_performance(
    prediction: ArrayLike,
    *,
    metric: str = "accuracy",
    threshold: float = 0.5,
    limit: float | None = None,
    reference: tuple[ArrayLike, ArrayLike] | None = None,
) -> Report:
    """Estimate a metric without labels, from the confidence of a calibrated classifier.

    A row with probability .9 is right nine times in ten, so each row counts as .9 of a true positive
    and .1 of a false one, and the metric is computed from the expected counts. This rests on two
    beliefs that no unlabelled row can test: the probabilities are calibrated, and P(y|x) is what it
    was. After a concept drift the estimate stays where it was, and is wrong.

    Args:
        prediction: shape (n,), probabilities of class 1, or (n, k), of every class.
        metric: one of `MEANS`, or of two classes one of `SHARES`.
        threshold: class 1 is said above it (two classes).
        limit: the finding fails when the whole interval is on the worse side of it.
        reference: (y, prediction) of labelled rows from before, two classes: the probabilities are
            calibrated by them first (an offset and a slope in log-odds, Cox 1958).

    Returns:
        One finding `estimate`. Its interval is where the true metric of these rows would fall in 95 %
        of worlds in which both beliefs hold; how well the reference knows offset and slope is in it.

    Raises:
        RefusedError: no such metric, or the predictions are no probabilities.

    Source: the expected confusion matrix of Kivimaki, Bialek, Nurminen and Kuberski (2024).

    >>> estimate_performance([0.9, 0.8, 0.1]).findings[0].value
    0.867
    >>> estimate_performance([0.9, 0.8, 0.1], metric="recall").findings[0].value
    0.944
    """
    said = _probabilities(prediction)
    if metric not in MEANS + SHARES:
        raise RefusedError(f"cannot estimate {metric!r}; expected one of {', '.join(MEANS + SHARES)}")
    title = f"estimated {metric}"
    if not len(said):
        return Report(
            title, (Finding("estimate", metric, severity="info", message="cannot estimate: 0 rows"),)
        )
    value, variance = (
        _moments(said, said, metric, threshold)
        if reference is None
        else _calibrated(said, reference, metric, threshold)
    )
    if not np.isfinite(value):
        why = "cannot estimate: no row is expected to be of the class, or is said to be"
        return Report(title, (Finding("estimate", metric, severity="warning", ok=False, message=why),))
    lower_is_better = metric in ("brier", "log_loss")
    half = _Z * float(np.sqrt(max(variance, 0.0)))
    low, high = max(0.0, value - half), min(np.inf if lower_is_better else 1.0, value + half)
    failed = limit is not None and (low > limit if lower_is_better else high < limit)
    finding = Finding(
        "estimate",
        metric,
        ok=not failed,
        value=value,
        limit=limit,
        interval=(low, high),
        message=f"{metric} {value:.3f} ({low:.3f} to {high:.3f}) expected on {len(said):,} rows, "
        + _ASSUMES.format("calibrated" if reference is None else "calibrated by the reference"),
        details={"n": len(said), "assumes": ["calibrated probabilities", "P(y|x) unchanged"]},
    )
    return Report(title, (finding,))


def _probabilities(prediction: ArrayLike) -> Floats:
    try:
        p = np.asarray(prediction, dtype="float64")
    except (TypeError, ValueError):
        raise RefusedError(
            "the prediction holds something that is no number; expected probabilities"
        ) from None
    if p.ndim not in (1, 2) or not ((p >= 0) & (p <= 1)).all():
        raise RefusedError(
            f"the prediction, of shape {p.shape}, holds something outside 0 to 1 or missing; expected "
            "probabilities, (n,) or (n, k): a number predicted says nothing of its own error"
        )
    if p.ndim == 2 and not np.allclose(p.sum(axis=1), 1, atol=1e-3):
        raise RefusedError(
            "the probabilities of a row do not add up to 1; expected shape (n, k), all classes"
        )
    return p


def _calibrated(
    said: Floats, reference: tuple[ArrayLike, ArrayLike], metric: str, threshold: float
) -> tuple[float, float]:
    """Return value and variance after calibration, the variance of offset and slope included."""
    from scipy.special import expit

    y, p = np.asarray(reference[0], dtype="float64"), _probabilities(reference[1])
    if said.ndim == 2 or p.ndim == 2 or len(y) != len(p) or not np.isin(y, (0, 1)).all():
        raise RefusedError(
            "reference calibrates two classes; expected (labels 0 and 1, probabilities), (n,) each"
        )
    if len(y) < MIN_REFERENCE or not 0 < y.mean() < 1:
        raise RefusedError(f"reference has {len(y)} rows; expected {MIN_REFERENCE} or more, of both classes")
    fit, covariance = logistic_fit(y, np.column_stack([np.ones(len(p)), logit(p, FLOOR)]), np.zeros(len(p)))

    def at(beta: Floats) -> tuple[float, float]:
        return _moments(said, expit(beta[0] + beta[1] * logit(said, FLOOR)), metric, threshold)

    value, variance = at(fit)
    steps = 1e-4 * np.eye(2)
    slope = np.array([(at(fit + step)[0] - at(fit - step)[0]) / 2e-4 for step in steps])
    return value, variance + float(slope @ covariance @ slope)


def _moments(said: Floats, p: Floats, metric: str, threshold: float) -> tuple[float, float]:
    """Return expectation and variance of a metric of what was `said`, where `p` is the truth."""
    return (
        _of_means(said, p, metric, threshold) if metric in MEANS else _of_shares(said, p, metric, threshold)
    )


def _of_means(said: Floats, p: Floats, metric: str, threshold: float) -> tuple[float, float]:
    """Return the moments of a mean over rows: what each class would cost, weighed by its probability."""
    columns = said.ndim  # the Brier score of one probability is half that of both classes
    label = said.argmax(axis=1) if columns == 2 else (said > threshold).astype(int)
    said, p = (values if columns == 2 else np.column_stack([1 - values, values]) for values in (said, p))
    if metric == "accuracy":
        value = (np.arange(p.shape[1]) == label[:, None]).astype(float)
    elif metric == "log_loss":
        value = -np.log(np.clip(said, EPSILON, 1 - EPSILON))
    else:
        value = ((said**2).sum(axis=1, keepdims=True) - 2 * said + 1) * (columns / 2)
    mean = (p * value).sum(axis=1)
    variance = (p * value**2).sum(axis=1) - mean**2
    return float(mean.mean()), float(variance.sum()) / len(p) ** 2


def _of_shares(said: Floats, p: Floats, metric: str, threshold: float) -> tuple[float, float]:
    """Return a ratio of expected counts a / b, and its variance by the delta method.

    The labels are independent coins of variance p (1 - p); `da` and `db` say by how much a and b
    change when the label of a row turns from 0 to 1.
    """
    if said.ndim == 2:
        raise RefusedError(f"{metric} is estimated of two classes; the prediction has one column a class")
    n, positives, coin = len(p), p.sum(), p * (1 - p)
    label = (said > threshold).astype(float)
    da, db = label, np.zeros(n)
    if metric == "precision":
        a, b = p @ label, label.sum()
    elif metric == "recall":
        a, b, db = p @ label, positives, np.ones(n)
    elif metric == "f1":
        a, b, da, db = 2 * p @ label, positives + label.sum(), 2 * label, np.ones(n)
    else:  # the pairs (positive, negative) in order, over all such pairs; a row makes no pair with itself
        from scipy.stats import rankdata

        rank, square = rankdata(said), positives**2 + coin.sum()  # midranks; E(positives^2)
        a, b = p @ rank - (square + positives) / 2, n * positives - square
        da, db = rank - positives - 0.5, np.full(n, n - 2 * positives)
    if b <= 0:
        return float("nan"), float("nan")
    share = a / b
    return float(share), float(coin @ ((da - share * db) / b) ** 2)
