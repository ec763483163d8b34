"""A dashboard for Grafana over what Prometheus has scraped: each resource by its name."""

from __future__ import annotations

from mlsd.monitoring.cost import Price
from mlsd.monitoring.prometheus import asked, failed_share, selector, slow
from mlsd.monitoring.slo import error_budget
from mlsd.plain import to_json

_Query = tuple[str, str]  # legend, PromQL


def grafana_dashboard(
    *, job: str = "mlsd", objective: float = 0.999, machine_hour: Price | None = None
) -> str:
    """Return a dashboard as JSON, to be imported into Grafana.

    Args:
        job: the name under which Prometheus scrapes the service.
        objective: the share of requests that must not fail.
        machine_hour: what an hour of the machine costs; None: no panel of cost.

    >>> import json
    >>> [panel["title"] for panel in json.loads(grafana_dashboard())["panels"]][:4]
    ['Uptime', 'Request rate', 'Latency of good answers', 'Errors']
    """
    panels = _signals(job) | _resources(job) | _promise(job, objective)
    if machine_hour is not None:
        panels |= _cost(job, machine_hour)
    return to_json(
        {
            "title": f"Service {job}",
            "uid": f"mlsd-{job}"[:40],
            "schemaVersion": 39,
            "refresh": "30s",
            "time": {"from": "now-6h", "to": "now"},
            "templating": {
                "list": [{"name": "source", "type": "datasource", "query": "prometheus", "label": "Source"}]
            },
            "panels": [_panel(i, title, *panel) for i, (title, panel) in enumerate(panels.items())],
        },
        indent=1,
    )


def _signals(job: str) -> dict[str, tuple[str, list[_Query]]]:
    own = selector(job)
    return {
        "Uptime": ("s", [("since the start", f"time() - min(process_start_time_seconds{own})")]),
        "Request rate": ("reqps", [("{{outcome}}", f"sum by (outcome) (rate({asked(job)}[5m]))")]),
        "Latency of good answers": (
            "s",
            [(f"p{100 * q:g}", slow(job, q)) for q in (0.5, 0.95, 0.99)],
        ),
        "Errors": ("percentunit", [("failed", failed_share(job, "5m"))]),
        "Saturation": ("short", [("requests in flight", f"sum(mlsd_requests_in_flight{own})")]),
        "Usage": (
            "short",
            [
                (
                    "predictions an hour",
                    f"sum(increase(mlsd_predictions_total{own}[1h]))"
                    f" or sum(increase({asked(job, 'ok')}[1h]))",
                )
            ],
        ),
    }


def _resources(job: str) -> dict[str, tuple[str, list[_Query]]]:
    own = selector(job)
    traffic = f"sum by (direction) (rate(machine_network_bytes_total{own}[5m]))"
    return {
        "CPU": ("short", [("cores, {{pid}}", f"sum by (pid) (rate(process_cpu_seconds_total{own}[5m]))")]),
        "RAM": (
            "bytes",
            [
                ("process {{pid}}", f"sum by (pid) (process_resident_memory_bytes{own})"),
                ("free", f"min(machine_memory_available_bytes{own})"),
            ],
        ),
        "Network": ("Bps", [("{{direction}}", traffic)]),
        "Disk": ("bytes", [("free", f"min(machine_disk_free_bytes{own})")]),
    }


def _promise(job: str, objective: float) -> dict[str, tuple[str, list[_Query]]]:
    minutes = error_budget(objective)
    burn = f"({failed_share(job, '1h')}) / {round(1 - objective, 9):g}"
    return {
        "Availability, 30 days": (
            "percentunit",
            [("answered scrapes", f"avg(avg_over_time(up{selector(job)}[30d]))")],
        ),
        f"Error budget ({minutes:g} min a month), times too fast": ("short", [("burn rate, 1 h", burn)]),
    }


def _cost(job: str, price: Price) -> dict[str, tuple[str, list[_Query]]]:
    machines = f"count(count by (instance) (up{selector(job)} == 1))"
    rate = f"(sum(rate(mlsd_predictions_total{selector(job)}[1h])) or sum(rate({asked(job)}[1h])))"
    query = f"1000 * {price.amount:g} * {machines} / 3600 / {rate}"
    title = f"Cost per 1,000 predictions ({price.currency}, price of {price.on}, {price.source})"
    return {title: ("short", [(price.currency, query)])}


def _panel(place: int, title: str, unit: str, queries: list[_Query]) -> dict[str, object]:
    source = {"type": "prometheus", "uid": "${source}"}
    return {
        "id": place + 1,
        "type": "timeseries",
        "title": title,
        "datasource": source,
        "gridPos": {"h": 7, "w": 8, "x": 8 * (place % 3), "y": 7 * (place // 3)},  # of 24 columns
        "fieldConfig": {"defaults": {"unit": unit, "min": 0}, "overrides": []},
        "targets": [
            {"refId": chr(65 + i), "datasource": source, "expr": query, "legendFormat": legend}
            for i, (legend, query) in enumerate(queries)
        ],
    }
