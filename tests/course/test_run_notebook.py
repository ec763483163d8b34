"""A notebook is run in a kernel of its own: every accident is one sentence, and no process stays behind."""

import gc
import json
import resource
import subprocess
import sys
import textwrap
import time

import pytest

from mlsd.course.lab.notebook import read_notebook, to_run
from mlsd.course.lab.run import MAX_OUTPUT, run_notebook, told
from mlsd.report import RefusedError
from tests.course.tiny import children, write_notebook


def run(folder, *sources, **options):
    """Run a notebook of such cells; return why it stopped and the outputs, and look at the processes."""
    path = write_notebook(folder / "n.ipynb", *sources)
    before, text = children(), path.read_bytes()
    notebook = to_run(read_notebook(path))
    said = run_notebook(notebook, folder, folder / "progress.jsonl", **options)
    assert children() <= before, "a process was left behind"
    assert path.read_bytes() == text
    assert "\n" not in said
    return said, [cell.outputs for cell in notebook.cells]


@pytest.mark.parametrize("end", ["import os; os._exit(3)", "import os; os.kill(os.getpid(), 9)"])
def test_a_kernel_that_dies_and_what_it_started(tmp_path, end):
    child = """
        import subprocess, sys
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
        open("pid", "w").write(str(child.pid))
        1 + 1
    """
    said, outputs = run(tmp_path, textwrap.dedent(child), end, "3 + 3")
    assert said.startswith(f"the kernel died in cell 2 ({end}): too much memory")
    assert outputs[0][0].data["text/plain"] == "2"  # what was there before is kept
    assert outputs[2] == []
    pid = (tmp_path / "pid").read_text()
    until = time.monotonic() + 10  # a crowded machine needs a while to end a process
    while (state := state_of(pid)) not in ("", "Z") and time.monotonic() < until:
        time.sleep(0.05)
    assert state in ("", "Z")


def state_of(pid):
    """Return "R", "S", "Z", ... of a process; nothing when there is none."""
    return subprocess.run(["ps", "-o", "stat=", "-p", pid], capture_output=True, text=True).stdout.strip()[:1]


def test_a_loop_that_hears_nothing(tmp_path):
    loop = "while True:\n  try:\n    while True: pass\n  except BaseException: pass"
    said, _ = run(tmp_path, loop, seconds=1)
    assert said == (
        "cell 1 (while True:) did not finish in 1 seconds and was stopped: is there a loop without end?"
    )


def test_output_without_end_is_stopped_long_before_its_time_and_its_memory(tmp_path, caplog):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    said, _ = run(tmp_path, "while True: print('x' * 1000)", seconds=300)
    added = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024  # MB on Linux
    assert said.startswith(
        f"cell 1 (while True: print('x' * 1000)) wrote more than {MAX_OUTPUT:,} characters"
    )
    assert added < 200 or sys.platform == "darwin"
    said, _ = run(tmp_path, "import time; time.sleep(1.2)", "'x' * 20_000_000", "2")
    assert said.startswith("cell 2 ('x' * 20_000_000) wrote more than")
    gc.collect()
    assert [record for record in caplog.records if record.name == "asyncio"] == []  # no task died unheard


def test_with_go_on_the_cells_behind_an_accident_are_run(tmp_path):
    cells = ("input('name? ')", "1 / 0", "import sys, os; sys.stdout.close(); os.close(1)", "2 + 3")
    said, outputs = run(tmp_path, *cells, go_on=True)
    assert said == ""
    assert [told(o.ename, o.evalue) for out in outputs[:2] for o in out] == [
        "an error, for it asks with input(), and nobody is there to answer: write the value into the cell",
        "ZeroDivisionError: division by zero",
    ]
    assert outputs[3][0].data["text/plain"] == "5"


def test_an_error_stops_the_run_where_it_stands(tmp_path):
    said, outputs = run(tmp_path, "raise ValueError('two\\n  lines')", "2")
    assert said == "cell 1 (raise ValueError('two\\n  lines')) raised ValueError: two lines"
    assert outputs[1] == []


def test_where_no_kernel_can_be_started_one_sentence_says_who_knows_why(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(
        RefusedError, match=r"^no notebook kernel can be started: .*; `mlsd doctor` says why$"
    ):
        run(tmp_path, "1")


def test_no_cell_is_no_trouble(tmp_path):
    path = write_notebook(tmp_path / "n.ipynb")
    assert to_run(read_notebook(path)).cells == []


NOT_READ = {
    "no JSON": (b"{'cells': []}", "cannot be read as a notebook: its text is damaged"),
    "half a JSON": (
        b'{"nbformat": 4, "cells": [{"cell_type": "co',
        "cannot be read as a notebook: its text is damaged",
    ),
    "no text": (bytes(range(128, 256)), "cannot be read as a notebook: its text is damaged"),
    "nothing": (b"", "cannot be read as a notebook: its text ends too early"),
    "too deep": (b"[" * 200_000, "cannot be read as a notebook: its text is damaged"),
    "half a character": (
        b'{"nbformat": 4, "cells": [{"source": "\\ud800"}]}',
        "cannot be read as a notebook: its text is damaged",
    ),
    "a long number": (
        b'{"nbformat": ' + b"9" * 9999 + b"}",
        "cannot be read as a notebook: its text is damaged",
    ),
    "a list": (
        b"[1, 2]",
        "is not a notebook: it has no list of cells; `mlsd lab reset NN --all` makes a fresh one",
    ),
    "no cells": (b'{"nbformat": 4}', "is not a notebook: it has no list of cells"),
    "format 3": (
        b'{"nbformat": 3, "worksheets": []}',
        "old notebook format 3: open it in JupyterLab and save it",
    ),
    "format 5": (
        b'{"nbformat": 5, "cells": []}',
        "has notebook format 5; this mlsd reads format 4: update mlsd",
    ),
}


@pytest.mark.parametrize("text, sentence", NOT_READ.values(), ids=NOT_READ)
def test_a_file_that_is_no_notebook_is_one_sentence(tmp_path, text, sentence):
    path = tmp_path / "n.ipynb"
    path.write_bytes(text)
    with pytest.raises(RefusedError) as refused:
        read_notebook(path)
    assert sentence in str(refused.value)
    assert "\n" not in str(refused.value) and "n.ipynb " in str(refused.value)
    assert path.read_bytes() == text


def test_a_notebook_for_another_language_is_one_sentence_another_name_of_python_is_none(tmp_path):
    r = {"name": "ir", "language": "R", "display_name": "R"}
    with pytest.raises(RefusedError, match=r"^n.ipynb runs a kernel for r; choose Python 3 in JupyterLab"):
        read_notebook(write_notebook(tmp_path / "n.ipynb", "x <- 1", kernelspec=r))
    mine = {"name": "conda-env-mlsd-py", "language": "python", "display_name": "mine"}
    assert read_notebook(write_notebook(tmp_path / "n.ipynb", "x = 1", kernelspec=mine))["cells"]


def test_a_cell_that_is_none_keeps_its_place(tmp_path):
    path = write_notebook(tmp_path / "n.ipynb", "1", "2")
    record = json.loads(path.read_text())
    record["cells"][0] = None
    record["cells"].append({"cell_type": "code", "source": ["a\n", "b", 3], "metadata": [], "id": 7})
    path.write_text(json.dumps(record))
    assert [cell.source for cell in to_run(read_notebook(path)).cells] == ["", "2", "a\nb"]
