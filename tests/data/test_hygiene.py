"""The hygiene of a split: shared rows, near rows, groups, order in time, classes."""

import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlsd.data import split_by_time, split_grouped, split_random
from mlsd.data.hygiene import balance, hygiene, shared_groups
from mlsd.data.near_duplicates import find_twins
from mlsd.datasets import make_spam_posts
from mlsd.report import RefusedError

STATES = range(100)
DAYS = pd.date_range("2024-01-01", periods=40, tz="UTC")


def measured(rng, n=60, d=8):
    """A table of d columns in which two rows never look alike by chance."""
    numbers = {f"x{j}": rng.normal(size=n) for j in range(d - 2)}
    return pd.DataFrame(numbers | {"kind": rng.choice(list("abc"), n), "count": rng.integers(0, 500, n)})


def found(report, code, subject=""):
    (finding,) = [f for f in report if f.code == code and f.subject == subject]
    return finding


# ---- rows ------------------------------------------------------------------------------------------


@given(
    cells=st.lists(st.tuples(st.integers(0, 2), st.sampled_from(["a", "b", None])), min_size=2, max_size=20)
)
def test_equal_rows_are_those_a_join_finds(cells):
    frame = pd.DataFrame(cells, columns=["x", "s"])
    train, test = frame[::2], frame[1::2]
    known = {tuple(map(str, row)) for row in train.to_numpy()}  # str: a missing cell equals a missing cell
    assert find_twins(train, test).equal.tolist() == [
        tuple(map(str, row)) in known for row in test.to_numpy()
    ]


def test_rows_with_one_or_two_changed_columns_are_found_and_no_other_100_states():
    missed = false = 0
    for state in STATES:
        rng = np.random.default_rng(state)
        train, test = measured(rng), measured(rng, 12)
        for row in range(6):  # rows 0-5 become training rows with 1 or 2 changed columns, of any kind
            test.iloc[row] = train.iloc[row]
            for j in rng.choice(8, 1 + row % 2, replace=False):
                test.iloc[row, j] = {"kind": "other", "count": 999}.get(test.columns[j], 77.0)
        twins = find_twins(train, test)
        assert twins.told and not twins.equal.any()
        missed += int((~twins.nearly[:6]).sum())
        false += int(twins.nearly[6:].sum())
    assert (missed, false) == (0, 0)


def test_three_changed_columns_are_a_row_of_its_own():
    rng = np.random.default_rng(0)
    train = measured(rng)
    test = train.assign(x0=5.5, x1=6.5, x2=7.5)
    assert not find_twins(train, test).nearly.any()
    assert not find_twins(
        train, train[:1].assign(x0=5.5, x1=6.5, count=999)
    ).nearly.any()  # within two groups
    assert find_twins(train, test.assign(x2=train["x2"])).nearly.all()


def test_numbers_that_moved_by_a_rounding_are_near():
    train = measured(np.random.default_rng(0), 200)
    test = train.assign(**{f"x{j}": train[f"x{j}"] + 1e-6 for j in range(6)})
    twins = find_twins(train, test)
    assert twins.nearly.all() and not twins.equal.any()


def test_coarse_columns_do_not_make_near_duplicates():
    rng = np.random.default_rng(0)
    coarse = pd.DataFrame(rng.integers(0, 3, (200, 4)), columns=list("abcd"))
    twins = find_twins(coarse[:100], coarse[100:])
    assert twins.equal.any() and not twins.sure and not twins.told and not twins.nearly.any()
    _, _, report = split_random(coarse)
    near = found(report, "near_duplicates")
    assert near.ok and near.message == "too few or too coarse columns to tell near-duplicates from chance"


def test_clean_posts_have_no_twins_100_states():
    frame = make_spam_posts(4_000).frame
    for state in STATES:
        part = frame.sample(300, random_state=state)
        twins = find_twins(part[:240], part[240:])
        assert twins.told and not twins.equal.any() and not twins.nearly.any()


