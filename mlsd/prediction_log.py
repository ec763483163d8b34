"""What was predicted, when, by which version - and what turned out to be true, later."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd

from mlsd.log_entry import checked_text, label_row, moments, nanoseconds, parsed, prediction_row
from mlsd.plain import utc
from mlsd.report import RefusedError
from mlsd.store import Database

_LAYOUT = """
CREATE TABLE IF NOT EXISTS predictions (
    id TEXT PRIMARY KEY, at INTEGER NOT NULL, version, prediction TEXT NOT NULL,
    unit TEXT, features TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS predictions_by_time ON predictions (at);
CREATE INDEX IF NOT EXISTS predictions_by_unit ON predictions (unit) WHERE unit IS NOT NULL;
CREATE TABLE IF NOT EXISTS labels
    (id TEXT, at INTEGER, value TEXT NOT NULL, PRIMARY KEY (id, at)) WITHOUT ROWID
"""
_APPEND = """
INSERT INTO predictions (id, at, version, features, prediction, unit) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (id) DO NOTHING"""
_LABEL = "INSERT INTO labels (id, value, at) VALUES (?, ?, ?) ON CONFLICT (id, at) DO NOTHING"
_WINDOW = """
SELECT p.id, p.at, p.version, p.prediction, l.value, l.at AS labelled_at, p.unit, p.features
FROM predictions p LEFT JOIN labels l ON l.id = p.id
    AND l.at = (SELECT max(at) FROM labels WHERE id = p.id AND at <= ?)
WHERE p.at >= ? AND p.at < ? ORDER BY p.at, p.id"""
COLUMNS = ("id", "at", "version", "prediction", "label", "labelled_at", "unit")
_LATEST = 2**63 - 1  # nanoseconds since 1970: later than any moment


class PredictionLog:
    """Keep predictions and their labels, joined by id in whatever order they arrive.

    Any number of threads and processes may write and read at once. What a call has kept survives a
    killed process from the moment the call returns. A label may be corrected: the one with the
    newest moment counts, and `window(..., labelled_by=...)` still shows what was known before.

    Args:
        path: the database file; made when it is not there.
        keep_days: how long `prune` keeps a row, in days; None keeps all.

    Raises:
        RefusedError: the folder cannot be written, or the file is something else.

    >>> import tempfile
    >>> log = PredictionLog(Path(tempfile.mkdtemp()) / "predictions.db")
    >>> log.label("post-1", True, "2024-02-07T09:00Z")
    >>> log.append("post-1", "2024-02-05T10:00Z", 3, {"n_links": 2}, 0.8, unit="member-7")
    >>> window = log.window("2024-02-05T00:00Z", "2024-02-06T00:00Z")
    >>> window[["id", "prediction", "label", "n_links"]].to_dict("records")
    [{'id': 'post-1', 'prediction': 0.8, 'label': True, 'n_links': 2}]
    """

    def __init__(self, path: str | Path, keep_days: float | None = None) -> None:
        if keep_days is not None and not keep_days > 0:
            raise RefusedError(f"keep_days is {keep_days!r}; expected a number of days above 0, or None")
        self.path = Path(path)
        self.keep_days = keep_days
        self._database = Database(self.path, _LAYOUT)

    def append(
        self,
        id: str,
        at: datetime | str,
        version: int | str,
        features: Mapping[str, Any],
        prediction: float | Mapping[str, float],
        unit: str | None = None,
    ) -> None:
        """Keep one prediction; the same one twice is one row.

        Args:
            id: names the prediction; its label comes under the same id.
            at: when it was made, with a time zone.
            version: of the model that made it.
            features: name -> plain value, what the model saw.
            prediction: a probability or number, or {class: probability}.
            unit: the person or thing it is about, for `forget`.

        Raises:
            RefusedError: the id has other content already, or a value cannot be kept.
        """
        self.extend([(id, at, version, features, prediction, unit)])

    def extend(self, rows: Iterable[tuple[Any, ...] | Mapping[str, Any]]) -> int:
        """Keep many predictions, all or none; return how many were new.

        Args:
            rows: tuples or dicts of the arguments of `append`.
        """
        kept = [_unpacked(prediction_row, row) for row in rows]
        return self._keep(_APPEND, kept, self._check_prediction)

    def label(self, id: str, value: Any, at: datetime | str) -> None:
        """Keep what turned out to be true; the prediction may come later.

        Args:
            id: of the prediction.
            value: plain: a class, a boolean or a number.
            at: when it became known, with a time zone. A later one corrects an earlier one.

        Raises:
            RefusedError: the id has another label of the same moment, or the value cannot be kept.
        """
        self.label_many([(id, value, at)])

    def label_many(self, labels: Iterable[tuple[str, Any, datetime | str]]) -> int:
        """Keep many labels, (id, value, at) each, all or none; return how many were new."""
        return self._keep(_LABEL, [_unpacked(label_row, label) for label in labels], self._check_label)

    def label_prediction(self, id: str, value: Any, at: datetime | str, *, dated: bool = True) -> bool:
        """Keep the label of a prediction that is in the log; return False when it is not.

        Args:
            dated: `at` was told by whoever labels. Else it is the moment of asking: the same label again
                changes nothing, and another value is refused, as a correction needs a later moment.

        Raises:
            RefusedError: the prediction has another label, or the value cannot be kept.
        """
        row = label_row(id, value, at)
        with self._database.transaction() as connection:
            if not connection.execute("SELECT 1 FROM predictions WHERE id = ?", (id,)).fetchone():
                return False
            newest = connection.execute("SELECT max(at) FROM labels WHERE id = ?", (id,)).fetchone()[0]
            if not dated and newest is not None:
                row = (*row[:2], newest)
            if connection.execute(_LABEL, row).rowcount == 0:  # one of this moment is there
                self._check_label(connection, row)
        return True

    def _keep(self, statement: str, rows: list[tuple[Any, ...]], check: Any) -> int:
        if len(rows) == 1 and self._database.write(statement, rows[0]) == 1:
            return 1  # one statement is a transaction of its own, twice as fast
        with self._database.transaction() as connection:
            before = connection.total_changes
            connection.executemany(statement, rows)
            new = connection.total_changes - before
            if new < len(rows):  # some were there: equal ones are fine
                for row in rows:
                    check(connection, row)
        return new

    @staticmethod
    def _check_prediction(connection: sqlite3.Connection, row: tuple[Any, ...]) -> None:
        kept = connection.execute(
            "SELECT id, at, version, features, prediction, unit FROM predictions WHERE id = ?", row[:1]
        ).fetchone()
        names = ("at", "version", "features", "prediction", "unit")
        for name, old, new in zip(names, tuple(kept)[1:], row[1:], strict=True):
            if old != new and not (name in ("features", "prediction") and json.loads(old) == json.loads(new)):
                raise RefusedError(
                    f"prediction {row[0]!r} is kept already with another {name}; "
                    "give every prediction its own id"
                )

    @staticmethod
    def _check_label(connection: sqlite3.Connection, row: tuple[Any, ...]) -> None:
        id, value, at = row
        kept = connection.execute("SELECT value FROM labels WHERE id = ? AND at = ?", (id, at)).fetchone()[0]
        if json.loads(kept) != json.loads(value):
            raise RefusedError(
                f"label of {id!r} is {kept} already at {moments([at])[0].isoformat()}, not {value}; "
                "a correction needs a later moment"
            )

    def window(
        self, start: datetime | str, end: datetime | str, labelled_by: datetime | str | None = None
    ) -> pd.DataFrame:
        """Return the predictions made in start <= at < end, in the order of time, with their labels.

        Args:
            start, end: moments with a time zone.
            labelled_by: hides labels that became known later than this.

        Returns:
            id, at, version, prediction, label, labelled_at, unit, then one column per feature;
            what is not known is missing. A feature that is called like one of the first seven
            stands as "feature.<name>": `features_of` gives features under their own names.

        Raises:
            ValueError: a moment without time zone.
        """
        known = _LATEST if labelled_by is None else nanoseconds(labelled_by, "labelled_by")
        rows = self._database.read(_WINDOW, (known, nanoseconds(start, "start"), nanoseconds(end, "end")))
        columns = dict(zip(COLUMNS, zip(*rows, strict=True), strict=False)) or dict.fromkeys(COLUMNS, ())
        frame = pd.DataFrame(
            {
                **columns,
                "at": moments(columns["at"]),
                "prediction": parsed(columns["prediction"]),
                "label": parsed(columns["label"]),
                "labelled_at": moments(columns["labelled_at"]),
            }
        )
        features = pd.DataFrame(parsed([row["features"] for row in rows]), index=frame.index)
        features.columns = [f"feature.{name}" if name in COLUMNS else name for name in features.columns]
        return pd.concat([frame, features], axis=1)

    def ids(self) -> list[str]:
        """Return the ids of all predictions, in the order of time."""
        return [id for (id,) in self._database.read("SELECT id FROM predictions ORDER BY at, id")]

    def forget(self, unit: str) -> int:
        """Delete every prediction about a unit, with its labels, from the disk too; return how many.

        The file is written anew without them, which takes about a second per million rows. A label
        that arrives afterwards under a forgotten id waits as any label without prediction does.

        Raises:
            RefusedError: somebody keeps reading, so that old pages cannot be emptied yet.
        """
        count = self._delete("SELECT id FROM predictions WHERE unit = ?", checked_text(unit, "the unit"))
        self._rewrite()
        return count

    def prune(self, now: datetime | str) -> int:
        """Delete predictions older than `keep_days`, and labels that waited longer; return how many.

        Raises:
            RefusedError: the log keeps all, as `keep_days` is None.
        """
        if self.keep_days is None:
            raise RefusedError("this log keeps everything; open it with keep_days=... to prune it")
        oldest = nanoseconds(utc(now, "now") - pd.Timedelta(days=self.keep_days), "now")
        count = self._delete("SELECT id FROM predictions WHERE at < ?", oldest)
        waiting = "DELETE FROM labels WHERE at < ? AND id NOT IN (SELECT id FROM predictions)"
        if count + self._database.write(waiting, (oldest,)):
            self._rewrite()
        return count

    def _delete(self, chosen: str, value: int | str) -> int:
        with self._database.transaction() as connection:
            connection.execute(f"DELETE FROM labels WHERE id IN ({chosen})", (value,))
            return connection.execute(f"DELETE FROM predictions WHERE id IN ({chosen})", (value,)).rowcount

    def _rewrite(self) -> None:
        """Leave no copy of a deleted row: pages keep remains of what was moved or deleted."""
        self._database.write("VACUUM")
        ((busy, _, _),) = self._database.read("PRAGMA wal_checkpoint(TRUNCATE)")  # empties the journal
        if busy:
            raise RefusedError(
                f"{self.path} is being read, so deleted rows may still be in its journal; call this again"
            )

    def __len__(self) -> int:
        return self._database.read("SELECT count(*) FROM predictions")[0][0]

    def __repr__(self) -> str:
        labelled = "SELECT count(DISTINCT id) FROM labels WHERE id IN (SELECT id FROM predictions)"
        count = self._database.read(labelled)[0][0]
        return f"PredictionLog({self.path.name}): {len(self):,} predictions, {count:,} labelled"

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.path, self.keep_days)


def _unpacked(check: Callable[..., tuple[Any, ...]], row: Any) -> tuple[Any, ...]:
    """Return a checked row that was given as a tuple in order or as a dict by name."""
    try:
        return check(**row) if isinstance(row, Mapping) else check(*row)
    except TypeError as error:  # the checks themselves refuse with a sentence
        raise RefusedError(f"a row of the log has too few or too many parts: {error}") from None


def features_of(window: pd.DataFrame) -> pd.DataFrame:
    """Return the features of a window under their own names, without the log's seven columns.

    >>> features_of(pd.DataFrame({"id": ["a"], "n_links": [2], "feature.unit": ["km"]})).columns.tolist()
    ['n_links', 'unit']
    """
    features = window[[name for name in window.columns if name not in COLUMNS]]
    own = {f"feature.{name}": name for name in COLUMNS}
    return features.rename(columns=own)
