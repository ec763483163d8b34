"""join_as_of: the latest fact known then; what comes later never changes an earlier row."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from mlsd.data import join_as_of
from mlsd.report import RefusedError

START = pd.Timestamp("2024-03-01", tz="UTC")
key = st.sampled_from(["ana", "bo", "cy", None])
hour = st.one_of(st.none(), st.integers(0, 6))


def table(cells, time, value):
    cells = list(cells)
    times = [pd.NaT if hour is None else START + pd.Timedelta(hours=hour) for _, hour in cells]
    return pd.DataFrame({
        "member": pd.Series([member for member, _ in cells], dtype="str"),
        time: pd.Series(times, dtype="datetime64[us, UTC]"),
        value: np.arange(len(cells), dtype="float64"),
    })  # fmt: skip


def slowly(rows, facts, tolerance=None):
    """The oracle: for each row look at each fact."""
    found = []
    for _, row in rows.iterrows():
        best = None
        for _, fact in facts.iterrows():
            if pd.isna(row["member"]) or row["member"] != fact["member"] or not fact["known"] <= row["at"]:
                continue
            if best is None or fact["known"] >= best["known"]:
                best = fact
        old = best is not None and tolerance is not None and row["at"] - best["known"] > tolerance
        found.append(np.nan if best is None or old else best["strikes"])
    return found


def finding(report, code):
    return next((f for f in report if f.code == code), None)


@settings(max_examples=30)
@given(
    rows=st.lists(st.tuples(key, hour), max_size=8),
    facts=st.lists(st.tuples(key, hour), max_size=8),
    hours=st.one_of(st.none(), st.integers(0, 3)),
)
def test_oracle_a_slow_double_loop(rows, facts, hours):
    rows, facts = table(rows, "at", "row"), table(facts, "known", "strikes")
    tolerance = None if hours is None else pd.Timedelta(hours=hours)
    joined, report = join_as_of(rows, facts, on="member", at="at", known_at="known", tolerance=tolerance)
    assert np.array_equal(joined["strikes"], slowly(rows, facts, tolerance), equal_nan=True)
    pd.testing.assert_frame_equal(joined[rows.columns], rows)  # rows, their order and cells stay
    missing = int(joined["strikes"].isna().sum())
    assert finding(report, "found").count == missing == sum(finding(report, "found").details.values())


@settings(max_examples=25)
@given(
    rows=st.lists(st.tuples(key, hour), min_size=1, max_size=8),
    facts=st.lists(st.tuples(key, hour), max_size=8),
    later=st.lists(st.tuples(key, st.integers(1, 9)), max_size=4),
)
def test_facts_recorded_later_never_change_an_earlier_row(rows, facts, later):
    rows, facts = table(rows, "at", "row"), table(facts, "known", "strikes")
    last = rows["at"].max()
    if pd.isna(last):
        return
    more = table(later, "known", "strikes")
    more["known"] += last - START
    more = more[more["known"] > last]
    before, _ = join_as_of(rows, facts, on="member", at="at", known_at="known")
    after, _ = join_as_of(rows, pd.concat([more, facts]), on="member", at="at", known_at="known")
    pd.testing.assert_frame_equal(before, after)


def test_the_order_of_rows_and_facts_does_not_count():
    rng = np.random.default_rng(0)
    rows = table([(f"m{k % 7}", int(h)) for k, h in enumerate(rng.integers(0, 500, 200))], "at", "row")
    facts = table([(f"m{k % 8}", int(h)) for k, h in enumerate(rng.permutation(500))], "known", "strikes")
    straight, _ = join_as_of(rows, facts, on="member", at="at", known_at="known")
    mixed, _ = join_as_of(
        rows.sample(frac=1, random_state=1),
        facts.sample(frac=1, random_state=2),
        on="member",
        at="at",
        known_at="known",
    )
    pd.testing.assert_frame_equal(mixed.sort_index(), straight)


def test_zones_are_instants_and_a_nanosecond_later_is_later():
    rows = pd.DataFrame({"k": [1], "at": pd.to_datetime(["2024-03-01T12:00:00+01:00"])})
    facts = pd.DataFrame(
        {"k": [1, 1], "known": pd.to_datetime(["2024-03-01T11:00Z", "2024-03-01T11:01Z"]), "v": "ab"}
    )
    facts["v"] = ["a", "b"]
    assert join_as_of(rows, facts, on="k", at="at", known_at="known")[0]["v"].tolist() == ["a"]
    facts["known"] = facts["known"].dt.as_unit("ns") + pd.Timedelta(1, "ns")
    assert join_as_of(rows, facts, on="k", at="at", known_at="known")[0]["v"].isna().all()


def test_several_keys_of_several_kinds_and_kept_types():
    rows = pd.DataFrame({"a": [1, 1, 2], "b": ["x", "y", "x"], "at": [START] * 3}, index=[5, 5, 6])
    facts = pd.DataFrame({
        "b": pd.Categorical(["x", "x", "y"]),
        "a": [1.0, 2.0, 2.0],
        "at": [START - pd.Timedelta("1h")] * 3,
        "kind": pd.Categorical(["p", "q", "r"]),
        "flag": [True, False, True],
    })  # fmt: skip
    joined, _ = join_as_of(rows, facts, on=["a", "b"], at="at")
    assert joined["kind"].astype(object).tolist()[::2] == ["p", "q"] and pd.isna(joined["kind"].iloc[1])
    assert joined["flag"].tolist()[::2] == [True, False] and joined.index.tolist() == [5, 5, 6]
    assert isinstance(joined["kind"].dtype, pd.CategoricalDtype) and list(joined.columns) == [
        "a",
        "b",
        "at",
        "kind",
        "flag",
    ]


def test_the_report_says_why_how_old_and_what_is_doubtful():
    rows = table([("ana", 5), ("ana", 0), ("bo", 5), ("cy", 5), (None, 5), ("ana", 6)], "at", "row")
    facts = table(
        [("ana", 2), ("ana", 6), ("ana", 6), ("bo", 1), (None, 1), ("bo", None)], "known", "strikes"
    )
    joined, report = join_as_of(rows, facts, on="member", at="at", known_at="known", tolerance="3 hours")
    assert joined["strikes"].tolist()[0] == 0 and joined["strikes"].tolist()[5] == 2
    assert finding(report, "found").details == {
        "of no key or time": 1, "key absent": 1, "too old": 1, "only later ones": 1,
    }  # fmt: skip
    assert finding(report, "found").message == (
        "2 of 6 rows found a fact; 4 did not: 1 only later ones, 1 too old, 1 key absent, 1 of no key or time"
    )
    assert finding(report, "found").rows == (1, 2, 3, 4)
    assert (
        finding(report, "age").message
        == "facts were 0 days 01:30:00 old in the middle, 0 days 03:00:00 at most"
    )
    assert finding(report, "same_instant").rows == (5,)
    assert finding(report, "ties").count == 2 and finding(report, "ties").rows == (1, 2)
    assert finding(report, "undated").count == 2 and report.ok


def test_ties_that_say_the_same_are_no_doubt():
    rows = table([("ana", 5)], "at", "row")
    facts = table([("ana", 2), ("ana", 2)], "known", "strikes").assign(strikes=1.0)
    _, report = join_as_of(rows, facts, on="member", at="at", known_at="known")
    assert finding(report, "ties").ok and not finding(report, "ties").count


def test_the_naive_join_leaks_and_this_one_does_not():
    """Labels are coin flips; the fact is a member's share of spam so far. AUC by 2,000 rows: 0.5 +- 0.013."""
    naive, honest = [], []
    for seed in range(5):
        rng = np.random.default_rng(seed)
        posts = pd.DataFrame({
            "member": rng.integers(0, 400, 2000),
            "at": START + pd.to_timedelta(np.sort(rng.integers(0, 10**6, 2000)), unit="s"),
            "spam": rng.random(2000) < 0.5,
        })  # fmt: skip
        group = posts.groupby("member")["spam"]
        facts = posts[["member"]].assign(
            known=posts["at"] + pd.Timedelta("1 day"), share=group.cumsum() / (group.cumcount() + 1)
        )
        latest = posts["member"].map(facts.groupby("member")["share"].last())
        joined, _ = join_as_of(posts, facts, on="member", at="at", known_at="known")
        known = joined["share"].notna()
        naive.append(roc_auc_score(posts["spam"], latest))
        honest.append(roc_auc_score(posts["spam"][known], joined["share"][known]))
    assert min(naive) > 0.68
    assert abs(np.mean(honest) - 0.5) < 3.3 * 0.014 / 5**0.5  # 99.9 % of the mean of five


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"on": "membr"}, "no column 'membr': did you mean 'member'"),
        ({"on": []}, "names no column"),
        ({"at": "row"}, "'row' of the rows holds numbers; expected times"),
        ({"known_at": "day"}, "'day' of the facts holds times without a zone.*tz_localize"),
        ({"tolerance": "-1 day"}, "expected a duration such as '30 days'"),
        ({"tolerance": "soon"}, "expected a duration"),
        ({"rows": [1]}, "the table of rows is a list"),
        ({"facts": None}, "the table of facts is a NoneType"),
    ],
)
def test_what_cannot_be_joined_is_one_sentence(change, words):
    rows, facts = table([("ana", 5)], "at", "row"), table([("ana", 2)], "known", "strikes")
    facts["day"] = facts["known"].dt.tz_localize(None)
    given_ = {"rows": rows, "facts": facts, "on": "member", "at": "at", "known_at": "known"} | change
    with pytest.raises(RefusedError, match=words):
        join_as_of(given_.pop("rows"), given_.pop("facts"), **given_)


