"""Names that came, names that went, and pairs of them that look like one name written anew."""

from __future__ import annotations

from typing import Any

import numpy as np

from mlsd.column_profile import ColumnProfile
from mlsd.monitoring.count_tests import exact_test

_GONE = 1e-3  # chance below which a name that does not come is said to have vanished
_ALIKE = 0.05  # p above which two shares are about equal


def level_changes(before: ColumnProfile, after: ColumnProfile) -> dict[str, Any]:
    """Return `new`, `vanished` and `renamed` names of a category; those that apply.

    A name has vanished when its rows all miss the window, which chance does with p < 0.001. It may have been renamed
    when a new name comes about as often (p > 0.05): a guess, from the shares alone, largest first.

    >>> from mlsd.profile import Profile
    >>> import pandas as pd
    >>> reference = Profile.of(pd.DataFrame({"topic": ["ml"] * 40 + ["art"] * 60}))
    >>> window = Profile.of(pd.DataFrame({"topic": ["ML"] * 45 + ["art"] * 55}), like=reference)
    >>> level_changes(reference.columns["topic"], window.columns["topic"])["renamed"]
    {'ml': 'ML'}
    """
    n, m = before.present, after.present
    if before.kind != "category":
        return {}
    enough = np.log(_GONE) / np.log(n / (n + m))  # so many rows do not all miss the window by chance
    vanished = {
        name: old
        for name, old, now in zip(before.levels, before.counts, after.counts, strict=False)
        if not now and old > enough
    }
    unseen = zip(after.unseen_names, after.unseen_counts, strict=True)
    new = dict(sorted(unseen, key=lambda pair: -pair[1]))
    renamed, free = {}, dict(new)
    for name, old in vanished.items():
        alike = [other for other, count in free.items() if exact_test(old, n, count, m) > _ALIKE]
        if alike:
            renamed[name] = min(alike, key=lambda other: abs(free[other] / m - old / n))
            del free[renamed[name]]
    found = {
        "new": {name: count / m for name, count in new.items()},
        "vanished": {name: count / n for name, count in vanished.items()},  # its share before
        "renamed": renamed,
    }
    return {what: names for what, names in found.items() if names}


def level_words(changes: dict[str, Any], new_told: bool) -> str:
    """Return what to add to a message: three names of each sort; new ones unless told already."""
    renamed, vanished = changes.get("renamed", {}), changes.get("vanished", {})
    gone = {name: share for name, share in vanished.items() if name not in renamed}
    new = {} if new_told else changes.get("new", {})
    parts = [
        ("renamed? ", [f"{old[:40]!r} to {now[:40]!r}" for old, now in renamed.items()]),
        ("vanished: ", [f"{name[:40]!r} ({share:.1%} before)" for name, share in gone.items()]),
        ("new: ", [f"{name[:40]!r}" for name in new if name not in renamed.values()]),
    ]
    return "".join(f"; {what}{_three(names)}" for what, names in parts if names)


def _three(names: list[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
