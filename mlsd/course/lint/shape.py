"""The shape of a lab: its rhythm, its length, and what it promises."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from mlsd.course.lab.build import TIMINGS
from mlsd.course.lint.code import Broken
from mlsd.course.lint.draft import EDITIONS, Draft, placed
from mlsd.plain import from_json

if TYPE_CHECKING:
    from nbformat import NotebookNode

MAX_LINES = 25  # of a code cell
MAX_RUN = 3  # code cells without a word
READING = 200  # words a minute
RUNNING = 20  # seconds a student spends on a code cell
MAX_SECONDS = 45  # an edition may take
CODE_CELLS = (25, 40)
WORDS = (900, 1_800)
AFTER_TEXT = 0.65  # share of code cells
MAX_FIGURES = 6

_VERB = r"(?:\w+ed|was|were|saw|seen|built|gave|given|taught|made|found|told|known|met|learnt)"
_KNOWN = [  # {} is the number of a later lab
    r"\b(?:as|like|than) (?:\w+ ){{0,2}}?labs? {}\b(?! will)",
    r"\blabs? {} (?:has |have |already |had )*" + _VERB + r"\b",
    r"\bin labs? {},? (?:we|you|it) (?:have |already |had )*" + _VERB + r"\b",
    r"\b" + _VERB + r" (?:\w+ )?(?:in|by|from|with) labs? {}\b(?! will)",
    r"\b(?:recall|remember|since|after) labs? {}\b",
]


def long_cell(draft: Draft) -> Iterator[Broken]:
    """No code cell has more than 25 lines."""
    for code in draft.all_code:
        n = len(code.source.splitlines())
        if n > MAX_LINES:
            yield (
                code.where,
                f"has {n} lines, at most {MAX_LINES} are allowed: split it, or move it to the library",
            )


def no_prose(draft: Draft) -> Iterator[Broken]:
    """Never more than three code cells in a row."""
    told: set[str] = set()
    for name in EDITIONS:
        run = 0
        for where, cell in placed(name, draft.fresh[name]):
            run = run + 1 if cell.cell_type == "code" else 0
            if run == MAX_RUN + 1 and cell.source not in told:
                told.add(cell.source)
                yield where, f"is code cell {run} in a row: say something before it"


def forward(draft: Draft) -> Iterator[Broken]:
    """No text takes a later lab as known."""
    for needed in draft.lab.prerequisites:
        if later := _later(needed, draft.lab.number):
            yield "front matter", f"names lab {later[0]} as a prerequisite, which comes later"
    for where, text in draft.texts:
        plain = " ".join(re.sub(r"[*_`]", "", text).split())
        for sentence in re.split(r"(?<=[.!?:;]) ", plain):
            for number in _later(sentence, draft.lab.number):
                if any(re.search(known.format(number), sentence, re.I) for known in _KNOWN):
                    yield where, f"takes lab {number} as known, which comes later: {sentence[:80]!r}"


def _later(text: str, number: str) -> list[str]:
    there = re.findall(r"\b(?:labs? )?(\d\d)\b", text, re.I)
    return [
        found
        for found in dict.fromkeys(there)
        if found > number and re.search(rf"\blabs? {found}\b", text, re.I)
    ]


def objective(draft: Draft) -> Iterator[Broken]:
    """Every objective has an exercise."""
    exercised = {number for one in draft.bank.values() for number in one.objectives}
    for number, text in enumerate(draft.lab.objectives, 1):
        if number not in exercised:
            yield f"objective {number}", f"no exercise practises {text!r}"


def exercise(draft: Draft) -> Iterator[Broken]:
    """Every exercise has an objective."""
    n = len(draft.lab.objectives)
    for one in draft.bank.values():
        unknown = [number for number in one.objectives if not 1 <= number <= n]
        if unknown or not one.objectives:
            said = (
                f"names objective {unknown[0]}, the lab has {n}"
                if unknown
                else "names no objective of the lab"
            )
            yield f"exercise {one.id}", said


def minutes(draft: Draft) -> Iterator[Broken]:
    """The lab takes no longer than it says."""
    words, cells = _words(draft), len(draft.code("student"))
    class_time = sum(max((one.minutes for one in draft.bank.values() if one.level == level), default=0)
                     for level in ("warm-up", "core", "design"))  # fmt: skip
    needed = words / READING + class_time + cells * RUNNING / 60
    if needed > draft.lab.minutes:
        parts = f"{words} words, {class_time:g} minutes of exercises, {cells} code cells"
        yield (
            "front matter",
            f"a student needs about {needed:.0f} minutes ({parts}), {draft.lab.minutes} are declared",
        )
    path = draft.folder / TIMINGS
    timed = from_json(path.read_text(encoding="utf-8"), str(path)) if path.is_file() else {}
    for name, seconds in timed.get(draft.lab.number, {}).items():
        if seconds > MAX_SECONDS:
            yield f"{name} edition", f"took {seconds:g} seconds to run, at most {MAX_SECONDS} are allowed"


def size(draft: Draft) -> Iterator[Broken]:
    """The lab has the size of a lab (style guide, section 4)."""
    cells = draft.fresh["student"].cells
    code = [k for k, cell in enumerate(cells) if cell.cell_type == "code"]
    share = sum(k > 0 and cells[k - 1].cell_type == "markdown" for k in code) / max(len(code), 1)
    figures = sum(_is_figure(out) for where, _, out in draft.outputs() if where.startswith("student"))
    if not CODE_CELLS[0] <= len(code) <= CODE_CELLS[1]:
        yield "code cells", f"there are {len(code)}; {CODE_CELLS[0]} to {CODE_CELLS[1]} fill 45 minutes"
    if not WORDS[0] <= _words(draft) <= WORDS[1]:
        yield "words", f"there are {_words(draft)}; {WORDS[0]} to {WORDS[1]} fill 45 minutes"
    if share < AFTER_TEXT:
        yield "rhythm", f"{share:.0%} of the code cells follow a text, expected {AFTER_TEXT:.0%}"
    if figures > MAX_FIGURES:
        yield "figures", f"there are {figures}, at most {MAX_FIGURES} are looked at"


def _words(draft: Draft) -> int:
    """Return the words a student reads: the text cells, without code blocks and without hints."""
    texts = [cell.source for cell in draft.lab.cells if cell.kind == "text" and "solution" not in cell.tags]
    return sum(
        len(re.findall(r"\w[\w'’.,-]*", re.sub(r"```.*?```|<[^>]*>", " ", text, flags=re.S)))
        for text in texts
    )


def _is_figure(output: NotebookNode) -> bool:
    return any(kind.startswith("image/") for kind in output.get("data", {}))
