"""Evaluation: the metrics are scikit-learn's, the intervals cover, the gate compares on the same rows."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import scipy.stats
import sklearn.metrics as sk

from mlsd import ModelPackage, RefusedError
from mlsd.metrics import score
from mlsd.training import Recipe, evaluate, train
from mlsd.training.evaluation import _SHOWN, MIN_ROWS, measure

PARAMS = {"n_estimators": 20}


def make_table(n: int, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "x": rng.normal(size=n).round(4),
            "w": rng.normal(size=n).round(4),
            "kind": rng.choice(["a", "b", "c"], n),
        }
    )
    heat = frame["x"] + frame["w"] * (frame["kind"] == "b") + rng.normal(0, 0.6, n)
    frame["hit"] = heat > 0.3
    frame["grade"] = pd.Series(np.digitize(heat, [-0.7, 0.7])).map({0: "low", 1: "middle", 2: "high"})
    frame["price"] = heat * 10
    return frame


FEATURES = ("x", "w", "kind")


def package_for(target: str, seed: int = 0, features: tuple[str, ...] = FEATURES) -> ModelPackage:
    return train(make_table(800, seed), Recipe(target, features=features, params=PARAMS))


@pytest.fixture(scope="module")
def package() -> ModelPackage:
    return package_for("hit")


def findings(report, code: str) -> dict:
    return {finding.subject: finding for finding in report if finding.code == code}


def test_binary_numbers_are_those_of_scikit_learn(package):
    later = make_table(500, 1)
    p, y = package.predict(later), later["hit"].to_numpy()
    found = findings(evaluate(package, later), "metric")
    assert list(found) == ["log_loss", "roc_auc", "average_precision", "brier", "accuracy"]
    oracle = [sk.log_loss, sk.roc_auc_score, sk.average_precision_score, sk.brier_score_loss]
    for name, function in zip(found, oracle, strict=False):
        assert found[name].value == pytest.approx(function(y, p), rel=1e-12)
        low, high = found[name].interval
        assert low < found[name].value < high


@pytest.mark.parametrize(("target", "names"), [("grade", 3), ("price", 3)])
def test_other_tasks_get_their_own_metrics(target, names):
    model, later = package_for(target), make_table(300, 1)
    found = findings(evaluate(model, later), "metric")
    assert len(found) == names
    if target == "price":
        assert found["rmse"].value == pytest.approx(
            sk.root_mean_squared_error(later[target], model.predict(later))
        )
    else:
        expected = sk.log_loss(later[target], model.predict(later), labels=["high", "low", "middle"])
        assert found["log_loss"].value == pytest.approx(expected, rel=1e-12)
    for finding in found.values():
        assert finding.interval[0] < finding.value < finding.interval[1]


def test_the_main_metric_is_the_first(package):
    assert package.metric.subject == "log_loss"
    assert package_for("price").metric.subject == "rmse"


def test_a_model_that_learnt_something_passes_and_one_of_noise_does_not(package):
    later = make_table(500, 1)
    report = evaluate(package, later)
    assert report.ok
    assert findings(report, "beats_constant")["constant"].ok
    assert findings(report, "beats_rule")["rule"].ok
    noise = later.assign(hit=np.random.default_rng(0).random(500) < later["hit"].mean())
    failed = {finding.code for finding in evaluate(package, noise).failures}
    assert "beats_constant" in failed


def test_a_champion_is_compared_on_the_same_rows(package):
    later = make_table(1500, 1)
    weak = package_for("hit", features=("w", "kind"))
    report = evaluate(package, later, champion=weak)
    gain = findings(report, "not_worse_than_champion")["champion"]
    assert report.ok
    assert gain.interval[0] > 0
    expected = sk.log_loss(later["hit"], weak.predict(later)) - sk.log_loss(
        later["hit"], package.predict(later)
    )
    assert gain.value == pytest.approx(expected)
    back = evaluate(weak, later, champion=package)
    codes = {finding.code for finding in back.failures}
    assert {"not_worse_than_champion", "slice"} <= codes
    assert findings(evaluate(package, later, champion=package), "not_worse_than_champion")["champion"].ok


def test_a_few_certain_mistakes_do_not_decide_alone(package):
    class Certain:
        """Predicts like the model, but is certain and wrong about the first three rows."""

        def predict(self, table, **_):
            chances = package.model.predict(table)
            chances[:3] = 0.0
            return chances

    later = make_table(500, 1)
    later.loc[:2, "hit"] = True
    report = evaluate(replace(package, model=Certain()), later)
    assert findings(report, "beats_constant")["constant"].ok
    honest = findings(evaluate(package, later), "metric")["log_loss"].value
    assert (
        findings(report, "metric")["log_loss"].value > honest + 3 * 30 / 500
    )  # the metric itself spares nothing


def test_slices_can_be_left_out(package):
    later = make_table(400, 1)
    assert findings(evaluate(package, later), "slice")
    assert not findings(evaluate(package, later, slices=False), "slice")


def test_rows_without_a_label_are_left_out_and_counted(package):
    later = make_table(400, 1)
    hidden = later.assign(hit=later["hit"].astype("boolean").mask(later.index % 4 == 0))
    told = findings(evaluate(package, hidden), "rows")["hit"]
    assert (told.value, told.count) == (300, 100)
    assert told.message == "300 labelled rows judged, 100 without a label left out"
    labelled = later[later.index % 4 != 0]
    assert evaluate(package, hidden).findings[1:] == evaluate(package, labelled).findings[1:]


@pytest.mark.parametrize("n", [0, 1, MIN_ROWS - 1])
def test_too_few_rows_cannot_be_judged(package, n):
    report = evaluate(package, make_table(100, 1).iloc[:n])
    (told,) = report
    assert not report.ok
    assert (told.code, told.severity) == ("rows", "error")
    assert told.message == f"cannot judge: {n} rows, needs {MIN_ROWS}"
    assert evaluate(package, make_table(100, 1).iloc[:MIN_ROWS]).findings[0].ok


def test_rows_of_one_class_do_not_crash(package):
    later = make_table(400, 1)
    for value in (True, False):
        report = evaluate(package, later[later["hit"] == value])
        found = findings(report, "metric")
        assert found["roc_auc"].ok
        assert found["roc_auc"].value is None
        assert found["roc_auc"].message == "roc_auc is not defined: the rows hold one class only"
        assert found["log_loss"].interval is not None
    flat = evaluate(package_for("price"), later.assign(price=3.0))
    assert findings(flat, "metric")["r2"].message == "r2 is not defined: the target does not vary"


def test_the_same_random_state_gives_the_same_report(package):
    later = make_table(300, 1)
    assert evaluate(package, later, random_state=1) == evaluate(package, later, random_state=1)
    assert evaluate(package, later, random_state=1) != evaluate(package, later, random_state=2)


def test_the_report_survives_json(package):
    report = evaluate(package, make_table(400, 1), champion=package)
    assert type(report).from_json(report.to_json()) == report


def test_what_cannot_be_compared_is_refused(package):
    later = make_table(100, 1)
    with pytest.raises(RefusedError, match="the table has no column 'hit', the target"):
        evaluate(package, later.drop(columns="hit"))
    with pytest.raises(RefusedError, match="no column 'hit', the target: did you mean 'hits'"):
        evaluate(package, later.rename(columns={"hit": "hits"}))
    with pytest.raises(RefusedError, match="the table is a list; expected a pandas DataFrame"):
        evaluate(package, [1])
    with pytest.raises(RefusedError, match="the champion has target 'price', this model 'hit'"):
        evaluate(package, later, champion=package_for("price"))
    with pytest.raises(RefusedError, match="'hit' holds 'yes', which is none of the 2 classes"):
        evaluate(package, later.assign(hit="yes"))
    with pytest.raises(RefusedError, match="kind"):
        evaluate(package, later.drop(columns="kind"))


def test_intervals_of_every_metric_cover_the_truth():
    """The truth is the metric on 200,000 rows of the same law; a calibrated model, 200 rows a world."""
    rng = np.random.default_rng(0)

    def world(n: int) -> tuple[np.ndarray, np.ndarray]:
        p = rng.beta(1, 2, n)
        return (rng.random(n) < p).astype(int), p

    y, p = world(200_000)
    truth = {name: score(name, y, p) for name in _SHOWN["binary"]}
    worlds = 60
    covered = dict.fromkeys(truth, 0)
    for seed in range(worlds):
        for finding in measure("binary", *world(200), random_state=seed):
            low, high = finding.interval
            covered[finding.subject] += low <= truth[finding.subject] <= high
    low, high = scipy.stats.binom.interval(0.999, worlds, 0.95)
    assert all(low <= count <= high for count in covered.values()), covered
