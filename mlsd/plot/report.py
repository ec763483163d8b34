"""The findings of a report that carry an interval, one below the other."""

from __future__ import annotations

import math
import textwrap

from matplotlib.axes import Axes

from mlsd.plot.canvas import CURRENT, REFERENCE, REFUSED, Picture, finish, new_axes
from mlsd.plot.words import MAX_ROWS, number, write
from mlsd.report import Finding, Report


def plot_report(report: Report, *, title: str = "") -> Picture:
    """Draw the findings that carry an interval: a dot, its 95 % interval, and the limit where there is one.

    Values of very different size are drawn relative to themselves; the numbers stand beside.

    Args:
        report: such as the one of `evaluate`.
        title: the conclusion; by default the report's own summary.
    """
    found = [f for f in report if f.interval is not None and isinstance(f.value, int | float)]
    shown = sorted(found, key=lambda f: not f.failed)[:MAX_ROWS]
    shown = [f for f in found if f in shown][::-1]  # in the report's order, the first on top
    shared = all(max(map(abs, (f.value, *f.interval))) <= 1.5 for f in shown)  # type: ignore[misc]
    axes, figure = new_axes("")
    axes.set_xlabel(
        "value, with its 95 % interval" if shared else "relative to the value, with its 95 % interval"
    )
    for row, finding in enumerate(shown):
        _draw_finding(axes, row, finding, 1.0 if shared else abs(finding.value) or 1.0)
    names = [
        f.code if f.subject in f.code else f"{f.code} {f.subject}".removeprefix("metric ") for f in shown
    ]
    axes.set_yticks(range(len(shown)), [textwrap.shorten(name.replace("_", " "), 28) for name in names])
    axes.set_ylim(-0.6, max(len(shown), 1) - 0.4)
    axes.margins(x=0.08)
    axes.grid(axis="x", color=REFERENCE, alpha=0.25, lw=0.6)
    nothing = "" if shown else "No finding carries an interval"
    words = "; ".join(f"{name} {f.value:.3g}" for name, f in zip(names, shown, strict=True))
    return finish(figure, axes, title or nothing or report.summary, words)


def _draw_finding(axes: Axes, row: int, finding: Finding, scale: float) -> None:
    low, high = finding.interval or (math.nan, math.nan)
    colour, marker = (REFUSED, "X") if finding.failed else (CURRENT, "o")
    axes.plot([low / scale, high / scale], [row, row], color=colour, lw=2, solid_capstyle="round")
    axes.plot(finding.value / scale, row, marker, color=colour, ms=6)
    words = f"{number(finding.value)} ({number(low)} to {number(high)})"
    write(axes, words, (1.0, row), (4, 0), colour, ("axes fraction", "data"))
    if isinstance(finding.limit, int | float):
        x = finding.limit / scale
        axes.plot([x, x], [row - 0.3, row + 0.3], color=REFERENCE, lw=1.5)
        write(
            axes,
            f"limit {number(finding.limit)}",
            (x, row + 0.3),
            (0, 1),
            REFERENCE,
            ha="center",
            va="bottom",
            fontsize=7,
        )
