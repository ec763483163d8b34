"""What takes more than a cell: patterns, groups that are keys, order and age of times, other tables."""

import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlsd.cells import matches
from mlsd.report import RefusedError
from mlsd.schema import Column, Schema

START = pd.Timestamp("2024-01-01", tz="UTC")
STORAGES = [object, "category", "str", pd.StringDtype("python", na_value=np.nan), "string[pyarrow]"]


def hours(*numbers):
    return pd.Series([None if n is None else START + pd.Timedelta(hours=n) for n in numbers])


def failed(report):
    return {(f.code, f.subject): f.count for f in report.failures}


# ---- patterns ------------------------------------------------------------------------------------


def test_a_text_matches_from_end_to_end_however_it_is_stored():
    schema = Schema((Column("id", "text", pattern="p-[0-9]+|q", nullable=True),))
    texts = ["p-1", "q", "qq", "xq", "p-1\n", "p-", "", None, "p-١"]
    for storage in STORAGES:
        frame = pd.DataFrame({"id": pd.Series(texts, dtype=storage)})
        report = schema.validate(frame)
        assert failed(report) == {("pattern", "id"): 6}
        assert report.failures[0].message == "6 values are not like p-[0-9]+|q: 'qq'"
        clean, rejected = schema.quarantine(frame)
        assert (list(clean.index), set(rejected["reasons"])) == ([0, 1, 7], {"id is not like p-[0-9]+|q"})


@given(
    st.lists(st.text("ab\n1é", max_size=4), min_size=1),
    st.sampled_from(["a+b*", "[^a]1?", "(a|b1)*", ".", "é|"]),
)
@settings(max_examples=60)
def test_patterns_mean_what_python_means(texts, pattern):
    import re

    assert matches(texts, pattern).tolist() == [re.fullmatch(pattern, text) is not None for text in texts]


def test_a_pattern_that_takes_others_years_takes_no_time():
    assert not matches(["a" * 5000 + "!"], "(a*)*b")[0]


def test_half_a_character_is_text_like_any_other():
    schema = Schema((Column("id", "text", pattern="[a-z]+"),))
    assert failed(schema.validate(pd.DataFrame({"id": pd.Series(["\ud800", "a"], dtype=object)}))) == {
        ("pattern", "id"): 1
    }


# ---- groups of columns that are keys -------------------------------------------------------------

CELL = st.sampled_from([None, 1, 2, "1", float("nan")])


@given(st.lists(st.tuples(CELL, CELL), max_size=12))
def test_a_group_repeats_when_all_its_values_are_fit_and_stood_together(rows):
    columns = (Column("a", "integer", nullable=True), Column("b", "integer", nullable=True))
    schema = Schema(columns, unique=[["a", "b"]])
    frame = pd.DataFrame(rows, columns=["a", "b"], dtype=object)
    seen, again = set(), []
    for at, pair in enumerate(rows):
        if all(type(value) is int for value in pair):
            again += [at] if pair in seen else []
            seen.add(pair)
    clean, rejected = schema.quarantine(frame)
    told = rejected.index[rejected["reasons"].str.contains("a and b repeat an earlier row")]
    assert list(told) == again
    assert schema.validate(clean).ok
    assert failed(schema.validate(frame)).get(("unique", "a and b"), 0) == len(again)


def test_a_group_may_mix_kinds_and_travels():
    schema = Schema((Column("who", "text"), Column("at", "time")), unique=(("who", "at"),))
    frame = pd.DataFrame({"who": ["a", "b", "a", "a"], "at": hours(1, 1, 2, 1)})
    [failure] = schema.validate(frame).failures
    assert (failure.rows, failure.message) == ((3,), "1 row repeats who and at of an earlier one")
    assert schema.select(["at", "who"]).unique == schema.unique
    assert schema.select(["who"]).unique == ()
    assert Schema.from_json(schema.to_json()) == schema
    assert ' "unique": [\n  ["who", "at"]\n ]\n}' in schema.to_json()
    assert repr(schema).endswith("  unique who and at")


