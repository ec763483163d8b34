"""LightGBM: parameters under both names, early stopping, any number of threads, categories as such."""

import lightgbm
import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as settings_of_test
from hypothesis import strategies as st
from sklearn.metrics import log_loss
from sklearn.utils.class_weight import compute_sample_weight

from mlsd import RefusedError
from mlsd.training.booster import fit_booster
from mlsd.training.params import ROUNDS, row_weights, settings


def rows(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    table = rng.normal(size=(n, 4))
    table[:, 0] = rng.integers(0, 12, n)
    heat = table[:, 1] + np.isin(table[:, 0], [1, 4, 7, 11]) * 2 + rng.normal(0, 0.5, n)
    return table, (heat > 0.7).astype(int)


def fit(params=None, *, n=600, later=True, seed=0, categories=(0,)):
    table, y = rows(n)
    stop = rows(400, seed=1) if later else None
    return fit_booster(settings("binary", n, (0, 1), params or {}), table, y, stop, categories, seed)


def test_both_names_of_a_parameter_are_understood():
    sklearn_names = {"n_estimators": 9, "min_child_samples": 3, "reg_lambda": 4.0, "subsample": 0.5}
    own_names = {"num_iterations": 9, "min_data_in_leaf": 3, "lambda_l2": 4.0, "bagging_fraction": 0.5}
    assert settings("binary", 100, (0, 1), sklearn_names) == settings("binary", 100, (0, 1), own_names)


def test_every_name_that_is_let_in_is_known_to_lightgbm():
    from mlsd.training.params import _KNOWN, _OTHER_NAMES

    text = fit({"n_estimators": 1}).model.model_to_string()
    told = {line[1:].partition(":")[0] for line in text.splitlines() if line.startswith("[")}
    assert told >= _KNOWN
    given = lightgbm.LGBMClassifier().get_params() | {"num_boost_round": 0, "early_stopping_rounds": 0}
    assert set(_OTHER_NAMES) <= set(given)


def test_an_unknown_parameter_is_refused_with_a_near_miss():
    with pytest.raises(
        RefusedError, match="LightGBM has no parameter 'num_leafs' here: did you mean 'num_leaves'"
    ):
        settings("binary", 100, (0, 1), {"num_leafs": 3})


@pytest.mark.parametrize("params", [{"num_leaves": 1}, {"learning_rate": -1.0}, {"max_bin": 0}])
def test_an_impossible_value_is_refused_in_a_sentence(params):
    with pytest.raises(RefusedError, match="LightGBM refuses the recipe's params: "):
        fit(params)


@pytest.mark.parametrize(
    ("params", "sentence"),
    [
        ({"n_estimators": "many"}, "hold n_estimators='many'; expected a whole number of rounds"),
        ({"n_estimators": 0}, "hold n_estimators=0; expected a whole number of rounds"),
        ({"early_stopping_rounds": -1}, "hold early_stopping_rounds=-1; expected"),
        ({"objective": "regression"}, "set an objective; only a regression has a choice"),
        ({"scale_pos_weight": 9}, "scale_pos_weight would weigh .*; say class_weight='balanced'"),
        ({"class_weight": 5}, "class_weight is 5; expected 'balanced' or weights, such as {'spam': 5}"),
        ({"class_weight": {"spam": 5}}, "class_weight names 'spam'; the classes are 0, 1"),
        ({"class_weight": {1: 0}}, "class_weight holds 1=0; expected a number above 0"),
        ({"monotone_constraints": [1, 0]}, r"expected directions by name, such as {'n_links': 1}"),
        ({"monotone_constraints": {"ages": 1}}, "'ages', which is no feature here: did you mean 'age'"),
        ({"monotone_constraints": {"city": 1}}, "names 'city'; a category has no more and less"),
        ({"monotone_constraints": {"age": 2}}, r"holds age=2; expected 1 \(up\), -1 \(down\) or 0"),
    ],
)
def test_what_makes_no_sense_is_refused_before_lightgbm_sees_it(params, sentence):
    with pytest.raises(RefusedError, match=sentence):
        settings("binary", 100, (0, 1), params, ("age", "city"), [1])


@pytest.mark.parametrize(
    ("task", "params", "sentence"),
    [
        ("regression", {"class_weight": "balanced"}, "class_weight needs classes; a regression has none"),
        ("multiclass", {"monotone_constraints": {"age": 1}}, "a multiclass model has one for each class"),
    ],
)
def test_what_a_task_has_not_is_refused(task, params, sentence):
    with pytest.raises(RefusedError, match=sentence):
        settings(task, 100, ("a", "b", "c"), params, ("age",))


def test_balanced_weights_are_those_of_scikit_learn():
    y = np.array([0, 0, 0, 0, 1, 2, 2])
    expected = compute_sample_weight("balanced", y)
    assert row_weights("balanced", y, y) == pytest.approx(expected)
    assert row_weights("balanced", y, np.array([2, 1, 0])) == pytest.approx(expected[[5, 4, 0]])
    assert row_weights({0: 1.0, 1: 3.0}, y, np.array([1, 0])).tolist() == [3.0, 1.0]
    assert row_weights(None, y, y) is None


def test_a_class_that_weighs_more_is_predicted_more_often():
    table, y = rows(3_000)
    shares = []
    for weight in (1, 4, 16):
        chosen = settings("binary", 3_000, (0, 1), {"class_weight": {1: weight}, "n_estimators": 60})
        model = fit_booster(chosen, table, y, rows(1_000, 1), [0], 0).model
        shares.append(model.predict(table).mean())
    assert shares[0] == pytest.approx(y.mean(), abs=0.02)
    assert shares[0] + 0.05 < shares[1] < shares[2] - 0.05


def test_weights_count_in_when_to_stop():
    fitted, (table, y) = fit({"class_weight": {1: 20}}), rows(400, seed=1)
    told = log_loss(y, fitted.model.predict(table), sample_weight=np.where(y == 1, 20, 1))
    assert fitted.curve[fitted.rounds - 1] == pytest.approx(told, rel=1e-9)


@settings_of_test(max_examples=15)
@given(seed=st.integers(0, 10_000), direction=st.sampled_from([1, -1]))
def test_more_of_a_constrained_feature_never_moves_the_score_back(seed, direction):
    rng = np.random.default_rng(seed)
    table = rng.normal(size=(300, 3)).round(1)
    table[rng.random((300, 3)) < 0.1] = np.nan
    y = (rng.random(300) < 0.5).astype(int)  # noise: nothing but the constraint makes the law
    wish = {"monotone_constraints": {"b": direction}, "n_estimators": 15, "min_data_in_leaf": 3}
    model = fit_booster(settings("binary", 300, (0, 1), wish, "abc"), table, y, None, [], seed).model
    probe = np.repeat(rng.normal(size=(20, 3)), 40, axis=0)
    probe[:, 1] = np.tile(np.linspace(-3, 3, 40), 20)
    steps = np.diff(model.predict(probe).reshape(20, 40), axis=1)
    assert (direction * steps >= 0).all()


def test_dart_is_not_stopped_early():
    fitted = fit({"boosting": "dart", "n_estimators": 40})
    assert fitted.rounds == len(fitted.curve) == 40


def test_a_regression_may_choose_its_objective():
    table, _ = rows(300)
    y = np.exp(table[:, 1])
    params = settings("regression", 300, (), {"objective": "poisson", "n_estimators": 20})
    assert fit_booster(params, table, y, None, [0], 0).model.predict(table).min() > 0


def test_later_rows_decide_when_to_stop():
    fitted = fit()
    best = int(np.argmin(fitted.curve)) + 1
    assert fitted.rounds == best < len(fitted.curve) < ROUNDS
    assert fitted.model.num_trees() == best


def test_without_later_rows_all_rounds_are_kept():
    fitted = fit({"n_estimators": 25}, later=False)
    assert (fitted.rounds, fitted.curve) == (25, ())


def test_patience_of_zero_never_stops():
    fitted = fit({"n_estimators": 120, "early_stopping_rounds": 0})
    assert fitted.rounds == len(fitted.curve) == 120


def test_threads_do_not_change_a_bit(monkeypatch):
    found = set()
    for threads in ("1", "2"):
        monkeypatch.setenv("OMP_NUM_THREADS", threads)
        found.add(fit({"n_estimators": 4}, n=6_000).model.model_to_string())
    assert len(found) == 1


def test_the_random_state_counts():
    texts = [fit({"n_estimators": 30}, seed=seed).model.model_to_string() for seed in (0, 0, 1)]
    assert texts[0] == texts[1] != texts[2]


def kinds_of_split(fitted, feature: int) -> set[str]:
    """How a feature is split anywhere in the trees: `==` a set of categories, `<=` a limit."""
    nodes = [tree["tree_structure"] for tree in fitted.model.dump_model()["tree_info"]]
    found = set()
    while nodes:
        node = nodes.pop()
        if "split_feature" in node:
            found |= {node["decision_type"]} if node["split_feature"] == feature else set()
            nodes += [node["left_child"], node["right_child"]]
    return found


def test_categories_are_split_as_sets():
    assert kinds_of_split(fit(), feature=0) == {"=="}
    assert kinds_of_split(fit(categories=()), feature=0) == {"<="}


def test_a_category_of_pure_noise_is_not_learnt_by_heart():
    rng = np.random.default_rng(0)
    table = np.column_stack([rng.integers(0, 50, 1500), rng.normal(size=1500)]).astype(float)
    y = (rng.random(1500) < 1 / (1 + np.exp(-table[:, 1]))).astype(int)
    stop = table[1000:], y[1000:]
    fitted = fit_booster(settings("binary", 1000, (0, 1), {}), table[:1000], y[:1000], stop, [0], 0)
    noise, signal = fitted.model.feature_importance("gain")
    assert noise < signal / 2


def test_nothing_is_left_to_timing():
    """By default LightGBM times two ways of counting and takes the faster: rounding would follow the clock."""
    text = fit({"n_estimators": 1}).model.model_to_string()
    assert "[deterministic: 1]" in text
    assert "[force_row_wise: 1]" in text
