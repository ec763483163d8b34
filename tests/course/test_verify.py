"""The proof of the checks: it holds for a good lab, and each thing it asks for can turn it red."""

import ast
import itertools
import json
import time
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest

from mlsd.course.lab import judge as judging
from mlsd.course.lab import trial
from mlsd.course.lab import verify as verifying
from mlsd.course.lab.bank import exercises
from mlsd.course.lab.exercise import Exercise
from mlsd.course.lab.expectation import expect_same
from mlsd.course.lab.proof import Proof, due, proof_path, read_proof, write_proof
from mlsd.course.lab.trial import answer_of, judged, table, try_ideas, try_mutants
from mlsd.course.lab.verify import verify
from mlsd.report import Finding, RefusedError

SOURCE = """\
# ---
# jupyter:
#   mlsd:
#     title: Late parcels
#     sprint: 0
#     minutes: 5
#     objectives: [count what is late, choose]
#     prerequisites: []
#     exercises: ["98.1", "98.2", "98.3"]
# ---

# %%
import numpy as np

# %% tags=["exercise"] exercise="98.1"
def late_share(waits, limit=np.inf):
    '''The share that is late.'''
    ...

# %% tags=["exercise"] exercise="98.2"
chosen = ...

# %% tags=["exercise"] exercise="98.3"
text = ...
"""

EXERCISES = """\
from mlsd.course.lab import Exercise, choice, expect, expect_same, written

late = Exercise("98.1", "What share is late?", minutes=2, objectives=(1,), hints=("Count.", "Divide."))


@late.reference
def late_share(waits, limit):
    n = sum(wait > limit for wait in waits)
    return n / len(waits)


@late.inputs
def some_waits(rng):
    return list(map(int, rng.integers(0, 9, 12))), 5


@late.law("a parcel at the limit is in time")
def _(answer, rng):
    expect_same(answer([5, 5, 4, 6], 5), 0.25)


@late.law("a share lies between 0 and 1, and is 1 when all are late")
def _(answer, rng):
    n = int(rng.integers(2, 9))
    if n > 1:
        expect(answer([9] * n, 5) == 1,
               "all are late")
    expect(answer([9] + [1] * n, 5) <= 1 / 3, "one of three or more is late")


@late.misconception("limit_is_late", why="At the limit it is in time.", hint="Which sign?")
def _(waits, limit):
    return sum(wait >= limit for wait in waits) / len(waits)


@late.misconception("counts", why="A number is no share.", hint="Divide.")
def _(waits, limit):
    return sum(wait > limit for wait in waits)


@late.misconception("half_late", why="A half is a guess.", hint="Count.")
def _(waits, limit):
    return 0.5


pick = Exercise("98.2", "Which?", minutes=1, objectives=(2,), hints=("Think.",), value=True)


@pick.reference
def chosen():
    return "b2"


pick.law("it is chosen for its reason")(choice("ab", "12", {"b2"}))


@pick.misconception("a", why="No.", hint="b.")
def _():
    return "a1"


@pick.misconception("b_by_luck", why="No.", hint="2.")
def _():
    return "b1"


words = Exercise("98.3", "Why?", minutes=1, objectives=(2,), hints=("Write.",), value=True, criteria=("it is clear",))


@words.reference
def text():
    return "four words are enough"


words.law("it is a text")(written(words=4))
"""


def write_lab(folder, exercises=EXERCISES, source=SOURCE):
    (folder / "src").mkdir(parents=True, exist_ok=True)
    (folder / "src" / "98_late.py").write_text(source)
    (folder / "src" / "98_exercises.py").write_text(exercises)
    return folder


@pytest.fixture(scope="module")
def proof(tmp_path_factory):
    return verify("98", write_lab(tmp_path_factory.mktemp("good")))[1]


def changed(text, pairs):
    for old, new in pairs:
        assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in the tiny lab"
        text = text.replace(old, new)
    return text


