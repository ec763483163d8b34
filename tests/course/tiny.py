"""Tiny labs for the tests of the lab engine: 98 with two exercises and a start state, 97 with none."""

import json
import shutil
from pathlib import Path

import psutil

SOURCE = """# ---
# jupyter:
#   mlsd:
#     title: Two and two?
#     sprint: 9
#     minutes: 5
#     objectives:
#       - add two numbers
#     prerequisites: []
#     exercises: ["98.1", "98.2"]
# ---

# %% [markdown]
# # Two and two?

# %% tags=["demo"]
from mlsd.course import check

base = 2

# %% tags=["exercise"] exercise="98.1"
def double(x):
    ...

# %% tags=["check"]
check("98.1", double)

# %% tags=["exercise"] exercise="98.2"
total = ...

# %% tags=["check"]
check("98.2", total)

# %%
base + 40
"""

EXERCISES = """
from mlsd.course.lab import Exercise, expect_same, number

twice = Exercise("98.1", "Twice as much", minutes=2, objectives=(1,), hints=("What is 2 times x?",))

@twice.reference
def double(x):
    return 2 * x

@twice.inputs
def _(rng):
    return (int(rng.integers(3, 9)),)

@twice.law("three gives six")
def _(answer, rng):
    expect_same(answer(3), 6)

@twice.misconception("squared", why="x times x is the square.", hint="Take x once more, not x times.")
def _(x):
    return x * x

four = Exercise("98.2", "Two and two", minutes=2, objectives=(1,), value=True)

@four.reference
def total():
    return 2 + 2

four.law("it is four")(number(lambda: 4, tolerance=0.1))
"""

START = """
def start(folder):
    (folder / "rows.csv").write_text("x\\n1\\n2\\n")
    (folder / "more").mkdir()
    (folder / "more" / "note.txt").write_text("hello\\n")
"""

BARE = (
    SOURCE.replace("98", "97").split("# %% [markdown]")[0].replace('["97.1", "97.2"]', "[]") + "# %%\n1 + 1\n"
)


def make_labs(folder: Path) -> Path:
    """A folder of labs with unexecuted editions and start digests."""
    from mlsd.course.lab.build import to_text
    from mlsd.course.lab.edition import edition, edition_path
    from mlsd.course.lab.source import lab_sources, read_lab
    from mlsd.course.lab.start import write_start_digests

    files = {
        "98_two_and_two.py": SOURCE,
        "98_exercises.py": EXERCISES,
        "98_start.py": START,
        "97_bare.py": BARE,
        "97_exercises.py": "",
    }
    (folder / "src").mkdir(parents=True)
    for name, text in files.items():
        (folder / "src" / name).write_text(text, encoding="utf-8")
    for path in lab_sources(folder):
        lab = read_lab(path)
        kept = edition_path(lab, solved=False, folder=folder)
        kept.parent.mkdir(exist_ok=True)
        kept.write_text(to_text(edition(lab, solved=False, folder=folder)), encoding="utf-8")
        write_start_digests(lab.number, folder)
    shutil.rmtree(folder / "src" / "__pycache__", ignore_errors=True)
    return folder


def write_notebook(path: Path, *sources: str, **metadata: object) -> Path:
    """A notebook of code cells."""
    cells = [
        {
            "cell_type": "code",
            "id": f"c{k}",
            "metadata": {},
            "outputs": [],
            "execution_count": None,
            "source": s,
        }
        for k, s in enumerate(sources, 1)
    ]
    record = {"nbformat": 4, "nbformat_minor": 5, "metadata": metadata, "cells": cells}
    path.write_text(json.dumps(record), encoding="utf-8")
    return path


def children() -> set[int]:
    """The processes below this one that run."""
    below = psutil.Process().children(recursive=True)
    return {child.pid for child in below if child.status() != psutil.STATUS_ZOMBIE}
