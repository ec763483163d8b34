"""Log, file and webhook: whole lines, bounded time, one sentence about a receiver that fails."""

import json
import logging
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pandas as pd
import pytest

from mlsd.monitoring import Alert, Alerting, AlertRule, FileSink, LogSink, WebhookSink
from mlsd.report import Finding, RefusedError, Report

MOMENT = pd.Timestamp("2024-02-05", tz="UTC")


def alert(subject="a", **fields):
    parts = {"state": "open", "severity": "ticket", "message": "it moved", "runbook": "ask"} | fields
    return Alert(report="drift", code="drift", subject=subject, at=MOMENT, since=MOMENT, **parts)


def red(subject):
    return Report("drift", (Finding("drift", subject, ok=False, message="it moved"),))


class Receiver:
    """What came in, and how to answer: a status, or `None` for silence."""

    def __init__(self):
        self.status, self.bodies, self.methods, self.over = 200, [], [], threading.Event()


@contextmanager
def receiving():
    """A real server on loopback."""
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            receiver.methods.append(self.command)
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if receiver.status == "drip":  # one byte now and then, for ever
                self.wfile.write(b"HTTP/1.1 200 OK\r\n")
                while not receiver.over.wait(0.05):
                    self.wfile.write(b"X-A: b\r\n")
                    self.wfile.flush()
                return
            if receiver.status is None:
                receiver.over.wait(20)
                return
            receiver.bodies.append(json.loads(body))
            self.send_response(receiver.status)
            self.send_header("Location", "/elsewhere")
            self.end_headers()

        do_GET = do_POST

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield receiver, f"http://127.0.0.1:{server.server_address[1]}/secret-path"
    finally:
        receiver.over.set()
        server.shutdown()
        server.server_close()


def test_the_log_has_one_line_an_alert_by_urgency(caplog):
    caplog.set_level(logging.INFO)
    LogSink().send([alert(severity="page"), alert(message="two\nlines"), alert(state="closed")])
    assert [r.levelname for r in caplog.records] == ["ERROR", "WARNING", "INFO"]
    assert all("\n" not in r.getMessage() for r in caplog.records)
    assert "Do: ask" in caplog.records[0].getMessage()


def test_the_file_gets_whole_lines_that_pandas_reads(tmp_path):
    sink = FileSink(tmp_path / "new" / "alerts.jsonl")
    sink.send([alert("a"), alert('"b"\n\u2028')])
    sink.send([alert("c", state="closed")])
    rows = pd.read_json(sink.path, lines=True)
    assert rows["subject"].tolist() == ["a", '"b"\n\u2028', "c"]
    assert rows["state"].tolist() == ["open", "open", "closed"]


def test_a_line_torn_by_others_harms_no_other(tmp_path):
    path = tmp_path / "alerts.jsonl"
    path.write_bytes(b'{"state": "op')
    FileSink(path).send([alert("a")])
    torn, whole = path.read_text().splitlines()
    assert torn == '{"state": "op' and json.loads(whole)["subject"] == "a"


def test_a_killed_process_leaves_whole_lines(tmp_path):
    path = tmp_path / "alerts.jsonl"
    script = (
        "import sys, pandas as pd; from mlsd.monitoring import Alert, FileSink\n"
        "m = pd.Timestamp('2024-02-05', tz='UTC'); sink = FileSink(sys.argv[1])\n"
        "while True: sink.send([Alert('open', 'drift', 'drift', 'x' * 5000, 'ticket', m, m, 'moved')])\n"
    )
    process = subprocess.Popen([sys.executable, "-c", script, str(path)])
    try:
        end = time.monotonic() + 60
        while not path.exists() or path.stat().st_size < 200_000:
            assert process.poll() is None and time.monotonic() < end
            time.sleep(0.02)
    finally:
        process.kill()
        process.wait()
    text = path.read_text()
    assert text.endswith("\n")
    assert {json.loads(line)["subject"] for line in text.splitlines()} == {"x" * 5000}


