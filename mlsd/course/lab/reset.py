"""Beginning anew: a stub, or a whole notebook, is put back, and what was there is kept beside it."""

from __future__ import annotations

import copy
import itertools
import json
import re
from pathlib import Path
from typing import Any

from mlsd.course.lab.bank import exercises
from mlsd.course.lab.catalogue import Entry
from mlsd.course.lab.compare import paired
from mlsd.course.lab.desk import edition_of
from mlsd.course.lab.notebook import Found, cells_of, read_notebook
from mlsd.course.lab.progress import Progress
from mlsd.report import RefusedError
from mlsd.store import one_sentence, write_file


def reset(
    lab: Entry, path: Path, exercise: str | None, labs: Path | None = None, progress: Progress | None = None
) -> Path:
    """Put a stub back to where it was, or the whole notebook; the tries start anew.

    Args:
        lab: from the catalogue.
        path: of the student's notebook.
        exercise: its id; None for all of them, and every other cell.
        labs: the folder of the labs, if not the one of this installation.
        progress: the student's, if not the usual one.

    Returns:
        The copy of the notebook as it was.

    Raises:
        RefusedError: the notebook cannot be read (a whole one is put back all the same) or not be written.
    """
    edition = edition_of(lab, labs)
    record = edition if exercise is None else _with_stub(read_notebook(path), edition, exercise, labs)
    progress = progress or Progress.here()
    kept = _keep(path)
    write_file(path, json.dumps(record, indent=1, ensure_ascii=False) + "\n")
    for id in lab.exercises if exercise is None else (exercise,):
        progress.add(id, "reset")
    return kept


def _keep(path: Path) -> Path:
    """Copy a notebook under the next free number."""
    with one_sentence(path.parent):
        data = path.read_bytes()
        for n in itertools.count(1):
            kept = path.with_name(f"{path.stem}.before-reset-{n}.ipynb")
            try:
                with kept.open("xb") as file:
                    file.write(data)
            except FileExistsError:
                continue
            return kept
    raise AssertionError("counting does not end")


def _with_stub(record: dict[str, Any], edition: dict[str, Any], id: str, labs: Path | None) -> dict[str, Any]:
    made, kept = cells_of(edition), cells_of(record)
    stub = next((cell for cell in made if cell.exercise == id), None)
    if stub is None:
        raise RefusedError(
            f"the edition has no stub of exercise {id}; `mlsd lab reset {id[:2]} --all` starts anew"
        )
    pairs = paired(kept, made)
    own = [c.k for c in kept if c.exercise == id or (c.id == stub.id and not c.exercise)]
    own = own or ([pairs[stub.k].k] if stub.k in pairs else []) or _named(kept, id, labs)
    at = own[0] - 1 if own else _place(pairs, stub)
    raw = copy.deepcopy(edition["cells"][stub.k - 1]) | {"outputs": [], "execution_count": None}
    cells = [cell for k, cell in enumerate(record["cells"], 1) if k not in own]
    if record.get("nbformat_minor") in range(5):  # cells had no ids then
        del raw["id"]
    elif any(c.id == stub.id for c in kept if c.k not in own):  # another edition gave it to another cell
        raw["id"] = f"{stub.id}-reset"
    back = [raw, *_check(made, kept, id, edition)]
    return {**record, "cells": [*cells[:at], *back, *cells[at:]]}


def _check(made: list[Found], kept: list[Found], id: str, edition: dict[str, Any]) -> list[dict[str, Any]]:
    """The cell that checks the exercise, if no cell does so any more."""
    call = re.compile(rf"\bcheck\(\s*['\"]{re.escape(id)}['\"]")
    if any(cell.kind == "code" and call.search(cell.source) for cell in kept):
        return []
    raws = [edition["cells"][cell.k - 1] for cell in made if cell.kind == "code" and call.search(cell.source)]
    return [copy.deepcopy(raw) | {"outputs": [], "execution_count": None} for raw in raws]


def _named(kept: list[Found], id: str, labs: Path | None) -> list[int]:
    """The first cell that defines what the exercise asks for."""
    name = exercises(id[:2], labs)[id].name
    begins = (f"def {name}(", f"{name} = ", f"{name}: ")
    return [c.k for c in kept if c.kind == "code" and any(line.startswith(begins) for line in c.lines)][:1]


def _place(pairs: dict[int, Found], stub: Found) -> int:
    """Behind the nearest cell before the stub that is still there."""
    return max((cell.k for k, cell in pairs.items() if k < stub.k), default=0)
