"""The checks of a lab are tried: on stubs, on the reference, on wrong ideas and on mutants."""

from __future__ import annotations

import ast
import contextlib
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from mlsd.course.lab.bank import exercises
from mlsd.course.lab.exercise import Exercise
from mlsd.course.lab.home import labs_folder
from mlsd.course.lab.proof import Proof, Table, digest_of, read_proof, source_of_lab
from mlsd.course.lab.source import Lab
from mlsd.course.lab.trial import (
    STATES,
    IdeaTrials,
    MutantTrials,
    answer_of,
    judged,
    rejecting,
    table,
    taken_for,
    try_ideas,
    try_mutants,
)  # fmt: skip
from mlsd.report import Finding, Report

REFERENCE_STATES = 20
SECONDS = 0.2  # of CPU, the median judging of the reference
KILLED = 0.9  # share of the mutants


def verify(
    lab: str, folder: Path | None = None, on_exercise: Callable[[str], None] = lambda id: None
) -> tuple[Report, Proof]:
    """Prove the checks of a lab; compare with the proof that is kept. Nothing is written.

    An endless mutant is stopped after a second where the system has an alarm for it; on Windows it hangs.

    Args:
        lab: its two digits.
        folder: of the labs, if not the one of this installation.
        on_exercise: told the id of each exercise as its turn comes.

    Raises:
        RefusedError: there is no such lab, or its source cannot be read.
    """
    folder = (folder or labs_folder()).resolve()
    bank, source = exercises(lab, folder), source_of_lab(lab, folder)
    found: list[Finding] = []
    tables: dict[str, Table] = {}
    with tempfile.TemporaryDirectory() as place, contextlib.chdir(place):  # a mutant may write into "here"
        for id, exercise in bank.items():
            on_exercise(id)
            ideas, tried = try_ideas(exercise), try_mutants(exercise)
            tables[id] = table(ideas, tried)
            found += [*_complete(exercise, source), *_stub(exercise, source), *_reference(exercise)]
            found += [*_ideas(exercise, ideas), *_mutants(exercise, tried), *_laws(exercise, ideas, tried)]
    proof = Proof(lab, digest_of(lab, folder), tables)
    return Report(f"proof of lab {lab}", (*found, *_compared(proof, folder))), proof


def _complete(exercise: Exercise, source: Lab) -> Iterator[Finding]:
    laws, ideas = [law.claim for law in exercise.laws], [idea.name for idea in exercise.misconceptions]
    there = range(1, len(source.objectives) + 1)
    asked = {
        "at least one law": laws,
        "laws whose claims differ": len({*laws}) == len(laws),
        "at least two misconceptions": len(ideas) >= 2 or exercise.criteria,
        "misconceptions whose names differ": len({*ideas}) == len(ideas),
        "one to four hints": 1 <= len(exercise.hints) <= 4,
        "minutes above 0": exercise.minutes > 0,
        f"objectives from 1 to {len(there)}": exercise.objectives and {*exercise.objectives} <= {*there},
    }
    missing = [what for what, holds in asked.items() if not holds]
    yield _finding("complete", exercise.id, f"it needs {', '.join(missing)}" if missing else "")


def _stub(exercise: Exercise, source: Lab) -> Iterator[Finding]:
    try:
        answers = {"the stub": _run_stub(exercise, source), "...": ...}
    except Exception as error:
        said = f"{type(error).__name__}: {error}"
        yield _finding("stub", exercise.id, f"the stub cannot run on its own: {said}")
        return
    outcomes = {what: judged(exercise, answer, 0).outcome for what, answer in answers.items()}
    other = [f"{what} is {got}" for what, got in outcomes.items() if got != "not attempted"]
    yield _finding("stub", exercise.id, f"{' and '.join(other)}, expected not attempted" if other else "")


def _run_stub(exercise: Exercise, source: Lab) -> Any:
    code = [cell for cell in source.cells if cell.kind == "code"]
    stubs = [cell.source for cell in code if cell.exercise == exercise.id]
    if len(stubs) != 1:
        raise LookupError(f"{source.name}.py has {len(stubs)} stubs of it, expected 1")
    names: dict[str, Any] = {}
    try:
        exec(stubs[0], names)
    except NameError:  # its first line needs what the lab imports
        lines = [line for cell in code for line in ast.parse(cell.source).body]
        imports: list[ast.stmt] = [line for line in lines if isinstance(line, (ast.Import, ast.ImportFrom))]
        exec(compile(ast.Module(imports, []), source.name, "exec"), names)
        exec(stubs[0], names)
    return names[exercise.name]


