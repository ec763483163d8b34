"""Detectors of concept drift: river's detections, any pieces, bounded memory."""

import math
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from river import drift
from scipy.stats import binom

from mlsd.monitoring import ADWIN, DDM, PageHinkley
from mlsd.report import RefusedError

DETECTORS = {"PageHinkley": PageHinkley, "DDM": DDM, "ADWIN": ADWIN}
RIVERS = {"PageHinkley": drift.PageHinkley, "DDM": drift.binary.DDM, "ADWIN": drift.ADWIN}
each_detector = pytest.mark.parametrize("name", DETECTORS)


def stream(seed):
    """Errors whose rate jumps one to eight times."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(100, 2500, size=rng.integers(2, 9))
    rates = np.repeat(rng.uniform(0.02, 0.6, size=len(lengths)), lengths)
    return (rng.uniform(size=len(rates)) < rates).astype(float)


def of_river(detector, errors):
    """Where river's detector, given one error after the other, detects a drift."""
    found = []
    for i, error in enumerate(errors.tolist()):
        detector.update(error)
        if detector.drift_detected:
            found.append(i)
    return found


errors_of = st.builds(
    lambda seed, rates: (
        lambda rng: np.concatenate([rng.uniform(size=rng.integers(1, 900)) < rate for rate in rates])
    )(np.random.default_rng(seed)).astype(float),
    st.integers(0, 2**32 - 1),
    st.lists(st.sampled_from([0.0, 0.02, 0.1, 0.3, 0.7, 1.0]), min_size=1, max_size=5),
)


@each_detector
def test_detections_are_rivers_on_100_streams(name):
    ours = [DETECTORS[name]().update(stream(seed)) for seed in range(100)]
    assert ours == [of_river(RIVERS[name](), stream(seed)) for seed in range(100)]
    assert sum(map(len, ours)) > 150  # there was something to detect


@given(
    errors_of,
    st.tuples(
        st.sampled_from([1, 30, 200]),  # min_rows
        st.sampled_from([0.0005, 0.005, 0.05]),  # delta
        st.sampled_from([3.7, 15.3, 50.0]),  # threshold
        st.sampled_from([0.9, 0.9999, 1.0]),  # alpha
        st.sampled_from(["up", "down", "both"]),
    ),
)
def test_page_hinkley_is_rivers_for_any_parameters(errors, parameters):
    assert PageHinkley(*parameters).update(errors) == of_river(drift.PageHinkley(*parameters), errors)


@given(errors_of, st.sampled_from([0, 30, 100]), st.sampled_from([1.5, 2.0, 3.0]))
def test_ddm_is_rivers_for_any_parameters(errors, warm_start, deviations):
    theirs = drift.binary.DDM(warm_start, drift_threshold=deviations)
    assert DDM(warm_start, deviations).update(errors) == of_river(theirs, errors)


@each_detector
@given(errors_of, st.lists(st.integers(0, 4000), max_size=6))
def test_pieces_and_a_pickle_between_them_change_nothing(name, errors, cuts):
    whole = DETECTORS[name]().update(errors)
    detector, found = DETECTORS[name](), []
    for piece in np.split(errors, sorted(cut for cut in cuts if cut <= len(errors))):
        found += detector.update(piece)
        detector = pickle.loads(pickle.dumps(detector))
    assert found == whole
    assert detector.seen == len(errors)


@each_detector
def test_single_rows_are_pieces_too(name):
    errors, detector = stream(7)[:3000], DETECTORS[name]()
    assert [at for error in errors for at in detector.update([error])] == DETECTORS[name]().update(errors)


@each_detector
def test_the_state_stays_small(name):
    detector = DETECTORS[name]()
    detector.update(np.random.default_rng(0).uniform(size=400_000) < 0.1)
    assert len(pickle.dumps(detector)) < 4_000


def test_adwin_is_quiet_and_quick_where_the_rate_doubles():
    """Fewer false alarms in 100 unchanged streams than `delta` says of one look, and nothing missed."""
    false, late = 0, 0
    for seed in range(100):
        rng = np.random.default_rng(seed)
        found = ADWIN().update(rng.uniform(size=12_000) < np.repeat([0.1, 0.2], [10_000, 2_000]))
        false += any(at < 10_000 for at in found)
        late += not any(10_000 <= at < 11_000 for at in found)
    assert false <= binom.ppf(0.999, 100, 0.01)
    assert late == 0


@pytest.mark.parametrize("mode, rate", [("up", 0.5), ("down", 0.01)])
def test_page_hinkley_looks_where_it_is_told(mode, rate):
    rng = np.random.default_rng(0)
    errors = (rng.uniform(size=6000) < np.repeat([0.25, rate], 3000)).astype(float)
    found = PageHinkley(mode=mode, delta=0.05).update(errors)
    assert found and 3000 <= found[0] < 3500
    assert PageHinkley(mode="down" if mode == "up" else "up", delta=0.05).update(errors) == []


@each_detector
@pytest.mark.parametrize("value", [0.0, 1.0])
def test_errors_of_one_kind_are_no_drift(name, value):
    assert DETECTORS[name]().update(np.full(20_000, value)) == []


@each_detector
def test_what_is_no_stream_of_errors_is_refused_in_one_sentence(name):
    detector = DETECTORS[name]()
    assert detector.update([]) == []
    with pytest.raises(RefusedError, match=r"errors\[1\] is nan; leave out the rows whose label has not"):
        detector.update([0.0, math.nan])
    with pytest.raises(RefusedError, match="errors hold something that is no number"):
        detector.update(["right", "wrong"])
    with pytest.raises(RefusedError, match=r"errors have shape \(1, 2\); expected \(n,\)"):
        detector.update([[0, 1]])
    assert detector.seen == 0


def test_ddm_reads_right_and_wrong_only():
    with pytest.raises(RefusedError, match=r"errors hold 0.5; DDM reads 0 \(right\) and 1 \(wrong\)"):
        DDM().update([0, 0.5])


def test_parameters_that_mean_nothing_are_refused():
    with pytest.raises(ValueError, match="mode is 'sideways'; expected 'up', 'down' or 'both'"):
        PageHinkley(mode="sideways")
    with pytest.raises(ValueError, match="expected 0 < alpha <= 1 and threshold > 0"):
        PageHinkley(alpha=1.5)
    with pytest.raises(ValueError, match="expected 0 < delta < 1 and clock >= 1"):
        ADWIN(delta=0)
