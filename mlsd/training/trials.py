"""Search: many recipes that differ in their parameters, tried on the same rows, every one written down."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from time import perf_counter
from typing import Any, Protocol

import numpy as np
import pandas as pd

from mlsd.metrics import default_metric, ndcg, score
from mlsd.model_file import ask_model
from mlsd.report import RefusedError
from mlsd.run import Run
from mlsd.schema import Schema
from mlsd.training.inputs import Coded, Problem
from mlsd.training.recipe import Recipe
from mlsd.training.trainer import fit_model


class Tracker(Protocol):
    """Where each trial is written down, such as `mlsd.tracking.LocalTracker`."""

    def run(self, name: str) -> AbstractContextManager[Run]:
        """Open a run: finished at the end of the block, failed when it raises."""


@dataclass(frozen=True, eq=False)
class Search:
    """What a search found.

    Args:
        recipe: the best one, ready for `train`.
        metric: what the trials were compared by.
        trials: one row a trial: its parameters, then `metric`, `seconds` and `error` ("" where it went
            well), best first.
    """

    recipe: Recipe
    metric: str
    trials: pd.DataFrame

    def __repr__(self) -> str:
        failed = int((self.trials["error"] != "").sum())
        best = f"{self.metric} {self.trials[self.metric].iloc[0]:.4g}"
        return f"Search({len(self.trials)} trials, {failed} failed; best {best}: {self.recipe!r})"


def search(
    frame: pd.DataFrame,
    recipe: Recipe,
    space: Mapping[str, Any],
    *,
    tries: int = 20,
    random_state: int = 0,
    schema: Schema | None = None,
    tracker: Tracker | None = None,
    progress: bool = True,
) -> Search:
    """Return the best of some recipes drawn from a space, and how every one of them did.

    The rows that `train` will judge on are not touched. Of the others the last fifth (by time where the
    schema has a time column) compares the trials. `train(frame, found.recipe)` then fits on all but the
    judged rows. Under `joblib.parallel_config(...)` several trials run at the same time.

    Args:
        frame: features and target, as for `train`.
        recipe: what stays the same; its `params` are the start of every trial.
        space: parameter -> a list of values, or a distribution of `scipy.stats`.
        tries: how many are drawn; a smaller space of lists is tried whole.
        random_state: of the draw.
        schema: as for `train`.
        tracker: gets a run for each trial; one that failed is recorded as failed.
        progress: whether a bar is shown, on stderr.

    Raises:
        RefusedError: the table or the space is unusable, or every trial failed.

    >>> table = pd.DataFrame({"x": [i % 20 for i in range(400)]})
    >>> table["y"] = table["x"] > 9
    >>> found = search(table, Recipe("y"), {"num_leaves": [2, 4]}, progress=False)
    >>> len(found.trials), found.metric
    (2, 'log_loss')
    """
    problem, drawn = Problem.of(frame, recipe, schema, None), _draw(space, tries, random_state)
    rows, _, _ = problem.split(frame)
    fit_rows, later_rows, _ = problem.split(rows)
    coded, later = problem.code(fit_rows), problem.code(later_rows)
    if len(np.unique(coded.y)) < 2 or len(later.y) == 0:
        raise RefusedError("cannot search: the rows to compare trials on, or to fit them, are too few")
    metric = default_metric(problem.task)
    found: list[dict[str, Any]] = []
    for params, (value, seconds, error) in _tried(problem, drawn, coded, later, progress):
        _track(tracker, f"trial {len(found) + 1} of {len(drawn)}", params, metric, value, seconds, error)
        found.append(params | {metric: value, "seconds": seconds, "error": error})
    trials = pd.DataFrame(found).rename_axis("trial")
    if not np.isfinite(trials[metric]).any():
        raise RefusedError(f"no trial of {len(found)} was valid; the first one says: {found[0]['error']}")
    trials = trials.sort_values(metric, ascending=metric != "ndcg", kind="stable")  # nan last
    best = drawn[int(trials.index[0])]
    return Search(replace(recipe, params={**recipe.params, **best}), metric, trials)


def _draw(space: Mapping[str, Any], tries: int, random_state: int) -> list[dict[str, Any]]:
    """Return the parameters of each trial, all different where the space is of lists."""
    from sklearn.model_selection import ParameterGrid, ParameterSampler

    if not isinstance(space, Mapping) or not space:
        raise RefusedError(f"the space is {space!r}; expected choices, such as {{'num_leaves': [7, 15, 31]}}")
    if isinstance(tries, bool) or not isinstance(tries, int) or tries < 1:
        raise RefusedError(f"tries is {tries!r}; expected a whole number from 1")
    lists = all(not hasattr(choice, "rvs") for choice in space.values())
    try:
        size = min(tries, len(ParameterGrid(dict(space)))) if lists else tries
        return list(ParameterSampler(dict(space), size, random_state=random_state))
    except (TypeError, ValueError) as error:
        raise RefusedError(f"the space cannot be drawn from: {error}") from error


Outcome = tuple[float, float, str]  # metric, seconds, error


def _tried(
    problem: Problem, drawn: list[dict[str, Any]], coded: Coded, later: Coded, progress: bool
) -> Iterator[tuple[dict[str, Any], Outcome]]:
    """Yield the trials in their order, each as soon as those that run beside it are done."""
    from joblib import Parallel, delayed, effective_n_jobs
    from joblib.parallel import get_active_backend
    from rich.console import Console
    from rich.progress import track

    at_once = effective_n_jobs(get_active_backend()[1])
    arrays = (*vars(coded).values(), *vars(later).values())  # one by one, so that Dask sends each only once
    batch: list[dict[str, Any]] = []
    for params in track(drawn, "search", console=Console(stderr=True), disable=not progress):
        batch.append(params)
        if len(batch) == at_once or params is drawn[-1]:
            found = Parallel()(delayed(_try)(problem, chosen, *arrays) for chosen in batch)
            yield from zip(batch, found, strict=True)
            batch = []


def _try(problem: Problem, params: dict[str, Any], *arrays: Any) -> Outcome:
    """Return how good a trial is, and why it failed where it did: whatever it raises is written down."""
    coded, later, started = Coded(*arrays[:3]), Coded(*arrays[3:]), perf_counter()
    value, error = float("nan"), ""
    try:
        recipe = replace(problem.recipe, params={**problem.recipe.params, **params})
        model = fit_model(replace(problem, recipe=recipe), coded, later).model
        value = _quality(problem, later, ask_model(model, later.table, problem.task, len(problem.classes)))
        error = "" if np.isfinite(value) else "the metric is not defined on the rows that compare"
    except Exception as met:  # a trial may fail in any way; the search goes on
        error = str(met).strip().partition("\n")[0] or type(met).__name__
    return value, perf_counter() - started, error


def _quality(problem: Problem, later: Coded, answer: np.ndarray) -> float:
    if problem.task == "ranking":
        return float(np.nanmean(ndcg(later.y, answer, later.group)))
    return score(default_metric(problem.task), later.y, answer)


def _track(
    tracker: Tracker | None,
    name: str,
    params: dict[str, Any],
    metric: str,
    value: float,
    seconds: float,
    error: str,
) -> None:
    if tracker is None:
        return
    try:
        with tracker.run(name) as run:
            run.log_params(params)
            run.log_metrics({"seconds": seconds})
            if error:
                raise RefusedError(error)  # so that the tracker records the run as failed, and why
            run.log_metrics({metric: value})
    except RefusedError:
        if not error:
            raise
