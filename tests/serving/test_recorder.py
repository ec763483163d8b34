"""Requests share a transaction when they wait together, and never share a refusal."""

import asyncio
import threading
import time

import pytest

from mlsd.report import RefusedError
from mlsd.serving.recorder import Recorder

AT = "2024-01-01T00:00Z"


def entry(name, value=1):
    return (name, AT, 1, {"n_links": value}, 0.5)


def run(work):
    """Run a coroutine; a request that is never settled fails instead of waiting for ever."""
    return asyncio.run(asyncio.wait_for(work, 10))


class Gated:
    """A log whose first write waits for a sign; remembers what was written together."""

    def __init__(self, log):
        self.log, self.gate, self.writes = log, threading.Event(), []

    def extend(self, entries):
        self.writes.append([e[0] for e in entries])
        self.gate.wait(10)
        return self.log.extend(entries)


async def together(recorder, gated, *requests):
    """Send requests while the first one is being written; return what each got."""
    first = asyncio.create_task(recorder.keep([entry("first")]))
    while not gated.writes:
        await asyncio.sleep(0.001)
    others = [asyncio.create_task(recorder.keep(request)) for request in requests]
    await asyncio.sleep(0.01)
    gated.gate.set()
    return await asyncio.gather(first, *others, return_exceptions=True)


def test_requests_that_wait_together_are_written_together(log):
    gated = Gated(log)
    recorder = Recorder(gated)
    got = run(together(recorder, gated, [entry("a"), entry("b")], [entry("c")], [entry("d")]))
    assert got == [None] * 4
    assert gated.writes == [["first"], ["a", "b", "c", "d"]]
    assert sorted(log.ids()) == ["a", "b", "c", "d", "first"]


def test_a_refusal_is_for_one_request_alone_and_keeps_none_of_its_rows(log):
    gated = Gated(log)
    recorder = Recorder(gated)
    got = run(
        together(recorder, gated, [entry("a")], [entry("b"), entry("first", 2), entry("c")], [entry("d")])
    )
    assert got[:2] + got[3:] == [None] * 3
    assert isinstance(got[2], RefusedError)
    assert sorted(log.ids()) == ["a", "d", "first"]


def test_a_single_refusal_is_not_tried_twice(log):
    gated = Gated(log)
    gated.gate.set()
    recorder = Recorder(gated)
    run(recorder.keep([entry("a")]))
    with pytest.raises(RefusedError):
        run(recorder.keep([entry("a", 2)]))
    assert gated.writes == [["a"], ["a"]]
    time.sleep(0.05)  # the thread has gone idle
    run(recorder.keep([entry("b")]))  # and the next one is written as ever
    assert log.ids() == ["a", "b"]


def test_a_request_that_gave_up_is_kept_and_disturbs_nobody(log):
    gated = Gated(log)
    recorder = Recorder(gated)

    async def give_up():
        first = asyncio.create_task(recorder.keep([entry("first")]))
        while not gated.writes:
            await asyncio.sleep(0.001)
        gone = asyncio.create_task(recorder.keep([entry("gone")]))
        await asyncio.sleep(0.01)
        gone.cancel()
        stays = asyncio.create_task(recorder.keep([entry("stays")]))
        await asyncio.sleep(0.01)
        gated.gate.set()
        return await asyncio.gather(first, stays)

    assert run(give_up()) == [None, None]
    assert sorted(log.ids()) == ["first", "gone", "stays"]
