"""Ready means ready; a new champion takes over between two requests; a broken one never does."""

import threading
import time
from dataclasses import replace

import numpy as np
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from mlsd.report import RefusedError
from mlsd.serving import create_app
from mlsd.serving.champion import Champion, example_row, try_one_row
from mlsd.store import one_sentence

URL = "/v1/models/spam/predictions"


class Model:
    """Stands in for a Booster: calls a function with the encoded rows."""

    def __init__(self, function):
        self.function = function

    def predict(self, table, **_):
        return self.function(table)


def quick(shelf, log=None):
    return TestClient(create_app(shelf, "spam", log, look_seconds=0.01))


def metric(client, name):
    return next(
        float(line.split()[1]) for line in client.get("/metrics").text.splitlines() if line.startswith(name)
    )


def says(client, wanted):
    """Return the answer about readiness once its detail or its first error is as wanted."""
    for _ in range(500):
        answer = client.get("/health/ready").json()
        if wanted in (answer.get("detail"), *(error["code"] for error in answer.get("errors", []))):
            return answer
        time.sleep(0.01)
    raise AssertionError(answer)


def unreadable(reference):
    with one_sentence("registry.db"):
        raise OSError(5, "Input/output error")


# ---- ready --------------------------------------------------------------------------------------------


def test_without_a_champion_the_server_lives_but_is_not_ready(shelf, row, wait_ready):
    shelf.champion = None
    with quick(shelf) as client:
        says(client, "no_champion")
        assert client.get("/health/live").status_code == 200
        for answer in (
            client.get("/health/ready"),
            client.post(URL, json={"instances": [row]}),
            client.get("/v1/models/spam"),
        ):
            assert answer.status_code == 503
            assert answer.headers["content-type"] == "application/problem+json"
            assert answer.headers["retry-after"] == "1"
            assert answer.json()["errors"][0]["code"] == "no_champion"
        assert metric(client, "mlsd_model_ready") == 0
        assert client.get("/openapi.json").json()["components"]["schemas"]["Row"] == {"type": "object"}
        shelf.champion = 2
        assert wait_ready(client).post(URL, json={"instances": [row]}).json()["version"] == 2


def test_ready_only_after_one_row_was_predicted(shelf, wait_ready):
    gate, seen = threading.Event(), []

    def wait(table):
        seen.append(table.copy())
        gate.wait(10)
        return np.full(len(table), 0.5)

    shelf.packages[1] = replace(shelf.packages[1], model=Model(wait))
    with quick(shelf) as client:
        for _ in range(500):
            if not seen:
                time.sleep(0.01)
        answer = client.get("/health/ready")
        gate.set()
        assert answer.status_code == 503
        assert answer.json()["errors"][0]["code"] == "starting"
        assert wait_ready(client).get("/health/ready").json() == {
            "status": "ready",
            "model": "spam",
            "version": 1,
            "detail": "",
        }
    assert seen[0].shape == (1, 5)


@pytest.mark.parametrize(
    "function",
    [
        lambda table: np.full(len(table), np.nan),
        lambda table: np.full(len(table) + 1, 0.5),
        lambda table: 1 / 0,
    ],
    ids=["not finite", "two answers", "raises"],
)
def test_a_package_that_cannot_predict_its_example_is_never_ready(shelf, function, caplog):
    shelf.packages[1] = replace(shelf.packages[1], model=Model(function))
    with quick(shelf) as client:
        says(client, "failed")
        time.sleep(0.1)  # several looks later
        answer = client.get("/health/ready")
        failures = metric(client, "mlsd_model_load_failures")
    assert answer.status_code == 503
    assert answer.json()["errors"] == [
        {"code": "failed", "message": "version 1 could not be loaded", "field": None, "row": None}
    ]
    assert failures == 1  # tried once, not at every look
    assert caplog.text.count("version 1 could not be loaded") == 1


def test_the_example_row_is_one_that_the_schema_accepts(packages):
    try_one_row(packages[1])
    assert packages[1].schema.encode([example_row(packages[1])], packages[1].features).shape == (1, 5)


# ---- swap ---------------------------------------------------------------------------------------------


