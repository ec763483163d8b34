"""Notebook tests are not fooled: what nbval lets pass, the guards refuse, each with its own sentence."""

import os
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from mlsd.course.lab.guard import guard

BROKEN = Path(__file__).parents[1] / "broken_notebooks"
REFUSED = {  # notebook -> (rule, part of the sentence)
    "unknown_line_magic": ("magic", "'%notmagic' is no Python"),
    "unknown_cell_magic": ("magic", "'%%notacellmagic' is no Python"),
    "failing_command": ("magic", "'!false' is no Python"),
    "failing_command_assigned": ("magic", "'said = !python"),
    "failing_get_ipython": ("magic", "get_ipython()"),
    "failing_subprocess": ("command", "subprocess.run fails in silence"),
    "raises_exception_that_does_not": ("skipped", "the tag 'raises-exception'"),
    "skipped_by_tag": ("skipped", "the tag 'nbval-skip'"),
    "skipped_by_comment": ("skipped", "the comment NBVAL_SKIP"),
    "ignored_by_comment": ("skipped", "the comment NBVAL_IGNORE_OUTPUT"),
    "commented_out": ("commented-out", "runs nothing"),
    "quoted_out": ("commented-out", "runs nothing"),
    "dead_branch": ("commented-out", "runs nothing"),
    "thread_dies": ("thread", "threading starts what may die unseen"),
    "pool_dies": ("thread", "concurrent.futures.ThreadPoolExecutor starts"),
    "process_dies": ("thread", "multiprocessing.get_context starts"),
    "task_dies": ("thread", "asyncio.create_task starts"),
    "swallowed_bare": ("swallowed", "an 'except' takes every error"),
    "swallowed_pass": ("swallowed", "an 'except' takes every error"),
    "outputs_stripped": ("unrun", "was not run"),
    "outputs_without_counts": ("unrun", "was not run"),
    "run_out_of_order": ("unrun", "ran as number 7, expected 1"),
    "picture_alone": ("picture", "shows image/png alone"),
    "check_missing": ("checks", "was checked 0 times, expected once"),
    "check_faked": ("checks", "gives the name 'check' another meaning"),
    "check_silent": ("checks", "was checked 0 times, expected once"),
}
SEEN_BY_NBVAL = {"outputs_without_counts"}
RUN = ("source", "outputs", "execution_count", "metadata")


def test_every_broken_notebook_is_on_the_list():
    assert {path.stem for path in BROKEN.glob("*.ipynb")} == set(REFUSED)


@pytest.mark.parametrize("name", REFUSED)
def test_the_guards_refuse_a_broken_notebook_by_one_rule(name):
    failures = guard(BROKEN / f"{name}.ipynb").failures
    code, said = REFUSED[name]
    assert {finding.code for finding in failures} == {code}
    assert any(said in finding.message for finding in failures)


def test_nbval_alone_accepts_them(tmp_path):
    """The cells of all run one after the other in one kernel: a kernel for each takes 22 seconds."""
    owners, together = [], nbformat.v4.new_notebook()
    for name in REFUSED:
        one = nbformat.read(BROKEN / f"{name}.ipynb", as_version=4)
        together.metadata = one.metadata
        for cell in one.cells:
            if cell.cell_type == "code":
                together.cells.append(nbformat.v4.new_code_cell(**{k: cell[k] for k in RUN}))
                owners.append(name)
    nbformat.write(together, tmp_path / "all.ipynb")
    (tmp_path / "none.ini").write_text("[pytest]\n")
    options = "-c none.ini -p no:cacheprovider --rootdir . -rA -q --nbval --nbval-current-env"
    command = [sys.executable, "-m", "pytest", *options.split(), "--nbval-cell-timeout=60", "all.ipynb"]
    environment = {
        **os.environ,
        "PYTHONPATH": str(Path(__file__).parents[2]),
        "MLSD_PROGRESS": str(tmp_path / "p"),
    }
    ran = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False, timeout=300
    )
    told = re.findall(r"^(PASSED|FAILED|ERROR|XFAIL) all.ipynb::Cell (\d+)", ran.stdout, re.M)
    outcomes = {int(k): outcome for outcome, k in told}
    refused = {owners[k] for k, outcome in outcomes.items() if outcome in ("FAILED", "ERROR")}
    assert refused == SEEN_BY_NBVAL, ran.stdout
    # a skipped cell is told by file and line, without its number in every version of pytest
    unseen = {name for k, name in enumerate(owners) if k not in outcomes}
    assert unseen <= {"skipped_by_tag", "skipped_by_comment"}, ran.stdout


