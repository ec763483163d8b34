"""An answer is judged: passed, wrong, crashed or not attempted, each in plain sentences."""

from __future__ import annotations

import contextlib
import copy
import dis
import inspect
import traceback
import warnings
from collections.abc import Callable, Mapping
from types import FunctionType
from typing import Any

import numpy as np

from mlsd.course.lab.alarm import TooSlow, within
from mlsd.course.lab.exercise import Exercise, Misconception
from mlsd.course.lab.expectation import Mismatch, form, same, shown, shown_text
from mlsd.report import Finding, Report

PATIENCE = 5.0  # seconds an answer may take to be judged
_CALLS = 20  # fresh calls on which a wrong idea is recognised
_DOES_NOTHING = {"LOAD_CONST", "RETURN_CONST", "RETURN_VALUE"}
_ERRORS = (Exception, SystemExit)  # of a student's code; KeyboardInterrupt stays the student's own stop


class Verdict(Report):
    """The report of one check; `outcome` is passed, wrong, crashed or not attempted."""

    @property
    def outcome(self) -> str:
        """The verdict in one or two words."""
        return self.findings[0].code

    @property
    def summary(self) -> str:
        """The verdict in one line."""
        said = self.findings[0].message
        return f"{self.title}: {self.outcome}{'. ' + said if said else ''}"

    def _sorted(self) -> list[Finding]:
        return list(self.findings[1:])  # in the order in which they help

    def _columns(self, finding: Finding) -> tuple[str, ...]:
        claim = finding.subject if finding.code in ("law", "yours") else ""
        return (": ".join(filter(None, [claim, finding.message])),)


class Crash(Exception):
    """The student's own code raised; `laws` are the verdicts up to the law in which it did."""

    laws: tuple[Finding, ...] = ()


