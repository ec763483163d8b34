"""Many rows as lines: one answer a line, in order, whatever the others are, in memory that stays flat."""

import asyncio
import json
import tracemalloc

import pytest
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st

from mlsd.serving import create_app
from mlsd.serving.bulk import LONGEST, Spool, cut

URL = "/v1/models/spam/predictions"
LINES = {"Content-Type": "application/x-ndjson"}
EVER = ("2000-01-01T00:00Z", "2100-01-01T00:00Z")


def body(*lines):
    return b"".join(json.dumps(line).encode() + b"\n" for line in lines)


def send(client, content):
    answer = client.post(URL, content=content, headers=LINES)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/x-ndjson"
    return [json.loads(line) for line in answer.text.splitlines()]


@pytest.fixture
def logged(shelf, log, wait_ready):
    with TestClient(create_app(shelf, "spam", log)) as client:
        yield wait_ready(client)


def test_lines_are_answered_in_order_and_kept_in_the_log(logged, log, row):
    said = send(logged, body(*({"id": f"p{i}", "instance": {**row, "n_links": i % 9}} for i in range(700))))
    assert [s["line"] for s in said] == list(range(1, 701))
    assert [s["id"] for s in said] == [f"p{i}" for i in range(700)]
    assert {s["version"] for s in said} == {1}
    kept = log.window(*EVER).set_index("id")["prediction"].to_dict()
    assert kept == {s["id"]: s["prediction"] for s in said}


BAD = {
    "no JSON": (b'{"s3cr3t', "not-json"),
    "NaN": (b'{"instance": {"n_chars": NaN}}', "not-json"),
    "no object": (b"[1]", "request-refused"),
    "another member": (b'{"s3cr3t": 1, "instance": {}}', "request-refused"),
    "no instance": (b'{"id": "s3cr3t"}', "request-refused"),
    "a row that is none": (b'{"instance": "s3cr3t"}', "request-refused"),
    "an id that is none": (b'{"id": 3, "instance": {}}', "request-refused"),
    "a row that does not fit": (b'{"instance": {"s3cr3t": 1}}', "row-refused"),
    "too long": (b'{"id": "' + b"s3cr3t" * LONGEST + b'"}', "body-too-large"),
    "not UTF-8": (b'{"id": "\xff"}', "not-json"),
}


@pytest.mark.parametrize(("line", "kind"), BAD.values(), ids=BAD)
def test_a_bad_line_is_refused_alone(logged, log, row, line, kind):
    good = [{"id": name, "instance": row} for name in "abc"]
    said = send(logged, body(*good[:2]) + line + b"\n" + body(good[2]))
    assert [s["line"] for s in said] == [1, 2, 3, 4]
    assert [s.get("id") for s in said] == ["a", "b", None, "c"]
    assert said[2]["problem"]["type"] == f"urn:problem-type:mlsd:{kind}"
    assert all(error["row"] is None for error in said[2]["problem"]["errors"])
    assert "s3cr3t" not in json.dumps(said)
    assert sorted(log.ids()) == ["a", "b", "c"]


def test_a_bad_value_is_named(client, row):
    [said] = send(client, body({"instance": {**row, "topic": "s3cr3t"}}))
    assert said["problem"]["errors"][0]["field"] == "topic"
    [said] = send(client, json.dumps({"instance": {**row, "n_chars": 0.125}}).replace("0.125", "1e999"))
    assert said["problem"]["errors"][0]["field"] == "n_chars"


def test_an_id_that_is_taken_is_refused_alone(logged, log, row):
    lines = [
        {"id": i, "instance": {**row, "n_links": n}} for i, n in [("a", 1), ("b", 2), ("a", 3), ("c", 4)]
    ]
    said = send(logged, body(*lines))
    assert [s.get("problem", {}).get("status") for s in said] == [None, None, 409, None]
    assert log.window(*EVER).set_index("id")["n_links"].to_dict() == {"a": 1, "b": 2, "c": 4}


def test_no_line_no_answer_and_blank_lines_are_counted(client, row):
    assert send(client, b"") == []
    assert send(client, b"\n \r\n") == []
    said = send(client, b"\n\r\n" + json.dumps({"instance": row}).encode())  # no line break at the end
    assert [s["line"] for s in said] == [3]


def test_lines_equal_the_rows_of_one_request_bit_for_bit(client, row):
    rows = [{**row, "n_chars": i / 7} for i in range(600)]
    together = client.post(URL, json={"instances": rows}).json()["predictions"]
    said = send(client, body(*({"instance": one} for one in rows)))
    assert [s["prediction"] for s in said] == [p["prediction"] for p in together]


def test_without_a_model_nothing_is_streamed(shelf):
    shelf.champion = None
    with TestClient(create_app(shelf, "spam")) as client:
        assert client.post(URL, content=b"{}\n", headers=LINES).status_code == 503


# ---- the wire ---------------------------------------------------------------------------------------


def speak(app, receive):
    """Speak ASGI to an app; return what it sends."""
    sent = []

    async def send(message):
        sent.append(message)

    scope = {
        "type": "http", "method": "POST", "path": URL, "raw_path": URL.encode(), "query_string": b"",
        "root_path": "", "scheme": "http", "http_version": "1.1",
        "headers": [(b"content-type", b"application/x-ndjson")],
    }  # fmt: skip
    asyncio.run(asyncio.wait_for(app(scope, receive, send), 20))
    return sent