def failures(report):
    return [(f.code, f.subject, f.message) for f in report.failures]


# ---- the good lab ------------------------------------------------------------------------------------


def test_a_good_lab_is_proved_and_quickly(tmp_path, proof):
    folder, told, began = write_lab(tmp_path), [], time.process_time()
    write_proof(proof, folder)
    report, again = verify("98", folder, told.append)
    assert time.process_time() - began < 5  # far below the 20 s that a lab of four may take
    assert report.ok and failures(report) == []
    assert again == proof and told == ["98.1", "98.2", "98.3"]


def test_the_table_says_which_law_rejects_what(proof):
    at_limit, share = (
        "a parcel at the limit is in time",
        "a share lies between 0 and 1, and is 1 when all are late",
    )
    late = proof.tables["98.1"]
    assert late["limit_is_late"] == {at_limit: 1}
    assert late["counts"] == late["half_late"] == {at_limit: 1, share: 1}
    assert late["mutants"]["crashed"] == 1  # without its first line, `n` is unknown
    assert late["mutants"][at_limit] >= 5  # >=, <=, times, 0, 1, nothing returned
    assert proof.tables["98.2"]["mutants"] == {"it is chosen for its reason": 3}  # a1, a2, b1
    assert proof.tables["98.3"] == {"mutants": {"it is a text": 1}}
    assert not any("survived" in rows["mutants"] for rows in proof.tables.values())


def test_verify_writes_nothing(tmp_path, monkeypatch):
    folder = write_lab(tmp_path / "labs")
    monkeypatch.chdir(tmp_path)
    before = sorted(p for p in tmp_path.rglob("*") if "__pycache__" not in p.parts)
    verify("98", Path("labs"))
    assert sorted(p for p in tmp_path.rglob("*") if "__pycache__" not in p.parts) == before
    assert Path.cwd() == tmp_path and read_proof("98", folder) is None


# ---- each thing that is asked for, missing once ------------------------------------------------------

