"""Encoding: rows become numbers, one record at a time for serving, whole tables for training.

A boolean is 0 or 1, a category its position in `column.categories`, a missing value NaN. A row that
both ways accept gives the same bits.
"""

from __future__ import annotations

import math
import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from mlsd.cells import BOOLEAN, FAMILY, MISSING, TEXT, as_float, cell_family, read_cells
from mlsd.checks import failures, positions
from mlsd.column import Column, article, bounds_text
from mlsd.report import MAX_EXAMPLES, Finding, RefusedError, Report
from mlsd.rule import Rule

_HUGE = sys.float_info.max
_NAN = math.nan


class _Unfit(Exception):
    """A value that the fast way does not take; the slow way looks again and says why."""


@dataclass(frozen=True)
class Encoder:
    """Records in, numbers out: compiled once for a tuple of columns.

    Args:
        columns: what each record must hold, f of them, in the order of the array.
        extra: names that a record may hold besides (keys, times); they are ignored.
        rules: rules over these columns; every record must keep them.
    """

    columns: tuple[Column, ...]
    extra: frozenset[str] = frozenset()
    rules: tuple[Rule, ...] = ()
    fast: tuple[tuple[str, Callable[[Any], float]], ...] = field(init=False, repr=False, compare=False)
    names: frozenset[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "fast", tuple((column.name, _compiled(column)) for column in self.columns))
        object.__setattr__(self, "names", frozenset(column.name for column in self.columns) | self.extra)

    def encode(self, records: Sequence[Mapping[str, Any]]) -> np.ndarray:
        """Return records as float64 (m, f); refuse all of them when one is unfit."""
        try:
            rows = [self._row(record) for record in records]
        except (_Unfit, KeyError, TypeError, OverflowError):
            rows = self._slowly(records)
        array = np.array(rows, dtype="float64").reshape(len(rows), len(self.columns))
        if self.rules:
            self._check_rules(array)
        return array

    def _row(self, record: Mapping[str, Any]) -> list[float]:
        if type(record) is not dict or (len(record) > len(self.fast) and not record.keys() <= self.names):
            raise _Unfit
        return [convert(record[name]) for name, convert in self.fast]

    def _slowly(self, records: Sequence[Mapping[str, Any]]) -> list[list[float]]:
        """Convert with every check, collecting what is unfit: (code, field) -> row numbers."""
        unfit: dict[tuple[str, str], list[int]] = {}
        rows = []
        for number, record in enumerate(records):
            if not isinstance(record, Mapping):
                unfit.setdefault(("type", ""), []).append(number)
                continue
            if any(name not in self.names for name in record):
                unfit.setdefault(("unknown_field", ""), []).append(number)
            row = []
            for column in self.columns:
                code, value = _read(column, record)
                row.append(value)
                if code:
                    unfit.setdefault((code, column.name), []).append(number)
            rows.append(row)
        if unfit:
            raise RefusedError.of(
                Report("records", tuple(self._finding(*at, rows) for at, rows in unfit.items()))
            )
        return rows

    def _finding(self, code: str, name: str, rows: list[int]) -> Finding:
        column = next((column for column in self.columns if column.name == name), None)
        message = _sentence(code, column)
        if code == "unknown_field":
            message += f" besides {', '.join(column.name for column in self.columns[:20])}"
        where = (
            ""
            if rows == [0]
            else f" (in {len(rows):,} records)"
            if len(rows) > 1
            else f" (in record {rows[0]})"
        )
        return Finding(
            code, name, ok=False, message=message + where, count=len(rows), rows=tuple(rows[:MAX_EXAMPLES])
        )

    def _check_rules(self, array: np.ndarray) -> None:
        found = []
        for rule in self.rules:
            values = {name: self._values(name, array) for name in rule.columns}
            rows = np.flatnonzero(rule.broken(values))
            if rows.size:
                message = f"breaks the rule {rule.expression}"
                found.append(
                    Finding(
                        "rule", rule.name, ok=False, message=message, count=rows.size, rows=tuple(rows[:20])
                    )
                )
        if found:
            raise RefusedError.of(Report("records", tuple(found)))

    def _values(self, name: str, array: np.ndarray) -> np.ndarray:
        """Return a column of the array as the values that a rule compares."""
        at = next(at for at, column in enumerate(self.columns) if column.name == name)
        categories = self.columns[at].categories
        if categories is None:
            return array[:, at]
        texts = np.array([*categories, None], dtype=object)
        return texts[np.where(np.isnan(array[:, at]), len(categories), array[:, at]).astype(int)]


