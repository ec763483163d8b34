"""The rules of a lab: a straight one breaks none, and each crooked one breaks its own."""

import ast
from pathlib import Path

import nbformat
import pytest

from mlsd.course.lab.build import to_text
from mlsd.course.lab.edition import edition, edition_path
from mlsd.course.lab.source import read_lab
from mlsd.course.lint import lint
from mlsd.course.lint.names import stored
from mlsd.course.lint.rules import RULES

FRONT = """# ---
# jupyter:
#   mlsd:
#     title: Is a mean enough?
#     sprint: 9
#     minutes: 45
#     objectives:
#       - measure a spread
#     prerequisites: []
#     exercises: ["98.1"]
# ---
"""
START = """
# %% [markdown]
# # Is a mean enough?

# %%
import numpy as np

from mlsd.course import check

# %% [markdown]
# Draw a hundred numbers.

# %%
numbers = np.random.default_rng(0).normal(size=100)
"""
END = """
# %% [markdown]
# ### Exercise 98.1

# %% tags=["exercise"] exercise="98.1"
def spread(values):
    ...

# %% tags=["check"]
check("98.1", spread)
"""
EXERCISES = """
from mlsd.course.lab import Exercise

wide = Exercise("98.1", "Spread", level="core", minutes=5, objectives=(1,), hints=("Largest, smallest.",))

@wide.reference
def spread(values):
    return max(values) - min(values)
"""


def text(data, kind="text/plain", **about):
    return nbformat.v4.new_output("execute_result", {kind: data}, metadata=about, execution_count=1)


def png(**about):
    data = {"image/png": "aGVsbG8=", "text/plain": "a picture"}
    return nbformat.v4.new_output("display_data", data, metadata=about)


def executed(notebook, said, outputs):
    """A notebook as if it had been run: counts, verdicts, and the outputs given for a cell's source."""
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    for k, cell in enumerate(code, 1):
        cell.execution_count = k
        cell.outputs = outputs.get(cell.source, [])
        if "check" in cell.metadata.get("tags", ()):
            cell.outputs = [text(f"exercise 98.1: {said}.")]
    return notebook


def made(folder, *cells, end=END, front=FRONT, exercises=EXERCISES, outputs=None, seconds=2.0):
    """A folder with lab 98, these cells added (prose starts with #), both editions as if they had been run."""
    blocks = [f"\n# %%{' [markdown]' if cell.startswith('# ') else ''}\n{cell}\n" for cell in cells]
    (folder / "src").mkdir()
    source = folder / "src" / "98_tiny.py"
    source.write_text(front + START + "".join(blocks) + end, encoding="utf-8")
    (folder / "src" / "98_exercises.py").write_text(exercises, encoding="utf-8")
    (folder / "timings.json").write_text(f'{{"format": 1, "98": {{"student": {seconds}, "solution": 1.0}}}}')
    lab = read_lab(source)
    for solved, said in ((False, "not attempted"), (True, "passed")):
        path = edition_path(lab, solved=solved, folder=folder)
        path.parent.mkdir()
        notebook = executed(edition(lab, solved=solved, folder=folder), said, outputs or {})
        path.write_text(to_text(notebook), encoding="utf-8")
    return lab, folder


def broken(report):
    """Code and sentence of what a report refuses; the size of a lab is advice."""
    return [(finding.code, finding.message) for finding in report.failures]


