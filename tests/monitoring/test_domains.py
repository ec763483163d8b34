"""A classifier sees what no column shows, and is quiet when nothing moved."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.metrics import roc_auc_score

from mlsd.monitoring import compare_domains
from mlsd.monitoring.domains import _auc
from mlsd.report import Report
from tests.benchmarks.bench_drift_errors import domains_alarm, draw


def first(report):
    return next(iter(report))


@pytest.mark.parametrize("shift", [0.3, -0.3])
def test_auc_and_p_are_those_of_the_wilcoxon_test(shift):
    rng = np.random.default_rng(0)
    y = rng.random(400) < 0.4
    score = (rng.normal(size=400) + shift * y).round(1)
    auc, p = _auc(score, y.astype(int))
    assert auc == pytest.approx(roc_auc_score(y, score))
    scipy = stats.mannwhitneyu(score[y], score[~y], alternative="greater", use_continuity=False)
    assert p == pytest.approx(scipy.pvalue, rel=0.02)


def test_unchanged_tables_are_told_apart_by_chance_alone():
    rng = np.random.default_rng(0)
    p = [
        first(compare_domains(draw(rng, 300), draw(rng, 150), random_state=seed)).details["p"]
        for seed in range(30)
    ]
    for level in (0.05, 0.2):
        assert np.sum(np.array(p) <= level) <= stats.binom.isf(0.001, len(p), level)


def test_columns_that_no_longer_belong_together_are_seen_where_each_alone_is_unchanged():
    told = np.array([domains_alarm(np.random.default_rng(seed), 2000, -0.5) for seed in range(4)])
    assert told[:, 0].all()
    assert told[:, 1].sum() <= 1


def test_names_gaps_and_new_names_are_seen():
    rng = np.random.default_rng(0)
    before = draw(rng, 500)
    for column, change in {
        "level_5": lambda s: s.astype("str").replace("level 0", "new"),
        "normal_0": lambda s: s.where(rng.random(500) > 0.3),
        "boolean": lambda s: ~s,
    }.items():
        now = draw(rng, 500)
        finding = first(compare_domains(before, now.assign(**{column: change(now[column])}), random_state=0))
        assert not finding.ok
        assert max(finding.details["gain"], key=finding.details["gain"].get) == column
        assert f"most by '{column}'" in finding.message


def test_the_same_random_state_gives_the_same_report():
    rng = np.random.default_rng(0)
    frames = draw(rng, 300), draw(rng, 300)
    report = compare_domains(*frames, random_state=3)
    assert compare_domains(*frames, random_state=3) == report
    assert Report.from_json(report.to_json()) == report


def test_large_tables_are_drawn_from():
    rng = np.random.default_rng(0)
    before, now = (pd.DataFrame({"x": rng.normal(size=n)}) for n in (12_000, 100))
    details = first(compare_domains(before, now, random_state=0)).details
    assert (details["n_reference"], details["n_current"]) == (10_000, 100)


HALVES = pd.DataFrame({"x": np.arange(100) + 0.5})
CANNOT = {
    "no rows": (HALVES, HALVES[:0], "100 and 0 rows and 1 columns"),
    "few rows": (HALVES, HALVES[:9], "100 and 9 rows and 1 columns"),
    "another table": (HALVES, HALVES.rename(columns={"x": "y"}), "100 and 100 rows and 0 columns"),
}  # fmt: skip


@pytest.mark.parametrize(("before", "now", "words"), CANNOT.values(), ids=CANNOT)
def test_where_nothing_can_be_told_it_says_so(before, now, words):
    finding = first(compare_domains(before, now, random_state=0))
    assert finding.ok
    assert finding.message.startswith(f"cannot judge: {words}")


def test_constant_and_empty_columns_are_no_reason_to_fail():
    before = pd.DataFrame({"x": [1.5] * 100, "c": ["a"] * 100})
    now = pd.DataFrame({"x": [np.nan] * 100, "c": ["a"] * 100})
    assert first(compare_domains(before, before, random_state=0)).value == 0.5
    assert not compare_domains(before, now, random_state=0).ok


def test_ids_that_come_twice_are_told_and_are_no_feature():
    rng = np.random.default_rng(0)
    before = pd.DataFrame({"post": range(200), "x": rng.normal(size=200)})
    now = pd.DataFrame({"post": np.r_[np.arange(900, 1050), np.arange(900, 950)], "x": rng.normal(size=200)})
    finding, twice = compare_domains(before, now, random_state=0)
    assert list(finding.details["gain"]) == ["x"]
    assert (twice.code, twice.subject, twice.count, twice.severity) == ("duplicates", "post", 50, "warning")


def test_what_is_no_table_is_refused():
    with pytest.raises(ValueError, match=r"^the table is a list; expected a pandas DataFrame$"):
        compare_domains([1], pd.DataFrame(), random_state=0)
