"""Checks: which rows break what a column may hold, one function per way of breaking it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from mlsd.cells import FAMILY, MISSING, NAIVE_TIME, NAMES, NUMBER, TEXT, Cells, matches
from mlsd.column import Column, article, bounds_text
from mlsd.plain import to_plain
from mlsd.report import MAX_EXAMPLES, Finding


@dataclass(frozen=True)
class Failure:
    """Rows that break one rule: `mask` (n,) booleans, a message for the table, a phrase for one row."""

    code: str
    mask: np.ndarray
    message: str
    phrase: str
    value: Any = None
    limit: Any = None

    def finding(self, subject: str, index: pd.Index) -> Finding:
        """Return the finding: how many rows, and the labels of the first 20."""
        rows = [_label(label) for label in index[np.flatnonzero(self.mask)[:MAX_EXAMPLES]]]
        count = int(np.count_nonzero(self.mask))
        return Finding(
            self.code, subject, ok=False, value=self.value, limit=self.limit, message=self.message,
            count=count, rows=tuple(rows),
        )  # fmt: skip


def _label(label: Any) -> Any:
    try:
        return to_plain(label)
    except TypeError:  # a period, an interval, a UUID
        return str(label)


def failures(column: Column, cells: Cells, only: Iterable[str] = ()) -> list[Failure]:
    """Return every way (or `only` some, by code) in which cells break their column."""
    found = (CHECKS[code](column, cells) for code in only or CHECKS)
    return [failure for failure in found if failure is not None and failure.mask.any()]


def values_that(mask: np.ndarray, one: str = "is", many: str = "are") -> str:
    """Return how many values a mask holds, in words: `2 values are`."""
    count = int(np.count_nonzero(mask))
    return f"1 value {one}" if count == 1 else f"{count:,} values {many}"


def _null(column: Column, cells: Cells) -> Failure | None:
    if column.nullable:
        return None
    missing = cells.family == MISSING
    return Failure("null", missing, f"{values_that(missing)} missing", f"{column.name} is missing", limit=0)


def _type(column: Column, cells: Cells) -> Failure | None:
    wrong = unfit(column, cells)
    if not wrong.any():
        return None
    found = [NAMES[code] for code in np.unique(cells.family[wrong])]
    words = ", ".join(found)
    if column.kind == "integer":
        words = words.replace("numbers", "numbers with a fraction")
    remedy = "; use tz_localize('UTC')" if column.kind == "time" and NAMES[NAIVE_TIME] in found else ""
    expected = f"expected {article(column.kind)}"
    return Failure(
        "type", wrong, f"{values_that(wrong)} of the wrong type ({words}); {expected}{remedy}",
        f"{column.name} has the wrong type, {expected}", value=words, limit=column.kind,
    )  # fmt: skip


def unfit(column: Column, cells: Cells) -> np.ndarray:
    """Return which cells hold a value of another kind, (n,) booleans."""
    wrong = (cells.family != FAMILY[column.kind]) & (cells.family != MISSING)
    if column.kind == "integer" and cells.numbers is not None and cells.series.dtype.kind not in "iub":
        wrong |= np.isfinite(cells.numbers) & (cells.numbers != np.trunc(cells.numbers))
    return wrong


def _infinite(column: Column, cells: Cells) -> Failure | None:
    if FAMILY[column.kind] != NUMBER or cells.numbers is None or cells.series.dtype.kind in "iub":
        return None
    infinite = np.isinf(cells.numbers)
    return Failure(
        "infinite", infinite, f"{values_that(infinite)} infinite or too large; expected finite numbers",
        f"{column.name} is infinite", limit=0,
    )  # fmt: skip


def _range(column: Column, cells: Cells) -> Failure | None:
    numbers = cells.numbers
    if (column.minimum is None and column.maximum is None) or numbers is None:
        return None
    outside = np.zeros(len(numbers), dtype=bool)
    if column.minimum is not None:
        outside |= numbers < column.minimum
    if column.maximum is not None:
        outside |= numbers > column.maximum
    outside &= (cells.family == NUMBER) & np.isfinite(numbers)
    if not outside.any():  # an infinity has a check of its own
        return None
    least, most, allowed = numbers[outside].min(), numbers[outside].max(), bounds_text(column)
    seen = f"{least:g}" if least == most else f"{least:g} to {most:g}"
    return Failure(
        "range", outside, f"{values_that(outside)} outside {allowed}: {seen}",
        f"{column.name} is outside {allowed}",
        value=[least, most], limit=[column.minimum, column.maximum],
    )  # fmt: skip


def _category(column: Column, cells: Cells) -> Failure | None:
    if column.kind != "category":
        return None
    unknown = (positions(column, cells) < 0) & (cells.family == TEXT)
    if not unknown.any():
        return None
    seen = list(pd.unique(cells.series[unknown].astype(object)))
    shown = ", ".join(repr(name[:40]) for name in seen[:3]) + (", ..." if len(seen) > 3 else "")
    categories = column.categories or ()
    return Failure(
        "category", unknown, f"{values_that(unknown)} not among the {len(categories)} categories: {shown}",
        f"{column.name} is not a known category", value=[name[:40] for name in seen[:MAX_EXAMPLES]],
        limit=list(categories[:MAX_EXAMPLES]),
    )  # fmt: skip


def positions(column: Column, cells: Cells) -> np.ndarray:
    """Return each cell's position in the categories, (n,) integers; -1 where it is none of them."""
    series, index = cells.series, pd.Index(column.categories, dtype=object)
    if isinstance(series.dtype, pd.CategoricalDtype):
        places = index.get_indexer(series.cat.categories.astype(object))
        return np.append(places, -1)[series.cat.codes.to_numpy()]
    text = cells.family == TEXT
    codes, names = (series if text.all() else series[text]).factorize()  # looks at each name once
    places = index.get_indexer(names.astype(object))
    if len(codes) == len(series):
        return places[codes]
    found = np.full(len(series), -1)
    found[text] = places[codes]
    return found


def _unique(column: Column, cells: Cells) -> Failure | None:
    if not column.unique:
        return None
    fit = known(column, cells)
    values = cells.chosen(fit)
    if values.is_unique:  # the usual case, and cheaper than to name repeats
        return None
    repeated = np.zeros(len(fit), dtype=bool)
    repeated[fit] = values.duplicated().to_numpy()
    return Failure(
        "unique", repeated, f"{values_that(repeated, 'repeats', 'repeat')} an earlier one",
        f"{column.name} repeats an earlier row", limit=0,
    )  # fmt: skip


def known(column: Column, cells: Cells) -> np.ndarray:
    """Return which cells hold a value of the right kind, (n,) booleans."""
    return (cells.family != MISSING) & ~unfit(column, cells)


def _pattern(column: Column, cells: Cells) -> Failure | None:
    if not column.pattern:
        return None
    text = cells.family == TEXT
    unlike = np.zeros(len(text), dtype=bool)
    unlike[text] = ~matches(cells.chosen(text), column.pattern)
    if not unlike.any():
        return None
    first = str(cells.series.iloc[int(np.argmax(unlike))])[:40]
    return Failure(
        "pattern", unlike, f"{values_that(unlike)} not like {column.pattern}: {first!r}",
        f"{column.name} is not like {column.pattern}", value=first, limit=column.pattern,
    )  # fmt: skip


CHECKS: dict[str, Callable[[Column, Cells], Failure | None]] = {
    "null": _null, "type": _type, "infinite": _infinite, "range": _range, "category": _category,
    "pattern": _pattern, "unique": _unique,
}  # fmt: skip
