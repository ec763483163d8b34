"""A world's table is one table, however it is cut; it carries its truth and says when values are known."""

import pickle
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlsd.datasets import Drift, Fault, make_spam_posts
from mlsd.report import RefusedError

BROKEN = {
    "faults": [
        Fault("duplicates", start=0.2, fraction=0.3),
        Fault("nulls", "n_links", start=0.5),
        Fault("nulls", "has_image", end=0.9),
        Fault("type_change", "account_age_days", start=0.7, end=0.8),
        Fault("category_rename", "topic"),
    ],
    "drifts": [Drift("data", start=0.3, end=0.5), Drift("target", start=0.4), Drift("concept", start=0.8)],
}
WORN = {
    "faults": [
        Fault("swapped_columns", "caps_share", start=0.1, fraction=0.3, other="profile_complete"),
        Fault("stuck", "n_words", start=0.55, fraction=0.9),
        Fault("clock_skew", "posted_at", strength=2),
        Fault("leak", "reports_1h", end=0.8, fraction=0.5),
        Fault("serving_skew", "n_connections", fraction=1.0),
    ],
    "drifts": [
        Drift("data", 0.1, 0.9, "recurring"),
        Drift("target", 0.4, shape="gradual"),
        Drift("concept", 0.2, 0.7, "recurring"),
    ],
}


@settings(max_examples=25)
@given(
    n_samples=st.integers(1, 9_000),
    batch=st.one_of(st.integers(30, 10_000), st.sampled_from([4095, 4096, 4097, 8192])),
    broken=st.sampled_from([{}, BROKEN, WORN]),
)
def test_a_stream_of_any_batch_size_is_the_frame(n_samples, batch, broken):
    world = make_spam_posts(n_samples, random_state=3, **broken)
    batches = list(world.stream(batch))
    pd.testing.assert_frame_equal(pd.concat(batches), world.frame, check_exact=True)
    assert all(len(part) == batch for part in batches[:-1])
    assert 1 <= len(batches[-1]) <= batch
    assert all((part.dtypes == world.frame.dtypes).all() for part in batches)


@pytest.mark.parametrize("broken", [BROKEN, WORN], ids=["broken", "worn"])
@pytest.mark.parametrize("batch", [1, 7, np.int64(300), 301])
def test_small_batches_cross_nothing_wrongly(batch, broken):
    world = make_spam_posts(300, **broken)
    batches = list(world.stream(batch))
    pd.testing.assert_frame_equal(pd.concat(batches), world.frame, check_exact=True)
    assert max(map(len, batches)) <= batch


@pytest.mark.parametrize("batch", [0, -1, 2.0, "10", True, None])
def test_a_batch_that_is_no_number_of_rows_is_refused_at_once(batch):
    with pytest.raises(RefusedError, match=r"^batch is .*; expected a whole number, 1 or more$"):
        make_spam_posts(10).stream(batch)


STREAM = """
import resource, sys
from mlsd.datasets import make_spam_posts
world, seen, peaks = make_spam_posts(1_000_000), 0, {}
for batch in world.stream(10_000):
    seen += len(batch)
    peaks[seen] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
print(seen, peaks[seen] - peaks[50_000])
"""


def test_a_million_rows_stream_in_the_memory_of_some_blocks():
    answer = subprocess.run([sys.executable, "-c", STREAM], check=True, capture_output=True, text=True)
    seen, grown = map(int, answer.stdout.split())
    whole = 1_000 * make_spam_posts(1_000).frame.memory_usage(deep=True).sum()  # bytes of 10^6 rows
    assert seen == 1_000_000
    assert grown < whole / 20


