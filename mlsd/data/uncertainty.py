"""Uncertainty sampling: the rows of which a model is least sure are the next that a person labels."""

from __future__ import annotations

from typing import Any

import numpy as np

from mlsd.report import RefusedError


def uncertainty_sample(probabilities: Any, n: int, *, random_state: int = 0) -> np.ndarray:
    """Return the positions of the n least certain rows, the least certain first; equals in random order.

    A row is the less certain, the closer its two most probable classes are (margin sampling).

    Args:
        probabilities: shape (m,) of the second of two classes, or (m, k) of k >= 2 classes.
        n: how many rows, at most m.
        random_state: decides between equally uncertain rows.

    Raises:
        RefusedError: the shape is another, a value is no probability, or n is out of range.

    Source: Settles, Active Learning Literature Survey (2009), section 3.1.

    >>> uncertainty_sample([0.1, 0.45, 0.9, 0.6], 2)
    array([1, 3])
    """
    table = np.asarray(probabilities)
    if table.ndim == 1:
        table = np.column_stack([1 - table, table]) if table.dtype.kind in "fiu" else table
    if table.ndim != 2 or table.shape[1] < 2 or table.dtype.kind not in "fiu":
        raise RefusedError(
            f"probabilities have shape {np.shape(probabilities)}; expected numbers, (m,) or (m, k), k >= 2"
        )
    if not ((table >= 0) & (table <= 1)).all():  # nan fails both
        raise RefusedError("probabilities hold values that are missing or outside 0 to 1")
    if not 0 <= n <= len(table) or n != int(n):
        raise RefusedError(f"n is {n!r}; expected a whole number of rows, 0 to {len(table):,}")
    top = np.sort(table, axis=1)[:, -2:]
    chance = np.random.default_rng(random_state).random(len(table))
    return np.lexsort((chance, top[:, 1] - top[:, 0]))[: int(n)]