LEGAL = [
    "shares = [part / whole for part, whole in [(1, 2)] if part]\nsum(share for share in shares)",
    "# We name a limit below.",
    "def high(value, above=1):\n    inner = value > LIMIT\n    return [inner for _ in range(above)]",
    "LIMIT = 2\nhigh(3)",
    "# Loops, files and errors may reuse a name; a figure belongs to its cell.",
    "for day in range(3):\n    print(day)\nfigure, axes = 1, 2\nfigure",
    "for day in range(2):\n    print(day)\nfigure, axes = 3, 4\nfigure",
    "import numpy as np\ntry:\n    int('x')\nexcept ValueError as error:\n    print(error)",
    "# The server answers at `http://example.org` in this prose only.",
    'url = "http://127.0.0.1:8000/predict"\nroute = "/predict"\n(n := len(url)) + n',
    "match [1, 2]:\n    case [first, *others] if first:\n        print(first, others)",
    "class Box:\n    size = 1\n    double = size * 2\n\n    def grown(self):\n        return Box.size + self.size",
    "# Lab 99 will show how. In the next lab, number 99, we will see more.",
    "from sklearn.model_selection import KFold, train_test_split\nlow = ~(numbers > 0)\nKFold(3)",
    "halves = train_test_split(numbers, random_state=0)\nrows = (lambda frame: frame.sample(2, random_state=1))",
    "with open('own.txt') as file, open(file.name) as again:\n    print(again.read())\ndel halves",
    "# Unlabelled rows are 3,841 of 7,200, from 2024-03-01 on, with Python 3.11.2.",
    "total = 0\nfor number in numbers:\n    total += number\nprint(f'{total:.2f}', high)",
    "async def waits(x: int = LIMIT, *more, **rest):\n    global seen\n    seen = [x, more, rest]\n    return x",
    "# What was a loop's may be taken for good afterwards.",
    "day = 3",
    "day + 1",
]  # fmt: skip
SVG = '<svg role="img" aria-label="{}"><path d="M 0.12345 0.98765"/></svg>'
SEEN = {
    LEGAL[0]: [text("0.123 and 12.5 % of 3,841 on 2024-03-01, 100.0, -1.5e-07, 1:10, Python 3.11.2")],
    LEGAL[3]: [text(SVG.format("Unlabelled rows. A line chart of y against x"), "image/svg+xml")],
    LEGAL[5]: [text("<b style='padding:0.12345em'>0.5</b>", "text/html")],
    LEGAL[6]: [png(**{"image/png": {"alt": "a line rises"}})],
}


def test_a_straight_lab_breaks_no_rule(tmp_path):
    lab, folder = made(tmp_path, *LEGAL, outputs=SEEN)
    report = lint(lab, folder)
    assert broken(report) == []
    assert {finding.code for finding in report if finding.ok} >= set(RULES) - {"size"}
    assert all(finding.message for finding in report)


RANDOM = (
    "import random\nfrom random import shuffle\nfrom sklearn.model_selection import KFold, train_test_split\n"
)
CROOKED = {  # what is wrong -> (rule, cells, part of the sentence)
    "a name from nowhere": ("undefined", ["later + 1", "# Then.", "later = 1"], "'later'"),
    "a name from a deleted line": ("undefined", ["import json\nround(gone)"], "'gone'"),
    "a name that was deleted": ("undefined", ["temp = 1\ndel temp", "# So.", "temp"], "'temp'"),
    "only in a comprehension": ("undefined", ["[item for item in numbers]", "# So.", "item"], "'item'"),
    "only in a function": ("undefined", ["def f():\n    inner = 1", "# So.", "inner"], "'inner'"),
    "a function needs it": ("undefined", ["def f():\n    return nowhere"], "'nowhere'"),
    "added to nothing": ("undefined", ["count += 1"], "'count'"),
    "in the branch": ("undefined", ["if numbers.any():\n    print(absent)"], "'absent'"),
    "as a default": ("undefined", ["def f(x=unset):\n    return x"], "'unset'"),
    "in a class": ("undefined", ["class A(Unknown):\n    pass"], "'Unknown'"),
    "another meaning": ("rebound", ["numbers = 3", "# So.", "numbers"], "'numbers'"),
    "a loop takes the name": ("rebound", ["for numbers in range(2):\n    pass", "# So.", "numbers"], "'numbers'"),
    "an import takes the name": ("rebound", ["import os as np"], "'np'"),
    "a grown name": ("rebound", ["size = 1", "# So.", "size += 1"], "'size'"),
    "an address": ("network-or-path", ['site = f"https://example.org/{numbers}"'], "https://example.org"),
    "a host": ("network-or-path", ['import socket\nsocket.create_connection(("example.org", 80))'], "example.org"),
    "a path": ("network-or-path", ['place = "/tmp/rows.csv"'], "/tmp/rows.csv"),
    "a root": ("network-or-path", ['from pathlib import Path\nPath("/rows")'], "/rows"),
    "a drive": ("network-or-path", ['place = "C:\\\\rows"'], "C:"),
    "a home": ("network-or-path", ['place = "~/rows.csv"'], "~/rows.csv"),
    "a home, asked for": ("network-or-path", ["from pathlib import Path\nPath.home()"], "pathlib.Path.home"),
    "no seed": ("unseeded", ["np.random.default_rng()"], "default_rng has no seed"),
    "no seed, said": ("unseeded", ["np.random.default_rng(None)"], "default_rng has no seed"),
    "a hidden state": ("unseeded", ["np.random.rand(3)"], "numpy.random.rand"),
    "the global state": ("unseeded", [RANDOM + "shuffle([1])\nrandom.Random(1)"], "random.shuffle"),
    "Random without": ("unseeded", [RANDOM + "random.Random()"], "random.Random"),
    "None": ("unseeded", [RANDOM + "train_test_split([1, 2], random_state=None)"], "None"),
    "a split": ("unseeded", [RANDOM + "train_test_split([1, 2])"], "train_test_split"),
    "folds": ("unseeded", [RANDOM + "KFold(2, shuffle=True)"], "KFold"),
    "a sample": ("unseeded", ["rows = lambda frame: frame.sample(3)"], "sample has no random_state"),
    "an id": ("unseeded", ["import uuid\nuuid.uuid4()"], "uuid.uuid4"),
    "a long cell": ("long-cell", ["\n".join(f"a{k} = {k}" for k in range(26))], "26 lines"),
    "four in a row": ("no-prose", ["1 + 1", "1 + 2", "1 + 3"], "code cell 4 in a row"),
    "a later lab": ("forward", ["# Use the gate *as in **lab 99***."], "lab 99"),
    "a later lab showed": ("forward", ["# Lab 99 showed that\n# it works."], "lab 99"),
    "in a later lab": ("forward", ["# In lab 99 we saw this."], "lab 99"),
    "seen in a later lab": ("forward", ["# We know that from before, it was built in lab 99."], "lab 99"),
}  # fmt: skip


