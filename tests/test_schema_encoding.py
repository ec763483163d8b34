"""Encoding records for serving: strict, complete, and silent about what was sent."""

import json
from types import MappingProxyType

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlsd.report import RefusedError
from mlsd.schema import Column, Rule, Schema

SCHEMA = Schema(
    (
        Column("post_id", "text", unique=True),
        Column("posted_at", "time"),
        Column("n_links", "integer", minimum=0, maximum=40),
        Column("caps", "number", minimum=0, maximum=1, nullable=True),
        Column("language", "category", categories=("en", "nl"), nullable=True),
        Column("country", "category", categories=("BE", "NL")),
        Column("promoted", "boolean"),
        Column("likes", "integer", known_at="reaction"),
        Column("is_spam", "boolean", known_at="label"),
    ),
    target="is_spam",
)
GOOD = {"n_links": 3, "caps": 0.25, "language": "nl", "country": "BE", "promoted": True}
SECRET = "s3cr3t-from-the-client"


def refusal(record, schema=SCHEMA, features=None):
    with pytest.raises(RefusedError) as caught:
        schema.encode(record, features)
    return caught.value


def codes(error):
    return [(f.code, f.subject) for f in error.report.failures]


def test_a_record_becomes_a_row():
    np.testing.assert_array_equal(SCHEMA.encode(GOOD), [[3, 0.25, 1, 0, 1]])
    assert SCHEMA.encode([GOOD] * 3).shape == (3, 5)
    assert SCHEMA.encode([]).shape == (0, 5)
    assert SCHEMA.encode([{}], []).shape == (1, 0)
    np.testing.assert_array_equal(
        SCHEMA.encode({"promoted": False, "caps": None}, ["promoted", "caps"]), [[0, np.nan]]
    )


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("n_links", -1, "range"),
        ("n_links", 41, "range"),
        ("n_links", 2.5, "type"),
        ("n_links", "3", "type"),
        ("n_links", True, "type"),
        ("n_links", None, "null"),
        ("n_links", float("nan"), "null"),
        ("n_links", float("inf"), "infinite"),
        ("n_links", 10**400, "infinite"),
        ("n_links", [3], "type"),
        ("n_links", {}, "type"),
        ("caps", 1.0000001, "range"),
        ("caps", -(10**400), "infinite"),
        ("caps", "0.5", "type"),
        ("caps", False, "type"),
        ("language", "EN", "category"),
        ("language", "", "category"),
        ("language", 1, "type"),
        ("language", ["en"], "type"),
        ("language", True, "type"),
        ("country", None, "null"),
        ("country", SECRET, "category"),
        ("promoted", 1, "type"),
        ("promoted", "true", "type"),
        ("promoted", None, "null"),
    ],
)
def test_an_unfit_value_is_refused_by_field_and_code_and_not_repeated(field, value, code):
    error = refusal({**GOOD, field: value})
    assert codes(error) == [(code, field)]
    assert str(error).startswith(f"records: {field}: ")
    assert SECRET not in str(error) + error.report.to_json()


@pytest.mark.parametrize(
    ("field", "value", "number"),
    [
        ("n_links", 3.0, 3), ("n_links", np.int64(3), 3), ("n_links", np.float32(3), 3), ("n_links", 40, 40),
        ("caps", 1, 1), ("caps", None, np.nan), ("caps", float("nan"), np.nan), ("caps", pd.NA, np.nan),
        ("caps", np.float32(0.1), float(np.float32(0.1))), ("caps", -0.0, -0.0), ("caps", 5e-324, 5e-324),
        ("language", None, np.nan), ("language", np.str_("en"), 0), ("promoted", np.True_, 1),
    ],
)  # fmt: skip
def test_a_value_counts_however_it_is_stored(field, value, number):
    encoded = SCHEMA.encode({**GOOD, field: value})[0, list(GOOD).index(field)]
    np.testing.assert_array_equal(encoded, number)
    assert np.signbit(encoded) == np.signbit(number)


