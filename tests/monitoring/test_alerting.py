"""An alert opens once and closes once; silence, duration and order of time; only the right one is told."""

import logging

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlsd.monitoring import Alerting, AlertRule, detect_drift, judge_performance
from mlsd.profile import Profile
from mlsd.report import Finding, RefusedError, Report

START = pd.Timestamp("2024-02-05", tz="UTC")


def at(i):
    return START + pd.Timedelta(hours=i)


def report(*failing, title="drift", **fields):
    found = [Finding("drift", c, ok=c not in failing, message="it moved", **fields) for c in "ab"]
    return Report(title, tuple(found))


def told(alerting, reports):
    """What was told: (report's number, state, subject)."""
    return [(i, a.state, a.subject) for i, r in enumerate(reports) for a in alerting.take(r, at(i))]


class Memory:
    def __init__(self):
        self.seen = []

    def send(self, alerts):
        self.seen += alerts


def test_it_opens_after_k_failed_reports_and_closes_after_c_calm_ones():
    alerting = Alerting(AlertRule(successive=2, clear_after=3))
    reports = [report("a")] * 4 + [report()] * 4
    assert told(alerting, reports) == [(1, "open", "a"), (6, "closed", "a")]


@pytest.mark.parametrize("period", [1, 2])
def test_a_flapping_metric_is_told_once(period):
    """Red three times, then red and calm in turn for a month: one message."""
    flapping = [report("a") if i // period % 2 == 0 else report() for i in range(60)]
    alerting = Alerting(AlertRule(successive=3, clear_after=3))
    assert told(alerting, [report("a")] * 3 + flapping) == [(2, "open", "a")]
    assert [a.subject for a in alerting.open] == ["a"]
    assert told(Alerting(AlertRule(successive=3)), flapping) == []


@given(st.lists(st.sets(st.sampled_from("ab")), max_size=40), st.integers(1, 4), st.integers(1, 4))
def test_laws_of_opening_and_closing(failing, k, c):
    """For each subject: an opening ends a run of k failed reports, a closing c calm ones, in turn."""
    said = told(Alerting(AlertRule(k, clear_after=c)), [report(*columns) for columns in failing])
    for subject in "ab":
        red, open_ = [subject in columns for columns in failing], False
        for i in range(len(red)):
            expected = None
            if not open_ and i + 1 >= k and all(red[i + 1 - k : i + 1]):
                expected, open_ = "open", True
            elif open_ and i + 1 >= c and not any(red[i + 1 - c : i + 1]):
                expected, open_ = "closed", False
            assert [s for j, s, which in said if (j, which) == (i, subject)] == [expected] * bool(expected)


def test_reports_of_another_title_neither_open_nor_close():
    alerting = Alerting(AlertRule(successive=2, clear_after=1))
    monday, tuesday = report("a", title="monday"), report("a", title="tuesday")
    assert told(alerting, [monday, tuesday]) == []
    assert [a.report for a in alerting.take(monday, at(5))] == ["monday"]
    assert [(a.report, a.state) for a in alerting.take(report(title="monday"), at(6))] == [
        ("monday", "closed")
    ]
    assert [a.report for a in alerting.take(tuesday, at(7))] == ["tuesday"]


def test_it_must_have_lasted():
    rule = AlertRule(successive=2, lasting="3h")
    assert told(Alerting(rule), [report("a")] * 6) == [(3, "open", "a")]
    assert told(Alerting(rule), [report("a"), report("a"), report(), report("a"), report("a")]) == []


def test_the_first_rule_about_a_code_decides_and_others_are_nobodys():
    drift = AlertRule(successive=1, codes=("drift",), severity="page", runbook="call the feed team")
    two = Report("t", (Finding("drift", "a", ok=False), Finding("disk", "root", ok=False)))
    (alert,) = Alerting(drift).take(two, at(0))
    assert (alert.code, alert.severity, alert.runbook) == ("drift", "page", "call the feed team")
    both = Alerting([drift, AlertRule(successive=1)]).take(two, at(0))
    assert [(a.code, a.severity) for a in both] == [("drift", "page"), ("disk", "ticket")]
    # a finding of the first rule's that does not count is not judged by the second, looser one
    strict = AlertRule(successive=1, codes=("drift",), at_least=0.5)
    assert Alerting([strict, AlertRule(successive=1)]).take(report("a", value=0.1), at(0)) == []


def test_an_empty_window_is_no_recovery():
    rng = np.random.default_rng(0)
    reference = Profile.of(pd.DataFrame({"likes": rng.normal(size=3000)}))
    moved, still, empty = (
        detect_drift(reference, Profile.of(pd.DataFrame({"likes": values}), like=reference))
        for values in (rng.normal(1, 1, 500), rng.normal(size=500), np.empty(0))
    )
    alerting = Alerting(AlertRule(clear_after=2))
    days = [moved] * 3 + [empty] * 5 + [still] * 2
    assert told(alerting, days) == [(2, "open", "likes"), (9, "closed", "likes")]
    # between failures it does not start the count anew either
    assert told(Alerting(AlertRule()), [moved, empty, moved, empty, moved])[0][0] == 4


def test_labels_that_never_come_close_nothing():
    rng = np.random.default_rng(0)
    p = rng.uniform(size=4000)
    bad = judge_performance(rng.uniform(size=4000) < 1 - p, p, task="binary")
    none = judge_performance([], [], task="binary")
    alerting = Alerting(AlertRule(successive=2, clear_after=1))
    assert [s for _, s, _ in told(alerting, [bad, bad, none, none])] == ["open"]


def test_a_column_that_comes_back_is_calm():
    """`absent` stands in a report only while it fails."""
    gone = Report("drift", (Finding("absent", "a", ok=False, message="the window has no such column"),))
    said = told(Alerting(AlertRule(successive=1, clear_after=2)), [gone, report(), report()])
    assert said == [(0, "open", "a"), (2, "closed", "a")]
    assert told(Alerting(AlertRule(successive=1, clear_after=1)), [gone, Report("drift")]) == [
        (0, "open", "a")
    ]


def test_silence_holds_a_message_back_until_its_end():
    alerting = Alerting(AlertRule(successive=1, clear_after=1))
    alerting.silence(at(3), reason="planned migration", code="drift", subject="a")
    days = [report("a", "b"), report("a", "b"), report("a", "b"), report("a", "b"), report("a", "b")]
    assert told(alerting, days) == [(0, "open", "b"), (3, "open", "a")]


def test_what_was_never_told_is_not_told_to_be_over():
    alerting = Alerting(AlertRule(successive=1, clear_after=1))
    alerting.silence(at(9), reason="load test")
    assert told(alerting, [report("a"), report("a")]) == []
    assert [a.subject for a in alerting.open] == ["a"]
    assert alerting.take(report(), at(2)) == [] and alerting.open == ()


def test_a_silence_of_another_subject_or_code_silences_nothing():
    alerting = Alerting(AlertRule(successive=1))
    alerting.silence(at(9), reason="r", subject="b")
    alerting.silence(at(9), reason="r", code="type", subject="a")
    assert told(alerting, [report("a")]) == [(0, "open", "a")]


def test_the_reason_of_a_silence_is_logged(caplog):
    caplog.set_level(logging.INFO, "mlsd_alerts")
    Alerting(AlertRule()).silence(at(1), reason="planned migration")
    assert "planned migration" in caplog.text


def test_a_memory_leak_and_a_turned_concept_raise_only_their_own_alert():
    """Resource says is it up, performance says is it right; each incident, over ten random states."""
    rules = [
        AlertRule(successive=3, codes=("memory",), severity="page", runbook="restart, then find the leak"),
        AlertRule(successive=2, codes=("excess_loss",), runbook="label, retrain, gate"),
        AlertRule(),
    ]
    for state in range(10):
        rng = np.random.default_rng(state)
        reference = Profile.of(pd.DataFrame({"likes": rng.normal(size=3000)}))
        said = {}
        for incident in ("leak", "flip", "none"):
            alerting = Alerting(rules)
            for day in range(10):
                x = rng.normal(size=1500)
                p = 1 / (1 + np.exp(-2 * x))
                y = rng.uniform(size=1500) < (1 - p if incident == "flip" else p)
                used = 300 + rng.normal(0, 5) + (60 * day if incident == "leak" else 0)  # MB
                memory = Finding("memory", "process", used < 450, used, 450, f"{used:.0f} MB")
                drift = detect_drift(reference, Profile.of(pd.DataFrame({"likes": x}), like=reference))
                for one in (drift, judge_performance(y, p, task="binary"), Report("resources", (memory,))):
                    said.setdefault(incident, []).extend(alerting.take(one, at(24 * day)))
        assert [(a.code, a.severity) for a in said["leak"]] == [("memory", "page")]
        assert [(a.code, a.severity) for a in said["flip"]] == [("excess_loss", "ticket")]
        assert said["none"] == []


def test_after_a_restart_the_latest_reports_are_taken_before_the_sinks_are_added():
    alerting, memory = Alerting(AlertRule(successive=2)), Memory()
    told(alerting, [report("a")] * 3)
    alerting.add_sink(memory)
    assert alerting.take(report("a"), at(4)) == [] and memory.seen == []
    assert told(Alerting(AlertRule(successive=1), [memory]), [report("b")]) and memory.seen[0].subject == "b"


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda a: a.take("red", at(1)), "report is a str; expected a Report"),
        (lambda a: a.take(report(), at(0)), "give each once, in the order of time"),
        (lambda a: a.take(report(), at(-1)), "give each once, in the order of time"),
        (lambda a: a.take(report(), "2024-02-06"), "names no time zone"),
        (lambda a: a.silence(at(1), reason=" "), "has no reason"),
        (lambda a: a.silence("soon", reason="r"), "until is no moment"),
        (lambda a: a.add_sink(print), r"expected one with send\(alerts\)"),
        (lambda a: Alerting([]), "holds no AlertRule"),
        (lambda a: Alerting("drift"), "holds no AlertRule"),
    ],
    ids="text same earlier zone reason until sink empty other".split(),
)
def test_what_makes_no_sense_is_refused_in_one_sentence(call, sentence):
    alerting = Alerting(AlertRule())
    alerting.take(report(), at(0))
    with pytest.raises(ValueError, match=sentence) as error:
        call(alerting)
    assert "\n" not in str(error.value)


def test_a_refused_report_changes_nothing():
    alerting = Alerting(AlertRule(successive=2))
    alerting.take(report("a"), at(5))
    with pytest.raises(RefusedError):
        alerting.take(report(), at(4))
    assert [a.subject for a in alerting.take(report("a"), at(6))] == ["a"]
