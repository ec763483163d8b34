"""Where to raise the alarm: the threshold that costs least when a miss and a false alarm differ in price."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from mlsd.report import RefusedError
from mlsd.stats import percentile_interval
from mlsd.training.intervals import CELLS, MIN_ROWS, check_chances, draw, ties

RESAMPLES = 200
NEVER = float(np.nextafter(1, 2))  # just above every probability


@dataclass(frozen=True)
class Threshold:
    """A limit on the probability: the alarm is raised from `value` on.

    Args:
        value: the cheapest threshold on the rows it was chosen on.
        cost: a row, at that threshold.
        cost_at_half: a row, at 0.5.
        if_calibrated: what the prices alone say, c / (c + m): right for a calibrated model.
        interval: 95 %, of the value, from resampled rows.

    `cost` is a little too low: the threshold was chosen on the same rows. Ask `error_cost` on others.
    """

    value: float
    cost: float
    cost_at_half: float
    if_calibrated: float
    interval: tuple[float, float]

    def __repr__(self) -> str:
        low, high = self.interval
        value = "never" if self.value > 1 else f"{self.value:.3g}, {low:.3g} to {high:.3g}"
        return (
            f"Threshold({value}: costs {self.cost:.3g} a row, {self.cost_at_half:.3g} at 0.5; "
            f"{self.if_calibrated:.3g} if calibrated)"
        )


def best_threshold(
    y: Any, p: Any, *, cost_false_alarm: float = 1, cost_miss: float = 10, random_state: int = 0
) -> Threshold:
    """Return the threshold with the smallest cost; of equals the highest, which raises fewer alarms.

    Args:
        y: shape (n,), 0 or 1, n >= 30, both there.
        p: shape (n,), probability of 1.
        cost_false_alarm, cost_miss: the price of each error, above 0; right answers are free.
        random_state: of the interval.

    Raises:
        RefusedError: one class only, too few rows, a price that is not above 0, or no probabilities.

    Source: Elkan, "The foundations of cost-sensitive learning", IJCAI 2001.

    >>> p = np.linspace(0, 1, 1000)
    >>> best_threshold(np.random.default_rng(0).random(1000) < p, p)
    Threshold(0.108, 0.0921 to 0.182: costs 0.442 a row, 1.23 at 0.5; 0.0909 if calibrated)
    """
    y, p = check_chances(y, p)
    _check_prices(cost_false_alarm=cost_false_alarm, cost_miss=cost_miss)
    if len(y) < MIN_ROWS or len(np.unique(y)) < 2:
        why = f"{len(y)} rows, needs {MIN_ROWS}" if len(y) < MIN_ROWS else "the rows hold one class only"
        raise RefusedError(f"cannot choose a threshold: {why}")
    order, starts = ties(p)
    values = np.r_[NEVER, p[order][starts]]
    prices = np.where(y == 1, -float(cost_miss), float(cost_false_alarm))[order]  # of raising one more alarm

    def cheapest(weights: np.ndarray) -> np.ndarray:
        saved = np.cumsum(np.add.reduceat(weights[:, order] * prices, starts, axis=1), axis=1)
        saved = np.column_stack([np.zeros(len(weights)), np.round(saved, 9)])  # equal costs stay equal
        return values[saved.argmin(axis=1)]

    value = float(cheapest(np.ones((1, len(y))))[0])
    rng, most = np.random.default_rng(random_state), max(1, CELLS // len(y))
    parts = [min(most, RESAMPLES - start) for start in range(0, RESAMPLES, most)]
    again = np.concatenate([cheapest(draw(rng, part, len(y))) for part in parts])
    cost = {at: error_cost(y, p, at, cost_false_alarm, cost_miss) for at in (value, 0.5)}
    even = cost_false_alarm / (cost_false_alarm + cost_miss)
    return Threshold(value, cost[value], cost[0.5], even, percentile_interval(again, 0.95))


def error_cost(y: Any, p: Any, threshold: float, cost_false_alarm: float = 1, cost_miss: float = 10) -> float:
    """Return what the errors cost a row when the alarm is raised at `p >= threshold`.

    Args:
        y, p, cost_false_alarm, cost_miss: as in `best_threshold`.
        threshold: a number.

    >>> error_cost([0, 0, 1, 1], [0.2, 0.6, 0.4, 0.9], 0.5)
    2.75
    """
    y, p = check_chances(y, p)
    _check_prices(cost_false_alarm=cost_false_alarm, cost_miss=cost_miss)
    alarm = p >= threshold
    return float(
        ((alarm & (y == 0)).sum() * cost_false_alarm + (~alarm & (y == 1)).sum() * cost_miss) / len(y)
    )


def _check_prices(**prices: float) -> None:
    for name, price in prices.items():
        if not (np.isfinite(price) and price > 0):
            raise RefusedError(f"{name} is {price}; expected a number above 0, in any unit of money")
