"""How the values of one column lie: before in grey, now in blue."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from mlsd.column_profile import NAMED, ORDERED, ColumnProfile
from mlsd.plot.canvas import CURRENT, PERCENT, REFERENCE, Picture, finish, new_axes
from mlsd.plot.words import MAX_ROWS, name_rows, write
from mlsd.report import RefusedError

if TYPE_CHECKING:
    from mlsd.profile import Profile

_MAX_BINS = 24


def plot_profile(
    reference: Profile, current: Profile | None, column: str, *, unit: str = "", title: str = ""
) -> Picture:
    """Draw how the values of one column lie: the reference in grey, the current window in blue.

    Numbers stand on equal bins between the reference's extremes, redrawn from its quantile cells.

    Args:
        reference: what is normal.
        current: the window counted on its cells, or None.
        column: its name.
        unit: of its values.
        title: the conclusion; by default what moved most.

    Raises:
        RefusedError: there is no such column, or its kind is not counted (text, key, time).
    """
    if column not in reference.columns:
        raise RefusedError(f"the profile has no column {column!r}; it has {', '.join(reference.columns)}")
    before = reference.columns[column]
    after = current.columns[column] if current is not None else None
    if before.kind not in ORDERED + NAMED or not before.present:
        raise RefusedError(f"{column} is {before.kind}: its values are not counted and cannot be drawn")
    draw = _draw_numbers if before.kind in ORDERED else _draw_names
    axes, figure = new_axes()
    conclusion = draw(axes, before, after, f"{column} ({unit})" if unit else column)
    return finish(figure, axes, title or conclusion, "share of the rows, reference grey, current blue")


def _draw_numbers(axes: Axes, before: ColumnProfile, after: ColumnProfile | None, label: str) -> str:
    drawn = [(before, REFERENCE, "reference")]
    drawn += [(after, CURRENT, "current")] if after is not None and after.present else []
    bins = _bins(before, [column for column, *_ in drawn])
    edges = bins + 0.5 if before.kind == "integer" else bins  # the bar of a whole number stands around it
    right = (before.quantile(0.5) or 0) < (bins[0] + bins[-1]) / 2  # where there is room for words
    place, side = (0.98, "right") if right else (0.02, "left")
    for i, (column, colour, name) in enumerate(drawn):
        cdf, filled = _cdf(column)(bins), name == "reference"
        axes.stairs(np.diff(cdf), edges, color=colour, fill=filled, alpha=0.45 if filled else 1, lw=1.8)
        beyond = 1 - (cdf[-1] - cdf[0])
        words = f"{name}, {beyond:.0%} lie beyond" if beyond > 0.01 else name
        where = (place, 0.95 - 0.08 * i)
        write(axes, words, where, (0, 0), colour, ("axes fraction", "axes fraction"), ha=side)
    axes.set(xlabel=label, ylabel="share of the values")
    axes.xaxis.set_major_locator(MaxNLocator("auto", integer=before.kind == "integer"))
    axes.yaxis.set_major_formatter(PERCENT)
    axes.margins(x=0, y=0.12)
    medians = [column.quantile(0.5) for column, *_ in drawn]
    said = f"{before.name}: the median is {medians[0]:.3g}"
    return said if len(drawn) == 1 else f"{said} in the reference, {medians[1]:.3g} now"


def _cdf(column: ColumnProfile) -> Callable[[np.ndarray], np.ndarray]:
    """Return the share of the values at or below x, interpolated in each cell."""
    low, high = float(column.minimum or 0), float(column.maximum or 0)
    bounds = np.clip([np.nextafter(low, -np.inf), *column.edges, high], np.nextafter(low, -np.inf), high)
    shares = np.cumsum([0, *column.counts]) / max(sum(column.counts), 1)
    return lambda x: np.interp(x, bounds, shares)  # where bounds coincide, the last share holds


def _bins(before: ColumnProfile, columns: Sequence[ColumnProfile]) -> np.ndarray:
    """Return equal bins over the reference without its far tails, and a fifth more where there are values."""
    low, high = before.quantile(0.002) or 0.0, before.quantile(0.998) or 0.0
    pad = 0.2 * (high - low) or 1.0
    low = max(low - pad, min(float(column.minimum or 0) for column in columns))
    high = min(high + pad, max(float(column.maximum or 0) for column in columns))
    if before.kind == "integer":
        low, high = math.floor(low) - 1, math.ceil(high)
        step = max(1, math.ceil((high - low) / _MAX_BINS))
        return np.arange(low, high + step, step, dtype=float)
    return np.linspace(np.nextafter(low, -np.inf), high if high > low else low + 1, _MAX_BINS + 1)


def _draw_names(axes: Axes, before: ColumnProfile, after: ColumnProfile | None, label: str) -> str:
    pairs = [(before, REFERENCE, "reference", "")]
    pairs += [(after, CURRENT, "current", "///")] if after is not None and after.present else []
    names = [*before.levels, "other", "never seen"]
    shares = np.array([[*column.counts, column.unseen] for column, *_ in pairs], dtype=float)
    shares /= np.maximum(shares.sum(axis=1, keepdims=True), 1)
    order = [i for i in np.argsort(-shares.max(axis=0), kind="stable")[:MAX_ROWS] if shares[:, i].any()]
    height = 0.8 / len(pairs)
    for k, (_, colour, name, hatch) in enumerate(pairs):
        rows = np.arange(len(order)) + (k - (len(pairs) - 1) / 2) * height
        axes.barh(rows, shares[k, order], height * 0.92, color=colour, hatch=hatch, ec="#ffffff55", lw=0)
        end = (shares[k, order[0]], rows[0])
        write(axes, name, end, (4, 0), colour)
    name_rows(axes, [names[i] for i in order])
    axes.set(xlabel=f"share of the values of {label}", xlim=(0, 1.2 * shares.max()))
    axes.xaxis.set_major_formatter(PERCENT)
    most = int(np.argmax(np.abs(shares[-1] - shares[0]))) if len(pairs) > 1 else order[0]
    said = f"{before.name}: {names[most]!r:.30} has {shares[0, most]:.0%} of the values"
    return said if len(pairs) == 1 else f"{said} in the reference, {shares[1, most]:.0%} now"
