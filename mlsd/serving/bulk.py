"""Many rows as lines (NDJSON): read while they arrive, answered in order, in memory that does not grow.

A line is `{"id": optional, "instance": row}`. Each line is on its own: a bad one is answered by a problem in
its place and the others go on, as the first answers are out before the last lines are in.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any

from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from mlsd.serving.body import LINES, parse_body
from mlsd.serving.champion import Loaded
from mlsd.serving.predictions import JSON, Entry, entries_of, names_of, predict
from mlsd.serving.problems import Problem, refused
from mlsd.serving.rows import Rows, read_rows

LONGEST = 100_000  # bytes of one line
TOGETHER = 250  # lines that are answered in one step
_MEMBERS = {"id", "instance"}
Line = tuple[int, bytes | None]  # number from 1, and its bytes; None when there were too many


class Stream(Response):
    """An answer that is written while the question is still being read.

    A client that sends everything before it reads anything would wait for ever on a server that does
    not read on before its answers are taken. So answers queue up in a file, never in memory.

    Args:
        judge: answers some lines, one each.
        seconds: how long the next piece of the body may take.
    """

    def __init__(self, judge: Callable[[list[Line]], Awaitable[bytes]], seconds: float) -> None:
        super().__init__(media_type=LINES)
        del self.headers["content-length"]
        self._judge, self._seconds = judge, seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Speak ASGI."""
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        queue = Spool()
        reading = asyncio.create_task(self._read(receive, queue))
        try:
            async for piece in queue.pieces():
                await send({"type": "http.response.body", "body": piece, "more_body": True})
            await reading  # raises what went wrong there
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)
            queue.file.close()
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _read(self, receive: Receive, queue: Spool) -> None:
        number = 0
        try:
            async for lines in cut(receive, self._seconds):
                number = lines[-1][0]
                queue.put(await self._judge(lines))
        except TimeoutError:
            sentence = f"No line came for {self._seconds:g} seconds; what came after this is not answered."
            queue.put(_line(number + 1, problem=Problem("body-too-slow", sentence).document()))
        finally:
            queue.end()


class Spool:
    """Bytes that wait to be sent: up to a megabyte in memory, beyond that in a temporary file."""

    def __init__(self) -> None:
        self.file = tempfile.SpooledTemporaryFile(max_size=1_000_000)  # noqa: SIM115 - outlives this call
        self._put = self._taken = 0
        self._news, self._ended = asyncio.Event(), False

    def put(self, data: bytes) -> None:
        """Add some bytes."""
        self.file.seek(self._put)
        self._put += self.file.write(data)
        self._news.set()

    def end(self) -> None:
        """Say that nothing follows."""
        self._ended = True
        self._news.set()

    async def pieces(self) -> AsyncIterator[bytes]:
        """Yield what was put, in order, until the end."""
        while not (self._ended and self._taken == self._put):
            self._news.clear()
            while self._taken < self._put:
                self.file.seek(self._taken)
                piece = self.file.read(65_536)
                self._taken += len(piece)
                if self._taken == self._put:  # all taken: begin the file anew
                    self.file.truncate(0)
                    self._taken = self._put = 0
                yield piece
            if not self._ended:
                await self._news.wait()


async def cut(receive: Receive, seconds: float) -> AsyncIterator[list[Line]]:
    """Yield the lines of a body, some at a time; blank ones are counted and left out.

    Raises:
        TimeoutError: nothing came for some seconds.
        ClientDisconnect: the client went away.
    """
    rest, too_long, number, more = b"", False, 0, True
    while more:
        async with asyncio.timeout(seconds):
            message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        more = message.get("more_body", False)
        *whole, rest = (rest + message.get("body", b"") + (b"" if more else b"\n")).split(b"\n")
        lines: list[Line] = []
        for line in whole:
            number += 1
            long, too_long = too_long or len(line) > LONGEST, False
            if long or line.strip():
                lines.append((number, None if long else line))
        if len(rest) > LONGEST:
            rest, too_long = b"", True
        for start in range(0, len(lines), TOGETHER):
            yield lines[start : start + TOGETHER]


def answer_lines(lines: list[Line], loaded: Loaded, now: Callable[[], datetime]) -> list[Entry | Problem]:
    """Return what the log keeps of each line, or why it is refused."""
    package = loaded.package
    read = [_read_line(line, loaded, now) for _, line in lines]
    good = [rows for rows in read if isinstance(rows, Rows)]
    records = [rows.records[0] for rows in good]
    try:
        found: list[Any] = predict(package, records) if records else []
    except Problem:  # some row is at fault: each alone
        found = [_try(partial(predict, package, [record])) for record in records]
        found = [one if isinstance(one, Problem) else one[0] for one in found]
    predictions = iter(found)
    return [rows if isinstance(rows, Problem) else _entry(rows, next(predictions), loaded) for rows in read]


def _read_line(line: bytes | None, loaded: Loaded, now: Callable[[], datetime]) -> Rows | Problem:
    if line is None:
        return Problem("body-too-large", f"A line may hold at most {LONGEST:,} bytes.")
    return _try(partial(_rows, line, loaded, now))


def _rows(line: bytes, loaded: Loaded, now: Callable[[], datetime]) -> Rows:
    content = parse_body(line, names_of(loaded.package))
    if not isinstance(content, dict) or "instance" not in content or not content.keys() <= _MEMBERS:
        raise refused(
            "form", 'Each line must be {"id": text, "instance": {column: value}}; id may be left out.'
        )
    ids = None if content.get("id") is None else [content["id"]]
    return read_rows({"instances": [content["instance"]], "ids": ids}, loaded.package.schema, 1, now)


def _entry(rows: Rows, prediction: Any, loaded: Loaded) -> Entry | Problem:
    return prediction if isinstance(prediction, Problem) else entries_of(rows, [prediction], loaded)[0]


def _try(work: Callable[[], Any]) -> Any:
    try:
        return work()
    except Problem as problem:
        errors = [replace(error, row=None) for error in problem.errors]  # there is one row, and it has a line
        return Problem(problem.kind, problem.detail, errors)


def write_lines(lines: list[Line], judged: list[Entry | Problem]) -> bytes:
    """Return an answer to each line: its prediction, or a problem."""
    return b"".join(
        _line(number, problem=result.document())
        if isinstance(result, Problem)
        else _line(number, id=result[0], prediction=result[4], version=result[2])
        for (number, _), result in zip(lines, judged, strict=True)
    )


def _line(number: int, **parts: Any) -> bytes:
    return JSON.encode({"line": number, **parts}).encode() + b"\n"
