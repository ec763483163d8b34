"""The outputs that are kept: figures that can be read aloud, and nothing that differs from run to run."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from mlsd.course.lab.edition import edition_path
from mlsd.course.lint.code import Broken, is_ignored
from mlsd.course.lint.draft import EDITIONS, Draft
from mlsd.course.lint.reach import PATH

if TYPE_CHECKING:
    from nbformat import NotebookNode

MAX_BYTES = 300_000  # of a notebook
MAX_DIGITS = 3  # significant, of a number that is compared
MAX_IGNORED = 0.2  # share of the cells with outputs
_UNLABELLED = re.compile(r"an unlabelled \w+ axis")  # the words of mlsd/alt_text.py
_FLOAT = re.compile(r"(?<![\w.])\d[\d,]*\.\d+(?:e[-+]?\d+)?(?![\w.]*\.\d|\w)")
_ODD = {
    "the time of day": re.compile(r"\b(?:[01]\d|2[0-3]):[0-5]\d(?::[0-5]\d)?\b"),
    "the path": PATH,
    "the object id": re.compile(r"\b0x[0-9a-fA-F]{6,}\b"),
    "the address": re.compile(r"\bhttps?://\S+|\b\d{1,3}(?:\.\d{1,3}){3}\b|\blocalhost:\d+"),
}


def alt(draft: Draft) -> Iterator[Broken]:
    """Every figure can be read aloud."""
    for where, _, output in draft.outputs():
        for kind, said in _figures(output):
            if not said.strip():
                yield where, f"a figure ({kind}) has no alt text: draw it with mlsd.plot"


def axes(draft: Draft) -> Iterator[Broken]:
    """Every axis has a label."""
    for where, _, output in draft.outputs():
        for _, said in _figures(output):
            if _UNLABELLED.search(said):
                yield where, f"an axis has no label in the figure {said[:80]!r}"


def _figures(output: NotebookNode) -> Iterator[tuple[str, str]]:
    """Yield kind and alt text of each figure of an output."""
    about = output.get("metadata", {})
    for kind, said in output.get("data", {}).items():
        if kind in ("image/png", "image/jpeg"):
            yield kind, str(about.get(kind, {}).get("alt", "") or about.get("alt", ""))
        elif kind in ("image/svg+xml", "text/html"):
            for tag, given in re.findall(r"<(svg|img)\b([^>]*)>", said):
                name = "aria-label" if tag == "svg" else "alt"
                found = re.search(rf"""\b{name}\s*=\s*(["'])(.*?)\1""", given, re.S)
                yield kind, found[2] if found else ""


def digits(draft: Draft) -> Iterator[Broken]:
    """Outputs that are compared hold nothing that differs from machine to machine."""
    for where, cell, output in draft.outputs():
        for text in [] if is_ignored(cell) else _told(output):
            long = [number for number in _FLOAT.findall(text) if significant(number) > MAX_DIGITS]
            if long:
                yield (
                    where,
                    f"shows {long[0]}: at most {MAX_DIGITS} significant digits are the same everywhere",
                )
            for what, pattern in _ODD.items():
                if found := pattern.search(text):
                    yield where, f"shows {what} {found[0]!r}, which differs from run to run: leave it out"


def significant(number: str) -> int:
    """Return the significant digits of a number as it is shown; a whole number has none that matter.

    >>> [significant(number) for number in ("0.0123", "12.50", "100.0", "1.5e-07")]
    [3, 4, 0, 2]
    """
    whole, _, fraction = number.partition("e")[0].replace(",", "").partition(".")
    return len((whole + fraction).lstrip("0")) if fraction.strip("0") else 0


def _told(output: NotebookNode) -> list[str]:
    """Return the texts of an output that nbval compares; a picture's lines are no text."""
    data = output.get("data", {})
    markup = re.sub(r"<style.*?</style>|<svg.*?</svg>|<[^>]+>", " ", data.get("text/html", ""), flags=re.S)
    return list(filter(None, dict.fromkeys([output.get("text", ""), data.get("text/plain", ""), markup])))


def ignored(draft: Draft) -> Iterator[Broken]:
    """At most a fifth of the outputs are not compared."""
    for name, notebook in draft.kept.items():
        cells = [cell for cell in notebook.cells if cell.get("outputs")]
        passed = sum(map(is_ignored, cells))
        if passed > MAX_IGNORED * len(cells):
            yield (
                f"{name} edition",
                f"{passed} of {len(cells)} outputs are not compared, at most a fifth may be",
            )


def weight(draft: Draft) -> Iterator[Broken]:
    """No notebook weighs more than 300 kB."""
    for name in draft.kept:
        bytes = edition_path(draft.lab, solved=EDITIONS[name], folder=draft.folder).stat().st_size
        if bytes > MAX_BYTES:
            yield f"{name} edition", f"weighs {bytes / 1000:.0f} kB, at most {MAX_BYTES // 1000} are allowed"


def built(draft: Draft) -> Iterator[Broken]:
    """Both editions are there."""
    for name in EDITIONS:
        if name not in draft.kept:
            yield f"{name} edition", f"is not there: run `mlsd course build {draft.lab.number}`"
