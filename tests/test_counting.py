"""A column is counted on cells that hold equal shares, whatever its values are and however stored."""

import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlsd.column_profile import MAX_LEVELS, ColumnProfile
from mlsd.counting import cut_edges, profile_column

FLOATS = st.lists(
    st.one_of(
        st.floats(allow_nan=True, allow_infinity=True),
        st.sampled_from([0.0, -0.0, 1.0, 2.0, 5e-324, -1.7976931348623157e308, 1.7976931348623157e308]),
    ),
    max_size=60,
)


def column(values, **kwargs) -> ColumnProfile:
    return profile_column(pd.Series(values, name="x", **kwargs))


@given(FLOATS)
def test_each_number_is_counted_in_the_cell_between_its_edges(values):
    values = np.array(values, dtype=float)
    edges = cut_edges(values)
    profile = profile_column(pd.Series(values, name="x"), kind="number")
    bounds = [-np.inf, *edges, np.inf]
    by_hand = [int(((values > a) & (values <= b)).sum()) for a, b in itertools.pairwise(bounds)]
    by_hand[0] += int((values == -np.inf).sum())
    assert list(profile.counts) == by_hand
    assert profile.missing == np.isnan(values).sum()
    assert profile.edges == edges


@given(FLOATS)
def test_no_finite_value_of_the_reference_lies_outside_its_edges(values):
    values = np.array(values, dtype=float)
    edges, finite = cut_edges(values), values[np.isfinite(values)]
    assert all(a < b for a, b in itertools.pairwise(edges))
    if len(finite) and finite.min() > np.finfo(float).min:  # nothing lies below the lowest float
        assert edges[0] < finite.min()
    assert not len(finite) or edges[-1] == finite.max()


def test_a_smooth_column_is_cut_into_a_hundred_equal_shares():
    counts = np.array(column(np.random.default_rng(0).normal(size=5000)).counts)
    assert len(counts) == 102
    assert (counts[0], counts[-1]) == (0, 0)  # below and above
    assert set(counts[1:-1].tolist()) == {50}


def test_a_value_with_more_than_a_share_has_a_cell_of_its_own():
    rng = np.random.default_rng(0)
    values = np.where(rng.random(5000) < 0.6, 0.0, rng.lognormal(size=5000))
    profile = column(values)
    zero = profile.edges.index(0.0)
    assert profile.counts[zero] == (values == 0).sum()
    assert profile.edges[zero - 1] == np.nextafter(0, -np.inf)
    rest = [count for i, count in enumerate(profile.counts[1:-1], 1) if i != zero]
    assert max(rest) <= 52  # the rest is cut into shares of 50
    assert len(rest) == pytest.approx(40, abs=1)


@given(st.lists(st.sampled_from([0.0, 0.5, 0.50001, 3.0, 4.0, 5.0, 6.0, 7.5]), min_size=20, max_size=200))
def test_whoever_holds_more_than_a_share_stands_alone(values):
    n, edges = len(values), cut_edges(np.array(values))
    for value in set(values):
        if values.count(value) * (n // 10) > n:
            assert value in edges
            assert np.nextafter(value, -np.inf) in edges


def test_few_rows_get_few_cells():
    rng = np.random.default_rng(0)
    assert [len(cut_edges(rng.normal(size=n))) - 1 for n in (1, 19, 50, 999, 1000, 20_000)] == [
        1, 1, 5, 99, 100, 100,
    ]  # fmt: skip


@given(st.lists(st.integers(-50, 50), min_size=1, max_size=300), st.floats(0, 1))
def test_a_quantile_lies_in_the_cell_that_holds_it(values, q):
    profile = profile_column(pd.Series(values, name="x"), kind="integer")
    found = profile.quantile(q)
    assert profile.minimum <= found <= profile.maximum
    bounds = [-np.inf, *profile.edges, np.inf]
    cell = np.searchsorted(bounds, found)  # cell holding the answer, (bounds[cell-1], bounds[cell]]
    below, above = sum(profile.counts[: cell - 1]), sum(profile.counts[cell:])
    assert below <= q * len(values) + 1e-9
    assert above <= (1 - q) * len(values) + 1e-9 or found == profile.minimum


def test_quantiles_of_many_values_are_numpys():
    values = np.random.default_rng(0).lognormal(size=20_000)
    for q in (0.1, 0.25, 0.5, 0.9):
        assert column(values).quantile(q) == pytest.approx(np.quantile(values, q), rel=0.01)
    assert profile_column(pd.Series(["a", "b"], name="x")).quantile(0.5) is None


def test_infinities_count_below_and_above_and_leave_the_extremes_finite():
    profile = column([-np.inf, 1.0, 2.0, np.inf, np.inf, np.nan])
    assert (profile.counts[0], profile.counts[-1], profile.missing) == (1, 2, 1)
    assert (profile.minimum, profile.maximum) == (1.0, 2.0)
    assert column([np.inf, np.inf]).counts == (2,)


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([0.5, 1.0, None], "number"),
        ([1.0, 2.0, None], "integer"),
        ([1, 2, 2], "integer"),
        ([1, 2**80, 3], "integer"),
        ([True, False, None], "boolean"),
        ([1, 0, True], "integer"),
        (["a", "b", "a"], "category"),
        ([f"word {i}" for i in range(30)], "text"),
        ([f"word {i % 15}" for i in range(30)], "category"),
        ([f"word {i % 1001}" for i in range(9000)], "text"),
        (list(range(100, 200)), "key"),
        ([float(i) for i in np.random.default_rng(0).permutation(500)[:400]], "key"),
        ([2 * i for i in range(100)], "integer"),
        ([None, float("nan"), pd.NA], "empty"),
        ([], "empty"),
        ([[1], [2]], "other"),
        ([{"a": 1}, {1, 2}, None], "other"),
        ([1j], "other"),
        (pd.to_datetime(["2024-02-05", None], utc=True), "time"),
        (pd.to_datetime(["2024-02-05"]), "other"),
        (pd.to_timedelta(["1h"]), "other"),
        ([1, 2, "three", "four", 5], "integer"),
    ],
)
def test_the_kind_is_judged_by_the_values(values, kind):
    profile = column(values, dtype=None if len(values) else object)
    assert profile.kind == kind
    assert profile.n == len(values)
    again = profile_column(pd.Series(values, name="x", dtype=None if len(values) else object), like=profile)
    assert again == profile


