"""The blocks wired into one system: the server in its own process, its traffic, the loop."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .health import Health as Health
    from .health import health_report as health_report
    from .reproduction import reproduce as reproduce
    from .server import Server as Server
    from .traffic import records_of as records_of
    from .traffic import score_many as score_many
    from .traffic import send_many as send_many

__all__ = ["Health", "Server", "health_report", "records_of", "reproduce", "score_many", "send_many"]

_HOME = {
    "Health": "health",
    "Server": "server",
    "health_report": "health",
    "records_of": "traffic",
    "reproduce": "reproduction",
    "score_many": "traffic",
    "send_many": "traffic",
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
