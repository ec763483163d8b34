"""A report on unchanged rows is quiet, a changed column is named with its numbers, and nothing else is."""

import functools
import operator

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from mlsd.column_profile import ColumnProfile
from mlsd.counting import profile_column
from mlsd.monitoring.column_tests import named_tests
from mlsd.monitoring.drift import LIMIT, detect_drift
from mlsd.profile import Profile
from mlsd.report import Report
from mlsd.schema import Column, Schema
from tests.benchmarks.bench_drift_errors import CASES, alarming, draw, power, unchanged_report

QUIET = {(3_000, 50): 40, (3_000, 200): 40, (3_000, 2_000): 40, (20_000, 2_000): 15, (200, 200): 40}


def compare(before, after, **options) -> Report:
    before, after = (f if isinstance(f, pd.DataFrame) else pd.DataFrame({"x": f}) for f in (before, after))
    reference = Profile.of(before)
    return detect_drift(reference, Profile.of(after, like=reference), **options)


def only(report: Report, code: str):
    (found,) = [finding for finding in report if finding.code == code]
    return found


def test_a_report_on_unchanged_rows_is_quiet_and_so_is_each_column():
    """Any significant finding counts, in 20 columns of every kind; thousands more in the benchmark."""
    alarms, p = {}, []
    for sizes, n_reports in QUIET.items():
        rng = np.random.default_rng(sizes)
        reports = [unchanged_report(rng, *sizes) for _ in range(n_reports)]
        alarms[sizes] = [found[0] for report in reports if (found := alarming(report))]
        p += [finding.details["p"] for report in reports for finding in report if finding.code == "drift"]
        assert len(alarms[sizes]) <= stats.binom.isf(0.001, n_reports, 0.05), (sizes, alarms[sizes])
    assert sum(map(len, alarms.values())) <= stats.binom.isf(0.001, sum(QUIET.values()), 0.05), alarms
    for level in (0.05, 0.01):  # before the correction over columns
        assert np.sum(np.array(p) <= level) <= stats.binom.isf(0.001, len(p), level), level


PROMISED = {  # chances for 2,000 rows on both sides, in a report of 20 columns
    "mean +.2 sd": 0.99, "variance x1.2": 0.5, "missing 1 -> 3 %": 0.9,
    "new level 1 % of 5": 0.95, "new level 1 % of 100": 0.95, "2 % of rows x1000": 0.99,
}  # fmt: skip


@pytest.mark.parametrize("case", PROMISED)
def test_the_drifts_that_we_promise_to_tell_are_told(case):
    n_reports = 8
    column, before, after = CASES[case]
    told = 0
    for seed in range(n_reports):
        rng = np.random.default_rng(seed)
        first, second = draw(rng, 2000), after(draw(rng, 2000), rng)
        first = before(first, rng) if before else first
        report = compare(first, second)
        told += column in {finding.subject for finding in report.failures}  # significant and large enough
        assert sum(f.subject != column for f in report if not f.ok) <= 2
    assert told >= stats.binom.ppf(0.001, n_reports, PROMISED[case])


def test_the_benchmark_measures_power_the_same_way():
    told = power("2 % of rows x1000", 2000, 2)
    assert told["ours"].max() <= 0.05
    assert told["failed"].all()
    assert told["scipy"].max() > 0.05


def test_adjusted_p_values_are_benjamini_and_hochbergs():
    rng = np.random.default_rng(0)
    first, second = draw(rng, 2000), draw(rng, 500)
    second["normal_0"] += 0.2
    report = compare(first, second)
    tested = [finding.details for finding in report if "p" in finding.details]
    expected = stats.false_discovery_control([details["p"] for details in tested])
    assert [details["adjusted_p"] for details in tested] == pytest.approx(expected.tolist(), rel=1e-12)
    assert len(tested) == 22  # 20 columns, and missing values in two of them
    for finding in report:
        if "p" in finding.details:
            assert finding.ok == (finding.details["adjusted_p"] > 0.05)


def test_a_report_needs_the_counts_only():
    rng = np.random.default_rng(0)
    first, second = draw(rng, 1000), draw(rng, 300)
    reference = Profile.of(first)
    parts = [Profile.of(part, like=reference) for part in (second[:100], second[100:])]
    direct = detect_drift(reference, Profile.of(second, like=reference))
    stored = detect_drift(
        Profile.from_json(reference.to_json()), Profile.from_json((parts[0] + parts[1]).to_json())
    )
    assert stored == direct
    assert Report.from_json(direct.to_json()) == direct


