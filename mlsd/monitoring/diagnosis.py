"""What kind of trouble is it? Data fault, data drift, target drift, concept drift, or too early to tell."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from mlsd.monitoring.performance import Floats, expit, judge_performance, logit, recalibration
from mlsd.report import Finding, Report

MIN_LABELS = 4_000
SLOPES = (0.7, 1.4)  # a slope inside: the old order of the rows still holds
KINDS = ("no drift", "data fault", "data drift", "target drift", "concept drift", "cannot tell yet")


def diagnose(
    *,
    rejected_share: float = 0.0,
    drift: Report | None = None,
    y: ArrayLike = (),
    prediction: ArrayLike = (),
    task: str = "binary",
    min_labels: int = MIN_LABELS,
    rejected_limit: float = 0.01,
) -> Report:
    """Name the kind of trouble from what arrived, how it moved and what turned out to be true.

    The order of questions: are rows broken (data fault)? Is the model still as good as it promised
    (then what moved, if anything, is P(x): data drift)? If not, is one constant offset in log-odds
    all that is wrong (P(x|y) still, P(y) moved: target drift), or is P(y|x) itself another
    (concept drift)? Offset and slope are Cox's (1958) recalibration. Rows must be independent.

    Args:
        rejected_share: share of rows that the schema refused.
        drift: what `detect_drift` said of the features.
        y: (n,) labels of rows since the trouble began, coded 0/1.
        prediction: (n,) probabilities given to them by one model version.
        task: only `"binary"` tells target from concept drift.
        min_labels: fewer labels give `cannot tell yet`.
        rejected_limit: share of refused rows above which it is a data fault.

    Returns:
        A report whose first finding, `diagnosis`, has the kind as its value (one of `KINDS`) and is
        ok when that is `"no drift"`; the other findings are the evidence.

    >>> rng = np.random.default_rng(0)
    >>> p = rng.uniform(0.02, 0.6, size=8000)
    >>> moved = 4 * p / (4 * p + 1 - p)                     # the odds of y times four
    >>> y = rng.uniform(size=8000) < moved
    >>> diagnose(y=y, prediction=p).findings[0].value
    'target drift'
    """
    y, prediction = np.asarray(y, dtype=float), np.asarray(prediction, dtype=float)
    moved = [f.subject for f in drift.failures] if drift is not None else []
    named = f": {', '.join(moved[:4])}" if moved else ""
    evidence = [
        _evidence(
            "rejected",
            f"{rejected_share:.1%} of rows refused by the schema",
            ok=rejected_share <= rejected_limit,
            value=rejected_share,
            limit=rejected_limit,
        ),
        _evidence("features", f"{len(moved)} columns moved{named}", ok=not moved, value=moved),
        _evidence(
            "labels",
            f"{len(y)} labels, needs {min_labels}",
            ok=len(y) >= min_labels,
            value=len(y),
            limit=min_labels,
        ),
    ]
    if rejected_share > rejected_limit:
        return _verdict("data fault", "rows arrive that the schema forbids", evidence)
    if len(y) < min_labels:
        return _verdict("cannot tell yet", f"{len(y)} labels so far, needs {min_labels}", evidence)
    performance = judge_performance(y, prediction, task=task)
    evidence += [f for f in performance if f.code == "excess_loss"]
    if performance.ok and moved:
        return _verdict("data drift", "P(x) moved; the model is as good as it promised", evidence)
    if performance.ok:
        return _verdict("no drift", "no column moved and the model is as good as it promised", evidence)
    if task != "binary":
        why = "the model is worse than promised; target and concept drift are told apart on two classes only"
        return _verdict("cannot tell yet", why, evidence)
    return _target_or_concept(y, prediction, evidence)


def _target_or_concept(y: Floats, p: Floats, evidence: list[Finding]) -> Report:
    fit = recalibration(y, p)
    low, high = fit["slope_low"], fit["slope_high"]
    rest = judge_performance(y, expit(logit(p) + fit["shift"]), task="binary")
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
        return _verdict("target drift", why, evidence)
    return _verdict("cannot tell yet", "the slope is known too roughly", evidence)


def _evidence(code: str, message: str, **fields: object) -> Finding:
    return Finding(code, message=message, severity="info", **fields)  # type: ignore[arg-type]


def _verdict(kind: str, why: str, evidence: list[Finding]) -> Report:
    first = Finding("diagnosis", ok=kind == "no drift", value=kind, message=f"{kind}: {why}")
    return Report("diagnosis", (first, *evidence))
