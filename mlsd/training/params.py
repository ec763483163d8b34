"""LightGBM's parameters: defaults for small and large tables, names as people know them, checks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mlsd.column import near
from mlsd.report import RefusedError
from mlsd.target import MAX_RELEVANCE

_LONGEST = 10_000  # rows of a list; LightGBM's own limit
ROUNDS = 400  # at most; early stopping finds how many help
PATIENCE = 30  # rounds without a better score on the later rows
_OBJECTIVES = {
    "binary": ("binary", "binary_logloss"),
    "multiclass": ("multiclass", "multi_logloss"),
    "regression": ("regression", "l2"),
    "ranking": ("lambdarank", "ndcg"),
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
    *"max_cat_threshold min_data_per_group extra_trees path_smooth".split(),
    *"linear_tree monotone_constraints boosting objective alpha tweedie_variance_power".split(),
}
_BETTER = ("scale_pos_weight", "is_unbalance")  # not in the score that decides when to stop
OURS = {"class_weight"}  # LightGBM has it in its scikit-learn part only
_COUNTS = {"num_iterations": 1, "early_stopping_round": 0}  # how low they may be


def settings(
    task: str,
    n_rows: int,
    classes: Sequence[Any],
    params: Mapping[str, Any],
    features: Sequence[str] = (),
    categories: Sequence[int] = (),
) -> dict[str, Any]:
    """Return LightGBM's parameters: careful leaves for few rows, more of them for many.

    Args:
        task: `"binary"`, `"multiclass"`, `"regression"` or `"ranking"`.
        n_rows: rows to train on.
        classes: in coded order; () without.
        params: what the recipe says instead, under LightGBM's or scikit-learn's names.
        features: f names, for constraints by name.
        categories: the columns that hold category positions.

    Raises:
        RefusedError: a parameter nobody knows; a near miss is proposed. A constraint or a weight that
            makes no sense.

    >>> settings("binary", 4_000, (0, 1), {"min_child_samples": 10})["min_data_in_leaf"]
    10
    >>> settings("binary", 4_000, (0, 1), {"monotone_constraints": {"b": -1}}, "abc")["monotone_constraints"]
    [0, -1, 0]
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
        chosen["num_class"] = len(classes)
    if task == "ranking":  # a list counts as a whole, and a relevance of 2 is worth two of 1
        chosen |= {"eval_at": [_LONGEST], "label_gain": list(range(MAX_RELEVANCE + 1))}
    for name, value in params.items():
        own = _OTHER_NAMES.get(name, name)
        if own in _BETTER:
            raise RefusedError(
                f"{name} would weigh the training rows but not those that say when to stop, which is after a "
                "round or two; say class_weight='balanced', or the weight of each class"
            )
        if own not in _KNOWN | OURS:
            raise RefusedError(
                f"LightGBM has no parameter {name!r} here{near(name, {*_KNOWN, *OURS, *_OTHER_NAMES})}"
            )
        if own == "objective" and task != "regression":
            raise RefusedError("the recipe's params set an objective; only a regression has a choice of them")
        chosen[own] = _count(name, value) if own in _COUNTS else value
    if "monotone_constraints" in chosen:
        chosen["monotone_constraints"] = _directions(
            chosen["monotone_constraints"], task, features, categories
        )
    if "class_weight" in chosen:
        chosen["class_weight"] = _weights(chosen["class_weight"], task, classes)
    return chosen


def _directions(wish: Any, task: str, features: Sequence[str], categories: Sequence[int]) -> list[int]:
    """Return -1, 0 or 1 for each feature, from the names that a person gave."""
    what = "monotone_constraints"
    if not isinstance(wish, Mapping):
        raise RefusedError(f"{what} is {wish!r}; expected directions by name, such as {{'n_links': 1}}")
    if task == "multiclass":
        raise RefusedError(f"{what} holds for one score; a multiclass model has one for each class")
    for name, direction in wish.items():
        if name not in features:
            raise RefusedError(f"{what} names {name!r}, which is no feature here{near(name, features)}")
        if features.index(name) in categories:
            raise RefusedError(f"{what} names {name!r}; a category has no more and less")
        if isinstance(direction, bool) or direction not in (-1, 0, 1):
            raise RefusedError(f"{what} holds {name}={direction!r}; expected 1 (up), -1 (down) or 0")
    return [int(wish.get(name, 0)) for name in features]


def _weights(wish: Any, task: str, classes: Sequence[Any]) -> str | dict[int, float]:
    """Return `"balanced"`, or the weight of each class by its position."""
    if task in ("regression", "ranking"):
        raise RefusedError(f"class_weight needs classes; a {task} has none")
    if wish == "balanced":
        return "balanced"
    if not isinstance(wish, Mapping):
        raise RefusedError(f"class_weight is {wish!r}; expected 'balanced' or weights, such as {{'spam': 5}}")
    for name, weight in wish.items():
        if name not in classes:
            raise RefusedError(
                f"class_weight names {name!r}; the classes are {', '.join(map(repr, classes))}"
            )
        if isinstance(weight, bool) or not isinstance(weight, int | float) or not 0 < weight < np.inf:
            raise RefusedError(f"class_weight holds {name}={weight!r}; expected a number above 0")
    return {code: float(wish.get(name, 1.0)) for code, name in enumerate(classes)}


def row_weights(wish: str | Mapping[int, float] | None, y: np.ndarray, rows: np.ndarray) -> Any:
    """Return the weight of each row, (m,), or None where all count alike.

    Args:
        wish: from `settings`: `"balanced"`, class position -> weight, or None.
        y: shape (n,), the answers whose shares balance.
        rows: shape (m,), the answers that get a weight.

    >>> row_weights("balanced", np.array([0, 0, 0, 1]), np.array([0, 1])).tolist()
    [0.6666666666666666, 2.0]
    """
    if wish is None:
        return None
    from sklearn.utils.class_weight import compute_class_weight

    present = np.unique(y).astype(int)
    if isinstance(wish, str):
        wish = dict(zip(present, compute_class_weight(wish, classes=present, y=y), strict=True))
    highest = int(max(present.max(), rows.max(initial=0)))
    return np.array([wish.get(code, 1.0) for code in range(highest + 1)])[rows.astype(int)]


def _count(name: str, value: Any) -> int:
    whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
    if not whole or value < _COUNTS[_OTHER_NAMES.get(name, name)]:
        raise RefusedError(f"the recipe's params hold {name}={value!r}; expected a whole number of rounds")
    return int(value)


def _leaves(task: str, n_rows: int) -> int:
    """Return leaves per tree: a label of 0 or 1 tells less than a quantity, so it needs more rows."""
    steps = (2_000, 20_000) if task == "regression" else (20_000, 200_000)
    return 8 * 2 ** sum(n_rows >= step for step in steps)
