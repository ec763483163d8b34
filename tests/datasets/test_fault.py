"""Each kind of fault does what its definition says to the rows it hits, and nothing else."""

import functools
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from mlsd.datasets import Drift, Fault, make_spam_posts
from mlsd.datasets import spam_law as law
from mlsd.metrics import score
from mlsd.plain import is_missing
from mlsd.report import RefusedError

N = 12_000
SOUND = {column.name: column for column in law.COLUMNS}
CELL_FAULTS = [
    Fault("nulls", "n_links", start=0.3, end=0.7, fraction=0.2),
    Fault("nulls", "caps_share"),
    Fault("nulls", "has_image"),
    Fault("nulls", "topic", fraction=1.0),
    Fault("nulls", "reports_1h"),
    Fault("out_of_range", "n_words", end=0.6),
    Fault("out_of_range", "profile_complete", strength=2.5),
    Fault("unit_change", "account_age_days", start=0.0, fraction=0.05),
    Fault("unit_change", "caps_share", strength=0.5),
    Fault("unit_change", "views_1h"),
    Fault("category_rename", "topic"),
    Fault("category_rename", "member_country"),
    Fault("type_change", "account_age_days"),
    Fault("type_change", "profile_complete"),
    Fault("stuck", "n_connections", start=0.25, end=0.8, fraction=0.7),
    Fault("stuck", "profile_complete", start=0.0, fraction=1.0),
    Fault("clock_skew", "posted_at", strength=2.0),
    Fault("clock_skew", "labelled_at", end=0.9, strength=0.25, fraction=0.3),
    Fault("leak", "reports_1h", start=0.1, fraction=0.8),
    Fault("serving_skew", "account_age_days", fraction=1.0),
    Fault("serving_skew", "caps_share", strength=0.3),
]
ALWAYS = (
    "nulls",
    "out_of_range",
    "category_rename",
    "type_change",
    "clock_skew",
)  # change each cell they hit


@functools.cache
def frame_of(*faults, n=N):
    return make_spam_posts(n, random_state=5, faults=faults).frame


def hit_by(world):
    (row_ids,) = world.truth["row_ids"]
    return world.frame["post_id"].isin(row_ids).to_numpy()


@pytest.mark.parametrize("fault", CELL_FAULTS, ids=repr)
def test_a_fault_touches_only_the_rows_and_the_column_of_the_truth(fault):
    world, sound = make_spam_posts(N, random_state=5, faults=[fault]), frame_of()
    hit, frame = hit_by(world), world.frame
    rest = [name for name in sound if name != fault.column]
    pd.testing.assert_frame_equal(frame[rest], sound[rest], check_exact=True)
    untouched = frame.loc[~hit, fault.column].astype(sound[fault.column].dtype)
    pd.testing.assert_series_equal(untouched, sound.loc[~hit, fault.column], check_exact=True)
    before, after = sound.loc[hit, fault.column], frame.loc[hit, fault.column]
    assert all(is_missing(b) or b != a for a, b in zip(before, after, strict=True))  # every hit cell changed


@pytest.mark.parametrize("fault", CELL_FAULTS, ids=repr)
def test_a_fault_hits_the_declared_fraction_of_its_span(fault):
    world, sound = make_spam_posts(N, random_state=5, faults=[fault]), frame_of()
    since = (sound["posted_at"] - pd.Timestamp("2024-01-01", tz="UTC")) / pd.Timedelta(days=28)
    within = ((since >= fault.start) & (since < fault.end)).to_numpy()
    hit = hit_by(world)
    assert not hit[~within].any()
    if fault.kind == "unit_change":  # a zero is a zero in every unit
        within = within & (sound[fault.column] != 0).to_numpy()
    elif fault.kind not in ALWAYS:  # a cell may come out as it was; a fault on all rows tells which change
        full = hit_by(make_spam_posts(N, random_state=5, faults=[replace(fault, fraction=1.0)]))
        assert (hit <= full).all()
        within = full
    n, k = int(within.sum()), int(hit[within].sum())
    assert k == n if fault.fraction == 1 else stats.binomtest(k, n, fault.fraction).pvalue > 0.001


