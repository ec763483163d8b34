"""Progress is one small file: events are counted rightly, and nothing that happens to the file loses more."""

import json
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlsd.course.lab.progress import PLACE, TRIES, Progress
from mlsd.report import RefusedError
from tests.hardship import READ_ONLY, crowd, on_read_only_disk

EVENTS = ["passed", "wrong", "crashed", "hint", "solution", "reset"]


@given(st.lists(st.tuples(st.sampled_from(["00.1", "00.2"]), st.sampled_from(EVENTS)), max_size=25))
def test_it_counts_what_happened_since_the_last_reset(tmp_path_factory, happened):
    progress = Progress(tmp_path_factory.mktemp("p") / "deep" / "progress.jsonl")
    for exercise, event in happened:
        progress.add(exercise, event)
    for exercise in ("00.1", "00.2"):
        since = []
        for one, event in happened:
            since = (
                [] if (one, event) == (exercise, "reset") else [*since, event] if one == exercise else since
            )
        tries = sum(event in ("wrong", "crashed") for event in since)
        assert progress.tries(exercise) == tries
        assert progress.is_open(exercise) == ("passed" in since or tries >= TRIES)
    assert progress.passed == {exercise for exercise, event in happened if event == "passed"}


def test_two_notebooks_write_to_one_file_at_once(tmp_path):
    path = tmp_path / "progress.jsonl"
    setup = "from pathlib import Path\nfrom mlsd.course.lab.progress import Progress\n"
    setup += f"kept = Progress(Path({str(path)!r}))"
    crowd(4, setup, "for _ in range(50): kept.add(f'0{me}.1', 'wrong', 'x' * 300)")
    kept = Progress(path)
    assert [kept.tries(f"0{me}.1") for me in range(4)] == [50] * 4
    assert all(json.loads(line) for line in path.read_text().splitlines() if line)


TORN = [b'{"at": "2026-01-01", "exer', b'{"exercise": "00.1"}', b"\xff\xfe\n", b"[" * 100_000, b"null\n", b"\n\n",
        b'{"exercise": 3, "event": []}']  # fmt: skip


@pytest.mark.parametrize("torn", TORN, ids=range(len(TORN)))
def test_a_torn_line_costs_itself_and_no_other(tmp_path, torn):
    progress = Progress(tmp_path / "progress.jsonl")
    progress.add("00.1", "wrong")
    with progress.path.open("ab") as file:
        file.write(torn)
    progress.add("00.1", "passed")
    assert [event["event"] for event in progress.events] == ["wrong", "passed"]


def test_a_file_deleted_in_between_begins_anew(tmp_path):
    progress = Progress(tmp_path / "progress.jsonl")
    progress.add("00.1", "wrong")
    progress.path.unlink()
    assert progress.tries("00.1") == 0 and progress.events == []
    progress.add("00.1", "passed")
    assert progress.is_open("00.1")


def test_a_place_that_cannot_be_written_is_one_sentence(tmp_path):
    (tmp_path / "file").write_text("x")
    for path in (tmp_path / "file" / "progress.jsonl", tmp_path):
        with pytest.raises(RefusedError, match=r"^cannot use .*; choose a folder you may write to$"):
            Progress(path).add("00.1", "passed")
        assert Progress(path).events == []


@pytest.mark.parametrize("kind", READ_ONLY)
def test_a_folder_that_may_only_be_read_is_one_sentence_and_can_be_read(tmp_path, kind):
    Progress(tmp_path / "progress.jsonl").add("00.1", "wrong")
    text = """
    from pathlib import Path
    from mlsd.course.lab.progress import Progress
    from mlsd.report import RefusedError
    for name in ("progress.jsonl", "other.jsonl"):
        kept = Progress(Path(folder, name))
        try:
            kept.add("00.1", "passed")
        except RefusedError as error:
            print(str(error).endswith("; choose a folder you may write to"), kept.tries("00.1"))
    """
    assert on_read_only_disk(kind, tmp_path, text) == "True 1\nTrue 0\n"


def test_the_environment_names_another_file_and_a_line_can_be_read_by_a_student(tmp_path, monkeypatch):
    monkeypatch.setenv(PLACE, str(tmp_path / "mine.jsonl"))
    Progress.here().add("00.1", "wrong", said="é")
    line = json.loads((tmp_path / "mine.jsonl").read_text(encoding="utf-8"))
    assert (line["exercise"], line["event"], line["said"]) == ("00.1", "wrong", "é")
    monkeypatch.delenv(PLACE)
    monkeypatch.setenv("HOME", str(tmp_path))
    script = "from mlsd.course.lab.progress import Progress; print(Progress.here().path)"
    told = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert told.strip() == str(tmp_path / ".mlsd" / "progress.jsonl")
