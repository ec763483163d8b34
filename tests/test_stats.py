"""Intervals and corrections: the same numbers as scipy, and the coverage they promise."""

import numpy as np
import pytest
import scipy.special
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from mlsd.stats import (
    benjamini_hochberg,
    bootstrap_interval,
    logit,
    mean_interval,
    paired_interval,
    total_variation,
    wilson_interval,
)

LEVELS = st.sampled_from([0.5, 0.9, 0.95, 0.999])
P_VALUES = st.lists(st.floats(0, 1), min_size=1, max_size=40)


def within_limits(covered: int, n: int, level: float = 0.95) -> bool:
    """Whether so many intervals of n may cover: the 99.9 % limits of a binomial."""
    low, high = scipy.stats.binom.interval(0.999, n, level)
    return low <= covered <= high


@given(st.integers(1, 5000), st.floats(0, 1), LEVELS)
def test_wilson_agrees_with_scipy(n, share, level):
    successes = round(n * share)
    expected = scipy.stats.binomtest(successes, n).proportion_ci(level, method="wilson")
    assert wilson_interval(successes, n, level) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_wilson_of_no_rows_is_no_knowledge():
    assert wilson_interval(0, 0) == (0.0, 1.0)


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=50), LEVELS)
def test_mean_interval_agrees_with_scipy(values, level):
    error = scipy.stats.sem(values)
    if error == 0:
        assert mean_interval(values, level) == (np.mean(values), np.mean(values))
        return
    expected = scipy.stats.t.interval(level, len(values) - 1, np.mean(values), error)
    assert mean_interval(values, level) == pytest.approx(expected, rel=1e-9, abs=1e-9)


@given(P_VALUES)
def test_benjamini_hochberg_agrees_with_scipy(p):
    expected = scipy.stats.false_discovery_control(p)
    np.testing.assert_allclose(benjamini_hochberg(p), expected, rtol=1e-12, atol=1e-12)


def test_benjamini_hochberg_of_no_test_is_no_p_value():
    assert benjamini_hochberg([]).shape == (0,)


@given(
    st.lists(st.tuples(st.integers(0, 99), st.integers(0, 99), st.integers(0, 99)), min_size=1, max_size=9)
)
def test_total_variation_is_a_distance(cells):
    p, q, r = (np.array(column) + 1 for column in zip(*cells, strict=True))
    assert total_variation(p, p) == 0
    assert total_variation(p, q) == pytest.approx(total_variation(q, p))
    assert 0 <= total_variation(p, q) <= 1
    assert total_variation(p, r) <= total_variation(p, q) + total_variation(q, r) + 1e-12
    assert total_variation([1, 0], [0, 7]) == 1


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20), st.sampled_from([1e-6, 2.0**-52]))
def test_log_odds_agree_with_scipy_and_stay_finite_at_0_and_1(p, epsilon):
    found, p = logit(p, epsilon), np.array(p)
    inside = (p >= epsilon) & (p <= 1 - epsilon)
    np.testing.assert_allclose(found[inside], scipy.special.logit(p[inside]))
    assert np.isfinite(found).all()
    edge = np.log((1 - epsilon) / epsilon)
    np.testing.assert_allclose(logit([0, 1], epsilon), [-edge, edge])


def test_bootstrap_agrees_with_scipy():
    x = np.random.default_rng(0).exponential(size=80)
    ours = bootstrap_interval(np.median, x, n_resamples=4000, random_state=1)
    theirs = scipy.stats.bootstrap((x,), np.median, n_resamples=4000, method="percentile", rng=2)
    assert ours == pytest.approx(tuple(theirs.confidence_interval), abs=0.05)  # both drawn: Monte Carlo error


def test_bootstrap_draws_rows_together_and_keeps_their_order():
    x = np.arange(50.0)
    apart = bootstrap_interval(lambda a, b: float(np.abs(2 * a - b).max()), x, 2 * x, n_resamples=50)
    back = bootstrap_interval(lambda a: float((np.diff(a) < 0).sum()), x, n_resamples=50)
    assert apart == (0.0, 0.0)
    assert back == (0.0, 0.0)


def test_bootstrap_repeats_with_the_same_random_state():
    x = np.random.default_rng(0).normal(size=30)
    assert bootstrap_interval(np.mean, x, random_state=3) == bootstrap_interval(np.mean, x, random_state=3)
    assert bootstrap_interval(np.mean, x, random_state=3) != bootstrap_interval(np.mean, x, random_state=4)


def test_bootstrap_leaves_out_resamples_without_a_value():
    x = np.r_[np.zeros(60), 1.0]
    found = bootstrap_interval(lambda a: 5.0 if a.any() else float("nan"), x, n_resamples=100)
    assert found == (5.0, 5.0)
    with pytest.raises(ValueError, match="undefined in 100 of 100 resamples"):
        bootstrap_interval(lambda a: float("nan"), x, n_resamples=100)


def test_intervals_cover_as_often_as_they_say():
    rng = np.random.default_rng(0)
    mean = paired = median = 0
    worlds = 250
    for world in range(worlds):
        x, noise = rng.normal(3, 2, 40), rng.normal(0.5, 1, 40)
        low, high = mean_interval(x)
        mean += low <= 3 <= high
        low, high = paired_interval(x + noise, x)
        paired += low <= 0.5 <= high
        low, high = bootstrap_interval(np.median, rng.normal(3, 2, 150), n_resamples=100, random_state=world)
        median += low <= 3 <= high
    assert within_limits(mean, worlds)
    assert within_limits(paired, worlds)
    assert within_limits(median, worlds)


def test_paired_is_narrower_where_rows_differ_more_than_models():
    rng = np.random.default_rng(0)
    hard = rng.normal(0, 10, 200)
    a, b = hard + rng.normal(1, 1, 200), hard
    low, high = paired_interval(a, b)
    assert low > 0.5
    assert high - low < (mean_interval(a)[1] - mean_interval(a)[0]) / 5


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: wilson_interval(3, 2), "3 successes of 2 rows; expected 0 <= successes <= n"),
        (lambda: wilson_interval(1, 2, level=95), "level is 95; expected a number between 0 and 1"),
        (lambda: mean_interval([1.0]), r"got shape \(1,\); expected \(n,\), n >= 2, finite"),
        (lambda: mean_interval([1.0, float("nan")]), "finite values"),
        (lambda: paired_interval([1.0, 2], [1.0]), r"shapes \(2,\) and \(1,\); expected the same rows"),
        (lambda: benjamini_hochberg([0.5, float("nan")]), "p-values between 0 and 1"),
        (lambda: benjamini_hochberg([1.5]), "p-values between 0 and 1"),
        (lambda: total_variation([0, 0], [1, 1]), "expected the same, not empty"),
        (lambda: bootstrap_interval(np.mean, [1.0], [1.0, 2]), r"arrays of \[1, 2\] rows"),
        (lambda: bootstrap_interval(np.mean, []), r"arrays of \[0\] rows; expected one number above 0"),
    ],
)
def test_what_makes_no_sense_is_refused_in_a_sentence(call, sentence):
    with pytest.raises(ValueError, match=sentence):
        call()