def test_columns_that_clash_and_keys_that_cannot_match_are_one_sentence():
    rows, facts = table([("ana", 5)], "at", "row"), table([("ana", 2)], "known", "strikes")
    for left, right, words in (
        (rows, facts.rename(columns={"strikes": "row"}), "'row' stands in both tables"),
        (rows.assign(member=1), facts, "holds numbers in the rows, text in the facts"),
        (rows.assign(member=[[1]]), facts.assign(member=[[1]]), "holds lists or dicts"),
    ):
        with pytest.raises(RefusedError, match=words):
            join_as_of(left, right, on="member", at="at", known_at="known")


def test_empty_tables_and_many_keys_pass():
    rows, facts = table([("ana", 5)], "at", "row"), table([("ana", 2)], "known", "strikes")
    assert len(join_as_of(rows.iloc[:0], facts, on="member", at="at", known_at="known")[0]) == 0
    joined, report = join_as_of(rows, facts.iloc[:0], on="member", at="at", known_at="known")
    assert joined["strikes"].isna().all() and finding(report, "found").details["key absent"] == 1
    n = 100_000
    many = pd.DataFrame({"k": np.arange(n).astype(str), "at": START})
    known = many.assign(at=START - pd.Timedelta("1s"), v=np.arange(n)).sample(frac=1, random_state=0)
    assert (join_as_of(many, known, on="k", at="at")[0]["v"] == np.arange(n)).all()
