"""What the demo promises, judged against the world's own truth after the last day."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from mlsd.metrics import row_losses
from mlsd.platform.loop import Outcome
from mlsd.prediction_log import PredictionLog
from mlsd.report import Finding, Report

MIN_REQUESTS = 2_000
MIN_IN_FLIGHT = 8
MIN_RETRAIN_ROWS = 5_000
MIN_REGAINED = 0.8
_NAMES = {"concept": "concept drift", "target": "target drift", "data": "data drift", "none": "no drift"}


@dataclass(frozen=True)
class Regained:
    """Log loss of old version, new version and the world's own law on the same posts after the swap."""

    n: int
    old: float
    new: float
    ceiling: float

    @property
    def share(self) -> float:
        """How much of the gap to the ceiling was won back: (old - new) / (old - ceiling)."""
        return (self.old - self.new) / (self.old - self.ceiling)


def regained(outcome: Outcome) -> Regained | None:
    """Return how much was won back by the swap; None without one."""
    if outcome.swapped_at is None:
        return None
    world, frame = outcome.world, outcome.world.frame
    after = (frame["posted_at"] >= outcome.swapped_at).to_numpy()
    posts, p = frame[after], world.true_probability[after]
    y = posts[world.target].to_numpy(dtype=float)
    loss = {
        n: row_losses("binary", y, package.predict(posts)).mean() for n, package in outcome.packages.items()
    }
    ceiling = row_losses("binary", y, p).mean()
    return Regained(len(posts), float(loss[min(loss)]), float(loss[max(loss)]), float(ceiling))


def keep_promises(outcome: Outcome, log: PredictionLog, over_http: bool = True) -> Report:
    """Judge a finished loop; a failed finding is a broken promise.

    Args:
        outcome: of the loop.
        log: its prediction log.
        over_http: whether the swap was made under real requests.
    """
    findings = [_quarantined(outcome), _quiet_before(outcome), _named(outcome)]
    if outcome.plan.drift in ("concept", "target"):
        findings += [_retrained(outcome), *_swapped(outcome, log, over_http), _regained(outcome)]
    else:
        findings.append(_left_alone(outcome))
    return Report("promises", tuple(findings))


def _quarantined(outcome: Outcome) -> Finding:
    truth = outcome.world.truth
    planted = {key for ids in truth.loc[truth["what"] == "fault", "row_ids"] for key in ids}
    caught = set(outcome.rejected[outcome.world.key]) if len(outcome.rejected) else set()
    missed, wrong = len(planted - caught), len(caught - planted)
    named = {f.findings[0].value for _, f in outcome.faults}
    return Finding(
        "quarantined",
        "planted fault",
        ok=bool(planted)
        and not missed
        and named == {"data fault"}
        and wrong <= 0.01 * len(outcome.world.frame),
        value=missed,
        limit=0,
        count=len(planted),
        message=f"{len(planted) - missed:,} of {len(planted):,} broken posts quarantined, "
        f"{wrong:,} sound ones with them",
    )


def _quiet_before(outcome: Outcome) -> Finding:
    start = _drift_start(outcome)
    early = [at for at, _ in outcome.alerts if start is None or at <= start]
    when = "before the drift" if start is not None else "in a world that does not drift"
    message = f"{len(early)} alerts {when}"
    return Finding("quiet", when, ok=not early, value=len(early), limit=0, message=message)


def _named(outcome: Outcome) -> Finding:
    kind, expected = outcome.diagnosis, _NAMES[outcome.plan.drift]
    start = _drift_start(outcome)
    after = (
        f", {_days(outcome.alerts[0][0] - start)} after it began"
        if outcome.alerts and start is not None
        else ""
    )
    alerted = bool(outcome.alerts) == (outcome.plan.drift != "none")
    return Finding(
        "named",
        outcome.plan.drift,
        ok=alerted and kind == expected,
        value=kind,
        limit=expected,
        message=f"{'alerted' if outcome.alerts else 'no alert'}{after}; named {kind}, it is {expected}",
    )


def _left_alone(outcome: Outcome) -> Finding:
    untouched = outcome.swap is None and not outcome.retrained_on
    return Finding(
        "left alone", "model", ok=untouched, message="no retraining, no swap" if untouched else "retrained"
    )


def _retrained(outcome: Outcome) -> Finding:
    n = outcome.retrained_on
    passed = outcome.verdict is not None and outcome.verdict.ok
    return Finding(
        "retrained",
        "pipeline",
        ok=n >= MIN_RETRAIN_ROWS and passed,
        value=n,
        limit=MIN_RETRAIN_ROWS,
        message=f"on {n:,} labelled posts; the gate {'let it pass' if passed else 'stopped it'}",
    )


def _swapped(outcome: Outcome, log: PredictionLog, over_http: bool) -> list[Finding]:
    swap = outcome.swap
    if swap is None:
        return [Finding("swapped", "server", ok=False, message="no version was swapped")]
    sent, answered = set(swap.sent), set(swap.answered)
    span = outcome.world.frame.set_index(outcome.world.key).loc[list(swap.sent), "posted_at"]
    rows = log.window(span.min(), span.max() + pd.Timedelta(seconds=1))
    logged = set(rows["id"]) & sent
    twice = len(rows) - rows["id"].nunique()
    lost = len(sent - answered) + len(sent - logged) + twice
    enough = not over_http or (len(sent) >= MIN_REQUESTS and swap.in_flight >= MIN_IN_FLIGHT)
    return [
        Finding(
            "swapped",
            "requests",
            ok=not lost and enough,
            value=lost,
            limit=0,
            message=f"{len(sent):,} sent, {len(answered):,} answered, {len(logged):,} logged, "
            f"{swap.in_flight} in flight",
        ),
        Finding(
            "both versions",
            "requests",
            ok=len(swap.versions) == 2,
            value=list(swap.versions),
            message=f"versions {' and '.join(map(str, swap.versions))} answered",
        ),
    ]


def _regained(outcome: Outcome) -> Finding:
    won = regained(outcome)
    if won is None:
        return Finding("regained", "quality", ok=False, message="no version was swapped")
    return Finding(
        "regained",
        "quality",
        ok=bool(np.isfinite(won.share)) and won.share >= MIN_REGAINED,
        value=won.share,
        limit=MIN_REGAINED,
        message=f"{won.share:.0%} of the lost gap: log loss {won.old:.3f} -> {won.new:.3f}, "
        f"ceiling {won.ceiling:.3f}, on {won.n:,} posts",
    )


def _drift_start(outcome: Outcome) -> pd.Timestamp | None:
    truth = outcome.world.truth
    starts = truth.loc[truth["what"] == "drift", "start"]
    return starts.iloc[0] if len(starts) else None


def _days(span: pd.Timedelta) -> str:
    return f"{span / pd.Timedelta(days=1):.1f} days"
