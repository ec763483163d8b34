"""Exercises of lab 06: what does your API answer to nonsense?"""

import inspect
import json

import numpy as np

from mlsd.course.lab import Exercise, expect, expect_same

# ---- 06.1 ------------------------------------------------------------------------------------------

answering = Exercise(
    "06.1",
    "Which status does this request get?",
    level="warm-up",
    minutes=10,
    objectives=(1, 2),
    hints=(
        "Go down the table; the first line that applies decides. Nothing is read before it is asked for.",
        "JSON knows no NaN, but `json.loads` does: `parse_constant` gets a function that may raise. And True is no 1.",
        "Fields: `set(content) == {'depot', 'parcels'}`, `type(parcels) is int`, then the limits.",
    ),
)

DEPOTS = ("Millbeck", "Ostby")


def no_constant(name):
    """JSON knows no NaN and no Infinity."""
    raise ValueError(f"{name} is no JSON")


@answering.reference
def status(method, path, kind, body):
    if path != "/v1/counts":
        return 404
    if method != "POST":
        return 405
    if kind != "application/json":
        return 415
    if len(body.encode()) > 200:
        return 413
    try:
        content = json.loads(body, parse_constant=no_constant)
    except ValueError:
        return 400
    if not isinstance(content, dict) or set(content) != {"depot", "parcels"}:
        return 422
    parcels = content["parcels"]
    sound = content["depot"] in DEPOTS and type(parcels) is int and 0 <= parcels <= 5_000
    return 200 if sound else 422


def good(rng):
    return {"depot": str(rng.choice(DEPOTS)), "parcels": int(rng.integers(0, 5_001))}


def ask(answer, body, path="/v1/counts", method="POST", kind="application/json"):
    return answer(method, path, kind, body if isinstance(body, str) else json.dumps(body))


@answering.inputs
def some_request(rng):
    if rng.random() < 0.1:
        asked = [("GET", "/v1/counts", "text/plain"), ("POST", "/v1/count", "text/plain")]
        return *asked[int(rng.integers(2))], "[1]"
    row = good(rng)
    bodies = [
        row | {"parcels": "3"},
        row | {"parcels": True},
        row | {"note": "late"},
        row | {"depot": "é" * 90},
        row | {"parcels": float("nan")},
    ]
    body = json.dumps(bodies[int(rng.integers(len(bodies)))], ensure_ascii=False)
    return "POST", "/v1/counts", "application/json", body


@answering.law("a sound request gets 200, at both limits too")
def _(answer, rng):
    for row in (good(rng), {"depot": "Ostby", "parcels": 0}, {"depot": "Ostby", "parcels": 5_000}):
        expect_same(ask(answer, row), 200, f"the status of {json.dumps(row)}")


@answering.law("path, method, kind and length come before the content")
def _(answer, rng):
    fine = ("POST", "/v1/counts", "application/json", json.dumps(good(rng)))
    cases = {
        ("POST", "/v1/count", *fine[2:]): 404,
        ("GET", *fine[1:]): 405,
        (*fine[:2], "text/plain", fine[3]): 415,
        (*fine[:3], fine[3].ljust(200)): 200,
        (*fine[:3], fine[3].ljust(201)): 413,
        (*fine[:3], "é" * 101): 413,
        ("GET", "/", "text/plain", "{"): 404,
    }
    for request, wanted in cases.items():
        expect_same(answer(*request), wanted, f"the status of {request}")


@answering.law("what is no JSON gets 400, and NaN is none")
def _(answer, rng):
    for body in ("", "{", "Ostby", '{"depot": "Ostby", "parcels": NaN}'):
        expect_same(ask(answer, body), 400, f"the status of {body!r}")


@answering.law("what is no object, and fields that are missing or unknown, get 422")
def _(answer, rng):
    row = good(rng)
    others = (
        "[1, 2]",
        '"Millbeck"',
        "7",
        "null",
        {},
        {"depot": "Ostby"},
        {"parcels": 4},
        row | {"note": None},
    )
    for body in others:
        expect_same(
            ask(answer, body), 422, f"the status of {body if isinstance(body, str) else json.dumps(body)}"
        )


