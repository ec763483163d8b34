"""A stub is put back where it was, the notebook before is kept, and the tries start anew."""

import json

import pytest

from mlsd.course.lab.catalogue import entry
from mlsd.course.lab.desk import lay_out
from mlsd.course.lab.progress import Progress
from mlsd.course.lab.reset import reset
from mlsd.report import RefusedError
from tests.course.tiny import make_labs

STUB = "def double(x):\n    ..."


@pytest.fixture
def desk(tmp_path):
    """Labs, the lab, a student's notebook, their progress."""
    labs = make_labs(tmp_path / "labs")
    lab = entry("98", labs)
    return labs, lab, lay_out(lab, tmp_path / "desk", labs).notebook, Progress(tmp_path / "progress.jsonl")


def change(path, act):
    record = json.loads(path.read_text())
    act(record["cells"])
    path.write_text(json.dumps(record))
    return [source_of(cell) for cell in record["cells"]]


def source_of(cell):
    return "".join(cell["source"])


def sources(path):
    return [source_of(cell) for cell in json.loads(path.read_text())["cells"]]


def stub(cells):
    return next(k for k, cell in enumerate(cells) if cell["metadata"].get("exercise") == "98.1")


def answer(cells):
    cells[stub(cells)] |= {"source": "def double(x):\n    return 3", "outputs": [], "execution_count": 7}


def test_the_stub_is_back_the_rest_untouched_and_the_old_version_kept(desk):
    labs, lab, path, progress = desk
    fresh = sources(path)
    change(
        path,
        lambda cells: (
            answer(cells),
            cells.insert(0, {"cell_type": "raw", "metadata": {}, "source": "mine"}),
        ),
    )
    before = path.read_bytes()
    for event in ("wrong", "wrong", "crashed"):
        progress.add("98.1", event)
    kept = reset(lab, path, "98.1", labs, progress)
    assert kept.name == "98_two_and_two.before-reset-1.ipynb" and kept.read_bytes() == before
    assert sources(path) == ["mine", *fresh]
    assert progress.tries("98.1") == 0 and not progress.is_open("98.1")
    assert reset(lab, path, "98.1", labs, progress).name == "98_two_and_two.before-reset-2.ipynb"
    assert kept.read_bytes() == before


GONE = {
    "deleted": lambda cells: cells.pop(stub(cells)),
    "twice": lambda cells: (answer(cells), cells.insert(stub(cells), dict(cells[stub(cells)]))),
    "split": lambda cells: cells.insert(stub(cells), {**cells[stub(cells)], "id": "new", "source": "def"}),
    "without its marks": lambda cells: (
        answer(cells),
        [(cell.pop("id"), cell.update(metadata={})) for cell in cells],
    ),
}


@pytest.mark.parametrize("damage", GONE.values(), ids=GONE)
def test_a_stub_that_is_gone_or_broken_comes_back_to_its_place(desk, damage):
    labs, lab, path, progress = desk
    fresh = sources(path)
    change(path, damage)
    reset(lab, path, "98.1", labs, progress)
    assert sources(path) == fresh


def test_another_stub_that_bore_the_id_in_an_older_edition_is_left_alone(desk):
    labs, lab, path, progress = desk

    def swap(cells):
        one, two = (next(c for c in cells if c["metadata"].get("exercise") == id) for id in ("98.1", "98.2"))
        one["id"], two["id"] = two["id"], one["id"]
        two["source"] = "total = 4"

    before = change(path, swap)
    reset(lab, path, "98.1", labs, progress)
    assert sources(path) == before
    ids = [cell["id"] for cell in json.loads(path.read_text())["cells"]]
    assert len(ids) == len(set(ids))


def test_after_all_cells_are_gone_the_stub_stands_first(desk):
    labs, lab, path, progress = desk
    change(path, lambda cells: cells.clear())
    reset(lab, path, "98.1", labs, progress)
    assert sources(path) == [STUB, 'check("98.1", double)']  # its check, too


def test_the_whole_notebook_comes_back_even_from_one_that_cannot_be_read(desk):
    labs, lab, path, progress = desk
    fresh = sources(path)
    path.write_bytes(b"{ half a noteb")
    with pytest.raises(RefusedError, match="cannot be read as a notebook"):
        reset(lab, path, "98.1", labs, progress)
    assert [p.name for p in path.parent.glob("*.ipynb")] == [path.name]  # nothing was copied for nothing
    kept = reset(lab, path, None, labs, progress)
    assert kept.read_bytes() == b"{ half a noteb"
    assert sources(path) == fresh
    assert [event["exercise"] for event in progress.events] == ["98.1", "98.2"]


def test_an_old_notebook_gets_no_ids(desk):
    labs, lab, path, progress = desk
    record = json.loads(path.read_text())
    record["nbformat_minor"] = 4
    for cell in record["cells"]:
        del cell["id"]
    path.write_text(json.dumps(record))
    reset(lab, path, "98.2", labs, progress)
    assert all("id" not in cell for cell in json.loads(path.read_text())["cells"])
