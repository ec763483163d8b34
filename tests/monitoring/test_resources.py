"""What a watched service counts, how its requests are judged, and what a prediction costs."""

import asyncio
import inspect
import subprocess
import sys
import time
from datetime import date
from types import SimpleNamespace

import numpy as np
import pandas as pd
import psutil
import pytest
from fastapi import FastAPI, HTTPException
from fastapi.testclient import TestClient
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families
from scipy.stats import binom
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from mlsd.monitoring import (
    Price,
    burn_rate,
    cost_per_thousand,
    error_budget,
    golden_signals,
    grafana_dashboard,
    judge_budget,
    watch,
)
from mlsd.report import RefusedError
from mlsd.usage import Usage


def samples(text):
    """(name, labels) -> value, as Prometheus's own parser reads it."""
    text = text.decode() if isinstance(text, bytes) else text
    return {
        (s.name, frozenset(s.labels.items())): s.value
        for family in text_string_to_metric_families(text)
        for s in family.samples
    }


def number(text, name, **labels):
    return samples(text)[name, frozenset(labels.items())]


def counts(text, outcome):
    """How many requests ended so, over all routes."""
    found = samples(text).items()
    return sum(
        value
        for (name, labels), value in found
        if name == "mlsd_request_seconds_count" and ("outcome", outcome) in labels
    )


# ---- watch(predict) --------------------------------------------------------------------------------


def test_a_watched_function_answers_as_before_and_keeps_name_and_signature():
    def predict(rows: list, scale: float = 2.0) -> list:
        """Double."""
        return [scale * row for row in rows]

    watched = watch(predict)
    assert (watched.__name__, watched.__doc__) == ("predict", "Double.")
    assert inspect.signature(watched) == inspect.signature(predict)
    assert watched([1, 2], scale=3.0) == [3.0, 6.0]


def test_calls_are_counted_by_outcome_and_predictions_by_row():
    @watch
    def predict(rows):
        if rows is None:
            raise RefusedError("rows are missing")
        return np.sqrt(rows) if len(rows) < 5 else 1 / 0

    predict(np.ones(3))
    predict(np.ones(4))
    with pytest.raises(RefusedError, match="rows are missing"):
        predict(None)
    with pytest.raises(ZeroDivisionError):
        predict(np.ones(5))
    text = predict.meters.text()
    assert [counts(text, outcome) for outcome in ("ok", "refused", "failed")] == [2, 1, 1]
    assert number(text, "mlsd_predictions_total", version="none") == 7
    assert number(text, "mlsd_requests_in_flight") == 0
    assert predict.meters.requests()["status"].tolist() == [200, 200, 422, 500]


@pytest.mark.parametrize(
    ("answer", "n"),
    [
        ([1, 2, 3], 3),
        (np.zeros((4, 2)), 4),
        (pd.Series([1.0]), 1),
        (0.5, 1),
        ({"a": 0.5, "b": 0.5}, 1),
        ("yes", 1),
    ],
    ids=["list", "array", "series", "number", "classes", "text"],
)
def test_an_answer_counts_as_many_predictions_as_rows(answer, n):
    predict = watch(lambda rows: answer)
    predict(None)
    assert number(predict.meters.text(), "mlsd_predictions_total", version="none") == n


def test_an_async_function_is_timed_until_its_answer():
    @watch
    async def predict(rows):
        await asyncio.sleep(0.05)
        return rows

    assert asyncio.run(predict([1, 2])) == [1, 2]
    assert predict.meters.requests()["seconds"].item() >= 0.05


def test_two_watched_functions_share_no_number():
    one, two = watch(lambda rows: rows), watch(lambda rows: rows)
    one([1])
    assert (counts(one.meters.text(), "ok"), counts(two.meters.text(), "ok")) == (1, 0)


# ---- watch(app) ------------------------------------------------------------------------------------


def fastapi_app():
    app = FastAPI()

    @app.get("/double/{x}")
    def double(x: int) -> int:
        if x < 0:
            raise HTTPException(422, "no")
        return 2 * x if x < 100 else 1 // 0

    return app


