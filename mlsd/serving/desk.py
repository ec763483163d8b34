"""The endpoints of one app: predictions, labels, the model's page, health."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, TypeVar

from fastapi import FastAPI, Request, Response

from mlsd.plain import to_json
from mlsd.report import RefusedError
from mlsd.serving import labels
from mlsd.serving.body import JSON, LINES, media_type, parse_body, read_body
from mlsd.serving.bulk import Line, Stream, answer_lines, write_lines
from mlsd.serving.champion import Champion, Loaded
from mlsd.serving.metrics import Metrics
from mlsd.serving.pinned import Pinned
from mlsd.serving.predictions import Answer, Entry, answer, answer_content
from mlsd.serving.problems import Problem, refused
from mlsd.serving.recorder import Recorder
from mlsd.serving.rpc import reply_to

LARGE = 30_000  # bytes of a body beyond which a thread answers, so that small requests need not wait
_log = logging.getLogger("mlsd")
_T = TypeVar("_T")


@dataclass(frozen=True)
class Desk:
    """The endpoints of one app, and what they share."""

    name: str
    champion: Champion
    pinned: Pinned
    metrics: Metrics
    recorder: Recorder | None
    max_bytes: int
    max_rows: int
    body_seconds: float
    answer_seconds: float
    now: Callable[[], datetime]

    @contextlib.asynccontextmanager
    async def lifespan(self, _: FastAPI) -> AsyncIterator[None]:
        """Follow the champion while the server runs."""
        watching = asyncio.create_task(self.champion.watch())
        yield
        watching.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await watching

    # ---- predictions ------------------------------------------------------------------------------

    async def predict(self, request: Request) -> Response:
        """Answer rows: nothing is sent that is not in the log."""
        self._check_name(request)
        if media_type(request, JSON, LINES) == LINES:
            return Stream(partial(self._judge, await self._loaded(request)), self.body_seconds)
        body = await read_body(request, self.max_bytes, self.body_seconds)
        loaded = await self._loaded(request)
        work = partial(answer, body, loaded, self.name, self.max_rows, self.now)
        answered = await self._in_time(self._answer(work, loaded, len(body)))
        return Response(answered.body, media_type=JSON)

    async def _loaded(self, request: Request) -> Loaded:
        version = request.path_params.get("version")
        loaded = await (self.champion.get() if version is None else self.pinned.get(version))
        request.scope["version"] = loaded.number  # for the request log
        return loaded

    async def _answer(self, work: Callable[[], Answer], loaded: Loaded, size: int) -> Answer:
        answered = work() if size < LARGE else await asyncio.to_thread(work)
        await self._keep(answered.entries, loaded)
        return answered

    async def _keep(self, entries: list[Entry], loaded: Loaded) -> None:
        if self.recorder is not None and entries:
            await self._written(self.recorder.keep(entries))
        self.metrics.predicted(loaded.number, len(entries))

    async def _judge(self, loaded: Loaded, lines: list[Line]) -> bytes:
        """Answer some lines of a bulk request; each is refused alone."""
        judged = await asyncio.to_thread(answer_lines, lines, loaded, self.now)
        try:
            await self._keep([entry for entry in judged if not isinstance(entry, Problem)], loaded)
        except Problem:  # some line is at fault: each alone
            for place, entry in enumerate(judged):
                if not isinstance(entry, Problem):
                    judged[place] = await self._keep_one(entry, loaded)
        return write_lines(lines, judged)

    async def _keep_one(self, entry: Entry, loaded: Loaded) -> Entry | Problem:
        try:
            await self._keep([entry], loaded)
        except Problem as problem:
            return problem
        return entry

    # ---- labels -----------------------------------------------------------------------------------

    async def label(self, request: Request) -> Response:
        """Keep what turned out to be true of one prediction."""
        name = labels.check_id(request.path_params["id"])
        body = await read_body(request, self.max_bytes, self.body_seconds)
        await self._in_time(self._label(name, parse_body(body, labels.MEMBERS)))
        return Response(status_code=204)

    async def _label(self, name: str, content: Any) -> None:
        if self.recorder is None:
            raise Problem("no-log", "Start the server with a prediction log to keep labels.")
        value, at, dated = labels.read_label(content, self.champion.current, self.now)
        if not await self._written(self.recorder.label(name, value, at, dated)):
            raise Problem("not-found", "The log holds no prediction of this id.")

    async def _written(self, writing: Awaitable[_T]) -> _T:
        try:
            return await writing
        except RefusedError as error:
            if error.__cause__ is None:  # nothing is wrong with the disk: the log holds something else
                raise Problem("conflict", "Use a new id, or a later moment for another label.") from None
            _log.warning("%s: not recorded: %s", self.name, error)
            raise Problem("not-recorded", "The log cannot be written; nothing was answered.") from None

    # ---- the same as procedure calls --------------------------------------------------------------

    async def rpc(self, request: Request) -> Response:
        """Answer JSON-RPC 2.0: `predict` and `label`, one call or a list of them."""
        body = await read_body(request, self.max_bytes, self.body_seconds)
        loaded = await self._loaded(request)

        async def predict(params: Any) -> dict[str, Any]:
            work = partial(answer_content, params, loaded, self.name, self.max_rows, self.now)
            said, entries = work() if len(body) < LARGE else await asyncio.to_thread(work)
            await self._keep(entries, loaded)
            return said

        async def label(params: Any) -> None:
            if not isinstance(params, dict) or not isinstance(params.get("id"), str):
                raise refused("missing_field", "A label needs 'id', the name of its prediction.", "id")
            content = {name: value for name, value in params.items() if name != "id"}
            await self._label(labels.check_id(params["id"]), content)

        said = await self._in_time(reply_to(body, {"predict": predict, "label": label}))
        return Response(said, media_type=JSON) if said else Response(status_code=204)

    # ---- what it is, how it is --------------------------------------------------------------------

    async def model(self, request: Request) -> Response:
        """Describe the version that answers."""
        self._check_name(request)
        return _json(_portrait(self.name, await self._loaded(request)))

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
        if request.path_params.get("model", self.name) != self.name:
            raise Problem("not-found", f"This server answers for one model, {self.name}.")

    async def _in_time(self, work: Awaitable[_T]) -> _T:
        try:
            async with asyncio.timeout(self.answer_seconds):
                return await work
        except TimeoutError:
            sentence = (
                f"There was no answer within {self.answer_seconds:g} seconds; ask again, with the same id."
            )
            raise Problem("too-slow", sentence, headers={"Retry-After": "1"}) from None


def _json(content: Any) -> Response:
    return Response(to_json(content), media_type=JSON)


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
