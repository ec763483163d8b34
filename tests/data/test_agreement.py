"""Agreement of two labellers: kappa equals scikit-learn's, and its interval covers."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score

from mlsd.data import cohen_kappa, judge_agreement
from mlsd.report import RefusedError

pairs = st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("abc")), min_size=1, max_size=30)


@settings(max_examples=60)
@given(pairs)
def test_oracle_scikit_learn(labels):
    a, b = map(list, zip(*labels, strict=True))
    if len({*a, *b}) == 1:
        assert np.isnan(cohen_kappa(a, b))
        return
    assert cohen_kappa(a, b) == pytest.approx(cohen_kappa_score(a, b))


@given(pairs)
def test_laws(labels):
    a, b = map(list, zip(*labels, strict=True))
    assert np.isclose(cohen_kappa(a, b), cohen_kappa(b, a), equal_nan=True)  # who is first does not count
    renamed = [[{"a": 3, "b": 1, "c": 2}[label] for label in side] for side in (a, b)]
    assert np.isclose(cohen_kappa(a, b), cohen_kappa(*renamed), equal_nan=True)
    assert len(set(a)) == 1 or cohen_kappa(a, a) == 1


@pytest.mark.parametrize(("noise", "share"), [(0.05, 0.5), (0.1, 0.1), (0.4, 0.3)])
def test_the_interval_covers_the_kappa_of_the_world(noise, share):
    """At least 93 % of 200 samples of 150 rows: 99.9 % of the times 174 or more."""
    rng = np.random.default_rng(1)
    true = rng.random((200, 150)) < share
    a, b = (true ^ (rng.random(true.shape) < noise) for _ in range(2))
    agreed, yes = (1 - noise) ** 2 + noise**2, share * (1 - noise) + (1 - share) * noise
    chance = yes**2 + (1 - yes) ** 2
    kappa = (agreed - chance) / (1 - chance)
    limits = [judge_agreement(*labels).findings[1].interval for labels in zip(a, b, strict=True)]
    assert sum(low <= kappa <= high for low, high in limits) >= 174


def test_the_report_tells_enough_from_too_few():
    def verdict(n_same, n_other, least=0.6):
        a = ["spam", "ok"] * (n_same // 2) + ["spam"] * n_other
        b = ["spam", "ok"] * (n_same // 2) + ["ok"] * n_other
        return judge_agreement(a, b, least=least)

    good, few, bad = verdict(190, 10), verdict(8, 1), verdict(100, 100)
    assert good.findings[1].ok and good.findings[1].message.endswith("enough")
    assert few.ok and not few.findings[1].ok and "too few labels" in few.findings[1].message
    assert not bad.ok and bad.findings[1].message.endswith("below 0.6")
    assert good.findings[2].message == "10 rows: the first says spam, the second ok"


def test_high_agreement_may_be_chance():
    a = [False] * 95 + [True] * 5
    b = [False] * 90 + [True] * 5 + [False] * 5
    report = judge_agreement(a, b)
    assert report.findings[0].value == 0.9 and report.findings[1].value < 0 and not report.ok


def test_bad_labels_are_one_sentence():
    for a, b, words in (
        ([1, 2], [1], r"\(2,\) and \(1,\)"),
        ([], [], "n >= 1"),
        ([1, None], [1, 1], "1 labels are missing"),
        ("ab", "ab", "shapes"),
        (np.ones((2, 2)), np.ones((2, 2)), "shapes"),
    ):
        with pytest.raises(RefusedError, match=words):
            cohen_kappa(a, b)
    one = judge_agreement(["a"] * 9, ["a"] * 9)
    assert not one.ok and "one label only" in one.findings[1].message
    mixed = judge_agreement([1, "a", True], [1, "a", False])  # labels of several types are still labels
    assert mixed.findings[0].value == pytest.approx(2 / 3)
    series = pd.Series(["a", "b"], index=[7, 8])
    assert cohen_kappa(series, series.to_numpy()) == 1  # by place, not by index
