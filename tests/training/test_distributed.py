"""Beyond one machine: a real cluster of two worker processes trains the same recipe to the same quality."""

import socket
import subprocess
import sys
import threading
import time

import joblib
import numpy as np
import pytest
from distributed import Client, LocalCluster
from sklearn.linear_model import LogisticRegression

from mlsd import ModelPackage, RefusedError, Run
from mlsd.datasets import make_parcel_volumes, make_spam_posts
from mlsd.metrics import row_losses
from mlsd.stats import paired_interval
from mlsd.training import Recipe, search, train, train_distributed

RECIPE = Recipe("is_spam", params={"n_estimators": 80})


@pytest.fixture(scope="module")
def cluster():
    place = LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, host="127.0.0.1", dashboard_address="127.0.0.1:0"
    )
    try:
        yield place.scheduler_address
    finally:
        place.close()


@pytest.fixture(scope="module")
def posts():
    return make_spam_posts(8_000, random_state=0).frame


@pytest.fixture(scope="module")
def both(cluster, posts):
    return train(posts, RECIPE), train_distributed(posts, RECIPE, cluster)


def test_it_is_the_same_kind_of_package(both, tmp_path):
    alone, spread = both
    assert spread.report.ok
    assert (spread.kind, spread.task, spread.classes) == (alone.kind, alone.task, alone.classes)
    assert (spread.features, spread.schema, spread.profile) == (alone.features, alone.schema, alone.profile)
    assert spread.baselines == alone.baselines
    assert spread.lineage["recipe"] == alone.lineage["recipe"]
    assert (spread.lineage["workers"], "workers" in alone.lineage) == (2, False)
    assert spread.id != alone.id
    read = ModelPackage.load(spread.save(tmp_path / "spread"))
    assert read.digest == spread.digest


def test_it_is_as_good_within_what_chance_allows(both):
    """The paired 99.9 % interval of the difference in loss holds 0, or at most a fiftieth of a nat."""
    fresh = make_spam_posts(20_000, random_state=9).frame
    y = fresh["is_spam"].to_numpy()
    alone, spread = (row_losses("binary", y, package.predict(fresh), 1e-4) for package in both)
    low, high = paired_interval(spread, alone, level=0.999)
    assert low < 0.02
    assert high > -0.02


def test_rounds_after_the_best_one_are_cut_off(cluster, posts):
    package = train_distributed(posts, Recipe("is_spam", params={"learning_rate": 0.5}), cluster)
    assert 1 < package.lineage["rounds"] == package.model.num_trees() < 300
    later = posts.sort_values("posted_at").iloc[6_400:]
    table, y = package.schema.encode_frame(later, package.features), later["is_spam"].to_numpy()
    run = Run("again")
    again = train_distributed(posts, Recipe("is_spam", params={"n_estimators": 30}), cluster, run=run)
    losses = [
        row_losses("binary", y, again.model.predict(table, num_iteration=i + 1)).mean()
        for i in range(again.lineage["rounds"])
    ]
    told = [value for _, value in run.metrics["valid_loss"]]
    assert told[: len(losses)] == pytest.approx(losses, rel=1e-9)
    assert int(np.argmin(told)) + 1 == len(losses)


def test_nothing_tells_the_machine(both):
    text = both[1].model.model_to_string()
    assert "127.0.0.1" not in text
    assert "[local_listen_port: 12400]" in text


def test_quantities_classes_and_weights_are_learnt_there_too(cluster, posts):
    parcels = make_parcel_volumes(300, random_state=0).frame
    quick = {"n_estimators": 20}
    volumes = train_distributed(parcels, Recipe("n_parcels", params=quick), cluster)
    spread = volumes.predict(parcels)
    assert (
        np.corrcoef(spread, train(parcels, Recipe("n_parcels", params=quick)).predict(parcels))[0, 1] > 0.95
    )
    many = train_distributed(
        posts.iloc[:2_000],
        Recipe("topic", params=quick, features=("n_words", "n_links", "language")),
        cluster,
    )
    assert many.predict(posts.iloc[:50]).sum(axis=1) == pytest.approx(np.ones(50))
    heavy = Recipe("is_spam", params=quick | {"class_weight": {True: 20}})
    assert train_distributed(posts, heavy, cluster).predict(posts).mean() > posts["is_spam"].mean() + 0.1


def test_a_search_runs_on_the_cluster_by_joblib(cluster, posts):
    space, frame = {"num_leaves": [3, 7, 1]}, posts.iloc[:2_000]
    here = search(frame, RECIPE, space, progress=False)
    with Client(cluster), joblib.parallel_config("dask"):
        there = search(frame, RECIPE, space, progress=False)
    assert there.recipe == here.recipe
    assert there.trials["log_loss"].iloc[:2].tolist() == here.trials["log_loss"].iloc[:2].tolist()
    assert there.trials["error"].ne("").sum() == 1


def test_what_lightgbm_refuses_is_one_sentence(cluster, posts):
    with pytest.raises(RefusedError, match="LightGBM refuses the recipe's params: "):
        train_distributed(posts, Recipe("is_spam", params={"num_leaves": 1}), cluster)


# ---- no cluster -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:1", "nonsense", "tcp://127.0.0.1:x", None])
def test_a_cluster_that_does_not_answer_is_one_sentence(posts, address):
    started = time.monotonic()
    with pytest.raises(
        RefusedError, match=r"no Dask cluster answered at .* within 5 seconds; start one with"
    ):
        train_distributed(posts, RECIPE, address)
    assert time.monotonic() - started < 8


@pytest.mark.parametrize("closes", [False, True])
def test_somebody_who_listens_and_says_nothing_is_no_cluster(posts, closes):
    with socket.create_server(("127.0.0.1", 0)) as deaf:  # the system takes the call, nobody answers
        if closes:
            ear = threading.Thread(target=lambda: deaf.accept()[0].close(), daemon=True)
            ear.start()
        started = time.monotonic()
        with pytest.raises(RefusedError, match="no Dask cluster answered"):
            train_distributed(posts, RECIPE, f"tcp://127.0.0.1:{deaf.getsockname()[1]}")
        assert time.monotonic() - started < 8


def test_a_cluster_without_workers_is_one_sentence(posts):
    with (
        LocalCluster(n_workers=0, processes=True, host="127.0.0.1", dashboard_address="127.0.0.1:0") as empty,
        pytest.raises(RefusedError, match="has no workers; start some: dask worker"),
    ):
        train_distributed(posts, RECIPE, empty.scheduler_address)


@pytest.mark.parametrize(
    "recipe",
    [Recipe("is_spam", LogisticRegression()), Recipe("likes_1h", task="ranking", group="topic")],
    ids=["estimator", "ranking"],
)
def test_what_is_not_spread_is_refused(posts, recipe):
    with pytest.raises(RefusedError, match=r"use train\(\) for a ranking or for a scikit-learn estimator"):
        train_distributed(posts, recipe, "tcp://127.0.0.1:1")


def test_without_dask_it_is_one_sentence():
    script = (
        "import sys; sys.modules['distributed'] = None\n"
        "from mlsd.training import Recipe, train_distributed\n"
        "train_distributed(None, Recipe('y'), 'tcp://127.0.0.1:1')\n"
    )
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert (
        found.stderr.strip()
        .splitlines()[-1]
        .endswith("train_distributed needs Dask, which is not installed: pip install 'mlsd[dask]'")
    )
