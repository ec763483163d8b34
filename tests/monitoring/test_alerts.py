"""An alert needs the same finding to fail, surely, in successive reports; unchanged months stay quiet."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from mlsd.monitoring import AlertRule
from mlsd.report import Finding, RefusedError, Report
from mlsd.stats import benjamini_hochberg
from tests.benchmarks.bench_alert_worlds import alerted, delay, unchanged_world


def report(*failing):
    found = [Finding("drift", column, ok=column not in failing, message="m") for column in "abc"]
    return Report("window", tuple(found))


def test_the_same_column_must_keep_failing():
    rule = AlertRule(successive=2)
    assert rule.judge([report("a"), report("b")]).ok
    alert = rule.judge([report("a"), report("a", "b")])
    assert [f.subject for f in alert.failures] == ["a"]
    assert alert.failures[0].details == {"code": "drift", "successive": 2}


def test_warnings_do_not_alert():
    weak = Report("window", (Finding("drift", "a", ok=False, severity="warning"),))
    assert AlertRule(successive=1).judge([weak]).ok


@given(st.lists(st.sets(st.sampled_from("abc")), max_size=8), st.integers(1, 4))
def test_it_looks_at_the_last_reports_only(failing, successive):
    alert = AlertRule(successive).judge([report(*columns) for columns in failing])
    latest = failing[-successive:]
    expected = set.intersection(*latest) if len(latest) == successive else set()
    assert {f.subject for f in alert.failures} == expected


def test_small_values_do_not_count():
    def window(value):
        return Report("window", (Finding("drift", "a", ok=False, value=value),))

    rule = AlertRule(successive=2, at_least=0.05)
    assert rule.judge([window(0.2), window(0.049)]).ok
    assert not rule.judge([window(0.2), window(0.05)]).ok
    assert not rule.judge([window(None), window("text instead of numbers")]).ok


def test_a_rule_over_nothing_is_refused():
    with pytest.raises(ValueError, match="successive is 0; expected 1 or more"):
        AlertRule(successive=0)


def test_a_failure_with_a_negative_value_counts_unless_a_least_value_is_asked_for():
    drop = Report("performance", (Finding("accuracy_change", ok=False, value=-0.3),))
    assert not AlertRule(successive=1).judge([drop]).ok
    assert AlertRule(successive=1, at_least=0.1).judge([drop]).ok


def test_a_failure_that_is_not_sure_enough_does_not_count():
    def window(p):
        return Report("window", (Finding("drift", "a", ok=False, details={"adjusted_p": p}),))

    assert AlertRule(successive=2).judge([window(0.004), window(0.006)]).ok
    assert not AlertRule(successive=2).judge([window(0.004), window(0.005)]).ok
    assert not AlertRule(successive=2, alpha=1.0).judge([window(0.04), window(0.05)]).ok
    assert not AlertRule(successive=1).judge([window(None)]).ok


def test_a_rule_about_some_codes_does_not_see_the_others():
    two = Report("w", (Finding("drift", "a", ok=False), Finding("type", "b", ok=False)))
    assert [f.subject for f in AlertRule(1, codes=("type",)).judge([two]).failures] == ["b"]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"successive": 2.5}, "successive is 2.5; expected 1 or more"),
        ({"clear_after": 0}, "clear_after is 0; expected 1 or more"),
        ({"alpha": 0}, "alpha is 0; expected a chance"),
        ({"codes": "drift"}, "codes is 'drift'; expected several"),
        ({"severity": "red"}, "severity is 'red'; expected 'page' or 'ticket'"),
        ({"lasting": "long"}, "lasting is 'long'; expected a time such as"),
        ({"lasting": "-1h"}, "lasting is '-1h'; expected a time of 0 or more"),
        ({"lasting": None}, "lasting is None; expected a time"),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused_in_one_sentence(options, sentence):
    with pytest.raises(RefusedError, match=sentence):
        AlertRule(**options)


def ideal_month(rng, ratio):
    """Adjusted p-values, (28, 20), of exact tests that share a reference; windows are `ratio` times as large."""
    z = (rng.normal(size=(28, 20)) - np.sqrt(ratio) * rng.normal(size=20)) / np.sqrt(1 + ratio)
    return np.array([benjamini_hochberg(p) for p in 2 * stats.norm.sf(np.abs(z))])


@pytest.mark.parametrize("ratio", [0.1, 1, 10, 1000])
def test_unchanged_months_stay_quiet_whatever_the_sizes_of_window_and_reference(ratio):
    """The rule's own claim: at most 1 % of months, where each test is exact and the reference is shared."""
    rng, rule, n = np.random.default_rng(int(10 * ratio)), AlertRule(), 600
    columns, false = [f"c{i}" for i in range(20)], 0
    for _ in range(n):
        month = ideal_month(rng, ratio)
        if month.min() > rule.alpha:
            continue
        reports = [
            Report("drift", tuple(Finding("drift", c, p > 0.05, details={"adjusted_p": p})
                                  for c, p in zip(columns, day, strict=True)))
            for day in month
        ]  # fmt: skip
        false += any(not rule.judge(reports[i : i + 3]).ok for i in range(26))
    assert false <= stats.binom.isf(0.001, n, 0.01)


def test_unchanged_worlds_of_real_reports_stay_quiet():
    """Small worlds through `detect_drift`, windows ten times the reference; a thousand in the benchmark."""
    n = 8
    found = [unchanged_world([AlertRule()], 100, 1000, state)[0] for state in range(n)]
    assert sum(found) <= stats.binom.isf(0.001, n, 0.01)


@given(st.lists(st.sets(st.sampled_from("abc")), min_size=5, max_size=28), st.integers(1, 5))
def test_looking_at_every_kth_day_first_finds_what_looking_at_all_days_finds(failing, k):
    days = [report(*columns) for columns in failing]
    rule = AlertRule(successive=k)
    every = any(not rule.judge(days[i : i + k]).ok for i in range(len(days) - k + 1))
    assert alerted([rule], days.__getitem__, len(days)) == [every]


def test_a_drift_that_is_told_at_once_alerts_on_the_third_day():
    assert [delay("2 % of rows x1000", 3000, 1000, state) for state in range(4)] == [3] * 4
