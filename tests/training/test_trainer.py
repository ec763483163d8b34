"""Training: any table gives a package or one sentence, and the report is about exactly that model."""

import os
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from sklearn import datasets
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.linear_model import LogisticRegression, Ridge

from mlsd import Profile, RefusedError, Run, Schema
from mlsd.datasets import make_spam_posts
from mlsd.digest import digest_frame
from mlsd.metrics import score
from mlsd.training import Recipe, evaluate, train


def make_table(n: int = 300, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"x": rng.normal(size=n).round(4), "kind": rng.choice(["a", "b"], n)})
    frame["y"] = frame["x"] + (frame["kind"] == "b") + rng.normal(0, 0.4, n) > 0.5
    return frame


@pytest.fixture(scope="module")
def posts() -> pd.DataFrame:
    return make_spam_posts(4_000, random_state=0).frame


# ---- the spam world -----------------------------------------------------------------------------------


def test_four_thousand_posts_pass_the_gate_for_thirty_random_states():
    failed = {}
    for random_state in range(30):
        world = make_spam_posts(4_000, random_state=random_state)
        package = train(world.frame, Recipe(world.target, random_state=random_state))
        if not package.report.ok:
            failed[random_state] = package.report.failures
    assert failed == {}


def test_the_latest_posts_are_held_out_and_reactions_are_not_used(posts):
    package = train(posts, Recipe("is_spam"))
    assert package.lineage["split"] == "the last fifth by posted_at"
    assert (package.lineage["rows"], package.lineage["rows_held_out"]) == (3_200, 800)
    assert set(package.features).isdisjoint({"likes_1h", "reports_1h", "post_id", "posted_at", "labelled_at"})
    reactive = train(posts, Recipe("is_spam", known_at="reaction"))
    assert set(reactive.features) > set(package.features)
    assert "labelled_at" not in reactive.features
    latest = posts.sort_values("posted_at").iloc[3_200:]
    assert package.lineage["data"][1] == digest_frame(
        posts.loc[latest.index.sort_values(), [*package.features, "is_spam"]]
    )


def test_the_report_is_about_exactly_this_model(posts):
    package = train(posts, Recipe("is_spam", random_state=3))
    latest = posts.sort_values("posted_at").iloc[3_200:].sort_index()
    assert package.report.findings[:-1] == evaluate(package, latest, random_state=3).findings
    assert package.report.findings[-1].code == "linear"


# ---- scikit-learn's tables ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["iris", "wine", "breast_cancer", "diabetes", "digits"])
def test_the_tables_of_scikit_learn_can_be_learnt(name):
    frame = getattr(datasets, f"load_{name}")(as_frame=True).frame
    package = train(frame, Recipe("target", params={"n_estimators": 60}))
    found = {f.subject: f.value for f in package.report if f.code == "metric"}
    assert {"beats_constant", "beats_rule"} <= {finding.code for finding in package.report}
    if name == "diabetes":
        assert package.task == "regression"
        assert found["r2"] > 0.2
    else:
        assert package.classes == tuple(range(frame["target"].nunique()))
        assert found["accuracy"] > 0.85


@pytest.mark.parametrize(
    ("target", "estimator"),
    [
        ("y", LogisticRegression()),
        ("y", RandomForestClassifier()),
        ("number", Ridge()),
        ("number", RandomForestRegressor(50)),
        ("grade", LogisticRegression()),
    ],
)
def test_any_estimator_gives_a_package(target, estimator):
    frame = make_table(600)
    frame["number"] = frame["x"] * 2 + (frame["kind"] == "b")
    frame["grade"] = np.where(frame["x"] < -0.5, "low", np.where(frame["x"] > 0.5, "high", "middle"))
    package = train(frame, Recipe(target, estimator, ("x", "kind")))
    later = make_table(600, 1)
    later["number"] = later["x"] * 2 + (later["kind"] == "b")
    later["grade"] = np.where(later["x"] < -0.5, "low", np.where(later["x"] > 0.5, "high", "middle"))
    quality = evaluate(package, later)
    assert {finding.code: finding.ok for finding in quality}["beats_constant"]
    assert package.kind == "scikit-learn"


# ---- what a package remembers ----------------------------------------------------------------------------


def test_what_went_in_is_told():
    frame = make_table()
    package = train(frame, Recipe("y", random_state=4))
    assert package.lineage["split"] == "the last fifth, drawn at random with random_state 4"
    assert package.lineage["recipe"] == Recipe("y", random_state=4).to_plain()
    assert package.lineage["rounds"] == package.model.num_trees() > 0
    assert set(package.lineage["libraries"]) == {"lightgbm", "numpy", "pandas", "scikit-learn"}
    assert all(version.isdigit() for version in package.lineage["libraries"].values())
    assert (package.schema.target, package.target) == ("y", "y")


def test_the_profile_is_of_the_rows_it_was_fitted_on():
    frame, valid = make_table(), make_table(100, 1)
    package = train(frame, Recipe("y"), valid=valid)
    assert package.profile == Profile.of(frame[["x", "kind", "y"]])
    assert set(package.profile.columns) == {"x", "kind", "y"}


