"""Reading a table from a text file: every decision is said, every row that does not fit is kept aside."""

from __future__ import annotations

import difflib
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd

from mlsd.data.cells import TextColumn
from mlsd.data.lines import decode, lines_of, odd_lines
from mlsd.data.rows import DELIMITERS, Row, find_delimiter, read_rows
from mlsd.data.sheet import Sheet, fill, findings
from mlsd.report import Finding, RefusedError, Report

_LISTED = 20  # columns named in an error sentence


def read_table(
    path: str | Path, *, target: str | None = None, time: str | None = None
) -> tuple[pd.DataFrame, pd.DataFrame, Report]:
    """Read a delimited text file; return its rows, the rows that do not fit, and a report.

    Delimiter and encoding are found out. A column is of the kind (boolean, integer, number, time) that
    at least 80 % of its values have, otherwise text. Empty cells, NA, N/A, NaN, null and None are
    missing, and `?` too where a column is not text. Times that name no zone are taken as UTC, and the
    report says so. A row is rejected when it has the wrong number of cells, when a cell is not of its
    column's kind, is infinite or unreadable, or when its target or time is missing.

    Args:
        path: the file; its first line names the columns.
        target: the column to be predicted later; every row that is kept has a value there.
        time: the column that says when; it must hold ISO 8601 times.

    Returns:
        frame: the rows that fit, in the order of the file.
        rejected: the others, with `line` (counted from 1), `reasons` and `text`.
        report: rows read and rejected, and each decision.

    Raises:
        RefusedError: the file as a whole cannot be used; one sentence says why.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder) / "posts.csv"
    ...     _ = file.write_text("likes;spam\\n1,5;yes\\n2,25;no\\n3\\n4,0;no\\n8,5;yes\\n")
    ...     frame, rejected, report = read_table(file, target="spam")
    >>> frame.likes.tolist(), rejected.line.tolist(), rejected.reasons.tolist()
    ([1.5, 2.25, 4.0, 8.5], [4], ['has 1 cell, expected 2'])
    """
    path = Path(path)
    lines, odd, encoding = _lines(path)
    delimiter = find_delimiter(lines)
    header = _header(lines, delimiter, odd, path.name)
    names = _names(header.cells or [], path.name)
    needed = {wanted: role for role, wanted in (("target", target), ("time", time)) if wanted is not None}
    for wanted, role in needed.items():
        if wanted not in names:
            raise RefusedError(_unknown(wanted, role, names, path.name))
    sheet = fill(lines, delimiter, names, header.end, odd, needed)
    word = DELIMITERS[delimiter]
    decisions = (encoding, _decided("delimiter", word, f"cells are parted by a {word}"))
    report = Report(f"reading {path.name}", (*decisions, *findings(sheet)))
    _judge(sheet, report, path.name, time)
    frame = sheet.frame()
    if target is not None and frame[target].nunique() < 2:
        raise RefusedError(
            f"the target {target} of {path.name} is {frame[target].iloc[0]!s:.40} in every row; "
            "there is nothing to predict: choose another column",
            report,
        )
    return frame, sheet.rejected(lines), report


def _lines(path: Path) -> tuple[list[str], frozenset[int], Finding]:
    """Return the lines of a file, which of them no text holds, and how they were read."""
    text, encoding, sure = decode(_bytes_of(path), path.name)
    if not text.strip():
        raise RefusedError(f"{path.name} is empty; expected a header and at least 2 rows")
    lines = lines_of(text)
    odd = odd_lines(text, lines)
    if 2 * len(odd) > len(lines):
        raise RefusedError(
            f"{path.name} holds the bytes of a binary file; expected a text table such as CSV in UTF-8"
        )
    guess = "" if sure else ", a guess, because it is not UTF-8"
    return lines, odd, _decided("encoding", encoding, f"the text is {encoding}{guess}", sure)


def _decided(code: str, value: str, message: str, ok: bool = True) -> Finding:
    return Finding(code, "", ok, value, message=message, severity="info")


def _judge(sheet: Sheet, report: Report, name: str, time: str | None) -> None:
    """Refuse a table as a whole: too few rows, a time that is none, more rows rejected than not."""
    n, kept = len(sheet.rows), int(sheet.kept.sum())
    if n == 0:
        raise RefusedError(f"{name} has a header and no rows; needs at least 2")
    if n == 1:
        raise RefusedError(f"{name} has 1 row; needs at least 2")
    if time is not None and (kind := sheet.kind(time)) != "time":
        raise RefusedError(
            f"{time} of {name} is {kind}, not a time; write times as 2024-02-05T10:00:00Z (ISO 8601)", report
        )
    if 2 * kept < n or kept < 2:
        worst = max((f for f in report if f.code == "rejected"), key=lambda f: f.count)
        limit = "more than half" if 2 * kept < n else "and at least 2 must be left"
        raise RefusedError(f"{n - kept} of {n} rows of {name} do not fit, {limit}; {worst.message}", report)


def _bytes_of(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except IsADirectoryError:
        raise RefusedError(f"{path} is a folder; expected a text table such as a CSV file") from None
    except FileNotFoundError:
        raise RefusedError(f"there is no file {path}; check the name and the folder") from None
    except OSError as error:
        raise RefusedError(f"{path} cannot be read: {(error.strerror or str(error)).lower()}") from error
    except ValueError:  # a null character in the name
        raise RefusedError(f"there is no file {str(path)!r}; check the name") from None


def _header(lines: list[str], delimiter: str, odd: frozenset[int], name: str) -> Row:
    header = next(read_rows(lines, delimiter, None))
    problem = "it holds control characters" if odd & {*range(header.start, header.end)} else header.problem
    if problem:
        raise RefusedError(f"the header of {name} (line {header.start + 1}) cannot be read: {problem}")
    return header


def _names(cells: list[str], name: str) -> list[str]:
    names = [cell.strip() for cell in cells]
    if "" in names:
        raise RefusedError(
            f"column {names.index('') + 1} of {len(names)} in {name} has no name; "
            "name every column in the first line (a row index is best not written at all)"
        )
    double = [column for column, n in Counter(names).items() if n > 1]
    if double:
        raise RefusedError(
            f"{name} names the column {_shown(double[0])} twice; give each column a name of its own"
        )
    column = TextColumn.of("header", names)
    if column.kind(np.ones(len(names), dtype=bool)) == "number" and not _counted(names):
        raise RefusedError(
            f"the first line of {name} holds numbers, not names; add a line that names the columns"
        )
    return names


def _counted(names: list[str]) -> bool:
    """Whether columns are called 0, 1, 2, ... or 1, 2, 3, ..."""
    return any(names == [str(i + first) for i in range(len(names))] for first in (0, 1))


def _unknown(wanted: str, role: str, names: list[str], name: str) -> str:
    near = difflib.get_close_matches(str(wanted), names, n=1)
    guess = f"; did you mean {_shown(near[0])}?" if near else ";"
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    listed = ", ".join(map(_shown, names[:_LISTED]))
    return f"{name} has no column {wanted!r} for the {role}{guess} it has {listed}{more}"


def _shown(name: str) -> str:
    return f"{name!r:.60}"  # on one line, whatever it holds
