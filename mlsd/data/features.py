"""Features: one preparation, learnt from training rows, used as it is in training and in serving."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer

from mlsd.data.where import check_frame, numbers_of, one_column
from mlsd.plain import is_missing
from mlsd.report import RefusedError

NUMBERS, ONE_HOT, TARGET_MEAN = "numbers", "one_hot", "target_mean"
_FOLDS = 5
_PRIOR = 10.0  # rows of the overall mean that are added to each category


class FeaturePreparation(ColumnTransformer):
    """A scikit-learn `ColumnTransformer` that tells what it learnt; `prepare_features` makes one.

    Attributes:
        n_rows_: how many rows it was fitted on.
        n_known_: how many of them had a value, for each column.
    """

    def fit_transform(self, X: pd.DataFrame, y: Any = None, **params: Any) -> pd.DataFrame:
        """Learn from training rows and return their features, each target mean out of fold."""
        table = self._table(X)
        if y is not None and (missing := int(np.count_nonzero(is_missing(pd.Series(np.asarray(y)))))):
            raise RefusedError(f"{missing:,} rows have no target; leave them out before the features learn")
        self.n_rows_, self.n_known_ = len(table), table.notna().sum().to_dict()
        return _asked(lambda: super(FeaturePreparation, self).fit_transform(table, y, **params))

    def transform(self, X: pd.DataFrame, **params: Any) -> pd.DataFrame:
        """Return the features of other rows, with what was learnt: unknown categories get the prior."""
        table = self._table(X)
        return _asked(lambda: super(FeaturePreparation, self).transform(table, **params))

    def _table(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return the columns in one form, however they are stored: floats; objects, None where missing."""
        check_frame(frame)
        cells: dict[str, Any] = {}
        for part, _, columns in self.transformers:
            for name in columns:
                series = one_column(frame, name)
                if part == NUMBERS:
                    cells[name] = numbers_of(series, name, "prepare_features(numbers=...)", booleans=True)
                else:
                    cells[name] = series.astype(object).where(~is_missing(series), None).to_numpy()
        return pd.DataFrame(cells, index=frame.index)

    @property
    def statistics(self) -> pd.DataFrame:
        """Everything that was learnt: column, statistic, category, value, and from how many known cells."""
        if not hasattr(self, "n_rows_"):
            raise RefusedError("nothing was learnt yet; call fit_transform with the training rows first")
        rows: list[tuple[Any, ...]] = []
        for part, fitted, columns in self.transformers_:
            if part in _LEARNT:
                rows += _LEARNT[part](fitted, list(columns))
        found = pd.DataFrame(rows, columns=["column", "statistic", "category", "value"])
        return found.assign(rows=found["column"].map(self.n_known_).astype("int64"))


def prepare_features(
    *,
    numbers: Iterable[str] = (),
    one_hot: Iterable[str] = (),
    target_mean: Iterable[str] = (),
    random_state: int = 0,
) -> FeaturePreparation:
    """Return a preparation that has learnt nothing yet; put it before a model with `make_pipeline`.

    The rows it learns from get their target mean out of fold, so `fit_transform(train)` is not
    `fit(train).transform(train)`: the second shows each row its own answer. A pipeline does the first.

    Args:
        numbers: gaps filled with the median, then scaled; booleans count as 0 and 1.
        one_hot: a column for each category; an unknown one is 0 in all of them.
        target_mean: the mean answer of the category, with 10 rows of the overall mean added, which is
            also what an unknown one gets.
        random_state: of the folds.

    Raises:
        RefusedError: no column is named, or one twice; fitting refuses what the columns cannot be.

    >>> features = prepare_features(numbers=["age"])
    >>> train = features.fit_transform(pd.DataFrame({"age": [20, 30, None, 40]}))
    >>> features.transform(pd.DataFrame({"age": [30]}))["age"].tolist()
    [0.0]
    >>> features.statistics[["statistic", "value", "rows"]].values.tolist()
    [['median', 30.0, 3], ['mean', 30.0, 3], ['standard deviation', 7.071, 3]]
    """
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    scaled = make_pipeline(SimpleImputer(strategy="median", keep_empty_features=True), StandardScaler())
    spread = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    named = {NUMBERS: (scaled, numbers), ONE_HOT: (spread, one_hot)}
    named[TARGET_MEAN] = (_target_encoder(random_state), target_mean)
    parts = [(part, step, _names(columns, part)) for part, (step, columns) in named.items()]
    every = [name for _, _, columns in parts for name in columns]
    if not every or len(set(every)) < len(every):
        raise RefusedError(f"prepare_features got columns {every}; expected at least one, each once")
    used = [part for part in parts if part[2]]
    return FeaturePreparation(used, verbose_feature_names_out=False).set_output(transform="pandas")


def _names(columns: Iterable[str], part: str) -> list[str]:
    if isinstance(columns, str):
        raise RefusedError(f"{part} is {columns!r}; expected a list of column names: [{columns!r}]")
    return list(columns)


def _target_encoder(random_state: int) -> Any:
    from sklearn.model_selection import KFold
    from sklearn.preprocessing import TargetEncoder

    if TargetEncoder().get_params().get("random_state", "deprecated") == "deprecated":  # from 1.9 on
        return TargetEncoder(smooth=_PRIOR, cv=KFold(_FOLDS, shuffle=True, random_state=random_state))
    return TargetEncoder(smooth=_PRIOR, cv=_FOLDS, random_state=random_state)


def _asked(work: Callable[[], pd.DataFrame]) -> pd.DataFrame:
    try:
        return work()
    except (ValueError, TypeError) as error:
        raise RefusedError(
            f"the features cannot be prepared: {str(error).strip().splitlines()[0]}"
        ) from error


def _of_numbers(fitted: Any, columns: list[str]) -> list[tuple[Any, ...]]:
    learnt = {
        "median": fitted[0].statistics_,
        "mean": fitted[1].mean_,
        "standard deviation": fitted[1].scale_,
    }
    return [(name, word, None, float(learnt[word][at])) for at, name in enumerate(columns) for word in learnt]


def _of_categories(fitted: Any, columns: list[str]) -> list[tuple[Any, ...]]:
    named = zip(columns, fitted.categories_, strict=True)
    return [(name, "column", category, 1.0) for name, categories in named for category in categories]


def _of_means(fitted: Any, columns: list[str]) -> list[tuple[Any, ...]]:
    """One mean for each category; of more than two classes, one for each class too."""
    classes = [None] if fitted.target_type_ != "multiclass" else list(fitted.classes_)
    rows: list[tuple[Any, ...]] = []
    for at, name in enumerate(columns):
        for k, label in enumerate(classes):
            word = "target mean" if label is None else f"share of {label}"
            means = fitted.encodings_[at * len(classes) + k]
            overall = fitted.target_mean_ if label is None else fitted.target_mean_[k]
            rows.append((name, f"{word}, all", None, float(overall)))
            rows += [(name, word, c, float(m)) for c, m in zip(fitted.categories_[at], means, strict=True)]
    return rows


_LEARNT = {NUMBERS: _of_numbers, ONE_HOT: _of_categories, TARGET_MEAN: _of_means}
