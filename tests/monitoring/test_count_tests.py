"""The tests on counts agree with scipy's on raw values, and with every relabelling written out."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from mlsd.monitoring.count_tests import (
    MAX_CELLS,
    chance_share,
    chi_square,
    exact_test,
    merge_ordered,
    merged,
    moved_share,
    pool_rare,
    rank_scores,
    score_test,
    unseen_test,
)

few = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), min_size=1, max_size=4).map(
    lambda pairs: [*pairs, (2, 1)]  # both samples hold a row
)


def table(x, y):
    """Two samples of raw values as counts per distinct value."""
    values = np.union1d(x, y)
    return tuple(np.array([(sample == value).sum() for value in values]) for sample in (x, y))


@pytest.mark.parametrize("digits", [12, 1, 0])
@pytest.mark.parametrize("m", [40, 25])
def test_location_is_wilcoxons_test_ties_included(digits, m):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=40).round(digits), rng.normal(0.5, size=m).round(digits)
    reference, current = table(x, y)
    z, skewness, p = score_test(reference, current, rank_scores(reference + current))
    scipy = stats.mannwhitneyu(y, x, method="asymptotic", use_continuity=False)
    assert 2 * stats.norm.sf(abs(z)) == pytest.approx(scipy.pvalue, rel=1e-9)
    assert np.sign(z) == np.sign(scipy.statistic - 40 * m / 2)
    if m == 40:  # equal sizes: symmetric, so the tail is the normal one
        assert skewness == 0
        assert p == pytest.approx(scipy.pvalue, rel=1e-9)


def test_scale_is_moods_test():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=60), rng.normal(scale=1.5, size=45)
    reference, current = table(x, y)
    z = score_test(reference, current, rank_scores(reference + current, power=2))[0]
    assert z == pytest.approx(stats.mood(y, x).statistic, rel=1e-9)


@given(st.lists(st.integers(0, 12), min_size=1, max_size=6).filter(sum), st.sampled_from([1, 2]))
def test_a_cells_score_is_the_mean_of_its_rows_scores(total, power):
    ranks = np.arange(sum(total)) - (sum(total) - 1) / 2
    by_row = np.split(ranks**power, np.cumsum(total)[:-1])
    for score, rows in zip(rank_scores(total, power), by_row, strict=True):
        assert not len(rows) or score == pytest.approx(rows.mean(), abs=1e-9)


@given(few, st.lists(st.integers(-5, 5), min_size=5, max_size=5))
def test_moments_are_those_of_all_relabellings(pairs, scores):
    reference, current = np.array(pairs).T
    scores = np.array(scores[: len(pairs)], dtype=float)
    pooled = np.repeat(scores, reference + current)
    sums = [sum(chosen) for chosen in itertools.combinations(pooled, current.sum())]
    z, skewness, p = score_test(reference, current, scores)
    if np.std(sums) < 1e-9:
        assert (z, p) == (0, 1)
    else:
        assert z == pytest.approx((current @ scores - np.mean(sums)) / np.std(sums), abs=1e-6)
        assert skewness == pytest.approx(stats.skew(sums), abs=1e-6)


@pytest.mark.parametrize(
    ("n", "m", "share"), [(3000, 50, 0.1), (3000, 50, 0.9), (50, 3000, 0.1), (500, 500, 0.02)]
)
def test_few_rows_in_an_unbalanced_column_do_not_cry_wolf(n, m, share):
    rows = round(share * (n + m))
    for b in range(max(0, rows - n), min(rows, m) + 1):
        exact = exact_test(rows - b, n, b, m)
        found = score_test([n - rows + b, rows - b], [m - b, b], [0.0, 1.0])[2]
        if exact > 1e-5:  # half the chance of b itself is the usual price of a smooth tail
            inner = exact - stats.hypergeom.pmf(b, n + m, rows, m) * 1.2
            assert found >= 0.7 * max(inner, 0.0)
            assert found <= 3 * exact + 1e-3


@given(st.integers(0, 40), st.integers(1, 40), st.integers(0, 40), st.integers(1, 40))
def test_the_exact_test_is_fishers(a, n, b, m):
    a, b = min(a, n), min(b, m)
    more = stats.fisher_exact([[b, m - b], [a, n - a]], alternative="greater").pvalue
    less = stats.fisher_exact([[b, m - b], [a, n - a]], alternative="less").pvalue
    assert exact_test(a, n, b, m, side="more") == pytest.approx(more, rel=1e-7)
    assert exact_test(a, n, b, m) == pytest.approx(min(1, 2 * min(more, less)), rel=1e-7)


def test_the_exact_test_holds_for_millions_of_rows():
    assert exact_test(500_000, 10**6, 500_000, 10**6) == 1.0
    z = 1000 / np.sqrt(2 * 10**6 * 0.25)  # rows apart / standard deviation
    assert exact_test(499_500, 10**6, 500_500, 10**6) == pytest.approx(2 * stats.norm.sf(z), rel=0.01)


@given(st.lists(st.tuples(st.integers(1, 50), st.integers(1, 50)), min_size=2, max_size=9))
def test_chi_square_is_scipys(pairs):
    reference, current = np.array(pairs).T
    scipy = stats.chi2_contingency([reference, current], correction=False)
    assert chi_square(reference, current) == pytest.approx(
        (scipy.statistic, scipy.pvalue), rel=1e-9, abs=1e-12
    )


@pytest.mark.parametrize("k", [1, 3, 10, 20])
def test_the_rows_of_one_unseen_name_have_the_exact_chance_of_all_falling_into_the_window(k):
    n, m = 2000, 3000
    exact = np.prod([(m - i) / (n + m - i) for i in range(k)])
    assert unseen_test([1000, 1000], k, m) == pytest.approx(exact, rel=0.05)


WORLDS = {
    "1,000 even levels": np.full(1000, 1e-3),
    "100 even levels": np.full(100, 1e-2),
    "a long tail": (tail := 1 / np.arange(1, 5001)) / tail.sum(),
    "all but unique": np.full(100_000, 1e-5),
}


@pytest.mark.parametrize("sizes", [(2000, 2000), (3000, 300), (300, 3000)], ids=str)
@pytest.mark.parametrize("p", WORLDS.values(), ids=WORLDS)
def test_names_that_were_merely_not_drawn_yet_are_expected(p, sizes):
    rng, (n, m) = np.random.default_rng(0), sizes
    alarms = 0
    for _ in range(100):
        reference, current = rng.multinomial(n, p), rng.multinomial(m, p)
        alarms += unseen_test(reference[reference > 0], current[reference == 0].sum(), m) <= 0.05
    assert alarms <= stats.binom.isf(0.001, 100, 0.05)


def test_how_many_names_are_yet_unseen_is_itself_uncertain():
    """Large windows show the reference's luck: names seen twice tell how much of it there was."""
    rng, alarms = np.random.default_rng(0), 0
    for _ in range(300):
        reference, current = (rng.multinomial(n, np.full(1000, 1e-3)) for n in (5000, 50_000))
        alarms += unseen_test(reference[reference > 0], current[reference == 0].sum(), 50_000) <= 0.05
    assert alarms <= stats.binom.isf(0.001, 300, 0.05)


