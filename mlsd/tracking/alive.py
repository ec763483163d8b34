"""Is the process that started this still there? A file lock knows; a process id may be reused."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from mlsd.store import one_sentence


@contextlib.contextmanager
def sign_of_life(path: Path) -> Iterator[None]:
    """Hold a lock on a file: the system lets go of it when this process ends, however it ends."""
    with one_sentence(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        file = open(path, "wb")  # noqa: SIM115 - stays open as long as the lock is held
        try:
            _lock(file, alone=True)
        except BaseException:
            file.close()
            raise
    try:
        yield
    finally:
        file.close()
        with contextlib.suppress(OSError):  # a file without a lock says the same as no file
            path.unlink()


def alive(path: Path) -> bool:
    """Tell whether some process holds the lock on a file."""
    try:
        with open(path, "rb") as file:
            return not _lock(file, alone=False)
    except FileNotFoundError:
        return False


if sys.platform == "win32":
    import msvcrt

    def _lock(file: IO[bytes], alone: bool) -> bool:
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def _lock(file: IO[bytes], alone: bool) -> bool:
        """Take the lock, alone or beside other readers; False where somebody else holds it."""
        try:
            fcntl.flock(file, (fcntl.LOCK_EX if alone else fcntl.LOCK_SH) | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True