def test_the_webhook_posts_json():
    with receiving() as (receiver, url):
        WebhookSink(url).send([alert("a"), alert("b")])
    (body,) = receiver.bodies
    assert body["format"] == 1 and [a["subject"] for a in body["alerts"]] == ["a", "b"]
    assert body["alerts"][0]["since"] == "2024-02-05T00:00:00+00:00"


@pytest.mark.parametrize("status", [404, 500, 302])
def test_an_answer_that_is_no_yes_is_a_failure(status):
    with receiving() as (receiver, url):
        receiver.status = status
        with pytest.raises(RefusedError, match=f"it answered {status}"):
            WebhookSink(url).send([alert()])
    assert receiver.methods == ["POST"]  # a redirect is not followed


@pytest.mark.parametrize("how", [None, "drip"], ids=["silent", "drip"])
def test_a_silent_receiver_costs_its_time_and_no_more(how):
    with receiving() as (receiver, url):
        receiver.status = how
        sink, start = WebhookSink(url, timeout=0.5), time.monotonic()
        with pytest.raises(RefusedError, match=r"no answer within 0.5 s|cannot be reached"):
            sink.send([alert()])
        assert time.monotonic() - start < 5


def test_a_failing_receiver_is_said_once_and_gets_everything_later(caplog, tmp_path):
    """The other sinks get each alert at once, the monitor goes on, the secret stays out of the log."""
    caplog.set_level(logging.WARNING, "mlsd_alerts")
    with receiving() as (receiver, url):
        receiver.status = 503
        kept = FileSink(tmp_path / "alerts.jsonl")
        alerting = Alerting(AlertRule(successive=1), [WebhookSink(url), kept])
        for i, subject in enumerate("abc"):
            assert len(alerting.take(red(subject), MOMENT + pd.Timedelta(days=i))) == 1
        assert [json.loads(line)["subject"] for line in kept.path.read_text().splitlines()] == list("abc")
        said = [r.getMessage() for r in caplog.records]
        assert len(said) == 1 and "it answered 503" in said[0] and "secret" not in said[0]
        receiver.status, receiver.bodies = 200, []
        alerting.take(Report("drift"), MOMENT + pd.Timedelta(days=4))
        assert [a["subject"] for a in receiver.bodies[0]["alerts"]] == list("abc")
        alerting.take(Report("drift"), MOMENT + pd.Timedelta(days=5))
        assert len(receiver.bodies) == 1 and len(caplog.records) == 2


def test_a_try_that_hangs_is_not_doubled():
    with receiving() as (receiver, url):
        receiver.status = "drip"
        sink = WebhookSink(url, timeout=0.3)
        before = threading.active_count()
        for _ in range(3):
            with pytest.raises(RefusedError, match=r"no answer|still waits"):
                sink.send([alert()])
        assert threading.active_count() <= before + 2  # one try, one thread of the server


def test_nobody_there():
    with receiving() as (_, url):
        pass
    with pytest.raises(RefusedError, match="cannot be reached"):
        WebhookSink(url).send([alert()])


def test_a_file_that_cannot_be_written_is_one_sentence(tmp_path, caplog):
    (tmp_path / "file").write_text("")
    sink = FileSink(tmp_path / "file" / "alerts.jsonl")
    with pytest.raises(RefusedError, match="cannot use"):
        sink.send([alert()])
    assert len(Alerting(AlertRule(successive=1), [sink]).take(red("a"), MOMENT)) == 1
    assert "the monitor goes on" in caplog.text


@pytest.mark.parametrize(
    ("url", "timeout", "sentence"),
    [
        ("ftp://host/x", 5, "expected an address such as"),
        ("hooks.example/x", 5, "expected an address such as"),
        ("http://", 5, "expected an address such as"),
        ("https://host/x", 0, "timeout is 0"),
        ("https://host/x", float("nan"), "timeout is nan"),
    ],
)
def test_no_address_or_no_time_is_refused(url, timeout, sentence):
    with pytest.raises(RefusedError, match=sentence):
        WebhookSink(url, timeout)
