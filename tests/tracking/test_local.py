"""The local tracker: what was logged is read back, whatever happens to the process that logged it."""

import ast
import math
import os
import pickle
import re
import signal
import subprocess
import sys
import threading

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlsd.digest import digest_code, digest_file
from mlsd.plain import to_plain
from mlsd.report import RefusedError
from mlsd.tracking import LocalTracker
from mlsd.tracking.lineage import source_of, surroundings
from tests.hardship import (
    FULL,
    READ_ONLY,
    ROOT,
    crowd,
    kill_often,
    on_full_disk,
    on_read_only_disk,
    run_python,
)

names = st.text(st.characters(codec="utf-8", categories=["L", "N", "P"]), min_size=1, max_size=12)
scalars = st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=12)
values = scalars | st.lists(scalars, max_size=3) | st.dictionaries(st.text(max_size=5), scalars, max_size=3)
points = st.tuples(names, st.integers(-(2**63), 2**63 - 1), st.floats() | st.integers(-(10**6), 10**6))


def same(a, b):
    """Equal, where NaN equals NaN."""
    return repr(a) == repr(b) and (a == b or "nan" in repr(a))


@given(
    st.dictionaries(names, values, max_size=4),
    st.lists(points, max_size=12),
    st.dictionaries(names, st.binary(max_size=20), max_size=3),
    st.dictionaries(names, values, max_size=4),
)
@settings(max_examples=40)
def test_what_was_logged_is_read_back(tmp_path_factory, params, points, artifacts, tags):
    folder = tmp_path_factory.mktemp("runs")
    with LocalTracker(folder).run("law", lineage={"data": "d1"}) as run:
        run.log_params(params)
        for name, step, value in points:
            run.log_metrics({name: value}, step=step)
        for name, data in artifacts.items():
            run.log_artifact(name, data)
        run.set_tags(tags)
    read = LocalTracker(folder).get(run.id)
    assert (read.params, read.tags) == (to_plain(params), to_plain(tags))
    expected = {}
    for name, step, value in points:
        expected.setdefault(name, []).append((step, float(value) + 0.0))  # -0 is 0
    assert same(read.metrics, expected)
    assert {name: read.read_artifact(name) for name in read.artifacts} == artifacts
    assert same(vars(read) | {"writer": None}, vars(run) | {"writer": None})


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 5e-324, 0.1 + 0.2])
def test_a_metric_is_read_back_bit_for_bit(tmp_path, value):
    tracker = LocalTracker(tmp_path)
    with tracker.run("a") as run:
        run.log_metrics({"loss": value})
    ((_, read),) = tracker.get(run.id).metrics["loss"]
    assert type(read) is float and np.float64(read).tobytes() == np.float64(value).tobytes()
    assert same(tracker.runs()["metrics.loss"].item(), value)


def test_several_metrics_of_one_call_are_kept_together(tmp_path):
    tracker = LocalTracker(tmp_path)
    with tracker.run("a") as run:
        run.log_metrics({"auc": 0.5, "loss": 1.0}, step=3)
        run.log_metrics({"auc": 0.75, "loss": 0.5})
        assert tracker.get(run.id).metrics == {"auc": [(3, 0.5), (4, 0.75)], "loss": [(3, 1.0), (4, 0.5)]}
        assert tracker.get(run.id).status == "running"


def test_a_run_ends_finished_failed_or_interrupted(tmp_path):
    tracker = LocalTracker(tmp_path)
    with tracker.run("good"):
        pass
    with pytest.raises(ZeroDivisionError), tracker.run("bad") as bad:
        bad.log_metrics({"loss": 1 / 1})
        bad.log_metrics({"loss": 1 / 0})
    with pytest.raises(KeyboardInterrupt), tracker.run("stopped"):
        raise KeyboardInterrupt
    assert tracker.runs()["status"].tolist() == ["finished", "failed", "interrupted"]
    read = tracker.get(bad.id)
    assert read.tags == {"error": "ZeroDivisionError: division by zero"}
    assert read.metrics == {"loss": [(0, 1.0)]}
    assert (read.ended - read.started).total_seconds() >= 0
    with pytest.raises(RefusedError, match=r"^run 'bad' is failed; nothing more can be logged to it$"):
        read.log_metrics({"loss": 0})


