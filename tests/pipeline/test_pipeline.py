"""The pipeline re-does what changed, and nothing else."""

import contextlib
import importlib
import io
import itertools
import linecache
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlsd.pipeline import Pipeline
from mlsd.pipeline.cache import Cache, digest_of
from mlsd.report import Finding, RefusedError, Report

STEPS = """
    from {helpers} import scaled
    LIMIT = 3

    def rows(raw):
        print("rows")
        return [n for n in raw if n > LIMIT]

    def doubled(rows):
        print("doubled")
        return [near(scaled(n)) for n in rows]

    def near(n):
        return round(n, 6)

    def total(doubled):
        print("total")
        return sum(doubled)
"""


class Project:
    """Steps in real files of one package, edited between runs as a student would."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder, self.name = folder / name, name
        self.folder.mkdir()
        (self.folder / "__init__.py").write_text("")
        self.write("helpers", "def scaled(n):\n    return 2 * n\n")
        self.write("steps", textwrap.dedent(STEPS.format(helpers=f"{name}.helpers")))

    def write(self, module: str, text: str) -> None:
        (self.folder / f"{module}.py").write_text(text)

    def edit(self, module: str, old: str, new: str) -> None:
        text = (self.folder / f"{module}.py").read_text()
        assert old in text
        self.write(module, text.replace(old, new))

    def run(self, **inputs):
        importlib.invalidate_caches()
        for module in [m for m in sys.modules if m.split(".")[0] == self.name]:
            del sys.modules[module]
        linecache.clearcache()
        steps = importlib.import_module(f"{self.name}.steps")
        pipeline = Pipeline([steps.rows, steps.doubled, steps.total], self.folder / "cache")
        with contextlib.redirect_stdout(io.StringIO()) as said:
            result = pipeline.run(**inputs)
        assert list(result.ran) == said.getvalue().split()  # what it says it ran is what ran
        return result


@pytest.fixture
def project(tmp_path, monkeypatch, request):
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    name = "project_" + "".join(c if c.isalnum() else "_" for c in request.node.name)
    yield Project(tmp_path, name)
    for module in [m for m in sys.modules if m.split(".")[0] == name]:
        del sys.modules[module]


def test_a_second_run_does_nothing_and_gives_the_same(project):
    first, second = project.run(raw=[1, 4, 5]), project.run(raw=[1, 4, 5])
    assert first.ran == ("rows", "doubled", "total")
    assert second.cached == ("rows", "doubled", "total")
    assert first["total"] == second["total"] == 18
    assert first.digests == second.digests


def test_a_comment_a_docstring_or_layout_changes_nothing(project):
    project.run(raw=[4])
    project.edit("steps", "def near(n):\n", 'def near(n):\n    """Round."""\n    # a comment\n\n')
    assert project.run(raw=[4]).ran == ()


def test_a_changed_step_runs_again_with_all_that_depends_on_it(project):
    project.run(raw=[4])
    project.edit("steps", "sum(doubled)", "sum(doubled) + 1")
    result = project.run(raw=[4])
    assert result.ran == ("total",)
    assert result["total"] == 9


def test_a_changed_helper_in_the_same_module_counts(project):
    project.run(raw=[4])
    project.edit("steps", "round(n, 6)", "round(n, 6) + 1")
    assert project.run(raw=[4]).ran == ("doubled", "total")


def test_a_changed_helper_in_another_module_counts(project):
    project.run(raw=[4])
    project.edit("helpers", "2 * n", "3 * n")
    result = project.run(raw=[4])
    assert result.ran == ("doubled", "total")
    assert result["total"] == 12


def test_a_helper_imported_inside_the_step_counts(project):
    project.edit(
        "steps", "def total(doubled):\n", f"def total(doubled):\n    from {project.name}.late import bonus\n"
    )
    project.edit("steps", "sum(doubled)", "sum(doubled) + bonus()")
    project.write("late", "def bonus():\n    return 1\n")
    project.run(raw=[4])
    project.write("late", "def bonus():\n    return 2\n")
    result = project.run(raw=[4])
    assert result.ran == ("total",)
    assert result["total"] == 10


def test_a_changed_constant_that_a_step_reads_counts(project):
    project.run(raw=[3, 4])
    project.edit("steps", "LIMIT = 3", "LIMIT = 2")
    assert project.run(raw=[3, 4]).ran == ("rows", "doubled", "total")


def test_an_unchanged_output_stops_the_wave(project):
    project.run(raw=[1, 4])
    result = project.run(raw=[2, 4])  # another input, the same rows after the filter
    assert result.ran == ("rows",)
    project.edit("steps", "n > LIMIT]", "n >= LIMIT + 1]")  # other code, the same output
    assert project.run(raw=[2, 4]).ran == ("rows",)


def test_only_what_a_target_needs_is_run(project):
    assert project.run(raw=[4], targets=["rows"]).ran == ("rows",)


def test_a_step_that_fails_keeps_what_came_before(project):
    project.edit("steps", "return sum(doubled)", "raise RuntimeError('no')")
    with pytest.raises(RuntimeError):
        project.run(raw=[4])
    project.edit("steps", "raise RuntimeError('no')", "return sum(doubled)")
    assert project.run(raw=[4]).ran == ("total",)


def test_a_changed_artifact_is_refused(project):
    project.run(raw=[4])
    value = next(p for p in (project.folder / "cache").rglob("value") if p.read_bytes() == b"8")
    value.write_bytes(b"9")
    with pytest.raises(RefusedError, match="was changed; delete it"):
        project.run(raw=[4])


KILLED = """
    import sys, time
    from mlsd.pipeline import Pipeline

    def first(n):
        print("first", flush=True)
        return n + 1

    def second(first):
        print("second", flush=True)
        if {sleep}:
            time.sleep(60)
        return first + 1

    if __name__ == "__main__":
        print(Pipeline([first, second], sys.argv[1]).run(n=1)["second"], flush=True)
