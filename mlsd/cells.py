"""Cells: a column of a table judged by its values, never by the way it happens to be stored."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd

from mlsd.plain import is_missing
from mlsd.report import RefusedError

# Families of values. A boolean is no number, text is never a number, a time names its zone.
MISSING, NUMBER, BOOLEAN, TEXT, TIME, NAIVE_TIME, OTHER = range(7)
NAMES = ("nothing", "numbers", "booleans", "text", "times", "times without a zone", "other objects")
FAMILY = {
    "number": NUMBER,
    "integer": NUMBER,
    "boolean": BOOLEAN,
    "category": TEXT,
    "text": TEXT,
    "time": TIME,
}
_INFERRED = {  # what pandas finds in a column of objects -> family
    "string": TEXT, "integer": NUMBER, "floating": NUMBER, "mixed-integer-float": NUMBER, "boolean": BOOLEAN,
}  # fmt: skip


@dataclass(frozen=True)
class Cells:
    """A column of n cells: `family` int8 (n,); `numbers` float64 (n,), NaN where there is none, or None."""

    series: pd.Series
    family: np.ndarray
    numbers: np.ndarray | None = None

    def chosen(self, mask: np.ndarray) -> pd.Series:
        """Return the cells of a mask, (n,) booleans, without a copy when it holds all of them."""
        return self.series if mask.all() else self.series[mask]


def read_cells(series: pd.Series) -> Cells:
    """Judge each cell by its value, not by how the column is stored.

    >>> read_cells(pd.Series([1, "12", True, None], dtype=object)).family.tolist()
    [1, 3, 2, 0]
    """
    if isinstance(series.dtype, pd.CategoricalDtype):
        inner = read_cells(pd.Series(series.cat.categories))
        codes = series.cat.codes.to_numpy()  # -1 is missing: the last of what is appended
        numbers = None if inner.numbers is None else np.append(inner.numbers, np.nan)[codes]
        return Cells(series, np.append(inner.family, np.int8(MISSING))[codes], numbers)
    family = _family_of(series)
    numbers = _numbers(series) if family in (NUMBER, BOOLEAN) else None
    if family is None or (numbers is None and family in (NUMBER, BOOLEAN)):
        return _read_objects(series)
    missing = is_missing(series)
    return Cells(series, np.where(missing, np.int8(MISSING), np.int8(family)), numbers)


def _family_of(series: pd.Series) -> int | None:
    """Return the one family that a column holds, or None when every cell must be looked at."""
    dtype = series.dtype
    if isinstance(dtype, pd.StringDtype):
        return TEXT
    if isinstance(dtype, pd.ArrowDtype) and str(dtype.pyarrow_dtype) in ("string", "large_string"):
        return TEXT
    if dtype.kind == "O":
        return _INFERRED.get(pd.api.types.infer_dtype(series, skipna=True))
    if dtype.kind == "M":
        return NAIVE_TIME if series.dt.tz is None else TIME
    return {"b": BOOLEAN, "i": NUMBER, "u": NUMBER, "f": NUMBER}.get(dtype.kind, OTHER)


def _numbers(series: pd.Series) -> np.ndarray | None:
    """Return a column of numbers as float64 (n,), or None when one is too large for a float."""
    try:
        return series.to_numpy(dtype="float64", na_value=np.nan)
    except OverflowError:
        return None


def _read_objects(series: pd.Series) -> Cells:
    cells = series.astype(object).array
    family = np.fromiter((cell_family(cell) for cell in cells), dtype=np.int8, count=len(series))
    numbers = np.full(len(series), np.nan)
    for position in np.flatnonzero((family == NUMBER) | (family == BOOLEAN)):
        numbers[position] = as_float(cells[position])
    return Cells(series, family, numbers)


def cell_family(cell: Any) -> int:
    """Return the family of one value.

    >>> cell_family(True) == BOOLEAN, cell_family("12") == TEXT, cell_family([1]) == OTHER
    (True, True, True)
    """
    if isinstance(cell, bool | np.bool_):
        return BOOLEAN
    if isinstance(cell, str):
        return TEXT
    if is_missing(cell):
        return MISSING
    if isinstance(cell, int | float | np.integer | np.floating):
        return NUMBER
    if isinstance(cell, datetime):
        return NAIVE_TIME if cell.tzinfo is None else TIME
    return NAIVE_TIME if isinstance(cell, np.datetime64) else OTHER


def as_float(value: Any) -> float:
    """Return a number as a float; an integer too large for one becomes an infinity."""
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def matches(texts: Any, pattern: str) -> np.ndarray:
    """Return which texts match a pattern from end to end, (n,) booleans.

    One engine for every way of storing text (RE2, by way of pyarrow): its time grows only with the
    length of the text, so no pattern can hang.

    Raises:
        ValueError: the pattern cannot be read.

    >>> matches(["p-1", "p-", "xp-1"], "p-[0-9]+").tolist()
    [True, False, False]
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    try:
        stored = pa.array(texts, type=pa.large_string())
    except UnicodeEncodeError:  # half a character, which matches no pattern but "anything"
        stored = pa.array(
            [text.encode("utf-8", "replace").decode() for text in texts], type=pa.large_string()
        )
    pc.match_substring_regex(
        pa.array([""]), pattern=pattern
    )  # alone first: "a)|(b" would fit the frame below
    found = pc.match_substring_regex(stored, pattern=rf"\A(?:{pattern})\z")
    return np.asarray(found.to_numpy(zero_copy_only=False), dtype=bool)


def refuse_unlike_frame(frame: Any) -> None:
    """Refuse what is no pandas table."""
    if not isinstance(frame, pd.DataFrame):
        raise RefusedError(f"the table is a {type(frame).__name__}; expected a pandas DataFrame")