def test_a_hundred_million_rows_are_made_only_when_asked_for():
    world = make_spam_posts(100_000_000, drifts=[Drift("concept")])
    first = next(world.stream(1_000))
    assert len(first) == 1_000
    assert repr(world).startswith("World(100,000,000 posts over 28 days from 2024-01-01, target is_spam)\n")
    last = world.make_block(99_999_999 // 4096).frame
    assert last["posted_at"].max() < pd.Timestamp("2024-01-29", tz="UTC")
    assert last["post_id"].iloc[-1] == "post-99999999"


def test_the_frame_says_when_values_are_known_and_keeps_saying_it():
    world = make_spam_posts(2_000)
    frame = world.frame
    known = frame.attrs["known_at"]
    assert list(known) == list(frame.columns)
    assert {name for name in known if known[name] == "reaction"} == {
        "views_1h", "likes_1h", "comments_1h", "reports_1h",
    }  # fmt: skip
    assert {name for name in known if known[name] == "label"} == {"is_spam", "labelled_at"}
    assert frame.attrs["units"]["account_age_days"] == "days"
    assert (type(known), type(frame.attrs["units"])) == (dict, dict)
    parts = [
        frame[frame["n_links"] > 0],
        frame.iloc[100:200],
        frame.loc[5:10],
        frame.head(3),
        frame.sort_values("n_words"),
        frame.copy(),
        frame.drop(columns="topic"),
        next(world.stream(10)),
        pd.concat(world.stream(700)),
    ]
    assert all(part.attrs == frame.attrs for part in parts)


def test_what_a_user_does_to_the_frame_does_not_touch_the_world():
    world = make_spam_posts(100, drifts=[Drift("concept")])
    frame, truth = world.frame, world.truth
    truth["kind"] = "none"
    assert list(world.truth["kind"]) == ["concept"]
    frame["n_links"] = 99
    frame.loc[0, "n_words"] = -1
    frame.attrs["known_at"]["n_words"] = "never"
    pd.testing.assert_frame_equal(world.frame, make_spam_posts(100, drifts=[Drift("concept")]).frame)
    assert world.frame.attrs["known_at"]["n_words"] == "creation"
    with pytest.raises(ValueError, match="read-only"):
        world.true_probability[0] = 0.5


def test_the_truth_has_a_row_per_fault_and_drift_and_names_their_rows():
    world = make_spam_posts(8_000, days=10, **BROKEN)
    frame, truth = world.frame, world.truth
    assert list(truth.columns) == ["what", "kind", "column", "other", "start", "end", "n_rows", "row_ids"]
    assert list(truth["what"]) == ["fault"] * 5 + ["drift"] * 3
    assert list(truth["kind"]) == [change.kind for change in (*BROKEN["faults"], *BROKEN["drifts"])]
    assert truth["start"].iloc[5] == pd.Timestamp("2024-01-04", tz="UTC")
    assert truth["end"].iloc[7] == pd.Timestamp("2024-01-11", tz="UTC")
    for row in truth.itertuples():
        assert row.n_rows == len(row.row_ids) == len(set(row.row_ids)) > 0
        times = frame.loc[frame["post_id"].isin(row.row_ids), "posted_at"]
        assert row.start <= times.min()
        assert times.max() < row.end
    for row in truth[truth["what"] == "drift"].itertuples():
        inside = frame["posted_at"].between(row.start, row.end, inclusive="left")
        assert set(row.row_ids) == set(frame.loc[inside, "post_id"])
    assert make_spam_posts(10).truth.empty


def test_truth_labels_and_probabilities_stand_row_by_row():
    world = make_spam_posts(9_000, **BROKEN)
    n = len(world.frame)
    assert n == 9_000 + world.truth["n_rows"].iloc[0]
    assert world.true_probability.shape == world.true_probability_reactive.shape == (n,)
    copies = world.frame["post_id"].duplicated().to_numpy()
    first = np.flatnonzero(copies) - 1
    assert np.array_equal(world.true_probability[copies], world.true_probability[first])


def test_a_world_is_the_same_in_another_process_and_after_a_pickle():
    world = make_spam_posts(1_000, **BROKEN)
    again = pickle.loads(pickle.dumps(world))
    assert again == world
    pd.testing.assert_frame_equal(again.frame, world.frame)


def test_a_world_tells_its_story_in_its_repr():
    world = make_spam_posts(
        5_000, faults=[Fault("nulls", "n_links", end=0.75)], drifts=[Drift("concept", strength=2)]
    )
    assert repr(world).splitlines() == [
        "World(5,000 posts over 28 days from 2024-01-01, target is_spam)",
        "  fault nulls on n_links from 2024-01-15 00:00 until 2024-01-22 00:00, 10 % of the rows",
        "  drift concept from 2024-01-17 19:12, strength 2",
    ]
    assert "craftspeople" in world.description
