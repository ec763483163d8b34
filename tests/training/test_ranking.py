"""Ranking: lists stay whole, NDCG is scikit-learn's, and the feed world is ordered better than by chance."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import ndcg_score

from mlsd import ModelPackage, RefusedError
from mlsd.datasets import make_news_feed
from mlsd.metrics import ndcg
from mlsd.training import Recipe, train
from mlsd.training.inputs import Problem, list_numbers
from mlsd.training.ranking import judge_ranking

RECIPE = Recipe("clicked", task="ranking", group="session", params={"n_estimators": 60})


@pytest.fixture(scope="module")
def feed():
    return make_news_feed(16_000, random_state=0)


@pytest.fixture(scope="module")
def package(feed):
    return train(feed.frame, RECIPE)


@settings(max_examples=60)
@given(seed=st.integers(0, 10_000))
def test_ndcg_is_that_of_scikit_learn_list_by_list(seed):
    rng = np.random.default_rng(seed)
    group = rng.integers(0, 5, 60)
    y = rng.integers(0, 4, 60) * (rng.random(60) < 0.4)
    score = rng.normal(size=60).round(int(rng.integers(0, 3)))  # many ties, or few
    found = ndcg(y, score, group)
    for at, name in enumerate(np.unique(group)):
        rows = group == name
        if y[rows].max() == 0:
            assert np.isnan(found[at])
        elif rows.sum() > 1:  # scikit-learn refuses a list of one
            assert found[at] == pytest.approx(ndcg_score([y[rows]], [score[rows]]), abs=1e-12)
        else:
            assert found[at] == 1


def test_the_feed_is_ordered_better_than_by_chance_or_by_a_rule(package):
    found = {finding.code: finding for finding in package.report}
    assert package.report.ok
    assert {"rows", "metric", "beats_constant", "beats_rule"} == set(found)
    assert found["metric"].subject == "ndcg"
    assert (package.task, package.classes, package.group) == ("ranking", (), "session")


def test_no_order_finds_the_clicks_of_the_old_ranker_better_than_their_true_probability(feed, package):
    fresh = make_news_feed(16_000, random_state=5)
    y, lists = fresh.frame["clicked"], fresh.frame["session"]
    mine = np.nanmean(ndcg(y, package.predict(fresh.frame), lists))
    best = np.nanmean(ndcg(y, fresh.true_probability, lists))
    blind = np.nanmean(ndcg(y, np.zeros(len(y)), lists))
    assert blind < mine < best
    assert (mine - blind) / (best - blind) > 0.5


def test_a_list_is_never_cut(feed):
    frame = feed.frame.sample(frac=1, random_state=0)
    package = train(frame, RECIPE)
    assert package.lineage["split"] == "the last fifth by shown_at, in whole lists"
    held = package.lineage["rows_held_out"]
    assert held == 200 * 16  # of 1,000 lists
    assert package.digest == train(frame, RECIPE).digest
    undated = train(frame.drop(columns="shown_at"), RECIPE)
    assert undated.lineage["split"].endswith("drawn at random with random_state 0, in whole lists")
    assert undated.lineage["rows_held_out"] == held


def test_rows_of_a_list_stand_together(feed):
    frame = feed.frame.sample(frac=1, random_state=0)
    problem = Problem.of(frame, RECIPE, None, None)
    coded = problem.code(frame)
    assert coded.sizes.tolist() == [16] * 1_000
    assert (np.diff(coded.group) >= 0).all()
    clicks = frame.groupby("session", sort=False)["clicked"].sum()
    assert np.bincount(coded.group, coded.y).tolist() == clicks.tolist()
    trade = coded.table[:, problem.features.index("trade")].reshape(1_000, 16)  # of the member: one a list
    assert (trade == trade[:, :1]).all()


def test_the_order_of_the_rows_does_not_matter_to_the_judgement(feed, package):
    rows = make_news_feed(4_800, random_state=3).frame
    mixed = rows.sample(frac=1, random_state=1)
    one, other = judge_ranking(package, rows), judge_ranking(package, mixed)
    assert [f.value for f in one] == pytest.approx([f.value for f in other], abs=1e-12)


def test_a_ranker_saves_and_loads(tmp_path, feed, package):
    read = ModelPackage.load(package.save(tmp_path / "ranker"))
    assert read.id == package.id
    assert np.array_equal(read.predict(feed.frame), package.predict(feed.frame))
    assert judge_ranking(read, feed.frame).findings == judge_ranking(package, feed.frame).findings


def test_a_champion_is_compared_list_by_list(feed, package):
    weak = train(feed.frame, Recipe("clicked", task="ranking", group="session", features=("tenure_days",)))
    fresh = make_news_feed(16_000, random_state=5).frame
    assert judge_ranking(package, fresh, champion=weak).ok
    verdict = judge_ranking(weak, fresh, champion=package)
    assert "not_worse_than_champion" in {finding.code for finding in verdict.failures}


def test_few_lists_say_that_they_cannot_be_judged(package, feed):
    report = judge_ranking(package, feed.frame.iloc[:160])
    assert not report.ok
    assert report.failures[0].limit == 30
    assert "lists judged" in report.failures[0].message
    nothing = judge_ranking(package, feed.frame.iloc[:0])
    assert (nothing.ok, nothing.findings[0].value) == (False, 0)


def test_lists_are_numbered_as_they_appear():
    assert list_numbers(pd.DataFrame({"s": ["b", "a", "b"]}), "s").tolist() == [0, 1, 0]


@pytest.mark.parametrize(
    ("change", "recipe", "sentence"),
    [
        (lambda f: f.drop(columns="session"), RECIPE, "the table has no column 'session', the group"),
        (
            lambda f: f.assign(session=f["session"].mask(f.index == 3)),
            RECIPE,
            "group 'session' has no value in 1 of 960 rows",
        ),
        (
            lambda f: f.assign(clicked=f["tenure_days"] - 100.5),
            RECIPE,
            "'clicked' holds -?[0-9.]+; a ranking expects how relevant each row is",
        ),
        (
            lambda f: f,
            Recipe("clicked", task="ranking", group="trade", features=("trade",)),
            "feature 'trade' is the group itself",
        ),
        (lambda f: f, Recipe("clicked", task="ranking", group="sesion"), "did you mean 'session'"),
    ],
)
def test_what_cannot_be_ranked_is_refused(change, recipe, sentence):
    frame = make_news_feed(960, random_state=0).frame
    with pytest.raises(RefusedError, match=sentence):
        train(change(frame), recipe)
