"""A portrait of one column: counts on fixed cells, which add exactly, and never the values themselves."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

MAX_LEVELS = 1_000  # names of a category that are kept; the rest is counted as *other*
MAX_UNSEEN = 20  # names a window keeps of those that its reference never saw
ORDERED = ("number", "integer")
NAMED = ("category", "boolean")
COMPARED = ORDERED + NAMED
KINDS = (*COMPARED, "text", "key", "time", "empty", "other")


@dataclass(frozen=True)
class ColumnProfile:
    """What entered in one column, as counts.

    Numbers are counted on k + 1 cells between k edges: cell i holds `edges[i-1] < x <= edges[i]`, the
    first and last cell what lies below and above the reference (infinities too). Categories and
    booleans are counted by name, then one cell for *other* names. Text, key and time columns are not
    counted, only their rows and missing values.

    Args:
        name: the column.
        kind: `number`, `integer`, `boolean`, `category`, `text`, `key`, `time`, `empty` or `other`.
        n: rows.
        missing: rows without a value.
        wrong_type: values of another kind than the reference's, such as text among numbers.
        minimum, maximum: finite extremes of numbers; ISO 8601 text in UTC for times.
        edges: k upper edges of cells, increasing.
        levels: names of a category, most frequent in the reference first.
        counts: values per cell, k + 1 of them.
        unseen: values whose name the reference never saw.
        unseen_names: the first 20 of those names, sorted.
        unseen_counts: how often each of them comes.
        neighbours: of the first 4,096 values of each table, those that follow a low value, and how many
            of these are high; those that follow a high value, and how many of these are high. Low and
            high: beside the reference's median, or its most frequent name. No part of equality: it is a
            hint whether rows resemble the row before, and tables that are cut apart lose a pair.
        absent: whether the window has no such column at all.

    >>> from mlsd.counting import profile_column
    >>> column = profile_column(pd.Series(["a", "b", "a", None], name="topic"))
    >>> column.levels, column.counts, column.missing
    (('a', 'b'), (2, 1, 0), 1)
    """

    name: str
    kind: str
    n: int
    missing: int = 0
    wrong_type: int = 0
    minimum: float | str | None = None
    maximum: float | str | None = None
    edges: tuple[float, ...] = ()
    levels: tuple[str, ...] = ()
    counts: tuple[int, ...] = ()
    unseen: int = 0
    unseen_names: tuple[str, ...] = ()
    unseen_counts: tuple[int, ...] = ()
    neighbours: tuple[int, ...] = field(default=(), compare=False)
    absent: bool = False

    @property
    def cells(self) -> tuple[str, tuple[float, ...], tuple[str, ...]]:
        """What two profiles must share to be comparable: kind, edges and levels."""
        return self.kind, self.edges, self.levels

    @property
    def present(self) -> int:
        """How many values were counted: neither missing nor of the wrong type."""
        return self.n - self.missing - self.wrong_type

    def quantile(self, q: float) -> float | None:
        """Return the value below which the share `q` of the numbers lies, interpolated in its cell.

        >>> from mlsd.counting import profile_column
        >>> profile_column(pd.Series(np.linspace(0, 8, 1001), name="km")).quantile(0.25)
        2.0
        """
        if not self.edges or self.minimum is None:
            return None
        low, high = float(self.minimum), float(self.maximum)  # type: ignore[arg-type]
        bounds = np.clip([low, *self.edges, high], low, high)
        return float(np.interp(q * sum(self.counts), np.cumsum([0, *self.counts]), bounds))

    def __add__(self, other: ColumnProfile) -> ColumnProfile:
        if (self.name, *self.cells) != (other.name, *other.cells):
            raise ValueError(
                f"the profiles of column {self.name!r} count on different bins and cannot be added; "
                "build both with Profile.of(frame, like=reference)"
            )
        unseen: dict[str, int] = {}
        for part in (self, other):
            for name, count in zip(part.unseen_names, part.unseen_counts, strict=True):
                unseen[name] = unseen.get(name, 0) + count
        names = sorted(unseen)[:MAX_UNSEEN]  # whoever is among them was among the first of each part
        return replace(
            self,
            n=self.n + other.n,
            missing=self.missing + other.missing,
            wrong_type=self.wrong_type + other.wrong_type,
            minimum=_extreme(min, self.minimum, other.minimum),
            maximum=_extreme(max, self.maximum, other.maximum),
            counts=tuple(a + b for a, b in zip(self.counts, other.counts, strict=True)),
            unseen=self.unseen + other.unseen,
            unseen_names=tuple(names),
            unseen_counts=tuple(unseen[name] for name in names),
            neighbours=_summed(self.neighbours, other.neighbours),
            absent=self.absent and other.absent,
        )


def _summed(a: tuple[int, ...], b: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(x + y for x, y in zip(a, b, strict=True)) if a and b else a or b


def _extreme(choose: Any, *values: Any) -> Any:
    key = pd.Timestamp if any(isinstance(value, str) for value in values) else None
    return choose((value for value in values if value is not None), default=None, key=key)


def absent_column(like: ColumnProfile, n: int) -> ColumnProfile:
    """Return the profile of a column that `n` rows should have had: all missing, and marked so."""
    counts = (0,) * len(like.counts)
    return ColumnProfile(
        like.name, like.kind, n, missing=n, edges=like.edges, levels=like.levels, counts=counts, absent=True
    )


def check_column(column: ColumnProfile) -> ColumnProfile:
    """Return a column profile whose counts agree with one another, as one read from a file must.

    Raises:
        ValueError: they do not; the sentence names the column.
    """
    whole: Iterable[Any] = (
        *(column.n, column.missing, column.wrong_type, column.unseen),
        *(*column.counts, *column.unseen_counts, *column.neighbours),
    )
    cells = {**dict.fromkeys(ORDERED, len(column.edges)), **dict.fromkeys(NAMED, len(column.levels))}
    sound = (
        column.kind in KINDS
        and all(type(count) is int and count >= 0 for count in whole)
        and len(column.counts) == (cells[column.kind] + 1 if column.kind in cells else 0)
        and (column.kind not in cells or sum(column.counts) + column.unseen == column.present)
        and len(column.unseen_counts) == len(column.unseen_names)
        and len(column.neighbours) in (0, 4)
        and all(a < b for a, b in zip(column.edges, column.edges[1:], strict=False))
    )
    if not sound:
        raise ValueError(f"the profile of column {column.name!r} contradicts itself; build it again")
    return column
