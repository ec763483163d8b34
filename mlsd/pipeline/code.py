"""The digest of a step's code: its own, and that of every project function it calls."""

from __future__ import annotations

import ast
import importlib
import inspect
import textwrap
import types
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any, NamedTuple

from mlsd.digest import code_of, digest_value
from mlsd.plain import to_plain


def digest_step(step: Callable[..., Any]) -> str:
    """Return the digest of a step's code and of the project functions it calls, however deep.

    The project is the step's own top-level package (or file, or notebook). Other packages count by
    their version. Comments, docstrings and layout do not count; constants that the code reads do.
    Cost: each function is read once a process, some 2 ms.

    Raises:
        ValueError: the source of a function cannot be read.
    """
    project = _root(step)
    found: dict[str, Any] = {}
    waiting: list[Any] = [step]
    while waiting:
        thing = waiting.pop()
        name = f"{thing.__module__}.{thing.__qualname__}"
        if name in found:  # each function once, however many call it
            continue
        found[name] = _code_of(thing)
        for label, used in _used(thing):
            if _is_code(used) and _root(used) == project:
                waiting.append(used)
            elif isinstance(used, types.ModuleType) or _is_code(used):
                package = _root(used)
                if package != project:
                    found[f"package {package}"] = _version(package)
            else:
                found[f"{name} reads {label}"] = _constant(used)
    return digest_value(found)


def _used(thing: Any) -> Iterator[tuple[str, Any]]:
    """Yield (name, object) for what the code of a function or class reads from outside itself."""
    read = _parsed(thing)
    scope = _scope(thing)
    scope |= _imported(read.imports, scope.get("__package__") or "")
    for name in read.names:
        if name in scope:
            yield name, scope[name]
    for attribute in read.attributes:
        owner = _resolve(attribute.value, scope)
        if isinstance(owner, types.ModuleType) and hasattr(owner, attribute.attr):
            yield ast.unparse(attribute), getattr(owner, attribute.attr)


class _Read(NamedTuple):
    """What the code of a function or class reads: names that are not its own, attributes, imports."""

    names: tuple[str, ...]
    attributes: tuple[ast.Attribute, ...]
    imports: tuple[ast.Import | ast.ImportFrom, ...]


@lru_cache(maxsize=4096)
def _parsed(thing: Any) -> _Read:
    nodes = list(ast.walk(ast.parse(textwrap.dedent(inspect.getsource(thing)))))
    names = [node for node in nodes if isinstance(node, ast.Name)]
    own = {node.id for node in names if isinstance(node.ctx, ast.Store)}
    own |= {node.arg for node in nodes if isinstance(node, ast.arg)}
    return _Read(
        tuple(dict.fromkeys(node.id for node in names if node.id not in own)),
        tuple(node for node in nodes if isinstance(node, ast.Attribute)),
        tuple(node for node in nodes if isinstance(node, ast.Import | ast.ImportFrom)),
    )


_code_of = lru_cache(maxsize=4096)(code_of)  # a function that was loaded keeps its code


def _scope(thing: Any) -> dict[str, Any]:
    function = inspect.unwrap(thing)
    module = inspect.getmodule(function)
    scope = dict(getattr(function, "__globals__", None) or vars(module))
    cells = getattr(function, "__closure__", None) or ()
    names = function.__code__.co_freevars if cells else ()
    return scope | dict(zip(names, (cell.cell_contents for cell in cells), strict=True))


def _imported(imports: tuple[ast.Import | ast.ImportFrom, ...], package: str) -> dict[str, Any]:
    """Return what the imports inside a function bind."""
    bound: dict[str, Any] = {}
    for node in imports:
        if isinstance(node, ast.Import):
            for alias in node.names:
                module = importlib.import_module(alias.name)
                root = importlib.import_module(alias.name.split(".")[0])
                bound[alias.asname or alias.name.split(".")[0]] = module if alias.asname else root
        else:
            module = importlib.import_module("." * node.level + (node.module or ""), package)
            for alias in node.names:
                if hasattr(module, alias.name):
                    bound[alias.asname or alias.name] = getattr(module, alias.name)
    return bound


def _resolve(node: ast.AST, scope: dict[str, Any]) -> Any:
    if isinstance(node, ast.Name):
        return scope.get(node.id)
    if isinstance(node, ast.Attribute):
        owner = _resolve(node.value, scope)
        return getattr(owner, node.attr, None) if isinstance(owner, types.ModuleType) else None
    return None


def _is_code(thing: Any) -> bool:
    return inspect.isfunction(thing) or inspect.isclass(thing)


def _root(thing: Any) -> str:
    name = thing.__name__ if isinstance(thing, types.ModuleType) else thing.__module__
    return str(name).split(".")[0]


def _version(package: str) -> str:
    return str(getattr(importlib.import_module(package), "__version__", ""))


def _constant(value: Any) -> Any:
    try:
        return to_plain(value)
    except TypeError:  # a logger, a lock, a compiled pattern: its kind is all that can be said
        return type(value).__qualname__
