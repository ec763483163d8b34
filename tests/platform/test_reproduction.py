"""A run is made again from its record, and what differs is named: recipe, code, data, version, or the number."""

import math

import numpy as np
import pytest
from lightgbm import LGBMClassifier
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from mlsd.datasets import make_spam_posts
from mlsd.platform import reproduce
from mlsd.platform.rebuilding import rebuild_recipe
from mlsd.report import RefusedError
from mlsd.run import Run
from mlsd.schema import Schema
from mlsd.tracking import LocalTracker
from mlsd.training import Recipe, train

COLUMNS = ["n_words", "n_links", "asks_payment", "topic", "is_spam"]
POSTS = make_spam_posts(1_200, random_state=0).frame
POSTS = POSTS[[name for name in COLUMNS if name in POSTS]]


def prepare(frame):
    """Return the table that a model is trained on."""
    return frame.assign(n_links=frame["n_links"].clip(upper=10))


def attempt(tracker, recipe, frame=POSTS, code=prepare, name="attempt", **given):
    """Track one attempt as a student does, and return the run as it is read back."""
    with tracker.run(name, code=code) as run:
        package = train(code(frame), recipe, run=run, **given)
        run.log_lineage({part: package.lineage[part] for part in package.lineage if part != "recipe"})
    return tracker.get(run.id)


ESTIMATORS = {
    "lightgbm": "lightgbm",
    "a linear model": LogisticRegression(C=0.5),
    "a forest": RandomForestClassifier(n_estimators=8, n_jobs=1),
    "a pipeline": make_pipeline(MinMaxScaler(feature_range=(-1, 1)), LogisticRegression()),
    "an own preparation": Pipeline(
        [
            ("columns", ColumnTransformer([
                ("numbers", make_pipeline(SimpleImputer(strategy="median"), StandardScaler()), ["n_links"]),
                ("rest", "drop", ["n_words"]),
            ])),
            ("model", LogisticRegression(tol=1e-3)),
        ]
    ),
    "one within another": CalibratedClassifierCV(LogisticRegression(C=2.0), cv=3),
    "a network": MLPClassifier(hidden_layer_sizes=(4, 3), max_iter=500, tol=1e-2),
    "boosting": HistGradientBoostingClassifier(max_iter=5, max_leaf_nodes=4),
    "lightgbm's own class": LGBMClassifier(n_estimators=5, num_leaves=4, verbose=-1, n_jobs=1),
}  # fmt: skip


@pytest.mark.parametrize("estimator", ESTIMATORS.values(), ids=ESTIMATORS)
def test_a_run_is_made_again_from_its_record(tmp_path, estimator):
    params = {"num_leaves": 5} if estimator == "lightgbm" else {}
    recipe = Recipe("is_spam", estimator, params=params, random_state=3)
    run = attempt(LocalTracker(tmp_path), recipe)
    rebuilt = rebuild_recipe(run.params)
    assert rebuilt.to_plain() == recipe.to_plain()
    assert type(rebuilt.estimator) is type(recipe.estimator)
    report = reproduce(run, prepare(POSTS), code=prepare)
    assert report.ok, report
    assert {finding.code for finding in report} >= {"recipe", "code", "data", "metric"}
    for finding in report:
        if finding.code == "metric":
            assert abs(finding.value - finding.limit) <= 1e-12


def test_a_nan_among_the_settings_is_a_number_again():
    recipe = Recipe("y", SimpleImputer(missing_values=math.nan, fill_value=-math.inf))
    rebuilt = rebuild_recipe(recipe.to_plain()).estimator
    assert math.isnan(rebuilt.missing_values) and rebuilt.fill_value == -math.inf


def test_rows_and_schema_the_caller_gave_are_given_again(tmp_path):
    table, later = prepare(POSTS)[:900], prepare(POSTS)[900:]
    schema = Schema.infer(table, target="is_spam")
    run = attempt(LocalTracker(tmp_path), Recipe("is_spam"), table, valid=later, schema=schema)
    assert reproduce(run, table, valid=later, schema=schema).ok
    assert [f.code for f in reproduce(run, table, schema=schema).failures] == ["data"]
    other = Schema.infer(table.assign(n_words=table["n_words"] * 10), target="is_spam")
    assert [f.code for f in reproduce(run, table, valid=later, schema=other).failures] == ["schema"]


# ---- what differs is named ------------------------------------------------------------------------


def changed(frame):
    """Return the table that a model is trained on, made in another way."""
    return frame.assign(n_links=frame["n_links"].clip(upper=2))


def without_seed(tracker, recipe, name):
    with tracker.run(name, code=prepare) as run:
        package = train(prepare(POSTS), recipe, run=(inner := Run("inner")))
        run.log_params({key: value for key, value in inner.params.items() if key != "random_state"})
        for metric, points in inner.metrics.items():
            run.log_metrics({metric: [value for _, value in points]})
        run.log_lineage({part: package.lineage[part] for part in ("data", "libraries", "rows")})


