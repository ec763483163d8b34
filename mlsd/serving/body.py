"""The bytes of a request: counted while they arrive, then read as strict JSON."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Collection
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.types import Receive

from mlsd.plain import from_json
from mlsd.serving.problems import FieldError, Problem

JSON, LINES = "application/json", "application/x-ndjson"
DRAINED = 64_000_000  # bytes of a refused body that are still read, so that the client hears the answer


async def read_body(request: Request, limit: int, seconds: float) -> bytes:
    """Return the body of a request that says it is JSON.

    Args:
        limit: the most bytes that are kept, whether announced or sent in chunks.
        seconds: how long the whole body may take.

    Raises:
        Problem: another content type, too many bytes, or too slow.
        ClientDisconnect: the client went away; there is nobody left to answer.
    """
    media_type(request, JSON)
    announced = request.headers.get("content-length", "0")
    if announced.isdecimal() and (len(announced) > 12 or int(announced) > limit):
        raise _too_large(limit)
    try:
        async with asyncio.timeout(seconds):
            body = await _gather(request.receive, limit)
    except TimeoutError:
        sentence = f"The body must arrive within {seconds:g} seconds."
        raise Problem("body-too-slow", sentence, headers={"Connection": "close"}) from None
    if body is None:
        raise _too_large(limit)
    return body


def media_type(request: Request, *taken: str) -> str:
    """Return what a body says it is.

    Raises:
        Problem: it is none of those that are taken, or not plain UTF-8.
    """
    kind, _, parameters = request.headers.get("content-type", "").partition(";")
    kind, charset = kind.strip().lower(), parameters.replace(" ", "").replace('"', "").lower()
    encoding = request.headers.get("content-encoding", "identity")
    if kind not in taken or charset not in ("", "charset=utf-8") or encoding != "identity":
        raise Problem(
            "unsupported-media-type",
            f"Send plain UTF-8, with the header Content-Type: {' or '.join(taken)}.",
            headers={"Accept": ", ".join(taken)},
        )
    return kind


def _too_large(limit: int) -> Problem:
    return Problem("body-too-large", f"A body may hold at most {limit:,} bytes; send the rows in parts.")


async def _gather(receive: Receive, limit: int) -> bytes | None:
    """Return all bytes of a body; None when there are more than allowed."""
    chunks, size, more = [], 0, True
    while more and size <= DRAINED:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        chunk, more = message.get("body", b""), message.get("more_body", False)
        size += len(chunk)
        if size <= limit:
            chunks.append(chunk)
        else:
            chunks.clear()  # counted further, kept no longer
    return b"".join(chunks) if size <= limit else None


def parse_body(body: bytes, fields: Collection[str]) -> Any:
    """Return what a body holds.

    Args:
        fields: names that an error may mention; a name that the client made up is not repeated.

    Raises:
        Problem: not UTF-8, not JSON, a number that is not finite, a name that occurs twice.

    >>> parse_body(b'{"instances": [{"likes": 3}]}', ["likes"])
    {'instances': [{'likes': 3}]}
    """
    try:
        text = body.decode()
    except UnicodeDecodeError:
        raise Problem("not-json", "The body is not UTF-8 text.") from None
    try:
        return from_json(text)
    except ValueError:
        raise _why(text, fields) from None


_NOT_FINITE, _TWICE, _HALF = object(), object(), object()  # stand where a value cannot be used
_SAID = {
    _NOT_FINITE: ("not_finite", "expected a finite number, or null where nothing is known"),
    _TWICE: ("twice", "expected each name once"),
    _HALF: ("half_character", "expected whole characters, no lone surrogate"),
}
_DETAIL = "JSON numbers must be finite, characters whole, and a name may occur once in an object."


def _why(text: str, fields: Collection[str]) -> Problem:
    """Read refused text once more, with marks where the trouble is, and say where they stand."""
    try:
        content = json.loads(
            text,
            parse_constant=lambda _: _NOT_FINITE,
            parse_float=_mark_number,
            parse_int=_mark_number,
            object_pairs_hook=_mark_values,
        )
    except json.JSONDecodeError as error:
        if not text.strip():
            return Problem("not-json", "The body is empty; expected a JSON object.")
        return Problem("not-json", f"The JSON breaks off at line {error.lineno}, column {error.colno}.")
    except RecursionError:
        return Problem("not-json", "The JSON is nested too deeply.")
    return Problem("not-json", _DETAIL, _marks(content, fields) or [FieldError("strict", _DETAIL)])


def _mark_number(digits: str) -> Any:
    return _NOT_FINITE if math.isinf(float(digits)) else 0


def _mark_values(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        half = isinstance(value, str) and any("\ud800" <= c <= "\udfff" for c in value)
        found[name] = _TWICE if name in found else _HALF if half else value
    return found


def _marks(content: Any, fields: Collection[str]) -> list[FieldError]:
    rows = content.get("instances", [content.get("instance")]) if isinstance(content, dict) else None
    errors = []
    for row, record in enumerate(rows if isinstance(rows, list) else []):
        for name, value in record.items() if isinstance(record, dict) else ():
            if type(value) is object:
                code, message = _SAID[value]
                errors.append(FieldError(code, message, name if name in fields else None, row))
    return errors
