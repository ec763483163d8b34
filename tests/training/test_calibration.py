"""Calibration: scikit-learn's sigmoid, undoing what class weights moved, and kept as two numbers."""

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit, logit
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import RandomForestClassifier
from sklearn.frozen import FrozenEstimator

from mlsd import ModelPackage, RefusedError
from mlsd.datasets import make_spam_posts
from mlsd.package import recalibrate
from mlsd.training import Recipe, train
from mlsd.training.calibration import fit_calibration


class Told(ClassifierMixin, BaseEstimator):
    """A model whose log odds are the one column it is given: what scikit-learn's calibration is put on."""

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        return self.classes_[(X[:, 0] > 0).astype(int)]

    def decision_function(self, X):
        return X[:, 0]


@settings(max_examples=25)
@given(seed=st.integers(0, 10_000))
def test_the_two_numbers_are_those_of_scikit_learn(seed):
    rng = np.random.default_rng(seed)
    chance = rng.uniform(0.01, 0.99, 300)
    y = (rng.random(300) < expit(rng.uniform(0.4, 2) * logit(chance) + rng.normal())).astype(int)
    y[:2] = 0, 1
    odds = logit(chance)[:, None]
    oracle = CalibratedClassifierCV(FrozenEstimator(Told().fit(odds, y)), method="sigmoid", ensemble=False)
    expected = oracle.fit(odds, y).predict_proba(odds)[:, 1]
    assert recalibrate(chance, *fit_calibration(chance, y)) == pytest.approx(expected, abs=1e-4)


def test_weights_are_undone():
    """Of rows kept apart, the mean prediction is the share of spam again, within four standard errors."""
    world = make_spam_posts(12_000, random_state=1)
    fresh = make_spam_posts(20_000, random_state=2).frame
    heavy = {"class_weight": {True: 20}, "n_estimators": 80}
    raw = train(world.frame, Recipe("is_spam", params=heavy)).predict(fresh)
    right = train(world.frame, Recipe("is_spam", params=heavy, calibrate=True)).predict(fresh)
    share = fresh["is_spam"].mean()
    kept_apart = 12_000 * 0.8 * 0.2
    error = np.sqrt(share * (1 - share) / kept_apart)
    assert raw.mean() > share + 0.2
    assert abs(right.mean() - share) < 4 * error


def test_rows_kept_apart_are_neither_fitted_nor_judged():
    frame = make_spam_posts(4_000, random_state=0).frame
    package = train(frame, Recipe("is_spam", calibrate=True))
    in_time = frame.sort_values("posted_at").drop(columns="posted_at")
    assert (package.lineage["rows"], package.lineage["rows_held_out"]) == (2_560, 800)
    assert len(set(package.lineage["data"])) == 3
    plain = train(frame, Recipe("is_spam"))
    assert package.lineage["data"][2] == plain.lineage["data"][1]
    moved = in_time.index[2_560:3_200]
    other = frame.copy()
    other.loc[moved, "is_spam"] = ~other.loc[moved, "is_spam"]  # only the calibration may notice
    with pytest.raises(RefusedError, match="the model has learnt nothing that lasts"):
        train(other, Recipe("is_spam", calibrate=True))


@pytest.mark.parametrize("estimator", ["lightgbm", RandomForestClassifier(20)], ids=["lightgbm", "forest"])
def test_it_travels_in_the_package_as_two_numbers(tmp_path, estimator):
    frame = make_spam_posts(2_000, random_state=0).frame
    package = train(frame, Recipe("is_spam", estimator, calibrate=True))
    kept = json.loads((package.save(tmp_path / "p") / "package.json").read_text())
    assert kept["calibration"] == list(package.calibration)
    read = ModelPackage.load(tmp_path / "p", digest=package.digest)
    rows = frame.dropna(subset=list(package.features)).iloc[:50]
    assert np.array_equal(read.predict(rows), package.predict(rows))
    one = [read.predict_rows([record])[0] for record in rows[list(package.features)].to_dict("records")]
    assert np.array_equal(one, package.predict(rows))
    assert read.id == package.id != train(frame, Recipe("is_spam", estimator)).id


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda f: f.iloc[:200], r"cannot calibrate: 3\d rows kept apart, \d+ of them of the second class"),
        (lambda f: f.assign(y=f["x"].round()), "this task is multiclass; leave it out, or wrap an estimator"),
        (lambda f: f.assign(y=f["x"]), "this task is regression; leave it out"),
    ],
)
def test_what_cannot_be_calibrated_is_refused(change, sentence):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"x": rng.normal(size=600).clip(-2, 2)})
    frame["y"] = frame["x"] + rng.normal(0, 0.5, 600) > 0
    with pytest.raises(RefusedError, match=sentence):
        train(change(frame), Recipe("y", calibrate=True, features=("x",)))