def test_the_first_answer_is_out_before_the_last_line_is_in(shelf, row):
    line, seen = body({"id": "a", "instance": row}), []

    async def receive():
        if not seen:
            seen.append("first")
            return {"type": "http.request", "body": line, "more_body": True}
        while not any(message.get("body") for message in sent):
            await asyncio.sleep(0.001)
        return {"type": "http.request", "body": line.replace(b'"a"', b'"b"'), "more_body": False}

    sent = []

    async def run():
        async def send(message):
            sent.append(message)

        scope = {
            "type": "http", "method": "POST", "path": URL, "query_string": b"", "root_path": "",
            "headers": [(b"content-type", b"application/x-ndjson")],
        }  # fmt: skip
        await asyncio.wait_for(create_app(shelf, "spam")(scope, receive, send), 20)

    asyncio.run(run())
    said = b"".join(message.get("body", b"") for message in sent).splitlines()
    assert [json.loads(line)["id"] for line in said] == ["a", "b"]


def test_a_client_that_stops_is_told_where(shelf, row):
    pieces = [{"type": "http.request", "body": body({"instance": row}) + b'{"inst', "more_body": True}]

    async def receive():
        return pieces.pop() if pieces else await asyncio.Event().wait()

    sent = speak(create_app(shelf, "spam", body_seconds=0.05), receive)
    said = [json.loads(line) for line in b"".join(m.get("body", b"") for m in sent).splitlines()]
    assert [s["line"] for s in said] == [1, 2]
    assert said[1]["problem"]["status"] == 408


def test_a_client_that_goes_away_ends_the_work(shelf, row, caplog):
    pieces = [
        {"type": "http.disconnect"},
        {"type": "http.request", "body": body({"instance": row}), "more_body": True},
    ]

    async def receive():
        return pieces.pop()

    sent = speak(create_app(shelf, "spam"), receive)
    assert sent[0]["status"] == 200
    assert sent[-1].get("more_body") is not False  # not an answer that looks whole
    assert caplog.text == ""


def test_memory_does_not_grow_with_the_number_of_lines(shelf, row):
    line = body({"id": "a", "instance": row}) * 200
    peaks = {}
    for count in (10, 150):  # 2,000 and 30,000 lines; nobody takes an answer before all are asked
        left = [count]

        async def receive(left=left):
            left[0] -= 1
            return {"type": "http.request", "body": line, "more_body": left[0] > 0}

        app = create_app(shelf, "spam")
        tracemalloc.start()
        written = _count_bytes(app, receive, left)
        peaks[count] = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert written == count * 200
    assert peaks[150] < peaks[10] + 2_000_000  # 3 MB of answers, and 4 MB of lines, went through


def _count_bytes(app, receive, left):
    """Let the app answer; take nothing before everything was asked; return the number of lines."""
    count = [0]

    async def run():
        async def send(message):
            while message.get("body") and left[0] > 0:
                await asyncio.sleep(0.01)
            count[0] += message.get("body", b"").count(b"\n")

        scope = {
            "type": "http", "method": "POST", "path": URL, "query_string": b"", "root_path": "",
            "headers": [(b"content-type", b"application/x-ndjson")],
        }  # fmt: skip
        await asyncio.wait_for(app(scope, receive, send), 60)

    asyncio.run(run())
    return count[0]


@given(st.lists(st.binary(max_size=6).map(lambda b: b.replace(b"\n", b"")), max_size=8), st.integers(1, 7))
def test_lines_are_the_same_however_the_bytes_are_cut(lines, size):
    whole = b"\n".join(lines)
    pieces = [whole[i : i + size] for i in range(0, len(whole), size)]
    messages = [{"body": piece, "more_body": True, "type": "http.request"} for piece in pieces]
    messages.append({"type": "http.request"})

    async def gather():
        async def receive():
            return messages.pop(0)

        return [line async for part in cut(receive, 1) for line in part]

    found = asyncio.run(gather())
    assert found == [(n, line) for n, line in enumerate(lines, 1) if line.strip()]


@given(st.lists(st.one_of(st.binary(max_size=9), st.none()), max_size=20))
def test_what_is_put_is_taken_in_order(steps):
    async def run():
        spool, taken = Spool(), []
        pieces = spool.pieces()
        with spool.file:
            for step in steps:
                if step is not None:
                    spool.put(step)
                elif spool._put > spool._taken:
                    taken.append(await anext(pieces))
            spool.end()
            taken += [piece async for piece in pieces]
        return b"".join(taken)

    assert asyncio.run(run()) == b"".join(step for step in steps if step)


def test_a_line_without_end_is_not_kept():
    left = [400]

    async def receive():
        left[0] -= 1
        return {
            "type": "http.request",
            "body": b"x" * 50_000 if left[0] else b"\n{}",
            "more_body": left[0] > 0,
        }

    async def gather():
        return [line async for part in cut(receive, 1) for line in part]

    tracemalloc.start()
    found = asyncio.run(gather())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found == [(1, None), (2, b"{}")]
    assert peak < 1_000_000  # 20 MB came