def test_a_post_told_again_under_another_name_is_near():
    frame = make_spam_posts(400).frame
    again = frame[:5].assign(post_id=[f"copy-{i}" for i in range(5)], n_words=300)
    assert find_twins(frame, again).nearly.all()


# ---- groups, time, classes ------------------------------------------------------------------------


@settings(max_examples=50)
@given(
    groups=st.lists(st.integers(0, 6), min_size=2, max_size=40),
    test=st.floats(0.05, 0.95),
    random_state=st.integers(0, 5),
)
def test_parting_by_groups(groups, test, random_state):
    """The laws of GroupShuffleSplit: a partition, no group in both; and no prefix of groups comes nearer."""
    frame = pd.DataFrame({"row": range(len(groups)), "g": groups})
    if len(set(groups)) < 2:
        with pytest.raises(RefusedError, match="all rows have one g; a split by groups needs at least 2"):
            split_grouped(frame, "g", test=test)
        return
    train, rest, report = split_grouped(frame, "g", test=test, random_state=random_state)
    assert sorted([*train["row"], *rest["row"]]) == list(range(len(groups)))
    assert len(train) and len(rest) and not set(train["g"]) & set(rest["g"])
    assert found(report, "groups", "g").ok
    wanted = min(max(round(test * len(groups)), 1), len(groups) - 1)
    largest = frame["g"].value_counts().max()
    assert abs(len(rest) - wanted) <= largest  # a whole group off at most
    again = split_grouped(frame, "g", test=test, random_state=random_state)[1]
    assert again["row"].tolist() == rest["row"].tolist()


def test_groups_agree_with_scikit_learn_on_what_a_split_by_groups_is():
    from sklearn.model_selection import GroupShuffleSplit

    frame = pd.DataFrame({"g": np.random.default_rng(0).integers(0, 30, 300)})
    a, b = next(GroupShuffleSplit(1, test_size=0.2, random_state=0).split(frame, groups=frame["g"]))
    assert shared_groups(frame.iloc[a], frame.iloc[b], "g").ok
    ours = [split_grouped(frame, "g", random_state=state)[1] for state in range(20)]
    theirs = GroupShuffleSplit(20, test_size=0.2, random_state=0).split(frame, groups=frame["g"])
    sizes = [len(test) for _, test in theirs]
    assert abs(np.mean([len(part) for part in ours]) - np.mean(sizes)) < 10
    assert len({tuple(sorted(set(part["g"]))) for part in ours}) > 15  # drawn, not always the same groups


def test_every_group_is_as_likely_to_be_tested_on():
    frame = pd.DataFrame({"g": np.repeat(range(10), 2)})
    counts = np.zeros(10)
    for random_state in range(150):
        counts[split_grouped(frame, "g", test=0.3, random_state=random_state)[1]["g"].unique()] += 1
    assert abs(counts - 45).max() < 29  # 5 standard errors


def test_groups_that_stand_in_both_parts():
    frame = pd.DataFrame({"author": [1, 1, 2, 2, 3, None] * 5, "member_id": [f"m{i % 7}" for i in range(30)]})
    _, _, report = split_random(frame, groups="author")
    named, guessed = found(report, "groups", "author"), found(report, "groups", "member_id")
    assert not report.ok and named.failed and named.value == 3
    assert not guessed.ok and guessed.severity == "warning"
    assert guessed.message.endswith("if such rows resemble each other, use split_grouped(frame, 'member_id')")
    _, _, report = split_grouped(frame.dropna(), "author")
    assert report.ok and found(report, "groups", "author").ok


def test_a_value_that_is_missing_is_no_group():
    train, test = pd.DataFrame({"g": [1.0, None]}), pd.DataFrame({"g": [None, 2.0]})
    assert shared_groups(train, test, "g").ok


def test_text_with_many_values_looks_like_a_name():
    frame = pd.DataFrame({"who": [f"w{i % 60}" for i in range(300)], "topic": ["art", "jobs", "ml"] * 100})
    _, _, report = split_random(frame)
    assert {f.subject for f in report if f.code == "groups"} == {"who"}


