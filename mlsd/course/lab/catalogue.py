"""Which labs there are: read from the student editions, so that the list needs no other package."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlsd.course.lab.home import labs_folder
from mlsd.course.lab.notebook import read_notebook
from mlsd.report import RefusedError


@dataclass(frozen=True)
class Entry:
    """What the catalogue says of a lab."""

    number: str  # two digits
    title: str
    sprint: int
    minutes: int
    objectives: tuple[str, ...]
    exercises: tuple[str, ...]  # ids
    path: Path  # of the student edition

    def __repr__(self) -> str:
        return f"Entry({self.number} {self.title}: {self.minutes} minutes, {len(self.exercises)} exercises)"


def catalogue(folder: Path | None = None) -> list[Entry]:
    """Return the labs, in order.

    Args:
        folder: of the labs, if not the one of this installation.

    >>> catalogue()[0].title
    'Why is a perfect model not enough?'
    """
    found = sorted((folder or labs_folder()).glob("sprint_*/[0-9][0-9]_*.ipynb"), key=lambda p: p.name)
    return [_entry(path) for path in found if re.fullmatch(r"\w+", path.stem)]  # no copies


def entry(lab: str, folder: Path | None = None) -> Entry:
    """Return the lab of a number, `"3"` or `"03"`.

    Raises:
        RefusedError: there is none; the sentence names those there are.

    >>> entry("0")
    Entry(00 Why is a perfect model not enough?: 45 minutes, 5 exercises)
    """
    labs = catalogue(folder)
    number = lab.strip().zfill(2)
    for one in labs:
        if one.number == number:
            return one
    there = ", ".join(one.number for one in labs) or "none yet"
    raise RefusedError(f"there is no lab {lab[:20]!r}; there are {there}")


def exercise_id(one: Entry, exercise: str) -> str:
    """Return the id of a lab's exercise, given as `"2"` or `"03.2"`.

    Raises:
        RefusedError: the lab has no such exercise; the sentence names those it has.
    """
    id = exercise if "." in exercise else f"{one.number}.{exercise.strip().lstrip('0')}"
    if id not in one.exercises:
        there = ", ".join(one.exercises) or "none"
        raise RefusedError(f"lab {one.number} has no exercise {exercise[:20]!r}; it has {there}")
    return id


def _entry(path: Path) -> Entry:
    try:
        about = read_notebook(path).get("metadata", {}).get("mlsd", {})
    except (RefusedError, AttributeError):
        about = {}  # a student works in this very file and has damaged it: the lab is still there
    about = about if isinstance(about, dict) else {}
    title = str(about.get("title") or path.stem[3:].replace("_", " ").capitalize())
    sprint = _whole(path.parent.name.removeprefix("sprint_"))
    objectives, exercises = (tuple(map(str, _list(about.get(name)))) for name in ("objectives", "exercises"))
    return Entry(path.stem[:2], title, sprint, _whole(about.get("minutes")), objectives, exercises, path)


def _whole(value: Any) -> int:
    return int(value) if str(value).isdecimal() else 0


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
