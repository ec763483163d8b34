"""A schema in pandera's words, for teams that validate with it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from mlsd.cells import read_cells
from mlsd.checks import failures
from mlsd.checks_beside import Beside, failures_beside, stale
from mlsd.column import Column
from mlsd.contract import Contract
from mlsd.judging import broken
from mlsd.report import RefusedError

if TYPE_CHECKING:
    import pandera.pandas as pandera


def as_pandera(contract: Contract, given: Beside) -> pandera.DataFrameSchema:
    """Return the contract as a pandera schema; `Schema.to_pandera` says how.

    Raises:
        RefusedError: pandera is not installed, or a promise needs a clock or a table not given.
    """
    try:
        import pandera.pandas as pa
    except ImportError:
        raise RefusedError("to_pandera needs pandera, which is not installed: pip install pandera") from None
    for column in contract:
        lacks = given.lacks(column)
        if lacks:
            raise RefusedError(f"column {column.name!r}: {lacks}")
    parts = [Contract(contract.select(rule.columns).columns, rules=(rule,)) for rule in contract.rules]
    parts += [Contract(contract.select(group).columns, unique=(group,)) for group in contract.unique]
    between = [
        pa.Check(partial(_between, part), name=name, error=name)
        for part, name in zip(parts, _names(contract), strict=True)
    ]
    columns = {column.name: _column(pa, column, given) for column in contract}
    return pa.DataFrameSchema(columns, checks=between)


def _names(contract: Contract) -> list[str]:
    groups = [f"unique {' and '.join(group)}" for group in contract.unique]
    return [rule.name for rule in contract.rules] + groups


def _column(pa: Any, column: Column, given: Beside) -> pandera.Column:
    name = f"holds {column.kind}"
    checks = [pa.Check(partial(_cells, column, given), name=name, error=name)]
    if column.minimum is not None:
        checks.append(pa.Check.ge(column.minimum))
    if column.maximum is not None:
        checks.append(pa.Check.le(column.maximum))
    if column.categories is not None:
        checks.append(pa.Check.isin(column.categories))
    if column.pattern:
        checks.append(pa.Check.str_matches(rf"(?:{column.pattern})\Z"))
    if column.max_age and given.now is not None:
        fresh = partial(_fresh, column, given.now)
        checks.append(pa.Check(fresh, name="max_age", error=f"newest at most {column.max_age} old"))
    return pa.Column(
        None, checks, nullable=column.nullable, unique=column.unique, report_duplicates="exclude_first",
        description=column.description or None,
    )  # fmt: skip


def _cells(column: Column, given: Beside, series: pd.Series) -> pd.Series:
    """Return which cells are of the kind, in order, not in the future, and in the table referred to."""
    cells = read_cells(series)
    found = failures(column, cells, only=("type", "infinite")) + failures_beside(column, cells, given)
    return _sound(series.index, [failure.mask for failure in found])


def _fresh(column: Column, now: pd.Timestamp, series: pd.Series) -> bool:
    return stale(column, read_cells(series), now) is None


def _between(part: Contract, frame: pd.DataFrame) -> pd.Series:
    _, found = broken(part, frame, Beside())
    return _sound(frame.index, [failure.mask for _, failure in found])


def _sound(index: pd.Index, masks: list[np.ndarray]) -> pd.Series:
    """Return the rows that no mask holds."""
    bad = np.logical_or.reduce(masks) if masks else np.zeros(len(index), dtype=bool)
    return pd.Series(~bad, index=index)
