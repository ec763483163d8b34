"""The app against its own description (schemathesis), and malformed requests whose status is known."""

import asyncio
import importlib.util
import random
from collections import Counter, defaultdict
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import schemathesis
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import load_all_checks
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance

from mlsd.report import RefusedError
from mlsd.serving import create_app
from mlsd.serving.limiter import Limiter

load_all_checks()


def load(path):
    """Import a file that stands beside this one."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def generated(schema, app, examples, modes=("positive",), **call):
    """Let schemathesis ask every operation; yield (operation, case, answer)."""
    for found in schema.get_all_operations():
        operation = found.ok()
        for mode in modes:
            if mode == "negative" and operation.method == "get":
                continue  # it takes nothing that could be wrong
            for case, answer in _asked(operation, mode, app, examples, call):
                yield operation.label, case, answer


def _asked(operation, mode, app, examples, call):
    kept = []

    @settings(
        max_examples=examples, derandomize=True, database=None, deadline=None,
        phases=[Phase.generate], suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(case=operation.as_strategy(generation_mode=schemathesis.GenerationMode(mode)))
    def ask(case):
        kept.append((case, case.call(app=app, **call)))

    ask()
    return kept


class States:
    """A source that knows versions: any number but the champion's has this state."""

    def __init__(self, shelf, state):
        self.resolve, self.state, self._shelf = shelf.resolve, state, shelf

    def load(self, reference):
        return self._shelf.packages[2]

    def get(self, name, number):
        return SimpleNamespace(state=self.state)


class Log:
    """Keeps nothing; says what it is told to say."""

    def __init__(self, error=None):
        self.error = error

    def extend(self, rows):
        if self.error:
            raise self.error

    def label_prediction(self, *label, dated):
        self.extend(label)
        return True


def stalled(app):
    """The same app, for a client that never sends its body."""

    async def wrapped(scope, receive, send):
        async def never():
            return await asyncio.Event().wait()

        await app(scope, receive if scope["type"] == "lifespan" else never, send)

    return wrapped


def test_the_app_keeps_its_description_and_every_documented_status_is_seen(shelf, log, wait_ready):
    full = Limiter(1, clock=lambda: 0.0)
    assert full.wait("testclient") == 0.0  # whoever asks from now on is too early
    app = create_app(shelf, "spam", log, "right", limiter=Limiter(1e6))
    right = {"X-API-Key": "right"}
    with TestClient(app, headers=right) as client:
        wait_ready(client)
        document = client.get("/openapi.json").json()
        schema = schemathesis.openapi.from_dict(document)
        schema.app = app
        seen = defaultdict(Counter)
        for label, case, answer in generated(schema, app, 25, ("positive", "negative"), headers=right):
            seen[label][answer.status_code] += 1
            rpc = (
                [negative_data_rejection] if label.endswith("/rpc") else []
            )  # there the status is always 200
            case.validate_response(answer, excluded_checks=[positive_data_acceptance, *rpc])
    nobody = type(shelf)(shelf.packages, champion=None)
    conflict = Log(RefusedError("it holds something else"))
    make = partial(create_app, name="spam", api_key="right")

    def ready(app):
        with TestClient(app, headers=right) as client:
            wait_ready(client)
        return app

    others = {
        "no key": (make(shelf, log=log), {"headers": {"X-API-Key": "wrong"}}),
        "too many": (make(shelf, log=log, limiter=full), {}),
        "no champion": (make(nobody, log=log), {}),
        "deprecated": (make(States(shelf, "deprecated"), log=log), {}),
        "published": (make(States(shelf, "published"), log=Log()), {}),
        "conflict": (ready(make(shelf, log=conflict)), {}),
        "conflict in a version": (ready(make(States(shelf, "published"), log=conflict)), {}),
        "full disk": (ready(make(shelf, log=_full_disk())), {}),
        "large": (make(shelf, log=log, max_bytes=1), {}),
        "another type": (make(shelf, log=log), {"headers": {"Content-Type": "text/csv", **right}}),
        "slow": (stalled(make(shelf, log=log, body_seconds=0.01)), {}),
    }
    loose = [
        positive_data_acceptance,
        negative_data_rejection,
        schemathesis.checks.not_a_server_error,
    ]  # 503, 410
    for other, more in others.values():
        for label, case, answer in generated(
            schema, other, 3, ("positive", "negative"), **{"headers": right, **more}
        ):
            seen[label][answer.status_code] += 1
            case.validate_response(answer, excluded_checks=loose)
            assert answer.status_code != 500
    documented = {
        f"{method.upper()} {path}": {int(status) for status in operation["responses"] if status != "default"}
        for path, item in document["paths"].items()
        for method, operation in item.items()
    }
    unseen = {label: documented[label] - set(seen[label]) for label in documented}
    assert not any(unseen.values()), unseen


def _full_disk():
    error = RefusedError("the disk is full")
    error.__cause__ = OSError(28, "No space left on device")
    return Log(error)


def test_500_malformed_requests_get_the_status_they_deserve_and_nothing_back(shelf, log, row, wait_ready):
    letters = load(Path(__file__).with_name("malformed.py"))
    draw, wrong, seen = random.Random(3), [], Counter()
    row = {**row, "caps_ratio": 0.5}
    with TestClient(create_app(shelf, "spam", log)) as client:
        wait_ready(client)
        for _ in range(500):
            method, path, headers, body, status = letters.malformed(draw, row)
            answer = client.request(method, path, headers=headers, content=body)
            seen[status] += 1
            problem = answer.headers["content-type"] == "application/problem+json"
            echoed = letters.SECRET in answer.text or letters.SECRET in str(answer.headers)
            if answer.status_code != status or not problem or echoed:
                wrong.append((method, path[:80], body[:200], status, answer.status_code, answer.text[:200]))
    assert wrong == []
    assert set(seen) == {400, 404, 405, 413, 415, 422}
    assert log.ids() == []
