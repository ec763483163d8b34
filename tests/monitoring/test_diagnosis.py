"""Each kind of trouble gets its name, from labels and the predictions of a calibrated model."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from scipy.special import expit, logit

from mlsd.data import compare_serving
from mlsd.monitoring import detect_drift, diagnose
from mlsd.monitoring.diagnosis import KINDS
from mlsd.profile import Profile
from mlsd.report import Finding, RefusedError, Report
from tests.benchmarks.bench_diagnosis import judged, right

MOVED = Report("drift", (Finding("drift", "n_links", ok=False, message="moved"),))
STILL = Report("drift", (Finding("drift", "n_links", message="still"),))


def sample(seed, n=6000):
    """Probabilities of a calibrated model, and the uniform behind each label."""
    rng = np.random.default_rng(seed)
    return expit(rng.normal(-1.8, 1.6, size=n)), rng.uniform(size=n)


def kind(**evidence):
    report = diagnose(**evidence)
    assert report.findings[0].code == "diagnosis"
    assert report.findings[0].value in KINDS
    return report.findings[0].value


@pytest.mark.parametrize("seed", range(25))
def test_each_kind_is_named(seed):
    p, u = sample(seed)
    odds = 4 * p / (1 - p)
    turned = expit(
        logit(p)[np.random.default_rng(seed).permutation(len(p))]
    )  # P(y|x) has nothing to do with p
    assert kind(drift=STILL, y=u < p, prediction=p) == "no drift"
    assert kind(drift=MOVED, y=u < p, prediction=p) == "data drift"
    assert kind(drift=MOVED, y=u < odds / (1 + odds), prediction=p) == "target drift"
    assert kind(drift=STILL, y=u < turned, prediction=p) == "concept drift"


def test_a_concept_that_turns_upside_down_is_a_concept_drift():
    p, u = sample(0)
    assert kind(y=u < 1 - p, prediction=p) == "concept drift"


def test_too_few_labels_cannot_tell_whatever_they_look_like():
    p, u = sample(0, n=3999)
    report = diagnose(drift=MOVED, y=u < 1 - p, prediction=p)
    assert report.findings[0].value == "cannot tell yet"
    assert "3,999 labels so far, needs 4,000" in report.findings[0].message
    assert kind(drift=MOVED) == "cannot tell yet"


def test_refused_rows_are_a_data_fault_first():
    p, u = sample(0)
    assert kind(rejected_share=0.02, drift=MOVED, y=u < 1 - p, prediction=p) == "data fault"
    assert kind(rejected_share=0.01, drift=STILL, y=u < p, prediction=p) == "no drift"


def test_with_many_classes_a_worse_model_is_not_named_further():
    rng = np.random.default_rng(0)
    p = rng.dirichlet([1, 1, 1], size=6000)
    wrong = rng.integers(0, 3, size=6000)
    assert kind(y=wrong, prediction=p, task="multiclass") == "cannot tell yet"


def test_the_evidence_is_in_the_report():
    p, u = sample(0)
    report = diagnose(drift=MOVED, y=u < 1 - p, prediction=p)
    assert {"rejected", "features", "labels", "excess_loss", "offset", "slope", "after_offset"} <= {
        f.code for f in report
    }
    assert not report.ok


TABLE = pd.DataFrame({"grams": [1000.0, 2000, 2500, 3000, 800], "topic": list("aabba")})


def test_rows_that_serving_prepares_otherwise_are_a_skew_before_anything_else():
    """A fault from upstream reaches both ways alike, so what differs between them is our own."""
    p, u = sample(0)
    skew = compare_serving(TABLE, TABLE.assign(grams=TABLE.grams / 1000))
    report = diagnose(serving=skew, rejected_share=0.5, drift=MOVED, y=u < 1 - p, prediction=p)
    assert report.findings[0].value == "training-serving skew"
    assert "another grams of the same rows" in report.findings[0].message
    assert kind(serving=skew) == "training-serving skew"  # no label is needed
    scores = compare_serving(p, p + 0.01)
    assert kind(serving=scores, y=u < p, prediction=p) == "training-serving skew"


def test_rows_prepared_alike_both_ways_are_no_skew():
    p, u = sample(0)
    same = compare_serving(TABLE, TABLE)
    assert kind(serving=same, drift=STILL, y=u < p, prediction=p) == "no drift"
    nothing = diagnose(serving=compare_serving(TABLE.head(0), TABLE.head(0)), y=u < p, prediction=p)
    assert nothing.findings[0].value == "no drift"
    assert next(f for f in nothing if f.code == "serving").message == "0 rows are compared"


@pytest.mark.parametrize("how", ["absent", "missing", "type"])
def test_values_that_are_not_there_are_a_data_fault_without_any_schema(how):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"a": rng.normal(size=3000), "b": rng.normal(size=3000)})
    reference, p = Profile.of(frame), rng.uniform(size=3000)
    broken = {
        "absent": frame[["b"]],
        "missing": frame.assign(a=frame.a.where(p > 0.1)),
        "type": frame.assign(a=frame.a.astype(object).where(p > 0.1, "12 days")),
    }[how]
    drift = detect_drift(reference, Profile.of(broken, like=reference))
    found = diagnose(drift=drift).findings[0]
    assert found.value == "data fault" and found.message.endswith(": a")


def test_odds_that_fall_are_a_target_drift_too():
    """The loss gets better than promised, and yet the model is wrong about how many to expect."""
    for seed in range(10):
        p, u = sample(seed)
        assert kind(drift=MOVED, y=u < p / (4 - 3 * p), prediction=p) == "target drift"


def test_a_constant_offset_at_equal_features_is_named_both_ways():
    """House prices that rise at equal features: a target drift on the slide, strictly P(y|x)."""
    p, u = sample(0)
    y = u < 4 * p / (1 + 3 * p)
    still, moved, unknown = (
        diagnose(drift=d, y=y, prediction=p).findings[0].message for d in (STILL, MOVED, None)
    )
    assert "strictly it is P(y|x)" in still
    assert "strictly" not in moved and "strictly" not in unknown
    assert all(message.startswith("target drift: P(y) moved") for message in (still, moved))


def test_labels_of_one_class_only_are_said():
    p, _ = sample(0)
    for y in (np.zeros(6000), np.ones(6000)):
        found = diagnose(y=y, prediction=p).findings[0]
        assert found.value == "cannot tell yet" and "look at where the labels come from" in found.message
    assert kind(y=np.zeros(6000), prediction=np.full(6000, 1e-5)) == "no drift"  # so few were promised


def test_labels_that_never_come_are_waited_for():
    p, u = sample(0)
    y = pd.Series(u < 1 - p, dtype=object).where(np.arange(6000) < 3000, None)
    found = diagnose(y=y, prediction=p).findings[0]
    assert found.message == "cannot tell yet: 3,000 labels so far, needs 4,000"
    assert kind(y=[None] * 10, prediction=p[:10]) == "cannot tell yet"


def test_nothing_is_said_about_columns_that_nobody_looked_at():
    p, u = sample(0)
    found = diagnose(y=u < p, prediction=p).findings[0]
    assert "the columns were not looked at" in found.message


def test_a_regression_that_got_worse_is_not_named_further():
    rng = np.random.default_rng(0)
    y = rng.normal(size=5000)
    options = {"task": "regression", "reference_loss": 1.0, "drift": STILL}
    assert kind(y=y, prediction=np.zeros(5000), **options) == "no drift"
    assert kind(y=y + 2, prediction=np.zeros(5000), **options) == "cannot tell yet"


@pytest.mark.parametrize(
    ("evidence", "sentence"),
    [
        ({"y": [0, 1], "prediction": [0.5]}, "y has 2 rows, prediction 1; give both for the same rows"),
        ({"y": [0, 2], "prediction": [0.5, 0.5]}, "outside 0 to 1"),
        ({"y": [0, 1], "prediction": [0.5, 1.5]}, "outside 0 to 1"),
        ({"y": ["no", "yes"], "prediction": [0.5, 0.5]}, "code the labels, such as 0 and 1"),
        ({"y": [0, 1], "prediction": [0.5, float("nan")]}, "prediction is no number in 1 rows"),
        ({"drift": True}, "drift is a bool; expected a Report, or None"),
        ({"serving": "skew"}, "serving is a str; expected a Report, or None"),
        ({"rejected_share": 12}, "rejected_share is 12; expected a share between 0 and 1"),
        ({"rejected_share": float("nan")}, "rejected_share is nan"),
        ({"min_labels": 0}, "min_labels is 0; expected 2 or more"),
    ],
    ids="lengths labels probability words nan drift serving share share_nan min_labels".split(),
)
def test_what_makes_no_sense_is_refused_in_one_sentence(evidence, sentence):
    with pytest.raises(RefusedError, match=sentence):
        diagnose(**evidence)


def test_worlds_of_known_truth_get_their_name():
    """The claims of the benchmark (500 worlds), on 36, with 99.9 % limits."""
    told = judged(36, 1)
    assert (~right(told)).sum() <= stats.binom.isf(0.001, len(told), 0.10), told[~right(told)]
    something = told[told["truth"] != "no drift"]
    assert (something["after"] == "no drift").sum() <= stats.binom.isf(0.001, len(something), 0.05)
    waits = ~told["truth"].isin(["data fault", "training-serving skew"])
    assert (told["before"][waits] == "cannot tell yet").all()
    assert right(told)[told["truth"] == "training-serving skew"].all()
