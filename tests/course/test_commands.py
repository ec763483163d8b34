"""The commands as a student and an author type them: what is told, the exit code, one sentence on a mistake."""

import io
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mlsd import cli
from mlsd.course.lab.progress import Progress
from mlsd.report import Finding, Report
from tests.course.tiny import children, make_labs

NAME = "98_two_and_two.ipynb"


@pytest.fixture
def mlsd(tmp_path, monkeypatch, capsys):
    """Run a command in this process; return its exit code, what it said and what it complained."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("MLSD_LABS", str(make_labs(tmp_path / "labs")))
    monkeypatch.setenv("MLSD_PROGRESS", str(tmp_path / "progress.jsonl"))
    monkeypatch.setenv("COLUMNS", "120")

    def run(*words):
        monkeypatch.setattr(sys, "stdin", io.StringIO())
        monkeypatch.setattr(sys, "argv", ["mlsd", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        said = capsys.readouterr()
        assert "Traceback" not in said.out + said.err
        return ended.value.code or 0, said.out, said.err

    return run


def answer(path, **sources):
    record = json.loads(path.read_text())
    for cell in record["cells"]:
        begin = "".join(cell["source"]).split(" ")[0]
        cell["source"] = sources.get(begin, cell["source"])
    path.write_text(json.dumps(record))


def test_a_student_goes_through_a_lab(mlsd, tmp_path):
    code, out, _ = mlsd("lab", "list", "--objectives")
    assert code == 0
    rows = [line.split() for line in out.splitlines()]
    assert "98 Two and two? 9 5 0 of 2".split() in rows
    assert "- add two numbers" in out and "- add" not in mlsd("lab", "list")[1]

    code, out, _ = mlsd("lab", "start", "98")
    assert (code, out.splitlines()) == (0, [
        "lab 98: Two and two? (5 minutes, 2 exercises)",
        f"it starts from the files in {Path('lab_98/start_98')}: reference",
        f"open it with: jupyter lab {Path('lab_98', NAME)}",
    ])  # fmt: skip
    path = Path("lab_98", NAME)
    answer(path, **{"def": "def double(x):\n    return x * 2", "total": "total = 5", "base": "[bold]"})
    assert mlsd("lab", "start", "98")[2].startswith(f"mlsd: {path} is there already with work in it")

    before, running = path.read_bytes(), children()
    code, out, err = mlsd("lab", "check", "98")
    assert (code, err) == (1, "")
    lines = out.splitlines()
    assert lines[0] == f"lab 98: {path} runs from top to bottom in a fresh kernel"
    assert lines[1].split() == ["98.1", "passed"]
    assert lines[2].split()[:2] == ["98.2", "wrong"]
    assert lines[3].startswith("note: cell 8 ([bold]) raised NameError: name 'bold'")
    assert lines[4:] == ["1 of 2 exercises passed"]
    assert path.read_bytes() == before and children() <= running

    kept = Progress(tmp_path / "progress.jsonl")
    kept.add("98.2", "wrong")
    kept.add("98.2", "hint")
    out = mlsd("lab", "progress")[1]
    assert "98 Two and two?: 1 of 2 passed\n  98.1  passed\n  98.2  not passed yet, 1 wrong, 1 hint\n" in out
    assert f"kept in {kept.path} and sent nowhere" in out

    code, out, _ = mlsd("lab", "reset", "98", "--exercise", "2")
    assert code == 0 and out.splitlines()[1].startswith(
        "your version is kept in 98_two_and_two.before-reset-1"
    )
    assert "total = ..." in path.read_text() and "return x * 2" in path.read_text()
    assert kept.tries("98.2") == 0
    assert mlsd("lab", "reset", "98", "--all")[0] == 0
    assert "return x * 2" not in path.read_text()

    code, _, err = mlsd("lab", "progress", "--delete")
    assert (code, kept.path.exists()) == (1, True) and "nothing was deleted: nobody answered" in err
    code, out, _ = mlsd("lab", "progress", "--delete", "--yes")
    assert (code, kept.path.exists()) == (0, False) and out.endswith("is deleted\n")
    assert "there is nothing to delete" in mlsd("lab", "progress", "--delete")[1]
    assert "no file yet" in mlsd("lab", "progress")[1]


MISTAKES = [
    (["lab", "start", "12"], "there is no lab '12'; there are 97, 98"),
    (["lab", "check", "xx"], "there is no lab 'xx'"),
    (
        ["lab", "check", "98", "other.ipynb"],
        "there is no notebook other.ipynb; `mlsd lab start 98` makes one",
    ),
    (["lab", "check", "98", "bad.ipynb"], "bad.ipynb cannot be read as a notebook"),
    (["lab", "start", "98", "bad.ipynb"], "bad.ipynb"),
    (["lab", "reset", "98", "--exercise", "7"], "lab 98 has no exercise '7'; it has 98.1, 98.2"),
    (["course", "build", "12"], "there is no source of a lab '12'; there are 97, 98"),
    (["course", "verify", "x"], "there is no source of a lab 'x'"),
]


@pytest.mark.parametrize(
    "words, sentence", MISTAKES, ids=lambda value: " ".join(value) if isinstance(value, list) else ""
)
def test_a_mistake_is_one_sentence(mlsd, words, sentence):
    Path("bad.ipynb").write_text("{")
    code, out, err = mlsd(*words)
    assert code == 1 and out == ""
    assert err.startswith("mlsd: ") and err.count("\n") == 1 and sentence in err


def test_reset_wants_to_know_what(mlsd):
    for words in ((), ("--exercise", "1", "--all")):
        code, _, err = mlsd("lab", "reset", "98", *words)
        assert code == 2 and "say what: --exercise 2, or --all" in err


def test_a_folder_with_a_space_can_be_copied_from_the_line(mlsd):
    assert f'jupyter lab "{Path("my lab", NAME)}"' in mlsd("lab", "start", "98", "my lab")[1]
    assert f"{Path('my lab', NAME)} is there already, untouched" in mlsd("lab", "start", "98", "my lab")[1]


def test_without_any_lab_the_list_says_so(mlsd, monkeypatch, tmp_path):
    monkeypatch.setenv("MLSD_LABS", str(tmp_path / "nothing"))
    assert mlsd("lab", "list")[:2] == (0, "no lab is here yet\n")


@pytest.mark.parametrize("ok", [True, False])
def test_the_doctor_shows_every_row_and_its_verdict_is_the_exit_code(mlsd, monkeypatch, ok):
    rows = (Finding("disk", "", ok, message="[red]full"), Finding("ports", message="fine"))
    monkeypatch.setattr("mlsd.course.doctor.examine", lambda folder: Report("this computer", rows))
    code, out, _ = mlsd("doctor")
    assert code == (not ok)
    assert "[red]full" in out and "fine" in out


def test_an_author_sees_gaps_as_exit_codes(mlsd):
    for command in ("verify", "lint"):
        code, out, _ = mlsd("course", command, "98")
        assert code == 1 and "FAILED" in out
    many = [line for line in out.splitlines() if line.startswith("  FAILED")]
    assert len(many) == int(out.split("FAILED, ")[1].split(" ")[0])  # every gap is told
    code, out, _ = mlsd("course", "verify", "98", "--write")
    assert code == 1 and "no proof is kept" in out  # what is not proved is not kept
    assert "no proof is kept" in mlsd("course", "verify", "98")[1]


def test_what_is_not_installed_is_one_sentence(mlsd, monkeypatch):
    monkeypatch.setitem(sys.modules, "jupytext", None)
    code, _, err = mlsd("course", "lint", "98")
    assert (code, err) == (1, "mlsd: this needs jupytext; run: python -m pip install 'mlsd[labs]'\n")


def test_ctrl_c_ends_the_kernel_too(mlsd, tmp_path):
    mlsd("lab", "start", "98")
    answer(Path("lab_98", NAME), base="open('running', 'w').close()\nimport time; time.sleep(60)")
    environment = os.environ | {"PYTHONPATH": str(Path(cli.__file__).parents[1])}
    command = [sys.executable, "-m", "mlsd.cli", "lab", "check", "98"]
    before = children()
    with subprocess.Popen(command, env=environment, stdout=-1, stderr=-1, text=True) as process:
        for _ in range(600):
            if Path("lab_98", "running").exists():
                break
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "Traceback" not in out + err and "passed" not in out
    assert children() <= before
