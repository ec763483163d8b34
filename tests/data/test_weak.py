"""weak_labels: votes by rules, the majority, what they leave open, and how right they are."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlsd.data import weak_labels
from mlsd.datasets import make_spam_posts
from mlsd.report import RefusedError

RULES = {"a > 0": "x", "b > 0": "y", "c > 0": "x"}


def findings(report, code):
    return [f for f in report if f.code == code]


@settings(max_examples=50)
@given(st.lists(st.tuples(*[st.sampled_from([0.0, 1.0, None])] * 3), max_size=12))
def test_oracle_counting_row_by_row(rows):
    frame = pd.DataFrame(rows, columns=["a", "b", "c"], dtype="float64")
    labels, report = weak_labels(frame, RULES)
    expected = []
    for a, b, c in rows:
        votes = ["x"] * (a == 1) + ["y"] * (b == 1) + ["x"] * (c == 1)
        counts = {label: votes.count(label) for label in votes}
        best = [label for label, count in counts.items() if count == max(counts.values())]
        expected.append(best[0] if len(best) == 1 else None)
    assert [None if pd.isna(label) else label for label in labels] == expected
    if rows:
        (coverage,), (conflicts,) = findings(report, "coverage"), findings(report, "conflicts")
        assert coverage.value == np.mean([label is not None for label in expected])
        assert conflicts.count == sum(b == 1 and 1 in (a, c) for a, b, c in rows)
        assert [f.count for f in findings(report, "rule")] == [
            sum(row[at] == 1 for row in rows) for at in range(3)
        ]


@given(st.permutations(list(RULES)))
def test_the_order_of_the_rules_does_not_count(order):
    frame = pd.DataFrame(np.random.default_rng(0).integers(0, 2, (40, 3)), columns=["a", "b", "c"])
    labels, _ = weak_labels(frame, RULES)
    assert weak_labels(frame, {rule: RULES[rule] for rule in order})[0].equals(labels)


def test_rules_on_posts_beat_chance_and_a_few_true_labels_show_the_bad_one():
    frame = make_spam_posts(4000, random_state=0).frame
    truth = frame["is_spam"].where(np.arange(4000) < 800)
    rules = {
        "asks_payment": True,
        "n_links >= 4 and account_age_days < 60": True,
        "not asks_payment and n_links <= 1": False,
        "has_image or not has_image": True,  # says spam of everything
    }
    labels, report = weak_labels(frame, rules, truth=truth)
    accuracy = {f.subject: f for f in findings(report, "accuracy")}
    assert labels.index.equals(frame.index) and report.ok
    assert accuracy["asks_payment"].ok and not accuracy["has_image or not has_image"].ok
    voted = frame["asks_payment"].to_numpy() & (np.arange(4000) < 800)
    assert accuracy["asks_payment"].value == frame["is_spam"][voted].mean()
    assert accuracy["asks_payment"].count == voted.sum()
    low, high = accuracy["asks_payment"].interval
    assert low < accuracy["asks_payment"].value < high


def test_labels_keep_their_kind_and_open_rows_are_missing():
    frame = pd.DataFrame({"n": [1, 2, 3]}, index=list("abc"))
    labels, report = weak_labels(frame, {"n == 1": 10, "n == 2": 20, "n == 9": 30}, truth=[10, None, None])
    assert labels["a"] == 10 and labels["b"] == 20 and pd.isna(labels["c"])
    (silent,) = [f for f in findings(report, "rule") if not f.ok]
    assert silent.subject == "n == 9"
    words = [f.message for f in findings(report, "accuracy") if f.subject == "n == 2"]
    assert words == ["no true label is known where it votes"]
    assert not weak_labels(frame, {"n > 9": True})[1].ok  # no row got a label


def test_bad_rules_are_one_sentence():
    frame = pd.DataFrame({"n": [1, 2], "mixed": [1, "a"]})
    for rules, options, words in (
        ({}, {}, "expected condition -> label"),
        (["n > 1"], {}, "expected condition -> label"),
        ({"n > 1": None}, {}, "expected condition -> label"),
        ({"m > 1": 1}, {}, "no column 'm'"),
        ({"mixed > 1": 1}, {}, "holds numbers and text"),
        ({"n.sum() > 1": 1}, {}, "may not hold"),
        ({"n > 1": 1}, {"truth": [1]}, r"expected \(2,\)"),
    ):
        with pytest.raises(RefusedError, match=words):
            weak_labels(frame, rules, **options)
    with pytest.raises(RefusedError, match="pandas DataFrame"):
        weak_labels([1], {"n > 1": 1})
    labels, report = weak_labels(frame.iloc[:0], {"n > 1": 1})
    assert len(labels) == 0 and not report.ok
