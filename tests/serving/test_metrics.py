"""`/metrics` of several processes is that of one service."""

import json
import logging
import os
import signal
import time
from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime, timedelta

import httpx
import psutil
import pytest
from fastapi.testclient import TestClient
from prometheus_client.parser import text_string_to_metric_families

from mlsd.registry import Registry
from mlsd.report import Finding, Report
from mlsd.serving import create_app
from mlsd.training import Recipe, train
from tests.serving.test_processes import Command, _process

URL = "/v1/models/spam/predictions"


@pytest.fixture
def registry(table, tmp_path):
    registry = Registry(tmp_path / "registry")
    good = Report("spam", (Finding("gate"),))  # how good it is does not matter here
    package = replace(train(table, Recipe(target="is_spam")), report=good)
    registry.publish(registry.register("spam", package))
    return registry


def shown(client):
    """(name, labels) -> value."""
    families = text_string_to_metric_families(client.get("/metrics").text)
    return {(s.name, tuple(sorted(s.labels.items()))): s.value for f in families for s in f.samples}


def of(found, name, **labels):
    """Every value of a name, by the pid it carries (None: none)."""
    return {
        dict(own).get("pid"): value
        for (own_name, own), value in found.items()
        if own_name == name and labels.items() <= dict(own).items()
    }


def ended(found, route, outcome):
    """How many requests ended so, in the whole service."""
    counts = of(found, "mlsd_request_seconds_count", route=route, outcome=outcome)
    assert set(counts) <= {None}
    return sum(counts.values())


def both(opened, command):
    """A connection to each of two workers, by pid, once both have their model."""
    clients, until = {}, time.monotonic() + 180  # starting takes long on a busy machine
    with command.client() as client:
        while sum(of(shown(client), "mlsd_model_ready").values()) < 2:
            assert time.monotonic() < until
            time.sleep(0.2)
    while len(clients) < 2 and time.monotonic() < until:  # a connection stays with its process
        client = opened.enter_context(httpx.Client(base_url=command.url, trust_env=False, timeout=30))
        clients.setdefault(_process(client, command), client)
    assert len(clients) == 2
    return clients


def test_two_workers_count_as_one_service_and_a_dead_one_is_not_forgotten(
    registry, row, tmp_path, monkeypatch
):
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setenv("TMPDIR", str(scratch))
    with Command("spam", "--registry", registry.folder, "--port", 0, "--workers", 2) as command:
        with ExitStack() as opened:
            clients = both(opened, command)
            pids = {str(pid) for pid in clients}
            for n, client in enumerate(clients.values(), 1):
                for _ in range(10 * n):  # 10 to one, 20 to the other
                    assert client.post(URL, json={"instances": [row] * 2}).status_code == 200
                assert client.post(URL, json={}).status_code == 422
            route = "/v1/models/{model}/predictions"
            for client in clients.values():  # whichever is asked, the answer is the same
                found, until = shown(client), time.monotonic() + 30
                while [ended(found, route, outcome) for outcome in ("ok", "refused")] != [30, 2]:
                    assert time.monotonic() < until  # a request is counted when its answer is out
                    found = shown(client)
                assert of(found, "mlsd_predictions_total", version="1") == {None: 60}
                assert of(found, "mlsd_requests_total", route=route, status="200") == {None: 30}
                assert of(found, "mlsd_request_seconds_bucket", route=route, outcome="ok", le="+Inf") == {
                    None: 30
                }
                assert of(found, "mlsd_requests_in_flight") == {None: 1}  # the one that asks
                assert of(found, "mlsd_model_version") == dict.fromkeys(pids, 1)  # each has its own
                assert of(found, "mlsd_model_ready") == dict.fromkeys(pids, 1)
                memory = of(found, "process_resident_memory_bytes")
                assert set(memory) == pids
                for pid in pids:
                    assert memory[pid] == pytest.approx(psutil.Process(int(pid)).memory_info().rss, rel=0.3)
            victim, survivor = sorted(clients)
            os.kill(victim, signal.SIGKILL)
            until = time.monotonic() + 180
            while time.monotonic() < until:  # a new worker takes its place and loads its model
                found = shown(clients[survivor])
                if len(of(found, "mlsd_model_ready")) == 2 and str(victim) not in of(
                    found, "mlsd_model_ready"
                ):
                    break
                time.sleep(0.1)
            assert str(victim) not in of(found, "mlsd_model_ready")
            assert len(of(found, "process_cpu_seconds_total")) == 2
            assert of(found, "mlsd_predictions_total", version="1") == {None: 60}
        assert len(list(scratch.iterdir())) == 1  # each start counts in a folder of its own
        assert command.stop() == 0
    assert list(scratch.iterdir()) == []


def test_the_request_log_says_when_a_request_began(shelf, row, wait_ready, caplog):
    class Slow:
        def extend(self, rows):
            time.sleep(0.3)

    with TestClient(create_app(shelf, "spam", Slow())) as client:
        wait_ready(client)
        caplog.clear()
        before = time.time()
        with caplog.at_level(logging.INFO, "mlsd_requests"):
            assert client.post(URL, json={"instances": [row]}).status_code == 200
        after = time.time()
    (line,) = [json.loads(r.getMessage()) for r in caplog.records if r.name == "mlsd_requests"]
    at = datetime.fromisoformat(line["at"])
    assert at.utcoffset() == timedelta(0)
    assert line["seconds"] > 0.3
    assert before - 0.05 < at.timestamp() < after - 0.3 + 0.05  # two clocks


def test_every_address_of_the_server_has_a_name_in_the_counts(client, row):
    for path in ("/openapi.json", "/docs", "/health/live", "/health/ready", "/metrics", "/v1/models/spam"):
        assert client.get(path).status_code == 200
    found = shown(client)
    routes = {dict(labels)["route"] for name, labels in found if name == "mlsd_requests_total"}
    assert routes >= {"/openapi.json", "/docs", "/health/live", "/metrics", "/v1/models/{model}"}
    assert "none" not in routes
