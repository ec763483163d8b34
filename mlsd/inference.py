"""What a column may hold, learnt from what it did hold, with room for what it has not held yet."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from mlsd.cells import (
    BOOLEAN,
    MISSING,
    NAIVE_TIME,
    NAMES,
    NUMBER,
    TEXT,
    TIME,
    Cells,
    read_cells,
    refuse_unlike_frame,
)
from mlsd.column import Column, Kind, KnownAt, near
from mlsd.report import RefusedError

ENOUGH = 20  # values needed before bounds, keys, or integers that are stored as floats are believed
MOST_CATEGORIES = 50
_KEY_NAME = re.compile(r"(^|[_\W])(id|key|uuid|number)$", re.IGNORECASE)
_CAMEL_KEY = re.compile(r"[a-z](Id|ID|Key)$")
_SHARES = ("share", "fraction", "probability")


def infer_columns(
    frame: pd.DataFrame,
    target: str | None = None,
    known_at: Mapping[str, KnownAt] | None = None,
    units: Mapping[str, str] | None = None,
) -> tuple[Column, ...]:
    """Return the columns that a clean table suggests; `Schema.infer` says by which rules."""
    _refuse_shapeless(frame)
    if not len(frame) or not len(frame.columns):
        raise RefusedError(
            f"the table has {len(frame)} rows and {len(frame.columns)} columns; nothing to learn"
        )
    moments, units = _stated(frame, "known_at", known_at), _stated(frame, "units", units)
    return tuple(
        infer_column(
            frame[name],
            key=name != target,
            unit=units.get(name, ""),
            known_at=moments.get(name, "label" if name == target else "creation"),
        )
        for name in frame.columns
    )


def _refuse_shapeless(frame: Any) -> None:
    """Refuse what is no table with one text name per column."""
    refuse_unlike_frame(frame)
    for name in frame.columns:
        if not isinstance(name, str) or not name:
            raise RefusedError(
                f"a column is named {name!r}; expected text: use frame.columns = frame.columns.map(str)"
            )
    double = frame.columns[frame.columns.duplicated()]
    if len(double):
        raise RefusedError(f"the column name {double[0]!r} stands twice; expected each name once: rename one")


def _stated(frame: pd.DataFrame, what: str, given: Mapping[str, Any] | None) -> Mapping[str, Any]:
    """Return what is stated about columns; what the caller says must name columns of the table."""
    if given is None:
        return frame.attrs.get(what, {})
    for name in given:
        if name not in frame.columns:
            raise RefusedError(f"{what} names {name!r}, which is no column{near(name, frame.columns)}")
    return given


def infer_column(series: pd.Series, *, key: bool = True, **stated: Any) -> Column:
    """Return the column that these cells suggest; `Schema.infer` says by which rules.

    Args:
        series: the cells, (n,).
        key: whether the column may be a key.
        stated: parts that somebody knows: `unit`, `known_at`.

    Raises:
        RefusedError: cells of several families, of none that a table holds, or infinities.

    >>> infer_column(pd.Series(range(101), name="likes"), unit="likes")
    Column(likes: integer, 0 to 200 likes)
    """
    name = str(series.name)
    cells = read_cells(series)
    found = [code for code in np.unique(cells.family) if code != MISSING]
    _refuse_unfit(name, cells, found)
    parts: dict[str, Any] = {"name": name, "nullable": bool((cells.family == MISSING).any()), **stated}
    if not found:
        return Column(kind="text", **parts)
    if found == [BOOLEAN]:
        return Column(kind="boolean", **parts)
    if found == [TIME]:
        return Column(kind="time", **parts)
    return _infer_text(series, key, parts) if found == [TEXT] else _infer_number(cells, key, parts)


def _refuse_unfit(name: str, cells: Cells, found: list[int]) -> None:
    words = " and ".join(NAMES[code] for code in found)
    label = _first_label(cells, ~np.isin(cells.family, [MISSING, NUMBER, BOOLEAN, TEXT, TIME]))
    if NAIVE_TIME in found:
        raise RefusedError(
            f"column {name!r} holds times without a zone{label}; expected UTC: "
            f"use frame[{name!r}].dt.tz_localize('UTC')"
        )
    if found and found[-1] > TIME:
        kind = _type_name(cells)
        raise RefusedError(
            f"column {name!r} holds {kind} values{label}; "
            "expected numbers, booleans, text or times: convert or drop the column"
        )
    if len(found) > 1:
        label = _first_label(cells, cells.family == found[-1])
        raise RefusedError(
            f"column {name!r} mixes {words} (a case of the last{label}); "
            "expected values of one kind: repair it, or read it with mlsd.data.read_table"
        )
    infinite = np.isinf(cells.numbers) if cells.numbers is not None else np.zeros(0, dtype=bool)
    if infinite.any():
        raise RefusedError(
            f"column {name!r} holds {int(infinite.sum()):,} infinite or too large values"
            f"{_first_label(cells, infinite)}; expected finite numbers: replace them by missing values"
        )


def _first_label(cells: Cells, mask: np.ndarray) -> str:
    """Return ` at row 'label'` for the first row of a mask."""
    return f" at row {cells.series.index[int(np.argmax(mask))]!r}" if mask.any() else ""


def _type_name(cells: Cells) -> str:
    first = cells.series.iloc[int(np.argmax(cells.family > NAIVE_TIME))]
    return type(first).__name__


def _infer_text(series: pd.Series, key: bool, parts: dict[str, Any]) -> Column:
    values = series.dropna().astype(object)
    names = _declared(series) or sorted(values.unique())
    n = len(values)
    distinct = key and not parts["nullable"] and len(names) == n >= ENOUGH
    if distinct and not re.search(r"\s", "".join(names)):
        return Column(kind="text", unique=True, **parts)
    if len(names) <= min(MOST_CATEGORIES, max(1, n // 2)):
        return Column(kind="category", categories=tuple(names), **parts)
    return Column(kind="text", **parts)


def _declared(series: pd.Series) -> list[str] | None:
    """Return the categories in their order when somebody put them in order."""
    dtype = series.dtype
    return list(dtype.categories) if isinstance(dtype, pd.CategoricalDtype) and dtype.ordered else None


def _infer_number(cells: Cells, key: bool, parts: dict[str, Any]) -> Column:
    assert cells.numbers is not None
    numbers = cells.numbers[cells.family == NUMBER]
    counted = _stored_whole(cells) or len(numbers) >= ENOUGH
    kind: Kind = "integer" if counted and bool((numbers == np.trunc(numbers)).all()) else "number"
    if key and kind == "integer" and _is_key(parts["name"], numbers):
        return Column(kind="integer", unique=True, **parts)
    low, high = (
        bounds(numbers, share=parts.get("unit", "") in _SHARES) if len(numbers) >= ENOUGH else (None, None)
    )
    return Column(kind=kind, minimum=low, maximum=high, **parts)


def _stored_whole(cells: Cells) -> bool:
    """Whether the numbers are stored as whole numbers, not as floats that happen to be whole."""
    dtype = cells.series.dtype
    if dtype.kind == "O" and not isinstance(dtype, pd.CategoricalDtype):
        return pd.api.types.infer_dtype(cells.series, skipna=True) == "integer"
    return dtype.kind in "iu"


def _is_key(name: str, numbers: np.ndarray) -> bool:
    named = _KEY_NAME.search(name) or _CAMEL_KEY.search(name)
    return bool(named) and len(numbers) >= ENOUGH and len(np.unique(numbers)) == len(numbers)


def bounds(numbers: np.ndarray, share: bool = False) -> tuple[float | None, float | None]:
    """Return the bounds to expect of later values: a whole span of slack on either side.

    A constant column gets its own size as slack, or 1. What was never negative stays so, and what
    spread over a tenth of [0, 1] or more, and stayed inside, may use all of it. Bounds are rounded
    outwards to two digits of the slack.

    Args:
        numbers: finite numbers, (n,) with n >= 1.
        share: whether these are shares, which end at 1.

    >>> bounds(np.array([3.0, 5.5])), bounds(np.array([-1.0, 1.0])), bounds(np.array([7.0]))
    ((0.5, 8.0), (-3.0, 3.0), (0.0, 14.0))
    """
    least, most = float(numbers.min()), float(numbers.max())
    slack = most - least if most > least else max(abs(most), 1.0)
    low, high = _outwards(least - slack, slack, math.floor), _outwards(most + slack, slack, math.ceil)
    inside = least >= 0 and most <= 1
    if inside and share:
        return 0.0, 1.0
    if low is not None and least >= 0:
        low = 0.0 if inside else max(low, 0.0)
    if high is not None and inside and slack >= 0.1:
        high = max(high, 1.0)
    return low, high


def _outwards(bound: float, slack: float, rounding: Any) -> float | None:
    """Return a bound rounded to two digits of the slack; None where floats cannot hold it."""
    if not math.isfinite(bound) or not math.isfinite(slack):
        return None
    digits = 1 - math.floor(math.log10(slack))
    if not -300 < digits < 300 or abs(bound) > 1e12 * slack:
        return bound
    steps = round(bound * 10.0**digits, 6)  # 1.7000000000000002 is 1.7
    return float(round(rounding(steps) / 10.0**digits, max(digits, 0)))
