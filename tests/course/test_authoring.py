"""An author's slips: a file, a stub, a build or an edition that is not sound gets one sentence that says where."""

import sys

import pytest

from mlsd.course import check
from mlsd.course.lab.bank import exercises
from mlsd.course.lab.build import build, stale
from mlsd.course.lab.edition import edition, edition_path
from mlsd.course.lab.progress import VERDICTS, Progress
from mlsd.course.lab.source import lab_sources, read_lab
from mlsd.course.lint import lint
from mlsd.report import RefusedError
from tests.course.tiny import EXERCISES, SOURCE, START, make_labs

FOUR = "four = Exercise("


def write(tmp_path, *, source=SOURCE, written=EXERCISES, start=""):
    folder = tmp_path / "labs"
    (folder / "src").mkdir(parents=True)
    (folder / "src" / "98_two_and_two.py").write_text(source, encoding="utf-8")
    (folder / "src" / "98_exercises.py").write_text(written, encoding="utf-8")
    if start:
        (folder / "src" / "98_start.py").write_text(start, encoding="utf-8")
    return folder


def the_lab(folder):
    return read_lab(next(path for path in lab_sources(folder) if path.name.startswith("98")))


def line_of(text, part):
    return next(k for k, line in enumerate(text.splitlines(), 1) if part in line)


WRONG = {  # what -> (old, new, the line that is named, part of the sentence)
    "syntax": ("def double(x):", "def double(x)", "def double(x)", "SyntaxError: expected ':'"),
    "import": (FOUR, "import numpyy\n" + FOUR, "numpyy", "ModuleNotFoundError: No module named 'numpyy'"),
    "error": (FOUR, "1 / 0\n" + FOUR, "1 / 0", "ZeroDivisionError: division by zero"),
    "exit": (FOUR, "raise SystemExit('no')\n" + FOUR, "SystemExit", "SystemExit: no"),
    "keyword": ("minutes=2, objectives=(1,), value", "minute=2, value", FOUR, "unexpected keyword argument 'minute'"),
    "id": ('"98.2"', '"98-2"', FOUR, "the exercise is called '98-2'; expected lab and number"),
    "no text": ('"98.2"', "98.2", FOUR, "the exercise is called 98.2; expected lab and number"),
    "other lab": ('"98.2"', '"97.2"', FOUR, "97.2 is no exercise of lab 98"),
    "twice": ('"98.2"', '"98.1"', FOUR, "there are two exercises 98.1"),
    "reference": ("@four.reference\n", "", FOUR, "exercise 98.2 has no reference: mark one with @exercise.reference"),
    "objectives": ("objectives=(1,), value", "objectives=1, value", FOUR, "objectives of 98.2 is 1; expected a tuple"),
    "hints": ("value=True", 'value=True, hints="no"', FOUR, "hints of 98.2 is 'no'; expected a tuple"),
    "criteria": ("value=True", 'value=True, criteria="no"', FOUR, "criteria of 98.2 is 'no'; expected a tuple"),
    "level": ("value=True", 'value=True, level="easy"', FOUR, "level of 98.2 is 'easy'; expected one of warm-up, core"),
}  # fmt: skip


@pytest.mark.parametrize(("old", "new", "line", "said"), WRONG.values(), ids=WRONG)
def test_an_exercises_file_that_is_not_sound_is_one_sentence_with_its_line(tmp_path, old, new, line, said):
    assert EXERCISES.count(old) == 1
    written = EXERCISES.replace(old, new)
    with pytest.raises(RefusedError) as refused:
        exercises("98", write(tmp_path, written=written))
    assert str(refused.value).startswith(f"98_exercises.py line {line_of(written, line)}: ")
    assert said in str(refused.value)


def test_two_names_of_one_exercise_are_one(tmp_path):
    folder = write(tmp_path, written=EXERCISES + "\nsame = four\n")
    assert list(exercises("98", folder)) == ["98.1", "98.2"]


def test_a_lab_without_its_exercises_file_is_told_so(tmp_path):
    folder = write(tmp_path)
    (folder / "src" / "98_exercises.py").unlink()
    with pytest.raises(RefusedError, match=r"98_exercises.py is missing beside 98_two_and_two.py"):
        edition(the_lab(folder), solved=False, folder=folder)


