"""What is predicted: which task a column of answers sets, and how its answers are coded as numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from mlsd.plain import is_missing, to_plain
from mlsd.report import RefusedError

MAX_INTEGER_CLASSES = 20  # more distinct whole numbers than this are a quantity, not classes
MAX_CLASSES = 100
TASKS = ("binary", "multiclass", "regression", "ranking")
MAX_RELEVANCE = 30  # how relevant a row of a ranking can be


def judge_target(
    values: Any, name: str = "the target", task: str | None = None
) -> tuple[str, tuple[Any, ...]]:
    """Return the task a target sets and its classes, in coded order.

    Text, booleans and at most 20 distinct whole numbers are classes; other numbers a quantity.

    Args:
        values: shape (n,), none missing.
        name: the column, for the error sentence.
        task: `"binary"`, `"multiclass"` or `"regression"` where the rule above guesses wrong;
            `"classification"` lets the number of classes decide; `"ranking"` is never guessed.

    Returns:
        The task; its classes as plain values, sorted, and () for regression and ranking.

    Raises:
        RefusedError: no task can be made of it: it is constant, mixed, or has too many classes.

    >>> judge_target(["spam", "ham", "spam"])
    ('binary', ('ham', 'spam'))
    >>> judge_target([3, 4, 5, 4]), judge_target([0.5, 1.5])
    (('multiclass', (3, 4, 5)), ('regression', ()))
    """
    if task not in (None, "classification", *TASKS):
        raise RefusedError(f"task is {task!r}; expected 'binary', 'multiclass', 'regression' or 'ranking'")
    found = _distinct(values, name)
    if len(found) < 2:
        only = repr(found[0]) if found else "nothing"
        raise RefusedError(f"target {name!r} holds only {only}; expected at least two different values")
    kinds = {_kind(value) for value in found}
    if "other" in kinds:
        odd = next(value for value in found if _kind(value) == "other")
        raise RefusedError(
            f"target {name!r} holds {type(odd).__name__} values; expected text, booleans or numbers"
        )
    if len(kinds - {"whole", "number"}) + bool(kinds & {"whole", "number"}) > 1:
        raise RefusedError(f"target {name!r} mixes {_named(found)}; expected text, booleans or numbers alone")
    if not np.all([np.isfinite(value) for value in found if not isinstance(value, str)]):
        raise RefusedError(f"target {name!r} holds an infinite value; expected finite numbers")
    if task == "ranking":
        _check_relevance(found, name)
        return "ranking", ()
    if task == "regression" or (task is None and _quantity(found, kinds)):
        if "text" in kinds:
            raise RefusedError(f"target {name!r} holds text; a regression expects numbers")
        return "regression", ()
    return _classification(found, name, task)


def encode_target(values: Any, task: str, classes: Sequence[Any], name: str = "the target") -> np.ndarray:
    """Return the answers as numbers: the position of each class, or the quantity itself.

    Args:
        values: shape (n,), none missing.
        task: `"binary"`, `"multiclass"`, `"regression"` or `"ranking"`.
        classes: in coded order; () for regression and ranking.
        name: the column, for the error sentence.

    Returns:
        Shape (n,): int64 positions, or float64.

    Raises:
        RefusedError: a value is missing, is no number, or is a class that was never seen.

    >>> encode_target(["spam", "ham"], "binary", ("ham", "spam"))
    array([1, 0])
    """
    series = values if isinstance(values, pd.Series) else pd.Series(values, dtype=object)
    missing = int(is_missing(series).sum())
    if missing:
        raise RefusedError(
            f"target {name!r} has no value in {missing:,} of {len(series):,} rows; drop them first"
        )
    if task in ("regression", "ranking"):
        try:
            return series.to_numpy(dtype="float64")
        except (TypeError, ValueError):
            raise RefusedError(f"target {name!r} mixes text and numbers; expected numbers alone") from None
    positions = {value: code for code, value in enumerate(classes)}
    codes = series.astype(object).map(positions)
    unknown = is_missing(codes)
    if unknown.any():
        raise RefusedError(
            f"target {name!r} holds {to_plain(series[unknown].iloc[0])!r}, which is none of the "
            f"{len(classes)} classes the model knows: {_named(list(classes))}"
        )
    return codes.to_numpy(dtype="int64")


def _distinct(values: Any, name: str) -> list[Any]:
    """Return the distinct values as plain ones: whole floats as int."""
    series = pd.Series(values) if not isinstance(values, pd.Series) else values
    missing = int(is_missing(series).sum())
    if missing:
        raise RefusedError(
            f"target {name!r} has no value in {missing:,} of {len(series):,} rows; "
            f"drop them first: frame.dropna(subset=[{name!r}])"
        )
    try:
        found = series.astype(object).unique().tolist()
    except TypeError:
        raise RefusedError(
            f"target {name!r} holds lists or dicts; expected text, booleans or numbers"
        ) from None
    return [_whole(value) for value in found]


def _whole(value: Any) -> Any:
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if isinstance(value, int | np.integer):
        return int(value)
    if isinstance(value, float | np.floating):
        return int(value) if float(value).is_integer() else float(value)
    return str(value) if isinstance(value, str) else value


def _kind(value: Any) -> str:
    kinds = {str: "text", bool: "boolean", int: "whole", float: "number"}
    return kinds.get(type(value), "other")


def _quantity(found: list[Any], kinds: set[str]) -> bool:
    return "number" in kinds or ("whole" in kinds and len(found) > MAX_INTEGER_CLASSES)


def _check_relevance(found: list[Any], name: str) -> None:
    odd = [value for value in found if isinstance(value, str) or not 0 <= value <= MAX_RELEVANCE]
    odd += [value for value in found if isinstance(value, float)]
    if odd:
        raise RefusedError(
            f"target {name!r} holds {odd[0]!r}; a ranking expects how relevant each row is: "
            f"True or False, or a whole number from 0 to {MAX_RELEVANCE}"
        )


def _classification(found: list[Any], name: str, task: str | None) -> tuple[str, tuple[Any, ...]]:
    if len(found) > MAX_CLASSES:
        raise RefusedError(
            f"target {name!r} has {len(found):,} classes; expected at most {MAX_CLASSES}: "
            "group the rare ones, or predict something else"
        )
    named = "binary" if len(found) == 2 else "multiclass"
    if task in TASKS and task != named:
        raise RefusedError(
            f"target {name!r} has {len(found)} classes, which makes the task {named}, not {task}"
        )
    return named, tuple(sorted(found))


def _named(values: list[Any]) -> str:
    shown = ", ".join(repr(to_plain(value)) for value in values[:4])
    return f"{shown}, ..." if len(values) > 4 else shown
