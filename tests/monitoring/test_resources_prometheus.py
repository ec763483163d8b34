"""Prometheus reads what is written for it: text, alert rules, queries; and real faults are seen in it."""

import contextlib
import json
import math
import re
import shutil
import signal
import subprocess
import sys
import time

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from mlsd.datasets import make_spam_posts
from mlsd.monitoring import Price, grafana_dashboard, prometheus_rules, watch
from mlsd.platform import Server, records_of
from mlsd.registry import Registry
from mlsd.report import RefusedError
from mlsd.training import Recipe, train

needs_promtool = pytest.mark.skipif(
    not shutil.which("promtool"), reason="promtool is not installed (Debian: apt-get install prometheus)"
)
needs_prometheus = pytest.mark.skipif(
    not shutil.which("prometheus"), reason="prometheus is not installed (Debian: apt-get install prometheus)"
)
APP = """
import socket, sys, time
import uvicorn
from fastapi import FastAPI, HTTPException
from mlsd.monitoring import watch

app, kept = FastAPI(), []

@app.get("/predict")
def predict(fault: str = "none"):
    if fault == "slow":
        time.sleep(0.2)
    elif fault == "fail":
        raise HTTPException(503)
    elif fault == "leak":
        kept.append(b"x" * 5_000_000)
    return 0.5

watch(app)
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
uvicorn.Server(uvicorn.Config(app, log_level="warning")).run(sockets=[listener])
"""


@contextlib.contextmanager
def process(command, **more):
    """A process that ends with the block."""
    running = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, **more)
    try:
        yield running
    finally:
        running.send_signal(signal.SIGKILL)
        running.wait()
        running.stdout.close()
        if running.stderr:
            running.stderr.close()


@pytest.fixture(scope="module")
def faulty():
    """A client of a watched app that fails in the way it is asked to."""
    with process([sys.executable, "-c", APP]) as running:
        url = f"http://127.0.0.1:{int(running.stdout.readline())}"
        with httpx.Client(base_url=url, trust_env=False, timeout=30) as client:
            client.get("/predict")  # what is loaded at the first request is no leak
            yield client


# ---- the text --------------------------------------------------------------------------------------


@needs_promtool
def test_promtool_accepts_the_text(faulty):
    text = faulty.get("/metrics").text
    told = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True)
    assert (told.returncode, told.stdout, told.stderr) == (0, "", "")


def test_a_watched_function_is_scraped_through_a_server_of_the_client_library():
    from prometheus_client import start_http_server

    predict = watch(lambda rows: rows)
    predict([1, 2, 3])
    server, thread = start_http_server(0, addr="127.0.0.1", registry=predict.meters.registry)
    try:
        text = httpx.get(f"http://127.0.0.1:{server.server_port}/metrics", trust_env=False).text
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    assert 'mlsd_predictions_total{version="none"} 3.0' in text


# ---- planted faults --------------------------------------------------------------------------------


def signals(client):
    """Sums over all routes: good and failed requests, seconds of the good, RAM."""
    text, found = client.get("/metrics").text, {"ok": 0.0, "failed": 0.0, "seconds": 0.0, "ram": 0.0}
    for family in text_string_to_metric_families(text):
        for s in family.samples:
            if s.name == "mlsd_request_seconds_count" and s.labels["outcome"] in found:
                found[s.labels["outcome"]] += s.value
            elif s.name == "mlsd_request_seconds_sum" and s.labels["outcome"] == "ok":
                found["seconds"] += s.value
            elif s.name == "process_resident_memory_bytes":
                found["ram"] += s.value
    return found


def during(client, *faults):
    """Latency of the good answers (s), share that failed, growth of RAM (MB) over 20 rounds of faults."""
    before = signals(client)
    for _ in range(20):
        for fault in faults:
            client.get("/predict", params={"fault": fault})
    after = signals(client)
    grown = {name: after[name] - before[name] for name in before}
    asked = grown["ok"] + grown["failed"]
    return grown["seconds"] / max(grown["ok"], 1), grown["failed"] / asked, grown["ram"] / 1e6


