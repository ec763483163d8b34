"""Data drift: do the rows of a window still come from where the reference came from?"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from mlsd.column_profile import COMPARED, ORDERED, ColumnProfile
from mlsd.monitoring.column_tests import count_vector, named_tests, ordered_tests
from mlsd.monitoring.count_tests import exact_test, merged, moved_share
from mlsd.monitoring.drift_words import calm, describe, not_compared
from mlsd.profile import Profile
from mlsd.report import Finding, Report
from mlsd.stats import benjamini_hochberg

LIMIT = 0.005  # share of rows: half of the smallest change that `detect_drift` promises to tell
PLAINEST = ("location", "scale", "outside", "unseen", "share", "level", "shape")


def detect_drift(
    reference: Profile, current: Profile, *, alpha: float = 0.05, limit: float = LIMIT
) -> Report:
    """Compare a window with its reference, column by column, and say what moved.

    Numbers are compared by rank location (Wilcoxon), rank scale (Mood), chi-square on at most 20
    merged cells and an exact test of what lies outside the reference; categories by a pooled
    chi-square, an exact test of the level that moved most, and the names never seen; missing values
    and values of a wrong type by exact tests. All are permutation tests on counts, combined within a
    column by weighted Bonferroni and over the report by Benjamini-Hochberg. So a report on unchanged,
    independent rows holds a significant finding with probability at most about `alpha`, for windows
    of any size. Rows that resemble their neighbours break this: at a lag-one correlation of 0.2
    reports of 20 columns alarm three times as often, and weekday rhythms do the same, so compare like
    with like and alert on a rule over several windows.

    A finding fails when it is significant **and** its effect reaches `limit`; significant but smaller
    is a warning. The effect is the share of rows that moved (total variation, less what chance makes
    of it), alike for numbers and names. With 2,000 rows on both sides these are told, at the chance
    in brackets, in a report of 20 columns: mean +0.1 sd (0.4), mean +0.2 sd (1.0), variance x1.2
    (0.5), missing 1 % to 3 % (0.9), 2 % of rows times 1,000 (1.0), a new level of 1 % (0.95). A level
    that goes from 10 % to 12 % is not (0.03): that takes 10,000 rows.

    Args:
        reference: what is normal, `Profile.of(frame)`.
        current: the window, `Profile.of(frame, like=reference)`.
        alpha: chance of a false alarm per report.
        limit: smallest share of rows that matters; the default lies below every change above.

    Returns:
        A report with one finding or more per column (`subject`): `drift`, `missingness`, `type`,
        `absent`, `new_column`, or `not_compared` for text, keys and times. `details` carry p-values,
        rows and the test that led. The labels are not looked at: concept drift does not show here.

    Raises:
        ValueError: the window was not counted on the reference's cells.

    Source: Benjamini and Hochberg, JRSS B 57 (1995); the tests name theirs in `count_tests`.

    >>> import numpy as np, pandas as pd
    >>> rng = np.random.default_rng(0)
    >>> reference = Profile.of(pd.DataFrame({"likes": rng.normal(10, 2, 5000)}))
    >>> window = Profile.of(pd.DataFrame({"likes": rng.normal(11, 2, 500)}), like=reference)
    >>> print(detect_drift(reference, window))
    drift: FAILED, 1 of 1 findings failed
      FAILED   drift   likes  the median moved from 9.944 to 11 (effect 0.2, p = 1e-22)
    """
    _check(reference, current, alpha, limit)
    looks = []
    for before in reference.parts:
        looks += _look(before, current.columns.get(before.name))
    tested = [look for look in looks if look.p is not None]
    adjusted = benjamini_hochberg([look.p for look in tested])
    judged = dict(zip(map(id, tested), adjusted, strict=True))
    findings = [_judge(look, judged.get(id(look)), alpha, limit) for look in looks]
    known = {part.name for part in reference.parts}
    new = sorted({*current.new_columns, *(part.name for part in current.parts)} - known)
    findings += [
        Finding(
            "new_column",
            name,
            ok=False,
            severity="warning",
            message="the reference does not have this column",
        )
        for name in new
    ]
    return Report("drift", tuple(findings))


@dataclass(frozen=True)
class _Look:
    """One look at one column, before it is known how many were taken."""

    code: str
    subject: str
    message: str  # what is said when it moved
    calm: str = ""  # and when it did not
    p: float | None = None
    effect: float | None = None
    count: int = 0
    details: dict[str, Any] = field(default_factory=dict)


def _check(reference: Profile, current: Profile, alpha: float, limit: float) -> None:
    for name, value in (("reference", reference), ("current", current)):
        if not isinstance(value, Profile):
            raise ValueError(f"{name} is a {type(value).__name__}; expected a Profile: use Profile.of(frame)")
    if not 0 < alpha < 1 or not 0 <= limit < 1:
        raise ValueError(f"alpha is {alpha} and limit is {limit}; expected shares between 0 and 1")
    for before in reference.parts:
        after = current.columns.get(before.name)
        if after is not None and after.cells != before.cells:
            raise ValueError(
                f"column {before.name!r} of the window is not counted on the reference's cells; "
                "build the window with Profile.of(frame, like=reference)"
            )


def _judge(look: _Look, adjusted: float | None, alpha: float, limit: float) -> Finding:
    if look.code == "absent":
        return Finding("absent", look.subject, ok=False, message=look.message, count=look.count)
    if adjusted is None:
        return Finding(look.code, look.subject, message=look.message, details=look.details)
    significant = bool(adjusted <= alpha)
    matters = look.effect is not None and look.effect >= limit
    message = look.calm or look.message
    if significant:
        chance = f"p = {adjusted:.1g}" if adjusted > 1e-99 else "p < 1e-99"
        small = "" if matters else f", too small to matter: the limit is {limit:g}"
        message = f"{look.message} (effect {look.effect:.2g}, {chance}{small})"
    return Finding(
        look.code,
        look.subject,
        ok=not significant,
        value=look.effect,
        limit=limit,
        severity="error" if matters or not significant else "warning",
        message=message,
        count=look.count if significant else 0,
        details={**look.details, "p": look.p, "adjusted_p": adjusted, "effect": look.effect},
    )


def _look(before: ColumnProfile, after: ColumnProfile | None) -> list[_Look]:
    if after is None or after.absent:
        return [
            _Look(
                "absent", before.name, "the window does not have this column", count=after.n if after else 0
            )
        ]
    sizes = {"n_reference": before.n, "n_current": after.n}
    if before.kind in COMPARED:
        looks = [_compare(before, after)]
    else:
        looks = [_Look("not_compared", before.name, not_compared(before, after))]
    a, b = before.missing, after.missing
    if before.n and after.n and 0 < a + b < before.n + after.n:
        words = f"missing in {_share(b, after.n)} of rows, {_share(a, before.n)} before"
        looks.append(_two_cells("missingness", before.name, a, before.n, b, after.n, words, sizes))
    a, b, n, m = before.wrong_type, after.wrong_type, before.n - before.missing, after.n - after.missing
    if n and m and a + b:
        words = f"{_share(b, m)} of values are of another type than {before.kind}, {_share(a, n)} before"
        looks.append(_two_cells("type", before.name, a, n, b, m, words, sizes))
    return looks


def _two_cells(
    code: str, name: str, a: int, n: int, b: int, m: int, words: str, sizes: dict[str, int]
) -> _Look:
    effect = moved_share([a, n - a], [b, m - b])
    return _Look(
        code,
        name,
        words,
        p=exact_test(a, n, b, m),
        effect=effect,
        count=b,
        details={**sizes, "led_by": "share"},
    )


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.1%}"


def _compare(before: ColumnProfile, after: ColumnProfile) -> _Look:
    n, m = before.present, after.present
    sizes = {"n_reference": n, "n_current": m}
    if not n or not m:
        where = "the window" if n else "the reference"
        return _Look("drift", before.name, f"cannot judge: {where} holds no value", details=sizes)
    reference, current = count_vector(before), count_vector(after)
    ordered = before.kind in ORDERED
    answers, weights = (ordered_tests if ordered else named_tests)(reference, current, before)
    led = min(answers, key=lambda answer: answer.p / weights[answer.name])
    p = min(1.0, led.p / weights[led.name])
    shares = {a.name: moved_share(merged(reference, a.groups), merged(current, a.groups)) for a in answers}
    effect = max(shares[led.name], shares.get("shape", 0.0))
    told = next(  # the plainest picture that shows nearly all of the change
        answer
        for answer in sorted(answers, key=lambda answer: PLAINEST.index(answer.name))
        if answer is led or (answer.p / weights[answer.name] < 1e-3 and shares[answer.name] >= 0.8 * effect)
    )
    moved, still = describe(before, after, told), calm(before, after)
    details = {**sizes, "led_by": led.name}
    return _Look("drift", before.name, moved, still, p, effect, count=m, details=details)
