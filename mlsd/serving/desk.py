"""The endpoints of one app: predictions, labels, the model's page, health."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from fastapi import FastAPI, Request, Response

from mlsd.plain import to_json
from mlsd.report import RefusedError
from mlsd.serving.body import read_body
from mlsd.serving.champion import Champion, Loaded
from mlsd.serving.labels import check_id, read_label
from mlsd.serving.metrics import Metrics
from mlsd.serving.predictions import answer
from mlsd.serving.problems import Problem
from mlsd.serving.recorder import Recorder

LARGE = 30_000  # bytes of a body beyond which a thread answers, so that small requests need not wait
_log = logging.getLogger("mlsd")


@dataclass(frozen=True)
class Desk:
    """The endpoints of one app, and what they share."""

    name: str
    champion: Champion
    metrics: Metrics
    recorder: Recorder | None
    max_bytes: int
    max_rows: int
    body_seconds: float
    now: Callable[[], datetime]

    @contextlib.asynccontextmanager
    async def lifespan(self, _: FastAPI) -> AsyncIterator[None]:
        """Follow the champion while the server runs."""
        watching = asyncio.create_task(self.champion.watch())
        yield
        watching.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await watching

    async def predict(self, request: Request) -> Response:
        """Answer rows: nothing is sent that is not in the log."""
        self._check_name(request)
        body = await read_body(request, self.max_bytes, self.body_seconds)
        loaded = await self.champion.get()
        work = partial(answer, body, loaded, self.name, self.max_rows, self.now)
        answered = work() if len(body) < LARGE else await asyncio.to_thread(work)
        if self.recorder is not None:
            await self._written(self.recorder.keep(answered.entries))
        self.metrics.predicted(loaded.number, len(answered.entries))
        return Response(answered.body, media_type="application/json")

    async def label(self, request: Request) -> Response:
        """Keep what turned out to be true of one prediction."""
        if self.recorder is None:
            raise Problem("no-log", "Start the server with a prediction log to keep labels.")
        name = check_id(request.path_params["id"])
        body = await read_body(request, self.max_bytes, self.body_seconds)
        value, at = read_label(body, self.champion.current, self.now)
        await self._written(self.recorder.label(name, value, at))
        return Response(status_code=204)

    async def _written(self, writing: Awaitable[None]) -> None:
        try:
            await writing
        except RefusedError as error:
            if error.__cause__ is None:  # nothing is wrong with the disk: the log holds something else
                raise Problem("conflict", "Use a new id, or a later moment for another label.") from None
            _log.warning("%s: not recorded: %s", self.name, error)
            raise Problem("not-recorded", "The log cannot be written; nothing was answered.") from None

    async def model(self, request: Request) -> Response:
        """Describe the version that answers."""
        self._check_name(request)
        loaded = await self.champion.get()
        return _json(_portrait(self.name, loaded))

    async def live(self, _: Request) -> Response:
        """Answer as long as the process does."""
        return _json({"status": "live"})

    async def ready(self, _: Request) -> Response:
        """Answer 200 once a model is loaded and has predicted one row, else 503."""
        loaded = await self.champion.get()
        trouble = self.champion.trouble
        detail = f"{trouble[1]}; version {loaded.number} goes on" if trouble else ""
        return _json({"status": "ready", "model": self.name, "version": loaded.number, "detail": detail})

    async def show_metrics(self, _: Request) -> Response:
        """Show every counter."""
        return self.metrics.response()

    def _check_name(self, request: Request) -> None:
        if request.path_params["model"] != self.name:
            raise Problem("not-found", f"This server answers for one model, {self.name}.")


def _json(content: Any) -> Response:
    return Response(to_json(content), media_type="application/json")


def _portrait(name: str, loaded: Loaded) -> dict[str, Any]:
    package = loaded.package
    described = package.schema.to_json_schema(package.features)["properties"]
    return {
        "model": name,
        "version": loaded.number,
        "id": package.id,
        "task": package.task,
        "classes": package.classes,
        "features": {name: described[name] for name in package.features},
        "metrics": [
            {"name": finding.subject, "value": finding.value, "interval": finding.interval}
            for finding in package.report
            if finding.code == "metric"
        ],
    }
