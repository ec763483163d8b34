"""Baselines: the constant is the best constant, the rule the best single limit of all."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlsd.metrics import row_losses
from mlsd.training.baselines import fit_constant, fit_linear, fit_rule

TASKS = ["binary", "multiclass", "regression"]


def rows(task: str, seed: int, n: int = 60) -> tuple[np.ndarray, np.ndarray, int]:
    rng = np.random.default_rng(seed)
    table = np.round(rng.normal(size=(n, 3)), 1)
    table[rng.random((n, 3)) < 0.1] = np.nan
    heat = np.nan_to_num(table[:, seed % 3]) + rng.normal(0, 0.5, n)
    if task == "regression":
        return table, 1000 + heat, 0
    return table, np.digitize(heat, [0.0] if task == "binary" else [-0.5, 0.5]), 2 if task == "binary" else 3


def smoothed(y: np.ndarray, task: str, k: int) -> np.ndarray:
    """The answer of a group of rows, counted by hand."""
    if task == "regression":
        return np.array([y.mean()])
    shares = np.array([((y == c).sum() + 0.5) / (len(y) + 0.5 * k) for c in range(k)])
    return shares[1:] if task == "binary" else shares


@pytest.mark.parametrize("task", TASKS)
@settings(max_examples=40)
@given(seed=st.integers(0, 10_000))
def test_the_constant_is_the_smoothed_share_or_the_mean(task, seed):
    _, y, k = rows(task, seed)
    assert fit_constant(y, task, k).below == pytest.approx(smoothed(y, task, k))


@pytest.mark.parametrize("task", TASKS)
@settings(max_examples=40)
@given(seed=st.integers(0, 10_000))
def test_the_rule_is_the_best_of_all_limits(task, seed):
    table, y, k = rows(task, seed)
    rule = fit_rule(table, y, task, k, ["a", "b", "c"])

    def loss(column: int, limit: float) -> float:
        values, total = table[:, column], 0.0
        for group in (values <= limit, values > limit, np.isnan(values)):
            if group.any():
                answer = np.tile(smoothed(y[group], task, k), (group.sum(), 1))
                answer = answer if task == "multiclass" else answer[:, 0]
                total += row_losses(task, y[group], answer).sum()
        return total

    tried = {
        (column, limit): loss(column, limit)
        for column in range(3)
        for limit in np.unique(table[~np.isnan(table[:, column]), column])[:-1]
    }
    assert tried[rule.column, rule.limit] == pytest.approx(min(tried.values()), rel=1e-9)
    assert row_losses(task, y, rule.predict(table)).sum() == pytest.approx(min(tried.values()), rel=1e-6)
    assert rule.feature == "abc"[rule.column]


def test_a_rule_learnt_without_gaps_answers_a_gap_without_looking():
    rule = fit_rule(np.array([[1.0], [2.0], [8.0], [9.0]]), np.array([0, 0, 1, 1]), "binary", 2, ["x"])
    assert rule.missing == (0.5,)


def test_there_is_no_rule_over_constant_columns():
    assert fit_rule(np.ones((5, 2)), np.array([0, 1, 0, 1, 1]), "binary", 2, ["a", "b"]) is None
    assert fit_rule(np.full((5, 1), np.nan), np.arange(5.0), "regression", 0, ["a"]) is None


def test_large_numbers_do_not_lose_the_rule():
    x = np.repeat([0.0, 1.0], 50)
    rule = fit_rule(x[:, None], 1e9 + x * 1e-2, "regression", 0, ["x"])
    assert rule.below[0] == pytest.approx(1e9, abs=1e-4)
    assert rule.above[0] - rule.below[0] == pytest.approx(1e-2, rel=1e-3)


def test_a_linear_model_finds_a_line():
    table = np.random.default_rng(0).normal(size=(30_000, 2))
    model = fit_linear(table, table[:, 0] * 3 + 1, "regression", [])
    assert model.predict(np.array([[2.0, 0.0]])) == pytest.approx([7.0], abs=0.01)
