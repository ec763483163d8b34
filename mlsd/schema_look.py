"""How a schema looks: a table of its columns, in text and in a notebook."""

from __future__ import annotations

import html

from mlsd.contract import Contract

_SHOWN = 40  # columns listed


def as_text(contract: Contract) -> str:
    """Return the table as text, its columns aligned."""
    table = _table(contract)
    wide = [max(map(len, cells)) for cells in zip(*table, strict=True)]
    lines = ["  ".join(cell.ljust(w) for cell, w in zip(row, wide, strict=True)).rstrip() for row in table]
    return "\n".join([_summary(contract), *(f"  {line}" for line in [*lines, *_after(contract)])])


def as_html(contract: Contract) -> str:
    """Return the table as HTML that sets no colours, for light and dark pages."""
    head, *rows = ([html.escape(cell) for cell in row] for row in _table(contract))
    top = "".join(f"<th style='text-align:left'>{cell}</th>" for cell in head)
    body = "".join(
        "<tr>" + "".join(f"<td style='text-align:left'>{cell}</td>" for cell in row) + "</tr>" for row in rows
    )
    after = "".join(f"<p>{html.escape(line)}</p>" for line in _after(contract))
    table = f"<table><tr>{top}</tr>{body}</table>"
    return f"<div><strong>{html.escape(_summary(contract))}</strong>{table}{after}</div>"


def _table(contract: Contract) -> list[list[str]]:
    """Return the lines of the table, its head first, without columns that say nothing."""
    head = ["name", "kind", "allowed", "known at", "note"]
    rows = []
    for column in contract.columns[:_SHOWN]:
        known = "" if column.known_at == "creation" else column.known_at
        note = "target" if column.name == contract.target else column.description[:60]
        unit = f" ({column.unit})" if column.unit and column.unit not in column.allowed else ""
        rows.append([column.name, column.kind, (column.allowed + unit).strip(), known, note])
    kept = [at for at in range(len(head)) if at < 2 or any(row[at] for row in rows)]
    return [[row[at] for at in kept] for row in [head, *rows]]


def _summary(contract: Contract) -> str:
    count = len(contract.columns)
    target = f", target {contract.target}" if contract.target else ""
    return f"Schema of {count} column{'' if count == 1 else 's'}{target}"


def _after(contract: Contract) -> list[str]:
    more = [f"and {len(contract.columns) - _SHOWN} more"] if len(contract.columns) > _SHOWN else []
    rules = [f"rule {rule.name}" for rule in contract.rules]
    return more + rules + [f"unique {' and '.join(group)}" for group in contract.unique]
