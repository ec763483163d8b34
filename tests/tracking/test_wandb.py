"""Weights & Biases offline: its files are read back from the disk, it is quiet, and nothing is left behind."""

import contextlib
import json
import os
import re
import socket
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
from wandb.proto.wandb_internal_pb2 import Record

from mlsd.plot import plot_bars
from mlsd.report import RefusedError
from mlsd.tracking import WandbTracker
from tests.hardship import FULL, READ_ONLY, ROOT, on_full_disk, on_read_only_disk

_BLOCK = 32 * 1024  # bytes; the file is a LevelDB log: blocks of pieces, each with crc, length and kind
_FULL, _FIRST, _MIDDLE, _LAST = 1, 2, 3, 4


def records(path):
    """Every record of a .wandb file, in order."""
    data = Path(path).read_bytes()
    assert data[:4] == b":W&B"
    place, whole, found = 7, b"", []
    while place + 7 <= len(data):
        if _BLOCK - place % _BLOCK < 7:
            place += _BLOCK - place % _BLOCK  # no piece fits into the rest of a block
            continue
        length, kind = int.from_bytes(data[place + 4 : place + 6], "little"), data[place + 6]
        whole = (b"" if kind in (_FULL, _FIRST) else whole) + data[place + 7 : place + 7 + length]
        if kind in (_FULL, _LAST):
            found.append(Record.FromString(whole))
        place += 7 + length
    return found


def values(items):
    """Keys and values, where a key may have parts."""
    found = {}
    for item in items:
        *above, key = item.nested_key or [item.key]
        place = found
        for part in above:
            place = place.setdefault(part, {})
        place[key] = json.loads(item.value_json)
    return found


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """A run with one of everything: its tracker, the run, and the records of W&B's file."""
    folder = tmp_path_factory.mktemp("runs")
    tracker = WandbTracker(folder, project="spam")
    with tracker.run("seed 7", params={"rate": 0.1, "params": {"leaves": 31}}, lineage={"data": "d1"}) as run:
        run.log_metrics({"loss": [3.0, 2.0, 1.0]})
        run.log_metrics({"auc": 0.5, "loss": 0.25}, step=2)  # a step back, which W&B itself would drop
        run.log_artifact("slices.csv", pd.DataFrame({"slice": ["new", "old"], "auc": [0.5, 0.75]}))
        run.log_artifact("model.txt", b"tree")
        run.log_artifact("notes/ü.txt", b"note")
        run.log_figure("bars", plot_bars({"rule": 0.75, "trees": 0.88}, title="Trees win", x="AUC"))
        run.set_tags({"sprint": 2})
        run.log_lineage({"rows": 400})
    (path,) = folder.glob("wandb/offline-run-*/*.wandb")
    return tracker, run, records(path)


def of_kind(found, kind):
    return [getattr(record, kind) for record in found if record.WhichOneof("record_type") == kind]


def test_config_holds_parameters_and_lineage(written):
    _, run, found = written
    begun = of_kind(found, "run")[0]
    assert (begun.project, begun.display_name) == ("spam", "seed 7")
    config = values(begun.config.update)
    for change in of_kind(found, "config"):
        config |= values(change.update)
    assert {name: config[name] for name in ("rate", "params")} == run.params
    assert config["run"] == run.id
    assert config["lineage"] == run.lineage and config["lineage"]["rows"] == 400
    assert list(of_kind(found, "run")[-1].tags) == ["sprint: 2"]


def test_history_and_summary_hold_every_point(written):
    _, run, found = written
    rows = [values(row.item) for row in of_kind(found, "history")]
    for name, points in run.metrics.items():
        assert [(row["mlsd_step"], row[name]) for row in rows if name in row] == points
    summary = {}
    for change in of_kind(found, "summary"):
        summary |= values(change.update)
    assert (summary["loss"], summary["auc"]) == (0.25, 0.5)
    (exit,) = of_kind(found, "exit")
    assert exit.exit_code == 0


def test_a_table_and_a_picture_are_shown(written):
    tracker, _, found = written
    rows = [values(row.item) for row in of_kind(found, "history")]
    (table,) = [row["slices"] for row in rows if "slices" in row]
    (picture,) = [row["bars"] for row in rows if "bars" in row]
    assert (table["_type"], table["nrows"], table["ncols"]) == ("table-file", 2, 2)
    assert (picture["_type"], picture["format"], picture["width"]) == ("image-file", "png", 900)
    (files,) = tracker.folder.glob("wandb/offline-run-*/files")
    kept = json.loads((files / table["path"]).read_text())
    assert kept == {"columns": ["slice", "auc"], "data": [["new", 0.5], ["old", 0.75]]}
    assert (files / picture["path"]).stat().st_size == picture["size"] > 1000


def test_the_manifest_of_each_artifact_leads_to_its_bytes(written):
    _, run, found = written
    asked = [
        request.log_artifact.artifact
        for request in of_kind(found, "request")
        if request.HasField("log_artifact")
    ]
    ours = [artifact for artifact in [*of_kind(found, "artifact"), *asked] if artifact.type == "file"]
    entries = {entry.path: entry for artifact in ours for entry in artifact.manifest.contents}
    assert entries.keys() == run.artifacts.keys() == {"slices.csv", "model.txt", "notes/ü.txt", "bars.png"}
    for name, entry in entries.items():
        assert entry.size == run.artifacts[name]
        assert Path(entry.local_path).read_bytes() == run.read_artifact(name)
    assert len({artifact.name for artifact in ours}) == 4


# ---- quiet, and nothing left ----------------------------------------------------------------------