@pytest.mark.parametrize(
    ("group", "sentence"),
    [
        ("who", "the schema has the unique group 'who'; expected two different columns or more, such as "
         "('author_id', 'posted_at'); one column is Column(..., unique=True)"),
        (["who"], "the schema has the unique group ['who']; expected two"),
        (["who", "who"], "the schema has the unique group ['who', 'who']; expected two"),
        (["who", 3], "the schema has the unique group ['who', 3]; expected two"),
        (["who", "wo"], "the schema has no column 'wo': did you mean 'who'?"),
    ],
)  # fmt: skip
def test_what_is_no_group_is_refused(group, sentence):
    with pytest.raises(RefusedError) as caught:
        Schema((Column("who", "text"), Column("at", "time")), unique=[group])
    assert str(caught.value).startswith(sentence)


# ---- order and age of times ----------------------------------------------------------------------

ORDERED = Schema((Column("at", "time", ordered=True, nullable=True),))


@given(st.lists(st.none() | st.integers(0, 9), max_size=9))
def test_as_few_rows_as_can_be_are_out_of_order(numbers):
    clean, rejected = ORDERED.quarantine(pd.DataFrame({"at": hours(*numbers).astype("datetime64[us, UTC]")}))
    known = [n for n in numbers if n is not None]
    longest = max(
        size
        for size in range(len(known) + 1)
        for kept in itertools.combinations(known, size)
        if list(kept) == sorted(kept)
    )
    assert len(rejected) == len(known) - longest
    assert clean["at"].dropna().is_monotonic_increasing
    assert ORDERED.validate(clean).ok


def test_one_clock_that_ran_ahead_condemns_nobody_else():
    times = list(range(1000))
    times[3] += 500
    report = ORDERED.validate(pd.DataFrame({"at": hours(*times)}))
    assert [f.rows for f in report.failures] == [(3,)]
    assert report.failures[0].message == "1 value is out of order; expected no time to step back"


def test_a_table_backwards_is_judged_in_time():
    times = pd.DatetimeIndex(np.arange(10**5)[::-1].astype("datetime64[s]")).tz_localize("UTC")
    assert failed(ORDERED.validate(pd.DataFrame({"at": times}))) == {("order", "at"): 10**5 - 1}


FRESH = Schema((Column("at", "time", ordered=True, max_age="1 day"),))


@pytest.mark.parametrize("unit", ["s", "us", "ns"])
def test_times_may_be_neither_too_old_nor_to_come(unit):
    frame = pd.DataFrame({"at": hours(0, 30, 10, 20).dt.as_unit(unit)})
    at_20 = FRESH.validate(frame, now="2024-01-01T21:00:00+00:00")
    assert failed(at_20) == {("future", "at"): 1}  # and what lies to come puts nobody out of order
    assert at_20.failures[0].message == "1 value lies in the future, after 2024-01-01T21:00:00+00:00"
    late = FRESH.validate(frame.drop(1), now=START + pd.Timedelta(hours=44, seconds=1))
    assert failed(late) == {("stale", "at"): 0}
    assert late.failures[0].message == (
        "the newest time is 2024-01-01T20:00:00+00:00, 1 days 00:00:01 before now; "
        "expected one at most 1 day old"
    )
    assert FRESH.validate(frame.drop(1), now=START + pd.Timedelta(hours=44)).ok
    clean, rejected = FRESH.quarantine(frame, now=START + pd.Timedelta(hours=21))
    assert (list(clean.index), rejected["reasons"].tolist()) == ([0, 2, 3], ["at lies in the future"])
    with pytest.raises(RefusedError, match="the newest time is 2024-01-02T06"):
        FRESH.quarantine(frame, now=START + pd.Timedelta(days=9))


