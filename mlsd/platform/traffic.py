"""Real requests against a running server: one row each and many in flight, or many rows at once."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPException, HTTPResponse
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote, urlsplit

from mlsd.plain import to_json, to_plain
from mlsd.report import RefusedError

if TYPE_CHECKING:
    import pandas as pd

    from mlsd.schema import Schema

NO_ANSWER = 0  # the status of a request that was lost


class Sent(NamedTuple):
    """One request and what became of it; `version` is None and `status` 0 when no answer came."""

    id: str
    version: int | None
    status: int
    seconds: float


class Scored(NamedTuple):
    """One prediction of a bulk request."""

    id: str
    version: int
    prediction: Any


def records_of(frame: pd.DataFrame, schema: Schema, features: Sequence[str]) -> list[dict[str, Any]]:
    """Return the rows of a table as the server takes them: the model's features and the row's time.

    Args:
        frame: n rows.
        schema: of the model; its time column dates a row.
        features: what the model takes.
    """
    names = [*features, *(name for name in (schema.time,) if name and name in frame.columns)]
    columns = [to_plain(frame[name].tolist()) for name in names]
    return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]


def send_many(
    url: str,
    name: str,
    records: Sequence[Mapping[str, Any]],
    ids: Sequence[str],
    concurrency: int = 8,
    *,
    api_key: str | None = None,
    timeout: float = 30.0,
) -> list[Sent]:
    """Send one request a record, `concurrency` of them in flight, over connections that are kept.

    A request that fails is returned, not raised and not repeated.

    Args:
        url: where the server answers.
        name: the model's name.
        records: n rows.
        ids: n names for them.
        timeout: seconds that one answer may take.

    Returns:
        n outcomes, in the order of `records`.
    """
    questions = [to_json({"instances": [r], "ids": [i]}).encode() for r, i in zip(records, ids, strict=True)]
    outcomes: list[Sent | None] = [None] * len(questions)
    places = iter(range(len(questions)))  # shared: each sender takes the next one that is free

    def sender() -> None:
        line = _Line(url, name, api_key, timeout)
        try:
            for place in places:
                outcomes[place] = _send(line, ids[place], questions[place])
        finally:
            line.close()

    with ThreadPoolExecutor(max(1, concurrency)) as senders:
        for done in [senders.submit(sender) for _ in range(max(1, concurrency))]:
            done.result()
    return [outcome for outcome in outcomes if outcome is not None]


def score_many(
    url: str,
    name: str,
    records: Sequence[Mapping[str, Any]],
    ids: Sequence[str],
    batch: int = 500,
    *,
    api_key: str | None = None,
    timeout: float = 60.0,
) -> list[Scored]:
    """Score many rows in few requests.

    Args:
        url: where the server answers.
        name: the model's name.
        records: n rows.
        ids: n names for them.
        batch: rows in one request.
        timeout: seconds that one answer may take.

    Returns:
        n predictions, in the order of `records`.

    Raises:
        RefusedError: the server refused a request, or does not answer.
    """
    line, scored = _Line(url, name, api_key, timeout), []
    try:
        for part in _parts(len(records), batch):
            question = {"instances": records[part], "ids": ids[part]}
            status, answer = line.ask(to_json(question).encode())
            if status != 200:
                raise RefusedError(_said(url, status, answer, part.start))
            scored += [Scored(p["id"], answer["version"], p["prediction"]) for p in answer["predictions"]]
    finally:
        line.close()
    return scored


def _parts(n: int, batch: int) -> Iterator[slice]:
    return (slice(start, start + batch) for start in range(0, n, batch))


def _said(url: str, status: int, answer: Mapping[str, Any], start: int) -> str:
    if status == NO_ANSWER:
        return f"the server at {url} does not answer; is it running?"
    errors = [
        f"{e['field']} in row {start + (e['row'] or 0)}: {e['message']}" for e in answer.get("errors", ())
    ]
    return f"the server refused the rows ({status}): {'; '.join(errors[:3]) or answer.get('detail', '')}"


def _send(line: _Line, name: str, question: bytes) -> Sent:
    started = time.perf_counter()
    status, answer = line.ask(question)
    seconds = time.perf_counter() - started
    if status != 200:
        return Sent(name, None, status, seconds)
    return Sent(answer["predictions"][0]["id"], answer["version"], status, seconds)


class _Line:
    """One kept connection to the predictions of one model.

    Head and body leave in one piece; `HTTPConnection` sends two, and a busy machine lets the server
    wait some milliseconds for the second.
    """

    def __init__(self, url: str, name: str, api_key: str | None, timeout: float) -> None:
        place = urlsplit(url)
        self._address, self._timeout = (place.hostname, place.port or 80), timeout
        key = f"X-API-Key: {api_key}\r\n" if api_key else ""
        self._head = (
            f"POST /v1/models/{quote(name, safe='')}/predictions HTTP/1.1\r\nHost: {place.netloc}\r\n"
            f"{key}Content-Type: application/json\r\nContent-Length: "
        )
        self._socket: socket.socket | None = None

    def ask(self, question: bytes) -> tuple[int, dict[str, Any]]:
        """Return status and content of an answer; status 0 when none came."""
        try:
            if self._socket is None:
                self._socket = socket.create_connection(self._address, self._timeout)
                self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._socket.sendall(f"{self._head}{len(question)}\r\n\r\n".encode() + question)
            with HTTPResponse(self._socket, method="POST") as answer:
                answer.begin()
                content = json.loads(answer.read())
                if answer.will_close:
                    self.close()
            return answer.status, content
        except (OSError, HTTPException, ValueError):
            self.close()  # the next request opens a new one
            return NO_ANSWER, {}

    def close(self) -> None:
        """Hang up."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None
