"""Views: as many in the first hour as counted, a decay of the stated half-life, the same however cut."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import kstest

from mlsd.datasets import Fault, make_spam_posts, make_views, views
from mlsd.digest import digest_frame
from mlsd.report import RefusedError


def ages(frame, seen):
    """Seconds from its post to each view, and the place of its post in the frame, (n,) each."""
    place = pd.Index(frame["post_id"]).get_indexer(seen["post_id"])
    at, posted = (table.dt.tz_localize(None).to_numpy() for table in (seen["viewed_at"], frame["posted_at"]))
    return (at - posted[place]) / np.timedelta64(1, "s"), place


def posts(counts, names=None):
    at = pd.Timestamp("2024-01-01", tz="UTC") + pd.to_timedelta(range(len(counts)), unit="min")
    names = names or [f"post-{i}" for i in range(len(counts))]
    return pd.DataFrame({"post_id": names, "posted_at": at, "views_1h": counts})


# ---- laws -------------------------------------------------------------------------------------------

COUNTS = st.lists(st.integers(0, 200), max_size=60)
HALF_LIVES = st.floats(1e-3, 1440)


@given(counts=COUNTS, half_life=HALF_LIVES, seed=st.integers(0, 2**70))
def test_the_first_hour_holds_exactly_what_was_counted(counts, half_life, seed):
    frame = posts(counts)
    seen = make_views(frame, half_life=half_life, random_state=seed)
    age, place = ages(frame, seen)
    assert np.bincount(place[age < 3600], minlength=len(counts)).tolist() == counts
    assert (age >= 0).all() and (age == np.floor(age)).all()
    assert (np.diff(place) >= 0).all(), "oldest post first"
    assert (np.diff(age)[np.diff(place) == 0] >= 0).all(), "times rise within a post"


@given(counts=COUNTS, half_life=st.floats(1e-3, 240))
def test_the_tail_is_in_proportion(counts, half_life):
    """Of the views to come at the hour's start, 2^(-60 / half-life) still come after it; rounded by chance."""
    frame = posts(counts)
    age, place = ages(frame, make_views(frame, half_life=half_life))
    left = 0.5 ** (60 / half_life)
    tail = np.bincount(place[age >= 3600], minlength=len(counts))
    assert np.abs(tail - np.array(counts) * left / (1 - left)).max(initial=0) < 1 + 1e-6


@settings(max_examples=12)
@given(n=st.integers(1, 5_000), batch=st.integers(50, 6_000), seed=st.integers(0, 9))
def test_the_views_of_the_batches_are_the_views_of_the_whole(n, batch, seed):
    world = make_spam_posts(n, faults=[Fault("duplicates", fraction=0.1)])
    parts = [make_views(part, random_state=seed) for part in world.stream(batch)]
    whole = make_views(world, random_state=seed)
    pd.testing.assert_frame_equal(pd.concat(parts, ignore_index=True), whole, check_exact=True)


@given(counts=st.lists(st.integers(0, 50), min_size=2, max_size=20), data=st.data())
def test_chance_hangs_on_the_post_and_not_on_its_place(counts, data):
    order = data.draw(st.permutations(range(len(counts))))
    frame = posts(counts)
    seen, moved = make_views(frame), make_views(frame.iloc[order])
    for name in frame["post_id"]:
        times = [views.loc[views["post_id"] == name, "viewed_at"].tolist() for views in (seen, moved)]
        assert times[0] == times[1]


@pytest.mark.parametrize("half_life", [5, 31, 1440])
def test_the_hour_is_cut_between_its_last_second_and_the_next(half_life):
    almost = np.array([1 - 2.0**-53, 0.0])  # the largest and the smallest uniform
    (end, _), (_, start) = (views._seconds(almost, np.full(2, early), half_life) for early in (True, False))
    assert (end, start) == (3599, 3600)
    assert views._seconds(almost[1:], np.array([True]), half_life) == 0


def test_the_same_seed_gives_the_same_views_and_another_one_others():
    frame = posts([50] * 40)
    first, again, other = (make_views(frame, random_state=seed) for seed in (3, 3, 4))
    pd.testing.assert_frame_equal(first, again, check_exact=True)
    assert (ages(frame, first)[0][:2000] == ages(frame, other)[0][:2000]).mean() < 0.05


def test_posts_do_not_share_their_moments():
    """Two posts of one name would; posts of names that differ by a digit draw apart."""
    frame = posts([1000, 1000])
    age, place = ages(frame, make_views(frame, half_life=5))
    first, second = (age[place == i][:900] for i in (0, 1))
    assert kstest(first, second).pvalue > 1e-3
    assert len(np.intersect1d(first, second)) < 0.7 * 900 and (first == second).mean() < 0.05


def test_a_table_without_posts_has_no_views():
    frame = posts([5, 0])
    assert make_views(frame[:0]).dtypes.equals(make_views(frame).dtypes)
    assert len(make_views(frame[:0])) == len(make_views(frame[1:])) == 0


def test_times_of_another_zone_are_told_in_utc():
    frame = posts([20] * 3)
    local = frame.assign(posted_at=frame["posted_at"].dt.tz_convert("Europe/Brussels"))
    pd.testing.assert_frame_equal(make_views(local), make_views(frame))


# ---- the decay, measured back -----------------------------------------------------------------------


