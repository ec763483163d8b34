"""Students are given no solution: six planted leaks are found, and what is shown on purpose is none."""

import base64
import html

import nbformat
import pytest

from mlsd.course.lab.edition import edition, edition_path
from mlsd.course.lab.leaks import SMALLEST, Tokens, leaks
from mlsd.course.lab.source import read_lab

SOLUTION = '''def gap(y, hidden, group):
    """How far apart the groups are."""
    honest = y == 0
    rates = {one: hidden[honest & (group == one)].mean() for one in set(group)}
    return max(rates.values()) - min(rates.values())
'''
BODY = "\n".join(line[4:] for line in SOLUTION.splitlines()[2:])
RENAMED = """def distance(truth, taken, team):
    ok = truth == 0
    # the share in each team
    share = {
        t: taken[ok & (team == t)].mean()
        for t in set(team)
    }
    return max(share.values()) - min(share.values())
"""
EXERCISES = f"""
from mlsd.course.lab import Exercise

wide = Exercise("98.1", "Gap", hints=("Start with one group.", HINT))

@wide.reference
{SOLUTION}

summed = Exercise("98.2", "Sum", value=True)

@summed.reference
def total():
    small = 3
    return small + 4
"""
SOURCE = """# ---
# jupyter:
#   mlsd: {title: t, sprint: 9, minutes: 5, objectives: [], prerequisites: [], exercises: ["98.1", "98.2"]}
# ---

# %% [markdown]
# # Who is hidden? Let us take `honest = y == 0` and look at rates, one group after the other.

# %%
rows = [1, 2, 3]
sum(rows) / len(rows)

# %% tags=["exercise"] exercise="98.1"
def gap(y, hidden, group):
    ...

# %% tags=["check"]
check("98.1", gap)

# %% tags=["exercise"] exercise="98.2"
total = ...

# %% tags=["solution"]
extra = sorted(name.upper() for name in ("some", "names") if name not in rows)
"""


def commented(code):
    return "".join(f"# {line}\n" for line in code.splitlines())


def cell(code, kind=""):
    return f"\n# %%{kind}\n{code}\n"


def report(
    folder, more="", hint="Take the largest.", source=SOURCE, plant=lambda notebook: None, exercises=EXERCISES
):
    """The leaks of lab 98: more cells at the end of its source, then something planted in its edition."""
    (folder / "src").mkdir()
    (folder / "src" / "98_exercises.py").write_text(f"HINT = {hint!r}\n{exercises}", encoding="utf-8")
    path = folder / "src" / "98_tiny.py"
    path.write_text(source + more, encoding="utf-8")
    lab = read_lab(path)
    notebook = edition(lab, solved=False, folder=folder)
    plant(notebook)
    kept = edition_path(lab, solved=False, folder=folder)
    kept.parent.mkdir()
    nbformat.write(notebook, kept)
    return leaks(lab, folder)


def places(found):
    return [finding.subject for finding in found.failures]


def test_a_clean_lab_has_none(tmp_path):
    assert [str(finding.message) for finding in report(tmp_path)] == ["students are given no solution"]


def show(notebook):
    notebook.cells[1].outputs = [nbformat.v4.new_output("stream", text="before\n" + SOLUTION)]


def show_html(notebook):
    data = {"text/html": f"<pre>{html.escape(BODY)}</pre>"}
    notebook.cells[1].outputs = [nbformat.v4.new_output("display_data", data)]


def attach(notebook):
    text = base64.b64encode(SOLUTION.encode()).decode()
    notebook.cells[0]["attachments"] = {"notes.txt": {"text/plain": text}}


def append(notebook):
    notebook.cells.append(nbformat.v4.new_code_cell(RENAMED))


PLANTED = {  # where -> (cells in the source, something done to the edition)
    "text": (cell(commented("Like this:\n\n```python\n" + SOLUTION + "```"), " [markdown]"), None),
    "code": (cell(BODY), None),
    "code with other names": (cell(RENAMED), None),
    "output": ("", show),
    "output in HTML": ("", show_html),
    "comment": (cell("rows\n" + commented(BODY)), None),
    "metadata": ("", lambda notebook: notebook.metadata.update(mlsd_answers=[{"98.1": SOLUTION}])),
    "metadata of a cell": ("", lambda notebook: notebook.cells[2].metadata.update(old=SOLUTION)),
    "attachment": ("", attach),
    "text without fence": (cell(commented("Take " + " then ".join(BODY.splitlines())), " [markdown]"), None),
    "check": (cell(BODY + "\nrates", ' tags=["check"]'), None),
    "a cell that the source does not have": ("", append),
}  # fmt: skip


@pytest.mark.parametrize("where", PLANTED)
def test_a_planted_leak_is_found_once(tmp_path, where):
    more, plant = PLANTED[where]
    found = report(tmp_path, more, plant=plant or (lambda notebook: None))
    assert len(found.failures) == 1
    assert "of the solution of exercise 98.1" in found.failures[0].message


def test_the_place_is_named(tmp_path):
    assert places(report(tmp_path, plant=show)) == ["cell 2 output"]


