"""Metrics by name: the same numbers as scikit-learn."""

import numpy as np
import pytest
import sklearn.metrics as sk
from hypothesis import given, settings
from hypothesis import strategies as st

from mlsd.metrics import EPSILON, METRICS, default_metric, row_losses, score

SEEDS = st.integers(0, 2**32 - 1)


def binary(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Labels of both classes and probabilities, half of the time with many ties."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(2, 200))
    y = rng.integers(0, 2, n)
    y[:2] = 0, 1
    p = rng.random(n)
    return y, np.round(p, 1) if seed % 2 else p


def multiclass(seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    n, k = int(rng.integers(3, 200)), int(rng.integers(3, 7))
    return rng.integers(0, k, n), rng.dirichlet(np.ones(k), n)


BINARY_ORACLES = {
    "log_loss": lambda y, p: sk.log_loss(y, p),
    "brier": lambda y, p: sk.brier_score_loss(y, p),
    "roc_auc": sk.roc_auc_score,
    "average_precision": sk.average_precision_score,
    "accuracy": lambda y, p: sk.accuracy_score(y, p > 0.5),
    "f1": lambda y, p: sk.f1_score(y, p > 0.5, zero_division=0.0),
}
MULTICLASS_ORACLES = {
    "log_loss": lambda y, p: sk.log_loss(y, p, labels=range(p.shape[1])),
    "brier": lambda y, p: sk.brier_score_loss(y, p, labels=range(p.shape[1])),
    "accuracy": lambda y, p: sk.accuracy_score(y, p.argmax(1)),
    "f1": lambda y, p: sk.f1_score(y, p.argmax(1), average="macro"),
}
REGRESSION_ORACLES = {
    "rmse": sk.root_mean_squared_error,
    "mae": sk.mean_absolute_error,
    "r2": sk.r2_score,
}


@settings(max_examples=50)
@given(SEEDS)
def test_binary_metrics_agree_with_scikit_learn(seed):
    y, p = binary(seed)
    for name, oracle in BINARY_ORACLES.items():
        assert score(name, y, p) == pytest.approx(oracle(y, p), rel=1e-12, abs=1e-12), name


@settings(max_examples=50)
@given(SEEDS)
def test_multiclass_metrics_agree_with_scikit_learn(seed):
    y, p = multiclass(seed)
    for name, oracle in MULTICLASS_ORACLES.items():
        assert score(name, y, p) == pytest.approx(oracle(y, p), rel=1e-12, abs=1e-12), name


@given(SEEDS)
def test_regression_metrics_agree_with_scikit_learn(seed):
    rng = np.random.default_rng(seed)
    y = rng.normal(size=int(rng.integers(2, 200)))
    prediction = y + rng.normal(size=len(y))
    for name, oracle in REGRESSION_ORACLES.items():
        assert score(name, y, prediction) == pytest.approx(oracle(y, prediction), rel=1e-12, abs=1e-12), name


def test_every_metric_has_an_oracle_for_every_task_it_judges():
    oracles = {"binary": BINARY_ORACLES, "multiclass": MULTICLASS_ORACLES, "regression": REGRESSION_ORACLES}
    for task, known in oracles.items():
        assert set(known) == {name for name, metric in METRICS.items() if task in metric.tasks}


@given(SEEDS)
def test_row_losses_average_to_the_metric(seed):
    y, p = binary(seed)
    assert row_losses("binary", y, p).mean() == pytest.approx(score("log_loss", y, p), rel=1e-12)
    y, p = multiclass(seed)
    assert row_losses("multiclass", y, p).mean() == pytest.approx(score("log_loss", y, p), rel=1e-12)
    squares = row_losses("regression", p[:, 0], p[:, 1])
    assert np.sqrt(squares.mean()) == pytest.approx(score("rmse", p[:, 0], p[:, 1]), rel=1e-12)


def test_certainty_that_is_wrong_costs_36_nats_and_no_more():
    losses = row_losses("binary", [1, 0, 1, 0], [0.0, 1.0, 1.0, 0.0])
    assert losses == pytest.approx([-np.log(EPSILON)] * 2 + [0.0, 0.0], abs=1e-15)
    assert score("log_loss", [1, 0], [0.0, 0.1]) == pytest.approx(sk.log_loss([1, 0], [0.0, 0.1]), rel=1e-12)


def test_how_little_is_believed_can_be_chosen():
    assert row_losses("binary", [1, 0], [0.0, 0.5], epsilon=0.01) == pytest.approx([-np.log(0.01), np.log(2)])
    assert row_losses("multiclass", [1], [[1.0, 0.0]], epsilon=0.01) == pytest.approx([-np.log(0.01)])


@pytest.mark.parametrize("name", METRICS)
def test_a_perfect_prediction_is_not_beaten(name):
    metric = METRICS[name]
    if "regression" in metric.tasks:
        y, right, wrong = np.array([1.0, 2.0, 4.0]), np.array([1.0, 2.0, 4.0]), np.array([2.0, 1.0, 3.0])
    else:
        y, right, wrong = np.array([0, 1, 1]), np.array([0.0, 1.0, 1.0]), np.array([0.7, 0.4, 0.6])
    better = score(name, y, right) - score(name, y, wrong)
    assert (better > 0) == metric.greater_is_better


def test_ranking_metrics_are_undefined_for_one_class():
    assert np.isnan(score("roc_auc", [1, 1], [0.2, 0.4]))
    assert np.isnan(score("roc_auc", [0, 0], [0.2, 0.4]))
    assert np.isnan(score("average_precision", [0, 0], [0.2, 0.4]))
    assert np.isnan(score("r2", [2.0, 2.0], [1.0, 2.0]))


def test_default_metric_is_what_training_makes_small():
    assert [default_metric(task) for task in ("binary", "multiclass", "regression")] == [
        "log_loss",
        "log_loss",
        "rmse",
    ]
    assert not METRICS["log_loss"].greater_is_better
    assert not METRICS["rmse"].greater_is_better


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (
            lambda: score("auc", [0, 1], [0.1, 0.2]),
            "no metric is called 'auc'; expected one of log_loss, brier",
        ),
        (
            lambda: score("roc_auc", [0, 1], np.eye(2)),
            "roc_auc judges binary; the prediction has one column a class",
        ),
        (lambda: score("rmse", [0, 1], [0.1]), r"y has shape \(2,\) and the prediction \(1,\)"),
        (lambda: score("rmse", [], []), "n > 0"),
        (lambda: default_metric("order"), "no task is called 'order'; expected 'binary'"),
        (lambda: row_losses("binary", [0, 1], np.eye(2)), r"shape \(2, 2\); a binary task expects \(n,\)"),
        (lambda: row_losses("multiclass", [0, 1], [0.1, 0.2]), r"a multiclass task expects \(n, k\)"),
    ],
)
def test_what_makes_no_sense_is_refused_in_a_sentence(call, sentence):
    with pytest.raises(ValueError, match=sentence):
        call()
