"""A/B tests with a fixed end: textbook sizes, scipy's p-values, the errors that were promised."""

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from mlsd import RefusedError
from mlsd.training import ab_power, ab_test, sample_size


def verdicts(rate_a: float, rate_b: float, n: int, tests: int = 2000) -> tuple[int, int]:
    """How many of many tests found B better, and how many worse."""
    rng = np.random.default_rng(0)
    counts = zip(
        rng.binomial(n, rate_a, tests).tolist(), rng.binomial(n, rate_b, tests).tolist(), strict=True
    )
    found = [ab_test(a, n, b, n).findings[0] for a, b in counts]
    return sum(f.ok for f in found), sum(f.interval[1] < 0 for f in found)


def test_sizes_and_powers_are_those_of_the_manual():
    """R's manual of power.prop.test: 76.7 an arm for 50 against 75 % with power 0.9; power 0.740 with 50."""
    assert sample_size(0.50, 0.25, power=0.90) == 77
    assert ab_power(50, 0.50, 0.25) == pytest.approx(0.740, abs=5e-4)


@given(st.floats(0.02, 0.9), st.floats(0.005, 0.09), st.sampled_from([0.5, 0.8, 0.95]))
def test_the_size_is_the_smallest_that_has_the_power(rate, lift, power):
    n = sample_size(rate, lift, power=power)
    assert ab_power(n, rate, lift) >= power - 1e-9
    assert n == 1 or ab_power(n - 1, rate, lift) < power + 1e-9


def test_the_planned_size_has_the_planned_power():
    better, worse = verdicts(0.10, 0.13, sample_size(0.10, 0.03))
    low, high = scipy.stats.binom.interval(0.999, 2000, 0.8)
    assert low <= better <= high
    assert worse == 0


def test_two_equal_arms_are_told_apart_as_rarely_as_the_level_says():
    better, worse = verdicts(0.10, 0.10, 1500)
    low, high = scipy.stats.binom.interval(0.999, 2000, 0.05)
    assert low <= better + worse <= high


@given(st.integers(20, 3000), st.integers(20, 3000), st.floats(0.2, 0.8), st.floats(0.2, 0.8))
def test_the_p_value_is_scipy_s(n_a, n_b, rate_a, rate_b):
    a, b = round(rate_a * n_a), round(rate_b * n_b)
    finding = ab_test(a, n_a, b, n_b).findings[0]
    if finding.value is None:
        return
    table = [[a, n_a - a], [b, n_b - b]]
    assert finding.details["p"] == pytest.approx(scipy.stats.chi2_contingency(table, correction=False).pvalue)


def test_the_interval_is_newcombe_s_published_one():
    """Newcombe (1998), table II, method 10: 56 of 70 against 48 of 80 gives 0.0524 to 0.3339."""
    finding = ab_test(48, 80, 56, 70).findings[0]
    assert finding.value == pytest.approx(0.2)
    assert finding.interval == pytest.approx((0.0524, 0.3339), abs=5e-5)


def test_swapping_the_arms_turns_the_answer_round():
    one, two = ab_test(100, 1000, 150, 1000).findings[0], ab_test(150, 1000, 100, 1000).findings[0]
    assert one.ok
    assert not two.ok
    assert two.message.startswith("0.1 against 0.15: worse, by -0.05")
    assert one.interval == pytest.approx((-two.interval[1], -two.interval[0]))


def test_too_few_successes_cannot_be_told():
    report = ab_test(0, 1000, 4, 1000)
    assert not report.ok
    assert report.findings[0].message == (
        "cannot tell: the smaller arm expects 2 of the rarer outcome, needs 5; wait"
    )


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: sample_size(0, 0.1), "baseline_rate is 0; expected a share above 0 and below 1"),
        (lambda: sample_size(10, 2), "baseline_rate is 10; expected a share"),
        (lambda: sample_size(0.1, 0), "lift is 0 on a rate of 0.1; expected a difference that is not 0"),
        (lambda: sample_size(0.1, 2), "lift is 2 on a rate of 0.1; expected a difference"),
        (
            lambda: sample_size(0.1, 0.1, power=1),
            "power is 1; expected a number above the level 0.05 and below 1",
        ),
        (lambda: sample_size(0.1, 0.1, level=5), "level is 5; expected a number between 0 and 1"),
        (lambda: ab_power(0, 0.1, 0.1), "n is 0; expected 1 visitor or more"),
        (lambda: ab_test(5, 4, 1, 10), "arm A has 5 successes of 4 visitors; expected 0 <= successes"),
        (lambda: ab_test(1, 4, 0, 0), "arm B has 0 successes of 0 visitors"),
        (lambda: ab_test(1, 4, 0, 4, level=2), "level is 2; expected a number between 0 and 1"),
    ],
)
def test_what_makes_no_test_is_one_sentence(call, sentence):
    with pytest.raises(RefusedError, match=sentence):
        call()