def _reference(exercise: Exercise) -> Iterator[Finding]:
    answer = answer_of(exercise, exercise.reference_function)
    problem, seconds = "", []
    for state in range(REFERENCE_STATES):
        began = time.process_time()  # not the clock on the wall: a busy machine makes no check slow
        verdict = judged(exercise, answer, state)
        seconds.append(time.process_time() - began)
        if verdict.outcome != "passed" and not problem:
            said = next((f.message for f in verdict if f.message and not f.ok), "")
            problem = f"on random state {state} it is {verdict.outcome}: {said}"
    ideas = sorted({name for state in range(STATES) for name in taken_for(exercise, answer, state)})
    if ideas and not problem:
        problem = f"it is taken for the wrong idea {', '.join(ideas)}"
    yield _finding("reference", exercise.id, problem, f"passes on {REFERENCE_STATES} random states")
    median = round(statistics.median(seconds), 3)
    slow = f"a check takes {median:g} s of CPU; allowed are {SECONDS:g} s: make its inputs smaller"
    yield _finding(
        "time", exercise.id, slow if median > SECONDS else "", f"a check takes {median:g} s of CPU"
    )


def _ideas(exercise: Exercise, ideas: IdeaTrials) -> Iterator[Finding]:
    inputs = "" if exercise.value or exercise.draw else "; mark what draws its inputs with @exercise.inputs"
    for name, trials in ideas.items():
        problems = []
        for state, (verdict, taken) in enumerate(trials):
            if verdict.outcome != "wrong":
                problems.append(f"on random state {state} it is {verdict.outcome}, expected wrong")
            elif taken != [name]:
                known = ", ".join(taken) or f"no idea{inputs}"
                problems.append(f"on random state {state} it is taken for {known}")
        fine = "wrong, and taken for itself alone"
        yield _finding("idea", f"{exercise.id} {name}", problems[0] if problems else "", fine)


def _mutants(exercise: Exercise, tried: MutantTrials) -> Iterator[Finding]:
    survivors = [mutant for mutant, verdict in tried if verdict.outcome == "passed"]
    killed = len(tried) - len(survivors)
    said = f"{killed} of {len(tried)} are killed"
    weak = f"{said}; at least {KILLED:.0%} must be: add a law, or simplify the reference"
    yield _finding("mutants", exercise.id, "" if tried and killed >= KILLED * len(tried) else weak, said)
    for mutant in survivors:
        said = f"survived: {mutant} ({mutant.kind})"
        yield Finding("survivor", exercise.id, ok=False, message=said, severity="info")
    for mutant, verdict in tried:
        if verdict.outcome == "crashed" and any(finding.code == "idea" for finding in verdict):
            yield _finding("mutants", exercise.id, f"a crash is taken for a wrong idea: {mutant}")


def _laws(exercise: Exercise, ideas: IdeaTrials, tried: MutantTrials) -> Iterator[Finding]:
    verdicts = [verdict for trials in ideas.values() for verdict, _ in trials] + [v for _, v in tried]
    working = {law for verdict in verdicts for law in rejecting(verdict)}
    for claim in (law.claim for law in exercise.laws):
        idle = f"cannot fail: {claim!r} rejects no wrong idea and no mutant; sharpen it or drop it"
        yield _finding("law", exercise.id, "" if claim in working else idle, claim)


def _compared(proof: Proof, folder: Path) -> Iterator[Finding]:
    then = f"run `mlsd course verify {proof.lab} --write` after looking at the difference"
    try:
        kept = read_proof(proof.lab, folder)
        changes = kept.changes(proof) if kept else ["no proof is kept"]
    except ValueError as error:
        kept, changes = None, [str(error)]
    yield _finding("proof", proof.lab, f"{'; '.join(changes)}: {then}" if changes else "", "as it is kept")
    if kept and not changes and kept.digest != proof.digest:
        said = f"the tables are as they were; what they rest on has changed: {then}"
        yield Finding("proof", proof.lab, ok=False, message=said, severity="warning")


def _finding(code: str, subject: str, problem: str, fine: str = "") -> Finding:
    return Finding(code, subject, not problem, message=problem or fine)
