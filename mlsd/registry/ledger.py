"""The registry's tables: where every version stands, and every change with who made it and when."""

from __future__ import annotations

import sqlite3

import pandas as pd

from mlsd.registry.version import CHAMPION, Version, check_move
from mlsd.report import RefusedError
from mlsd.store import Database

LAYOUT = """
CREATE TABLE IF NOT EXISTS versions (
    name TEXT, number INTEGER, state TEXT NOT NULL, "group" TEXT, created TEXT NOT NULL,
    created_by TEXT NOT NULL, package_id TEXT NOT NULL, digest TEXT NOT NULL, archive TEXT NOT NULL,
    PRIMARY KEY (name, number));
CREATE TABLE IF NOT EXISTS aliases (
    name TEXT, alias TEXT, number INTEGER NOT NULL, PRIMARY KEY (name, alias));
CREATE TABLE IF NOT EXISTS history (
    event INTEGER PRIMARY KEY, name TEXT NOT NULL, number INTEGER NOT NULL, at TEXT NOT NULL,
    by TEXT NOT NULL, what TEXT NOT NULL, before TEXT, after TEXT)
"""
ROLL_BACK = "roll back"
VERSIONS = """
SELECT v.*, (SELECT group_concat(alias, ' ') FROM aliases a
             WHERE a.name = v.name AND a.number = v.number) AS aliases FROM versions v"""


def find(database: Database, name: str, number: int) -> sqlite3.Row:
    """Return the row of one version.

    Raises:
        RefusedError: there is none; names those there are.
    """
    if isinstance(number, int) and abs(number) < 2**63:
        rows = database.read(f"{VERSIONS} WHERE v.name = ? AND v.number = ?", (name, number))
        if rows:
            return rows[0]
    count = check_known(database, name)
    known = "1" if count == 1 else f"1 to {count}"
    raise RefusedError(f"{name} has no version {number!r}; known: {known}")


def check_known(database: Database, name: str) -> int:
    """Return how many versions a model has.

    Raises:
        RefusedError: there is no such model; names those there are.
    """
    count = database.read("SELECT count(*) FROM versions WHERE name = ?", (name,))[0][0]
    if not count:
        names = database.read("SELECT DISTINCT name FROM versions ORDER BY name LIMIT 10")
        known = ", ".join(other for (other,) in names) or "none yet: register one"
        raise RefusedError(f"there is no model {name!r}; known: {known}")
    return count


def pointed(database: Database, name: str, alias: str) -> int | None:
    """Return the version number an alias points to, or None."""
    rows = database.read("SELECT number FROM aliases WHERE name = ? AND alias = ?", (name, alias))
    return rows[0][0] if rows else None


def version_of(row: sqlite3.Row) -> Version:
    """Return a row of `VERSIONS` as a `Version`."""
    fields = {name: row[name] for name in Version.__dataclass_fields__}
    aliases = tuple(sorted((row["aliases"] or "").split()))
    return Version(**{**fields, "created": pd.Timestamp(row["created"]), "aliases": aliases})


# Each of the following belongs inside a transaction.


def record(
    database: Database, name: str, number: int, at: str, by: str, what: str, before: object, after: object
) -> None:
    """Write one event into the history."""
    database.write(
        "INSERT INTO history (name, number, at, by, what, before, after) VALUES (?, ?, ?, ?, ?, ?, ?)",
        (name, number, at, by, what, None if before is None else str(before), str(after)),
    )


def move(database: Database, row: sqlite3.Row, state: str, what: str, at: str, by: str) -> None:
    """Change the state of a version, if that is legal, and record it."""
    name, number = row["name"], row["number"]
    check_move(f"{name}@{number}", row["state"], state)
    database.write("UPDATE versions SET state = ? WHERE name = ? AND number = ?", (state, name, number))
    record(database, name, number, at, by, what, row["state"], state)


def point(
    database: Database, name: str, alias: str, number: int, at: str, by: str, what: str | None = None
) -> None:
    """Let an alias point to a version and record it; nothing happens when it does already."""
    before = pointed(database, name, alias)
    if before == number:
        return
    database.write(
        "INSERT INTO aliases VALUES (?, ?, ?)"
        " ON CONFLICT (name, alias) DO UPDATE SET number = excluded.number",
        (name, alias, number),
    )
    record(database, name, number, at, by, what or alias, before, number)


def previous_champion(database: Database, name: str) -> int | None:
    """Return the champion before the present one, passing over those no longer published.

    A roll-back undoes the step before it, so that two of them go two champions back.
    """
    stack: list[int] = []
    for what, number in database.read(
        "SELECT what, number FROM history WHERE name = ? AND what IN (?, ?) ORDER BY event",
        (name, CHAMPION, ROLL_BACK),
    ):
        if what == ROLL_BACK:
            while stack[-1] != number:
                stack.pop()
        else:
            stack.append(number)
    for number in reversed(stack[:-1]):
        if number != stack[-1] and find(database, name, number)["state"] == "published":
            return number
    return None
