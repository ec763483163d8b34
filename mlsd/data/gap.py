"""The gap between two columns of numbers, in words: another unit, another zero, scaled or not."""

from __future__ import annotations

import numpy as np

_CLOSE = 0.01  # a factor or a line is recognised when it explains nearly all differences this well
_NEARLY_ALL = 0.95
_ENOUGH = 5  # rows that differ, before a pattern in them is believed


def in_words(x: np.ndarray, y: np.ndarray, scaled: bool) -> str:
    """Return what turns x into y: a factor, a shift or a line; else how far apart they are.

    Args:
        x, y: shape (m,), two numbers for each row that differs.
        scaled: whether they are quantities; times, in seconds, know shifts only.

    >>> in_words(np.arange(1.0, 9), np.arange(1.0, 9) * 1000, True)
    'online is about 1000 times offline'
    """
    finite = np.isfinite(x) & np.isfinite(y)
    x, y = x[finite], y[finite]
    if not len(x):
        return ""
    gap = float(np.median(np.abs(y - x)))
    if len(x) >= _ENOUGH and scaled and (x != 0).mean() >= _NEARLY_ALL:
        ratio = float(np.median(y[x != 0] / x[x != 0]))
        if abs(ratio - 1) > _CLOSE and _explains(x * ratio, y, np.abs(x * ratio)):
            return f"online is about {ratio:.4g} times offline"
    if len(x) >= _ENOUGH:
        shift = float(np.median(y - x))
        if _explains(x + shift, y, np.full(len(x), abs(shift))):
            unit = "" if scaled else " seconds"
            return f"online is offline {'plus' if shift > 0 else 'minus'} about {abs(shift):.4g}{unit}"
        if scaled and np.ptp(x) > 0 and len(np.unique(x)) >= _ENOUGH:
            slope, start = np.polyfit(x, y, 1)
            if _explains(x * slope + start, y, np.full(len(x), np.std(y))):
                return f"online is about {slope:.4g} times offline {start:+.4g}: scaled on one side?"
    return f"by {gap:.4g}{'' if scaled else ' seconds'} in the middle"


def _explains(guess: np.ndarray, y: np.ndarray, size: np.ndarray) -> bool:
    """Tell whether nearly all y lie within a hundredth of `size` of the guess."""
    return bool((np.abs(guess - y) <= _CLOSE * size).mean() >= _NEARLY_ALL) and bool((size > 0).any())