def starlette_app():
    def double(request):
        x = int(request.path_params["x"])
        return PlainTextResponse(str(2 * x if x < 100 else 1 // 0), 422 if x < 0 else 200)

    return Starlette(routes=[Route("/double/{x}", double)])


@pytest.mark.parametrize("make", [fastapi_app, starlette_app], ids=["fastapi", "starlette"])
def test_a_watched_app_shows_what_it_answered_by_route_and_outcome(make):
    app = make()
    assert watch(app) is app
    client = TestClient(app, raise_server_exceptions=False)
    for x in (1, 2, -1, 200):
        client.get(f"/double/{x}")
    client.get("/s3cr3t")
    answer = client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=")
    route = {"route": "/double/{x}"}
    assert number(answer.text, "mlsd_requests_total", status="200", **route) == 2
    assert number(answer.text, "mlsd_request_seconds_count", outcome="refused", **route) == 1
    assert number(answer.text, "mlsd_request_seconds_count", outcome="failed", **route) == 1
    assert number(answer.text, "mlsd_requests_total", route="none", status="404") == 1
    assert "s3cr3t" not in answer.text
    assert app.state.meters.requests()["status"].tolist() == [200, 200, 422, 500, 404]


def test_a_bare_asgi_app_is_watched_too():
    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    class Callable:
        async def __call__(self, scope, receive, send):
            await app(scope, receive, send)

    for bare in (app, Callable()):
        watched = watch(bare)
        client = TestClient(watched)
        assert client.get("/x").status_code == 204
        assert number(client.get("/metrics").text, "mlsd_requests_total", route="none", status="204") == 1
        assert counts(watched.meters.text(), "ok") == 1


def test_only_reading_metrics_is_answered_and_a_request_in_flight_is_seen():
    seen = []

    async def app(scope, receive, send):
        scope["endpoint"] = app  # all that some routers tell
        seen.append(number(watched.meters.text(), "mlsd_requests_in_flight"))
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    watched = watch(app)
    client = TestClient(watched)
    assert client.post("/metrics").status_code == 204
    assert client.head("/metrics").status_code == 200
    assert seen == [1]
    assert number(watched.meters.text(), "mlsd_requests_in_flight") == 0
    assert watched.meters.requests()["route"].tolist() == ["app"]


def test_a_request_without_an_answer_is_the_client_s():
    async def app(scope, receive, send):
        pass  # the client went away

    async def nothing(*_):
        raise AssertionError

    watched = watch(app)
    asyncio.run(watched({"type": "http", "path": "/x", "method": "GET"}, nothing, nothing))
    assert watched.meters.requests()["status"].tolist() == [499]


def test_an_app_with_metrics_of_its_own_keeps_them():
    app = FastAPI()
    app.add_api_route("/metrics", lambda: "mine")
    client = TestClient(watch(app))
    assert client.get("/metrics").json() == "mine"
    assert counts(app.state.meters.text(), "ok") == 1


def test_watching_twice_counts_once():
    app = watch(fastapi_app())
    meters = app.state.meters
    client = TestClient(watch(app))
    assert app.state.meters is meters and len(app.user_middleware) == 1
    client.get("/double/1")
    assert counts(client.get("/metrics").text, "ok") == 1


def test_what_is_used_stands_there_by_name():
    text = watch(lambda rows: rows).meters.text()
    names = {name for name, _ in samples(text)}
    assert names >= {
        "process_cpu_seconds_total",
        "process_resident_memory_bytes",
        "process_start_time_seconds",
        "machine_memory_available_bytes",
        "machine_disk_free_bytes",
        "machine_network_bytes_total",
        "mlsd_requests_in_flight",
    }


class Used(SimpleNamespace):
    """A process that has used a known amount of each thing; 13 has ended, 14 ends while it is looked at."""

    def __init__(self, pid):
        if pid == 13:
            raise psutil.NoSuchProcess(pid)
        super().__init__(pid=pid)

    def cpu_times(self):
        return (1.0, 2.0, 4.0, 8.0)  # user, system, and those of children

    def memory_info(self):
        if self.pid == 14:
            raise psutil.NoSuchProcess(self.pid)
        return SimpleNamespace(rss=100, vms=900)

    def create_time(self):
        return 1_700_000_000.0

    def io_counters(self):
        return SimpleNamespace(read_bytes=7, write_bytes=9)


def test_what_is_used_is_what_the_system_says(monkeypatch, tmp_path):
    looked = []
    monkeypatch.setattr(psutil, "Process", Used)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(total=50, available=20, free=10))
    monkeypatch.setattr(
        psutil,
        "disk_usage",
        lambda folder: looked.append(folder) or SimpleNamespace(total=60, used=1, free=30),
    )
    monkeypatch.setattr(psutil, "net_io_counters", lambda: SimpleNamespace(bytes_sent=3, bytes_recv=5))
    registry = CollectorRegistry()
    registry.register(Usage(lambda: [12, 13, 14], tmp_path))
    found = samples(generate_latest(registry))
    by_process = {(name, dict(own)["pid"]): n for (name, own), n in found.items() if "process" in name}
    assert by_process == {
        ("process_cpu_seconds_total", "12"): 3,
        ("process_cpu_seconds_total", "14"): 3,
        ("process_resident_memory_bytes", "12"): 100,
        ("process_start_time_seconds", "12"): 1_700_000_000,
        ("process_start_time_seconds", "14"): 1_700_000_000,
        ("process_disk_read_bytes_total", "12"): 7,
        ("process_disk_read_bytes_total", "14"): 7,
        ("process_disk_written_bytes_total", "12"): 9,
        ("process_disk_written_bytes_total", "14"): 9,
    }
    machine = {name: n for (name, own), n in found.items() if not own}
    assert machine == {"machine_memory_available_bytes": 20, "machine_disk_free_bytes": 30}
    assert looked == [str(tmp_path)]
    traffic = {dict(own)["direction"]: n for (name, own), n in found.items() if "network" in name}
    assert traffic == {"sent": 3, "received": 5}


def test_a_call_is_dated_when_it_began_and_a_first_failure_is_a_step_from_0():
    before = pd.Timestamp.now("UTC")
    predict = watch(lambda rows: time.sleep(0.3))
    predict([1])
    after = pd.Timestamp.now("UTC")
    at = predict.meters.requests()["at"].item()
    slack = pd.Timedelta("50ms")  # two clocks
    assert before - slack <= at <= after - pd.Timedelta("300ms") + slack
    shown = [
        dict(own)["outcome"] for name, own in samples(predict.meters.text()) if name.endswith("ds_count")
    ]
    assert sorted(shown) == ["failed", "ok", "refused"]


def test_what_cannot_be_watched_is_refused_in_one_sentence():
    with pytest.raises(
        RefusedError, match=r"^watch got a int; expected an ASGI app or a function rows -> pred"
    ):
        watch(3)
    app = fastapi_app()
    TestClient(app).get("/double/1")
    with pytest.raises(RefusedError, match=r"^this app runs already; watch it before its first request$"):
        watch(app)


def test_a_missing_extra_is_one_sentence():
    script = (
        "import sys; sys.modules[{name!r}] = None\n"
        "from mlsd.monitoring import watch\n"
        "from mlsd.report import RefusedError\n"
        "try: watch(lambda rows: rows)\n"
        "except RefusedError as error: print(error)"
    )
    for name in ("prometheus_client", "psutil"):
        told = subprocess.run(
            [sys.executable, "-c", script.format(name=name)], capture_output=True, text=True
        )
        assert told.stdout == (
            f"watching a service needs {name}, which is not installed: pip install 'mlsd[serving]'\n"
        ), told.stderr


def test_importing_the_room_brings_neither_client_nor_psutil():
    script = "import sys, mlsd.monitoring as m; m.golden_signals, m.prometheus_rules; print(*sys.modules)"
    told = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    assert {"prometheus_client", "psutil", "fastapi"} & set(told.stdout.split()) == set()


# ---- the four golden signals -----------------------------------------------------------------------


def log(n=1000, seconds=0.1, status=200, every="1s", **more):
    at = pd.date_range("2024-02-05", periods=n, freq=every, tz="UTC")
    return pd.DataFrame({"at": at, "seconds": seconds, "status": status, **more})


def red(report):
    return {(f.code, f.subject) for f in report if not f.ok}


def value(report, code, subject=""):
    return next(f.value for f in report if (f.code, f.subject) == (code, subject))


def test_requests_that_fail_fast_do_not_improve_latency():
    draw = np.random.default_rng(0)
    slow = log(seconds=draw.gamma(4, 0.05, 1000))
    failing = slow.copy()
    broken = draw.random(1000) < 0.5
    failing.loc[broken, ["seconds", "status"]] = [0.001, 500]
    assert value(golden_signals(failing), "latency", "p50") == pytest.approx(
        float(slow.loc[~broken, "seconds"].median()), rel=0.02
    )
    assert failing["seconds"].median() < 0.05  # what the mean of all would have shown
    assert red(golden_signals(failing)) == {("errors", "")}


def test_each_planted_fault_moves_its_own_signal():
    draw, n = np.random.default_rng(1), 2000
    healthy = log(n, seconds=draw.gamma(4, 0.02, n))
    assert red(golden_signals(healthy, capacity=10)) == set()
    slow = healthy.assign(seconds=healthy["seconds"] + np.where(draw.random(n) < 0.1, 1.0, 0))
    assert red(golden_signals(slow, capacity=10)) == {("latency", "p95")}
    failing = healthy.assign(status=np.where(draw.random(n) < 0.03, 503, 200))
    assert red(golden_signals(failing, capacity=10)) == {("errors", "")}
    refused = healthy.assign(status=np.where(draw.random(n) < 0.3, 422, 200))
    assert red(golden_signals(refused, capacity=10)) == set()
    crowded = healthy.assign(at=healthy["at"].iloc[0] + (healthy["at"] - healthy["at"].iloc[0]) / 200)
    assert red(golden_signals(crowded, capacity=10)) == {("saturation", "")}
    assert value(golden_signals(crowded), "traffic") > 100 * value(golden_signals(healthy), "traffic")


def test_few_requests_leave_room_for_doubt():
    assert red(golden_signals(log(20, status=[500] + [200] * 19))) == set()  # 5 % of 20 may be 1 % of many
    assert red(golden_signals(log(20, status=[500] * 5 + [200] * 15))) == {("errors", "")}


def test_a_service_exactly_at_its_limit_alarms_in_less_than_one_window_of_25():
    alarms = [not golden_signals(log(500, status=[500] * k + [200] * (500 - k))).ok for k in range(30)]
    chance = binom.pmf(np.arange(30), 500, 0.01)[alarms].sum() + binom.sf(29, 500, 0.01)
    assert chance < 0.04
    assert binom.pmf(np.arange(30), 500, 0.04)[alarms].sum() + binom.sf(29, 500, 0.04) > 0.99  # four times it


def test_health_checks_and_scrapes_are_left_out():
    mixed = log(
        4, seconds=[9.0, 0.01, 0.01, 0.01], route=["/predict", "/health/ready", "/metrics", "/health"]
    )
    report = golden_signals(mixed)
    assert value(report, "latency", "p50") == 9.0
    assert next(f for f in report if f.code == "traffic").count == 1


@settings(max_examples=30)
@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 20)), min_size=1, max_size=40))
def test_most_in_flight_is_what_a_count_at_every_moment_finds(pairs):
    start = pd.Timestamp("2024-02-05", tz="UTC")
    frame = pd.DataFrame(
        {
            "at": [start + pd.Timedelta(seconds=b) for b, _ in pairs],
            "seconds": [s for _, s in pairs],
            "status": 200,
        }
    )
    most = max(sum(b <= moment < b + s for b, s in pairs) for moment in range(80))
    found = next(f for f in golden_signals(frame) if f.code == "saturation").details["most"]
    assert found == max(most, 1)


