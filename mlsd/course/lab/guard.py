"""Guards for notebook tests: the constructs that nbval passes over in silence are refused here."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from mlsd.course.lint.checked import checks
from mlsd.course.lint.code import Broken, Rule, code_cells, code_of, dotted, findings_of, imported, resolved
from mlsd.report import Finding, Report

if TYPE_CHECKING:
    from nbformat import NotebookNode

_MARKER = re.compile(
    r"^\s*#+\s*(NBVAL_SKIP|NBVAL_RAISES_EXCEPTION|NBVAL_IGNORE_OUTPUT|PYTEST_VALIDATE\w+)\s*$", re.M
)
_TAGS = ("nbval-skip", "nbval-raises-exception", "raises-exception", "pytest-validate-ignore-output")
_STARTED = "threading _thread concurrent.futures multiprocessing".split()
_TASKS = "create_task ensure_future run_in_executor to_thread".split()
_SILENT = "os.system os.popen subprocess.Popen subprocess.call subprocess.getoutput subprocess.getstatusoutput".split()
_UNSEEN = {"image/png", "image/jpeg", "application/vnd.jupyter.widget-view+json"}  # never compared


def guard(path: Path) -> Report:
    """Judge whether a notebook's tests can be believed; it is read, not run.

    Args:
        path: of a notebook with its outputs; when its metadata declare exercises, each must have been
            checked once: *not attempted* in the student edition, *passed* in the other.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp(), "fooled.ipynb")
    >>> cell = '{"cell_type": "code", "id": "a", "metadata": {}, "outputs": [], "execution_count": 1, '
    >>> _ = path.write_text('{"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": ['
    ...     + cell + '"source": "# assert False"}]}')
    >>> guard(path).failures
    (Finding(FAILED commented-out cell 1: runs nothing: delete the cell, or what keeps it from running),)
    """
    import nbformat

    title = f"guards of {path.name}"
    try:
        notebook = nbformat.read(path, as_version=4)
    except Exception as error:  # whatever nbformat makes of a damaged file
        said = f"{path.name} cannot be read as a notebook: {' '.join(str(error).split())[:200]}"
        return Report(title, (Finding("readable", path.name, ok=False, message=said),))
    return Report(title, findings_of(_RULES, notebook))


def _trees(notebook: NotebookNode) -> Iterator[tuple[str, ast.Module]]:
    for where, cell in code_cells(notebook):
        tree = code_of(cell.source)
        if tree is not None:
            yield where, tree


def _nodes(notebook: NotebookNode) -> Iterator[tuple[str, ast.AST, dict[str, str]]]:
    """Yield where, every node of the code, and what imported names stand for so far."""
    names: dict[str, str] = {}
    for where, tree in _trees(notebook):
        names |= imported(tree)
        for node in ast.walk(tree):
            yield where, node, names


def _magic(notebook: NotebookNode) -> Iterator[Broken]:
    """Every code cell is plain Python."""
    for where, cell in code_cells(notebook):
        if code_of(cell.source) is not None:
            continue
        odd = [
            line.strip()
            for line in cell.source.splitlines()
            if re.match(r"\s*(\w+\s*=\s*)?[%!?]|[^#]*\?\s*$", line)
        ]
        told = "the rest of the cell may never run, or fail in silence; write it in Python"
        yield where, f"{odd[0]!r} is no Python: {told}" if odd else "is no Python: mend its syntax"
    for where, node, _ in _nodes(notebook):
        if isinstance(node, ast.Name) and node.id == "get_ipython":
            yield where, "get_ipython() runs magics and commands that fail in silence; write it in Python"


def _command(notebook: NotebookNode) -> Iterator[Broken]:
    """Every command that fails is noticed."""
    for where, node, names in _nodes(notebook):
        if not isinstance(node, ast.Call):
            continue
        called = resolved(node.func, names)
        if called in _SILENT:
            yield where, f"{called} fails in silence; use subprocess.run(..., check=True)"
        if called == "subprocess.run" and "check" not in {keyword.arg for keyword in node.keywords}:
            yield (
                where,
                "subprocess.run fails in silence without check=True (or check=False, said on purpose)",
            )


def _skipped(notebook: NotebookNode) -> Iterator[Broken]:
    """No cell is skipped, or expected to raise."""
    for where, cell in code_cells(notebook):
        for tag in cell.metadata.get("tags", ()):
            if tag in _TAGS:
                yield (
                    where,
                    f"the tag {tag!r} lets the cell pass whatever it does; show an error with try and except",
                )
        for marker in _MARKER.findall(cell.source):
            yield where, f"the comment {marker} keeps nbval from looking; only the tag 'ignore-output' may"


def _commented_out(notebook: NotebookNode) -> Iterator[Broken]:
    """Every code cell runs something."""
    for where, tree in _trees(notebook):
        dead = any(isinstance(n, ast.If | ast.While) and _never(n.test) for n in ast.walk(tree))
        if dead or all(map(_does_nothing, tree.body)):
            yield where, "runs nothing: delete the cell, or what keeps it from running"


def _never(test: ast.expr) -> bool:
    return isinstance(test, ast.Constant) and not test.value


def _does_nothing(node: ast.stmt) -> bool:
    """Return whether it is `pass`, `...` or a text; a text alone is code in quotes."""
    said = node.value if isinstance(node, ast.Expr) else None
    return isinstance(node, ast.Pass) or (
        isinstance(said, ast.Constant) and isinstance(said.value, str | type(...))
    )


def _thread(notebook: NotebookNode) -> Iterator[Broken]:
    """Nothing is started that may die unseen."""
    for where, node, names in _nodes(notebook):
        used = ""
        if isinstance(node, ast.Import):
            used = next((a.name for a in node.names if a.name.startswith(tuple(_STARTED))), "")
        elif isinstance(node, ast.ImportFrom):
            full = [f"{node.module}.{a.name}" for a in node.names]
            used = next((name for name in full if name.startswith(tuple(_STARTED))), "")
        elif isinstance(node, ast.Call) and resolved(node.func, names).rpartition(".")[2] in _TASKS:
            used = resolved(node.func, names)
        if used:
            yield where, f"{used} starts what may die unseen; move it to the library and test it there"


def _swallowed(notebook: NotebookNode) -> Iterator[Broken]:
    """No error is swallowed."""
    for where, node, names in _nodes(notebook):
        if isinstance(node, ast.ExceptHandler):
            idle = all(isinstance(n, ast.Continue) or _does_nothing(n) for n in node.body)
            if node.type is None or (idle and _catches_all(node.type)):
                yield (
                    where,
                    "an 'except' takes every error and shows none; name the error and show what it says",
                )
        elif isinstance(node, ast.Call) and resolved(node.func, names) == "contextlib.suppress":
            yield from (
                (where, "suppress takes every error; name the error") for _ in filter(_catches_all, node.args)
            )


def _catches_all(kind: ast.expr) -> bool:
    kinds = kind.elts if isinstance(kind, ast.Tuple) else [kind]
    return any(dotted(one) in ("Exception", "BaseException") for one in kinds)


def _unrun(notebook: NotebookNode) -> Iterator[Broken]:
    """The notebook was run once, from top to bottom, and kept its outputs."""
    for n, (where, cell) in enumerate(code_cells(notebook), 1):
        if cell.execution_count is None:
            yield where, "was not run, so nbval compares nothing; build the lab anew"
        elif cell.execution_count != n:
            yield (
                where,
                f"ran as number {cell.execution_count}, expected {n}: run all cells once, from top to bottom",
            )
        if any(output.output_type == "error" for output in cell.outputs):
            yield where, "ended with an error"


def _picture(notebook: NotebookNode) -> Iterator[Broken]:
    """Every picture has something beside it that is compared."""
    for where, cell in code_cells(notebook):
        for output in cell.outputs:
            kinds = set(output.get("data", {}))
            if kinds and kinds <= _UNSEEN:
                yield where, f"shows {min(kinds)} alone, which nbval never compares: draw it with mlsd.plot"


_RULES: dict[str, Rule] = {
    "magic": _magic, "command": _command, "skipped": _skipped, "commented-out": _commented_out,
    "thread": _thread, "swallowed": _swallowed, "unrun": _unrun, "picture": _picture, "checks": checks,
}  # fmt: skip
