"""Refit: a fitted transformer tells which rows it has seen when it is fitted anew on some and on all."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from mlsd.report import Finding, RefusedError

_CODE = "fitted_before_split"


def compare_refits(
    transformer: Any, train: pd.DataFrame, y_train: Any, every: pd.DataFrame, y_every: Any
) -> Finding:
    """Return whether a fitted transformer learnt from the training rows or from all rows.

    Cost: that of two fits and three transforms. A transformer that draws at random must hold its
    random_state; one that ignores its data (and any other that cannot differ) counts as clean.

    Args:
        transformer: fitted on a table, from scikit-learn or of its kind.
        train, y_train: the training rows before preparation, and their target.
        every, y_every: all rows that there were before the split.

    Raises:
        RefusedError: it is not fitted, or was fitted on an array without column names.

    >>> from sklearn.preprocessing import StandardScaler
    >>> table = pd.DataFrame({"x": [1.0, 2.0, 9.0]})
    >>> compare_refits(StandardScaler().fit(table), table[:2], [0, 1], table, [0, 1, 1]).value
    'all'
    """
    from sklearn.base import clone

    name = type(transformer).__name__
    columns = getattr(transformer, "feature_names_in_", None)
    if columns is None or not set(columns) <= set(train.columns):
        raise RefusedError(
            f"{name} does not name the columns it was fitted on; fit it on a table that has those of the "
            "training rows"
        )
    rows = train[list(columns)]
    made = _table(transformer, rows)
    if _same(made, _table(clone(transformer).fit(rows, y_train), rows)):
        return Finding(_CODE, name, True, "train", "train", "its statistics are those of the training rows")
    if _same(made, _table(clone(transformer).fit(every[list(columns)], y_every), rows)):
        message = "its statistics are those of all rows, test rows too: fit it on the training rows alone"
        return Finding(_CODE, name, False, "all", "train", message)
    message = "its statistics are neither those of the training rows nor of all rows: nothing can be told"
    return Finding(_CODE, name, message=message, severity="info")


def _table(transformer: Any, rows: pd.DataFrame) -> np.ndarray:
    made = transformer.transform(rows)
    return np.asarray(made.toarray() if hasattr(made, "toarray") else made)


def _same(a: np.ndarray, b: np.ndarray) -> bool:
    if a.shape != b.shape:
        return False
    if a.dtype.kind != "f" or b.dtype.kind != "f":
        return pd.DataFrame(a).equals(pd.DataFrame(b))
    return bool(np.allclose(a, b, rtol=1e-6, atol=1e-12, equal_nan=True))
