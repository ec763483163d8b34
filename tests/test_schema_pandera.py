"""The same contract in pandera fails the same rows."""

import sys
import warnings

import numpy as np
import pandas as pd
import pandera.pandas as pa
import pytest

from mlsd.report import RefusedError
from mlsd.schema import Column, Rule, Schema

NOW = pd.Timestamp("2024-01-05", tz="UTC")
MEMBERS = pd.DataFrame({"id": ["a", "b"]})
SCHEMA = Schema(
    (
        Column("key", "text", unique=True, pattern="p[0-9]|q"),
        Column("age", "integer", minimum=0, maximum=9, nullable=True),
        Column("weight", "number", minimum=1),
        Column("loose", "number", maximum=3, nullable=True),
        Column("flag", "boolean"),
        Column("language", "category", categories=("en", "nl"), nullable=True),
        Column("author", "text", references="members.id"),
        Column("at", "time", ordered=True, max_age="9 days", nullable=True),
    ),
    rules=(Rule("lighter than old", "age <= weight"), Rule("not flag or language == 'en'")),
    unique=(("age", "author"),),
)
VALUES = {
    "key": [*(f"p{at}" for at in range(10)), "pp", "q\n", "p11"],
    "age": [np.nan, 0, 1, 2, 9, 10, -1, 1.5, np.inf],
    "weight": [0.5, 1, 2, 5, 20, np.nan, np.inf],
    "loose": [np.nan, 3, 4, -np.inf],
    "flag": [True, False],
    "language": ["en", "nl", "xx", None],
    "author": ["a", "b", "c"],
}


def table(n, seed):
    rng = np.random.default_rng(seed)
    often = {name: values[: max(2, len(values) // 2)] for name, values in VALUES.items()}
    columns = {
        name: [
            VALUES[name][at % len(VALUES[name])] if rare else often[name][at % len(often[name])]
            for at, rare in zip(rng.integers(0, 100, n), rng.random(n) < 0.1, strict=True)
        ]
        for name in VALUES
    }
    days = np.sort(rng.integers(1, 5, n))
    days[rng.random(n) < 0.05] = 9  # the future
    days[rng.random(n) < 0.05] = 1
    days[0] = 1  # so that the table is never stale
    at = pd.to_datetime("2024-01-01", utc=True) + pd.to_timedelta(days - 1, unit="D")
    return pd.DataFrame(columns | {"at": at}).astype({"key": "str", "language": "str", "author": "str"})


def failing(schema, frame):
    try:
        schema.validate(frame, lazy=True)
    except pa.errors.SchemaErrors as error:
        return set(error.failure_cases["index"].dropna().astype(int))
    return set()


@pytest.mark.parametrize("n", [1, 2, 3, 5, 8, 13, 200])
def test_both_reject_the_same_rows(n):
    theirs = SCHEMA.to_pandera(now=NOW, tables={"members": MEMBERS})
    for seed in range(3):
        frame = table(n, seed)
        ours = SCHEMA.quarantine(frame, now=NOW, tables={"members": MEMBERS})[1]
        assert failing(theirs, frame) == set(ours.index)
    if n == 200:
        codes = {f.code for f in SCHEMA.validate(frame, now=NOW, tables={"members": MEMBERS}).failures}
        assert codes == {"null", "infinite", "type", "range", "category", "pattern", "unique", "order", "future",
                         "reference", "rule"}  # fmt: skip


def test_types_are_judged_on_values_there_too():
    theirs = Schema((Column("x", "integer"),)).to_pandera()
    for dtype in ("int64", "float64", "Int64", object, "int64[pyarrow]"):
        theirs.validate(pd.DataFrame({"x": pd.Series([1, 2], dtype=dtype)}))
    assert failing(theirs, pd.DataFrame({"x": pd.Series([1, "2", 2.5, True], dtype=object)})) == {1, 2, 3}


def test_a_stale_table_and_a_missing_column_fail():
    theirs = SCHEMA.to_pandera(now=NOW + pd.Timedelta(days=30), tables={"members": MEMBERS})
    good = pd.DataFrame(
        {"key": ["p1"], "age": [1], "weight": [2.0], "loose": [3.0], "flag": [True], "language": ["en"],
         "author": ["a"], "at": [NOW - pd.Timedelta(days=1)]}
    )  # fmt: skip
    with pytest.raises(pa.errors.SchemaErrors) as caught:
        theirs.validate(good.drop(columns="key"), lazy=True)
    assert {"newest at most 9 days old", "column_in_dataframe"} <= set(caught.value.failure_cases["check"])
    SCHEMA.to_pandera(now=NOW, tables={"members": MEMBERS}).validate(good)


def test_what_cannot_be_checked_and_what_is_not_installed_is_said(monkeypatch):
    with pytest.raises(RefusedError, match=r"^column 'author': it needs the table 'members'; give tables="):
        SCHEMA.to_pandera(now=NOW)
    with pytest.raises(
        RefusedError, match=r"^column 'at': its age cannot be told without a clock; give now=$"
    ):
        SCHEMA.to_pandera(tables={"members": MEMBERS})
    monkeypatch.setitem(sys.modules, "pandera.pandas", None)
    with pytest.raises(
        RefusedError, match=r"^to_pandera needs pandera, which is not installed: pip install pandera$"
    ):
        Schema(()).to_pandera()


def test_no_warning_is_raised_on_the_way():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        failing(Schema.infer(pd.DataFrame({"a": ["x", "y"] * 20, "b": range(40)})).to_pandera(),
                pd.DataFrame({"a": ["x", "z"], "b": [1, -1]}))  # fmt: skip
