"""One contract, three places: a folder, Weights & Biases offline, and a real MLflow server."""

import contextlib
import io
import math
import os
import pickle
import re
import signal
import socket
import subprocess
import sys
import threading
import time

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from mlsd.plot import plot_bars
from mlsd.report import RefusedError
from mlsd.tracking import LocalTracker, MLflowTracker, WandbTracker
from tests.hardship import ROOT, on_read_only_disk
from tests.loopback import free_port, mlflow_server

PLACES = ["local", "wandb", "mlflow"]
# W&B leaves its own temporary folder to the garbage collector, which Python reports as a warning.
pytestmark = pytest.mark.filterwarnings("ignore:Implicitly cleaning up <TemporaryDirectory:ResourceWarning")


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with mlflow_server(tmp_path_factory.mktemp("mlflow")) as uri:
        yield uri


@pytest.fixture(params=PLACES)
def tracker(request, tmp_path):
    """An empty tracker of each kind."""
    if request.param == "mlflow":
        return MLflowTracker(request.getfixturevalue("server"), experiment=tmp_path.name)
    return {"local": LocalTracker, "wandb": WandbTracker}[request.param](tmp_path / "runs")


def same(a, b):
    """Equal, where NaN equals NaN."""
    return repr(a) == repr(b)


# ---- the contract ---------------------------------------------------------------------------------

PARAMS = {
    "rate": 0.1,
    "leaves": 31,
    "kind": "gbdt",
    "number as text": "31",
    "none": None,
    "deep": {"a": [1, "b"]},
}


def test_what_was_logged_is_read_back(tracker):
    table = pd.DataFrame({"slice": ["new", "old"], "auc": [0.5, 0.75]})
    with tracker.run("first", params=PARAMS, lineage={"data": "d1"}) as run:
        run.log_metrics({"auc": 0.5, "loss": math.nan}, step=3)
        run.log_metrics({"auc": 0.1 + 0.2, "loss": math.inf})
        run.log_metrics({"curve": [3.0, 2.0, -math.inf]}, step=[0, 10, 20])
        run.log_metrics({"curve": np.array([5e-324])})
        run.log_artifact("notes/read me.txt", b"\x00first")
        run.log_artifact("notes/read me.txt", b"\x00second")
        run.log_artifact("slices.csv", table)
        run.log_figure("plots/bars", plot_bars({"a": 1.0}, title="One", x="n"))
        run.set_tags({"sprint": 2, "who": "Bo"})
        run.set_tags({"sprint": 3})
        run.log_lineage({"rows": 7})
        assert tracker.get(run.id).status == "running"
    read = tracker.get(run.id)
    assert (read.id, read.name, read.status) == (run.id, "first", "finished")
    assert read.params == run.params == PARAMS
    expected = {
        "auc": [(3, 0.5), (4, 0.1 + 0.2)],
        "loss": [(3, math.nan), (4, math.inf)],
        "curve": [(0, 3.0), (10, 2.0), (20, -math.inf), (21, 5e-324)],
    }
    assert same(dict(sorted(read.metrics.items())), dict(sorted(expected.items())))
    assert read.tags == {"sprint": 3, "who": "Bo"}
    assert read.lineage == run.lineage and (read.lineage["data"], read.lineage["rows"]) == ("d1", 7)
    assert {"commit", "python", "packages", "code", "code_of"} < read.lineage.keys()
    sizes = {name: len(read.read_artifact(name)) for name in read.artifacts}
    assert read.artifacts == sizes and sizes.keys() == {"notes/read me.txt", "slices.csv", "plots/bars.png"}
    assert read.read_artifact("notes/read me.txt") == b"\x00second"
    pd.testing.assert_frame_equal(pd.read_csv(io.BytesIO(read.read_artifact("slices.csv"))), table)
    assert Image.open(io.BytesIO(read.read_artifact("plots/bars.png"))).size == (900, 525)
    assert abs((read.started - run.started).total_seconds()) < 0.001
    assert abs((read.ended - run.ended).total_seconds()) < 0.001


