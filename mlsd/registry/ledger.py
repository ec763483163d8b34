"""What a registry is written into, wherever that is; the rules above it are the same everywhere."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from typing import Any, NamedTuple, Protocol

from mlsd.package import ModelPackage
from mlsd.registry.version import CHAMPION, Version

ROLL_BACK = "roll back"
VERBS = ("register", "publish", "refuse", "deprecate", "approve", "tag", "delete")  # in the history
KEPT = ("state", "tags", "approved_by")  # what may change of a version


class Event(NamedTuple):
    """One line of the history: who did what to which version, and when (ISO 8601, UTC)."""

    at: str
    by: str
    number: int
    what: str
    before: str | None
    after: str


class Ledger(Protocol):
    """The book of one registry. It keeps what it is told; whether that is legal is decided above."""

    def transaction(self) -> AbstractContextManager[Any]:
        """Make what is written inside one step that nobody sees half done, where the place can."""

    def rule(self, name: str, value: str | None = None) -> str | None:
        """Return a rule of this registry; a value sets it first, unless it is set already."""

    def keep(self, name: str, package: ModelPackage) -> Any:
        """Keep the artifact of a package; return what `add` needs to find it again."""

    def add(self, draft: Version, kept: Any) -> int:
        """Write a new version; return its number, which was never given before."""

    def archive(self, version: Version) -> bytes:
        """Return the artifact of a version, its digest verified."""

    def names(self) -> list[str]:
        """Return the names of all models, sorted."""

    def find(self, name: str, number: int) -> Version | None:
        """Return a version, or None where there is none (any more)."""

    def versions(self, name: str | None = None) -> list[Version]:
        """Return the versions of one model, or of all, by name and number."""

    def pointed(self, name: str, alias: str) -> int | None:
        """Return the number an alias points to, or None."""

    def aliases(self, name: str) -> list[str]:
        """Return the aliases of a model, sorted."""

    def point(self, name: str, alias: str, number: int) -> None:
        """Let an alias point to a version."""

    def change(self, version: Version, **parts: Any) -> None:
        """Change `KEPT` parts of a version."""

    def remove(self, version: Version) -> None:
        """Forget a version, not its history."""

    def record(self, name: str, event: Event) -> None:
        """Write a line into the history of a model."""

    def events(self, name: str, *what: str) -> list[Event]:
        """Return the history of a model, oldest first; only some kinds where they are given."""


def previous_champion(events: Iterable[Event], is_published: Callable[[int], bool]) -> int | None:
    """Return the champion before the present one, passing over those no longer published.

    A roll-back undoes the step before it, so that two of them go two champions back.

    >>> steps = [(1, CHAMPION), (2, CHAMPION), (3, CHAMPION), (2, ROLL_BACK)]
    >>> events = [Event("", "", number, what, None, "") for number, what in steps]
    >>> previous_champion(events, is_published=lambda number: True)
    1
    """
    stack: list[int] = []
    for event in events:
        if event.what == CHAMPION:
            stack.append(event.number)
        elif event.what == ROLL_BACK:
            while stack[-1] != event.number:
                stack.pop()
    earlier = (number for number in reversed(stack[:-1]) if number != stack[-1] and is_published(number))
    return next(earlier, None)
