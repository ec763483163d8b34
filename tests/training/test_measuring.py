"""Metrics as findings: each interval covers the truth as often as it says."""

import numpy as np
import scipy.stats

from mlsd.metrics import score
from mlsd.training.measuring import SHOWN, measure


def test_intervals_of_every_metric_cover_the_truth():
    """The truth is the metric on 200,000 rows of the same law; a calibrated model, 200 rows a world."""
    rng = np.random.default_rng(0)

    def world(n: int) -> tuple[np.ndarray, np.ndarray]:
        p = rng.beta(1, 2, n)
        return (rng.random(n) < p).astype(int), p

    y, p = world(200_000)
    truth = {name: score(name, y, p) for name in SHOWN["binary"]}
    worlds = 60
    covered = dict.fromkeys(truth, 0)
    for seed in range(worlds):
        for finding in measure("binary", *world(200), random_state=seed):
            low, high = finding.interval
            covered[finding.subject] += low <= truth[finding.subject] <= high
    low, high = scipy.stats.binom.interval(0.999, worlds, 0.95)
    assert all(low <= count <= high for count in covered.values()), covered


def test_a_metric_without_a_value_is_a_warning_that_says_why():
    found = {f.subject: f for f in measure("binary", np.ones(40), np.linspace(0.1, 0.9, 40))}
    assert (found["roc_auc"].ok, found["roc_auc"].severity, found["roc_auc"].value) == (
        False,
        "warning",
        None,
    )
    assert found["roc_auc"].message == "cannot tell: roc_auc is not defined: the rows hold one class only"
    assert found["log_loss"].interval is not None
    flat = {f.subject: f for f in measure("regression", np.ones(40), np.linspace(0.1, 0.9, 40))}
    assert flat["r2"].message == "cannot tell: r2 is not defined: the target does not vary"
