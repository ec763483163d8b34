"""Behaviour tests: what a person expects of a model whatever its average score is (CheckList)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from mlsd.column import near
from mlsd.plain import is_missing
from mlsd.report import Finding, RefusedError, Report
from mlsd.stats import wilson_interval

if TYPE_CHECKING:
    from mlsd.package import ModelPackage

Change = Mapping[str, Any]  # column -> new value, or function of the column: {"n_links": lambda n: n + 1}


@dataclass(frozen=True, eq=False)
class MinimumFunctionality:
    """Easy rows that no model may get wrong: the obvious scam is caught.

    Args:
        name: what is expected, in words.
        rows: m rows with the model's features, made by hand or picked.
        expected: the class of all rows, or of each; numbers for a regression.
        threshold: a binary model answers its second class from this probability on.
        tolerance: how far a regression may be off.
        allowed: share of rows that may fail.
    """

    name: str
    rows: pd.DataFrame
    expected: Any
    threshold: float = 0.5
    tolerance: float = 0.0
    allowed: float = 0.0

    def failing(self, package: ModelPackage, frame: pd.DataFrame) -> pd.Series:
        """Return which rows fail, bool (m,), indexed as `rows`."""
        m = len(self.rows)
        expected = self.expected if np.ndim(self.expected) else [self.expected] * m
        if len(expected) != m:
            raise RefusedError(f"behaviour test {self.name!r} expects {len(expected)} answers for {m} rows")
        y, found = package.encode_target(pd.Series(list(expected))), package.predict(self.rows)
        if package.task == "regression":
            return pd.Series(np.abs(found - y) > self.tolerance, self.rows.index)
        chosen = found.argmax(axis=1) if found.ndim == 2 else found >= self.threshold
        return pd.Series(chosen != y, self.rows.index)


@dataclass(frozen=True, eq=False)
class Invariance:
    """A change that must not move the answer: the member's country says nothing about spam.

    Args:
        name: what is expected, in words.
        change: column -> new value, or a function of the column.
        tolerance: how far the prediction may move.
        allowed: share of rows that may fail.
    """

    name: str
    change: Change
    tolerance: float = 0.05
    allowed: float = 0.0

    def failing(self, package: ModelPackage, frame: pd.DataFrame) -> pd.Series:
        """Return which of the changed rows moved too far, bool (m,)."""
        moved = _moves(self.name, package, frame, self.change)
        return (moved.abs() > self.tolerance).any(axis=1)


@dataclass(frozen=True, eq=False)
class Direction:
    """A change that may move the prediction one way only: an added link never makes a post look better.

    Args:
        name: what is expected, in words.
        change: column -> new value, or a function of the column.
        way: `"up"`: it may not fall; `"down"`: it may not rise.
        tolerance: how far it may go the wrong way.
        allowed: share of rows that may fail.
    """

    name: str
    change: Change
    way: Literal["up", "down"]
    tolerance: float = 0.0
    allowed: float = 0.0

    def failing(self, package: ModelPackage, frame: pd.DataFrame) -> pd.Series:
        """Return which of the changed rows moved the wrong way, bool (m,)."""
        if self.way not in ("up", "down"):
            raise RefusedError(f"behaviour test {self.name!r} has way {self.way!r}; expected 'up' or 'down'")
        if package.task == "multiclass":
            raise RefusedError(
                f"behaviour test {self.name!r} asks for a direction, but the model has several scores"
            )
        moved = _moves(self.name, package, frame, self.change)[0]
        return (moved if self.way == "down" else -moved) > self.tolerance


BehaviourTest = MinimumFunctionality | Invariance | Direction


def judge_behaviour(package: ModelPackage, frame: pd.DataFrame, tests: Iterable[BehaviourTest]) -> Report:
    """Judge a model by behaviour tests: one finding each, with the share of rows that fail.

    Args:
        package: the model.
        frame: rows to be changed; no labels are needed.
        tests: what is expected.

    Raises:
        RefusedError: a test names a column that is not there, or is none.

    Source: Ribeiro, Wu, Guestrin and Singh, "Beyond accuracy: behavioral testing of NLP models with
    CheckList", ACL 2020.
    """
    tests = list(tests) if isinstance(tests, Iterable) and not isinstance(tests, str) else [tests]
    for test in tests:
        if not isinstance(test, BehaviourTest):
            raise RefusedError(
                f"behaviour holds {test!r}; expected MinimumFunctionality, Invariance or Direction objects"
            )
    return Report(f"behaviour of {package.target}", tuple(_judge(test, package, frame) for test in tests))


def _judge(test: BehaviourTest, package: ModelPackage, frame: pd.DataFrame) -> Finding:
    failing = test.failing(package, frame)
    n, failed = len(failing), int(failing.sum())
    if n == 0:
        message = "cannot tell: no row to look at, or the change changes none"
        return Finding("behaviour", test.name, False, None, test.allowed, message)
    share = failed / n
    message = f"{failed:,} of {n:,} rows fail; allowed are {test.allowed:.3g} of them"
    return Finding(
        "behaviour", test.name, share <= test.allowed, share, test.allowed, message, count=failed,
        rows=tuple(failing.index[failing]), interval=wilson_interval(failed, n),
        details={"n": n, "kind": type(test).__name__},
    )  # fmt: skip


def _moves(name: str, package: ModelPackage, frame: pd.DataFrame, change: Change) -> pd.DataFrame:
    """Return how far each prediction moved, shape (m, 1 or k), for the rows that the change changes."""
    if not isinstance(change, Mapping) or not change:
        raise RefusedError(
            f"behaviour test {name!r} has the change {change!r}; expected a dict from a column to its new "
            'value, or to a function of the column: {"n_links": lambda n: n + 1}'
        )
    after = frame.copy()
    for column, new in change.items():
        if column not in frame:
            raise RefusedError(
                f"behaviour test {name!r} changes {column!r}, which is no column"
                f"{near(column, list(frame.columns))}"
            )
        after[column] = new(frame[column]) if isinstance(new, Callable) else new  # type: ignore[arg-type]
        _check_known(name, package, column, after[column])
    touched = ~np.all([_same(frame[column], after[column]) for column in change], axis=0)
    before, later = (package.predict(rows[touched]) for rows in (frame, after))
    moved = later - before
    return pd.DataFrame(moved[:, None] if moved.ndim == 1 else moved, index=frame.index[touched])


def _same(before: pd.Series, after: pd.Series) -> np.ndarray:
    """Return where two columns hold the same, missing beside missing too, (n,)."""
    equal = (before.astype(object) == after.astype(object)).to_numpy(dtype=bool, na_value=False)
    return equal | (is_missing(before) & is_missing(after))


def _check_known(name: str, package: ModelPackage, column: str, values: pd.Series) -> None:
    """Refuse a category the model was never told of: it would read it as missing."""
    if column not in package.features or package.schema.column(column).kind != "category":
        return
    known = package.schema.column(column).categories or ()
    new = sorted(set(values[~is_missing(values)]) - set(known), key=str)
    if new:
        raise RefusedError(
            f"behaviour test {name!r} writes {new[0]!r} into {column!r}, which the model does not know"
            f"{near(str(new[0]), [str(word) for word in known])}"
        )
