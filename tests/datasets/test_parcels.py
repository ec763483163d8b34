"""The parcel world: its table, its ceiling, its drifts, and a random split that flatters a forecast."""

import functools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from mlsd.datasets import Drift, Fault, make_parcel_volumes, make_spam_posts, spam_law
from mlsd.datasets import drift as drift_module
from mlsd.datasets import parcels_law as law
from mlsd.digest import digest_frame
from mlsd.report import RefusedError

CREATION = ["day", "depot", "is_holiday", "promotion", "rain_mm", "temperature"]
FAULTS = [
    Fault("nulls", "rain_mm"),
    Fault("swapped_columns", "vans_at_nine", start=0.2, end=0.45, other="calls_at_nine"),
    Fault("stuck", "temperature", start=0.4, fraction=1.0),
    Fault("clock_skew", "day", strength=24),
    Fault("leak", "vans_at_nine", start=0.5, fraction=0.9),
    Fault("serving_skew", "calls_at_nine", fraction=1.0),
    Fault("duplicates"),
]


@functools.cache
def quiet(seed=0, n_days=1_096, depots=3):
    return make_parcel_volumes(n_days, depots=depots, random_state=seed)


def rmse(errors):
    return float(np.sqrt(np.mean(np.square(errors))))


# ---- the table -------------------------------------------------------------------------------------


def test_each_depot_has_each_day_once_in_order():
    frame = quiet().frame
    assert len(frame) == 3 * 1_096
    days = frame.pivot(index="day", columns="depot", values="n_parcels")
    assert list(days.index) == list(pd.date_range("2024-01-01", "2026-12-31", tz="UTC"))
    assert not days.isna().any(axis=None)
    assert frame["day"].is_monotonic_increasing
    assert frame["volume_id"].is_unique
    delay = frame["counted_at"] - frame["day"]
    assert (
        pd.Timedelta(hours=18) <= delay.min() < delay.max() <= quiet().label_delay == pd.Timedelta(hours=42)
    )


@pytest.mark.parametrize("drifts", [[], [Drift("data", 0, strength=3), Drift("concept", 0, strength=3)]],
                         ids=["quiet", "drifting"])  # fmt: skip
def test_every_column_holds_what_the_world_says(drifts):
    frame = make_parcel_volumes(8_000, depots=12, drifts=drifts).frame
    assert list(frame.columns) == [column.name for column in law.COLUMNS]
    assert not frame.isna().any(axis=None)
    for column in law.COLUMNS:
        cells = frame[column.name]
        if column.kind in ("number", "integer"):
            assert cells.dtype == ("int64" if column.kind == "integer" else "float64")
            assert cells.between(column.minimum, column.maximum).all()
        elif column.kind == "category":
            assert set(cells) == set(column.categories)
    assert frame.attrs["known_at"]["vans_at_nine"] == "reaction"
    assert frame.attrs["units"]["n_parcels"] == "parcels"


def test_holidays_stand_in_the_calendar():
    frame = quiet(depots=1).frame
    holidays = frame.loc[frame["is_holiday"], "day"]
    assert len(holidays) == 3 * 8
    assert {"2024-12-25", "2025-07-21", "2026-01-01"} <= set(holidays.dt.strftime("%Y-%m-%d"))


def test_promotions_are_whole_weeks_of_one_depot_and_the_weather_is_one_for_all():
    frame = quiet().frame
    week = (frame["day"] - frame["day"].iloc[0]).dt.days // 7
    assert (frame.groupby([week, "depot"])["promotion"].nunique() == 1).all()
    assert (frame.groupby("day")[["rain_mm", "temperature"]].nunique() == 1).all(axis=None)
    assert stats.binomtest(int(frame["promotion"].sum() / 7), 470, 0.15).pvalue > 0.001


def test_more_depots_and_more_days_leave_the_others_as_they_are():
    few, many = quiet(0, 300, 2).frame, quiet(0, 400, 5).frame
    names = ["is_holiday", "promotion", "rain_mm", "temperature"]
    shared = many[many["depot"].isin(few["depot"].unique()) & (many["day"] <= few["day"].max())]
    pd.testing.assert_frame_equal(shared[names].reset_index(drop=True), few[names], check_exact=True)
    mean = pd.Series(quiet(0, 400, 5).true_mean)[shared.index].to_numpy()
    assert np.array_equal(mean, quiet(0, 300, 2).true_mean)


