"""What a good request gets: predictions, labels, health, a description - and a row in the log first."""

import asyncio
import re
import subprocess
import sys
import threading
import time
from dataclasses import replace
from uuid import UUID

import numpy as np
import pytest
from fastapi.testclient import TestClient
from jsonschema import Draft202012Validator

from mlsd.plain import is_missing, utc
from mlsd.report import Finding, Report
from mlsd.serving import create_app
from mlsd.store import one_sentence

URL = "/v1/models/spam/predictions"
EVER = ("2000-01-01T00:00Z", "2100-01-01T00:00Z")
NOW = utc("2024-03-01T12:00:00Z")


@pytest.fixture
def logged(shelf, log, wait_ready):
    with TestClient(create_app(shelf, "spam", log, now=lambda: NOW)) as client:
        yield wait_ready(client)


def records(table, package):
    rows = table[list(package.features)].to_dict("records")
    return [{name: None if is_missing(value) else value for name, value in row.items()} for row in rows]


# ---- predictions ------------------------------------------------------------------------------------


def test_served_predictions_equal_offline_ones_bit_for_bit(client, packages, table):
    rows = table.head(1000)
    offline = packages[1].predict(rows).tolist()
    questions = records(rows, packages[1])
    together = client.post(URL, json={"instances": questions}).json()["predictions"]
    alone = [client.post(URL, json={"instances": [q]}).json()["predictions"][0] for q in questions[:250]]
    assert [p["prediction"] for p in together] == offline
    assert [p["prediction"] for p in alone] == offline[:250]


def test_an_answer_names_model_version_and_ids_in_order(client, row):
    answer = client.post(URL, json={"instances": [row, row], "ids": ["b", "a"]}).json()
    assert set(answer) == {"model", "version", "predictions"}
    assert (answer["model"], answer["version"]) == ("spam", 1)
    assert [p["id"] for p in answer["predictions"]] == ["b", "a"]
    assert all(0 < p["prediction"] < 1 for p in answer["predictions"])


def test_ids_are_made_when_there_are_none(client, row):
    said = client.post(URL, json={"instances": [row] * 500}).json()["predictions"]
    assert len({p["id"] for p in said}) == 500
    assert all(UUID(p["id"]).version == 4 for p in said)


def test_keys_and_times_may_come_along_and_change_nothing(client, row):
    dated = {**row, "post_id": "p7", "posted_at": "2024-01-05T10:00:00+01:00"}
    plain, more = (client.post(URL, json={"instances": [r]}).json()["predictions"][0] for r in (row, dated))
    assert plain["prediction"] == more["prediction"]


class Model:
    """Stands in for a Booster: calls a function with the encoded rows."""

    def __init__(self, function):
        self.function = function

    def predict(self, table, **_):
        return self.function(table)


def overflow(table):
    if table[0, 0] == 2:
        raise ValueError("input s3cr3t is too large for float32")
    return np.full(len(table), 0.5)


@pytest.mark.parametrize(
    "function", [overflow, lambda t: np.where(t[:, 0] == 2, np.nan, 0.5)], ids=["raises", "nan"]
)
def test_values_that_a_model_cannot_take_are_a_problem_and_not_a_crash(shelf, log, row, wait_ready, function):
    shelf.packages[1] = replace(shelf.packages[1], model=Model(function))
    with TestClient(create_app(shelf, "spam", log)) as client:
        wait_ready(client)
        assert client.post(URL, json={"instances": [row]}).json()["predictions"][0]["prediction"] == 0.5
        answer = client.post(URL, json={"instances": [{**row, "n_links": 2}]})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["code"] == "no_answer"
    assert "s3cr3t" not in answer.text
    assert len(log) == 1


def test_a_mistake_of_the_server_is_told_to_the_log_and_not_to_the_client(shelf, row, wait_ready, caplog):
    def broken(table):
        if table[0, 0] == 2:
            raise RuntimeError("s3cr3t")
        return np.full(len(table), 0.5)

    shelf.packages[1] = replace(shelf.packages[1], model=Model(broken))
    with TestClient(create_app(shelf, "spam")) as client:
        wait_ready(client)
        answer = client.post(URL, json={"instances": [{**row, "n_links": 2}]})
        assert client.post(URL, json={"instances": [row]}).status_code == 200
    assert answer.status_code == 500
    assert answer.headers["content-type"] == "application/problem+json"
    assert "s3cr3t" not in answer.text
    assert "Traceback" not in answer.text
    request_id = answer.headers["x-request-id"]
    assert request_id in answer.json()["detail"]
    [told] = [record for record in caplog.records if request_id in record.getMessage()]
    assert "s3cr3t" in str(told.exc_info[1])


