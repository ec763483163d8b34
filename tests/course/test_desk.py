"""A lab is laid out in a folder: whole or not at all, and never over somebody's work."""

import os
from pathlib import Path

import pytest

from mlsd.course.lab.catalogue import entry
from mlsd.course.lab.desk import edition_of, lay_out, notebook_of
from mlsd.course.lab.notebook import cells_of
from mlsd.report import RefusedError
from tests.course.tiny import START, make_labs

NAME = "98_two_and_two.ipynb"


@pytest.fixture
def labs(tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return make_labs(tmp_path / "labs")


def test_notebook_and_start_state_are_copied_once(labs):
    lab = entry("98", labs)
    desk = lay_out(lab, labs=labs)
    assert (desk.notebook, desk.new, desk.state.label) == (Path("lab_98", NAME), True, "reference")
    assert desk.notebook.read_bytes() == lab.path.read_bytes()
    assert sorted(os.listdir("lab_98")) == [NAME, "start_98"]
    again = lay_out(lab, labs=labs)
    assert not again.new
    assert repr(again) == f"Desk({NAME}: the notebook was there already, StartState(start_98, reference))"
    assert lay_out(entry("97", labs), Path("other"), labs).state is None


def test_work_is_never_overwritten(labs):
    lab = entry("98", labs)
    desk = lay_out(lab, Path("mine"), labs)
    desk.notebook.write_text("a night's work")
    before = sorted(Path("mine").rglob("*"))
    with pytest.raises(RefusedError, match=r"^mine.98_two_and_two.ipynb is there already with work in it"):
        lay_out(lab, Path("mine"), labs)
    assert desk.notebook.read_text() == "a night's work"
    assert sorted(Path("mine").rglob("*")) == before


def test_a_start_state_that_fails_leaves_no_notebook(labs):
    (labs / "src" / "98_start.py").write_text(START + "    1 / 0\n")
    with pytest.raises(RefusedError):
        lay_out(entry("98", labs), Path("mine"), labs)
    assert not Path("mine").exists() or os.listdir("mine") == []


def test_things_in_the_way_are_one_sentence(labs):
    Path("file").write_text("x")
    with pytest.raises(RefusedError):
        lay_out(entry("98", labs), Path("file"), labs)
    Path("folder", NAME).mkdir(parents=True)
    with pytest.raises(RefusedError, match="is in the way; name another folder"):
        lay_out(entry("98", labs), Path("folder"), labs)
    assert os.listdir("folder") == [NAME]


def test_the_notebook_meant_is_the_one_here_then_the_one_in_its_folder_then_the_lab_s_own(labs):
    lab = entry("98", labs)
    assert notebook_of(lab) == lab.path
    lay_out(lab, labs=labs)
    assert notebook_of(lab) == Path("lab_98", NAME)
    Path(NAME).write_text("{}")
    assert notebook_of(lab) == Path(NAME)
    assert notebook_of(lab, Path("lab_98")) == Path("lab_98", NAME)
    with pytest.raises(RefusedError, match=r"^there is no notebook x.ipynb; `mlsd lab start 98` makes one$"):
        notebook_of(lab, Path("x.ipynb"))


def test_the_edition_comes_from_its_source_where_a_student_works_in_its_own_file(labs):
    lab = entry("98", labs)
    made = [(cell.id, cell.source) for cell in cells_of(edition_of(lab, labs))]
    lab.path.write_text('{"nbformat": 4, "cells": []}')
    assert [(cell.id, cell.source) for cell in cells_of(edition_of(lab, labs))] == made
    (labs / "src" / "98_two_and_two.py").unlink()
    assert cells_of(edition_of(lab, labs)) == []
