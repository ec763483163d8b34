"""What a figure shows, in words: read from the figure itself, for those who cannot see it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)  # matplotlib counts days from here
_FLAT = 0.05  # of the height of the axes: a line that moves less is flat
_TURN = 0.25  # of a line's own spread: an extreme so far beyond both ends is a turn
_TOLD = 6  # lines or panels told one by one


def alt_text(figure: Any) -> str:
    """Return one to four sentences: the title, the kind of chart and its axes, its lines, its extreme bars.

    A line is flat when it moves by less than 5 % of the height of the axes. Numbers have at most three
    digits, none where nobody sees the difference from 0; dates are written as dates.

    Args:
        figure: a matplotlib figure, or anything built like one.

    >>> from mlsd.plot import picture
    >>> figure, axes = picture("Loss falls", x="month", y="log loss")
    >>> line = axes.plot([1, 2, 3], [0.5, 0.4, 0.3], label="measured")
    >>> alt_text(figure)
    'Loss falls. A line chart of log loss (0.3 to 0.5) against month (1 to 3). The line measured falls from 0.5 to 0.3.'
    """
    panels = [axes for axes in figure.axes if axes.get_label() != "<colorbar>"]
    drawn = [axes for axes in panels if axes.has_data()]
    title = figure.get_suptitle() or next((axes.get_title() for axes in panels if axes.get_title()), "")
    if not drawn:
        return _sentences(title, "An empty figure")
    if len(drawn) == 1:
        return _sentences(title, _frame(drawn[0]), _lines(drawn[0]), _extremes(drawn[0]))
    return _sentences(title, f"{len(drawn)} panels: {_some([_frame(axes) for axes in drawn])}")


def _sentences(*parts: str) -> str:
    words = [" ".join(part.split()) for part in parts]
    return " ".join(part if part[-1] in ".?!" else f"{part}." for part in words if part)


def _some(items: list[str]) -> str:
    more = [f"and {len(items) - _TOLD} more"] if len(items) > _TOLD else []
    return "; ".join(items[:_TOLD] + more)


# ---- the kind and the axes --------------------------------------------------------------------------


def _frame(axes: Any) -> str:
    bars, histogram = _bars(axes), bool(_cells(axes))
    curves = [line for line in axes.lines if _crosses(axes, line)]
    kinds = {
        "bar chart": bars and not histogram,
        "histogram": histogram,
        "line chart": any(not _dotted(line) for line in curves),
        "scatter plot": any(_dotted(line) for line in curves) or any(map(_is_scatter, axes.collections)),
        "heat map": len(axes.images) > 0,
    }
    kind = " and ".join(name for name, present in kinds.items() if present) or "drawing"
    if not axes.axison:
        return f"A {kind}"
    places = f"{len(bars)} bar{'s' * (len(bars) > 1)}" if bars and not histogram else ""
    flat = bool(bars) and bars[0][3] is axes.yaxis  # the bars lie: their names stand at the y axis
    x, y = _axis(axes, "x", "" if flat else places), _axis(axes, "y", places if flat else "")
    return f"A {kind} of {x} against {y}" if flat else f"A {kind} of {y} against {x}"


def _axis(axes: Any, which: str, places: str) -> str:
    """Return an axis in words: its label, and the range of the data that can be seen, or how many bars."""
    axis = getattr(axes, f"{which}axis")
    label = getattr(axes, f"get_{which}label")().strip() or f"an unlabelled {which} axis"
    data = getattr(axes.dataLim, f"interval{which}")
    shown = sorted(getattr(axes, f"get_{which}lim")())
    low, high = max(min(data), shown[0]), min(max(data), shown[1])
    if not places and low <= high:
        low, high = _say(axis, low), _say(axis, high)
        places = low if low == high else f"{low} to {high}"
    return f"{label} ({places})" if places else label


def _dotted(line: Any) -> bool:
    return str(line.get_linestyle()).strip().lower() in ("none", "")


def _crosses(axes: Any, line: Any) -> bool:
    """Whether a line has points among the data; a limit (axhline, axvline) has none, an error's cap is none."""
    if _dotted(line) and str(line.get_marker()) in ("_", "|", "None", "", "none"):
        return False
    return line.get_transform() == axes.transData and len(_points(line)[0]) > 0


