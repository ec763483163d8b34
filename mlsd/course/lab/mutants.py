"""Mutants: a reference with one small mistake each, which a check that is worth something finds."""

from __future__ import annotations

import ast
import copy
import inspect
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

_OPERATORS: dict[Any, tuple[str, list[Any]]] = {  # operator -> what is written, and what it becomes
    ast.Gt: (">", [ast.GtE, ast.LtE]), ast.GtE: (">=", [ast.Gt, ast.Lt]),
    ast.Lt: ("<", [ast.LtE, ast.GtE]), ast.LtE: ("<=", [ast.Lt, ast.Gt]),
    ast.Eq: ("==", [ast.NotEq]), ast.NotEq: ("!=", [ast.Eq]),
    ast.Is: ("is", [ast.IsNot]), ast.IsNot: ("is not", [ast.Is]),
    ast.In: ("in", [ast.NotIn]), ast.NotIn: ("not in", [ast.In]),
    ast.Add: ("+", [ast.Sub]), ast.Sub: ("-", [ast.Add]),
    ast.Mult: ("*", [ast.Div]), ast.Div: ("/", [ast.Mult]), ast.FloorDiv: ("//", [ast.Mult]),
    ast.And: ("and", [ast.Or]), ast.Or: ("or", [ast.And]),
}  # fmt: skip
_PAIRS = [("train", "test"), ("before", "after"), ("left", "right"), ("old", "new")]
_TWIN = {a: b for pair in _PAIRS for a, b in (pair, pair[::-1])}
_EITHER_WAY = set(  # calls whose first two arguments may trade places, or whose trade is no student's mistake
    "max min maximum minimum add multiply hypot gcd isclose allclose array_equal logical_and logical_or "
    "union intersection isinstance".split()
)
_CONSTANTS = {  # what is returned (a literal's class, a name that is called) -> constants of the same kind
    **dict.fromkeys([ast.Compare, ast.BoolOp, "any", "all", "bool", "not"], ("True", "False")),
    **dict.fromkeys([ast.List, ast.ListComp, "list", "sorted"], ("[]",)),
    **dict.fromkeys([ast.Dict, ast.DictComp, "dict"], ("{}",)),
    **dict.fromkeys([ast.Set, ast.SetComp, "set"], ("set()",)),
    **dict.fromkeys([ast.JoinedStr, "str"], ("'?'",)),
    ast.Tuple: ("()",),
}
_IDLE = (ast.Pass, ast.Import, ast.ImportFrom, ast.FunctionDef, ast.Global, ast.Nonlocal)

Node = Any  # an ast.AST of any class, asked for fields that only some have
Change = tuple[str, str, Node, Node]  # kind, in words, old node, new node


@dataclass(frozen=True)
class Mutant:
    """A function with one mistake: its kind, the line of the file it is on, its source.

    >>> print(Mutant("comparison flipped", 4, "...", abs, "> became >="))
    line 4: > became >=
    """

    kind: str
    line: int
    source: str = field(repr=False)
    function: Callable[..., Any] = field(repr=False)
    words: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.words}"


def mutants(function: Callable[..., Any]) -> Iterator[Mutant]:
    """Make all mutants of a function, in the order of its source; the same ones each time.

    Args:
        function: written in a file; a mutant sees the names that it sees.

    Source: the operators of DeMillo, Lipton and Sayward, "Hints on test data selection", 1978, chosen
    for numeric and tabular code.

    >>> from textwrap import shorten
    >>> [str(m).split(": ")[1] for m in mutants(shorten) if m.kind == "constant returned"]
    ['the function returns 0', 'the function returns 1']
    """
    function = inspect.unwrap(function)
    lines, first = inspect.getsourcelines(function)
    tree = ast.parse(textwrap.dedent("".join(lines))).body[0]
    assert isinstance(tree, ast.FunctionDef), f"{function!r} is no function written with def"
    tree.decorator_list, tree.returns = [], None
    for part in ast.walk(tree):
        if isinstance(part, ast.arg):
            part.annotation = None
        if isinstance(part, ast.AnnAssign):
            part.annotation = ast.Name("object", ast.Load())
    seen = {ast.unparse(tree)}
    for kind, words, old, new in sorted(_changes(tree), key=lambda change: change[2].lineno):
        mutated = _put(tree, old, new)
        source = ast.unparse(mutated)
        if source not in seen:
            seen.add(source)
            line = first + old.lineno - 1
            yield Mutant(kind, line, source, _made(mutated, function), words)


def _changes(tree: ast.FunctionDef) -> Iterator[Change]:
    words = {word for node in ast.walk(tree) for _, word in _words(node)}
    for node in ast.walk(tree):
        yield from _operators(node)
        yield from _axes(node)
        yield from _off_by_one(node)
        yield from _twins(node, words)
        yield from _dropped(node, tree)
        yield from _constants(node)


def _operators(node: Node) -> Iterator[Change]:
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield "not removed", "`not` removed", node, node.operand
    there: list[Any] = getattr(node, "ops", [getattr(node, "op", None)])
    kind = "comparison flipped" if isinstance(node, ast.Compare) else "arithmetic swapped"
    for k, op in enumerate(there):
        text, becomes = _OPERATORS.get(type(op), ("", []))
        for other in becomes:
            new = copy.deepcopy(node)
            if isinstance(new, ast.Compare):
                new.ops[k] = other()
            else:
                new.op = other()
            named = "and/or swapped" if isinstance(node, ast.BoolOp) else kind
            yield named, f"{text} became {_OPERATORS[other][0]}", node, new