def test_the_order_of_rows_does_not_count():
    rng = np.random.default_rng(0)
    first, second = draw(rng, 500), draw(rng, 200)
    assert compare(first, second) == compare(first.sample(frac=1, random_state=0), second[::-1])


def test_the_effect_is_the_share_of_rows_that_moved():
    rng = np.random.default_rng(0)
    n = 200_000
    x, names = rng.normal(size=n), rng.choice(["a", "b", "c", "d"], n, p=[0.4, 0.3, 0.2, 0.1])
    moved = rng.choice(["a", "b", "c", "d"], n, p=[0.3, 0.3, 0.2, 0.2])
    report = compare(
        pd.DataFrame({"x": x, "c": names}), pd.DataFrame({"x": rng.normal(0.5, size=n), "c": moved})
    )
    shift = 2 * stats.norm.cdf(0.25) - 1  # total variation of two normals half a deviation apart
    assert [finding.value for finding in report] == pytest.approx([shift, 0.1], abs=0.01)
    assert all(finding.limit == LIMIT for finding in report)


def test_a_change_too_small_to_matter_is_a_warning():
    rng = np.random.default_rng(0)
    n = 1_000_000
    first, second = rng.random(n) < 0.500, rng.random(n) < 0.503
    report = compare(first, second)
    finding = only(report, "drift")
    assert (finding.ok, finding.severity, report.ok) == (False, "warning", True)
    assert "(detected, below the effect limit 0.005; effect 0.00" in finding.message
    assert not compare(first, second, limit=0.001).ok