def cells(fault):
    """The hit cells of a fault's column: sound, and damaged."""
    world = make_spam_posts(N, random_state=5, faults=[fault])
    hit = hit_by(world)
    return frame_of().loc[hit, fault.column], world.frame.loc[hit, fault.column]


@pytest.mark.parametrize("column", ["n_links", "caps_share", "has_image", "topic", "reports_1h"])
def test_nulls_are_missing(column):
    assert is_missing(cells(Fault("nulls", column))[1]).all()


@pytest.mark.parametrize(("column", "strength"), [("n_words", 1.0), ("n_words", 0.2), ("caps_share", 3.0)])
def test_out_of_range_lies_ten_spans_above_the_largest_value(column, strength):
    after = cells(Fault("out_of_range", column, strength=strength))[1]
    low, high = SOUND[column].minimum, SOUND[column].maximum
    assert after.nunique() == 1
    assert after.iloc[0] == pytest.approx(high + 10 * strength * (high - low), abs=1)
    assert after.iloc[0] > high + (high - low)  # beyond a bound inferred with one span of slack
    assert after.dtype == frame_of()[column].dtype


@pytest.mark.parametrize(
    ("column", "strength", "factor"),
    [
        ("account_age_days", 1.0, 24), ("account_age_days", 0.5, 12), ("caps_share", 1.0, 100),
        ("n_words", 1.0, 1000), ("n_words", 0.0025, 2.5),
    ],
)  # fmt: skip
def test_unit_change_multiplies(column, strength, factor):
    before, after = cells(Fault("unit_change", column, strength=strength))
    digits = 0 if SOUND[column].kind == "integer" else 6
    assert after.dtype == before.dtype
    np.testing.assert_allclose(after, np.round(before * factor, digits), rtol=0, atol=0)


def test_category_rename_spells_the_same_name_otherwise():
    before, after = cells(Fault("category_rename", "topic"))
    assert (after == before.str.upper()).all()
    before, after = cells(Fault("category_rename", "member_country"))
    assert (after == before.str.lower()).all()


def test_type_change_makes_text_of_numbers_and_leaves_the_others_numbers():
    before, after = cells(Fault("type_change", "account_age_days"))
    assert list(after) == [f"{days} days" for days in before]
    before, after = cells(Fault("type_change", "profile_complete"))
    assert all(float(text.removesuffix(" share")) == value for text, value in zip(after, before, strict=True))
    column = frame_of(Fault("type_change", "account_age_days"))["account_age_days"]
    assert set(map(type, column)) == {int, str}


SWAPS = [("likes_1h", "comments_1h"), ("caps_share", "profile_complete"), ("has_image", "asks_payment"),
         ("topic", "language")]  # fmt: skip


@pytest.mark.parametrize(("column", "other"), SWAPS)
def test_swapped_columns_exchange_their_values_and_leave_the_rest(column, other):
    fault = Fault("swapped_columns", column, start=0.3, end=0.7, fraction=0.5, other=other)
    world, sound = make_spam_posts(N, random_state=5, faults=[fault]), frame_of()
    frame, hit = world.frame, hit_by(world)
    rest = [name for name in sound if name not in (column, other)]
    pd.testing.assert_frame_equal(frame[rest], sound[rest], check_exact=True)
    pd.testing.assert_frame_equal(frame[~hit], sound[~hit], check_exact=True)
    assert list(frame.loc[hit, column]) == list(sound.loc[hit, other])
    assert list(frame.loc[hit, other]) == list(sound.loc[hit, column])
    assert (sound.loc[hit, column] != sound.loc[hit, other]).all()  # equal values are not counted as hit
    assert (world.truth["column"][0], world.truth["other"][0]) == (column, other)
    differ = (sound[column] != sound[other]).to_numpy()
    within = differ & hit_by(make_spam_posts(N, random_state=5, faults=[replace(fault, fraction=1.0)]))
    assert stats.binomtest(int(hit.sum()), int(within.sum()), 0.5).pvalue > 0.001


