"""A report is data: its laws, its looks and its travels."""

import copy
import pickle

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlsd.plain import to_plain
from mlsd.report import Finding, RefusedError, Report, check_format

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
CELL = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | TEXT
    | st.floats(width=32).map(np.float32)
    | st.integers(-100, 100).map(np.int64)
    | st.booleans().map(np.bool_)
    | st.sampled_from(
        [pd.NA, pd.NaT, np.datetime64("NaT", "ns"), pd.Timestamp("2024-01-01", tz="UTC"), pd.Timedelta("1h")]
    )
    | st.datetimes()
    | st.dates()
)
VALUE = st.recursive(
    CELL,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(TEXT, inner, max_size=3)
    ),
    max_leaves=6,
)
FINDINGS = st.builds(
    Finding,
    code=TEXT,
    subject=TEXT,
    ok=st.booleans() | st.booleans().map(np.bool_),
    value=VALUE | st.lists(st.floats()).map(np.array) | st.lists(st.floats() | st.none()).map(pd.Series),
    limit=VALUE,
    message=TEXT,
    severity=st.sampled_from(["error", "warning", "info"]),
    count=st.integers(0, 10**9) | st.integers(0, 100).map(np.int64),
    rows=st.lists(CELL | st.tuples(TEXT, st.integers()), max_size=25).map(tuple),
    interval=st.none() | st.tuples(st.floats(), st.floats()) | st.just((np.float32(0.5), np.int64(1))),
    details=st.dictionaries(TEXT, VALUE, max_size=3),
)
TITLES = TEXT | st.lists(st.sampled_from(["", "table", "tab", "gate", "x + y"]), max_size=3).map(" + ".join)
REPORTS = st.builds(Report, TITLES, st.lists(FINDINGS, max_size=4))


# ---- laws ----------------------------------------------------------------------------------------


@given(REPORTS, REPORTS)
def test_a_sum_is_ok_when_both_are(a, b):
    assert (a + b).ok == (a.ok and b.ok)
    assert (a + b).findings == a.findings + b.findings
    assert (a + b).failures == a.failures + b.failures
    assert len(a + b) == len(a) + len(b)


@given(REPORTS, REPORTS, REPORTS)
@settings(max_examples=50)
def test_adding_is_associative(a, b, c):
    assert (a + b) + c == a + (b + c)


@given(REPORTS)
def test_a_report_travels_as_json_exactly(report):
    text = report.to_json()
    again = Report.from_json(text)
    assert again == report
    assert again.to_json() == text
    assert Report.from_json(text.encode()) == report
    assert again.ok == report.ok


@given(REPORTS)
def test_ok_counts_failed_errors_only(report):
    failed = [f for f in report if f.severity == "error" and not f.ok]
    assert report.ok == (not failed)
    assert list(report.failures) == failed
    assert [f.mark for f in failed] == ["FAILED"] * len(failed)


@given(REPORTS)
@settings(max_examples=50)
def test_a_report_travels_in_a_pickle_and_as_a_table(report):
    assert pickle.loads(pickle.dumps(report)) == report
    assert copy.deepcopy(report) == report
    frame = report.to_frame()
    assert frame["code"].tolist() == [f.code for f in report]
    assert list(frame) == ["code", "subject", "ok", "value", "limit", "message", "severity", "count", "rows",
                           "interval", "details"]  # fmt: skip


@given(FINDINGS)
def test_a_finding_is_plain_at_the_door(finding):
    for value in (finding.value, finding.limit, finding.details, list(finding.rows)):
        assert to_plain(value) == value
    assert len(finding.rows) <= 20
    assert type(finding.ok) is bool
    assert type(finding.count) is int


# ---- sums and titles -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("titles", "title"),
    [
        (["posts", "drift"], "posts + drift"), (["posts", "posts"], "posts"),
        (["posts", "drift", "posts"], "posts + drift"),
        (["table", "tab"], "table + tab"), (["", "posts"], "posts"), (["posts", ""], "posts"), (["", ""], ""),
    ],
)  # fmt: skip
def test_a_sum_names_each_part_once(titles, title):
    total = Report(titles[0])
    for other in titles[1:]:
        total += Report(other)
    assert total.title == title


def test_a_report_adds_to_reports_only():
    with pytest.raises(TypeError):
        Report("a") + 3


def test_a_report_is_no_truth_value():
    with pytest.raises(TypeError, match=r"^a Report is neither true nor false; ask report\.ok$"):
        bool(Report("posts"))


# ---- looks ---------------------------------------------------------------------------------------


def test_failures_stand_first():
    report = Report("posts", (
        Finding("null", "a", message="fine"), Finding("drift", "b", ok=False, severity="warning", message="moved"),
        Finding("range", "long name", ok=False, message="2 values"), Finding("note", ok=False, severity="info"),
    ))  # fmt: skip
    assert repr(report) == (
        "posts: FAILED, 1 of 4 findings failed\n"
        "  FAILED   range   long name  2 values\n"
        "  warning  drift   b          moved\n"
        "  note     note\n"
        "  ok       null    a          fine"
    )
    assert repr(Report("posts")) == "posts: ok, 0 findings"
    assert repr(Report("posts", report.findings[:1])).startswith("posts: ok, 1 finding\n")
    many = Report("posts", report.findings * 10)
    assert repr(many).splitlines()[-1] == "  and 28 more"
    assert many._repr_html_().count("<tr>") == 12


