"""Targets: which task a column sets, and codes that lead back to the values."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlsd import RefusedError
from mlsd.target import MAX_CLASSES, encode_target, judge_target

VALUES = st.one_of(
    st.lists(st.text(max_size=3), min_size=2, max_size=30),
    st.lists(st.booleans(), min_size=2, max_size=30),
    st.lists(st.integers(-5, 5), min_size=2, max_size=30),
).filter(lambda values: len(set(values)) > 1)


@given(VALUES)
def test_codes_lead_back_to_the_values(values):
    task, classes = judge_target(values)
    codes = encode_target(values, task, classes)
    assert [classes[code] for code in codes] == values
    assert list(classes) == sorted(set(values))
    assert task == ("binary" if len(classes) == 2 else "multiclass")


@given(VALUES)
def test_how_values_are_stored_does_not_count(values):
    expected = judge_target(values)
    codes = encode_target(values, *expected).tolist()
    kind = {str: ["str", "category"], bool: ["boolean", "object"], int: ["float64", "Int64", "category"]}
    for dtype in kind[type(values[0])]:
        stored = pd.Series(values, dtype=dtype)
        assert judge_target(stored) == expected
        assert encode_target(stored, *expected).tolist() == codes


@pytest.mark.parametrize(
    ("values", "task"),
    [
        ([0, 1], "binary"),
        (range(20), "multiclass"),
        (range(21), "regression"),
        ([0.5, 1.0], "regression"),
        ([1.0, 2.0], "binary"),
        ([f"c{i}" for i in range(MAX_CLASSES)], "multiclass"),
    ],
)
def test_the_rule_that_sets_the_task(values, task):
    assert judge_target(list(values))[0] == task


def test_a_task_that_was_said_wins_over_the_rule():
    assert judge_target([3, 4, 5], task="regression") == ("regression", ())
    assert judge_target(list(range(30)), task="classification")[0] == "multiclass"
    assert judge_target(list(range(30)), task="multiclass")[1] == tuple(range(30))
    assert encode_target([3, 4], "regression", ()).tolist() == [3.0, 4.0]
    assert judge_target([True, False, True], task="regression") == ("regression", ())


@pytest.mark.parametrize(
    ("values", "task", "sentence"),
    [
        ([1, 1], None, "target 'y' holds only 1; expected at least two different values"),
        ([], None, "target 'y' holds only nothing"),
        (
            [1, None],
            None,
            r"'y' has no value in 1 of 2 rows; drop them first: frame.dropna\(subset=\['y'\]\)",
        ),
        (["a", 1], None, "target 'y' mixes 'a', 1; expected text, booleans or numbers alone"),
        ([True, 2], None, "target 'y' mixes True, 2"),
        ([(1,), (2,)], None, "target 'y' holds tuple values; expected text, booleans or numbers"),
        ([[1], [2]], None, "target 'y' holds lists or dicts"),
        ([1.0, np.inf], None, "target 'y' holds an infinite value; expected finite numbers"),
        (["a", "b"], "regression", "target 'y' holds text; a regression expects numbers"),
        ([1, 2, 3], "binary", "'y' has 3 classes, which makes the task multiclass, not binary"),
        (
            [f"c{i}" for i in range(101)],
            None,
            "'y' has 101 classes; expected at most 100: group the rare ones",
        ),
        ([1, 2], "order", "task is 'order'; expected 'binary', 'multiclass', 'regression' or 'ranking'"),
        ([0, 31], "ranking", "holds 31; a ranking expects how relevant each row is: True or False"),
        ([0, 0.5], "ranking", "holds 0.5; a ranking expects"),
        (["a", "b"], "ranking", "holds 'a'; a ranking expects"),
    ],
)
def test_what_sets_no_task_is_refused(values, task, sentence):
    with pytest.raises(RefusedError, match=sentence):
        judge_target(pd.Series(values, dtype=object), "y", task)


def test_text_among_numbers_is_refused_when_coded():
    with pytest.raises(RefusedError, match="'y' mixes text and numbers; expected numbers alone"):
        encode_target([1.0, "x"], "regression", (), "y")