def test_a_stuck_sensor_shows_its_last_value_from_before_the_fault():
    for start in (0.0, 0.05, 0.5, 0.975):
        world = make_spam_posts(
            N, random_state=5, faults=[Fault("stuck", "n_connections", start, fraction=1)]
        )
        sound, since = frame_of(), frame_of()["posted_at"] - pd.Timestamp("2024-01-01", tz="UTC")
        before = (since < start * pd.Timedelta(days=28)).to_numpy()
        last = sound.loc[before, "n_connections"].iloc[-1] if start else sound["n_connections"].iloc[0]
        assert (world.frame.loc[~before, "n_connections"] == last).all()
        assert world.frame["n_connections"].dtype == "int64"


@pytest.mark.parametrize(("column", "hours"), [("posted_at", 1.0), ("posted_at", 5.5), ("labelled_at", 24.0)])
def test_a_skewed_clock_runs_ahead(column, hours):
    before, after = cells(Fault("clock_skew", column, strength=hours))
    assert (after - before == pd.Timedelta(hours=hours)).all()
    assert after.dtype == before.dtype


def test_a_leak_carries_the_label_and_is_told_as_known_at_creation():
    fault = Fault("leak", "reports_1h", start=0.0, fraction=1.0)
    world, sound = make_spam_posts(N, random_state=5, faults=[fault]), frame_of()
    hit, spam = hit_by(world), sound["is_spam"].to_numpy()
    full = (sound["reports_1h"] == 30).to_numpy()  # the maximum already
    assert np.array_equal(hit, spam & ~full)
    assert full.sum() < 0.01 * N
    before, after = cells(fault)
    assert np.array_equal(after, np.rint(before + 0.5 * (30 - before)))  # half of the way to the maximum
    assert score("roc_auc", spam, world.frame["reports_1h"]) > 0.99
    assert score("roc_auc", spam, sound["reports_1h"]) < 0.9
    for frame in (world.frame, next(world.stream(100))):
        assert frame.attrs["known_at"]["reports_1h"] == "creation"
        assert frame.attrs["known_at"]["likes_1h"] == "reaction"
    assert world.known_at["reports_1h"] == "reaction"  # the world itself knows better


@pytest.mark.parametrize(
    ("column", "strength", "low", "step"),
    [
        ("account_age_days", 1.0, 0, 200),
        ("n_words", 1.0, 3, 15),
        ("n_links", 1.0, 0, 2),
        ("caps_share", 2.0, 0, 0.1),
    ],
)
def test_a_serving_skew_cuts_down_to_steps_and_stays_inside_the_bounds(column, strength, low, step):
    fault = Fault("serving_skew", column, start=0.0, fraction=1.0, strength=strength)
    before, after = cells(fault)
    steps = ((after - low) / step).round(6)
    assert (steps == steps.round()).all()
    assert (after <= before).all()
    assert (before - after < step - 1e-9).all()
    assert SOUND[column].minimum <= after.min() <= after.max() <= SOUND[column].maximum


def test_two_faults_at_once_each_do_their_own():
    swap = Fault("swapped_columns", "likes_1h", fraction=0.5, other="comments_1h")
    others = [
        Fault("leak", "reports_1h"),
        Fault("stuck", "n_words"),
        Fault("clock_skew", "posted_at", strength=3),
    ]
    together = make_spam_posts(N, random_state=5, faults=[swap, *others])
    for number, fault in enumerate((swap, *others)):
        alone = make_spam_posts(N, random_state=5, faults=[fault])
        assert together.truth["row_ids"][number] == alone.truth["row_ids"][0]
        for column in fault.columns:
            pd.testing.assert_series_equal(together.frame[column], alone.frame[column], check_exact=True)