ALONE = """
import os, pathlib, subprocess, sys
from mlsd.tracking import WandbTracker
tracker = WandbTracker(sys.argv[1])
before = dict(os.environ)
with tracker.run("one") as run:
    run.log_metrics({"loss": [1.0, 2.0]})
    run.log_artifact("a.csv", b"a\\n1\\n")
    with tracker.run("two"):
        pass
    run.log_metrics({"loss": 3.0})
children = pathlib.Path(f"/proc/self/task/{os.getpid()}/children")
left = children.read_text().split() if children.exists() else []
assert left == [], left
assert os.environ == before
assert set(tracker.runs()["status"]) == {"finished"}
"""


@pytest.mark.parametrize("mode", ["online", "disabled"])
def test_it_is_offline_and_quiet_whatever_the_environment_says(tmp_path, mode):
    home, place, folder = (tmp_path / name for name in ("home", "place", "runs"))
    home.mkdir(), place.mkdir()
    environment = {name: text for name, text in os.environ.items() if not name.startswith("WANDB")}
    environment |= {
        "HOME": str(home),
        "WANDB_MODE": mode,
        "PYTHONPATH": str(ROOT),
        "WANDB_BASE_URL": "http://127.0.0.1:9",
    }
    done = subprocess.run(
        [sys.executable, "-c", ALONE, folder],
        cwd=place,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert list(home.rglob("*")) == [] and list(place.rglob("*")) == []
    assert len(list(folder.glob("wandb/offline-run-*/*.wandb"))) == 2


def test_a_notebook_shows_nothing(tmp_path):
    import nbformat
    from nbclient import NotebookClient

    cells = [
        f"from mlsd.tracking import WandbTracker\ntracker = WandbTracker({str(tmp_path / 'runs')!r})",
        "with tracker.run('one') as run:\n    run.log_metrics({'loss': [1.0, 0.5]})",
        "assert tracker.get(run.id).lineage['code_of'] == '2 cells', tracker.get(run.id).lineage",
    ]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    NotebookClient(notebook, timeout=60, resources={"metadata": {"path": str(ROOT)}}).execute()
    assert [cell.outputs for cell in notebook.cells] == [[], [], []]


# ---- bad input ------------------------------------------------------------------------------------


@contextlib.contextmanager
def mute_server():
    """A server that takes every connection and never says a word."""
    with socket.socket() as waiting:
        waiting.bind(("127.0.0.1", 0))
        waiting.listen(50)
        yield f"http://127.0.0.1:{waiting.getsockname()[1]}"


def test_online_without_a_key_is_one_sentence_at_once(tmp_path, monkeypatch):
    for name in ("WANDB_API_KEY", "NETRC", "WANDB_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    sentence = r"^no W&B key is set: run `wandb login` once, or leave out online=True$"
    with pytest.raises(RefusedError, match=sentence):
        WandbTracker(tmp_path / "runs", online=True)
    (tmp_path / ".netrc").write_text("machine api.wandb.ai login user password " + "k" * 40)
    assert WandbTracker(tmp_path / "runs", online=True).online


def test_a_server_that_does_not_answer_is_one_sentence_and_offline_still_works(tmp_path, monkeypatch):
    monkeypatch.setattr("mlsd.tracking.wandb_session._PATIENCE", 2.0)
    with mute_server() as uri:
        monkeypatch.setenv("WANDB_BASE_URL", uri)
        monkeypatch.setenv("WANDB_API_KEY", "k" * 40)
        tracker = WandbTracker(tmp_path / "runs", online=True)
        began = time.monotonic()
        with pytest.raises(RefusedError, match=r"^W&B cannot open a run: .*; leave out online=True"):
            tracker.run("a").__enter__()
        assert time.monotonic() - began < 15
        with WandbTracker(tmp_path / "runs").run("b") as run:
            run.log_metrics({"loss": 1.0})
    assert tracker.runs()["status"].tolist() == ["failed", "finished"]


def test_without_wandb_the_sentence_names_the_extra(tmp_path, monkeypatch):
    monkeypatch.setattr("mlsd.tracking.wandb_session.find_spec", lambda name: None)
    with pytest.raises(RefusedError, match=r"^wandb is not installed; run: pip install 'mlsd\[labs\]'$"):
        WandbTracker(tmp_path)


@pytest.mark.parametrize("kind", READ_ONLY)
def test_a_read_only_folder_is_one_sentence(tmp_path, kind):
    WandbTracker(tmp_path)._database.close()
    text = """
    from mlsd.report import RefusedError
    from mlsd.tracking import WandbTracker
    try:
        WandbTracker(folder).run("new").__enter__()
    except RefusedError as error:
        print(error)
    """
    printed = on_read_only_disk(kind, tmp_path, text)
    assert re.fullmatch(r"cannot use .*runs.db: attempt to write a readonly .* you may write to\n", printed)


@pytest.mark.parametrize("kind", FULL)
def test_a_full_disk_is_one_sentence_and_every_acknowledged_point_stays(tmp_path, kind):
    printed = on_full_disk(kind, tmp_path, """
    from mlsd.report import RefusedError
    from mlsd.tracking import WandbTracker
    tracker, steps = WandbTracker(folder), 0
    try:
        with tracker.run("big") as run:
            while steps < 20_000:
                run.log_metrics({"long-name" * 50: steps})
                steps += 1
    except RefusedError as error:
        print(error)
    assert 10 < steps < 20_000, steps
    (points,) = tracker.get("run-1").metrics.values()
    assert points[:steps] == [(step, float(step)) for step in range(steps)]
    assert tracker.get("run-1").status in ("failed", "interrupted")
    """)  # fmt: skip
    assert re.fullmatch(r"cannot use .*free some space.*\n", printed)
