"""The empty figure in the house style: its colours, its layout, how it is shown and what it says."""

from __future__ import annotations

import io
import re
import textwrap
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.dates import AutoDateFormatter, AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D
from matplotlib.text import Text
from matplotlib.ticker import FuncFormatter

from mlsd.alt_text import alt_text

INK, REFERENCE, CURRENT, REFUSED = "#24292f", "#8a939d", "#1f6fb5", "#c0392b"
_DARK = {INK: "#e8eaed", REFERENCE: "#98a2ad", CURRENT: "#69b3f2", REFUSED: "#ff8a7a"}
_BOTH = {
    INK: "#767b82",
    REFERENCE: "#8a939d",
    CURRENT: "#3c8bd0",
    REFUSED: "#d9534a",
}  # on white and on black
PERCENT = FuncFormatter(lambda share, _: f"{100 * share:.3g}%")
_SIZE = (6.0, 3.5)  # inches
_LAYOUTS = 4  # each brings the layout a thousand times nearer to rest
_COLOURS = [CURRENT, REFERENCE, INK, CURRENT, REFERENCE, INK]  # of the lines one draws oneself
_DASHES = ["-", "--", ":", "-.", ":", "--"]


class Picture(Figure):
    """A matplotlib figure with sentences for those who cannot see it; a notebook shows it as SVG.

    `alt` is what was written by hand, or else read from what is drawn (`alt_text`); it is the repr too.
    """

    _alt = ""

    @property
    def alt(self) -> str:
        """The figure in one to four sentences."""
        return self._alt or alt_text(self)

    @alt.setter
    def alt(self, words: str) -> None:
        self._alt = words

    def __repr__(self) -> str:
        return self.alt

    def draw(self, renderer: Any) -> None:
        """Draw, after black words and lines became ink and dates short, so that both grounds suit them."""
        words: list[Any] = [*self.findobj(Text), *self.findobj(Line2D)]
        for artist in words:
            if artist.get_color() in ("black", "k", "#000000"):
                artist.set_color(INK)
        for axis in (axis for axes in self.axes for axis in (axes.xaxis, axes.yaxis)):
            if isinstance(axis.get_major_formatter(), AutoDateFormatter):
                short_dates(axis)
        super().draw(renderer)

    def _repr_svg_(self) -> str:
        return _svg(self, _BOTH)


def svg(figure: Figure, *, dark: bool = False) -> str:
    """Return a figure as SVG text for a page: no background, the same bytes for the same figure.

    >>> figure, axes = picture("Nothing yet")
    >>> svg(figure).startswith('<svg role="img" aria-label="'), INK in svg(figure, dark=True)
    (True, False)
    """
    return _svg(figure, _DARK if dark else {})


def _svg(figure: Figure, colours: Mapping[str, str]) -> str:
    buffer, engine = io.StringIO(), figure.get_layout_engine()
    if isinstance(engine, ConstrainedLayoutEngine):
        _lay_out(figure)
    salt = f"mlsd {colours.get(INK)}"  # light and dark on one page do not borrow each other's markers
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": salt}):
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None}, transparent=True)
    figure.set_layout_engine(engine)  # what is drawn later finds its place too
    text = buffer.getvalue()
    text = re.sub(r"<metadata>.*?</metadata>", "", text[text.index("<svg") :], flags=re.DOTALL)
    for colour, other in colours.items():
        text = text.replace(colour, other)
    alt = escape(figure.alt if isinstance(figure, Picture) else alt_text(figure), quote=True)
    return text.replace("<svg", f'<svg role="img" aria-label="{alt}"', 1)


def picture(title: str, *, x: str = "", y: str = "") -> tuple[Picture, Axes]:
    """Return an empty figure in the house style and its axes: draw on them, then show the figure.

    Lines come in blue, grey and ink, each with a dash of its own. The layout is made when it is shown.

    Args:
        title: the conclusion.
        x, y: what the axes count, with the unit.

    >>> from mlsd.plot import label_ends
    >>> figure, axes = picture("Delay eats a perfect model", x="delay (h)", y="views prevented (share)")
    >>> line = axes.plot([0, 1, 2], [1, 0.26, 0.07], label="flawless")
    >>> label_ends(axes)
    >>> figure
    Delay eats a perfect model. A line chart of views prevented (share) (0.07 to 1) against delay (h) (0 to 2).
    The line flawless falls from 1 to 0.07.
    """
    axes, figure = new_axes(y)
    axes.set_xlabel(x)
    _entitle(figure, title)
    return figure, axes


def new_axes(ylabel: str = "", times: Sequence[Any] | None = None) -> tuple[Axes, Picture]:
    """Return the axes of an empty figure, and the figure; with `times`, its x axis tells time."""
    figure = Picture(figsize=_SIZE, layout="constrained", facecolor="none")
    axes = figure.add_subplot(facecolor="none")
    axes.set_prop_cycle(color=_COLOURS, linestyle=_DASHES)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(REFERENCE)
    axes.tick_params(which="both", colors=INK, labelsize=9)
    axes.set_ylabel(ylabel)
    for axis in (axes.xaxis, axes.yaxis):
        axis.label.set(color=INK, fontsize=9)
        axis.get_offset_text().set(color=INK, fontsize=9)
    if times is not None:
        short_dates(axes.xaxis)
        axes.set_xlabel("time (UTC)")
    return axes, figure


def short_dates(axis: Axis) -> None:
    """Let an axis write dates so short that they do not lie on each other."""
    locator = AutoDateLocator(minticks=3, maxticks=7)
    axis.set_major_locator(locator)
    axis.set_major_formatter(ConciseDateFormatter(locator))


def _entitle(figure: Picture, title: str) -> None:
    figure.suptitle(textwrap.fill(title, 62), x=0.01, ha="left", fontsize=11, fontweight="bold", color=INK)


def _lay_out(figure: Figure) -> None:
    """Bring the layout to rest and hold it, so that drawing the figure twice gives the same bytes."""
    for _ in range(_LAYOUTS):
        figure.draw_without_rendering()
    figure.set_layout_engine("none")
    for axes in figure.axes:
        axes.set_position(np.round(axes.get_position().bounds, 6).tolist())
        axes.set_in_layout(True)


def finish(figure: Picture, axes: Axes, title: str, words: str) -> Picture:
    """Return a figure on which all is drawn, with its title, its layout and its words."""
    _entitle(figure, title)
    if not axes.has_data():
        axes.set_axis_off()
    _lay_out(figure)
    figure.alt = f"{title}. {words}."
    return figure
