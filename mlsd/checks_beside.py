"""Checks that need more than a column: the clock, the order of the rows, other columns, another table."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from mlsd.cells import FAMILY, Cells, read_cells
from mlsd.checks import Failure, known, values_that
from mlsd.column import Column, near
from mlsd.report import Finding, RefusedError
from mlsd.rule import operand


@dataclass(frozen=True)
class Beside:
    """What stands beside a table when it is judged: the clock, and the tables that it refers to."""

    now: pd.Timestamp | None = None
    tables: Mapping[str, pd.DataFrame] = field(default_factory=dict)

    def lacks(self, column: Column) -> str:
        """Return what a column's promises need and nobody gave, as a sentence; else nothing."""
        if column.max_age and self.now is None:
            return "its age cannot be told without a clock; give now="
        if not column.references:
            return ""
        table, _, name = column.references.partition(".")
        if table not in self.tables:
            return f"it needs the table {table!r}{near(table, self.tables)}; give tables={{{table!r}: ...}}"
        other = self.tables[table]
        if not isinstance(other, pd.DataFrame):
            raise RefusedError(
                f"the table {table!r} is a {type(other).__name__}; expected a pandas DataFrame"
            )
        if list(other.columns).count(name) != 1:
            hint = near(name, map(str, other.columns))
            return f"the table {table!r} does not hold the column {name!r} once{hint}"
        return ""


def failures_beside(column: Column, cells: Cells, beside: Beside) -> list[Failure]:
    """Return how cells break what their column promises about order, the clock and other tables."""
    found = []
    if column.kind == "time" and (column.ordered or column.max_age):
        found = _of_time(column, cells, beside.now)
    if column.references and not beside.lacks(column):
        found.append(_reference(column, cells, beside))
    return [failure for failure in found if failure.mask.any()]


def _of_time(column: Column, cells: Cells, now: pd.Timestamp | None) -> list[Failure]:
    times = operand(cells, "time")  # (n,) datetime64[us] in UTC, NaT where there is none
    fit = ~np.isnat(times)
    found = []
    if column.max_age and now is not None:
        future = fit & (times > _moment(now))
        fit &= ~future
        words = f"{values_that(future, 'lies', 'lie')} in the future, after {now.isoformat()}"
        found.append(Failure("future", future, words, f"{column.name} lies in the future", limit=now))
    if column.ordered:
        late = np.zeros(len(fit), dtype=bool)
        late[fit] = _out_of_order(times[fit].astype("int64"))
        words = f"{values_that(late)} out of order; expected no time to step back"
        found.append(Failure("order", late, words, f"{column.name} is out of order", limit=0))
    return found


def _out_of_order(times: np.ndarray) -> np.ndarray:
    """Return the fewest values without which the rest never steps back, (n,) booleans.

    One clock that ran ahead must not condemn the honest rows after it. Only rows that stand in the
    wrong order with some other row are looked at one by one (patience sorting).
    """
    if len(times) < 2 or (times[1:] >= times[:-1]).all():
        return np.zeros(len(times), dtype=bool)
    before = np.maximum.accumulate(times)
    after = np.minimum.accumulate(times[::-1])[::-1]
    suspect = np.flatnonzero((before > times) | (after < times))
    values = times[suspect].tolist()
    ends: list[int] = []  # ends[k]: the smallest last value of an orderly chain of k + 1 values
    lengths = []  # of the longest orderly chain that ends with each value
    for value in values:
        at = bisect_right(ends, value)
        ends[at : at + 1] = [value]
        lengths.append(at)
    wrong = np.zeros(len(times), dtype=bool)
    wrong[suspect] = True
    wanted, least = len(ends) - 1, np.inf
    for at in range(len(values) - 1, -1, -1):  # walk one longest chain back from its end
        if lengths[at] == wanted and values[at] <= least:
            wrong[suspect[at]] = False
            wanted, least = wanted - 1, values[at]
    return wrong


def _reference(column: Column, cells: Cells, beside: Beside) -> Failure:
    table, _, name = column.references.partition(".")
    other = read_cells(beside.tables[table][name])
    there = other.chosen(other.family == FAMILY[column.kind])
    fit = known(column, cells)
    lost = np.zeros(len(fit), dtype=bool)
    lost[fit] = _places(cells.chosen(fit), there) < 0
    first = cells.series.iloc[int(np.argmax(lost))] if lost.any() else None
    return Failure(
        "reference", lost, f"{values_that(lost)} not in {column.references}: {str(first)[:40]}",
        f"{column.name} is not in {column.references}", value=str(first)[:40], limit=column.references,
    )  # fmt: skip


def _places(values: pd.Series, there: pd.Series) -> np.ndarray:
    """Return the place of each value among those of another table, (n,); -1 where it is not there."""
    codes, distinct = values.factorize()  # each value is looked up once
    places = pd.Index(pd.unique(there.astype(object))).get_indexer(pd.Index(distinct).astype(object))
    return places[codes]


def repeated(frame: pd.DataFrame, group: Sequence[str], fit: np.ndarray) -> Failure:
    """Return the rows whose values in a group of columns all stood together in an earlier row.

    Args:
        frame: a table of n rows.
        group: names of its columns.
        fit: rows in which every one of them holds a fit value, (n,); others are not compared.
    """
    again = np.zeros(len(fit), dtype=bool)
    again[fit] = frame.loc[:, list(group)][fit].duplicated().to_numpy()
    words = " and ".join(group)
    count = int(np.count_nonzero(again))
    message = f"{count:,} row{' repeats' if count == 1 else 's repeat'} {words} of an earlier one"
    return Failure("unique", again, message, f"{words} repeat an earlier row", limit=0)


def stale(column: Column, cells: Cells, now: pd.Timestamp) -> Finding | None:
    """Return a finding when the newest time that is not in the future is older than `max_age`."""
    times = operand(cells, "time")
    past = times[times <= _moment(now)]  # a missing time is not
    newest: Any = pd.Timestamp(past.max()).tz_localize("UTC") if len(past) else None
    if newest is not None and now - newest <= column.age:
        return None
    seen = f"is {newest.isoformat()}, {now - newest} before now" if newest is not None else "is missing"
    message = f"the newest time {seen}; expected one at most {column.max_age} old"
    return Finding("stale", column.name, ok=False, value=newest, limit=column.max_age, message=message)


def _moment(now: pd.Timestamp) -> np.datetime64:
    return now.tz_localize(None).as_unit("us").to_datetime64()
