"""The three answers of the health card, one finding each; its value is one word."""

from __future__ import annotations

from collections.abc import Collection

import pandas as pd

from mlsd.data import compare_serving
from mlsd.monitoring import golden_signals
from mlsd.package import ModelPackage
from mlsd.platform.health_words import day, length, measured, named
from mlsd.platform.own_table import MIN_WINDOW
from mlsd.platform.watch import Watch, as_array, squared_error
from mlsd.prediction_log import features_of
from mlsd.report import Finding, RefusedError, Report

WORDS = {"ok": "Yes", "warning": "Watch", "FAILED": "No", "note": "Unknown"}  # mark of a finding -> answer
QUESTIONS = {
    "up": "Is it up and busy?",
    "inputs": "Are the inputs the same?",
    "right": "Is it still right?",
}
REFUSED = 0.01  # share of broken rows that makes a data fault


def answer(code: str, mark: str, why: str, word: str = "") -> Finding:
    """Return one answer of the card.

    Args:
        code: `"up"`, `"inputs"` or `"right"`.
        mark: `"ok"`, `"warning"`, `"FAILED"` or `"note"`.
        why: one sentence.
        word: another word than the mark's own.
    """
    severity = {"warning": "warning", "note": "info"}.get(mark, "error")
    return Finding(
        code,
        QUESTIONS[code],
        ok=mark == "ok",
        value=word or WORDS[mark],
        severity=severity,  # type: ignore[arg-type]
        message=why,
    )


def is_it_up(
    at: pd.Series,
    now: pd.Timestamp,
    step: pd.Timedelta,
    later: Collection[object],
    requests: pd.DataFrame | None = None,
) -> Finding:
    """Judge whether predictions keep coming, and as many as before.

    Args:
        at: when each prediction was made, in the order of time.
        now: the moment of the report.
        step: the length of a window.
        later: versions that answered after this one's last answer.
        requests: for the golden signals.
    """
    last, quiet = at.iloc[-1], now - at.iloc[-1]
    if later and quiet > step:
        who = ", ".join(sorted(map(str, later)))
        return answer(
            "up", "note", f"its last answer was on {day(last)}; version {who} answers now", "Replaced"
        )
    if quiet > max(2 * at.diff().max(), step):
        return answer("up", "FAILED", f"no prediction since {day(last)}, {length(quiet)} ago")
    counts = at.dt.floor(step).value_counts()
    usual = float(counts.median())
    latest = int((at > now - step).sum())
    told = f"{latest:,} predictions within {length(step)}, {usual:,.0f} as a rule"
    signals = None if requests is None else golden_signals(requests)
    if signals is not None and not signals.ok:
        return answer("up", "FAILED", f"{told}; {signals.failures[0].message}")
    if len(counts) > 2 and latest < usual / 2:
        return answer("up", "warning", told)
    if signals is not None:
        told += "; " + "; ".join(f.message for f in signals if f.subject == "p95" or f.code == "errors")
    return answer("up", "ok", told)


def same_inputs(watch: Watch, refused: float, serving: Report | None) -> Finding:
    """Judge whether the inputs are those the model learned from; that they moved alone is no harm.

    Args:
        watch: has looked at the windows.
        refused: share of the last window's rows that break the contract.
        serving: whether the package answers those rows as serving did.
    """
    if not watch.windows:
        return answer("inputs", "note", f"no window holds {MIN_WINDOW} rows, too few to compare")
    if refused > REFUSED:
        return answer("inputs", "FAILED", f"{refused:.1%} of the last window's rows break the contract")
    if serving is not None and not serving.ok:
        return answer("inputs", "FAILED", "serving answers the same rows otherwise than the package does")
    rule, last = watch.inputs_rule, watch.windows[-1].drift
    alert = rule.judge([window.drift for window in watch.windows])
    if not alert.ok:
        which = named([finding.subject for finding in alert.failures])
        return answer("inputs", "warning", f"{which} moved, {rule.successive} windows in a row", "No")
    if not last.ok:
        which = named([finding.subject for finding in last.failures])
        return answer(
            "inputs", "warning", f"{which} moved in the last window; too little or too short to alert"
        )
    columns = len({finding.subject for finding in last if finding.code == "drift"})
    return answer("inputs", "ok", f"none of {columns} columns moved in the last window")


def is_it_right(watch: Watch, rows: pd.DataFrame) -> Finding:
    """Judge whether the loss is what the model promised, on the windows whose labels are in."""
    in_time = [window for window in watch.windows if window.performance is not None]
    judged = measured(in_time, "excess_loss")
    if not judged:
        return answer("right", "note", _why_unknown(watch, rows, bool(in_time)))
    alert = watch.loss_rule.judge([w.performance for w in in_time if w.performance is not None])
    window, last = judged[-1]
    told = f"{measured(in_time, 'loss')[-1][1].message}, {day(window.start)}"
    if not alert.ok:
        return answer("right", "FAILED", told)
    if last.failed:
        return answer("right", "warning", told)
    if window.end < in_time[-1].end:
        return answer("right", "warning", f"labels stopped arriving; until then {told}")
    return answer("right", "ok", told)


def _why_unknown(watch: Watch, rows: pd.DataFrame, due: bool) -> str:
    n = int(rows["label"].notna().sum())
    if not n:
        return f"none of {len(rows):,} predictions has a label yet"
    if not promises(watch.package):
        return f"{n:,} labels, but the model promised no loss to hold them against"
    wait = (
        "too few in any window"
        if due
        else f"they take {length(watch.label_delay)}, and no window has all of its own"
    )
    return f"{n:,} labels so far; {wait}"


def refused_share(package: ModelPackage, frame: pd.DataFrame) -> float:
    """Return the share of rows that the contract refuses."""
    refused = package.schema.select(package.features).quarantine(frame)[1]
    return len(refused) / max(len(frame), 1)


def scored_again(package: ModelPackage, rows: pd.DataFrame) -> Report | None:
    """Compare logged answers with the package's own on the same features; None where it cannot read them."""
    names = list(map(str, package.classes)) if package.task == "multiclass" else ["prediction"]
    try:
        offline = package.predict(features_of(rows)[list(package.features)])
    except RefusedError:
        return None
    logged = as_array(rows["prediction"], package)
    return compare_serving(pd.DataFrame(offline, columns=names), pd.DataFrame(logged, columns=names))


def promises(package: ModelPackage) -> bool:
    """Tell whether there is a loss that labels can be held against."""
    return package.task in ("binary", "multiclass") or squared_error(package) is not None
