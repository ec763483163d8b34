"""Any scikit-learn estimator over encoded tables: gaps filled, categories spread, numbers scaled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from mlsd.report import RefusedError


def fit_estimator(
    estimator: Any,
    table: np.ndarray,
    y: np.ndarray,
    task: str,
    categories: Sequence[int],
    *,
    names: Sequence[str] = (),
    params: Mapping[str, Any] | None = None,
    random_state: int = 0,
) -> Any:
    """Return a fitted pipeline: preparation learnt from these rows alone, then a copy of the estimator.

    Args:
        estimator: a scikit-learn classifier or regressor, left as it is.
        table: shape (n, f), encoded; nan where missing.
        y: shape (n,), coded.
        task: `"binary"`, `"multiclass"` or `"regression"`.
        categories: the columns that hold category positions.
        names: the columns' names; an estimator that is a pipeline and begins with a `ColumnTransformer`
            brings its own preparation and gets the encoded table under these names.
        params: settings that replace the estimator's own.
        random_state: given to every part that has a `random_state` and none set.

    Raises:
        RefusedError: the estimator does not fit the task, gives no probabilities, or fails.
    """
    from sklearn.base import clone
    from sklearn.compose import ColumnTransformer
    from sklearn.pipeline import Pipeline, make_pipeline
    from sklearn.preprocessing import FunctionTransformer

    name = type(estimator).__name__
    copy = clone(estimator)
    try:
        copy.set_params(**(params or {}))
        unset = [
            key
            for key, value in copy.get_params().items()
            if key.rpartition("__")[2] == "random_state" and value is None
        ]
        copy.set_params(**dict.fromkeys(unset, random_state))
        _check_task(copy, name, task)
        if isinstance(copy, Pipeline) and isinstance(copy[0], ColumnTransformer):
            named = FunctionTransformer(pd.DataFrame, kw_args={"columns": list(names)})
            return make_pipeline(named, *copy).fit(table, y)
        return make_pipeline(_preparation(table.shape[1], categories), copy).fit(table, y)
    except RefusedError:
        raise
    except ValueError as error:
        reason = str(error).strip().splitlines()[0]
        raise RefusedError(f"{name} cannot be fitted: {reason}") from error


def _check_task(estimator: Any, name: str, task: str) -> None:
    from sklearn.base import is_classifier, is_regressor

    if task == "regression" and not is_regressor(estimator):
        raise RefusedError(f"{name} is no regressor, but the target is a quantity; use one such as Ridge()")
    if task != "regression" and not is_classifier(estimator):
        raise RefusedError(
            f"{name} is no classifier, but the target has classes; use one such as LogisticRegression(), "
            "or say Recipe(task='regression')"
        )
    if task != "regression" and not hasattr(estimator, "predict_proba"):
        raise RefusedError(
            f"{name} gives no probabilities; wrap it: sklearn.calibration.CalibratedClassifierCV({name}())"
        )


def _preparation(n_columns: int, categories: Sequence[int]) -> Any:
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    numbers = [column for column in range(n_columns) if column not in set(categories)]
    scaled = make_pipeline(SimpleImputer(strategy="median", keep_empty_features=True), StandardScaler())
    spread = make_pipeline(
        SimpleImputer(strategy="constant", fill_value=-1.0),  # missing is a category of its own
        OneHotEncoder(handle_unknown="ignore", sparse_output=False),
    )
    return ColumnTransformer([("numbers", scaled, numbers), ("categories", spread, list(categories))])
