"""Search: every trial told, the failed ones too, and the best recipe gives the model that was best."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import randint, uniform
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import Ridge
from sklearn.model_selection import ParameterGrid

from mlsd import RefusedError
from mlsd.datasets import make_news_feed
from mlsd.metrics import score
from mlsd.tracking import LocalTracker
from mlsd.training import Recipe, search, train
from mlsd.training.trials import _draw

QUICK = {"n_estimators": 15}


def make_table(n: int = 400, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"x": rng.normal(size=n).round(4), "kind": rng.choice(["a", "b"], n)})
    frame["y"] = frame["x"] + (frame["kind"] == "b") + rng.normal(0, 0.4, n) > 0.5
    return frame


def looked_for(frame, recipe, space, **more):
    return search(frame, recipe, space, progress=False, **more)


def test_the_best_recipe_is_that_of_the_lowest_loss_and_trains():
    space = {"num_leaves": [2, 4, 8], "learning_rate": [0.02, 0.3]}
    found = looked_for(make_table(), Recipe("y", params=QUICK), space)
    assert len(found.trials) == 6
    assert found.trials["log_loss"].is_monotonic_increasing
    best = found.trials.iloc[0]
    assert found.recipe.params == QUICK | {
        "num_leaves": best["num_leaves"],
        "learning_rate": best["learning_rate"],
    }
    assert train(make_table(), found.recipe).metric.value < 0.5
    assert repr(found).startswith("Search(6 trials, 0 failed; best log_loss 0.")


def test_a_trial_is_the_training_it_says():
    """The score of a trial is that of a model fitted on the first rows, on the later ones, by hand."""
    frame = make_table(500)
    frame["at"] = pd.date_range("2024-01-01", periods=500, freq="h", tz="UTC")
    found = looked_for(frame, Recipe("y", params=QUICK), {"num_leaves": [4]})
    seen, compared = frame.iloc[:320], frame.iloc[320:400]  # 400 to 499 are what train will judge on
    package = train(seen, Recipe("y", params=QUICK | {"num_leaves": 4}), valid=compared)
    expected = score("log_loss", compared["y"], package.predict(compared))
    assert found.trials["log_loss"].iloc[0] == pytest.approx(expected, rel=1e-12)


def test_the_rows_that_judge_are_not_touched():
    frame = make_table(500)
    frame["at"] = pd.date_range("2024-01-01", periods=500, freq="h", tz="UTC")
    other = frame.copy()
    other.loc[400:, "y"] = ~other.loc[400:, "y"]
    space = {"num_leaves": [2, 4, 8]}
    one, two = (looked_for(f, Recipe("y", params=QUICK), space) for f in (frame, other))
    pd.testing.assert_frame_equal(one.trials.drop(columns="seconds"), two.trials.drop(columns="seconds"))


@settings(max_examples=30)
@given(seed=st.integers(0, 1_000), tries=st.integers(1, 15))
def test_what_is_drawn_is_all_different_and_in_the_space(seed, tries):
    space = {"a": [1, 2, 3], "b": [4, 5]}
    drawn = _draw(space, tries, seed)
    assert drawn == _draw(space, tries, seed)
    assert len(drawn) == min(tries, 6)
    grid = list(ParameterGrid(space))
    assert all(params in grid for params in drawn)
    assert len({tuple(sorted(params.items())) for params in drawn}) == len(drawn)


def test_distributions_are_drawn_from():
    space = {"num_leaves": randint(2, 9), "learning_rate": uniform(0.05, 0.2)}
    found = looked_for(make_table(), Recipe("y", params=QUICK), space, tries=4)
    assert found.trials["num_leaves"].between(2, 8).all()
    assert found.trials["learning_rate"].between(0.05, 0.25).all()
    assert isinstance(found.recipe.params["num_leaves"], int)


@pytest.mark.parametrize(
    ("recipe", "space", "metric"),
    [
        (Recipe("y", RandomForestClassifier(5)), {"max_depth": [1, 3]}, "log_loss"),
        (Recipe("x", Ridge(), ("kind",)), {"alpha": [0.1, 10.0]}, "rmse"),
        (Recipe("kind"), {"num_leaves": [2, 4]}, "log_loss"),
    ],
    ids=["forest", "ridge", "lightgbm"],
)
def test_any_estimator_can_be_searched(recipe, space, metric):
    found = looked_for(make_table(), recipe, space)
    assert found.metric == metric
    assert len(found.trials) == 2


def test_of_a_ranking_the_highest_is_best():
    recipe = Recipe("clicked", task="ranking", group="session", params=QUICK)
    found = looked_for(make_news_feed(4_800, random_state=0).frame, recipe, {"num_leaves": [2, 8]})
    assert found.metric == "ndcg"
    assert found.trials["ndcg"].is_monotonic_decreasing


def test_every_trial_is_a_run_and_a_failed_one_is_a_failed_run(tmp_path):
    tracker = LocalTracker(tmp_path)
    found = looked_for(make_table(), Recipe("y", params=QUICK), {"num_leaves": [1, 4]}, tracker=tracker)
    runs = [tracker.get(f"run-{i}") for i in (1, 2)]
    assert {run.status for run in runs} == {"finished", "failed"}
    good, bad = sorted(runs, key=lambda run: run.status, reverse=True)
    assert good.params == {"num_leaves": 4}
    assert good.metrics["log_loss"][0][1] == found.trials["log_loss"].min()
    assert good.metrics["seconds"][0][1] > 0
    error = found.trials["error"].iloc[1]
    assert error.startswith("LightGBM refuses the recipe's params: ")
    assert error in bad.tags["error"]
    assert np.isnan(found.trials["log_loss"].iloc[1])
    assert "2 trials, 1 failed" in repr(found)


def test_anything_a_trial_raises_is_written_down():
    class Breaks(Ridge):
        def fit(self, X, y):
            if self.alpha > 1:
                raise ZeroDivisionError
            return super().fit(X, y)

    found = looked_for(make_table(), Recipe("x", Breaks(), ("kind",)), {"alpha": [0.5, 2.0]})
    assert found.trials["error"].tolist() == ["", "ZeroDivisionError"]


def test_a_bar_is_shown_on_stderr_alone(capsys):
    search(make_table(), Recipe("y", params=QUICK), {"num_leaves": [2, 4]})
    told = capsys.readouterr()
    assert "search" in told.err
    assert told.out == ""


@pytest.mark.parametrize(
    ("space", "more", "sentence"),
    [
        (
            {"num_leafs": [3, 5]},
            {},
            "^no trial of 2 was valid; the first one says: .*did you mean 'num_leaves'",
        ),
        ({}, {}, "the space is {}; expected choices, such as"),
        ({"num_leaves": 3}, {}, "the space cannot be drawn from: "),
        ({"num_leaves": [3]}, {"tries": 0}, "tries is 0; expected a whole number from 1"),
    ],
)
def test_a_search_that_cannot_be_is_refused_in_one_sentence(space, more, sentence):
    with pytest.raises(RefusedError, match=sentence) as met:
        looked_for(make_table(), Recipe("y", params=QUICK), space, **more)
    assert "\n" not in str(met.value)


def test_too_few_rows_to_compare_are_refused():
    frame = make_table(12)
    frame["at"] = pd.date_range("2024-01-01", periods=12, freq="h", tz="UTC")
    frame["y"] = frame.index >= 8
    with pytest.raises(RefusedError, match="cannot search: the rows"):
        looked_for(frame, Recipe("y"), {"num_leaves": [2]})
