"""What moved, in words: the numbers before and after that show what a drift test found."""

from __future__ import annotations

import numpy as np

from mlsd.column_profile import ORDERED, ColumnProfile
from mlsd.monitoring.count_tests import Answer

FEW = 0.02  # share of rows by which two halves differ by chance: below about 400 values in the window

LABELS = {"location": "rank z", "scale": "scale z", "shape": "chi2"}
LABELS |= dict.fromkeys(("outside", "unseen", "level", "share"), "rows")


def describe(before: ColumnProfile, after: ColumnProfile, led: Answer) -> str:
    """Return one sentence with the numbers before and after, chosen by the test that led."""
    if before.kind in ORDERED:
        return _ordered_words(before, after, led)
    return _named_words(before, after, led)


def calm(before: ColumnProfile, after: ColumnProfile) -> str:
    """Return one sentence for a column that did not move, saying so where too few rows could tell."""
    noise = 0.4 * np.sqrt(1 / before.present + 1 / after.present)
    few = f"; too few rows ({min(before.present, after.present):,}) to tell small changes"
    if before.kind in ORDERED:
        words = f"median {_number(after.quantile(0.5))}, {_number(before.quantile(0.5))} before"
    else:
        cell = int(np.argmax(before.counts))
        name = repr(before.levels[cell][:40]) if cell < len(before.levels) else "other names"
        words = f"{name} {_of(after, after.counts[cell])}, {_of(before, before.counts[cell])} before"
    return words + few * bool(noise > FEW)


def not_compared(before: ColumnProfile, after: ColumnProfile) -> str:
    """Return why a column is not compared, and how far its times reach."""
    why = {
        "text": "free text is not compared",
        "key": "a key is not compared: each row has its own",
        "time": "times are not compared: they always move on",
        "empty": "not compared: the reference holds no value",
    }.get(before.kind, "values of this type are not compared")
    if before.kind == "time" and after.minimum is not None:
        return f"{why}; from {str(after.minimum)[:16]} to {str(after.maximum)[:16]}"
    return why


def _ordered_words(before: ColumnProfile, after: ColumnProfile, led: Answer) -> str:
    if led.name == "scale":
        return f"the middle half spans {_span(after)}, {_span(before)} before"
    if led.name == "outside":
        side, bound = ("below", before.minimum) if led.cell == 0 else ("above", before.maximum)
        return f"{_of(after, after.counts[led.cell])} of values lie {side} {_number(bound)}, the reference's extreme"
    old, new = _number(before.quantile(0.5)), _number(after.quantile(0.5))
    if led.name in ("shape", "share") or old == new:  # where most are 0, the median stays when values move
        return _cell_words(before, after, led)
    return f"the median moved from {old} to {new}"


def _cell_words(before: ColumnProfile, after: ColumnProfile, led: Answer) -> str:
    """Name the group of cells that the test points at, or whose share moved most."""
    group, shares = _group(np.array(before.counts), np.array(after.counts), led)
    cells = np.flatnonzero((led.groups == group) & (np.array(before.counts) + after.counts > 0))
    edges = [None, *before.edges, None]
    low, high = edges[cells[0]], edges[cells[-1] + 1]
    return f"{shares[1]:.1%} of values {_between(low, high)}, {shares[0]:.1%} before"


def _group(old: np.ndarray, new: np.ndarray, led: Answer) -> tuple[int, tuple[float, float]]:
    """Return the group to speak of, and its shares before and after."""
    before, after = (np.bincount(led.groups, weights=counts) / counts.sum() for counts in (old, new))
    group = int(led.groups[led.cell]) if led.cell >= 0 else int(np.abs(after - before).argmax())
    return group, (before[group], after[group])


def _between(low: float | None, high: float | None) -> str:
    if low is None:
        return "are numbers" if high is None else f"are {_number(high)} or less"
    if high is None:
        first = float(np.nextafter(low, np.inf))
        tied = len(repr(first)) < len(repr(low))  # the cell before ends just below a value of its own
        return f"are {_number(first)} or more" if tied else f"lie above {_number(low)}"
    if np.nextafter(high, -np.inf) == low:
        return f"are {_number(high)}"
    return f"lie above {_number(low)} and up to {_number(high)}"


def _named_words(before: ColumnProfile, after: ColumnProfile, led: Answer) -> str:
    old, new = (np.array([*part.counts, part.unseen]) for part in (before, after))
    group, shares = _group(old, new, led)
    cells = np.flatnonzero((led.groups == group) & (old + new > 0))
    if cells.tolist() == [len(old) - 1]:
        return _unseen_words(after)
    named = [before.levels[i] for i in cells if i < len(before.levels)]
    what = repr(named[0][:40]) if len(cells) == 1 and named else f"the {len(cells)} rarest names"
    return f"{what}: {shares[1]:.1%} of values, {shares[0]:.1%} before"


def _unseen_words(after: ColumnProfile) -> str:
    names = ", ".join(repr(name[:40]) for name in after.unseen_names[:3])
    more = ", ..." if len(after.unseen_names) > 3 else ""
    return f"{_of(after, after.unseen)} of values carry a name the reference never saw: {names}{more}"


def _span(column: ColumnProfile) -> str:
    return f"{_number(column.quantile(0.25))} to {_number(column.quantile(0.75))}"


def _of(column: ColumnProfile, count: int) -> str:
    return f"{count / column.present:.1%}"


def _number(value: float | str | None) -> str:
    return "?" if value is None else f"{float(value):.4g}"