cells = st.lists(st.tuples(st.integers(0, 400), st.integers(0, 400)), min_size=2, max_size=120).filter(
    lambda pairs: all(sum(side) > 0 for side in zip(*pairs, strict=True))
)


@given(cells)
def test_neighbours_are_merged_until_each_cell_expects_ten_rows(pairs):
    reference, current = np.array(pairs).T
    groups = merge_ordered(reference, current)
    assert set(np.diff(groups)) <= {0, 1}
    assert groups[0] == 0
    total = merged(reference + current, groups)
    assert len(total) <= MAX_CELLS
    fewest = min(reference.sum(), current.sum()) / (reference + current).sum()
    assert len(total) == 1 or (total * fewest).min() >= 10 - 1e-9


@given(cells, st.integers(0, 3))
def test_names_are_pooled_by_their_pooled_totals_only(pairs, n_always):
    reference, current = np.array(pairs).T
    always = np.arange(len(pairs)) >= len(pairs) - n_always
    groups = pool_rare(reference, current, always)
    total = reference + current
    assert len(np.unique(groups[always & (total > 0)])) <= 1
    fewest = min(reference.sum(), current.sum()) / total.sum()
    if groups.max() >= 2:  # what chi-square is asked about
        assert (merged(total, groups) * fewest).min() >= 10 - 1e-9
    swapped = pool_rare(current, reference, always)  # who is the reference does not matter
    assert groups.tolist() == swapped.tolist()


@given(st.lists(st.integers(0, 100), min_size=2, max_size=8).filter(lambda c: max(c) > 0))
def test_nothing_moved_between_equal_counts(values):
    assert moved_share(values, values) == 0


def test_the_share_that_moved_is_told_for_few_rows_and_many_alike():
    rng = np.random.default_rng(0)
    before, after = np.full(20, 0.05), np.r_[np.full(10, 0.06), np.full(10, 0.04)]  # 10 % of rows move
    for n in (1000, 10_000, 1_000_000):
        moved = [moved_share(rng.multinomial(n, before), rng.multinomial(n, after)) for _ in range(50)]
        still = [moved_share(rng.multinomial(n, before), rng.multinomial(n, before)) for _ in range(50)]
        assert np.mean(moved) == pytest.approx(0.1, abs=0.03 if n == 1000 else 0.01)
        assert np.mean(still) < 0.4 * chance_share(n * before, n * before)  # which plain distance would say