@pytest.mark.parametrize("wrong", CROOKED)
def test_a_crooked_cell_breaks_its_rule_and_no_other(tmp_path, wrong):
    code, cells, said = CROOKED[wrong]
    found = broken(lint(*made(tmp_path, *cells)))
    assert {rule for rule, _ in found} == {code}
    assert said in found[0][1]
    assert len(found) == 1  # though both editions hold the cell


def test_a_solution_is_looked_at_too(tmp_path):
    exercises = EXERCISES.replace("max(values)", "math.fsum(values)")
    assert broken(lint(*made(tmp_path, exercises=exercises))) == [
        ("undefined", "uses 'math', which is not defined before it")
    ]


SHOWN = {  # what is wrong -> (rule, output, part of the sentence)
    "an axis": ("axes", text(SVG.format("A line chart of an unlabelled y axis"), "image/svg+xml"), "no label"),
    "no words": ("alt", png(), "image/png"),
    "empty words": ("alt", text(SVG.format(" "), "image/svg+xml"), "image/svg+xml"),
    "no label": ("alt", text("<svg><path/></svg>", "image/svg+xml"), "image/svg+xml"),
    "an img": ("alt", text("<img src='data:,'>", "text/html"), "text/html"),
    "four digits": ("digits", text("AUC 0.8157"), "0.8157"),
    "four digits in HTML": ("digits", text("<b>12.34</b>", "text/html"), "12.34"),
    "many digits": ("digits", text("1,234.5"), "1,234.5"),
    "a moment": ("digits", text("at 09:41:07"), "the time of day '09:41:07'"),
    "a path": ("digits", text("[PosixPath('/tmp/abc/rows.csv')]"), "the path '/tmp/a"),
    "an object": ("digits", text("<object at 0x7f3a2b1c>"), "the object id '0x7f3a2b1c'"),
    "a port": ("digits", nbformat.v4.new_output("stream", text="on http://127.0.0.1:4711"), "the address 'http"),
}  # fmt: skip


@pytest.mark.parametrize("wrong", SHOWN)
def test_a_crooked_output_breaks_its_rule_and_no_other(tmp_path, wrong):
    code, output, said = SHOWN[wrong]
    found = broken(lint(*made(tmp_path, "1 + 41", outputs={"1 + 41": [output]})))
    assert [rule for rule, _ in found] == [code, code]  # in both editions
    assert said in found[0][1]


def test_an_output_that_is_not_compared_may_hold_anything(tmp_path):
    end = END.replace(
        "# ### Exercise", '# So.\n\n# %% tags=["ignore-output"]\n4 + 4\n\n# %% [markdown]\n# ### Exercise'
    )
    few = {"4 + 4": [text("09:41")]}
    many = {f"{k} + 1": [text("2")] for k in range(4)}
    cells = [part for cell in many for part in ("# So.", cell)]
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    assert broken(lint(*made(tmp_path / "a", *cells, end=end, outputs=few | many))) == []
    found = broken(
        lint(*made(tmp_path / "b", *cells[:4], end=end, outputs=few | dict(list(many.items())[:2])))
    )
    assert {code for code, _ in found} == {"ignored"}
    assert "1 of 4 outputs" in found[0][1]


