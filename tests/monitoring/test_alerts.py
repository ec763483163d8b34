"""An alert needs the same finding to fail in successive reports."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlsd.monitoring import AlertRule
from mlsd.report import Finding, Report


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