def test_every_answer_has_a_request_id_of_its_own(client, row):
    answers = [
        client.post(URL, json={"instances": [row]}),
        client.post(URL, content=b""),
        client.get("/nowhere"),
    ]
    answers += [client.get("/health/live", headers={"X-Request-Id": "mine"})]
    ids = [answer.headers["x-request-id"] for answer in answers]
    assert len(set(ids)) == 4
    assert all(re.fullmatch("[0-9a-f]{16}", name) for name in ids)


# ---- the log ----------------------------------------------------------------------------------------


def test_what_was_answered_is_in_the_log(logged, log, row, packages):
    rows = [row, {**row, "posted_at": "2024-01-05T10:00:00+01:00", "post_id": "p7"}]
    said = logged.post(URL, json={"instances": rows, "ids": ["a", "b"]}).json()["predictions"]
    kept = log.window(*EVER).set_index("id")
    assert set(kept.index) == {"a", "b"}
    assert kept["prediction"].to_dict() == {p["id"]: p["prediction"] for p in said}
    assert kept["version"].tolist() == [1, 1]
    assert kept.loc["a", "at"] == NOW  # no time of its own
    assert kept.loc["b", "at"] == utc("2024-01-05T09:00:00Z")
    assert set(packages[1].features) < set(kept.columns)
    assert not {"post_id", "posted_at"} & set(kept.columns)
    assert kept["n_chars"].tolist() == [120.5, 120.5]


def test_ids_made_by_the_server_are_the_ids_in_the_log(logged, log, row):
    said = logged.post(URL, json={"instances": [row] * 300}).json()["predictions"]
    assert sorted(log.ids()) == sorted(p["id"] for p in said)


def test_the_row_is_in_the_log_before_the_answer_is_sent(shelf, row, wait_ready):
    class Slow:
        done = False

        def extend(self, rows):
            time.sleep(0.2)
            self.done = True

    slow, seen = Slow(), []
    app = create_app(shelf, "spam", slow)

    async def watched(scope, receive, send):
        async def look(message):
            if scope.get("path") == URL:
                seen.append(slow.done)
            await send(message)

        await app(scope, receive, look)

    with TestClient(watched) as client:
        wait_ready(client)
        assert client.post(URL, json={"instances": [row]}).status_code == 200
    assert seen == [True, True]


def test_nothing_of_a_refused_request_is_logged(logged, log, row):
    assert logged.post(URL, json={"instances": [row, {**row, "n_links": -5}]}).status_code == 422
    assert logged.post(URL, json={"instances": [row, row], "ids": ["a", "a"]}).status_code == 422
    assert log.ids() == []


def test_an_id_with_other_content_is_a_conflict_and_keeps_the_first(logged, log, row):
    first = {"instances": [row], "ids": ["s3cr3t"]}
    assert logged.post(URL, json=first).status_code == 200
    assert logged.post(URL, json=first).status_code == 200  # the same again: one row
    other = {"instances": [row, {**row, "n_links": 9}], "ids": ["new", "s3cr3t"]}
    answer = logged.post(URL, json=other)
    assert answer.status_code == 409
    assert answer.headers["content-type"] == "application/problem+json"
    assert "s3cr3t" not in answer.text
    assert log.ids() == ["s3cr3t"]  # all of a request, or none
    assert log.window(*EVER)["n_links"].tolist() == [3]


def test_what_cannot_be_recorded_is_not_answered(shelf, row, wait_ready):
    class Full:
        def extend(self, rows):
            with one_sentence("/s3cr3t/log.sqlite"):
                raise OSError(28, "No space left on device")

    with TestClient(create_app(shelf, "spam", Full())) as client:
        answer = wait_ready(client).post(URL, json={"instances": [row]})
    assert answer.status_code == 503
    assert answer.json()["type"].endswith(":not-recorded")
    assert "predictions" not in answer.json()
    assert "s3cr3t" not in answer.text


def test_the_loop_is_free_while_the_log_writes_and_large_bodies_are_answered(shelf, row, wait_ready):
    threads = set()

    class Log:
        def extend(self, rows):
            threads.add(threading.current_thread().name.rpartition("_")[0])

    def where(table):
        threads.add("loop" if _on_loop() else "thread")
        return np.full(len(table), 0.5)

    def _on_loop():
        try:
            return asyncio.get_running_loop() is not None
        except RuntimeError:
            return False

    shelf.packages[1] = replace(shelf.packages[1], model=Model(where))
    with TestClient(create_app(shelf, "spam", Log())) as client:
        wait_ready(client)
        threads.clear()
        client.post(URL, json={"instances": [row]})
        assert threads == {"loop", "mlsd-log"}
        threads.clear()
        client.post(URL, json={"instances": [row] * 2000})
        assert threads == {"thread", "mlsd-log"}


