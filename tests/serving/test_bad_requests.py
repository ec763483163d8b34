"""One test per way of asking badly: a 4xx problem that names the field and repeats nothing."""

import json

import pytest
from fastapi.testclient import TestClient

from mlsd.serving import create_app

URL = "/v1/models/spam/predictions"
SECRET = "s3cr3t"  # planted in every bad request; it must not come back
JSON = {"Content-Type": "application/json"}


def assert_problem(answer, status, field=None, code=None, row=None):
    """An RFC 9457 document with this status that names the field and does not repeat the request."""
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert set(problem) == {"type", "title", "status", "detail", "errors"}
    assert problem["status"] == status
    assert problem["type"].startswith("urn:problem-type:mlsd:")
    assert problem["title"]
    assert problem["detail"]
    assert all(set(error) == {"field", "row", "code", "message"} for error in problem["errors"])
    assert SECRET not in answer.text
    assert SECRET not in str(answer.headers)
    if code is not None:
        assert {"field": field, "code": code, "row": row}.items() <= problem["errors"][0].items()
    return problem


# ---- a row that the model may not see: field, code ------------------------------------------------

BAD_VALUES = {
    "a missing field": ("n_links", ..., "missing_field"),
    "a missing nullable field": ("caps_ratio", ..., "missing_field"),
    "text for a number": ("n_chars", SECRET, "type"),
    "a number in quotes": ("n_chars", "120.5", "type"),
    "a fraction for a whole number": ("n_links", 2.5, "type"),
    "true for a number": ("n_links", True, "type"),
    "a number for a boolean": ("has_image", 1, "type"),
    "a number for a category": ("topic", 3, "type"),
    "a list for a number": ("n_chars", [SECRET], "type"),
    "an object for a category": ("topic", {SECRET: 1}, "type"),
    "an unknown category": ("topic", SECRET, "category"),
    "too small": ("n_links", -1, "range"),
    "too large": ("n_chars", 1e300, "range"),
    "null where a value is needed": ("n_links", None, "null"),
    "a time without zone": ("posted_at", "2024-02-05T10:00:00", "time"),
    "a time in words": ("posted_at", SECRET, "time"),
    "a time as a number": ("posted_at", 1707127200, "time"),
    "a time before every calendar": ("posted_at", "1066-10-14T09:00:00Z", "time"),
    "a time before the first": ("posted_at", "0001-01-01T00:00:00+14:00", "time"),
}


@pytest.mark.parametrize(("field", "value", "code"), BAD_VALUES.values(), ids=BAD_VALUES)
def test_a_bad_value_is_refused_by_name(client, row, field, value, code):
    bad = {name: v for name, v in {**row, field: value}.items() if v is not ...}
    body = json.dumps({"instances": [row, bad], "ids": ["a", SECRET]})
    problem = assert_problem(client.post(URL, content=body, headers=JSON), 422, field, code, row=1)
    assert problem["title"] == "A row does not fit the model's schema"


def test_an_unknown_field_is_refused_without_repeating_its_name(client, row):
    answer = client.post(URL, json={"instances": [{**row, f"name-{SECRET}": f"value-{SECRET}"}]})
    problem = assert_problem(answer, 422, None, "unknown_field", row=0)
    assert "n_chars" in problem["errors"][0]["message"]


def test_all_that_is_wrong_is_told_at_once(client, row):
    answer = client.post(URL, json={"instances": [{**row, "n_links": None, "topic": SECRET}, {}]})
    problem = assert_problem(answer, 422)
    named = {(error["field"], error["code"], error["row"]) for error in problem["errors"]}
    assert {("n_links", "null", 0), ("topic", "category", 0), ("has_image", "missing_field", 1)} <= named


def test_the_list_of_errors_is_bounded(client):
    answer = client.post(URL, json={"instances": [{}] * 5000})
    assert len(assert_problem(answer, 422)["errors"]) == 50


# ---- numbers and names that are not JSON ------------------------------------------------------------

NOT_FINITE = ["NaN", "Infinity", "-Infinity", "1e400", "-1e400", "7" * 400, "-" + "7" * 5000]


