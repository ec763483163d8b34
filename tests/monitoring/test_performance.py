"""Loss beside promise, and Cox's recalibration."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit, logit
from scipy.stats import binom, entropy
from sklearn.linear_model import LogisticRegression

from mlsd.monitoring import judge_performance
from mlsd.monitoring.performance import promised_losses, recalibration


def excess(report):
    return next(f for f in report if f.code == "excess_loss")


def test_the_promised_loss_is_the_entropy():
    p = np.random.default_rng(0).dirichlet([1, 1, 1], size=500)
    np.testing.assert_allclose(promised_losses("multiclass", p), entropy(p, axis=1), atol=1e-12)
    two = p[:, 0]
    np.testing.assert_allclose(promised_losses("binary", two), entropy([1 - two, two], axis=0), atol=1e-12)
    assert promised_losses("binary", [0.0, 1.0]).tolist() == [0.0, 0.0]


def test_the_interval_covers_no_excess_for_calibrated_probabilities():
    """95 % intervals of (loss - promise) hold 0 in 95 % of 400 samples, within 99.9 % binomial limits."""
    held = 0
    for seed in range(400):
        rng = np.random.default_rng(seed)
        p = rng.beta(1, 4, size=2000)
        low, high = excess(judge_performance(rng.uniform(size=2000) < p, p, task="binary")).interval
        held += low <= 0 <= high
    low, high = binom.interval(0.999, 400, 0.95)
    assert low <= held <= high


@pytest.mark.parametrize("seed", range(20))
def test_a_harder_mix_of_rows_is_no_failure_and_overconfidence_is_one(seed):
    rng = np.random.default_rng(seed)
    hard = rng.uniform(0.35, 0.65, size=4000)  # the log loss doubles, and the model said so
    assert judge_performance(rng.uniform(size=4000) < hard, hard, task="binary").ok
    bold = expit(4 * logit(hard))
    assert not judge_performance(rng.uniform(size=4000) < hard, bold, task="binary").ok


def test_regression_is_judged_beside_its_error_at_training_time():
    rng = np.random.default_rng(0)
    y, noise = rng.normal(size=2000), rng.normal(size=2000)
    assert judge_performance(y, y + noise, task="regression", reference_loss=1.0).ok
    worse = judge_performance(y, y + 1.5 * noise, task="regression", reference_loss=1.0)
    assert not worse.ok
    assert excess(worse).value == pytest.approx(np.mean((1.5 * noise) ** 2) - 1)
    with pytest.raises(ValueError, match="needs reference_loss"):
        judge_performance(y, y, task="regression")


@given(st.integers(0, 499))
def test_few_rows_cannot_be_judged_and_that_is_no_failure(n):
    report = judge_performance(np.zeros(n), np.full(n, 0.5), task="binary")
    assert report.ok
    assert report.findings[0].message == f"cannot judge: {n} rows, needs 500"


@pytest.mark.parametrize("offset, slope", [(0, 1), (1.5, 1), (-0.5, 0.4), (0.3, 1.8)])
def test_recalibration_is_an_unpenalised_logistic_regression(offset, slope):
    rng = np.random.default_rng(1)
    p = rng.uniform(0.02, 0.9, size=5000)
    y = rng.uniform(size=5000) < expit(offset + slope * logit(p))
    fit = recalibration(y, p)
    oracle = LogisticRegression(C=np.inf, tol=1e-10, max_iter=1000).fit(logit(p)[:, None], y)
    assert fit["offset"] == pytest.approx(oracle.intercept_[0], abs=1e-4)
    assert fit["slope"] == pytest.approx(oracle.coef_[0, 0], abs=1e-4)
    # the shift is the offset that makes the mean prediction right
    assert expit(logit(p) + fit["shift"]).mean() == pytest.approx(y.mean(), abs=1e-6)


def test_the_interval_of_the_slope_covers_it():
    held = 0
    for seed in range(300):
        rng = np.random.default_rng(seed)
        p = rng.uniform(0.02, 0.9, size=1000)
        fit = recalibration(rng.uniform(size=1000) < expit(0.5 + 0.8 * logit(p)), p)
        held += fit["slope_low"] <= 0.8 <= fit["slope_high"]
    low, high = binom.interval(0.999, 300, 0.95)
    assert low <= held <= high


def test_recalibration_survives_labels_of_one_kind():
    fit = recalibration(np.zeros(100), np.full(100, 0.3))
    assert fit["shift"] < -5
