"""A span: the part of a world's time in which a fault or a drift is at work."""

from __future__ import annotations

from typing import Protocol

import numpy as np


class Change(Protocol):
    """What a fault and a drift have in common."""

    @property
    def what(self) -> str:
        """`"fault"` or `"drift"`."""

    @property
    def kind(self) -> str:
        """Which fault or drift."""

    @property
    def start(self) -> float:
        """When it begins, as a share of the world's time."""

    @property
    def end(self) -> float:
        """When it is over, as a share of the world's time."""

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns it damages; none for a drift."""

    @property
    def size(self) -> str:
        """How much of it there is, in words."""

    @property
    def places(self) -> tuple[str, ...]:
        """Where it acts, in words; no two changes act in one place at one time."""


def within(change: Change, seconds: np.ndarray, length: int) -> np.ndarray:
    """Tell which moments fall into a change's span, (n,) bool: its start belongs to it, its end does not.

    Args:
        change: a fault or a drift; `start` and `end` are fractions of the world's time.
        seconds: since the world began, (n,).
        length: of the world, in seconds.
    """
    first, last = limits(change, length)
    return (seconds >= first) & (seconds < last)


def limits(change: Change, length: int) -> tuple[int, int]:
    """Return the first second of a span and the first after it, counted from the world's beginning."""
    return round(change.start * length), round(change.end * length)
