"""Which rows a model may not see, so that somebody can say how good it is."""

from __future__ import annotations

import numpy as np
import pandas as pd

FIFTH = 0.2


def hold_out(
    frame: pd.DataFrame, time: str | None, codes: np.ndarray | None, random_state: int
) -> tuple[np.ndarray, np.ndarray, str]:
    """Return the positions of the rows to train on, those held out, and how it was decided.

    Args:
        frame: n rows.
        time: the column that dates them: the latest fifth is held out; None draws at random.
        codes: shape (n,), class positions: each class gives a fifth of its rows, and a class of
            fewer than five rows none.
        random_state: of the draw.

    >>> kept, held, how = hold_out(pd.DataFrame({"x": range(10)}), None, None, 0)
    >>> len(kept), len(held), how
    (8, 2, 'the last fifth, drawn at random with random_state 0')
    """
    n = len(frame)
    if time is not None:
        order = np.argsort(_moments(frame[time]), kind="stable")
        cut = n - int(n * FIFTH)
        return np.sort(order[:cut]), np.sort(order[cut:]), f"the last fifth by {time}"
    rng = np.random.default_rng(random_state)
    order = rng.permutation(n)
    if codes is None:
        held = order[n - int(n * FIFTH) :]
    else:
        rank = (
            pd.Series(order).groupby(codes[order]).cumcount().to_numpy()
        )  # within its class, in drawn order
        size = np.bincount(codes)[codes[order]]
        held = order[rank < (size * FIFTH).astype(int)]
    kept = np.setdiff1d(np.arange(n), held)
    return kept, np.sort(held), f"the last fifth, drawn at random with random_state {random_state}"


def _moments(column: pd.Series) -> np.ndarray:
    """Return moments as sortable numbers, a missing one first; shape (n,)."""
    dated = pd.api.types.is_datetime64_any_dtype(column.dtype)
    moments = pd.to_datetime(column, utc=True, format=None if dated else "ISO8601")
    return moments.dt.tz_localize(None).to_numpy().astype("int64")
