"""Two lines watch a service: any ASGI app, or any function from rows to predictions."""

from __future__ import annotations

import functools
import inspect
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

from mlsd.meters import Meters
from mlsd.report import RefusedError

KEEP = 10_000  # requests that `meters.requests()` remembers, about 2 MB
_W = TypeVar("_W", bound=Callable[..., Any])


def watch(watched: _W) -> _W:
    """Count every request of an app, or every call of a function, and how long it took.

    An app also answers `GET /metrics`, unless it does already. A function keeps its name and its
    signature. Either way `.meters` (of a Starlette or FastAPI app, `app.state.meters`) holds what was
    counted: `.text()` for Prometheus, `.requests()` for `golden_signals`.

    Args:
        watched: an ASGI app (FastAPI, Starlette or bare), or a function rows -> predictions.

    Raises:
        RefusedError: it is neither, it runs already, or the extra `serving` is not installed.

    >>> @watch
    ... def predict(rows):
    ...     return [0.5 for row in rows]
    >>> predict([{"n_links": 1}, {"n_links": 7}])
    [0.5, 0.5]
    >>> b'mlsd_predictions_total{version="none"} 2.0' in predict.meters.text()
    True
    """
    if not callable(watched):
        raise RefusedError(
            f"watch got a {type(watched).__name__}; expected an ASGI app or a function rows -> predictions"
        )
    if hasattr(watched, "add_middleware"):
        return _watch_app(watched)
    return _watch_bare_app(watched) if _is_asgi(watched) else _watch_function(watched)


class Counting:
    """ASGI middleware that counts, and answers `GET /metrics` when nobody inside does."""

    def __init__(self, app: Any, meters: Meters, shown: bool = True) -> None:
        self.app, self.meters, self._shown = app, meters, shown

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
        elif self._shown and scope["path"] == "/metrics" and scope["method"] in ("GET", "HEAD"):
            await _send_text(send, self.meters.text())
        else:
            await self._count(scope, receive, send)

    async def _count(self, scope: Any, receive: Any, send: Any) -> None:
        started, status = time.perf_counter(), 499  # the client went away before the answer

        async def send_on(message: Any) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        self.meters.in_flight.inc()
        try:
            await self.app(scope, receive, send_on)
        except Exception:
            status = 500  # half an answer too is none
            raise
        finally:
            self.meters.in_flight.dec()
            self.meters.answered(_route(scope), status, time.perf_counter() - started)


def _route(scope: Mapping[str, Any]) -> str:
    """Return the pattern of the address, never the address itself: clients make up millions of those."""
    path = getattr(scope.get("route"), "path", None)
    return str(path or getattr(scope.get("endpoint"), "__name__", "none"))


async def _send_text(send: Any, text: bytes) -> None:
    from prometheus_client.exposition import CONTENT_TYPE_LATEST

    headers = [(b"content-type", CONTENT_TYPE_LATEST.encode()), (b"content-length", str(len(text)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": text})


def _watch_app(app: Any) -> Any:
    if getattr(app.state, "meters", None) is not None:
        return app  # mlsd serve counts already, and so does an app that is watched twice
    meters = Meters(KEEP)
    shown = "/metrics" not in {getattr(route, "path", None) for route in app.routes}
    try:
        app.add_middleware(Counting, meters=meters, shown=shown)
    except RuntimeError:
        raise RefusedError("this app runs already; watch it before its first request") from None
    app.state.meters = meters
    return app


def _is_asgi(watched: Any) -> bool:
    for call in (watched, type(watched).__call__):
        if inspect.iscoroutinefunction(call):
            names = [name for name in inspect.signature(call).parameters if name != "self"]
            return len(names) == 3  # scope, receive, send
    return False


def _watch_bare_app(app: Any) -> Any:
    return Counting(app, Meters(KEEP))


def _watch_function(predict: Any) -> Any:
    meters = Meters(KEEP)
    name = getattr(predict, "__name__", type(predict).__name__)

    @functools.wraps(predict)
    def call(*args: Any, **kwargs: Any) -> Any:
        with _counted(meters, name) as done:
            return done(predict(*args, **kwargs))

    @functools.wraps(predict)
    async def call_later(*args: Any, **kwargs: Any) -> Any:
        with _counted(meters, name) as done:
            return done(await predict(*args, **kwargs))

    watched: Any = call_later if inspect.iscoroutinefunction(predict) else call
    watched.meters = meters
    return watched


@contextmanager
def _counted(meters: Meters, name: str) -> Iterator[Callable[[Any], Any]]:
    """Count one call under the status that a server would have answered with."""

    def done(answer: Any) -> Any:
        meters.predicted("none", _size(answer))
        return answer

    meters.in_flight.inc()
    started, status = time.perf_counter(), 500
    try:
        yield done
        status = 200
    except RefusedError:
        status = 422
        raise
    finally:
        meters.in_flight.dec()
        meters.answered(name, status, time.perf_counter() - started)


def _size(answer: Any) -> int:
    if isinstance(answer, str | bytes | Mapping):
        return 1
    try:
        return len(answer)
    except TypeError:  # one number
        return 1