def test_rows_given_for_validation_are_the_ones_judged():
    frame, valid = make_table(), make_table(100, 1)
    package = train(frame, Recipe("y"), valid=valid)
    assert package.lineage["split"] == "rows given by the caller"
    assert package.lineage["rows"] == 300
    y = valid["y"].to_numpy()
    assert package.metric.value == pytest.approx(score("log_loss", y, package.predict(valid)), rel=1e-12)


def test_preparation_never_sees_the_rows_held_out():
    frame, valid = make_table(), make_table(100, 1)
    moved = valid.assign(x=valid["x"] + 1000)
    schema = Schema.infer(pd.concat([frame, moved]), target="y")
    probe = make_table(50, 2)
    one = train(frame, Recipe("y", LogisticRegression()), schema=schema, valid=valid)
    other = train(frame, Recipe("y", LogisticRegression()), schema=schema, valid=moved)
    assert np.array_equal(one.predict(probe), other.predict(probe))


def test_a_schema_of_ones_own_is_used():
    frame = make_table()
    schema = Schema.infer(frame, target="y").select(["x", "y"])
    assert train(frame, Recipe("y"), schema=schema).features == ("x",)


def test_a_linear_model_stands_beside_and_is_no_gate():
    told = train(make_table(), Recipe("y")).report.findings[-1]
    assert (told.code, told.subject, told.ok, told.severity) == ("linear", "log_loss", True, "info")
    assert 0 < told.value < 0.69


def test_a_run_gets_everything():
    run = Run("try")
    package = train(make_table(), Recipe("y", params={"num_leaves": 4}), run=run)
    assert run.params["params"] == {"num_leaves": 4}
    assert run.metrics["log_loss"][-1][1] == pytest.approx(package.metric.value)
    steps, curve = zip(*run.metrics["valid_loss"], strict=True)
    assert 10 <= len(curve) <= 50
    assert list(steps) == sorted(set(steps))
    assert run.tags["package"] == package.id
    assert run.tags["ok"] == package.report.ok
    assert "report.json" in run.artifacts


def test_a_run_is_told_how_long_each_part_took():
    run = Run("try")
    package = train(make_table(600), Recipe("y", calibrate=True), run=run)
    spent = {name: points[0][1] for name, points in run.metrics.items() if name.startswith("seconds_")}
    parts = {"prepare", "fit", "calibrate", "baselines", "evaluate"}
    assert set(spent) == {f"seconds_{part}" for part in parts}
    assert min(spent.values()) > 0
    assert "seconds" not in str(package.lineage)


def test_another_process_makes_the_same_package():
    """Every field of a recipe that is new: names in dicts, calibration, lists."""
    script = (
        "import sys\n"
        "from mlsd.datasets import make_news_feed, make_spam_posts\n"
        "from mlsd.training import Recipe, train\n"
        "params = {'n_estimators': 10, 'class_weight': {True: 5}, 'monotone_constraints': {'n_links': 1}}\n"
        "posts = make_spam_posts(2_000, random_state=0).frame\n"
        "feed = make_news_feed(3_200, random_state=0).frame\n"
        "recipe = Recipe('is_spam', params=params, calibrate=True)\n"
        "order = Recipe('clicked', task='ranking', group='session', params={'n_estimators': 10})\n"
        "for package in (train(posts, recipe), train(feed, order)):\n"
        "    print(package.id, package.digest)\n"
    )
    told = set()
    for hashing, threads in (("1", "1"), ("2", "2")):
        around = os.environ | {"PYTHONHASHSEED": hashing, "OMP_NUM_THREADS": threads}
        told.add(
            subprocess.run([sys.executable, "-c", script], env=around, check=True, capture_output=True).stdout
        )
    assert len(told) == 1
    assert len(set(told.pop().split())) == 4


@pytest.mark.parametrize("more", [{"params": {"class_weight": "balanced"}}, {"calibrate": True}])
def test_every_field_that_changes_the_model_changes_the_id(more):
    frame = make_table(600)
    assert train(frame, Recipe("y", **more)).id != train(frame, Recipe("y")).id


def test_a_category_never_seen_counts_as_missing_and_a_feature_that_lacks_is_named():
    frame = make_table()
    package = train(frame, Recipe("y", features=("x", "kind")))
    new, gone = frame.assign(kind="zebra"), frame.assign(kind=None)
    assert np.array_equal(package.predict(new), package.predict(gone))
    with pytest.raises(RefusedError, match="kind"):
        package.predict(frame.drop(columns="kind"))
    with pytest.raises(RefusedError, match="kind"):
        package.predict_rows([{"x": 1.0, "kind": "zebra"}])


def test_a_run_does_not_change_the_package():
    assert train(make_table(), Recipe("y"), run=Run("try")).digest == train(make_table(), Recipe("y")).digest


