"""A fault: something between the world and the table breaks, and cells come out wrong.

nulls            the value is missing
out_of_range     the value lies 10 x `strength` spans above the largest one possible
unit_change      another unit: days become hours (x 24), shares percent (x 100), anything else
                 thousandths (x 1000), times `strength`
category_rename  the category is spelt in capitals (or, if it was, in small letters)
type_change      the number becomes text with its unit: "12 days"
duplicates       the whole row comes twice, the copy right after it: the table grows
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from mlsd.column import Column, article, whole
from mlsd.datasets.checks import check_name, check_number, check_span
from mlsd.datasets.span import within
from mlsd.report import RefusedError

NUMBERS = ("number", "integer")
SUITS = {
    "nulls": (*NUMBERS, "boolean", "category"),
    "out_of_range": NUMBERS,
    "unit_change": NUMBERS,
    "category_rename": ("category",),
    "type_change": NUMBERS,
    "duplicates": (),
}
WITH_STRENGTH = ("out_of_range", "unit_change")
FINER = {"days": 24, "share": 100}  # hours, percent
OTHERWISE = 1000  # thousandths


@dataclass(frozen=True)
class Fault:
    """A defect that hits some rows of a span of time.

    Args:
        kind: `"nulls"`, `"out_of_range"`, `"unit_change"`, `"category_rename"`, `"type_change"` or
            `"duplicates"`, as defined above.
        column: the feature it damages; None for duplicates, which repeat whole rows.
        start: when it begins, as a share of the world's time.
        end: when it is mended; 1 is the end of the world.
        fraction: the probability with which it hits a row of its span.
        strength: the size of an out_of_range or a unit_change; 1 is the default size.

    Raises:
        RefusedError: an argument is not one of these; the sentence names it.

    >>> Fault("unit_change", "account_age_days", start=0.5)
    Fault(unit_change on account_age_days, 0.5 to 1, 10 % of the rows)
    """

    kind: str
    column: str | None = None
    start: float = 0.5
    end: float = 1.0
    fraction: float = 0.1
    strength: float = 1.0

    def __post_init__(self) -> None:
        check_name("a fault has kind", self.kind, SUITS)
        name = f"the fault {self.kind}"
        check_span(name, self.start, self.end)
        check_number(f"{name} has fraction", self.fraction, 0, 1, above=True)
        check_number(f"{name} has strength", self.strength, 0, 1e6, above=True)
        if self.strength != 1 and self.kind not in WITH_STRENGTH:
            raise RefusedError(f"{name} has strength {self.strength:g} but no size; set its fraction instead")
        if self.kind == "duplicates" and self.column is not None:
            raise RefusedError(f"{name} repeats whole rows; leave out column={self.column!r}")
        if self.kind != "duplicates" and not isinstance(self.column, str):
            raise RefusedError(
                f"{name} has column {self.column!r}; expected the name of the column to damage"
            )

    what = "fault"

    @property
    def place(self) -> str:
        """Where it acts: two faults may not hit one column at the same time."""
        return f"the column {self.column}" if self.column else "the rows"

    def __repr__(self) -> str:
        column = f" on {self.column}" if self.column else ""
        share = f"{100 * self.fraction:g} % of the rows"
        return f"Fault({self.kind}{column}, {self.start:g} to {self.end:g}, {share})"


def check_suits(fault: Fault, columns: tuple[Column, ...], target: str) -> None:
    """Refuse a fault on a column that is unknown, that is no feature, or whose kind it cannot damage."""
    if fault.column is None:
        return
    features = {c.name: c for c in columns if c.kind in SUITS["nulls"] and c.name != target}
    check_name(f"the fault {fault.kind} has column", fault.column, features)
    kind = features[fault.column].kind
    if kind not in SUITS[fault.kind]:
        raise RefusedError(
            f"the fault {fault.kind} cannot damage {fault.column}, {article(kind)} column; "
            f"expected one of kind {' or '.join(SUITS[fault.kind])}"
        )


@dataclass(frozen=True)
class Place:
    """Which rows are looked at: block `number` of a world, each row with its second of the world."""

    seed: int
    number: int
    seconds: np.ndarray  # (n,)
    length: int  # of the world, in seconds


def strikes(fault: Fault, place: Place) -> np.ndarray:
    """Return which rows of a block the fault hits, (n,) bool, drawn from a child of the seed.

    The child is named by what the fault is: other faults and drifts in the world change nothing.
    """
    name = zlib.crc32(f"{fault.kind} {fault.column}".encode())
    rng = np.random.default_rng(np.random.SeedSequence(place.seed, spawn_key=(place.number, name)))
    drawn = rng.random(len(place.seconds)) < fault.fraction
    return drawn & within(fault, place.seconds, place.length)


def damage(
    frame: pd.DataFrame, faults: tuple[Fault, ...], columns: tuple[Column, ...], place: Place
) -> tuple[pd.DataFrame, list[np.ndarray], np.ndarray]:
    """Return the table with its cells damaged, who was hit, and how often each row is to stand.

    Args:
        frame: n sound rows.
        faults: what goes wrong.
        columns: what the world says about its columns: kind, bounds and unit.
        place: which rows these are.

    Returns:
        The table (n rows), one (n,) bool array per fault, and (n,) counts: 2 for a duplicated row.
    """
    described = {column.name: column for column in columns}
    hits, times = [], np.ones(len(frame), dtype="int64")
    for fault in faults:
        hit = strikes(fault, place)
        if fault.column is None:
            times += hit
        else:
            cells, hit = _damage_column(frame[fault.column], fault, hit, described[fault.column])
            frame = frame.assign(**{fault.column: cells})
        hits.append(hit)
    return frame, hits, times


def _damage_column(
    cells: pd.Series, fault: Fault, hit: np.ndarray, column: Column
) -> tuple[pd.Series, np.ndarray]:
    """Return the column and which of its cells really changed: 0 days are 0 hours."""
    before = cells.astype(_dtype_after(fault, cells))  # the same in every block, hit or not
    after = before.copy()
    after[hit] = _DAMAGE[fault.kind](before[hit], fault, column)
    changed = hit.copy()
    changed[hit] = (after[hit] != before[hit]).fillna(True).astype(bool)
    return after, changed


def _dtype_after(fault: Fault, cells: pd.Series) -> Any:
    if fault.kind == "type_change":
        return object
    if fault.kind == "nulls":
        return {"i": "float64", "b": "boolean"}.get(cells.dtype.kind, cells.dtype)
    return cells.dtype


def _nulls(cells: pd.Series, fault: Fault, column: Column) -> Any:
    return pd.NA if column.kind == "boolean" else np.nan


def _out_of_range(cells: pd.Series, fault: Fault, column: Column) -> Any:
    low, high = column.minimum or 0.0, column.maximum or 0.0
    far = high + 10 * fault.strength * (high - low)
    return math.ceil(far) if column.kind == "integer" else round(far, 6)


def _unit_change(cells: pd.Series, fault: Fault, column: Column) -> Any:
    other = cells.to_numpy(dtype="float64") * (FINER.get(column.unit, OTHERWISE) * fault.strength)
    return np.rint(other).astype("int64") if column.kind == "integer" else np.round(other, 6)


def _category_rename(cells: pd.Series, fault: Fault, column: Column) -> Any:
    names = column.categories or ()
    return cells.map({name: name.upper() if name != name.upper() else name.lower() for name in names})


def _type_change(cells: pd.Series, fault: Fault, column: Column) -> Any:
    return [f"{whole(value)} {column.unit}".strip() for value in cells]


_DAMAGE: dict[str, Callable[[pd.Series, Fault, Column], Any]] = {
    "nulls": _nulls,
    "out_of_range": _out_of_range,
    "unit_change": _unit_change,
    "category_rename": _category_rename,
    "type_change": _type_change,
}
