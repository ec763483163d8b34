"""Held-out rows: a fifth, the latest where there is time, of each class where there are classes."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlsd.training.holdout import hold_out

SIZES = st.integers(1, 300)
SEEDS = st.integers(0, 1000)


@given(SIZES, SEEDS)
def test_every_row_is_on_one_side_and_a_fifth_is_held_out(n, seed):
    kept, held, how = hold_out(pd.DataFrame({"x": range(n)}), None, None, seed)
    assert sorted([*kept, *held]) == list(range(n))
    assert len(held) == n // 5
    assert how == f"the last fifth, drawn at random with random_state {seed}"


@given(SIZES, SEEDS, st.integers(2, 5))
def test_each_class_gives_a_fifth_of_its_rows(n, seed, k):
    codes = np.random.default_rng(seed).integers(0, k, n) ** 2
    kept, held, _ = hold_out(pd.DataFrame({"x": range(n)}), None, codes, seed)
    assert sorted([*kept, *held]) == list(range(n))
    for code in np.unique(codes):
        assert (codes[held] == code).sum() == (codes == code).sum() // 5


@pytest.mark.parametrize("stored", ["datetime64[us, UTC]", "datetime64[ns, UTC]", "object", "text"])
def test_the_latest_fifth_is_held_out_where_rows_have_a_time(stored):
    rng = np.random.default_rng(0)
    minutes = rng.permutation(100)
    moments = pd.Series(pd.Timestamp("2024-02-05T10:00Z") + pd.to_timedelta(minutes, unit="min"))
    column = moments.map(lambda m: m.isoformat()) if stored == "text" else moments.astype(stored)
    kept, held, how = hold_out(pd.DataFrame({"at": column}), "at", None, 0)
    assert minutes[held].min() == 80 > minutes[kept].max()
    assert how == "the last fifth by at"


def test_a_row_without_time_is_not_the_latest():
    column = pd.Series(pd.date_range("2024-02-05", periods=10, tz="UTC"))
    column.iloc[9] = pd.NaT
    kept, held, _ = hold_out(pd.DataFrame({"at": column}), "at", None, 0)
    assert sorted(held) == [7, 8]
    assert 9 in kept


def test_the_draw_repeats_and_differs_by_random_state():
    frame = pd.DataFrame({"x": range(100)})
    one, again, other = (hold_out(frame, None, None, seed)[1].tolist() for seed in (1, 1, 2))
    assert one == again != other
