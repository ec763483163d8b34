"""Features: what is learnt comes from training rows alone, and serving uses the same object."""

import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from mlsd.data import prepare_features
from mlsd.package import ModelPackage
from mlsd.report import RefusedError
from mlsd.training import Recipe, train


def posts(n, seed=0, authors=1000):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({
        "age": np.where(rng.random(n) < 0.1, np.nan, rng.normal(40, 9, n)),
        "new": rng.random(n) < 0.3,
        "kind": pd.Series(rng.choice(["job", "sale", "show"], n)).where(rng.random(n) < 0.9),
        "author": [f"a{number}" for number in rng.integers(0, authors, n)],
    })  # fmt: skip
    return frame, rng.random(n) < 0.5  # pure coin flips


def preparation():
    return prepare_features(numbers=["age", "new"], one_hot=["kind"], target_mean=["author"])


def test_one_row_in_serving_gets_what_the_table_gives():
    frame, y = posts(300)
    features = preparation()
    features.fit(frame, y)
    table = features.transform(frame)
    for at in (0, 7, 150):
        alone = features.transform(frame.iloc[[at]].astype({"kind": "object", "age": "object"}))
        assert (alone.to_numpy() == table.iloc[[at]].to_numpy()).all()
    assert (features.transform(frame[frame.columns[::-1]]) == table).all(axis=None)  # by name, not by place
    again = pickle.loads(pickle.dumps(features)).transform(frame)
    pd.testing.assert_frame_equal(again, table)


def test_oracle_scikit_learn():
    frame, y = posts(300)
    made = preparation().fit_transform(frame, y)
    age = frame[["age"]].fillna(frame["age"].median())
    assert np.allclose(made["age"], StandardScaler().fit_transform(age)[:, 0])
    kinds = OneHotEncoder(sparse_output=False).fit_transform(frame[["kind"]].astype(object).fillna("none"))
    assert sorted(made.filter(like="kind").sum()) == sorted(kinds.sum(axis=0))


def test_the_statistics_are_those_of_the_training_rows():
    frame, y = posts(300, authors=50)
    features = preparation()
    features.fit(frame, y)
    held = features.statistics.set_index(["column", "statistic"])
    assert held.loc[("age", "median"), "value"].item() == frame["age"].median()
    assert held.loc[("age", "median"), "rows"].item() == frame["age"].notna().sum()
    assert held.loc[("new", "mean"), "value"].item() == pytest.approx(frame["new"].mean())
    assert held.loc[("author", "target mean, all"), "value"].item() == pytest.approx(y.mean())
    means = features.statistics.query("statistic == 'target mean'")
    assert set(means["category"]) == set(frame["author"]) and (means["rows"] == 300).all()
    one = means.set_index("category")["value"]["a1"]
    mine = y[(frame["author"] == "a1").to_numpy()]
    assert one == pytest.approx((mine.sum() + 10 * y.mean()) / (len(mine) + 10))
    kinds = features.statistics.query("column == 'kind'")["category"]
    assert set(kinds.dropna()) == {"job", "sale", "show"}


def test_other_rows_change_nothing_that_was_learnt():
    frame, y = posts(300)
    features = preparation()
    features.fit(frame, y)
    before = features.statistics
    features.transform(posts(50, seed=9)[0].assign(age=1e6, kind="new kind", author="new"))
    pd.testing.assert_frame_equal(features.statistics, before)


def test_unknown_and_missing_in_serving_get_the_prior():
    frame, y = posts(300)
    features = preparation()
    features.fit(frame, y)
    served = features.transform(
        pd.DataFrame({"age": [None], "new": [True], "kind": ["never seen"], "author": ["never seen"]})
    )
    assert served["author"].item() == pytest.approx(y.mean())
    assert served.filter(like="kind").sum(axis=None) == 0
    assert served["age"].item() == features.transform(frame[frame["age"].isna()])["age"].iloc[0]


def test_own_label_is_left_out_of_its_own_row():
    """One author a row: out of fold each row gets a mean of others, with its own fold it sees itself."""
    frame, y = posts(400)
    frame["author"] = [f"a{number}" for number in range(400)]
    features = prepare_features(target_mean=["author"])
    out_of_fold = features.fit_transform(frame, y)["author"]
    flipped = y.copy()
    flipped[0] = ~flipped[0]
    assert features.fit_transform(frame, flipped)["author"].iloc[0] == out_of_fold.iloc[0]
    own = features.transform(frame)["author"]  # the trap that a pipeline avoids
    assert roc_auc_score(flipped, own) == 1.0


