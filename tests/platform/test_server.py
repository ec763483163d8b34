"""A real server in its own process: under load, while it is swapped, killed, interrupted and cut off."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import psutil
import pytest

from mlsd.datasets import make_spam_posts
from mlsd.platform import Server, records_of, score_many, send_many
from mlsd.platform.server import main
from mlsd.prediction_log import PredictionLog
from mlsd.registry import Registry
from mlsd.report import RefusedError
from mlsd.training import Recipe, train

EVER = ("2000-01-01T00:00Z", "2100-01-01T00:00Z")


@pytest.fixture(scope="module")
def frame():
    return make_spam_posts(4000, random_state=0).frame


@pytest.fixture(scope="module")
def packages(frame):
    return [train(frame, Recipe(target="is_spam", random_state=state)) for state in (0, 1)]


@pytest.fixture
def registry(packages, tmp_path):
    registry = Registry(tmp_path / "registry")
    registry.publish(registry.register("spam", packages[0]))
    return registry


@pytest.fixture(scope="module")
def running(packages, tmp_path_factory):
    """A server that the tests share; they leave it as it is."""
    folder = tmp_path_factory.mktemp("shared")
    registry = Registry(folder / "registry")
    registry.publish(registry.register("spam", packages[0]))
    with Server(folder / "registry", "spam", folder / "log.db") as server:
        yield server


@pytest.fixture(scope="module")
def questions(frame, packages):
    return records_of(frame, packages[0].schema, packages[0].features)


def gone(pid, seconds=15):
    """Whether a process ends within some seconds."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            return True
        time.sleep(0.05)
    return False


# ---- answers ----------------------------------------------------------------------------------------


def test_scores_over_http_equal_offline_ones_bit_for_bit(running, frame, packages, questions):
    rows = frame.head(1000)
    ids = [f"bulk-{i}" for i in range(1000)]
    scored = score_many(running.url, "spam", questions[:1000], ids, batch=300)
    assert [s.prediction for s in scored] == packages[0].predict(rows).tolist()
    assert [s.id for s in scored] == ids
    assert {s.version for s in scored} == {1}
    kept = PredictionLog(running.log_path).window(*EVER)
    kept = kept[kept["id"].str.startswith("bulk-")].set_index("id")
    assert kept["at"].to_dict() == dict(zip(ids, rows["posted_at"], strict=True))  # the row's own time


def test_the_client_keeps_its_connections_and_ignores_proxies(running, questions, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    with running.client() as client:
        for _ in range(3):
            answer = client.post("/v1/models/spam/predictions", json={"instances": questions[:1]})
            assert answer.status_code == 200
        assert "server" not in answer.headers  # what serves, and which version of it, is nobody's business
    assert repr(running) == f"Server(spam at {running.url}, running)"


def test_scoring_refuses_with_field_and_row(running, questions):
    bad = [dict(q) for q in questions[:700]]
    bad[612]["topic"] = "s3cr3t"
    with pytest.raises(
        RefusedError, match=r"^the server refused the rows \(422\): topic in row 612: "
    ) as refusal:
        score_many(running.url, "spam", bad, [f"refused-{i}" for i in range(700)])
    assert "s3cr3t" not in str(refusal.value)


# ---- a swap under load --------------------------------------------------------------------------------


def test_a_swap_under_load_loses_no_request(registry, packages, questions, tmp_path):
    n = 2400
    ids = [f"p{i}" for i in range(n)]
    with Server(registry.folder, "spam", tmp_path / "log.db") as server, ThreadPoolExecutor(1) as other:
        sending = other.submit(send_many, server.url, "spam", questions[:n], ids, 8)
        log = PredictionLog(tmp_path / "log.db")
        while len(log) < n // 4:
            time.sleep(0.01)
        registry.publish(registry.register("spam", packages[1]))
        sent = sending.result()
    assert [s.status for s in sent] == [200] * n
    assert [s.id for s in sent] == ids
    assert {s.version for s in sent} == {1, 2}
    kept = log.window(*EVER).set_index("id")
    assert len(kept) == n
    assert kept["version"].to_dict() == {s.id: s.version for s in sent}
    offline = {v: package.predict_rows(questions[:n]) for v, package in enumerate(packages, 1)}
    for place, outcome in enumerate(sent):  # every answer is that of the version it names
        assert kept.loc[outcome.id, "prediction"] == offline[outcome.version][place]


def test_requests_really_are_in_flight_together():
    """A server that answers nobody before eight are waiting answers all: eight really were in flight."""
    together = threading.Barrier(8)

    class Waiting(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            together.wait(timeout=20)
            said = {"version": 1, "predictions": [{"id": asked["ids"][0], "prediction": 0.5}]}
            body = json.dumps(said).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Waiting) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}"
        ids = [f"p{i}" for i in range(80)]
        sent = send_many(url, "spam", [{"x": 1}] * 80, ids, 8)
        server.shutdown()
    assert [(s.id, s.status) for s in sent] == [(i, 200) for i in ids]


