"""A lab as its author wrote it: `labs/src/NN_name.py`, front matter and cells (jupytext percent)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from mlsd.course.lab.home import labs_folder
from mlsd.report import RefusedError

TAGS = ("exercise", "solution", "check", "demo", "slide", "ignore-output")
_FRONT = {  # field -> type
    "title": str, "sprint": int, "minutes": int, "objectives": list, "prerequisites": list, "exercises": list,
}  # fmt: skip


@dataclass(frozen=True)
class Cell:
    """One cell: prose or code, its tags, and the exercise whose stub it is.

    A cell tagged `exercise` is the stub of the exercise that `exercise` names; `solution` stands in the
    solution edition only; `check` runs a check; `demo` is for the instructor to type live; `slide` starts
    a slide; the output of `ignore-output` is not compared.
    """

    kind: Literal["text", "code"]
    source: str
    tags: tuple[str, ...] = ()
    exercise: str = ""


@dataclass(frozen=True)
class Lab:
    """A lab: its front matter and its cells, in order."""

    number: str  # two digits
    name: str  # of its files, "00_what_is_an_ml_system"
    title: str
    sprint: int
    minutes: int
    objectives: tuple[str, ...]
    prerequisites: tuple[str, ...]
    exercises: tuple[str, ...]  # ids
    cells: tuple[Cell, ...]

    def __repr__(self) -> str:
        return f"Lab({self.number} {self.title} {self.minutes} minutes, {len(self.exercises)} exercises)"


def lab_sources(folder: Path | None = None) -> list[Path]:
    """Return the sources of all labs, in order.

    >>> lab_sources()[0].name
    '00_what_is_an_ml_system.py'
    """
    here = (folder or labs_folder()) / "src"
    return sorted(p for p in here.glob("[0-9][0-9]_*.py") if not p.stem.endswith(("_exercises", "_start")))


def read_lab(path: Path) -> Lab:
    """Read a lab's source.

    Raises:
        RefusedError: its front matter or a cell is not as it should be; the sentence says where.

    >>> read_lab(lab_sources()[0]).number
    '00'
    """
    import jupytext

    try:
        notebook = jupytext.read(path, fmt="py:percent")
    except Exception as error:  # whatever YAML or jupytext make of a crooked header
        if mark := getattr(error, "problem_mark", None):
            lines = path.read_text(encoding="utf-8").splitlines()
            k = mark.line + 2 + next((k for k, line in enumerate(lines) if line.startswith("# ---")), 0)
            said = getattr(error, "problem", "") or "is no YAML"
            raise RefusedError(f"the front matter of {path.name}, line {k}: {said}") from None
        raise RefusedError(
            f"{path.name} cannot be read as a notebook: {' '.join(str(error).split())}"
        ) from None
    front = _front(path.name, notebook.metadata.get("mlsd"))
    cells = tuple(_cell(path.name, k, raw) for k, raw in enumerate(notebook.cells, 1))
    if path.stem[:2] + "_" != path.stem[:3] or not path.stem[:2].isdigit():
        raise RefusedError(f"a lab's file is called NN_name.py; got {path.name}")
    return Lab(path.stem[:2], path.stem, cells=cells, **front)


def _front(name: str, given: Any) -> dict[str, Any]:
    asked = ", ".join(_FRONT)
    if not isinstance(given, dict):
        raise RefusedError(
            f"{name} has no front matter: start it with '# ---', 'jupyter:', 'mlsd:' and {asked}"
        )
    wrong = [field for field, kind in _FRONT.items() if not isinstance(given.get(field), kind)]
    odd = sorted(set(given) - set(_FRONT))
    if wrong or odd:
        missing = f"needs {', '.join(f'{f} ({_FRONT[f].__name__})' for f in wrong)}" if wrong else ""
        unknown = f"does not know {', '.join(odd)}" if odd else ""
        raise RefusedError(f"the front matter of {name} {' and '.join(filter(None, [missing, unknown]))}")
    plain = {field: tuple(map(str, v)) if isinstance(v, list) else v for field, v in given.items()}
    bad = [id for id in plain["exercises"] if not re.fullmatch(rf"{name[:2]}\.\d+", id)]
    if bad:
        raise RefusedError(
            f"the front matter of {name} names exercise {bad[0]!r}; expected '{name[:2]}.1' in quotes"
        )
    return plain


def _cell(name: str, k: int, raw: Any) -> Cell:
    tags = tuple(raw.metadata.get("tags", ()))
    unknown = [tag for tag in tags if tag not in TAGS]
    if unknown:
        raise RefusedError(f"cell {k} of {name} has the tag {unknown[0]!r}; known are {', '.join(TAGS)}")
    exercise = str(raw.metadata.get("exercise", ""))
    if ("exercise" in tags) != bool(exercise):
        raise RefusedError(
            f"cell {k} of {name}: a stub has the tag 'exercise' and exercise=\"{name[:2]}.k\", both"
        )
    return Cell("text" if raw.cell_type == "markdown" else "code", raw.source.strip("\n"), tags, exercise)
