"""rows_where: conditions over a table that has no schema."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlsd.data.where import rows_where
from mlsd.report import RefusedError


@given(st.lists(st.one_of(st.none(), st.floats(-3, 3)), max_size=10))
def test_oracle_is_pandas(values):
    frame = pd.DataFrame({"a": values}, dtype="float64")
    for condition in ("a > 1", "a > -1 and a <= 1", "not a == 0"):
        expected = [value is not None and bool(eval(condition, {"a": value})) for value in values]
        assert rows_where(frame, condition).tolist() == expected


def test_booleans_text_and_times():
    frame = pd.DataFrame(
        {"new": [True, False], "kind": pd.Categorical(["job", "sale"]), "void": [None, None]}
    )
    assert rows_where(frame, "new").tolist() == [True, False]
    assert rows_where(frame, "kind == 'sale'").tolist() == [False, True]
    assert not rows_where(frame, "void > 3").any()
    assert rows_where(frame.iloc[:0], "kind == 'sale'").shape == (0,)


def test_what_cannot_be_asked_is_one_sentence():
    frame = pd.DataFrame({"n": [1, "a"], "x": [np.nan, 2.0], "k": ["a", "b"]})
    for condition, words in (
        ("n > 1", "holds numbers and text"),
        ("k > 1", "compares text with numbers"),
        ("x + 1", "is no condition"),
        ("y > 1", "no column 'y'"),
    ):
        with pytest.raises(RefusedError, match=words):
            rows_where(frame, condition)