def test_a_hint_may_help_and_not_tell(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    helps = "The end is `max(rates.values()) - min(rates.values())`."
    assert places(report(tmp_path / "a", hint=helps)) == []
    found = report(tmp_path / "b", hint=f"Write\n\n```python\n{BODY}\n```")
    assert places(found) == ["cell 4"]
    assert found.failures[0].value > 0.9


def test_what_the_author_shows_on_purpose_is_no_secret(tmp_path):
    part = "seen = {1: 2}\nmax(seen.values()) - min(seen.values())"
    for name in "abc":
        (tmp_path / name).mkdir()

    def shown(notebook):
        notebook.cells[-1].outputs = [nbformat.v4.new_output("stream", text=part)]

    assert places(report(tmp_path / "a", cell(part), plant=shown)) == []
    assert places(report(tmp_path / "b", cell("print(rows)"), plant=shown)) == ["cell 7 output"]
    assert places(report(tmp_path / "c", cell("print(rows)\n" + commented(part)))) == ["cell 7 comments"]


def test_what_the_stub_gives_is_no_secret_unless_it_gives_all(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    given = SOURCE.replace("    ...", f"    {BODY.splitlines()[1]}\n    ...", 1)

    def note(notebook):
        notebook.metadata.update(note=BODY.splitlines()[1])

    assert places(report(tmp_path / "a", source=given, plant=note)) == []
    everything = SOURCE.replace("def gap(y, hidden, group):\n    ...\n", SOLUTION)
    assert places(report(tmp_path / "b", source=everything)) == ["cell 3"]


def test_small_statements_are_a_solution_together(tmp_path):
    body = "    a = y + 1\n    b = hidden + a\n    c = b + group\n    return c\n"
    exercises = EXERCISES.replace(SOLUTION, SOLUTION.splitlines()[0] + "\n" + body)
    for name in "ab":
        (tmp_path / name).mkdir()
    three = "u = 0\nv = u + 1\nw = 0\nx = w + v\nz = 0\nt = x + z"
    all_four = "def f(u, w, z):\n    v = u + 1  # so\n    x = w + v\n\n    t = x + z\n    return t"
    assert places(report(tmp_path / "a", cell(three), exercises=exercises)) == []
    assert places(report(tmp_path / "b", cell(all_four), exercises=exercises)) == ["cell 7"]


def test_an_idiom_in_a_long_solution_is_no_leak(tmp_path):
    idiom = "seen = {1: 2}\nmax(seen.values()) - min(seen.values())"
    assert places(report(tmp_path, cell(idiom))) == []


def test_code_for_the_solution_edition_alone_is_a_solution_too(tmp_path):
    leaked = "extra = sorted(n.upper() for n in ('some', 'names') if n not in rows)"
    found = report(tmp_path, plant=lambda notebook: notebook.cells[0].metadata.update(note=leaked))
    assert [(f.subject, f.message) for f in found.failures] == [
        ("cell 1 metadata", "shows 100% of the solution of exercise 98.2; students must not be given it")
    ]


def test_the_other_files_that_students_are_given(tmp_path):
    report(tmp_path)
    lab = read_lab(tmp_path / "src" / "98_tiny.py")
    (tmp_path / "src" / "98_start.py").write_text(f"def start(folder):\n    {BODY.splitlines()[1]}\n")
    (tmp_path / "sprint_9" / "98_notes.md").write_text(f"# Notes\n\n{RENAMED}")
    other = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(RENAMED)])
    nbformat.write(other, tmp_path / "sprint_9" / "98_old.ipynb")
    (tmp_path / "solutions").mkdir()
    (tmp_path / "solutions" / "98_tiny.py").write_text(SOLUTION)  # there on purpose
    assert places(leaks(lab, tmp_path)) == ["98_notes.md", "98_old.ipynb cell 1", "98_start.py"]


def test_an_edition_that_was_not_built_is_made_for_the_question(tmp_path):
    report(tmp_path, cell(RENAMED))
    lab = read_lab(tmp_path / "src" / "98_tiny.py")
    edition_path(lab, solved=False, folder=tmp_path).unlink()
    assert len(leaks(lab, tmp_path).failures) == 1


def test_names_are_told_apart_and_not_remembered():
    text = Tokens.of("so a.mean() - (b + a)[0] it is")
    assert text.hold(Tokens.of("x.mean() - (y + x)[0]"))
    assert not text.hold(Tokens.of("x.mean() - (y + y)[0]"))  # one name for two
    assert not text.hold(Tokens.of("x.mean() - (y + z)[0]"))  # two names for one
    assert not text.hold(Tokens.of("x.median() - (y + x)[0]"))
    assert not Tokens.of("a + 1").hold(Tokens.of("a + 12"))
    assert Tokens.of("it isn't f'x y' that's").hold(Tokens.of("'x y'"))
    assert Tokens.of("a + b + b").hold(Tokens.of("x + x"))  # the second place fits


def test_small_pieces_stand_in_any_code(tmp_path):
    assert SMALLEST == 12
    assert (
        places(report(tmp_path, plant=lambda notebook: notebook.metadata.update(a="small + 4", b="y == 0")))
        == []
    )
