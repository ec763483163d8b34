"""Malformed requests without end, each with the status it deserves; the tests send 500, the benchmark 10,000."""

import json

SECRET = "s3cr3t"  # planted in each; it must not come back
URL = "/v1/models/spam/predictions"
LABEL = f"/v1/predictions/{SECRET}/label"
JSON = {"Content-Type": "application/json"}


def malformed(draw, row):
    """Return (method, path, headers, body, status) of one request that is wrong in one way.

    Args:
        draw: a `random.Random`.
        row: a good one: name -> value, none of them None; a random field of it is spoilt.
    """
    field = draw.choice(sorted(row))
    kind = draw.choice(sorted(KINDS))
    return KINDS[kind](draw, row, field)


def _post(body, status, path=URL, headers=JSON, method="POST"):
    return method, path, headers, body if isinstance(body, bytes) else json.dumps(body).encode(), status


def _rows(*rows, **more):
    return {"instances": list(rows), **more}


def _wrong_type(draw, row, field):
    good = row[field]
    number = isinstance(good, int | float) and not isinstance(good, bool)
    wrong = [[SECRET], {SECRET: 1}, [], {}, SECRET if number else 17.25]
    return _post(_rows({**row, field: draw.choice(wrong)}), 422)


def _bytes(draw, row, field):
    """Good bytes with some that never stand in JSON text."""
    good = bytearray(json.dumps(_rows(row, ids=[SECRET])).encode())
    place = draw.randrange(len(good) + 1)
    good[place:place] = draw.choice([b"\xff", b"\x00", b"\xc0\x80", b"\xed\xa0\x80"])
    return _post(bytes(good), 400)


def _broken_off(draw, row, field):
    good = json.dumps(_rows(row, ids=[SECRET])).encode()
    return _post(good[: draw.randrange(len(good))], 400)


def _not_finite(draw, row, field):
    number = draw.choice(["NaN", "Infinity", "-Infinity", "1e999", "-1e999", "9" * 400])
    return _post(json.dumps(_rows({**row, field: 0.125})).replace("0.125", number).encode(), 400)


def _deep(draw, row, field):
    return _post(draw.choice([b"[", b'{"a":']) * draw.randint(5_000, 50_000), 400)


def _ids(draw, row, field):
    ids = draw.choice([SECRET, [SECRET, "b"], [3], [""], ["\n" + SECRET], [SECRET * 60], [None], {SECRET: 1}])
    return _post(_rows(row, ids=ids), 422)


def _form(draw, row, field):
    forms = [
        None,
        [SECRET],
        SECRET,
        3,
        {},
        {SECRET: 1},
        _rows(),
        _rows(SECRET),
        _rows(None),
        {"instances": SECRET},
    ]
    return _post(draw.choice(forms), 422)


def _version(draw, row, field):
    number = draw.choice([SECRET, "0", "-1", "1.5", "9" * draw.randint(3, 900), "%00", "x" * 2000, "٣"])
    return _post(_rows(row), 404, f"/v1/models/spam/versions/{number}/predictions")


def _address(draw, row, field):
    path = draw.choice(
        [f"/{SECRET}", f"/v1/models/{SECRET}/predictions", "/v1", URL + "/", f"{URL}/{SECRET}"]
    )
    return _post(_rows(row), 404, path)


def _method(draw, row, field):
    method = draw.choice(["GET", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD"])
    return _post(b"", 405, URL, {}, method)


def _type(draw, row, field):
    kinds = ["text/plain", "application/xml", "", f"application/{SECRET}", "application/json; charset=utf-16"]
    headers = {"Content-Type": draw.choice(kinds)}
    return _post(_rows(row), 415, draw.choice([URL, "/v1/rpc"]), headers)


def _label(draw, row, field):
    bad = [{}, {"value": None}, {"value": SECRET}, {"value": [1]}, {"value": True, SECRET: 1}, [], SECRET]
    bad += [{"value": True, "at": at} for at in (SECRET, 3, "2024-01-01", "2024-13-01T00:00Z", [])]
    return _post(draw.choice(bad), 422, LABEL, method="PUT")


KINDS = {
    "a field is missing": lambda d, row, f: _post(_rows({k: v for k, v in row.items() if k != f}), 422),
    "a field is unknown": lambda d, row, f: _post(_rows({**row, f"{SECRET}{d.random()}": 1}), 422),
    "a value of another type": _wrong_type,
    "a doubled name": lambda d, row, f: _post(
        f'{{"instances":[{{"{f}":1,"{f}":"{SECRET}"}}]}}'.encode(), 400
    ),
    "bytes that are no text": _bytes,
    "broken off": _broken_off,
    "not finite": _not_finite,
    "too deep": _deep,
    "ids": _ids,
    "another form": _form,
    "too many rows": lambda d, row, f: _post(b'{"instances":[' + b"1," * 10_000 + b"1]}", 413),
    "too many bytes": lambda d, row, f: _post(b'{"' + SECRET.encode() * 400_000 + b'"}', 413),
    "no such version": _version,
    "no such address": _address,
    "another method": _method,
    "another media type": _type,
    "a label": _label,
    "a label for nobody": lambda d, row, f: _post({"value": True}, 404, LABEL, method="PUT"),
}
