"""uncertainty_sample: the least certain rows, and how many labels they save against rows at random."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

from mlsd.data import uncertainty_sample
from mlsd.report import RefusedError


@given(st.lists(st.floats(0, 1), max_size=20), st.data())
def test_no_row_left_out_is_less_certain(scores, data):
    n = data.draw(st.integers(0, len(scores)))
    chosen = uncertainty_sample(scores, n)
    margin = np.abs(np.asarray(scores, dtype="float64") - 0.5)
    assert len(set(chosen)) == n and (np.diff(margin[chosen]) >= -1e-12).all()
    rest = np.setdiff1d(np.arange(len(scores)), chosen)
    assert not n or not len(rest) or margin[chosen].max() <= margin[rest].min() + 1e-12


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_two_columns_are_one(scores):
    both = np.column_stack([1 - np.array(scores), scores])
    assert (uncertainty_sample(scores, len(scores)) == uncertainty_sample(both, len(scores))).all()


def test_of_more_classes_the_two_best_count():
    table = [[0.9, 0.05, 0.05], [0.34, 0.33, 0.33], [0.5, 0.5, 0.0], [0.6, 0.3, 0.1]]
    assert uncertainty_sample(table, 4).tolist() == [2, 1, 3, 0]


def test_equals_are_drawn_by_the_random_state():
    flat = np.full(1000, 0.5)
    first = uncertainty_sample(flat, 50)
    assert (first == uncertainty_sample(flat, 50)).all()
    assert (first != uncertainty_sample(flat, 50, random_state=1)).any() and first.max() > 500


def test_bad_probabilities_are_one_sentence():
    for table, n, words in (
        ([0.5, np.nan], 1, "missing or outside"),
        ([0.5, 1.5], 1, "missing or outside"),
        ([[0.5], [0.5]], 1, "k >= 2"),
        (["a"], 1, "expected numbers"),
        (0.5, 1, "expected numbers"),
        ([0.5], 2, "0 to 1"),
        ([0.5], -1, "whole number"),
        ([0.5, 0.5], 1.5, "whole number"),
    ):
        with pytest.raises(RefusedError, match=words):
            uncertainty_sample(table, n)
    assert len(uncertainty_sample([], 0)) == 0


def labels_needed(seed, uncertain, goal=0.9):
    """How many labels a model needs for `goal` of what the whole pool teaches it; 10 at a time."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(3000, 10))
    weights = rng.normal(size=10) * 2
    y = rng.random(3000) < 1 / (1 + np.exp(-(x @ weights - 6)))  # about one in six
    pool, held = np.arange(2000), np.arange(2000, 3000)

    def gain(rows):  # accuracy beyond "always no"
        model = LogisticRegression().fit(x[rows], y[rows])
        return model, model.score(x[held], y[held]) - (1 - y[held].mean())

    best = gain(pool)[1]
    chosen = [*rng.permutation(pool)[:30]]
    while len(chosen) < 1000:
        model, got = gain(chosen)
        if got >= goal * best:
            break
        rest = np.setdiff1d(pool, chosen)
        p = model.predict_proba(x[rest])[:, 1]
        more = uncertainty_sample(p, 10) if uncertain else rng.permutation(len(rest))[:10]
        chosen += [*rest[more]]
    return len(chosen)


def test_fewer_labels_than_at_random():
    """Over 12 seeds: never more, and fewer in 10 or more, which has chance 0.1 % without an effect."""
    random = np.array([labels_needed(seed, False) for seed in range(12)])
    chosen = np.array([labels_needed(seed, True) for seed in range(12)])
    assert (chosen <= random).all() and (chosen < random).sum() >= 10
    assert np.median(chosen) < 0.5 * np.median(random)
