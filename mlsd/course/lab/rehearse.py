"""A student's notebook is run as a stranger would run it, and every exercise gets its verdict."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlsd.course.lab.catalogue import Entry
from mlsd.course.lab.compare import compare
from mlsd.course.lab.desk import edition_of
from mlsd.course.lab.notebook import cell_name, cells_of, read_notebook, to_run
from mlsd.course.lab.progress import Progress
from mlsd.course.lab.run import CELL_SECONDS, run_notebook, told
from mlsd.report import Finding, RefusedError, Report

if TYPE_CHECKING:
    from nbformat import NotebookNode

NO_CHECK = "no check was run"


def rehearse(
    lab: Entry,
    path: Path,
    labs: Path | None = None,
    progress: Progress | None = None,
    seconds: int = CELL_SECONDS,
    on_cell: Callable[[int], None] = lambda k: None,
) -> Report:
    """Run a student's notebook in a fresh kernel and report every exercise; its file is not written.

    Passes are added to the student's progress; no try is spent.

    Args:
        lab: from the catalogue.
        path: of the notebook; the kernel works in its folder.
        labs: the folder of the labs, if not the one of this installation.
        progress: the student's, if not the usual one.
        seconds: a cell may take.
        on_cell: called with the position of each cell when its turn comes.

    Returns:
        One finding per exercise; its code is passed, wrong, crashed, not attempted or no check was run.
        What else was met (cells gone, cells that raised) are warnings.

    Raises:
        RefusedError: the file cannot be read as a notebook, or no kernel can be started.
    """
    record = read_notebook(path)
    damage = compare(cells_of(record), cells_of(edition_of(lab, labs)))
    notebook, progress = to_run(record), progress or Progress.here()
    with tempfile.TemporaryDirectory() as place:
        verdicts = Progress(Path(place, "verdicts.jsonl"))
        stopped = run_notebook(
            notebook, path.parent, Path(place, "progress.jsonl"), labs=labs, verdicts=verdicts.path,
            go_on=True, seconds=seconds, on_cell=on_cell,
        )  # fmt: skip
        events = verdicts.events
    judged = [_judged(id, events, notebook, stopped) for id in lab.exercises]
    halt = [Finding("stopped", "", False, message=stopped, severity="warning")] if stopped else []
    findings = (*judged, *damage, *_raised(notebook), *halt, *_keep(judged, progress))
    return Report(f"lab {lab.number}, {path.name}", findings)


def _judged(id: str, events: Sequence[dict[str, Any]], notebook: NotebookNode, stopped: str) -> Finding:
    """The last verdict on an exercise; a pass is not undone by a later experiment."""
    own = [event for event in events if event["exercise"] == id]
    if not own:
        return Finding(NO_CHECK, id, False, message=_why_none(id, notebook, stopped))
    last = next((event for event in own if event["event"] == "passed"), own[-1])
    return Finding(last["event"], id, last["event"] == "passed", message=str(last.get("said", "")))


def _why_none(id: str, notebook: NotebookNode, stopped: str) -> str:
    call = re.compile(rf"^[^#]*\bcheck\(\s*['\"]{re.escape(id)}['\"]", re.MULTILINE)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code" and call.search(cell.source)]
    errors = [error for cell in cells for error in _errors(cell)]
    if not cells:
        gone = f'no cell calls check("{id}", ...): it is gone'
        return f"{gone}; `mlsd lab reset {id[:2]} --exercise {id[3:]}` puts it back"
    if errors:
        return f"its cell raised {errors[0]}"
    return "the notebook stopped before it" if stopped else "its cell ran, but did not come to the check"


def _raised(notebook: NotebookNode) -> list[Finding]:
    return [
        Finding(
            "raised", "", False, message=f"{cell_name(k, cell.source)} raised {error}", severity="warning"
        )
        for k, cell in enumerate(notebook.cells, 1)
        for error in _errors(cell)
    ]


def _errors(cell: NotebookNode) -> list[str]:
    outputs = [output for output in cell.get("outputs", ()) if output.output_type == "error"]
    return [told(output.ename, output.evalue) for output in outputs]


def _keep(judged: Sequence[Finding], progress: Progress) -> list[Finding]:
    """Add what is newly passed to the student's progress."""
    try:
        for finding in judged:
            if finding.ok and not progress.count(finding.subject, "passed"):
                progress.add(finding.subject, "passed")
    except RefusedError as error:
        return [Finding("not kept", "", False, message=str(error), severity="warning")]
    return []
