"""What kind of trouble is it? A fault, a skew, data, target or concept drift, nothing, or too early to tell."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from mlsd.monitoring.performance import FLOOR, Floats, judge_performance, recalibration
from mlsd.plain import is_missing
from mlsd.report import Finding, RefusedError, Report
from mlsd.stats import logit

MIN_LABELS = 4_000
SLOPES = (0.7, 1.4)  # a slope inside: the old order of the rows still holds
FAULTS = ("absent", "missingness", "type")  # drift findings about values that are not there, or no values
KINDS = (
    "no drift",
    "data fault",
    "training-serving skew",
    "data drift",
    "target drift",
    "concept drift",
    "cannot tell yet",
)


def diagnose(
    *,
    rejected_share: float = 0.0,
    drift: Report | None = None,
    serving: Report | None = None,
    y: ArrayLike = (),
    prediction: ArrayLike = (),
    task: str = "binary",
    reference_loss: float | None = None,
    min_labels: int = MIN_LABELS,
    rejected_limit: float = 0.01,
) -> Report:
    """Name the kind of trouble from what arrived, how it moved and what turned out to be true.

    The order of questions: do serving and training make different values of the same row (skew: a
    fault from upstream would reach both)? Are rows broken (data fault)? Is the model still as good as
    it promised (then what moved, if anything, is P(x): data drift)? If not, is one constant offset in
    log-odds all that is wrong (P(x|y) still, P(y) moved: target drift), or is P(y|x) itself another
    (concept drift)? Offset and slope are Cox's (1958) recalibration. Rows must be independent.

    Args:
        rejected_share: share of rows that the schema refused.
        drift: what `detect_drift` said of the features.
        serving: what `compare_serving` said of rows prepared, or scored, both ways.
        y: (n,) labels of rows since the trouble began, coded 0/1; rows whose label is missing wait.
        prediction: (n,) probabilities given to them by one model version.
        task: only `"binary"` tells target from concept drift.
        reference_loss: mean squared error at training time; needed for regression.
        min_labels: fewer labels give `cannot tell yet`.
        rejected_limit: share of refused rows above which it is a data fault.

    Returns:
        A report whose first finding, `diagnosis`, has the kind as its value (one of `KINDS`) and is
        ok when that is `"no drift"`; the other findings are the evidence.

    Raises:
        RefusedError: an argument is not as described; the sentence names it.

    >>> rng = np.random.default_rng(0)
    >>> p = rng.uniform(0.02, 0.6, size=8000)
    >>> moved = 4 * p / (4 * p + 1 - p)                     # the odds of y times four
    >>> y = rng.uniform(size=8000) < moved
    >>> diagnose(y=y, prediction=p).findings[0].value
    'target drift'
    """
    _check(rejected_share, drift, serving, min_labels)
    y, prediction = _labelled(y, prediction, task)
    skewed = [f.subject for f in serving.failures if f.subject] if serving is not None else []
    moved = [f.subject for f in drift.failures] if drift is not None else []
    broken = [f.subject for f in drift.failures if f.code in FAULTS] if drift is not None else []
    refused = f"{rejected_share:.1%} of rows refused by the schema"
    bounds = {"value": rejected_share, "limit": rejected_limit}
    n = {"value": len(y), "limit": min_labels}
    evidence = [
        _evidence("serving", _seen(serving, skewed, "differ between serving and training"), ok=not skewed),
        _evidence("rejected", refused, ok=rejected_share <= rejected_limit, **bounds),
        _evidence("features", _seen(drift, moved, "moved"), ok=not moved, value=moved),
        _evidence("labels", f"{len(y):,} labels, needs {min_labels:,}", ok=len(y) >= min_labels, **n),
    ]
    if skewed:
        why = f"serving makes another {_named(skewed)} of the same rows than training did"
        return _verdict("training-serving skew", why, evidence)
    if rejected_share > rejected_limit:
        return _verdict("data fault", "rows arrive that the schema forbids", evidence)
    if broken:
        return _verdict("data fault", f"values are missing or of another type: {_named(broken)}", evidence)
    if len(y) < min_labels:
        return _verdict("cannot tell yet", f"{len(y):,} labels so far, needs {min_labels:,}", evidence)
    performance = judge_performance(y, prediction, task=task, reference_loss=reference_loss, min_rows=2)
    evidence += [f for f in performance if f.code == "excess_loss"]
    still = drift is not None and not moved
    if not _as_promised(performance, task):
        return _worse(y, prediction, task, still, evidence)
    if moved:
        return _verdict("data drift", "P(x) moved; the model is as good as it promised", evidence)
    looked = "no column moved" if still else "the columns were not looked at"
    return _verdict("no drift", f"{looked} and the model is as good as it promised", evidence)


def _check(rejected_share: float, drift: object, serving: object, min_labels: int) -> None:
    for name, report in (("drift", drift), ("serving", serving)):
        if report is not None and not isinstance(report, Report):
            raise RefusedError(f"{name} is a {type(report).__name__}; expected a Report, or None")
    if not 0 <= rejected_share <= 1:
        raise RefusedError(f"rejected_share is {rejected_share!r}; expected a share between 0 and 1")
    if min_labels < 2:
        raise RefusedError(f"min_labels is {min_labels!r}; expected 2 or more")


def _labelled(y: ArrayLike, prediction: ArrayLike, task: str) -> tuple[Floats, Floats]:
    """Return labels and predictions as numbers, without the rows whose label has not come."""
    truth, p = np.atleast_1d(np.asarray(y)), np.atleast_1d(np.asarray(prediction))
    if len(truth) != len(p):
        raise RefusedError(f"y has {len(truth):,} rows, prediction {len(p):,}; give both for the same rows")
    known = ~is_missing(truth)
    try:
        truth, p = truth[known].astype(float), p[known].astype(float)
    except (TypeError, ValueError):
        raise RefusedError("y or prediction holds no numbers; code the labels, such as 0 and 1") from None
    if not np.isfinite(p).all():
        raise RefusedError(f"prediction is no number in {int((~np.isfinite(p)).sum())} rows; leave them out")
    if task == "binary" and not (np.isin(truth, (0, 1)).all() and ((p >= 0) & (p <= 1)).all()):
        raise RefusedError("y or prediction lies outside 0 to 1; expected labels 0 and 1, and probabilities")
    return truth, p


def _as_promised(performance: Report, task: str) -> bool:
    """Tell whether the loss is as promised; a class that vanished makes it far better, which is a change."""
    (excess,) = [f for f in performance if f.code == "excess_loss"]
    better = excess.interval is not None and excess.interval[1] < -excess.limit
    return excess.ok and not (task == "binary" and better)


def _worse(y: Floats, prediction: Floats, task: str, still: bool, evidence: list[Finding]) -> Report:
    """Say why the model is not what it promised, where that can be said."""
    if task != "binary":
        why = "the model is worse than promised; target and concept drift are told apart on two classes only"
        return _verdict("cannot tell yet", why, evidence)
    if y.min() == y.max():
        why = f"all {len(y):,} labels are {y[0]:g}; look at where the labels come from"
        return _verdict("cannot tell yet", why, evidence)
    return _target_or_concept(y, prediction, still, evidence)


def _target_or_concept(y: Floats, p: Floats, still: bool, evidence: list[Finding]) -> Report:
    from scipy.special import expit

    fit = recalibration(y, p)
    low, high = fit["slope_low"], fit["slope_high"]
    rest = judge_performance(y, expit(logit(p, FLOOR) + fit["shift"]), task="binary", min_rows=2)
    evidence += [
        _evidence("offset", f"log-odds are off by {fit['shift']:+.2f}", value=fit["shift"]),
        _evidence(
            "slope",
            f"slope {fit['slope']:.2f} ({low:.2f} to {high:.2f}); inside {SLOPES[0]} to "
            f"{SLOPES[1]} the old order of rows holds",
            ok=SLOPES[0] < low and high < SLOPES[1],
            value=fit["slope"],
            limit=SLOPES,
        ),
        _evidence(
            "after_offset",
            f"with the offset mended, {rest.findings[-1].message}",
            ok=rest.ok,
            value=rest.findings[-1].value,
            limit=rest.findings[-1].limit,
        ),
    ]
    if not rest.ok or high < SLOPES[0] or low > SLOPES[1]:
        return _verdict("concept drift", "P(y|x) changed: the same row now means something else", evidence)
    if SLOPES[0] < low and high < SLOPES[1]:
        why = f"P(y) moved, {p.mean():.1%} expected and {y.mean():.1%} seen; a constant offset explains it"
        why += "; no column moved, so strictly it is P(y|x) that changed" if still else ""
        return _verdict("target drift", why, evidence)
    return _verdict("cannot tell yet", "the slope is known too roughly", evidence)


def _named(names: list[str]) -> str:
    return ", ".join(dict.fromkeys(names[:4])) + (", ..." if len(names) > 4 else "")


def _seen(report: Report | None, names: list[str], what: str) -> str:
    if report is None:
        return "not looked at"
    if report.failures and not names:  # no rows to compare, say
        return report.failures[0].message
    return f"{len(names)} columns {what}" + (f": {_named(names)}" if names else "")


def _evidence(code: str, message: str, **fields: object) -> Finding:
    return Finding(code, message=message, severity="info", **fields)  # type: ignore[arg-type]


def _verdict(kind: str, why: str, evidence: list[Finding]) -> Report:
    first = Finding("diagnosis", ok=kind == "no drift", value=kind, message=f"{kind}: {why}")
    return Report("diagnosis", (first, *evidence))