@answering.law("values of another type, or out of range, get 422")
def _(answer, rng):
    rows = [good(rng) | {"parcels": value} for value in ("2", 2.5, True, None, -1, 5_001, [2])]
    for row in [*rows, good(rng) | {"depot": "millbeck"}]:
        expect_same(ask(answer, row), 422, f"the status of {json.dumps(row)}")


@answering.misconception(
    "always_400",
    why="Unknown path, wrong method and unfit content are three stories; the client can mend each alone.",
    hint="Give each line of the table its own number.",
)
def _(method, path, kind, body):
    return 200 if status(method, path, kind, body) == 200 else 400


@answering.misconception(
    "coerces_text",
    why='"2" is not 2: whoever sends text has misread the contract, and will send worse.',
    hint="Look at the type before you turn it into a number.",
)
def _(method, path, kind, body):
    try:
        content = json.loads(body)
        content = content | {"parcels": int(str(content["parcels"]))}
    except (ValueError, KeyError, TypeError):
        return status(method, path, kind, body)
    return status(method, path, kind, json.dumps(content))


@answering.misconception(
    "true_is_one",
    why="Python counts True as 1; nobody sends true parcels.",
    hint="`type(value) is int`, not `isinstance(value, int)`.",
)
def _(method, path, kind, body):
    return status(method, path, kind, body.replace('"parcels": true', '"parcels": 1'))


@answering.misconception(
    "ignores_the_unknown",
    why="A misspelt field is dropped, and the client never learns.",
    hint="A field that the contract does not know is an answer of 422.",
)
def _(method, path, kind, body):
    try:
        content = json.loads(body)
        content = {name: content[name] for name in ("depot", "parcels")}
    except (ValueError, KeyError, TypeError):
        return status(method, path, kind, body)
    return status(method, path, kind, json.dumps(content) if len(body.encode()) <= 200 else body)


@answering.misconception(
    "nan_is_json",
    why="`json.loads` reads NaN, which JSON does not know; another client's parser will fail on it.",
    hint="Give `json.loads` a `parse_constant` that raises ValueError.",
)
def _(method, path, kind, body):
    return status(method, path, kind, body.replace("NaN", "-1"))


@answering.misconception(
    "letters_not_bytes",
    why="The limit is in bytes: an accent is two.",
    hint="`len(body.encode())`",
)
def _(method, path, kind, body):
    return status(method, path, kind, body.encode("ascii", "replace").decode())


# ---- 06.2 ------------------------------------------------------------------------------------------

retry = Exercise(
    "06.2",
    "The answer got lost and the phone asks again",
    level="core",
    minutes=5,
    objectives=(3,),
    hints=(
        "What must the store look like after the second request? And what should the phone hear?",
        "Three cases: the id is new, it is there with the same value, it is there with another value.",
        "Everything is in `store`: a second replica has the same store, and none of your variables.",
    ),
)


@retry.reference
def put_label(store, id, value):
    if id not in store:
        store[id] = value
        return 201
    return 200 if store[id] == value else 409


@retry.inputs
def some_label(rng):
    store = {f"post-{i}": bool(rng.integers(2)) for i in range(int(rng.integers(1, 4)))}
    return store, f"post-{int(rng.integers(0, 3))}", bool(rng.integers(2))


def put(answer, store, id, value):
    """Return the status, and the store afterwards."""
    return answer(store, id, value), answer.given[0]


@retry.law("twice is once, and both are told so")
def _(answer, rng):
    first, store = put(answer, {}, "post-1", True)
    expect_same((first, store), (201, {"post-1": True}), "the first status, and the store")
    second, store = put(answer, store, "post-1", True)
    expect_same((second, store), (200, {"post-1": True}), "the second status, and the store")


@retry.law("another value is refused and changes nothing")
def _(answer, rng):
    got = put(answer, {"post-1": True}, "post-1", False)
    expect_same(got, (409, {"post-1": True}), "status and store when another value comes")
    got = put(answer, {"post-1": False}, "post-1", False)
    expect_same(got, (200, {"post-1": False}), "status and store when False comes again")


@retry.law("two replicas with one store agree")
def _(answer, rng):
    id = f"post-{int(rng.integers(10**9))}"  # never seen before in this process
    answer({}, id, True)
    expect_same(answer({}, id, True), 201, "the status in a store that has not heard of it")
    expect_same(answer({id: False}, id, False), 200, "the status of a label that the other replica kept")


