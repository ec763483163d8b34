"""The OpenAPI document as a page for people: no script, no style from elsewhere, so it loads offline."""

from __future__ import annotations

from html import escape
from typing import Any

from mlsd.plain import to_json

_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;"
    "color:#222;background:#fff}table{border-collapse:collapse}"
    "td,th{border:1px solid #bbb;padding:.2rem .6rem;text-align:left;vertical-align:top}"
    "pre{background:#f3f3f3;padding:.6rem;white-space:pre-wrap;overflow-wrap:anywhere}"
    "@media(prefers-color-scheme:dark){body{color:#ddd;background:#181818}pre{background:#262626}}"
)


def page_of(document: dict[str, Any]) -> str:
    """Return an OpenAPI document of this server as HTML."""
    info, parts = document["info"], document["components"]["schemas"]
    fields = [
        (name, _kind(part), _allowed(part), part.get("description", ""), _example(part))
        for name, part in parts["Row"].get("properties", {}).items()
    ]
    doors = "".join(
        _door(path, method, operation)
        for path, item in document["paths"].items()
        for method, operation in item.items()
    )
    title = f"{escape(info['title'])}, version {escape(info['version'])}"
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title><style>{_STYLE}</style>'
        f'<h1>{title}</h1><p>The same for programs: <a href="/openapi.json">/openapi.json</a></p>'
        f"<h2>A row</h2>{_table(('field', 'type', 'allowed', 'meaning', 'example'), fields)}{doors}</html>"
    )


def _door(path: str, method: str, operation: dict[str, Any]) -> str:
    """Return one address: what it takes, an example, what it may answer."""
    content = operation.get("requestBody", {}).get("content", {})
    example = content.get("application/json", {}).get("example")
    shown = f"<pre>{escape(_curl(path, method, example))}</pre>" if example is not None else ""
    lines = "application/x-ndjson" in content
    bulk = "<p>Many rows: <code>application/x-ndjson</code>, one line each.</p>" if lines else ""
    statuses = [(status, said["description"]) for status, said in sorted(operation["responses"].items())]
    return (
        f"<h2><code>{method.upper()} {escape(path)}</code></h2><p>{escape(operation['summary'])}</p>"
        f"{shown}{bulk}{_table(('status', 'meaning'), statuses)}"
    )


def _curl(path: str, method: str, example: Any) -> str:
    path = path.replace("{id}", "post-17").replace("{version}", "1")
    head = f"curl -X {method.upper()} http://127.0.0.1:8000{path} -H 'Content-Type: application/json' -d"
    return f"{head} '{to_json(example)}'"


def _example(part: dict[str, Any]) -> str:
    return to_json(part["examples"][0]) if "examples" in part else ""


def _kind(part: dict[str, Any]) -> str:
    kind = part.get("type", "any")
    return " or ".join(kind) if isinstance(kind, list) else kind


def _allowed(part: dict[str, Any]) -> str:
    if "enum" in part:
        return ", ".join(map(to_json, part["enum"]))
    low, high = part.get("minimum"), part.get("maximum")
    return (
        ""
        if low is None and high is None
        else f"{'' if low is None else low} to {'' if high is None else high}"
    )


def _table(head: tuple[str, ...], rows: list[tuple[Any, ...]]) -> str:
    top = "".join(f"<th>{name}" for name in head)
    return f"<table><tr>{top}" + "".join(f"<tr>{_cells(row)}" for row in rows) + "</table>"


def _cells(row: tuple[Any, ...]) -> str:
    return "".join(f"<td>{escape(str(cell))}" for cell in row)
