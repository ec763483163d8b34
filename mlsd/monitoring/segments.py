"""Drift by segment: one part of the world can move while the whole stands still."""

from __future__ import annotations

from collections.abc import Mapping

from mlsd.monitoring.drift import LIMIT, check_pair, looks_of, new_columns
from mlsd.monitoring.looks import judged
from mlsd.profile import Profile
from mlsd.report import Finding, RefusedError, Report


def detect_drift_by(
    reference: Mapping[str, Profile],
    current: Mapping[str, Profile],
    *,
    alpha: float = 0.05,
    limit: float = LIMIT,
) -> Report:
    """Compare the segments of a window with the same segments of the reference, corrected together.

    The tests are those of `detect_drift`; Benjamini-Hochberg goes over all columns of all segments, so
    the whole report on unchanged rows false-alarms with probability at most about `alpha`. A segment
    with few rows can show large changes only. Leave the column that makes the segments out, or it is
    compared with itself.

    Args:
        reference: the profile of each segment, by name.
        current: those of the window, each `Profile.of(rows, like=reference[name])`.
        alpha: chance of a false alarm per report.
        limit: smallest share of a segment's rows that matters.

    Returns:
        The findings of `detect_drift`, `subject` being `segment: column`; a warning `absent` for a
        segment without rows in the window, `new_segment` for one that the reference does not have.

    Raises:
        RefusedError: no mapping of profiles, or a window not counted on the reference's cells.

    >>> import numpy as np, pandas as pd
    >>> rng = np.random.default_rng(0)
    >>> def day(late):  # parcels from two depots
    ...     return pd.DataFrame({"depot": ["Lyon"] * 900 + ["Metz"] * 100,
    ...                          "minutes": np.r_[rng.normal(30, 5, 900), rng.normal(30 + late, 5, 100)]})
    >>> reference = {name: Profile.of(rows[["minutes"]]) for name, rows in day(0).groupby("depot")}
    >>> window = {name: Profile.of(rows, like=reference[name]) for name, rows in day(9).groupby("depot")}
    >>> [finding.subject for finding in detect_drift_by(reference, window).failures]
    ['Metz: minutes']
    """
    for name, value in (("reference", reference), ("current", current)):
        if not isinstance(value, Mapping):
            raise RefusedError(f"{name} is a {type(value).__name__}; expected {{segment: Profile}}")
    both = [name for name in reference if name in current and current[name].n]
    for name in both:
        check_pair(reference[name], current[name], alpha, limit)
    looks = [look.under(str(name)) for name in both for look in looks_of(reference[name], current[name])]
    new = {found.subject: found for name in both for found in new_columns(reference[name], current[name])}
    lost = "the window holds no row of this segment"
    come = "the reference does not have this segment"
    others = [_segment("absent", name, lost) for name in reference if name not in both]
    others += [_segment("new_segment", name, come) for name in current if name not in reference]
    return Report("drift by segment", (*judged(looks, alpha, limit), *others, *new.values()))


def _segment(code: str, name: str, message: str) -> Finding:
    return Finding(code, str(name), ok=False, severity="warning", message=message)
