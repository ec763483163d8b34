"""The version that answers: looked up again and again, swapped in one step, kept when a new one fails."""

from __future__ import annotations

import asyncio
import logging
import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from mlsd.package import ModelPackage, PackageSource
from mlsd.report import RefusedError
from mlsd.serving.problems import FieldError, Problem

RETRY_SECONDS = 5.0  # before a version that failed is tried again
_log = logging.getLogger("mlsd")


@dataclass(frozen=True)
class Loaded:
    """A package that has answered one row, and the version number it goes by."""

    package: ModelPackage
    number: int


class Champion:
    """Holds the version in use and follows `name@champion`.

    A request takes `current` once and keeps it, so it finishes on the version it started with; a
    swap changes that one reference.

    Args:
        source: where packages come from.
        name: the model's name there.
        seconds: between two looks.
    """

    def __init__(self, source: PackageSource, name: str, seconds: float = 0.2) -> None:
        self.source, self.name, self.seconds = source, name, seconds
        self.current: Loaded | None = None
        # why there is none, or why a newer one is not used: a word for machines, a few for people
        self.trouble: tuple[str, str] | None = ("starting", "the server is starting")
        self.after_look: Callable[[], None] = lambda: None  # told of what may have changed
        self.failures = 0  # versions that could not be loaded, counted anew at each try
        self._failed: int | None = None
        self._retry_at = 0.0
        self._looked = -math.inf
        self._watching = False
        self._one_at_a_time = threading.Lock()

    async def get(self) -> Loaded:
        """Return the version in use.

        Raises:
            Problem: there is none yet.
        """
        if not self._watching and time.monotonic() > self._looked + self.seconds:
            await self.look()  # nobody watches: mounted, or tested without a lifespan
        if self.current is None:
            raise self._not_ready()
        return self.current

    async def watch(self) -> None:
        """Look for a new champion until cancelled."""
        self._watching = True
        try:
            while True:
                await self.look()
                await asyncio.sleep(self.seconds)
        finally:
            self._watching = False

    async def look(self) -> None:
        """Look once, in a thread, and swap when the champion has changed."""
        await asyncio.to_thread(self._look)
        self._looked = time.monotonic()
        self.after_look()

    def _look(self) -> None:
        with self._one_at_a_time:
            self._follow()

    def _follow(self) -> None:
        try:
            number = self.source.resolve(f"{self.name}@champion")
        except Exception as error:
            absent = isinstance(error, RefusedError) and error.__cause__ is None  # a cause is the disk's
            self._stay("no_champion" if absent else "unreadable", _WORDS[absent], error)
            return
        if self.current is not None and number == self.current.number:
            self._failed, self.trouble = None, None
        elif number != self._failed or time.monotonic() >= self._retry_at:
            self._swap(number)

    def _swap(self, number: int) -> None:
        try:
            package = self.source.load(f"{self.name}@{number}")
            try_one_row(package)
        except Exception as error:
            self.failures += 1
            self._failed, self._retry_at = number, time.monotonic() + RETRY_SECONDS
            self._stay("failed", f"version {number} could not be loaded", error)
            return
        _log.info("%s: version %d answers from now on", self.name, number)
        self.current, self._failed, self.trouble = Loaded(package, number), None, None

    def _not_ready(self) -> Problem:
        code, words = self.trouble or ("starting", "the server is starting")
        detail = f"No model is ready: {words}."
        return Problem("not-ready", detail, [FieldError(code, words)], {"Retry-After": "1"})

    def _stay(self, code: str, words: str, error: Exception) -> None:
        trouble = code, words
        if trouble != self.trouble:  # said once, not at every look
            kept = f"; version {self.current.number} goes on" if self.current else ""
            _log.warning("%s: %s (%s)%s", self.name, words, error, kept)
        self.trouble = trouble


_WORDS = {True: "no version is champion", False: "the registry cannot be read"}


def try_one_row(package: ModelPackage) -> None:
    """Predict one row, so that a package is known to work before it answers anybody.

    Raises:
        RefusedError: the answer is not one finite prediction.
    """
    answers = package.answers(package.predict_rows([example_row(package)]))
    numbers = answers[0].values() if len(answers) == 1 and isinstance(answers[0], dict) else answers
    if len(answers) != 1 or not all(isinstance(x, float) and math.isfinite(x) for x in numbers):
        raise RefusedError("the package does not answer its own example row with a finite number")


def example_row(package: ModelPackage) -> dict[str, Any]:
    """Return a row that the package's schema accepts."""
    described = package.schema.to_json_schema(package.features)["properties"]
    return {name: described[name]["examples"][0] for name in package.features}