class Asked:
    """A student's function as a law calls it: on copies of the arguments; an error of its own is a `Crash`.

    `given` are the copies after the last call, for a law that looks at whether they were changed.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function
        self.call = ""
        self.gave: Any = None
        self.given: tuple[Any, ...] = ()
        self.asked: tuple[tuple[Any, ...], dict[str, Any]] = ((), {})  # the arguments as the law has them

    def __call__(self, *args: Any, **named: Any) -> Any:
        parts = [*map(shown, args), *(f"{name}={shown(value)}" for name, value in named.items())]
        self.call = shown_call(getattr(self.function, "__name__", "answer"), parts)
        self.asked = args, named
        self.given, named = copy.deepcopy(args), copy.deepcopy(named)
        try:
            self.gave = self.function(*self.given, **named)
            return self.gave
        except _ERRORS as error:
            raise Crash(f"{self.call} raised {_in_words(error)}{_place(error)}") from error


def shown_call(name: str, parts: list[str]) -> str:
    """Return a call as a student would type it, shortened.

    >>> shown_call("level", ["{'logs'}", "3"])
    "level({'logs'}, 3)"
    """
    text = f"{name}({', '.join(parts)})"
    return text if len(text) <= 100 else text[:98] + "…)"


def judge(exercise: Exercise, answer: Any, random_state: int = 0, patience: float = PATIENCE) -> Verdict:
    """Return the verdict on an answer; the same random state tries the same inputs.

    Args:
        exercise: with its laws and misconceptions.
        answer: a function, or the value asked for; `...` is not attempted.
        random_state: of the fresh inputs.
        patience: seconds before an endless loop is stopped (where the system can: not on Windows).

    >>> from mlsd.course.lab.bank import exercises
    >>> judge(exercises("00")["00.1"], ...).outcome
    'not attempted'
    """
    title = f"exercise {exercise.id}"
    if untouched(answer):
        said = f"Put your answer in place of ..., then run the check again ({exercise.title})."
        return Verdict(title, (Finding("not attempted", exercise.id, ok=False, message=said),))
    if exercise.value is callable(answer):
        came = (
            f"a function, {shown(answer)}" if callable(answer) else f"{type(answer).__name__} {shown(answer)}"
        )
        said = f"The answer is {'a value' if exercise.value else 'a function'}; got {came}."
        return Verdict(title, (Finding("wrong", exercise.id, ok=False, message=said),))
    try:
        with within(patience), np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a warning is no verdict
            laws = _laws(exercise, answer, random_state)
            ideas = [] if all(law.ok for law in laws) else diagnose(exercise, answer, random_state)
    except TooSlow:
        said = f"It was stopped after {patience:g} seconds: is there a loop without end?"
        return Verdict(title, (Finding("crashed", exercise.id, ok=False, message=said),))
    except Crash as crash:
        if _unwritten(crash.__cause__):
            said = "The body still raises NotImplementedError; write it, then run the check again."
            return Verdict(title, (Finding("not attempted", exercise.id, ok=False, message=said),))
        return Verdict(title, (Finding("crashed", exercise.id, ok=False, message=f"{crash}."), *crash.laws))
    if all(law.ok for law in laws):
        return Verdict(title, (Finding("passed", exercise.id), *laws, *_to_judge_yourself(exercise)))
    known = [
        Finding("idea", idea.name, False, message=f"{idea.why} {idea.hint}", severity="info")
        for idea in ideas
    ]
    return Verdict(title, (Finding("wrong", exercise.id, ok=False), *known[:1], *laws))


def untouched(answer: Any) -> bool:
    """Return whether an answer is still the stub: `...`, or a function that does nothing.

    >>> def stub(x): ...
    >>> untouched(...), untouched(stub), untouched((..., "why")), untouched(lambda x: x)
    (True, True, True, False)
    """
    if isinstance(answer, (tuple, list, Mapping)):
        return any(part is ... for part in (answer.values() if isinstance(answer, Mapping) else answer))
    if isinstance(answer, str):
        return not answer.strip(" .\n")
    inner = inspect.unwrap(answer) if callable(answer) else answer  # behind decorators
    if isinstance(inner, FunctionType):
        steps = [
            step for step in dis.get_instructions(inner) if step.opname not in ("RESUME", "CACHE", "NOP")
        ]
        return all(step.opname in _DOES_NOTHING and step.argval in (None, ...) for step in steps)
    return answer is ...


def diagnose(exercise: Exercise, answer: Any, random_state: int = 0) -> list[Misconception]:
    """Return the wrong ideas that give what this answer gives, and the reference does not."""
    found: list[Misconception] = []
    for idea in exercise.misconceptions:
        with contextlib.suppress(*_ERRORS):  # an answer that cannot even be compared is like no idea
            if _acts_like(exercise, answer, idea, random_state):
                found.append(idea)
    return found


def _acts_like(exercise: Exercise, answer: Any, idea: Misconception, random_state: int) -> bool:
    right, seen = exercise.reference_function, idea.seen or (lambda got: got)
    if exercise.value and idea.seen:
        wrong = seen(idea.wrong())
        return same(seen(answer), wrong) and not same(seen(right()), wrong)
    if exercise.value:
        return alike(exercise, answer, idea.wrong())
    if exercise.draw is None:
        return False
    rng = np.random.default_rng([random_state, 7])
    differs = False
    for _ in range(_CALLS):  # most ideas part ways at the first call
        call = exercise.draw(rng)
        wrong = seen(_outcome(idea.wrong, call))
        if not same(seen(_outcome(answer, call)), wrong):
            return False
        differs = differs or not same(wrong, seen(_outcome(right, call)))
    return differs


def alike(exercise: Exercise, one: Any, other: Any, *, exact: bool = False) -> bool:
    """Return whether two values are the same answer, by what the laws see in them: their words, heights, rows.

    Args:
        exercise: with its laws.
        one: an answer; `other` likewise.
        exact: whether the tolerances of the laws do not count.
    """
    tests = [law.test for law in exercise.laws if hasattr(law.test, "seen")]
    with contextlib.suppress(*_ERRORS):  # a law may be unable to look at an answer
        pairs = [(test, test.seen(one), test.seen(other)) for test in tests]
        near = [not exact and hasattr(test, "near") and test.near(a, b) for test, a, b in pairs]
        if pairs:
            return all(n or same(a, b, 1e-6) for n, (_, a, b) in zip(near, pairs, strict=True))
    return same(one, other, 1e-6)


def _outcome(function: Callable[..., Any], call: tuple[Any, ...]) -> Any:
    """Return what a call gives; an error counts by its kind."""
    try:
        return function(*copy.deepcopy(call))
    except _ERRORS as error:
        return (type(error).__name__,)


def _laws(exercise: Exercise, answer: Any, random_state: int) -> list[Finding]:
    asked = Asked(answer) if callable(answer) else answer
    found: list[Finding] = []
    for k, law in enumerate(exercise.laws):
        said = ""
        try:
            law.test(asked, np.random.default_rng([random_state, k]))
        except Mismatch as mismatch:
            said = f"{mismatch}{f', in {asked.call}' if isinstance(asked, Asked) and asked.call else ''}"
        except Crash as crash:
            crash.laws = (*found, Finding("law", law.claim, ok=False, message="it crashed here"))
            raise
        except _ERRORS as error:  # the answer is of a kind that the law cannot use
            said = _unusable(exercise, asked, error)
        found.append(Finding("law", law.claim, ok=not said, message=said))
    return found


def _unusable(exercise: Exercise, asked: Any, error: BaseException) -> str:
    """Say that an answer is no table, no pair, ..., or else why a law could not use it."""
    args, named = copy.deepcopy(asked.asked) if isinstance(asked, Asked) else ((), {})
    gave = asked.gave if isinstance(asked, Asked) else asked
    called = f"{asked.call} gave " if isinstance(asked, Asked) else ""
    if called and gave is None:
        return f"{called}nothing (None): does it end with return?"
    with contextlib.suppress(*_ERRORS):  # a law may have made these arguments from wrong answers
        wanted = form(exercise.reference_function(*args, **named))
        if form(gave) != wanted:
            return f"{called}{shown(gave)}: expected {wanted}, got {form(gave)}"
    return f"{called}{shown(gave)}, which cannot be used here: {_in_words(error)}"


def _to_judge_yourself(exercise: Exercise) -> list[Finding]:
    said = "yours to judge"
    return [
        Finding("yours", criterion, ok=False, message=said, severity="info")
        for criterion in exercise.criteria
    ]


def _in_words(error: BaseException) -> str:
    said = shown_text(str(error), width=200)
    return f"{type(error).__name__}{': ' + said if said else ''}"


def _place(error: BaseException) -> str:
    """Return the last line in the file or cell of the answer itself, not in a library it called."""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename != __file__]
    own = [f for f in frames if f.filename == frames[0].filename]
    return f" on line {own[-1].lineno}: {own[-1].line}" if own and own[-1].line else ""


def _unwritten(error: BaseException | None) -> bool:
    """Return whether a body says itself that it is not written; a library may raise the same error."""
    frames = traceback.extract_tb(error.__traceback__) if isinstance(error, NotImplementedError) else []
    return bool(frames) and "site-packages" not in frames[-1].filename