"""


def test_a_killed_run_resumes_without_redoing_finished_steps(tmp_path):
    script = tmp_path / "script.py"
    command = [sys.executable, str(script), str(tmp_path / "cache")]
    script.write_text(textwrap.dedent(KILLED.format(sleep=True)))
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "first\n"
        assert process.stdout.readline() == "second\n"
        os.kill(process.pid, signal.SIGKILL)
    script.write_text(textwrap.dedent(KILLED.format(sleep=False)))
    again = subprocess.run(command, capture_output=True, text=True, check=True)
    assert again.stdout == "second\n3\n"
    assert not list((tmp_path / "cache").glob("*.part*"))


def test_a_wide_graph_is_walked_once_per_step(tmp_path):
    """Ten layers of five steps that each need the whole layer before: 5**10 paths."""
    scope: dict = {}
    names = [["seed"]] + [[f"layer{i}_{j}" for j in range(5)] for i in range(10)]
    source = tmp_path / "wide.py"
    source.write_text(
        "".join(
            f"def {name}({', '.join(before)}):\n    return 1\n"
            for before, layer in itertools.pairwise(names)
            for name in layer
        )
    )
    exec(compile(source.read_text(), str(source), "exec"), scope)
    steps = [scope[name] for layer in names[1:] for name in layer]
    start = time.process_time()
    assert len(Pipeline(steps, tmp_path / "cache").run(seed=0).ran) == 50
    assert time.process_time() - start < 20  # once per path would be ten million calls


def test_names_and_inputs_are_checked_before_work(tmp_path):
    def rows(raw):
        raise AssertionError("must not run")

    pipeline = Pipeline([rows], tmp_path)
    with pytest.raises(RefusedError, match="missing raw; expected raw"):
        pipeline.run()
    with pytest.raises(RefusedError, match="unknown rwa"):
        pipeline.run(raw=1, rwa=2)
    with pytest.raises(RefusedError, match="no step is called 'row'; the steps are rows"):
        pipeline.run(raw=1, targets=["row"])


def test_steps_that_need_each_other_are_refused(tmp_path):
    def egg(hen):
        return hen

    def hen(egg):
        return egg

    with pytest.raises(ValueError, match="egg, hen; break the circle"):
        Pipeline([egg, hen], tmp_path)
    with pytest.raises(ValueError, match="two steps have one name"):
        Pipeline([egg, egg], tmp_path)


@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers(-(2**60), 2**60)
        | st.floats(allow_nan=False, allow_infinity=False)
        | st.text(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
        max_leaves=8,
    )
)
def test_plain_values_come_back_equal(tmp_path_factory, value):
    cache = Cache(tmp_path_factory.mktemp("cache"))
    digest = cache.keep("k", value)
    assert cache.get("k") == value
    assert cache.digest("k") == digest == digest_of(value)


def test_frames_reports_and_other_objects_come_back_equal(tmp_path):
    cache = Cache(tmp_path)
    frame = pd.DataFrame(
        {
            "n": [1.5, np.nan],
            "text": ["a", None],
            "at": pd.to_datetime(["2024-01-01", "2024-01-02"], utc=True),
            "kind": pd.Categorical(["x", "y"]),
        }
    )
    frame.attrs["known_at"] = {"n": "creation"}
    mixed = pd.DataFrame({"cells": [1, "12 days"]})
    report = Report("r", (Finding("null", "n", ok=False, value=float("nan")),))
    for key, value in {"frame": frame, "mixed": mixed, "report": report, "array": np.arange(3.0)}.items():
        cache.keep(key, value)
        assert cache.digest(key) == digest_of(value)
    pd.testing.assert_frame_equal(cache.get("frame"), frame)
    assert cache.get("frame").attrs == frame.attrs
    pd.testing.assert_frame_equal(cache.get("mixed"), mixed)
    assert cache.get("report") == report
    assert cache.get("array").tolist() == [0.0, 1.0, 2.0]
