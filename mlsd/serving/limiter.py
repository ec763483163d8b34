"""How often one client may ask: one number a client, shared by all workers of a server."""

from __future__ import annotations

import mmap
import time
import zlib
from collections.abc import Callable
from pathlib import Path

from mlsd.store import one_sentence

_SLOTS = 65_536  # 8 bytes each; of 100 clients, two share a slot with a chance of 7 %


class Limiter:
    """Let a client ask `rate` times a second in the long run, and as often at once (a leaky bucket).

    All that is kept of a client is the moment at which its bucket will be empty, in a slot that its
    address falls into; no address is kept. Workers share the slots through a file. They take no lock:
    two workers that count the same client within a microsecond may count one request for two.

    Args:
        rate: requests a second.
        path: file that the workers share; None: this process counts alone.
        clock: seconds; the same in all workers.

    >>> moment = [0.0]
    >>> limiter = Limiter(2, clock=lambda: moment[0])
    >>> [limiter.wait("a") for _ in range(3)], limiter.wait("b")
    ([0.0, 0.0, 0.5], 0.0)
    >>> moment[0] = 0.5
    >>> limiter.wait("a")
    0.0
    """

    def __init__(
        self, rate: float, path: str | Path | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._clock, self._interval = clock, 1 / rate
        self._full = max(1.0, rate) * self._interval  # seconds that a full bucket takes to run empty
        self._slots = memoryview(_memory(path)).cast("d")

    def wait(self, client: str) -> float:
        """Count one request; return 0.0, or the seconds until the next one is welcome."""
        slot, now = zlib.crc32(client.encode()) % _SLOTS, self._clock()
        empty = min(max(self._slots[slot], now), now + self._full)  # a moment before a reboot means nothing
        wait = empty + self._interval - now - self._full
        if wait > 1e-9:
            return wait
        self._slots[slot] = empty + self._interval
        return 0.0


def _memory(path: str | Path | None) -> mmap.mmap:
    if path is None:
        return mmap.mmap(-1, 8 * _SLOTS)
    with one_sentence(path), Path(path).open("a+b") as file:
        file.truncate(8 * _SLOTS)
        return mmap.mmap(file.fileno(), 8 * _SLOTS)
