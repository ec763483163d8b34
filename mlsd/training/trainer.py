"""From a table and a recipe to a model package: the one door of training."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from mlsd import __version__
from mlsd.baseline import Baseline, LastValue
from mlsd.digest import digest_frame
from mlsd.metrics import default_metric, score
from mlsd.package import ModelPackage
from mlsd.profile import Profile
from mlsd.report import Finding, RefusedError, Report
from mlsd.schema import Schema
from mlsd.training.baselines import fit_constant, fit_last_value, fit_linear, fit_rule
from mlsd.training.booster import Boosted, fit_booster
from mlsd.training.calibration import fit_calibration
from mlsd.training.estimator import fit_estimator
from mlsd.training.evaluation import MIN_ROWS, evaluate
from mlsd.training.holdout import moments
from mlsd.training.inputs import Coded, Problem
from mlsd.training.params import settings
from mlsd.training.recipe import Recipe

if TYPE_CHECKING:
    from mlsd.run import Run

_LIBRARIES = ("lightgbm", "numpy", "pandas", "scikit-learn")
_CURVE_POINTS = 50  # of the learning curve that a run keeps
Fit = Callable[[Problem, Coded, Coded], Boosted]


@dataclass(frozen=True)
class _Stopwatch:
    """The seconds each part of a training took: told to the run, and to nothing that names a package."""

    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def of(self, part: str) -> Iterator[None]:
        started = perf_counter()
        yield
        self.seconds[part] = self.seconds.get(part, 0.0) + perf_counter() - started


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
        run: a tracked attempt, which gets parameters, metrics, the learning curve, and the seconds that
            each part took: `seconds_prepare`, `seconds_fit`, `seconds_baselines`, `seconds_evaluate`.

    Raises:
        RefusedError: the target is unknown, missing in places or constant, no feature is usable,
            there are too few rows, or the estimator cannot learn from them.

    >>> table = pd.DataFrame({"x": [i % 20 for i in range(400)]})
    >>> table["y"] = table["x"] > 9
    >>> train(table, Recipe("y")).report.ok
    True
    """
    return make_package(frame, recipe, schema, valid, run, fit_model)


def make_package(
    frame: pd.DataFrame,
    recipe: Recipe,
    schema: Schema | None,
    valid: pd.DataFrame | None,
    run: Run | None,
    fit: Fit,
    **told: Any,
) -> ModelPackage:
    """Return what `train` returns, with the model made by `fit` and `told` in its lineage."""
    watch = _Stopwatch()
    with watch.of("prepare"):
        problem = Problem.of(frame, recipe, schema, valid)
        fit_rows, later_rows, split = problem.split(frame, valid)
        parts = [fit_rows, later_rows]
        if recipe.calibrate:
            fit_rows, apart, _ = problem.split(fit_rows)
            parts = [fit_rows, apart, later_rows]
        coded, later = problem.code(fit_rows), problem.code(later_rows)
        _check_varies(problem, coded, split)
    with watch.of("fit"):
        fitted = fit(problem, coded, later)
    with watch.of("prepare"):
        package = ModelPackage(
            model=fitted.model,
            schema=problem.schema,
            profile=Profile.of(fit_rows[[*problem.features, recipe.target]]),
            report=Report(f"evaluation of {recipe.target}"),
            lineage=_lineage(problem, parts, split, fitted) | told,
            features=problem.features,
            task=problem.task,
            classes=problem.classes,
        )
    if recipe.calibrate:
        with watch.of("calibrate"):
            rows = problem.code(apart)
            package = replace(
                package, calibration=fit_calibration(package.predict_encoded(rows.table), rows.y)
            )
    with watch.of("baselines"):
        package = replace(package, baselines=_baselines(problem, fit_rows, coded))
        linear = _linear(package, coded, later)
    with watch.of("evaluate"):
        report = evaluate(package, later_rows, random_state=recipe.random_state)
    package = package.with_report(replace(report, findings=(*report, *linear)))
    if run is not None:
        _track(run, package, recipe, fitted, watch.seconds)
    return package


def _check_varies(problem: Problem, coded: Coded, split: str) -> None:
    if len(np.unique(coded.y)) < 2:
        raise RefusedError(
            f"target {problem.recipe.target!r} has one value only in the {len(coded.y):,} rows to train on "
            f"(held out: {split}); give more rows, or choose valid= yourself"
        )


