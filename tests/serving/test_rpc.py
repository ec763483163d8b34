"""The same model by procedure call: the same prediction as REST, and errors by the standard's numbers."""

import json

import pytest
from fastapi.testclient import TestClient

from mlsd.serving import create_app

URL = "/v1/models/spam/predictions"
EVER = ("2000-01-01T00:00Z", "2100-01-01T00:00Z")
SECRET = "s3cr3t"


@pytest.fixture
def logged(shelf, log, wait_ready):
    with TestClient(create_app(shelf, "spam", log)) as client:
        yield wait_ready(client)


def call(client, method, params, **more):
    answer = client.post(
        "/v1/rpc", json={"jsonrpc": "2.0", "id": 1, "method": method, "params": params, **more}
    )
    assert answer.status_code == 200
    return answer.json()


def test_rest_and_rpc_give_the_same_prediction(logged, log, row):
    rows = [{**row, "n_chars": n / 7} for n in range(50)]
    rest = logged.post(URL, json={"instances": rows, "ids": [f"a{n}" for n in range(50)]}).json()
    rpc = call(logged, "predict", {"instances": rows, "ids": [f"b{n}" for n in range(50)]})
    assert set(rpc) == {"jsonrpc", "id", "result"}
    assert (rpc["jsonrpc"], rpc["id"]) == ("2.0", 1)
    assert {k: rpc["result"][k] for k in ("model", "version")} == {k: rest[k] for k in ("model", "version")}
    assert [p["prediction"] for p in rpc["result"]["predictions"]] == [
        p["prediction"] for p in rest["predictions"]
    ]
    assert len(log) == 100


def test_a_label_is_put_once_and_a_contradiction_is_refused(logged, log, row):
    call(logged, "predict", {"instances": [row], "ids": ["a"]})
    for _ in range(2):
        assert call(logged, "label", {"id": "a", "value": True})["result"] is None
    error = call(logged, "label", {"id": "a", "value": False})["error"]
    assert (error["code"], error["data"]["status"]) == (-32000, 409)
    error = call(logged, "label", {"id": SECRET, "value": False})["error"]
    assert (error["code"], error["data"]["status"]) == (-32000, 404)
    assert log.window(*EVER)["label"].tolist() == [True]


V = {"jsonrpc": "2.0", "id": 7}
ERRORS = {
    "no JSON": (b'{"' + SECRET.encode(), -32700, None),
    "NaN": (b'{"jsonrpc": "2.0", "method": "predict", "params": NaN, "id": 7}', -32700, None),
    "nothing": (b"", -32700, None),
    "an empty list": ([], -32600, None),
    "too many calls": ([{**V, "method": "predict"}] * 101, -32600, None),
    "text": (SECRET, -32600, None),
    "no version": ({"id": 7, "method": "predict"}, -32600, None),
    "another version": ({**V, "jsonrpc": "1.0", "method": "predict"}, -32600, None),
    "no method": (V, -32600, None),
    "a method that is no text": ({**V, "method": 1}, -32600, None),
    "an id that is none": ({**V, "id": [SECRET], "method": "predict"}, -32600, None),
    "an id that is true": ({**V, "id": True, "method": "predict"}, -32600, None),
    "another member": ({**V, "method": "predict", SECRET: 1}, -32600, None),
    "an unknown method": ({**V, "method": SECRET}, -32601, 7),
    "no params": ({**V, "method": "predict"}, -32602, 7),
    "params as a list": ({**V, "method": "predict", "params": [SECRET]}, -32602, 7),
    "a row that does not fit": (
        {**V, "method": "predict", "params": {"instances": [{SECRET: 1}]}},
        -32602,
        7,
    ),
    "a label without id": ({**V, "method": "label", "params": {"value": True}}, -32602, 7),
    "a label that is none": ({**V, "method": "label", "params": {"id": "a", "value": SECRET}}, -32602, 7),
}


@pytest.mark.parametrize(("body", "code", "name"), ERRORS.values(), ids=ERRORS)
def test_errors_have_the_numbers_of_the_standard(logged, body, code, name):
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    answer = logged.post("/v1/rpc", content=content, headers={"Content-Type": "application/json"})
    said = answer.json()
    assert answer.status_code == 200
    assert set(said) == {"jsonrpc", "id", "error"}
    assert (said["error"]["code"], said["id"]) == (code, name)
    assert SECRET not in answer.text


def test_a_list_of_calls_is_answered_in_order_and_notifications_are_not(logged, log, row):
    calls = [
        {"jsonrpc": "2.0", "id": "p", "method": "predict", "params": {"instances": [row], "ids": ["a"]}},
        {"jsonrpc": "2.0", "method": "label", "params": {"id": "a", "value": True}},
        {"jsonrpc": "2.0", "method": "label", "params": {"id": "nobody", "value": True}},
        3,
        {"jsonrpc": "2.0", "id": "q", "method": "nothing"},
    ]
    said = logged.post("/v1/rpc", json=calls).json()
    assert [(reply["id"], reply.get("error", {}).get("code")) for reply in said] == [
        ("p", None),
        (None, -32600),
        ("q", -32601),
    ]
    silent = logged.post("/v1/rpc", json=calls[1:3])
    assert (silent.status_code, silent.content) == (204, b"")
    assert log.window(*EVER)["label"].tolist() == [True]


def test_a_mistake_of_the_server_is_minus_32603_and_says_nothing_of_it(shelf, row, wait_ready, caplog):
    class Broken:
        def extend(self, rows):
            raise RuntimeError(SECRET)

    with TestClient(create_app(shelf, "spam", Broken())) as client:
        error = call(wait_ready(client), "predict", {"instances": [row]})["error"]
    assert error == {"code": -32603, "message": "Internal error"}
    [told] = [record for record in caplog.records if record.exc_info]
    assert SECRET in str(told.exc_info[1])


def test_what_a_new_field_breaks(logged, row):
    """A required field: old clients are refused by both; the REST client gets a 422, the caller a 200."""
    old = {name: value for name, value in row.items() if name != "n_chars"}
    rest = logged.post(URL, json={"instances": [old]})
    rpc = logged.post("/v1/rpc", json={**V, "method": "predict", "params": {"instances": [old]}})
    assert (rest.status_code, rpc.status_code) == (422, 200)
    assert rpc.json()["error"]["data"] == rest.json()
