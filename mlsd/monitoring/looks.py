"""Looks: what is tested on one column of a window, before it is known how many tests were taken."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from mlsd.column_profile import COMPARED, ORDERED, ColumnProfile
from mlsd.monitoring.column_tests import count_vector, named_tests, ordered_tests
from mlsd.monitoring.count_tests import chance_share, exact_test, merged, moved_share
from mlsd.monitoring.drift_words import LABELS, calm, describe, not_compared
from mlsd.monitoring.level_changes import level_changes, level_words
from mlsd.report import Finding
from mlsd.stats import benjamini_hochberg

PLAINEST = ("location", "scale", "outside", "unseen", "share", "level", "shape")


@dataclass(frozen=True)
class Look:
    """One look at one column.

    Args:
        code, subject: those of the finding that it becomes.
        message: what is said when it moved; `calm` when it did not.
        p: its chance without drift; None when nothing was tested.
        effect: the share of rows that moved; `by_chance` what two samples of these sizes differ by.
        count: the rows concerned.
        details: sizes, the test that led and its statistic.
    """

    code: str
    subject: str
    message: str
    calm: str = ""
    p: float | None = None
    effect: float = 0.0
    by_chance: float = 0.0
    count: int = 0
    details: dict[str, Any] = field(default_factory=dict)

    def under(self, segment: str) -> Look:
        """Return the same look, of one segment."""
        subject = f"{segment}: {self.subject}"
        return replace(self, subject=subject, details={**self.details, "segment": segment})


def judged(looks: Sequence[Look], alpha: float, limit: float) -> list[Finding]:
    """Return a finding for each look, corrected for all of them together (Benjamini-Hochberg)."""
    tested = [look for look in looks if look.p is not None]
    adjusted = benjamini_hochberg([look.p for look in tested])
    by_look = dict(zip(map(id, tested), adjusted, strict=True))
    return [_judge(look, by_look.get(id(look)), alpha, limit) for look in looks]


def _judge(look: Look, adjusted: float | None, alpha: float, limit: float) -> Finding:
    if look.code == "absent":
        return Finding("absent", look.subject, ok=False, message=look.message, count=look.count)
    if adjusted is None:
        return Finding(look.code, look.subject, message=look.message, details=look.details)
    significant, matters = bool(adjusted <= alpha), look.effect >= limit
    message = look.calm or look.message
    if significant:
        small = "" if matters else f"detected, below the effect limit {limit:g}; "
        message = f"{look.message} ({small}{_evidence(look, adjusted)})"
    tests = {"p": look.p, "adjusted_p": adjusted, "effect": look.effect, "by_chance": look.by_chance}
    return Finding(
        look.code,
        look.subject,
        ok=not significant,
        value=look.effect,
        limit=limit,
        severity="error" if matters or not significant else "warning",
        message=message,
        count=look.count if significant else 0,
        details={**look.details, **tests},
    )


def _evidence(look: Look, adjusted: float) -> str:
    chance = f"p = {adjusted:.1g}" if adjusted > 1e-99 else "p < 1e-99"
    test = f"{LABELS[look.details['led_by']]} = {look.details['statistic']:.3g}"
    effect = f"effect {look.effect:.2g}, by chance {look.by_chance:.2g}"
    return f"{effect}; {test}, {chance}, n = {look.details['n_current']:,}"


def look_at(before: ColumnProfile, after: ColumnProfile | None, share: float = 1.0) -> list[Look]:
    """Return what is looked at in one column: its values, missing values, values of a wrong type.

    Args:
        before, after: the column in the reference and in the window; None when it is not there.
        share: of the rows, those that count as independent.
    """
    if after is None or after.absent:
        gone = "the window does not have this column"
        return [Look("absent", before.name, gone, count=after.n if after else 0)]
    if before.kind in COMPARED:
        looks = [_compare(before, after, share)]
    else:
        looks = [Look("not_compared", before.name, not_compared(before, after))]
    a, b = before.missing, after.missing
    if before.n and after.n and 0 < a + b < before.n + after.n:
        words = f"missing in {b / after.n:.1%} of rows, {a / before.n:.1%} before"
        looks.append(_two_cells("missingness", before.name, (a, before.n, b, after.n), words, share))
    a, b, n, m = before.wrong_type, after.wrong_type, before.n - before.missing, after.n - after.missing
    if n and m and a + b:
        words = f"{b / m:.1%} of values are of another type than {before.kind}, {a / n:.1%} before"
        looks.append(_two_cells("type", before.name, (a, n, b, m), words, share))
    return looks


def _two_cells(code: str, name: str, rows: tuple[int, int, int, int], words: str, share: float) -> Look:
    a, n, b, m = (count * share for count in rows)
    cells = [a, n - a], [b, m - b]
    return Look(
        code,
        name,
        words,
        p=exact_test(a, n, b, m),
        effect=moved_share(*cells),
        by_chance=chance_share(*cells),
        count=rows[2],
        details={"n_reference": rows[1], "n_current": rows[3], "led_by": "share", "statistic": rows[2]},
    )


def _compare(before: ColumnProfile, after: ColumnProfile, share: float) -> Look:
    n, m = before.present, after.present
    sizes = {"n_reference": n, "n_current": m}
    if not n or not m:
        where = "the window" if n else "the reference"
        return Look("drift", before.name, f"cannot judge: {where} holds no value", details=sizes)
    reference, current = count_vector(before) * share, count_vector(after) * share
    tests = ordered_tests if before.kind in ORDERED else named_tests
    answers, weights = tests(reference, current, before)
    led = min(answers, key=lambda answer: answer.p / weights[answer.name])
    cells = {a.name: (merged(reference, a.groups), merged(current, a.groups)) for a in answers}
    shares = {name: moved_share(*both) for name, both in cells.items()}
    widest = max((led.name, "shape"), key=lambda name: shares.get(name, -1.0))
    effect = shares[widest]
    told = next(  # the plainest picture that shows nearly all of the change
        answer
        for answer in sorted(answers, key=lambda answer: PLAINEST.index(answer.name))
        if answer is led or (answer.p / weights[answer.name] < 1e-3 and shares[answer.name] >= 0.8 * effect)
    )
    changes = level_changes(before, after)
    return Look(
        "drift",
        before.name,
        describe(before, after, told) + level_words(changes, told.name == "unseen"),
        calm(before, after),
        p=min(1.0, led.p / weights[led.name]),
        effect=effect,
        by_chance=chance_share(*cells[widest]),
        count=m,
        details={**sizes, "led_by": led.name, "statistic": led.statistic, **changes},
    )
