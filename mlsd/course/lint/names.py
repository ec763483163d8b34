"""Names in cell order: each is defined before it is used, and keeps its meaning."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterable, Iterator

from mlsd.course.lint.code import Broken
from mlsd.course.lint.draft import EDITIONS, Code, Draft

_GIVEN = {*dir(builtins), "display", "__name__", "__doc__"}
_Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
_Comprehension = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp
Use = tuple[str, bool]  # a name, and whether it is needed only when a function is called


def undefined(draft: Draft) -> Iterator[Broken]:
    """Every name is defined before it is used."""
    told: set[tuple[str, str]] = set()
    for name in EDITIONS:
        cells = draft.code(name)
        anywhere = {bound for code in cells for bound in stored(code.tree.body)} | _GIVEN
        known = set(_GIVEN)
        for code in cells:
            for missing in dict.fromkeys(_run(code.tree.body, known, anywhere)):
                if (code.source, missing) not in told:
                    yield code.where, f"uses {missing!r}, which is not defined before it"
                told.add((code.source, missing))


def rebound(draft: Draft) -> Iterator[Broken]:
    """Every name keeps its meaning from cell to cell."""
    told: set[tuple[str, str]] = set()
    for name in EDITIONS:
        home: dict[str, Code] = {}
        cells = draft.code(name)
        # a name that each cell binds before it uses it, such as `figure`, carries no meaning to other cells
        carried = {taken for code in cells for taken in _run(code.tree.body, set(_GIVEN), _GIVEN)}
        for code in cells:
            meanings = {bound for bound in stored(code.tree.body) if bound != "_"}
            same = {bound for bound in meanings if _imports(code.tree, bound) & _imports_at(home, bound)}
            for bound in sorted((meanings & home.keys() & carried) - same):
                if (code.source, bound) not in told:
                    yield (
                        code.where,
                        f"gives {bound!r} another meaning than {home[bound].where}; choose a new name",
                    )
                told.add((code.source, bound))
            passing = set(_passing(code.tree))
            home |= {bound: code for bound in meanings - passing if bound not in home}
            for gone in [gone for node in code.tree.body for gone in _deleted(node)]:
                home.pop(gone, None)


def stored(body: Iterable[ast.AST]) -> Iterator[str]:
    """Yield the names that statements bind, but not those inside functions, classes and comprehensions.

    >>> list(stored(ast.parse("import a.b as c\\nx, y = 1, [z for z in w]\\ndef f(u): v = 1").body))
    ['c', 'x', 'y', 'f']
    """
    waiting: list[ast.AST] = list(body)
    while waiting:
        node = waiting.pop(0)
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield from (alias.asname or alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.ExceptHandler | ast.MatchAs | ast.MatchStar) and node.name:
            yield node.name
        if not isinstance(node, _Function | ast.ClassDef):
            inside = _walrus(node) if isinstance(node, _Comprehension) else list(ast.iter_child_nodes(node))
            waiting = inside + waiting


def _walrus(node: ast.AST) -> list[ast.AST]:
    return [inner.target for inner in ast.walk(node) if isinstance(inner, ast.NamedExpr)]


def _run(body: Iterable[ast.AST], known: set[str], anywhere: set[str]) -> Iterator[str]:
    """Go through statements as they would run, add what they define to `known`, yield what is missing."""
    for node in body:
        blocks = [block for field in ("body", "handlers", "orelse", "finalbody", "cases")
                  for block in [getattr(node, field, None)] if isinstance(block, list)]  # fmt: skip
        whole = isinstance(node, _Function | ast.ClassDef) or not blocks
        inside = [child for block in blocks for child in block]
        heads = [node] if whole else [child for child in ast.iter_child_nodes(node) if child not in inside]
        given = set(_walruses(node)) if whole else set(stored(heads))
        yield from _missing(heads, known | given, anywhere)
        known.update(stored(heads))
        if isinstance(node, ast.ExceptHandler) and node.name:
            known.add(node.name)
        for block in blocks if not whole else ():
            yield from _run(block, known, anywhere)
        known.difference_update(_deleted(node))


def _walruses(node: ast.AST) -> Iterator[str]:
    for inner in ast.walk(node):
        if isinstance(inner, ast.NamedExpr):
            yield inner.target.id


def _missing(nodes: Iterable[ast.AST], known: set[str], anywhere: set[str]) -> Iterator[str]:
    for node in nodes:
        for name, later in _uses(node, frozenset(), False):
            if name not in (anywhere if later else known):
                yield name


def _uses(node: ast.AST, inside: frozenset[str], later: bool) -> Iterator[Use]:
    """Yield the names that a node takes from outside of itself."""
    if isinstance(node, ast.Name):
        if not isinstance(node.ctx, ast.Store) and node.id not in inside:
            yield node.id, later
        return
    if isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name) and node.target.id not in inside:
        yield node.target.id, later
    own, now, body = _scope(node)
    for child in now:
        yield from _uses(child, inside, later)
    for child in body:
        yield from _uses(child, inside | own, later or isinstance(node, _Function))


def _scope(node: ast.AST) -> tuple[set[str], list[ast.AST], list[ast.AST]]:
    """Return the names that are a node's own, its parts outside of them, and those inside."""
    parts = list(ast.iter_child_nodes(node))
    if isinstance(node, _Comprehension):
        names = [n for made in node.generators for n in ast.walk(made.target) if isinstance(n, ast.Name)]
        return {n.id for n in names}, [], parts
    if isinstance(node, _Function):
        given = {arg.arg for arg in ast.walk(node.args) if isinstance(arg, ast.arg)}
        body: list[ast.AST] = [node.body] if isinstance(node, ast.Lambda) else list(node.body)
        made = set() if isinstance(node, ast.Lambda) else {node.name, *stored(node.body)}
        return given | made, [part for part in parts if part not in body], body
    if isinstance(node, ast.ClassDef):
        return set(stored(node.body)), [part for part in parts if part not in node.body], list(node.body)
    return set(), parts, []


def _passing(tree: ast.Module) -> Iterator[str]:
    """Yield names that serve one statement: targets of loops and of `with`, caught errors."""
    for node in ast.walk(tree):
        if isinstance(node, ast.For | ast.comprehension):
            yield from (n.id for n in ast.walk(node.target) if isinstance(n, ast.Name))
        elif isinstance(node, ast.withitem) and node.optional_vars:
            yield from (n.id for n in ast.walk(node.optional_vars) if isinstance(n, ast.Name))
        elif isinstance(node, ast.ExceptHandler) and node.name:
            yield node.name


def _imports(tree: ast.Module, name: str) -> set[str]:
    """Return what a name is imported as at the top of a cell."""
    return {
        f"{getattr(node, 'module', '')}:{alias.name if alias.asname or isinstance(node, ast.ImportFrom) else name}"
        for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom) for alias in node.names
        if (alias.asname or alias.name.partition(".")[0]) == name
    }  # fmt: skip


def _imports_at(home: dict[str, Code], name: str) -> set[str]:
    return _imports(home[name].tree, name) if name in home else set()


def _deleted(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Delete):
        yield from (target.id for target in node.targets if isinstance(target, ast.Name))
