"""What else a server may answer: 404, 409, 410, 429 and 503, each with its way out; and what it writes down."""

import json
import logging
import subprocess
import sys
import time
from dataclasses import replace
from datetime import timedelta
from itertools import count

import pytest
from fastapi.testclient import TestClient

from mlsd.plain import utc
from mlsd.registry import Registry
from mlsd.report import Finding, Report
from mlsd.serving import create_app
from mlsd.serving.limiter import Limiter
from mlsd.serving.page import page_of

URL = "/v1/models/spam/predictions"


def kind(answer):
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["status"] == answer.status_code
    return answer.status_code, answer.json()["type"].rpartition(":")[2]


# ---- one version by its number: 404, 410 --------------------------------------------------------------


@pytest.fixture
def registry(packages, tmp_path):
    """Version 1 is deprecated, 2 published, 3 the champion, 4 in progress."""
    registry = Registry(tmp_path / "registry")
    good = Report("spam", (Finding("gate", ok=True),))
    versions = []
    for n in range(4):
        lineage = {"data": str(n), "recipe": {"estimator": "lightgbm"}, "libraries": {"lightgbm": "4"}}
        package = replace(packages[1 + n % 2], report=good, lineage=lineage)
        versions.append(registry.register("spam", package))
    for version in versions[:3]:
        registry.publish(version)
    registry.deprecate(versions[0])
    return registry


def ask(client, version, row):
    return client.post(f"/v1/models/spam/versions/{version}/predictions", json={"instances": [row]})


def test_a_published_version_answers_by_its_number(registry, packages, row, wait_ready):
    with TestClient(create_app(registry, "spam")) as client:
        wait_ready(client)
        for number in (3, 2, 3):
            said = ask(client, number, row).json()
            assert said["version"] == number
            expected = packages[1 + (number - 1) % 2].predict_rows([row])[0]
            assert said["predictions"][0]["prediction"] == expected
        assert client.post(URL, json={"instances": [row]}).json()["version"] == 3


def test_a_deprecated_version_is_gone_and_an_unknown_one_not_found(registry, row):
    with TestClient(create_app(registry, "spam")) as client:
        assert kind(ask(client, 1, row)) == (410, "gone")
        assert "/v1/models/spam/predictions" in ask(client, 1, row).json()["detail"]
        for unknown in (4, 5, 0, "9" * 400, "-1", "two", "2.0", "%D9%A2"):  # 4 is not published; ٢ is a digit
            assert kind(ask(client, unknown, row)) == (404, "not-found")
        assert kind(client.post("/v1/models/ham/versions/3/predictions", json={})) == (404, "not-found")


def test_a_version_is_gone_soon_after_it_was_deprecated(registry, row):
    with TestClient(create_app(registry, "spam", look_seconds=0.05)) as client:
        assert ask(client, 2, row).status_code == 200
        registry.deprecate(registry.get("spam", 2))
        time.sleep(0.06)
        assert kind(ask(client, 2, row)) == (410, "gone")


def test_a_damaged_version_is_a_503_and_the_champion_goes_on(registry, row, monkeypatch, caplog):
    def load(reference, whole=registry.load):
        if reference == "spam@2":
            raise OSError("s3cr3t")
        return whole(reference)

    monkeypatch.setattr(registry, "load", load)
    with TestClient(create_app(registry, "spam")) as client:
        answer = ask(client, 2, row)
        assert kind(answer) == (503, "not-ready")
        assert "s3cr3t" not in answer.text
        assert ask(client, 3, row).status_code == 200
    assert "s3cr3t" in caplog.text


def test_a_source_without_states_answers_with_its_champion_alone(client, row):
    assert ask(client, 1, row).status_code == 200
    assert kind(ask(client, 2, row)) == (404, "not-found")


# ---- labels: 404, 409 -------------------------------------------------------------------------------


