"""A student's notebook, read with patience: whatever a hand did to it, its cells come out or one sentence."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlsd.report import RefusedError
from mlsd.store import one_sentence

if TYPE_CHECKING:
    from nbformat import NotebookNode

_KINDS = ("code", "markdown", "raw")


@dataclass(frozen=True)
class Found:
    """One cell of a student's notebook: where it stands and what it holds."""

    k: int  # position, from 1
    id: str
    kind: str  # code, markdown or raw
    source: str
    exercise: str = ""  # whose stub it was born as

    @property
    def name(self) -> str:
        """How a sentence calls it."""
        return cell_name(self.k, self.source)

    @property
    def lines(self) -> list[str]:
        """Its lines that hold something."""
        return [line.rstrip() for line in self.source.splitlines() if line.strip()]


def cell_name(k: int, source: str) -> str:
    """Return how a sentence calls a cell: its position and its first line.

    >>> cell_name(3, "\\nx = 1\\ny = 2")
    'cell 3 (x = 1)'
    """
    line = next((line.strip() for line in source.splitlines() if line.strip()), "empty")
    return f"cell {k} ({line if len(line) <= 50 else line[:49] + '…'})"


def read_notebook(path: Path) -> dict[str, Any]:
    """Return a notebook's record as it lies in its file, once it is one that can be worked with.

    Raises:
        RefusedError: there is no such file, or it holds no notebook of format 4 in Python.
    """
    if not path.is_file():
        raise RefusedError(f"there is no notebook {path}; `mlsd lab start` makes one")
    with one_sentence(path):
        data = path.read_bytes()
    try:
        record = json.loads(data.decode("utf-8-sig"))
        json.dumps(record, ensure_ascii=False).encode()  # halves of characters are found here
    except (ValueError, RecursionError) as error:
        why = "its text ends too early" if len(data) == getattr(error, "pos", -1) else "its text is damaged"
        raise RefusedError(f"{path} cannot be read as a notebook: {why}; {_anew(path)}") from None
    _fit(record, path)
    return dict(record)


def cells_of(record: dict[str, Any]) -> list[Found]:
    """Return the cells of a notebook, in order; what is no cell is an empty one."""
    return [_cell(k, raw) for k, raw in enumerate(record["cells"], 1)]


def to_run(record: dict[str, Any]) -> NotebookNode:
    """Return a sound notebook with the same cells at the same positions, without outputs."""
    import nbformat

    made = []
    for cell in cells_of(record):
        new = nbformat.v4.new_code_cell if cell.kind == "code" else nbformat.v4.new_markdown_cell
        made.append(new(cell.source, id=f"cell-{cell.k}"))
    return nbformat.v4.new_notebook(cells=made)


def _anew(path: Path) -> str:
    number = path.name[:2] if path.name[:2].isdigit() else "NN"
    return f"`mlsd lab reset {number} --all` makes a fresh one and keeps this one beside it"


def _fit(record: Any, path: Path) -> None:
    name = path.name
    cells = record.get("cells") if isinstance(record, dict) else None
    version = record.get("nbformat") if isinstance(record, dict) else None
    if type(version) is int and version > 4:
        raise RefusedError(f"{name} has notebook format {version}; this mlsd reads format 4: update mlsd")
    if type(version) is int and version < 4:
        raise RefusedError(f"{name} has the old notebook format {version}: open it in JupyterLab and save it")
    if type(version) is not int or not isinstance(cells, list):
        raise RefusedError(f"{name} is not a notebook: it has no list of cells; {_anew(path)}")
    language = _language(_dict(record.get("metadata")))
    if language not in ("", "python"):
        raise RefusedError(f"{name} runs a kernel for {language}; choose Python 3 in JupyterLab and save it")


def _language(metadata: dict[str, Any]) -> str:
    kernel, info = _dict(metadata.get("kernelspec")), _dict(metadata.get("language_info"))
    return str(kernel.get("language") or info.get("name") or "").lower()[:40]


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _cell(k: int, raw: Any) -> Found:
    raw = _dict(raw)
    source, kind = raw.get("source", ""), raw.get("cell_type")
    if isinstance(source, list):
        source = "".join(part for part in source if isinstance(part, str))
    id, exercise = raw.get("id"), _dict(raw.get("metadata")).get("exercise")
    return Found(
        k,
        id if isinstance(id, str) else "",
        kind if kind in _KINDS else "raw",
        source if isinstance(source, str) else "",
        exercise if isinstance(exercise, str) else "",
    )