# ---- death ------------------------------------------------------------------------------------------


def test_kill_9_loses_no_acknowledged_row(registry, questions, tmp_path):
    server = Server(registry.folder, "spam", tmp_path / "log.db").start()
    log = PredictionLog(tmp_path / "log.db")
    with ThreadPoolExecutor(1) as other:
        ids = [f"p{i}" for i in range(3000)]
        sending = other.submit(send_many, server.url, "spam", questions[:3000], ids, 8)
        while len(log) < 300:
            time.sleep(0.01)
        os.kill(server.pid, signal.SIGKILL)
        sent = sending.result()
    server.stop()
    answered = {s.id: s.version for s in sent if s.status == 200}
    assert 300 - 8 <= len(answered) < 3000  # a row is in the log before its answer is out
    assert {s.status for s in sent} == {200, 0}  # a failure is returned, not raised
    kept = PredictionLog(tmp_path / "log.db").window(*EVER).set_index("id")["version"].to_dict()
    assert answered.items() <= kept.items()
    assert len(kept) - len(answered) <= 8  # at most what was in flight


def test_stopping_lets_requests_in_flight_finish(registry, questions, tmp_path):
    ids = [f"p{i}" for i in range(5000)]
    with Server(registry.folder, "spam", tmp_path / "log.db") as server, ThreadPoolExecutor(1) as other:
        pid = server.pid
        asking = other.submit(score_many, server.url, "spam", (questions * 2)[:5000], ids, 5000)
        with server.client() as client:
            while "mlsd_requests_in_flight 2.0" not in client.get("/metrics").text:
                assert not asking.done()
        server.stop()
        assert [s.id for s in asking.result()] == ids
    assert len(PredictionLog(tmp_path / "log.db")) == 5000
    assert not psutil.pid_exists(pid)
    assert server.pid is None
    server.stop()  # once more does nothing


