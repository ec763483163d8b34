"""What a recipe asks of a table: a target, enough rows, and columns a model may use."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from mlsd.column import near
from mlsd.plain import is_missing
from mlsd.report import RefusedError
from mlsd.schema import Schema
from mlsd.target import encode_target, judge_target
from mlsd.training.holdout import hold_out
from mlsd.training.recipe import Recipe

MIN_TRAIN = 10  # rows


@dataclass(frozen=True)
class Coded:
    """Rows as a model sees them: `table` (n, f) with nan where missing, `y` (n,), `group` (n,) or None.

    Of a ranking, the rows of a list stand together and `group` counts the lists from 0.
    """

    table: np.ndarray
    y: np.ndarray
    group: np.ndarray | None = None

    @property
    def sizes(self) -> np.ndarray | None:
        """The rows of each list."""
        return None if self.group is None else np.bincount(self.group)


@dataclass(frozen=True)
class Problem:
    """What is to be learnt: how the columns are read and what the answers mean."""

    recipe: Recipe
    schema: Schema
    features: tuple[str, ...]
    task: str
    classes: tuple[Any, ...]

    @classmethod
    def of(
        cls, frame: pd.DataFrame, recipe: Recipe, schema: Schema | None, valid: pd.DataFrame | None
    ) -> Problem:
        """Return what is to be learnt from a table, everything about it checked."""
        if not isinstance(recipe, Recipe):
            raise RefusedError(
                f"the recipe is {recipe!r}; expected a Recipe, such as Recipe(target='is_spam')"
            )
        check_table(frame, recipe.target)
        schema = schema_for(frame, recipe.target, schema)
        answers = frame[recipe.target]
        if valid is not None:
            check_table(valid, recipe.target, "the validation table", least=0)
            both = [answers.astype(object), valid[recipe.target].astype(object)]
            answers = pd.concat(both, ignore_index=True)
        task, classes = judge_target(answers, recipe.target, recipe.task)
        if recipe.calibrate and task != "binary":
            raise RefusedError(
                f"calibrate corrects the probability of one of two classes, and this task is {task}; "
                "leave it out, or wrap an estimator: sklearn.calibration.CalibratedClassifierCV(...)"
            )
        return cls(recipe, schema, choose_features(schema, recipe), task, classes)

    def answers(self, frame: pd.DataFrame) -> np.ndarray:
        """Return the coded answers of a table, (n,)."""
        return encode_target(frame[self.recipe.target], self.task, self.classes, self.recipe.target)

    def code(self, frame: pd.DataFrame) -> Coded:
        """Return a table as a model sees it."""
        table, y = self.schema.encode_frame(frame, self.features), self.answers(frame)
        if self.recipe.group is None:
            return Coded(table, y)
        group = list_numbers(frame, self.recipe.group)
        order = np.argsort(group, kind="stable")
        return Coded(table[order], y[order], group[order])

    @property
    def categories(self) -> list[int]:
        """The positions of the features that are categories."""
        return self.schema.category_positions(self.features)

    def split(
        self, frame: pd.DataFrame, valid: pd.DataFrame | None = None
    ) -> tuple[pd.DataFrame, pd.DataFrame, str]:
        """Return the rows to fit, those to judge, and how they were told apart."""
        if valid is not None:
            return frame, valid, "rows given by the caller"
        codes = self.answers(frame) if self.classes else None
        group = None if self.recipe.group is None else list_numbers(frame, self.recipe.group)
        fit, held, how = hold_out(frame, self.schema.time, codes, self.recipe.random_state, group)
        return frame.iloc[fit], frame.iloc[held], how


def list_numbers(frame: pd.DataFrame, group: str) -> np.ndarray:
    """Return the number of each row's list, counted from 0 in order of appearance, shape (n,).

    Raises:
        RefusedError: there is no such column, or a row belongs to no list.
    """
    if group not in frame.columns:
        raise RefusedError(f"the table has no column {group!r}, the group{near(group, frame.columns)}")
    missing = int(is_missing(frame[group]).sum())
    if missing:
        raise RefusedError(f"group {group!r} has no value in {missing:,} of {len(frame):,} rows; drop them")
    return pd.factorize(frame[group])[0]


def check_table(frame: pd.DataFrame, target: str, what: str = "the table", least: int = MIN_TRAIN) -> None:
    """Refuse what is no table, has no target, or too few rows.

    Args:
        frame: a table of n rows.
        target: the column to predict.
        what: the table's name in the error sentence.
        least: rows needed.

    Raises:
        RefusedError: one sentence; a near miss is proposed for an unknown target.

    >>> check_table(pd.DataFrame({"is_spam": [True, False]}), "is_spam")
    Traceback (most recent call last):
        ...
    mlsd.report.RefusedError: cannot train: 2 rows, needs 10
    """
    if not isinstance(frame, pd.DataFrame):
        raise RefusedError(f"{what} is a {type(frame).__name__}; expected a pandas DataFrame")
    names = list(frame.columns)
    if target not in names and not all(isinstance(name, str) for name in names):
        raise RefusedError(
            f"{what} has column names that are no text; set frame.columns = frame.columns.astype(str)"
        )
    if target not in names:
        raise RefusedError(f"{what} has no column {target!r}, the target{near(target, names)}")
    if names.count(target) > 1:
        raise RefusedError(f"{what} has {names.count(target)} columns {target!r}; expected one target")
    if len(frame) < least:
        raise RefusedError(f"cannot train: {len(frame)} rows, needs {least}")


def schema_for(frame: pd.DataFrame, target: str, schema: Schema | None) -> Schema:
    """Return the schema to train under: the one given, made to predict `target`, or an inferred one."""
    if schema is None:
        return Schema.infer(frame, target=target)
    schema.column(target)  # refuses an unknown one
    return schema if schema.target == target else Schema(schema.columns, target, schema.rules)


def choose_features(schema: Schema, recipe: Recipe) -> tuple[str, ...]:
    """Return the inputs: those the recipe lists, each checked, or all that may be used.

    Raises:
        RefusedError: nothing is usable, or a listed column is not; says why.

    >>> table = pd.DataFrame({"n_links": range(30), "is_spam": [True, False] * 15})
    >>> choose_features(Schema.infer(table, target="is_spam"), Recipe("is_spam"))
    ('n_links',)
    """
    usable = tuple(name for name in schema.features(recipe.known_at) if name != recipe.group)
    if recipe.features is None:
        if not usable:
            raise RefusedError(
                f"no column can be a feature for {recipe.target!r}; expected a number, a boolean or a "
                f"category that is known at {recipe.known_at} and is no key"
            )
        return usable
    if not recipe.features:
        raise RefusedError("the recipe lists no features; name one, or leave features=None for all")
    if len(set(recipe.features)) < len(recipe.features):
        double = next(name for name in recipe.features if recipe.features.count(name) > 1)
        raise RefusedError(f"the recipe lists feature {double!r} twice; expected each once")
    for name in recipe.features:
        if name not in usable:
            _refuse_feature(schema, recipe, name)
    return recipe.features


def _refuse_feature(schema: Schema, recipe: Recipe, name: str) -> None:
    column = schema.column(name)  # refuses an unknown one
    if name == recipe.group:
        raise RefusedError(f"feature {name!r} is the group itself, which orders nothing; leave it out")
    if name == recipe.target:
        raise RefusedError(f"feature {name!r} is the target itself; leave it out")
    if name in schema.features("label"):
        remedy = " or say known_at='reaction'" if column.known_at == "reaction" else ""
        raise RefusedError(
            f"feature {name!r} is known at {column.known_at}, but the recipe predicts at "
            f"{recipe.known_at}; leave it out{remedy}"
        )
    kind = "a key" if column.unique else f"of kind {column.kind}"
    raise RefusedError(f"feature {name!r} is {kind}; expected a number, a boolean or a category")
