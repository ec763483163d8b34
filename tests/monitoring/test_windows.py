"""A metric a window: equal to asking for each window alone, with intervals that hold the truth."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom

from mlsd.metrics import METRICS, score
from mlsd.monitoring import performance_by_window
from mlsd.prediction_log import PredictionLog
from mlsd.report import RefusedError
from mlsd.stats import mean_interval

START = pd.Timestamp("2024-02-05T00:00Z")


def logged(n=3000, days=5, seed=0):
    rng = np.random.default_rng(seed)
    p = rng.beta(1, 2, size=n)
    return pd.DataFrame(
        {
            "id": [f"post-{i}" for i in range(n)],
            "at": START + pd.to_timedelta(rng.uniform(0, days, size=n), unit="D"),
            "prediction": p,
            "label": rng.uniform(size=n) < p,
            "language": rng.choice(["en", "nl"], size=n),
        }
    )


@pytest.mark.parametrize("metric", METRICS)
def test_a_window_is_the_metric_of_its_rows(metric):
    rows = logged()
    table = performance_by_window(rows, metric=metric)
    assert table["start"].tolist() == [START + pd.Timedelta(days=day) for day in range(5)]
    assert table["rows"].sum() == table["labelled"].sum() == 3000
    for _, day in table.iterrows():
        own = rows[rows["at"].dt.floor("D") == day["start"]]
        assert day["value"] == pytest.approx(score(metric, own["label"], own["prediction"]))
        assert day["low"] < day["value"] < day["high"]


@pytest.mark.parametrize(
    "metric, worlds", [("accuracy", 600), ("log_loss", 600), ("rmse", 600), ("roc_auc", 600)]
)
def test_the_interval_holds_the_long_run_value_in_95_percent_of_windows(metric, worlds):
    long_run = logged(400_000, days=1, seed=1)
    truth = score(metric, long_run["label"], long_run["prediction"])
    table = performance_by_window(logged(worlds * 300, days=worlds, seed=2), metric=metric)
    held = ((table["low"] <= truth) & (truth <= table["high"])).sum()
    low, high = binom.interval(
        0.999, worlds, 0.94 if metric == "roc_auc" else 0.95
    )  # percentiles: a bit narrow
    assert low <= held <= high


def test_a_mean_over_rows_has_the_interval_of_a_mean():
    rows = logged(300, days=1)
    brier = performance_by_window(rows, metric="brier").iloc[0]
    expected = mean_interval((rows["prediction"] - rows["label"]) ** 2)
    assert (brier["low"], brier["high"]) == pytest.approx(expected)


@pytest.mark.parametrize("turned", [False, True])
def test_an_interval_ends_where_the_metric_does(turned):
    rows = logged(30, days=1).assign(label=np.arange(30) < 5)
    rows["prediction"] = [0.9, 0.8, 0.7, 0.6, 0.45, 0.5] + [0.1] * 24  # one pair in the wrong order
    rows["label"] ^= turned
    auc = performance_by_window(rows, metric="roc_auc").iloc[0]
    assert auc["value"] == pytest.approx(1 / 125 if turned else 124 / 125)
    assert (auc["low"] == 0.0, auc["high"] == 1.0) == (turned, not turned)
    three = logged(3, days=1).assign(label=[0, 0, 1], prediction=0.0)
    assert performance_by_window(three, metric="rmse")["low"].tolist() == [0.0]


def test_slices_are_the_slices_asked_alone():
    rows = logged()
    table = performance_by_window(rows, by="language", metric="log_loss")
    assert list(table.columns) == ["start", "rows", "labelled", "value", "low", "high", "slice"]
    for name in ("en", "nl"):
        alone = performance_by_window(rows[rows["language"] == name], metric="log_loss")
        own = table[table["slice"] == name].drop(columns="slice").reset_index(drop=True)
        pd.testing.assert_frame_equal(own, alone)


def test_rows_without_a_slice_are_one_and_fifty_slices_are_not_too_many():
    rows = logged(400, days=1)
    rows["language"] = rows["language"].where(np.arange(400) >= 7)
    table = performance_by_window(rows, by="language")
    assert table.loc[table["slice"].isna(), "rows"].tolist() == [7]
    assert len(performance_by_window(rows.assign(language=np.arange(400) % 50), by="language")) == 50


def test_labels_join_late_and_in_any_order(tmp_path):
    log = PredictionLog(tmp_path / "log.db")
    for i in range(6):
        log.append(f"post-{i}", START + pd.Timedelta(hours=12 * i), 1, {"n": i}, 0.9)
    for i in (5, 0, 1):  # the label of post-1 says that the model was wrong
        log.label(f"post-{i}", i != 1, START + pd.Timedelta(days=5 if i == 5 else 4))
    window = (START, START + pd.Timedelta(days=3))
    early = performance_by_window(log.window(*window, labelled_by=START + pd.Timedelta(days=4)))
    assert early["rows"].tolist() == [2, 2, 2]
    assert early["labelled"].tolist() == [2, 0, 0]
    assert early["value"].fillna(-1).tolist() == [0.5, -1, -1]
    assert performance_by_window(log.window(*window))["labelled"].tolist() == [2, 0, 1]


def test_several_classes_are_read_by_name():
    predictions = [{"ham": 0.2, "spam": 0.8}, {"spam": 0.3, "ham": 0.7}]
    rows = pd.DataFrame({"id": ["a", "b"], "at": START, "prediction": predictions, "label": ["spam", "spam"]})
    assert performance_by_window(rows)["value"].tolist() == [0.5]
    assert performance_by_window(rows, metric="log_loss")["value"][0] == pytest.approx(
        -np.log([0.8, 0.3]).mean()
    )
    with pytest.raises(RefusedError, match="label 'eggs' is none of the predicted classes ham, spam"):
        performance_by_window(rows.assign(label="eggs"))
    rows.at[1, "prediction"] = {"ham": 1.0}
    with pytest.raises(
        RefusedError, match="predictions name different classes; look at one version at a time"
    ):
        performance_by_window(rows)


def test_a_silent_window_and_rows_out_of_order_are_shown():
    rows = logged(200, days=1)
    rows = pd.concat([rows, rows.assign(id=rows["id"] + "b", at=rows["at"] + pd.Timedelta(days=3))])
    table = performance_by_window(rows.sample(frac=1, random_state=0))
    assert table["rows"].tolist() == [200, 0, 0, 200]
    assert table["value"].isna().tolist() == [False, True, True, False]


@pytest.mark.parametrize("metric", METRICS)
def test_what_cannot_be_told_is_missing_and_no_warning(metric):
    rows = logged(40, days=1).assign(label=True)
    one_class = performance_by_window(rows, metric=metric)
    assert one_class["value"].isna()[0] == (metric in ("roc_auc", "r2"))
    assert performance_by_window(rows.assign(label=None), metric=metric)["labelled"].tolist() == [0]
    assert performance_by_window(rows.head(2), metric=metric)["low"].isna().all()
    assert performance_by_window(rows.head(0), metric=metric).empty


def test_a_rare_class_gives_a_ranking_no_interval():
    rows = logged(200, days=1).assign(label=np.arange(200) < 4)
    table = performance_by_window(rows, metric="roc_auc")
    assert table["value"].notna().all() and table["low"].isna().all()
    five = performance_by_window(rows.assign(label=np.arange(200) < 5), metric="roc_auc")
    assert five["low"].notna().all()


@pytest.mark.parametrize(
    "change, options, sentence",
    [
        ({"id": "post-1"}, {}, "1 ids stand twice or more, such as 'post-1'; a prediction counts once"),
        (
            {"label": "spam"},
            {},
            "expected labels are 0 and 1, booleans or numbers: code them with package.encode",
        ),
        (
            {"prediction": 7.5},
            {},
            "accuracy expects labels 0 and 1 and probabilities; of a quantity ask 'rmse'",
        ),
        ({}, {"metric": "auc"}, "no metric is called 'auc'; expected one of log_loss"),
        ({}, {"every": "a day"}, "every is 'a day'; expected a length of time such as '1h', '1D' or 'W'"),
        ({}, {"by": "country"}, "rows have no column 'country' to slice by"),
        ({}, {"by": "id"}, "'id' has 3,000 values, at most 50 make slices; use pd.cut first"),
    ],
)
def test_what_cannot_be_read_is_refused_in_one_sentence(change, options, sentence):
    with pytest.raises(RefusedError, match=sentence):
        performance_by_window(logged().assign(**change), **options)