def test_the_server_does_not_outlive_a_killed_parent(registry, tmp_path):
    script = (
        "import sys, time\n"
        "from mlsd.platform.server import Server\n"
        "server = Server(sys.argv[1], 'spam').start()\n"
        "print(server.pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    command = [sys.executable, "-c", script, str(registry.folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        pid = int(parent.stdout.readline())
        assert psutil.pid_exists(pid)
        parent.kill()
    assert gone(pid)


@pytest.mark.parametrize("moment", ["while it starts", "while it runs"])
def test_ctrl_c_leaves_no_process_and_no_file(registry, monkeypatch, moment):
    server = Server(registry.folder, "spam", need_model=False)
    seen = {}

    def interrupt(*_):
        seen.update(pid=server.pid, folder=server._folder)
        raise KeyboardInterrupt

    if moment == "while it starts":
        monkeypatch.setattr(server, "_wait", interrupt)
    with pytest.raises(KeyboardInterrupt), server:
        interrupt()
    assert not psutil.pid_exists(seen["pid"])
    assert not seen["folder"].exists()


def test_the_terminals_ctrl_c_reaches_the_parent_alone(running):
    assert os.getpgid(running.pid) != os.getpgid(0)


def test_as_a_command_it_stops_on_ctrl_c_without_a_traceback(registry, tmp_path):
    address = tmp_path / "address"
    command = [sys.executable, "-m", "mlsd.platform.server", str(registry.folder), "spam"]
    command += ["--port", "0", "--address", str(address)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True) as process:
        wait_live(address)
        process.send_signal(signal.SIGINT)
        said = process.stderr.read()
    assert process.returncode == 0
    assert "Traceback" not in said


def wait_live(address, seconds=30):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if address.exists():
            connection = http.client.HTTPConnection("127.0.0.1", int(address.read_text()), timeout=5)
            try:
                connection.request("GET", "/health/live")
                return connection.getresponse().status
            except OSError:
                pass
            finally:
                connection.close()
        time.sleep(0.05)
    raise AssertionError("not live in time")


# ---- a start that is refused ----------------------------------------------------------------------------


def test_a_taken_port_is_one_sentence(registry):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(RefusedError, match=rf"^port {port} is taken; choose another, or 0$"):
            Server(registry.folder, "spam", port=port).start()


REFUSED = {
    "a port that does not exist": (["--port", "70000"], "port 70000 does not exist; choose 0 to 65535"),
    "a port for the administrator": (["--port", "-1"], "port -1 does not exist; choose 0 to 65535"),
    "a log that is none": (["--port", "0", "--log", "{folder}/none.db"], "none.db: "),
    "a log in no folder": (["--port", "0", "--log", "{folder}/none.db/log.db"], "log.db: "),
}


@pytest.mark.parametrize(("options", "sentence"), REFUSED.values(), ids=REFUSED)
def test_a_bad_start_is_one_sentence(registry, tmp_path, capsys, options, sentence):
    (tmp_path / "none.db").write_bytes(b"no database" * 100)
    options = [option.format(folder=tmp_path) for option in options]
    assert main([str(registry.folder), "spam", *options]) == 2
    said = capsys.readouterr().err
    assert sentence in said
    assert said.count("\n") == 1


def test_a_folder_without_registry_is_one_sentence_and_is_not_made(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("uvicorn.Server.run", lambda *_, **__: pytest.fail("it serves"))
    assert main([str(tmp_path / "nowhere"), "spam", "--port", "0"]) == 2
    assert capsys.readouterr().err == (
        f"there is no registry in {tmp_path / 'nowhere'}; register a version first\n"
    )
    assert not (tmp_path / "nowhere").exists()


def test_a_model_that_is_not_published_is_one_sentence(registry):
    with pytest.raises(
        RefusedError, match=r"^No model is ready: no version is champion. Publish a version first"
    ):
        Server(registry.folder, "ham").start()


def test_a_damaged_version_is_one_sentence(registry):
    for path in (registry.folder / "artifacts").rglob("*"):
        if path.is_file():
            data = bytearray(path.read_bytes())
            data[len(data) // 2] ^= 1
            path.write_bytes(data)
    with pytest.raises(RefusedError, match="version 1 could not be loaded") as refusal:
        Server(registry.folder, "spam").start()
    assert "Traceback" not in str(refusal.value)


def test_a_start_that_takes_too_long_is_refused_and_cleared_away(registry):
    server = Server(registry.folder, "spam", start_seconds=0.1)
    with pytest.raises(RefusedError, match=r"^the server was not ready within 0.1 s: "):
        server.start()
    assert server.pid is None


def test_it_may_start_before_a_version_is_published(packages, tmp_path, questions):
    registry = Registry(tmp_path / "registry")
    with Server(registry.folder, "spam", need_model=False) as server:
        [outcome] = send_many(server.url, "spam", questions[:1], ["a"])
        assert outcome[:3] == ("a", None, 503)
        registry.publish(registry.register("spam", packages[0]))
        until = time.monotonic() + 20
        while outcome.status != 200 and time.monotonic() < until:
            [outcome] = send_many(server.url, "spam", questions[:1], ["a"])
        assert outcome[:3] == ("a", 1, 200)


# ---- the wire -----------------------------------------------------------------------------------------


def talk(server, data, half=False):
    """Send bytes, perhaps hang up at once; return what comes back."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as line:
        try:
            line.sendall(data)
            return b"" if half else b"".join(iter(lambda: line.recv(65_536), b""))
        except ConnectionError:
            return b""


HEAD = (
    b"POST /v1/models/spam/predictions HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
    b"Content-Type: application/json\r\n"
)


def test_ten_megabytes_are_refused_over_the_wire_too(running):
    body = b'{"instances": "' + b"s3cr3t" * 1_700_000 + b'"}'
    for content in (body, (body[at : at + 65_536] for at in range(0, len(body), 65_536))):
        connection = http.client.HTTPConnection("127.0.0.1", running.port, timeout=30)
        connection.request(
            "POST", "/v1/models/spam/predictions", content, {"Content-Type": "application/json"}
        )
        answer = connection.getresponse()
        assert answer.status == 413
        assert answer.headers["content-type"] == "application/problem+json"
        assert b"s3cr3t" not in answer.read()
        connection.request("GET", "/health/live")  # the connection is still good
        assert connection.getresponse().status == 200
        connection.close()


def test_an_announced_gigabyte_is_refused_before_it_is_sent(running):
    memory = psutil.Process(running.pid).memory_info().rss
    assert talk(running, HEAD + b"Content-Length: 1000000000\r\n\r\n").startswith(b"HTTP/1.1 413")
    assert psutil.Process(running.pid).memory_info().rss < memory + 50_000_000


def test_a_client_that_hangs_up_midway_harms_nobody(running):
    for head in (b"Content-Length: 5000\r\n\r\n", b"Transfer-Encoding: chunked\r\n\r\n5\r\n"):
        for _ in range(20):
            talk(running, HEAD + head + b'{"ins', half=True)
    talk(running, HEAD[:20], half=True)
    with running.client() as client:
        until = time.monotonic() + 10
        while time.monotonic() < until:
            text = client.get("/metrics").text
            if "mlsd_requests_in_flight 1.0" in text and 'status="499"' in text:
                break
        assert "mlsd_requests_in_flight 1.0" in text
        assert 'status="499"' in text
        assert 'status="500"' not in text
    assert "Traceback" not in (running._folder / "errors").read_text()


def test_bytes_that_are_no_http_are_refused(running):
    assert talk(running, b"s3cr3t\r\n\r\n").startswith(b"HTTP/1.1 400")
    twice = HEAD + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}"
    assert talk(running, twice).startswith(b"HTTP/1.1 400")


def test_the_key_is_asked_for_and_stands_on_no_command_line(registry, questions):
    with Server(registry.folder, "spam", api_key="s3cr3t") as server:
        assert send_many(server.url, "spam", questions[:1], ["a"])[0].status == 401
        assert send_many(server.url, "spam", questions[:1], ["a"], api_key="s3cr3t")[0].status == 200
        with server.client() as client:
            assert client.get("/v1/models/spam").status_code == 200
        assert "s3cr3t" not in " ".join(psutil.Process(server.pid).cmdline())
        assert talk(server, b"GET /metrics HTTP/1.0\r\n\r\n").startswith(b"HTTP/1.1 401")


def test_only_this_machine_is_served(running):
    addresses = {
        c.laddr.ip for c in psutil.Process(running.pid).net_connections() if c.status == psutil.CONN_LISTEN
    }
    assert addresses == {"127.0.0.1"}


def test_a_server_that_is_not_there_is_told_and_not_raised(questions):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    sent = send_many(f"http://127.0.0.1:{port}", "spam", questions[:20], [str(i) for i in range(20)], 4)
    assert [(s.id, s.version, s.status) for s in sent] == [(str(i), None, 0) for i in range(20)]
