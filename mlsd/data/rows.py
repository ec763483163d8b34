"""From the lines of a text table to its rows: the delimiter, and the cells of each row."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "pipe"}
_SAMPLE = 200  # lines looked at to find the delimiter
_ODD = "holds control characters or broken text"


class Row(NamedTuple):
    """One row of a text table, or what was found in its place.

    Its lines are counted from 0 and `end` is the first one after it, since a quoted cell may span
    several; `cells` is None when the row cannot be read, and `problem` says why.
    """

    start: int
    end: int
    cells: list[str] | None
    problem: str = ""


@dataclass(frozen=True)
class Rows:
    """The n rows of a text table, their cells column by column.

    Args:
        starts: (n,) their first lines, counted from 0.
        ends: (n,) the lines after their last.
        problems: row -> why it cannot be read.
        columns: for each column, the cells of the m rows that can.
    """

    starts: np.ndarray
    ends: np.ndarray
    problems: dict[int, str]
    columns: list[Any]

    def __len__(self) -> int:
        return len(self.starts)


def find_delimiter(lines: list[str]) -> str:
    """Return the delimiter that gives most of the first lines as many cells as the header has.

    >>> find_delimiter(["a;b", "1,5;2", "3,25;4"])
    ';'
    """
    best = (0.0, 0, ",")
    for delimiter in DELIMITERS:
        rows = [row.cells or [] for row in read_rows(lines[:_SAMPLE], delimiter, None)]
        width = len(rows[0]) if rows else 0
        share = sum(len(row) == width for row in rows[1:]) / max(len(rows) - 1, 1)
        if width > 1 and (len(rows) == 1 or share >= 0.5) and (share, width) > best[:2]:
            best = (share, width, delimiter)
    return best[2]


def read_rows(
    lines: list[str],
    delimiter: str,
    width: int | None,
    start: int = 0,
    broken: frozenset[int] = frozenset(),
) -> Iterator[Row]:
    """Yield the rows of a table; blank lines are passed over.

    A row that does not parse costs one line, never those after it: where an opened quote is not closed
    rightly, reading starts again on the line that follows.

    Args:
        lines: the lines of the file.
        delimiter: what stands between two cells.
        width: how many cells a row has; None accepts any number.
        start: position of the line to begin with.
        broken: positions of lines that are not read as the first of several.
    """
    while start < len(lines):
        first, rest = start, range(start, len(lines))
        reader = csv.reader(map(lines.__getitem__, rest), delimiter=delimiter, strict=True)
        problem = "a quote is opened and not closed"
        try:
            for cells in reader:
                end = first + reader.line_num
                if end - start > 1 and start in broken:
                    break
                if cells and width in (None, len(cells)):
                    yield Row(start, end, cells)
                elif cells:
                    yield Row(start, end, None, _wrong_width(len(cells), width))
                start = end
            else:
                return
        except csv.Error as error:
            problem = _quote_problem(str(error))
        yield Row(start, start + 1, None, problem)
        start += 1


def _quote_problem(error: str) -> str:
    if "field limit" in error:
        return f"a cell has more than {csv.field_size_limit()} characters"
    return (
        "a quote is closed inside a cell" if "expected after" in error else "a quote is opened and not closed"
    )


def gather_rows(
    lines: list[str],
    delimiter: str,
    width: int,
    start: int = 0,
    odd: frozenset[int] = frozenset(),
    broken: frozenset[int] = frozenset(),
) -> Rows:
    """Return all rows of a table column by column; text without a quote is cut a column at a time.

    Args:
        lines, delimiter, width, start, broken: as `read_rows` takes them.
        odd: positions of lines that no text holds; their rows cannot be read.

    >>> gather_rows(["1,x\\n", "2\\n", "3,y\\n"], ",", 2).problems
    {1: 'has 1 cell, expected 2'}
    """
    if not any('"' in line for line in lines[start:]):
        return _split(lines, delimiter, width, start, odd)
    rows = [
        row._replace(cells=None, problem=_ODD) if odd and odd & {*range(row.start, row.end)} else row
        for row in read_rows(lines, delimiter, width, start, broken)
    ]
    cells = [row.cells for row in rows if row.cells is not None]
    columns = zip(*cells, strict=True) if cells else [()] * width
    starts, ends = (np.array([row[i] for row in rows], dtype="int64") for i in (0, 1))
    problems = {i: row.problem for i, row in enumerate(rows) if row.cells is None}
    return Rows(starts, ends, problems, [pa.array(column, type=pa.large_string()) for column in columns])


def _split(lines: list[str], delimiter: str, width: int, start: int, odd: frozenset[int]) -> Rows:
    clean = ["?" if i in odd else line.rstrip("\r\n") for i, line in enumerate(lines[start:], start)]
    full = np.array([line != "" for line in clean], dtype=bool)
    starts = np.flatnonzero(full) + start
    cells = pc.split_pattern(pa.array(clean, type=pa.large_string()).filter(pa.array(full)), delimiter)
    lengths = np.asarray(pc.list_value_length(cells), dtype="int64")
    fits = (lengths == width) & ~np.isin(starts, list(odd))
    problems = {
        int(i): _ODD if int(starts[i]) in odd else _wrong_width(int(lengths[i]), width)
        for i in np.flatnonzero(~fits)
    }
    flat = pc.list_flatten(cells.filter(pa.array(fits)))
    columns = [flat.take(pa.array(np.arange(first, len(flat), width))) for first in range(width)]
    return Rows(starts, starts + 1, problems, columns)


def _wrong_width(n: int, width: int | None) -> str:
    return f"has {n} cell{'' if n == 1 else 's'}, expected {width}"
