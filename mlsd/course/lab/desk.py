"""A student's working folder: a lab's notebook and start state are laid out, found again, and kept."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlsd.course.lab.catalogue import Entry
from mlsd.course.lab.home import labs_folder
from mlsd.course.lab.notebook import read_notebook
from mlsd.course.lab.start import StartState, has_start, start_state
from mlsd.report import RefusedError
from mlsd.store import one_sentence, write_file


@dataclass(frozen=True)
class Desk:
    """What lies ready for a student; `new` when the notebook was not there before."""

    notebook: Path
    new: bool
    state: StartState | None

    def __repr__(self) -> str:
        said = "a fresh notebook" if self.new else "the notebook was there already"
        return f"Desk({self.notebook.name}: {said}{f', {self.state}' if self.state else ''})"


def lay_out(lab: Entry, folder: Path | None = None, labs: Path | None = None) -> Desk:
    """Copy a lab's student edition and its start state into a folder; nothing there is overwritten.

    Args:
        lab: from the catalogue.
        folder: to work in, `lab_NN` here when not given.
        labs: the folder of the labs, if not the one of this installation.

    Raises:
        RefusedError: a notebook of that name is there and differs, or the folder cannot be written.
    """
    folder = Path(f"lab_{lab.number}") if folder is None else folder
    path = folder / lab.path.name
    with one_sentence(folder):
        edition, there = _blank(lab.path), path.read_bytes() if path.is_file() else None
    if there not in (None, edition):
        raise RefusedError(
            f"{path} is there already with work in it and stays as it is; go on with it, or begin anew "
            f"in another folder: `mlsd lab start {lab.number} OTHER`"
        )
    if (folder.exists() and not folder.is_dir()) or path.is_dir():
        raise RefusedError(f"{path if path.is_dir() else folder} is in the way; name another folder")
    state = start_state(lab.number, folder, labs) if has_start(lab.number, labs) else None
    if there is None:
        write_file(path, edition)
    return Desk(path, there is None, state)


def _blank(path: Path) -> bytes:
    """Return a notebook whose outputs are still to come, so that a student can predict them."""
    record = read_notebook(path)
    fresh: dict[str, Any] = {"outputs": [], "execution_count": None}
    record["cells"] = [cell | fresh if "outputs" in cell else cell for cell in record["cells"]]
    return (json.dumps(record, indent=1, ensure_ascii=False) + "\n").encode()


def notebook_of(lab: Entry, given: Path | None = None, *, own: bool = False) -> Path:
    """Return the notebook a student means: the one given, or the one here, in `lab_NN`, or in the labs.

    Args:
        lab: from the catalogue.
        given: a notebook, or the folder it lies in.
        own: whether the course's own notebook is out of the question.

    Raises:
        RefusedError: there is none where one was named or looked for.
    """
    if given is None:
        places = [Path(), Path(f"lab_{lab.number}"), *([] if own else [lab.path.parent])]
        for place in places:
            if (place / lab.path.name).is_file():
                return place / lab.path.name
        raise RefusedError(
            f"no notebook of lab {lab.number} lies here or in lab_{lab.number}: go to the folder you work in, "
            "or name the notebook"
        )
    path = given / lab.path.name if given.is_dir() else given
    if not path.is_file():
        raise RefusedError(f"there is no notebook {path}; `mlsd lab start {lab.number}` makes one")
    return path


def edition_of(lab: Entry, labs: Path | None = None) -> dict[str, Any]:
    """Return the student edition as the course made it: from its source where that is at hand.

    In a checkout a student may work in the edition's own file, which then says nothing about the edition.
    """
    labs = labs or labs_folder()
    source = labs / "src" / f"{lab.path.stem}.py"
    if not source.is_file():
        return read_notebook(lab.path)
    from mlsd.course.lab.edition import edition
    from mlsd.course.lab.source import read_lab

    return dict(edition(read_lab(source), solved=False, folder=labs))
