"""Words in a figure: names at the ends of lines, at events and beside rows, clear of each other."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.dates import date2num

from mlsd.plain import is_missing
from mlsd.plot.canvas import CURRENT, INK, REFUSED
from mlsd.report import RefusedError

MAX_ROWS = 10  # bars or dots below each other
_LINE = 0.065  # height of a line of words, as a share of the axes


def label_ends(axes: Axes) -> None:
    """Write the label of each line in its colour right of where it ends, apart from each other: no legend.

    Call it when all is drawn: it fixes the limits of the y axis.

    Args:
        axes: with lines that were given a `label`; lines without one stay as they are.
    """
    labelled = [line for line in axes.lines if not str(line.get_label()).startswith("_")]
    ends = [
        (last(line.get_ydata(orig=False)), str(line.get_label()), to_hex(line.get_color()))
        for line in labelled
    ]
    name_ends(axes, ends)


def name_ends(axes: Axes, ends: Sequence[tuple[float, str, str]]) -> None:
    """Write names right of the lines' ends, apart from each other by a line of text."""
    axes.set_ylim(axes.get_ylim())  # from here on a height stays where it is
    share = axes.transScale + axes.transLimits  # from data to shares of the axes
    known = [end for end in ends if math.isfinite(end[0])]
    placed = sorted((float(share.transform((1.0, y))[1]), name, colour) for y, name, colour in known)
    heights = _apart([height for height, *_ in placed])
    for height, (_, name, colour) in zip(heights, placed, strict=True):
        write(axes, name, (1.0, height), (4, 0), colour, ("axes fraction", "axes fraction"))


def _apart(heights: Sequence[float]) -> list[float]:
    """Return rising heights a line of words apart: pushed up, then down again where they leave the axes."""
    found, floor, ceiling = list(heights), 0.0, 1.0
    for i in range(len(found)):
        found[i] = max(found[i], floor)
        floor = found[i] + _LINE
    for i in reversed(range(len(found))):
        found[i] = min(found[i], ceiling)
        ceiling = found[i] - _LINE
    return found


def mark_events(axes: Axes, events: Sequence[tuple[Any, str]]) -> None:
    """Draw a line for each event, its name above; names of near events stand on different heights."""
    colours, low, level = {"alert": REFUSED, "swap": CURRENT}, -math.inf, 0
    near = 0.1 * float(np.ptp(axes.get_xlim()))
    for at, name in sorted(events, key=lambda event: pd.Timestamp(event[0])):
        x, colour = moments([at])[0], colours.get(name, INK)
        level, low = ((level + 1) % 3 if x - low < near else 0), x
        axes.axvline(x, color=colour, lw=1, ls=(0, (4, 2)))
        write(axes, name, (x, 1.0), (0, 6 + 11 * level), colour, ("data", "axes fraction"), ha="center")


def name_rows(axes: Axes, names: Sequence[str]) -> None:
    """Write names left of the rows, the first on top."""
    axes.set_yticks(range(len(names)), [textwrap.shorten(str(name), 26, placeholder="…") for name in names])
    axes.invert_yaxis()
    axes.spines["left"].set_visible(False)
    axes.tick_params(axis="y", length=0)


def write(
    axes: Axes,
    words: str,
    where: tuple[float, float],
    offset: tuple[float, float],
    colour: str,
    units: tuple[str, str] = ("data", "data"),
    **style: Any,
) -> None:
    """Write words at an offset in points from a place, outside of the axes too."""
    style = {"va": "center", "fontsize": 9, **style}
    axes.annotate(words, where, offset, units, "offset points", color=colour, annotation_clip=False, **style)


def number(value: float) -> str:
    """Return a number of three digits, or a whole one with commas."""
    return f"{value:,.0f}" if 1_000 <= abs(value) < 1e6 else f"{value:.3g}"


def last(values: Any) -> float:
    """Return the last value that is not missing, or NaN."""
    known = [float(value) for value in values if not is_missing(value)]
    return known[-1] if known else math.nan


def moments(times: Sequence[Any]) -> list[float]:
    """Return moments as matplotlib counts them: days since 1970, UTC."""
    return [float(date2num(pd.Timestamp(time).floor("us").to_pydatetime())) for time in times]


def same_length(**arrays: Sequence[Any] | np.ndarray) -> None:
    """Refuse sequences of different length, with their names."""
    lengths = {name: len(values) for name, values in arrays.items()}
    if len(set(lengths.values())) > 1:
        said = ", ".join(f"{n} {name}" for name, n in lengths.items())
        raise RefusedError(f"a figure needs as many of each, and got {said}")
