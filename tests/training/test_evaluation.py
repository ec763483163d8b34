"""Evaluation: the metrics are scikit-learn's, the intervals cover, the gate compares on the same rows."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import sklearn.metrics as sk

from mlsd import ModelPackage, RefusedError
from mlsd.datasets import make_spam_posts
from mlsd.training import Direction, Invariance, Recipe, evaluate, train, worst_slices
from mlsd.training.intervals import MIN_ROWS

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
        assert (found["roc_auc"].ok, found["roc_auc"].value) == (False, None)
        assert found["roc_auc"].message == "cannot tell: roc_auc is not defined: the rows hold one class only"
        assert found["log_loss"].interval is not None
    flat = evaluate(package_for("price"), later.assign(price=3.0))
    assert (
        findings(flat, "metric")["r2"].message == "cannot tell: r2 is not defined: the target does not vary"
    )


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


def test_the_way_to_the_ceiling_of_a_world_is_told():
    world = make_spam_posts(6000, random_state=0)
    posts = world.frame
    model = train(posts.iloc[:4000], Recipe("is_spam"))
    later = posts.iloc[4000:]
    report = evaluate(model, later, ceiling=world.true_probability[later.index])
    (told,) = findings(report, "ceiling").values()
    y, p = later["is_spam"], model.predict(later)
    floor = sk.log_loss(y, np.full(2000, posts["is_spam"][: model.lineage["rows"]].mean()))
    best = sk.log_loss(y, np.clip(world.true_probability[later.index], 1e-4, 1 - 1e-4))
    assert told.ok
    assert told.value == pytest.approx((floor - sk.log_loss(y, p)) / (floor - best), abs=1e-3)
    assert 0.3 < told.interval[0] < told.value < told.interval[1] < 1.1


def test_a_leak_is_better_than_the_truth():
    """What members did in the first hour is among the features, and the ceiling is that of the posts alone."""
    world = make_spam_posts(4000, random_state=0)
    model = train(world.frame.iloc[:3000], Recipe("is_spam", known_at="reaction"))
    later = world.frame.iloc[3000:]
    report = evaluate(model, later, ceiling=world.true_probability[3000:])
    assert evaluate(model, later, ceiling=world.true_probability_reactive[3000:]).ok
    assert [finding.code for finding in report.failures] == ["ceiling"]
    assert report.failures[0].message.endswith("better than the truth: a feature tells the answer")


def test_rows_without_a_label_lose_their_ceiling_too(package):
    later = make_table(400, 1)
    hidden = later.assign(hit=later["hit"].astype("boolean").mask(later.index % 4 == 0))
    best = np.linspace(0.05, 0.95, 400)
    part = evaluate(package, later[later.index % 4 != 0], ceiling=best[later.index % 4 != 0])
    assert findings(evaluate(package, hidden, ceiling=best), "ceiling") == findings(part, "ceiling")


def test_better_on_average_and_worse_for_a_named_group_is_stopped():
    """The candidate learned from far more rows, but from none of kind b, one in nine of the later rows."""
    later = make_table(6000, 1)
    later = later[(later["kind"] != "b") | (later.index % 4 == 0)].assign(
        who=lambda rows: rows["kind"] == "b"
    )
    recipe = Recipe("hit", features=FEATURES, params=PARAMS)
    champion, candidate = (
        train(make_table(400, 2), recipe),
        train(make_table(4000, 3).query("kind != 'b'"), recipe),
    )
    report = evaluate(candidate, later, champion=champion, groups=["who"], slices=False)
    assert findings(report, "not_worse_than_champion")["champion"].interval[0] > 0
    assert [(f.code, f.subject) for f in report.failures] == [("group", "who=True")]
    assert findings(report, "group")["who=False"].ok


def test_behaviour_stands_in_the_same_report(package):
    later = make_table(400, 1)
    report = evaluate(
        package,
        later,
        behaviour=[
            Invariance("the price is no input", {"price": 0.0}, tolerance=0.0),
            Direction("heat rises with x", {"x": lambda x: x + 3}, "down"),
        ],
    )
    told = findings(report, "behaviour")
    assert told["the price is no input"].ok
    assert not told["heat rises with x"].ok
    assert report.failures == (told["heat rises with x"],)


def test_calibration_is_told_for_two_classes_alone(package):
    later = make_table(400, 1)
    assert findings(evaluate(package, later), "calibration")[""].severity == "info"
    assert not findings(evaluate(package_for("price"), later), "calibration")


def test_a_model_that_does_not_answer_cannot_be_judged(package):
    class Silent:
        """Has no answer for one row in ten."""

        def predict(self, table, **_):
            return np.where(np.arange(len(table)) % 10 == 0, np.nan, 0.5)

    (told,) = evaluate(replace(package, model=Silent()), make_table(400, 1))
    assert told.failed
    assert told.message == "cannot judge: 40 predictions are no number; the model must answer every row"


def test_a_ranking_is_judged_by_lists_with_the_same_call():
    rng = np.random.default_rng(0)
    posts = make_table(1200, 0).assign(session=rng.integers(0, 150, 1200).astype(str))
    ranking = train(posts, Recipe("hit", task="ranking", group="session", features=("x", "w"), params=PARAMS))
    later = make_table(600, 1).assign(session=rng.integers(0, 80, 600).astype(str))
    up = Direction("x", {"x": lambda x: x + 9}, "up", allowed=1)
    report = evaluate(ranking, later, champion=ranking, behaviour=[up])
    assert {"ndcg", "champion", "x"} <= {finding.subject for finding in report}
    with pytest.raises(
        RefusedError, match="a ranking is judged list by list; groups and ceiling are about rows"
    ):
        evaluate(ranking, later, groups=["kind"])
    with pytest.raises(RefusedError, match="a ranking has no loss of a single row"):
        worst_slices(ranking, later)


def test_what_does_not_fit_the_table_is_refused(package):
    later = make_table(100, 1)
    with pytest.raises(
        RefusedError, match=r"the ceiling has shape \(7,\) for 100 rows; expected one prediction a row"
    ):
        evaluate(package, later, ceiling=np.ones(7))
    with pytest.raises(RefusedError, match="the ceiling holds what no prediction can be"):
        evaluate(package, later, ceiling=np.full(100, 1.5))
    with pytest.raises(RefusedError, match="groups names 'kinds', which is no column: did you mean 'kind'"):
        evaluate(package, later, groups=["kinds"])
    with pytest.raises(RefusedError, match="groups is the text 'kind'; expected a list of columns"):
        evaluate(package, later, groups="kind")
    with pytest.raises(RefusedError, match="behaviour holds 'up'; expected MinimumFunctionality"):
        evaluate(package, later, behaviour="up")
