"""Each kind of trouble gets its name, from labels and the predictions of a calibrated model."""

import numpy as np
import pytest

from mlsd.monitoring import diagnose
from mlsd.monitoring.diagnosis import KINDS
from mlsd.monitoring.performance import expit, logit
from mlsd.report import Finding, Report

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
    assert "3999 labels so far, needs 4000" in report.findings[0].message
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