def test_a_swap_may_follow_a_fault_that_changed_the_kind_of_a_column():
    first = [Fault("nulls", "n_links", 0.0, 0.3), Fault("type_change", "posts_last_week", 0.1, 0.4)]
    swap = Fault("swapped_columns", "n_links", 0.5, 0.9, fraction=1, other="posts_last_week")
    world, sound = make_spam_posts(N, random_state=5, faults=[*first, swap]), frame_of()
    hit = world.frame["post_id"].isin(world.truth["row_ids"][2]).to_numpy()
    assert list(world.frame.loc[hit, "n_links"]) == list(sound.loc[hit, "posts_last_week"])
    assert list(world.frame.loc[hit, "posts_last_week"]) == list(sound.loc[hit, "n_links"])


def test_duplicates_repeat_whole_rows_right_after_the_original():
    world = make_spam_posts(N, random_state=5, faults=[Fault("duplicates", start=0.4, fraction=0.2)])
    frame, (n_rows,), (row_ids,) = world.frame, world.truth["n_rows"], world.truth["row_ids"]
    copies = frame["post_id"].duplicated()
    assert len(frame) == N + n_rows == N + copies.sum()
    assert tuple(frame.loc[copies, "post_id"]) == row_ids
    values = frame.to_numpy(dtype=object)
    assert (values[copies] == values[np.flatnonzero(copies) - 1]).all()
    originals = frame[~copies].reset_index(drop=True)
    pd.testing.assert_frame_equal(originals, frame_of(), check_exact=True)
    assert stats.binomtest(int(n_rows), int(0.6 * N), 0.2).pvalue > 0.001


def test_a_copy_carries_the_faults_of_its_original():
    frame = frame_of(Fault("duplicates", fraction=0.5), Fault("nulls", "n_links", fraction=0.5))
    assert (frame["n_links"].isna().groupby(frame["post_id"]).nunique() == 1).all()
    assert frame["n_links"].isna().sum() > 3_000


def test_a_fault_hits_the_same_rows_whatever_else_goes_wrong():
    fault = Fault("nulls", "n_links")
    others = [Fault("nulls", "n_words"), Fault("unit_change", "caps_share"), fault, Fault("duplicates")]
    alone = make_spam_posts(N, faults=[fault]).truth["row_ids"][0]
    together = make_spam_posts(N, faults=others, drifts=[Drift("concept")]).truth
    assert together["row_ids"][2] == alone
    assert set(together["row_ids"][0]) != set(alone)  # while another fault draws rows of its own
    more = make_spam_posts(N, faults=[Fault("nulls", "n_links", fraction=0.2)]).truth["row_ids"][0]
    assert set(alone) < set(more)


