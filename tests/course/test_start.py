"""Start states: built by code, verified by digest, a person's own files kept and named."""

import json
import os

import pytest

from mlsd.course.lab.start import has_start, start_state, write_start_digests
from mlsd.report import RefusedError
from tests.course.tiny import START, make_labs

FILES = {"more/note.txt", "rows.csv"}


@pytest.fixture
def labs(tmp_path):
    return make_labs(tmp_path / "labs")


def files(folder):
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_it_is_built_where_it_is_absent_and_left_where_it_is_there(labs, tmp_path):
    (tmp_path / "desk").mkdir()
    state = start_state("98", tmp_path / "desk", labs)
    assert (state.folder, state.label, state.changed) == (tmp_path / "desk" / "start_98", "reference", ())
    assert files(state.folder) == FILES
    assert repr(state) == "StartState(start_98, reference)"
    before = (state.folder / "rows.csv").stat()
    assert start_state("98", tmp_path / "desk", labs) == state
    assert (state.folder / "rows.csv").stat() == before


def test_it_needs_no_folder_to_be_there_and_takes_an_empty_one(labs, tmp_path):
    assert start_state("98", tmp_path / "new" / "desk", labs).label == "reference"
    (tmp_path / "start_98").mkdir()
    assert start_state("98", tmp_path, labs).label == "reference"


def test_what_a_person_changed_is_kept_and_named(labs, tmp_path):
    folder = start_state("98", tmp_path, labs).folder
    (folder / "rows.csv").write_text("x\n1\n3\n")
    (folder / "more" / "note.txt").unlink()
    (folder / "mine.txt").write_text("model of last week")
    (folder / ".DS_Store").write_text("what systems leave")
    (folder / "__pycache__").mkdir()
    (folder / "__pycache__" / "a.pyc").write_text("")
    (folder / "facts.db-wal").write_text("")
    state = start_state("98", tmp_path, labs)
    assert state.label == "yours"
    assert state.changed == ("mine.txt added", "more/note.txt removed", "rows.csv changed")
    assert repr(state) == (
        "StartState(start_98, yours: mine.txt added, more/note.txt removed, rows.csv changed)"
    )
    assert (folder / "rows.csv").read_text() == "x\n1\n3\n"


BROKEN = {
    "another file": ("\n    (folder / 'new.txt').write_text('')", "new.txt added"),
    "other bytes": ("\n    (folder / 'rows.csv').write_text('y')", "rows.csv changed"),
    "a file less": ("\n    (folder / 'rows.csv').unlink()", "rows.csv removed"),
    "an error": ("\n    1 / 0", "ZeroDivisionError: division by zero"),
}


@pytest.mark.parametrize("line, said", BROKEN.values(), ids=BROKEN)
def test_a_build_that_comes_out_otherwise_is_one_sentence_and_leaves_nothing(labs, tmp_path, line, said):
    (labs / "src" / "98_start.py").write_text(START.rstrip() + line + "\n")
    desk = tmp_path / "desk"
    with pytest.raises(RefusedError, match=r"`mlsd doctor` says w") as refused:
        start_state("98", desk, labs)
    assert said in str(refused.value) and "\n" not in str(refused.value)
    assert not desk.exists() or os.listdir(desk) == []


def test_the_digests_are_written_by_the_build_and_the_same_each_time(labs):
    path = labs / "src" / "98_start.json"
    first = path.read_bytes()
    record = json.loads(first)
    assert record["format"] == 1 and set(record["files"]) == FILES
    assert write_start_digests("98", labs) == path
    assert path.read_bytes() == first
    assert write_start_digests("97", labs) is None


def test_code_without_a_seed_gets_no_digests(labs):
    (labs / "src" / "98_start.py").write_text(
        "import secrets\ndef start(folder):\n    (folder / 'a').write_text(secrets.token_hex(8))\n"
    )
    with pytest.raises(RefusedError, match=r"two builds .* lab 98 differ \(a changed\): fix every seed"):
        write_start_digests("98", labs)


def test_a_lab_without_one_and_one_without_digests_are_one_sentence(labs, tmp_path):
    assert has_start("98", labs) and not has_start("97", labs)
    with pytest.raises(RefusedError, match=r"^lab 97 needs no files to start from"):
        start_state("97", tmp_path, labs)
    (labs / "src" / "98_start.json").unlink()
    with pytest.raises(RefusedError, match=r"run `mlsd course build 98`$"):
        start_state("98", tmp_path, labs)


def test_a_file_in_the_way_is_one_sentence(labs, tmp_path):
    (tmp_path / "start_98").write_text("mine")
    with pytest.raises(RefusedError, match="exists already"):
        start_state("98", tmp_path, labs)
    assert (tmp_path / "start_98").read_text() == "mine"