def test_sentences_say_what_was_expected():
    assert str(refusal({**GOOD, "n_links": 99})) == "records: n_links: is out of range; expected 0 to 40"
    assert (
        str(refusal({**GOOD, "caps": "x"})) == "records: caps: has the wrong type; expected a number or null"
    )
    assert str(refusal({**GOOD, "country": "xx"})) == "records: country: is not among its 2 categories"
    assert str(refusal({**GOOD, "promoted": None})) == "records: promoted: is null; expected a boolean"
    assert str(refusal({**GOOD, "caps": 10**400})) == (
        "records: caps: is infinite or too large; expected a finite number"
    )
    without = {name: value for name, value in GOOD.items() if name != "caps"}
    assert str(refusal(without)) == "records: caps: is missing; expected a number or null"
    assert str(refusal({**GOOD, SECRET: 1})) == (
        "records: a field is unknown; expected none besides n_links, caps, language, country, promoted"
    )


def test_a_field_must_be_there_even_when_it_may_be_null():
    without = {name: value for name, value in GOOD.items() if name != "caps"}
    assert codes(refusal(without)) == [("missing_field", "caps")]
    assert codes(refusal({})) == [("missing_field", name) for name in GOOD]


def test_keys_and_times_may_come_along_and_nothing_else():
    expected = SCHEMA.encode(GOOD)
    extra = {**GOOD, "post_id": "p1", "posted_at": "2024-01-01T00:00:00Z"}
    np.testing.assert_array_equal(SCHEMA.encode(extra), expected)
    np.testing.assert_array_equal(SCHEMA.encode({**GOOD, "post_id": 7}), expected)
    for name in ("likes", "is_spam", SECRET, "N_links", 3, None, ("a",)):
        error = refusal({**GOOD, name: 1})
        assert codes(error) == [("unknown_field", "")]
        assert SECRET not in str(error) + error.report.to_json()
    swapped = {("Caps" if name == "caps" else name): value for name, value in GOOD.items()}
    assert codes(refusal(swapped)) == [("unknown_field", ""), ("missing_field", "caps")]


def test_all_that_is_wrong_is_told_at_once_and_stays_small():
    bad = {**GOOD, "n_links": SECRET, "country": SECRET}
    error = refusal([GOOD, bad, {**bad, SECRET: 1}] * 5000)
    assert codes(error) == [("type", "n_links"), ("category", "country"), ("unknown_field", "")]
    assert [f.count for f in error.report] == [10_000, 10_000, 5_000]
    assert error.report.findings[0].rows[:4] == (1, 2, 4, 5)
    assert all(len(f.rows) == 20 for f in error.report)
    assert SECRET not in str(error) + error.report.to_json()
    assert len(error.report.to_json()) < 4000
    assert str(refusal([GOOD, bad])).startswith(
        "records: n_links: has the wrong type; expected an integer (in record 1);"
    )


@pytest.mark.parametrize("record", [3, "text", None, [1, 2], [GOOD]])
def test_what_is_no_object_is_refused(record):
    error = refusal([GOOD, record])
    assert codes(error) == [("type", "")]
    assert str(error) == "records: is no object of field names and values (in record 1)"


@pytest.mark.parametrize("records", [3, "text", None, pd.DataFrame([GOOD]), {1, 2}, iter([GOOD])])
def test_what_is_no_list_of_records_is_refused(records):
    sentence = f"records are a {type(records).__name__}; expected a list of dicts (or encode_frame)"
    assert str(refusal(records)) == sentence


def test_any_mapping_is_a_record():
    np.testing.assert_array_equal(SCHEMA.encode(MappingProxyType(GOOD)), SCHEMA.encode(GOOD))
    np.testing.assert_array_equal(SCHEMA.encode((MappingProxyType(GOOD),)), SCHEMA.encode(GOOD))


