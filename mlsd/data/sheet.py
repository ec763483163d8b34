"""The rows of a text table with the kinds of their columns: which rows fit, and why others do not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from mlsd.data.cells import TextColumn
from mlsd.data.lines import as_in_file
from mlsd.data.rows import Rows, gather_rows, read_rows
from mlsd.report import MAX_EXAMPLES, Finding

_ROUNDS = 5  # times a file is read again because a stray quote joined its lines


@dataclass(frozen=True)
class Reason:
    """Why row number `row` of a sheet is rejected: what is wrong, in which column, with which cell."""

    row: int
    problem: str
    column: str = ""
    cell: str | None = None

    @property
    def sentence(self) -> str:
        """The reason as it stands in the table of rejected rows."""
        cell = "" if self.cell is None else f": {self.cell!r:.40}"
        return f"{self.column} {self.problem}{cell}".strip()


@dataclass(frozen=True)
class Sheet:
    """The n rows of a file with the m readable ones column by column, and what is wrong with which.

    Args:
        rows: all rows, in the order of the file.
        places: (m,) positions of the readable rows among them.
        columns: their cells, m for each column.
        kinds: one for each column.
        kept: (n,) which rows fit.
        reasons: why the others do not.
    """

    rows: Rows
    places: np.ndarray
    columns: list[TextColumn]
    kinds: list[str]
    kept: np.ndarray
    reasons: list[Reason]

    def kind(self, name: str) -> str:
        """Return the kind of a column."""
        return self.kinds[[column.name for column in self.columns].index(name)]

    def frame(self) -> pd.DataFrame:
        """Return the rows that fit, each column in its kind."""
        keep = self.kept[self.places]
        pairs = zip(self.columns, self.kinds, strict=True)
        return pd.DataFrame({column.name: column.values(kind, keep) for column, kind in pairs})

    def rejected(self, lines: list[str]) -> pd.DataFrame:
        """Return the rows that do not fit: line (from 1), reasons, and text as in the file."""
        told: dict[int, list[str]] = {}
        for reason in self.reasons:
            told.setdefault(reason.row, []).append(reason.sentence)
        order = sorted(told)
        spans = [(int(self.rows.starts[i]), int(self.rows.ends[i])) for i in order]
        cells = {
            "line": pd.Series([start + 1 for start, _ in spans], dtype="int64"),
            "reasons": pd.Series(["; ".join(told[i]) for i in order], dtype="str"),
            "text": pd.Series([as_in_file("".join(lines[a:b])) for a, b in spans], dtype="str"),
        }
        return pd.DataFrame(cells)


def fill(
    lines: list[str],
    delimiter: str,
    names: list[str],
    start: int,
    odd: frozenset[int] = frozenset(),
    needed: Mapping[str, str] | None = None,
) -> Sheet:
    """Return the sheet of a file.

    Args:
        lines: the lines of the file.
        delimiter: what stands between two cells.
        names: of the columns.
        start: position of the line after the header.
        odd: positions of lines that no text holds.
        needed: columns in which every row must have a value -> their role (`{"is_spam": "target"}`).

    >>> sheet = fill(["1,x\\n", "2,y\\n", "z\\n"], ",", ["a", "b"], 0)
    >>> sheet.kinds, sheet.kept.tolist(), sheet.reasons[0].sentence
    (['integer', 'text'], [True, True, False], 'has 1 cell, expected 2')
    """
    broken: frozenset[int] = frozenset()
    for _ in range(_ROUNDS):
        rows = gather_rows(lines, delimiter, len(names), start, odd, broken)
        sheet = _judge(rows, delimiter, names, needed or {})
        long = np.flatnonzero(~sheet.kept & (rows.ends - rows.starts > 1))
        joined = {
            int(rows.starts[i]) for i in long if _holds_rows(lines, rows, int(i), delimiter, len(names))
        }
        if not joined:
            break
        broken |= joined
    return sheet


def _holds_rows(lines: list[str], rows: Rows, i: int, delimiter: str, width: int) -> bool:
    """Whether lines within a row would be rows of their own, had a stray quote not joined them."""
    inner = read_rows(lines[rows.starts[i] + 1 : rows.ends[i]], delimiter, width)
    return any(row.cells is not None and not any('"' in cell for cell in row.cells) for row in inner)


def _judge(rows: Rows, delimiter: str, names: list[str], needed: Mapping[str, str]) -> Sheet:
    reasons = [Reason(i, problem) for i, problem in rows.problems.items()]
    kept = np.ones(len(rows), dtype=bool)
    kept[list(rows.problems)] = False
    places = np.flatnonzero(kept)
    columns = [TextColumn(name, raw, delimiter != ",") for name, raw in zip(names, rows.columns, strict=True)]
    kinds = _kinds(columns, len(places))
    for column, kind in zip(columns, kinds, strict=True):
        reasons += _reasons(column, kind, needed.get(column.name, ""), places)
    kept[[reason.row for reason in reasons]] = False
    return Sheet(rows, places, columns, _narrowed(columns, kinds, kept[places]), kept, reasons)


def _kinds(columns: list[TextColumn], n: int) -> list[str]:
    """Return the kinds of the columns; a row rejected for one of them no longer votes in the others."""
    alive = np.ones(n, dtype=bool)
    kinds = ["text"] * len(columns)
    while True:
        pairs = zip(columns, kinds, strict=True)
        found = [column.kind(alive) if kind == "text" else kind for column, kind in pairs]
        if found == kinds:
            return kinds
        kinds = found
        for column, kind in zip(columns, kinds, strict=True):
            alive &= column.fits(kind)


def _narrowed(columns: list[TextColumn], kinds: list[str], keep: np.ndarray) -> list[str]:
    """Return the kinds with `integer` where every number that is kept is a whole one."""
    pairs = zip(columns, kinds, strict=True)
    return ["integer" if kind == "number" and column.whole(keep) else kind for column, kind in pairs]


def _reasons(column: TextColumn, kind: str, role: str, places: np.ndarray) -> Iterator[Reason]:
    for i in np.flatnonzero(~column.fits(kind)):
        yield Reason(int(places[i]), column.problem(int(i), kind), column.name, column.raw[int(i)].as_py())
    if role:
        for i in np.flatnonzero(column.absent(kind)):
            yield Reason(int(places[i]), f"is missing, and it is the {role}", column.name)


def findings(sheet: Sheet) -> Iterator[Finding]:
    """Yield how many rows were read and rejected, for which reasons, and the kind of each column."""
    n, kept = len(sheet.rows), int(sheet.kept.sum())
    yield Finding("rows", value=n, count=n, severity="info", message=f"{n} rows read, {kept} kept")
    groups: dict[tuple[str, str], list[Reason]] = {}
    for reason in sheet.reasons:
        groups.setdefault((reason.column, reason.problem), []).append(reason)
    for group in groups.values():
        yield _rejection(sheet, group)
    if not groups:
        yield Finding("rejected", value=0, limit=0, severity="warning", message="no row is rejected")
    keep = sheet.kept[sheet.places]
    for column, kind in zip(sheet.columns, sheet.kinds, strict=True):
        yield from _decisions(column, kind, keep)


def _rejection(sheet: Sheet, group: list[Reason]) -> Finding:
    lines = [int(sheet.rows.starts[reason.row]) + 1 for reason in group[:MAX_EXAMPLES]]
    n, first = len(group), group[0]
    rows = f"{n} row{'' if n == 1 else 's'} rejected"
    message = f"{rows}, such as line {lines[0]}: {first.sentence}"
    return Finding("rejected", first.column, False, n, 0, message, "warning", n, tuple(lines))


def _decisions(column: TextColumn, kind: str, keep: np.ndarray) -> Iterator[Finding]:
    absent = int((column.absent(kind) & keep).sum())
    message = f"read as {kind}" + (f", {absent} missing" if absent else "")
    yield Finding("kind", column.name, value=kind, severity="info", count=absent, message=message)
    if kind == "time" and (naive := column.naive(keep)):
        message = f"{naive} times name no time zone and are taken as UTC"
        yield Finding("naive_time", column.name, False, naive, 0, message, "info", naive)
    if kind == "integer" and (zeros := column.leading_zeros(keep)):
        message = f"{zeros} values such as 007 lose their leading zeros"
        yield Finding("leading_zeros", column.name, False, zeros, 0, message, "info", zeros)