def _axes(node: Node) -> Iterator[Change]:
    if isinstance(node, ast.Attribute) and node.attr == "T" and isinstance(node.ctx, ast.Load):
        yield "axis swapped", ".T dropped", node, node.value
    if isinstance(node, ast.keyword) and node.arg == "axis" and ast.unparse(node.value) in ("0", "1"):
        other = 1 - int(ast.unparse(node.value))
        yield "axis swapped", f"axis={1 - other} became axis={other}", node.value, ast.Constant(other)
    if isinstance(node, ast.Call) and len(node.args) >= 2 and _called(node) not in _EITHER_WAY:
        a, b = node.args[:2]
        if type(a) is type(b) and isinstance(a, (ast.Name, ast.Attribute, ast.Subscript)):
            new = copy.deepcopy(node)
            new.args[:2] = [b, a]
            yield "axis swapped", f"{ast.unparse(node)} became {ast.unparse(new)}", node, new


def _off_by_one(node: Node) -> Iterator[Change]:
    if _is_int(node):
        for other in (node.value + 1, node.value - 1):
            yield "off by one", f"{node.value} became {other}", node, ast.Constant(other)
    bounds: list[Any] = node.args[:2] if isinstance(node, ast.Call) and _called(node) == "range" else []
    bounds += [node.lower, node.upper] if isinstance(node, ast.Slice) else []
    for bound in bounds:
        if bound is not None and not any(_is_int(part) for part in ast.walk(bound)):
            for op in (ast.Add, ast.Sub):
                new = ast.BinOp(bound, op(), ast.Constant(1))
                yield "off by one", f"the bound {ast.unparse(bound)} became {ast.unparse(new)}", bound, new


def _twins(node: Node, words: set[str]) -> Iterator[Change]:
    for where, name in _words(node):
        other = "_".join(_TWIN.get(part, part) for part in name.split("_"))
        if other != name and other in words and not isinstance(node, ast.arg):
            new = copy.deepcopy(node)
            setattr(new, where, other)
            yield "train/test swapped", f"{name} became {other}", node, new


def _words(node: Node) -> Iterator[tuple[str, str]]:
    """Yield the field and text of a name: one that is read, an argument, an attribute, a short text."""
    for kind, where in ((ast.Name, "id"), (ast.arg, "arg"), (ast.Attribute, "attr"), (ast.Constant, "value")):
        if isinstance(node, kind) and isinstance(getattr(node, "ctx", ast.Load()), ast.Load):
            word = getattr(node, where)
            if isinstance(word, str) and word.isidentifier():
                yield where, word


def _dropped(node: Node, tree: ast.FunctionDef) -> Iterator[Change]:
    """Yield what is left without each statement; a block of one line goes with its head."""
    for body in (getattr(node, "body", []), getattr(node, "orelse", [])):
        lines = [line for line in body if not _is_idle(line)] if isinstance(body, list) else []
        whole = len(lines) == 1 and (node is tree or (body is node.body and not getattr(node, "orelse", [])))
        for line in [] if whole else lines:
            yield "line dropped", f"dropped `{ast.unparse(line).splitlines()[0]}`", line, ast.Pass()


def _is_idle(line: Node) -> bool:
    """Return whether a statement does nothing, or nothing that a student could forget unnoticed."""
    text = isinstance(line, ast.Expr) and isinstance(line.value, ast.Constant)
    return text or isinstance(line, _IDLE) or (isinstance(line, ast.AnnAssign) and line.value is None)


def _constants(node: Node) -> Iterator[Change]:
    if isinstance(node, ast.Return) and node.value is not None:
        for text in _of_its_kind(node.value):
            new = ast.Return(ast.parse(text, mode="eval").body)
            yield "constant returned", f"the function returns {text}", node, new


def _of_its_kind(value: Node) -> tuple[str, ...]:
    kind = _called(value) or type(value)
    if isinstance(value, ast.Constant) and isinstance(value.value, (bool, str)):
        kind = type(value.value).__name__
    if isinstance(value, ast.UnaryOp) and isinstance(value.op, ast.Not):
        kind = "not"
    return _CONSTANTS.get(kind, ("0", "1"))


def _is_int(node: Node) -> bool:
    return isinstance(node, ast.Constant) and type(node.value) is int


def _called(node: Node) -> str:
    """Return the last name of what is called: `mean` for `np.mean(x)`."""
    function = node.func if isinstance(node, ast.Call) else None
    return getattr(function, "attr", getattr(function, "id", ""))


class _Put(ast.NodeTransformer):
    def __init__(self, old: Node, new: Node) -> None:
        self.old, self.new = old, new

    def visit(self, node: ast.AST) -> Any:
        return self.new if node is self.old else self.generic_visit(node)


def _put(tree: ast.FunctionDef, old: Node, new: Node) -> ast.FunctionDef:
    """Return a copy of the function with one node in another's place."""
    memo: dict[int, Any] = {}
    copied = copy.deepcopy(tree, memo)
    return ast.fix_missing_locations(_Put(memo[id(old)], copy.deepcopy(new)).visit(copied))


def _made(tree: ast.FunctionDef, like: Callable[..., Any]) -> Callable[..., Any]:
    names = {**like.__globals__, **inspect.getclosurevars(like).nonlocals}
    exec(compile(ast.Module([tree], []), f"<a mutant of {tree.name}>", "exec"), names)
    return names[tree.name]
