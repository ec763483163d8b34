"""Where exercises are found: `labs/src/NN_exercises.py`, one file a lab, loaded when first asked for."""

from __future__ import annotations

import importlib.util
import re
import sys
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
        RefusedError: there is no such lab; the sentence names those there are.

    >>> list(exercises("00"))[:2]
    ['00.1', '00.2']
    """
    folder = folder or labs_folder()
    path = folder / "src" / f"{lab}_exercises.py"
    if not re.fullmatch(r"\d\d", lab) or not path.is_file():
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
    spec.loader.exec_module(module)
    found = [value for value in vars(module).values() if isinstance(value, Exercise)]
    return tuple((one.id, one) for one in sorted(found, key=lambda one: int(one.id[3:])))
