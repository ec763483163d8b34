"""Runs kept in one folder of this machine: no server, no account, no network."""

from __future__ import annotations

import contextlib
import functools
import math
import re
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import pandas as pd

from mlsd.plain import from_json, to_json
from mlsd.report import RefusedError
from mlsd.run import Run, Status
from mlsd.store import Blobs, Database
from mlsd.tracking.alive import alive, sign_of_life
from mlsd.tracking.table import flat, row_of, table_of
from mlsd.tracking.tracker import Tracker

_LAYOUT = """
CREATE TABLE IF NOT EXISTS runs (
    number INTEGER PRIMARY KEY, name TEXT NOT NULL, status TEXT NOT NULL,
    started TEXT NOT NULL, ended TEXT, lineage TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS params (run INTEGER, name TEXT, value TEXT NOT NULL, UNIQUE (run, name));
CREATE TABLE IF NOT EXISTS tags (run INTEGER, name TEXT, value TEXT NOT NULL, UNIQUE (run, name));
CREATE TABLE IF NOT EXISTS artifacts
    (run INTEGER, name TEXT, digest TEXT NOT NULL, size INTEGER NOT NULL, UNIQUE (run, name));
CREATE TABLE IF NOT EXISTS points
    (run INTEGER, place INTEGER, name TEXT NOT NULL, step INTEGER NOT NULL, value REAL,
    PRIMARY KEY (run, place)) WITHOUT ROWID
"""
_POINT = """
INSERT INTO points VALUES
    (?, (SELECT coalesce(max(place), -1) + 1 FROM points WHERE run = ?), ?, ?, ?)"""
_LAST_POINTS = """
SELECT run, name, value FROM points
WHERE (run, place) IN (SELECT run, max(place) FROM points GROUP BY run, name) ORDER BY run, place"""


