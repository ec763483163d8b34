"""The HTTP API of one model: predictions, labels, health, metrics."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import partial

from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, JSONResponse

from mlsd.package import PackageSource
from mlsd.plain import utc_now
from mlsd.prediction_log import PredictionLog
from mlsd.serving.champion import Champion
from mlsd.serving.desk import Desk
from mlsd.serving.envelope import Envelope
from mlsd.serving.limiter import Limiter
from mlsd.serving.metrics import Metrics
from mlsd.serving.openapi import describe
from mlsd.serving.page import page_of
from mlsd.serving.pinned import Pinned
from mlsd.serving.problems import Problem
from mlsd.serving.recorder import Recorder


def create_app(
    source: PackageSource,
    name: str,
    log: PredictionLog | None = None,
    api_key: str | None = None,
    *,
    max_bytes: int = 2_000_000,
    max_rows: int = 10_000,
    body_seconds: float = 20.0,
    answer_seconds: float = 10.0,
    limiter: Limiter | None = None,
    look_seconds: float = 0.2,
    now: Callable[[], datetime] = utc_now,
) -> FastAPI:
    """Return an app that answers with the champion of `name`, and follows it without a restart.

    Args:
        source: where versions come from, a `Registry` for example.
        name: the model's name there.
        log: every prediction is appended to it before it is answered; None: nothing is kept.
        api_key: needed by everything but `/health`; None: the app is open.
        max_bytes: the largest body, in bytes.
        max_rows: the most rows in one request.
        body_seconds: how long a body may take to arrive; of a body of lines, its next piece.
        answer_seconds: how long an answer may take after that.
        limiter: how often one address may ask; None: as often as it likes.
        look_seconds: between two looks for a new champion.
        now: the clock; dates rows and labels that carry no time.

    Raises:
        ValueError: `api_key` is empty.
    """
    if api_key == "":
        raise ValueError("api_key is empty; give a key, or None for a server that is open to everybody")
    champion = Champion(source, name, look_seconds)
    recorder = Recorder(log) if log is not None else None
    desk = Desk(
        name, champion, Pinned(source, champion), Metrics(champion), recorder,
        max_bytes, max_rows, body_seconds, answer_seconds, now,
    )  # fmt: skip
    app = FastAPI(
        openapi_url=None,  # ours has a route with a name
        docs_url=None,  # the page would be loaded from the network
        redoc_url=None,
        redirect_slashes=False,
        lifespan=desk.lifespan,
        exception_handlers={HTTPException: _routing_problem, Problem: _problem},
    )
    app.add_middleware(Envelope, metrics=desk.metrics, api_key=api_key, limiter=limiter)
    post, get, put = (partial(app.add_api_route, methods=[method]) for method in ("POST", "GET", "PUT"))
    post("/v1/models/{model}/predictions", desk.predict, summary="Predict some rows")
    versioned = "/v1/models/{model}/versions/{version}/predictions"
    post(versioned, desk.predict, summary="Predict some rows with one version")
    post("/v1/rpc", desk.rpc, summary="The same as JSON-RPC 2.0: predict, label")
    get("/v1/models/{model}", desk.model, summary="The version that answers")
    put("/v1/predictions/{id:path}/label", desk.label, status_code=204, summary="Tell what turned out true")
    get("/health/live", desk.live, summary="Is the process alive?")
    get("/health/ready", desk.ready, summary="Is a model ready to answer?")
    get("/metrics", desk.show_metrics, summary="Counters, for Prometheus")
    facts = {"keyed": api_key is not None, "limited": limiter is not None, "logged": log is not None}
    app.openapi = lambda: describe(app, name, champion.current, max_rows, **facts)  # type: ignore
    app.state.meters = desk.metrics  # whoever watches this app finds that it counts already
    app.add_api_route("/openapi.json", lambda: JSONResponse(app.openapi()), include_in_schema=False)
    app.add_api_route("/docs", lambda: HTMLResponse(page_of(app.openapi())), include_in_schema=False)
    return app


async def _problem(_: Request, problem: Problem) -> Response:
    return problem.response()


async def _routing_problem(_: Request, error: HTTPException) -> Response:
    if error.status_code == 405:
        allowed = dict(error.headers or {})
        return Problem("method-not-allowed", "Use one of the methods in Allow.", headers=allowed).response()
    return Problem("not-found", "See /openapi.json for what this server answers.").response()
