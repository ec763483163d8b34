"""Named groups: whoever is protected is judged alone, however small, and never passed in silence."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from mlsd.column import near
from mlsd.plain import is_missing
from mlsd.report import Finding, RefusedError, Severity
from mlsd.training.intervals import MIN_ROWS
from mlsd.training.slices import LEVEL, MARGIN, Parts, cut_numbers, part_sums

MAX_PARTS = 50  # distinct values of a group's column
MAX_WHOLE = 10  # more distinct numbers are cut at their quartiles


def judge_groups(
    frame: pd.DataFrame, groups: Sequence[str], losses: np.ndarray, champion: np.ndarray | None
) -> list[Finding]:
    """Judge each part of the named columns: a group that is worse off than before stops the model.

    A part fails as a slice does, corrected over the named parts alone. Where its 95 % interval does
    not exclude a loss beyond the margin, or it has fewer than 30 rows, the finding is a warning,
    "cannot tell": more labels are needed. Without champion each part's loss is told.

    Args:
        frame: n rows with the columns, which need not be features.
        groups: columns with at most 50 values, or numbers, which are cut at their quartiles.
        losses: shape (n,), the model's loss on each row.
        champion: shape (n,), the champion's loss on the same rows, or None.

    Raises:
        RefusedError: a column is not there, or has too many values to be groups.
    """
    if isinstance(groups, str):
        raise RefusedError(f"groups is the text {groups!r}; expected a list of columns, such as [{groups!r}]")
    values = losses if champion is None else losses - champion
    names: list[str] = []
    sums: list[np.ndarray] = []
    for name in groups:
        words, codes = _cut(frame, name)
        names += words
        sums.append(part_sums(codes, len(words), values))
    if not names:
        return []
    table = np.concatenate(sums)
    there = table[:, 0] > 0
    parts = Parts.of([word for word, some in zip(names, there, strict=True) if some], table[there])
    if champion is None:
        return [_told(parts, i, float(losses.mean())) for i in range(len(parts.names))]
    adjusted, margin = np.ones(len(parts.n)), MARGIN * float(champion.mean())
    enough = parts.n >= MIN_ROWS
    adjusted[enough] = Parts([], parts.n[enough], parts.mean[enough], parts.error[enough]).adjusted()
    return [_judged(parts, i, margin, bool(adjusted[i] < LEVEL)) for i in range(len(parts.names))]


def _judged(parts: Parts, i: int, margin: float, shown: bool) -> Finding:
    n, mean, (low, high) = int(parts.n[i]), float(parts.mean[i]), _interval(parts, i)
    details = {"level": 0.95, "n": n}
    if n < MIN_ROWS:
        message = f"cannot tell: {n} rows, needs {MIN_ROWS}"
        return Finding("group", parts.names[i], False, None, margin, message, "warning", n, details=details)
    worse, unsure = shown and mean > margin, high > margin
    verdict = "worse off" if worse else "cannot tell" if unsure else "not worse off"
    severity: Severity = "warning" if unsure and not worse else "error"
    message = (
        f"{verdict}: loses {mean:+.3g} a row to the champion, {low:+.3g} to {high:+.3g}, on {n:,} rows; "
        f"allowed are {margin:.3g}"
    )
    return Finding(
        "group", parts.names[i], not (worse or unsure), mean, margin, message, severity, n,
        interval=(low, high), details=details,
    )  # fmt: skip


def _told(parts: Parts, i: int, overall: float) -> Finding:
    n, mean = int(parts.n[i]), float(parts.mean[i])
    if n < MIN_ROWS:
        message = f"cannot tell: {n} rows, needs {MIN_ROWS}"
        return Finding("group", parts.names[i], False, None, None, message, "warning", n, details={"n": n})
    low, high = _interval(parts, i)
    message = f"loss {mean:.3g}, {low:.3g} to {high:.3g}, on {n:,} rows; {overall:.3g} on all"
    details = {"level": 0.95, "n": n, "overall": overall}
    return Finding(
        "group", parts.names[i], True, mean, None, message, "info", n, interval=(low, high), details=details
    )


def _interval(parts: Parts, i: int) -> tuple[float, float]:
    from scipy.special import stdtrit

    half = float(stdtrit(max(parts.n[i] - 1, 1), 0.975) * parts.error[i])
    return float(parts.mean[i]) - half, float(parts.mean[i]) + half


def _cut(frame: pd.DataFrame, name: str) -> tuple[list[str], np.ndarray]:
    """Return the names of a column's parts, the last for what is missing, and the part of each row, (n,)."""
    if name not in frame:
        raise RefusedError(f"groups names {name!r}, which is no column{near(name, list(frame.columns))}")
    column = frame[name]
    missing = is_missing(column)
    if pd.api.types.is_numeric_dtype(column) and column.nunique() > MAX_WHOLE:
        names, codes = cut_numbers(name, column.to_numpy(dtype="float64", na_value=np.nan))
    else:
        codes, words = pd.factorize(column.astype(object).where(~missing).astype("string"), sort=True)
        names = [f"{name}={word}" for word in words]
    if len(names) > MAX_PARTS:
        raise RefusedError(
            f"groups names {name!r}, which has {len(names):,} values; expected at most {MAX_PARTS}, "
            "such as a language or an age group"
        )
    return [*names, f"{name} missing"], np.where(missing, len(names), codes)
