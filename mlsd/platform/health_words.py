"""The health of a model in words: its title, what to do, and the whole as text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import pandas as pd

from mlsd.report import Finding

if TYPE_CHECKING:
    from mlsd.platform.health import Health
    from mlsd.platform.watch import Window

ADVICE = {  # the kind of trouble -> what to do about it
    "data fault": (
        "Quarantine the rows that break the contract; the others go on.",
        "Call the team upstream: which column, since when, how many rows.",
    ),
    "training-serving skew": (
        "Score the same rows in training and in serving, and compare both paths column by column.",
        "Mend the path that is wrong; do not retrain on its rows.",
    ),
    "data drift": (
        "Do nothing to the model: the inputs moved, and it does no harm.",
        "Watch the performance of the next windows, of the groups that grew first.",
    ),
    "target drift": (
        "Recalibrate the model, or move the threshold: one answer became more frequent.",
        "Then retrain on recent rows, through the gate.",
    ),
    "concept drift": (
        "Label recent rows: only they know what the same row means now.",
        "Retrain on rows since the trouble began, and let the gate judge the candidate.",
        "Until then, let a rule or a person decide the costly cases.",
    ),
    "cannot tell yet": ("Wait for labels{until}; whether it hurts is not known before.",),
}
CALM = "Do nothing."
NOTHING = "No input, in the last window."
_TOLD = 8  # columns named


def title_of(health: Health) -> str:
    """Return the conclusion: what is down, what is wrong, what moved, or that all is well."""
    up, inputs, right = health.card
    if up.failed:
        return f"{health.model} has stopped answering"
    if health.kind == "data fault":
        return f"{health.model} receives broken rows"
    if health.kind == "training-serving skew":
        return f"{health.model} answers in service otherwise than in training"
    if right.failed:
        cause = "the cause is not known yet" if health.kind == "cannot tell yet" else health.kind
        return f"{health.model} is worse than it promised: {cause}"
    moved = "The inputs moved" if inputs.value == "No" else "The inputs are the same"
    if right.mark == "note":
        return f"{moved}; whether {health.model} is still right is not known yet"
    if inputs.value == "No":
        return f"The inputs moved, and {health.model} is still as good as it promised"
    if "warning" in (up.mark, inputs.mark, right.mark):
        return f"{health.model} is as good as it promised, with something to watch"
    return f"{health.model} is as good as it promised, on inputs like those it learned from"


def advice_for(health: Health) -> tuple[str, ...]:
    """Return what to do, the first thing first."""
    up, inputs, right = health.card
    down = ("Look whether the service runs and whether requests reach it.",) if up.failed else ()
    if health.kind in ADVICE:
        return down + tuple(line.format(until=_until(health)) for line in ADVICE[health.kind])
    if right.mark == "note" and health.rate:
        return (*down, "Wait for the labels; until then nobody can say whether the answers became wrong.")
    if right.mark == "note":
        return (*down, "Bring labels back: without them nobody can say whether the answers became wrong.")
    if "warning" in (up.mark, inputs.mark, right.mark):
        return (*down, "Wait for the next window: one that fails alone is no alert.")
    return down or (CALM,)


def _until(health: Health) -> str:
    """Return when enough labels will be in, as far as one can tell."""
    labels = next((f for f in health.diagnosis if f.code == "labels" and not f.ok), None)
    if labels is None or not health.rate:
        return ""
    days = (labels.limit - labels.value) / health.rate
    return f" until about {day(health.now + pd.Timedelta(days, 'D'))} ({labels.value:,} of {labels.limit:,} are in)"


def changed(health: Health) -> list[Finding]:
    """Return what moved in the last window, furthest first."""
    if not health.windows:
        return []
    found = [f for f in health.windows[-1].drift if not f.ok]
    return sorted(found, key=lambda f: (not f.failed, -(f.value or 0)))


def measured(windows: Iterable[Window], code: str) -> list[tuple[Window, Finding]]:
    """Return each window whose labels are in, with what `judge_performance` found under a code."""
    reports = [(w, w.performance.findings) for w in windows if w.performance is not None]
    return [(w, f) for w, findings in reports for f in findings if f.code == code]


def hurts(health: Health) -> list[str]:
    """Return the loss of the newest window that could be judged, or why none could."""
    excess = measured(health.windows, "excess_loss")
    first = excess[-1][1].message if excess else health.card.findings[2].message
    return [first, *(finding.message for finding in health.labels)]


def span(health: Health) -> str:
    """Return what was looked at, in words."""
    if not health.windows:
        return f"as of {moment(health.now)}"
    first, last = health.windows[0], health.windows[-1]
    rows = sum(window.n for window in health.windows)
    return (
        f"as of {moment(health.now)}: {rows:,} predictions in {len(health.windows)} windows of "
        f"{length(last.end - last.start)}, {day(first.start)} to {day(last.end - pd.Timedelta(1, 'us'))}"
    )


def as_text(health: Health) -> str:
    """Return the whole as plain lines."""
    card = [f"  {f.subject:<26}{f.value:<9} {f.message}" for f in health.card]
    sections = {
        "What changed": [f"{f.subject}: {f.message}" for f in changed(health)[:_TOLD]] or [NOTHING],
        "Does it hurt?": hurts(health),
        "What to do": list(health.advice),
        "Not looked at": list(health.absent),
    }
    told = [
        f"\n{title}\n" + "\n".join(f"  {line}" for line in lines)
        for title, lines in sections.items()
        if lines
    ]
    return "\n".join([health.title, span(health), "", *card, *told])


def named(names: Sequence[str]) -> str:
    """Return the first names: `"n_links, topic and 3 more"`."""
    names = list(dict.fromkeys(names))
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more


def day(at: pd.Timestamp) -> str:
    """Return a date as people say it."""
    return f"{at.day} {at:%B %Y}"


def moment(at: pd.Timestamp) -> str:
    """Return a moment to the minute, in UTC."""
    return f"{day(at)}, {at:%H:%M} UTC"


def length(time: pd.Timedelta) -> str:
    """Return a length of time in its largest unit: `"1 day"`, `"6 hours"`."""
    for unit, name in (("D", "day"), ("h", "hour"), ("min", "minute"), ("s", "second")):
        count = time / pd.Timedelta(1, unit)
        if count >= 1:
            return f"{count:.3g} {name}{'' if count == 1 else 's'}"
    return f"{time.total_seconds():.2g} seconds"
