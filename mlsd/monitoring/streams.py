"""Has the model begun to err more? Detectors that read a stream of errors in any pieces."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mlsd.report import RefusedError

Floats = NDArray[np.float64]
_FIRST_BLOCK, _LARGEST_BLOCK = 256, 16_384  # elements read at once: small after a drift, then doubling


class ErrorStream:
    """What the detectors share: how a stream is read, and that each drift starts it anew.

    A detector keeps a few numbers, never the stream; it can be pickled between two pieces.
    """

    seen = 0  # elements read since the start of the stream
    _block = _FIRST_BLOCK

    def update(self, errors: ArrayLike) -> list[int]:
        """Read the next errors and return where a drift was detected, counted from the stream's start.

        Feeding the stream in other pieces gives the same positions.

        Args:
            errors: shape (n,), in the order in which their labels arrived; n may be 0.

        Raises:
            RefusedError: an error is missing, infinite or not of the kind the detector reads.
        """
        errors = self._checked(errors)
        found: list[int] = []
        start = 0
        while start < len(errors):
            block = errors[start : start + self._block]
            at = self._first_drift(block)
            if at is None:
                start += len(block)
                self._block = min(2 * self._block, _LARGEST_BLOCK)
            else:
                found.append(self.seen + start + at)
                start += at + 1
                self._restart()
                self._block = _FIRST_BLOCK
        self.seen += len(errors)
        return found

    def _checked(self, errors: ArrayLike) -> Floats:
        try:
            values = np.asarray(errors, dtype="float64")
        except (TypeError, ValueError):
            raise RefusedError("errors hold something that is no number; expected shape (n,)") from None
        if values.ndim != 1:
            raise RefusedError(f"errors have shape {values.shape}; expected (n,), one per labelled row")
        if not np.isfinite(values).all():
            first = int(np.argmin(np.isfinite(values)))
            raise RefusedError(
                f"errors[{first}] is {values[first]}; leave out the rows whose label has not arrived"
            )
        return values

    def _first_drift(self, block: Floats) -> int | None:
        """Return where in a block the first drift is, or take the block in and return None."""
        raise NotImplementedError

    def _restart(self) -> None:
        raise NotImplementedError


def first(where: NDArray[np.bool_]) -> int | None:
    """Return the first position that holds, or None.

    >>> first(np.array([False, True, True])), first(np.array([False]))
    (1, None)
    """
    at = np.flatnonzero(where)
    return int(at[0]) if len(at) else None


@dataclass(eq=False)
class PageHinkley(ErrorStream):
    """Page and Hinkley's test: the errors wander away from their own mean by more than a threshold.

    Sums up `error - mean so far - delta` and compares the sum with its lowest point, and starts anew
    after a drift. The threshold counts errors: more than chance gathers, and each is waited for.

    Args:
        min_rows: no drift is detected before so many.
        delta: how much more error per row is tolerated.
        threshold: how many errors too many make a drift.
        alpha: how much of the sum is kept from row to row.
        mode: `"up"` sees errors increase, `"down"` decrease, `"both"` either.

    Source: Page, Biometrika 41 (1954); with forgetting as in river, whose detections it equals.

    >>> detector = PageHinkley(mode="up")
    >>> detector.update([0, 0, 0, 1] * 500)
    []
    >>> detector.update([1] * 100)
    [2067]
    """

    min_rows: int = 30
    delta: float = 0.005
    threshold: float = 50.0
    alpha: float = 1 - 0.0001
    mode: str = "both"
    _state: tuple[float, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if self.mode not in ("up", "down", "both"):
            raise ValueError(f"mode is {self.mode!r}; expected 'up', 'down' or 'both'")
        if not 0 < self.alpha <= 1 or not self.threshold > 0:
            raise ValueError(f"expected 0 < alpha <= 1 and threshold > 0, not {self.alpha}, {self.threshold}")
        self._restart()

    def _restart(self) -> None:
        # rows, their sum; the two wandering sums; the lowest and the highest they were
        self._state = (0, 0.0, 0.0, 0.0, math.inf, -math.inf)

    def _first_drift(self, block: Floats) -> int | None:
        n0, total0, up0, down0, low0, high0 = self._state
        n = n0 + np.arange(1, len(block) + 1)
        total = np.cumsum(np.r_[total0, block])[1:]
        away = block - total / n
        up = self._wander(away - self.delta, up0)
        down = self._wander(away + self.delta, down0)
        low = np.minimum(np.minimum.accumulate(up), low0)
        high = np.maximum(np.maximum.accumulate(down), high0)
        far = {"up": up - low, "down": high - down, "both": np.maximum(up - low, high - down)}[self.mode]
        at = first((n >= self.min_rows) & (far > self.threshold))
        if at is None:
            self._state = tuple(float(values[-1]) for values in (n, total, up, down, low, high))
        return at

    def _wander(self, steps: Floats, start: float) -> Any:
        """Return sums in which each row keeps `alpha` of the sum before it, shape (n,)."""
        from scipy.signal import lfilter  # the import takes longer than 10^6 rows

        return lfilter([1.0], [1.0, -self.alpha], steps, zi=[self.alpha * start])[0]


@dataclass(eq=False)
class DDM(ErrorStream):
    """Drift Detection Method: the error rate stands above the best it was by three deviations.

    Keeps the lowest `rate + deviation` of a share so far, and starts anew after a drift. Jumpy: a
    lucky first hundred rows sets a bar that chance alone will break.

    Args:
        warm_start: rows that only set the rate.
        deviations: how many above the best make a drift.

    Source: Gama, Medas, Castillo and Rodrigues, SBIA (2004); detections equal river's.

    >>> DDM().update([0, 0, 0, 1] * 500 + [1] * 100)
    [2051]
    """

    warm_start: int = 30
    deviations: float = 3.0
    _state: tuple[float, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._restart()

    def _restart(self) -> None:
        # rows, wrong ones; rate and deviation where their sum was lowest
        self._state = (0, 0.0, math.inf, 0.0)

    def _checked(self, errors: ArrayLike) -> Floats:
        values = super()._checked(errors)
        if not np.isin(values, (0.0, 1.0)).all():
            odd = values[~np.isin(values, (0.0, 1.0))][0]
            raise RefusedError(f"errors hold {odd:g}; DDM reads 0 (right) and 1 (wrong)")
        return values

    def _first_drift(self, block: Floats) -> int | None:
        n0, wrong0, best_rate, best_deviation = self._state
        n = n0 + np.arange(1, len(block) + 1)
        wrong = wrong0 + np.cumsum(block)  # whole numbers: exact
        rate = wrong / n
        deviation = np.sqrt(rate * (1 - rate) / n)
        warm = n > self.warm_start
        bar = np.where(warm, rate + deviation, math.inf)
        lowest = np.minimum.accumulate(np.r_[best_rate + best_deviation, bar])
        is_best = np.r_[True, warm & (bar <= lowest[:-1])]
        at_best = np.maximum.accumulate(np.where(is_best, np.arange(len(is_best)), 0))
        rates, deviations = np.r_[best_rate, rate][at_best], np.r_[best_deviation, deviation][at_best]
        limit = (rates + self.deviations * deviations)[1:]
        at = first(warm & (rate + deviation > limit))
        if at is None:
            self._state = (float(n[-1]), float(wrong[-1]), float(rates[-1]), float(deviations[-1]))
        return at