@given(REPORTS)
@settings(max_examples=50)
def test_looks_never_fail_and_html_holds_no_mark_up_of_others(report):
    assert repr(report).startswith(report.summary)
    assert all(repr(finding) for finding in report)
    page = report._repr_html_()
    for tag in ("div", "strong", "table", "tr", "td", "span", "p"):
        page = page.replace(f"</{tag}>", "").replace(f"<{tag}>", "")
    page = page.replace("<td style='text-align:left'>", "").replace(
        "<span style='color:#fff;background:#", ""
    )
    assert "<" not in page


def test_html_escapes():
    bad = "<script>alert('x')</script>&"
    page = Report(bad, (Finding(bad, bad, ok=False, message=bad),))._repr_html_()
    assert "<script" not in page
    assert page.count("&lt;script&gt;") == 4


# ---- refusals ------------------------------------------------------------------------------------


def report_of(n):
    return Report(
        "gate", tuple(Finding("better", f"s{i}", ok=False, message=f"worse by {i}") for i in range(n))
    )


def test_a_failed_report_is_raised_with_three_reasons():
    with pytest.raises(
        RefusedError, match=r"^gate: s0: worse by 0; s1: worse by 1; s2: worse by 2; and 2 more$"
    ) as caught:
        report_of(5).raise_for_failures()
    assert caught.value.report == report_of(5)
    fine = Report("gate", (Finding("better"),))
    assert fine.raise_for_failures() is fine
    warned = Report("gate", (Finding("better", ok=False, severity="warning"),))
    assert warned.raise_for_failures() is warned


@pytest.mark.parametrize(
    "error", [RefusedError.of(report_of(2)), RefusedError("no such file"), RefusedError("x", Report("y"))]
)
def test_a_refusal_travels_in_a_pickle(error):
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is RefusedError
    assert isinstance(again, ValueError)
    assert (str(again), again.report) == (str(error), error.report)


def test_a_refusal_without_a_report_brings_its_own():
    assert [f.message for f in RefusedError("no such file").report.failures] == ["no such file"]


# ---- reading what others wrote -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('{"format": 2, "title": "a", "findings": []}',
         "the report has format 2; this mlsd reads up to 1: update mlsd"),
        ('{"title": "a", "findings": []}', "the report has no whole number under 'format'; it was not written by mlsd"),
        ('{"format": true, "title": "a", "findings": []}', "the report has no whole number under 'format'; "
         "it was not written by mlsd"),
        ('{"format": "1"}', "the report has no whole number under 'format'; it was not written by mlsd"),
        ("[]", "the report has no whole number under 'format'; it was not written by mlsd"),
        ('{"format": 1, "findings": []}', "the report is incomplete: 'title'"),
        ('{"format": 1, "title": "a"}', "the report is incomplete: 'findings'"),
        ('{"format": 1, "title": "a", "findings": [{"code": "a", "severity": "fatal"}]}',
         "the report is incomplete: severity is 'fatal'; expected 'error', 'warning' or 'info'"),
        ("{", "the report is not JSON: expecting property name enclosed in double quotes at line 1, column 2"),
    ],
)  # fmt: skip
def test_what_is_no_report_is_refused(text, sentence):
    with pytest.raises(ValueError) as caught:
        Report.from_json(text)
    assert str(caught.value) == sentence


@pytest.mark.parametrize("findings", ["3", "null", "[3]", "[[]]", "[{}]", '[{"code": "a", "count": "x"}]',
                                      '[{"code": "a", "interval": [1]}]', '[{"code": "a", "rows": 3}]'])  # fmt: skip
def test_a_spoilt_report_is_refused_in_one_sentence(findings):
    with pytest.raises(ValueError, match=r"^the report is incomplete: [^\n]+$"):
        Report.from_json(f'{{"format": 1, "title": "a", "findings": {findings}}}')


def test_fields_of_a_later_minor_version_are_skipped():
    text = '{"format": 1, "title": "a", "new": 1, "findings": [{"code": "c", "later": 3}]}'
    assert Report.from_json(text) == Report("a", (Finding("c"),))


def test_a_severity_is_one_of_three():
    with pytest.raises(ValueError, match=r"^severity is 'fatal'; expected 'error', 'warning' or 'info'$"):
        Finding("a", severity="fatal")


def test_at_most_twenty_rows_are_kept():
    finding = Finding("a", count=50, rows=tuple(range(50)))
    assert (finding.count, finding.rows) == (50, tuple(range(20)))


def test_an_interval_that_is_not_known_at_both_ends_is_none():
    assert Finding("a", interval=(0, 1)).interval == (0.0, 1.0)
    assert Finding("a", interval=(float("nan"), 1)).interval is None
    assert Finding("a", interval=(0, float("inf"))).interval is None


def test_check_format_returns_the_record():
    assert check_format({"format": 1, "a": 2}, 3, "it") == {"format": 1, "a": 2}
