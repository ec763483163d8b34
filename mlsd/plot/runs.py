"""Many attempts at once: how each went, and which is the best of them."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pandas as pd

from mlsd.plot.canvas import CURRENT, INK, REFERENCE, REFUSED, Picture, finish, new_axes
from mlsd.plot.words import number, write
from mlsd.report import RefusedError


def plot_runs(
    runs: pd.DataFrame, metric: str, *, mode: Literal["max", "min"] = "max", title: str = ""
) -> Picture:
    """Draw the last value of a metric for each run, in the order of starting; the best finished one in blue.

    The band holds the middle half of the finished runs. Runs that did not finish are red crosses.

    Args:
        runs: what `tracker.runs()` returns.
        metric: its name.
        mode: whether the highest or the lowest value is best.
        title: the conclusion; by default which run is best, and where the middle half lies.

    Raises:
        RefusedError: no finished run has the metric.

    >>> table = pd.DataFrame({"name": ["a", "b", "c"], "status": "finished", "metrics.auc": [0.7, 0.9, 0.8]})
    >>> plot_runs(table, "auc")
    b is the best of 3 with auc 0.9; the middle half lies between 0.75 and 0.85. auc of 3 runs, 0.7 to 0.9.
    """
    column = f"metrics.{metric}"
    values = runs[column].to_numpy(dtype=float) if column in runs else np.full(len(runs), np.nan)
    known = np.isfinite(values)
    done = known & (runs["status"] == "finished").to_numpy(dtype=bool) if len(runs) else known
    if not done.any():
        raise RefusedError(
            f"no finished run has a metric {metric!r}; the columns of runs() tell which there are"
        )
    x = np.arange(1, len(values) + 1)
    best = int(np.flatnonzero(done)[(values[done] if mode == "max" else -values[done]).argmax()])
    low, high = np.quantile(values[done], [0.25, 0.75])
    axes, figure = new_axes(f"{metric} ({'higher' if mode == 'max' else 'lower'} is better)")
    axes.axhspan(low, high, color=REFERENCE, alpha=0.25, lw=0)
    axes.plot(x[done], values[done], "o", color=REFERENCE, ms=5)
    axes.plot(x[known & ~done], values[known & ~done], "x", color=REFUSED, ms=6)
    axes.plot(x[best], values[best], "D", color=CURRENT, ms=8)
    name = str(runs["name"].iloc[best])
    left = x[best] > len(values) / 2  # the name is written where there is room
    write(axes, f"{name}: {number(values[best])}", (x[best], values[best]), (-8 if left else 8, 0), INK,
          ha="right" if left else "left")  # fmt: skip
    axes.set_xlabel("run, in the order of starting")
    axes.margins(x=0.04, y=0.12)
    spread = f"the middle half lies between {number(low)} and {number(high)}"
    said = f"{name} is the best of {done.sum()} with {metric} {number(values[best])}; {spread}"
    span = f"{number(values[done].min())} to {number(values[done].max())}"
    return finish(figure, axes, title or said, f"{metric} of {done.sum()} runs, {span}")
