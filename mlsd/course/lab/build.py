"""Both editions of a lab are made from its one source, run, and written with their outputs."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from mlsd.course.lab.edition import edition, edition_path, kept_edition
from mlsd.course.lab.progress import Progress
from mlsd.course.lab.run import run_notebook
from mlsd.course.lab.source import Lab
from mlsd.course.lab.start import write_start_digests
from mlsd.plain import from_json, to_json
from mlsd.report import Finding, RefusedError, Report
from mlsd.store import write_file

if TYPE_CHECKING:
    from nbformat import NotebookNode

TIMINGS = "timings.json"  # seconds an edition took where it was last built


def build(lab: Lab, folder: Path, on_cell: Callable[[int], None] = lambda k: None) -> list[Path]:
    """Write both editions of a lab; nothing is written when one of them does not run to its end.

    Raises:
        RefusedError: a cell raised, wrote to the error stream or took too long, or a check did not pass
            where it should; the sentence names it.
    """
    write_start_digests(lab.number, folder)
    made, seconds = [], []
    for solved in (False, True):
        notebook = edition(lab, solved=solved, folder=folder)
        began = time.perf_counter()
        with tempfile.TemporaryDirectory() as place:
            verdicts = Progress(Path(place, "verdicts.jsonl"))
            problem = run_notebook(
                notebook, Path(place), Path(place, "progress.jsonl"),
                labs=folder, verdicts=verdicts.path, on_cell=on_cell,
            )  # fmt: skip
            problem = problem or _unsolved(lab, verdicts, solved) or _noise(notebook)
        seconds.append(round(time.perf_counter() - began, 1))
        if problem:
            raise RefusedError(
                f"the {'solution' if solved else 'student'} edition of lab {lab.number}: {problem}"
            )
        made.append((edition_path(lab, solved=solved, folder=folder), to_text(notebook)))
    for path, text in made:
        write_file(path, text)
    _note_seconds(folder, lab.number, seconds)
    return [path for path, _ in made]


def stale(lab: Lab, folder: Path) -> Report:
    """Judge whether the committed editions are what the source gives now; nothing is run.

    Cells, tags, ids and front matter are compared; the outputs are nbval's to compare.

    Raises:
        RefusedError: a committed edition cannot be read as a notebook.
    """
    found = []
    for solved in (False, True):
        path = edition_path(lab, solved=solved, folder=folder)
        made = _without_outputs(edition(lab, solved=solved, folder=folder))
        kept = kept_edition(lab, solved=solved, folder=folder)
        fresh = kept is not None and _without_outputs(kept) == made
        said = (
            "as its source gives it"
            if fresh
            else f"differs from its source: run `mlsd course build {lab.number}`"
        )
        found.append(
            Finding("edition", path.name, ok=fresh, message=f"the {path.parent.name} edition {said}")
        )
    return Report(f"editions of lab {lab.number}", tuple(found))


def to_text(notebook: NotebookNode) -> str:
    """Return a notebook as the text of its file: the same text for the same cells and outputs."""
    import nbformat

    for cell in notebook.cells:
        cell.metadata.pop("execution", None)  # times
    notebook.metadata.pop("widgets", None)
    notebook.metadata.language_info = {"name": "python"}  # without the version of this Python
    return nbformat.writes(notebook) + "\n"


def _without_outputs(notebook: NotebookNode) -> NotebookNode:
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    return notebook


def _unsolved(lab: Lab, verdicts: Progress, solved: bool) -> str:
    """Say which check came out otherwise than it must: all passed, or none attempted."""
    came = {event["exercise"]: event for event in verdicts.events}
    wanted = "passed" if solved else "not attempted"
    for id in lab.exercises:
        if id not in came:
            return f'no cell calls check("{id}", ...)'
        outcome, said = came[id]["event"], str(came[id].get("said", ""))
        if outcome == wanted:
            continue
        if not solved and outcome == "passed":
            return f"the stub of {id} holds an answer"
        missing = "; does the lab import what its reference uses?" if "NameError" in said else ""
        return f"exercise {id} is {outcome}, expected {wanted}: {said}{missing}"
    return ""


def _noise(notebook: NotebookNode) -> str:
    for k, cell in enumerate(notebook.cells, 1):
        for output in cell.get("outputs", ()):
            if output.output_type == "stream" and output.name == "stderr":
                return f"cell {k} wrote to the error stream: {output.text.strip().splitlines()[0]}"
    return ""


def _note_seconds(folder: Path, number: str, seconds: list[float]) -> None:
    path = folder / TIMINGS
    kept = from_json(path.read_text(encoding="utf-8"), str(path)) if path.is_file() else {"format": 1}
    kept[number] = dict(zip(("student", "solution"), seconds, strict=True))
    write_file(path, to_json(dict(sorted(kept.items())), indent=1) + "\n")
