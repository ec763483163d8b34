"""What surrounds every request: a request id, the key, the clock, and the last net for mistakes."""

from __future__ import annotations

import hmac
import logging
import os
import time

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mlsd.serving.metrics import Metrics
from mlsd.serving.problems import Problem

CLOSED = 499  # the client went away before the answer: counted, never sent
_log = logging.getLogger("mlsd")


class Envelope:
    """ASGI middleware around the whole app.

    Args:
        app: what it surrounds.
        metrics: where requests are counted.
        api_key: needed by everything but `/health`; None: nothing needs one.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics, api_key: str | None) -> None:
        self.app, self.metrics = app, metrics
        self._key = None if api_key is None else api_key.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request_id, started, status = os.urandom(8).hex(), time.perf_counter(), 0

        async def send_marked(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"].append((b"x-request-id", request_id.encode()))
            await send(message)

        self.metrics.in_flight.inc()
        try:
            self._check_key(scope)
            await self.app(scope, receive, send_marked)
        except ClientDisconnect:
            status = CLOSED
        except Problem as problem:
            await problem.response()(scope, receive, send_marked)
        except Exception:
            _log.exception("request %s failed", request_id)
            if status:  # half an answer is out: the connection must break, so that nobody takes it for whole
                raise
            mistake = Problem("internal-error", f"The server's log says more under request {request_id}.")
            await mistake.response()(scope, receive, send_marked)
        finally:
            self.metrics.in_flight.dec()
            route = getattr(scope.get("route"), "path", "none")
            self.metrics.answered(route, status or CLOSED, time.perf_counter() - started)

    def _check_key(self, scope: Scope) -> None:
        if self._key is None or scope["path"].startswith("/health/"):
            return
        headers = dict(scope["headers"])
        scheme, _, token = headers.get(b"authorization", b"").partition(b" ")
        given = headers.get(b"x-api-key", token.strip() if scheme.lower() == b"bearer" else b"")
        if not hmac.compare_digest(given, self._key):
            raise Problem(
                "not-authorised",
                "Send the key in the header X-API-Key, or as Authorization: Bearer.",
                headers={"WWW-Authenticate": "Bearer"},
            )
