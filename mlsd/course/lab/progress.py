"""A student's progress: one small text file that they can read and delete; nothing is sent anywhere."""

from __future__ import annotations

import json
import os
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlsd.plain import to_json, utc_now
from mlsd.store import append_lines

TRIES = 3  # after which the solution opens
PLACE = "MLSD_PROGRESS"  # names another file; CI and `mlsd lab check` use it
VERDICTS = "MLSD_VERDICTS"  # names a file to which every check adds its outcome; `mlsd lab check` reads it


@dataclass(frozen=True)
class Progress:
    """A file with one line per event: when, which exercise, what.

    Args:
        path: of the file; made when the first event is written.

    >>> import tempfile
    >>> progress = Progress(Path(tempfile.mkdtemp(), "progress.jsonl"))
    >>> progress.add("00.1", "wrong")
    >>> progress.tries("00.1"), progress.is_open("00.1"), progress.passed
    (1, False, set())
    """

    path: Path

    @classmethod
    def here(cls) -> Progress:
        """Return this student's progress: `~/.mlsd/progress.jsonl`, or what `MLSD_PROGRESS` names."""
        named = os.environ.get(PLACE)
        return cls(Path(named) if named else Path.home() / ".mlsd" / "progress.jsonl")

    def add(self, exercise: str, event: str, said: str = "") -> None:
        """Append an event; one line, written at once, so that two notebooks may write together.

        Raises:
            RefusedError: the file cannot be written.
        """
        words = {"said": said} if said else {}
        told = {"at": utc_now(), "exercise": exercise, "event": event, **words}
        append_lines(self.path, [to_json(told)])

    @property
    def events(self) -> list[dict[str, Any]]:
        """All events, oldest first; a line that is no event is passed over."""
        try:
            lines = self.path.read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            return []
        return [event for line in lines if (event := _event(line))]

    def count(self, exercise: str, event: str) -> int:
        """Return how often it happened since the exercise was last reset."""
        happened = [e["event"] for e in self.events if e["exercise"] == exercise]
        since = len(happened) - happened[::-1].index("reset") if "reset" in happened else 0
        return Counter(happened[since:])[event]

    def tries(self, exercise: str) -> int:
        """Return the number of answers that were wrong or crashed."""
        return self.count(exercise, "wrong") + self.count(exercise, "crashed")

    def checks(self, exercise: str) -> int:
        """Return the number of answers that were judged."""
        return self.tries(exercise) + self.count(exercise, "passed")

    def is_open(self, exercise: str) -> bool:
        """Return whether the solution may be seen: passed, or three tries."""
        return self.count(exercise, "passed") > 0 or self.tries(exercise) >= TRIES

    @property
    def passed(self) -> set[str]:
        """The exercises that were passed, now or once."""
        return {e["exercise"] for e in self.events if e["event"] == "passed"}


def _event(line: str) -> dict[str, Any] | None:
    try:
        event = json.loads(line)
    except (ValueError, RecursionError):
        return None
    fit = isinstance(event, dict) and {"exercise", "event"} <= event.keys()
    return event if fit and all(isinstance(event[key], str) for key in ("exercise", "event")) else None