def by_hand(tracker, recipe, name):
    with tracker.run(name, code=prepare) as run:
        package = train(prepare(POSTS), recipe, run=run)
        run.log_lineage({part: package.lineage[part] for part in ("data", "libraries", "rows")})
        metric = next(finding for finding in package.report if finding.code == "metric")
        run.log_metrics({metric.subject: metric.value - 0.03})


TAMPERED = {
    4: (
        "data",
        lambda t, r, n: attempt(
            t, r, POSTS.assign(is_spam=POSTS["is_spam"].shift(1, fill_value=False)), name=n
        ),
    ),
    11: ("code", lambda t, r, n: attempt(t, r, code=changed, name=n)),
    17: ("recipe", without_seed),
    26: ("metric", by_hand),
}


def test_thirty_runs_of_which_four_were_tampered_with(tmp_path):
    """The judge sees the runs, the table and the code; it names exactly the four, each with its cause."""
    tracker = LocalTracker(tmp_path)
    for seed in range(30):
        quick = {"num_iterations": 5} if seed % 2 else {"C": 0.1}
        estimator = "lightgbm" if seed % 2 else LogisticRegression()
        recipe = Recipe("is_spam", estimator, params=quick, random_state=seed)
        _, make = TAMPERED.get(seed, (None, lambda t, r, n: attempt(t, r, name=n)))
        make(tracker, recipe, f"seed {seed}")
    accused = {}
    for run_id in tracker.runs()["id"]:
        run = tracker.get(run_id)
        report = reproduce(run, prepare(POSTS), code=prepare)
        if not report.ok:
            accused[int(run.name.split()[1])] = report.failures[0].code
    assert accused == {seed: cause for seed, (cause, _) in TAMPERED.items()}


def test_a_version_is_named_only_when_the_metric_differs(tmp_path):
    run = attempt(LocalTracker(tmp_path), Recipe("is_spam", params={"num_iterations": 5}))
    run.lineage["packages"]["numpy"] = "1.0"
    assert reproduce(run, prepare(POSTS)).ok
    run.metrics["log_loss"] = [(0, 0.1)]
    (named,) = reproduce(run, prepare(POSTS)).failures
    assert (named.code, named.subject) == ("version", "numpy")
    assert named.message == f"numpy 1.0 is now {np.__version__}"


def test_a_commit_is_named_only_when_the_metric_differs(tmp_path):
    run = attempt(LocalTracker(tmp_path), Recipe("is_spam", params={"num_iterations": 5}))
    run.lineage["commit"] = "c" * 40
    assert reproduce(run, prepare(POSTS)).ok
    run.metrics["log_loss"] = [(0, 0.1)]
    assert [finding.code for finding in reproduce(run, prepare(POSTS)).failures] == ["commit"]


def test_a_difference_of_the_thirteenth_digit_is_none(tmp_path):
    run = attempt(LocalTracker(tmp_path), Recipe("is_spam", params={"num_iterations": 5}))
    run.lineage["commit"] = None
    ((step, value),) = run.metrics["log_loss"]
    for change, ok in ((5e-13, True), (2e-12, False)):
        run.metrics["log_loss"] = [(step, value + change)]
        assert reproduce(run, prepare(POSTS)).ok == ok


def test_a_table_without_the_target_is_named(tmp_path):
    run = attempt(LocalTracker(tmp_path), Recipe("is_spam", params={"num_iterations": 5}))
    (named,) = reproduce(run, POSTS.drop(columns="is_spam")).failures
    assert named.code == "data" and named.message.startswith("this table cannot be trained on: ")


def test_a_run_that_train_did_not_log_is_refused():
    with pytest.raises(RefusedError, match=r"was not logged by train\(\.\.\., run=run\); nothing says how"):
        reproduce(Run("by hand"), POSTS)


@pytest.mark.parametrize(
    "path", ["os.system", "subprocess.Popen", "sklearn.nothing.Here", "sklearn", "mlsd.Recipe"]
)
def test_a_record_cannot_name_other_code(path):
    record = Recipe("y", LogisticRegression()).to_plain() | {"estimator": path}
    with pytest.raises(
        RefusedError, match=r"neither LightGBM's nor scikit-learn's|the installed packages hold no"
    ):
        rebuild_recipe(record)


def test_a_record_runs_no_code_of_its_own(tmp_path, monkeypatch):
    (tmp_path / "evil.py").write_text("raise SystemError('imported')\n")
    monkeypatch.syspath_prepend(tmp_path)
    record = Recipe("y", LogisticRegression()).to_plain()
    with pytest.raises(RefusedError, match=r"^the record's estimator 'evil.Model' is neither"):
        rebuild_recipe(record | {"estimator": "evil.Model"})
    inside = record | {"settings": record["settings"] | {"solver": "evil.Model"}}
    assert rebuild_recipe(inside).estimator.solver == "evil.Model"  # text, as it was