def _sentence(code: str, column: Column | None) -> str:
    """Say what was expected; never what came, which is somebody else's text."""
    if column is None:
        return (
            "is no object of field names and values"
            if code == "type"
            else "a field is unknown; expected none"
        )
    wanted = article(column.kind) + (" or null" if column.nullable else "")
    expected = {
        "missing_field": f"is missing; expected {wanted}",
        "type": f"has the wrong type; expected {wanted}",
        "null": f"is null; expected {article(column.kind)}",
        "infinite": "is infinite or too large; expected a finite number",
        "category": f"is not among its {len(column.categories or ())} categories",
    }
    return expected.get(code) or f"is out of range; expected {bounds_text(column)}"


def _compiled(column: Column) -> Callable[[Any], float]:
    """Return a function that takes the usual values of a column at once and raises on all others."""
    if column.kind == "boolean":
        return _boolean_or_null if column.nullable else _boolean
    if column.kind == "category":
        table: dict[Any, float] = {name: float(at) for at, name in enumerate(column.categories or ())}
        if column.nullable:
            table[None] = _NAN
        return table.__getitem__
    low = -_HUGE if column.minimum is None else column.minimum
    high = _HUGE if column.maximum is None else column.maximum
    return _number(low, high, column.kind == "integer", column.nullable)


def _boolean(value: Any) -> float:
    if value is True or value is False:
        return float(value)
    raise _Unfit


def _boolean_or_null(value: Any) -> float:
    return _NAN if value is None else _boolean(value)


def _number(low: float, high: float, whole: bool, nullable: bool) -> Callable[[Any], float]:
    def convert(value: Any) -> float:
        kind = type(value)
        if kind is float or kind is int:
            number = float(value)
            if low <= number <= high and (not whole or kind is int or number.is_integer()):
                return number
        elif value is None and nullable:
            return _NAN
        raise _Unfit

    return convert


def _read(column: Column, record: Mapping[str, Any]) -> tuple[str, float]:
    """Return (what is wrong or nothing, the number) for one field of one record."""
    if column.name not in record:
        return "missing_field", _NAN
    value = record[column.name]
    family = cell_family(value)
    if family == MISSING:
        return ("" if column.nullable else "null"), _NAN
    if family != FAMILY[column.kind]:
        return "type", _NAN
    if family == TEXT:
        known = column.categories or ()
        return ("", float(known.index(value))) if value in known else ("category", _NAN)
    number = as_float(value)
    if family == BOOLEAN:
        return "", number
    return _number_code(column, number), number


def _number_code(column: Column, number: float) -> str:
    if math.isinf(number):
        return "infinite"
    if column.kind == "integer" and not number.is_integer():
        return "type"
    low, high = column.minimum, column.maximum
    return "range" if (low is not None and number < low) or (high is not None and number > high) else ""


# ---- whole tables --------------------------------------------------------------------------------


def encode_frame(frame: pd.DataFrame, columns: Sequence[Column]) -> np.ndarray:
    """Return a table as float64 (n, f): what is unknown or missing is NaN, what is far out passes.

    Raises:
        RefusedError: a column is missing, named twice, of another type, or holds infinities.
    """
    array = np.empty((len(frame), len(columns)))
    found, times = [], Counter(frame.columns)
    for at, column in enumerate(columns):
        if times[column.name] != 1:
            absent = times[column.name] == 0
            message = "is missing" if absent else f"stands {times[column.name]} times; expected once"
            code = "missing_column" if absent else "duplicate_column"
            found.append(Finding(code, column.name, ok=False, message=message))
            continue
        cells = read_cells(frame[column.name])
        for failure in failures(column, cells, only=("type", "infinite")):
            found.append(failure.finding(column.name, frame.index))
        if column.kind == "category":
            places = positions(column, cells)
            array[:, at] = np.where(places < 0, np.nan, places)
        elif cells.numbers is not None:
            array[:, at] = cells.numbers
        else:
            array[:, at] = np.nan
    if found:
        raise RefusedError.of(Report("table", tuple(found)))
    array[np.isnan(array)] = np.nan  # one NaN: a stored one may carry a sign
    return array
