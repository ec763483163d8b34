"""Published versions beside the champion, for a client that asks for one by its number."""

from __future__ import annotations

import asyncio
import logging
import threading
import time

from mlsd.package import PackageSource
from mlsd.report import RefusedError
from mlsd.serving.champion import Champion, Loaded, try_one_row
from mlsd.serving.problems import Problem

KEPT = 2  # versions in memory beside the champion
_log = logging.getLogger("mlsd")


class Pinned:
    """Loads versions that are asked for by number, keeps the last two, and lets go of deprecated ones.

    Args:
        source: where packages come from; without a `get` that tells states, the champion alone answers.
        champion: needs no loading.
    """

    def __init__(self, source: PackageSource, champion: Champion) -> None:
        self.source, self.champion = source, champion
        self._kept: dict[int, tuple[Loaded, float]] = {}  # number -> version, when its state was looked up
        self._one_at_a_time = threading.Lock()

    async def get(self, version: str) -> Loaded:
        """Return a version by its digits.

        Raises:
            Problem: 404 there is no such version or it is not published, 410 it is deprecated, 503 it
                cannot be loaded.
        """
        number = int(version) if version.isascii() and version.isdecimal() and len(version) < 16 else 0
        told = hasattr(self.source, "get")
        current = self.champion.current if told else await self.champion.get()
        if current is not None and number == current.number:
            return current
        loaded, looked = self._kept.get(number, (None, 0.0))
        if loaded and time.monotonic() < looked + self.champion.seconds:
            return loaded
        return await asyncio.to_thread(self._look, number)

    def _look(self, number: int) -> Loaded:
        with self._one_at_a_time:
            try:
                self._check_state(number)
                loaded = self._kept[number][0] if number in self._kept else self._load(number)
            except Exception as error:
                self._kept.pop(number, None)
                if isinstance(error, Problem):
                    raise
                _log.warning("%s: version %d cannot be used: %s", self.champion.name, number, error)
                sentence = "This version cannot be loaded."
                raise Problem("not-ready", sentence, headers={"Retry-After": "1"}) from None
            self._kept.pop(number, None)  # the newest stands last
            self._kept[number] = loaded, time.monotonic()
            while len(self._kept) > KEPT:
                del self._kept[next(iter(self._kept))]
        return loaded

    def _check_state(self, number: int) -> None:
        get = getattr(self.source, "get", None)
        try:
            state = get(self.champion.name, number).state if get else ""
        except RefusedError as error:
            if error.__cause__ is not None:  # the disk's
                raise
            state = ""
        if state == "deprecated":
            raise Problem("gone", f"Ask /v1/models/{self.champion.name}/predictions: the champion answers.")
        if state != "published":
            raise Problem("not-found", "No published version has this number.")

    def _load(self, number: int) -> Loaded:
        package = self.source.load(f"{self.champion.name}@{number}")
        try_one_row(package)
        return Loaded(package, number)
