"""ADWIN's buckets without the buckets: where river's would end, and river's detections for any parameters."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from river import drift

from mlsd.monitoring import ADWIN
from mlsd.monitoring.adwin import bucket_ends


@given(st.integers(1, 3000))
def test_the_ends_are_those_of_real_buckets(n):
    """Five buckets of each size are kept; the sixth makes the two oldest one of twice the size."""
    buckets = [0]
    for _ in range(n):
        buckets[0] += 1
        for size in range(20):
            if size == len(buckets) or buckets[size] < 6:
                break
            buckets[size] -= 2
            buckets += [0] * (size + 2 - len(buckets))
            buckets[size + 1] += 1
    sizes = [2**k for k in reversed(range(len(buckets))) for _ in range(buckets[k])]
    ends = np.cumsum(sizes).tolist()
    assert sorted(set(bucket_ends(np.array([n]))[0].tolist()) - {0}) == ends


@settings(max_examples=40)
@given(
    st.integers(0, 2**32 - 1),
    st.lists(st.sampled_from([0.05, 0.2, 0.5, 3.0]), min_size=1, max_size=4),
    st.sampled_from([0.002, 0.1]),
    st.sampled_from([1, 7, 32]),
)
def test_detections_are_rivers_for_any_parameters(seed, means, delta, clock):
    rng = np.random.default_rng(seed)
    losses = np.concatenate([rng.exponential(mean, size=rng.integers(1, 400)) for mean in means])
    river, found = drift.ADWIN(delta=delta, clock=clock), []
    for i, loss in enumerate(losses.tolist()):
        river.update(loss)
        found += [i] * river.drift_detected
    assert ADWIN(delta, clock).update(losses) == found
