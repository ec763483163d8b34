"""Cleaning: the log replays to the same bytes, learns once, drops nothing silently, repeats nothing."""

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlsd.data import CleaningLog, Clip, Convert, DropDuplicates, Fill, Rename, Strip, clean
from mlsd.datasets import Fault, make_spam_posts
from mlsd.digest import digest_frame
from mlsd.report import RefusedError

RAW = pd.DataFrame(
    {
        "id": [1, 2, 2, 3, 4],
        "city": [" Huy", "Luik", "Luik", "?", None],
        "weight": [2.0, 2500.0, 2500.0, 3.0, np.nan],
        "age": [20, 30, 30, -1, 150],
        "kind": pd.Categorical(["a", "b", "b", "c", None]),
    },
    index=list("vwxyz"),
)
RULES = [
    DropDuplicates("id"),
    Strip("city"),
    Rename("city", {"Luik": "Liege", "?": None}),
    Convert("weight", 0.001, "kg", where="weight > 200"),
    Clip("age", 0, 120),
    Fill("weight", statistic="median"),
    Fill("city", "unknown"),
    Fill("kind", statistic="most_common"),
]
number = st.one_of(st.none(), st.integers(-5, 5), st.sampled_from([0.5, 1e9]))
text = st.one_of(st.none(), st.sampled_from(["a", " a", "b ", "c", ""]))
tables = st.lists(st.tuples(number, text), min_size=1, max_size=12).map(
    lambda rows: pd.DataFrame(rows, columns=["n", "t"]).astype({"n": "float64", "t": "str"})
)
idempotent = [
    DropDuplicates(),
    DropDuplicates("t"),
    Strip("t"),
    Rename("t", {"a": "b", "c": None}),
    Clip("n", -1, 2.5),
    Fill("n", 7),
    Fill("t", "gone"),
]


def test_each_rule_does_what_it_says():
    cleaned, dropped, log = clean(RAW, RULES)
    assert cleaned["id"].tolist() == [1, 2, 3, 4] and cleaned.index.tolist() == list("vwyz")
    assert cleaned["city"].tolist() == ["Huy", "Liege", "unknown", "unknown"]
    assert cleaned["weight"].tolist() == [2.0, 2.5, 3.0, 2.5]
    assert cleaned["age"].tolist() == [20, 30, 0, 120]
    assert cleaned["kind"].tolist() == ["a", "b", "c", "a"]  # of equals, the first in order
    assert dropped.index.tolist() == ["x"] and dropped["reasons"].tolist() == ["DropDuplicates('id')"]
    pd.testing.assert_frame_equal(dropped.drop(columns="reasons"), RAW.loc[["x"]])
    assert [(step.rows, step.cells, step.dropped) for step in log.steps] == [
        (1, 0, 1), (1, 1, 0), (2, 2, 0), (1, 1, 0), (2, 2, 0), (1, 1, 0), (2, 2, 0), (1, 1, 0),
    ]  # fmt: skip
    assert log.steps[2].examples[0] == {"row": "w", "before": "Luik", "after": "Liege"}
    assert log.rules[5] == Fill("weight", 2.5, "median", 3)
    assert [str(dtype) for dtype in cleaned.dtypes] == ["int64", "str", "float64", "int64", "category"]


def test_the_table_given_stays_as_it_was():
    before = digest_frame(RAW)
    clean(RAW, RULES)
    assert digest_frame(RAW) == before


def test_the_log_goes_through_json_and_gives_the_same_bytes_again():
    cleaned, _, log = clean(RAW, RULES)
    read = CleaningLog.from_json(log.to_json())
    again, _, second = read.replay(RAW.copy())
    assert digest_frame(again) == log.after == digest_frame(cleaned) and second == log == read
    pd.testing.assert_frame_equal(again, cleaned)
    steps = json.loads(log.to_json())["steps"]
    assert steps[4]["rule"] == "Clip" and steps[4]["touched"]["rows"] == 2


def test_another_table_gets_the_recorded_numbers():
    _, _, log = clean(pd.DataFrame({"age": [10, 20, 90, None]}), [Fill("age", statistic="mean")])
    later, _, second = log.replay(pd.DataFrame({"age": [1000, 3000, None]}))
    assert later["age"].tolist() == [1000, 3000, 40]
    assert second.rules == log.rules == (Fill("age", 40.0, "mean", 3),)


