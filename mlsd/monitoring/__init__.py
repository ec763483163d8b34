"""Monitoring: drift, performance with late labels, alerts and diagnosis."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .alerts import AlertRule as AlertRule
    from .diagnosis import diagnose as diagnose
    from .drift import detect_drift as detect_drift
    from .performance import judge_performance as judge_performance

__all__ = ["AlertRule", "detect_drift", "diagnose", "judge_performance"]

_HOME = {
    "AlertRule": "alerts",
    "detect_drift": "drift",
    "diagnose": "diagnosis",
    "judge_performance": "performance",
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
