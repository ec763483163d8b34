"""Real servers on loopback: every world, swaps under load, several workers with one log, `mlsd serve`."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace

import httpx
import psutil
import pytest

from mlsd.datasets import make_news_feed, make_parcel_volumes, make_spam_posts
from mlsd.platform import Server, records_of, send_many
from mlsd.prediction_log import PredictionLog
from mlsd.registry import Registry
from mlsd.report import Finding, Report
from mlsd.training import Recipe, train

EVER = ("2000-01-01T00:00Z", "2100-01-01T00:00Z")
WORLDS = {"spam": make_spam_posts, "feed": make_news_feed, "parcels": make_parcel_volumes}


@pytest.fixture(scope="module")
def worlds():
    """name -> (package, frame) of a model trained on each world."""
    made = {}
    for name, make in WORLDS.items():
        world = make(4000, random_state=0)
        made[name] = train(world.frame, Recipe(target=world.target)), world.frame
    return made


@pytest.fixture
def registry(worlds, tmp_path):
    registry = Registry(tmp_path / "registry")
    registry.publish(registry.register("spam", worlds["spam"][0]))
    return registry


@pytest.mark.parametrize("name", WORLDS)
def test_rest_lines_and_calls_equal_offline_predictions_bit_for_bit(worlds, tmp_path, name):
    package, frame = worlds[name]
    registry = Registry(tmp_path / "registry")
    good = Report(name, (Finding("gate", ok=True),))  # how good it is does not matter here
    registry.publish(registry.register(name, replace(package, report=good)))
    frame = frame.head(1000)
    offline = package.answers(package.predict(frame))
    rows = records_of(frame, package.schema, package.features)
    with Server(registry.folder, name) as server, server.client() as client:
        url = f"/v1/models/{name}/predictions"
        together = client.post(url, json={"instances": rows}).json()["predictions"]
        lines = "".join(json.dumps({"instance": row}) + "\n" for row in rows)
        streamed = client.post(url, content=lines, headers={"Content-Type": "application/x-ndjson"})
        calls = [
            {"jsonrpc": "2.0", "id": n, "method": "predict", "params": {"instances": [row]}}
            for n, row in enumerate(rows)
        ]
        parts = [client.post("/v1/rpc", json=calls[n : n + 100]).json() for n in range(0, 1000, 100)]
        called = [reply for part in parts for reply in part]
        alone = [client.post(url, json={"instances": [row]}).json()["predictions"][0] for row in rows[:200]]
    assert [p["prediction"] for p in together] == offline
    assert [json.loads(line)["prediction"] for line in streamed.text.splitlines()] == offline
    assert [reply["result"]["predictions"][0]["prediction"] for reply in called] == offline
    assert [p["prediction"] for p in alone] == offline[:200]


def test_2000_requests_over_5_swaps_lose_none(registry, worlds, tmp_path):
    package, frame = worlds["spam"]
    for state in (1, 2):
        registry.publish(
            registry.register("spam", train(frame, Recipe(target="is_spam", random_state=state)))
        )
    n, ids = 2000, [f"p{i}" for i in range(2000)]
    questions = records_of(frame.head(n), package.schema, package.features)
    packages = {number: registry.load(f"spam@{number}") for number in (1, 2, 3)}
    offline = {number: p.predict_rows(questions).tolist() for number, p in packages.items()}
    log = PredictionLog(tmp_path / "log.db")
    with Server(registry.folder, "spam", tmp_path / "log.db") as server, ThreadPoolExecutor(1) as other:
        sending = other.submit(send_many, server.url, "spam", questions, ids, 8)
        for swap in range(5):  # back and forth: roll back, roll back, forward, ...
            while len(log) < n * (swap + 1) // 7:
                time.sleep(0.005)
            if swap in (0, 1):
                registry.rollback("spam")
            else:
                registry.alias("spam", "champion", (3, 2, 1)[swap - 2])
        sent = sending.result()
    assert [s.status for s in sent] == [200] * n
    assert {s.version for s in sent} == {1, 2, 3}
    kept = log.window(*EVER).set_index("id")
    assert kept["version"].to_dict() == {s.id: s.version for s in sent}
    right = [kept.loc[s.id, "prediction"] == offline[s.version][place] for place, s in enumerate(sent)]
    assert all(right)  # every answer is that of the version it names


# ---- the command ------------------------------------------------------------------------------------


class Command:
    """`mlsd serve` in a process of its own."""

    def __init__(self, *options, wait=True):
        command = [sys.executable, "-m", "mlsd.cli", "serve", *map(str, options)]
        self.process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "COLUMNS": "200"},
        )
        self.told = [self.process.stdout.readline() for _ in range(3)] if wait else []
        self.errors = []
        self._reader = threading.Thread(target=lambda: self.errors.extend(self.process.stderr), daemon=True)
        self._reader.start()

    @property
    def url(self):
        return self.told[1].split("page: ")[1].split("/docs")[0]

    def client(self, **more):
        until = time.monotonic() + 120
        while time.monotonic() < until:
            try:
                if httpx.get(f"{self.url}/health/ready", trust_env=False).status_code == 200:
                    return httpx.Client(base_url=self.url, trust_env=False, timeout=30, **more)
            except httpx.TransportError:
                pass
            time.sleep(0.1)
        raise AssertionError(self.errors)

    def stop(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        code = self.process.wait(20)
        self._reader.join(5)
        return code

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for child in (
            psutil.Process(self.process.pid).children(recursive=True) if self.process.poll() is None else ()
        ):
            child.kill()
        self.process.kill()
        self.process.wait()
        self._reader.join(10)
        self.process.stdout.close()
        self.process.stderr.close()


def test_it_tells_address_page_and_version_and_stops_on_ctrl_c(registry, worlds, tmp_path):
    (tmp_path / "key").write_text("s3cr3t\n")
    row = records_of(worlds["spam"][1].head(1), worlds["spam"][0].schema, worlds["spam"][0].features)[0]
    options = ["spam", "--registry", registry.folder, "--port", 0, "--key-file", tmp_path / "key"]
    with Command(*options, "--log", tmp_path / "log.db", "--rate", 20) as command:
        assert "spam@1 answers" in command.told[0]
        assert "/docs" in command.told[1]
        with command.client(headers={"X-API-Key": "s3cr3t"}) as client:
            assert client.get("/docs").status_code == 200
            question = {"instances": [row], "ids": ["a"]}
            assert client.post("/v1/models/spam/predictions", json=question).status_code == 200
            statuses = [  # a header of the client's own does not make it another client
                client.get("/metrics", headers={"X-Forwarded-For": f"198.51.100.{forged}"}).status_code
                for forged in range(60)
            ]
            assert 429 in statuses
            assert client.get("/health/live", headers={"X-API-Key": ""}).status_code == 200
        with httpx.Client(base_url=command.url, trust_env=False) as stranger:
            time.sleep(0.1)
            assert stranger.get("/docs").status_code == 401
        assert command.stop(signal.SIGINT) == 0
    assert "s3cr3t" not in "".join(command.told + command.errors)
    assert "Traceback" not in "".join(command.errors)
    lines = [json.loads(line) for line in command.errors if line.startswith("{")]
    assert {(line["status"], line["version"]) for line in lines} >= {(200, 1), (429, None), (401, None)}
    assert len(PredictionLog(tmp_path / "log.db")) == 1


REFUSED = {
    "an unknown model": (["ham"], "there is no model 'ham'; known: spam"),
    "no registry": (
        ["spam", "--registry", "{folder}/nowhere"],
        "there is no registry in {folder}/nowhere; register",
    ),
    "a taken port": (["spam", "--port", "{port}"], "port {port} is taken; choose another, or 0"),
    "no key file": (["spam", "--key-file", "{folder}/none"], "the key file {folder}/none cannot be read"),
    "an empty key file": (
        ["spam", "--key-file", "{folder}/empty"],
        "the key file {folder}/empty is empty; write",
    ),
    "a log in no folder": (["spam", "--log", "{folder}/empty/log.db"], "log.db: "),
}


@pytest.mark.parametrize(("options", "sentence"), REFUSED.values(), ids=REFUSED)
def test_a_start_that_cannot_be_is_one_sentence(registry, tmp_path, monkeypatch, capsys, options, sentence):
    import mlsd.cli

    (tmp_path / "empty").write_text(" \n")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        names = {"folder": tmp_path, "port": taken.getsockname()[1]}
        given = [option.format(**names) for option in options]
        given += [] if "--registry" in given else ["--registry", str(registry.folder)]
        given += [] if "--port" in given else ["--port", "0"]
        monkeypatch.setattr("sys.argv", ["mlsd", "serve", *given])
        monkeypatch.setattr("uvicorn.Server.run", lambda *_, **__: pytest.fail("it serves"))
        with pytest.raises(SystemExit) as stop:
            mlsd.cli.main()
    assert stop.value.code == 1
    told = capsys.readouterr()
    assert told.err.startswith("mlsd: ")
    assert sentence.format(**names) in told.err
    assert told.err.count("\n") == 1
    assert told.out == ""
    assert not (tmp_path / "nowhere").exists()


def test_two_servers_on_one_port_the_second_is_told(registry):
    with Command("spam", "--registry", registry.folder, "--port", 0) as first:
        port = first.url.rpartition(":")[2]
        with Command("spam", "--registry", registry.folder, "--port", port, wait=False) as second:
            assert second.process.wait(30) == 1
            second._reader.join(5)
            assert second.errors == [f"mlsd: port {port} is taken; choose another, or 0\n"]
        with first.client() as client:
            assert client.get("/health/live").status_code == 200


def test_workers_share_the_registry_the_log_and_the_rate_and_none_is_left_behind(registry, worlds, tmp_path):
    package, frame = worlds["spam"]
    rows = records_of(frame.head(6), package.schema, package.features)
    options = [
        "spam",
        "--registry",
        registry.folder,
        "--port",
        0,
        "--log",
        tmp_path / "log.db",
        "--workers",
        2,
    ]
    with Command(*options, "--rate", 60) as command, ExitStack() as opened:
        assert "from 2 processes" in command.told[0]
        clients = {}
        with command.client():
            until = time.monotonic() + 120
            while len(clients) < 2 and time.monotonic() < until:  # a connection stays with its process
                client = opened.enter_context(httpx.Client(base_url=command.url, trust_env=False, timeout=30))
                clients.setdefault(_process(client, command), client)
            assert len(clients) == 2
            one, two = clients.values()
            while time.monotonic() < until and any(  # each loads its own model
                c.get("/health/ready").status_code != 200 for c in (one, two)
            ):
                time.sleep(0.1)
            for n, row in enumerate(rows):
                maker, teller = (one, two) if n % 2 else (two, one)
                asked = {"instances": [row], "ids": [f"p{n}"]}
                assert maker.post("/v1/models/spam/predictions", json=asked).status_code == 200
                assert teller.put(f"/v1/predictions/p{n}/label", json={"value": True}).status_code == 204
                assert maker.put(f"/v1/predictions/p{n}/label", json={"value": True}).status_code == 204
                assert maker.put(f"/v1/predictions/p{n}/label", json={"value": False}).status_code == 409
            registry.publish(
                registry.register("spam", replace(package, lineage={**package.lineage, "data": "2"}))
            )
            until = time.monotonic() + 60
            while time.monotonic() < until and {_version(c) for c in (one, two)} != {2}:
                time.sleep(0.05)
            assert {_version(c) for c in (one, two)} == {2}
            started = time.monotonic()
            statuses = [c.get("/docs").status_code for _ in range(200) for c in (one, two)]
            seconds = time.monotonic() - started
            assert set(statuses) == {200, 429}
            assert (
                statuses.count(200) <= 60 * (1 + seconds) + 5
            )  # each for itself would let twice as many pass
        children = psutil.Process(command.process.pid).children(recursive=True)
        assert command.stop() == 0
        assert psutil.wait_procs(children, timeout=10)[1] == []
    window = PredictionLog(tmp_path / "log.db").window(*EVER)
    assert len(window) == 6
    assert window["label"].tolist() == [True] * 6


def _process(client, command):
    """The number of the process behind a connection."""
    with client.stream("GET", "/health/live") as answer:
        port = answer.extensions["network_stream"].get_extra_info("client_addr")[1]
        answer.read()
    for child in psutil.Process(command.process.pid).children(recursive=True):
        if any(line.raddr and line.raddr.port == port for line in child.net_connections()):
            return child.pid
    raise AssertionError("nobody answered")


def _version(client):
    return client.get("/health/ready").json()["version"]


def test_workers_do_not_outlive_a_killed_parent(registry):
    with Command("spam", "--registry", registry.folder, "--port", 0, "--workers", 2) as command:
        with command.client():
            pass
        children = psutil.Process(command.process.pid).children(recursive=True)
        assert len(children) >= 2
        command.process.kill()
        assert psutil.wait_procs(children, timeout=15)[1] == []