@pytest.mark.parametrize(
    ("stub", "said"),
    [
        ("def double(y):", r"the stub of exercise 98.1 takes \(y\), its reference \(x\)"),
        ("def double(x, *more, k=1, **rest):", r"takes \(x, \*more, k, \*\*rest\), its reference \(x\)"),
        ("def double(x:", "the stub of exercise 98.1 is no Python: "),
    ],
)
def test_a_stub_takes_the_arguments_of_its_reference(tmp_path, stub, said):
    folder = write(tmp_path, source=SOURCE.replace("def double(x):", stub))
    with pytest.raises(RefusedError, match=said):
        edition(the_lab(folder), solved=False, folder=folder)


def test_a_type_or_a_default_in_a_stub_is_no_difference(tmp_path):
    folder = write(tmp_path, source=SOURCE.replace("def double(x):", "def double(x: int = 1) -> int:"))
    assert edition(the_lab(folder), solved=False, folder=folder).cells


UNSOLVED = {  # (old, new in the source; old, new in the exercises; sentence)
    "answer": ("total = ...", "total = 4", "", "", "the student edition of lab 98: the stub of 98.2 holds an answer"),
    "gone": ('check("98.2", total)', "total", "", "",
             'the student edition of lab 98: no cell calls check("98.2", ...)'),
    "wrong": ("", "", "return 2 + 2", "return 2 + 3",
              "the solution edition of lab 98: exercise 98.2 is wrong, expected passed: 5 is further than 0.1"),
    "import": ("", "", "return 2 * x", "return add(x, x)",
               "expected passed: double(3) raised NameError: name 'add' is not defined"),
}  # fmt: skip


@pytest.mark.parametrize(("old", "new", "was", "now", "said"), UNSOLVED.values(), ids=UNSOLVED)
def test_a_build_says_what_a_check_said(tmp_path, old, new, was, now, said):
    folder = write(tmp_path, source=SOURCE.replace(old, new), written=EXERCISES.replace(was, now))
    with pytest.raises(RefusedError) as refused:
        build(the_lab(folder), folder)
    assert said in str(refused.value)
    assert ("does the lab import" in str(refused.value)) is ("NameError" in said)
    assert not edition_path(the_lab(folder), solved=False, folder=folder).exists()


def test_the_exercises_may_read_the_start_state_at_their_top(tmp_path, monkeypatch, capsys):
    from mlsd import cli

    top = (
        'from mlsd.course import start_state\n\nrows = (start_state("98").folder / "rows.csv").read_text()\n'
    )
    folder = write(tmp_path, written=top + EXERCISES, start=START)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLSD_LABS", str(folder))
    monkeypatch.setattr(sys, "argv", ["mlsd", "course", "build", "98"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert not ended.value.code, capsys.readouterr()


@pytest.mark.parametrize(
    ("old", "new", "line", "said"),
    [
        ("title: Two", "title: : Two", 4, "mapping values are not allowed here"),
        ("    minutes: 5", "   minutes: 5", 6, "expected <block end>"),
    ],
)
def test_crooked_front_matter_is_told_by_the_line_of_the_file(tmp_path, old, new, line, said):
    folder = write(tmp_path, source=SOURCE.replace(old, new))
    with pytest.raises(RefusedError, match=rf"^the front matter of 98_two_and_two.py, line {line}: {said}"):
        the_lab(folder)


@pytest.mark.parametrize("text", ['{"cells": [', "[1]", "{}", ""])
def test_an_edition_that_is_no_notebook_is_to_be_built_again(tmp_path, text):
    folder = make_labs(tmp_path / "labs")
    lab = the_lab(folder)
    edition_path(lab, solved=False, folder=folder).write_text(text)
    for judged in (lint, stale):
        with pytest.raises(
            RefusedError, match=r"sprint_9/98_two_and_two.ipynb .*: run `mlsd course build 98`$"
        ):
            judged(lab, folder)


def test_what_is_yours_to_judge_is_told_with_its_criteria(tmp_path, monkeypatch):
    written = EXERCISES.replace("value=True", 'value=True, criteria=("names a cost", "is short")')
    monkeypatch.setenv("MLSD_LABS", str(write(tmp_path, written=written)))
    monkeypatch.setenv("MLSD_PROGRESS", str(tmp_path / "progress.jsonl"))
    monkeypatch.setenv(VERDICTS, str(tmp_path / "verdicts.jsonl"))
    assert check("98.2", 4).ok
    (event,) = Progress(tmp_path / "verdicts.jsonl").events
    assert (event["event"], event["said"]) == ("passed", "yours to judge: names a cost; is short")