def test_no_row_is_no_fresh_row():
    for frame in (pd.DataFrame({"at": hours(99)}), pd.DataFrame({"at": pd.Series([], dtype=object)})):
        [stale] = [f for f in FRESH.validate(frame, now=START).failures if f.code == "stale"]
        assert stale.message == "the newest time is missing; expected one at most 1 day old"


def test_a_promise_that_cannot_be_checked_is_not_kept():
    frame = pd.DataFrame({"at": hours(0, 1)})
    [failure] = FRESH.validate(frame).failures
    assert (failure.code, failure.message) == (
        "unchecked",
        "its age cannot be told without a clock; give now=",
    )
    with pytest.raises(RefusedError, match=r"^table: at: its age cannot be told without a clock; give now=$"):
        FRESH.quarantine(frame)
    with pytest.raises(
        ValueError, match=r"^now is 2024-01-01T00:00:00, which names no time zone; expected UTC"
    ):
        FRESH.validate(frame, now="2024-01-01")


# ---- other tables --------------------------------------------------------------------------------

MEMBERS = pd.DataFrame({"id": ["a", "b", None], "number": [1, 2, 2]})
POSTS = Schema(
    (
        Column("author", "text", references="members.id"),
        Column("number", "integer", references="members.number", nullable=True),
    )
)


@pytest.mark.parametrize("own", range(len(STORAGES)))
@pytest.mark.parametrize("there", range(len(STORAGES)))
def test_values_are_found_in_another_table_however_both_are_stored(own, there):
    frame = pd.DataFrame({"author": pd.Series(["a", "c", "b"], dtype=STORAGES[own]), "number": [2, None, 7]})
    members = MEMBERS.astype({"id": STORAGES[there], "number": ["float64", "Int64", "category"][there % 3]})
    report = POSTS.validate(frame, tables={"members": members})
    assert failed(report) == {("reference", "author"): 1, ("reference", "number"): 1}
    assert [f.message for f in report.failures] == [
        "1 value is not in members.id: c", "1 value is not in members.number: 7.0",
    ]  # fmt: skip
    rejected = POSTS.quarantine(frame, tables={"members": members})[1]
    assert rejected["reasons"].tolist() == ["author is not in members.id", "number is not in members.number"]


def test_large_numbers_are_not_rounded_and_kinds_not_mixed():
    schema = Schema((Column("x", "integer", references="t.x"),))
    frame = pd.DataFrame({"x": [2**60 + 1, 1]})
    other = pd.DataFrame({"x": pd.Series([2**60, True, "1", None], dtype=object)})
    assert failed(schema.validate(frame, tables={"t": other})) == {("reference", "x"): 2}
    odd = pd.DataFrame({"x": pd.Series([[1], {}, 1], dtype=object)})
    assert failed(schema.validate(frame, tables={"t": odd})) == {("reference", "x"): 1}
    assert failed(schema.validate(frame, tables={"t": odd.head(0)})) == {("reference", "x"): 2}


@pytest.mark.parametrize(
    ("tables", "sentence"),
    [
        ({}, "it needs the table 'members'; give tables={'members': ...}"),
        ({"member": MEMBERS}, "it needs the table 'members': did you mean 'member'?; give tables={'members': ...}"),
        ({"members": MEMBERS.rename(columns={"id": "ids"})},
         "the table 'members' does not hold the column 'id' once: did you mean 'ids'?"),
    ],
)  # fmt: skip
def test_another_table_must_be_given_and_hold_the_column(tables, sentence):
    frame = pd.DataFrame({"author": ["a"], "number": [1]})
    failure = POSTS.validate(frame, tables=tables).failures[0]
    assert (failure.code, failure.subject, failure.message) == ("unchecked", "author", sentence)
    with pytest.raises(RefusedError):
        POSTS.quarantine(frame, tables=tables)


def test_another_table_is_a_table():
    with pytest.raises(RefusedError, match=r"^the table 'members' is a list; expected a pandas DataFrame$"):
        POSTS.validate(pd.DataFrame({"author": ["a"], "number": [1]}), tables={"members": [1]})