def test_coin_flips_score_what_coin_flips_should():
    """The number of the lab: 0.8 when the means are learnt before the split, 0.5 in a pipeline after it."""
    before, after = [], []
    for seed in range(5):
        frame, y = posts(4000, seed)
        half = np.arange(4000) < 2000
        whole = pd.Series(y).groupby(frame["author"]).transform("mean")
        before.append(roc_auc_score(y[~half], whole[~half]))
        model = make_pipeline(prepare_features(target_mean=["author"]), LogisticRegression())
        model.fit(frame[half], y[half])
        after.append(roc_auc_score(y[~half], model.predict_proba(frame[~half])[:, 1]))
    assert (
        min(before) > 0.75 and min(after) > 0.46 and max(after) < 0.54
    )  # 4.4 standard errors of 0.0129 / sqrt 2


def test_the_same_random_state_gives_the_same_features():
    frame, y = posts(300)
    one, same = preparation().fit_transform(frame, y), preparation().fit_transform(frame, y)
    other = prepare_features(target_mean=["author"], random_state=1).fit_transform(frame, y)
    pd.testing.assert_frame_equal(one, same)
    assert (one["author"] != other["author"]).any()


def test_more_than_two_classes_and_a_quantity():
    frame, _ = posts(300)
    rng = np.random.default_rng(0)
    features = prepare_features(target_mean=["kind"])
    many = features.fit_transform(frame, rng.choice(["x", "y", "z"], 300))
    assert many.shape == (300, 3) and "share of x" in set(features.statistics["statistic"])
    assert features.fit_transform(frame, rng.normal(size=300)).shape == (300, 1)


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda f: f.assign(age=np.inf), "infinity"),
        (lambda f: f.assign(age="old"), "300 cells of 'age' are text, such as 'old'"),
        (lambda f: f.rename(columns={"age": "agee"}), "no column 'age': did you mean 'agee'"),
        (lambda f: f.assign(kind=[1, "a"] * 150), "uniformly strings or numbers"),
        (lambda f: f.iloc[:1], "n_splits=5 greater than the number of samples"),
        (lambda f: f.iloc[:0], "0 sample"),
        (lambda f: f.to_numpy(), "expected a pandas DataFrame"),
    ],
)
def test_bad_input_is_one_sentence(damage, words):
    frame, y = posts(300)
    bad = damage(frame)
    with pytest.raises(RefusedError, match=words) as refused:
        preparation().fit_transform(bad, y[: len(bad)])
    assert "\n" not in str(refused.value)


def test_bad_plans_are_one_sentence():
    frame, y = posts(50)
    for make, words in (
        (lambda: prepare_features(), "at least one"),
        (lambda: prepare_features(numbers=["a"], one_hot=["a"]), "each once"),
        (lambda: prepare_features(numbers="age"), "expected a list"),
        (lambda: preparation().statistics, "nothing was learnt yet"),
        (lambda: preparation().fit(frame), "cannot be prepared"),
        (lambda: preparation().fit(frame, np.where(y, 1.0, np.nan)), "rows have no target"),
    ):
        with pytest.raises(RefusedError, match=words):
            make()


def test_constant_empty_and_very_many_pass_without_a_warning():
    frame, y = posts(300)
    flat = preparation().fit_transform(frame.assign(age=1.0, kind="job"), y)
    assert (flat["age"] == 0).all()
    void = preparation().fit_transform(frame.assign(age=np.nan, kind=None), y)
    assert np.isfinite(void.to_numpy()).all()
    many = pd.DataFrame({"author": [f"a{number}" for number in range(100_000)]})
    features = prepare_features(target_mean=["author"])
    assert features.fit_transform(many, np.arange(100_000) % 2).shape == (100_000, 1)


def test_a_package_holds_one_preparation_for_training_and_serving():
    """What `train` does by itself: learnt on the rows it fits, saved with the model, the same bits served."""
    frame, y = posts(400)
    frame = frame[["age", "new", "kind"]].assign(age=frame["age"].round(1), spam=y)
    package = train(frame.iloc[:300], Recipe("spam", LogisticRegression()), valid=frame.iloc[300:])
    scaler = package.model[0].named_transformers_["numbers"][1]
    age = frame["age"].iloc[:300]
    assert scaler.n_samples_seen_ == 300 and scaler.mean_[0] == pytest.approx(age.fillna(age.median()).mean())
    later = frame.iloc[300:].assign(age=0.0)
    other = train(frame.iloc[:300], Recipe("spam", LogisticRegression()), valid=later)
    assert other.model[0].named_transformers_["numbers"][1].mean_[0] == scaler.mean_[0]
    served = ModelPackage.from_files(package.to_files(), digest=package.digest)
    records = frame.drop(columns="spam").iloc[300:].astype(object).replace({np.nan: None}).to_dict("records")
    assert (served.predict_rows(records) == package.predict(frame.iloc[300:])).all()
