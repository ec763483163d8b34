"""The server's description of itself, typed by the schema of the version that answers."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from mlsd.serving.body import LINES
from mlsd.serving.champion import Loaded
from mlsd.serving.problems import KINDS, MEDIA_TYPE
from mlsd.serving.rows import MAX_ID

_AT = {"type": ["string", "null"], "format": "date-time", "examples": ["2024-02-05T09:00:00+00:00"]}
_ID = {"type": "string", "minLength": 1, "maxLength": MAX_ID, "examples": ["post-17"]}
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
_CALL = {
    "type": "object",
    "description": "JSON-RPC 2.0; `predict` takes a Question, `label` a Label with the `id` beside.",
    "required": ["jsonrpc", "method"],
    "additionalProperties": False,
    "properties": {
        "jsonrpc": {"const": "2.0"},
        "id": {"type": ["string", "number", "null"]},
        "method": {"enum": ["predict", "label"]},
        "params": {"type": "object"},
    },
}
_BODY = (400, 408, 413, 415)  # what can be wrong with any body
STATUSES: dict[str, tuple[int, ...]] = {  # end of a path: the problems it documents
    "/versions/{version}/predictions": (*_BODY, 404, 409, 410, 422, 503),
    "/predictions": (*_BODY, 409, 422, 503),
    "/label": (*_BODY, 404, 409, 422, 503),
    "/v1/rpc": (408, 413, 415, 503),
    "/health/live": (),
    "/health/ready": (503,),
    "/metrics": (),
    "": (503,),
}


def describe(
    app: FastAPI, name: str, loaded: Loaded | None, max_rows: int, *, keyed: bool, limited: bool, logged: bool
) -> dict[str, Any]:
    """Return the OpenAPI document of an app.

    Args:
        name: the model's name; it takes the place of `{model}` in the paths.
        loaded: the version in use; None: rows are described as objects of any kind.
        keyed: whether a key is needed.
        limited: whether requests are counted.
        logged: whether there is a log, which may refuse.
    """
    version = str(loaded.number) if loaded else "0"
    document = get_openapi(title=f"Predictions of {name}", version=version, routes=app.routes)
    document["paths"] = {path.replace("{model}", name): item for path, item in document["paths"].items()}
    parts = document.setdefault("components", {})
    parts["schemas"] = {"Row": _row(loaded), "Problem": _PROBLEM, **_messages(loaded, name, max_rows)}
    everywhere = ((401,) if keyed else ()) + ((429,) if limited else ())
    for path, item in document["paths"].items():
        own = next(statuses for end, statuses in STATUSES.items() if path.endswith(end))
        own = own if path.startswith("/health") else (*own, *everywhere)
        for operation in item.values():
            problems = {str(status): _problem(status) for status in own if logged or status != 409}
            operation["responses"] = {
                **_without_422(operation["responses"]),
                **problems,
                "default": _problem(),
            }
        _bodies(path, item, parts["schemas"], _example(loaded))
    if keyed:
        parts["securitySchemes"] = {"key": {"type": "apiKey", "in": "header", "name": "X-API-Key"}}
        document["security"] = [{"key": []}]
        for path in ("/health/live", "/health/ready"):
            document["paths"][path]["get"]["security"] = []
    return document


def _bodies(path: str, item: dict[str, Any], parts: dict[str, Any], row: dict[str, Any]) -> None:
    """Add what one path takes and gives."""
    if path.endswith("/predictions"):
        asked = _json("Question", {"instances": [row], "ids": ["post-17"]}, required=True)
        line = {"type": "string", "description": 'lines {"id": ..., "instance": row}, any number of them'}
        said = {"schema": {**line, "description": "one line a line: a prediction, or a problem"}}
        asked["content"][LINES] = {"schema": line}
        item["post"]["requestBody"] = asked
        answered = {"description": "One prediction a row", **_json("Answer")}
        answered["content"][LINES] = said
        item["post"]["responses"]["200"] = answered
    if "{version}" in path:
        number: dict[str, Any] = {"type": "string", "pattern": "^[1-9][0-9]{0,14}$"}
        item["post"]["parameters"] = [{"name": "version", "in": "path", "required": True, "schema": number}]
    if path.endswith("/label"):
        value = parts["Label"]["properties"]["value"]["examples"][0]
        item["put"]["requestBody"] = _json("Label", {"value": value}, required=True)
        item["put"]["parameters"] = [{"name": "id", "in": "path", "required": True, "schema": _ID}]
    if path == "/v1/rpc":
        call = {"jsonrpc": "2.0", "id": 1, "method": "predict", "params": {"instances": [row]}}
        item["post"]["requestBody"] = _json("Call", call, required=True)
        item["post"]["responses"]["200"] = {"description": "A reply a call", **_json("Reply")}
        item["post"]["responses"]["204"] = {"description": "Calls without id get no reply"}
    if path == "/metrics":
        item["get"]["responses"]["200"]["content"] = {"text/plain": {"schema": {"type": "string"}}}


def _problem(status: int | None = None) -> dict[str, Any]:
    titles = sorted(title for number, title in KINDS.values() if number == status)
    words = "; ".join(titles) or (HTTPStatus(status).phrase if status else "A problem")
    return {"description": words, "content": {MEDIA_TYPE: {"schema": _reference("Problem")}}}


def _without_422(responses: dict[str, Any]) -> dict[str, Any]:
    """Leave out what FastAPI adds where a path has parameters."""
    return {status: said for status, said in responses.items() if status != "422"}


def _reference(part: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{part}"}


def _json(part: str, example: Any = None, **more: Any) -> dict[str, Any]:
    content = {"schema": _reference(part)} | ({} if example is None else {"example": example})
    return {"content": {"application/json": content}, **more}


def _row(loaded: Loaded | None) -> dict[str, Any]:
    if loaded is None:
        return {"type": "object"}
    schema = loaded.package.schema
    row = {k: v for k, v in schema.to_json_schema(loaded.package.features).items() if k != "$schema"}
    if schema.time:
        row["properties"] = {
            **row["properties"],
            schema.time: {**_AT, "description": "when; now, if left out"},
        }
    return row


def _example(loaded: Loaded | None) -> dict[str, Any]:
    properties = _row(loaded).get("properties", {})
    return {name: part["examples"][0] for name, part in properties.items() if "examples" in part}


def _messages(loaded: Loaded | None, name: str, max_rows: int) -> dict[str, Any]:
    rows = {"type": "array", "items": _reference("Row"), "minItems": 1, "maxItems": max_rows}
    ids = {
        "type": ["array", "null"], "items": _ID, "uniqueItems": True,
        "description": "one a row; made if left out",
    }  # fmt: skip
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
            "properties": {"value": {**value, "examples": (classes or [0.5])[-1:]}, "at": _AT},
        },
        "Call": {"oneOf": [_CALL, {"type": "array", "items": _CALL, "minItems": 1, "maxItems": 100}]},
        "Reply": {"type": ["object", "array"]},
    }


def _prediction(loaded: Loaded | None) -> dict[str, Any]:
    classes = loaded.package.classes if loaded else ()
    if loaded and loaded.package.task == "multiclass":
        return {"type": "object", "properties": {str(c): {"type": "number"} for c in classes}}
    meaning = f"probability of {str(classes[1]).lower()}" if len(classes) == 2 else "the model's number"
    return {"type": "number", "description": meaning}
