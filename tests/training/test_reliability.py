"""Reliability: bins of as many rows, and an error held against what a calibrated model would show."""

import numpy as np
import pandas as pd
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st
from sklearn.calibration import calibration_curve

from mlsd import RefusedError
from mlsd.training import calibration_error, judge_calibration, reliability_table


def drawn(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    p = rng.beta(1, 4, n)
    return (rng.random(n) < p).astype(int), p


def test_the_table_is_scikit_learn_s_curve():
    y, p = drawn(1000, 0)
    table = reliability_table(y, p)
    true, said = calibration_curve(y, p, n_bins=10, strategy="quantile")
    np.testing.assert_allclose(table["said"], said)
    np.testing.assert_allclose(table["true"], true)
    assert table["n"].tolist() == [100] * 10
    assert ((table["low"] <= table["true"]) & (table["true"] <= table["high"])).all()


@given(st.integers(2, 60), st.integers(1, 20), st.integers(0, 1000))
def test_every_row_is_in_one_bin_and_the_error_is_the_mean_distance(n, bins, seed):
    y, p = drawn(n, seed)
    table = reliability_table(y, p, bins)
    assert table["n"].sum() == n
    assert len(table) <= bins
    expected = (table["n"] * (table["said"] - table["true"]).abs()).sum() / n
    assert calibration_error(y, p, bins) == pytest.approx(expected)


def test_a_calibrated_model_is_doubted_as_often_as_the_level_says():
    doubted = sum(not judge_calibration(*drawn(500, seed)).ok for seed in range(600))
    low, high = scipy.stats.binom.interval(0.999, 600, 0.05)
    assert low <= doubted <= high


def test_a_model_that_is_too_sure_is_found_out():
    y, p = drawn(2000, 0)
    finding = judge_calibration(y, p**2 / (p**2 + (1 - p) ** 2))
    assert not finding.ok
    assert not finding.failed  # told, no gate: with rows enough every model is a little off
    assert finding.value > finding.limit > 0
    assert judge_calibration(y, p).ok


def test_the_limit_is_what_drawn_tables_show():
    y, p = drawn(800, 0)
    rng = np.random.default_rng(1)
    errors = [calibration_error(rng.random(800) < p, p) for _ in range(1000)]
    assert judge_calibration(y, p).limit == pytest.approx(np.quantile(errors, 0.95), rel=0.06)


def test_what_is_no_probability_is_refused():
    with pytest.raises(RefusedError, match="wants probabilities; the prediction goes from 0 to 3"):
        reliability_table([0, 1], [0, 3])
    with pytest.raises(RefusedError, match="y is missing or not finite 1 times in 2 rows"):
        calibration_error([0, None], [0.1, 0.2])
    with pytest.raises(RefusedError, match="p has 2 columns"):
        judge_calibration([0, 1], pd.DataFrame({"a": [0.1, 0.2], "b": [0.9, 0.8]}))