def test_a_random_split_of_dated_rows_is_warned_of():
    frame = pd.DataFrame({"at": DAYS, "x": range(40)})
    train, rest, report = split_random(frame)
    order = found(report, "time_order", "at")
    assert report.ok and not order.ok and order.message.endswith("use split_by_time(frame, 'at')")
    assert order.count == (train["x"] > rest["x"].min()).sum()
    _, _, report = split_by_time(frame, "at")
    assert found(report, "time_order", "at").ok


def test_classes_of_every_split_are_counted():
    frame = pd.DataFrame({"at": DAYS, "g": np.arange(40) // 4, "y": ["a"] * 36 + ["b"] * 4})
    for report in (
        split_by_time(frame, "at", target="y")[2],
        split_random(frame, stratify="y")[2],
        split_grouped(frame, "g", target="y")[2],
    ):
        assert len([f for f in report if f.code == "balance"]) == 2
    lost = [f for f in split_by_time(frame, "at", target="y")[2] if f.message.startswith("b:")]
    assert not lost[0].ok and (lost[0].limit, lost[0].value) == (0.0, 0.5)


def test_a_quantity_or_a_hundred_thousand_classes_make_one_finding():
    frame = pd.DataFrame({"y": range(100_000)})
    (only,) = balance(frame[::2], frame[1::2], "y")
    assert only.message == "100,000 distinct values, 100,000 of them in one part only"


# ---- what no table should hold ---------------------------------------------------------------------

ODD = {
    "lists": pd.DataFrame({"x": [[1], [2]] * 10, "y": [0, 1] * 10}),
    "mixed": pd.DataFrame({"x": [1, "a", None, 2.5] * 5, "y": [0, 1] * 10}),
    "constant": pd.DataFrame({"x": [1.0] * 20, "y": [0, 1] * 10}),
    "infinite": pd.DataFrame({"x": [np.inf, -np.inf, 1.0, np.nan] * 5, "y": [0, 1] * 10}),
    "huge": pd.DataFrame({"x": [1e308, -1e308] * 10, "y": [0, 1] * 10}),
    "empty column": pd.DataFrame({"x": [None] * 20, "y": [0, 1] * 10}),
    "categories": pd.DataFrame({"x": pd.Categorical(list("ab") * 10), "y": [0, 1] * 10}),
    "no columns": pd.DataFrame(index=range(20)),
    "doubled": pd.DataFrame([[1, 2]] * 20, columns=["x", "x"]),
}


@pytest.mark.parametrize("frame", ODD.values(), ids=ODD)
def test_odd_tables_are_split_without_a_warning(frame):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        train, test, report = split_random(frame)
    assert len(train) + len(test) == 20 and report.ok


def test_what_makes_no_sense_is_refused_in_one_sentence():
    frame = pd.DataFrame({"g": [[1], [2]], "h": [1, None]})
    for call, sentence in (
        (lambda: split_grouped(frame, "g"), "column 'g' holds lists or dicts; expected numbers, text or boo"),
        (lambda: split_grouped(frame, "h"), "1 rows have no h; leave them out before the split"),
        (lambda: split_grouped(frame, "who"), "the table has no column 'who'"),
        (lambda: split_random(frame, groups="who"), "the table has no column 'who'"),
        (lambda: split_random([1, 2]), "the table is a list; expected a pandas DataFrame"),
        (lambda: split_grouped(frame[:1], "h"), "a table of 1 row cannot be split; needs at least 2"),
        (lambda: split_by_time(None, "at"), "the table is a NoneType; expected a pandas DataFrame"),
        (lambda: list(hygiene(frame, frame, target="z")), "the table has no column 'z'"),
    ):
        with pytest.raises(RefusedError) as caught:
            call()
        assert sentence in str(caught.value) and "\n" not in str(caught.value)
