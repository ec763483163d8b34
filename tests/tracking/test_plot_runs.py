"""The figure of runs: its best is what `best` returns, its words say the numbers, and failed runs stand apart."""

import numpy as np
import pandas as pd
import pytest

from mlsd.plot import CURRENT, REFUSED, plot_runs, svg
from mlsd.report import RefusedError
from mlsd.tracking import LocalTracker


@pytest.fixture(scope="module")
def tracker(tmp_path_factory):
    tracker = LocalTracker(tmp_path_factory.mktemp("runs"))
    rng = np.random.default_rng(0)
    for seed, auc in enumerate(rng.normal(0.78, 0.015, 20)):
        with tracker.run(f"seed {seed}") as run:
            run.log_metrics({"auc": float(auc)})
    with pytest.raises(ValueError), tracker.run("lucky") as run:
        run.log_metrics({"auc": 0.99})
        raise ValueError
    with tracker.run("without"):
        pass
    return tracker


def drawn(figure, colour):
    (axes,) = figure.axes
    return [line.get_xydata().tolist() for line in axes.lines if line.get_color() == colour]


@pytest.mark.parametrize("mode", ["max", "min"])
def test_the_best_run_is_the_one_the_tracker_finds(tracker, mode):
    table = tracker.runs()
    figure = plot_runs(table, "auc", mode=mode)
    best = tracker.best("auc", mode=mode)
    ((place,),) = drawn(figure, CURRENT)
    assert place == [table["id"].tolist().index(best.id) + 1, best.metrics["auc"][-1][1]]
    values = table.loc[table["status"] == "finished", "metrics.auc"].dropna()
    low, high = np.quantile(values, [0.25, 0.75])
    expected = (
        f"{best.name} is the best of 20 with auc {best.metrics['auc'][-1][1]:.3g}; the middle half lies "
    )
    assert figure.alt.startswith(f"{expected}between {low:.3g} and {high:.3g}. auc of 20 runs, ")
    assert f"auc ({'higher' if mode == 'max' else 'lower'} is better)" in svg(figure)


def test_a_failed_run_is_a_red_cross_and_never_the_best(tracker):
    assert drawn(plot_runs(tracker.runs(), "auc"), REFUSED) == [[[21, 0.99]]]


def test_the_same_runs_give_the_same_bytes(tracker):
    assert svg(plot_runs(tracker.runs(), "auc")) == svg(plot_runs(tracker.runs(), "auc"))


@pytest.mark.parametrize(
    "table", [None, pd.DataFrame({"name": ["a"], "status": ["failed"], "metrics.auc": [1.0]})]
)
def test_without_a_finished_run_there_is_one_sentence(tmp_path, table):
    table = LocalTracker(tmp_path).runs() if table is None else table
    with pytest.raises(
        RefusedError, match=r"^no finished run has a metric 'auc'; the columns of runs\(\) tell"
    ):
        plot_runs(table, "auc")
