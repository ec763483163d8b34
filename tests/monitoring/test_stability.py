"""The stability index is the formula's, and chance alone makes of it what is said."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from mlsd.monitoring import psi
from mlsd.profile import Profile


def index(before, after):
    reference = Profile.of(pd.DataFrame({"x": before}))
    (finding,) = psi(reference, Profile.of(pd.DataFrame({"x": after}), like=reference))
    return finding


def test_it_is_the_sum_over_ten_cells():
    rng = np.random.default_rng(0)
    before, after = rng.normal(size=5000), rng.normal(0.3, size=4000)
    cuts = np.quantile(before, np.arange(1, 10) / 10)
    p, q = (np.bincount(np.searchsorted(cuts, x), minlength=10) / len(x) for x in (before, after))
    finding = index(before, after)
    assert finding.value == pytest.approx(((q - p) * np.log(q / p)).sum(), rel=0.02)
    assert finding.details["cells"] == 10
    assert not finding.ok
    assert finding.severity == "info"


def test_names_have_a_cell_each_and_an_empty_one_is_not_infinite():
    p, q = np.array([60.5, 40.5, 0.5]), np.array([30.5, 0.5, 70.5])
    p, q = p / p.sum(), q / q.sum()
    finding = index(["a"] * 60 + ["b"] * 40, ["a"] * 30 + ["c"] * 70)
    assert finding.value == pytest.approx(((q - p) * np.log(q / p)).sum(), rel=1e-9)


@pytest.mark.parametrize(("n", "m"), [(5000, 200), (1000, 1000)])
def test_without_drift_it_is_what_chance_makes_of_it(n, m):
    """The mean within 4 standard errors and a tenth; above the limit as often as 5 % allows."""
    rng, found = np.random.default_rng(0), []
    for _ in range(150):
        names = [rng.choice(list("abcdefgh"), size) for size in (n, m)]
        numbers = [rng.normal(size=size) for size in (n, m)]
        found += [index(*names), index(*numbers)]
    for kind in (found[::2], found[1::2]):
        values = np.array([finding.value for finding in kind])
        expected = kind[0].details["expected"]
        assert expected == pytest.approx((kind[0].details["cells"] - 1) * (1 / n + 1 / m))
        assert abs(values.mean() - expected) < 4 * values.std() / np.sqrt(150) + 0.1 * expected
        assert sum(not finding.ok for finding in kind) <= stats.binom.isf(0.001, 150, 0.05)


def test_the_folklore_limit_cries_wolf_for_few_rows_and_it_is_said():
    rng = np.random.default_rng(0)
    found = [index(rng.normal(size=3000), rng.normal(size=40)) for _ in range(60)]
    above = [finding for finding in found if finding.value > 0.2]
    assert len(above) > 20  # unchanged, all of them
    assert all(("cry wolf" in finding.message) == finding.ok for finding in above)


values = st.lists(st.sampled_from([0.0, 1.0, 2.5, 7.0]), min_size=1, max_size=40)


@given(values, values)
def test_it_is_never_negative_and_zero_between_equals(before, after):
    assert index(before, after).value >= 0
    assert index(before, before).value == pytest.approx(0, abs=1e-12)


def test_nothing_to_compare_is_said_and_another_ruler_refused():
    assert index([1.0, 2.0], [np.nan]).message == "cannot judge: the window holds no value"
    reference = Profile.of(pd.DataFrame({"x": [1.5, 2.5], "text": ["a long text", "another"]}))
    with pytest.raises(ValueError, match="is not counted on the reference's cells"):
        psi(reference, Profile.of(pd.DataFrame({"x": [1.5, 9.5]})))