@pytest.mark.parametrize(
    ("features", "sentence"),
    [
        (["n_link"], "the schema has no column 'n_link': did you mean 'n_links'?"),
        (
            ["posted_at"],
            "column 'posted_at' is time, which has no code; expected number, integer, boolean, category",
        ),
        (["caps", "caps"], "the schema describes column 'caps' twice; expected each name once"),
    ],
)
def test_features_without_a_code_are_refused(features, sentence):
    assert str(refusal(GOOD, features=features)) == sentence
    with pytest.raises(RefusedError):
        SCHEMA.encode_frame(pd.DataFrame([GOOD]), features)


def test_rules_over_the_features_hold_for_records_too():
    schema = Schema(
        SCHEMA.columns, rules=(Rule("plain posts", "n_links == 0 or country != 'NL'"), Rule("likes >= 0"))
    )
    error = refusal([{**GOOD, "country": "NL"}, GOOD, {**GOOD, "country": "NL"}], schema)
    assert codes(error) == [("rule", "plain posts")]
    assert error.report.findings[0].rows == (0, 2)
    assert "plain posts: breaks the rule n_links == 0 or country != 'NL'" in str(error)
    assert schema.encode({**GOOD, "country": "NL", "n_links": 0}).shape == (1, 5)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
KEYS = st.sampled_from([*GOOD, "post_id", "likes"]) | st.text(max_size=5)


@given(JSON | st.lists(JSON, max_size=3) | st.lists(st.dictionaries(KEYS, JSON, max_size=7), max_size=3))
@settings(max_examples=150)
def test_whatever_json_comes_it_is_encoded_or_refused(body):
    body = json.loads(json.dumps(body))
    try:
        array = SCHEMA.encode(body)
    except RefusedError as error:
        known = {"missing_field", "unknown_field", "type", "null", "infinite", "category", "range", "refused"}
        assert {f.code for f in error.report.failures} <= known
        assert {f.subject for f in error.report} <= {*GOOD, ""}
    else:
        assert array.shape == (len(body), 5)


# ---- whole tables --------------------------------------------------------------------------------


def test_a_table_is_encoded_leniently():
    frame = pd.DataFrame(
        {
            "n_links": [1, 99, None], "caps": [0.5, -3, None], "language": ["nl", "xx", None],
            "country": pd.Categorical(["NL", "FR", None]), "promoted": pd.array([True, False, None], dtype="boolean"),
            "unknown": 1,
        }
    )  # fmt: skip
    nan = np.nan
    np.testing.assert_array_equal(
        SCHEMA.encode_frame(frame), [[1, 0.5, 1, 1, 1], [99, -3, nan, nan, 0], [nan, nan, nan, nan, nan]]
    )
    np.testing.assert_array_equal(SCHEMA.encode_frame(frame, ("country", "n_links"))[0], [1, 1])


def test_a_stored_nan_with_a_sign_is_one_nan():
    encoded = SCHEMA.encode_frame(pd.DataFrame({"caps": [-np.nan, np.nan]}), ["caps"])
    assert encoded[0].tobytes() == encoded[1].tobytes() == np.float64("nan").tobytes()


def test_a_table_of_another_type_is_refused_with_all_that_is_wrong():
    frame = pd.DataFrame(
        {"n_links": ["1", "2"], "caps": [np.inf, 0.5], "language": [1, 2], "promoted": [1, 0]},
        index=["a", "b"],
    )
    with pytest.raises(RefusedError) as caught:
        SCHEMA.encode_frame(frame)
    assert [(f.code, f.subject, f.rows) for f in caught.value.report] == [
        ("type", "n_links", ("a", "b")),
        ("infinite", "caps", ("a",)),
        ("type", "language", ("a", "b")),
        ("missing_column", "country", ()),
        ("type", "promoted", ("a", "b")),
    ]


def test_all_missing_columns_are_nan():
    for dtype in ("float64", "object", "category", "str", "boolean"):
        frame = pd.DataFrame({name: pd.Series([None] * 2, dtype=dtype) for name in GOOD})
        assert np.isnan(SCHEMA.encode_frame(frame)).all()