GAUSS = stats.norm.ppf(np.linspace(0.0005, 0.9995, 1001))
WORDS = {
    "median": (
        np.linspace(0, 10, 1001), np.linspace(5, 15, 1001),
        r"^the median moved from 4\.99\d to 9\.99\d "
        r"\(effect 0\.5, by chance 0\.0\d+; chi2 = 9\d\d, p < 1e-99, n = 1,001\)$",
    ),
    "middle half": (
        GAUSS, 1.5 * GAUSS, r"^the middle half spans -1\.0\d+ to 1\.0\d+, -0\.67\d+ to 0\.67\d+ before ",
    ),
    "outside": (
        np.linspace(0, 10, 1001), np.r_[np.linspace(0, 10, 980), np.full(20, 9e9)],
        r"^2\.0% of values lie above 10, the reference's extreme ",
    ),
    "infinite": (
        np.linspace(0, 10, 1001), np.r_[np.linspace(0, 10, 980), np.full(20, -np.inf)],
        r"^2\.0% of values lie below 0, the reference's extreme ",
    ),
    "a hole": (
        np.tile(np.arange(10), 200), np.tile([0, 1, 2, 3, 4, 4, 6, 7, 8, 9], 200),
        r"^20\.0% of values are 4, 10\.0% before ",
    ),
    "level": (
        ["a"] * 500 + ["b"] * 500, ["a"] * 600 + ["b"] * 400, r"^'a': 60\.0% of values, 50\.0% before ",
    ),
    "one of many levels": (
        list("abcdefghij") * 200, list("abcdefghij") * 180 + ["j"] * 200, r"^'j': 19\.0% of values, 10\.0% before ",
    ),
    "unseen": (
        list("abcdefghij") * 200, list("abcdefghij") * 198 + ["zeta"] * 20,
        r"^1\.0% of values carry a name the reference never saw: 'zeta' ",
    ),
    "boolean": (
        [True] * 100 + [False] * 900, [True] * 200 + [False] * 800, r"^'True': 20\.0% of values, 10\.0% before ",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("before", "after", "sentence"), WORDS.values(), ids=WORDS)
def test_the_message_shows_the_numbers_before_and_after(before, after, sentence):
    finding = only(compare(before, after), "drift")
    assert not finding.ok
    assert pd.Series([finding.message]).str.contains(sentence).all(), finding.message


def test_missing_values_wrong_types_lost_and_new_columns_each_have_their_finding():
    rng = np.random.default_rng(0)
    first = pd.DataFrame({name: rng.normal(size=2000).round(1) for name in "abcd"})
    second = first.copy()
    second.loc[:199, "a"] = np.nan
    second["b"] = second["b"].astype(object)
    second.loc[:99, "b"] = "12"
    report = compare(first, second.drop(columns="c").assign(e=1))
    assert {(f.code, f.subject, f.severity) for f in report if not f.ok} == {
        ("missingness", "a", "error"), ("type", "b", "error"), ("absent", "c", "error"), ("new_column", "e", "warning"),
    }  # fmt: skip
    gap, kind, lost = (only(report, code) for code in ("missingness", "type", "absent"))
    assert gap.message.startswith("missing in 10.0% of rows, 0.0% before (effect 0.1, by chance 0.00")
    assert (gap.count, kind.count, lost.count) == (200, 100, 2000)
    assert kind.message.startswith(
        "5.0% of values are of another type than number, 0.0% before (effect 0.05, by chance 0.00"
    )
    assert gap.details["n_reference"] == gap.details["n_current"] == 2000
    assert {finding.subject for finding in report} == set("abcde")


def test_every_column_has_a_finding_and_times_keys_and_text_are_not_compared():
    rng = np.random.default_rng(0)
    n = 3000
    first = draw(rng, n).assign(
        at=pd.date_range("2024-02-05", periods=n, freq="h", tz="UTC"),
        post=range(n),
        text=[f"text {i}" for i in range(n)],
        nothing=None,
        lists=[[i] for i in range(n)],
    )
    second = first.assign(
        at=first["at"] + pd.Timedelta("365D"), post=range(n, 2 * n), text="now all the same"
    )
    report = compare(first, second)
    assert [finding.subject for finding in report if finding.code != "missingness"] == list(first)
    quiet = {finding.subject: finding for finding in report if finding.code == "not_compared"}
    assert set(quiet) == {"at", "post", "text", "nothing", "lists"}
    assert report.ok
    assert quiet["at"].message.endswith("from 2025-02-04T00:00 to 2025-06-08T23:00")


CANNOT = {
    "a window without rows": (draw(np.random.default_rng(0), 100), draw(np.random.default_rng(1), 0)),
    "a reference without rows": (pd.DataFrame({"x": []}), pd.DataFrame({"x": [1.0, 2.0]})),
    "no value in the window": (pd.DataFrame({"x": [1.5, 2.5]}), pd.DataFrame({"x": [np.nan]})),
    "one row on both sides": (draw(np.random.default_rng(0), 1), draw(np.random.default_rng(1), 1)),
    "one row against many": (draw(np.random.default_rng(0), 1000), draw(np.random.default_rng(1), 1)),
    "constant columns": (pd.DataFrame({"x": [7.0] * 99, "c": "a"}), pd.DataFrame({"x": [7.0] * 9, "c": "a"})),
    "infinities only": (pd.DataFrame({"x": [np.inf] * 50}), pd.DataFrame({"x": [np.inf] * 50})),
    "nothing at all": (pd.DataFrame(), pd.DataFrame()),
}


@pytest.mark.parametrize(("before", "after"), CANNOT.values(), ids=CANNOT)
def test_where_nothing_can_be_told_the_report_is_ok_and_says_so(before, after):
    report = compare(before, after)
    assert report.ok
    assert all(finding.ok for finding in report)
    if not len(after):
        said = {finding.message for finding in report if finding.code == "drift"}
        assert said <= {"cannot judge: the window holds no value"}
    assert Report.from_json(report.to_json()) == report


def test_a_reference_whose_kinds_are_only_declared_cannot_judge():
    schema = Schema((Column("x", "number"), Column("c", "category", categories=("a",))))
    reference = Profile.of(pd.DataFrame({"x": [], "c": []}), schema=schema)
    report = detect_drift(reference, Profile.of(pd.DataFrame({"x": [1.0], "c": ["a"]}), like=reference))
    assert report.ok
    assert {finding.message for finding in report} == {"cannot judge: the reference holds no value"}


def test_a_constant_that_changes_is_told():
    assert not compare([7.0] * 100, [8.0] * 100).ok
    assert not compare(["a"] * 100, ["b"] * 100).ok
    assert not compare([True] * 100, [False] * 100).ok


def test_few_rows_are_said_to_be_few():
    rng = np.random.default_rng(0)
    few, many = (
        compare(rng.normal(size=5000), rng.normal(size=50)),
        compare(rng.normal(size=5000), rng.normal(size=2000)),
    )
    assert only(few, "drift").message.endswith("; too few rows (50) to tell small changes")
    assert "too few" not in only(many, "drift").message


REFUSED = {
    "other bins": (
        lambda a, b: detect_drift(Profile.of(a), Profile.of(b)),
        r"^column 'x' of the window is not counted on the reference's cells; build the window with Profile.of",
    ),
    "a table": (
        lambda a, b: detect_drift(a, b),
        r"^reference is a DataFrame; expected a Profile: use Profile.of\(frame\)$",
    ),
    "alpha in percent": (
        lambda a, b: compare(a, b, alpha=5),
        r"^alpha is 5 and limit is 0.005; expected shares between 0 and 1$",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("call", "sentence"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_compared_is_refused_in_one_sentence(call, sentence):
    with pytest.raises(ValueError, match=sentence):
        call(pd.DataFrame({"x": [1.5, 2.5, 3.5]}), pd.DataFrame({"x": [1.5, 2.5, 4.5]}))


def test_a_column_that_the_window_profile_does_not_mention_is_absent():
    first = pd.DataFrame({"x": [1.5, 2.5], "y": [1.5, 2.5]})
    reference = Profile.of(first)
    report = detect_drift(reference, Profile.of(first, like=reference).select(["x"]))
    assert only(report, "absent").subject == "y"
    assert [f.subject for f in detect_drift(reference.select(["x"]), reference) if not f.ok] == ["y"]


def test_two_windows_of_one_reference_can_be_compared_with_each_other():
    rng = np.random.default_rng(0)
    reference = Profile.of(draw(rng, 3000))
    windows = [Profile.of(draw(rng, 500), like=reference) for _ in range(3)]
    assert detect_drift(windows[0] + windows[1], windows[2]).ok


def test_the_level_that_moved_most_pays_for_having_been_chosen():
    rng, p = np.random.default_rng(0), []
    column = ColumnProfile("x", "category", 3000, levels=tuple("abcdefghijklmnopqrst"))
    for _ in range(200):
        counts = [np.array([*rng.multinomial(n, np.full(20, 0.05)), 0, 0]) for n in (3000, 2000)]
        answers = {answer.name: answer for answer in named_tests(*counts, column)[0]}
        p.append(answers["level"].p)
    assert np.sum(np.array(p) <= 0.05) <= stats.binom.isf(0.001, 200, 0.05)


def test_names_that_a_long_list_dropped_do_not_alarm():
    """2,000 even levels, 1,000 of them kept because they happened to come more often."""
    rng, alarmed = np.random.default_rng(0), 0
    names = [f"n{code:04}" for code in range(2000)]
    for _ in range(20):
        first, second = (
            pd.Series(pd.Categorical.from_codes(rng.integers(0, 2000, 40_000), names), name="x")
            for _ in range(2)
        )
        reference = profile_column(first, kind="category")
        window = profile_column(second, like=reference)
        counts = [np.array([*part.counts, part.unseen]) for part in (reference, window)]
        answers, weights = named_tests(*counts, reference)
        alarmed += min(answer.p / weights[answer.name] for answer in answers) <= 0.05
    assert alarmed <= stats.binom.isf(0.001, 20, 0.05)


def test_every_finding_shows_its_statistic_effect_chance_and_rows():
    rng = np.random.default_rng(0)
    report = compare(draw(rng, 2000), draw(rng, 500))
    tested = {"statistic", "p", "adjusted_p", "effect", "by_chance", "n_reference", "n_current", "led_by"}
    assert all(tested <= set(finding.details) for finding in report)
    x, y = rng.normal(size=3000), rng.normal(0.3, size=700)
    finding = only(compare(x.round(1), y.round(1)), "drift")
    wilcoxon = stats.mannwhitneyu(y.round(1), x.round(1), use_continuity=False).pvalue
    assert finding.details["led_by"] == "location"
    assert 2 * stats.norm.sf(finding.details["statistic"]) == pytest.approx(wilcoxon, rel=0.05)


def test_what_chance_makes_of_an_effect_is_what_unchanged_windows_show():
    rng, found, told = np.random.default_rng(0), [], []
    for _ in range(200):
        a, b = rng.random(2000) < 0.3, rng.random(300) < 0.3
        found.append(abs(a.mean() - b.mean()))
        told.append(only(compare(a, b), "drift").details["by_chance"])
    assert np.mean(told) == pytest.approx(np.mean(found), abs=4 * np.std(found) / np.sqrt(200))


RENAMED = {
    "one name written anew": (["ml"] * 400 + ["art"] * 600, ["ML"] * 210 + ["art"] * 290, "; renamed? 'ml' to 'ML'"),
    "two at once": (
        ["a"] * 500 + ["b"] * 300 + ["c"] * 200, ["A"] * 250 + ["B"] * 150 + ["c"] * 100,
        "; renamed? 'a' to 'A', 'b' to 'B'",
    ),
    "one went": (["a"] * 500 + ["b"] * 300 + ["c"] * 200, ["a"] * 300 + ["c"] * 200, "; vanished: 'b' (30.0% before)"),
    "one went, a rare one came": (
        ["a"] * 500 + ["b"] * 300 + ["c"] * 200, ["a"] * 300 + ["c"] * 180 + ["d"] * 20,
        "; vanished: 'b' (30.0% before); new: 'd'",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("before", "after", "words"), RENAMED.values(), ids=RENAMED)
def test_new_vanished_and_renamed_names_are_named(before, after, words):
    finding = only(compare(before, after), "drift")
    assert not finding.ok
    assert words in finding.message
    assert finding.details.keys() & {"vanished", "renamed", "new"}


def test_a_rare_name_that_happens_not_to_come_has_not_vanished():
    finding = only(compare(["a"] * 990 + ["rare"] * 10, ["a"] * 500 + ["b"] * 100), "drift")
    assert "vanished" not in finding.details
    assert finding.details["new"] == {"b": pytest.approx(1 / 6)}


ABC = ["a", "b", "c"] * 300
BAD_INPUT = {
    "every value missing": ({"x": [np.nan] * 900, "c": ABC}, "missingness", "missing in 100.0% of rows"),
    "one class only": ({"x": np.arange(900.0), "c": ["a"] * 900}, "drift", "'a': 100.0% of values"),
    "every value of another type": (
        {"x": ["text"] * 900, "c": ABC}, "type", "100.0% of values are of another type than number",
    ),
    "a column was renamed": (
        {"y": np.arange(900.0), "c": ABC}, "absent", "the window does not have this column",
    ),
    "another table": (
        {"u": [1.5] * 900, "v": ["b"] * 900}, "absent",
        "the window has none of the reference's 2 columns (x, c, ...), but u, v, ...: is it another table?",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("window", "code", "words"), BAD_INPUT.values(), ids=BAD_INPUT)
def test_a_broken_window_is_one_finding_or_two_and_never_a_storm(window, code, words):
    reference = pd.DataFrame({"x": np.arange(900) + 0.5, "c": ["a", "b", "c"] * 300})
    report = compare(reference, pd.DataFrame(window))
    assert not report.ok
    assert len(report.failures) <= 2
    assert any(f.code == code and f.message.startswith(words) for f in report.failures), report


def test_an_empty_window_says_so_and_does_not_warn():
    reference = Profile.of(pd.DataFrame({"x": np.arange(900) + 0.5}))
    for frame in (pd.DataFrame({"x": []}), pd.DataFrame({"x": pd.Series(dtype=object)})):
        report = detect_drift(reference, Profile.of(frame, like=reference))
        assert [(f.ok, f.message) for f in report] == [(True, "cannot judge: the window holds no value")]


def test_rows_under_one_index_label_count_like_others():
    rng = np.random.default_rng(0)
    first, second = draw(rng, 300), draw(rng, 200)
    assert compare(first, second.set_axis([7] * 200)) == compare(first, second)


def test_profiles_of_a_dask_frames_partitions_add_up_to_the_same_report():
    import dask
    import dask.dataframe as dd

    rng = np.random.default_rng(0)
    first, second = draw(rng, 1000), draw(rng, 1200).astype({"level_5": "str", "zipf": "str"})
    reference = Profile.of(first)
    whole = Profile.of(second, like=reference)
    table = dd.from_pandas(second, npartitions=5)
    parts = [dask.delayed(Profile.of)(part, like=reference) for part in table.to_delayed()]
    window = functools.reduce(operator.add, dask.compute(*parts, scheduler="threads"))
    assert window == whole
    assert detect_drift(reference, window) == detect_drift(reference, whole)


def test_a_window_joins_a_running_profile_without_touching_its_rows():
    """The profile does not grow with the rows it has seen, so joining costs the window alone."""
    rng = np.random.default_rng(0)
    reference = Profile.of(draw(rng, 1000))
    window = Profile.of(draw(rng, 200), like=reference)
    short = window + window
    long = functools.reduce(operator.add, [window] * 400)
    assert long.n == 80_000
    assert [len(part.counts) for part in long.parts] == [len(part.counts) for part in short.parts]
    assert len(long.to_json()) < 1.3 * len(short.to_json())  # longer numbers, no more of them


def test_a_median_that_stays_is_not_said_to_have_moved():
    """Most posts have no link; more of them have some: the median is 0 before and after."""
    rng = np.random.default_rng(0)
    before, after = (pd.DataFrame({"links": rng.poisson(rate, 4000)}) for rate in (0.2, 0.5))
    reference = Profile.of(before)
    [finding] = detect_drift(reference, Profile.of(after, like=reference)).failures
    with_some = [f"{(frame['links'] > 0).mean():.1%}" for frame in (after, before)]
    assert finding.message.startswith(f"{with_some[0]} of values are 1 or more, {with_some[1]} before")