@retry.misconception(
    "appends",
    why="Twice became two: the retry of a phone is counted as a second member.",
    hint="An id has one label.",
)
def _(store, id, value):
    store[id] = [*store.get(id, []), value] if isinstance(store.get(id, []), list) else [store[id], value]
    return 201


@retry.misconception(
    "last_wins",
    why="A slip of a moderator overwrites a verdict, and nobody is told.",
    hint="The same again is fine; another value is a conflict: 409.",
)
def _(store, id, value):
    new = id not in store
    store[id] = value
    return 201 if new else 200


@retry.misconception(
    "shrugs",
    why="Another value is dropped, and whoever sent it believes that it was kept.",
    hint="The same again is 200; another value is a conflict: 409.",
)
def _(store, id, value):
    return 200 if put_label(store, id, value) == 409 else put_label(store, id, value)


@retry.misconception(
    "always_created",
    why="The phone cannot tell whether it was heard the first time.",
    hint="201 says: new. 200 says: I know.",
)
def _(store, id, value):
    return 409 if put_label(store, id, value) == 409 else 201


SEEN = {}


@retry.misconception(
    "remembers_in_process",
    why="The second replica has not heard of it.",
    hint="Keep nothing in variables of your own; everything is in the store.",
)
def _(store, id, value):
    if id in SEEN:
        return 200 if SEEN[id] == value else 409
    SEEN[id] = store[id] = value
    return 201


# ---- 06.3 ------------------------------------------------------------------------------------------

promise = Exercise(
    "06.3",
    "Which change breaks the phones out there?",
    level="core",
    minutes=7,
    objectives=(2,),
    hints=(
        "Put yourself into an old phone: it sends the old fields, with the old types and units.",
        "For each field of the two contracts: is it gone, new, or changed? When does the phone fail?",
        "A new field breaks when it is required. A known one: other type, other unit, newly required.",
    ),
)


@promise.reference
def breaks(old, new):
    broken = []
    for name in sorted({*old, *new}):
        before, after = old.get(name), new.get(name)
        if before is None:
            fails = after["required"]
        elif after is None:
            fails = True
        else:
            changed = (before["type"], before["unit"]) != (after["type"], after["unit"])
            fails = changed or (after["required"] and not before["required"])
        if fails:
            broken.append(name)
    return broken


def field(type="number", unit="", required=True):
    return {"type": type, "unit": unit, "required": required}


@promise.inputs
def two_contracts(rng):
    names = ["caps_share", "n_links", "language", "account_age"]

    def one():
        return field(
            "number" if rng.random() < 0.9 else "text",
            "days" if rng.random() < 0.2 else "",
            rng.random() < 0.5,
        )

    old, new = ({name: one() for name in names if rng.random() < 0.8} for _ in range(2))
    return old, new


OLD = {"caps_share": field(), "language": field("text", required=False), "account_age": field(unit="days")}


@promise.law("what stays breaks nobody; neither does a field that is optional, or no longer required")
def _(answer, rng):
    for new in (
        OLD,
        OLD | {"topic": field("text", required=False)},
        OLD | {"caps_share": field(required=False)},
    ):
        expect_same(answer(OLD, new), [], "the fields that break")


@promise.law("a field that is gone, or newly required, breaks")
def _(answer, rng):
    changes = {
        "account_age": {name: OLD[name] for name in ("caps_share", "language")},
        "language": {name: OLD[name] for name in ("caps_share", "account_age")},  # it was optional
        "topic": OLD | {"topic": field("text")},
    }
    for name, new in changes.items():
        expect_same(answer(OLD, new), [name], f"the fields that break when {name} is gone or added")
    expect_same(
        answer(OLD, OLD | {"language": field("text")}), ["language"], "an optional field that is required"
    )


@promise.law("another type or unit breaks")
def _(answer, rng):
    for changed in (field("text"), field(unit="percent")):
        expect_same(
            answer(OLD, OLD | {"caps_share": changed}), ["caps_share"], f"caps_share becomes {changed}"
        )


@promise.law("all that break are named, in order")
def _(answer, rng):
    new = {"caps_share": field(unit="percent"), "language": field("text"), "zone": field()}
    expect_same(answer(OLD, new), ["account_age", "caps_share", "language", "zone"], "four changes at once")


