"""A rule: what must hold inside every row, written as an expression that is read, never run as code."""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache, reduce
from typing import Any, NoReturn

import numpy as np
import pandas as pd

from mlsd.cells import BOOLEAN, FAMILY, NAMES, NUMBER, TEXT, Cells
from mlsd.column import near
from mlsd.plain import is_missing
from mlsd.report import RefusedError

_LONGEST = 500  # characters of an expression
_QUOTED = re.compile(r"`([^`]+)`")
_ARITHMETIC: dict[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
}  # fmt: skip
_COMPARE: dict[type, Callable[[Any, Any], Any]] = {
    ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt, ast.GtE: operator.ge,
    ast.Eq: operator.eq, ast.NotEq: operator.ne,
}  # fmt: skip


@dataclass(frozen=True)
class Rule:
    """What must hold inside each row: comparisons and arithmetic over columns and constants.

    A row passes when one of the values that the rule names is missing or unfit (that is said
    elsewhere). A column whose name is no Python name stands in backticks. Text knows == and != only.

    Args:
        name: what people call it; a single argument is both name and expression.
        expression: `"likes <= views"`, with `+ - * /`, `< <= > >= == !=`, `and or not`.

    Raises:
        RefusedError: the expression holds anything else: a call, an attribute, a subscript.

    >>> rule = Rule("more views than likes", "likes <= views")
    >>> rule.broken({"likes": np.array([1.0, 9.0, np.nan]), "views": np.array([5.0, 5.0, 5.0])})
    array([False,  True, False])
    """

    name: str
    expression: str = ""

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name or not isinstance(self.expression, str):
            raise RefusedError(f"a rule is named {self.name!r}; expected two texts: its name, its expression")
        object.__setattr__(self, "expression", self.expression or self.name)
        if not self.columns:
            raise RefusedError(f"rule {self.expression!r} names no column; expected one such as 'likes >= 0'")

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that the expression names, sorted."""
        return tuple(
            sorted({node.id for node in ast.walk(_parse(self.expression)) if isinstance(node, ast.Name)})
        )

    def check(self, kinds: Mapping[str, str]) -> None:
        """Refuse the rule unless it makes sense over columns of these kinds (name -> kind).

        Raises:
            RefusedError: a column is not there, or the expression compares what cannot be compared.
        """
        if _family(_parse(self.expression), self.expression, kinds) != BOOLEAN:
            _refuse(self.expression, "is no condition; expected a comparison such as 'likes <= views'")

    def broken(self, values: Mapping[str, np.ndarray]) -> np.ndarray:
        """Return which rows break the rule, (n,) booleans, given the values of its columns, each (n,)."""
        known: np.ndarray = reduce(operator.and_, [_is_known(values[name]) for name in self.columns])
        with np.errstate(all="ignore"):  # a division by zero is a comparison with an infinity
            holds = np.asarray(_value(_parse(self.expression), values), dtype=bool)
        return known & ~holds

    def __repr__(self) -> str:
        return (
            f"Rule({self.name})" if self.name == self.expression else f"Rule({self.name}: {self.expression})"
        )


def operand(cells: Cells, kind: str) -> np.ndarray:
    """Return cells as the values that a rule compares, (n,); an unfit value becomes a missing one."""
    fits = cells.family == FAMILY[kind]
    if FAMILY[kind] in (NUMBER, BOOLEAN):
        numbers = np.full(len(fits), np.nan) if cells.numbers is None else cells.numbers
        return np.where(fits, numbers, np.nan)
    if FAMILY[kind] == TEXT:
        texts = cells.series.astype(object).to_numpy(copy=True)
        texts[~fits] = None
        return texts
    if not fits.any():
        return np.full(len(fits), np.datetime64("NaT", "us"))
    times = pd.to_datetime(
        cells.series if fits.all() else cells.series.astype(object).where(fits, None), utc=True
    )
    return times.dt.tz_localize(None).dt.as_unit("us").to_numpy()


def _is_known(values: np.ndarray) -> np.ndarray:
    return np.isfinite(values) if values.dtype.kind == "f" else ~is_missing(values)


def _refuse(expression: str, why: str) -> NoReturn:
    raise RefusedError(f"rule {expression[:_LONGEST]!r} {why}")


@lru_cache(maxsize=1024)
def _parse(expression: str) -> ast.expr:
    """Return the expression as a tree of the few things that a rule may hold."""
    if len(expression) > _LONGEST:
        _refuse(expression, f"has {len(expression)} characters; expected at most {_LONGEST}")
    quoted = dict(enumerate(_QUOTED.findall(expression)))
    names = iter(f"_quoted_{number}" for number in quoted)
    try:
        tree = ast.parse(_QUOTED.sub(lambda _: next(names), expression).strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        _refuse(expression, "cannot be read; expected a comparison such as 'likes <= views'")
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node.id.startswith("_quoted_"):
            node.id = quoted[int(node.id.removeprefix("_quoted_"))]
        elif not _is_allowed(node):
            _refuse(
                expression,
                f"may not hold {type(node).__name__.lower()!r}; expected columns and constants with "
                "+ - * /, < <= > >= == !=, and or not",
            )
    return tree


def _is_allowed(node: ast.AST) -> bool:
    if isinstance(node, ast.Constant):
        value = node.value
        return isinstance(value, str | bool) or (isinstance(value, int | float) and abs(value) < 1e300)
    plain = ast.Name | ast.Load | ast.BoolOp | ast.And | ast.Or | ast.UnaryOp | ast.Not | ast.USub | ast.BinOp
    return isinstance(node, plain | ast.Compare) or type(node) in _ARITHMETIC or type(node) in _COMPARE


def _family(node: ast.expr, expression: str, kinds: Mapping[str, str]) -> int:
    """Return the family of an expression's value, refusing what does not go together."""
    if isinstance(node, ast.Name):
        if node.id not in kinds:
            _refuse(expression, f"names {node.id!r}, which is no column{near(node.id, kinds)}")
        return FAMILY[kinds[node.id]]
    if isinstance(node, ast.Constant):
        return TEXT if isinstance(node.value, str) else BOOLEAN if isinstance(node.value, bool) else NUMBER
    parts = [
        _family(part, expression, kinds) for part in ast.iter_child_nodes(node) if isinstance(part, ast.expr)
    ]
    if isinstance(node, ast.Compare):
        _check_comparison(node, parts, expression)
        return BOOLEAN
    logical = isinstance(node, ast.BoolOp) or (isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not))
    wanted = BOOLEAN if logical else NUMBER
    for part in parts:
        if part != wanted:
            _refuse(expression, f"uses {NAMES[part]} where it needs {NAMES[wanted]}")
    return wanted


