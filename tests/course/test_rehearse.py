"""`mlsd lab check`: a student's notebook is run in a fresh kernel and every exercise gets one of five verdicts."""

import json

import pytest

from mlsd.course.lab.catalogue import entry
from mlsd.course.lab.desk import lay_out
from mlsd.course.lab.progress import PLACE, Progress
from mlsd.course.lab.rehearse import rehearse
from mlsd.report import RefusedError
from tests.course.tiny import children, make_labs


@pytest.fixture
def desk(tmp_path, monkeypatch):
    """Labs, the lab, a student's notebook, their progress."""
    monkeypatch.setenv(PLACE, str(tmp_path / "not this one.jsonl"))
    labs = make_labs(tmp_path / "labs")
    lab = entry("98", labs)
    yield labs, lab, lay_out(lab, tmp_path / "desk", labs).notebook, Progress(tmp_path / "progress.jsonl")
    assert not (tmp_path / "not this one.jsonl").exists()


def rehearsed(desk, act, **options):
    """Let a hand change the cells, rehearse; return code and message by subject, and the other findings."""
    labs, lab, path, progress = desk
    record = json.loads(path.read_text())
    act(record["cells"])
    path.write_text(json.dumps(record))
    before, running = path.read_bytes(), children()
    report = rehearse(lab, path, labs, progress, **options)
    assert path.read_bytes() == before and children() <= running
    assert sorted(p.name for p in path.parent.iterdir()) == ["98_two_and_two.ipynb", "start_98"]
    told = {finding.subject: (finding.code, finding.message) for finding in report if finding.subject}
    return report, told, {finding.code: finding.message for finding in report if not finding.subject}


def replace(cells, begin, source):
    cell = next(cell for cell in cells if "".join(cell["source"]).startswith(begin))
    cell["source"] = source


def test_passed_and_wrong_with_what_the_check_said(desk):
    def act(cells):
        replace(cells, "def double", "def double(x):\n    return x * x")
        replace(cells, "total", "total = 4")
        replace(cells, 'check("98.2"', 'kept = check("98.2", total); 1 / 0')  # shown or not, it counts

    report, told, others = rehearsed(desk, act)
    assert not report.ok
    assert told["98.1"] == ("wrong", "x times x is the square. Take x once more, not x times.")
    assert told["98.2"] == ("passed", "")
    assert others == {
        "raised": 'cell 7 (kept = check("98.2", total); 1 / 0) raised ZeroDivisionError: division by zero'
    }
    progress = desk[3]
    assert progress.passed == {"98.2"} and progress.tries("98.1") == 0  # no try is spent
    assert [event["event"] for event in progress.events] == ["passed"]


def test_crashed_not_attempted_and_damage(desk):
    def act(cells):
        replace(cells, "def double", "def double(x):\n    return y")
        cells.append(cells.pop(1))  # the import comes last

    _, told, others = rehearsed(desk, act)
    assert told["98.1"][0] == told["98.2"][0] == "no check was run"
    assert told["98.1"][1].startswith("its cell raised NameError: name 'check' is not defined")
    assert told["98.2"][1].startswith("its cell raised NameError")  # the run went on
    assert others["moved"].startswith("1 cell is not in its place: cell ")
    act = lambda cells: cells.insert(1, cells.pop())  # noqa: E731 - and back again
    _, told, others = rehearsed(desk, act)
    assert told["98.1"][0] == "crashed" and "NameError: name 'y' is not defined" in told["98.1"][1]
    assert told["98.2"][0] == "not attempted"
    assert others == {}


def test_what_was_checked_before_the_kernel_died_is_kept_and_the_rest_was_not_run(desk):
    def act(cells):
        replace(cells, "def double", "def double(x):\n    return 2 * x")
        replace(cells, "total", "import os; os._exit(1)")

    _, told, others = rehearsed(desk, act)
    assert told["98.1"] == ("passed", "")
    assert told["98.2"] == ("no check was run", "the notebook stopped before it")
    assert others["stopped"].startswith("the kernel died in cell 6 (import os; os._exit(1))")
    assert desk[3].passed == {"98.1"}


def test_a_check_that_is_gone_one_that_was_not_reached_and_a_progress_that_cannot_be_kept(desk):
    desk[3].path.mkdir()

    def act(cells):
        replace(cells, "def double", "def double(x):\n    return x + x")
        replace(cells, 'check("98.2"', 'if False:\n    check("98.2", total)\n# check("98.1", double)')
        cells.append(
            {"cell_type": "code", "id": "n", "metadata": {}, "source": "check('98.1', double)\ndouble = 3"}
        )
        cells.append({"cell_type": "code", "id": "m", "metadata": {}, "source": "check('98.1', double)"})

    _, told, others = rehearsed(desk, act)
    assert told["98.1"] == ("passed", "")  # a pass is not undone by a later experiment
    assert told["98.2"] == ("no check was run", "its cell ran, but did not come to the check")
    assert others["not kept"].startswith("cannot use ")


def test_a_file_that_cannot_be_read_is_refused_before_a_kernel_starts(desk):
    labs, lab, path, progress = desk
    path.write_text("{")
    with pytest.raises(RefusedError, match="cannot be read as a notebook"):
        rehearse(lab, path, labs, progress)
