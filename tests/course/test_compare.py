"""What a hand did to a notebook is named; whatever it was, the answer is findings or one sentence."""

import json
import random
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlsd.course.lab.catalogue import entry
from mlsd.course.lab.compare import compare, paired
from mlsd.course.lab.notebook import cells_of, read_notebook, to_run
from mlsd.course.lab.reset import reset
from mlsd.report import RefusedError
from tests.course.tiny import make_labs

LONG = "rows = [1, 2]\ntotals = [2 * row for row in rows]\nbest = max(totals)"
SOURCES = ["import math", LONG, "def double(x):\n    ...", "check('98.1', double)", "y = math.pi", "y + 1"]


def notebook(sources=SOURCES, first=1):
    """A record with a stub in the third cell."""
    cells = [
        {"cell_type": "code", "id": f"98-code-{k}", "metadata": {}, "outputs": [], "source": source}
        for k, source in enumerate(sources, first)
    ]
    if len(cells) > 2:
        cells[2]["metadata"] = {"exercise": "98.1", "tags": ["exercise"]}
    return {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": cells}


def copied(cell, **other):
    return {**json.loads(json.dumps(cell)), **other}


def found(record):
    """Code -> count, for a damaged copy of the notebook."""
    findings = compare(cells_of(record), cells_of(notebook()))
    assert all(f.severity == "warning" and not f.ok and "\n" not in f.message for f in findings)
    return {finding.code: finding.count for finding in findings}


def said(record):
    return [finding.message for finding in compare(cells_of(record), cells_of(notebook()))]


def test_an_answer_prose_and_cells_of_one_s_own_are_no_damage():
    record = notebook()
    record["cells"][2]["source"] = "def double(x):\n    return 2 * x"
    record["cells"][4]["source"] = "y = math.e"
    record["cells"].insert(3, {"cell_type": "code", "id": "own", "metadata": {}, "source": "double(3)"})
    record["cells"].insert(
        0, {"cell_type": "markdown", "id": "note", "metadata": {}, "source": "import math"}
    )
    del record["cells"][0]
    assert found(record) == {}


def test_deleted():
    record = notebook()
    del record["cells"][3], record["cells"][0]
    assert found(record) == {"deleted": 2}
    assert said(record) == ["2 cells of the lab are gone: import math, check('98.1', double)"]


def test_duplicated_with_an_id_of_its_own_with_the_same_and_edited():
    record = notebook()
    record["cells"].append(copied(record["cells"][0], id="x"))
    record["cells"].append(copied(record["cells"][4]))
    record["cells"].append(copied(record["cells"][2], id="z", source="def double(x):\n    return x"))
    assert found(record) == {"duplicated": 3}
    assert said(record)[0].startswith("3 cells are there a second time: cell 7 (import math), cell 8 (y")


@pytest.mark.parametrize("keeper", [0, 1, 2, None])
def test_split_whichever_part_keeps_the_id(keeper):
    record = notebook()
    lines = LONG.splitlines()
    parts = [
        copied(record["cells"][1], source=line, id="98-code-2" if k == keeper else f"new{k}")
        for k, line in enumerate(lines)
    ]
    record["cells"][1:2] = parts
    assert found(record) == {"split": 1}
    assert said(record) == ["1 cell is the first part of a split one: cell 2 (rows = [1, 2])"]


def test_joined():
    record = notebook()
    record["cells"][3]["source"] += "\n" + record["cells"].pop(4)["source"]
    assert found(record) == {"joined": 1}
    assert said(record) == ["1 cell of the lab is now part of another: y = math.pi"]


def test_moved_and_only_what_moved():
    record = notebook()
    record["cells"].append(record["cells"].pop(0))
    assert said(record) == ["1 cell is not in its place: cell 6 (import math)"]
    record["cells"][1], record["cells"][2] = record["cells"][2], record["cells"][1]
    assert found(record) == {"moved": 2}


def test_code_that_became_text():
    record = notebook()
    record["cells"][0]["cell_type"] = "markdown"
    assert said(record) == ["1 cell is no longer code and does not run: cell 1 (import math)"]


def test_ids_and_metadata_dropped_or_made_anew_are_no_damage():
    for drop in (lambda c: c.pop("id"), lambda c: c.update(id=str(random.Random(c["id"]).random())),
                 lambda c: (c.pop("id"), c.pop("metadata"))):  # fmt: skip
        record = notebook()
        for cell in record["cells"]:
            drop(cell)
        assert found(record) == {}


def test_an_edition_of_last_week_whose_ids_name_other_cells_now_is_no_damage():
    record = notebook(SOURCES[1:], first=1)  # since then a cell was put before all others
    record["cells"][1]["metadata"] = {"exercise": "98.1"}
    record["cells"][1]["source"] = "def double(x):\n    return 2 * x"
    record["cells"][2]["metadata"] = {}
    assert found(record) == {"deleted": 1}


def test_many_are_counted_and_three_are_named():
    record = notebook()
    del record["cells"][1:]
    assert said(record)[0].startswith("5 cells of the lab are gone: rows = [1, 2], def double(x):, check(")
    assert said(record)[0].endswith(" and 2 more")


@given(st.permutations(range(8)))
def test_the_fewest_cells_are_called_moved(order):
    sources = [f"x{k} = {k}" for k in range(8)]
    record = notebook(sources)
    made = cells_of(record)
    record["cells"] = [record["cells"][k] for k in order]
    moved = {f.code: f.count for f in compare(cells_of(record), made)}.get("moved", 0)
    longest = [1] * 8  # rising row that ends there, by the definition
    for i in range(8):
        longest[i] = max([longest[j] + 1 for j in range(i) if order[j] < order[i]], default=1)
    assert moved == 8 - max(longest)
    assert len({cell.k for cell in paired(cells_of(record), made).values()}) == 8


# ---- random damage --------------------------------------------------------------------------------


def delete(cells, rng):
    del cells[rng.randrange(len(cells))]


def duplicate(cells, rng):
    cells.insert(rng.randrange(len(cells) + 1), copied(rng.choice(cells)))


def split(cells, rng):
    k = rng.randrange(len(cells))
    source = "".join(cells[k].get("source") or "")
    at = rng.randrange(len(source) + 1)
    cells[k : k + 1] = [
        copied(cells[k], source=source[:at]),
        copied(cells[k], source=source[at:], id=f"s{at}"),
    ]


def swap(cells, rng):
    i, j = rng.randrange(len(cells)), rng.randrange(len(cells))
    cells[i], cells[j] = cells[j], cells[i]


def merge(cells, rng):
    k = rng.randrange(len(cells))
    if k + 1 < len(cells):
        other = cells.pop(k + 1)
        cells[k]["source"] = f"{''.join(cells[k].get('source') or '')}\n{''.join(other.get('source') or '')}"


def strip(cells, rng):
    for cell in cells if rng.random() < 0.5 else [rng.choice(cells)]:
        cell.pop(rng.choice(["id", "metadata", "outputs", "source", "cell_type"]), None)


def retype(cells, rng):
    value = rng.choice(["markdown", "raw", "banana", None, 3, [], {}])
    rng.choice(cells)[rng.choice(["cell_type", "id", "metadata", "source"])] = value


def normal(cells):
    """Retyped parts would break the damage itself, not what is tested."""
    for cell in cells:
        if not isinstance(cell.get("source", ""), (str, list)):
            cell["source"] = ""


DAMAGE = [delete, duplicate, split, swap, merge, strip, retype]


@pytest.fixture(scope="module")
def labs(tmp_path_factory):
    return make_labs(tmp_path_factory.mktemp("labs"))


def attempt(path, labs, progress):
    """Read, compare, prepare the run and put a stub back; one sentence or an answer, and the bytes as they were."""
    from mlsd.course.lab.progress import Progress

    lab, before = entry("98", labs), path.read_bytes()
    for act in (
        lambda: compare(cells_of(read_notebook(path)), cells_of(read_notebook(lab.path))),
        lambda: to_run(read_notebook(path)),
    ):
        try:
            act()
        except RefusedError as error:
            assert "\n" not in str(error)
        assert path.read_bytes() == before
    try:
        kept = reset(lab, path, "98.2", labs, Progress(progress))
    except RefusedError as error:
        assert "\n" not in str(error)
        assert path.read_bytes() == before
        return
    assert kept.read_bytes() == before
    stubs = [cell for cell in cells_of(read_notebook(path)) if cell.exercise == "98.2"]
    assert [cell.source for cell in stubs] == ["total = ..."]
    kept.unlink()


@given(st.integers(0, 2**32), st.lists(st.sampled_from(DAMAGE), min_size=1, max_size=6))
def test_whatever_a_hand_does_to_the_cells(labs, tmp_path_factory, seed, damage):
    folder = tmp_path_factory.mktemp("hand")
    rng, path = random.Random(seed), folder / "98_two_and_two.ipynb"
    record = json.loads((labs / "sprint_9" / path.name).read_text())
    for one in damage:
        if record["cells"]:
            normal(record["cells"])
            one(record["cells"], rng)
    path.write_text(json.dumps(record))
    attempt(path, labs, folder / "progress.jsonl")


@given(st.data())
def test_whatever_happens_to_the_bytes(labs, tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("bytes")
    path = folder / "98_two_and_two.ipynb"
    text = bytearray((labs / "sprint_9" / path.name).read_bytes())
    if data.draw(st.booleans()):
        del text[data.draw(st.integers(0, len(text) - 1)) :]
    for at in data.draw(st.lists(st.integers(0, len(text) - 1), max_size=4)) if text else ():
        text[at] = data.draw(st.integers(0, 255))
    path.write_bytes(text)
    attempt(path, labs, folder / "progress.jsonl")


def test_every_kind_of_damage_is_told_in_good_english():
    for count in (1, 2):
        record = notebook()
        record["cells"] = [c for c in record["cells"] for _ in range(1 + (c["id"] <= f"98-code-{count}"))]
        assert re.fullmatch(r"1 cell is there .*|2 cells are there .*", said(record)[0])