def _is_scatter(collection: Any) -> bool:
    return len(getattr(collection, "get_sizes", tuple)()) > 0 and len(collection.get_offsets()) > 0


# ---- lines ------------------------------------------------------------------------------------------


def _lines(axes: Any) -> str:
    """Return what each line does: those through the data, then the limits."""
    named = {id(c.lines[0]): c.get_label() for c in axes.containers if hasattr(c, "lines") and c.lines[0]}
    told: list[tuple[str, str]] = []
    for line in axes.lines:
        does = ""
        if _crosses(axes, line) and not _dotted(line):
            does = _trend(axes, line)
        elif line.get_transform() != axes.transData:
            does = _limit(axes, line)
        if does:
            told.append((_public(named.get(id(line), line.get_label())), does))
    if len(told) == 1:
        return " ".join(filter(None, ["The line", *told[0]]))
    says = [f"{name or f'line {number}'} {does}" for number, (name, does) in enumerate(told, 1)]
    return f"Lines: {_some(says)}" if says else ""


def _public(label: object) -> str:
    """Return a label, or nothing for those that matplotlib gives itself (`_child0`)."""
    return "" if str(label).startswith("_") else str(label)


def _points(line: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return the finite points of a line from left to right, (n,) each."""
    data = (line.get_xdata(orig=False), line.get_ydata(orig=False))
    points = np.array([np.ma.filled(np.ma.asarray(values, dtype=float), np.nan) for values in data])
    x, y = points[:, np.isfinite(points).all(axis=0)]
    order = np.argsort(x, kind="stable")
    return x[order], y[order]


def _trend(axes: Any, line: Any) -> str:
    x, y = _points(line)
    level, height = y, abs(np.subtract(*axes.get_ylim()))
    if axes.get_yscale() == "log" and (y > 0).all():
        level, height = np.log10(y), abs(np.subtract(*np.log10(axes.get_ylim())))
    first, last, low, high = level[0], level[-1], level.min(), level.max()
    start, end, bottom, top = (_say(axes.yaxis, v) for v in (y[0], y[-1], y.min(), y.max()))
    spread = high - low
    if len(y) == 1:
        return f"is one point at {start}"
    if spread < _FLAT * height or bottom == top:
        return f"is flat at {_say(axes.yaxis, float(np.median(y)))}"
    peaks, dips = high - max(first, last) > _TURN * spread, min(first, last) - low > _TURN * spread
    if peaks and dips:
        return f"goes up and down between {bottom} and {top}"
    if peaks:
        return f"rises from {start} to {top} at {_say(axes.xaxis, x[y.argmax()])}, then falls to {end}"
    if dips:
        return f"falls from {start} to {bottom} at {_say(axes.xaxis, x[y.argmin()])}, then rises to {end}"
    return f"{'rises' if last > first else 'falls'} from {start} to {end}"


def _limit(axes: Any, line: Any) -> str:
    x, y = (np.asarray(values, dtype=float) for values in (line.get_xdata(False), line.get_ydata(False)))
    if np.ptp(y) == 0:
        return f"is level at {_say(axes.yaxis, y[0])}"
    return f"is upright at {_say(axes.xaxis, x[0])}" if np.ptp(x) == 0 else ""


# ---- bars -------------------------------------------------------------------------------------------


def _bars(axes: Any) -> list[tuple[float, float, str, Any]]:
    """Return the middle, the length and the label of each bar, and the axis at which its name stands."""
    found = []
    for container in axes.containers:
        lying = getattr(container, "orientation", None) == "horizontal"
        for bar in container.patches if hasattr(container, "orientation") else ():
            x, y = bar.get_x() + bar.get_width() / 2, bar.get_y() + bar.get_height() / 2
            length = bar.get_width() if lying else bar.get_height()
            place = (float(y), float(length), _public(container.get_label()), axes.yaxis)
            place = place if lying else (float(x), *place[1:3], axes.xaxis)
            if np.isfinite(length):
                found.append(place)
    return found


def _cells(axes: Any) -> list[tuple[float, float, float]]:
    """Return (height, left, right) of a histogram's bars: stairs, or upright bars that touch."""
    found = []
    for patch in axes.patches:
        if hasattr(patch, "get_data"):
            heights, edges, _ = patch.get_data()
            found += list(zip(map(float, heights), edges[:-1], edges[1:], strict=True))
    for container in axes.containers:
        if getattr(container, "orientation", None) == "vertical" and len(container.patches) > 1:
            cells = [
                (bar.get_height(), bar.get_x(), bar.get_x() + bar.get_width()) for bar in container.patches
            ]
            lefts, rights = np.array([cell[1:] for cell in cells], dtype=float).T
            if np.allclose(lefts[1:], rights[:-1], rtol=0, atol=1e-6 * (rights[-1] - lefts[0])):
                found += cells
    return found


def _extremes(axes: Any) -> str:
    cells, bars = _cells(axes), _bars(axes)
    if cells:
        height, left, right = max(cells, key=lambda cell: cell[0])
        low, high = _say(axes.xaxis, left), _say(axes.xaxis, right)
        return f"The tallest bar stands from {low} to {high} and reaches {_say(axes.yaxis, height)}"
    if not bars:
        return ""
    several = len({label for _, _, label, _ in bars}) > 1
    values = axes.xaxis if bars[0][3] is axes.yaxis else axes.yaxis

    def told(bar: tuple[float, float, str, Any]) -> str:
        group = f" ({bar[2]})" if several and bar[2] else ""
        return f"{_name(bar[3], bar[0])}{group} at {_say(values, bar[1])}"

    big, small = max(bars, key=lambda bar: bar[1]), min(bars, key=lambda bar: bar[1])
    if len(bars) == 1:
        return f"The only bar is {told(big)}"
    if big[1] == small[1]:
        return f"All {len(bars)} bars stand at {_say(values, big[1])}"
    return f"The biggest bar is {told(big)}, the smallest {told(small)}"


# ---- values in words --------------------------------------------------------------------------------


def _say(axis: Any, value: float) -> str:
    """Return a value as its axis means it: a date, a category's name, or a number of three digits."""
    formatter, (low, high) = type(axis.get_major_formatter()).__name__, axis.get_view_interval()
    if "Date" in formatter:
        moment = _EPOCH + timedelta(seconds=round(float(value) * 86_400))
        return f"{moment:%Y-%m-%d}" if abs(high - low) > 3 else f"{moment:%Y-%m-%d %H:%M}"
    if "Category" in formatter:
        return _name(axis, value)
    if axis.get_scale() == "linear" and abs(value) < 5e-4 * abs(high - low):
        return "0"  # nobody sees the difference
    return f"{float(f'{value:.3g}'):,.12g}"


def _name(axis: Any, place: float) -> str:
    """Return the words at the tick a bar stands at, or its place."""
    formatter = type(axis.get_major_formatter()).__name__
    if "Date" in formatter or "Scalar" in formatter:
        return _say(axis, place)
    ticks = list(_ticks(axis))
    at, words = min(ticks, key=lambda tick: abs(tick[0] - place), default=(place, ""))
    return words if words and abs(at - place) < 0.5 else f"{place:.3g}"


def _ticks(axis: Any) -> Iterator[tuple[float, str]]:
    for at, label in zip(axis.get_ticklocs(), axis.get_ticklabels(), strict=False):
        yield float(at), label.get_text()
