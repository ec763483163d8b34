"""What a model must beat to be worth its keep: a constant, one plain rule, the last value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from mlsd.plain import to_plain


@dataclass(frozen=True)
class Baseline:
    """A prediction a person can say aloud: one answer, or one answer below a limit and one above it.

    Args:
        name: `"constant"` or `"rule"`.
        below: the answer where the feature is at most `limit` (everywhere for a constant): one
            number, or k probabilities.
        above: the answer above `limit`.
        missing: the answer where the feature is missing.
        feature: the feature's name, for people.
        column: its column in the encoded table.
        limit: in the feature's unit.

    >>> rule = Baseline("rule", (0.1,), (0.7,), (0.3,), feature="n_links", column=0, limit=2.5)
    >>> rule
    Baseline(rule: n_links <= 2.5 gives 0.1, else 0.7)
    >>> rule.predict(np.array([[1.0], [4.0], [np.nan]]))
    array([0.1, 0.7, 0.3])
    """

    name: str
    below: tuple[float, ...]
    above: tuple[float, ...] = ()
    missing: tuple[float, ...] = ()
    feature: str = ""
    column: int | None = None
    limit: float = 0.0

    def predict(self, table: np.ndarray) -> np.ndarray:
        """Return a prediction for each row of the encoded table.

        Args:
            table: shape (n, f), as `Schema.encode_frame` gives it.

        Returns:
            Shape (n,), or (n, k) for a multiclass task.
        """
        if self.column is None:
            found = np.tile(np.array(self.below), (len(table), 1))
        else:
            values = table[:, self.column]
            side = np.where(np.isnan(values), 2, np.where(values <= self.limit, 0, 1))
            found = np.array([self.below, self.above, self.missing])[side]
        return found[:, 0] if found.shape[1] == 1 else found

    def to_plain(self) -> dict[str, Any]:
        """Return the baseline as plain values."""
        return {name: to_plain(value) for name, value in vars(self).items()}

    @classmethod
    def from_plain(cls, record: Mapping[str, Any]) -> Baseline:
        """Read what `to_plain` returned."""
        parts: dict[str, Any] = dict(record)
        for name in ("below", "above", "missing"):
            parts[name] = tuple(parts[name])
        return cls(**parts)

    def __repr__(self) -> str:
        if self.column is None:
            return f"Baseline({self.name}: always {_shown(self.below)})"
        return (
            f"Baseline({self.name}: {self.feature} <= {self.limit:.3g} gives {_shown(self.below)}, "
            f"else {_shown(self.above)})"
        )


@dataclass(frozen=True)
class LastValue:
    """The forecast everyone makes: what came last of the same kind, such as the same depot and weekday.

    Args:
        name: `"last_value"`.
        features: the categories that make a kind, for people; () where all rows are one kind.
        columns: their columns in the encoded table.
        kinds: the kinds seen, m tuples of category positions; -1 where missing.
        values: shape (m,), the latest answer of each kind.
        otherwise: the answer for a kind never seen.

    >>> last = LastValue("last_value", ("depot",), (0,), ((0,), (1,)), (12.0, 30.0), 20.0)
    >>> last
    LastValue(last_value: of the same depot, 2 kinds)
    >>> last.predict(np.array([[1.0], [0.0], [7.0]]))
    array([30., 12., 20.])
    """

    name: str
    features: tuple[str, ...]
    columns: tuple[int, ...]
    kinds: tuple[tuple[int, ...], ...]
    values: tuple[float, ...]
    otherwise: float

    def predict(self, table: np.ndarray) -> np.ndarray:
        """Return the latest value of each row's kind, shape (n,), from the encoded table (n, f)."""
        known = dict(zip(self.kinds, self.values, strict=True))
        asked, which = np.unique(kinds_of(table, self.columns), axis=0, return_inverse=True)
        found = [known.get(tuple(kind), self.otherwise) for kind in asked.tolist()]
        return np.array(found, dtype="float64")[which.reshape(-1)]

    def to_plain(self) -> dict[str, Any]:
        """Return the baseline as plain values."""
        return {name: to_plain(value) for name, value in vars(self).items()}

    def __repr__(self) -> str:
        kind = f"of the same {' and '.join(self.features)}" if self.features else "of all rows"
        return f"LastValue({self.name}: {kind}, {len(self.kinds)} kinds)"


def kinds_of(table: np.ndarray, columns: tuple[int, ...]) -> np.ndarray:
    """Return the category positions that make a row's kind, shape (n, len(columns)); -1 where missing."""
    return np.nan_to_num(table[:, list(columns)], nan=-1).astype(int)


def read_baseline(record: Mapping[str, Any]) -> Baseline | LastValue:
    """Read what the `to_plain` of a baseline returned."""
    if "kinds" not in record:
        return Baseline.from_plain(record)
    parts: dict[str, Any] = dict(record)
    for name in ("features", "columns", "values"):
        parts[name] = tuple(parts[name])
    return LastValue(**(parts | {"kinds": tuple(tuple(kind) for kind in parts["kinds"])}))


def _shown(values: tuple[float, ...]) -> str:
    shown = ", ".join(f"{value:.3g}" for value in values[:4]) + (", ..." if len(values) > 4 else "")
    return shown if len(values) == 1 else f"({shown})"