@pytest.mark.parametrize("number", NOT_FINITE, ids=lambda number: number[:9])
def test_a_number_that_is_not_finite_is_refused_by_name(client, row, number):
    body = json.dumps({"instances": [row, {**row, "n_chars": 0.125}], "ids": ["x", SECRET]})
    answer = client.post(URL, content=body.replace("0.125", number), headers=JSON)
    assert_problem(answer, 400, "n_chars", "not_finite", row=1)
    assert number not in answer.text


@pytest.mark.parametrize("number", NOT_FINITE, ids=lambda number: number[:9])
def test_the_name_of_a_field_that_was_made_up_is_not_repeated(client, number):
    answer = client.post(URL, content=f'{{"instances": [{{"{SECRET}": {number}}}]}}', headers=JSON)
    assert_problem(answer, 400, None, "not_finite", row=0)


def test_half_a_character_is_refused_by_name(client, row):
    body = json.dumps({"instances": [row, {**row, "topic": SECRET + "\ud800"}]})
    assert_problem(client.post(URL, content=body, headers=JSON), 400, "topic", "half_character", row=1)
    for body in ({"instances": [{SECRET + "\ud800": 1}]}, {"instances": [row], "ids": [SECRET + "\udc00"]}):
        assert_problem(client.post(URL, content=json.dumps(body), headers=JSON), 400)


def test_a_doubled_name_is_refused_by_name(client):
    body = f'{{"instances": [{{"topic": "jobs", "topic": "{SECRET}"}}]}}'
    assert_problem(client.post(URL, content=body, headers=JSON), 400, "topic", "twice", row=0)


# ---- a body that is no question ---------------------------------------------------------------------

ROW = '{"n_links": 3}'
BAD_BODIES = {
    "empty": b"",
    "blank": b" \n ",
    "not JSON": b"spam=1&" + SECRET.encode(),
    "broken off": b'{"instances": [{"topic": "' + SECRET.encode(),
    "two documents": b"{} {}" + SECRET.encode(),
    "not UTF-8": b'{"instances": "\xff\xfe' + SECRET.encode() + b'"}',
    "UTF-16": f'{{"instances": "{SECRET}"}}'.encode("utf-16"),
    "a byte order mark": b"\xef\xbb\xbf{}",
    "a control character": b'{"' + SECRET.encode() + b'\x00": 1}',
    "deep lists": b'{"instances": ' + b"[" * 200_000,
    "deep objects": b'{"instances": ' + b'{"a":' * 200_000,
    "a doubled member": b'{"instances": [], "instances": ["' + SECRET.encode() + b'"]}',
}


@pytest.mark.parametrize("body", BAD_BODIES.values(), ids=BAD_BODIES)
def test_a_body_that_is_not_strict_json_is_refused(client, body):
    assert_problem(client.post(URL, content=body, headers=JSON), 400)


BAD_FORMS = {
    "null": (None, None, "type"),
    "a list": ([SECRET], None, "type"),
    "text": (SECRET, None, "type"),
    "no instances": ({"ids": [SECRET]}, "instances", "missing_field"),
    "an unknown member": ({"instances": [], SECRET: 1}, None, "unknown_field"),
    "instances null": ({"instances": None}, "instances", "type"),
    "instances an object": ({"instances": {SECRET: 1}}, "instances", "type"),
    "instances text": ({"instances": SECRET}, "instances", "type"),
    "no rows": ({"instances": []}, "instances", "empty"),
    "ids no list": ({"instances": [{}], "ids": SECRET}, "ids", "length"),
    "ids too few": ({"instances": [{}, {}], "ids": [SECRET]}, "ids", "length"),
    "ids too many": ({"instances": [{}], "ids": [SECRET, "b"]}, "ids", "length"),
    "ids doubled": ({"instances": [{}, {}], "ids": [SECRET, SECRET]}, "ids", "duplicate"),
}


@pytest.mark.parametrize(("content", "field", "code"), BAD_FORMS.values(), ids=BAD_FORMS)
def test_a_body_of_another_form_is_refused(client, content, field, code):
    answer = client.post(URL, content=json.dumps(content), headers=JSON)
    assert_problem(answer, 422, field, code)


