"""Wrong answers are tried: which law rejects which wrong idea and which mutant of the reference."""

from __future__ import annotations

import contextlib
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from mlsd.course.lab.alarm import TooSlow, within
from mlsd.course.lab.exercise import Exercise
from mlsd.course.lab.judge import PATIENCE, Verdict, alike, diagnose, judge
from mlsd.course.lab.mutants import Mutant, mutants
from mlsd.course.lab.proof import Table
from mlsd.report import Finding

STATES = 5  # random states on which a wrong idea is tried
_MUTANT_STATES = 2
_MUTANT_PATIENCE = 1.0  # seconds

IdeaTrials = dict[str, list[tuple[Verdict, list[str]]]]  # idea -> by state: verdict, ideas it is taken for
MutantTrials = list[tuple[Mutant, Verdict]]


def try_ideas(exercise: Exercise) -> IdeaTrials:
    """Judge the answer of each wrong idea on five random states, and name the ideas it is taken for."""
    answers = {idea.name: answer_of(exercise, idea.wrong) for idea in exercise.misconceptions}
    return {
        name: [
            (judged(exercise, answer, state), taken_for(exercise, answer, state)) for state in range(STATES)
        ]
        for name, answer in answers.items()
    }


def try_mutants(exercise: Exercise) -> MutantTrials:
    """Judge every mutant of the reference, on a second random state when it passes on the first.

    A mutant whose value the laws see as that of the reference is none; for a choice, every code that is not
    right is one. An endless mutant is stopped after a second (on Windows it hangs: see `judge`).
    """
    right = answer_of(exercise, exercise.reference_function)
    found = []
    for mutant in _mutants_of(exercise):
        answer = answer_of(exercise, mutant.function, _MUTANT_PATIENCE)
        if exercise.value and alike(exercise, answer, right, exact=True):
            continue
        for state in range(_MUTANT_STATES):
            verdict = judged(exercise, answer, state, _MUTANT_PATIENCE)
            if verdict.outcome != "passed":
                break
        found.append((mutant, verdict))
    return found


def table(ideas: IdeaTrials, tried: MutantTrials) -> Table:
    """Return which law rejects which idea on random state 0, and how many mutants."""
    rows = {name: Counter(rejecting(trials[0][0])) for name, trials in ideas.items()}
    outcomes = Counter(verdict.outcome for _, verdict in tried)
    rows["mutants"] = Counter(law for _, verdict in tried for law in rejecting(verdict))
    rows["mutants"] += Counter(crashed=outcomes["crashed"], survived=outcomes["passed"])  # zeros are dropped
    return {row: dict(sorted(laws.items())) for row, laws in rows.items()}


def rejecting(verdict: Verdict) -> list[str]:
    """Return the laws that an answer breaks, or crashes on."""
    return [finding.subject for finding in verdict if finding.code == "law" and not finding.ok]


def answer_of(exercise: Exercise, function: Callable[..., Any], patience: float = PATIENCE) -> Any:
    """Return the answer a function stands for; what was raised, for a value that cannot be made."""
    try:
        with _quiet(), within(patience):
            return exercise.made(function)
    except (Exception, SystemExit, TooSlow) as error:
        return error


def judged(exercise: Exercise, answer: Any, state: int, patience: float = PATIENCE) -> Verdict:
    """Return the verdict on what `answer_of` returned."""
    if isinstance(answer, BaseException):
        said = f"its value cannot be made: {type(answer).__name__} {answer}"
        return Verdict(exercise.id, (Finding("crashed", exercise.id, ok=False, message=said),))
    with _quiet():
        return judge(exercise, answer, state, patience)


def taken_for(exercise: Exercise, answer: Any, state: int) -> list[str]:
    """Return the names of the wrong ideas that an answer is taken for."""
    try:
        with _quiet(), within(PATIENCE):
            return [idea.name for idea in diagnose(exercise, answer, state)]
    except TooSlow:
        return []


def _mutants_of(exercise: Exercise) -> Iterator[Mutant]:
    codes = [code for law in exercise.laws for code in getattr(law.test, "wrong_codes", ())]
    for code in codes:
        yield Mutant("another code", 0, repr(code), partial(str, code), f"{code!r} is chosen")
    if not codes:
        yield from mutants(exercise.reference_function)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a warning that is an error elsewhere would give another table
        yield
