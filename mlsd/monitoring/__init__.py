"""Monitoring: drift, performance with late labels, alerts and diagnosis."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .adwin import ADWIN as ADWIN
    from .alerting import Alerting as Alerting
    from .alerts import AlertRule as AlertRule
    from .cost import Price as Price
    from .cost import cost_per_thousand as cost_per_thousand
    from .dependence import effective_shares as effective_shares
    from .diagnosis import diagnose as diagnose
    from .domains import compare_domains as compare_domains
    from .drift import detect_drift as detect_drift
    from .estimate import estimate_performance as estimate_performance
    from .grafana import grafana_dashboard as grafana_dashboard
    from .labels import judge_labels as judge_labels
    from .outbox import Alert as Alert
    from .performance import judge_performance as judge_performance
    from .prometheus import prometheus_rules as prometheus_rules
    from .segments import detect_drift_by as detect_drift_by
    from .signals import golden_signals as golden_signals
    from .sinks import FileSink as FileSink
    from .sinks import LogSink as LogSink
    from .sinks import WebhookSink as WebhookSink
    from .slo import burn_rate as burn_rate
    from .slo import error_budget as error_budget
    from .slo import judge_budget as judge_budget
    from .stability import psi as psi
    from .streams import DDM as DDM
    from .streams import PageHinkley as PageHinkley
    from .watching import watch as watch
    from .windows import performance_by_window as performance_by_window

__all__ = [
    "ADWIN",
    "DDM",
    "Alert",
    "AlertRule",
    "Alerting",
    "FileSink",
    "LogSink",
    "PageHinkley",
    "Price",
    "WebhookSink",
    "burn_rate",
    "compare_domains",
    "cost_per_thousand",
    "detect_drift",
    "detect_drift_by",
    "diagnose",
    "effective_shares",
    "error_budget",
    "estimate_performance",
    "golden_signals",
    "grafana_dashboard",
    "judge_budget",
    "judge_labels",
    "judge_performance",
    "performance_by_window",
    "prometheus_rules",
    "psi",
    "watch",
]

_HOME = {
    "ADWIN": "adwin",
    "Alert": "outbox",
    "AlertRule": "alerts",
    "Alerting": "alerting",
    "DDM": "streams",
    "FileSink": "sinks",
    "LogSink": "sinks",
    "PageHinkley": "streams",
    "Price": "cost",
    "WebhookSink": "sinks",
    "burn_rate": "slo",
    "compare_domains": "domains",
    "cost_per_thousand": "cost",
    "detect_drift": "drift",
    "detect_drift_by": "segments",
    "diagnose": "diagnosis",
    "effective_shares": "dependence",
    "error_budget": "slo",
    "estimate_performance": "estimate",
    "golden_signals": "signals",
    "grafana_dashboard": "grafana",
    "judge_budget": "slo",
    "judge_labels": "labels",
    "judge_performance": "performance",
    "performance_by_window": "windows",
    "prometheus_rules": "prometheus",
    "psi": "stability",
    "watch": "watching",
}


def __getattr__(name: str) -> object:
    """Import a public name from its home the first time it is asked for (PEP 562)."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