@settings(max_examples=25)
@given(st.lists(st.floats(0, 100), min_size=1, max_size=60), st.randoms())
def test_order_and_gaps_in_the_index_change_nothing(seconds, shuffled):
    frame = log(len(seconds), seconds=seconds)
    order = list(range(len(frame)))
    shuffled.shuffle(order)
    assert golden_signals(frame.iloc[order]).to_json() == golden_signals(frame).to_json()


def test_an_empty_window_and_one_without_success_are_findings():
    empty = golden_signals(log(0))
    assert [(f.code, f.ok) for f in empty] == [("no_requests", False)]
    failed = golden_signals(log(10, status=500))
    assert ("latency", "") in red(failed)
    assert not failed.ok


BAD = {
    "no frame": ([1, 2], "requests is a list; expected a DataFrame of"),
    "no column": (
        log().drop(columns="status"),
        "the requests have no column 'status'; expected one row each",
    ),
    "no zone": (
        log().assign(at=pd.Timestamp("2024-02-05")),
        "column 'at' must hold moments with a time zone",
    ),
    "a clock running backwards": (
        log(2, seconds=[0.1, -3.0]),
        "column 'seconds' holds -3.0 in row 1; expected a",
    ),
    "no duration": (log(2, seconds=[None, 0.1]), "column 'seconds' holds None in row 0; expected a duration"),
    "a word for a status": (
        log(2, status="ok"),
        "column 'status' holds 'ok' in row 0; expected a status of 100",
    ),
    "no status": (log(2, status=7), "column 'status' holds 7 in row 0; expected a status of 100 to 599"),
}


