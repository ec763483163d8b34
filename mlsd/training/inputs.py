"""What a recipe asks of a table: a target, enough rows, and columns a model may use."""

from __future__ import annotations

import pandas as pd

from mlsd.column import near
from mlsd.report import RefusedError
from mlsd.schema import Schema
from mlsd.training.recipe import Recipe

MIN_TRAIN = 10  # rows


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
    usable = schema.features(recipe.known_at)
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
