"""An exercise: what is asked, the reference, the laws an answer must keep, and the wrong ideas on file."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

import numpy as np

from mlsd.report import RefusedError

Level = Literal["warm-up", "core", "design", "stretch"]
Test = Callable[[Any, np.random.Generator], None]  # (answer, rng); raises Mismatch
Draw = Callable[[np.random.Generator], tuple[Any, ...]]  # the arguments of one call
_ID = re.compile(r"\d\d\.\d+")


@dataclass(frozen=True)
class Law:
    """Something that every right answer keeps: `claim` in words, `test` raises `Mismatch` otherwise."""

    claim: str
    test: Test


@dataclass(frozen=True)
class Misconception:
    """A wrong idea that students really have, and what to tell them.

    Args:
        name: its id, `like_this`.
        wrong: the answer of someone who has it; for a value, a function that returns the value.
        why: one line: what is wrong about it.
        hint: one line: where to look.
        seen: what of an answer (of what a call gives) shows the idea, when the rest may differ.
    """

    name: str
    wrong: Callable[..., Any]
    why: str
    hint: str
    seen: Callable[[Any], Any] | None = None


@dataclass
class Exercise:
    """One question of a lab; decorators fill in its reference, laws, wrong ideas and fresh inputs.

    Args:
        id: lab and number, `"00.2"`.
        title: the question in a few words.
        level: warm-up, core, design or stretch.
        minutes: for a student.
        objectives: numbers (from 1) of the lab's objectives it exercises.
        hints: from a nudge to nearly everything.
        value: whether the answer is a value (a number, table, choice, text, figure, folder) and no function;
            its reference is then a function without arguments that returns the value.
        criteria: for an answer in words: what the student looks for in it afterwards.

    >>> from mlsd.course.lab import expect_same
    >>> double = Exercise("99.1", "Twice as much", minutes=2, hints=("What is 2 times x?",))
    >>> @double.reference
    ... def twice(x):
    ...     return 2 * x
    >>> @double.law("twice nothing is nothing")
    ... def _(answer, rng):
    ...     expect_same(answer(0), 0)
    >>> double
    Exercise(99.1 Twice as much: 1 law, 0 misconceptions)
    """

    id: str
    title: str
    level: Level = "core"
    minutes: float = 5
    objectives: tuple[int, ...] = ()
    hints: tuple[str, ...] = ()
    value: bool = False
    criteria: tuple[str, ...] = ()
    answer: Callable[..., Any] | None = field(default=None, repr=False)
    draw: Draw | None = field(default=None, repr=False)
    laws: list[Law] = field(default_factory=list, repr=False)
    misconceptions: list[Misconception] = field(default_factory=list, repr=False)

    def __post_init__(self) -> None:
        if not isinstance(self.id, str) or not _ID.fullmatch(self.id):
            raise RefusedError(f"the exercise is called {self.id!r}; expected lab and number, such as '03.2'")
        for name, what, kind, such in (
            ("objectives", self.objectives, int, "(1,)"),
            ("hints", self.hints, str, '("Look again.",)'),
            ("criteria", self.criteria, str, '("names a cost",)'),
        ):
            if not isinstance(what, (tuple, list)) or not all(isinstance(one, kind) for one in what):
                raise RefusedError(f"{name} of {self.id} is {what!r}; expected a tuple, such as {such}")
        if self.level not in get_args(Level):
            known = ", ".join(get_args(Level))
            raise RefusedError(f"level of {self.id} is {self.level!r}; expected one of {known}")

    @property
    def lab(self) -> str:
        """The two digits of its lab."""
        return self.id[:2]

    @property
    def name(self) -> str:
        """The name the student gives the answer."""
        return self.reference_function.__name__

    @property
    def reference_function(self) -> Callable[..., Any]:
        """The function marked with `@exercise.reference`."""
        if self.answer is None:
            raise RefusedError(f"exercise {self.id} has no reference: mark one with @exercise.reference")
        return self.answer

    def made(self, source: Callable[..., Any]) -> Any:
        """Return the answer that a reference or a wrong idea stands for: itself, or the value it returns."""
        return source() if self.value else source

    def reference(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Decorate the right answer."""
        self.answer = function
        return function

    def inputs(self, function: Draw) -> Draw:
        """Decorate what draws the arguments of one call; wrong ideas are recognised on such calls."""
        self.draw = function
        return function

    def law(self, claim: str) -> Callable[[Test], Test]:
        """Decorate a test `(answer, rng)` of something that every right answer keeps."""

        def keep(test: Test) -> Test:
            self.laws.append(Law(claim, test))
            return test

        return keep

    def misconception(
        self, name: str, *, why: str, hint: str, seen: Callable[[Any], Any] | None = None
    ) -> Callable[[Callable[..., Any]], Any]:
        """Decorate the answer of someone with a wrong idea."""

        def keep(wrong: Callable[..., Any]) -> Callable[..., Any]:
            self.misconceptions.append(Misconception(name, wrong, why, hint, seen))
            return wrong

        return keep

    def __repr__(self) -> str:
        n, m = len(self.laws), len(self.misconceptions)
        return f"Exercise({self.id} {self.title}: {n} law{'s' * (n != 1)}, {m} misconception{'s' * (m != 1)})"