# ---- one table, however it is cut; the same everywhere ---------------------------------------------


@settings(max_examples=15)
@given(
    n_days=st.integers(1, 900), depots=st.integers(1, 12), batch=st.integers(20, 9_000), broken=st.booleans()
)
def test_a_stream_of_any_batch_size_is_the_frame(n_days, depots, batch, broken):
    drifts = [Drift("data", 0.3, shape="gradual"), Drift("concept", 0.1, shape="recurring")]
    some = make_parcel_volumes(n_days, depots=depots, faults=FAULTS * broken, drifts=drifts * broken)
    batches = list(some.stream(batch))
    pd.testing.assert_frame_equal(pd.concat(batches), some.frame, check_exact=True)
    assert all(len(part) == batch for part in batches[:-1])
    assert len(some.true_mean) == len(some.true_mean_reactive) == len(some.frame)


EXPECTED = [
    "0db8cd1176c1e65be5a7134027300444920d39f6d521cf5794f3162bd2a205a8",
    "545efec2ff463192280eb4118ca3de7357bed2dd6b93e78d08158ac59ffc3e7d",
]


def digests():
    """The digests of a quiet and of a drifting world, true means included."""
    drifts = [Drift("data", 0.3, strength=0.7), Drift("concept", 0.4, shape="gradual")]
    for some in (make_parcel_volumes(), make_parcel_volumes(1_500, depots=12, random_state=7, drifts=drifts)):
        m = {"m": some.true_mean.round(4), "r": some.true_mean_reactive.round(4)}
        yield digest_frame(pd.concat([some.frame, pd.DataFrame(m)], axis=1))


def test_the_world_is_the_same_on_every_machine():
    """The digests were noted once, under Linux on x86-64; a change of the law changes them."""
    assert list(digests()) == EXPECTED


class Shaken:
    """numpy as on another machine: the last bits of exp, log and cos come out otherwise."""

    def __init__(self):
        self.rng = np.random.default_rng(0)
        self.shaken = 0

    def __getattr__(self, name):
        if name not in ("exp", "log1p", "cos", "sqrt", "power"):
            return getattr(np, name)
        return self.shake(getattr(np, name))

    def shake(self, function):
        def other(*arguments):
            exact = np.asarray(function(*arguments))
            self.shaken += exact.size
            return exact * (1 + self.rng.integers(-2, 3, exact.shape) * np.finfo(float).eps)

        return other


def test_last_bits_that_differ_between_machines_change_nothing(monkeypatch):
    from mlsd.datasets.parcels import _history

    shaken = Shaken()
    for module in (law, drift_module, spam_law):
        monkeypatch.setattr(module, "np", shaken)
    monkeypatch.setattr(spam_law, "ndtri", shaken.shake(spam_law.ndtri))
    _history.cache_clear()
    assert list(digests()) == EXPECTED
    _history.cache_clear()
    assert shaken.shaken > 200_000


# ---- the ceiling -----------------------------------------------------------------------------------


@pytest.mark.parametrize("drifts", [(), (Drift("data", 0.3), Drift("concept", 0.5, shape="gradual"))],
                         ids=["quiet", "drifting"])  # fmt: skip
def test_volumes_follow_the_true_mean_and_the_morning_tells_more(drifts):
    some = make_parcel_volumes(3_000, depots=12, random_state=2, drifts=drifts)
    y, m, r = some.frame["n_parcels"].to_numpy(), some.true_mean, some.true_mean_reactive
    for expected in (m, r):
        z = (y - expected) / m
        for part in np.array_split(np.argsort(m, kind="stable"), 10):
            assert stats.ttest_1samp(z[part], 0).pvalue > 0.001 / 20
    noise = np.sqrt((0.045 * m) ** 2 + 1 / 12)  # of the day, and of a uniform added before the floor
    assert rmse((y - m) / noise) == pytest.approx(1, abs=3.3 / np.sqrt(2 * len(y)))
    assert rmse((y - r) / m) == pytest.approx(0.8 * rmse((y - m) / m), rel=0.03)  # sqrt(1 - 0.6^2)


