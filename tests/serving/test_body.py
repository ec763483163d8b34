"""Bodies that come in pieces, too slowly, or not to the end; and the strict reader against Python's own."""

import asyncio
import json
import re
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlsd.serving import create_app
from mlsd.serving.body import parse_body
from mlsd.serving.problems import KINDS, FieldError, Problem
from mlsd.serving.rows import is_id, read_moment

URL = "/v1/models/spam/predictions"
plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def ask(app, messages, headers=(), path=URL):
    """Speak ASGI to an app: give it these messages, then silence; return what it sends."""
    sent = []

    async def receive():
        if messages:
            return messages.pop(0)
        return await asyncio.Event().wait()

    async def send(message):
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "scheme": "http",
        "http_version": "1.1",
        "headers": [(b"content-type", b"application/json"), *headers],
    }
    asyncio.run(asyncio.wait_for(app(scope, receive, send), 10))
    return sent


def piece(data, more=True):
    return {"type": "http.request", "body": data, "more_body": more}


def counted(app, status):
    sent = []

    async def send(message):
        sent.append(message)

    async def receive():
        return piece(b"", more=False)

    scope = {
        "type": "http",
        "method": "GET",
        "path": "/metrics",
        "query_string": b"",
        "root_path": "",
        "headers": [],
    }
    asyncio.run(app(scope, receive, send))
    text = sent[1]["body"].decode()
    return [float(n) for n in re.findall(rf'mlsd_requests_total{{.*status="{status}"}} (\S+)', text)]


def test_pieces_are_put_together(shelf, row):
    body = json.dumps({"instances": [row], "ids": ["ü"]}).encode()
    pieces = [piece(body[i : i + 1]) for i in range(len(body))] + [piece(b"", more=False)]
    sent = ask(create_app(shelf, "spam"), pieces)
    assert sent[0]["status"] == 200
    assert json.loads(sent[1]["body"])["predictions"][0]["id"] == "ü"


@pytest.mark.parametrize("size", [99, 100, 101])
def test_pieces_are_counted_together(shelf, size):
    pieces = [piece(b"x") for _ in range(size)] + [piece(b"", more=False)]
    sent = ask(create_app(shelf, "spam", max_bytes=100), pieces)
    assert sent[0]["status"] == (400 if size <= 100 else 413)


@pytest.mark.parametrize("before", [[], [piece(b'{"instances": ')]], ids=["at once", "midway"])
def test_a_body_that_stops_is_given_up(shelf, before):
    sent = ask(create_app(shelf, "spam", body_seconds=0.05), before)
    assert sent[0]["status"] == 408
    assert (b"connection", b"close") in sent[0]["headers"]


@pytest.mark.parametrize("before", [[], [piece(b'{"instances": [')]], ids=["at once", "midway"])
def test_a_client_that_goes_away_is_counted_and_not_answered(shelf, before, caplog):
    app = create_app(shelf, "spam")
    assert ask(app, [*before, {"type": "http.disconnect"}]) == []
    assert counted(app, 499) == [1.0]
    assert caplog.text == ""


def test_a_body_without_end_is_refused_while_it_comes(shelf):
    class Endless(list):
        """Always one more piece, and a count of them."""

        taken = 0

        def __bool__(self):
            return True

        def pop(self, _):
            self.taken += 1
            return piece(b"x" * 1_000_000)

    pieces = Endless()
    sent = ask(create_app(shelf, "spam"), pieces)
    assert sent[0]["status"] == 413
    assert pieces.taken < 70  # some more are read, so that a slow client hears the answer


@pytest.mark.parametrize("length", [b"2000001", b"9" * 400])
def test_an_announced_length_is_believed_when_it_is_too_large(shelf, length):
    sent = ask(create_app(shelf, "spam"), [], [(b"content-length", length)])
    assert sent[0]["status"] == 413


@pytest.mark.parametrize("length", [b"-1", b"1e3", b"\xb2", b""])
def test_an_announced_length_that_is_no_number_does_not_matter(shelf, row, length):
    body = json.dumps({"instances": [row]}).encode()
    sent = ask(create_app(shelf, "spam"), [piece(body, more=False)], [(b"content-length", length)])
    assert sent[0]["status"] == 200


@given(plain)
def test_strict_json_is_read_as_python_reads_it(content):
    text = json.dumps(content)
    assert repr(parse_body(text.encode(), ())) == repr(json.loads(text))


@given(plain, st.sampled_from(["NaN", "Infinity", "-Infinity", "1e999", "-1e999"]), st.text(min_size=3))
def test_a_number_that_is_not_finite_is_found_wherever_it_stands(content, number, name):
    text = json.dumps({"instances": [{"known": "@"}, {name: [content, "@"]}]})
    with pytest.raises(Problem) as problem:
        parse_body(text.replace('"known": "@"', f'"known": {number}').encode(), ["known"])
    assert problem.value.errors[0] == FieldError(
        "not_finite", "expected a finite number, or null where nothing is known", "known", 0
    )


@given(st.text())
def test_an_id_is_short_and_printable(name):
    assert is_id(name) == (0 < len(name) <= 200 and name.isprintable())
    if is_id(name):
        assert name.encode().decode() == name


offsets = st.integers(-1439, 1439).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@given(st.datetimes(datetime(1701, 1, 1), datetime(2261, 12, 31), timezones=offsets))
def test_a_moment_is_read_as_the_same_instant(moment):
    read = read_moment(moment.isoformat())
    assert read == moment
    assert read.utcoffset() == timedelta(0)
    assert read_moment(moment.replace(tzinfo=None).isoformat()) is None


def test_every_kind_of_problem_has_a_status_and_a_title_of_its_own():
    assert all(400 <= status < 600 for status, _ in KINDS.values())
    titles = [title for _, title in KINDS.values()]
    assert len(set(titles)) == len(titles)
