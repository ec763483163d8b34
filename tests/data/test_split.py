"""split_by_time and split_random: the parts, their order, and the report of their hygiene."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlsd.data import split_by_time, split_random
from mlsd.report import RefusedError

START = pd.Timestamp("2024-01-01", tz="UTC")


def at_hours(hours):
    return pd.DataFrame({"row": range(len(hours)), "at": [START + pd.Timedelta(hours=h) for h in hours]})


def finding(report, code):
    (found,) = [f for f in report if f.code == code]
    return found


@settings(max_examples=50)
@given(
    hours=st.lists(st.integers(0, 30), min_size=2, max_size=40),
    test=st.floats(0.01, 0.99),
    gap=st.integers(0, 10),
)
def test_parting_by_time(hours, test, gap):
    """The laws: no row in both parts, training older than testing by the gap, only the gap's rows dropped."""
    frame = at_hours(hours)
    try:
        train, rest, report = split_by_time(frame, "at", test=test, gap=f"{gap} h")
    except RefusedError:  # only where no cut leaves an instant on each side, at that distance
        assert gap > 0 or len(set(hours)) == 1
        return
    pause = pd.Timedelta(hours=gap)
    cut = rest["at"].min()
    assert not set(train["row"]) & set(rest["row"])
    assert train["at"].max() < cut and cut - train["at"].max() >= pause
    dropped = frame[~frame["row"].isin([*train["row"], *rest["row"]])]
    assert ((dropped["at"] < cut) & (dropped["at"] > cut - pause)).all()
    assert train["at"].is_monotonic_increasing and rest["at"].is_monotonic_increasing
    assert report.ok and finding(report, "rows").value == [len(train), len(rest)]
    pd.testing.assert_frame_equal(train, frame.loc[train.index])  # cells and dtypes are left alone


@settings(max_examples=50)
@given(n=st.integers(2, 60), test=st.floats(0.01, 0.99))
def test_without_ties_the_share_is_kept(n, test):
    train, rest, _ = split_by_time(at_hours(range(n)), "at", test=test)
    assert len(rest) == min(max(round(test * n), 1), n - 1) and len(train) + len(rest) == n


def test_rows_of_one_instant_stay_together():
    train, rest, report = split_by_time(at_hours([0, 1, 2, 2, 2, 2]), "at", test=0.2)
    assert train["row"].tolist() == [0, 1] and rest["row"].tolist() == [2, 3, 4, 5]
    assert finding(report, "ties").value == 4
    train, rest, _ = split_by_time(at_hours([0, 0, 0, 1]), "at", test=0.5)  # else nothing to train on
    assert train["row"].tolist() == [0, 1, 2] and rest["row"].tolist() == [3]


def test_a_moment_may_be_the_cut():
    train, rest, report = split_by_time(
        at_hours([5, 1, 3, 2, 4]), "at", test="2024-01-01T04:00:00+01:00", gap=pd.Timedelta("1h")
    )
    assert train["row"].tolist() == [1, 3] and rest["row"].tolist() == [2, 4, 0]
    assert finding(report, "time_order").message == (
        "training ends 0 days 01:00:00 before the test begins at 2024-01-01T03:00:00+00:00"
    )


@pytest.mark.parametrize("dtype", ["object", "datetime64[ns, UTC]", "datetime64[s, Europe/Brussels]"])
def test_times_of_any_dtype(dtype):
    frame = at_hours([2, 0, 1])
    train, rest, _ = split_by_time(frame.assign(at=frame["at"].astype(dtype)), "at", test=0.3)
    assert train["row"].tolist() == [1, 2] and rest["row"].tolist() == [0]


@settings(max_examples=50)
@given(
    classes=st.lists(st.sampled_from(["a", "b", "c"]), min_size=2, max_size=50),
    test=st.floats(0.05, 0.95),
    random_state=st.integers(0, 5),
)
def test_parting_at_random(classes, test, random_state):
    """The laws: a partition of the declared size, each class with its share to within one row."""
    frame = pd.DataFrame({"row": range(len(classes)), "y": classes})
    train, rest, report = split_random(frame, test=test, random_state=random_state, stratify="y")
    n_test = min(max(round(test * len(frame)), 1), len(frame) - 1)
    assert sorted([*train["row"], *rest["row"]]) == list(range(len(frame)))
    assert len(rest) == n_test
    for value, count in frame["y"].value_counts().items():
        assert abs((rest["y"] == value).sum() - count * n_test / len(frame)) < 1
    again = split_random(frame, test=test, random_state=random_state, stratify="y")
    assert again[1]["row"].tolist() == rest["row"].tolist()
    assert {f.subject for f in report if f.code == "balance"} == {"y"}


