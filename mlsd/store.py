"""Places on disk: SQLite databases and files that are either whole or not there."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import shutil
import sqlite3
import tempfile
import threading
import time
import weakref
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from mlsd.digest import digest_bytes, digest_file
from mlsd.report import RefusedError

_BUSY_SECONDS = 30.0  # how long a writer waits for the others
_ELSEWHERE = "choose a folder you may write to"
_REMEDIES = {  # a word in SQLite's own message -> what to do next
    "full": "free some space",
    "i/o error": f"free some space, or {_ELSEWHERE}",
    "locked": "another process keeps it busy; try again",
    "no such": "something else wrote it; choose another file",
    "malformed": "restore it from a copy, or delete it and start anew",
    "not a database": "restore it from a copy, or delete it and start anew",
}
_OUR_FAULT = (sqlite3.IntegrityError, sqlite3.ProgrammingError)
_DISK_ERRORS = (OSError, sqlite3.DatabaseError, UnicodeEncodeError)


@contextlib.contextmanager
def one_sentence(where: str | Path) -> Iterator[None]:
    """Turn a full disk, a read-only folder or a broken database into one `RefusedError`.

    >>> with one_sentence("/models"):
    ...     raise PermissionError(13, "Permission denied")
    Traceback (most recent call last):
        ...
    mlsd.report.RefusedError: cannot use /models: permission denied; choose a folder you may write to
    """
    try:
        yield
    except _OUR_FAULT:
        raise
    except _DISK_ERRORS as error:
        raise _refusal(error, where) from error


def _refusal(error: Exception, where: str | Path) -> RefusedError:
    if isinstance(error, OSError):
        reason = (error.strerror or str(error)).lower()
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        return RefusedError(f"cannot use {where}: {reason}; {'free some space' if full else _ELSEWHERE}")
    if isinstance(error, UnicodeEncodeError):
        return RefusedError(
            f"cannot write to {where}: the text {error.object[:20]!a} is not Unicode; mend it"
        )
    remedy = next((_REMEDIES[word] for word in _REMEDIES if word in str(error).lower()), _ELSEWHERE)
    return RefusedError(f"cannot use {where}: {error}; {remedy}")


def write_file(path: str | Path, data: bytes | str, durable: bool = False) -> Path:
    """Write a file whole or not at all: a temporary file beside it, then a rename.

    Args:
        path: the file; its folder is created.
        data: bytes, or text that is written as UTF-8.
        durable: also survive a power cut (fsync of file and folder, some milliseconds).

    Raises:
        RefusedError: the disk is full or the folder cannot be written.
    """
    path = Path(path)
    data = data.encode() if isinstance(data, str) else data
    temporary = path.parent / f".{path.name[:100]}.{secrets.token_hex(8)}.part"
    with one_sentence(path.parent):
        _make_folder(path.parent, durable)
        try:
            with open(temporary, "xb") as file:
                file.write(data)
                if durable:
                    file.flush()
                    os.fsync(file.fileno())
            os.replace(temporary, path)
        except BaseException:
            with contextlib.suppress(OSError):
                temporary.unlink()
            raise
        if durable:
            sync_folder(path.parent)
    return path


def append_lines(path: str | Path, lines: Iterable[str], durable: bool = False) -> Path:
    """Append whole lines, all in one write, so that several processes may share a file.

    A last line that somebody left torn is ended first: it costs itself and no other.

    Args:
        path: the file; it and its folder are created.
        lines: each without its line break.
        durable: also survive a power cut.

    Raises:
        RefusedError: the disk is full or the file cannot be written.

    >>> read = append_lines(Path(tempfile.mkdtemp(), "notes.txt"), ["one", "two"]).read_text
    >>> read()
    'one\\ntwo\\n'
    """
    path = Path(path)
    data = "".join(f"{line}\n" for line in lines).encode(errors="replace")
    with one_sentence(path):
        _make_folder(path.parent, durable)
        with path.open("ab+", buffering=0) as file:
            file.seek(max(file.seek(0, os.SEEK_END) - 1, 0))
            data = data if file.read(1) in (b"", b"\n") else b"\n" + data
            if file.write(data) < len(data):  # the disk took a part of it
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            if durable:
                os.fsync(file.fileno())
    return path


def _make_folder(folder: Path, durable: bool) -> None:
    new = [place for place in (folder, *folder.parents) if not place.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    for place in new if durable else ():
        sync_folder(place.parent)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder survive a power cut."""
    if os.name == "nt":  # Windows has no such call and needs none
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextlib.contextmanager
def new_folder(folder: str | Path) -> Iterator[Path]:
    """Fill a folder whole or not at all: yields a temporary one that takes its name at the end.

    Raises:
        RefusedError: the folder exists and is not empty, or the disk refuses.
    """
    folder = Path(folder)
    with one_sentence(folder.parent):
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise RefusedError(f"{folder} exists already and is not empty; choose a new folder")
        folder.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}.", suffix=".part"))
        temporary.chmod(0o755)
        try:
            yield temporary
            os.replace(temporary, folder)
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)
            raise


