"""The publishing screen: one line a version, and what may be done with it now."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd

from mlsd.registry.ledger import ROLL_BACK, Event, previous_champion
from mlsd.registry.version import CHAMPION, Version

COLUMNS = (
    "model name", "publish name", "version", "model group", "created", "created by", "status", "actions",
)  # fmt: skip


def screen_of(
    versions: list[Version], events: Callable[..., list[Event]], needs_approval: bool
) -> pd.DataFrame:
    """Return the screen of some versions; `events` reads the history of a model."""
    published = {(version.name, version.number) for version in versions if version.state == "published"}
    earlier = {}
    for name in {version.name for version in versions}:
        numbers = {number for other, number in published if other == name}
        earlier[name] = previous_champion(events(name, CHAMPION, ROLL_BACK), numbers.__contains__)
    rows = [
        (
            version.name,
            " ".join(f"{version.name}@{alias}" for alias in version.aliases) or version.reference,
            version.number,
            version.group or "",
            version.created,
            version.created_by,
            version.state,
            _told(version, earlier[version.name] is not None, needs_approval),
        )
        for version in versions
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _told(version: Version, earlier: bool, needs_approval: bool) -> str:
    told = ", ".join(actions(version, earlier, needs_approval))
    if version.state in ("in_progress", "publishing") and version.against:
        return "; ".join(filter(None, (told, f"unpublishable: {'; '.join(version.against)}")))
    return told


def actions(version: Version, earlier: bool = False, needs_approval: bool = False) -> list[str]:
    """Return what may be done with a version now.

    Args:
        version: as it stands now.
        earlier: whether there is a champion to roll back to.
        needs_approval: whether somebody must approve a version before it is published.

    >>> now = pd.Timestamp("2024-02-05", tz="UTC")
    >>> actions(Version("spam", 3, "published", None, now, "ann", "a1", "b2"))
    ['make champion', 'deprecate']
    """
    waits = needs_approval and not version.approved_by
    is_champion = CHAMPION in version.aliases
    unpublished = version.state in ("in_progress", "publishing")
    legal = {
        "approve": unpublished and waits,
        "publish": unpublished and not waits and not version.against,
        "make champion": version.state == "published" and not is_champion,
        "deprecate": version.state == "published" and not is_champion,
        "roll back": is_champion and earlier,
        "delete": version.state in ("in_progress", "deprecated") and not version.aliases,
    }
    return [action for action, ok in legal.items() if ok]