def test_a_number_has_no_probability_and_a_yes_has_a_mean():
    with pytest.raises(
        RefusedError, match=r"^n_parcels is an integer, which has no probability; read true_mean"
    ):
        _ = quiet().true_probability
    with pytest.raises(RefusedError, match=r"^n_parcels is an integer"):
        _ = quiet().true_probability_reactive
    posts = make_spam_posts(500)
    assert np.array_equal(posts.true_mean, posts.true_probability)
    assert np.array_equal(posts.true_mean_reactive, posts.true_probability_reactive)


# ---- a random split flatters -----------------------------------------------------------------------


@functools.cache
def forecasts(seed):
    """RMSE of one recipe on a random fifth, on the last fifth, and of same day last week there."""
    import lightgbm

    frame = quiet(seed, depots=1).frame
    y = frame["n_parcels"].astype("float64")
    x = frame[["promotion", "is_holiday", "rain_mm", "temperature"]].astype("float64")
    x = x.assign(day=np.arange(len(x)), weekday=frame["day"].dt.day_of_week, year=frame["day"].dt.day_of_year)
    x = x.assign(**{f"{lag} days ago": y.shift(lag) for lag in (7, 14, 28)})
    x, y, week = x[28:].to_numpy("float64"), y[28:].to_numpy(), y.shift(7)[28:].to_numpy()
    n, cut = len(y), int(0.8 * len(y))
    settings = {
        "learning_rate": 0.05,
        "num_leaves": 31,
        "num_threads": 1,
        "verbose": -1,
        "deterministic": True,
    }

    def error(rows):
        train, test = rows[:cut], rows[cut:]
        model = lightgbm.train(settings, lightgbm.Dataset(x[train], y[train]), 200)
        return rmse(model.predict(x[test]) - y[test])

    shuffled = error(np.random.default_rng(seed).permutation(n))
    return shuffled, error(np.arange(n)), rmse(week[cut:] - y[cut:])


def test_a_random_split_looks_three_times_better_than_time_allows():
    shuffled, by_time, last_week = np.array([forecasts(seed) for seed in range(10)]).T
    assert 2.5 < np.median(by_time / shuffled) < 4.5
    assert np.median(by_time / last_week) > 1.2
    assert (by_time > shuffled).all()


# ---- drifts ----------------------------------------------------------------------------------------


def at_work(some):
    return some.frame["volume_id"].isin(some.truth["row_ids"][0]).to_numpy()


@pytest.mark.parametrize("shape", ["abrupt", "gradual", "recurring"])
@pytest.mark.parametrize("kind", ["data", "concept"])
def test_rows_a_drift_does_not_touch_are_bit_identical(kind, shape):
    some = make_parcel_volumes(drifts=[Drift(kind, 0.3, 0.8, shape)])
    outside = ~at_work(some)
    assert 0.5 <= outside.mean() < 0.75
    pd.testing.assert_frame_equal(some.frame[outside], quiet().frame[outside], check_exact=True)
    assert np.array_equal(some.true_mean[outside], quiet().true_mean[outside])


def law_of(frame, level, turned):
    """m, computed anew from the table and the level."""
    x = {name: frame[name].to_numpy() for name in CREATION}
    x |= {
        "weekday": frame["day"].dt.day_of_week.to_numpy(),
        "day_of_year": frame["day"].dt.day_of_year.to_numpy(),
    }
    x["depot"] = pd.Categorical(frame["depot"], categories=law.DEPOTS).codes
    return law.mean(x, level, turned)


def level_of(some):
    from mlsd.datasets.parcels import _history

    return _history(0, 1_096)["level"][:, :3].reshape(-1)[: len(some.frame)]


@pytest.mark.parametrize("shape", ["abrupt", "gradual", "recurring"])
def test_data_drift_moves_weather_and_promotions_and_keeps_the_law_of_the_volume(shape):
    some = make_parcel_volumes(drifts=[Drift("data", 0.3, shape=shape, strength=1.5)])
    now = at_work(some)
    for name in ("promotion", "rain_mm", "temperature"):
        assert some.frame.loc[now, name].mean() > quiet().frame.loc[now, name].mean() + 0.05
    rest = ["day", "depot", "is_holiday", "vans_at_nine", "calls_at_nine", "counted_at"]
    pd.testing.assert_frame_equal(some.frame[rest], quiet().frame[rest], check_exact=True)
    assert np.array_equal(some.true_mean, law_of(some.frame, level_of(some), np.zeros(len(now))))


