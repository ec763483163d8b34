"""A schema as text: JSON that a person edits, and the JSON Schema that a web client is told."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import Any

from mlsd.column import Column, near, whole
from mlsd.contract import Contract
from mlsd.plain import from_json, to_json
from mlsd.report import RefusedError, check_format
from mlsd.rule import Rule


def write(contract: Contract) -> str:
    """Return the text of a schema: one column a line, defaults left out."""
    columns = [to_json(column.to_plain()) for column in contract.columns]
    rules = [to_json({"name": rule.name, "expression": rule.expression}) for rule in contract.rules]
    groups = f',\n "unique": {_listed(list(map(to_json, contract.unique)))}' if contract.unique else ""
    return (
        f'{{\n "format": 1,\n "target": {to_json(contract.target)},\n "columns": {_listed(columns)},\n'
        f' "rules": {_listed(rules)}{groups}\n}}'
    )


def _listed(lines: list[str]) -> str:
    inner = ",\n  ".join(lines)
    return f"[\n  {inner}\n ]" if lines else "[]"


def read(text: str | bytes) -> tuple[tuple[Column, ...], str | None, tuple[Rule, ...], tuple[Any, ...]]:
    """Return (columns, target, rules, unique) from the text of a schema.

    Raises:
        RefusedError: a key is unknown, or a column contradicts itself; the sentence names it.
        ValueError: the text is not JSON, or of a newer format.
    """
    record = check_format(from_json(text, "the schema"), 1, "the schema")
    _refuse_unknown(record, ["format", "target", "columns", "rules", "unique"], "the schema")
    columns: Any = record.get("columns")
    rules: Any = record.get("rules", [])
    unique: Any = record.get("unique", [])
    for name, lines in (("columns", columns), ("rules", rules), ("unique", unique)):
        if not isinstance(lines, list):
            raise RefusedError(f"the schema has no list under {name!r}; expected [...]")
    return (
        tuple(_build(Column, item, f"column {at}") for at, item in enumerate(columns, 1)),
        record.get("target"),
        tuple(_build(Rule, item, f"rule {at}") for at, item in enumerate(rules, 1)),
        tuple(unique),
    )


def _build(kind: type, item: Any, what: str) -> Any:
    """Build a Column or a Rule from a JSON object, refusing keys that it does not have."""
    names = [part.name for part in fields(kind)]
    if not isinstance(item, dict):
        raise RefusedError(f"{what} of the schema is no object; expected {{{', '.join(names)}}}")
    called = (
        f"{what} of the schema ({item['name']!r})"
        if isinstance(item.get("name"), str)
        else f"{what} of the schema"
    )
    _refuse_unknown(item, names, called)
    for name in names[:2]:
        if name not in item and not (kind is Rule and name == "expression"):
            raise RefusedError(f"{called} has no {name!r}; add it")
    return kind(**item)


def _refuse_unknown(item: Mapping[str, Any], names: list[str], what: str) -> None:
    for key in item:
        if key not in names:
            raise RefusedError(
                f"{what} has the unknown key {key[:40]!r}{near(key, names)}; expected {', '.join(names)}"
            )


def describe(columns: Iterable[Column], ignored: Iterable[str]) -> dict[str, Any]:
    """Return the JSON Schema of one record: every column is required, `ignored` names may stand beside."""
    properties = {column.name: _described(column) for column in columns}
    required = list(properties)
    properties |= {
        name: {"description": "not used by the model"} for name in ignored if name not in properties
    }
    return {
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": False,
    }


def _described(column: Column) -> dict[str, Any]:
    """Return the JSON Schema of one value."""
    kind = "string" if column.kind in ("category", "text", "time") else column.kind
    words = ", ".join(filter(None, [column.description, f"in {column.unit}" if column.unit else ""]))
    parts: dict[str, Any] = {"type": [kind, "null"] if column.nullable else kind}
    if column.categories is not None:
        parts["enum"] = [*column.categories, None] if column.nullable else list(column.categories)
    bounds = {"minimum": column.minimum, "maximum": column.maximum}
    parts |= {name: whole(bound) for name, bound in bounds.items() if bound is not None}
    if column.kind == "time":
        parts["format"] = "date-time"
    if column.pattern:
        parts["pattern"] = f"^(?:{column.pattern})$"
    if words:
        parts["description"] = words
    if column.kind in ("text", "time"):
        return parts
    return parts | {"examples": [_example(column)]}


def _example(column: Column) -> Any:
    """Return a value that `encode` accepts, from the middle of what is allowed."""
    if column.kind == "boolean":
        return False
    if column.kind == "category":
        return (column.categories or ("",))[0]
    low, high = column.minimum, column.maximum
    if column.kind == "integer":
        low, high = low if low is None else math.ceil(low), high if high is None else math.floor(high)
    if low is None:
        low = 0 if high is None else min(0, high)
    high = max(low, 0) if high is None else high
    middle = low / 2 + high / 2
    if column.kind == "integer":
        return min(max(math.floor(middle), int(low)), int(high))
    return whole(min(max(float(f"{middle:.3g}"), low), high))