@pytest.fixture
def labelled(shelf, log, row, wait_ready):
    """A client and a clock that never shows the same moment twice; prediction a is made."""
    seconds = count()
    start = utc("2024-03-01T12:00:00Z")
    app = create_app(shelf, "spam", log, now=lambda: start + timedelta(seconds=next(seconds)))
    with TestClient(app) as client:
        wait_ready(client).post(URL, json={"instances": [row], "ids": ["a"]})
        yield client


def put(client, value, at=None, name="a"):
    content = {"value": value} if at is None else {"value": value, "at": at}
    return client.put(f"/v1/predictions/{name}/label", json=content)


def test_a_label_for_an_unknown_prediction_is_not_found_and_not_kept(labelled, log):
    assert kind(put(labelled, True, name="s3cr3t")) == (404, "not-found")
    assert log.label_prediction("s3cr3t", True, "2024-03-01T00:00Z") is False


def test_the_same_label_again_changes_nothing_and_another_one_is_a_conflict(labelled, log):
    ever = ("2000-01-01T00:00Z", "2100-01-01T00:00Z")
    assert put(labelled, True).status_code == 204
    before = log.window(*ever)
    assert put(labelled, True).status_code == 204  # the clock went on, the label did not
    assert kind(put(labelled, False)) == (409, "conflict")
    assert log.window(*ever).equals(before)
    assert put(labelled, False, "2080-01-01T00:00Z").status_code == 204  # a correction has a moment
    assert log.window(*ever)["label"].tolist() == [False]
    assert kind(put(labelled, True, "2080-01-01T00:00Z")) == (409, "conflict")
    assert put(labelled, False).status_code == 204


# ---- too many: 429 ----------------------------------------------------------------------------------


def test_a_client_that_asks_too_often_is_told_how_long_to_wait(shelf, row):
    moment = [0.0]
    limiter = Limiter(2, clock=lambda: moment[0])
    client = TestClient(create_app(shelf, "spam", limiter=limiter))
    post = lambda: client.post(URL, json={"instances": [row]})  # noqa: E731
    assert [post().status_code for _ in range(3)] == [200, 200, 429]
    answer = post()
    assert kind(answer) == (429, "too-many-requests")
    assert answer.headers["retry-after"] == "1"
    assert client.get("/health/ready").status_code == 200  # health is never counted
    moment[0] = 0.5
    assert [post().status_code for _ in range(2)] == [200, 429]


def test_wrong_keys_are_counted_too(shelf):
    limiter = Limiter(5, clock=lambda: 0.0)
    client = TestClient(create_app(shelf, "spam", api_key="right", limiter=limiter))
    statuses = [client.get("/metrics", headers={"X-API-Key": str(n)}).status_code for n in range(8)]
    assert statuses == [401] * 5 + [429] * 3
    assert client.get("/metrics", headers={"X-API-Key": "right"}).status_code == 429


def test_in_the_long_run_the_rate_holds_and_clients_do_not_share_it():
    moment = [0.0]
    limiter, passed = Limiter(10, clock=lambda: moment[0]), {"a": 0, "b": 0}
    for step in range(1000):  # a asks 100 times a second, b 5 times
        moment[0] = step / 100
        passed["a"] += not limiter.wait("a")
        passed["b"] += not limiter.wait("b") if step % 20 == 0 else 0
    assert passed == {"a": 10 + 99, "b": 50}


def test_a_moment_from_before_a_reboot_locks_nobody_out(tmp_path):
    late, early = (Limiter(1, tmp_path / "rate", clock=lambda now=now: now) for now in (1e6, 3.0))
    assert late.wait("a") == 0.0
    assert early.wait("a") == pytest.approx(1.0)  # full, not locked for 11 days


COUNTER = """
import sys
from mlsd.serving.limiter import Limiter
from mlsd.serving.page import page_of
limiter = Limiter(500, sys.argv[1], clock=lambda: 1.0)
sys.stdin.read(1)
print(sum(not limiter.wait("a") for _ in range(5000)))
"""


