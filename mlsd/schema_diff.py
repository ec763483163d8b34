"""What a new version of a schema breaks, and for whom: those who write the table or those who read it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from mlsd.column import MOMENTS, Column
from mlsd.contract import Contract
from mlsd.report import Finding, Report

_WIDER_KIND = {("integer", "number"), ("category", "text")}  # what fits the first fits the second
_NUMERIC = {"integer", "number"}


def diff(old: Contract, new: Contract) -> Report:
    """Return what changed; a change that breaks somebody is a failed finding, a compatible one is ok.

    What becomes **narrower** breaks the producer: a row that was right may now be refused. What
    becomes **wider** breaks the consumer: a row may now come that was never met. A change of meaning
    (a unit, another kind) breaks both. `details["breaks"]` names them; `limit` is the old, `value` the
    new. Descriptions, names of rules and the order of columns bind nobody.

    Args:
        old: what is agreed on today.
        new: what is proposed.

    >>> old = Contract((Column("age", "integer", minimum=0, maximum=120), Column("zip", "text")))
    >>> diff(old, Contract((Column("age", "integer", minimum=0, maximum=99), Column("zip", "text"))))
    contract: FAILED, 1 of 1 findings failed
      FAILED   maximum  age  120 -> 99: breaks the producer
    """
    found = [*_of_columns(old, new), *_of_rows(old, new)]
    if old.target != new.target:
        found.append(_finding("target", "", old.target, new.target, wider=True))
    return Report("contract", tuple(found))


def _finding(
    code: str, subject: str, old: Any, new: Any, *, narrower: bool = False, wider: bool = False
) -> Finding:
    breaks = ["producer"] * narrower + ["consumer"] * wider
    verdict = f"breaks the {' and the '.join(breaks)}" if breaks else "compatible"
    return Finding(
        code, subject, ok=not breaks, value=new, limit=old,
        message=f"{_said(old)} -> {_said(new)}: {verdict}", details={"breaks": breaks},
    )  # fmt: skip


def _said(value: Any) -> str:
    """Return a value in a few words."""
    if value is None or value == "":
        return "nothing"
    if isinstance(value, tuple):
        more = f" and {len(value) - 4} more" if len(value) > 4 else ""
        return ", ".join(map(str, value[:4])) + more
    return f"{value:.15g}" if isinstance(value, float) else str(value)


def _of_columns(old: Contract, new: Contract) -> Iterator[Finding]:
    for column in old:
        if column.name not in new:
            yield _finding("removed_column", column.name, column.kind, None, wider=True)
        elif column != new[column.name]:
            yield from _of_column(column, new[column.name])
    for column in new:
        if column.name not in old:
            yield _finding("added_column", column.name, None, column.kind, narrower=True)


def _of_column(old: Column, new: Column) -> Iterator[Finding]:
    """Yield what changed in one column, part by part."""
    for part, (narrower, wider) in _moves(old, new).items():
        before, after = getattr(old, part), getattr(new, part)
        if before != after:
            yield _finding(part, old.name, before, after, narrower=narrower, wider=wider)


def _moves(old: Column, new: Column) -> dict[str, tuple[bool, bool]]:
    """Return for each part whether its change, if it changed, makes the column (narrower, wider)."""
    kinds = (old.kind, new.kind)
    moves = {"kind": (kinds not in _WIDER_KIND, kinds[::-1] not in _WIDER_KIND)}
    if set(kinds) <= _NUMERIC:
        moves["minimum"] = _limit(_number(new.minimum, -math.inf), _number(old.minimum, -math.inf))
        moves["maximum"] = _limit(_number(old.maximum, math.inf), _number(new.maximum, math.inf))
    if old.categories is not None and new.categories is not None:
        gone = bool(set(old.categories) - set(new.categories))
        kept = tuple(name for name in new.categories if name in old.categories)
        codes = tuple(name for name in old.categories if name in new.categories) != kept
        moves["categories"] = (gone, bool(set(new.categories) - set(old.categories)) or codes)
    moves["nullable"] = (old.nullable, new.nullable)
    for part in ("unique", "ordered"):
        moves[part] = (getattr(new, part), getattr(old, part))
    for part in ("pattern", "references"):
        moves[part] = (bool(getattr(new, part)), bool(getattr(old, part)))
    moves["max_age"] = _limit(_age(old), _age(new))
    moves["unit"] = (bool(old.unit), bool(old.unit))  # to state what was unsaid changes nothing
    moves["known_at"] = _limit(MOMENTS.index(old.known_at), MOMENTS.index(new.known_at))
    moves["description"] = (False, False)
    return moves


def _limit(low: float, high: float) -> tuple[bool, bool]:
    """Return (narrower, wider) for a limit that is looser the higher `high` lies above `low`."""
    return low > high, low < high


def _number(bound: float | None, otherwise: float) -> float:
    return otherwise if bound is None else bound


def _age(column: Column) -> float:
    return column.age.total_seconds() if column.max_age else math.inf


def _of_rows(old: Contract, new: Contract) -> Iterator[Finding]:
    """Yield rules and groups of columns that came or went; a rule is its expression, whatever its name."""
    was, now = ({rule.expression: rule.name for rule in schema.rules} for schema in (old, new))
    for expression in [name for name in was if name not in now]:
        yield _finding("rule", was[expression], expression, None, wider=True)
    for expression in [name for name in now if name not in was]:
        yield _finding("rule", now[expression], None, expression, narrower=True)
    before, after = ({frozenset(group): " and ".join(group) for group in s.unique} for s in (old, new))
    for group in [group for group in before if group not in after]:
        yield _finding("unique", before[group], "unique", None, wider=True)
    for group in [group for group in after if group not in before]:
        yield _finding("unique", after[group], None, "unique", narrower=True)
