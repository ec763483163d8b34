"""Two models on the same rows: twins are told apart rarely, a true gap mostly."""

import numpy as np
import pytest

from mlsd import RefusedError
from mlsd.metrics import score
from mlsd.training import compare_models, metric_interval

WORLDS = 300


def two_models(seed: int, noise: float, other: float, n: int = 300):
    """Labels and two scores that know the same thing, each with its own noise."""
    rng = np.random.default_rng(seed)
    known = rng.normal(size=n)
    y = (rng.random(n) < 1 / (1 + np.exp(-2 * known))).astype(int)
    return y, known + noise * rng.normal(size=n), known + other * rng.normal(size=n)


def verdicts(noise: float, other: float) -> list[str]:
    reports = [compare_models(*two_models(i, noise, other), n_resamples=400) for i in range(WORLDS)]
    return [report.findings[0].details["verdict"] for report in reports]


def test_twins_are_promoted_in_at_most_seven_percent_of_the_worlds():
    found = verdicts(0.5, 0.5)
    assert 1 <= found.count("better") <= 0.07 * WORLDS
    assert 1 <= found.count("worse") <= 0.07 * WORLDS


def test_a_true_gap_of_five_points_is_mostly_found_where_two_intervals_overlap():
    y, a, b = two_models(0, 0.2, 0.6, 400_000)
    assert score("roc_auc", y, a) - score("roc_auc", y, b) == pytest.approx(0.05, abs=0.01)
    found = verdicts(0.2, 0.6)
    assert found.count("better") >= 2 / 3 * WORLDS
    assert found.count("worse") == 0
    apart = 0
    for i in range(40):
        y, a, b = two_models(i, 0.2, 0.6)
        apart += metric_interval("roc_auc", y, a)[0] > metric_interval("roc_auc", y, b)[1]
    assert apart <= 4  # of 40


@pytest.mark.parametrize("metric", ["roc_auc", "log_loss", "average_precision"])
def test_a_model_is_never_better_than_itself(metric):
    for i in range(20):
        y, a, _ = two_models(i, 0.5, 0.5)
        p = 1 / (1 + np.exp(-a))
        report = compare_models(y, p, p, metric, n_resamples=50)
        assert not report.ok
        assert (report.findings[0].value, report.findings[0].interval) == (0, (0, 0))


@pytest.mark.parametrize("metric", ["roc_auc", "log_loss"])
def test_swapping_the_models_turns_the_answer_round(metric):
    y, a, b = two_models(0, 0.2, 1.0)
    a, b = (1 / (1 + np.exp(-2 * s)) for s in (a, b))
    one, two = compare_models(y, a, b, metric).findings[0], compare_models(y, b, a, metric).findings[0]
    assert one.ok
    assert one.details["verdict"] == "better"
    assert two.details["verdict"] == "worse"
    assert one.value == pytest.approx(-two.value)
    assert one.interval == pytest.approx((-two.interval[1], -two.interval[0]))
    sign = 1 if metric == "roc_auc" else -1  # above 0 is better, whatever the metric
    assert one.value == pytest.approx(sign * (score(metric, y, a) - score(metric, y, b)))


def test_the_difference_is_drawn_on_the_same_rows():
    y, a, b = two_models(0, 0.3, 0.5)
    rng, found = np.random.default_rng(7), []
    for _ in range(80):
        rows = rng.integers(0, len(y), len(y))
        found.append(score("roc_auc", y[rows], a[rows]) - score("roc_auc", y[rows], b[rows]))
    report = compare_models(y, a, b, n_resamples=80, random_state=7)
    assert report.findings[0].interval == pytest.approx(tuple(np.quantile(found, [0.025, 0.975])), abs=1e-12)


def test_what_cannot_be_told_is_a_failed_finding():
    y, a, b = two_models(0, 0.1, 2.0)
    few = compare_models(y[:29], a[:29], b[:29])
    assert not few.ok
    assert few.findings[0].message == "cannot tell: 29 rows, needs 30"
    one = compare_models(np.ones(40), a[:40], b[:40])
    assert not one.ok
    assert one.findings[0].message == "cannot tell: roc_auc is not defined: the rows hold one class only"
    with pytest.raises(RefusedError, match="the prediction is missing or not finite 300 times in 300 rows"):
        compare_models(y, a, b * np.nan)
    with pytest.raises(RefusedError, match="no metric is called 'auc'"):
        compare_models(y, a, b, "auc")


def test_the_report_survives_json():
    report = compare_models(*two_models(0, 0.1, 1.0))
    assert type(report).from_json(report.to_json()) == report