def test_a_million_lost_references_stay_small():
    schema = Schema((Column("x", "text", references="t.x", pattern="[0-9]"),))
    frame = pd.DataFrame({"x": np.resize(np.array(["y" * 60, "z" * 60], dtype=object), 10**6)})
    report = schema.validate(frame, tables={"t": pd.DataFrame({"x": ["0"]})})
    assert failed(report) == {("reference", "x"): 10**6, ("pattern", "x"): 10**6}
    assert len(report.to_json()) < 3000


@pytest.mark.parametrize("cell", [[1], {}, 3, "x", None, START.tz_localize(None), 1.5, True], ids=str)
@pytest.mark.parametrize("n", [0, 1, 3])
def test_cells_of_any_kind_are_judged_without_a_warning(cell, n):
    schema = Schema(
        (
            Column("id", "text", pattern="[a-z]", references="t.id", unique=True, nullable=True),
            Column("at", "time", ordered=True, nullable=True),
            Column("x", "integer", references="t.x", nullable=True),
        ),
        unique=(("id", "at"), ("x", "at")),
    )
    frame = pd.DataFrame({name: pd.Series([cell] * n, dtype=object) for name in schema.names})
    report = schema.validate(frame, tables={"t": frame})
    fits = {"id": cell in ("x", None), "at": cell is None, "x": type(cell) is int or cell is None}
    assert {f.subject for f in report.failures if f.code == "type"} == {s for s in fits if n and not fits[s]}
    clean, rejected = schema.quarantine(frame, tables={"t": frame})
    assert len(clean) + len(rejected) == n


# ---- what a column may not promise ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("parts", "sentence"),
    [
        ({"kind": "time", "pattern": "a"}, "is of kind time and has pattern; only text columns may"),
        ({"kind": "number", "references": "t.a"},
         "is of kind number and has references; only integer, category, text columns may"),
        ({"kind": "text", "ordered": True}, "is of kind text and has ordered; only time columns may"),
        ({"kind": "integer", "max_age": "1 day"}, "is of kind integer and has max_age; only time columns may"),
        ({"kind": "text", "pattern": "("}, "has the pattern '(', which cannot be read: "),
        ({"kind": "text", "pattern": "a)|(b"}, "has the pattern 'a)|(b', which cannot be read: "),
        ({"kind": "text", "pattern": "(?=a)"}, "has the pattern '(?=a)', which cannot be read: "),
        ({"kind": "text", "pattern": 3}, "has pattern 3; expected a text"),
        ({"kind": "time", "ordered": 1}, "has ordered 1; expected true or false"),
        ({"kind": "text", "references": "members"},
         "references 'members'; expected a table and its column: 'members.member_id'"),
        ({"kind": "text", "references": ".a"}, "references '.a'; expected a table and its column"),
        ({"kind": "time", "max_age": "soon"}, "has max_age 'soon'; expected a length of time such as '2 days'"),
        ({"kind": "time", "max_age": "5"}, "has max_age '5'; expected a length of time such as '2 days'"),
        ({"kind": "time", "max_age": "-2 days"}, "has max_age '-2 days'; expected a length of time"),
        ({"kind": "time", "max_age": "nat"}, "has max_age 'nat'; expected a length of time"),
    ],
)  # fmt: skip
def test_promises_that_make_no_sense_are_refused(parts, sentence):
    with pytest.raises(RefusedError) as caught:
        Column("a", **parts)
    assert str(caught.value).startswith(f"column 'a' {sentence}")
    assert "\n" not in str(caught.value)


def test_promises_are_told_in_words():
    column = Column("a", "text", pattern="[a-z]+", references="t.a", unique=True)
    assert repr(column) == "Column(a: text, like [a-z]+, in t.a, unique)"
    assert repr(FRESH["at"]) == "Column(at: time, in order, newest at most 1 day old)"