class LocalTracker(Tracker):
    """Keep runs in a folder: a SQLite database and the artifacts beside it.

    Several processes may track into one folder at once. A point is written with one statement and
    survives a killed process the moment the call returns (about 20 microseconds; a power cut may
    take the last ones, as no point waits for the disk).

    Args:
        folder: where the runs are kept; made when it is not there.

    Raises:
        RefusedError: the folder cannot be written.

    >>> import tempfile
    >>> tracker = LocalTracker(tempfile.mkdtemp())
    >>> with tracker.run("baseline") as run:
    ...     run.log_params({"num_leaves": 31})
    ...     run.log_metrics({"auc": 0.9}, step=3)
    >>> tracker.get(run.id)
    Run run-1 baseline: finished
      params     num_leaves=31
      metrics    auc=0.9
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        self._database = Database(self.folder / "runs.db", _LAYOUT)
        self._blobs = Blobs(self.folder / "artifacts")

    def _open(self, run: Run, stack: contextlib.ExitStack) -> str:
        with self._database.transaction() as connection:
            number = connection.execute(
                "INSERT INTO runs (name, status, started, lineage) VALUES (?, 'running', ?, ?)",
                (run.name, run.started.isoformat(), to_json(run.lineage)),
            ).lastrowid
            stack.enter_context(sign_of_life(self._lock_file(number)))  # before others see the run
        return f"run-{number}"

    def _close(self, run_id: str, status: Status, ended: pd.Timestamp) -> None:
        self._database.write(
            "UPDATE runs SET status = ?, ended = ? WHERE number = ?",
            (status, ended.isoformat(), _number(run_id)),
        )

    def _lock_file(self, number: int | None) -> Path:
        return self.folder / "running" / f"run-{number}"

    def get(self, run_id: str) -> Run:
        """Return a run as it stands, also while another process is logging to it.

        Raises:
            RefusedError: there is no such run.
        """
        number = _number(str(run_id))
        rows = self._database.read("SELECT * FROM runs WHERE number = ?", (number,))
        if not rows:
            count = self._database.read("SELECT count(*) FROM runs")[0][0]
            raise RefusedError(f"there is no run {run_id!r}; {count} runs are kept: see runs()")
        row = rows[0]
        metrics: dict[str, list[tuple[int, float]]] = {}
        for name, step, value in self._database.read(
            "SELECT name, step, value FROM points WHERE run = ? ORDER BY place", (number,)
        ):
            metrics.setdefault(name, []).append((step, math.nan if value is None else value))
        sizes = self._database.read(
            "SELECT name, size FROM artifacts WHERE run = ? ORDER BY rowid", (number,)
        )
        return Run(
            row["name"],
            f"run-{number}",
            status=self._status(number, row["status"]),
            params=self._pairs("params", number),
            metrics=metrics,
            artifacts=dict(map(tuple, sizes)),
            tags=self._pairs("tags", number),
            lineage=from_json(row["lineage"]),
            started=pd.Timestamp(row["started"]),
            ended=None if row["ended"] is None else pd.Timestamp(row["ended"]),
            writer=self,
        )

    def _status(self, number: int, kept: str) -> Status:
        if kept == "running" and not alive(self._lock_file(number)):
            again = self._database.read("SELECT status FROM runs WHERE number = ?", (number,))[0][0]
            kept = "interrupted" if again == "running" else again  # it may have ended just now
        return cast(Status, kept)

    def _pairs(self, table: str, number: int) -> dict[str, Any]:
        rows = self._database.read(f"SELECT name, value FROM {table} WHERE run = ? ORDER BY rowid", (number,))
        return {name: from_json(value) for name, value in rows}

    def runs(self) -> pd.DataFrame:
        """Return one row per run, as `Tracker.runs` says."""
        cells: dict[int, dict[str, Any]] = defaultdict(dict)  # before the runs, so that none is unknown
        for table in ("params", "tags"):
            pairs = self._database.read(f"SELECT run, name, value FROM {table} ORDER BY rowid")
            for number, name, value in pairs:
                cells[number] |= flat(table, {name: from_json(value)})
        for number, name, value in self._database.read(_LAST_POINTS):
            cells[number][f"metrics.{name}"] = math.nan if value is None else value
        rows = self._database.read("SELECT * FROM runs ORDER BY number")
        return table_of(self._row(row) | cells[row["number"]] for row in rows)

    def _row(self, row: Any) -> dict[str, Any]:
        ended = None if row["ended"] is None else pd.Timestamp(row["ended"])
        status = self._status(row["number"], row["status"])
        return row_of(f"run-{row['number']}", row["name"], status, pd.Timestamp(row["started"]), ended)

    def write_params(self, run_id: str, params: Mapping[str, Any]) -> None:
        """Keep parameters (a `RunWriter`'s task; call `run.log_params`)."""
        self._write_pairs("params", run_id, params)

    def write_tags(self, run_id: str, tags: Mapping[str, Any]) -> None:
        """Keep tags (a `RunWriter`'s task; call `run.set_tags`)."""
        self._write_pairs("tags", run_id, tags)

    def _write_pairs(self, table: str, run_id: str, pairs: Mapping[str, Any]) -> None:
        rows = [(_number(run_id), name, to_json(value)) for name, value in pairs.items()]
        with self._database.transaction() as connection:
            connection.executemany(
                f"INSERT INTO {table} VALUES (?, ?, ?)"
                " ON CONFLICT (run, name) DO UPDATE SET value = excluded.value",
                rows,
            )

    def write_metrics(self, run_id: str, points: list[tuple[str, int, float]]) -> None:
        """Keep points (a `RunWriter`'s task; call `run.log_metrics`)."""
        number = _number(run_id)
        if len(points) == 1:
            self._database.write(_POINT, (number, number, *points[0]))  # SQLite keeps NaN as NULL
            return
        with self._database.transaction() as connection:
            connection.executemany(_POINT, [(number, number, *point) for point in points])

    def write_artifact(self, run_id: str, name: str, data: bytes) -> None:
        """Keep an artifact (a `RunWriter`'s task; call `run.log_artifact`)."""
        row = (_number(run_id), name, self._blobs.put(data), len(data))
        self._database.write(
            "INSERT INTO artifacts VALUES (?, ?, ?, ?)"
            " ON CONFLICT (run, name) DO UPDATE SET digest = excluded.digest, size = excluded.size",
            row,
        )

    def write_lineage(self, run_id: str, lineage: Mapping[str, Any]) -> None:
        """Keep the whole lineage (a `RunWriter`'s task; call `run.log_lineage`)."""
        row = (to_json(lineage), _number(run_id))
        self._database.write("UPDATE runs SET lineage = ? WHERE number = ?", row)

    def read_artifact(self, run_id: str, name: str) -> bytes:
        """Return the bytes of an artifact, verified against their digest."""
        rows = self._database.read(
            "SELECT digest FROM artifacts WHERE run = ? AND name = ?", (_number(run_id), name)
        )
        return self._blobs.get(rows[0][0])

    def __repr__(self) -> str:
        count = self._database.read("SELECT count(*) FROM runs")[0][0]
        return f"{type(self).__name__}({self.folder.name}): {count} runs"


@functools.lru_cache(maxsize=64)  # asked for every point that is logged
def _number(run_id: str) -> int:
    if not isinstance(run_id, str) or not re.fullmatch(r"run-\d{1,18}", run_id):
        raise RefusedError(f"there is no run {run_id!r}; ids look like 'run-1': see runs()")
    return int(run_id.removeprefix("run-"))
