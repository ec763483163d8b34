"""What a fault does to the rows it hits; what it does is defined in `fault.py`."""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from mlsd.column import Column, whole
from mlsd.datasets.fault import Fault
from mlsd.datasets.span import limits, within

if TYPE_CHECKING:
    from mlsd.datasets.plan import Plan

FINER = {"days": 24, "share": 100}  # hours, percent
OTHERWISE = 1000  # thousandths
STEPS = 20  # in a column's span, under a serving skew of strength 1


def strikes(fault: Fault, seconds: np.ndarray, plan: Plan, k: int) -> np.ndarray:
    """Return which rows of block k the fault hits, (n,) bool, drawn from a child of the seed.

    The child is named by what the fault is: other faults and drifts in the world change nothing.
    """
    name = zlib.crc32(f"{fault.kind} {fault.column}".encode())
    rng = np.random.default_rng(np.random.SeedSequence(plan.seed, spawn_key=(k, name)))
    drawn = rng.random(len(seconds)) < fault.fraction
    return drawn & within(fault, seconds, plan.length)


def damage(
    frame: pd.DataFrame, seconds: np.ndarray, plan: Plan, k: int
) -> tuple[pd.DataFrame, list[np.ndarray], np.ndarray]:
    """Return block k with its cells damaged, who was hit, and how often each row is to stand.

    Args:
        frame: n sound rows.
        seconds: of each row since the world began, (n,).
        plan: of the world: its seed, its faults and what its columns are.
        k: number of the block.

    Returns:
        The table (n rows), one (n,) bool array per fault, and (n,) counts: 2 for a duplicated row.
    """
    described = {column.name: column for column in plan.columns}
    hits, times = [], np.ones(len(frame), dtype="int64")
    for fault in plan.faults:
        hit = strikes(fault, seconds, plan, k)
        if fault.column is None:
            times += hit
        else:
            cells = {}
            for name in fault.columns:
                wreck = Wreck(fault, described[name], described[plan.target], plan)
                cells[name] = wreck.cells(frame, hit)
            hit = _changed(frame, cells, hit)
            frame = frame.assign(**cells)
        hits.append(hit)
    return frame, hits, times


def _changed(frame: pd.DataFrame, cells: dict[str, pd.Series], hit: np.ndarray) -> np.ndarray:
    """Return which of the hit rows really changed, (n,) bool: 0 days are 0 hours."""
    changed = np.zeros(len(hit), dtype=bool)
    for name, after in cells.items():
        before = frame[name].astype(after.dtype)
        changed[hit] |= (after[hit] != before[hit]).fillna(True).to_numpy(dtype=bool)
    return changed


@dataclass(frozen=True)
class Wreck:
    """One fault on one column of a world."""

    fault: Fault
    column: Column
    target: Column
    plan: Plan

    def cells(self, frame: pd.DataFrame, hit: np.ndarray) -> pd.Series:
        """Return the column, damaged in the rows hit; its dtype is the same in every block, hit or not."""
        cells = frame[self.column.name]
        after = cells.astype(self._dtype_after(cells)).copy()
        if hit.any():
            after[hit] = _DAMAGE[self.fault.kind](frame[hit], self)
        return after

    def _dtype_after(self, cells: pd.Series) -> Any:
        if self.fault.kind == "type_change":
            return object
        if self.fault.kind == "nulls":
            return {"i": "float64", "b": "boolean"}.get(cells.dtype.kind, cells.dtype)
        return cells.dtype

    @property
    def span(self) -> float:
        """From the lowest to the highest value that the sound column may hold."""
        return (self.column.maximum or 0.0) - (self.column.minimum or 0.0)

    def fitted(self, values: np.ndarray) -> np.ndarray:
        """Return float64 values as the column holds them: whole, or with 6 decimals."""
        return np.rint(values).astype("int64") if self.column.kind == "integer" else np.round(values, 6)

    def numbers(self, rows: pd.DataFrame) -> np.ndarray:
        """Return the column's values before the fault, (n,) float64."""
        return rows[self.column.name].to_numpy(dtype="float64")


def _nulls(rows: pd.DataFrame, wreck: Wreck) -> Any:
    return pd.NA if wreck.column.kind == "boolean" else np.nan


def _out_of_range(rows: pd.DataFrame, wreck: Wreck) -> Any:
    far = (wreck.column.maximum or 0.0) + 10 * wreck.fault.strength * wreck.span
    return math.ceil(far) if wreck.column.kind == "integer" else round(far, 6)


def _unit_change(rows: pd.DataFrame, wreck: Wreck) -> Any:
    factor = FINER.get(wreck.column.unit, OTHERWISE) * wreck.fault.strength
    return wreck.fitted(wreck.numbers(rows) * factor)


def _category_rename(rows: pd.DataFrame, wreck: Wreck) -> Any:
    names = wreck.column.categories or ()
    other = {name: name.upper() if name != name.upper() else name.lower() for name in names}
    return rows[wreck.column.name].map(other)


def _type_change(rows: pd.DataFrame, wreck: Wreck) -> Any:
    return [f"{whole(value)} {wreck.column.unit}".strip() for value in rows[wreck.column.name]]


def _swapped_columns(rows: pd.DataFrame, wreck: Wreck) -> Any:
    (other,) = (name for name in wreck.fault.columns if name != wreck.column.name)
    return rows[other].astype(rows[wreck.column.name].dtype)  # a neighbour's fault may have widened one


def _stuck(rows: pd.DataFrame, wreck: Wreck) -> Any:
    first, _ = limits(wreck.fault, wreck.plan.length)
    return wreck.plan.last_before(first)[wreck.column.name].iloc[0]


def _clock_skew(rows: pd.DataFrame, wreck: Wreck) -> Any:
    return rows[wreck.column.name] + pd.Timedelta(seconds=round(3600 * wreck.fault.strength))


def _leak(rows: pd.DataFrame, wreck: Wreck) -> Any:
    before, target = wreck.numbers(rows), rows[wreck.target.name].to_numpy(dtype="float64")
    low, high = wreck.target.minimum or 0.0, wreck.target.maximum or 1.0  # a yes is 1, a no is 0
    way = np.minimum(wreck.fault.strength / 2 * (target - low) / (high - low), 1.0)
    return wreck.fitted(before + way * ((wreck.column.maximum or 0.0) - before))


def _serving_skew(rows: pd.DataFrame, wreck: Wreck) -> Any:
    low, step = wreck.column.minimum or 0.0, wreck.fault.strength * wreck.span / STEPS
    step = max(2, round(step)) if wreck.column.kind == "integer" else step
    return wreck.fitted(low + step * np.floor(np.round((wreck.numbers(rows) - low) / step, 6)))


_DAMAGE: dict[str, Callable[[pd.DataFrame, Wreck], Any]] = {
    "nulls": _nulls,
    "out_of_range": _out_of_range,
    "unit_change": _unit_change,
    "category_rename": _category_rename,
    "type_change": _type_change,
    "swapped_columns": _swapped_columns,
    "stuck": _stuck,
    "clock_skew": _clock_skew,
    "leak": _leak,
    "serving_skew": _serving_skew,
}
