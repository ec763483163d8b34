"""Predicted probabilities against what came true."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mlsd.plot.canvas import CURRENT, PERCENT, REFERENCE, Picture, finish, new_axes
from mlsd.plot.words import same_length, write
from mlsd.report import RefusedError
from mlsd.stats import wilson_interval


def plot_calibration(
    y: Sequence[float] | np.ndarray, p: Sequence[float] | np.ndarray, bins: int = 10, *, title: str = ""
) -> Picture:
    """Draw predicted probabilities against what came true, in bins of as many rows each.

    Args:
        y: (n,) truth, 0 or 1.
        p: (n,) predicted probability of 1.
        bins: at most this many.
        title: the conclusion; by default the two means.

    Raises:
        RefusedError: the arrays are empty, differ in length, or are no probabilities.
    """
    y, p = np.asarray(y, dtype=float), np.asarray(p, dtype=float)
    same_length(y=y, p=p)
    if (
        not len(y)
        or y.ndim > 1
        or p.ndim > 1
        or not ((p >= 0) & (p <= 1)).all()
        or not np.isin(y, (0, 1)).all()
    ):
        raise RefusedError("calibration needs labels 0 and 1 and one probability from 0 to 1 for each")
    order = np.argsort(p, kind="stable")
    groups = [group for group in np.array_split(order, bins) if len(group)]
    said, true = (np.array([values[group].mean() for group in groups]) for values in (p, y))
    bounds = np.array([wilson_interval(int(y[group].sum()), len(group)) for group in groups])
    axes, figure = new_axes("share that came true")
    axes.set_xlabel("predicted probability")
    top = min(1.0, 1.1 * max(said.max(), bounds.max()))
    axes.plot([0, top], [0, top], color=REFERENCE, ls="--", lw=1.2)
    write(axes, "as predicted", (0.97 * top, 0.97 * top), (-4, 0), REFERENCE, ha="right", va="bottom")
    errors = np.abs(bounds.T - true)
    axes.errorbar(said, true, errors, fmt="o", color=CURRENT, ms=5, lw=1.2, capsize=2)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(PERCENT)
    conclusion = f"{p.mean():.1%} expected, {y.mean():.1%} came true"
    return finish(
        figure, axes, title or conclusion, f"{len(groups)} bins of about {len(y) // len(groups)} rows"
    )
