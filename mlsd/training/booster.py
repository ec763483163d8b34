"""LightGBM: the same model on one thread or many, stopped where later rows say so."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mlsd.report import RefusedError
from mlsd.training.params import OURS, row_weights


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


def fit_booster(
    params: dict[str, Any],
    table: np.ndarray,
    y: np.ndarray,
    later: tuple[np.ndarray, np.ndarray] | None,
    categories: Sequence[int],
    random_state: int,
    groups: tuple[np.ndarray | None, np.ndarray | None] = (None, None),
) -> Boosted:
    """Return a booster fitted on a table, stopped early where later rows can tell when.

    Args:
        params: from `settings`.
        table: shape (n, f), encoded; nan where missing.
        y: shape (n,), coded.
        later: (table, y) of the rows that decide when to stop, or None.
        categories: the columns that hold category positions.
        random_state: of LightGBM's draws.
        groups: for a ranking, the rows of each list, of the table and of the later one.

    Raises:
        RefusedError: LightGBM refuses a parameter.
    """
    import lightgbm
    from lightgbm.basic import LightGBMError

    rounds, patience = params["num_iterations"], params["early_stopping_round"]
    rest = fixed_params(params, random_state) | {"num_threads": _threads(len(table))}
    weight = params.get("class_weight")
    scores: dict[str, dict[str, list[float]]] = {}
    callbacks = [lightgbm.record_evaluation(scores)] if later else []
    if later and patience > 0 and params.get("boosting") != "dart":  # dart changes earlier trees
        callbacks.append(lightgbm.early_stopping(patience, verbose=False))
    try:
        data = lightgbm.Dataset(
            table, y, weight=row_weights(weight, y, y), group=groups[0],
            categorical_feature=list(categories), params=rest,
        )  # fmt: skip
        valid = []
        if later:
            weights = row_weights(weight, y, later[1])
            valid = [lightgbm.Dataset(*later, reference=data, weight=weights, group=groups[1])]
        fitted = lightgbm.train(rest, data, rounds, valid_sets=valid, callbacks=callbacks)
    except LightGBMError as error:
        raise RefusedError(f"LightGBM refuses the recipe's params: {error}") from error
    curve = np.array(next(iter(scores["valid_0"].values()))) if scores else np.empty(0)
    if params["metric"] == "ndcg":
        curve = 1 - curve
    return keep_rounds(fitted, fitted.best_iteration, tuple(curve.tolist()))


def fixed_params(params: Mapping[str, Any], random_state: int) -> dict[str, Any]:
    """Return what LightGBM itself is given: the settings, and what makes it repeatable."""
    ours = {*OURS, "num_iterations", "early_stopping_round"}
    fixed = {"deterministic": True, "force_row_wise": True, "seed": random_state, "verbosity": -1}
    return {name: value for name, value in params.items() if name not in ours} | fixed


def keep_rounds(fitted: Any, rounds: int, curve: tuple[float, ...]) -> Boosted:
    """Return a fitted booster cut to its best round, without traces of the machine; 0 keeps all rounds."""
    import lightgbm

    text = fitted.model_to_string(num_iteration=rounds)
    for name, plain in {"num_threads": "0", "machines": "", "local_listen_port": "12400"}.items():
        text = re.sub(rf"\[{name}: .*\]", f"[{name}: {plain}]", text)  # bytes do not tell the machine
    model = lightgbm.Booster(model_str=text)
    return Boosted(model, model.current_iteration(), curve)


def _threads(n_rows: int) -> int:
    """Return how many threads are worth their start: one for a small table."""
    if n_rows < 5_000:
        return 1
    wished = os.environ.get("OMP_NUM_THREADS", "")
    return int(wished) if wished.isdigit() and int(wished) else min(os.cpu_count() or 1, 8)
