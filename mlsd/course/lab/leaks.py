"""Solutions that slipped into what students are given, whatever the names in them."""

from __future__ import annotations

import ast
import base64
import binascii
import builtins
import html
import io
import keyword
import re
import tokenize
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlsd.course.lab.bank import exercises
from mlsd.course.lab.door import source_of
from mlsd.course.lab.edition import edition, edition_path
from mlsd.course.lab.source import Lab
from mlsd.course.lint.code import code_of
from mlsd.report import Finding, Report

if TYPE_CHECKING:
    from nbformat import NotebookNode

SMALLEST = 12  # nodes of a piece that tells something; smaller ones stand in any code
NEARLY_WHOLE = 0.75  # share of a solution that a hint or the prose must not show
_TOKEN = re.compile(
    r"""(?P<text>(?<![A-Za-z0-9_])[rbfuRBFU]{0,2}(?:"[^"\\\n]*(?:\\.[^"\\\n]*)*"|'[^'\\\n]*(?:\\.[^'\\\n]*)*'))
    |(?P<name>\.?[^\W\d]\w*)|(?P<number>\d[\w.]*)|(?P<sign>[^\s\w"'`\\(),;]+?)""", re.X)  # fmt: skip
_KEPT = {*keyword.kwlist, *dir(builtins)}


@dataclass(frozen=True)
class Tokens:
    """A text as a row of tokens; names are told apart, not remembered."""

    shape: str  # "· = · .mean / 2", with a space on either side
    names: tuple[str, ...]  # one per token, "" where it is no free name
    starts: dict[int, int] = field(repr=False)  # place in `shape` -> number of the token

    @classmethod
    def of(cls, text: str) -> Tokens:
        """Read a text; brackets, commas and line ends say nothing."""
        shape, names, starts, at = [" "], [], {}, 0
        for match in _TOKEN.finditer(text):
            said = match[0]
            free = match.lastgroup == "name" and said[0] != "." and said not in _KEPT
            if match.lastgroup == "text":
                said = repr(said.lstrip("rbfuRBFU")[1:-1]).replace(" ", "\x00")
            shape.append(("·" if free else said) + " ")
            names.append(said if free else "")
            starts[at] = len(names) - 1
            at += len(shape[-1])
        return cls("".join(shape), tuple(names), starts)

    def hold(self, piece: Tokens) -> bool:
        """Return whether a piece stands in this text, under any names."""
        at = self.shape.find(piece.shape)
        while at >= 0:
            first = self.starts[at]
            pairs = set(zip(self.names[first : first + len(piece.names)], piece.names, strict=True))
            if len({a for a, _ in pairs}) == len({b for _, b in pairs}) == len(pairs):
                return True
            at = self.shape.find(piece.shape, at + 1)
        return False


@dataclass(frozen=True)
class Piece:
    """A part of a solution: its tokens, and the numbers of the solution's nodes in it."""

    tokens: Tokens
    nodes: frozenset[int]


@dataclass(frozen=True)
class Place:
    """A text that students are given; in an open one the author may show parts of a solution on purpose."""

    where: str
    text: str
    open: bool = False


def leaks(lab: Lab, folder: Path) -> Report:
    """Judge whether students are given a solution: in cells, outputs, hints, metadata, attachments, files.

    A piece of a solution has at least 12 nodes. The stub may hold pieces, and the lab's own prose and code
    may show some on purpose; nearly the whole solution may stand nowhere.

    Args:
        lab: as its author wrote it.
        folder: of the labs.
    """
    places = [(place, Tokens.of(place.text)) for place in _places(lab, folder)]
    found: list[Finding] = []
    for id, source in _solutions(lab, folder):
        pieces = _pieces(source)
        purpose = [
            Tokens.of(plain(cell.source)) for cell in lab.cells if _is_open(cell.tags) or cell.exercise == id
        ]
        secret = [piece for piece in pieces if not any(text.hold(piece.tokens) for text in purpose)]
        for place, text in places:
            there = [piece.nodes for piece in (pieces if place.open else secret) if text.hold(piece.tokens)]
            share = len(frozenset[int]().union(*there)) / max(
                (len(piece.nodes) for piece in pieces), default=1
            )
            if share >= (NEARLY_WHOLE if place.open else 1e-9):
                said = f"shows {share:.0%} of the solution of exercise {id}; students must not be given it"
                found.append(Finding("leak", place.where, ok=False, value=share, message=said))
    clean = Finding("leak", message="students are given no solution")
    return Report(f"leaks of lab {lab.number}", tuple(found) or (clean,))