AT_LIMIT = "    return sum(wait >= limit for wait in waits) / len(waits)\n"
CROOKED = {
    "a stub that answers": (
        [], [("    ...\n", "    return 0\n")],
        ("stub", "98.1", "the stub is wrong, expected not attempted"),
    ),
    "a stub that needs what no cell imports": (
        [], [("limit=np.inf", "limit=nobody")],
        ("stub", "98.1", "the stub cannot run on its own: NameError: name 'nobody' is not defined"),
    ),
    "no stub": (
        [], [(' tags=["exercise"] exercise="98.2"', "")],
        ("stub", "98.2", "98_late.py has 0 stubs of it, expected 1"),
    ),
    "a reference that fails now and then": (
        [("    n = int(rng.integers(2, 9))\n", "    n = int(rng.integers(2, 9))\n    expect(n < 8, 'eight')\n")], [],
        ("reference", "98.1", "it is wrong: eight, in the_answer"),
    ),
    "a reference that crashes": (
        [("    return n / len(waits)", "    return n / len(waits) / 0")], [],
        ("reference", "98.1", "on random state 0 it is crashed: late_share([5, 5, 4, 6], 5) raised ZeroDivisionError"),
    ),
    "a value that cannot be made": (
        [('    return "b2"', '    return "b2" + None')], [],
        ("reference", "98.2", "it is crashed: its value cannot be made: TypeError"),
    ),
    "a reference that ends the program": (
        [('    return "b2"', '    raise SystemExit(3)')], [],
        ("reference", "98.2", "it is crashed: its value cannot be made: SystemExit 3"),
    ),
    "a wrong idea that is the reference": (
        [('    return "a1"', '    return "b2"')], [],
        ("reference", "98.2", "it is taken for the wrong idea a"),
    ),
    "a wrong idea that passes": (
        [(AT_LIMIT, "    return sum(wait > limit for wait in waits) / len(waits)\n")], [],
        ("idea", "98.1 limit_is_late", "on random state 0 it is passed, expected wrong"),
    ),
    "a wrong idea that crashes": (
        [("    return 0.5\n", "    return waits[99]\n")], [],
        ("idea", "98.1 half_late", "on random state 0 it is crashed, expected wrong"),
    ),
    "two ideas that cannot be told apart": (
        [("    return 0.5\n", AT_LIMIT)], [],
        ("idea", "98.1 half_late", "on random state 0 it is taken for limit_is_late, half_late"),
    ),
    "nothing to tell ideas by": (
        [("@late.inputs\n", "")], [],
        ("idea", "98.1 counts", "taken for no idea; mark what draws its inputs with @exercise.inputs"),
    ),
    "inputs on which an idea is right": (
        [("return list(map(int, rng.integers(0, 9, 12))), 5", "return [1, 9], 5")], [],
        ("idea", "98.1 limit_is_late", "on random state 0 it is taken for no idea"),
    ),
    "a law that cannot fail": (
        [("    n = int(rng.integers(2, 9))\n", "    return\n    n = 0\n")], [],
        ("law", "98.1", "cannot fail: 'a share lies between 0 and 1, and is 1 when all are late' rejects no"),
    ),
    "no law": (
        [("words.law(", "(lambda claim: lambda test: test)(")], [], ("complete", "98.3", "it needs at least one law"),
    ),
    "two laws of one claim": (
        [('"a parcel at the limit is in time"', '"a share lies between 0 and 1, and is 1 when all are late"')], [],
        ("complete", "98.1", "it needs laws whose claims differ"),
    ),
    "one misconception": (
        [('@pick.misconception("a", why="No.", hint="b.")\n', "")], [],
        ("complete", "98.2", "it needs at least two misconceptions"),
    ),
    "two misconceptions of one name": (
        [('"half_late"', '"counts"')], [],
        ("complete", "98.1", "it needs misconceptions whose names differ"),
    ),
    "no hint": ([('hints=("Think.",), ', "")], [], ("complete", "98.2", "it needs one to four hints")),
    "five hints": ([('("Think.",)', '(*"abcde",)')], [], ("complete", "98.2", "it needs one to four hints")),
    "no minutes": ([("minutes=2", "minutes=0")], [], ("complete", "98.1", "it needs minutes above 0")),
    "no objective": ([("objectives=(1,), ", "")], [], ("complete", "98.1", "it needs objectives from 1 to 2")),
    "an objective the lab lacks": (
        [("objectives=(1,)", "objectives=(3,)")], [], ("complete", "98.1", "it needs objectives from 1 to 2"),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("in_exercises", "in_source", "wanted"), CROOKED.values(), ids=CROOKED)
def test_a_crooked_lab_is_red(tmp_path, in_exercises, in_source, wanted):
    folder = write_lab(tmp_path, changed(EXERCISES, in_exercises), changed(SOURCE, in_source))
    code, subject, said = wanted
    said = said.replace(", in the_answer", "")
    found = failures(verify("98", folder)[0])
    assert any(f[:2] == (code, subject) and said in f[2] for f in found), found


def test_surviving_mutants_are_red_and_named_with_line_and_kind(tmp_path):
    weak = changed(
        EXERCISES, [("expect_same(answer([5, 5, 4, 6], 5), 0.25)", "expect(answer([9, 1], 5) > 0, 'none')")]
    )
    report, proof = verify("98", write_lab(tmp_path, weak))
    said = [f.message for f in report.failures if f.code == "mutants"]
    assert said and "at least 90% must be: add a law, or simplify the reference" in said[0]
    line = weak.splitlines().index("    n = sum(wait > limit for wait in waits)") + 1
    survivors = [f.message for f in report if f.code == "survivor"]
    assert f"survived: line {line}: > became >= (comparison flipped)" in survivors
    assert proof.tables["98.1"]["mutants"]["survived"] == len(survivors)


def test_an_idea_is_tried_on_five_random_states():
    one = Exercise("98.1", "Twice", hints=("Times 2.",))
    one.reference(lambda x: 2 * x)
    one.law("twice")(lambda answer, rng: expect_same(answer(x := int(rng.integers(2))), 2 * x))
    one.misconception("thrice", why="No.", hint="2.")(lambda x: 3 * x)  # right for 0, wrong for 1
    drawn = [int(np.random.default_rng([state, 0]).integers(2)) for state in range(5)]
    assert {*drawn} == {0, 1}
    assert [verdict.outcome for verdict, _ in try_ideas(one)["thrice"]] == [
        ["passed", "wrong"][x] for x in drawn
    ]


def test_an_endless_mutant_is_killed_as_a_crash(tmp_path):
    endless = changed(EXERCISES, [("    n = sum(wait > limit for wait in waits)\n", (
        "    n, k = 0, 0\n    while k < len(waits):\n        n += waits[k] > limit\n        k += 1\n"
    ))])  # fmt: skip
    exercise = exercises("98", write_lab(tmp_path, endless))["98.1"]
    verdicts = {mutant.words: verdict for mutant, verdict in try_mutants(exercise)}
    stopped = verdicts["dropped `k += 1`"]
    assert (stopped.outcome, stopped.findings[0].message) == (
        "crashed", "It was stopped after 1 seconds: is there a loop without end?",
    )  # fmt: skip


def test_the_dots_themselves_must_be_not_attempted(tmp_path, monkeypatch):
    monkeypatch.setattr(judging, "untouched", lambda answer: False)
    found = failures(verify("98", write_lab(tmp_path))[0])
    assert ("stub", "98.1", "the stub is wrong and ... is wrong, expected not attempted") in found


def test_a_crash_that_is_taken_for_an_idea_is_red(tmp_path, monkeypatch):
    def judge_with_idea(*args):
        verdict = judging.judge(*args)
        idea = Finding("idea", "counts", False, severity="info")
        return replace(verdict, findings=(*verdict.findings, *[idea] * (verdict.outcome == "crashed")))

    monkeypatch.setattr(trial, "judge", judge_with_idea)
    found = failures(verify("98", write_lab(tmp_path))[0])
    assert any(
        f[0] == "mutants" and f[2].startswith("a crash is taken for a wrong idea: line ") for f in found
    )


@pytest.mark.parametrize(("seconds", "ok"), [(0.19, True), (0.3, False)])
def test_a_slow_check_is_red_by_the_median_of_cpu_time(tmp_path, monkeypatch, seconds, ok):
    k = itertools.count()
    lengths = {0: 9.0, 2: 9.0}  # two judgings on a busy machine do not count
    clock = itertools.accumulate(lengths.get(n // 2, seconds) if n % 2 else 0.0 for n in k)
    monkeypatch.setattr(verifying.time, "process_time", lambda: next(clock))
    report, _ = verify("98", write_lab(tmp_path))
    found = [f for f in report if f.code == "time"]
    assert [f.ok for f in found] == [ok] * 3
    assert ok or found[0].message == "a check takes 0.3 s of CPU; allowed are 0.2 s: make its inputs smaller"


@pytest.mark.parametrize(
    ("stay", "said"),
    [
        ("98_exercises.py", "lab 98 has exercises but no source: write "),
        ("98_late.py", "98_exercises.py is missing beside 98_late.py; without exercises it is empty"),
    ],
)
def test_half_a_lab_is_refused(tmp_path, stay, said):
    folder = write_lab(tmp_path)
    for path in (folder / "src").glob("98_*.py"):
        if path.name != stay:
            path.unlink()
    with pytest.raises(RefusedError, match=said):
        verify("98", folder)


# ---- the proof that is kept --------------------------------------------------------------------------

AFTER = "run `mlsd course verify 98 --write` after looking at the difference"


def said_of_proof(folder):
    report, _ = verify("98", folder)
    return next(f.message for f in report if f.code == "proof"), report.ok


def test_without_a_proof_it_is_red(tmp_path):
    assert said_of_proof(write_lab(tmp_path)) == (f"no proof is kept: {AFTER}", False)


def test_another_table_is_red_and_its_cells_are_named(tmp_path, proof):
    tables = json.loads(proof.to_json())["tables"]
    tables["98.1"]["counts"].popitem()
    tables["98.2"]["mutants"]["it is chosen for its reason"] = 2
    folder = write_lab(tmp_path)
    write_proof(replace(proof, tables=tables), folder)
    said, ok = said_of_proof(folder)
    share = "a share lies between 0 and 1, and is 1 when all are late"
    assert not ok and said == (
        f"98.1 counts x {share!r}: 0 became 1; 98.2 mutants x 'it is chosen for its reason': 2 became 3: {AFTER}"
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{}", "98.json has no whole number under 'format'"),
        ('{"format": 2}', "98.json has format 2; this mlsd reads up to 1"),
        ('{"format": 1, "lab": "98", "digest": ""}', "98.json is incomplete"),
        ('{"format": 1, "lab": "98", "digest": "", "tables": {"98.1": [1]}}', "98.json is incomplete"),
        ("<<<<<<< ours", "98.json is not JSON"),
    ],
)
def test_a_file_that_is_no_proof_is_red_and_due(tmp_path, text, said):
    folder = write_lab(tmp_path)
    proof_path("98", folder).parent.mkdir()
    proof_path("98", folder).write_text(text)
    message, ok = said_of_proof(folder)
    assert not ok and message.endswith(AFTER) and said in message
    assert due(folder, date(2026, 1, 1)) == ["98"]


def test_the_same_tables_from_other_code_are_a_warning(tmp_path, proof):
    folder = write_lab(tmp_path, "# a comment\n" + EXERCISES)
    write_proof(proof, folder)
    report, _ = verify("98", folder)
    warned = [f.message for f in report if f.severity == "warning"]
    assert report.ok and warned == [f"the tables are as they were; what they rest on has changed: {AFTER}"]


def test_a_proof_survives_its_file(tmp_path, proof):
    write_proof(proof, tmp_path)
    assert read_proof("98", tmp_path) == proof
    assert proof.changes(Proof.from_json(proof.to_json())) == []
    assert repr(proof).startswith("Proof(lab 98, 3 exercises, ")


def test_what_changed_is_due_and_one_lab_by_turns(tmp_path, proof):
    folder = write_lab(tmp_path)
    write_proof(proof, folder)
    for other in ("96", "97"):
        for path in list((folder / "src").glob("98_*.py")):
            path.with_name(path.name.replace("98", other)).write_text(path.read_text().replace("98", other))
        write_proof(Proof(other, "", {}), folder)
    first = date(2026, 2, 27)
    days = [due(folder, first + timedelta(days=k)) for k in range(6)]
    assert sorted(map(tuple, days)) == [("96", "97")] * 4 + [("96", "97", "98")] * 2  # 98 by turns alone
    for path, old in (
        (folder / "src" / "98_exercises.py", "n / len"),
        (folder / "src" / "98_late.py", "The share"),
    ):
        text = path.read_text()
        path.write_text(text.replace(old, old.replace("n /", "1.0 * n /").replace("The", "What")))
        assert all("98" in due(folder, first + timedelta(days=k)) for k in range(3)), path.name
        path.write_text(text)
    assert due(tmp_path / "nothing", first) == []


# ---- no assertion is idle: deleting any one of them changes the table ---------------------------------


@dataclass(frozen=True)
class Assertion:
    """One `expect` or `expect_same` of an exercises file, and the lines of the law it stands in."""

    path: Path
    node: ast.Expr
    block: range

    def __str__(self):
        return f"{self.path.name}:{self.node.lineno}"

    def deleted(self, folder):
        """Write a copy of the file without it, line for line; return the folder of the labs."""
        lines = self.path.read_text().splitlines()
        first, last = self.node.lineno - 1, self.node.end_lineno
        lines[first:last] = [" " * self.node.col_offset + "pass", *[""] * (last - first - 1)]
        (folder / "src").mkdir()
        (folder / "src" / self.path.name).write_text("\n".join(lines) + "\n")
        return folder

    def idle(self, folder):
        """Return whether the tables of its exercises are the same without it."""
        lab = self.path.name[:2]
        with_it, without = exercises(lab, self.path.parents[1]), exercises(lab, self.deleted(folder))
        concerned = [id for id, one in with_it.items() if any(self.inside(law.test) for law in one.laws)]
        return all(same_table(with_it[id], without[id]) for id in concerned or with_it)

    def inside(self, test):
        return test.__code__.co_filename == str(self.path) and test.__code__.co_firstlineno in self.block


def same_table(a, b):
    """Compare the rows of the wrong ideas first: they are quick. What an idea is taken for is no part of it."""
    return table(rejected_ideas(a), []) == table(rejected_ideas(b), []) and (
        table({}, tried_mutants(a)) == table({}, try_mutants(b))
    )


def rejected_ideas(exercise):
    """Judge each wrong idea on the one random state that the table shows."""
    answers = {idea.name: answer_of(exercise, idea.wrong) for idea in exercise.misconceptions}
    return {name: [(judged(exercise, answer, 0), [])] for name, answer in answers.items()}


TRIED = {}  # the mutants of the exercises as they stand: the same for each assertion


def tried_mutants(exercise):
    if exercise.id not in TRIED:
        TRIED[exercise.id] = try_mutants(exercise)
    return TRIED[exercise.id]


def assertions(path):
    found = []
    for block in ast.parse(path.read_text()).body:
        first = min([block.lineno, *(d.lineno for d in getattr(block, "decorator_list", []))])
        for node in ast.walk(block):
            if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
                name = getattr(node.value.func, "id", getattr(node.value.func, "attr", ""))
                if name in ("expect", "expect_same"):
                    found.append(Assertion(path, node, range(first, block.end_lineno + 1)))
    return found


LABS = Path(__file__).parents[2] / "labs" / "src"
ALL = [one for path in sorted(LABS.glob("[0-9][0-9]_exercises.py")) for one in assertions(path)]


@pytest.mark.parametrize("assertion", ALL, ids=str)
def test_without_any_one_assertion_the_proof_of_its_lab_turns_red(tmp_path, assertion):
    assert not assertion.idle(tmp_path), (
        f"{assertion} is idle: without it every wrong idea and mutant meets the same laws; delete it, or "
        "add the wrong idea that it is there for"
    )


@pytest.mark.parametrize("k", range(3))
def test_verify_is_red_without_one_assertion_of_the_tiny_lab(tmp_path, proof, k):
    there = write_lab(tmp_path / "there")
    assertion = assertions(there / "src" / "98_exercises.py")[k]
    (tmp_path / "without").mkdir()
    without = assertion.deleted(tmp_path / "without")
    (without / "src" / "98_late.py").write_text(SOURCE)
    write_proof(proof, without)
    said, ok = said_of_proof(without)
    assert not ok and " became " in said
    (tmp_path / "again").mkdir()
    assert not assertion.idle(tmp_path / "again")


def test_an_idle_assertion_is_found(tmp_path):
    twice = "    expect_same(answer([5, 5, 4, 6], 5), 0.25)\n"
    folder = write_lab(tmp_path / "twice", changed(EXERCISES, [(twice, twice + twice)]))
    found = assertions(folder / "src" / "98_exercises.py")
    assert len(found) == 4
    idle = []
    for k, one in enumerate(found):
        (tmp_path / str(k)).mkdir()
        idle.append(one.idle(tmp_path / str(k)))
    assert idle == [True, True, False, False]
