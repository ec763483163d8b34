"""The two editions of a lab, before they are run: for students with stubs and hints, and with solutions."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlsd.course.lab.bank import exercises
from mlsd.course.lab.door import source_of
from mlsd.course.lab.exercise import Exercise
from mlsd.course.lab.home import labs_folder
from mlsd.course.lab.source import Cell, Lab
from mlsd.report import RefusedError

if TYPE_CHECKING:
    from nbformat import NotebookNode

_KERNEL = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}


def edition_path(lab: Lab, *, solved: bool, folder: Path | None = None) -> Path:
    """Return where an edition is kept."""
    folder = folder or labs_folder()
    return folder / ("solutions" if solved else f"sprint_{lab.sprint}") / f"{lab.name}.ipynb"


def kept_edition(lab: Lab, *, solved: bool, folder: Path | None = None) -> NotebookNode | None:
    """Return an edition as it lies in its folder; None when it was never built.

    Raises:
        RefusedError: the file cannot be read as a notebook.
    """
    import nbformat

    path = edition_path(lab, solved=solved, folder=folder)
    try:
        return nbformat.read(path, as_version=4) if path.is_file() else None
    except Exception:  # whatever nbformat makes of a damaged file
        said = f"the edition {path.parent.name}/{path.name} cannot be read as a notebook"
        raise RefusedError(f"{said}: run `mlsd course build {lab.number}`") from None


def edition(lab: Lab, *, solved: bool, folder: Path | None = None) -> NotebookNode:
    """Return an edition that was not run: the same bytes for the same source.

    Args:
        lab: as its author wrote it.
        solved: whether stubs are replaced by the references; otherwise hints follow them, collapsed.
        folder: of the labs.

    Raises:
        RefusedError: a stub and its exercise do not agree.
    """
    import nbformat

    bank = exercises(lab.number, folder)
    _agree(lab, bank)
    cells = [cell for written in lab.cells for cell in _cells(written, bank, solved)]
    counted: Counter[str] = Counter()
    made = []
    for cell in cells:
        what = cell.tags[0] if cell.tags else cell.kind
        counted[what] += 1
        id = f"{lab.number}-{what}-{counted[what]}"
        new = nbformat.v4.new_markdown_cell if cell.kind == "text" else nbformat.v4.new_code_cell
        made.append(new(cell.source, id=id, metadata=_metadata(cell)))
    about: dict[str, Any] = {
        "lab": lab.number, "edition": "solution" if solved else "student", "title": lab.title,
        "sprint": lab.sprint, "minutes": lab.minutes, "objectives": list(lab.objectives),
        "prerequisites": list(lab.prerequisites), "exercises": list(lab.exercises),
    }  # fmt: skip
    metadata = {"kernelspec": _KERNEL, "language_info": {"name": "python"}, "mlsd": about}
    return nbformat.v4.new_notebook(cells=made, metadata=metadata)


def _agree(lab: Lab, bank: dict[str, Exercise]) -> None:
    stubs = [cell.exercise for cell in lab.cells if cell.exercise]
    for what, there in (("its front matter names", list(lab.exercises)), ("its cells hold", stubs)):
        if there != list(bank):
            declared, found = (", ".join(ids) or "none" for ids in (bank, there))
            raise RefusedError(f"lab {lab.number} declares the exercises {declared}, but {what} {found}")
    for cell in lab.cells:
        name = bank[cell.exercise].name if cell.exercise else ""
        wanted = (f"{name} = ",) if cell.exercise and bank[cell.exercise].value else (f"def {name}(",)
        if cell.exercise and not any(line.startswith(wanted) for line in cell.source.splitlines()):
            raise RefusedError(
                f"the stub of exercise {cell.exercise} must begin with {wanted[0]!r}, as its reference"
            )
        if cell.exercise and not bank[cell.exercise].value:
            _agree_on_arguments(cell, bank[cell.exercise])


def _agree_on_arguments(stub: Cell, exercise: Exercise) -> None:
    try:
        given, wanted = (_arguments(source, exercise.name) for source in (stub.source, source_of(exercise)))
    except SyntaxError as error:
        raise RefusedError(f"the stub of exercise {exercise.id} is no Python: {error.msg}") from None
    if given != wanted:
        raise RefusedError(
            f"the stub of exercise {exercise.id} takes ({', '.join(given)}), "
            f"its reference ({', '.join(wanted)})"
        )


def _arguments(source: str, name: str) -> list[str]:
    """Return the names of the arguments of a function, with the stars."""
    functions = [node for node in ast.parse(source).body if isinstance(node, ast.FunctionDef)]
    taken = next(node.args for node in functions if node.name == name)
    starred = [f"*{taken.vararg.arg}"] if taken.vararg else ["*"] if taken.kwonlyargs else []
    double = [f"**{taken.kwarg.arg}"] if taken.kwarg else []
    plain = [one.arg for one in (*taken.posonlyargs, *taken.args)]
    return [*plain, *starred, *(one.arg for one in taken.kwonlyargs), *double]


def _cells(cell: Cell, bank: dict[str, Exercise], solved: bool) -> Iterator[Cell]:
    if not cell.exercise:
        if solved or "solution" not in cell.tags:
            yield cell
        return
    exercise = bank[cell.exercise]
    if solved:
        yield Cell("code", source_of(exercise), cell.tags, cell.exercise)
        return
    yield cell
    if exercise.hints:
        yield Cell("text", _collapsed(exercise))


def _collapsed(exercise: Exercise) -> str:
    n = len(exercise.hints)
    blocks = [
        f"<details><summary>Hint {k} of {n}</summary>\n\n{hint}\n\n</details>"
        for k, hint in enumerate(exercise.hints, 1)
    ]
    return "\n".join(blocks)


def _metadata(cell: Cell) -> dict[str, Any]:
    about: dict[str, Any] = {"tags": [*cell.tags]} if cell.tags else {}
    if cell.exercise:
        about["exercise"] = cell.exercise
    if "ignore-output" in cell.tags:
        about["tags"].append("nbval-ignore-output")
    if "slide" in cell.tags:
        about["slideshow"] = {"slide_type": "slide"}
    return about
