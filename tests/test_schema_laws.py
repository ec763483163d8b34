"""The laws of a schema, over tables of every dtype that it supports."""

import datetime as dt
import sys

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlsd.plain import is_missing
from mlsd.schema import Column, Rule, Schema

NUMBERS = st.floats(allow_nan=True, allow_infinity=False)
SMALL = st.integers(-(2**31), 2**31)
WORDS = st.text(max_size=4)
FEW = st.sampled_from(["en", "nl", "", "a b", "é"])
MOMENTS = st.datetimes(dt.datetime(1800, 1, 1), dt.datetime(2200, 1, 1), timezones=st.just(dt.UTC))


def holed(values):
    """Values of which some are missing, in all the ways of being missing."""
    return values | st.sampled_from([None, float("nan"), pd.NA, pd.NaT])


def none_or(values):
    return values | st.none()


def cells(values, dtype, n):
    return st.lists(values, min_size=n, max_size=n).map(lambda found: pd.Series(found, dtype=dtype))


DTYPES = {
    "float64": lambda n: cells(NUMBERS, "float64", n),
    "float32": lambda n: cells(st.floats(width=32, allow_infinity=False), "float32", n),
    "whole floats": lambda n: cells(none_or(SMALL), "float64", n),
    "int64": lambda n: cells(st.integers(-(2**63), 2**63 - 1), "int64", n),
    "uint8": lambda n: cells(st.integers(0, 255), "uint8", n),
    "Int64": lambda n: cells(none_or(SMALL), "Int64", n),
    "Float64": lambda n: cells(none_or(st.floats(-1e9, 1e9)), "Float64", n),
    "bool": lambda n: cells(st.booleans(), "bool", n),
    "boolean": lambda n: cells(none_or(st.booleans()), "boolean", n),
    "str": lambda n: cells(none_or(FEW), "str", n),
    "string": lambda n: cells(none_or(WORDS), "string", n),
    "python str": lambda n: cells(none_or(WORDS), pd.StringDtype("python", na_value=np.nan), n),
    "object text": lambda n: cells(holed(WORDS), "object", n),
    "object integers": lambda n: cells(holed(st.integers(-(10**30), 10**30)), "object", n),
    "object numbers": lambda n: cells(holed(st.floats(-1e9, 1e9) | SMALL), "object", n),
    "object booleans": lambda n: cells(holed(st.booleans()), "object", n),
    "object times": lambda n: cells(none_or(MOMENTS), "object", n),
    "category": lambda n: cells(none_or(FEW), "category", n),
    "ordered category": lambda n: cells(
        none_or(st.sampled_from("LMS")), pd.CategoricalDtype(["S", "M", "L"], ordered=True), n
    ),
    "category of numbers": lambda n: cells(none_or(st.integers(0, 3)), "category", n),
    "category of booleans": lambda n: cells(none_or(st.booleans()), "category", n),
    "UTC times": lambda n: cells(none_or(MOMENTS), "datetime64[us, UTC]", n),
    "Amsterdam times": lambda n: cells(none_or(MOMENTS), "datetime64[us, UTC]", n).map(
        lambda s: s.dt.tz_convert("Europe/Amsterdam")
    ),
    "arrow integers": lambda n: cells(none_or(SMALL), "int64[pyarrow]", n),
    "arrow booleans": lambda n: cells(none_or(st.booleans()), "bool[pyarrow]", n),
    "arrow text": lambda n: cells(none_or(FEW), "string[pyarrow]", n),
    "arrow times": lambda n: cells(none_or(MOMENTS), "timestamp[us, tz=UTC][pyarrow]", n),
    "all missing float": lambda n: st.just(pd.Series([np.nan] * n, dtype="float64")),
    "all missing object": lambda n: st.just(pd.Series([None] * n, dtype="object")),
    "all missing category": lambda n: st.just(pd.Series([None] * n, dtype="category")),
    "all missing times": lambda n: st.just(pd.Series([None] * n, dtype="datetime64[ns]")),
    "constant number": lambda n: NUMBERS.map(lambda x: pd.Series([x] * n, dtype="float64")),
    "constant text": lambda n: WORDS.map(lambda x: pd.Series([x] * n, dtype="str")),
    "sparse": lambda n: cells(none_or(SMALL), "float64", n).map(lambda s: s.astype(pd.SparseDtype("float64"))),
}  # fmt: skip
INDEXES = {
    "range": lambda n: pd.RangeIndex(n),
    "text": lambda n: pd.Index([f"row {i}" for i in range(n)]),
    "doubled": lambda n: pd.Index([0] * n),
    "times": lambda n: pd.date_range("2024-01-01", periods=n, tz="UTC"),
    "periods": lambda n: pd.period_range("2024-01", periods=n, freq="M"),
    "levels": lambda n: pd.MultiIndex.from_tuples([(i // 2, str(i)) for i in range(n)], names=["a", "b"]),
}


@st.composite
def frames(draw, kinds=tuple(DTYPES), max_size=45):
    n = draw(st.integers(1, max_size))
    chosen = draw(st.lists(st.sampled_from(kinds), min_size=1, max_size=4, unique=True))
    index = INDEXES[draw(st.sampled_from(list(INDEXES)))](n)
    return pd.DataFrame({name: draw(DTYPES[name](n)).set_axis(index) for name in chosen}, index=index)


# ---- infer accepts what it learnt from -----------------------------------------------------------


@given(frames())
@settings(max_examples=120)
def test_what_a_schema_learnt_from_passes(frame):
    schema = Schema.infer(frame)
    report = schema.validate(frame)
    assert report.ok, report
    clean, rejected = schema.quarantine(frame)
    pd.testing.assert_frame_equal(clean, frame)
    assert len(rejected) == 0
    assert list(rejected) == [*frame, "reasons"]


@pytest.mark.parametrize("dtype", DTYPES)
def test_every_dtype_alone_passes_and_travels_as_json(dtype):
    @given(frames(kinds=(dtype,)))
    @settings(max_examples=12)
    def law(frame):
        schema = Schema.infer(frame)
        assert schema.validate(frame).ok
        assert Schema.from_json(schema.to_json()) == schema
        array = schema.encode_frame(frame)
        assert array.shape == (len(frame), len(schema.features()))
        for at, name in enumerate(schema.features()):
            np.testing.assert_array_equal(np.isnan(array[:, at]), is_missing(frame[name]))

    law()


@given(frames(kinds=("float64", "Int64", "str", "boolean", "object text")))
@settings(max_examples=40)
def test_the_order_and_storage_of_rows_do_not_change_the_schema(frame):
    schema = Schema.infer(frame)
    assert Schema.infer(frame.iloc[::-1]) == schema
    assert Schema.infer(frame.convert_dtypes()).names == schema.names
    assert schema.validate(frame.astype(object)).ok


# ---- quarantine against a ten-line row checker ---------------------------------------------------

SCHEMAS = {
    "number": Column("x", "number", minimum=-1, maximum=5),
    "number, nullable": Column("x", "number", nullable=True, maximum=5),
    "integer": Column("x", "integer", minimum=0),
    "boolean": Column("x", "boolean"),
    "category": Column("x", "category", categories=("en", "nl")),
    "category, nullable": Column("x", "category", nullable=True, categories=("en", "")),
    "text": Column("x", "text"),
    "text, unique": Column("x", "text", unique=True),
    "integer, unique": Column("x", "integer", unique=True, nullable=True),
    "time": Column("x", "time", nullable=True),
}
HOSTILE = st.sampled_from(
    [None, float("nan"), pd.NA, pd.NaT, 0, 1, 2, -1, 7, 2.0, 2.5, -0.0, float("inf"), float("-inf"), 10**400,
     -(10**400), 2**63, True, False, np.True_, np.int64(3), np.float32(0.1), "en", "nl", "", "12", b"en",
     pd.Timestamp("2024-01-01", tz="UTC"), pd.Timestamp("2024-01-01"), np.datetime64("2024-01-01"),
     dt.date(2024, 1, 1), pd.Timedelta("1s"), (1, 2), 1j]
) | st.builds(lambda: [1]) | st.builds(lambda: {"a": 1})  # fmt: skip


def one_cell(column, value):
    """What one value breaks, by the book: a set of codes; uniqueness is no matter of one row."""
    if value is None or value is pd.NA or value is pd.NaT or (isinstance(value, float) and value != value):
        return set() if column.nullable else {"null"}
    boolean = isinstance(value, bool | np.bool_)
    number = isinstance(value, int | float | np.number) and not boolean and not isinstance(value, complex)
    number = number and not isinstance(value, np.timedelta64)
    if column.kind in ("number", "integer"):
        if not number:
            return {"type"}
        value = getattr(value, "item", lambda: value)()  # numpy's scalars as Python's numbers
        if abs(value) > sys.float_info.max:
            return {"infinite"}
        broken = {"type"} if column.kind == "integer" and value != int(value) else set()
        low = column.minimum is not None and value < column.minimum
        high = column.maximum is not None and value > column.maximum
        return broken | ({"range"} if low or high else set())
    if column.kind == "boolean":
        return set() if boolean else {"type"}
    if column.kind == "time":
        return set() if isinstance(value, dt.datetime) and value.tzinfo is not None else {"type"}
    if not isinstance(value, str):
        return {"type"}
    return {"category"} if column.kind == "category" and value not in column.categories else set()


PHRASES = {
    "null": "is missing", "type": "has the wrong type", "infinite": "is infinite", "range": "is outside",
    "category": "is not a known category", "unique": "repeats an earlier row",
}  # fmt: skip


@pytest.mark.parametrize("name", SCHEMAS)
def test_quarantine_parts_the_rows_as_the_row_checker_does(name):
    column = SCHEMAS[name]

    @given(st.lists(HOSTILE, max_size=12))
    @settings(max_examples=40)
    def law(values):
        frame = pd.DataFrame({"x": pd.Series(values, dtype=object), "at": range(len(values))})
        schema = Schema((column, Column("at", "integer")))
        expected, seen = [], []
        for value in values:
            broken = one_cell(column, value)
            if column.unique and not broken - {"range", "infinite"} and not is_missing(value):
                broken |= {"unique"} if value in seen else set()
                seen.append(value)
            expected.append(broken)
        clean, rejected = schema.quarantine(frame)
        assert clean["at"].tolist() == [at for at, broken in enumerate(expected) if not broken]
        assert rejected["at"].tolist() == [at for at, broken in enumerate(expected) if broken]
        for at, reasons in zip(rejected["at"], rejected["reasons"], strict=True):
            codes = {code for code, words in PHRASES.items() if f"x {words}" in reasons}
            assert codes == expected[at]
            assert len(reasons.split("; ")) == len(codes)
        report = schema.validate(frame)
        for code in PHRASES:
            count = sum(code in broken for broken in expected)
            assert [f.count for f in report.failures if f.code == code] == ([count] if count else [])
        assert schema.validate(clean).ok
        assert report.ok == (len(rejected) == 0)

    law()


@given(frames(), frames(), st.data())
@settings(max_examples=100)
def test_quarantine_loses_nothing_keeps_order_and_dtypes(taught, frame, data):
    schema = Schema.infer(taught)
    shared = [name for name in frame if name in schema]
    schema = schema.select(shared)
    strict = Schema(tuple(Column(c.name, c.kind, categories=c.categories, unique=c.unique) for c in schema))
    numbered = frame.assign(at=np.arange(len(frame)))
    clean, rejected = strict.quarantine(numbered)
    assert sorted([*clean["at"], *rejected["at"]]) == list(range(len(frame)))
    assert clean["at"].is_monotonic_increasing
    assert rejected["at"].is_monotonic_increasing
    assert (rejected["reasons"] != "").all()
    pd.testing.assert_frame_equal(clean, numbered.iloc[clean["at"]])
    pd.testing.assert_frame_equal(rejected.drop(columns="reasons"), numbered.iloc[rejected["at"]])
    assert strict.validate(clean).ok
    assert len(strict.quarantine(clean)[1]) == 0


# ---- encode: one record and a table agree, and agree with validate -------------------------------

ENCODED = (
    Column("number", "number", minimum=-3, maximum=5),
    Column("loose", "number", nullable=True),
    Column("count", "integer", minimum=0, maximum=10, nullable=True),
    Column("flag", "boolean"),
    Column("maybe", "boolean", nullable=True),
    Column("word", "category", categories=("nl", "en", "")),
    Column("perhaps", "category", categories=("1", "2"), nullable=True),
)
RULED = Schema(ENCODED, rules=(Rule("count <= number + 3"), Rule("word != perhaps or not flag")))
GOOD = {
    "number": st.floats(-3, 5) | st.integers(-3, 5),
    "loose": st.floats(allow_infinity=False) | st.integers(-(10**300), 10**300) | st.none(),
    "count": st.integers(0, 10) | st.sampled_from([2.0, None, float("nan")]),
    "flag": st.booleans(),
    "maybe": st.booleans() | st.none(),
    "word": st.sampled_from(["nl", "en", ""]),
    "perhaps": st.sampled_from(["1", "2", None]),
}


@given(st.fixed_dictionaries({name: good | HOSTILE for name, good in GOOD.items()}))
@settings(max_examples=200)
def test_encode_accepts_exactly_what_validate_accepts(record):
    for fields in (tuple(record), tuple(name for name in record if not one_cell(RULED[name], record[name]))):
        part = RULED.select(fields)
        frame = pd.DataFrame({name: pd.Series([record[name]], dtype=object) for name in fields}, index=[0])
        chosen = {name: record[name] for name in fields}
        codes = {(f.code, f.subject) for f in part.validate(frame).failures}
        try:
            encoded = part.encode([chosen])
        except ValueError as error:
            refused = {(f.code, f.subject) for f in error.report.failures}
            cells_only = {at for at in codes if at[0] != "rule"}
            assert refused == (cells_only or codes)  # rules are read once every cell is in order
        else:
            assert codes == set()
            assert encoded.tobytes() == part.encode_frame(frame).tobytes()


@given(st.lists(st.fixed_dictionaries(GOOD), min_size=1, max_size=5))
@settings(max_examples=60)
def test_encode_and_encode_frame_agree_bit_for_bit(records):
    schema = Schema(ENCODED)
    frame = pd.DataFrame(records)
    encoded = schema.encode(records)
    assert encoded.shape == (len(records), len(ENCODED))
    assert encoded.dtype == np.float64
    assert schema.encode_frame(frame).tobytes() == encoded.tobytes()
    assert (
        schema.encode_frame(frame.astype({"word": "category", "perhaps": "category"})).tobytes()
        == encoded.tobytes()
    )
    one_by_one = np.vstack([schema.encode(record) for record in records])
    assert one_by_one.tobytes() == encoded.tobytes()
    as_dicts = frame.astype(object).to_dict("records")  # what comes out of a table goes in again
    assert schema.encode(as_dicts).tobytes() == encoded.tobytes()


# ---- JSON ----------------------------------------------------------------------------------------

NAMES = st.text(min_size=1, max_size=8)
BOUND = st.none() | st.floats(allow_nan=False, allow_infinity=False)


@st.composite
def columns(draw, name):
    kind = draw(st.sampled_from(["number", "integer", "boolean", "category", "text", "time"]))
    parts = {
        "nullable": draw(st.booleans()), "unit": draw(WORDS), "description": draw(WORDS),
        "known_at": draw(st.sampled_from(["creation", "reaction", "label"])),
    }  # fmt: skip
    if kind in ("number", "integer"):
        low, high = draw(BOUND), draw(BOUND)
        if low is not None and high is not None:
            low, high = sorted([low, high] if kind == "number" else [float(int(low)), float(int(high))])
        parts |= {"minimum": low, "maximum": high}
    if kind == "category":
        parts["categories"] = tuple(draw(st.lists(WORDS, min_size=1, max_size=4, unique=True)))
    if kind in ("text", "integer", "time"):
        parts["unique"] = draw(st.booleans())
    if kind == "text":
        parts |= {
            "pattern": draw(st.sampled_from(["", "[a-z]+", "é|\\\\"])),
            "references": draw(st.sampled_from(["", "t.a.b"])),
        }
    if kind == "time":
        parts |= {"ordered": draw(st.booleans()), "max_age": draw(st.sampled_from(["", "90 minutes"]))}
    return Column(name, kind, **parts)


@st.composite
def schemas(draw):
    names = draw(st.lists(NAMES, max_size=5, unique=True))
    found = tuple(draw(columns(name)) for name in names)
    target = draw(st.none() | st.sampled_from(names)) if names else None
    numeric = [c.name for c in found if c.kind in ("number", "integer") and "`" not in c.name]
    rules = tuple(Rule(f"rule {name!r}", f"`{name}` >= 0.5 * `{name}` - 1") for name in numeric)
    unique = (tuple(names[:2]),) if len(names) > 1 and draw(st.booleans()) else ()
    return Schema(found, target, rules, unique)


@given(schemas())
def test_a_schema_travels_as_json_exactly(schema):
    again = Schema.from_json(schema.to_json())
    assert again == schema
    assert hash(again) == hash(schema)
    assert again.to_json() == schema.to_json()
    assert Schema.from_json(schema.to_json().encode()) == schema