def test_promises_are_kept(tmp_path):
    front = FRONT.replace("measure a spread", "measure a spread\n#       - fly")
    exercises = EXERCISES.replace("objectives=(1,)", "objectives=(3,)")
    found = broken(lint(*made(tmp_path, front=front, exercises=exercises)))
    assert {code for code, _ in found} == {"objective", "exercise"}
    assert ("objective", "no exercise practises 'fly'") in found
    assert ("exercise", "names objective 3, the lab has 2") in found


def test_an_exercise_without_objective(tmp_path):
    found = broken(lint(*made(tmp_path, exercises=EXERCISES.replace("objectives=(1,), ", ""))))
    assert ("exercise", "names no objective of the lab") in found


def test_a_prerequisite_comes_before(tmp_path):
    found = broken(
        lint(*made(tmp_path, front=FRONT.replace("prerequisites: []", "prerequisites: [lab 99, lab 03]")))
    )
    assert found == [("forward", "names lab 99 as a prerequisite, which comes later")]


def test_declared_minutes_suffice_for_reading_running_and_exercises(tmp_path):
    # 600 words are 3 minutes, the exercise takes 5, and 5 code cells 20 seconds each: 9.7 of 10 minutes
    words, front = "# " + "word " * 590, FRONT.replace("minutes: 45", "minutes: 10")
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    assert broken(lint(*made(tmp_path / "a", words, "1 + 1", front=front))) == []
    found = broken(lint(*made(tmp_path / "b", words + "word " * 100, "1 + 1", front=front)))
    assert [code for code, _ in found] == ["minutes"]
    assert "about 10 minutes" in found[0][1] and "5 minutes of exercises" in found[0][1]


def test_an_edition_runs_in_45_seconds(tmp_path):
    found = broken(lint(*made(tmp_path, seconds=46)))
    assert found == [("minutes", "took 46 seconds to run, at most 45 are allowed")]


def test_a_notebook_is_light(tmp_path):
    heavy = {"1 + 1": [text("a" * 300_001)]}
    found = broken(lint(*made(tmp_path, "1 + 1", outputs=heavy)))
    assert {code for code, _ in found} == {"weight"}


def test_an_edition_that_was_never_built(tmp_path):
    lab, folder = made(tmp_path)
    edition_path(lab, solved=True, folder=folder).unlink()
    assert broken(lint(lab, folder)) == [("built", "is not there: run `mlsd course build 98`")]


def test_the_size_of_a_lab_is_advice(tmp_path):
    figure = text(SVG.format("A line"), "image/svg+xml")
    cells = [part for k in range(22) for part in ("# " + "word " * 42, f"{k} + 1")]
    for name in "abc":
        (tmp_path / name).mkdir()
    right = lint(*made(tmp_path / "a", *cells))
    small = lint(*made(tmp_path / "b"))
    shown = {f"{k} + 1": [figure] for k in range(7)}
    crowd = lint(*made(tmp_path / "c", *[cell for cell in cells if cell[0] != "#"], outputs=shown))
    assert [f.subject for f in right if f.code == "size" and not f.ok] == []
    assert [f.subject for f in small if f.code == "size" and not f.ok] == ["code cells", "words"]
    assert {f.subject for f in crowd if f.code == "size" and not f.ok} == {"words", "rhythm", "figures"}
    assert small.ok


def test_the_guards_are_rules_too(tmp_path):
    found = broken(lint(*made(tmp_path, "%time 1 + 1")))
    assert {code for code, _ in found} == {"magic"}


def test_names_that_statements_bind():
    body = ast.parse(
        "import a.b, c as d\nfrom e import f\nx, (y, *z) = w\nwith p() as q: r = 1\n"
        "for s in t:\n    u: int = 1\ntry: pass\nexcept E as v: pass\n[g for g in h if (k := g)]\n"
        "def m(n): o = 1\nclass A: i = 1\nj[0] = l.n = 1"
    ).body
    assert sorted(stored(body)) == sorted("a d f x y z q r s u v k m A".split())


def test_every_rule_was_seen_red():
    seen = {code for code, *_ in [*CROOKED.values(), *SHOWN.values()]}
    elsewhere = {"built", "objective", "exercise", "minutes", "ignored", "weight", "size"}
    assert seen | elsewhere == set(RULES)


def test_the_folder_of_the_labs_is_never_written(tmp_path):
    lab, folder = made(tmp_path)
    before = {
        path: path.read_bytes()
        for path in Path(folder).rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }
    lint(lab, folder)
    assert before == {p: p.read_bytes() for p in folder.rglob("*") if p.is_file() and p.suffix != ".pyc"}
