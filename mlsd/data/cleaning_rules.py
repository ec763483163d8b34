"""Cleaning rules: what may be repaired in a column, one small value each, written down as it was applied."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np
import pandas as pd

from mlsd.cells import FAMILY, NUMBER, cell_family, read_cells
from mlsd.data.where import numbers_of, one_column, rows_where
from mlsd.report import RefusedError

Change = tuple[np.ndarray, np.ndarray]  # which rows change, (n,) booleans, and their m new cells


@dataclass(frozen=True, repr=False)
class CleaningRule:
    """One repair of one column. `learn` fixes its numbers on a table; `change` says what it would do."""

    column: str

    def learn(self, frame: pd.DataFrame) -> CleaningRule:
        """Return the rule with every number that it takes from these rows."""
        return self

    def change(self, frame: pd.DataFrame) -> Change:
        """Return which rows change, (n,), and their new cells, (m,)."""
        raise NotImplementedError

    def to_plain(self) -> dict[str, Any]:
        """Return the rule as plain values, its name under `rule`."""
        return {"rule": type(self).__name__, **asdict(self)}

    def __repr__(self) -> str:
        said = [f for f in fields(self) if f.name != "column" and getattr(self, f.name) != f.default]
        column = [repr(self.column)] if self.column else []
        words = [*column, *(f"{f.name}={getattr(self, f.name)!r}" for f in said)]
        return f"{type(self).__name__}({', '.join(words)})"


@dataclass(frozen=True, repr=False)
class DropDuplicates(CleaningRule):
    """Drop rows that repeat an earlier one: in a column (a key), or in all columns when none is named.

    >>> DropDuplicates("id").repeated(pd.DataFrame({"id": [1, 2, 1]}))
    array([False, False,  True])
    """

    column: str = ""

    def repeated(self, frame: pd.DataFrame) -> np.ndarray:
        """Return which rows repeat an earlier one, (n,) booleans; a missing key repeats nothing."""
        if self.column:
            keys = one_column(frame, self.column)
            return (keys.duplicated() & keys.notna()).to_numpy()
        try:
            return frame.duplicated().to_numpy()
        except TypeError:
            raise RefusedError(
                "cannot tell repeated rows apart: a cell holds a list or a dict; name the key instead, "
                "such as DropDuplicates('id')"
            ) from None


@dataclass(frozen=True, repr=False)
class Strip(CleaningRule):
    """Take white space from both ends of a text.

    >>> Strip("city").change(pd.DataFrame({"city": [" Huy", "Huy", None]}))
    (array([ True, False, False]), array(['Huy'], dtype=object))
    """

    def change(self, frame: pd.DataFrame) -> Change:
        return _texts(one_column(frame, self.column), lambda text: text.strip())


@dataclass(frozen=True, repr=False)
class Rename(CleaningRule):
    """Give texts another name; None makes them missing.

    Raises:
        RefusedError: a new name is an old one too, so that a second pass would rename again.

    >>> Rename("city", {"Luik": "Liege", "?": None}).change(pd.DataFrame({"city": ["Luik", "Huy", "?"]}))
    (array([ True, False,  True]), array(['Liege', None], dtype=object))
    """

    names: Mapping[str, str | None]

    def __post_init__(self) -> None:
        if not isinstance(self.names, Mapping) or not all(
            isinstance(old, str) and isinstance(new, str | None) for old, new in self.names.items()
        ):
            raise RefusedError(
                f"Rename({self.column!r}) got {self.names!r}; expected old and new text: {{'Luik': 'Liege'}}"
            )
        object.__setattr__(self, "names", {old: new for old, new in self.names.items() if old != new})
        if twice := [name for name in self.names.values() if name in self.names]:
            raise RefusedError(
                f"Rename({self.column!r}): {twice[0]!r} is both an old and a new name; name the end at once"
            )

    def change(self, frame: pd.DataFrame) -> Change:
        return _texts(one_column(frame, self.column), lambda text: self.names.get(text, text))


@dataclass(frozen=True, repr=False)
class Convert(CleaningRule):
    """Multiply by a factor, then add an offset: all rows, or those that meet a condition.

    Args:
        column: numbers.
        factor: units of the new kind in one of the old: 0.001 from g to kg.
        unit: the new unit, for the record.
        offset: added after; 32 from Celsius to Fahrenheit.
        where: only rows that meet this, such as `"weight > 200"`: what `Rule` can read.

    >>> Convert("weight", 0.001, "kg", where="weight > 200").change(pd.DataFrame({"weight": [2.0, 2500.0]}))
    (array([False,  True]), array([2.5]))
    """

    factor: float
    unit: str
    offset: float = 0.0
    where: str = ""

    def __post_init__(self) -> None:
        for value in (self.factor, self.offset):
            check_finite(value, f"Convert({self.column!r})")

    def change(self, frame: pd.DataFrame) -> Change:
        old = numbers_of(one_column(frame, self.column), self.column, "Convert")
        with np.errstate(over="ignore"):
            new = old * self.factor + self.offset
        if (np.isinf(new) & ~np.isinf(old)).any():
            raise RefusedError(f"{self!r} makes a number too large; expected a smaller factor")
        mask = ~np.isnan(old) & (new != old)
        if self.where:
            mask &= rows_where(frame, self.where)
        return mask, new[mask]


@dataclass(frozen=True, repr=False)
class Clip(CleaningRule):
    """Bring numbers inside bounds; None leaves a side open.

    >>> Clip("age", 0, 120).change(pd.DataFrame({"age": [-1, 30, 999]}))
    (array([ True, False,  True]), array([  0., 120.]))
    """

    low: float | None = None
    high: float | None = None

    def __post_init__(self) -> None:
        bounds = [bound for bound in (self.low, self.high) if bound is not None]
        for bound in bounds:
            check_finite(bound, f"Clip({self.column!r})")
        if not bounds or bounds != sorted(bounds):
            raise RefusedError(f"Clip({self.column!r}) got {self.low} to {self.high}; expected low <= high")

    def change(self, frame: pd.DataFrame) -> Change:
        old = numbers_of(one_column(frame, self.column), self.column, "Clip")
        new = np.clip(old, self.low, self.high)
        mask = ~np.isnan(old) & (new != old)
        return mask, new[mask]


def check_finite(value: Any, where: str) -> None:
    """Refuse what is no finite number."""
    if cell_family(value) != NUMBER or not np.isfinite(value):
        raise RefusedError(f"{where} got {value!r}; expected a finite number")


def _texts(series: pd.Series, renamed: Any) -> Change:
    """Return what becomes of the texts of a column; each different one is looked at once."""
    mask = read_cells(series).family == FAMILY["text"]
    codes, names = pd.factorize(series[mask].astype(object))
    new = np.array([*map(renamed, names), None], dtype=object)[:-1]
    moved = np.array([a != b for a, b in zip(new, names, strict=True)], dtype=bool)
    mask[np.flatnonzero(mask)] = moved[codes]
    return mask, new[codes[moved[codes]]]
