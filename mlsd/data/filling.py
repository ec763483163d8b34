"""Filling: missing cells get a stated value, or a statistic that is learnt once and written down."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from mlsd.cells import BOOLEAN, MISSING, NAMES, NUMBER, TEXT, cell_family, read_cells
from mlsd.column import near
from mlsd.data.cleaning_rules import Change, CleaningRule, check_finite
from mlsd.data.where import numbers_of, one_column
from mlsd.report import RefusedError

STATISTICS = ("mean", "median", "most_common")


@dataclass(frozen=True, repr=False)
class Fill(CleaningRule):
    """Fill missing cells: with a stated value, or with a statistic that is learnt once and kept.

    Args:
        column: where.
        value: a number, a text or a boolean; learnt when a statistic is named instead.
        statistic: `"mean"`, `"median"` or `"most_common"`.
        rows: from how many cells the statistic was learnt.

    >>> Fill("age", statistic="median").learn(pd.DataFrame({"age": [20, 30, 70, None]}))
    Fill('age', value=30.0, statistic='median', rows=3)
    """

    value: float | str | bool | None = None
    statistic: str | None = None
    rows: int | None = None

    def __post_init__(self) -> None:
        where = f"Fill({self.column!r})"
        if self.statistic is not None and self.statistic not in STATISTICS:
            hint = near(self.statistic, STATISTICS)
            raise RefusedError(f"{where} knows {', '.join(STATISTICS)}; it got {self.statistic!r}{hint}")
        if (self.value is None) == (self.statistic is None) and self.rows is None:
            raise RefusedError(f"{where} needs a value or a statistic: Fill('age', statistic='median')")
        family = cell_family(self.value)
        if family not in (NUMBER, BOOLEAN, TEXT) and self.value is not None:
            raise RefusedError(f"{where} got {self.value!r}; expected a number, a text or a boolean")
        if family == NUMBER:
            check_finite(self.value, where)

    def learn(self, frame: pd.DataFrame) -> Fill:
        if self.statistic is None or self.value is not None:
            return self
        known = one_column(frame, self.column).dropna()
        if known.empty:
            raise RefusedError(
                f"Fill({self.column!r}): no cell is known, so there is no {self.statistic}; state a value"
            )
        value = _most_common(known) if self.statistic == "most_common" else self._number(known)
        return replace(self, value=value, rows=len(known))

    def _number(self, known: pd.Series) -> float:
        numbers = numbers_of(known, self.column, "Fill")
        if infinite := int(np.isinf(numbers).sum()):
            raise RefusedError(
                f"Fill({self.column!r}): {infinite:,} cells are infinite, so there is no {self.statistic}; "
                "Clip them first"
            )
        return float(np.mean(numbers) if self.statistic == "mean" else np.median(numbers))

    def change(self, frame: pd.DataFrame) -> Change:
        families = read_cells(one_column(frame, self.column)).family
        found = [code for code in np.unique(families) if code != MISSING]
        if found and found != [cell_family(self.value)]:
            words = " and ".join(NAMES[code] for code in found)
            raise RefusedError(f"Fill({self.column!r}): {self.value!r} does not fit a column of {words}")
        mask = families == MISSING
        return mask, np.full(int(mask.sum()), self.value)


def _most_common(known: pd.Series) -> Any:
    counts = known.astype(object).value_counts()
    value = min(counts.index[counts == counts.max()], key=str)  # of equals, the first in order
    return value.item() if isinstance(value, np.generic) else value