def test_a_leak_moves_ram_alone(faulty):
    latency, failed, ram = during(faulty, "leak")
    assert ram > 90  # 20 times 5 MB
    assert failed == 0
    assert latency < 0.1


def test_slowness_moves_latency_alone(faulty):
    latency, failed, ram = during(faulty, "slow")
    assert latency > 0.2
    assert failed == 0
    assert ram < 20


def test_fast_failures_move_errors_and_leave_the_latency_of_good_answers(faulty):
    latency, failed, ram = during(faulty, "slow", "fail")
    assert latency > 0.2  # the mean of all would be half of it
    assert failed == 0.5
    assert ram < 20


# ---- alert rules -----------------------------------------------------------------------------------

MINUTES = 120
LABELS = 'job="mlsd",instance="a"'
OWN = f'{LABELS},pid="1"'
SECONDS = f'{LABELS},route="/predict"'
GIGA = 10**9
HEALTHY = {  # series -> values, one a minute, in promtool's shorthand
    f"up{{{LABELS}}}": "1x120",
    f"mlsd_model_ready{{{OWN}}}": "1x120",
    f'mlsd_request_seconds_count{{{SECONDS},outcome="ok"}}': "0+60x120",
    f'mlsd_request_seconds_count{{{SECONDS},outcome="failed"}}': "0x120",
    f'mlsd_request_seconds_bucket{{{SECONDS},outcome="ok",le="0.5"}}': "0+60x120",
    f'mlsd_request_seconds_bucket{{{SECONDS},outcome="ok",le="1"}}': "0+60x120",
    f'mlsd_request_seconds_bucket{{{SECONDS},outcome="ok",le="+Inf"}}': "0+60x120",
    f"process_cpu_seconds_total{{{OWN}}}": "0+30x120",
    f"process_resident_memory_bytes{{{OWN}}}": f"{GIGA // 4}x120",
    f"machine_memory_available_bytes{{{LABELS}}}": f"{4 * GIGA}x120",
    f"machine_disk_free_bytes{{{LABELS}}}": f"{50 * GIGA}+0x120",
}
OK, FAILED = (f'mlsd_request_seconds_count{{{SECONDS},outcome="{o}"}}' for o in ("ok", "failed"))
PROBES = f'mlsd_request_seconds_count{{{LABELS},route="/health/ready",outcome="failed"}}'
WORLDS = {  # what is planted -> (series that differ, the alerts that fire at the end)
    "nothing": ({}, set()),
    "down": ({f"up{{{LABELS}}}": "1x80 0x40"}, {"ServiceDown"}),
    "gone": ({f"up{{{LABELS}}}": "1x80 _x40"}, {"ServiceDown"}),
    "a restart": ({f"up{{{LABELS}}}": "1x119 0x1"}, set()),
    "no model": ({f"mlsd_model_ready{{{OWN}}}": "1x110 0x10"}, {"ModelNotReady"}),
    "one of two has no model": ({f'mlsd_model_ready{{{LABELS},pid="2"}}': "1x110 0x10"}, {"ModelNotReady"}),
    "2 % fail for an hour": ({FAILED: "0x60 0+2x60"}, {"BudgetBurnFast", "BudgetBurnSlow"}),
    "they failed an hour ago": ({FAILED: "0x30 0+2x60 120x30"}, set()),
    "0.9 % fail all day": ({FAILED: "0+0.6x120"}, {"BudgetBurnSlow"}),
    "0.05 % fail all day": ({FAILED: "0+0.03x120"}, set()),
    "4 of 60 failed": ({OK: "0+1x120", FAILED: "0x115 1 2 3 4 4"}, set()),
    "health checks fail": ({PROBES: "0+10x120"}, set()),
    "slow answers": (
        {f'mlsd_request_seconds_bucket{{{SECONDS},outcome="ok",le="0.5"}}': "0+54x120"},
        {"AnswersSlow"},
    ),
    "slow failures": (
        {
            FAILED: "0+6x120",
            f'mlsd_request_seconds_bucket{{{SECONDS},outcome="failed",le="0.5"}}': "0x120",
            f'mlsd_request_seconds_bucket{{{SECONDS},outcome="failed",le="1"}}': "0x120",
            f'mlsd_request_seconds_bucket{{{SECONDS},outcome="failed",le="+Inf"}}': "0+6x120",
        },
        {"BudgetBurnFast", "BudgetBurnSlow"},
    ),
    "slow for a moment": (
        {f'mlsd_request_seconds_bucket{{{SECONDS},outcome="ok",le="0.5"}}': "0+60x116 6960+30x4"},
        set(),
    ),
    "a full core": ({f"process_cpu_seconds_total{{{OWN}}}": "0+58x120"}, {"CpuSaturated"}),
    "a leak": ({f"process_resident_memory_bytes{{{OWN}}}": f"0+{GIGA // 40}x120"}, {"MemoryGrows"}),
    "a leak beside an empty machine": (
        {
            f"process_resident_memory_bytes{{{OWN}}}": f"0+{GIGA // 40}x120",
            'machine_memory_available_bytes{job="mlsd",instance="b"}': f"{900 * GIGA}x120",
        },
        {"MemoryGrows"},
    ),
    "a small leak": ({f"process_resident_memory_bytes{{{OWN}}}": f"0+{GIGA // 400}x120"}, set()),
    "a disk that fills": (
        {f"machine_disk_free_bytes{{{LABELS}}}": f"{50 * GIGA}-{GIGA // 10}x120"},
        {"DiskFills"},
    ),
    "nobody asks": (
        {s: "9x120" for s in HEALTHY if s.startswith("mlsd_request")},
        {"NoTraffic"},
    ),
    "nobody ever asked": (
        {s: "_x120" for s in HEALTHY if s.startswith("mlsd_request")},
        {"NoTraffic"},
    ),
}