def fit_model(problem: Problem, coded: Coded, later: Coded) -> Boosted:
    """Return a model fitted by the recipe, in this process."""
    recipe, task, categories = problem.recipe, problem.task, problem.categories
    if isinstance(recipe.estimator, str):  # lightgbm
        stop = (later.table, later.y) if len(later.y) else None
        return fit_booster(
            booster_settings(problem, len(coded.y)), coded.table, coded.y, stop, categories,
            recipe.random_state, (coded.sizes, later.sizes),
        )  # fmt: skip
    model = fit_estimator(
        recipe.estimator, coded.table, coded.y, task, categories,
        names=problem.features, params=recipe.params, random_state=recipe.random_state,
    )  # fmt: skip
    return Boosted(model, 0)


def booster_settings(problem: Problem, n_rows: int) -> dict[str, Any]:
    """Return LightGBM's parameters for a problem of so many rows."""
    recipe = problem.recipe
    return settings(
        problem.task, n_rows, problem.classes, recipe.params, problem.features, problem.categories
    )


def _baselines(problem: Problem, fit_rows: pd.DataFrame, coded: Coded) -> tuple[Baseline | LastValue, ...]:
    """Return what the model must beat: a constant, a rule, and for quantities over time the last value."""
    task = "regression" if problem.task == "ranking" else problem.task  # relevance is a number
    n_classes, time = len(problem.classes), problem.schema.time
    constant = fit_constant(coded.y, task, n_classes)
    rule = fit_rule(coded.table, coded.y, task, n_classes, problem.features)
    found: tuple[Baseline | LastValue, ...] = (constant,) if rule is None else (constant, rule)
    if problem.task != "regression" or time is None:
        return found
    when = moments(fit_rows[time])
    return *found, fit_last_value(coded.table, coded.y, when, problem.features, problem.categories)


def _linear(package: ModelPackage, coded: Coded, later: Coded) -> list[Finding]:
    """Tell how a linear model does on the same rows: a yardstick beside, no gate."""
    if len(later.y) < MIN_ROWS or package.task == "ranking":
        return []
    name, categories = default_metric(package.task), package.schema.category_positions(package.features)
    model = fit_linear(coded.table, coded.y, package.task, categories)
    linear = replace(package, model=model, calibration=None)
    value = score(name, later.y, linear.predict_encoded(later.table))
    message = f"a linear model beside it: {name} {value:.3g}"
    return [Finding("linear", name, True, value, None, message, "info", details={"n": len(later.y)})]


def _lineage(problem: Problem, parts: list[pd.DataFrame], split: str, fitted: Boosted) -> dict[str, Any]:
    """Return where the model came from; `data`, `recipe` and `libraries` make its id."""
    group = [problem.recipe.group] if problem.recipe.group else []
    columns = [*problem.features, problem.recipe.target, *group]
    return {
        "data": [digest_frame(rows[columns]) for rows in parts],
        "recipe": problem.recipe.to_plain(),
        "libraries": {name: version(name).split(".")[0] for name in _LIBRARIES},
        "mlsd": __version__,
        "rows": len(parts[0]),
        "rows_held_out": len(parts[-1]),
        "split": split,
        "rounds": fitted.rounds or None,  # of boosting
    }


def _track(
    run: Run, package: ModelPackage, recipe: Recipe, fitted: Boosted, seconds: dict[str, float]
) -> None:
    run.log_params(recipe.to_plain())
    run.log_lineage({name: fact for name, fact in package.lineage.items() if name != "recipe"})
    step = max(1, -(-len(fitted.curve) // _CURVE_POINTS))
    if fitted.curve:
        run.log_metrics({"valid_loss": fitted.curve[::step]}, step=range(0, len(fitted.curve), step))
    run.log_metrics(
        {f.subject: f.value for f in package.report if f.code == "metric" and f.value is not None}
    )
    run.log_metrics({f"seconds_{part}": spent for part, spent in seconds.items()})
    run.log_artifact("report.json", package.report.to_json().encode())
    run.set_tags({"package": package.id, "task": package.task, "ok": package.report.ok})
