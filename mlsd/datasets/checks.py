"""What is asked of the arguments of worlds, faults and drifts; each refusal is one sentence."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from mlsd.column import near
from mlsd.report import RefusedError


def check_span(what: str, start: Any, end: Any) -> None:
    """Refuse a span that does not lie within the world's time."""
    check_number(f"{what} has start", start, 0, 1)
    check_number(f"{what} has end", end, 0, 1)
    if start >= end:
        raise RefusedError(
            f"{what} starts at {start:g} and ends at {end:g}; "
            "expected 0 <= start < end <= 1, as shares of the time"
        )


def check_number(what: str, value: Any, low: float, high: float, above: bool = False) -> None:
    """Refuse what is no finite number from `low` (with `above`: above it) to `high`."""
    real = isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)
    if not real or not math.isfinite(value) or not low <= value <= high or (above and value == low):
        bounds = f"above {low:g} and at most {high:g}" if above else f"from {low:g} to {high:g}"
        raise RefusedError(f"{what} {value!r}; expected a number {bounds}")


def check_whole(what: str, value: Any, least: int) -> None:
    """Refuse what is no whole number from `least`."""
    if not isinstance(value, int | np.integer) or isinstance(value, bool) or value < least:
        raise RefusedError(f"{what} {value!r}; expected a whole number, {least} or more")


def check_name(what: str, value: Any, names: Iterable[str]) -> None:
    """Refuse a name that is none of `names`, proposing the nearest."""
    names = tuple(names)
    if value not in names:
        raise RefusedError(f"{what} {value!r}; expected one of {', '.join(names)}{near(value, names)}")


def check_changes(what: str, changes: Any, kind: type[Any]) -> tuple[Any, ...]:
    """Return faults or drifts as a tuple; refuse anything else, and two in one place at one time."""
    noun = kind.__name__
    if isinstance(changes, str | kind) or not isinstance(changes, Iterable):
        raise RefusedError(f"{what} is {changes!r}; expected a list: {what}=[{noun}(...)]")
    changes = tuple(changes)
    for number, change in enumerate(changes):
        if not isinstance(change, kind):
            raise RefusedError(f"{what}[{number}] is {change!r}; expected a {noun}")
        for earlier in changes[:number]:
            shared = [place for place in change.places if place in earlier.places]
            if shared and earlier.start < change.end and change.start < earlier.end:
                raise RefusedError(
                    f"{what}[{number}] meets an earlier {noun.lower()} on {shared[0]} at the same time; "
                    "give each a span of its own, so that the truth of a row stays one"
                )
    return changes
