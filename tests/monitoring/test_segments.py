"""Segments are judged together: quiet when nothing moved, and the one that moved is named."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from mlsd.monitoring import detect_drift, detect_drift_by
from mlsd.profile import Profile
from tests.benchmarks.bench_drift_errors import draw, segments_alarm


def profiles(frames, like=None):
    return {name: Profile.of(frame, like=like[name] if like else None) for name, frame in frames.items()}


def test_unchanged_segments_alarm_as_seldom_as_one_report():
    rng = np.random.default_rng(0)
    alarms = sum(segments_alarm(rng) for _ in range(12))
    assert alarms <= stats.binom.isf(0.001, 12, 0.05)


def test_the_segment_that_moved_is_named_and_corrected_for_all_of_them():
    rng = np.random.default_rng(0)
    reference = profiles({name: draw(rng, 1000) for name in "abcd"})
    frames = {name: draw(rng, 500) for name in "abcd"}
    frames["c"]["normal_0"] += 0.6
    window = profiles(frames, reference)
    report = detect_drift_by(reference, window)
    (failure,) = report.failures
    assert (failure.subject, failure.details["segment"]) == ("c: normal_0", "c")
    tested = [finding.details for finding in report if "p" in finding.details]
    expected = stats.false_discovery_control([details["p"] for details in tested])
    assert [details["adjusted_p"] for details in tested] == pytest.approx(expected.tolist(), rel=1e-12)
    assert len(tested) == sum(
        "p" in f.details for name in "abcd" for f in detect_drift(reference[name], window[name])
    )


def test_segments_come_and_go():
    frame = pd.DataFrame({"x": np.arange(100.0)})
    reference = profiles({"a": frame, "b": frame, 3: frame})
    window = profiles({"a": frame}, reference) | {
        "new": Profile.of(frame),
        "b": Profile.of(frame[:0], like=reference["b"]),
    }
    report = detect_drift_by(reference, window)
    assert report.ok
    found = [(f.code, f.subject, f.severity) for f in report if not f.ok]
    assert found == [
        ("absent", "b", "warning"),
        ("absent", "3", "warning"),
        ("new_segment", "new", "warning"),
    ]


def test_profiles_that_are_not_by_segment_are_refused():
    reference = Profile.of(pd.DataFrame({"x": [1.5, 2.5]}))
    with pytest.raises(ValueError, match=r"^reference is a Profile; expected \{segment: Profile\}$"):
        detect_drift_by(reference, {})
    with pytest.raises(ValueError, match="is not counted on the reference's cells"):
        detect_drift_by({"a": reference}, {"a": Profile.of(pd.DataFrame({"x": [1.5, 3.5]}))})
