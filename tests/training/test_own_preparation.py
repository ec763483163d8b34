"""A pipeline that brings its own preparation is fitted on the training rows, and travels in the package."""

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from mlsd.column import Column
from mlsd.data import prepare_features
from mlsd.package import ModelPackage
from mlsd.schema import Schema
from mlsd.training import Recipe, train


def posts(n=600):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"links": rng.normal(10, 3, n), "topic": rng.choice(list("abc"), n)})
    frame["author"] = [f"author {k % 150}" for k in range(n)]
    frame["spam"] = rng.random(n) < 0.2 + 0.5 * (frame["topic"] == "a")
    return frame


FRAME = posts()
SCHEMA = Schema(
    (
        Column("links", "number"),
        Column("topic", "category", categories=tuple("abc")),
        Column("author", "category", categories=tuple(sorted(set(FRAME["author"])))),
        Column("spam", "boolean", known_at="label"),
    ),
    target="spam",
)


def trained():
    preparation = prepare_features(numbers=["links"], one_hot=["topic"], target_mean=["author"])
    recipe = Recipe("spam", make_pipeline(preparation, LogisticRegression()))
    return train(FRAME.iloc[:500], recipe, schema=SCHEMA, valid=FRAME.iloc[500:])


def test_one_object_prepares_in_training_and_in_serving():
    package = trained()
    loaded = ModelPackage.from_files(package.to_files(), digest=package.digest)
    rows = FRAME.iloc[500:]
    asked = rows.drop(columns="spam").to_dict("records")
    np.testing.assert_array_equal(loaded.predict_rows(asked), package.predict(rows))


def test_its_statistics_are_those_of_the_training_rows():
    preparation = trained().model[1]
    assert preparation.n_rows_ == 500
    told = preparation.statistics
    mean = told[(told["column"] == "links") & (told["statistic"] == "mean")]["value"]
    np.testing.assert_allclose([float(value) for value in mean], [FRAME["links"].iloc[:500].mean()])


def test_the_same_rows_give_the_same_package():
    a, b = trained(), trained()
    assert (a.id, a.digest) == (b.id, b.digest)