@pytest.mark.parametrize(("requests", "sentence"), BAD.values(), ids=BAD)
def test_a_bad_log_is_refused_in_one_sentence(requests, sentence):
    for judge in (golden_signals, lambda r: judge_budget(r, now="2024-02-06T00:00Z")):
        with pytest.raises(RefusedError) as told:
            judge(requests)
        assert str(told.value).startswith(sentence)


# ---- error budget ----------------------------------------------------------------------------------


def test_the_budget_of_three_nines_is_43_minutes():
    assert error_budget(0.999, days=30) == 43.2
    assert error_budget(0.99, days=1) == 14.4


@given(st.floats(0.5, 0.9999), st.integers(0, 1000), st.integers(0, 1000))
def test_a_burn_rate_of_one_uses_the_budget_up_exactly_at_its_end(objective, failed, more):
    rate = burn_rate(failed, failed + more, objective)
    allowed = (1 - objective) * (failed + more)
    assert rate * allowed == pytest.approx(failed, abs=1e-6)


def test_the_workbook_windows_burn_and_stop_burning():
    seconds = 6 * 3600
    good = log(seconds, seconds=0.05)
    last = np.arange(seconds) >= seconds - 3600
    draw = np.random.default_rng(3)
    burning = good.assign(status=np.where(last & (draw.random(seconds) < 0.02), 500, 200))
    assert red(judge_budget(burning, now="2024-02-05T06:00Z")) == {("burn_fast", "")}
    later = judge_budget(burning, now="2024-02-05T06:06Z")  # nothing came since: it is over
    assert red(later) == set()
    smouldering = good.assign(status=np.where(draw.random(seconds) < 0.009, 500, 200))
    assert red(judge_budget(smouldering, now="2024-02-05T06:00Z")) == {("burn_slow", "")}
    assert red(judge_budget(good, now="2024-02-05T06:00Z")) == set()


