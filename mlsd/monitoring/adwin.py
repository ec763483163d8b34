"""ADWIN: a window over the errors that grows while they stay the same, and is cut when they do not."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from mlsd.monitoring.streams import ErrorStream, Floats, first

_BUCKETS = 5  # of each size; one more and the two oldest are put together
_SHORTEST = 5  # rows on either side of a cut
_GRACE = 10  # rows before the first look


@dataclass(eq=False)
class ADWIN(ErrorStream):
    """Adaptive windowing: is there a cut that splits the window into two different means?

    Rows are kept as sums over buckets of 1, 2, 4, ... rows, five of each size, the largest oldest, so
    that a window of n rows takes about 5 log2(n) sums; a cut may fall between any two buckets. Every
    `clock` rows all cuts are compared, with Bernstein's bound at confidence `delta`. After a drift it
    starts anew, as river's does; the paper keeps the newer part.

    Args:
        delta: how unlikely a difference of the two means must be; smaller is calmer.
        clock: rows between two looks.

    Source: Bifet and Gavalda, SIAM Data Mining (2007); detections equal river's.

    >>> ADWIN().update([0, 0, 0, 1] * 500 + [1] * 100)
    [2047]
    """

    delta: float = 0.002
    clock: int = 32
    # where the buckets of the window end, and the sum and the sum of squares of all rows before
    _ends: NDArray[np.int64] = field(init=False, repr=False)
    _sums: Floats = field(init=False, repr=False)
    _squares: float = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if not 0 < self.delta < 1 or self.clock < 1:
            raise ValueError(f"expected 0 < delta < 1 and clock >= 1, not {self.delta} and {self.clock}")
        self._restart()

    def _restart(self) -> None:
        self._ends, self._sums, self._squares = np.zeros(1, dtype="int64"), np.zeros(1), 0.0

    def _first_drift(self, block: Floats) -> int | None:
        n0 = int(self._ends[-1])
        sums = np.r_[self._sums[:-1], np.cumsum(np.r_[self._sums[-1], block])]  # at ends, then at rows
        squares = np.cumsum(np.r_[self._squares, block**2])
        n = np.arange(n0 + self.clock - n0 % self.clock, n0 + len(block) + 1, self.clock)
        n = np.r_[n[n > _GRACE], n0 + len(block)]  # the looks, and where the next block begins
        ends = bucket_ends(n)
        look = first(self._differ(n[:-1], ends[:-1], sums, squares[n[:-1] - n0]))
        if look is not None:
            return int(n[look]) - n0 - 1
        kept = np.unique(ends[-1])
        self._ends, self._sums, self._squares = kept, sums[self._place(kept)], float(squares[-1])
        return None

    def _place(self, ends: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return where the sum up to an end stands: beside a kept end, or in the block after them."""
        places = ends + (len(self._ends) - 1 - self._ends[-1])
        kept = ends < self._ends[-1]
        places[kept] = np.searchsorted(self._ends, ends[kept])
        return places

    def _differ(
        self, n: NDArray[np.int64], ends: NDArray[np.int64], sums: Floats, squares: Floats
    ) -> NDArray[np.bool_]:
        """Tell for each width of the window, shape (looks,), whether any cut, (looks, cuts), splits it."""
        rows = n[:, None]
        total = sums[self._place(n)]
        spread = np.maximum(squares / n - (total / n) ** 2, 0.0)
        surprise = np.log(2 * np.log(n) / self.delta)[:, None]
        older, newer = np.maximum(ends, _SHORTEST), np.maximum(rows - ends, _SHORTEST)
        sum_older = sums[self._place(ends)]
        gap = np.abs(sum_older / older - (total[:, None] - sum_older) / newer)
        share = 1 / (older - _SHORTEST + 1) + 1 / (newer - _SHORTEST + 1)
        bound = np.sqrt(2 * share * spread[:, None] * surprise) + 2 / 3 * surprise * share
        allowed = (ends >= _SHORTEST) & (rows - ends >= _SHORTEST)
        return (allowed & (gap > bound)).any(axis=1)


def bucket_ends(n: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return where the buckets end after n rows: a bucket's end depends on n alone.

    Args:
        n: shape (looks,), rows in the window.

    Returns:
        Shape (looks, 5 * sizes); where fewer than five of a size are kept, an end stands twice.

    >>> bucket_ends(np.array([9]))  # buckets of 2, 2, 1, 1, 1, 1 and 1 rows
    array([[9, 8, 7, 6, 5, 4, 2, 0, 0, 0]])
    """
    made = [n]  # buckets of each size so far; those that were put together end where the kept ones begin
    while made[-1].any():
        made.append(np.maximum(0, (made[-1] - (_BUCKETS - 1)) // 2))
    number = np.stack(made, axis=1)[:, :, None]  # (looks, sizes + 1, 1)
    kept = np.maximum(number[:, :-1] - np.arange(_BUCKETS), 2 * number[:, 1:])
    size = 2 ** np.arange(len(made) - 1)
    return (kept * size[:, None]).reshape(len(n), -1)
