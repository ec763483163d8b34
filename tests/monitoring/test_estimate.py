"""Estimates without labels: exact expectations, honest intervals, and where they must fail."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit
from scipy.stats import binom
from sklearn.metrics import accuracy_score

from mlsd.metrics import score
from mlsd.monitoring import detect_drift, estimate_performance
from mlsd.monitoring.estimate import MEANS, SHARES
from mlsd.profile import Profile
from mlsd.report import RefusedError

# The metric as a + over b for one vector of labels y, of which the expectations are taken.
RATIOS = {
    "precision": lambda y, p, said: ((y * said).sum(), said.sum()),
    "recall": lambda y, p, said: ((y * said).sum(), y.sum()),
    "f1": lambda y, p, said: (2 * (y * said).sum(), y.sum() + said.sum()),
    "roc_auc": lambda y, p, said: (
        sum((p[i] > p[j]) + (p[i] == p[j]) / 2 for i in np.flatnonzero(y) for j in np.flatnonzero(1 - y)),
        y.sum() * (1 - y).sum(),
    ),
}
REALISED = {
    **{name: lambda y, said, p, name=name: score(name, y, p) for name in ("brier", "log_loss", "roc_auc")},
    "accuracy": lambda y, said, p: (y == said).mean(),
    "precision": lambda y, said, p: y[said].mean(),
    "recall": lambda y, said, p: said[y].mean(),
    "f1": lambda y, said, p: 2 * (y & said).sum() / (y.sum() + said.sum()),
}
some_probabilities = st.lists(st.sampled_from([0.05, 0.2, 0.5, 0.7, 0.9, 0.99]), min_size=2, max_size=7)


def estimate(p, metric, **options):
    (finding,) = estimate_performance(p, metric=metric, **options)
    return finding


def every_world(p):
    """All vectors of labels, each with its probability."""
    for labels in itertools.product((0, 1), repeat=len(p)):
        y = np.array(labels)
        yield y, float(np.prod(np.where(y == 1, p, 1 - p)))


@given(some_probabilities, st.sampled_from(MEANS))
def test_a_mean_is_its_expectation_over_all_worlds(p, metric):
    p = np.array(p)
    expected = sum(chance * score(metric, y, p) for y, chance in every_world(p))
    assert estimate(p, metric).value == pytest.approx(expected, abs=1e-9)


@given(some_probabilities, st.sampled_from(SHARES), st.sampled_from([0.3, 0.5, 0.8]))
def test_a_ratio_is_that_of_expectations_over_all_worlds(p, metric, threshold):
    p = np.array(p)
    said = (p > threshold).astype(int)
    a, b = sum(chance * np.array(RATIOS[metric](y, p, said)) for y, chance in every_world(p))
    found = estimate(p, metric, threshold=threshold)
    assert found.value == pytest.approx(a / b, abs=1e-9) if b > 0 else found.value is None


def test_two_columns_say_what_one_does_and_more_are_expected_alike():
    rng = np.random.default_rng(0)
    p = rng.uniform(size=500)
    for metric in ("accuracy", "log_loss"):
        assert estimate(p, metric).value == pytest.approx(estimate(np.column_stack([1 - p, p]), metric).value)
    p = rng.dirichlet([1, 1, 2], size=4)
    worlds = [(np.array(y), np.prod(p[np.arange(4), list(y)])) for y in itertools.product(range(3), repeat=4)]
    for metric in MEANS:
        expected = sum(chance * score(metric, y, p) for y, chance in worlds)
        assert estimate(p, metric).value == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("metric", REALISED)
def test_the_interval_holds_the_true_metric_in_95_percent_of_calibrated_worlds(metric):
    held, worlds = 0, 400
    for seed in range(worlds):
        rng = np.random.default_rng(seed)
        p = rng.beta(1, 3, size=1500)
        y = rng.uniform(size=1500) < p
        low, high = estimate(p, metric, threshold=0.4).interval
        held += low <= REALISED[metric](y, p > 0.4, p) <= high
    low, high = binom.interval(0.999, worlds, 0.95)
    assert low <= held <= high


def test_class_1_is_said_above_the_threshold_and_not_at_it():
    assert estimate([0.7], "accuracy", threshold=0.7).value == pytest.approx(0.3)


def test_the_interval_of_several_classes_holds_it_too():
    held = 0
    for seed in range(300):
        rng = np.random.default_rng(seed)
        p = rng.dirichlet([1, 1, 2], size=800)
        y = (p.cumsum(axis=1) < rng.uniform(size=800)[:, None]).sum(axis=1)
        low, high = estimate(p, "accuracy").interval
        held += low <= score("accuracy", y, p) <= high
    low, high = binom.interval(0.999, 300, 0.95)
    assert low <= held <= high


def world(seed, middle=0.0, slope=2.0, n=2000):
    """P(y = 1 | x) = expit(slope * x - 1), where the model believes in a slope of 2."""
    rng = np.random.default_rng(seed)
    x = rng.normal(middle, 1, size=n)
    return x, rng.uniform(size=n) < expit(slope * x - 1), expit(2 * x - 1)


def test_it_follows_a_data_drift_and_is_blind_to_a_concept_drift():
    """30 worlds: after a data drift it is right without labels; after a concept drift it has not moved."""
    right, worlds = 0, 30
    for seed in range(worlds):
        x, _, p = world(seed)
        before = estimate(p, "accuracy")
        _, y_moved, p_moved = world(seed, middle=1.5)
        moved = estimate(p_moved, "accuracy")
        right += moved.interval[0] <= accuracy_score(y_moved, p_moved > 0.5) <= moved.interval[1]
        assert moved.value > before.value + 0.03  # easier rows: it followed
        x_after, y_after, p_after = world(seed, slope=-2.0)
        after = estimate(p_after, "accuracy")
        reference = Profile.of(as_frame(x))
        assert detect_drift(reference, Profile.of(as_frame(x_after), like=reference)).ok
        assert after.value == before.value  # x did not move, so nothing could
        assert accuracy_score(y_after, p_after > 0.5) < after.interval[0] - 0.2
    assert right >= binom.ppf(0.001, worlds, 0.95)


def as_frame(x):
    import pandas as pd

    return pd.DataFrame({"x": x})


def test_over_confidence_misleads_it():
    rng = np.random.default_rng(0)
    p = rng.uniform(0.2, 0.8, size=3000)
    y = rng.uniform(size=3000) < p
    bold = expit(3 * np.log(p / (1 - p)))
    assert estimate(bold, "accuracy").interval[0] > accuracy_score(y, bold > 0.5)


def test_a_labelled_reference_mends_over_confidence():
    """Half of the 95 % intervals' width is the reference's own doubt, so both must be in them."""
    held = {"accuracy": 0, "f1": 0, "roc_auc": 0, "log_loss": 0}
    for seed in range(150):
        rng = np.random.default_rng(seed)
        p = expit(rng.normal(-0.5, 1, size=2000))
        y = rng.uniform(size=2000) < p
        bold = expit(0.4 + 1.8 * np.log(p / (1 - p)))
        reference = (y[:1000], bold[:1000])
        for metric in held:
            low, high = estimate(bold[1000:], metric, reference=reference).interval
            held[metric] += low <= REALISED[metric](y[1000:], bold[1000:] > 0.5, bold[1000:]) <= high
    low, high = binom.interval(0.999, 150, 0.95)
    assert all(low <= count <= high for count in held.values()), held


def test_a_reference_that_cannot_calibrate_is_refused():
    p = np.full(300, 0.4)
    with pytest.raises(RefusedError, match="reference has 300 rows; expected 200 or more, of both classes"):
        estimate_performance(p, reference=(np.zeros(300), p))
    with pytest.raises(RefusedError, match="reference calibrates two classes; expected"):
        estimate_performance(p, reference=(np.zeros(2), p))
    with pytest.raises(RefusedError, match="reference calibrates two classes; expected"):
        estimate_performance(p, reference=(np.tile([0, 0.5], 150), p))
    y, said = np.tile([0, 1], 100), np.tile([0.4, 0.5, 0.6, 0.7], 50)
    with pytest.raises(RefusedError, match="reference has 199 rows; expected 200 or more, of both classes"):
        estimate_performance(p, reference=(y[1:], said[1:]))
    assert estimate_performance(p, reference=(y, said)).ok


def test_it_says_what_it_believes():
    finding = estimate([0.9, 0.1], "accuracy")
    assert finding.interval == (pytest.approx(0.9 - 1.96 * np.sqrt(0.18) / 2), 1.0)
    assert finding.message == (
        "accuracy 0.900 (0.484 to 1.000) expected on 2 rows, if the probabilities are calibrated and P(y|x) is "
        "unchanged; a concept drift does not show here"
    )
    assert finding.details["assumes"] == ["calibrated probabilities", "P(y|x) unchanged"]


@pytest.mark.parametrize("metric, better, worse", [("accuracy", 0.6, 0.99), ("log_loss", 0.9, 0.1)])
def test_a_limit_fails_when_the_whole_interval_is_worse(metric, better, worse):
    p = np.full(2000, 0.8)
    assert estimate(p, metric, limit=better).ok
    assert not estimate(p, metric, limit=worse).ok
    assert estimate(p, metric, limit=estimate(p, metric).value + 0.005).ok  # within the interval


def test_nothing_to_estimate_is_said():
    empty = estimate([], "accuracy")
    assert empty.ok and empty.message == "cannot estimate: 0 rows"
    for metric, p in (("precision", [0.1, 0.2]), ("recall", [0.0, 0.0]), ("roc_auc", [1.0, 1.0])):
        finding = estimate(p, metric)
        assert not finding.ok and finding.severity == "warning"
        assert finding.message.startswith("cannot estimate: no row is expected to be of the class")


@pytest.mark.parametrize(
    "prediction, metric, sentence",
    [
        ([0.5, 1.5], "accuracy", "holds something outside 0 to 1 or missing; expected probabilities"),
        ([0.5, float("nan")], "accuracy", "holds something outside 0 to 1 or missing"),
        (["spam"], "accuracy", "holds something that is no number; expected probabilities"),
        ([[0.5, 0.2]], "accuracy", "the probabilities of a row do not add up to 1"),
        ([[0.5, 0.5]], "recall", "recall is estimated of two classes; the prediction has one column a class"),
        ([0.5], "rmse", "cannot estimate 'rmse'; expected one of accuracy, brier, log_loss, f1, precision"),
    ],
)
def test_what_is_no_probability_is_refused_in_one_sentence(prediction, metric, sentence):
    with pytest.raises(RefusedError, match=sentence):
        estimate_performance(prediction, metric=metric)
