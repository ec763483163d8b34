"""What is missing, what a moment is and what JSON may hold: decided once, tested here."""

import datetime as dt
import decimal
import enum
import json
import math
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mlsd.plain import from_json, is_missing, to_json, to_plain, utc, utc_now

MISSING = [
    None,
    float("nan"),
    np.nan,
    np.float32("nan"),
    pd.NA,
    pd.NaT,
    np.datetime64("NaT", "ns"),
    np.timedelta64("NaT", "ns"),
]
PRESENT = [
    0,
    0.0,
    "",
    "nan",
    "None",
    False,
    float("inf"),
    float("-inf"),
    10**400,
    [],
    [None],
    {},
    (),
    b"",
    object(),
]


# ---- missing -------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", MISSING, ids=lambda value: type(value).__name__)
def test_what_is_missing(value):
    assert is_missing(value) is True


@pytest.mark.parametrize("value", PRESENT, ids=lambda value: type(value).__name__)
def test_what_is_not_missing(value):
    assert is_missing(value) is False


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        ([1.0, None, np.inf], "float64"), ([1, None, 3], "Int64"), (["", None, "nan"], "str"),
        (["", None, "nan"], "category"), ([True, None, False], "boolean"), ([0, pd.NaT, 1], object),
        ([pd.Timestamp(0, tz="UTC"), None, pd.Timestamp(1, tz="UTC")], "datetime64[ns, UTC]"),
        ([1, None, 3], "int64[pyarrow]"), ([[1], None, {}], object), ([1, np.nan, 10**400], object),
    ],
)  # fmt: skip
def test_a_column_is_judged_cell_by_cell(values, dtype):
    series = pd.Series(values, dtype=dtype)
    for column in (series, series.array, series.to_numpy(dtype=object), pd.Index(series)):
        found = is_missing(column)
        assert found.dtype == bool
        assert found.tolist() == [False, True, False]
    assert [is_missing(cell) for cell in series.astype(object)] == [False, True, False]


# ---- moments -------------------------------------------------------------------------------------


def test_a_moment_is_utc():
    expected = pd.Timestamp("2024-02-05T09:00:00Z")
    for moment in (
        "2024-02-05T10:00:00+01:00",
        expected,
        expected.to_pydatetime(),
        expected.tz_convert("Asia/Tokyo"),
    ):
        assert utc(moment) == expected
        assert str(utc(moment).tz) == "UTC"
    assert utc_now().tzinfo is not None


@pytest.mark.parametrize(
    ("moment", "sentence"),
    [
        ("2024-02-05", "start is 2024-02-05T00:00:00, which names no time zone; expected UTC: add '+00:00', "
         "or use tz_localize('UTC') on a column"),
        (dt.datetime(2024, 2, 5), "start is 2024-02-05T00:00:00, which names no time zone; expected UTC: "
         "add '+00:00', or use tz_localize('UTC') on a column"),
        (None, "start is missing; expected a moment with a time zone"),
        (pd.NaT, "start is missing; expected a moment with a time zone"),
        ("", "start is missing; expected a moment with a time zone"),
        ("nonsense", "start is no moment; expected one such as '2024-02-05T10:00:00+00:00'"),
        ("9999999-01-01", "start is no moment; expected one such as '2024-02-05T10:00:00+00:00'"),
        ([1], "start is no moment; expected one such as '2024-02-05T10:00:00+00:00'"),
    ],
)  # fmt: skip
def test_what_is_no_moment_is_refused(moment, sentence):
    with pytest.raises(ValueError) as caught:
        utc(moment, "start")
    assert str(caught.value) == sentence


# ---- plain values --------------------------------------------------------------------------------


class Colour(enum.StrEnum):
    RED = "red"


class OldColour(str, enum.Enum):  # noqa: UP042 - the older way of saying it
    RED = "red"


class Level(enum.IntEnum):
    HIGH = 3


@dataclass(frozen=True)
class Point:
    x: float
    y: float


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        *[(value, None) for value in MISSING],
        (float("inf"), None), (np.float32("-inf"), None), (np.float64(0.5), 0.5), (np.int8(3), 3),
        (np.bool_(True), True), (True, True), (10**400, 10**400), (-0.0, -0.0), ("é", "é"), (np.str_("a"), "a"),
        (Colour.RED, "red"), (OldColour.RED, "red"), (Level.HIGH, 3), (Path("a/b"), str(Path("a/b"))),
        (pd.Timestamp("2024-01-01", tz="UTC"), "2024-01-01T00:00:00+00:00"), (dt.date(2024, 1, 1), "2024-01-01"),
        (dt.datetime(2024, 1, 1, tzinfo=dt.UTC), "2024-01-01T00:00:00+00:00"),
        (np.datetime64("2024-01-01"), "2024-01-01T00:00:00"), (pd.Timedelta("1h"), "P0DT1H0M0S"),
        (np.timedelta64(1, "h"), "P0DT1H0M0S"),
        ((1, (2, np.nan)), [1, [2, None]]), ({3: {1: pd.NA}}, {"3": {"1": None}}), ({"b", "a"}, ["a", "b"]),
        (OrderedDict(z=1, a=2), {"z": 1, "a": 2}), (Point(1, np.inf), {"x": 1, "y": None}),
        (np.array([[1.0, np.nan]]), [[1.0, None]]), (np.array(3.5), 3.5), (np.array([], dtype=int), []),
        (pd.Series(["a", None]), ["a", None]), (pd.Index([1, 2]), [1, 2]), (pd.array([1, None]), [1, None]),
        (pd.Categorical(["a", None]), ["a", None]), (pd.Series([True, None], dtype="boolean"), [True, None]),
    ],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