@pytest.mark.parametrize("record", [None, 3, SECRET, [SECRET]], ids=["null", "number", "text", "list"])
def test_a_row_that_is_no_object_is_refused(client, row, record):
    assert_problem(client.post(URL, json={"instances": [row, record]}), 422, "instances", "type", row=1)


BAD_IDS = {
    "null": None,
    "a number": 17,
    "a list": [SECRET],
    "empty": "",
    "too long": SECRET * 40,
    "a line break": SECRET + "\n",
    "a zero byte": SECRET + "\x00",
}


@pytest.mark.parametrize("name", BAD_IDS.values(), ids=BAD_IDS)
def test_an_id_that_cannot_name_a_prediction_is_refused(client, row, name):
    body = json.dumps({"instances": [row, row], "ids": ["fine", name]})
    assert_problem(client.post(URL, content=body, headers=JSON), 422, "ids", "type", row=1)


def test_too_many_rows_are_refused(client, row):
    answer = client.post(URL, json={"instances": [{}] * 10_001})
    assert_problem(answer, 413, "instances", "too_many_rows")


# ---- too many bytes ---------------------------------------------------------------------------------

TEN_MB = b'{"instances": "' + SECRET.encode() * 1_700_000 + b'"}'


def chunks(body, size=65_536):
    for start in range(0, len(body), size):
        yield body[start : start + size]


def test_ten_megabytes_are_refused(client):
    assert len(TEN_MB) > 10_000_000
    assert_problem(client.post(URL, content=TEN_MB, headers=JSON), 413)


def test_ten_megabytes_in_chunks_are_counted_while_they_arrive(client):
    answer = client.post(URL, content=chunks(TEN_MB), headers=JSON)
    assert "content-length" not in answer.request.headers
    assert_problem(answer, 413)


def test_the_limit_is_exact_to_the_byte(shelf, row):
    body = json.dumps({"instances": [row]}).encode()
    for size, status in [(len(body), 200), (len(body) - 1, 413)]:
        client = TestClient(create_app(shelf, "spam", max_bytes=size))
        assert client.post(URL, content=body, headers=JSON).status_code == status
        assert client.post(URL, content=chunks(body, 10), headers=JSON).status_code == status


# ---- another content type, method, address, key -------------------------------------------------------


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Type": "application/json; charset=latin-1"},
        {"Content-Type": f"application/{SECRET}"},
        {"Content-Type": "application/json", "Content-Encoding": "gzip"},
    ],
    ids=str,
)
def test_another_content_type_is_refused(client, headers):
    assert_problem(client.post(URL, content=b"{}", headers=headers), 415)


@pytest.mark.parametrize("kind", ["application/json", "Application/JSON; charset=UTF-8"])
def test_json_in_utf8_is_taken(client, row, kind):
    body = json.dumps({"instances": [row]})
    assert client.post(URL, content=body, headers={"Content-Type": kind}).status_code == 200


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_another_method_is_refused(client, method):
    answer = client.request(method, URL)
    assert_problem(answer, 405)
    assert answer.headers["allow"] == "POST"


@pytest.mark.parametrize(
    "path",
    [
        "/",
        f"/{SECRET}",
        f"/v1/models/{SECRET}",
        f"/v1/models/{SECRET}/predictions",
        URL + "/",
        "/v1/models/spam/",
    ],
)
def test_an_unknown_address_is_refused(client, path):
    assert_problem(client.post(path, json={}) if path.endswith("predictions") else client.get(path), 404)


WRONG_KEYS = {
    "none": {},
    "wrong": {"X-API-Key": SECRET},
    "wrong bearer": {"Authorization": f"Bearer {SECRET}"},
    "another scheme": {"Authorization": "Basic right"},
    "a part": {"X-API-Key": "righ"},
    "empty": {"X-API-Key": ""},
    "not ASCII": {"X-API-Key": "ri\xe9ht".encode("latin-1")},
}


