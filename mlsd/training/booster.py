"""LightGBM with defaults for small and large tables: the same model on one thread or many."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mlsd.column import near
from mlsd.report import RefusedError

ROUNDS = 400  # at most; early stopping finds how many help
PATIENCE = 30  # rounds without a better score on the later rows
_OBJECTIVES = {
    "binary": ("binary", "binary_logloss"),
    "multiclass": ("multiclass", "multi_logloss"),
    "regression": ("regression", "l2"),
}
_OTHER_NAMES = {  # scikit-learn's name -> LightGBM's own
    "n_estimators": "num_iterations",
    "num_boost_round": "num_iterations",
    "min_child_samples": "min_data_in_leaf",
    "min_child_weight": "min_sum_hessian_in_leaf",
    "min_split_gain": "min_gain_to_split",
    "reg_alpha": "lambda_l1",
    "reg_lambda": "lambda_l2",
    "colsample_bytree": "feature_fraction",
    "subsample": "bagging_fraction",
    "subsample_freq": "bagging_freq",
    "early_stopping_rounds": "early_stopping_round",
}
_KNOWN = {
    *_OTHER_NAMES.values(),
    *"num_leaves learning_rate max_depth max_bin min_data_in_bin cat_smooth cat_l2 max_cat_to_onehot".split(),
    *"max_cat_threshold min_data_per_group extra_trees path_smooth scale_pos_weight is_unbalance".split(),
    *"linear_tree monotone_constraints boosting objective alpha tweedie_variance_power".split(),
}
_COUNTS = {"num_iterations": 1, "early_stopping_round": 0}  # how low they may be


@dataclass(frozen=True)
class Boosted:
    """A booster cut to its best round, with the score of every round on the later rows.

    Args:
        model: a LightGBM `Booster`.
        rounds: how many rounds were kept.
        curve: the loss after each round on the rows that decided when to stop; () without them.
    """

    model: Any
    rounds: int
    curve: tuple[float, ...] = ()


def settings(task: str, n_rows: int, n_classes: int, params: Mapping[str, Any]) -> dict[str, Any]:
    """Return LightGBM's parameters: careful leaves for few rows, more of them for many.

    Args:
        task: `"binary"`, `"multiclass"` or `"regression"`.
        n_rows: rows to train on.
        n_classes: classes, 0 for regression.
        params: what the recipe says instead, under LightGBM's or scikit-learn's names.

    Raises:
        RefusedError: a parameter nobody knows; a near miss is proposed.

    >>> settings("binary", 4_000, 2, {"min_child_samples": 10})["min_data_in_leaf"]
    10
    """
    objective, metric = _OBJECTIVES[task]
    chosen = {
        "objective": objective,
        "metric": metric,
        "num_iterations": ROUNDS,
        "early_stopping_round": PATIENCE,
        "learning_rate": 0.08,
        "num_leaves": _leaves(task, n_rows),
        "min_data_in_leaf": int(np.clip(n_rows // 60, 5, 50)),
        "lambda_l2": 5.0,
        "feature_fraction": 0.5,
        "cat_smooth": 20.0,
        "max_cat_to_onehot": 8,
    }
    if task == "multiclass":
        chosen["num_class"] = n_classes
    for name, value in params.items():
        own = _OTHER_NAMES.get(name, name)
        if own not in _KNOWN:
            raise RefusedError(
                f"LightGBM has no parameter {name!r} here{near(name, {*_KNOWN, *_OTHER_NAMES})}"
            )
        if own == "objective" and task != "regression":
            raise RefusedError("the recipe's params set an objective; only a regression has a choice of them")
        chosen[own] = _count(name, value) if own in _COUNTS else value
    return chosen


def _count(name: str, value: Any) -> int:
    whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
    if not whole or value < _COUNTS[_OTHER_NAMES.get(name, name)]:
        raise RefusedError(f"the recipe's params hold {name}={value!r}; expected a whole number of rounds")
    return int(value)


def _leaves(task: str, n_rows: int) -> int:
    """Return leaves per tree: a label of 0 or 1 tells less than a quantity, so it needs more rows."""
    steps = (2_000, 20_000) if task == "regression" else (20_000, 200_000)
    return 8 * 2 ** sum(n_rows >= step for step in steps)


def fit_booster(
    params: dict[str, Any],
    table: np.ndarray,
    y: np.ndarray,
    later: tuple[np.ndarray, np.ndarray] | None,
    categories: Sequence[int],
    random_state: int,
) -> Boosted:
    """Return a booster fitted on a table, stopped early where later rows can tell when.

    Args:
        params: from `settings`.
        table: shape (n, f), encoded; nan where missing.
        y: shape (n,), coded.
        later: (table, y) of the rows that decide when to stop, or None.
        categories: the columns that hold category positions.
        random_state: of LightGBM's draws.

    Raises:
        RefusedError: LightGBM refuses a parameter.
    """
    import lightgbm
    from lightgbm.basic import LightGBMError

    rounds, patience = params["num_iterations"], params["early_stopping_round"]
    fixed = {"deterministic": True, "force_row_wise": True, "seed": random_state, "verbosity": -1}
    fixed["num_threads"] = _threads(len(table))
    rest = {name: params[name] for name in params if name not in ("num_iterations", "early_stopping_round")}
    scores: dict[str, dict[str, list[float]]] = {}
    callbacks = [lightgbm.record_evaluation(scores)] if later else []
    if later and patience > 0 and params.get("boosting") != "dart":  # dart changes earlier trees
        callbacks.append(lightgbm.early_stopping(patience, verbose=False))
    try:
        data = lightgbm.Dataset(table, y, categorical_feature=list(categories), params=rest | fixed)
        valid = [lightgbm.Dataset(*later, reference=data)] if later else []
        fitted = lightgbm.train(rest | fixed, data, rounds, valid_sets=valid, callbacks=callbacks)
    except LightGBMError as error:
        raise RefusedError(f"LightGBM refuses the recipe's params: {error}") from error
    curve = tuple(next(iter(scores["valid_0"].values()))) if scores else ()
    text = fitted.model_to_string(num_iteration=fitted.best_iteration)
    text = re.sub(r"\[num_threads: \d+\]", "[num_threads: 0]", text)  # bytes do not tell the machine
    model = lightgbm.Booster(model_str=text)
    return Boosted(model, model.current_iteration(), curve)


def _threads(n_rows: int) -> int:
    """Return how many threads are worth their start: one for a small table."""
    if n_rows < 5_000:
        return 1
    wished = os.environ.get("OMP_NUM_THREADS", "")
    return int(wished) if wished.isdigit() and int(wished) else min(os.cpu_count() or 1, 8)