def test_every_row_is_as_likely_to_be_tested_on():
    frame = pd.DataFrame({"row": range(10), "y": [1] * 3 + [0] * 7})
    for stratify in (None, "y"):
        counts = np.zeros(10)
        for random_state in range(120):
            counts[split_random(frame, test=0.3, random_state=random_state, stratify=stratify)[1]["row"]] += 1
        assert abs(counts - 36).max() < 26  # 5 standard errors


def test_what_both_parts_share_is_warned_of():
    frame = pd.DataFrame({"at": at_hours(range(10))["at"], "x": [1, 2, 3, 4, 5, 6, 7, 8, 2, 1]})
    frame.index = [*range(9), 0]
    _, _, report = split_by_time(frame, "at")
    assert report.ok
    assert (finding(report, "overlap").count, finding(report, "overlap").rows) == (1, (0,))
    twice = finding(report, "duplicates")
    assert (twice.count, twice.ok, twice.rows) == (2, False, (8, 0))
    assert twice.message == "2 test rows are equal to a training row but for at"
    _, _, report = split_random(at_hours(range(10)))
    assert finding(report, "duplicates").ok and finding(report, "overlap").ok


def test_unhashable_and_missing_cells_are_compared():
    frame = pd.DataFrame(
        {"x": [[1], [2], [1], [1]], "y": [None, 1.0, None, None], "s": ["a", None, "a", "a"]}
    )
    _, _, report = split_random(frame, test=0.5)
    assert finding(report, "duplicates").count in (1, 2)


def test_a_class_in_one_part_only_is_warned_of():
    _, _, report = split_random(pd.DataFrame({"y": ["a"] * 9 + ["b"]}), stratify="y")
    rare = next(f for f in report if f.message.startswith("b"))
    assert not rare.ok and rare.severity == "warning"


NAIVE = pd.DataFrame({"at": pd.date_range("2024-01-01", periods=4)})
AWARE = at_hours(range(4))
REFUSED = {
    "naive": (NAIVE, {}, "names no time zone; say which with tz_localize"),
    "naive objects": (NAIVE.astype(object), {}, "at is 2024-01-01T00:00:00, which names no time zone"),
    "text": (NAIVE.astype(str), {}, "is not a time"),
    "lists": (pd.DataFrame({"at": [[1], [2]]}), {}, "at cannot be read as a time"),
    "missing": (pd.DataFrame({"at": [START, None]}), {}, "1 rows have no at; leave them out"),
    "no column": (pd.DataFrame({"on": [START, START]}), {}, "the table has no column 'at'"),
    "two columns": (pd.concat([AWARE, AWARE], axis=1), {}, "the table has 2 columns 'at'; expected one"),
    "one instant": (at_hours([1, 1, 1]), {}, "no row is left before"),
    "one row": (at_hours([1]), {}, "a table of 1 row cannot be split"),
    "no row": (at_hours([1])[:0], {}, "a table of 0 rows cannot be split"),
    "share": (AWARE, {"test": 1.5}, "test is 1.5; expected a share between 0 and 1"),
    "no share": (AWARE, {"test": None}, "test is None; expected a share"),
    "NaN": (AWARE, {"test": float("nan")}, "test is nan"),
    "all": (AWARE, {"test": True}, "test is True"),
    "naive cut": (AWARE, {"test": "2024-01-01"}, "test is 2024-01-01T00:00:00, which names no time zone"),
    "no moment": (AWARE, {"test": "soon"}, "test cannot be read as a time"),
    "late cut": (AWARE, {"test": "2025-01-01T00:00Z"}, "no row is left to test on; choose an earlier cut"),
    "early cut": (AWARE, {"test": "2023-01-01T00:00Z"}, "no row is left before 2023-01-01"),
    "wide gap": (AWARE, {"gap": "9 days"}, "choose another cut or a shorter gap"),
    "negative gap": (AWARE, {"gap": "-1 days"}, "gap is '-1 days'; expected a duration of 0 or more"),
    "no gap": (AWARE, {"gap": "soon"}, "gap is 'soon'; expected a duration"),
}


@pytest.mark.parametrize(("frame", "how", "sentence"), REFUSED.values(), ids=REFUSED)
def test_a_split_by_time_that_makes_no_sense_is_refused(frame, how, sentence):
    with pytest.raises(RefusedError) as caught:
        split_by_time(frame, "at", **how)
    assert sentence in str(caught.value) and "\n" not in str(caught.value)


def test_a_random_split_that_makes_no_sense_is_refused():
    frame = pd.DataFrame({"y": [1, None, 2]})
    for how, sentence in (
        ({"test": 0}, "test is 0; expected a share"),
        ({"stratify": "z"}, "the table has no column 'z'"),
        ({"stratify": "y"}, "1 rows have no y; leave them out"),
    ):
        with pytest.raises(RefusedError, match=sentence):
            split_random(frame, **how)
    with pytest.raises(RefusedError, match="a table of 1 row cannot be split"):
        split_random(frame[:1])
