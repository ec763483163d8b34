"""What a model must beat to be worth its keep: a constant, and one plain rule."""

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


def _shown(values: tuple[float, ...]) -> str:
    shown = ", ".join(f"{value:.3g}" for value in values[:4]) + (", ..." if len(values) > 4 else "")
    return shown if len(values) == 1 else f"({shown})"
