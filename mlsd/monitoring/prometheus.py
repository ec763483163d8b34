"""Alert rules for Prometheus: the file that it reads, with a runbook line for each alert."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from mlsd.meters import PROBES
from mlsd.monitoring.slo import BURNS, FEWEST, Burn, error_budget
from mlsd.report import RefusedError


@dataclass(frozen=True)
class _Rule:
    name: str
    when: str
    lasting: str
    severity: str  # page: somebody gets up; ticket: on the next working day
    summary: str
    runbook: str


def prometheus_rules(*, job: str = "mlsd", objective: float = 0.999, slow_seconds: float = 0.5) -> str:
    """Return alert rules for one service, as the text of a file that Prometheus loads.

    Args:
        job: the name under which Prometheus scrapes the service.
        objective: the share of requests that must not fail.
        slow_seconds: 5 % of the good answers may take longer.

    >>> print(prometheus_rules().split("      - alert: ")[1])
    ServiceDown
            expr: "(sum(up{job=\\"mlsd\\"}) or vector(0)) == 0"
            for: 1m
            labels:
              severity: page
            annotations:
              summary: "nothing answers the scrapes of mlsd"
              runbook: "look whether the process runs and read its last lines; start it anew, then roll back"
    <BLANKLINE>
    """
    if not slow_seconds > 0:
        raise RefusedError(f"slow_seconds is {slow_seconds!r}; expected a number above 0")
    minutes = error_budget(objective)
    rules = (
        *_health(job),
        *(_burning(job, burn, objective, minutes) for burn in BURNS),
        *_trends(job, slow_seconds),
    )
    return "groups:\n  - name: mlsd\n    rules:\n" + "".join(map(_written, rules))


def selector(job: str, more: str = "") -> str:
    """Return the labels of a job as PromQL selects them.

    Raises:
        RefusedError: the name would break the query.

    >>> selector("mlsd", 'outcome="ok"')
    '{job="mlsd",outcome="ok"}'
    """
    if not re.fullmatch(r"[\w.:/ -]+", job):
        raise RefusedError(f"the job is {job!r}; expected letters, digits and . : / - _ alone")
    return "{" + ",".join(filter(None, [f'job="{job}"', more])) + "}"


def asked(job: str, outcome: str = "", what: str = "count") -> str:
    """Return the histogram series of what users asked, without health checks and scrapes.

    >>> asked("mlsd", "ok")
    'mlsd_request_seconds_count{job="mlsd",route!~"/health(/.*)?|/metrics",outcome="ok"}'
    """
    labels = f'route!~"{PROBES}"' + (f',outcome="{outcome}"' if outcome else "")
    return f"mlsd_request_seconds_{what}{selector(job, labels)}"


def failed_share(job: str, window: str) -> str:
    """Return the PromQL of the share of requests that failed in a window."""
    failed, every = asked(job, "failed"), asked(job)
    return f"sum(rate({failed}[{window}])) / sum(rate({every}[{window}]))"


def slow(job: str, quantile: float) -> str:
    """Return the PromQL of the latency that a share of the good answers stays below."""
    good = asked(job, "ok", "bucket")
    return f"histogram_quantile({quantile:g}, sum by (le) (rate({good}[5m])))"


def _health(job: str) -> tuple[_Rule, ...]:
    up, ready = f"up{selector(job)}", f"mlsd_model_ready{selector(job)}"
    return (
        _Rule(
            "ServiceDown",
            f"(sum({up}) or vector(0)) == 0",
            "1m",
            "page",
            f"nothing answers the scrapes of {job}",
            "look whether the process runs and read its last lines; start it anew, then roll back",
        ),
        _Rule(
            "ModelNotReady",
            f"min({ready}) == 0",
            "2m",
            "page",
            "a process answers but has no model",
            "GET /health/ready says why; publish a version that loads, or roll the champion back",
        ),
    )


def _burning(job: str, burn: Burn, objective: float, minutes: float) -> _Rule:
    limit = round(burn.factor * (1 - objective), 9)
    failures = f"sum(increase({asked(job, 'failed')}[{burn.long}])) >= {FEWEST}"
    windows = " and ".join(f"{failed_share(job, window)} > {limit:g}" for window in (burn.long, burn.short))
    return _Rule(
        "".join(part.title() for part in ["budget", *burn.name.split("_")]),
        f"{windows} and {failures}",
        "0m",  # the short window is the wait
        "page",
        f"failures use up the budget of {minutes:g} minutes a month more than {burn.factor:g} times too fast",
        "see in the log which route and which version fail; roll the champion back if it began with a release",
    )


def _trends(job: str, slow_seconds: float) -> tuple[_Rule, ...]:
    own, requests = selector(job), asked(job)
    return (
        _Rule(
            "AnswersSlow",
            f"{slow(job, 0.95)} > {slow_seconds:g}",
            "10m",
            "ticket",
            f"more than 5 % of the good answers take longer than {slow_seconds:g} s",
            "compare with traffic and CPU: more workers if both rose, else look for what a release changed",
        ),
        _Rule(
            "CpuSaturated",
            f"max(rate(process_cpu_seconds_total{own}[5m])) > 0.9",
            "10m",
            "ticket",
            "a process keeps a whole core busy, requests wait for it",
            "start more workers, or send large batches as lines to a service of their own",
        ),
        _Rule(
            "MemoryGrows",
            f"sum(deriv(process_resident_memory_bytes{own}[30m])) * 4 * 3600"
            f" > min(machine_memory_available_bytes{own})",
            "15m",
            "page",
            "at this rate the RAM is full within four hours",
            "start the workers anew one by one to win time; then find what keeps objects since which release",
        ),
        _Rule(
            "DiskFills",
            f"min(predict_linear(machine_disk_free_bytes{own}[1h], 24 * 3600)) < 0",
            "30m",
            "ticket",
            "at this rate the disk is full within a day",
            "prune the prediction log; look for what else grows",
        ),
        _Rule(
            "NoTraffic",
            f"(sum(rate({requests}[15m])) or vector(0)) == 0 and sum(up{own}) > 0",
            "15m",
            "ticket",
            "nobody has asked anything for half an hour",
            "ask it once yourself; if it answers, look at who should be asking",
        ),
    )  # fmt: skip


def _written(rule: _Rule) -> str:
    """Return a rule as YAML; text in JSON's quotes is YAML too."""
    return (
        f"      - alert: {rule.name}\n"
        f"        expr: {json.dumps(rule.when)}\n"
        f"        for: {rule.lasting}\n"
        f"        labels:\n          severity: {rule.severity}\n"
        f"        annotations:\n          summary: {json.dumps(rule.summary)}\n"
        f"          runbook: {json.dumps(rule.runbook)}\n"
    )
