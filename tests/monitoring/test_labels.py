"""Labels that are late, never come, come too early, or come for some rows only."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom, mannwhitneyu

from mlsd.monitoring import judge_labels
from mlsd.report import RefusedError

START = pd.Timestamp("2024-02-05T00:00Z")


def logged(n=400, seed=0, known=None, multiclass=False):
    """n predictions, one a minute; `known(y, rng)` says which labels are here, 5 days later."""
    rng = np.random.default_rng(seed)
    p = rng.beta(1, 3, size=n)
    y = rng.uniform(size=n) < p
    here = np.ones(n, dtype=bool) if known is None else known(y, rng)
    at = START + pd.to_timedelta(np.arange(n), unit="min")
    return pd.DataFrame(
        {
            "id": [f"post-{i}" for i in range(n)],
            "at": at,
            "prediction": [{"ham": 1 - x, "spam": x} for x in p] if multiclass else p,
            "label": [bool(v) if k else None for v, k in zip(y, here, strict=True)],
            "labelled_at": pd.Series(at + pd.Timedelta("5D")).where(here),
        }
    )


def judged(rows, **options):
    report = judge_labels(rows, now=options.pop("now", "2024-02-12T00:00Z"), **options)
    return {finding.code: finding for finding in report}


def at_random(y, rng):
    return rng.uniform(size=len(y)) < 0.5


def the_guilty_first(y, rng):
    """Who was cheated says so at once; who was not says so one time in four."""
    return y | (rng.uniform(size=len(y)) < 0.25)


def test_it_counts_what_is_out():
    found = judged(logged(known=lambda y, rng: np.arange(len(y)) < 100))
    assert found["labels"].message == "100 of 400 labels are here, 300 are out"
    assert found["labels"].value == 0.25
    assert found["labels"].details == {"labelled": 100, "out": 300}
    assert all(finding.ok for finding in judged(logged()).values())


def test_labels_that_never_come_are_an_error_once_they_are_due():
    rows = logged(known=lambda y, rng: np.zeros(len(y), dtype=bool))
    assert judged(rows)["labels"].ok  # nobody said when they should come
    assert judged(rows, label_delay="30D")["labels"].ok
    due = judged(rows, label_delay="5D")["labels"]
    assert not due.ok and due.severity == "error" and due.count == 400 and due.rows[0] == "post-0"
    assert due.message == (
        "0 of 400 labels are here, 400 are out; 400 should be here after 5 days 00:00:00, "
        "and none that should has come: ask who sends them"
    )
    some = judged(logged(known=at_random), label_delay="5D")["labels"]
    assert not some.ok and some.severity == "warning"


def test_a_label_is_late_after_its_delay_and_not_at_it():
    rows = logged(3, known=lambda y, rng: np.zeros(len(y), dtype=bool))
    for wait, late in (("0s", 0), ("1s", 1), ("61s", 2)):
        found = judged(rows, now=START + pd.Timedelta("5D") + pd.Timedelta(wait), label_delay="5D")["labels"]
        assert (found.count, found.ok) == (late, not late)


def test_labels_that_came_early_do_not_excuse_those_that_are_due():
    rows = logged(known=lambda y, rng: np.arange(len(y)) >= 300)
    due = judged(rows, now=START + pd.Timedelta("5D") + pd.Timedelta("200min"), label_delay="5D")["labels"]
    assert due.count == 200 and due.severity == "error"


def test_a_label_known_at_once_is_no_wrong_clock():
    assert judged(logged().assign(labelled_at=lambda rows: rows["at"]))["clock"].ok


def test_a_clock_that_runs_backwards_is_found():
    rows = logged()
    rows.loc[3, "labelled_at"] = rows.loc[3, "at"] - pd.Timedelta("1s")
    early = judged(rows)["clock"]
    assert not early.ok and early.count == 1 and early.rows == ("post-3",)
    assert "labelled before they were predicted, or predicted after now: a clock is wrong" in early.message
    assert judged(logged(), now=START + pd.Timedelta("1min"))["clock"].count == 398


def test_repeated_ids_are_found():
    rows = logged()
    twice = judged(pd.concat([rows, rows.head(2)], ignore_index=True))["id"]
    assert not twice.ok and twice.message == "2 rows repeat an id" and twice.rows == ("post-0", "post-1")


def test_an_empty_window_is_said():
    report = judge_labels(logged().head(0))
    assert [f.message for f in report.failures] == ["no predictions in this window, nothing to judge"]


def test_rows_that_are_no_log_are_refused():
    with pytest.raises(
        RefusedError, match=r"rows have no column 'at'; give what PredictionLog.window returns"
    ):
        judge_labels(logged().drop(columns="at"))
    with pytest.raises(RefusedError, match=r"at is datetime64\[.*\] without a time zone; expected UTC"):
        judge_labels(logged().assign(at=lambda rows: rows["at"].dt.tz_localize(None)))


def test_labels_missing_at_random_are_a_fair_sample():
    alarms = sum(not judged(logged(seed=seed, known=at_random))["early_labels"].ok for seed in range(150))
    assert alarms <= binom.ppf(0.999, 150, 0.001)


@pytest.mark.parametrize("multiclass", [False, True])
def test_early_labels_of_the_guilty_are_a_biased_sample(multiclass):
    for seed in range(20):
        early = judged(logged(seed=seed, known=the_guilty_first, multiclass=multiclass))["early_labels"]
        assert not early.ok and early.severity == "warning"
        assert early.message.startswith("early labels may be a biased sample: labelled rows were scored")


def test_the_class_that_differs_most_is_told_and_its_p_pays_for_the_others():
    rows = logged(known=the_guilty_first)
    p, known = rows["prediction"].to_numpy(), rows["label"].notna()
    other = np.random.default_rng(1).uniform(size=len(p))
    parts = [{"eggs": 0.1, "spam": x, "ham": z} for x, z in zip(p, other, strict=True)]
    early = judged(rows.assign(prediction=parts))["early_labels"]
    assert early.details["p"] == pytest.approx(3 * mannwhitneyu(p[known], p[~known]).pvalue)
    assert early.value == pytest.approx(p[known].mean() - p[~known].mean())


def test_few_rows_are_not_compared():
    early = judged(logged(known=lambda y, rng: np.arange(len(y)) < 49))["early_labels"]
    assert early.ok and early.message == "not compared: needs 50 rows with a label and 50 without"