def _check_comparison(node: ast.Compare, parts: list[int], expression: str) -> None:
    for left, right, sign in zip(parts[:-1], parts[1:], node.ops, strict=True):
        both = {left, right}
        if len(both) == 2 and both != {NUMBER, BOOLEAN}:
            _refuse(expression, f"compares {NAMES[left]} with {NAMES[right]}; expected values of one kind")
        if both == {TEXT} and not isinstance(sign, ast.Eq | ast.NotEq):
            _refuse(expression, "puts text in order; text knows == and != only")


def _value(node: ast.expr, values: Mapping[str, np.ndarray]) -> Any:
    """Return the value of an expression that `check` has passed: arrays of (n,) or constants."""
    if isinstance(node, ast.Name):
        return values[node.id]
    if isinstance(node, ast.Constant):
        return np.float64(node.value) if isinstance(node.value, int | float) else node.value
    if isinstance(node, ast.BinOp):
        return _ARITHMETIC[type(node.op)](_value(node.left, values), _value(node.right, values))
    if isinstance(node, ast.UnaryOp):
        inner = _value(node.operand, values)
        return ~_truth(inner) if isinstance(node.op, ast.Not) else -inner
    if isinstance(node, ast.BoolOp):
        join = operator.and_ if isinstance(node.op, ast.And) else operator.or_
        return reduce(join, [_truth(_value(part, values)) for part in node.values])
    assert isinstance(node, ast.Compare)
    parts = [_value(part, values) for part in (node.left, *node.comparators)]
    pairs = zip(parts[:-1], parts[1:], node.ops, strict=True)
    return reduce(operator.and_, [_COMPARE[type(sign)](left, right) for left, right, sign in pairs])


def _truth(values: Any) -> Any:
    """Booleans are held as 0.0, 1.0 and NaN; a row with a NaN is not judged."""
    return values == 1 if np.asarray(values).dtype.kind == "f" else np.asarray(values, dtype=bool)