def test_five_failures_burn_and_what_comes_after_now_is_not_known():
    for failed, burns in ((4, set()), (5, {("burn_fast", ""), ("burn_slow", "")})):
        some = log(60, every="1min", status=[200] * (60 - failed) + [500] * failed)
        assert red(judge_budget(some, now="2024-02-05T01:00Z")) == burns
        assert red(judge_budget(some, now="2024-02-05T00:55Z")) == set()
    began = log(60, every="1min", status=[500] * 5 + [200] * 55)
    assert [f.count for f in judge_budget(began, now="2024-02-05T01:00Z")] == [5, 5]  # the first at 00:00


def test_a_fire_that_is_out_for_half_an_hour_burns_no_more():
    draw, seconds = np.random.default_rng(3), 6 * 3600
    over = np.arange(seconds) >= seconds - 1860
    out = log(seconds, status=np.where(~over & (draw.random(seconds) < 0.02), 500, 200))
    assert red(judge_budget(out, now="2024-02-05T06:00Z")) == set()


def test_one_failure_in_a_quiet_hour_is_no_fire():
    quiet = log(60, every="1min", status=[200] * 59 + [500])
    assert red(judge_budget(quiet, now="2024-02-05T01:00Z")) == set()
    down = log(60, every="1min", status=[200] * 50 + [500] * 10)
    assert red(judge_budget(down, now="2024-02-05T01:00Z")) == {("burn_fast", ""), ("burn_slow", "")}