def test_runs_are_one_table_from_which_the_best_is_found(tracker):
    assert tracker.runs().columns.tolist() == ["id", "name", "status", "started", "seconds"]
    assert len(tracker.runs()) == 0
    for leaves, auc in ((7, 0.5), (15, 0.75), (31, 0.25)):
        with tracker.run(f"{leaves} leaves", params={"target": "y", "params": {"leaves": leaves}}) as run:
            run.log_metrics({"auc": [0.9, auc]})
            run.set_tags({"sprint": 2})
    with pytest.raises(ZeroDivisionError), tracker.run("lucky") as lucky:
        lucky.log_metrics({"auc": 0.99})
        lucky.log_metrics({"auc": 1 / 0})
    table = tracker.runs()
    assert table["name"].tolist() == ["7 leaves", "15 leaves", "31 leaves", "lucky"]
    assert table["status"].tolist() == ["finished"] * 3 + ["failed"]
    assert table["params.params.leaves"].tolist()[:3] == [7, 15, 31]
    assert table["metrics.auc"].tolist() == [0.5, 0.75, 0.25, 0.99]
    assert table["tags.sprint"].tolist()[:3] == [2, 2, 2]
    assert table["tags.error"].tolist()[3] == "ZeroDivisionError: division by zero"
    assert str(table["started"].dt.tz) == "UTC" and (table["seconds"] >= 0).all()
    assert tracker.best("auc").name == "15 leaves"
    assert tracker.best("auc", mode="min").name == "31 leaves"
    with pytest.raises(
        RefusedError, match=r"^no finished run has a metric 'acu': did you mean 'auc'\?; see runs"
    ):
        tracker.best("acu")
    with pytest.raises(RefusedError, match=r"^mode is 'top'; expected 'max' or 'min'$"):
        tracker.best("auc", mode="top")


def test_runs_beside_each_other_show_what_differs(tracker):
    ids = []
    for rate, data in ((0.1, "d1"), (0.2, "d1"), (0.2, "d2")):
        with tracker.run("a", params={"rate": rate, "target": "y"}, lineage={"data": data}) as run:
            run.log_metrics({"auc": rate})
        ids.append(run.id)
    table = tracker.compare(ids)
    assert table.columns.tolist() == ids
    assert table.index.tolist() == ["params.rate", "lineage.data", "metrics.auc"]
    assert table.loc["lineage.data"].tolist() == ["d1", "d1", "d2"]
    assert tracker.compare(ids[1:]).index.tolist() == ["lineage.data", "metrics.auc"]
    assert tracker.compare([tracker.get(ids[0])]).index.tolist() == ["metrics.auc"]
    pd.testing.assert_frame_equal(tracker.compare(), table)
    with pytest.raises(RefusedError, match=r"^there is no run to compare"):
        tracker.compare([])


def test_a_run_ends_finished_failed_or_interrupted_and_takes_nothing_more(tracker):
    with tracker.run("good") as good:
        good.log_metrics({"loss": 1})
    with pytest.raises(ZeroDivisionError), tracker.run("bad") as bad:
        bad.log_metrics({"loss": 1 / 0})
    with pytest.raises(KeyboardInterrupt), tracker.run("stopped") as stopped:
        raise KeyboardInterrupt
    statuses = [tracker.get(run.id).status for run in (good, bad, stopped)]
    assert statuses == ["finished", "failed", "interrupted"]
    for again in (good, tracker.get(good.id)):
        with pytest.raises(RefusedError, match=r"^run 'good' is finished; nothing more can be logged to it$"):
            again.log_metrics({"loss": 0})
    assert tracker.get(good.id).metrics == {"loss": [(0, 1.0)]}


def test_what_is_no_number_is_refused_and_the_run_goes_on(tracker):
    with tracker.run("a") as run:
        for value in ("0.9", None, [1.0, "x"], [[1.0]]):
            with pytest.raises(RefusedError, match=r"^metric 'auc' is .*; expected a number$"):
                run.log_metrics({"loss": 1.0, "auc": value})
        with pytest.raises(RefusedError, match=r"^metric 'auc' has 2 values and 1 steps; expected as many$"):
            run.log_metrics({"auc": [1, 2]}, step=[3])
        run.log_metrics({"loss": 2.0})
    assert tracker.get(run.id).metrics == {"loss": [(0, 2.0)]}


def test_an_unknown_run_is_one_sentence(tracker):
    with pytest.raises(RefusedError, match=r"^(there is no run 'run-9'|MLflow at .*run-9)"):
        tracker.get("run-9")


def test_a_tracker_travels_to_another_process(tracker):
    with pickle.loads(pickle.dumps(tracker)).run("there"):
        pass
    assert tracker.runs()["name"].tolist() == ["there"]


