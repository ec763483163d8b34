"""The three words a student types: `check`, `hint` and `solution`."""

from __future__ import annotations

import html
import inspect
import os
import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlsd.course.lab.bank import exercise
from mlsd.course.lab.exercise import Exercise
from mlsd.course.lab.judge import Verdict, judge
from mlsd.course.lab.progress import TRIES, VERDICTS, Progress
from mlsd.report import Finding, RefusedError


@dataclass(frozen=True)
class Note:
    """Something to read: a title, a text, some code."""

    title: str
    text: str
    code: str = ""

    def __repr__(self) -> str:
        return "\n".join(filter(None, [self.title, textwrap.fill(self.text, 100), self.code]))

    def _repr_html_(self) -> str:
        code = f"<pre>{html.escape(self.code)}</pre>" if self.code else ""
        return f"<div><strong>{html.escape(self.title)}</strong><p>{html.escape(self.text)}</p>{code}</div>"


def check(id: str, answer: Any) -> Verdict:
    """Judge an answer: passed, wrong, crashed or not attempted.

    Args:
        id: of the exercise, such as `"00.2"`.
        answer: the function you wrote, or the value it asks for.

    >>> check("00.1", ...).outcome
    'not attempted'
    """
    try:
        one, progress = exercise(id), Progress.here()
    except RefusedError as error:
        return Verdict("check", (Finding("not attempted", "", ok=False, message=f"{error}."),))
    verdict = judge(one, answer, random_state=progress.checks(id))  # each one meets fresh inputs
    _hand_in(verdict, id)
    if verdict.outcome == "not attempted":  # spends no try
        return _with(verdict, Finding("next", "", False, message=_help(one, None), severity="info"))
    try:
        progress.add(id, verdict.outcome)
    except RefusedError as error:
        verdict = _with(verdict, Finding("not kept", "", False, message=str(error), severity="warning"))
    if verdict.outcome == "passed":
        return verdict
    return _with(verdict, Finding("next", "", False, message=_help(one, progress), severity="info"))


def hint(id: str) -> Note:
    """Return the next hint of an exercise; the last one again when there is no other.

    >>> hint("00.9")
    no such exercise
    lab 00 has no exercise 00.9; it has 00.1, 00.2, 00.3, 00.4, 00.5
    """
    try:
        one, progress = exercise(id), Progress.here()
    except RefusedError as error:
        return Note("no such exercise", str(error))
    n = len(one.hints)
    if not n:
        return Note(f"exercise {id} has no hints", "Read its example once more.")
    k = min(progress.count(id, "hint"), n - 1)
    _keep(progress, id, "hint")
    left = n - 1 - k
    more = f" ({left} more: call hint({id!r}) again)" if left else " (this was the last one)"
    return Note(f"hint {k + 1} of {n} for exercise {id}", one.hints[k] + more)


def solution(id: str) -> Note:
    """Return a solution, once the exercise is passed or after three tries.

    Solutions are on the honour system: they lie in this package as plain text.
    """
    try:
        one, progress = exercise(id), Progress.here()
    except RefusedError as error:
        return Note("no such exercise", str(error))
    if not progress.is_open(id):
        left = TRIES - progress.tries(id)
        tries = f"{left} more {'try' if left == 1 else 'tries'}"
        return Note(
            f"the solution of exercise {id} is still closed", f"It opens after a pass, or after {tries}."
        )
    _keep(progress, id, "solution")
    said = "One way to do it; yours may be as good."
    return Note(f"solution of exercise {id}", said, source_of(one))


def source_of(one: Exercise) -> str:
    """Return a reference as a student would have written it: a function, or lines that name the value."""
    lines = inspect.getsource(one.reference_function).splitlines()
    lines = lines[next(k for k, line in enumerate(lines) if line.startswith("def ")) :]
    if not one.value:
        return "\n".join(lines)
    body = textwrap.dedent("\n".join(lines[1:]))
    head, found, last = body.rpartition("return ")
    if not found or (head and not head.endswith("\n")):
        raise ValueError(f"the reference of exercise {one.id} must end with one line 'return value'")
    return f"{head}{one.name} = {last}"


def _hand_in(verdict: Verdict, id: str) -> None:
    """Tell `mlsd lab check`, which runs the whole notebook, what this check said."""
    if named := os.environ.get(VERDICTS):
        said = next((finding.message for finding in verdict if not finding.ok and finding.message), "")
        if yours := [finding.subject for finding in verdict if finding.code == "yours"]:
            said = f"{said}: {'; '.join(yours)}"
        Progress(Path(named)).add(id, verdict.outcome, said)


def _help(one: Exercise, progress: Progress | None) -> str:
    n = len(one.hints)
    said = f'hint("{one.id}") helps step by step ({n} hint{"s" * (n != 1)})' if n else ""
    if progress is None:
        return said or "read its example once more"
    left = TRIES - progress.tries(one.id)
    opens = f"the solution opens after {left} more {'try' if left == 1 else 'tries'}"
    return "; ".join(filter(None, [said, opens if left > 0 else f'solution("{one.id}") is open now']))


def _with(verdict: Verdict, finding: Finding) -> Verdict:
    return Verdict(verdict.title, (*verdict.findings, finding))


def _keep(progress: Progress, id: str, event: str) -> None:
    """Remember an event; a place that cannot be written only forgets it."""
    try:
        progress.add(id, event)
    except RefusedError:
        import logging

        logging.getLogger("mlsd").warning("progress is not kept: %s cannot be written", progress.path)
