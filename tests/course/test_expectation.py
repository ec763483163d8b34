"""Two values are the same or not, whatever they are kept in; what is said fits on one line."""

import math
from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlsd.course.lab.expectation import Mismatch, expect, expect_same, same, shown

PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**6), 10**6)
    | st.floats(allow_nan=True)
    | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=12,
)


class Yes:
    """Says that it equals everything."""

    def __eq__(self, other):
        return True

    __hash__ = None


class Broken:
    def __eq__(self, other):
        raise RuntimeError("do not ask")

    __hash__ = None


def frame(**columns):
    return pd.DataFrame(columns)


NOW = datetime(2026, 1, 5, tzinfo=UTC)
SAME = [
    (1, 1.0), (True, 1), (np.bool_(True), True), (np.int64(3), 3), (np.float32(0.5), 0.5),
    (0.1 + 0.2, 0.3), (1e12, 1e12 + 1e-3), (math.inf, math.inf), (math.nan, np.float64("nan")),
    ([1, 2], (1, 2)), (np.array([1.0, 2.0]), [1, 2]), (np.array(3.0), 3),
    (np.array([[1, 2], [3, 4]]), [[1, 2], [3, 4]]),
    (pd.Series([1, 2], index=[7, 8]), [1, 2]), (pd.Index(["a"]), ["a"]), (pd.array(["a", "b"]), ["a", "b"]),
    (pd.Series(["a", "b", "a"]).unique(), ["a", "b"]), (pd.Categorical(["x"]), ["x"]),
    (np.str_("a"), "a"), (np.array(["a"]), ["a"]), ({1, 2}, frozenset({2, 1})), ({"a": [1]}, {"a": (1.0,)}),
    (None, None), (pd.NA, pd.NA), (pd.NaT, pd.NaT), (np.datetime64("2026-01-05"), pd.Timestamp("2026-01-05")),
    (pd.Timestamp(NOW), NOW), (np.complex128(1 + 2j), np.complex128(1 + 2j)), (frame(a=[1, 2]), frame(a=[1.0, 2.0])),
    (np.array([]), []), (frame(), frame()),
]  # fmt: skip
OTHER = [
    (1, 2), (1, "1"), (True, "True"), (0.3, 0.31), (math.inf, -math.inf), (math.inf, 1e308),
    (math.nan, 0), (None, math.nan),
    (None, 0), (None, False), (None, ""), ([1], 1), (np.array([1]), 1), ([1, 2], [1, 2, 3]),
    ([1, 2], [2, 1]), ([1], {1}),
    (np.array([[1, 2]]), [1, 2]), ({1}, {1, 2}), ({"a": 1}, {"b": 1}),
    ({"a": 1}, ["a"]), ("ab", ["a", "b"]), (b"a", "a"),
    (np.complex128(1 + 2j), np.complex128(1 + 3j)), (np.complex128(1 + 2j), 1), (pd.NA, 0), (pd.NaT, NOW),
    (np.timedelta64(1, "s"), 1), (pd.Timestamp(NOW), pd.Timestamp("2026-01-06", tz="UTC")),
    (Yes(), 1), (1, Yes()), ([Yes()], [1]),
    (frame(a=[1]), frame(b=[1])), (frame(a=[1], b=[2]), frame(b=[2], a=[1])), (frame(a=[1]), [1]), (frame(a=[1]), None),
    ((x for x in [1]), [1]), (iter([1]), [1]), (lambda: 1, 1), (range, 1), (..., None),
]  # fmt: skip


@pytest.mark.parametrize(("a", "b"), SAME, ids=lambda value: type(value).__name__)
def test_these_are_the_same_from_both_sides(a, b):
    assert same(a, b) is True and same(b, a) is True


@pytest.mark.parametrize(("a", "b"), OTHER, ids=lambda value: type(value).__name__)
def test_these_are_not_from_neither_side(a, b):
    assert same(a, b) is False and same(b, a) is False


