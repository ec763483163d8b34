"""The gate: opens when the whole interval is on the right side, and seldom for a model of no worth."""

import numpy as np
import pytest
import scipy.stats

from mlsd.stats import paired_interval
from mlsd.training.gate import beats, not_worse


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
