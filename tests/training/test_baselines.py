"""Baselines: the constant is the best constant, the rule the best single limit of all."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlsd import ModelPackage
from mlsd.baseline import read_baseline
from mlsd.datasets import make_parcel_volumes
from mlsd.metrics import row_losses
from mlsd.training import Recipe, train
from mlsd.training.baselines import fit_constant, fit_last_value, fit_linear, fit_rule

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


@settings(max_examples=40)
@given(seed=st.integers(0, 10_000), n_columns=st.integers(0, 2))
def test_the_last_value_is_the_latest_of_its_kind(seed, n_columns):
    rng = np.random.default_rng(seed)
    table = rng.integers(0, 3, (40, 3)).astype(float)
    table[rng.random((40, 3)) < 0.1] = np.nan
    y, when = rng.normal(size=40), rng.permutation(40)
    columns = list(range(n_columns))
    last = fit_last_value(table, y, when, ["a", "b", "c"], columns)
    asked = np.vstack([table, np.full((1, 3), 9.0)])
    for row, found in zip(asked, last.predict(asked), strict=True):
        alike = [i for i in range(40) if np.array_equal(table[i, columns], row[columns], equal_nan=True)]
        assert found == (y[max(alike, key=lambda i: when[i])] if alike else pytest.approx(y.mean()))


@pytest.fixture(scope="module")
def parcels():
    frame = make_parcel_volumes(400, random_state=0).frame
    return frame.assign(weekday=frame["day"].dt.day_name())


def test_for_parcels_it_is_the_same_depot_and_weekday_in_the_last_week_known(parcels):
    package = train(parcels, Recipe("n_parcels", params={"n_estimators": 20}))
    last = package.baselines[-1]
    assert repr(last) == "LastValue(last_value: of the same depot and weekday, 21 kinds)"
    known = parcels[parcels["day"] <= parcels["day"].iloc[959]]  # the first four fifths
    week = known.iloc[-21:].set_index(["depot", "weekday"])["n_parcels"]
    rows = parcels.iloc[960:]
    expected = week.loc[list(zip(rows["depot"], rows["weekday"], strict=True))]
    assert last.predict(package.schema.encode_frame(rows, package.features)).tolist() == expected.tolist()


def test_a_forecast_must_beat_it_and_trees_without_the_level_do_not(parcels):
    report = train(parcels, Recipe("n_parcels", params={"n_estimators": 40})).report
    assert [finding.code for finding in report.failures] == ["beats_last_value"]


def test_it_travels_in_the_package(tmp_path, parcels):
    package = train(parcels, Recipe("n_parcels", params={"n_estimators": 5}))
    assert ModelPackage.load(package.save(tmp_path / "p")).baselines == package.baselines
    assert all(read_baseline(line.to_plain()) == line for line in package.baselines)


@pytest.mark.parametrize("change", ["no time", "classes"])
def test_without_time_or_for_classes_there_is_none(parcels, change):
    frame = parcels.drop(columns="day") if change == "no time" else parcels
    frame = frame.assign(n_parcels=frame["n_parcels"] > 200) if change == "classes" else frame
    package = train(frame, Recipe("n_parcels", params={"n_estimators": 5}))
    assert [line.name for line in package.baselines] == ["constant", "rule"]
