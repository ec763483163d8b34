"""Lab 03 from outside: answers that students gave, right ones that must pass and wrong ones that must not."""

import numpy as np
import pandas as pd
import pytest

from mlsd.course.lab.bank import exercise
from mlsd.course.lab.judge import judge

STATES = 12
ENCODE = exercise("03.2").reference_function
CUT = exercise("03.3").reference_function
LEAKS = exercise("03.4").reference_function()
AS_OF = exercise("03.5").reference_function
WAITING = exercise("03.1").reference_function

# ---- right in their own way --------------------------------------------------------------------------


def loop_over_rows(frame, rules):
    reasons = {
        label: "; ".join(name for name, rule in rules.items() if not rule(frame)[label])
        for label in frame.index
    }
    bad = [label for label in frame.index if reasons[label]]
    rejected = frame.loc[bad].copy()
    rejected["reasons"] = [reasons[label] for label in bad]
    return frame.drop(bad), rejected


def series_of_its_own(train, other, fold):
    inside, outside = ENCODE(train, other, fold)
    return pd.Series(inside, index=range(500, 500 + len(train))), pd.Series(outside, index=other.index[::-1])


def cut_down(frame, when, test, embargo):
    ordered = frame.sort_values(when)
    begin = ordered[when].iloc[-int(test * len(frame))]
    past, future = ordered[ordered[when] < begin], ordered[ordered[when] >= begin]
    return past[past[when] <= begin - embargo].reset_index(drop=True), future.reset_index(drop=True)


def look_back(posts, facts):
    def one(post):
        mine = facts[(facts["member"] == post["member"]) & (facts["recorded_at"] <= post["posted_at"])]
        return mine.sort_values("recorded_at")["value"].iloc[-1] if len(mine) else None

    return posts.apply(one, axis=1)


RIGHT = [
    ("03.1", loop_over_rows),
    ("03.2", series_of_its_own),
    ("03.3", cut_down),
    ("03.4", LEAKS | {"moderator_id": "later"}),
    ("03.4", LEAKS | {"author_rate": "target"}),
    ("03.5", look_back),
]

# ---- wrong, and known to nobody ----------------------------------------------------------------------


def sorted_reasons(frame, rules):
    return WAITING(frame, dict(sorted(rules.items())))


def full_rows_only(frame, rules):
    clean, rejected = WAITING(frame, rules)
    return clean.dropna(), rejected


def written_into_the_table(frame, rules):
    clean, rejected = WAITING(frame.copy(), rules)
    frame["reasons"] = rejected["reasons"].reindex(frame.index).fillna("")
    return clean, rejected


def twice_encoded(train, other, fold):
    inside, _ = ENCODE(train, other, fold)
    means = pd.Series(inside).groupby(train["author"].to_numpy()).mean()
    return inside, other["author"].map(means).fillna(train["is_spam"].mean())


def share_of_the_span(frame, when, test, embargo):
    first, last = frame[when].min(), frame[when].max()
    cut = last - test * (last - first)
    return frame[frame[when] <= cut - embargo], frame[frame[when] > cut]


def share_of_the_days(frame, when, test, embargo):
    days = np.sort(frame[when].unique())
    cut = pd.Timestamp(days[-round(test * len(days))])
    return frame[frame[when] <= cut - embargo], frame[frame[when] >= cut]


def largest(posts, facts):
    def one(post):
        mine = facts[(facts["member"] == post["member"]) & (facts["recorded_at"] <= post["posted_at"])]
        return mine["value"].max()

    return posts.apply(one, axis=1)


def last_in_the_table(posts, facts):
    def one(post):
        mine = facts[(facts["member"] == post["member"]) & (facts["recorded_at"] <= post["posted_at"])]
        return mine["value"].iloc[-1] if len(mine) else np.nan

    return posts.apply(one, axis=1)


