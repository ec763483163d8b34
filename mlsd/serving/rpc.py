"""JSON-RPC 2.0 (jsonrpc.org/specification): one address, the verb in the body, the outcome in the answer.

The HTTP status is 200 whatever happened. A refusal carries, as `error.data`, the problem that REST would
have answered.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from mlsd.serving.body import parse_body
from mlsd.serving.predictions import JSON
from mlsd.serving.problems import Problem

MAX_CALLS = 100  # in one list
ERRORS = {
    -32700: "Parse error",
    -32600: "Invalid Request",
    -32601: "Method not found",
    -32602: "Invalid params",
    -32603: "Internal error",
    -32000: "Refused",  # a number of our own: what REST says with 404, 409 or 503
}
_MEMBERS = {"jsonrpc", "id", "method", "params"}
_log = logging.getLogger("mlsd")
Method = Callable[[Any], Awaitable[Any]]  # params -> result, or a Problem is raised


async def reply_to(body: bytes, methods: Mapping[str, Method]) -> bytes:
    """Return the reply to the body of a request: one call, or a list of them that run in order.

    Args:
        methods: what can be called, by name.

    Returns:
        JSON; nothing when no call carries an id, as then nobody waits for a reply.
    """
    try:
        content = parse_body(body, ())
    except Problem as problem:
        return JSON.encode(_error(None, -32700, problem)).encode()
    calls = content if isinstance(content, list) else [content]
    if not 0 < len(calls) <= MAX_CALLS:
        return JSON.encode(_error(None, -32600)).encode()
    replies = [reply for call in calls if (reply := await _run(call, methods)) is not None]
    if not replies:
        return b""
    return JSON.encode(replies if isinstance(content, list) else replies[0]).encode()


async def _run(call: Any, methods: Mapping[str, Method]) -> dict[str, Any] | None:
    """Return the reply to one call; None when it carries no id."""
    if not _is_call(call):
        return _error(None, -32600)
    name = call.get("id")
    reply = await _result(name, methods.get(call["method"]), call.get("params"))
    return reply if "id" in call else None


async def _result(name: Any, method: Method | None, params: Any) -> dict[str, Any]:
    if method is None:
        return _error(name, -32601)
    try:
        return {"jsonrpc": "2.0", "id": name, "result": await method(params)}
    except Problem as problem:
        return _error(name, -32602 if problem.status in (413, 422) else -32000, problem)
    except Exception:  # one call's mistake is not its neighbours'
        _log.exception("a procedure call failed")
        return _error(name, -32603)


def _is_call(call: Any) -> bool:
    if not isinstance(call, dict) or not call.keys() <= _MEMBERS or call.get("jsonrpc") != "2.0":
        return False
    name = call.get("id")
    usable = name is None or (isinstance(name, str | int | float) and not isinstance(name, bool))
    return usable and isinstance(call.get("method"), str)


def _error(name: Any, number: int, problem: Problem | None = None) -> dict[str, Any]:
    error: dict[str, Any] = {"code": number, "message": ERRORS[number]}
    if problem is not None:
        error["data"] = problem.document()
    return {"jsonrpc": "2.0", "id": name, "error": error}