@promise.misconception(
    "any_change_breaks",
    why="Old phones ignore what they never sent; so nothing could ever be added.",
    hint="An optional field that is added breaks nobody.",
)
def _(old, new):
    return sorted(name for name in {*old, *new} if old.get(name) != new.get(name))


@promise.misconception(
    "types_only",
    why="A unit is a promise as well: 30 is a number, and not a share.",
    hint="Compare type *and* unit.",
)
def _(old, new):
    return breaks(old, {name: f | {"unit": old.get(name, f)["unit"]} for name, f in new.items()})


@promise.misconception(
    "additions_are_safe",
    why="A required field that nobody sends refuses every old phone.",
    hint="Is the new field required?",
)
def _(old, new):
    return [name for name in breaks(old, new) if name in old]


@promise.misconception(
    "nobody_sends_the_optional",
    why="What may be sent is sent by somebody, and the server refuses fields that it does not know.",
    hint="A field that is gone breaks, required or not.",
)
def _(old, new):
    return [name for name in breaks(old, new) if name in new or old[name]["required"]]


@promise.misconception(
    "may_becomes_must",
    why="Phones that left the field out are refused from today.",
    hint="Look at `required` of fields that were there before.",
)
def _(old, new):
    return breaks({name: f | {"required": True} for name, f in old.items()}, new)


# ---- 06.4 ------------------------------------------------------------------------------------------

endpoints = Exercise(
    "06.4",
    "Which verb, which number?",
    level="design",
    minutes=6,
    objectives=(1, 3),
    value=True,
    hints=(
        "GET asks and changes nothing. PUT says how something is, under its own address. POST makes new.",
        "A retry is harmless with GET and PUT. Who would retry here?",
        "202 is for what takes long; 404 for an address; 409 for a conflict; 422 for content.",
    ),
)


@endpoints.reference
def verbs():
    return {
        "a": "GET 200",
        "b": "PUT 201",
        "c": "GET 404",
        "d": "PUT 422",
        "e": "PUT 409",
        "f": "POST 202",
    }


def misfits(answer, part):
    """The letters whose verb (0) or number (1) does not fit; 204 says as much as 201."""
    given = {k: str(answer.get(k)).upper().replace("PUT 204", "PUT 201").split() for k in verbs()}
    return [k for k, v in verbs().items() if given[k][part : part + 1] != [v.split()[part]]]


@endpoints.law("the verbs fit")
def _(answer, rng):
    expect_same(misfits(answer, 0), [], "letters whose verb does not fit")


@endpoints.law("the numbers fit")
def _(answer, rng):
    expect_same(misfits(answer, 1), [], "letters whose number does not fit")


@endpoints.misconception(
    "everything_is_post",
    why="A retry of POST makes two; and no cache keeps an answer to POST.",
    hint="Asking is GET; saying how something is, under its own address, is PUT.",
)
def _():
    return {k: f"POST {v.split(' ')[1]}" for k, v in verbs().items()}


@endpoints.misconception(
    "everything_is_200",
    why="The client has to read the text to learn that it failed; monitoring sees nothing.",
    hint="Say it with the number.",
)
def _():
    return {k: f"{v.split(' ')[0]} 200" for k, v in verbs().items()}


@endpoints.misconception(
    "content_is_400",
    why="The form was understood; the content was not: that is 422.",
    hint="400 is for what cannot be read at all.",
)
def _():
    return verbs() | {"d": "PUT 400"}


@endpoints.misconception(
    "last_count_wins",
    why="Two counts of one day are a contradiction; whoever is wrong should hear of it.",
    hint="409 says: you told me something else before.",
)
def _():
    return verbs() | {"e": "PUT 200"}


@endpoints.misconception(
    "counts_are_posted",
    why="The depot sends the count again when the answer got lost; POST makes a second one.",
    hint="The count of a day has an address of its own.",
)
def _():
    return verbs() | {"b": "POST 201"}


# ---- 06.5 ------------------------------------------------------------------------------------------

remote = Exercise(
    "06.5",
    "A function call through a letter",
    level="stretch",
    minutes=12,
    objectives=(1,),
    hints=(
        "Is it JSON, a request, a known method? Does it take these arguments: `inspect.signature(f).bind(**params)`?",
        "`{'jsonrpc': '2.0', 'id': id, 'result': ...}` or, in place of the result, `'error': {'code': ...}`.",
        "A request without `id` is a notification: do it, and answer nothing (None).",
    ),
)


