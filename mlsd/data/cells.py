"""From the text of a column's cells to their kind and their values, a whole column at a time."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

MAJORITY = 0.8  # share of a column's values that decides its kind
MISSING = ("", "na", "n/a", "nan", "null", "none")
TRUE, FALSE = ("true", "yes"), ("false", "no")
NOUN = {"number": "a number", "boolean": "true or false", "time": "an ISO 8601 time"}

_EXACT = 1e15  # below it every whole number is one of its own as a float
_INTEGER = r"^[+-]?[0-9]+$"
_POINT = r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$"
_COMMA = r"^[+-]?([0-9]+,?[0-9]*|,[0-9]+)([eE][+-]?[0-9]+)?$"
_INFINITE = r"^[+-]?(?i:inf|infinity)$"
_CLOCK = r"[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,9})?)?"
_ZONE = r" ?([Zz]|[+-][0-9]{2}(:?[0-9]{2})?)"
_TIME = rf"^[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}({_CLOCK}({_ZONE})?)?$"


def _mask(array: Any) -> np.ndarray:
    return np.asarray(array.to_numpy(zero_copy_only=False), dtype=bool)


@dataclass(frozen=True)
class TextColumn:
    """The n cells of one column as they stand in the file.

    Args:
        name: the column's name.
        raw: (n,) text.
        comma: whether decimals may be written with a comma.

    >>> column = TextColumn.of("price", ["1.5", "2", "n/a", "two", "3", "4"])
    >>> column.kind(np.ones(6, dtype=bool)), column.fits("number").tolist()
    ('number', [True, True, True, False, True, True])
    """

    name: str
    raw: Any
    comma: bool = False

    @classmethod
    def of(cls, name: str, cells: Any, comma: bool = False) -> TextColumn:
        """Return a column of some cells of text."""
        return cls(name, pa.array(cells, type=pa.large_string()), comma)

    @cached_property
    def _trimmed(self) -> Any:
        return pc.utf8_trim_whitespace(self.raw)

    @cached_property
    def _lower(self) -> Any:
        return pc.utf8_lower(self._trimmed)

    @cached_property
    def missing(self) -> np.ndarray:
        """(n,) which cells say that nothing is known: empty, NA, N/A, NaN, null, None."""
        return _mask(pc.is_in(self._lower, value_set=pa.array(MISSING, type=pa.large_string())))

    @cached_property
    def unknown(self) -> np.ndarray:
        """(n,) which cells are missing in a column that is not text: a question mark counts too."""
        return self.missing | _mask(pc.equal(self._trimmed, "?"))

    def absent(self, kind: str) -> np.ndarray:
        """Return, as (n,) booleans, which cells are missing in a column of that kind."""
        return self.missing if kind in ("text", "empty") else self.unknown

    def _matches(self, pattern: str) -> np.ndarray:
        return _mask(pc.match_substring_regex(self._trimmed, pattern))

    def _cast(self, known: np.ndarray, kind: Any) -> np.ndarray:
        """Return the known cells as numbers of a kind, the others as null; ArrowInvalid where one is none."""
        text = pc.utf8_ltrim(pc.if_else(pa.array(known), self._trimmed, None), characters="+")
        text = pc.replace_substring(text, ",", ".") if self._decimal_comma else text
        return np.asarray(pc.cast(text, kind).fill_null(0).to_numpy())

    @cached_property
    def _clean(self) -> bool:
        """Whether every value is a number, told without reading any cell by a pattern (the fast way)."""
        if self.comma:
            return False
        try:
            return bool((np.abs(self._cast(~self.unknown, pa.float64())) < _EXACT).all())
        except pa.ArrowInvalid:
            return False

    @cached_property
    def _decimal_comma(self) -> bool:
        return self.comma and bool(self._matches(_COMMA).sum() > self._matches(_POINT).sum())

    @cached_property
    def _whole(self) -> np.ndarray:
        """(n,) which cells are whole numbers that fit into 64 bits."""
        whole = self._matches(_INTEGER)
        for i in np.flatnonzero(self._matches(r"^[+-]?[0-9]{19,}$")):
            digits = self._trimmed[int(i)].as_py()
            whole[i] = len(digits) < 25 and -(2**63) <= int(digits) < 2**63
        return whole

    @cached_property
    def _numeric(self) -> np.ndarray:
        """(n,) which cells are numbers, infinite ones included; digits beyond 64 bits are names."""
        if self._clean:
            return ~self.unknown
        fits = self._matches(_COMMA if self._decimal_comma else _POINT)
        return (fits & (self._whole | ~self._matches(_INTEGER))) | self._matches(_INFINITE)

    @cached_property
    def _floats(self) -> np.ndarray:
        return np.where(self._numeric, self._cast(self._numeric, pa.float64()), np.nan)

    @cached_property
    def _boolean(self) -> np.ndarray:
        return _mask(pc.is_in(self._lower, value_set=pa.array(TRUE + FALSE, type=pa.large_string())))

    @cached_property
    def _dated(self) -> np.ndarray:
        return self._matches(_TIME)

    @cached_property
    def _times(self) -> pd.Series:
        text = pc.if_else(pa.array(self._dated), self._trimmed, None)
        text = pc.replace_substring_regex(text, r"(\.[0-9]{6})[0-9]+", r"\1")  # microseconds hold year 9999
        cells = pd.Series(text.to_pandas(), dtype="str")
        return pd.to_datetime(cells, format="ISO8601", utc=True, errors="coerce")

    def naive(self, keep: np.ndarray) -> int:
        """How many times of the rows to `keep` name no zone."""
        return int((self._dated & ~self._matches(rf"{_CLOCK}{_ZONE}$") & keep).sum())

    def fits(self, kind: str) -> np.ndarray:
        """Return, as (n,) booleans, which cells are missing or of a kind; infinities are no numbers."""
        if kind in ("text", "empty"):
            return np.ones(len(self.raw), dtype=bool)
        if kind == "number":
            return self.unknown | np.isfinite(self._floats)
        return self.unknown | (self._boolean if kind == "boolean" else self._is_time)

    def problem(self, i: int, kind: str) -> str:
        """Return why cell `i` is not of a kind, in a few words."""
        if kind == "number" and np.isinf(self._floats[i]):
            return "is infinite"
        return f"is not {NOUN[kind]}"

    @cached_property
    def _is_time(self) -> np.ndarray:
        return np.asarray(self._times.notna().to_numpy())

    def kind(self, alive: np.ndarray) -> str:
        """Return the kind that at least 80 % of the values have, among the rows that are `alive`.

        It is number, boolean, time, text, or empty where no value is left.
        """
        if not (alive & ~self.missing).any():
            return "empty"
        present = alive & ~self.unknown
        need = max(MAJORITY * present.sum(), 1)
        if (self._numeric & present).sum() >= need:
            return "number"
        if (self._boolean & present).sum() >= need:
            return "boolean"
        if self._dated.sum() >= need and (self._is_time & present).sum() >= need:
            return "time"
        return "text"

    def whole(self, keep: np.ndarray) -> bool:
        """Whether every number of the rows to `keep` is a whole one, written without a point."""
        known = keep & ~self.unknown
        return bool((self._floats[known] % 1 == 0).all() and self._whole[known].all())

    def leading_zeros(self, keep: np.ndarray) -> int:
        """How many numbers of the rows to `keep` start with a zero that a number cannot hold."""
        return int((self._matches(r"^[+-]?0[0-9]+$") & keep).sum())

    def values(self, kind: str, keep: np.ndarray) -> pd.Series:
        """Return the typed cells of the rows to `keep`: float64, Int64, bool, UTC time or text."""
        if kind == "time":
            return self._times[keep].dt.as_unit("us").reset_index(drop=True)
        if kind == "text":
            text = pc.if_else(pa.array(self.missing), None, self.raw).filter(pa.array(keep))
            return pd.Series(text.to_pandas(), dtype="str")
        if kind in ("number", "empty"):
            return pd.Series(self._floats[keep])
        unknown = self.unknown[keep]
        if kind == "integer":
            cells = self._cast(keep & ~self.unknown, pa.int64())[keep]
            return pd.Series(pd.arrays.IntegerArray(cells, unknown) if unknown.any() else cells)
        true = _mask(pc.is_in(self._lower, value_set=pa.array(TRUE, type=pa.large_string())))[keep]
        return pd.Series(pd.arrays.BooleanArray(true, unknown) if unknown.any() else true)
