"""The checks that a notebook ran, counted against the exercises that it declares."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from mlsd.course.lint.code import Broken, code_cells, code_of, imported, is_ignored, resolved

if TYPE_CHECKING:
    from nbformat import NotebookNode

_VERDICT = re.compile(r"^exercise (\d\d\.\d+): (passed|wrong|crashed|not attempted)", re.M)
_DOORS = ("mlsd.course.check", "mlsd.course.lab.door.check")


def checks(notebook: NotebookNode) -> Iterator[Broken]:
    """Every declared exercise was checked once, with the outcome of its edition."""
    about = notebook.metadata.get("mlsd", {})
    declared = [str(id) for id in about.get("exercises", ())]
    wanted = "passed" if about.get("edition") == "solution" else "not attempted"
    said: Counter[str] = Counter()
    names: dict[str, str] = {}
    for where, cell in code_cells(notebook):
        tree = code_of(cell.source) or ast.Module([], [])
        names |= imported(tree)
        asked = _checked(tree, names) if declared else []
        verdicts = [
            found for output in cell.outputs for text in _texts(output) for found in _VERDICT.findall(text)
        ]
        for id, outcome in verdicts if declared else ():
            if id not in asked or is_ignored(cell):
                yield where, f"shows a verdict on {id} that no compared check gave"
                continue
            said[id] += 1
            if outcome != wanted:
                yield where, f"exercise {id} is {outcome}, expected {wanted}"
        if declared and any(name.id == "check" for name in _stored(tree)):
            yield where, "gives the name 'check' another meaning; it must be the one of mlsd.course"
    for id in dict.fromkeys([*declared, *said]):
        if said[id] != 1 or id not in declared:
            times = f"{said[id]} time{'s' * (said[id] != 1)}"
            yield f"exercise {id}", f"was checked {times}, expected {'once' if id in declared else 'never'}"


def _checked(tree: ast.Module, names: Mapping[str, str]) -> list[str]:
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and node.args]
    own = [call for call in calls if resolved(call.func, names) in _DOORS]
    return [str(call.args[0].value) for call in own if isinstance(call.args[0], ast.Constant)]


def _stored(tree: ast.AST) -> Iterator[ast.Name]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield ast.Name(node.name)


def _texts(output: NotebookNode) -> list[str]:
    """Return what an output says as plain text."""
    said = output.get("text") or output.get("data", {}).get("text/plain")
    return [said] if said else []