def test_a_new_champion_takes_over_and_the_old_one_may_come_back(shelf, packages, row, wait_ready):
    with quick(shelf) as client:
        for number in (1, 2, 1):
            shelf.champion = number
            answer = wait_ready(client, number).post(URL, json={"instances": [row]}).json()
            assert answer["version"] == number
            assert answer["predictions"][0]["prediction"] == packages[number].predict_rows([row])[0]
            assert metric(client, "mlsd_model_version") == number
    assert shelf.loads == 3


def test_a_request_finishes_on_the_version_it_started_with(shelf, log, row, wait_ready):
    inside, gate = threading.Event(), threading.Event()

    def slow(table):
        if len(table) > 1:
            inside.set()
            gate.wait(10)
        return np.full(len(table), 0.25)

    shelf.packages[1] = replace(shelf.packages[1], model=Model(slow))
    with quick(shelf, log) as client:
        wait_ready(client)
        answers = []
        body = {"instances": [row] * 1000}  # large enough for a thread
        asking = threading.Thread(target=lambda: answers.append(client.post(URL, json=body).json()))
        asking.start()
        assert inside.wait(10)
        shelf.champion = 2
        wait_ready(client, 2)
        assert client.post(URL, json={"instances": [row]}).json()["version"] == 2
        gate.set()
        asking.join()
    assert answers[0]["version"] == 1
    assert {p["prediction"] for p in answers[0]["predictions"]} == {0.25}
    versions = log.window("2000-01-01T00:00Z", "2100-01-01T00:00Z")["version"].value_counts().to_dict()
    assert versions == {1: 1000, 2: 1}


def test_a_broken_new_version_keeps_the_old_one_and_says_so(shelf, row, wait_ready, caplog):
    with quick(shelf) as client:
        wait_ready(client)
        shelf.broken.add(2)
        shelf.champion = 2
        ready = says(client, "version 2 could not be loaded; version 1 goes on")
        assert ready["version"] == 1
        assert client.post(URL, json={"instances": [row]}).json()["version"] == 1
        assert metric(client, "mlsd_model_load_failures") == 1
        assert metric(client, "mlsd_model_version") == 1
        assert "the disk hums" not in str(ready)
        shelf.champion = 1
        says(client, "")
    assert caplog.text.count("the disk hums") == 1


def test_a_version_that_failed_is_tried_again_later(shelf, monkeypatch):
    champion, clock = Champion(shelf, "spam"), [100.0]
    monkeypatch.setattr("mlsd.serving.champion.time.monotonic", lambda: clock[0])
    shelf.broken.add(1)
    for seconds, loads in [(0, 1), (1, 1), (3.9, 1), (0.2, 2), (1, 2)]:
        clock[0] += seconds
        champion._look()
        assert shelf.loads == loads
    shelf.broken.clear()
    clock[0] += 5
    champion._look()
    assert champion.current.number == 1
    assert champion.trouble is None


def test_a_champion_taken_away_or_a_lost_registry_stops_nobody(shelf, row, wait_ready, caplog):
    with quick(shelf) as client:
        wait_ready(client)
        shelf.champion = None
        says(client, "no version is champion; version 1 goes on")
        shelf.resolve = unreadable
        says(client, "the registry cannot be read; version 1 goes on")
        assert client.post(URL, json={"instances": [row]}).json()["version"] == 1
    assert caplog.text.count("no version is champion") == 1  # said once, not at every look
    assert caplog.text.count("the registry cannot be read") == 1


def test_without_a_lifespan_each_request_looks_for_itself(shelf, row):
    outer = FastAPI()
    outer.mount("/inner", create_app(shelf, "spam", look_seconds=0.0))  # a mounted app has no lifespan
    client = TestClient(outer)
    assert client.post("/inner" + URL, json={"instances": [row]}).json()["version"] == 1
    shelf.champion = 2
    assert client.post("/inner" + URL, json={"instances": [row]}).json()["version"] == 2


def test_an_app_may_be_stopped_and_started_again(shelf, log, row, wait_ready):
    app = create_app(shelf, "spam", log, look_seconds=0.01)
    for number in (1, 2):
        shelf.champion = number
        with TestClient(app) as client:
            assert wait_ready(client, number).post(URL, json={"instances": [row]}).json()["version"] == number
    assert len(log) == 2


def test_a_package_without_answer_is_refused_in_one_sentence(packages):
    broken = replace(packages[1], model=Model(lambda table: np.array([])))
    sentence = r"^the package does not answer its own example row with a finite number$"
    with pytest.raises(RefusedError, match=sentence):
        try_one_row(broken)