def test_a_plain_form(value, plain):
    found = to_plain(value)
    assert found == plain
    assert type(found) is type(plain)
    assert json.loads(to_json(value)) == plain
    assert to_plain(found) == found


def test_the_order_of_a_dict_is_kept():
    assert to_json({"z": 1, "a": [1, {"y": 2, "b": 3}]}) == '{"z": 1, "a": [1, {"y": 2, "b": 3}]}'
    assert to_json({"a": [1]}, indent=1) == '{\n "a": [\n  1\n ]\n}'
    assert to_json("é") == '"é"'


@pytest.mark.parametrize(
    "value",
    [
        object(),
        1j,
        decimal.Decimal(1),
        b"bytes",
        {"a": [object()]},
        int,
        iter([]),
    ],
)
def test_what_has_no_plain_form_is_refused(value):
    with pytest.raises(TypeError, match=r"^cannot write \w+ as JSON; give numbers, text, lists or dicts$"):
        to_json(value)


CHARACTERS = st.characters(exclude_categories=["Cs"])
PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**300), 10**300)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(CHARACTERS),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(CHARACTERS), inner, max_size=3),
    max_leaves=10,
)


@given(PLAIN)
@example({"": -0.0, "\x00": 5e-324, "😀": [1e308]})
def test_json_travels_exactly(value):
    text = to_json(value)
    assert from_json(text) == from_json(text.encode()) == to_plain(value) == value
    assert to_json(from_json(text)) == text
    text.encode()  # every text that is written can be stored


@given(st.text() | st.binary())
def test_whatever_text_comes_it_is_read_or_refused_in_one_sentence(text):
    try:
        from_json(text, "the body")
    except ValueError as error:
        assert str(error).startswith("the body ")
        assert "\n" not in str(error)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "the body is not JSON: expecting value at line 1, column 1"),
        ('{"a": 1,\nb}', "the body is not JSON: expecting property name enclosed in double quotes at line 2, column 1"),
        ("{'a': 1}", "the body is not JSON: expecting property name enclosed in double quotes at line 1, column 2"),
        ("1 2", "the body is not JSON: extra data at line 1, column 3"),
        ("[NaN]", "the body holds NaN; expected a finite number, or null where nothing is known"),
        ("Infinity", "the body holds Infinity; expected a finite number, or null where nothing is known"),
        ('{"a": [-Infinity]}', "the body holds -Infinity; expected a finite number, or null where nothing is known"),
        ("1e400", "the body holds the number 1e400, which is too large; expected a finite number"),
        ("[-1e400]", "the body holds the number -1e400, which is too large; expected a finite number"),
        ("9" * 400, f"the body holds the number {'9' * 20}, which is too large; expected a finite number"),
        ("-" + "9" * 5000, f"the body holds the number -{'9' * 19}, which is too large; expected a finite number"),
        ("1" + "0" * 400 + ".5", f"the body holds the number 1{'0' * 19}, which is too large; "
         "expected a finite number"),
        ('{"a": 1, "b": 2, "a": 3}', "the body names 'a' twice; expected each name once"),
        ('[{"x": {"": 1, "": 2}}]', "the body names '' twice; expected each name once"),
        (f'{{"{"n" * 99}": 1, "{"n" * 99}": 2}}', f"the body names '{'n' * 40}' twice; expected each name once"),
        ("[" * 100_000, "the body is nested too deeply"),
        ('{"a":' * 100_000, "the body is nested too deeply"),
        (b"\xff\xfe\x00", "the body is not JSON: its bytes are not UTF-8 text"),
        ('"é"'.encode("latin-1"), "the body is not JSON: its bytes are not UTF-8 text"),
        ('"\\ud800"', "the body holds half a character (a lone surrogate); expected whole ones"),
        ('{"\\uDFFF": 1}', "the body holds half a character (a lone surrogate); expected whole ones"),
        ('"\ud800"', "the body holds half a character (a lone surrogate); expected whole ones"),
        (b'"\xed\xa0\x80"', "the body is not JSON: its bytes are not UTF-8 text"),
    ],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
def test_strict_json(text, sentence):
    with pytest.raises(ValueError) as caught:
        from_json(text, "the body")
    assert str(caught.value) == sentence


def test_what_is_odd_and_allowed():
    assert from_json("1e-400") == 0
    assert from_json("-0.0") == 0
    assert math.copysign(1, from_json("-0.0")) == -1
    assert from_json("9" * 308) == 10**308 - 1
    assert from_json(b'\xef\xbb\xbf{"a": 1}') == {"a": 1}
    assert from_json('"\\ud83d\\ude00"') == "😀"
    assert from_json('"\\\\ud800"') == "\\ud800"
    assert from_json('{"a": {"a": 1}}') == {"a": {"a": 1}}
    assert from_json("[" * 100 + "]" * 100)
