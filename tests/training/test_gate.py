"""The gate: opens when the whole interval is on the right side, and seldom for a model of no worth."""

import numpy as np
import pytest
import scipy.stats

from mlsd.stats import paired_interval
from mlsd.training.gate import beats, near_ceiling, not_worse


def losses(gain: float, n: int = 300, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """A model's losses and another's that are higher by `gain` on average."""
    rng = np.random.default_rng(seed)
    hard = rng.exponential(0.5, n)
    return hard, hard + gain + rng.normal(0, 0.5, n)


@pytest.mark.parametrize(("gain", "ok"), [(0.5, True), (0.0, False), (-0.5, False)])
def test_a_baseline_is_beaten_when_the_interval_lies_above_zero(gain, ok):
    model, other = losses(gain)
    finding = beats("rule", model, other, "nats")
    assert finding.ok == ok
    assert (finding.code, finding.subject, finding.limit) == ("beats_rule", "rule", 0)
    assert finding.value == pytest.approx((other - model).mean())
    assert finding.interval == paired_interval(other, model)
    assert finding.ok == (finding.interval[0] > 0)
    assert ("the interval must lie above 0" in finding.message) != ok


@pytest.mark.parametrize(
    ("gain", "ok", "words"),
    [
        (0.5, True, "better than"),
        (0.0, True, "not worse than"),
        (-0.5, False, "worse than the champion: -0."),
    ],
)
def test_a_champion_yields_unless_the_interval_lies_below_zero(gain, ok, words):
    finding = not_worse(*losses(gain), "nats")
    assert finding.ok == ok == (finding.interval[1] >= 0)
    assert finding.message.startswith(words)
    assert finding.code == "not_worse_than_champion"


def test_equal_losses_beat_nothing_and_are_not_worse():
    same = np.full(40, 0.3)
    assert not beats("constant", same, same, "nats").ok
    assert not_worse(same, same, "nats").ok


def test_the_gate_is_wrong_as_often_as_its_level_says():
    passed = [beats("rule", *losses(0.0, 100, seed), "nats").ok for seed in range(1000)]
    refused = [not not_worse(*losses(0.0, 100, seed), "nats").ok for seed in range(1000)]
    low, high = scipy.stats.binom.interval(0.999, 1000, 0.025)  # one side of a 95 % interval
    assert low <= sum(passed) <= high
    assert low <= sum(refused) <= high


def worlds_law(n: int = 2000, seed: int = 0):
    """Losses of a constant, of the world's own law."""
    rng = np.random.default_rng(seed)
    p = rng.beta(0.5, 1.5, n)
    y = rng.random(n) < p

    def loss(q):
        return -np.log(np.where(y, q, 1 - q))

    return loss(np.full(n, 0.25)), loss(np.clip(p, 1e-4, 1 - 1e-4))


def test_the_truth_is_all_the_way_and_the_constant_none_of_it():
    constant, best = worlds_law()
    assert near_ceiling(best, constant, best, "nats").value == 1
    assert near_ceiling(constant, constant, best, "nats").value == 0
    half = near_ceiling((constant + best) / 2, constant, best, "nats")
    assert half.value == pytest.approx(0.5)
    assert half.interval == pytest.approx((0.5, 0.5))
    assert half.details["left"] == pytest.approx((constant - best).mean() / 2)


def test_the_interval_of_the_way_covers_as_often_as_it_says():
    """The truth from 400,000 rows: a model that knows the log-odds at half their size."""

    def losses(n, seed):
        rng = np.random.default_rng(seed)
        z = rng.normal(-1, 2, n)
        y = rng.random(n) < 1 / (1 + np.exp(-z))
        return [np.logaddexp(0, np.where(y, -s, s)) for s in (z / 2, np.full(n, -0.7), z)]

    truth = near_ceiling(*losses(400_000, 1), "nats").value
    found = [near_ceiling(*losses(400, seed), "nats").interval for seed in range(2, 502)]
    low, high = scipy.stats.binom.interval(0.999, 500, 0.95)
    assert low <= sum(a <= truth <= b for a, b in found) <= high


def test_better_than_the_truth_is_a_leak():
    constant, best = worlds_law()
    told = near_ceiling(best * 0.5, constant, best, "nats")
    assert told.failed
    assert told.message.endswith("better than the truth: a feature tells the answer")
    assert told.interval[0] > 1


def test_where_nothing_can_be_known_the_way_has_no_length():
    constant, _ = worlds_law()
    told = near_ceiling(constant, constant, constant, "nats")
    assert (told.ok, told.severity, told.value) == (False, "warning", None)
    assert told.message.startswith("cannot tell: on these rows the best possible is not shown to be better")
