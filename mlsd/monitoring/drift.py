"""Data drift: do the rows of a window still come from where the reference came from?"""

from __future__ import annotations

from collections.abc import Mapping

from mlsd.monitoring.dependence import check_shares, dependent_rows
from mlsd.monitoring.looks import Look, judged, look_at
from mlsd.profile import Profile
from mlsd.report import Finding, RefusedError, Report

LIMIT = 0.005  # share of rows: half of the smallest change that `detect_drift` promises to tell


def detect_drift(
    reference: Profile,
    current: Profile,
    *,
    alpha: float = 0.05,
    limit: float = LIMIT,
    effective: float | Mapping[str, float] | None = None,
) -> Report:
    """Compare a window with its reference, column by column, and say what moved.

    Numbers are compared by rank location (Wilcoxon), rank scale (Mood), chi-square on at most 20
    merged cells and an exact test of what lies outside the reference; categories by a pooled
    chi-square, an exact test of the level that moved most, and the names never seen; missing values
    and values of a wrong type by exact tests. All are permutation tests on counts, combined within a
    column by weighted Bonferroni and over the report by Benjamini-Hochberg. So a report on unchanged,
    independent rows holds a significant finding with probability at most about `alpha`, for windows
    of any size. Rows that resemble their neighbours break this: at a lag-one correlation of 0.2
    reports of 20 columns alarm three times as often (a warning says so: `dependence`), and weekday
    rhythms do the same, so compare like with like, give `effective`, and alert on a rule over several
    windows.

    A finding fails when it is significant **and** its effect reaches `limit`; significant but smaller
    is a warning. The effect is the share of rows that moved (total variation, less what chance makes
    of it), alike for numbers and names. With 2,000 rows on both sides these are told, at the chance
    in brackets, in a report of 20 columns: mean +0.1 sd (0.4), mean +0.2 sd (1.0), variance x1.2
    (0.6), missing 1 % to 3 % (0.9), 2 % of rows times 1,000 (1.0), a new level of 1 % (0.99). A level
    that goes from 10 % to 12 % is not (0.05): that takes 10,000 rows (0.7).

    Args:
        reference: what is normal, `Profile.of(frame)`.
        current: the window, `Profile.of(frame, like=reference)`.
        alpha: chance of a false alarm per report.
        limit: smallest share of rows that matters; the default lies below every change above.
        effective: the share of rows that count as independent, for all columns or by name;
            `effective_shares` estimates it from quiet windows.

    Returns:
        A report with one finding or more per column (`subject`): `drift`, `missingness`, `type`,
        `absent`, `new_column`, or `not_compared` for text, keys and times. `details` carry the test that
        led, its statistic, p and adjusted p, the effect and what chance alone makes of it, the rows, and
        names that are new, vanished or perhaps renamed. The labels are not looked at: concept drift does not show here.

    Raises:
        RefusedError: the window was not counted on the reference's cells.

    Source: Benjamini and Hochberg, JRSS B 57 (1995); the tests name theirs in `count_tests`.

    >>> import numpy as np, pandas as pd
    >>> rng = np.random.default_rng(0)
    >>> reference = Profile.of(pd.DataFrame({"likes": rng.normal(10, 2, 5000)}))
    >>> window = Profile.of(pd.DataFrame({"likes": rng.normal(11, 2, 500)}), like=reference)
    >>> print(detect_drift(reference, window))
    drift: FAILED, 1 of 1 findings failed
      FAILED   drift   likes  the median moved from 9.944 to 11 (effect 0.2, by chance 0.077;
               rank z = 9.91, p = 1e-22, n = 500)
    """
    check_pair(reference, current, alpha, limit)
    shares = check_shares(effective)
    looks = looks_of(reference, current, shares)
    if reference.parts and all(look.code == "absent" for look in looks):
        return Report("drift", (_another_table(reference, current),))
    findings = judged(looks, alpha, limit) + new_columns(reference, current)
    return Report("drift", (*findings, *(() if effective else dependent_rows(reference, current))))


def looks_of(reference: Profile, current: Profile, shares: Mapping[str, float] | float = 1.0) -> list[Look]:
    """Return what is looked at in every column of the reference."""
    by_name = shares if isinstance(shares, Mapping) else {}
    whole = 1.0 if isinstance(shares, Mapping) else shares
    after = current.columns
    return [
        look
        for before in reference.parts
        for look in look_at(before, after.get(before.name), by_name.get(before.name, whole))
    ]


def new_columns(reference: Profile, current: Profile) -> list[Finding]:
    """Return a warning for each column that only the window has."""
    known = {part.name for part in reference.parts}
    words = "the reference does not have this column"
    return [
        Finding("new_column", name, ok=False, severity="warning", message=words)
        for name in sorted({*current.new_columns, *(part.name for part in current.parts)} - known)
    ]


def _another_table(reference: Profile, current: Profile) -> Finding:
    """Return one finding where each column would give one: the window is of another table."""
    lost = [part.name for part in reference.parts]
    theirs = sorted({*current.new_columns, *current.columns} - set(lost))
    words = f"the window has none of the reference's {len(lost)} columns ({', '.join(lost[:3])}, ...)"
    if theirs:
        words += f", but {', '.join(theirs[:3])}, ...: is it another table?"
    return Finding(
        "absent", ok=False, message=words, count=current.n, details={"absent": lost, "new": theirs}
    )


def check_pair(reference: Profile, current: Profile, alpha: float, limit: float) -> None:
    """Refuse what cannot be compared, in one sentence."""
    for name, value in (("reference", reference), ("current", current)):
        if not isinstance(value, Profile):
            kind = type(value).__name__
            raise RefusedError(f"{name} is a {kind}; expected a Profile: use Profile.of(frame)")
    if not 0 < alpha < 1 or not 0 <= limit < 1:
        raise RefusedError(f"alpha is {alpha} and limit is {limit}; expected shares between 0 and 1")
    columns = current.columns
    for before in reference.parts:
        after = columns.get(before.name)
        if after is not None and after.cells != before.cells:
            raise RefusedError(
                f"column {before.name!r} of the window is not counted on the reference's cells; "
                "build the window with Profile.of(frame, like=reference)"
            )
