"""The server's description of itself, typed by the schema of the version that answers."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from mlsd.serving.champion import Loaded
from mlsd.serving.problems import MEDIA_TYPE
from mlsd.serving.rows import MAX_ID

_ID = {"type": "string", "minLength": 1, "maxLength": MAX_ID}
_ERROR = {
    "type": "object",
    "required": ["code", "message", "field", "row"],
    "properties": {
        "code": {"type": "string"},
        "message": {"type": "string"},
        "field": {"type": ["string", "null"]},
        "row": {"type": ["integer", "null"]},
    },
}
_PROBLEM = {
    "type": "object",
    "description": "RFC 9457; repeats nothing of the request.",
    "required": ["type", "title", "status", "detail", "errors"],
    "properties": {
        "type": {"type": "string", "format": "uri"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "errors": {"type": "array", "items": _ERROR},
    },
}


def describe(app: FastAPI, name: str, loaded: Loaded | None, max_rows: int, keyed: bool) -> dict[str, Any]:
    """Return the OpenAPI document of an app.

    Args:
        name: the model's name; it takes the place of `{model}` in the paths.
        loaded: the version in use; None: rows are described as objects of any kind.
        keyed: whether a key is needed.
    """
    version = str(loaded.number) if loaded else "0"
    document = get_openapi(title=f"Predictions of {name}", version=version, routes=app.routes)
    document["paths"] = {path.replace("{model}", name): item for path, item in document["paths"].items()}
    parts = document.setdefault("components", {})
    parts["schemas"] = {"Row": _row(loaded), "Problem": _PROBLEM, **_messages(loaded, name, max_rows)}
    for path, item in document["paths"].items():
        for operation in item.values():
            problem = {"description": "A problem", "content": {MEDIA_TYPE: {"schema": _reference("Problem")}}}
            operation["responses"] = {**operation["responses"], "default": problem}
        if path.endswith("/predictions"):
            item["post"]["requestBody"] = _json("Question", required=True)
            item["post"]["responses"]["200"] = {"description": "One prediction a row", **_json("Answer")}
        if path.endswith("/label"):
            item["put"]["requestBody"] = _json("Label", required=True)
            item["put"]["parameters"] = [{"name": "id", "in": "path", "required": True, "schema": _ID}]
    if keyed:
        parts["securitySchemes"] = {"key": {"type": "apiKey", "in": "header", "name": "X-API-Key"}}
        document["security"] = [{"key": []}]
        for path in ("/health/live", "/health/ready"):
            document["paths"][path]["get"]["security"] = []
    return document


def _reference(part: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{part}"}


def _json(part: str, **more: Any) -> dict[str, Any]:
    return {"content": {"application/json": {"schema": _reference(part)}}, **more}


def _row(loaded: Loaded | None) -> dict[str, Any]:
    if loaded is None:
        return {"type": "object"}
    schema = loaded.package.schema
    row = {k: v for k, v in schema.to_json_schema(loaded.package.features).items() if k != "$schema"}
    if schema.time:
        dated = {"type": "string", "format": "date-time", "description": "when; now, if it is left out"}
        row["properties"] = {**row["properties"], schema.time: dated}
    return row


def _messages(loaded: Loaded | None, name: str, max_rows: int) -> dict[str, Any]:
    rows = {"type": "array", "items": _reference("Row"), "minItems": 1, "maxItems": max_rows}
    ids = {"type": "array", "items": _ID, "uniqueItems": True, "description": "one a row; made if left out"}
    said = {"type": "object", "properties": {"id": _ID, "prediction": _prediction(loaded)}}
    classes = list(loaded.package.classes) if loaded else []
    value: dict[str, Any] = {"enum": classes} if classes else {"type": ["number", "string", "boolean"]}
    return {
        "Question": {
            "type": "object",
            "required": ["instances"],
            "additionalProperties": False,
            "properties": {"instances": rows, "ids": ids},
        },
        "Answer": {
            "type": "object",
            "properties": {
                "model": {"const": name},
                "version": {"type": "integer"},
                "predictions": {"type": "array", "items": said},
            },
        },
        "Label": {
            "type": "object",
            "required": ["value"],
            "additionalProperties": False,
            "properties": {"value": value, "at": {"type": "string", "format": "date-time"}},
        },
    }


def _prediction(loaded: Loaded | None) -> dict[str, Any]:
    classes = loaded.package.classes if loaded else ()
    if loaded and loaded.package.task == "multiclass":
        return {"type": "object", "properties": {str(c): {"type": "number"} for c in classes}}
    meaning = f"probability of {str(classes[1]).lower()}" if len(classes) == 2 else "the model's number"
    return {"type": "number", "description": meaning}