# ---- labels -----------------------------------------------------------------------------------------


def test_a_label_joins_its_prediction(logged, log, row):
    logged.post(URL, json={"instances": [row, row], "ids": ["a/1 ü", "b"]})
    dated = {"value": True, "at": "2024-03-02T00:00:00+02:00"}
    one = logged.put("/v1/predictions/a%2F1 ü/label", json=dated)
    two = logged.put("/v1/predictions/b/label", json={"value": False})
    assert (one.status_code, two.status_code) == (204, 204)
    assert one.content == b""
    kept = log.window(*EVER).set_index("id")
    assert kept["label"].to_dict() == {"a/1 ü": True, "b": False}
    assert kept.loc["a/1 ü", "labelled_at"] == utc("2024-03-01T22:00:00Z")
    assert kept.loc["b", "labelled_at"] == NOW


def test_another_label_at_the_same_moment_is_a_conflict(logged, row):
    logged.post(URL, json={"instances": [row], "ids": ["s3cr3t"]})
    url = "/v1/predictions/s3cr3t/label"
    assert [logged.put(url, json={"value": v}).status_code for v in (True, True, False)] == [204, 204, 409]
    assert logged.put(url, json={"value": False, "at": "2024-03-05T00:00:00Z"}).status_code == 204
    assert "s3cr3t" not in logged.put(url, json={"value": False}).text


def test_labels_are_taken_while_no_model_is_ready(shelf, log):
    shelf.champion = None
    log.append("a", NOW, 1, {}, 0.5)
    with TestClient(create_app(shelf, "spam", log)) as client:
        statuses = {
            str(v): client.put("/v1/predictions/a/label", json={"value": v, "at": at}).status_code
            for v, at in [(1, "2024-03-01T00:00Z"), ("x", "2024-03-02T00:00Z"), (None, "2024-03-03T00:00Z")]
        }
    assert statuses == {"1": 204, "x": 204, "None": 422}


# ---- other tasks --------------------------------------------------------------------------------------


TASKS = {
    "multiclass": (
        ("low", "mid", 3),
        lambda t: np.tile([0.2, 0.3, 0.5], (len(t), 1)),
        ["mid", 3],
        [True, "3", "x"],
    ),
    "regression": ((), lambda t: np.full(len(t), -1e300), [0, -2.5], [True, "3", [1]]),
}


@pytest.mark.parametrize("task", TASKS)
def test_other_tasks_answer_log_and_take_labels_as_they_should(shelf, log, row, wait_ready, task):
    classes, function, good, bad = TASKS[task]
    shelf.packages[1] = replace(shelf.packages[1], task=task, classes=classes, model=Model(function))
    expected = {"low": 0.2, "mid": 0.3, "3": 0.5} if classes else -1e300
    with TestClient(create_app(shelf, "spam", log)) as client:
        said = wait_ready(client).post(URL, json={"instances": [row] * 2, "ids": ["a", "b"]}).json()
        assert [p["prediction"] for p in said["predictions"]] == [expected] * 2
        for name, value in zip(["a", "b"], good, strict=True):
            assert client.put(f"/v1/predictions/{name}/label", json={"value": value}).status_code == 204
        for value in bad:
            assert client.put("/v1/predictions/a/label", json={"value": value}).status_code == 422
        parts = client.get("/openapi.json").json()["components"]["schemas"]
    kept = log.window(*EVER).set_index("id")
    assert kept["prediction"].tolist() == [expected] * 2
    assert kept["label"].tolist() == good
    assert Draft202012Validator({"components": {"schemas": parts}, **parts["Answer"]}).is_valid(said)


# ---- what the server says of itself -------------------------------------------------------------------


def test_the_model_page_tells_version_features_and_metrics(shelf, wait_ready):
    findings = (
        Finding("rows", "is_spam", value=9),
        Finding("metric", "log_loss", value=0.3, interval=(0.2, 0.4)),
    )
    report = Report("spam", findings)
    shelf.packages[1] = replace(shelf.packages[1], report=report)
    with TestClient(create_app(shelf, "spam")) as client:
        page = wait_ready(client).get("/v1/models/spam").json()
    assert (page["model"], page["version"], page["task"], page["classes"]) == (
        "spam",
        1,
        "binary",
        [False, True],
    )
    assert list(page["features"]) == list(shelf.packages[1].features)
    assert page["features"]["topic"]["enum"] == ["fun", "jobs", "news"]
    assert page["metrics"] == [{"name": "log_loss", "value": 0.3, "interval": [0.2, 0.4]}]