@remote.reference
def call(methods, letter):
    def failed(code, id=None):
        return {"jsonrpc": "2.0", "id": id, "error": {"code": code}}

    try:
        request = json.loads(letter)
    except ValueError:
        return failed(-32700)
    if not isinstance(request, dict) or request.get("jsonrpc") != "2.0" or "method" not in request:
        return failed(-32600)
    id, method, params = request.get("id"), methods.get(request["method"]), request.get("params", {})
    if method is None:
        return failed(-32601, id) if "id" in request else None
    try:
        inspect.signature(method).bind(**params)
    except TypeError:
        return failed(-32602, id) if "id" in request else None
    try:
        result = method(**params)
    except Exception:
        return failed(-32603, id) if "id" in request else None
    return {"jsonrpc": "2.0", "id": id, "result": result} if "id" in request else None


def add(a, b):
    return a + b


METHODS = {"add": add, "zero": lambda: 0, "broken": lambda: 1 + "a"}


def letter_of(**parts):
    return json.dumps({"jsonrpc": "2.0"} | parts)


@remote.inputs
def some_letter(rng):
    method = str(rng.choice(["add", "zero", "ad", "broken"]))
    params = {"a": int(rng.integers(9)), "b": int(rng.integers(9))} if method == "add" else {}
    name = {"id": int(rng.integers(99))} if rng.random() < 0.6 else {}
    return METHODS, letter_of(method=method, params=params, **name)


@remote.law("a call is answered under its id")
def _(answer, rng):
    id, a, b = (int(value) for value in rng.integers(1, 99, 3))
    calls = {
        letter_of(id=id, method="add", params={"a": a, "b": b}): (id, a + b),
        letter_of(id="x", method="zero"): ("x", 0),
    }
    for letter, (name, result) in calls.items():
        wanted = {"jsonrpc": "2.0", "id": name, "result": result}
        expect_same(answer(METHODS, letter), wanted, f"the answer to {letter}")


@remote.law("what fails says why, with the number of the standard")
def _(answer, rng):
    cases = {
        "{": (-32700, None),
        "[1]": (-32600, None),
        json.dumps({"id": 1, "method": "zero"}): (-32600, None),
        letter_of(id=4): (-32600, None),
        letter_of(id=5, method="ad"): (-32601, 5),
        letter_of(id=6, method="add", params={"a": 1}): (-32602, 6),
        letter_of(id=7, method="broken"): (-32603, 7),
    }
    for letter, (code, id) in cases.items():
        wanted = {"jsonrpc": "2.0", "id": id, "error": {"code": code}}
        expect_same(answer(METHODS, letter), wanted, f"the answer to {letter}")


@remote.law("a notification is not answered, not even with an error")
def _(answer, rng):
    calls = {"method": "zero"}, {"method": "zer"}, {"method": "add"}, {"method": "broken"}
    for parts in calls:
        expect_same(answer(METHODS, letter_of(**parts)), None, f"the answer to {letter_of(**parts)}")


@remote.misconception(
    "blames_the_caller",
    why="A TypeError from inside the method is the server's mistake; -32602 sends the client to look for it.",
    hint="Look whether the arguments fit before you call.",
)
def _(methods, letter):
    answer = call(methods, letter)
    return (
        answer | {"error": {"code": -32602}} if answer and answer.get("error") == {"code": -32603} else answer
    )


@remote.misconception(
    "answers_notifications",
    why="Without an id nobody waits for an answer.",
    hint="No id: return None.",
)
def _(methods, letter):
    answer = call(methods, letter)
    return {"jsonrpc": "2.0", "id": None, "result": None} if answer is None else answer


@remote.misconception(
    "one_error_for_all",
    why="Whoever calls cannot tell a slip in the name from a slip in the arguments.",
    hint="The standard has four numbers; use each.",
)
def _(methods, letter):
    answer = call(methods, letter)
    return answer | {"error": {"code": -32600}} if answer and "error" in answer else answer


@remote.misconception(
    "forgets_the_id",
    why="Ten calls are on their way: which one is this the answer to?",
    hint="Send the request's id back.",
)
def _(methods, letter):
    answer = call(methods, letter)
    return answer | {"id": None} if answer else answer
