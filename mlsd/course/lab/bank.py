"""Where exercises are found: `labs/src/NN_exercises.py`, one file a lab, loaded when first asked for."""

from __future__ import annotations

import importlib.util
import re
import sys
import traceback
from functools import cache
from pathlib import Path

from mlsd.course.lab.exercise import Exercise
from mlsd.course.lab.home import labs_folder
from mlsd.report import RefusedError


def exercises(lab: str, folder: Path | None = None) -> dict[str, Exercise]:
    """Return the exercises of a lab by id, in order.

    Args:
        lab: its two digits.
        folder: the folder of the labs, if not the one of this installation.

    Raises:
        RefusedError: there is no such lab (the sentence names those there are), or its file is not sound.

    >>> list(exercises("00"))[:2]
    ['00.1', '00.2']
    """
    folder = folder or labs_folder()
    path = folder / "src" / f"{lab}_exercises.py"
    named = bool(re.fullmatch(r"\d\d", lab))
    sources = sorted(p.name for p in (folder / "src").glob(f"{lab}_*.py") if named)
    sources = [name for name in sources if name not in (path.name, f"{lab}_start.py")]
    if sources and not path.is_file():
        raise RefusedError(f"{path.name} is missing beside {sources[0]}; without exercises it is empty")
    if not named or not path.is_file():
        there = ", ".join(sorted(p.name[:2] for p in (folder / "src").glob("[0-9][0-9]_exercises.py")))
        raise RefusedError(f"there is no lab {lab!r}; the labs with exercises are {there or 'none yet'}")
    return dict(_load(path))


def exercise(id: str) -> Exercise:
    """Return one exercise.

    Raises:
        RefusedError: there is none with this id; the sentence names the lab's.
    """
    if not isinstance(id, str) or not re.fullmatch(r"\d\d\.\d+", id):
        raise RefusedError(f"an exercise is named by lab and number, such as '00.1'; got {id!r}")
    there = exercises(id[:2])
    if id not in there:
        raise RefusedError(f"lab {id[:2]} has no exercise {id}; it has {', '.join(there)}")
    return there[id]


@cache
def _load(path: Path) -> tuple[tuple[str, Exercise], ...]:
    spec = importlib.util.spec_from_file_location(f"mlsd_exercises_{path.stem[:2]}", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # so that pickle and inspect find the functions
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:  # whatever an author's file runs into
        raise RefusedError(f"{path.name} line {_line(path, error)}: {_in_words(error)}") from error
    found = [value for value in vars(module).values() if isinstance(value, Exercise)]
    found = list({id(one): one for one in found}.values())  # two names of one exercise are one
    _sound(path, found)
    return tuple((one.id, one) for one in sorted(found, key=lambda one: int(one.id[3:])))


def _sound(path: Path, found: list[Exercise]) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    ids = [one.id for one in found]
    for one in found:
        there = [k for k, line in enumerate(lines, 1) if re.search(rf"""["']{one.id}["']""", line)] or [1]
        if ids.count(one.id) > 1:
            raise RefusedError(f"{path.name} line {there[-1]}: there are two exercises {one.id}")
        if one.lab != path.stem[:2]:
            raise RefusedError(f"{path.name} line {there[0]}: {one.id} is no exercise of lab {path.stem[:2]}")
        if one.answer is None:
            said = f"exercise {one.id} has no reference: mark one with @exercise.reference"
            raise RefusedError(f"{path.name} line {there[0]}: {said}")


def _line(path: Path, error: BaseException) -> int:
    """Return the last line of the file that an error came through."""
    if isinstance(error, SyntaxError) and error.filename == str(path):
        return error.lineno or 1
    frames = traceback.extract_tb(error.__traceback__)
    return next((f.lineno or 1 for f in reversed(frames) if f.filename == str(path)), 1)


def _in_words(error: BaseException) -> str:
    said = error.msg if isinstance(error, SyntaxError) else " ".join(str(error).split())
    said = said.replace("Exercise.__init__()", "Exercise")
    return said if isinstance(error, RefusedError) else f"{type(error).__name__}: {said}"