def connect(path: str | Path, layout: str, *, synchronous: str = "NORMAL") -> sqlite3.Connection:
    """Open a SQLite database in WAL mode, creating its tables on first use by any process.

    A database in a folder that may not be written is opened for reading, as it is at that moment.

    Args:
        path: the database file; its folder is created.
        layout: `CREATE TABLE IF NOT EXISTS` statements.
        synchronous: `"NORMAL"` survives a killed process, `"FULL"` a power cut too.

    Raises:
        RefusedError: the folder cannot be written, or the file is not a database of this format.
    """
    path = Path(path).absolute()
    with one_sentence(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        database = sqlite3.connect(
            path.as_uri() + _mode(path),
            uri=True,
            timeout=_BUSY_SECONDS,
            isolation_level=None,
            check_same_thread=False,
        )
        try:
            database.row_factory = sqlite3.Row
            _prepare(database, path, layout)
            database.execute(f"PRAGMA synchronous={synchronous}")
        except BaseException:
            database.close()
            raise
    return database


def _mode(path: Path) -> str:
    if os.access(path if path.exists() else path.parent, os.W_OK) and os.access(path.parent, os.W_OK):
        return ""
    journal = path.with_name(f"{path.name}-wal")
    quiet = not journal.exists() or journal.stat().st_size == 0  # no writer left anything to join
    return "?mode=ro&immutable=1" if quiet else "?mode=ro"


def _prepare(database: sqlite3.Connection, path: Path, layout: str) -> None:
    version = database.execute("PRAGMA user_version").fetchone()[0]
    if version > 1:
        raise RefusedError(f"{path} has format {version}; this mlsd reads up to 1: update mlsd")
    if version == 0:
        _retry_busy(database, "PRAGMA journal_mode=WAL")
        with transaction(database):
            for statement in filter(str.strip, layout.split(";")):
                database.execute(statement)
            database.execute("PRAGMA user_version=1")


def _retry_busy(database: sqlite3.Connection, statement: str) -> None:
    """Run a statement that SQLite does not let wait for a lock (changing the journal mode)."""
    end = time.monotonic() + _BUSY_SECONDS
    while True:
        try:
            database.execute(statement)
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > end:
                raise
            time.sleep(0.02)


@contextlib.contextmanager
def transaction(database: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """Do all or nothing: the lock is taken at once, so that two writers never clash."""
    try:
        database.execute("BEGIN IMMEDIATE")
        yield database
        database.execute("COMMIT")
    except BaseException:
        if database.in_transaction:
            database.execute("ROLLBACK")
        raise


class Database:
    """One SQLite file shared by the threads of a process; another process is sent its path.

    Args:
        path, layout, synchronous: as for `connect`.
    """

    def __init__(self, path: str | Path, layout: str, synchronous: str = "NORMAL") -> None:
        self.path = Path(path).absolute()
        self._layout, self._synchronous = layout, synchronous
        self._lock = threading.RLock()  # a reader must not see another thread's half transaction
        self._connection = connect(self.path, layout, synchronous=synchronous)
        self.close = weakref.finalize(self, self._connection.close)

    def read(self, statement: str, values: Sequence[Any] = ()) -> list[sqlite3.Row]:
        """Return all rows of a SELECT."""
        return self._run(statement, values)[0]

    def write(self, statement: str, values: Sequence[Any] = ()) -> int:
        """Run one statement, a transaction of its own; return the number of rows it changed."""
        return self._run(statement, values)[1]

    def _run(self, statement: str, values: Sequence[Any]) -> tuple[list[sqlite3.Row], int]:
        try:  # what `one_sentence` does, at a tenth of its cost
            with self._lock:
                cursor = self._connection.execute(statement, values)
                return cursor.fetchall(), cursor.rowcount
        except _OUR_FAULT:
            raise
        except _DISK_ERRORS as error:
            raise _refusal(error, self.path) from error

    @contextlib.contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Do several statements, all or nothing, alone."""
        with self._lock, one_sentence(self.path), transaction(self._connection) as connection:
            yield connection

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.path, self._layout, self._synchronous)


class Blobs:
    """Files kept under the digest of their bytes: equal files are kept once, changed ones refused.

    Args:
        folder: where they are kept.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)

    def put(self, data: bytes) -> str:
        """Keep some bytes, durably; return their digest."""
        digest = digest_bytes(data)
        if not self.ok(digest):  # not there, or damaged meanwhile
            write_file(self.path(digest), data, durable=True)
        return digest

    def path(self, digest: str) -> Path:
        """Return where the bytes of a digest are kept."""
        return self.folder / digest[:2] / digest

    def get(self, digest: str) -> bytes:
        """Return the bytes of a digest.

        Raises:
            RefusedError: they are gone, or no longer what was put there.
        """
        path = self.path(digest)
        if not path.is_file():
            raise RefusedError(
                f"the artifact {digest[:12]} is gone from {self.folder}; restore it from a copy"
            )
        with one_sentence(path):
            data = path.read_bytes()
        if digest_bytes(data) != digest:
            raise RefusedError(
                f"the artifact {digest[:12]} in {self.folder} was changed; restore it from a copy"
            )
        return data

    def ok(self, digest: str) -> bool:
        """Tell whether the bytes of a digest are there and unchanged."""
        path = self.path(digest)
        return path.is_file() and digest_file(path) == digest