@given(PLAIN)
def test_a_value_is_the_same_as_itself_and_as_its_copy_in_other_boxes(value):
    def boxed(part):
        if isinstance(part, list):
            return tuple(map(boxed, part))
        if isinstance(part, dict):
            return {np.str_(key): boxed(item) for key, item in part.items()}
        return np.float64(part) if isinstance(part, float) else part

    assert same(value, value) and same(value, boxed(value)) and same(boxed(value), value)


@given(st.floats(-1e6, 1e6), st.floats(1e-9, 1e-2))
def test_the_tolerance_is_relative_above_one_and_absolute_below(x, tolerance):
    room = tolerance * max(1.0, abs(x))
    assert same(x + 0.9 * room, x, tolerance) and not same(x + 1.1 * room + 1e-9, x, tolerance)


def test_columns_of_one_name_are_compared_one_by_one():
    twice = pd.DataFrame([[1, 2]], columns=["a", "a"])
    assert same(twice, twice.copy()) and not same(twice, pd.DataFrame([[1, 3]], columns=["a", "a"]))


def test_a_broken_equality_is_not_hidden():
    with pytest.raises(RuntimeError, match="do not ask"):
        same(Broken(), Broken())


def test_expect_says_its_sentence_only_when_it_does_not_hold():
    expect(np.bool_(True), "fine")
    expect(1, "fine")
    for holds in (False, np.bool_(False), 0, [], None):
        with pytest.raises(Mismatch, match="not so"):
            expect(holds, "not so")


@pytest.mark.parametrize(
    ("got", "wanted", "about", "said"),
    [
        (1, 2, "", "got 1, expected 2"),
        (None, 2, "half", "half: got None, expected 2 (does the function return something?)"),
        (None, "x", "", "got None, expected 'x' (does the function return something?)"),
        ([1.0], {2}, "after", "after: got [1], expected {2}"),
        (1, None, "", "got 1, expected None"),
        ([*range(9)], [*range(8), 1], "", "at position 8 of 0 to 8: got 8, expected 1"),
        (np.arange(40.0), pd.Series([0.0] * 40), "after", "after, at position 1 of 0 to 39: got 1, expected 0"),
        (frame(a=[1], b=["x"]), frame(a=[1], b=["y"]), "", "column b: got ['x'], expected ['y']"),
        (
            frame(a=[*range(9)]), frame(a=[*range(8), 1]), "rows",
            "rows, column a, at position 8 of 0 to 8: got 8, expected 1",
        ),
        (
            frame(a=[1]), frame(b=[1]), "",
            "got a table of 1 row with the columns a, expected a table of 1 row with the columns b",
        ),
    ],
)  # fmt: skip
def test_a_mismatch_names_both_values(got, wanted, about, said):
    with pytest.raises(Mismatch) as caught:
        expect_same(got, wanted, about)
    assert str(caught.value) == said


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (np.float32(0.1), "0.1"), (np.int64(3), "3"), (np.bool_(True), "True"), ("a\nb", r"'a\nb'"),
        (np.array([1.25, np.nan]), "[1.25, nan]"), (pd.Series(["a"]), "['a']"), (np.array(2.0), "2"),
        (frame(a=[1, 2], b=[3, 4]), "a table of 2 rows with the columns a, b"), (abs, "<built-in function abs>"),
        (pd.DataFrame(), "a table of 0 rows with no columns"), (frame(a=[]), "a table of 0 rows with the columns a"),
        (test_a_broken_equality_is_not_hidden, "<function test_a_broken_equality_is_not_hidden>"),
    ],
)  # fmt: skip
def test_a_value_is_shown_in_a_line_without_an_address(value, text):
    assert shown(value) == text


@given(PLAIN)
def test_no_value_takes_more_than_one_short_line(value):
    assert len(shown(value)) <= 90 and "\n" not in shown(value)
    assert shown("x" * 200).endswith("…")