def alerts_of(rules):
    """name -> (severity, summary, runbook)."""
    found = {}
    for block in rules.split("- alert: ")[1:]:
        said = [json.loads(text) for text in re.findall(r'(?:summary|runbook): (".*")', block)]
        found[block.split("\n")[0]] = (re.search(r"severity: (\w+)", block)[1], *said)
    return found


def expected(name, alerts, firing):
    severity, summary, runbook = alerts[name]
    one = {"exp_labels": {"severity": severity}, "exp_annotations": {"summary": summary, "runbook": runbook}}
    return {"eval_time": f"{MINUTES}m", "alertname": name, "exp_alerts": [one] if name in firing else []}


@needs_promtool
def test_each_rule_fires_in_its_world_and_in_no_other(tmp_path):
    rules = prometheus_rules()
    (tmp_path / "rules.yml").write_text(rules)
    told = subprocess.run(
        ["promtool", "check", "rules", tmp_path / "rules.yml"], capture_output=True, text=True
    )
    assert told.returncode == 0, told.stdout
    assert "9 rules found" in told.stdout
    alerts = alerts_of(rules)
    assert len(alerts) == 9
    assert {name for _, firing in WORLDS.values() for name in firing} == set(alerts)  # each is seen to fire
    worlds = [
        {
            "name": world,
            "interval": "1m",
            "input_series": [{"series": s, "values": v} for s, v in (HEALTHY | planted).items()],
            "alert_rule_test": [expected(name, alerts, firing) for name in alerts],
        }
        for world, (planted, firing) in WORLDS.items()
    ]
    plan = {"rule_files": ["rules.yml"], "evaluation_interval": "1m", "tests": worlds}
    (tmp_path / "plan.yml").write_text(json.dumps(plan))  # JSON is YAML
    told = subprocess.run(
        ["promtool", "test", "rules", tmp_path / "plan.yml"], capture_output=True, text=True
    )
    assert told.returncode == 0, told.stdout + told.stderr