def test_two_processes_count_together(tmp_path):
    command = [sys.executable, "-c", COUNTER, str(tmp_path / "rate")]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    workers = [subprocess.Popen(command, **pipes) for _ in range(2)]
    try:
        passed = [int(worker.communicate("x", timeout=30)[0]) for worker in workers]
    finally:
        for worker in workers:
            worker.kill()
            worker.wait()
    assert 500 <= sum(passed) <= 525  # without the file: 1,000; a count lost in a race lets one more pass


# ---- too slow: 503 ----------------------------------------------------------------------------------


def test_an_answer_that_takes_too_long_is_given_up(shelf, row, wait_ready):
    class Slow:
        def extend(self, rows):
            time.sleep(0.3)

    with TestClient(create_app(shelf, "spam", Slow(), answer_seconds=0.05)) as client:
        answer = wait_ready(client).post(URL, json={"instances": [row]})
    assert kind(answer) == (503, "too-slow")
    assert answer.headers["retry-after"] == "1"


# ---- the request log --------------------------------------------------------------------------------


def test_a_line_a_request_and_nothing_personal(shelf, log, row, caplog, wait_ready):
    app = create_app(shelf, "spam", log, api_key="right")
    with TestClient(app, headers={"X-API-Key": "right"}, client=("198.51.100.7", 1)) as client:
        wait_ready(client)
        caplog.clear()
        with caplog.at_level(logging.INFO, "mlsd_requests"):
            answer = client.post(URL, json={"instances": [row], "ids": ["s3cr3t"]})
            client.put("/v1/predictions/s3cr3t/label?who=s3cr3t", json={"value": True})
            client.get("/s3cr3t", headers={"X-API-Key": "s3cr3t"})
    lines = [record.getMessage() for record in caplog.records if record.name == "mlsd_requests"]
    told = [json.loads(line) for line in lines]
    assert [set(one) for one in told] == [{"at", "request", "route", "status", "seconds", "version"}] * 3
    assert [(one["route"], one["status"], one["version"]) for one in told] == [
        ("/v1/models/{model}/predictions", 200, 1),
        ("/v1/predictions/{id:path}/label", 204, None),
        ("none", 401, None),
    ]
    assert told[0]["request"] == answer.headers["x-request-id"]
    assert 0 < told[0]["seconds"] < 5
    assert not any(secret in line for line in lines for secret in ("s3cr3t", "198.51", "right", "jobs"))


# ---- the page ---------------------------------------------------------------------------------------


def test_the_page_shows_every_field_and_address_and_loads_nothing_from_elsewhere(client):
    page = client.get("/docs")
    assert page.headers["content-type"].startswith("text/html")
    document = client.get("/openapi.json").json()
    for name in [
        *document["components"]["schemas"]["Row"]["properties"],
        "in characters",
        "fun",
        "2024-02-05T",
    ]:
        assert name in page.text
    for path in document["paths"]:
        assert path in page.text
    assert "<script" not in page.text
    assert "src=" not in page.text
    assert "//" not in page.text.replace("http://127.0.0.1:8000/", "")  # no other machine is named


def test_the_page_escapes_what_a_person_wrote_into_the_schema():
    part = {"type": "string", "description": "<script>alert(1)</script>", "examples": ["<b>"]}
    document = {
        "info": {"title": "<i>", "version": "1"},
        "paths": {},
        "components": {"schemas": {"Row": {"properties": {"<u>": part}}}},
    }
    page = page_of(document)
    assert "<script" not in page
    assert "<b>" not in page
    assert "<i>" not in page
    assert "<u>" not in page


def test_the_example_of_the_description_is_answered(client):
    document = client.get("/openapi.json").json()
    for path in (URL, "/v1/models/spam/versions/{version}/predictions", "/v1/rpc"):
        content = document["paths"][path]["post"]["requestBody"]["content"]["application/json"]
        answer = client.post(path.replace("{version}", "1"), json=content["example"])
        assert answer.status_code == 200
        assert "error" not in answer.json()
    for name, part in document["components"]["schemas"]["Row"]["properties"].items():
        assert "examples" in part or part == {"description": "not used by the model"}, name