def test_moments_are_utc_and_naive_ones_are_refused(tmp_path):
    tracker = LocalTracker(tmp_path)
    with tracker.run("a", now=pd.Timestamp("2024-02-05T10:00+01:00")) as run:
        pass
    assert tracker.get(run.id).started == pd.Timestamp("2024-02-05T09:00Z")
    assert str(tracker.runs()["started"].dt.tz) == "UTC"
    with pytest.raises(ValueError, match=r"^now is 2024-02-05T00:00:00, which names no time zone"):
        tracker.run("b", now=pd.Timestamp("2024-02-05")).__enter__()
    assert len(tracker.runs()) == 1


def test_runs_are_one_table(tmp_path):
    tracker = LocalTracker(tmp_path)
    assert tracker.runs().columns.tolist() == ["id", "name", "status", "started", "seconds"]
    for rate in (0.1, 0.2):
        with tracker.run(f"rate {rate}", params={"rate": rate}) as run:
            for score in (0.5, 0.5 + rate):
                run.log_metrics({"auc": score})
    table = tracker.runs()
    best = table.loc[table["metrics.auc"].idxmax()]
    assert (best["id"], best["name"], best["params.rate"]) == ("run-2", "rate 0.2", 0.2)
    assert repr(tracker) == f"LocalTracker({tmp_path.name}): 2 runs"


def test_the_newest_artifact_of_a_name_counts_and_a_changed_one_is_refused(tmp_path):
    tracker = LocalTracker(tmp_path)
    with tracker.run("a") as run:
        run.log_artifact("model.txt", b"first")
        run.log_artifact("model.txt", b"second")
    read = tracker.get(run.id)
    assert (read.artifacts, read.read_artifact("model.txt")) == ({"model.txt": 6}, b"second")
    for path in (tmp_path / "artifacts").rglob("*"):
        if path.is_file():
            path.write_bytes(b"evil")
    with pytest.raises(
        RefusedError, match=r"^the artifact \w{12} in .* was changed; restore it from a copy$"
    ):
        read.read_artifact("model.txt")


@pytest.mark.parametrize("run_id", ["run-9", "9", "", "run--1", "run-" + "9" * 40, None, ["run-1"]])
def test_an_unknown_run_is_one_sentence(tmp_path, run_id):
    with pytest.raises(RefusedError, match=r"^there is no run .*; .*see runs\(\)$"):
        LocalTracker(tmp_path).get(run_id)


@pytest.mark.parametrize("name", ["", "  ", "a\nb", None, 3])
def test_a_name_that_is_no_name_is_refused(tmp_path, name):
    tracker = LocalTracker(tmp_path)
    with pytest.raises(RefusedError, match=r"^the run's name is .*; expected text on one line$"):
        tracker.run(name).__enter__()
    assert len(tracker.runs()) == 0


def test_a_lineage_without_plain_form_is_refused(tmp_path):
    with pytest.raises(
        RefusedError, match=r"^the lineage of run 'a': cannot write object as JSON; give numbers"
    ):
        LocalTracker(tmp_path).run("a", lineage={"data": object()}).__enter__()


def test_a_tracker_travels_to_another_process(tmp_path):
    tracker = LocalTracker(tmp_path)
    with pickle.loads(pickle.dumps(tracker)).run("there"):
        pass
    assert tracker.runs()["name"].tolist() == ["there"]


# ---- lineage --------------------------------------------------------------------------------------


def git(folder, *words):
    own = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false"]
    done = subprocess.run(["git", *own, "-C", folder, *words], check=True, capture_output=True, text=True)
    return done.stdout.strip()


def test_the_lineage_names_commit_and_versions(tmp_path):
    assert surroundings(tmp_path)["commit"] is None
    git(tmp_path, "init", "-q")
    assert surroundings(tmp_path)["commit"] is None  # nothing is committed yet
    (tmp_path / "train.py").write_text("1")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "first")
    found = surroundings(tmp_path)
    assert (found["commit"], found["uncommitted"]) == (git(tmp_path, "rev-parse", "HEAD"), False)
    (tmp_path / "notes.txt").write_text("not followed")
    assert surroundings(tmp_path)["uncommitted"] is False
    (tmp_path / "train.py").write_text("2")
    assert surroundings(tmp_path)["uncommitted"] is True
    assert found["packages"]["numpy"] == np.__version__
    assert found["python"] == ".".join(map(str, sys.version_info[:3]))


