"""What is told when something opens or closes, and how it reaches whoever must know."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import pandas as pd

from mlsd.monitoring.alerts import Urgency

MAX_WAITING = 1_000  # alerts kept for a sink that does not take them, the newest
_log = logging.getLogger("mlsd_alerts")


@dataclass(frozen=True)
class Alert:
    """One message: something opened or closed.

    Args:
        state: `"open"` or `"closed"`.
        report: the title of the report that failed.
        code, subject: of the finding that kept failing.
        severity: `"page"` or `"ticket"`.
        at: when it was told.
        since: of the first failed report.
        message, value, limit: of the last failed finding.
        runbook: what to do.
    """

    state: Literal["open", "closed"]
    report: str
    code: str
    subject: str
    severity: Urgency
    at: pd.Timestamp
    since: pd.Timestamp
    message: str
    value: Any = None
    limit: Any = None
    runbook: str = ""

    def __str__(self) -> str:
        what = " ".join(filter(None, (self.report, self.code, self.subject)))
        told = f"{self.state} {self.severity}: {what}: {self.message}, since {self.since:%Y-%m-%d %H:%M}"
        act = f". Do: {self.runbook}" if self.runbook and self.state == "open" else ""
        return " ".join(f"{told}{act}".split())


class Sink(Protocol):
    """Whatever takes alerts; it raises when it could not."""

    def send(self, alerts: Sequence[Alert]) -> None:
        """Take some alerts, oldest first."""


class Outbox:
    """The alerts on their way to one sink.

    Args:
        sink: it takes them, or raises.
    """

    def __init__(self, sink: Sink) -> None:
        self._sink, self._failing = sink, False
        self._waiting: deque[Alert] = deque(maxlen=MAX_WAITING)

    def deliver(self, alerts: Sequence[Alert]) -> None:
        """Hand over what is new and what still waits; a failure is said once, until it works again."""
        self._waiting.extend(alerts)
        if not self._waiting:
            return
        name = repr(self._sink)
        try:
            self._sink.send(tuple(self._waiting))
        except Exception as error:  # whatever it is, the monitor goes on
            if not self._failing:
                _log.warning("%s takes no alerts: %s; they wait, the monitor goes on", name, error)
            self._failing = True
            return
        if self._failing:
            _log.warning("%s takes alerts again: %d delivered", name, len(self._waiting))
        self._failing = False
        self._waiting.clear()
