"""The ledger in one SQLite file: every row carries a checksum, every change is one transaction."""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Iterable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pandas as pd

from mlsd.package import ModelPackage
from mlsd.plain import from_json, to_json
from mlsd.registry.archive import pack
from mlsd.registry.artifacts import artifacts_at
from mlsd.registry.ledger import Event
from mlsd.registry.version import Version
from mlsd.report import RefusedError
from mlsd.store import Database

_LAYOUT = " ".join(  # one line, as SQLite cites it when it is damaged
    """
CREATE TABLE IF NOT EXISTS rules (rule TEXT PRIMARY KEY, value TEXT, seal INTEGER) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS versions (
    name TEXT, number INTEGER, state TEXT, "group" TEXT, created TEXT, created_by TEXT, package_id TEXT,
    digest TEXT, archive TEXT, facts TEXT, seal INTEGER, PRIMARY KEY (name, number)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS aliases (
    name TEXT, alias TEXT, number INTEGER, seal INTEGER, PRIMARY KEY (name, alias)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS history (
    event INTEGER PRIMARY KEY, name TEXT, number INTEGER, at TEXT, by TEXT, what TEXT, before TEXT,
    after TEXT, seal INTEGER);
CREATE INDEX IF NOT EXISTS history_of ON history (name, what)
""".split()
)
_TABLES = {
    "rules": "rule, value",
    "versions": 'name, number, state, "group", created, created_by, package_id, digest, archive, facts',
    "aliases": "name, alias, number",
    "history": "event, name, number, at, by, what, before, after",
}
_COLUMNS = ("name", "number", "state", "group", "created", "created_by", "package_id", "digest")
_FACTS = ("tags", "metrics", "lineage", "approved_by", "against")  # kept together, as JSON
_DELETED = "deleted"  # its row stays, so that its number is never given again