STORAGES = {
    "text": (
        ["a", "b", None, "a", "ü"],
        ["str", "string[python]", "string[pyarrow]", object, "category",
         pd.StringDtype("python", na_value=np.nan)],
    ),
    "whole numbers": ([3, 1, None, 3, 2], ["float64", "Int64", "Int8", "int64[pyarrow]", object, "category"]),
    "numbers": ([0.5, 1.25, None, -3.0], ["float64", "float32", "Float64", "double[pyarrow]", object, "category"]),
    "booleans": ([True, False, None, True], ["boolean", "bool[pyarrow]", object, "category"]),
    "times": (
        [pd.Timestamp("2024-02-05T10:00", tz="UTC"), None, pd.Timestamp("2024-02-06T09:30:00.5", tz="UTC")],
        ["datetime64[ns, UTC]", "datetime64[us, UTC]", "datetime64[ns, Europe/Brussels]", object],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("values", "dtypes"), STORAGES.values(), ids=STORAGES)
def test_equal_values_have_equal_profiles_however_stored(values, dtypes):
    profiles = [profile_column(pd.Series(values, name="x", dtype=object).astype(dtype)) for dtype in dtypes]
    assert profiles[0].missing == 1
    assert profiles[0].kind not in ("other", "empty")
    for dtype, profile in zip(dtypes, profiles, strict=True):
        assert profile == profiles[0], dtype
    for dtype in dtypes:  # and as windows
        series = pd.Series(values, name="x", dtype=object).astype(dtype)
        assert profile_column(series, like=profiles[0]) == profiles[0], dtype


def test_cells_of_another_kind_are_counted_as_wrong_type():
    likes, topic, flag = column([1, 2, 3]), column(["a", "b", "a"]), column([True, False])
    mixed = pd.Series([1, "2", True, None, 3.5, [4], "a"], name="x", dtype=object)
    assert profile_column(mixed, like=likes).wrong_type == 4  # two texts, a boolean, a list
    assert profile_column(mixed, like=topic).wrong_type == 4  # two numbers, a boolean, a list
    assert profile_column(mixed, like=flag).wrong_type == 5
    assert profile_column(pd.Series(["1", "2"], name="x"), like=likes).wrong_type == 2
    assert profile_column(mixed, like=likes).present == 2


def test_names_beyond_a_thousand_are_other_and_new_ones_cannot_be_told():
    names = pd.Series([f"n{i:04}" for i in range(1500) for _ in range(2)] + ["often"] * 9, name="x")
    profile = profile_column(names, kind="category")
    assert len(profile.levels) == MAX_LEVELS
    assert profile.levels[:2] == ("often", "n0000")
    assert profile.counts[-1] == 2 * (1500 - 999)
    window = profile_column(pd.Series(["often", "brand new"], name="x"), like=profile)
    assert (window.counts[0], window.counts[-1], window.unseen) == (1, 1, 0)


def test_a_window_counts_unseen_names_and_keeps_the_first_twenty():
    window = profile_column(
        pd.Series(["a"] + [f"n{i:02}" for i in range(25)] * 2, name="x"), like=column(["a", "b", "a"])
    )
    assert window.counts == (1, 0, 0)
    assert window.unseen == 50
    assert window.unseen_names == tuple(f"n{i:02}" for i in range(20))