CHECK = "from mlsd.course import check\n"


def notebook(path, *cells, edition="student", exercises=("98.1",), **metadata):
    """A notebook of (source, text shown, tags) that was run; declares exercises."""
    made = []
    for k, (source, said, *tags) in enumerate(cells, 1):
        outputs = (
            [nbformat.v4.new_output("execute_result", {"text/plain": said}, execution_count=k)]
            if said
            else []
        )
        made.append(
            nbformat.v4.new_code_cell(source, execution_count=k, outputs=outputs, metadata={"tags": tags})
        )
    about = {"lab": "98", "edition": edition, "exercises": list(exercises)}
    nbformat.write(nbformat.v4.new_notebook(cells=made, metadata={"mlsd": about, **metadata}), path)
    return path


def refused(path):
    return [(finding.code, finding.subject, finding.message) for finding in guard(path).failures]


def test_each_edition_has_its_outcome(tmp_path):
    for edition, right, wrong in (
        ("student", "not attempted", "passed"),
        ("solution", "passed", "not attempted"),
    ):
        cells = [(CHECK, ""), ("check('98.1', ...)", f"exercise 98.1: {right}. More words.\n  note next")]
        assert refused(notebook(tmp_path / "a.ipynb", *cells, edition=edition)) == []
        cells[1] = (cells[1][0], f"exercise 98.1: {wrong}")
        said = f"exercise 98.1 is {wrong}, expected {right}"
        assert refused(notebook(tmp_path / "a.ipynb", *cells, edition=edition)) == [
            ("checks", "cell 2", said)
        ]


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        ([("check('98.1', 1)", "exercise 98.1: not attempted")] * 2, "was checked 2 times, expected once"),
        (
            [("check('98.1', 1)", "exercise 98.1: not attempted", "nbval-ignore-output")],
            "no compared check gave",
        ),
        ([("check('98.1', 1);", "")], "was checked 0 times, expected once"),
        ([("check('98.3', 1)", "exercise 98.3: not attempted")], "was checked 1 time, expected never"),
        ([("check('98.1', 1)", "exercise 98.1: crashed")], "is crashed, expected not attempted"),
        (
            [("from other import check\ncheck('98.1', 1)", "exercise 98.1: not attempted")],
            "no compared check gave",
        ),
        ([("class check: ...", ""), ("check('98.1', 1)", "exercise 98.1: not attempted")], "another meaning"),
    ],
)
def test_the_checks_are_counted(tmp_path, cells, said):
    found = refused(notebook(tmp_path / "a.ipynb", (CHECK, ""), *cells))
    assert {code for code, *_ in found} == {"checks"}
    assert any(said in message for *_, message in found)


def test_a_student_notebook_with_verdicts_in_words_needs_no_exercise_of_its_own(tmp_path):
    path = notebook(tmp_path / "a.ipynb", ("'exam'", "exercise 03.1: passed"), exercises=())
    assert [code for code, *_ in refused(path)] == ["commented-out"]  # a text alone runs nothing
    assert (
        refused(notebook(tmp_path / "a.ipynb", ("str('exam')", "exercise 03.1: passed"), exercises=())) == []
    )


