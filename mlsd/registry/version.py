"""One registered version: its states, the moves between them, and how it is referred to."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from mlsd.report import RefusedError

CHAMPION = "champion"  # the alias of the version that is served
MOVES: dict[str, tuple[str, ...]] = {  # state -> states it can become
    "in_progress": ("publishing",),
    "publishing": ("published", "in_progress"),
    "published": ("deprecated",),
    "deprecated": (),
}
_NAME = r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}"
_REFERENCE = re.compile(rf"(?:models:/)?({_NAME})@({_NAME})|models:/({_NAME})/(\d+)")


@dataclass(frozen=True)
class Version:
    """One registered package: who made it when, where it stands, and the digests that identify it.

    Args:
        name: of the model.
        number: 1, 2, 3, ... for each name; that of a deleted version is never given again.
        state: `"in_progress"`, `"publishing"`, `"published"` or `"deprecated"`.
        group: the model group it belongs to, if any.
        created: when it was registered, UTC.
        created_by: who registered it.
        package_id: what it was made from (`ModelPackage.id`).
        digest: of its bytes (`ModelPackage.digest`).
        aliases: the names that point to it now, sorted.
        approved_by: who looked at it and found it good, in that order.
        tags: text by name, as `tag` set them.
        metrics: of its evaluation, by name.
        lineage: what it was made from, by name: `data`, `recipe.estimator`, ...
        against: what spoke against publishing it when it was registered, one sentence each.

    >>> now = pd.Timestamp("2024-02-05", tz="UTC")
    >>> Version("spam", 3, "published", None, now, "ann", "a1", "b2", ("champion",))
    Version(spam@3: published, champion)
    """

    name: str
    number: int
    state: str
    group: str | None
    created: pd.Timestamp
    created_by: str
    package_id: str
    digest: str
    aliases: tuple[str, ...] = ()
    approved_by: tuple[str, ...] = ()
    tags: Mapping[str, str] = field(default_factory=dict, hash=False)
    metrics: Mapping[str, float] = field(default_factory=dict, hash=False)
    lineage: Mapping[str, str] = field(default_factory=dict, hash=False)
    against: tuple[str, ...] = ()

    @property
    def reference(self) -> str:
        """How to ask for exactly this version: `"spam@3"`."""
        return f"{self.name}@{self.number}"

    def __repr__(self) -> str:
        return f"Version({self.reference}: {', '.join((self.state, *self.aliases))})"


def check_move(reference: str, state: str, target: str) -> None:
    """Refuse a move between states that is not in `MOVES`.

    >>> check_move("spam@3", "deprecated", "publishing")
    Traceback (most recent call last):
        ...
    mlsd.report.RefusedError: spam@3 is deprecated and cannot become publishing; \
a deprecated version stays what it is
    """
    if target not in MOVES[state]:
        legal = f"can become {' or '.join(MOVES[state])}" if MOVES[state] else "stays what it is"
        raise RefusedError(
            f"{reference} is {state} and cannot become {target}; "
            f"{'an' if state[0] == 'i' else 'a'} {state} version {legal}"
        )


def check_name(name: Any, what: str = "the model's name") -> str:
    """Return a name that is fit for references, files and addresses.

    Raises:
        RefusedError: it holds anything but ASCII letters, digits, '-', '_' and '.'.
    """
    if not isinstance(name, str) or not re.fullmatch(_NAME, name):
        raise RefusedError(
            f"{what} is {name!r}; expected at most 100 letters, digits, '-', '_' and '.', "
            "the first a letter or digit"
        )
    return name


def parse_reference(reference: Any) -> tuple[str, str]:
    """Return (name, alias or digits) of `"spam@champion"`, `"spam@3"` or MLflow's `"models:/spam/3"`.

    >>> parse_reference("models:/spam@champion"), parse_reference("models:/spam/3")
    (('spam', 'champion'), ('spam', '3'))

    Raises:
        RefusedError: it is no reference.
    """
    match = _REFERENCE.fullmatch(reference) if isinstance(reference, str) else None
    if match is None:
        raise RefusedError(
            f"{reference!r} refers to no version; expected 'name@champion', 'name@3' or 'models:/name/3'"
        )
    return (match[1], match[2]) if match[1] else (match[3], match[4])


def check_deletable(version: Version) -> None:
    """Refuse a version that somebody may need.

    Raises:
        RefusedError: an alias points to it, or it is published (deprecate it first).
    """
    if version.aliases:
        raise RefusedError(
            f"{version.reference} cannot be deleted: {', '.join(version.aliases)} points to it; "
            "let it point to another version first"
        )
    if version.state in ("publishing", "published"):
        first = "deprecate it" if version.state == "published" else "publish it again, or wait"
        raise RefusedError(f"{version.reference} is {version.state} and cannot be deleted; {first} first")