def test_without_git_there_is_no_commit(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert surroundings(ROOT)["commit"] is None


def test_the_code_is_that_of_a_function_or_of_the_script(tmp_path):
    def prepare(frame):
        """Words."""
        return frame

    def other(frame):
        return frame[:1]

    found = source_of(prepare)
    assert found == {"code": digest_code(prepare), "code_of": "function prepare"}
    assert source_of(other)["code"] != found["code"]
    for wrong in (len, "prepare"):
        with pytest.raises(RefusedError, match=r"^code is .*; expected a function$"):
            source_of(wrong)
    script = tmp_path / "attempt.py"
    script.write_text("from mlsd.tracking.lineage import source_of\nprint(source_of())\n")
    command = [sys.executable, script]
    told = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"PYTHONPATH": str(ROOT)})
    assert ast.literal_eval(told.stdout) == {"code": digest_file(script), "code_of": "script attempt.py"}
    assert ast.literal_eval(run_python("from mlsd.tracking.lineage import source_of\nprint(source_of())")) == {
        "code": None, "code_of": None,
    }  # fmt: skip


def test_a_run_knows_its_code(tmp_path):
    def attempt():
        return 1

    with LocalTracker(tmp_path).run("a", code=attempt) as run:
        pass
    assert LocalTracker(tmp_path).get(run.id).lineage["code"] == digest_code(attempt)


def test_the_callers_lineage_stands_beside_ours(tmp_path):
    tracker = LocalTracker(tmp_path)
    with tracker.run("a", lineage={"data": "d1", "code": "c1"}) as run:
        pass
    lineage = tracker.get(run.id).lineage
    assert (lineage["data"], lineage["code"]) == ("d1", "c1")
    assert {"commit", "uncommitted", "python", "packages"} < lineage.keys()


# ---- hardship -------------------------------------------------------------------------------------

HOLD = """
import sys
from mlsd.tracking import LocalTracker
with LocalTracker(sys.argv[1]).run("held") as run:
    print(run.id, flush=True)
    sys.stdin.read()
"""


def test_a_run_is_running_while_its_process_lives_and_interrupted_when_it_was_killed(tmp_path):
    tracker = LocalTracker(tmp_path)
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, tmp_path], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with process:
        run_id = process.stdout.readline().decode().strip()
        assert tracker.get(run_id).status == "running"
        assert tracker.runs()["status"].tolist() == ["running"]
        process.send_signal(signal.SIGKILL)
        process.wait()
    read = tracker.get(run_id)
    assert (read.status, read.ended) == ("interrupted", None)
    assert tracker.runs()["status"].tolist() == ["interrupted"]
    # The lock file is still there, as after a reused process id; the lock alone tells.
    assert [path.name for path in (tmp_path / "running").iterdir()] == [run_id]


def test_every_acknowledged_point_survives_kill_9(tmp_path):
    work = f"""
    with LocalTracker({str(tmp_path / "runs")!r}).run(f"victim {{me}}", lineage={{}}) as run:
        run.log_params({{"me": me}})
        acknowledge("params", run.id)
        for step in range(10**9):
            run.log_metrics({{"loss": step / 7}}, step=step)
            acknowledge("point", run.id, step)
            run.log_metrics({{"a": step, "b": -step}})
            if step % 20 == 0:
                run.log_artifact("state", str(step).encode() * 1000)
                acknowledge("artifact", run.id, step)
    """
    setup = """
    from mlsd.tracking import LocalTracker, lineage, tracker
    known = lineage.surroundings()
    tracker.surroundings = lambda: known  # asking git takes longer than a victim lives
    """
    told, rounds = kill_often(tmp_path, 30, 0.08, setup, work)
    tracker = LocalTracker(tmp_path / "runs")
    table = tracker.runs()
    assert set(table["status"]) == {"interrupted"}
    assert len(table) <= rounds and len(told) >= 100
    for run_id in table["id"]:
        run = tracker.get(run_id)
        mine = [words for words in told if words[2] == run_id]
        assert not any(words[1] == "params" for words in mine) or run.params == {"me": int(mine[0][0])}
        steps = [int(words[3]) for words in mine if words[1] == "point"]
        kept = run.metrics.get("loss", [])
        assert kept == [(step, step / 7) for step in range(len(kept))]
        assert len(steps) <= len(kept) <= len(steps) + 1
        assert len(run.metrics.get("a", [])) == len(run.metrics.get("b", []))  # one call, all or none
        states = [int(words[3]) for words in mine if words[1] == "artifact"]
        if states:
            kept_state = run.read_artifact("state")
            assert kept_state in [str(step).encode() * 1000 for step in (states[-1], states[-1] + 20)]


