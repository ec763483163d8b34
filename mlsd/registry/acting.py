"""Acting on a registry: the moves between states, and nobody can skip one."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import pandas as pd

from mlsd.package import ModelPackage
from mlsd.plain import utc, utc_now
from mlsd.registry.asking import Asking
from mlsd.registry.gate import judge_package
from mlsd.registry.ledger import ROLL_BACK, VERBS, Event, previous_champion
from mlsd.registry.search import lineage_of, metrics_of
from mlsd.registry.version import CHAMPION, Version, check_deletable, check_move, check_name
from mlsd.report import RefusedError


class Acting(Asking):
    """The moves that any registry allows. `by` is who makes one, `now` when: default this moment."""

    def register(
        self,
        name: str,
        package: ModelPackage,
        *,
        group: str | None = None,
        by: str = "",
        now: datetime | None = None,
    ) -> Version:
        """Keep a package as the next version of a model, in progress.

        Args:
            name: letters, digits, '-', '_' and '.'.
            package: what to keep.
            group: the model group it belongs to.
            by: who registers it.
            now: when; default this moment.

        Raises:
            RefusedError: the name is not usable, or the disk refuses.
        """
        check_name(name)
        if group is not None:
            check_name(group, "the group")
        if not isinstance(package, ModelPackage):
            raise RefusedError(f"{name} was given a {type(package).__name__}; expected a ModelPackage")
        by, at = _signed(by, now)
        draft = Version(
            name, 0, "in_progress", group, pd.Timestamp(at), by, package.id, package.digest,
            metrics=metrics_of(package), lineage=lineage_of(package),
            against=tuple(finding.message for finding in judge_package(name, package).failures),
        )  # fmt: skip
        kept = self._ledger.keep(name, package)
        with self._ledger.transaction():
            number = self._ledger.add(draft, kept)
            self._ledger.record(name, Event(at, by, number, "register", None, "in_progress"))
        return self.get(name, number)

    def approve(self, version: Version, *, by: str, now: datetime | None = None) -> Version:
        """Say by name that a version was looked at and may be published: four eyes see more than two.

        Raises:
            RefusedError: nobody is named, it is whoever registered the version, or that is nobody; the
                version is published or deprecated already.
        """
        name, number = _checked(version)
        by, at = _signed(by, now)
        with self._ledger.transaction():
            found = self.get(name, number)
            _check_four_eyes(found, by)
            if by in found.approved_by:
                return found
            self._ledger.change(found, approved_by=(*found.approved_by, by))
            self._ledger.record(name, Event(at, by, number, "approve", None, "approved"))
        return self.get(name, number)

    def publish(self, version: Version, *, by: str = "", now: datetime | None = None) -> Version:
        """Publish a version and make it the champion, when nothing speaks against it.

        The version is `publishing` while it is judged; a call that was killed meanwhile can be made
        again. Publishing the champion again changes nothing.

        Raises:
            RefusedError: the move is not legal, nobody is named where approval is needed, or the
                version is unpublishable: it goes back to `in_progress`, and the error carries the
                report with the reasons.
        """
        name, number = _checked(version)
        by, at = _signed(by, now)
        with self._ledger.transaction():
            found = self.get(name, number)
            if found.state == "published" and CHAMPION in found.aliases:
                return found
            if found.state == "published":
                raise RefusedError(
                    f"{found.reference} is published already; "
                    f"alias({name!r}, 'champion', {number}) makes it the champion again"
                )
            if not by.strip() and self._needs_approval:
                raise RefusedError(
                    f"{found.reference} cannot be published by nobody: this registry needs names; say by="
                )
            if found.state != "publishing":
                self._move(found, "publishing", "publish", at, by)
        report = self.unpublishable(found)
        with self._ledger.transaction():
            found = self.get(name, number)
            if not report.ok and found.state == "publishing":
                self._move(found, "in_progress", "refuse", at, by)
            elif report.ok and found.state != "published":  # nobody else was faster
                self._move(found, "published", "publish", at, by)
                self._point(name, CHAMPION, number, at, by)
        report.raise_for_failures()
        return self.get(name, number)

    def deprecate(self, version: Version, *, by: str = "", now: datetime | None = None) -> Version:
        """Take a published version out of use, for good.

        Raises:
            RefusedError: it is the champion, or it is not published.
        """
        name, number = _checked(version)
        by, at = _signed(by, now)
        with self._ledger.transaction():
            found = self.get(name, number)
            if CHAMPION in found.aliases:
                raise RefusedError(
                    f"{found.reference} is the champion and cannot be deprecated; "
                    "publish another version or roll back first"
                )
            self._move(found, "deprecated", "deprecate", at, by)
        return self.get(name, number)

    def alias(
        self, name: str, alias: str, number: int, *, by: str = "", now: datetime | None = None
    ) -> Version:
        """Let an alias point to a version; `champion` points to published ones only.

        Raises:
            RefusedError: the alias is not usable, or the version is not there or not published.
        """
        if check_name(alias, "the alias").isdecimal():
            raise RefusedError(f"the alias is {alias!r}, which reads as a version number; choose a word")
        if alias in VERBS:
            raise RefusedError(f"the alias is {alias!r}, which reads as a verb in the history; choose a noun")
        by, at = _signed(by, now)
        with self._ledger.transaction():
            state = self.get(name, number).state
            if alias == CHAMPION and state != "published":
                raise RefusedError(f"{name}@{number} is {state}; the champion must be published: publish it")
            self._point(name, alias, number, at, by)
        return self.get(name, number)

    def rollback(self, name: str, *, by: str = "", now: datetime | None = None) -> Version:
        """Make the previous champion the champion again; repeated, goes further back.

        Raises:
            RefusedError: there is no earlier champion that is still published.
        """
        by, at = _signed(by, now)
        with self._ledger.transaction():
            events = self._ledger.events(name, CHAMPION, ROLL_BACK)
            number = previous_champion(events, lambda number: self._is_published(name, number))
            if number is None:
                self._check_known(name)
                raise RefusedError(
                    f"{name} has no earlier champion that is still published; publish a version"
                )
            self._point(name, CHAMPION, number, at, by, ROLL_BACK)
        return self.get(name, number)

    def tag(
        self, version: Version, tags: Mapping[str, str | None], *, by: str = "", now: datetime | None = None
    ) -> Version:
        """Write names with text on a version, to find it by; None takes a name away.

        Raises:
            RefusedError: a name or a text is not usable.
        """
        name, number = _checked(version)
        by, at = _signed(by, now)
        for tag, value in tags.items():
            if check_name(tag, "the tag").startswith("mlsd_") or not isinstance(value, str | None):
                raise RefusedError(
                    f"the tag {tag!r} is {value!r}; expected text, under a name without 'mlsd_'"
                )
        with self._ledger.transaction():
            found = self.get(name, number)
            for tag, value in tags.items():
                before = f"{tag}={found.tags[tag]}" if tag in found.tags else None
                after = f"{tag}={value}" if value is not None else ""
                if after != (before or ""):
                    self._ledger.record(name, Event(at, by, number, "tag", before, after))
            told = {**found.tags, **tags}
            self._ledger.change(found, tags={tag: value for tag, value in told.items() if value is not None})
        return self.get(name, number)

    def delete(self, version: Version, *, by: str = "", now: datetime | None = None) -> None:
        """Forget a version that nobody may need; its history stays, its number is never given again.

        Raises:
            RefusedError: an alias points to it, or it is published (deprecate it first).
        """
        name, number = _checked(version)
        by, at = _signed(by, now)
        with self._ledger.transaction():
            found = self.get(name, number)
            check_deletable(found)
            self._ledger.remove(found)
            self._ledger.record(name, Event(at, by, number, "delete", found.state, "deleted"))

    # ---- each inside a transaction ----------------------------------------------------------------

    def _move(self, version: Version, state: str, what: str, at: str, by: str) -> None:
        check_move(version.reference, version.state, state)
        self._ledger.change(version, state=state)
        self._ledger.record(version.name, Event(at, by, version.number, what, version.state, state))

    def _point(self, name: str, alias: str, number: int, at: str, by: str, what: str | None = None) -> None:
        before = self._ledger.pointed(name, alias)
        if before == number:
            return
        self._ledger.point(name, alias, number)
        was = None if before is None else str(before)
        self._ledger.record(name, Event(at, by, number, what or alias, was, str(number)))

    def _is_published(self, name: str, number: int) -> bool:
        version = self._ledger.find(name, number)
        return version is not None and version.state == "published"


def _check_four_eyes(version: Version, by: str) -> None:
    if version.state not in ("in_progress", "publishing"):
        raise RefusedError(f"{version.reference} is {version.state}; there is nothing left to approve")
    if not by.strip():
        raise RefusedError(f"{version.reference} cannot be approved by nobody; say by=")
    if not version.created_by.strip():
        raise RefusedError(
            f"{version.reference} was registered by nobody, so nobody can be told from its maker; "
            "register it again with by="
        )
    if by.strip().casefold() == version.created_by.strip().casefold():
        raise RefusedError(
            f"{version.reference} was registered by {by}, who cannot approve it too; ask somebody else"
        )


def _signed(by: str, now: datetime | None) -> tuple[str, str]:
    """Return who did something and when, as the history keeps it."""
    if not isinstance(by, str):
        raise RefusedError(f"by is {by!r}; expected the name of whoever does this, as text")
    return by, (utc_now() if now is None else utc(now, "now")).isoformat()


def _checked(version: Version) -> tuple[str, int]:
    if not isinstance(version, Version):
        raise RefusedError(f"got {version!r}; expected a Version, as register and get return it")
    return version.name, version.number