def test_the_metrics_count_what_happened(client, row):
    for _ in range(3):
        client.post(URL, json={"instances": [row] * 5})
    client.post(URL, json={})
    client.get("/s3cr3t")
    text = client.get("/metrics").text
    value = dict(re.findall(r"^(mlsd_\S+) (\S+)$", text, re.MULTILINE))
    route = 'route="/v1/models/{model}/predictions"'
    assert float(value[f'mlsd_requests_total{{{route},status="200"}}']) == 3
    assert float(value[f'mlsd_requests_total{{{route},status="422"}}']) == 1
    assert float(value['mlsd_requests_total{route="none",status="404"}']) == 1
    assert float(value[f'mlsd_request_seconds_count{{outcome="ok",{route}}}']) == 3
    assert float(value[f'mlsd_request_seconds_count{{outcome="refused",{route}}}']) == 1
    assert float(value[f'mlsd_request_seconds_count{{outcome="failed",{route}}}']) == 0
    assert 0 < float(value[f'mlsd_request_seconds_sum{{outcome="ok",{route}}}']) < 5
    assert float(value['mlsd_predictions_total{version="1"}']) == 15
    assert float(value["mlsd_model_version"]) == 1
    assert float(value["mlsd_model_ready"]) == 1
    assert float(value["mlsd_requests_in_flight"]) == 1  # the one that asks
    assert "s3cr3t" not in text  # an address that a client made up is no label: there could be millions


def test_two_apps_share_no_counter(shelf, row, wait_ready):
    with TestClient(create_app(shelf, "spam")) as one, TestClient(create_app(shelf, "spam")) as two:
        wait_ready(one).post(URL, json={"instances": [row]})
        wait_ready(two)
        assert "mlsd_predictions_total{" in one.get("/metrics").text
        assert "mlsd_predictions_total{" not in two.get("/metrics").text


def test_the_description_is_typed_by_the_schema(client, row):
    document = client.get("/openapi.json").json()
    validator = Draft202012Validator
    parts = document["components"]["schemas"]
    described = parts["Row"]["properties"]
    assert described["n_chars"]["type"] == "number"
    assert described["n_chars"]["minimum"] == 0
    assert "characters" in described["n_chars"]["description"]
    assert described["topic"]["enum"] == ["fun", "jobs", "news"]
    assert described["caps_ratio"]["type"] == ["number", "null"]
    assert described["has_image"]["examples"] == [False]
    assert described["posted_at"]["format"] == "date-time"
    assert parts["Label"]["properties"]["value"]["enum"] == [False, True]
    question = {"components": document["components"], **parts["Question"]}
    good = {"instances": [row], "ids": ["a"]}
    assert validator(question).is_valid(good)
    bad = [{**row, "n_links": -1}, {**row, "topic": "x"}, {**row, "more": 1}, {k: row[k] for k in ("topic",)}]
    for record in bad:  # the description and the server agree
        assert not validator(question).is_valid({"instances": [record]})
        assert client.post(URL, json={"instances": [record]}).status_code == 422
    answer = client.post(URL, json=good).json()
    assert validator({"components": document["components"], **parts["Answer"]}).is_valid(answer)
    refused = client.post(URL, json={"instances": bad}).json()
    assert validator({"components": document["components"], **parts["Problem"]}).is_valid(refused)


def test_the_description_names_every_address(client, shelf):
    with TestClient(create_app(shelf, "spam", api_key="k")) as keyed:
        guarded = keyed.get("/openapi.json", headers={"X-API-Key": "k"}).json()
    document = client.get("/openapi.json").json()
    assert set(document["paths"]) == {
        "/v1/models/spam/predictions",
        "/v1/models/spam/versions/{version}/predictions",
        "/v1/rpc",
        "/v1/models/spam",
        "/v1/predictions/{id}/label",
        "/health/live",
        "/health/ready",
        "/metrics",
    }
    assert "security" not in document
    assert guarded["security"] == [{"key": []}]
    assert guarded["paths"]["/health/ready"]["get"]["security"] == []
    for item in document["paths"].values():
        for operation in item.values():
            assert "application/problem+json" in operation["responses"]["default"]["content"]


def test_importing_the_room_brings_no_web_framework():
    script = (
        "import sys, mlsd.serving, mlsd.platform; print('fastapi' in sys.modules, 'httpx' in sys.modules)"
    )
    answer = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    assert answer.stdout.split() == ["False", "False"]