def test_a_crowd_may_track_into_one_fresh_folder(tmp_path):
    work = f"""
    tracker = LocalTracker({str(tmp_path)!r})
    for attempt in range(3):
        with tracker.run(f"{{me}}-{{attempt}}") as run:
            for step in range(60):
                run.log_metrics({{"loss": step + me / 10}}, step=step)
            run.log_artifact("who", str(me).encode())
        tell(run.id)
    """
    told = crowd(4, "from mlsd.tracking import LocalTracker", work)
    ids = [run_id for one in told for run_id in one]
    assert sorted(ids) == sorted(f"run-{number}" for number in range(1, 13))
    tracker = LocalTracker(tmp_path)
    for me, one in enumerate(told):
        for attempt, run_id in enumerate(one):
            run = tracker.get(run_id)
            assert (run.name, run.status) == (f"{me}-{attempt}", "finished")
            assert run.metrics == {"loss": [(step, step + me / 10) for step in range(60)]}
            assert run.read_artifact("who") == str(me).encode()


def test_threads_may_track_at_once(tmp_path):
    tracker = LocalTracker(tmp_path)

    def attempt(name):
        with tracker.run(name) as run:
            for step in range(50):
                run.log_metrics({"loss": step})

    threads = [threading.Thread(target=attempt, args=(f"t{number}",)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for run_id in tracker.runs()["id"]:
        assert tracker.get(run_id).metrics == {"loss": [(step, float(step)) for step in range(50)]}
    assert sorted(tracker.runs()["name"]) == [f"t{number}" for number in range(6)]


@pytest.mark.parametrize("kind", FULL)
def test_a_full_disk_is_one_sentence_and_every_acknowledged_point_stays(tmp_path, kind):
    printed = on_full_disk(kind, tmp_path, """
    from mlsd.report import RefusedError
    from mlsd.tracking import LocalTracker
    tracker, steps = LocalTracker(folder), 0
    try:
        with tracker.run("big") as run:
            while steps < 10_000:
                run.log_metrics({"long-name" * 50: steps})
                steps += 1
    except RefusedError as error:
        assert str(error).startswith("cannot use ") and "free some space" in str(error), error
        print(*getattr(error, "__notes__", ["closed"]), sep="; ")
    assert 10 < steps < 10_000, steps
    (points,) = tracker.get("run-1").metrics.values()
    assert points == [(step, float(step)) for step in range(steps)] == run.metrics.popitem()[1]
    assert tracker.get("run-1").status in ("failed", "interrupted")
    """)  # fmt: skip
    assert re.fullmatch(
        r"closed|the run could not be closed either: cannot use .*free some space.*", printed.strip()
    )


@pytest.mark.parametrize("kind", READ_ONLY)
def test_runs_on_a_read_only_disk_can_be_read(tmp_path, kind):
    tracker = LocalTracker(tmp_path)
    with tracker.run("old") as run:
        run.log_metrics({"auc": 0.5})
        run.log_artifact("model.txt", b"tree")
    tracker._database.close()
    text = """
    from mlsd.report import RefusedError
    from mlsd.tracking import LocalTracker
    tracker = LocalTracker(folder)
    run = tracker.get("run-1")
    assert (run.metrics, run.read_artifact("model.txt")) == ({"auc": [(0, 0.5)]}, b"tree")
    try:
        tracker.run("new").__enter__()
    except RefusedError as error:
        print(error)
    assert len(tracker.runs()) == 1
    """
    sentence = (
        r"cannot use .*runs.db: attempt to write a readonly database; choose a folder you may write to\n"
    )
    assert re.fullmatch(sentence, on_read_only_disk(kind, tmp_path, text))
