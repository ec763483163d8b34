"""Bootstrap intervals: those of a plain loop over rows, and as often right as they say."""

from functools import partial

import numpy as np
import pytest
import scipy.stats
import sklearn.metrics as sk
from hypothesis import given
from hypothesis import strategies as st

from mlsd import RefusedError
from mlsd.metrics import METRICS, score
from mlsd.stats import bootstrap_interval
from mlsd.training import intervals, metric_interval
from mlsd.training.intervals import draw, resampled

NAMES = [(name, task) for name in METRICS for task in METRICS[name].tasks if task != "ranking"]


def table(task: str, n: int, seed: int, step: float = 0.1) -> tuple[np.ndarray, np.ndarray]:
    """Return y and a prediction of it; probabilities are multiples of `step`, so that many tie."""
    rng = np.random.default_rng(seed)
    if task == "regression":
        y = rng.normal(1000, 3, n)
        return y, y + rng.normal(size=n)
    if task == "multiclass":
        chances = rng.dirichlet([1, 1, 1], n)
        return np.array([rng.choice(3, p=row) for row in chances]), chances
    p = np.round(rng.random(n) / step) * step
    return (rng.random(n) < p).astype(int), np.clip(p, 0, 1)


def six_lines(name, y, p, n_resamples, random_state):
    """The loop a lab writes."""
    rng, found = np.random.default_rng(random_state), []
    for _ in range(n_resamples):
        rows = rng.integers(0, len(y), len(y))
        found.append(score(name, y[rows], p[rows]))
    return np.array(found)


@pytest.mark.parametrize(("name", "task"), NAMES)
def test_all_resamples_at_once_give_what_a_loop_gives(name, task):
    y, p = table(task, 80, 1)
    looped = six_lines(name, y, p, 60, 3)
    np.testing.assert_allclose(resampled(name, y, [p], 60, 3)[0], looped, rtol=1e-12, atol=1e-12)
    low, high = metric_interval(name, y, p, n_resamples=60, random_state=3)
    assert (low, high) == pytest.approx(tuple(np.quantile(looped, [0.025, 0.975])), abs=1e-12, rel=1e-12)


@given(st.integers(0, 10_000), st.sampled_from([0.5, 0.1, 0.001]))
def test_ranks_are_scikit_learn_s_on_every_resample(seed, step):
    y, p = table("binary", 40, seed, step)
    if len(np.unique(y)) < 2:
        return
    rng = np.random.default_rng(seed)
    rows = [rng.integers(0, 40, 40) for _ in range(5)]
    for name, oracle in (("roc_auc", sk.roc_auc_score), ("average_precision", sk.average_precision_score)):
        for mine, drawn in zip(resampled(name, y, [p], 5, seed)[0], rows, strict=True):
            if len(np.unique(y[drawn])) == 2:
                assert mine == pytest.approx(oracle(y[drawn], p[drawn]), rel=1e-12)
            else:
                assert name == "average_precision" or np.isnan(mine)


def test_the_interval_is_that_of_the_general_bootstrap():
    y, p = table("binary", 300, 0)
    general = bootstrap_interval(partial(score, "roc_auc"), y, p, n_resamples=100, random_state=5)
    assert metric_interval("roc_auc", y, p, n_resamples=100, random_state=5) == pytest.approx(
        general, abs=1e-12
    )


def test_how_many_resamples_are_held_at_once_changes_nothing(monkeypatch):
    y, p = table("binary", 50, 0)
    once = resampled("roc_auc", y, [p], 20, 0)
    monkeypatch.setattr(intervals, "CELLS", 150)
    np.testing.assert_array_equal(resampled("roc_auc", y, [p], 20, 0), once)


def test_every_resample_draws_n_rows():
    weights = draw(np.random.default_rng(0), 7, 31)
    assert weights.shape == (7, 31)
    assert (weights.sum(axis=1) == 31).all()


def test_a_higher_level_is_wider_and_more_rows_are_narrower():
    y, p = table("binary", 400, 0)
    wide, usual = metric_interval("roc_auc", y, p, level=0.99), metric_interval("roc_auc", y, p)
    assert wide[0] < usual[0] < usual[1] < wide[1]
    low, high = metric_interval("roc_auc", *table("binary", 6400, 0))
    assert 3 < (usual[1] - usual[0]) / (high - low) < 5  # sixteen times the rows: a fourth of the width


def test_the_interval_covers_the_truth_as_often_as_it_says():
    """One model, too sure of itself; the truth from 10^6 rows; 500 fresh tables of 300 rows, 300 resamples."""
    rng = np.random.default_rng(0)

    def draw_table(n: int) -> tuple[np.ndarray, np.ndarray]:
        known = rng.normal(-1, 1, n)
        y = rng.random(n) < 1 / (1 + np.exp(-known - rng.normal(size=n)))
        return y.astype(int), 1 / (1 + np.exp(-2 * known))

    truth = score("roc_auc", *draw_table(1_000_000))
    found = [
        metric_interval("roc_auc", *draw_table(300), n_resamples=300, random_state=i) for i in range(500)
    ]
    covered = sum(low <= truth <= high for low, high in found)
    low, high = scipy.stats.binom.interval(0.999, 500, 0.95)
    assert low <= covered <= high


@pytest.mark.parametrize(
    ("name", "y", "p", "sentence"),
    [
        ("auc", [0, 1], [0.1, 0.2], "no metric is called 'auc'; expected one of log_loss"),
        (
            "roc_auc",
            [0, 0, 0],
            [0.1, 0.2, 0.3],
            "cannot tell: roc_auc is not defined: the rows hold one class only",
        ),
        ("r2", [2.0, 2.0], [1.0, 2.0], "cannot tell: r2 is not defined: the target does not vary"),
        (
            "roc_auc",
            [0, None, 1],
            [0.1, 0.2, 0.3],
            "y is missing or not finite 1 times in 3 rows; leave those rows",
        ),
        ("roc_auc", [0, 1], [0.1, float("nan")], "the prediction is missing or not finite 1 times in 2 rows"),
        ("roc_auc", [0, 1, 1], [0.1, 0.2], r"y has shape \(3,\), the prediction \(2,\); expected the same"),
        ("roc_auc", ["spam", "ham"], [0.1, 0.2], "y holds what is no number; .*package.encode_target"),
        ("roc_auc", [1, 2], [0.1, 0.2], "y holds 2; roc_auc expects classes coded 0 to 1"),
        ("log_loss", [0, 1], [-3.0, 2.0], "log_loss wants probabilities; the prediction goes from -3 to 2"),
        (
            "roc_auc",
            [0, 1],
            [[0.1, 0.9], [0.2, 0.8]],
            "roc_auc wants one number a row; the prediction has 2 columns",
        ),
    ],
)
def test_what_has_no_interval_is_one_sentence(name, y, p, sentence):
    with pytest.raises(RefusedError, match=sentence):
        metric_interval(name, y, p)


def test_a_level_is_a_share():
    with pytest.raises(ValueError, match="level is 95; expected a number between 0 and 1"):
        metric_interval("roc_auc", [0, 1, 0, 1], [0.1, 0.8, 0.3, 0.4], level=95)
