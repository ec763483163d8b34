"""Where: which rows of a table meet a condition that is written as text and never run as code."""

from __future__ import annotations

import numpy as np
import pandas as pd

from mlsd.cells import BOOLEAN, FAMILY, MISSING, NAMES, NUMBER, Cells, read_cells
from mlsd.column import near
from mlsd.report import RefusedError
from mlsd.rule import Rule, operand

_KINDS = {FAMILY[kind]: kind for kind in ("number", "boolean", "text", "time")}


def rows_where(frame: pd.DataFrame, condition: str) -> np.ndarray:
    """Return which rows meet a condition, (n,) booleans; a row in which a named value is missing does not.

    Args:
        frame: n rows.
        condition: what `Rule` can read: columns and constants with + - * /, comparisons, and or not.

    Raises:
        RefusedError: the condition cannot be read, or a column is unknown or of mixed kinds.

    >>> rows_where(pd.DataFrame({"links": [0, 7, None], "text": ["a", "b", "b"]}), "links > 3 or text == 'a'")
    array([ True,  True, False])
    """
    rule = Rule(condition)
    cells = {name: read_cells(one_column(frame, name)) for name in rule.columns}
    kinds = {name: _kind(name, found) for name, found in cells.items()}
    if not all(kinds.values()):  # a column without any value
        return np.zeros(len(frame), dtype=bool)
    rule.check(kinds)
    return Rule(f"not ({condition})").broken({name: operand(cells[name], kinds[name]) for name in cells})


def one_column(frame: pd.DataFrame, name: str) -> pd.Series:
    """Return the column of that name.

    Raises:
        RefusedError: there is none, or more than one; proposes a near miss.

    >>> one_column(pd.DataFrame({"city": ["Liege"]}), "citty")
    Traceback (most recent call last):
        ...
    mlsd.report.RefusedError: the table has no column 'citty': did you mean 'city'?
    """
    check_frame(frame)
    times = int((frame.columns == name).sum())
    if times > 1:
        raise RefusedError(f"the table has {times} columns {name!r}; expected one")
    if not times:
        raise RefusedError(f"the table has no column {name!r}{near(name, map(str, frame.columns))}")
    return frame[name]


def check_frame(frame: object, what: str = "the table") -> None:
    """Refuse what is no pandas DataFrame."""
    if not isinstance(frame, pd.DataFrame):
        raise RefusedError(f"{what} is a {type(frame).__name__}; expected a pandas DataFrame")


def numbers_of(series: pd.Series, name: str, why: str, booleans: bool = False) -> np.ndarray:
    """Return a column of numbers as float64, (n,), NaN where missing.

    Raises:
        RefusedError: a cell is something else; shows one.
    """
    cells = read_cells(series)
    fit = [MISSING, NUMBER, *([BOOLEAN] if booleans else [])]
    odd = np.flatnonzero(~np.isin(cells.family, fit))
    if len(odd):
        shown = str(series.iloc[odd[0]])[:40]
        raise RefusedError(
            f"{why} works on numbers, but {len(odd):,} cells of {name!r} are {NAMES[cells.family[odd[0]]]}, "
            f"such as {shown!r}; repair them first"
        )
    return np.full(len(series), np.nan) if cells.numbers is None else cells.numbers


def _kind(name: str, cells: Cells) -> str:
    """Return the kind that a rule compares, or nothing where every cell is missing."""
    found = [code for code in np.unique(cells.family) if code != MISSING]
    if len(found) > 1 or any(code not in _KINDS for code in found):
        words = " and ".join(NAMES[code] for code in found)
        raise RefusedError(f"column {name!r} holds {words}; a condition needs values of one kind")
    return _KINDS[found[0]] if found else ""
