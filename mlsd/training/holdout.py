"""Which rows a model may not see, so that somebody can say how good it is."""

from __future__ import annotations

import numpy as np
import pandas as pd

FIFTH = 0.2


def hold_out(
    frame: pd.DataFrame,
    time: str | None,
    codes: np.ndarray | None,
    random_state: int,
    group: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray, str]:
    """Return the positions of the rows to train on, those held out, and how it was decided.

    Args:
        frame: n rows.
        time: the column that dates them: the latest fifth is held out; None draws at random.
        codes: shape (n,), class positions: each class gives a fifth of its rows, and a class of
            fewer than five rows none.
        random_state: of the draw.
        group: shape (n,), list numbers from 0: a list stays whole, and is as late as its latest row.

    >>> kept, held, how = hold_out(pd.DataFrame({"x": range(10)}), None, None, 0)
    >>> len(kept), len(held), how
    (8, 2, 'the last fifth, drawn at random with random_state 0')
    """
    if group is not None:
        return _hold_out_lists(frame, time, random_state, group)
    n = len(frame)
    if time is not None:
        order = np.argsort(moments(frame[time]), kind="stable")
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


def _hold_out_lists(
    frame: pd.DataFrame, time: str | None, random_state: int, group: np.ndarray
) -> tuple[np.ndarray, np.ndarray, str]:
    """Return what `hold_out` says of the lists, as positions of their rows."""
    lists = pd.DataFrame(index=range(group.max() + 1))
    if time is not None:
        latest = pd.Series(moments(frame[time])).groupby(group).max().to_numpy()
        lists[time] = pd.to_datetime(latest, utc=True)
    kept, held, how = hold_out(lists, time, None, random_state)
    return (
        np.flatnonzero(np.isin(group, kept)),
        np.flatnonzero(np.isin(group, held)),
        f"{how}, in whole lists",
    )


def moments(column: pd.Series) -> np.ndarray:
    """Return moments as sortable numbers, a missing one first; shape (n,)."""
    dated = pd.api.types.is_datetime64_any_dtype(column.dtype)
    found = pd.to_datetime(column, utc=True, format=None if dated else "ISO8601")
    return found.dt.tz_localize(None).to_numpy().astype("int64")
