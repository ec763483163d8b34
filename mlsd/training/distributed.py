"""Beyond one machine: the same recipe, trained by LightGBM on the workers of a Dask cluster."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from socket import create_connection
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import numpy as np
import pandas as pd

from mlsd.metrics import row_losses
from mlsd.package import ModelPackage
from mlsd.report import RefusedError
from mlsd.schema import Schema
from mlsd.training.booster import Boosted, fixed_params, keep_rounds
from mlsd.training.inputs import Coded, Problem
from mlsd.training.params import row_weights
from mlsd.training.recipe import Recipe
from mlsd.training.trainer import booster_settings, make_package

if TYPE_CHECKING:
    from mlsd.run import Run

TIMEOUT = 5  # seconds in which a cluster must answer
_SILENCE = 2  # minutes after which a worker that waits for another gives up
_ROWS = 20_000  # of the later rows that decide how many rounds are kept


def train_distributed(
    frame: pd.DataFrame,
    recipe: Recipe,
    cluster: str,
    *,
    schema: Schema | None = None,
    valid: pd.DataFrame | None = None,
    run: Run | None = None,
) -> ModelPackage:
    """Return what `train` returns, with the model fitted on the workers of a Dask cluster.

    Each worker gets an equal part of the rows and builds every tree together with the others (LightGBM's
    data-parallel learner). LightGBM cannot stop early there: all rounds are trained, and those after
    the best one are cut off. The number of workers is part of the package's id, since each of them
    finds the bins of some features from its own rows. Which of them finds which is left to the cluster:
    two trainings are as good as each other, not equal in their bits.

    Args:
        frame, recipe, schema, valid, run: as for `train`; the estimator is LightGBM, no ranking.
        cluster: the address of the scheduler, such as `"tcp://127.0.0.1:8786"`.

    Raises:
        RefusedError: Dask is not installed, no cluster answers within 5 seconds or it has no workers,
            or whatever `train` refuses.
    """
    if isinstance(recipe, Recipe) and (recipe.estimator != "lightgbm" or recipe.task == "ranking"):
        raise RefusedError(
            "train_distributed fits LightGBM to classes or quantities; use train() for a ranking or "
            "for a scikit-learn estimator"
        )
    with _connected(cluster) as client:
        workers = sorted(client.ncores())

        def fit(problem: Problem, coded: Coded, later: Coded) -> Boosted:
            return _fit(client, workers, problem, coded, later)

        return make_package(frame, recipe, schema, valid, run, fit, workers=len(workers))


@contextmanager
def _connected(cluster: str) -> Iterator[Any]:
    """Give a client of the cluster, closed at the end."""
    try:
        import dask.array  # noqa: F401  # lightgbm.dask needs it
        from distributed import Client
    except ImportError as error:
        raise RefusedError(
            "train_distributed needs Dask, which is not installed: pip install 'mlsd[dask]'"
        ) from error
    try:
        _greet(cluster)
        client = Client(cluster, timeout=TIMEOUT, set_as_default=False)
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise RefusedError(
            f"no Dask cluster answered at {cluster!r} within {TIMEOUT} seconds; start one with "
            "distributed.LocalCluster(), or `dask scheduler` and `dask worker`, and give its address"
        ) from error
    with client, client.as_current():  # lightgbm.dask waits through the current one
        if not client.ncores():
            raise RefusedError(
                f"the Dask cluster at {cluster!r} has no workers; start some: dask worker {cluster}"
            )
        yield client


def _greet(cluster: str) -> None:
    """Raise OSError unless somebody at the address speaks first, as Dask does; its client waits forever."""
    place = urlsplit(cluster)
    with create_connection((place.hostname, place.port), TIMEOUT) as line:
        if not line.recv(1):
            raise ConnectionError("closed without a word")


def _fit(client: Any, workers: list[str], problem: Problem, coded: Coded, later: Coded) -> Boosted:
    from lightgbm.basic import LightGBMError
    from lightgbm.dask import DaskLGBMRegressor  # an objective of classes makes a classifier of it

    params = booster_settings(problem, len(coded.y))
    weights = row_weights(params.get("class_weight"), coded.y, coded.y)
    parts = [np.arange(len(coded.y))[i :: len(workers)] for i in range(len(workers))]  # each like the whole
    model = DaskLGBMRegressor(
        **fixed_params(params, problem.recipe.random_state),
        n_estimators=params["num_iterations"], time_out=_SILENCE, client=client,
    )  # fmt: skip
    try:
        with warnings.catch_warnings(), redirect_stdout(io.StringIO()):  # it tells which ports it took
            warnings.filterwarnings("ignore", "Parameter .* will be ignored")  # threads: the worker decides
            model.fit(
                _spread(client, workers, [coded.table[part] for part in parts]),
                _spread(client, workers, [coded.y[part] for part in parts]),
                sample_weight=None
                if weights is None
                else _spread(client, workers, [weights[p] for p in parts]),
                categorical_feature=problem.categories,
            )
    except LightGBMError as error:
        raise RefusedError(f"LightGBM refuses the recipe's params: {error}") from error
    curve = _curve(model.booster_, problem, later) if "objective" not in problem.recipe.params else ()
    return keep_rounds(model.booster_, int(np.argmin(curve)) + 1 if curve else 0, curve)


def _spread(client: Any, workers: list[str], parts: list[np.ndarray]) -> Any:
    """Return a Dask array of which part i lies at worker i."""
    import dask.array as da
    from dask import delayed

    pieces = []
    for worker, part in zip(workers, parts, strict=True):
        there = client.scatter(part, workers=[worker], hash=False)
        pieces.append(da.from_delayed(delayed(there), part.shape, part.dtype))
    return da.concatenate(pieces)


def _curve(booster: Any, problem: Problem, later: Coded) -> tuple[float, ...]:
    """Return the loss on later rows after each round, (rounds,); () without such rows."""
    from scipy.special import expit, softmax

    if len(later.y) == 0:
        return ()
    rows = np.unique(np.linspace(0, len(later.y) - 1, min(len(later.y), _ROWS)).astype(int))
    table, y, raw, losses = later.table[rows], later.y[rows], 0.0, []
    for i in range(booster.current_iteration()):
        raw = raw + booster.predict(table, raw_score=True, start_iteration=i, num_iteration=1)
        answer = {"binary": expit, "multiclass": lambda x: softmax(x, axis=1)}.get(problem.task, np.asarray)(
            raw
        )
        losses.append(float(row_losses(problem.task, y, answer).mean()))
    return tuple(losses)