def test_the_rules_hold_the_limits_that_were_asked_for():
    rules = prometheus_rules(objective=0.99, slow_seconds=2.0)
    for limit in (14.4 * 0.01, 6 * 0.01):
        assert rules.count(f" > {limit:g} and ") == 2  # the long window and the short one
    assert ' > 2"' in rules and "longer than 2 s" in rules
    assert rules.count("the budget of 432 minutes a month") == 2


def test_every_rule_has_a_severity_and_a_line_to_run_by():
    for severity, summary, runbook in alerts_of(prometheus_rules(job="spam")).values():
        assert severity in ("page", "ticket")
        assert len(summary) > 10
        assert len(runbook) > 20


def test_a_job_that_would_break_the_query_is_refused():
    for make in (prometheus_rules, grafana_dashboard):
        with pytest.raises(RefusedError, match=r'^the job is \'a"b\'; expected letters, digits'):
            make(job='a"b')
        with pytest.raises(RefusedError, match=r"^the objective is 99\.9; expected a share"):
            make(objective=99.9)
    with pytest.raises(RefusedError, match=r"^slow_seconds is 0; expected a number above 0$"):
        prometheus_rules(slow_seconds=0)


# ---- the dashboard ---------------------------------------------------------------------------------

NAMED = "Usage|Request rate|Latency|Errors|Saturation|CPU|RAM|Network|Disk|Cost|Uptime".split("|")


def dashboard():
    from datetime import date

    return json.loads(grafana_dashboard(machine_hour=Price(0.1, "EUR", date(2026, 5, 1), "an example")))


def test_the_dashboard_names_every_resource_and_its_panels_do_not_overlap():
    page = dashboard()
    titles = [panel["title"] for panel in page["panels"]]
    for name in NAMED:
        assert [title for title in titles if title.startswith(name)], name
    assert "price of 2026-05-01" in next(title for title in titles if title.startswith("Cost"))
    places = [tuple(panel["gridPos"].values()) for panel in page["panels"]]
    cells = [(x + i, y + j) for h, w, x, y in places for i in range(w) for j in range(h)]
    assert len(cells) == len(set(cells))
    assert max(x for x, _ in cells) < 24
    assert len({panel["id"] for panel in page["panels"]}) == len(titles)
    assert not any(title.startswith("Cost") for title in re.findall(r'"title": "(.*)"', grafana_dashboard()))
    assert {v["name"] for v in page["templating"]["list"]} == {"source"}
    assert {t["datasource"]["uid"] for p in page["panels"] for t in p["targets"]} == {"${source}"}


PANELS = {  # title -> what its queries show after two hours
    "Uptime": [7200],  # s, of the older process
    "Latency": [0.25, 0.475, 0.495],  # s: all answers lie evenly between 0 and 0.5
    "Errors": [0.6 / 60.6],
    "Usage": [7200],  # predictions in the last hour, two a second
    "Error budget": [0.6 / 60.6 / 0.001],
    "Cost": [1000 * 0.1 * 2 / 3600 / 2],  # EUR: two machines, two predictions a second
}


@needs_promtool
def test_a_panel_shows_what_happened(tmp_path):
    world = HEALTHY | {
        FAILED: "0+0.6x120",
        f'mlsd_predictions_total{{{LABELS},version="1"}}': "0+120x120",
        'up{job="mlsd",instance="b"}': "1x120",
        f"process_start_time_seconds{{{OWN}}}": "0x120",
        f'process_start_time_seconds{{{LABELS},pid="2"}}': "3600x120",
    }
    panels = [
        (target["expr"], shown)
        for title, values in PANELS.items()
        for panel in dashboard()["panels"]
        if panel["title"].startswith(title + " ") or panel["title"] == title
        for target, shown in zip(panel["targets"], values, strict=True)
    ]
    assert len(panels) == sum(map(len, PANELS.values()))
    asked = [
        {
            "expr": f"round(1e6 * ({expr}))",
            "eval_time": f"{MINUTES}m",
            "exp_samples": [{"labels": "{}", "value": round(1e6 * shown)}],
        }
        for expr, shown in panels
    ]
    series = [{"series": s, "values": v} for s, v in world.items()]
    tests = [{"interval": "1m", "input_series": series, "promql_expr_test": asked}]
    (tmp_path / "plan.yml").write_text(json.dumps({"tests": tests}))
    told = subprocess.run(
        ["promtool", "test", "rules", tmp_path / "plan.yml"], capture_output=True, text=True
    )
    assert told.returncode == 0, told.stdout + told.stderr


