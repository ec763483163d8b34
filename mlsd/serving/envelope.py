"""What surrounds every request: id, key, rate, clock, a line for the log, and the last net for mistakes."""

from __future__ import annotations

import hmac
import json
import logging
import math
import os
import time
from datetime import UTC, datetime

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mlsd.serving.limiter import Limiter
from mlsd.serving.metrics import Metrics
from mlsd.serving.problems import Problem

CLOSED = 499  # the client went away before the answer: counted, never sent
_log = logging.getLogger("mlsd")
_requests = logging.getLogger("mlsd_requests")  # one line of JSON each: no body, no address, no key


class Envelope:
    """ASGI middleware around the whole app.

    Args:
        app: what it surrounds.
        metrics: where requests are counted.
        api_key: needed by everything but `/health`; None: nothing needs one.
        limiter: counts what each address asks of everything but `/health`; None: nobody counts.
    """

    def __init__(
        self, app: ASGIApp, metrics: Metrics, api_key: str | None, limiter: Limiter | None = None
    ) -> None:
        self.app, self.metrics, self._limiter = app, metrics, limiter
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
            if not scope["path"].startswith("/health/"):
                self._check_rate(scope)
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
            seconds = time.perf_counter() - started
            self.metrics.answered(route, status or CLOSED, seconds)
            if _requests.isEnabledFor(logging.INFO):
                _requests.info(_told(request_id, route, status or CLOSED, seconds, scope.get("version")))

    def _check_rate(self, scope: Scope) -> None:
        if self._limiter is None:
            return
        client = scope.get("client")  # wrong keys count too, so that nobody can try them all
        seconds = self._limiter.wait(client[0] if client else "")
        if seconds:
            sentence = "Wait as long as Retry-After says; many rows fit into one request."
            raise Problem("too-many-requests", sentence, headers={"Retry-After": str(math.ceil(seconds))})

    def _check_key(self, scope: Scope) -> None:
        if self._key is None:
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


def _told(request: str, route: str, status: int, seconds: float, version: int | None) -> str:
    at = datetime.fromtimestamp(time.time() - seconds, UTC).isoformat(timespec="milliseconds")
    told = {"at": at, "request": request, "route": route, "status": status, "seconds": round(seconds, 6)}
    return json.dumps({**told, "version": version})
