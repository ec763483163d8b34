"""Python code read for rules: its syntax tree, what its names stand for, and rules turned into findings."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from mlsd.report import Finding

if TYPE_CHECKING:
    from nbformat import NotebookNode

Broken = tuple[str, str]  # where, and one sentence
Rule = Callable[[Any], Iterable[Broken]]  # its docstring says what holds when nothing is broken
_IGNORED = "nbval-ignore-output"


def findings_of(rules: Mapping[str, Rule], thing: Any) -> tuple[Finding, ...]:
    """Return one finding per broken rule and place, and one for each rule that holds."""
    found: list[Finding] = []
    for code, rule in rules.items():
        broken = [Finding(code, where, ok=False, message=said) for where, said in dict.fromkeys(rule(thing))]
        found += broken or [Finding(code, message=" ".join((rule.__doc__ or "").split()))]
    return tuple(found)


def code_of(source: str) -> ast.Module | None:
    """Return the syntax tree of a code cell; None when it is not plain Python.

    >>> code_of("%matplotlib inline") is None, len(code_of("x = 1").body)
    (True, 1)
    """
    try:  # a cell may await
        tree = compile(source, "cell", "exec", ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    except (SyntaxError, ValueError):
        return None
    assert isinstance(tree, ast.Module)
    return tree


def dotted(node: ast.expr) -> str:
    """Return `a.b.c` for such an expression, with `?` for whatever else it starts from.

    >>> dotted(ast.parse("np.random.rand", mode="eval").body), dotted(ast.parse("f().x", mode="eval").body)
    ('np.random.rand', '?.x')
    """
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else "?"


def imported(tree: ast.AST) -> dict[str, str]:
    """Return what the names that are imported stand for: `np` -> `numpy`, `rand` -> `numpy.random.rand`."""
    names = {}
    for node in ast.walk(tree):
        for alias in node.names if isinstance(node, ast.Import | ast.ImportFrom) else ():
            if isinstance(node, ast.ImportFrom):
                names[alias.asname or alias.name] = f"{node.module}.{alias.name}"
            else:
                first = alias.name.partition(".")[0]
                names[alias.asname or first] = alias.name if alias.asname else first
    return names


def resolved(node: ast.expr, names: Mapping[str, str]) -> str:
    """Return the dotted name of an expression with its import spelled out."""
    first, dot, rest = dotted(node).partition(".")
    return names.get(first, first) + dot + rest


def code_cells(notebook: NotebookNode) -> list[tuple[str, NotebookNode]]:
    """Return the code cells of a notebook with the words for their places."""
    return [(f"cell {k}", cell) for k, cell in enumerate(notebook.cells, 1) if cell.cell_type == "code"]


def is_ignored(cell: NotebookNode) -> bool:
    """Return whether nbval does not compare what a cell gives."""
    return _IGNORED in cell.metadata.get("tags", ())