# ---- a real Prometheus -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def prometheus(faulty, tmp_path_factory):
    """A client of a Prometheus that scrapes a real server and a watched app every second, and what asks both."""
    folder = tmp_path_factory.mktemp("prometheus")
    world = make_spam_posts(2000, random_state=0)
    package = train(world.frame, Recipe(target=world.target))
    registry = Registry(folder / "registry")
    registry.publish(registry.register("spam", package))
    rows = records_of(world.frame.head(5), package.schema, package.features)
    (folder / "rules.yml").write_text(prometheus_rules())
    with Server(registry.folder, "spam") as server, server.client() as client:
        targets = {"mlsd": client.base_url, "faulty": faulty.base_url}
        jobs = [
            {"job_name": n, "static_configs": [{"targets": [u.netloc.decode()]}]} for n, u in targets.items()
        ]
        often = {"scrape_interval": "1s", "evaluation_interval": "1s"}
        plan = {"global": often, "rule_files": ["rules.yml"], "scrape_configs": jobs}
        (folder / "prometheus.yml").write_text(json.dumps(plan))
        command = [
            "prometheus",
            f"--config.file={folder}/prometheus.yml",
            f"--storage.tsdb.path={folder}/data",
        ]
        command.append("--web.listen-address=127.0.0.1:0")
        with process(command, stderr=subprocess.PIPE) as running:
            lines = iter(running.stderr.readline, "")
            port = next(m[1] for m in (re.search(r'"Listening on" address=.*:(\d+)', x) for x in lines) if m)

            def ask():
                faulty.get("/predict")
                client.post("/v1/models/spam/predictions", json={"instances": rows})

            with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=30) as asking:
                yield asking, ask


def soon(prometheus, query):
    """The result, once every value in it is a number; a rate needs traffic between two scrapes."""
    asking, ask = prometheus
    until = time.monotonic() + 60
    while True:
        ask()
        answer = asking.get("/api/v1/query", params={"query": query}).json()
        assert answer["status"] == "success", (query, answer)
        found = {json.dumps(r["metric"]): float(r["value"][1]) for r in answer["data"]["result"]}
        if found and all(map(math.isfinite, found.values())):
            return found
        assert time.monotonic() < until, (query, found)
        time.sleep(0.3)


@needs_prometheus
def test_prometheus_scrapes_the_server_and_every_panel_shows_data(prometheus):
    assert len(soon(prometheus, "up == 1 and on() count(up == 1) == 2")) == 2
    assert soon(prometheus, 'sum(mlsd_predictions_total{job="mlsd"}) >= 5')
    for page in (dashboard(), json.loads(grafana_dashboard(job="faulty"))):  # the same for any watched app
        for panel in page["panels"]:
            for target in panel["targets"]:
                assert soon(prometheus, target["expr"])


@needs_prometheus
def test_prometheus_loads_the_rules_and_a_healthy_server_raises_none(prometheus):
    until = time.monotonic() + 60
    while True:
        groups = prometheus[0].get("/api/v1/rules").json()["data"]["groups"]
        rules = [rule for group in groups for rule in group["rules"]]
        if all(rule["health"] == "ok" for rule in rules) or time.monotonic() > until:
            break
        time.sleep(0.3)
    assert {rule["name"] for rule in rules} == set(alerts_of(prometheus_rules()))
    assert {rule["health"] for rule in rules} == {"ok"}
    assert {rule["name"] for rule in rules if rule["state"] == "firing"} == set()