@pytest.mark.parametrize(("half_life", "seed"), [(31, 0), (31, 1), (31, 2), (31, 3), (5, 4), (90, 5)])
def test_the_half_life_is_measured_back(half_life, seed):
    """Maximum likelihood: half-life = ln 2 x mean age, standard error 1 / sqrt(n) of it; within 4 of them.

    A view is noted in whole seconds, half a second early on average.
    """
    world = make_spam_posts(3_000, random_state=seed)
    age, _ = ages(world.frame, make_views(world, half_life=half_life, random_state=seed))
    found = math.log(2) * (age.mean() + 0.5) / 60
    assert abs(found - half_life) < 4 * half_life / math.sqrt(len(age))
    assert len(age) > 300_000


@pytest.mark.parametrize(("half_life", "seed"), [(31, 0), (31, 1), (8, 2), (200, 3)])
def test_ages_follow_the_exponential_law(half_life, seed):
    """Kolmogorov and Smirnov, seconds spread again over their second: all, within and beyond the hour."""
    world = make_spam_posts(1_000, random_state=seed)
    age, _ = ages(world.frame, make_views(world, half_life=half_life, random_state=seed))
    age = age + np.random.default_rng(seed).random(len(age))
    left = 0.5 ** (60 / half_life)

    def law(seconds):
        return 1 - 0.5 ** (np.asarray(seconds) / (60 * half_life))

    assert kstest(age, law).pvalue > 1e-3
    assert kstest(age[age < 3600], lambda s: law(s) / (1 - left)).pvalue > 1e-3
    assert kstest(age[age >= 3600] - 3600, law).pvalue > 1e-3


# ---- the same on every machine ----------------------------------------------------------------------

EXPECTED = [
    "3ff45000c57eaa264733552079acb56d01cd5b12ecdf9a59e0fa4e9e17077f97",
    "ed7a57a175fab639d419bf352e077f269626ec12de428a0a5fbf09dca40b4a57",
]


def digests():
    yield digest_frame(make_views(make_spam_posts(3_000)))
    yield digest_frame(make_views(make_spam_posts(500, random_state=7), half_life=240.5, random_state=9))


def test_the_views_are_the_same_on_every_machine():
    """The digests were noted once, under Linux on x86-64; a change of the law changes them."""
    assert list(digests()) == EXPECTED


def test_chance_is_splitmix64():
    """Oracle: the first three numbers of SplitMix64 from seed 1234567, as published with it."""
    known = [6457827717110365317, 3203168211198807973, 9817491932198370423]
    draws = views._uniforms(np.full(3, 1234567, dtype="uint64"), np.arange(1, 4))
    assert draws.tolist() == [(number >> 11) / 2**53 for number in known]


class Shaken:
    """numpy as on another machine: the last bits of a logarithm come out otherwise."""

    shaken = 0

    def __getattr__(self, name):
        return getattr(np, name)

    def log2(self, x):
        rng = np.random.default_rng(0)
        self.shaken += len(x)
        return np.log2(x) * (1 + rng.integers(-2, 3, len(x)) * np.finfo(float).eps)


def test_last_bits_that_differ_between_machines_change_nothing(monkeypatch):
    shaken = Shaken()
    monkeypatch.setattr(views, "np", shaken)
    assert list(digests()) == EXPECTED
    assert shaken.shaken > 400_000


# ---- refusals ---------------------------------------------------------------------------------------

GOOD = posts([3, 4])
REFUSED = {
    "half_life is 0; expected a number above 0 and at most 1440": lambda: make_views(GOOD, half_life=0),
    "half_life is -31.0; expected a number above 0": lambda: make_views(GOOD, half_life=-31.0),
    "half_life is nan; expected a number above 0": lambda: make_views(GOOD, half_life=math.nan),
    "half_life is '31'; expected a number above 0": lambda: make_views(GOOD, half_life="31"),
    "random_state is -1; expected a whole number, 0 or more": lambda: make_views(GOOD, random_state=-1),
    "the table has no views_1h": lambda: make_views(GOOD.drop(columns="views_1h")),
    "the table has no posted_at and no views_1h": lambda: make_views(GOOD[["post_id"]]),
    "posted_at is datetime64[us] with 0 missing; expected a time with a zone": lambda: make_views(
        GOOD.assign(posted_at=GOOD["posted_at"].dt.tz_localize(None).astype("datetime64[us]"))
    ),
    "with 1 missing; expected a time with a zone in each row": lambda: make_views(
        GOOD.assign(posted_at=GOOD["posted_at"].where([True, False]))
    ),
    "views_1h holds -4 and 0 more such cells; expected whole numbers from 0": lambda: make_views(
        GOOD.assign(views_1h=[3, -4])
    ),
    "views_1h holds nan and 1 more such cells": lambda: make_views(GOOD.assign(views_1h=math.nan)),
    "views_1h holds 'many' and 0 more such cells": lambda: make_views(GOOD.assign(views_1h=["many", 3])),
    "views_1h holds 0.5 and 0 more": lambda: make_views(GOOD.assign(views_1h=[0.5, 3.0])),
}


@pytest.mark.parametrize("sentence", REFUSED)
def test_what_cannot_be_viewed_is_refused_in_one_sentence(sentence):
    with pytest.raises(RefusedError) as caught:
        REFUSED[sentence]()
    assert sentence in str(caught.value) and "\n" not in str(caught.value)