def test_a_cleaned_table_and_an_edited_log_are_refused():
    cleaned, _, log = clean(RAW, [Convert("weight", 1000, "g")])
    with pytest.raises(RefusedError, match="clean already"):
        log.replay(cleaned)
    edited = CleaningLog.from_json(log.to_json().replace('"factor": 1000', '"factor": 10'))
    with pytest.raises(RefusedError, match="the log was edited"):
        edited.replay(RAW)


@settings(max_examples=25)
@given(table=tables, at=st.integers(0, len(idempotent) - 1))
def test_twice_is_once(table, at):
    once, _, _ = clean(table, [idempotent[at]])
    twice, dropped, log = clean(once, [idempotent[at]])
    assert digest_frame(twice) == digest_frame(once) and not len(dropped) and log.steps[0].rows == 0


@settings(max_examples=25)
@given(table=tables, order=st.permutations(range(len(idempotent))))
def test_no_row_is_lost_and_a_replay_is_the_same(table, order):
    rules = [idempotent[at] for at in order] + [Convert("n", 2, "half")]
    cleaned, dropped, log = clean(table, rules)
    assert sorted([*cleaned.index, *dropped.index]) == list(table.index)
    assert len(dropped) == sum(step.dropped for step in log.steps) == log.rows[0] - log.rows[1]
    assert all(reason.startswith("DropDuplicates(") for reason in dropped["reasons"])
    again, _, _ = CleaningLog.from_json(log.to_json()).replay(table)
    assert digest_frame(again) == digest_frame(cleaned)


def test_oracle_of_the_statistics():
    values = pd.Series([3.0, np.nan, 8.0, 8.0, 1.0])
    for statistic, expected in (("mean", values.mean()), ("median", values.median()), ("most_common", 8.0)):
        cleaned, _, log = clean(values.to_frame("v"), [Fill("v", statistic=statistic)])
        assert cleaned["v"].iloc[1] == expected and log.rules[0].rows == 4


@pytest.mark.parametrize("dtype", ["int64", "Int64", "int8", "float64", "Float64"])
def test_numbers_keep_their_type_where_they_fit(dtype):
    column = pd.Series([1, 2, 100], dtype=dtype).to_frame("v")
    assert str(clean(column, [Clip("v", high=3)])[0]["v"].dtype) == dtype
    halves = clean(column, [Convert("v", 0.5, "half")])[0]["v"]
    assert halves.tolist() == [0.5, 1.0, 50.0]
    thousands = clean(column, [Convert("v", 1000, "k")])[0]["v"]  # too large for int8
    assert thousands.tolist() == [1000, 2000, 100000]


def test_large_integers_that_are_not_touched_keep_every_digit():
    column = pd.DataFrame({"v": [2**60 + 1, -5]})
    assert clean(column, [Clip("v", low=0)])[0]["v"].tolist() == [2**60 + 1, 0]


def test_categories_that_are_renamed_away_are_gone():
    kind = pd.DataFrame({"kind": pd.Categorical(["a", "b", "a"], categories=["a", "b", "unused"])})
    cleaned = clean(kind, [Rename("kind", {"a": "z"})])[0]
    assert cleaned["kind"].tolist() == ["z", "b", "z"]
    assert list(cleaned["kind"].cat.categories) == ["b", "unused", "z"]


def test_the_units_that_a_world_declares_follow_a_conversion():
    frame = make_spam_posts(100, random_state=0).frame
    name = next(iter(frame.attrs["units"]))
    before = dict(frame.attrs["units"])
    cleaned, _, _ = clean(frame, [Convert(name, 2, "halves")])
    assert cleaned.attrs["units"] == before | {name: "halves"} and frame.attrs["units"] == before


def test_the_planted_duplicates_and_a_unit_fault_of_a_world_are_undone():
    faults = [
        Fault("duplicates", fraction=0.05),
        Fault("unit_change", column="account_age_days", fraction=0.1),
    ]
    sound = make_spam_posts(4000, random_state=1).frame
    broken = make_spam_posts(4000, random_state=1, faults=faults).frame
    top = sound["account_age_days"].max()
    factor = (broken["account_age_days"].max() / top).round()
    assert len(broken) > len(sound) and factor > 1
    rules = [
        DropDuplicates("post_id"),
        Convert("account_age_days", 1 / factor, "days", where=f"account_age_days > {top}"),
    ]
    cleaned, dropped, log = clean(broken, rules)
    assert len(dropped) == len(broken) - len(sound)
    assert cleaned["post_id"].tolist() == sound["post_id"].tolist()
    assert cleaned["account_age_days"].max() <= top and log.steps[1].cells > 0


