"""A test that may be looked at always: 1,000 A/A runs, read after every pair."""

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad

from mlsd import RefusedError
from mlsd.training import anytime_p, fixed_p, sequential_test
from mlsd.training.sequential import PRIOR

RUNS, PAIRS = 1000, 3000
OUTCOMES = st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=60)


def visitors(rate_a: float, rate_b: float, seed: int = 0, runs: int = RUNS, pairs: int = PAIRS):
    rng = np.random.default_rng(seed)
    return rng.random((runs, pairs)) < rate_a, rng.random((runs, pairs)) < rate_b


def test_peeking_all_the_time_at_equal_arms_alarms_in_at_most_five_percent():
    a, b = visitors(0.1, 0.1)
    always = int((anytime_p(a, b)[:, -1] < 0.05).sum())
    assert always <= scipy.stats.binom.ppf(0.999, RUNS, 0.05)
    looks = fixed_p(a, b)[:, 99:]  # the naive reader waits for 100 pairs, then looks at each
    naive, once = int((looks.min(axis=1) < 0.05).sum()), int((looks[:, -1] < 0.05).sum())
    assert naive > 4 * 0.05 * RUNS
    low, high = scipy.stats.binom.interval(0.999, RUNS, 0.05)
    assert low <= once <= high  # the same numbers read once, at the end, are fine


def test_a_true_difference_is_found_in_about_the_planned_time():
    a, b = visitors(0.10, 0.13, runs=300, pairs=6000)
    p = anytime_p(a, b)
    assert (p[:, -1] < 0.05).mean() > 0.95
    stopped = np.where(p < 0.05, np.arange(6000), 6000).min(axis=1)
    assert np.median(stopped) < 2 * 1774  # what a fixed test needs for power 0.8


@given(OUTCOMES)
def test_the_p_value_never_rises_and_is_one_over_the_mixture_ratio(pairs):
    a, b = np.array(pairs).T
    p = anytime_p(a, b)
    assert (np.diff(p) <= 0).all()
    assert ((p > 0) & (p <= 1)).all()
    won, lost = int((b & ~a).sum()), int((a & ~b).sum())
    density = scipy.stats.beta(PRIOR, PRIOR).pdf
    ratio = quad(lambda s: (2 * s) ** won * (2 * (1 - s)) ** lost * density(s), 0, 1)[0]
    assert p[-1] <= 1 / ratio + 1e-9
    if len(pairs) == 1:
        assert p[-1] == pytest.approx(min(1, 1 / ratio))


@given(OUTCOMES)
def test_the_fixed_p_value_is_the_pooled_z_test(pairs):
    a, b = np.array(pairs).T
    n, won_a, won_b = len(a), int(a.sum()), int(b.sum())
    if 0 < won_a + won_b < 2 * n:
        table = [[won_a, n - won_a], [won_b, n - won_b]]
        expected = scipy.stats.chi2_contingency(table, correction=False).pvalue
        assert fixed_p(a, b)[-1] == pytest.approx(expected, abs=1e-12)
    else:
        assert fixed_p(a, b)[-1] == 1


def test_the_test_stops_where_its_p_value_falls_below_the_level():
    a, b = (side[0] for side in visitors(0.2, 0.3, runs=1))
    finding = sequential_test(a, b).findings[0]
    stop = finding.details["stopped_at"]
    p = anytime_p(a, b)
    assert finding.ok
    assert p[stop - 1] < 0.05 <= p[stop - 2]
    assert finding.interval[0] > 0.5
    assert sequential_test(a[:stop], b[:stop]).findings[0] == finding  # what comes later is not looked at
    assert sequential_test(a[: stop - 1], b[: stop - 1]).findings[0].details["stopped_at"] is None


def test_swapping_the_arms_turns_the_answer_round():
    a, b = (side[0] for side in visitors(0.2, 0.3, runs=1))
    one, two = sequential_test(a, b).findings[0], sequential_test(b, a).findings[0]
    assert (one.ok, two.ok) == (True, False)
    assert two.message.startswith("worse: B won")
    assert two.value == pytest.approx(1 - one.value)
    assert two.interval == pytest.approx((1 - one.interval[1], 1 - one.interval[0]))


def test_the_confidence_sequence_covers_at_every_look():
    a, b = visitors(0.2, 0.26, runs=100, pairs=600)
    true = 0.26 * 0.8 / (0.26 * 0.8 + 0.2 * 0.74)
    missed = 0
    for one, two in zip(a, b, strict=True):
        looks = [sequential_test(one[:n], two[:n]).findings[0].interval for n in range(20, 601, 20)]
        missed += any(not low <= true <= high for low, high in looks)
    assert missed <= scipy.stats.binom.ppf(0.999, 100, 0.05)


def test_equal_arms_and_few_visitors_cannot_be_told_yet():
    report = sequential_test([0, 1, 0], [0, 1, 0, 1, 1])
    assert not report.ok
    assert report.findings[0].interval == (0, 1)
    assert (
        report.findings[0].message == "cannot tell yet: B won 0.5 of 0 decided pairs, 0 to 1, after 3 pairs"
    )


@pytest.mark.parametrize(
    ("a", "b", "sentence"),
    [
        ([], [1], r"a has shape \(0,\); expected one outcome for each visitor, one at least"),
        ([0, 1], [0, 2], "b holds 2; expected outcomes 0 or 1"),
        ([0, 1], [0, float("nan")], "b holds nan; expected outcomes 0 or 1"),
        (["yes"], [1], "a holds what is no number; expected outcomes 0 or 1"),
        ([[0, 1]], [1], r"a has shape \(1, 2\)"),
    ],
)
def test_what_is_no_outcome_is_one_sentence(a, b, sentence):
    with pytest.raises(RefusedError, match=sentence):
        sequential_test(a, b)
    with pytest.raises(RefusedError, match="level is 5; expected a number between 0 and 1"):
        sequential_test([0], [1], level=5)
