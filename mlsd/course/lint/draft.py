"""A lab as the rules see it: its source, both editions before they are run, and both as they are kept."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mlsd.course.lab.bank import exercises
from mlsd.course.lab.edition import edition, kept_edition
from mlsd.course.lab.exercise import Exercise
from mlsd.course.lab.source import Lab
from mlsd.course.lint.code import code_of

if TYPE_CHECKING:
    from nbformat import NotebookNode

EDITIONS = {"student": False, "solution": True}  # name -> whether it is solved


@dataclass(frozen=True)
class Code:
    """A cell of plain Python: where it stands, its source and its syntax tree."""

    where: str
    source: str
    tree: ast.Module


@dataclass(frozen=True)
class Draft:
    """What there is to judge of one lab.

    Args:
        lab: as its author wrote it.
        folder: of the labs.
        bank: its exercises by id.
        fresh: both editions as the source gives them now, not run.
        kept: the editions that are in the folder, with their outputs.
    """

    lab: Lab
    folder: Path
    bank: dict[str, Exercise]
    fresh: dict[str, NotebookNode]
    kept: dict[str, NotebookNode]

    @classmethod
    def of(cls, lab: Lab, folder: Path) -> Draft:
        """Read what there is of a lab.

        Raises:
            RefusedError: a stub and its exercise do not agree, or an edition cannot be read.
        """
        fresh = {name: edition(lab, solved=solved, folder=folder) for name, solved in EDITIONS.items()}
        built = {name: kept_edition(lab, solved=solved, folder=folder) for name, solved in EDITIONS.items()}
        kept = {name: notebook for name, notebook in built.items() if notebook is not None}
        return cls(lab, folder, exercises(lab.number, folder), fresh, kept)

    def code(self, name: str) -> list[Code]:
        """Return the cells of plain Python of one edition, in order."""
        cells = [
            (where, cell.source) for where, cell in placed(name, self.fresh[name]) if cell.cell_type == "code"
        ]
        return [Code(where, source, tree) for where, source in cells if (tree := code_of(source)) is not None]

    @property
    def all_code(self) -> list[Code]:
        """The cells of plain Python of both editions; what both hold is there once."""
        return list({code.source: code for name in reversed(EDITIONS) for code in self.code(name)}.values())

    @property
    def texts(self) -> list[tuple[str, str]]:
        """Where and what of the author's prose, solutions included."""
        cells = [(where, cell.source) for where, cell in placed("solution", self.fresh["solution"])
                 if cell.cell_type == "markdown"]  # fmt: skip
        return cells

    def outputs(self) -> Iterator[tuple[str, NotebookNode, NotebookNode]]:
        """Yield where, the cell and the output, for all outputs that are kept."""
        for name, notebook in self.kept.items():
            for where, cell in placed(name, notebook):
                for output in cell.get("outputs", ()):
                    yield where, cell, output


def placed(name: str, notebook: NotebookNode) -> list[tuple[str, NotebookNode]]:
    """Return the cells of a notebook with the words for their places."""
    return [(f"{name} cell {k} ({cell.get('id', '')})", cell) for k, cell in enumerate(notebook.cells, 1)]
