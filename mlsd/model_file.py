"""A fitted model: how it answers, and how it is kept - LightGBM as text, anything else as a pickle."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

import numpy as np

from mlsd.report import RefusedError

MODEL_FILES = {"lightgbm": "model.txt", "scikit-learn": "model.joblib"}
_FEW = 1_000  # rows


def kind_of(model: Any) -> str:
    """Return `"lightgbm"` for a booster, `"scikit-learn"` for an estimator: how a model is kept."""
    return "scikit-learn" if hasattr(model, "get_params") else "lightgbm"


def ask_model(model: Any, table: np.ndarray, task: str, n_classes: int) -> np.ndarray:
    """Return a model's prediction for each encoded row.

    Args:
        model: a LightGBM `Booster` or a fitted scikit-learn estimator.
        table: shape (n, f), nan where missing.
        task: `"binary"`, `"multiclass"` or `"regression"`.
        n_classes: k, 0 for regression.

    Returns:
        Shape (n,): the probability of class 1, or a number; (n, k) for a multiclass task.
    """
    if len(table) == 0:
        return np.empty((0, n_classes) if task == "multiclass" else 0)
    if kind_of(model) == "lightgbm":  # threads cost more than they bring on few rows
        return model.predict(table, **({"num_threads": 1} if len(table) < _FEW else {}))
    if task == "regression":
        return np.asarray(model.predict(table), dtype="float64").reshape(len(table))
    chances = np.zeros((len(table), n_classes))
    chances[:, model.classes_] = model.predict_proba(table)  # a class may be absent from training
    return chances[:, 1] if task == "binary" else chances


def write_model(model: Any) -> dict[str, bytes]:
    """Return the one file that keeps a model, name -> bytes."""
    if kind_of(model) == "lightgbm":
        return {MODEL_FILES["lightgbm"]: model.model_to_string().encode()}
    import joblib

    buffer = io.BytesIO()
    joblib.dump(model, buffer, compress=("zlib", 3))
    return {MODEL_FILES["scikit-learn"]: buffer.getvalue()}


def read_model(files: Mapping[str, bytes], kind: str, may_run: bool) -> Any:
    """Return the model that `write_model` kept.

    Args:
        files: name -> bytes, already checked.
        kind: `"lightgbm"` or `"scikit-learn"`.
        may_run: whether the bytes are vouched for, so that a pickle may be read.

    Raises:
        RefusedError: nobody vouches for a pickle, or the bytes are no model.
    """
    if kind == "lightgbm":
        return _read_booster(files[MODEL_FILES[kind]])
    if not may_run:
        raise RefusedError(
            "the package holds a scikit-learn model, and reading one can run any code; "
            "give the digest that was recorded elsewhere, or trusted=True if you packed it yourself"
        )
    import joblib

    try:
        return joblib.load(io.BytesIO(files[MODEL_FILES[kind]]))
    except Exception as error:  # a pickle made by other library versions may fail in any way
        raise RefusedError(f"model.joblib cannot be read with the libraries here: {error}") from error


def _read_booster(data: bytes) -> Any:
    from lightgbm import Booster
    from lightgbm.basic import LightGBMError

    try:
        return Booster(model_str=data.decode())
    except (LightGBMError, UnicodeDecodeError) as error:
        raise RefusedError(f"model.txt cannot be read as a LightGBM model: {error}") from error