class SqliteLedger:
    """Versions, aliases, history and rules in one file, the artifacts where they were told to be.

    Args:
        path: of the database.
    """

    def __init__(self, path: Path) -> None:
        try:
            self.database = Database(path, _LAYOUT, "FULL")
        except UnicodeDecodeError as error:  # SQLite cites a damaged layout
            raise RefusedError(f"{path} is damaged: {error.reason}; restore it from a copy") from error
        self.artifacts = artifacts_at(self.rule("artifacts") or path.parent / "artifacts")

    def place_artifacts(self, where: str) -> None:
        """Keep the artifacts elsewhere, from the first version on.

        Raises:
            RefusedError: this registry keeps them somewhere else already.
        """
        artifacts = artifacts_at(where)
        before = self.rule("artifacts")
        if before is None and not self._rows("versions"):
            before = self.rule("artifacts", where)
        if before != where:
            raise RefusedError(
                f"the registry {self.database.path.parent} keeps its artifacts in "
                f"{before or 'its own folder'}, not in {where}; leave artifacts out, or use a new folder"
            )
        self.artifacts = artifacts

    def transaction(self) -> AbstractContextManager[Any]:
        """Do several things, all or nothing, alone."""
        return self.database.transaction()

    def rule(self, name: str, value: str | None = None) -> str | None:
        """Return a rule of this registry; a value sets it first, unless it is set already."""
        self._check("rules")
        rules = {row["rule"]: row["value"] for row in self._rows("rules")}
        if name not in rules and value is not None:
            self._write("INSERT OR IGNORE INTO rules", name, value)  # another process may be faster
            return self.rule(name)
        return rules.get(name)

    # ---- versions ---------------------------------------------------------------------------------

    def keep(self, name: str, package: ModelPackage) -> tuple[str, bytes]:
        """Keep the artifact; a kill after this leaves a spare file."""
        data = pack(package.to_files())
        return self.artifacts.put(data), data

    def add(self, draft: Version, kept: tuple[str, bytes]) -> int:
        """Write the row of a version; its artifact is there, even if it was just collected as garbage."""
        archive, data = kept
        if not self.artifacts.has(archive):
            self.artifacts.put(data)
        last = self.database.read("SELECT max(number) FROM versions WHERE name = ?", (draft.name,))[0][0]
        number = (last or 0) + 1
        columns = {**vars(draft), "number": number, "created": draft.created.isoformat()}
        facts = to_json({name: columns[name] for name in _FACTS})
        self._write("INSERT INTO versions", *(columns[name] for name in _COLUMNS), archive, facts)
        return number

    def archive(self, version: Version) -> bytes:
        """Return the artifact of a version, its digest verified."""
        return self.artifacts.get(self._row(version.name, version.number)["archive"])

    def archives(self) -> set[str]:
        """Return the digests of all artifacts that a version needs."""
        return {row["archive"] for row in self._rows("versions") if row["state"] != _DELETED}

    def names(self) -> list[str]:
        """Return the names of all models, sorted."""
        rows = self.database.read(
            "SELECT DISTINCT name FROM versions WHERE state <> ? ORDER BY name", (_DELETED,)
        )
        return [name for (name,) in rows]

    def find(self, name: str, number: int) -> Version | None:
        """Return a version, or None where there is none any more."""
        rows = self._rows("versions", "name = ? AND number = ?", name, number)
        if not rows or rows[0]["state"] == _DELETED:
            return None
        return _version(rows[0], self._pointing().get((name, number), []))

    def versions(self, name: str | None = None) -> list[Version]:
        """Return the versions by name and number; the tables are checked before."""
        self._check("versions")
        pointing = self._pointing()
        rows = self._rows("versions", "1 ORDER BY name, number")  # all: one may have lost its name
        return [
            _version(row, pointing.get((row["name"], row["number"]), []))
            for row in rows
            if row["state"] != _DELETED and name in (None, row["name"])
        ]

    def change(self, version: Version, **parts: Any) -> None:
        """Change parts of a version; its row is sealed anew."""
        row = dict(self._row(version.name, version.number))
        facts = from_json(row["facts"]) | {name: parts[name] for name in _FACTS if name in parts}
        row |= {"facts": to_json(facts), "state": parts.get("state", row["state"])}
        row.pop("seal")
        self._write("REPLACE INTO versions", *row.values())

    def remove(self, version: Version) -> None:
        """Forget a version; its number stays taken."""
        self.change(version, state=_DELETED)

    def _row(self, name: str, number: int) -> sqlite3.Row:
        return self._rows("versions", "name = ? AND number = ?", name, number)[0]

    def _pointing(self) -> dict[tuple[str, int], list[str]]:
        """Return the aliases of every version that has some."""
        self._check("aliases")
        pointing: dict[tuple[str, int], list[str]] = {}
        for row in self._rows("aliases"):  # all: one may have lost its name
            pointing.setdefault((row["name"], row["number"]), []).append(row["alias"])
        return pointing

    # ---- aliases and history ----------------------------------------------------------------------

    def pointed(self, name: str, alias: str) -> int | None:
        """Return the number an alias points to, or None."""
        rows = self._rows("aliases", "name = ? AND alias = ?", name, alias)
        return rows[0]["number"] if rows else None

    def aliases(self, name: str) -> list[str]:
        """Return the aliases of a model, sorted."""
        return sorted(row["alias"] for row in self._rows("aliases", "name = ?", name))

    def point(self, name: str, alias: str, number: int) -> None:
        """Let an alias point to a version."""
        self._write("REPLACE INTO aliases", name, alias, number)

    def record(self, name: str, event: Event) -> None:
        """Write a line into the history of a model."""
        last = self.database.read("SELECT max(event) FROM history")[0][0]
        at, by, number, what, before, after = event
        self._write("INSERT INTO history", (last or 0) + 1, name, number, at, by, what, before, after)

    def events(self, name: str, *what: str) -> list[Event]:
        """Return the history of a model, oldest first; the whole of it is checked before."""
        self._check("history")
        kinds = f" AND what IN ({', '.join('?' * len(what))})" if what else ""
        rows = self._rows("history", f"name = ?{kinds} ORDER BY event", name, *what)
        return [Event(*(row[part] for part in Event._fields)) for row in rows]

    # ---- checksums --------------------------------------------------------------------------------

    # A row is checked whenever it is read. This finds accidents: who can write the file can seal it too.

    def _write(self, statement: str, *values: Any) -> None:
        holes = ", ".join("?" * (len(values) + 1))
        self.database.write(f"{statement} VALUES ({holes})", (*values, _seal(values)))

    def _rows(self, table: str, where: str = "1", *values: Any) -> list[sqlite3.Row]:
        """Return rows, each exactly as it was written."""
        rows = self.database.read(f"SELECT {_TABLES[table]}, seal FROM {table} WHERE {where}", values)
        if any(row["seal"] != _seal(tuple(row)[:-1]) for row in rows):
            raise RefusedError(
                f"a row of {table} in {self.database.path} was changed from outside; restore it from a copy"
            )
        return rows

    def _check(self, table: str) -> None:
        """Find the damage that hides rows, which no checksum of a row can tell; reads the whole table."""
        (told,) = self.database.read(f"PRAGMA integrity_check({table})")[0]
        if told != "ok":
            told = " ".join(told.replace("*** in database main ***", "").split())
            raise RefusedError(f"{self.database.path} is damaged: {told}; restore it from a copy")


def _seal(values: Iterable[Any]) -> int:
    """Return a checksum of a row that no single flipped bit leaves as it is."""
    return zlib.crc32(repr(tuple(values)).encode("utf-8", "surrogatepass"))


def _version(row: sqlite3.Row, aliases: list[str]) -> Version:
    facts = from_json(row["facts"])
    facts |= {name: tuple(facts[name]) for name in ("approved_by", "against")}
    columns = {name: row[name] for name in _COLUMNS} | {"created": pd.Timestamp(row["created"])}
    return Version(**columns, **facts, aliases=tuple(sorted(aliases)))