# ---- awkward tables --------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [10, 11, 25, 60, 149])
@pytest.mark.parametrize("estimator", ["lightgbm", LogisticRegression()])
def test_few_rows_give_a_package_that_says_it_cannot_be_judged(n, estimator):
    package = train(make_table(n), Recipe("y", estimator))
    held = package.lineage["rows_held_out"]
    assert held < 30
    assert not package.report.ok
    assert package.report.failures[0].message == f"cannot judge: {held} rows, needs 30"
    assert package.metric is None
    assert np.isfinite(package.predict(make_table(20, 1))).all()


def test_a_class_with_one_row_is_learnt_from():
    frame = make_table(300)
    frame["grade"] = np.where(frame["x"] > 0, "high", "low")
    frame.loc[5, "grade"] = "odd"
    for estimator in ("lightgbm", RandomForestClassifier(5)):
        package = train(frame, Recipe("grade", estimator))
        assert package.classes == ("high", "low", "odd")
        assert package.predict(frame).shape == (300, 3)


@pytest.mark.parametrize("estimator", ["lightgbm", LogisticRegression()])
def test_a_class_that_only_the_later_rows_hold_has_a_place(estimator):
    frame = make_table(400).sort_values("x", ignore_index=True)
    frame["at"] = pd.date_range("2024-01-01", periods=400, freq="h", tz="UTC")
    frame["grade"] = np.repeat(["a", "b", "c", "d", "e"], 80)
    package = train(frame, Recipe("grade", estimator, ("x", "kind")))
    assert package.classes == ("a", "b", "c", "d", "e")
    chances = package.predict(frame)
    assert chances.shape == (400, 5)
    assert chances.sum(axis=1) == pytest.approx(np.ones(400))
    assert chances[:, 4].max() < 0.01
    assert not package.report.ok


def test_gaps_constants_and_empty_columns_do_no_harm():
    frame = make_table(400)
    frame.loc[::3, "x"] = np.nan
    frame.loc[::4, "kind"] = None
    frame["constant"] = 1
    frame["empty"] = np.nan
    for estimator in ("lightgbm", LogisticRegression()):
        package = train(frame, Recipe("y", estimator))
        assert np.isfinite(package.predict(frame)).all()


def test_the_index_and_the_storage_of_the_table_do_not_count():
    frame = make_table()
    twisted = frame.set_index(np.arange(300) % 7).astype({"kind": "category", "y": "object"})
    assert train(twisted, Recipe("y")).digest == train(frame, Recipe("y")).digest


def test_integers_can_be_a_quantity_when_the_recipe_says_so():
    frame = make_table().assign(stars=lambda f: np.digitize(f["x"], [-1, 0, 1]))
    assert train(frame, Recipe("stars")).task == "multiclass"
    assert train(frame, Recipe("stars", task="regression")).task == "regression"


@pytest.mark.parametrize(
    ("change", "recipe", "sentence"),
    [
        (lambda f: f, "y", r"the recipe is 'y'; expected a Recipe, such as Recipe\(target='is_spam'\)"),
        (lambda f: f, Recipe("z"), "the table has no column 'z', the target"),
        (lambda f: f.rename(columns={"y": "yes"}), Recipe("y"), "no column 'y', the target"),
        (lambda f: f.assign(y=True), Recipe("y"), "target 'y' holds only True; expected at least two"),
        (
            lambda f: f.assign(y=f["y"].astype("boolean").mask(f.index == 3)),
            Recipe("y"),
            r"'y' has no value in 1 of 300 rows; drop them first: frame.dropna\(subset=\['y'\]\)",
        ),
        (lambda f: f[["y"]], Recipe("y"), "no column can be a feature for 'y'"),
        (lambda f: f.iloc[:5], Recipe("y"), "^cannot train: 5 rows, needs 10$"),
        (lambda f: f.iloc[:0], Recipe("y"), "^cannot train: 0 rows, needs 10$"),
        (lambda f: f, Recipe("y", features=["X"]), "the schema has no column 'X'"),
        (
            lambda f: f,
            Recipe("y", params={"num_leafs": 3}),
            "no parameter 'num_leafs'.*did you mean 'num_leaves'",
        ),
        (lambda f: f, Recipe("y", Ridge()), "Ridge is no classifier"),
        (
            lambda f: f,
            Recipe("kind", task="regression"),
            "target 'kind' holds text; a regression expects numbers",
        ),
        (
            lambda f: f.assign(at=pd.date_range("2024", periods=300, tz="UTC"), y=f.index >= 240),
            Recipe("y"),
            r"'y' has one value only in the 240 rows to train on \(held out: the last fifth by at\)",
        ),
    ],
)
def test_a_table_that_cannot_be_learnt_from_is_refused(change, recipe, sentence):
    with pytest.raises(RefusedError, match=sentence):
        train(change(make_table()), recipe)


def test_a_validation_table_that_does_not_fit_is_refused():
    frame = make_table()
    with pytest.raises(RefusedError, match="the validation table has no column 'y'"):
        train(frame, Recipe("y"), valid=frame[["x", "kind"]])
    with pytest.raises(RefusedError, match="kind"):
        train(frame, Recipe("y"), valid=frame[["x", "y"]])
    with pytest.raises(RefusedError, match="the validation table is a list; expected a pandas DataFrame"):
        train(frame, Recipe("y"), valid=[1])
