"""How far each column moved, window by window."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from mlsd.plot.canvas import CURRENT, INK, PERCENT, REFERENCE, REFUSED, Picture, finish, new_axes
from mlsd.plot.words import last, moments, name_ends, same_length
from mlsd.report import Report

_NAMED_LINES = 3


def plot_drift(
    reports: Sequence[Report], times: Sequence[Any], limit: float | None = None, *, title: str = ""
) -> Picture:
    """Draw how far each column moved, window by window; a red cross marks a failed finding.

    An effect above the limit without a cross is one that chance explains: few rows move by themselves.

    Args:
        reports: one `detect_drift` report a window.
        times: when each window began.
        limit: the smallest effect that matters; by default the one the reports state.
        title: the conclusion; by default which column moved most.
    """
    same_length(reports=reports, times=times)
    effects = _effects(reports)
    axes, figure = new_axes("effect (share of the rows that moved)", times)
    order = sorted(effects, key=lambda name: -np.nanmax(effects[name]))
    failed = [
        (i, f.subject) for i, report in enumerate(reports) for f in report.failures if f.subject in effects
    ]
    moved = [name for name in order if name in {name for _, name in failed}]
    x = moments(times)
    for name in order:
        worst = name in order[:_NAMED_LINES]
        colour = CURRENT if worst and name in moved else REFERENCE
        axes.plot(x, effects[name], color=colour, lw=1.8 if worst else 0.8, zorder=2 + worst)
    for i, name in failed:
        axes.plot(x[i], effects[name][i], "x", color=REFUSED, ms=5, zorder=5)
    stated = [f.limit for report in reports for f in report if f.code == "drift" and f.limit is not None]
    limit = limit if limit is not None else max(stated, default=0.0)
    ends = [(last(effects[name]), name, CURRENT if name in moved else INK) for name in order[:_NAMED_LINES]]
    if limit and effects:
        axes.axhline(limit, color=REFUSED, lw=1, ls="--")
        ends.append((limit, f"limit {limit:.1%}", REFUSED))
    axes.set_ylim(0, 1.15 * max([limit, 0.01, *(np.nanmax(effects[name]) for name in order[:1])]))
    axes.yaxis.set_major_formatter(PERCENT)
    name_ends(axes, ends)
    said = "No column moved"
    if moved:
        said = f"{moved[0]} moved most: {np.nanmax(effects[moved[0]]):.1%} of the rows"
    words = f"effect of {len(effects)} columns in {len(times)} windows, limit {limit:.1%}; a cross is beyond chance too"
    return finish(figure, axes, title or said, words)


def _effects(reports: Sequence[Report]) -> dict[str, np.ndarray]:
    """Return column -> its largest effect in each window, NaN where none was measured."""
    effects: dict[str, np.ndarray] = {}
    for i, report in enumerate(reports):
        for f in report:
            if f.subject and isinstance(f.value, int | float):
                row = effects.setdefault(f.subject, np.full(len(reports), np.nan))
                row[i] = np.fmax(row[i], f.value)
    return effects
