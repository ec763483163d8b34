"""The cheapest threshold: brute force agrees, and a calibrated model wants c / (c + m)."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlsd import RefusedError
from mlsd.training import Threshold, best_threshold, error_cost


def calibrated(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    p = rng.beta(1, 3, n)
    return (rng.random(n) < p).astype(int), p


def brute_force(y, p, c, m) -> float:
    """The smallest cost of any threshold, tried one after another."""
    costs = []
    for limit in [*sorted(set(p)), 2.0]:
        errors = [c if said else m for said, true in zip(p >= limit, y, strict=True) if said != bool(true)]
        costs.append(sum(errors) / len(y))
    return min(costs)


@given(st.integers(0, 10_000), st.sampled_from([(1, 10), (1, 1), (7, 2), (0.3, 90)]))
def test_no_threshold_costs_less(seed, prices):
    rng = np.random.default_rng(seed)
    p = np.round(rng.random(40), 1)  # many ties
    y = (rng.random(40) < p).astype(int)
    y[:2] = 0, 1
    found = best_threshold(y, p, cost_false_alarm=prices[0], cost_miss=prices[1])
    assert found.cost == pytest.approx(brute_force(y, p, *prices), abs=1e-9)
    assert found.cost == error_cost(y, p, found.value, *prices)
    assert found.cost <= found.cost_at_half == error_cost(y, p, 0.5, *prices)
    assert found.value in {*p, np.nextafter(1, 2)}


def test_a_calibrated_model_wants_what_the_prices_say():
    for c, m in ((1, 10), (1, 1), (4, 1)):
        found = best_threshold(*calibrated(20_000), cost_false_alarm=c, cost_miss=m)
        assert found.if_calibrated == c / (c + m)
        assert found.value == pytest.approx(c / (c + m), abs=0.1)  # the cost is flat round its minimum
        assert found.interval[0] <= c / (c + m) <= found.interval[1]
        assert error_cost(*calibrated(20_000), c / (c + m), c, m) < 1.02 * found.cost


def test_a_model_that_is_too_sure_wants_another_threshold():
    y, p = calibrated(100_000)
    sure = p**2 / (p**2 + (1 - p) ** 2)  # log-odds doubled: said 0.01 where 1 / 11 is meant
    limit = (1 / 11) ** 2 / ((1 / 11) ** 2 + (10 / 11) ** 2)
    assert best_threshold(y, sure).value == pytest.approx(limit, abs=0.005)


def test_only_the_ratio_of_the_prices_counts():
    y, p = calibrated(500)
    dear, cheap = best_threshold(y, p, cost_false_alarm=3, cost_miss=30), best_threshold(y, p)
    assert (dear.value, dear.interval) == (cheap.value, cheap.interval)
    assert dear.cost == pytest.approx(3 * cheap.cost)


def test_a_dearer_miss_lowers_the_threshold():
    y, p = calibrated(3000)
    values = [best_threshold(y, p, cost_miss=m).value for m in (0.1, 1, 3, 10, 100)]
    assert values == sorted(values, reverse=True)
    assert values[-1] < values[0]


def test_where_no_alarm_pays_none_is_raised():
    rng = np.random.default_rng(0)
    y, p = (np.arange(200) < 2).astype(int), rng.random(200)
    p[:2] = 0.01
    found = best_threshold(y, p, cost_false_alarm=100, cost_miss=1)
    assert found.value > 1
    assert found.cost == 0.01
    assert repr(found).startswith("Threshold(never: costs 0.01 a row")


def test_the_repr_tells_all():
    told = repr(Threshold(0.12, 0.39, 1.37, 1 / 11, (0.06, 0.155)))
    assert told == "Threshold(0.12, 0.06 to 0.155: costs 0.39 a row, 1.37 at 0.5; 0.0909 if calibrated)"


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"cost_miss": 0}, "cost_miss is 0; expected a number above 0"),
        ({"cost_false_alarm": -1}, "cost_false_alarm is -1; expected a number above 0"),
        ({"cost_miss": float("nan")}, "cost_miss is nan; expected a number above 0"),
        ({"y": np.ones(50)}, "cannot choose a threshold: the rows hold one class only"),
        ({"y": [0, 1] * 14, "p": [0.1, 0.9] * 14}, "cannot choose a threshold: 28 rows, needs 30"),
        ({"p": np.full(50, np.nan)}, "the prediction is missing or not finite 50 times"),
        ({"p": np.arange(50)}, "wants probabilities; the prediction goes from 0 to 49"),
        ({"p": np.full((50, 2), 0.5)}, "p has 2 columns; expected one probability a row"),
        ({"y": [None, *[0, 1] * 24, 1]}, "y is missing or not finite 1 times in 50 rows"),
    ],
)
def test_what_has_no_threshold_is_one_sentence(change, sentence):
    given_ = {"y": np.arange(50) % 2, "p": np.linspace(0, 1, 50)} | change
    with pytest.raises(RefusedError, match=sentence):
        best_threshold(**given_)
