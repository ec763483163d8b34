"""A few named values beside each other, each with its number."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import pandas as pd

from mlsd.plot.canvas import CURRENT, INK, REFERENCE, REFUSED, Picture, finish, new_axes
from mlsd.plot.words import name_rows, number, write
from mlsd.report import RefusedError


def plot_bars(
    values: Mapping[str, float] | pd.Series,
    *,
    title: str,
    x: str,
    highlight: Collection[str] = (),
    refused: Collection[str] = (),
    start: float = 0,
) -> Picture:
    """Draw a bar per name, the first on top, its value beside it.

    Args:
        values: name -> value.
        title: the conclusion.
        x: what is counted, with the unit.
        highlight: names in blue; the others are grey.
        refused: names in red.
        start: where the bars begin.

    Raises:
        RefusedError: there is no value, or a colour is asked for a name that is not there.

    >>> plot_bars({"rule": 0.75, "trees": 0.88}, title="Trees win", x="AUC", highlight=["trees"])
    Trees win. AUC: rule 0.75, trees 0.88.
    """
    shown = {str(name): float(value) for name, value in values.items()}
    unknown = [name for name in (*highlight, *refused) if name not in shown]
    if unknown or not shown:
        why = f"no bar is called {unknown[0]!r}" if unknown else "there is no value"
        raise RefusedError(f"bars cannot be drawn: {why}; the names are {', '.join(shown) or 'none'}")
    axes, figure = new_axes()
    colours = [REFUSED if n in refused else CURRENT if n in highlight else REFERENCE for n in shown]
    widths = [value - start for value in shown.values()]
    axes.barh(range(len(shown)), widths, left=start, color=colours, height=0.65)
    name_rows(axes, list(shown))
    for row, value in enumerate(shown.values()):
        write(axes, number(value), (max(value, start), row), (3, 0), INK)
    axes.set_xlabel(x)
    axes.margins(x=0.1)
    words = ", ".join(f"{name} {number(value)}" for name, value in shown.items())
    return finish(figure, axes, title, f"{x}: {words}")