def test_faults_of_one_column_may_follow_each_other():
    faults = (
        Fault("nulls", "account_age_days", 0.0, 0.2),
        Fault("type_change", "account_age_days", 0.2, 0.4),
        Fault("unit_change", "account_age_days", 0.4, 0.6, strength=2),
        Fault("out_of_range", "account_age_days", 0.6, 0.8),
    )
    world = make_spam_posts(N, random_state=5, faults=faults)
    frame, sound = world.frame.set_index("post_id"), frame_of().set_index("post_id")["account_age_days"]
    nulls, texts, hours, far = (list(ids) for ids in world.truth["row_ids"])
    assert frame.loc[nulls, "account_age_days"].isna().all()
    assert list(frame.loc[texts, "account_age_days"]) == [f"{days} days" for days in sound[texts]]
    assert (frame.loc[hours, "account_age_days"] == 48 * sound[hours]).all()
    assert (frame.loc[far, "account_age_days"] == 44_000).all()
    rest = frame.index.difference([*nulls, *texts, *hours, *far])
    assert (frame.loc[rest, "account_age_days"] == sound[rest]).all()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"kind": "rust"}, "a fault has kind 'rust'; expected one of nulls, out_of_range, unit_change, "
                           "category_rename, type_change, swapped_columns, stuck, clock_skew, leak, serving_skew, "
                           "duplicates"),
        ({"other": "n_words"}, "the fault nulls damages one column; leave out other='n_words'"),
        ({"kind": "swapped_columns"}, "the fault swapped_columns exchanges n_links with None; "
                                      "expected other= the name of a second column"),
        ({"kind": "swapped_columns", "other": "n_links"}, "the fault swapped_columns exchanges n_links with 'n_links'"),
        ({"kind": "stuck", "strength": 2}, "the fault stuck has strength 2 but no size; set its fraction instead"),
        ({"kind": "null"}, "a fault has kind 'null'; .*: did you mean 'nulls'?"),
        ({"column": None}, "the fault nulls has column None; expected the name of the column to damage"),
        ({"column": ["a"]}, r"the fault nulls has column \['a'\]; expected the name"),
        ({"kind": "duplicates"}, "the fault duplicates repeats whole rows; leave out column='n_links'"),
        ({"fraction": 0}, "the fault nulls has fraction 0; expected a number above 0 and at most 1"),
        ({"fraction": 10}, "the fault nulls has fraction 10; expected a number above 0 and at most 1"),
        ({"start": 1.0}, "the fault nulls starts at 1 and ends at 1; expected 0 <= start < end <= 1"),
        ({"strength": 2}, "the fault nulls has strength 2 but no size; set its fraction instead"),
        ({"kind": "unit_change", "strength": -1}, "the fault unit_change has strength -1; expected a number above 0"),
    ],
)  # fmt: skip
def test_a_fault_that_is_none_is_refused_in_one_sentence(arguments, sentence):
    with pytest.raises(RefusedError, match=f"^{sentence}".replace("?", r"\?")) as refused:
        Fault(**{"kind": "nulls", "column": "n_links", **arguments})
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        (Fault("nulls", "n_link"), "the fault nulls has column 'n_link'; .*: did you mean 'n_links'?"),
        (Fault("nulls", "post_id"), "the fault nulls cannot damage post_id, a text column known at creation; "
                                    "expected one of n_words, "),
        (Fault("nulls", "posted_at"), "the fault nulls cannot damage posted_at, a time column known at creation; "),
        (Fault("nulls", "is_spam"), "the fault nulls cannot damage is_spam, a boolean column known at label; "),
        (Fault("out_of_range", "topic"), "the fault out_of_range cannot damage topic, a category column known at "
                                         "creation; expected one of n_words, n_links, caps_share, "),
        (Fault("unit_change", "has_image"), "the fault unit_change cannot damage has_image, a boolean column"),
        (Fault("type_change", "language"), "the fault type_change cannot damage language, a category column"),
        (Fault("category_rename", "n_words"), "the fault category_rename cannot damage n_words, an integer column "
                                              "known at creation; expected one of topic, language, member_country$"),
        (Fault("stuck", "topic"), "the fault stuck cannot damage topic, a category column .*; expected one of n_words"),
        (Fault("clock_skew", "n_words"), "the fault clock_skew cannot damage n_words, an integer column known at "
                                         "creation; expected one of posted_at, labelled_at$"),
        (Fault("leak", "n_words"), "the fault leak cannot damage n_words, an integer column known at creation; "
                                   "expected one of views_1h, likes_1h, comments_1h, reports_1h$"),
        (Fault("serving_skew", "has_image"), "the fault serving_skew cannot damage has_image, a boolean column"),
        (Fault("swapped_columns", "caps_share", other="n_words"),
         "the fault swapped_columns exchanges caps_share with 'n_words'; expected one of profile_complete$"),
        (Fault("swapped_columns", "likes_1h", other="is_spam"),
         "the fault swapped_columns exchanges likes_1h with 'is_spam'; expected one of n_words,"),
        (Fault("swapped_columns", "posted_at", other="labelled_at"),
         "the fault swapped_columns cannot damage posted_at, a time column"),
    ],
)  # fmt: skip
def test_a_fault_on_the_wrong_column_is_refused_in_one_sentence(fault, sentence):
    with pytest.raises(RefusedError, match=f"^{sentence}".replace("?", r"\?")) as refused:
        make_spam_posts(10, faults=[fault])
    assert "\n" not in str(refused.value)
