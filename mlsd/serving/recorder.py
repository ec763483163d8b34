"""Writing to the prediction log without holding up the server: one thread, shared transactions."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime
from functools import partial
from typing import Any

from mlsd.prediction_log import PredictionLog

Entry = tuple[Any, ...]  # id, moment, version, features, prediction


class Recorder:
    """Appends to a log from one thread, in the order of arrival.

    A request that finds nothing under way is written at once. Requests that arrive during a write
    are written together next, in one transaction: a commit costs the same for one row and for
    many. Each request's rows are kept all or none.

    Args:
        log: what is written to.
    """

    def __init__(self, log: PredictionLog) -> None:
        self._log = log
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="mlsd-log")
        self._lock = threading.Lock()
        self._waiting: list[tuple[list[Entry], Future[None]]] = []
        self._writing = False

    async def keep(self, entries: list[Entry]) -> None:
        """Return when the rows of one request are in the log.

        Raises:
            RefusedError: an id has other content already, or the disk refuses.
        """
        kept: Future[None] = Future()
        with self._lock:
            self._waiting.append((entries, kept))
            idle, self._writing = not self._writing, True
        if idle:
            self._thread.submit(self._write_waiting)
        await asyncio.wrap_future(kept)

    async def label(self, id: str, value: Any, at: datetime, dated: bool) -> bool:
        """Return when a label is in the log; False when the log knows no such prediction.

        Raises:
            RefusedError: there is another label, or the disk refuses.
        """
        label = partial(self._log.label_prediction, id, value, at, dated=dated)
        return await asyncio.wrap_future(self._thread.submit(label))

    def _write_waiting(self) -> None:
        while True:
            with self._lock:
                together, self._waiting = self._waiting, []
                if not together:
                    self._writing = False
                    return
            error = self._try([entry for entries, _ in together for entry in entries])
            for entries, kept in together:  # one request's refusal is not its neighbours': each tries alone
                alone = error and len(together) > 1
                _settle(kept, self._try(entries) if alone else error)

    def _try(self, entries: list[Entry]) -> Exception | None:
        try:
            self._log.extend(entries)
        except Exception as error:
            return error
        return None


def _settle(kept: Future[None], error: Exception | None) -> None:
    if not kept.set_running_or_notify_cancel():
        return  # the request is gone; its rows are kept all the same
    if error is None:
        kept.set_result(None)
    else:
        kept.set_exception(error)
