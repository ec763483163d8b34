"""The registry in one folder of this machine: who published what, when, and what is served now."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd

from mlsd.package import ModelPackage
from mlsd.plain import utc, utc_now
from mlsd.registry import ledger
from mlsd.registry.archive import pack, unpack
from mlsd.registry.gate import judge_package
from mlsd.registry.version import CHAMPION, Version, check_name, parse_reference
from mlsd.report import Finding, RefusedError, Report
from mlsd.store import Blobs, Database


class Registry:
    """Keep numbered versions of packages in a folder: a SQLite database and the artifacts beside it.

    The artifact is on the disk before its row is, numbers are given under one lock, and every call
    that returned survives a power cut. Any number of processes may use one folder, from its first
    use on; threads may share one `Registry`.

    A digest tells that the bytes are those that were registered. It does not tell that they are any
    good, nor who registered them: whoever may write to this folder can change database and artifact
    together, and a scikit-learn model runs code when it is loaded. Guard the folder.

    Args:
        folder: where everything is kept; made when it is not there. A folder that cannot be written
            can still be read.

    Raises:
        RefusedError: the folder cannot be used.

    >>> import tempfile
    >>> Registry(tempfile.mkdtemp()).resolve("spam@champion")
    Traceback (most recent call last):
        ...
    mlsd.report.RefusedError: there is no model 'spam'; known: none yet: register one
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        self._database = Database(self.folder / "registry.db", ledger.LAYOUT, "FULL")
        self._blobs = Blobs(self.folder / "artifacts")

    # ---- asking -----------------------------------------------------------------------------------

    def resolve(self, reference: str) -> int:
        """Return the version number that a reference means now; takes some microseconds.

        Args:
            reference: `"spam@champion"`, `"spam@3"`, `"models:/spam@champion"` or `"models:/spam/3"`.

        Raises:
            RefusedError: there is no such model, alias or version; names those there are.
        """
        name, what = parse_reference(reference)
        if what.isdecimal():
            return ledger.find(self._database, name, int(what))["number"]
        number = ledger.pointed(self._database, name, what)
        if number is None:
            ledger.check_known(self._database, name)
            rows = self._database.read("SELECT alias FROM aliases WHERE name = ? ORDER BY alias", (name,))
            known = ", ".join(alias for (alias,) in rows) or "none yet: publish a version"
            raise RefusedError(f"{name} has no alias {what!r}; known: {known}")
        return number

    def load(self, reference: str) -> ModelPackage:
        """Return the package that a reference means now, verified bit for bit before it is read.

        Raises:
            RefusedError: there is no such version, or its artifact is gone or was changed.
        """
        name, _ = parse_reference(reference)
        row = ledger.find(self._database, name, self.resolve(reference))
        files = unpack(self._blobs.get(row["archive"]))
        return ModelPackage.from_files(files, digest=row["digest"])

    def get(self, name: str, number: int) -> Version:
        """Return one version as it stands now.

        Raises:
            RefusedError: there is no such version; names those there are.
        """
        return ledger.version_of(ledger.find(self._database, name, number))

    def versions(self, name: str | None = None) -> pd.DataFrame:
        """Return one row per version: name, number, state, group, created, created_by, aliases, ids."""
        rows = self._database.read(
            f"{ledger.VERSIONS} WHERE ? IS NULL OR v.name = ? ORDER BY v.name, v.number", (name, name)
        )
        records = [
            {**vars(version), "aliases": " ".join(version.aliases)}
            for version in map(ledger.version_of, rows)
        ]
        return pd.DataFrame(records, columns=list(Version.__dataclass_fields__))

    def history(self, name: str) -> pd.DataFrame:
        """Return every change of a model's versions and aliases, oldest first.

        Returns:
            at, by, number, what, from, to: states for `register`, `publish`, `refuse` and `deprecate`,
            version numbers for aliases (`champion`, ...) and `roll back`.
        """
        rows = self._database.read(
            "SELECT at, by, number, what, before, after FROM history WHERE name = ? ORDER BY event", (name,)
        )
        frame = pd.DataFrame(
            [tuple(row) for row in rows], columns=["at", "by", "number", "what", "from", "to"]
        )
        return frame.assign(at=pd.to_datetime(frame["at"], utc=True, format="ISO8601"))

    def unpublishable(self, version: Version) -> Report:
        """Judge whether a version could be published; the failures are the reasons why not."""
        try:
            package = self.load(version.reference)
        except RefusedError as error:
            return Report(
                f"publish {version.reference}",
                (Finding("artifact", version.reference, ok=False, message=str(error)),),
            )
        return judge_package(version.reference, package)

    # ---- acting -----------------------------------------------------------------------------------

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
        archive = self._blobs.put(pack(package.to_files()))  # a kill after this leaves a spare file
        with self._database.transaction():
            last = self._database.read("SELECT max(number) FROM versions WHERE name = ?", (name,))[0][0]
            number = (last or 0) + 1
            self._database.write(
                "INSERT INTO versions VALUES (?, ?, 'in_progress', ?, ?, ?, ?, ?, ?)",
                (name, number, group, at, by, package.id, package.digest, archive),
            )
            ledger.record(self._database, name, number, at, by, "register", None, "in_progress")
        return self.get(name, number)

    def publish(self, version: Version, *, by: str = "", now: datetime | None = None) -> Version:
        """Publish a version and make it the champion, when nothing speaks against it.

        The version is `publishing` while it is judged; a call that was killed meanwhile can be made
        again. Publishing the champion again changes nothing.

        Raises:
            RefusedError: the move is not legal, or the version is unpublishable: it goes back to
                `in_progress`, and the error carries the report with the reasons.
        """
        name, number = _checked(version)
        by, at = _signed(by, now)
        with self._database.transaction():
            row = ledger.find(self._database, name, number)
            if row["state"] == "published" and ledger.pointed(self._database, name, CHAMPION) == number:
                return ledger.version_of(row)
            if row["state"] == "published":
                raise RefusedError(
                    f"{version.reference} is published already; "
                    f"alias({name!r}, 'champion', {number}) makes it the champion again"
                )
            if row["state"] != "publishing":
                ledger.move(self._database, row, "publishing", "publish", at, by)
        report = self.unpublishable(version)
        with self._database.transaction():
            row = ledger.find(self._database, name, number)
            if not report.ok and row["state"] == "publishing":
                ledger.move(self._database, row, "in_progress", "refuse", at, by)
            elif report.ok and row["state"] != "published":  # nobody else was faster
                ledger.move(self._database, row, "published", "publish", at, by)
                ledger.point(self._database, name, CHAMPION, number, at, by)
        report.raise_for_failures()
        return self.get(name, number)

    def deprecate(self, version: Version, *, by: str = "", now: datetime | None = None) -> Version:
        """Take a published version out of use, for good.

        Raises:
            RefusedError: it is the champion, or it is not published.
        """
        name, number = _checked(version)
        by, at = _signed(by, now)
        with self._database.transaction():
            if ledger.pointed(self._database, name, CHAMPION) == number:
                raise RefusedError(
                    f"{version.reference} is the champion and cannot be deprecated; "
                    "publish another version or roll back first"
                )
            row = ledger.find(self._database, name, number)
            ledger.move(self._database, row, "deprecated", "deprecate", at, by)
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
        by, at = _signed(by, now)
        with self._database.transaction():
            state = ledger.find(self._database, name, number)["state"]
            if alias == CHAMPION and state != "published":
                raise RefusedError(f"{name}@{number} is {state}; the champion must be published: publish it")
            ledger.point(self._database, name, alias, number, at, by)
        return self.get(name, number)

    def rollback(self, name: str, *, by: str = "", now: datetime | None = None) -> Version:
        """Make the previous champion the champion again; repeated, goes further back.

        Raises:
            RefusedError: there is no earlier champion that is still published.
        """
        by, at = _signed(by, now)
        with self._database.transaction():
            ledger.check_known(self._database, name)
            number = ledger.previous_champion(self._database, name)
            if number is None:
                raise RefusedError(
                    f"{name} has no earlier champion that is still published; publish a version"
                )
            ledger.point(self._database, name, CHAMPION, number, at, by, ledger.ROLL_BACK)
        return self.get(name, number)

    def __repr__(self) -> str:
        rows = self._database.read(
            "SELECT v.name, count(*), (SELECT number FROM aliases a WHERE a.name = v.name AND alias = ?)"
            " FROM versions v GROUP BY v.name ORDER BY v.name",
            (CHAMPION,),
        )
        lines = [
            f"  {name}: {count} version{'s' if count > 1 else ''}, champion {champion or 'none'}"
            for name, count, champion in rows
        ]
        return "\n".join([f"Registry({self.folder.name}): {len(rows)} models", *lines])

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.folder,)


def _signed(by: str, now: datetime | None) -> tuple[str, str]:
    """Return who did something and when, as the history keeps it."""
    if not isinstance(by, str):
        raise RefusedError(f"by is {by!r}; expected the name of whoever does this, as text")
    return by, (utc_now() if now is None else utc(now, "now")).isoformat()


def _checked(version: Version) -> tuple[str, int]:
    if not isinstance(version, Version):
        raise RefusedError(f"got {version!r}; expected a Version, as register and get return it")
    return version.name, version.number
