"""The loss of each window beside what was promised and the best that anyone could reach."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from mlsd.plot.canvas import CURRENT, INK, REFERENCE, Picture, finish, new_axes
from mlsd.plot.words import last, mark_events, moments, name_ends, same_length


def plot_performance(
    times: Sequence[Any],
    loss: Sequence[float],
    expected: float | Sequence[float],
    low: Sequence[float] | None = None,
    high: Sequence[float] | None = None,
    *,
    ceiling: float | Sequence[float] | None = None,
    events: Sequence[tuple[Any, str]] = (),
    metric: str = "log loss",
    title: str = "",
) -> Picture:
    """Draw the loss of each window beside what the model promised and the best that anyone could reach.

    Args:
        times: (n,) when each window began.
        loss: (n,) measured on labelled rows.
        expected: what the model promised, one number or (n,).
        low, high: (n,) interval of the loss.
        ceiling: the loss of the world's own law, one number or (n,).
        events: moments and their names (`[(at, "drift"), (later, "swap")]`).
        metric: name of the loss, with its unit.
        title: the conclusion; by default how the last window compares with the promise.
    """
    n = len(times)
    bounds = {} if low is None or high is None else {"low": low, "high": high}
    same_length(times=times, loss=loss, **bounds)
    axes, figure = new_axes(f"{metric} (lower is better)", times)
    x = moments(times)
    drawn = (
        ("measured", loss, CURRENT, "-"),
        ("promised", expected, REFERENCE, "--"),
        ("ceiling", ceiling, INK, ":"),
    )
    ends = []
    for name, values, colour, style in drawn:
        if values is not None and n:
            y = np.broadcast_to(np.asarray(values, dtype=float), n)
            axes.plot(x, y, color=colour, ls=style, lw=1.6, marker="o" if name == "measured" else "", ms=3)
            ends.append((last(y), name, colour))
    if bounds and n:
        axes.fill_between(x, bounds["low"], bounds["high"], color=CURRENT, alpha=0.18, lw=0)
    name_ends(axes, ends)
    mark_events(axes, events)
    said = "No window could be judged"
    if n:
        gap = ends[0][0] - ends[1][0]
        said = f"The last window's {metric} is {abs(gap):.3f} {'above' if gap > 0 else 'below'} the promise"
    return finish(figure, axes, title or said, f"{metric} of {n} windows beside what was promised")