def _is_open(tags: Iterable[str]) -> bool:
    """Return whether the author shows what a cell holds on purpose."""
    return not {"exercise", "solution", "check"} & set(tags)


def plain(source: str) -> str:
    """Return code without its comments; what is no code stays as it is.

    >>> plain("x = 1  # one")
    'x = 1'
    """
    tree = code_of(source)
    return source if tree is None else ast.unparse(tree)


def _solutions(lab: Lab, folder: Path) -> Iterator[tuple[str, str]]:
    last = ""
    for cell in lab.cells:
        last = cell.exercise or last
        if "solution" in cell.tags and cell.kind == "code":
            yield last, cell.source
    for id, one in exercises(lab.number, folder).items():
        yield id, source_of(one)


def _pieces(source: str) -> list[Piece]:
    """Return a solution, then every statement and expression in it that is large enough; without docstrings."""
    body = ast.parse(source).body
    if len(body) == 1 and isinstance(body[0], ast.FunctionDef):
        body = body[0].body[bool(ast.get_docstring(body[0])) :]
    inner = [
        node for statement in body for node in ast.walk(statement) if not isinstance(node, ast.expr_context)
    ]
    number = {id(node): k for k, node in enumerate(inner)}
    whole: list[ast.AST] = [*body]
    parts: list[list[ast.AST]] = [[node] for node in inner if isinstance(node, ast.stmt | ast.expr)]
    pieces = []
    for part in [whole, *parts]:
        nodes = frozenset(number[id(n)] for top in part for n in ast.walk(top) if id(n) in number)
        if len(nodes) >= SMALLEST:
            pieces.append(Piece(Tokens.of("\n".join(ast.unparse(top) for top in part)), nodes))
    return pieces


def _places(lab: Lab, folder: Path) -> Iterator[Place]:
    """Yield every text of a lab that students are given."""
    import nbformat

    path = edition_path(lab, solved=False, folder=folder)
    kept = nbformat.read(path, as_version=4) if path.is_file() else edition(lab, solved=False, folder=folder)
    yield from _in_notebook("", kept)
    others = [*path.parent.glob(f"{lab.number}_*"), *(folder / "src").glob(f"{lab.number}_start.py")]
    for file in sorted(other for other in others if other.is_file() and other != path):
        text = file.read_text(encoding="utf-8", errors="replace")
        if file.suffix == ".ipynb":
            yield from _in_notebook(f"{file.name} ", nbformat.reads(text, as_version=4))
        else:
            yield Place(file.name, plain(text))
            yield Place(f"{file.name} comments", _comments(text))


def _in_notebook(name: str, notebook: NotebookNode) -> Iterator[Place]:
    yield Place(f"{name}metadata", _strings(notebook.metadata))
    for k, cell in enumerate(notebook.cells, 1):
        where = f"{name}cell {k}"
        tags = cell.metadata.get("tags", ())
        code, shown = cell.cell_type == "code", _is_open(tags) or "exercise" in tags
        yield Place(where, plain(cell.source) if code else html.unescape(cell.source), open=shown)
        yield Place(f"{where} comments", _comments(cell.source) if code else "")
        yield Place(f"{where} metadata", _strings(cell.metadata))
        yield Place(f"{where} attachments", _strings(cell.get("attachments", {})))
        yield Place(f"{where} output", _strings(cell.get("outputs", [])))


def _comments(source: str) -> str:
    """Return the comments of a cell, one a line."""
    try:
        tokens = list(tokenize.generate_tokens(io.StringIO(source).readline))
    except (tokenize.TokenError, SyntaxError):  # no Python: the guards say so
        return "\n".join(line.partition("#")[2] for line in source.splitlines())
    return "\n".join(token.string.lstrip("#") for token in tokens if token.type == tokenize.COMMENT)


def _strings(data: Any) -> str:
    """Return all texts inside of plain data: of HTML what is shown, of base64 what it stands for."""
    if isinstance(data, dict):
        return "\n".join(map(_strings, data.values()))
    if isinstance(data, list | tuple):
        return "\n".join(map(_strings, data))
    if not isinstance(data, str):
        return ""
    return "\n".join([data, html.unescape(re.sub(r"<[^<>]+>", " ", data)), _decoded(data)])


def _decoded(data: str) -> str:
    try:
        return base64.b64decode(data, validate=True).decode("utf-8")
    except (binascii.Error, ValueError):
        return ""