WRONG = [
    ("03.1", sorted_reasons),
    ("03.1", full_rows_only),
    ("03.1", written_into_the_table),
    ("03.2", twice_encoded),
    ("03.3", share_of_the_span),
    ("03.3", share_of_the_days),
    ("03.4", LEAKS | {"reports_first_hour": "target"}),
    ("03.5", largest),
    ("03.5", last_in_the_table),
]


def name_of(case):
    return getattr(case, "__name__", None)


@pytest.mark.parametrize(("id", "answer"), RIGHT, ids=name_of)
def test_a_right_answer_passes_every_time(id, answer):
    verdicts = [judge(exercise(id), answer, state) for state in range(STATES)]
    assert [verdict.summary for verdict in verdicts] == [f"exercise {id}: passed"] * STATES


@pytest.mark.parametrize(("id", "answer"), WRONG, ids=name_of)
def test_a_wrong_answer_never_passes(id, answer):
    assert {judge(exercise(id), answer, state).outcome for state in range(STATES)} == {"wrong"}


# ---- ideas are recognised in other clothes -----------------------------------------------------------


def idea(id, answer):
    return next((f.subject for f in judge(exercise(id), answer) if f.code == "idea"), None)


def other_shuffle(frame, when, test, embargo):
    mixed = frame.sample(frac=1, random_state=41)
    n = int(test * len(mixed))
    return mixed.iloc[n:], mixed.iloc[:n]


def never_filled(train, other, fold):
    inside = np.full(len(train), np.nan)
    for k in set(fold):
        means = train[fold != k].groupby("author")["is_spam"].mean()
        inside[fold == k] = train["author"][fold == k].map(means)
    return inside, other["author"].map(train.groupby("author")["is_spam"].mean())


def as_an_array(posts, facts):
    return AS_OF(posts, facts).to_numpy()


@pytest.mark.parametrize(
    ("id", "answer", "name"),
    [
        ("03.2", never_filled, "unseen_is_missing"),
        ("03.3", other_shuffle, "shuffle_then_cut"),
        ("03.4", LEAKS | {"author_rate": "later"}, "found_for_another_reason"),
        ("03.4", LEAKS | {"n_connections": "later"}, "strong_is_leaky"),
        ("03.4", {}, "identifiers_are_harmless"),
        ("03.5", as_an_array, "index_lost"),
    ],
    ids=name_of,
)
def test_an_idea_is_recognised_in_other_clothes(id, answer, name):
    assert idea(id, answer) == name


# ---- what cannot be used is told its form ------------------------------------------------------------


def told(id, answer):
    return " ".join(finding.message for finding in judge(exercise(id), answer))


@pytest.mark.parametrize(
    ("id", "answer", "said"),
    [
        ("03.1", lambda frame, rules: (None, None), "expected a table and a table, got None and None"),
        ("03.1", lambda frame, rules: frame, "expected a table and a table, got a table"),
        (
            "03.2",
            lambda train, other, fold: np.zeros(len(train)),
            "expected an array and an array, got an array",
        ),
        ("03.4", ["post_number"], "expected a dictionary, got a list"),
        ("03.4", None, "expected a dictionary, got None"),
        ("03.5", as_an_array, "expected a Series, got an array"),
    ],
    ids=["no tables", "one table", "one array", "list", "nothing", "array"],
)
def test_what_cannot_be_used_is_told_its_form(id, answer, said):
    assert said in told(id, answer)


def test_no_sentence_speaks_of_a_moment_that_is_none():
    said = told("03.3", lambda *call: (CUT(*call)[0].iloc[:0], CUT(*call)[1]))
    assert "NaT" not in said and "rows that are left out: got" in said
    assert "days +" not in told("03.3", lambda frame, when, test, embargo: (frame, frame))


def test_a_long_row_of_numbers_is_shown_where_it_differs():
    assert ", at position " in told("03.2", exercise("03.2").misconceptions[0].wrong)
