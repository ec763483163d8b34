"""Real tables in the shape of a world: scikit-learn's values, classes by name, nothing claimed that nobody knows."""

import socket

import numpy as np
import pytest
from sklearn import datasets

from mlsd.datasets import load_table
from mlsd.datasets.bundled import TABLES
from mlsd.digest import digest_frame
from mlsd.report import RefusedError
from mlsd.schema import Schema

SHAPES = {  # name: rows, features, classes
    "iris": (150, 4, 3),
    "wine": (178, 13, 3),
    "breast_cancer": (569, 30, 2),
    "diabetes": (442, 10, None),
    "digits": (1797, 64, 10),
}


def raw(name):
    """What scikit-learn returns, as measured."""
    return getattr(datasets, f"load_{name}")(**({"scaled": False} if name == "diabetes" else {}))


def test_every_table_is_tested():
    assert set(SHAPES) == set(TABLES)


@pytest.mark.parametrize("name", SHAPES)
def test_a_table_holds_scikit_learns_values_and_its_classes_by_name(name):
    n, k, classes = SHAPES[name]
    table, bunch = load_table(name), raw(name)
    frame = table.frame
    assert frame.shape == (n, k + 1)
    assert list(frame.columns)[-1] == table.target
    assert np.array_equal(frame.iloc[:, :-1].to_numpy(), bunch.data)
    if classes is None:
        assert np.array_equal(frame[table.target], bunch.target)
    else:
        assert list(frame[table.target]) == [str(bunch.target_names[code]) for code in bunch.target]
        assert frame[table.target].nunique() == classes
    assert not frame.isna().any(axis=None)
    assert all(column.isascii() and " " not in column for column in frame.columns)


@pytest.mark.parametrize("name", SHAPES)
def test_a_table_says_what_a_world_says(name):
    table = load_table(name)
    frame = table.frame
    assert frame.attrs == {"known_at": table.known_at, "units": table.units}
    assert [c for c, when in table.known_at.items() if when == "label"] == [table.target]
    assert list(table.known_at) == list(frame.columns) == [column.name for column in table.columns]
    target = table.columns[-1]
    assert target.kind == ("category" if SHAPES[name][2] else "integer")
    assert f"{SHAPES[name][0]:,} " in table.description
    assert repr(table) == (
        f"Table({name}: {len(frame):,} rows x {frame.shape[1]} columns, target {table.target})"
    )
    schema = Schema.infer(frame, target=table.target)
    assert schema.validate(frame).ok
    assert schema.columns == table.columns


def test_units_stand_beside_the_names():
    assert load_table("iris").units == dict.fromkeys(
        ["sepal_length", "sepal_width", "petal_length", "petal_width"], "cm"
    )
    assert load_table("iris").columns[0].unit == "cm"
    assert load_table("wine").units == {}


@pytest.mark.parametrize("name", SHAPES)
def test_the_true_probability_of_a_real_table_is_refused_in_one_sentence(name):
    with pytest.raises(RefusedError) as refused:
        load_table(name).true_probability  # noqa: B018
    assert str(refused.value) == (
        f"{name} is a real table, whose true_probability nobody knows; "
        "ask a made world for it: make_spam_posts, make_news_feed"
    )


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("irsi", "the table is 'irsi'; expected one of iris, wine, breast_cancer, diabetes, digits: "
                 "did you mean 'iris'?"),
        ("california_housing", "the table is 'california_housing'; expected one of iris, wine, "
                               "breast_cancer, diabetes, digits"),
        (None, "the table is None; expected one of iris, wine, breast_cancer, diabetes, digits"),
        (["iris"], "the table is ['iris']; expected one of iris, wine, breast_cancer, diabetes, digits"),
    ],
)  # fmt: skip
def test_a_table_that_does_not_come_along_is_refused(name, sentence):
    with pytest.raises(RefusedError) as refused:
        load_table(name)
    assert str(refused.value) == sentence


def test_nothing_is_downloaded(monkeypatch):
    def refuse(*arguments, **keywords):
        raise AssertionError("a table was asked for over the network")

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(socket, "create_connection", refuse)
    assert [len(load_table(name).frame) for name in TABLES] == [n for n, _, _ in SHAPES.values()]


def test_what_a_user_does_to_the_frame_does_not_touch_the_table():
    table = load_table("iris")
    before = digest_frame(table.frame)
    frame = table.frame
    frame.loc[0, "sepal_length"] = -1
    frame["new"] = 1
    frame.attrs["units"]["sepal_length"] = "inch"
    frame.attrs["known_at"].clear()
    table.units.clear()
    assert digest_frame(table.frame) == before
    assert table.frame.attrs["units"]["sepal_length"] == "cm"
    assert table.known_at["species"] == "label"