@pytest.mark.parametrize("headers", WRONG_KEYS.values(), ids=WRONG_KEYS)
@pytest.mark.parametrize("path", [URL, "/v1/models/spam", "/metrics", "/openapi.json", f"/{SECRET}"])
def test_without_the_key_nothing_is_told(shelf, row, headers, path):
    with TestClient(create_app(shelf, "spam", api_key="right")) as client:
        answer = client.post(path, json={"instances": [row]}, headers=headers)
    assert_problem(answer, 401)
    assert answer.headers["www-authenticate"] == "Bearer"


def test_with_the_key_and_for_health_the_door_is_open(shelf, row):
    client = TestClient(create_app(shelf, "spam", api_key="right"))
    for headers in (
        {"X-API-Key": "right"},
        {"Authorization": "Bearer right"},
        {"Authorization": "bearer right"},
    ):
        assert client.post(URL, json={"instances": [row]}, headers=headers).status_code == 200
    assert client.get("/health/ready").status_code == 200
    assert client.get("/health/live").status_code == 200


def test_an_empty_key_is_no_key(shelf):
    with pytest.raises(ValueError, match=r"^api_key is empty; give a key, or None"):
        create_app(shelf, "spam", api_key="")


# ---- labels -----------------------------------------------------------------------------------------

LABEL = "/v1/predictions/p1/label"
BAD_LABELS = {
    "no value": ({"at": "2024-01-01T00:00:00Z"}, "value", "missing_field"),
    "null": ({"value": None}, "value", "category"),
    "another class": ({"value": SECRET}, "value", "category"),
    "a number for a boolean": ({"value": 1}, "value", "category"),
    "a list": ({"value": [SECRET]}, "value", "category"),
    "an unknown member": ({"value": True, SECRET: 1}, None, "unknown_field"),
    "no object": ([SECRET], None, "type"),
    "a time without zone": ({"value": True, "at": "2024-01-01T00:00:00"}, "at", "time"),
    "a time in words": ({"value": True, "at": SECRET}, "at", "time"),
}


@pytest.mark.parametrize(("content", "field", "code"), BAD_LABELS.values(), ids=BAD_LABELS)
def test_a_bad_label_is_refused(shelf, log, wait_ready, content, field, code):
    with TestClient(create_app(shelf, "spam", log)) as client:
        assert_problem(wait_ready(client).put(LABEL, json=content), 422, field, code)
    assert log.ids() == []


def test_a_label_with_a_bad_body_is_refused(shelf, log, wait_ready):
    with TestClient(create_app(shelf, "spam", log)) as client:
        wait_ready(client)
        assert_problem(client.put(LABEL, content=b'{"value": NaN}', headers=JSON), 400)
        assert_problem(client.put(LABEL, content=TEN_MB, headers=JSON), 413)
        assert_problem(client.put(LABEL, content=b"{}"), 415)
        assert_problem(client.put("/v1/predictions/%0A/label", json={"value": True}), 404)
        assert_problem(client.post(LABEL, json={"value": True}), 405)


def test_without_a_log_there_is_no_place_for_a_label(client):
    assert_problem(client.put(LABEL, json={"value": True}), 404)


# ---- the same, thousands of times ---------------------------------------------------------------------


def test_whatever_the_bytes_it_is_a_problem_and_never_a_mistake_of_the_server(client):
    import random

    draw = random.Random(5)
    good = json.dumps(
        {"instances": [{"n_links": 3, "topic": "jobs", "caps_ratio": None}], "ids": ["a"]}
    ).encode()
    for _ in range(600):
        bad = bytearray(good)
        for _ in range(draw.randint(1, 4)):
            place = draw.randrange(len(bad))
            bad[place : place + draw.randint(0, 3)] = draw.choice(
                [b"", b"9e999", b"null", b'"', b"{", b"]", b"\\u0000", b"\xff", b"-", b"[[", b"1" * 400]
            )
        answer = client.post(URL, content=bytes(bad), headers=JSON)
        assert 400 <= answer.status_code < 500
        assert answer.headers["content-type"] == "application/problem+json"
