"""The words of the course as data: what each means, where it is taught, what in `mlsd` does it."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cache
from importlib.resources import files
from typing import Any

from mlsd.report import RefusedError

_FILE = "concepts.toml"
_SHAPES = {  # field -> what is allowed, and that in words
    "id": (r"[a-z0-9]+(-[a-z0-9]+)*", "lower-case words joined by hyphens"),
    "name": (r".+", "a name"),
    "definition": (r".+", "a sentence"),
    "lab": (r"\d\d", "two digits, such as '03'"),
    "exercise": (r"(\d\d\.\d+)?", "lab and number, such as '00.1', or ''"),
    "symbol": (r"(mlsd(\.\w+)+)?", "a dotted name, such as 'mlsd.Schema', or ''"),
}
_EXAM = re.compile(r"T[1-8]")


@dataclass(frozen=True)
class Concept:
    """One word of the course.

    Args:
        id: lower-case words joined by hyphens.
        name: as a student looks it up.
        sprint: 0 to 5, where the course first names it.
        seed: whether the course introduction names it.
        definition: one sentence.
        lab: the lab that teaches it, two digits.
        exercise: the exercise that practises it, `"00.1"`, or "".
        symbol: the dotted name in `mlsd` that does it, or "".
        exam: kinds of exam question that ask for it, T1 to T8; empty when never asked.
        open: whether no lab notebook teaches it yet.
    """

    id: str
    name: str
    sprint: int
    seed: bool
    definition: str
    lab: str
    exercise: str
    symbol: str
    exam: tuple[str, ...]
    open: bool


@cache
def concepts() -> tuple[Concept, ...]:
    """Return the concepts of the course, in the order in which it names them.

    >>> next(c.name for c in concepts() if c.id == "concept-drift")
    'Concept drift'
    """
    return read_concepts((files("mlsd.course") / _FILE).read_text(encoding="utf-8"))


def open_concepts() -> tuple[str, ...]:
    """Return the ids of the concepts that no lab notebook teaches yet, sorted.

    >>> "ml-system" in open_concepts()
    False
    """
    return tuple(sorted(concept.id for concept in concepts() if concept.open))


def read_concepts(text: str) -> tuple[Concept, ...]:
    """Return the concepts written in a TOML text.

    Raises:
        RefusedError: the text is not TOML, or an entry lacks a field, has one too many, holds a value that
            does not fit, or takes an id that is taken; says which entry.
    """
    try:
        record = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise RefusedError(f"{_FILE} is not TOML: {error}; mend that line") from None
    entries = record.pop("concept", [])
    if record or not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise RefusedError(f"{_FILE} holds something else than [[concept]] entries; take it out")
    found: dict[str, Concept] = {}
    for number, entry in enumerate(entries, start=1):
        concept = _concept(entry, f"{_FILE}, concept {entry.get('id', number)!r}")
        if concept.id in found:
            raise RefusedError(f"{_FILE} names the id {concept.id!r} twice; give each concept its own id")
        found[concept.id] = concept
    return tuple(found.values())


def _concept(entry: Mapping[str, Any], where: str) -> Concept:
    names = [field.name for field in fields(Concept)]
    for name in names:
        if name not in entry:
            raise RefusedError(f"{where} has no {name!r}; add it")
    for name in entry:
        if name not in names:
            raise RefusedError(f"{where} has an unknown field {name!r}; expected {', '.join(names)}")
    for name, (shape, words) in _SHAPES.items():
        value = entry[name]
        _expect(isinstance(value, str) and re.fullmatch(shape, value), where, name, words, value)
    for name in ("seed", "open"):
        _expect(isinstance(entry[name], bool), where, name, "true or false", entry[name])
    sprint, exam = entry["sprint"], entry["exam"]
    _expect(type(sprint) is int and 0 <= sprint <= 5, where, "sprint", "a number from 0 to 5", sprint)
    kinds = exam if isinstance(exam, list) else [exam] if exam != "" else []
    known = all(isinstance(kind, str) and _EXAM.fullmatch(kind) for kind in kinds)
    _expect(known and len({*kinds}) == len(kinds), where, "exam", "one or more of T1 to T8, or ''", exam)
    return Concept(**{**entry, "exam": tuple(kinds)})


def _expect(holds: object, where: str, name: str, words: str, value: object) -> None:
    if not holds:
        raise RefusedError(f"{where}: {name} is {value!r}; expected {words}")
