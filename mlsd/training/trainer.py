"""From a table and a recipe to a model package: the one door of training."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from mlsd.baseline import Baseline
from mlsd.column import near
from mlsd.digest import digest_frame
from mlsd.metrics import default_metric, score
from mlsd.package import ModelPackage
from mlsd.profile import Profile
from mlsd.report import Finding, RefusedError, Report
from mlsd.schema import Schema
from mlsd.target import encode_target, judge_target
from mlsd.training.baselines import fit_constant, fit_linear, fit_rule
from mlsd.training.booster import Boosted, fit_booster, settings
from mlsd.training.estimator import fit_estimator
from mlsd.training.evaluation import MIN_ROWS, evaluate
from mlsd.training.holdout import hold_out
from mlsd.training.recipe import Recipe

if TYPE_CHECKING:
    from mlsd.run import Run

MIN_TRAIN = 10  # rows
_LIBRARIES = ("lightgbm", "numpy", "pandas", "scikit-learn")
_CURVE_POINTS = 50  # of the learning curve that a run keeps


def train(
    frame: pd.DataFrame,
    recipe: Recipe,
    schema: Schema | None = None,
    valid: pd.DataFrame | None = None,
    run: Run | None = None,
) -> ModelPackage:
    """Return a package: a model fitted by the recipe, with a report on rows it was not fitted on.

    Without `valid` the last fifth is held out: by time where the schema has a time column, else at
    random. The rows held out also tell LightGBM when to stop. The model is the one that was
    judged: it is not fitted again on all rows.

    Args:
        frame: features and target, n >= 10 rows; no target missing.
        recipe: what to predict, from what, and how.
        schema: what may enter; inferred from `frame` when not given.
        valid: labelled rows, later than `frame`, to judge the model on.
        run: a tracked attempt, which gets parameters, metrics and the learning curve.

    Raises:
        RefusedError: the target is unknown, missing in places or constant, no feature is usable,
            there are too few rows, or the estimator cannot learn from them.

    >>> table = pd.DataFrame({"x": [i % 20 for i in range(400)]})
    >>> table["y"] = table["x"] > 9
    >>> train(table, Recipe("y")).report.ok
    True
    """
    _check_table(frame, recipe, "the table")
    schema = _schema(frame, recipe, schema)
    features = _features(schema, recipe)
    frame = frame.reset_index(drop=True)
    answers = frame[recipe.target]
    if valid is not None:
        _check_table(valid, recipe, "the validation table")
        answers = pd.concat([answers.astype(object), valid[recipe.target].astype(object)], ignore_index=True)
    task, classes = judge_target(answers, recipe.target, recipe.task)
    if valid is None:
        codes = encode_target(frame[recipe.target], task, classes, recipe.target)
        kept, held, split = hold_out(frame, schema.time, codes if classes else None, recipe.random_state)
        frame, valid = frame.iloc[kept], frame.iloc[held]
    else:
        split = "rows given by the caller"
    y = encode_target(frame[recipe.target], task, classes, recipe.target)
    if len(np.unique(y)) < 2:
        raise RefusedError(
            f"target {recipe.target!r} has one value in the {len(y):,} rows to train on ({split} held out); "
            "give more rows, or valid= of your own"
        )
    table = schema.encode_frame(frame, features)
    later = _later(schema, features, valid, task, classes, recipe.target)
    fitted = _fit(recipe, table, y, task, classes, later, schema.category_positions(features))
    package = ModelPackage(
        model=fitted.model,
        schema=schema,
        profile=Profile.of(frame[[*features, recipe.target]]),
        report=Report(f"evaluation of {recipe.target}"),
        lineage=_lineage(frame, valid, schema, features, recipe, split, fitted),
        features=features,
        task=task,
        classes=classes,
        baselines=_baselines(table, y, task, len(classes), features),
    )
    report = evaluate(package, valid, random_state=recipe.random_state)
    if later is not None and len(later[1]) >= MIN_ROWS:
        report += Report(report.title, (_linear(package, table, y, later, recipe.random_state),))
    package = package.with_report(report)
    if run is not None:
        _track(run, package, recipe, fitted)
    return package


# ---- what is refused -------------------------------------------------------------------------------


def _check_table(frame: pd.DataFrame, recipe: Recipe, what: str) -> None:
    if not isinstance(frame, pd.DataFrame):
        raise RefusedError(f"{what} is a {type(frame).__name__}; expected a pandas DataFrame")
    names = [str(name) for name in frame.columns]
    if recipe.target not in names:
        raise RefusedError(f"{what} has no column {recipe.target!r}, the target{near(recipe.target, names)}")
    if names.count(recipe.target) > 1:
        raise RefusedError(f"{what} has {names.count(recipe.target)} columns {recipe.target!r}; expected one")
    if what == "the table" and len(frame) < MIN_TRAIN:
        raise RefusedError(f"cannot train: {len(frame)} rows, needs {MIN_TRAIN}")


def _schema(frame: pd.DataFrame, recipe: Recipe, schema: Schema | None) -> Schema:
    if schema is None:
        return Schema.infer(frame, target=recipe.target)
    schema.column(recipe.target)  # refuses an unknown one
    return schema if schema.target == recipe.target else Schema(schema.columns, recipe.target, schema.rules)


def _features(schema: Schema, recipe: Recipe) -> tuple[str, ...]:
    """Return the inputs: those of the recipe, each checked, or all that may be used."""
    usable = schema.features(recipe.known_at)
    if recipe.features is None:
        if not usable:
            raise RefusedError(
                f"no column can be a feature for {recipe.target!r}: a feature is a number, a boolean or a "
                f"category known at {recipe.known_at}, and no key"
            )
        return usable
    if not recipe.features:
        raise RefusedError("the recipe lists no features; name one, or leave features=None for all")
    for name in recipe.features:
        if name in usable:
            continue
        column = schema.column(name)  # refuses an unknown one
        if name == recipe.target:
            raise RefusedError(f"feature {name!r} is the target itself; leave it out")
        if name in schema.features("label"):
            raise RefusedError(
                f"feature {name!r} is known at {column.known_at}, but the recipe predicts at {recipe.known_at}; "
                "leave it out, or say known_at='reaction'"
            )
        kind = "a key" if column.unique else f"of kind {column.kind}"
        raise RefusedError(f"feature {name!r} is {kind}; expected a number, a boolean or a category")
    if len(set(recipe.features)) < len(recipe.features):
        raise RefusedError("the recipe lists a feature twice; expected each once")
    return recipe.features


# ---- what is fitted --------------------------------------------------------------------------------

_Coded = tuple[np.ndarray, np.ndarray]  # an encoded table (n, f) and coded answers (n,)


def _later(
    schema: Schema,
    features: tuple[str, ...],
    valid: pd.DataFrame,
    task: str,
    classes: tuple[Any, ...],
    name: str,
) -> _Coded | None:
    if len(valid) == 0:
        return None
    return schema.encode_frame(valid, features), encode_target(valid[name], task, classes, name)


def _fit(
    recipe: Recipe,
    table: np.ndarray,
    y: np.ndarray,
    task: str,
    classes: tuple[Any, ...],
    later: _Coded | None,
    categories: Sequence[int],
) -> Boosted:
    if recipe.estimator == "lightgbm":
        params = settings(task, len(y), len(classes), recipe.params)
        return fit_booster(params, table, y, later, categories, recipe.random_state)
    model = fit_estimator(
        recipe.estimator, table, y, task, categories, params=recipe.params, random_state=recipe.random_state
    )
    return Boosted(model, 0)


def _baselines(
    table: np.ndarray, y: np.ndarray, task: str, n_classes: int, features: tuple[str, ...]
) -> tuple[Baseline, ...]:
    rule = fit_rule(table, y, task, n_classes, features)
    constant = fit_constant(y, task, n_classes)
    return (constant,) if rule is None else (constant, rule)


def _linear(
    package: ModelPackage, table: np.ndarray, y: np.ndarray, later: _Coded, random_state: int
) -> Finding:
    """Tell how a linear model does on the same rows: a yardstick beside, no gate."""
    from dataclasses import replace

    name = default_metric(package.task)
    model = fit_linear(
        table, y, package.task, package.schema.category_positions(package.features), random_state
    )
    value = score(name, later[1], replace(package, model=model).predict_encoded(later[0]))
    message = f"a linear model beside it: {name} {value:.3g}"
    return Finding("linear", name, True, value, None, message, "info", details={"n": len(later[1])})


# ---- what is remembered ----------------------------------------------------------------------------


def _lineage(
    frame: pd.DataFrame,
    valid: pd.DataFrame,
    schema: Schema,
    features: tuple[str, ...],
    recipe: Recipe,
    split: str,
    fitted: Boosted,
) -> dict[str, Any]:
    """Return where the model came from; `data`, `recipe` and `libraries` make its id."""
    columns = [*features, recipe.target]
    return {
        "data": [digest_frame(frame[columns]), digest_frame(valid[columns])],
        "recipe": recipe.to_plain(),
        "libraries": {name: version(name).split(".")[0] for name in _LIBRARIES},
        "rows": len(frame),
        "rows_held_out": len(valid),
        "split": split,
        **({"rounds": fitted.rounds} if fitted.rounds else {}),
    }


def _track(run: Run, package: ModelPackage, recipe: Recipe, fitted: Boosted) -> None:
    run.log_params(recipe.to_plain())
    step = max(1, -(-len(fitted.curve) // _CURVE_POINTS))
    for i in range(0, len(fitted.curve), step):
        run.log_metrics({"valid_loss": fitted.curve[i]}, step=i)
    run.log_metrics(
        {f.subject: f.value for f in package.report if f.code == "metric" and f.value is not None}
    )
    run.log_artifact("report.json", package.report.to_json().encode())
    run.set_tags({"package": package.id, "task": package.task, "ok": package.report.ok})
