"""From a table and a recipe to a model package: the one door of training."""

from __future__ import annotations

from dataclasses import dataclass, replace
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from mlsd import __version__
from mlsd.baseline import Baseline
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
from mlsd.training.inputs import check_table, choose_features, schema_for
from mlsd.training.recipe import Recipe

if TYPE_CHECKING:
    from mlsd.run import Run

_LIBRARIES = ("lightgbm", "numpy", "pandas", "scikit-learn")
_CURVE_POINTS = 50  # of the learning curve that a run keeps


@dataclass(frozen=True)
class _Problem:
    """What is to be learnt: how the columns are read and what the answers mean."""

    recipe: Recipe
    schema: Schema
    features: tuple[str, ...]
    task: str
    classes: tuple[Any, ...]

    def answers(self, frame: pd.DataFrame) -> np.ndarray:
        return encode_target(frame[self.recipe.target], self.task, self.classes, self.recipe.target)

    def code(self, frame: pd.DataFrame) -> _Coded:
        return _Coded(self.schema.encode_frame(frame, self.features), self.answers(frame))

    @property
    def categories(self) -> list[int]:
        return self.schema.category_positions(self.features)


@dataclass(frozen=True)
class _Coded:
    """Rows as a model sees them: `table` (n, f) with nan where missing, `y` (n,)."""

    table: np.ndarray
    y: np.ndarray


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
    problem = _problem(frame, recipe, schema, valid)
    fit_rows, later_rows, split = _rows(frame, valid, problem)
    coded, later = problem.code(fit_rows), problem.code(later_rows)
    if len(np.unique(coded.y)) < 2:
        raise RefusedError(
            f"target {recipe.target!r} has one value only in the {len(coded.y):,} rows to train on "
            f"(held out: {split}); give more rows, or choose valid= yourself"
        )
    fitted = _fit(problem, coded, later)
    package = ModelPackage(
        model=fitted.model,
        schema=problem.schema,
        profile=Profile.of(fit_rows[[*problem.features, recipe.target]]),
        report=Report(f"evaluation of {recipe.target}"),
        lineage=_lineage(problem, fit_rows, later_rows, split, fitted),
        features=problem.features,
        task=problem.task,
        classes=problem.classes,
        baselines=_baselines(problem, coded),
    )
    report = evaluate(package, later_rows, random_state=recipe.random_state)
    package = package.with_report(replace(report, findings=(*report, *_linear(package, coded, later))))
    if run is not None:
        _track(run, package, recipe, fitted)
    return package


def _problem(
    frame: pd.DataFrame, recipe: Recipe, schema: Schema | None, valid: pd.DataFrame | None
) -> _Problem:
    """Return what is to be learnt, everything about it checked."""
    if not isinstance(recipe, Recipe):
        raise RefusedError(f"the recipe is {recipe!r}; expected a Recipe, such as Recipe(target='is_spam')")
    check_table(frame, recipe.target)
    schema = schema_for(frame, recipe.target, schema)
    answers = frame[recipe.target]
    if valid is not None:
        check_table(valid, recipe.target, "the validation table", least=0)
        answers = pd.concat([answers.astype(object), valid[recipe.target].astype(object)], ignore_index=True)
    task, classes = judge_target(answers, recipe.target, recipe.task)
    return _Problem(recipe, schema, choose_features(schema, recipe), task, classes)


def _rows(
    frame: pd.DataFrame, valid: pd.DataFrame | None, problem: _Problem
) -> tuple[pd.DataFrame, pd.DataFrame, str]:
    """Return the rows to fit, those to judge, and how they were told apart."""
    if valid is not None:
        return frame, valid, "rows given by the caller"
    codes = problem.answers(frame) if problem.classes else None
    fit, held, split = hold_out(frame, problem.schema.time, codes, problem.recipe.random_state)
    return frame.iloc[fit], frame.iloc[held], split


def _fit(problem: _Problem, coded: _Coded, later: _Coded) -> Boosted:
    recipe, task, categories = problem.recipe, problem.task, problem.categories
    if isinstance(recipe.estimator, str):  # lightgbm
        params = settings(task, len(coded.y), len(problem.classes), recipe.params)
        stop = (later.table, later.y) if len(later.y) else None
        return fit_booster(params, coded.table, coded.y, stop, categories, recipe.random_state)
    model = fit_estimator(
        recipe.estimator, coded.table, coded.y, task, categories,
        names=problem.features, params=recipe.params, random_state=recipe.random_state,
    )  # fmt: skip
    return Boosted(model, 0)


def _baselines(problem: _Problem, coded: _Coded) -> tuple[Baseline, ...]:
    task, n_classes = problem.task, len(problem.classes)
    constant = fit_constant(coded.y, task, n_classes)
    rule = fit_rule(coded.table, coded.y, task, n_classes, problem.features)
    return (constant,) if rule is None else (constant, rule)


def _linear(package: ModelPackage, coded: _Coded, later: _Coded) -> list[Finding]:
    """Tell how a linear model does on the same rows: a yardstick beside, no gate."""
    if len(later.y) < MIN_ROWS:
        return []
    name, categories = default_metric(package.task), package.schema.category_positions(package.features)
    model = fit_linear(coded.table, coded.y, package.task, categories)
    value = score(name, later.y, replace(package, model=model).predict_encoded(later.table))
    message = f"a linear model beside it: {name} {value:.3g}"
    return [Finding("linear", name, True, value, None, message, "info", details={"n": len(later.y)})]


def _lineage(
    problem: _Problem, fit_rows: pd.DataFrame, later_rows: pd.DataFrame, split: str, fitted: Boosted
) -> dict[str, Any]:
    """Return where the model came from; `data`, `recipe` and `libraries` make its id."""
    columns = [*problem.features, problem.recipe.target]
    return {
        "data": [digest_frame(rows[columns]) for rows in (fit_rows, later_rows)],
        "recipe": problem.recipe.to_plain(),
        "libraries": {name: version(name).split(".")[0] for name in _LIBRARIES},
        "mlsd": __version__,
        "rows": len(fit_rows),
        "rows_held_out": len(later_rows),
        "split": split,
        "rounds": fitted.rounds or None,  # of boosting
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