def test_threads_may_track_at_once(tracker):
    def attempt(name):
        with tracker.run(name) as run:
            run.log_metrics({"loss": [1.0, 2.0]})
            run.log_metrics({"loss": 3.0})

    threads = [threading.Thread(target=attempt, args=(f"t{number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    table = tracker.runs()
    assert sorted(table["name"]) == ["t0", "t1", "t2", "t3"]
    assert set(table["status"]) == {"finished"} and set(table["metrics.loss"]) == {3.0}


# ---- other processes ------------------------------------------------------------------------------

MADE = """
import pickle, sys
tracker = pickle.loads(bytes.fromhex(sys.argv[1]))
"""
HOLD = (
    MADE
    + """
with tracker.run("held", params={"rate": 0.1}) as run:
    for step in range(3):
        run.log_metrics({"loss": step / 7})
    run.log_artifact("state", b"half")
    print(run.id, flush=True)
    sys.stdin.read()
"""
)
LOG = (
    MADE
    + """
me = float(sys.argv[2])
print("ready", flush=True)
sys.stdin.readline()
for attempt in range(2):
    with tracker.run(sys.argv[2]) as run:
        for step in range(10):
            run.log_metrics({"loss": step + me / 10})
"""
)


def start(tracker, text, *words):
    return subprocess.Popen(
        [sys.executable, "-c", text, pickle.dumps(tracker).hex(), *words],
        cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip


def test_a_killed_run_keeps_what_was_acknowledged_and_reads_as_interrupted(tracker):
    with start(tracker, HOLD) as process:
        run_id = process.stdout.readline().strip()
        assert tracker.get(run_id).status == "running"
        process.send_signal(signal.SIGKILL)
        process.wait()
    read = tracker.get(run_id)
    assert (read.status, read.ended, read.params) == ("interrupted", None, {"rate": 0.1})
    assert read.metrics == {"loss": [(step, step / 7) for step in range(3)]}
    assert read.read_artifact("state") == b"half"
    assert tracker.runs()["status"].tolist() == ["interrupted"]


def test_two_processes_log_at_once(tracker):
    with start(tracker, LOG, "1") as one, start(tracker, LOG, "2") as two:
        for process in (one, two):
            assert process.stdout.readline() == "ready\n"
        for process in (one, two):
            process.stdin.write("go\n")
            process.stdin.flush()
        assert (one.wait(60), two.wait(60)) == (0, 0)
    table = tracker.runs()
    assert sorted(table["name"]) == ["1", "1", "2", "2"] and set(table["status"]) == {"finished"}
    for name, run_id in zip(table["name"], table["id"], strict=True):
        points = [(step, step + float(name) / 10) for step in range(10)]
        assert tracker.get(run_id).metrics == {"loss": points}


# ---- MLflow's own ---------------------------------------------------------------------------------


def test_mlflow_holds_what_was_logged_in_its_own_words(server, tmp_path):
    from mlflow import MlflowClient

    tracker = MLflowTracker(server, experiment=tmp_path.name)
    with tracker.run("first", params={"rate": 0.1, "kind": "gbdt"}, lineage={"commit": "c1"}) as run:
        run.log_metrics({"loss": [float(i) for i in range(2_500)]})  # more than one message holds
        run.log_params({f"p{i}": i for i in range(150)})
        run.log_figure("roc", plot_bars({"a": 1.0}, title="One", x="n"))
        run.set_tags({"sprint": 2})
    client = MlflowClient(tracking_uri=server)
    kept = client.get_run(run.id)
    assert (kept.info.run_name, kept.info.status) == ("first", "FINISHED")
    assert {name: kept.data.params[name] for name in ("rate", "kind", "p149")} == {
        "rate": "0.1", "kind": "gbdt", "p149": "149",
    }  # fmt: skip
    assert kept.data.tags["sprint"] == "2" and kept.data.tags["mlflow.source.git.commit"] == "c1"
    points = client.get_metric_history(run.id, "loss")
    assert [(point.step, point.value) for point in points] == [(i, float(i)) for i in range(2_500)]
    assert [file.path for file in client.list_artifacts(run.id)] == ["roc.png"]


def test_what_is_too_long_for_mlflow_is_kept_whole(server, tmp_path):
    tracker = MLflowTracker(server, experiment=tmp_path.name)
    features = [f"feature number {i}" for i in range(2_000)]
    with tracker.run("wide", params={"features": features}, lineage={"features": features}) as run:
        run.set_tags({"note": "x" * 9_000})
    read = tracker.get(run.id)
    assert (read.params["features"], read.lineage["features"]) == (features, features)
    assert (read.tags["note"], read.artifacts) == ("x" * 9_000, {})


def test_a_name_mlflow_does_not_take_is_one_sentence(server, tmp_path):
    tracker = MLflowTracker(server, experiment=tmp_path.name)
    sentence = r"^MLflow at http://.*: .*Names may only contain alphanumerics"
    with pytest.raises(RefusedError, match=sentence), tracker.run("a") as run:
        run.log_metrics({"größe €": 1.0})
    assert tracker.get(run.id).status == "failed"


@contextlib.contextmanager
def mute_server():
    """A server that takes every connection and never says a word."""
    with socket.socket() as waiting:
        waiting.bind(("127.0.0.1", 0))
        waiting.listen(50)
        yield f"http://127.0.0.1:{waiting.getsockname()[1]}"


def test_a_server_that_does_not_answer_is_one_sentence_within_seconds():
    sentence = r"^the MLflow server at http://\S+ does not answer; start it with `mlflow server`, or correct"
    began = time.monotonic()
    with mute_server() as uri, pytest.raises(RefusedError, match=sentence):
        MLflowTracker(uri)
    with pytest.raises(RefusedError, match=sentence):
        MLflowTracker(f"http://127.0.0.1:{free_port()}")
    assert time.monotonic() - began < 10


def test_a_server_that_dies_meanwhile_is_one_sentence_and_the_run_reads_as_interrupted(server, tmp_path):
    from mlflow import MlflowClient

    tracker = MLflowTracker(server, experiment=tmp_path.name)
    began = time.monotonic()
    sentence = r"^the MLflow server at .* does not answer"
    with pytest.raises(RefusedError, match=sentence) as caught, tracker.run("a") as run:
        tracker._client = MlflowClient(tracking_uri=f"http://127.0.0.1:{free_port()}")
        run.log_metrics({"loss": 1.0})
    assert time.monotonic() - began < 20
    assert caught.value.__notes__[0].startswith("the run could not be closed either: the MLflow server")
    assert MLflowTracker(server, experiment=tmp_path.name).get(run.id).status == "interrupted"


def test_without_mlflow_the_sentence_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "mlflow", None)
    with pytest.raises(RefusedError, match=r"^mlflow is not installed; run: pip install 'mlsd\[mlflow\]'$"):
        MLflowTracker("sqlite:///never.db")


ALONE = """
import sys
from mlsd.report import RefusedError
from mlsd.tracking import MLflowTracker
try:
    tracker = MLflowTracker(sys.argv[1])
    with tracker.run("one") as run:
        run.log_metrics({"loss": [1.0, 2.0]})
        run.log_artifact("a.txt", b"a")
    assert tracker.get(run.id).read_artifact("a.txt") == b"a"
    assert tracker.get(run.id).metrics == {"loss": [(0, 1.0), (1, 2.0)]}
except RefusedError as error:
    print(error)
"""


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    """A folder with MLflow's own database, made and used by a process whose every word is told."""
    folder, place = tmp_path_factory.mktemp("runs"), tmp_path_factory.mktemp("place")
    done = subprocess.run(
        [sys.executable, "-c", ALONE, f"sqlite:///{folder}/mlflow.db"],
        cwd=place, env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert list(place.iterdir()) == []
    return folder, (done.returncode, done.stdout, done.stderr)


def test_its_database_alone_is_quiet_and_writes_beside_itself(database):
    folder, told = database
    assert told == (0, "", "")
    assert sorted(path.name for path in folder.iterdir()) == ["mlartifacts", "mlflow.db"]


def test_a_read_only_database_is_one_sentence(database):
    folder, _ = database
    text = f"sys = type('', (), {{'argv': [0, 'sqlite:///{folder}/mlflow.db']}})\n{ALONE}"
    printed = on_read_only_disk("permissions", folder, text.replace("import sys\n", ""))
    assert re.fullmatch(
        r"MLflow at sqlite:///.*mlflow.db: attempt to write a readonly database; choose a place .*\n", printed
    )