@pytest.mark.parametrize(
    ("rules", "words"),
    [
        ([Strip("citty")], "no column 'citty': did you mean 'city'"),
        ([Clip("city", 0, 1)], "works on numbers, but 4 cells of 'city' are text, such as ' Huy'"),
        ([Convert("weight", 1, "kg", where="wieght > 1")], "no column 'wieght': did you mean 'weight'"),
        ([Convert("weight", 1, "kg", where="print(1)")], "may not hold"),
        ([Convert("weight", 1e308, "tiny")], "too large"),
        ([Fill("weight", "none")], "'none' does not fit a column of numbers"),
        ([Fill("kind", statistic="mean")], "works on numbers"),
        (["strip"], "'strip' is no cleaning rule"),
        (None, "None is no cleaning rule"),
    ],
)
def test_a_rule_that_does_not_fit_is_one_sentence(rules, words):
    with pytest.raises(RefusedError, match=words.replace("(", r"\(")):
        clean(RAW, rules)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Fill("a"), "needs a value or a statistic"),
        (lambda: Fill("a", statistic="medain"), "did you mean 'median'"),
        (lambda: Fill("a", np.inf), "expected a finite number"),
        (lambda: Fill("a", [1]), "expected a number, a text or a boolean"),
        (lambda: Clip("a"), "expected low <= high"),
        (lambda: Clip("a", 2, 1), "expected low <= high"),
        (lambda: Rename("a", {"x": "y", "y": "z"}), "both an old and a new name"),
        (lambda: Rename("a", {1: "y"}), "expected old and new text"),
        (lambda: Convert("a", np.nan, "kg"), "expected a finite number"),
    ],
)
def test_a_rule_that_makes_no_sense_is_one_sentence(make, words):
    with pytest.raises(RefusedError, match=words):
        make()


def test_tables_that_cannot_be_cleaned_are_one_sentence():
    nothing = pd.DataFrame({"a": [None, None]}, dtype="float64")
    infinite = pd.DataFrame({"a": [1.0, np.inf]})
    lists = pd.DataFrame({"a": [[1], [1]], "b": 1})
    twice = pd.DataFrame([[1, 2]], columns=["a", "a"])
    for frame, rule, words in (
        (nothing, Fill("a", statistic="mean"), "no cell is known"),
        (infinite, Fill("a", statistic="mean"), "1 cells are infinite"),
        (lists, DropDuplicates(), "name the key instead"),
        (twice, Strip("a"), "2 columns 'a'"),
        ([1], Strip("a"), "expected a pandas DataFrame"),
        (RAW.assign(reasons=""), Strip("city"), "column 'reasons' already"),
    ):
        with pytest.raises(RefusedError, match=words):
            clean(frame, [rule])


@pytest.mark.parametrize("n", [0, 1])
def test_an_empty_and_a_one_row_table_pass(n):
    stated = [rule for rule in RULES if getattr(rule, "statistic", None) is None]
    cleaned, dropped, log = clean(RAW.iloc[:n], stated)
    assert len(cleaned) == n and list(dropped.columns) == [*RAW.columns, "reasons"] and log.rows == (n, n)


def test_many_categories_and_mixed_cells():
    many = pd.DataFrame({"t": [f" {i}" for i in range(100_000)]})
    assert clean(many, [Strip("t")])[2].steps[0].cells == 100_000
    mixed = pd.DataFrame({"t": [" a", 1, None, ["x"]]}, dtype=object)
    assert clean(mixed, [Strip("t")])[0]["t"].tolist()[:2] == ["a", 1]


def test_a_log_that_is_none_is_one_sentence():
    _, _, log = clean(RAW, RULES[:2])
    for text_, words in (
        ("[]", "written by mlsd"),
        (log.to_json().replace('"format": 1', '"format": 2'), "update mlsd"),
        (log.to_json().replace("Strip", "Stripp"), "did you mean 'Strip'"),
        (log.to_json().replace('"column"', '"colunm"'), "cannot be read"),
    ):
        with pytest.raises(ValueError, match=words):
            CleaningLog.from_json(text_)
