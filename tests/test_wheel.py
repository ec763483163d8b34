"""What `pip install mlsd` brings is enough: the labs travel in the wheel and work outside the repository."""

import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """A folder that holds what the wheel holds, and nothing else of the repository."""
    place = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(place)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = place.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(place / "site")
    return place / "site"


def run(installed, folder, *command):
    """Run a Python command that sees the wheel's mlsd only, in a folder of its own."""
    environment = os.environ | {"PYTHONPATH": str(installed), "MLSD_PROGRESS": str(folder / "progress.jsonl")}
    done = subprocess.run(
        [sys.executable, *command], cwd=folder, env=environment, capture_output=True, text=True, timeout=120
    )
    return done.returncode, done.stdout, done.stderr


def test_it_holds_the_labs_and_the_lock_and_nothing_a_run_left_behind(installed):
    labs = installed / "mlsd" / "_labs"
    names = {path.relative_to(labs).as_posix() for path in labs.rglob("*") if path.is_file()}
    here = {
        path.relative_to(ROOT / "labs").as_posix() for path in (ROOT / "labs").rglob("*") if path.is_file()
    }
    left = re.compile(r"(^|/)((start|lab)_\d\d|__pycache__|\.[^/]*)/")  # by a run, by Python, by Jupyter
    assert names == {name for name in here if not left.search(name)} | {"requirements.lock"}
    assert (installed / "mlsd" / "course" / "concepts.toml").is_file()


def test_a_check_answers_outside_the_repository(installed, tmp_path):
    code = (
        "import mlsd; from mlsd.course import check; print(mlsd.__file__); print(check('00.1', max).outcome)"
    )
    returned, out, err = run(installed, tmp_path, "-c", code)
    assert (returned, err) == (0, "")
    place, outcome = out.split()
    assert place.startswith(str(installed)) and outcome in ("wrong", "crashed")


def test_a_student_begins_a_lab_from_the_wheel(installed, tmp_path):
    returned, out, err = run(installed, tmp_path, "-m", "mlsd.cli", "lab", "start", "00")
    assert (returned, err) == (0, ""), err
    assert "reference" in out
    assert sorted(path.name for path in (tmp_path / "lab_00").iterdir()) == [
        "00_what_is_an_ml_system.ipynb",
        "start_00",
    ]
