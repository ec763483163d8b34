"""LightGBM: parameters under both names, early stopping, any number of threads, categories as such."""

import lightgbm
import numpy as np
import pytest

from mlsd import RefusedError
from mlsd.training.booster import ROUNDS, fit_booster, settings


def rows(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    table = rng.normal(size=(n, 4))
    table[:, 0] = rng.integers(0, 12, n)
    heat = table[:, 1] + np.isin(table[:, 0], [1, 4, 7, 11]) * 2 + rng.normal(0, 0.5, n)
    return table, (heat > 0.7).astype(int)


def fit(params=None, *, n=600, later=True, seed=0, categories=(0,)):
    table, y = rows(n)
    stop = rows(400, seed=1) if later else None
    return fit_booster(settings("binary", n, 2, params or {}), table, y, stop, categories, seed)


def test_both_names_of_a_parameter_are_understood():
    sklearn_names = {"n_estimators": 9, "min_child_samples": 3, "reg_lambda": 4.0, "subsample": 0.5}
    own_names = {"num_iterations": 9, "min_data_in_leaf": 3, "lambda_l2": 4.0, "bagging_fraction": 0.5}
    assert settings("binary", 100, 2, sklearn_names) == settings("binary", 100, 2, own_names)


def test_every_name_that_is_let_in_is_known_to_lightgbm():
    from mlsd.training.booster import _KNOWN, _OTHER_NAMES

    text = fit({"n_estimators": 1}).model.model_to_string()
    told = {line[1:].partition(":")[0] for line in text.splitlines() if line.startswith("[")}
    assert told >= _KNOWN
    given = lightgbm.LGBMClassifier().get_params() | {"num_boost_round": 0, "early_stopping_rounds": 0}
    assert set(_OTHER_NAMES) <= set(given)


def test_an_unknown_parameter_is_refused_with_a_near_miss():
    with pytest.raises(
        RefusedError, match="LightGBM has no parameter 'num_leafs' here: did you mean 'num_leaves'"
    ):
        settings("binary", 100, 2, {"num_leafs": 3})


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
    ],
)
def test_what_makes_no_sense_is_refused_before_lightgbm_sees_it(params, sentence):
    with pytest.raises(RefusedError, match=sentence):
        settings("binary", 100, 2, params)


def test_dart_is_not_stopped_early():
    fitted = fit({"boosting": "dart", "n_estimators": 40})
    assert fitted.rounds == len(fitted.curve) == 40


def test_a_regression_may_choose_its_objective():
    table, _ = rows(300)
    y = np.exp(table[:, 1])
    params = settings("regression", 300, 0, {"objective": "poisson", "n_estimators": 20})
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
    fitted = fit_booster(settings("binary", 1000, 2, {}), table[:1000], y[:1000], stop, [0], 0)
    noise, signal = fitted.model.feature_importance("gain")
    assert noise < signal / 2


def test_nothing_is_left_to_timing():
    """By default LightGBM times two ways of counting and takes the faster: rounding would follow the clock."""
    text = fit({"n_estimators": 1}).model.model_to_string()
    assert "[deterministic: 1]" in text
    assert "[force_row_wise: 1]" in text