def test_an_objective_that_is_none_is_refused():
    for objective in (0.0, 1.0, 99.9):
        with pytest.raises(RefusedError, match="expected a share between 0 and 1, such as"):
            error_budget(objective)
    with pytest.raises(RefusedError, match="3 of 2 requests failed"):
        burn_rate(3, 2, 0.99)
    with pytest.raises(RefusedError, match="days is 0"):
        error_budget(0.99, days=0)


# ---- cost ------------------------------------------------------------------------------------------

TODAY = date(2026, 6, 1)
HOUR, SENT = Price(0.1, "EUR", date(2026, 5, 1), "a list"), Price(0.05, "EUR", date(2025, 5, 1), "a list")


def test_cost_is_used_times_price_per_thousand():
    report = cost_per_thousand(
        {"hour": 10, "GB": 4}, {"hour": HOUR, "GB": SENT}, predictions=600, today=TODAY
    )
    assert value(report, "cost") == pytest.approx((10 * 0.1 + 4 * 0.05) / 0.6)
    assert {(f.subject, f.severity) for f in report if not f.ok} == {("GB", "warning")}  # 396 days old
    assert "396 days old, look it up again" in next(f.message for f in report if f.subject == "GB")


REFUSED = {
    "no price": (({"hour": 1, "GB": 1}, {"hour": HOUR}, 10), "there is no price for 'GB'; give its Price"),
    "two currencies": (
        ({"hour": 1, "GB": 1}, {"hour": HOUR, "GB": Price(1, "USD", date(2026, 5, 1), "x")}, 10),
        "the prices are in EUR and USD; convert",
    ),
    "no prediction": (({"hour": 1}, {"hour": HOUR}, 0), "0 predictions were answered; expected 1 or more"),
    "nothing used": (({}, {}, 10), "nothing was used"),
    "less than nothing": (({"hour": -1}, {"hour": HOUR}, 10), "-1 of 'hour' were used; expected 0 or more"),
    "no end": (({"hour": float("inf")}, {"hour": HOUR}, 10), "inf of 'hour' were used; expected 0 or more"),
    "a price of tomorrow": (
        ({"hour": 1}, {"hour": Price(1, "EUR", date(2027, 1, 1), "x")}, 10),
        "the price of 'hour' is of 2027-01-01, after 2026-06-01",
    ),
}


@pytest.mark.parametrize(("given_", "sentence"), REFUSED.values(), ids=REFUSED)
def test_a_cost_that_nobody_can_know_is_refused(given_, sentence):
    used, prices, predictions = given_
    with pytest.raises(RefusedError) as told:
        cost_per_thousand(used, prices, predictions=predictions, today=TODAY)
    assert str(told.value).startswith(sentence)


def test_a_price_needs_amount_day_and_source():
    with pytest.raises(RefusedError, match="a price is nan; expected 0 or more EUR"):
        Price(float("nan"), "EUR", TODAY, "x")
    with pytest.raises(RefusedError, match="a price is of '2026'; expected the day it was read"):
        Price(1, "EUR", "2026", "x")
    with pytest.raises(RefusedError, match="a price names no source"):
        Price(1, "EUR", TODAY, " ")


def test_no_price_is_built_in():
    for maker in (cost_per_thousand, grafana_dashboard):
        defaults = [p.default for p in inspect.signature(maker).parameters.values()]
        assert not any(isinstance(default, float | Price) and default != 0.999 for default in defaults)