def test_honest_code_passes(tmp_path):
    honest = [
        ("x = 7 % 3\n# why % and not !?\ny = (x\n     % 2)\nx != y", "True"),
        ("try:\n    int('a')\nexcept ValueError as error:\n    print(error)", ""),
        ("try:\n    1 / 0\nexcept Exception as error:\n    print(type(error).__name__)", ""),
        ("import subprocess, contextlib\nsubprocess.run(['git', '--version'], check=True)", ""),
        ("with contextlib.suppress(KeyError):\n    {}['a']", ""),
        ("def stub(x): ...\nanswer = ...", ""),
        ("while True:\n    break", ""),
        ("import asyncio\nawait asyncio.sleep(0)", ""),
        ("42", "42"),
    ]
    assert refused(notebook(tmp_path / "a.ipynb", *honest, exercises=())) == []


@pytest.mark.parametrize(
    ("source", "tags", "code", "said"),
    [
        ("%xmode Verbose", (), "magic", "'%xmode Verbose' is no Python"),
        ("if x:\n    %time x", (), "magic", "'%time x' is no Python"),
        ("import os\nos.system('exit 3')", (), "command", "os.system fails in silence"),
        (
            "from subprocess import Popen as go\ngo(['false'])",
            (),
            "command",
            "subprocess.Popen fails in silence",
        ),
        ("1 + 1", ("nbval-raises-exception",), "skipped", "the tag 'nbval-raises-exception'"),
        (
            "x = 1\n    # PYTEST_VALIDATE_IGNORE_OUTPUT",
            (),
            "skipped",
            "the comment PYTEST_VALIDATE_IGNORE_OUTPUT",
        ),
        ("", (), "commented-out", "runs nothing"),
        ("pass", (), "commented-out", "runs nothing"),
        ("while 0:\n    x = 1", (), "commented-out", "runs nothing"),
        ("import threading as t\nt.Thread()", (), "thread", "threading starts"),
        (
            "import asyncio as a\na.get_event_loop().run_in_executor(None, f)",
            (),
            "thread",
            "run_in_executor starts",
        ),
        ("try:\n    f()\nexcept (ValueError, BaseException):\n    ...", (), "swallowed", "an 'except'"),
        (
            "from contextlib import suppress as s\nwith s(Exception):\n    f()",
            (),
            "swallowed",
            "suppress takes",
        ),
        ("print('exercise 98.1: passed')", (), "checks", "no compared check gave"),
    ],
)
def test_other_faces_of_the_same_constructs(tmp_path, source, tags, code, said):
    verdict = ("check('98.1', ...)", "exercise 98.1: not attempted")
    shown = "exercise 98.1: passed" if "98.1" in source else ""
    found = refused(notebook(tmp_path / "a.ipynb", (CHECK, ""), (source, shown, *tags), verdict))
    assert [rule for rule, *_ in found] == [code]
    assert said in found[0][2]


def test_an_error_that_was_kept(tmp_path):
    path = notebook(tmp_path / "a.ipynb", ("1 / 0", ""), exercises=())
    kept = nbformat.read(path, as_version=4)
    kept.cells[0].outputs = [
        nbformat.v4.new_output("error", ename="ZeroDivisionError", evalue="", traceback=[])
    ]
    nbformat.write(kept, path)
    assert refused(path) == [("unrun", "cell 1", "ended with an error")]


def test_what_is_no_python_is_told_by_its_line(tmp_path):
    path = notebook(tmp_path / "a.ipynb", ("def f(:", ""), ("x = 1\nhelp?", ""), exercises=())
    assert [(where, said.split(":")[0]) for _, where, said in refused(path)] == [
        ("cell 1", "is no Python"), ("cell 2", "'help?' is no Python")
    ]  # fmt: skip


def test_a_damaged_file_gets_one_sentence(tmp_path):
    path = tmp_path / "torn.ipynb"
    path.write_text('{"cells": [')
    ((code, subject, said),) = refused(path)
    assert (code, subject) == ("readable", "torn.ipynb")
    assert said.startswith("torn.ipynb cannot be read as a notebook: ")