@pytest.mark.parametrize(
    ("shape", "strength"), [("abrupt", 0.5), ("abrupt", 3), ("gradual", 1), ("recurring", 1)]
)
def test_concept_drift_moves_no_feature_and_gives_volumes_another_law(shape, strength):
    some = make_parcel_volumes(drifts=[Drift("concept", 0.25, shape=shape, strength=strength)])
    features = [name for name in some.frame if name != "n_parcels"]
    pd.testing.assert_frame_equal(some.frame[features], quiet().frame[features], check_exact=True)
    way = ((some.frame["day"] - some.frame["day"].iloc[0]).dt.days.to_numpy() - 274) / (1_096 - 274)
    on = {"abrupt": way >= 0, "gradual": way.clip(0), "recurring": np.isin(np.floor(way * 5), [0, 2, 4])}
    turned = np.round(strength * on[shape], 6)
    assert np.abs(some.true_mean - law_of(some.frame, level_of(some), turned)).max() < 1e-3
    y, before = some.frame["n_parcels"].to_numpy(), quiet().true_mean
    assert rmse((y - before)[turned > 0]) > 1.5 * rmse((y - some.true_mean)[turned > 0])


# ---- faults ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", FAULTS[:-1], ids=[fault.kind for fault in FAULTS[:-1]])
def test_a_fault_touches_only_the_rows_and_columns_of_the_truth(fault):
    some, sound = make_parcel_volumes(faults=[fault]), quiet().frame
    hit, columns = at_work(some), list(fault.columns)
    assert 50 < hit.sum() < len(sound)
    pd.testing.assert_frame_equal(
        some.frame.drop(columns=columns), sound.drop(columns=columns), check_exact=True
    )
    pd.testing.assert_frame_equal(some.frame.loc[~hit, columns], sound.loc[~hit, columns], check_exact=True)
    assert (some.frame.loc[hit, columns] != sound.loc[hit, columns]).all(axis=None)


def test_a_leak_follows_the_volume():
    some = make_parcel_volumes(faults=[Fault("leak", "vans_at_nine", start=0.0, fraction=1.0, strength=4)])
    before, after, y = quiet().frame["vans_at_nine"], some.frame["vans_at_nine"], some.frame["n_parcels"]
    assert np.array_equal(after, np.rint(before + np.minimum(2 * y / 2_500, 1) * (60 - before)))
    assert stats.spearmanr(after, y).statistic > 0.6 > 0.4 > stats.spearmanr(before, y).statistic
    assert some.frame.attrs["known_at"]["vans_at_nine"] == "creation"


# ---- refused ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"n_days": 0}, "n_days is 0; expected a whole number, 1 or more"),
        ({"n_days": 365.0}, "n_days is 365.0; expected a whole number, 1 or more"),
        ({"n_days": 40_000}, "n_days is 40000; expected a number from 1 to 36500"),
        ({"depots": "three"}, "depots is 'three'; expected a whole number, 1 or more"),
        ({"depots": 13}, "depots is 13; expected a number from 1 to 12"),
        ({"random_state": -1}, "random_state is -1; expected a whole number, 0 or more"),
        ({"drifts": [Drift("target")]}, "parcel volumes have no target drift: each depot has each day once, so "
                                        "the calendar cannot follow when P(y) moves and P(x|y) stays; use a data"),
        ({"faults": [Fault("leak", "rain_mm")]}, "the fault leak cannot damage rain_mm, a number column known at "
                                                 "creation; expected one of vans_at_nine, calls_at_nine"),
        ({"faults": [Fault("clock_skew", "depot")]}, "the fault clock_skew cannot damage depot, a category column "
                                                     "known at creation; expected one of day, counted_at"),
        ({"faults": [Fault("nulls", "n_parcels")]}, "the fault nulls cannot damage n_parcels, an integer column"),
    ],
)  # fmt: skip
def test_a_world_that_cannot_be_is_refused_in_one_sentence(arguments, sentence):
    with pytest.raises(RefusedError) as refused:
        make_parcel_volumes(**{"n_days": 10, **arguments})
    assert str(refused.value).startswith(sentence)
    assert "\n" not in str(refused.value)
