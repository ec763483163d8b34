"""From reports to messages: an alert opens once, closes once, and is told to whoever must know."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Protocol

import pandas as pd

from mlsd.monitoring.alerts import AlertRule, Urgency
from mlsd.plain import utc
from mlsd.report import Finding, RefusedError, Report

_log = logging.getLogger("mlsd_alerts")
_MAX_WAITING = 1_000  # alerts kept for a sink that does not take them, the newest
_UNSEEN = "cannot judge"  # how a finding begins that had nothing to look at

Key = tuple[str, str, str]  # title of the report, code, subject


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
        return " ".join(f"{told}. Do: {self.runbook}".split() if self.runbook else told.split())


class Sink(Protocol):
    """Whatever takes alerts; it raises when it could not."""

    def send(self, alerts: Sequence[Alert]) -> None:
        """Take some alerts, oldest first."""


@dataclass
class _Trouble:
    """One finding that fails, or did lately."""

    since: pd.Timestamp
    rule: AlertRule
    finding: Finding
    failed: int = 0  # reports in a row
    calm: int = 0
    open: bool = False
    told: bool = False


@dataclass
class _Outbox:
    sink: Sink
    waiting: deque[Alert] = field(default_factory=lambda: deque(maxlen=_MAX_WAITING))
    failing: bool = False


@dataclass(frozen=True)
class _Silence:
    until: pd.Timestamp
    code: str
    subject: str


class Alerting:
    """Take reports as they come, and tell each trouble once: when it opens and when it is over.

    A finding belongs to the first rule that is about its code. It opens when it failed in
    `rule.successive` reports in a row, for `rule.lasting`; it closes after `rule.clear_after` calm ones.
    So a metric that flaps is told once. A finding that says *cannot judge* changes nothing: an empty
    window is no recovery. Use one object per model that is watched; after a restart, take the latest
    reports again before the sinks are added.

    Args:
        rules: one rule, or several.
        sinks: who is told; one that fails is named once in the log, keeps its alerts until it works
            again, and never stops the others.

    Raises:
        RefusedError: no rule, or a sink that cannot send.

    >>> red = Report("drift", (Finding("drift", "n_links", ok=False, message="the median doubled"),))
    >>> alerting = Alerting(AlertRule(successive=2, runbook="ask the upstream team"))
    >>> alerting.take(red, "2024-02-05T00:00Z")
    []
    >>> print(*alerting.take(red, "2024-02-06T00:00Z"))
    open ticket: drift drift n_links: the median doubled, since 2024-02-05 00:00. Do: ask the upstream team
    >>> alerting.take(red, "2024-02-07T00:00Z")  # it was told
    []
    """

    def __init__(self, rules: AlertRule | Iterable[AlertRule], sinks: Iterable[Sink] = ()) -> None:
        self.rules = (rules,) if isinstance(rules, AlertRule) else tuple(rules)
        if not self.rules or not all(isinstance(rule, AlertRule) for rule in self.rules):
            raise RefusedError("rules holds no AlertRule; expected one or several, such as AlertRule()")
        self._outboxes: list[_Outbox] = []
        self._troubles: dict[Key, _Trouble] = {}
        self._silences: list[_Silence] = []
        self._last: dict[str, pd.Timestamp] = {}
        for sink in sinks:
            self.add_sink(sink)

    def add_sink(self, sink: Sink) -> None:
        """Tell one more from now on."""
        if not callable(getattr(sink, "send", None)):
            raise RefusedError(f"the sink is a {type(sink).__name__}; expected one with send(alerts)")
        self._outboxes.append(_Outbox(sink))

    def silence(self, until: datetime | str, *, reason: str, code: str = "", subject: str = "") -> None:
        """Tell nothing until a moment: what is still open then is told with the next report.

        Args:
            until: with a time zone.
            reason: why nobody needs to know; it goes to the log.
            code, subject: of the findings that are meant; empty for all.

        Raises:
            RefusedError: no reason.
        """
        if not reason.strip():
            raise RefusedError("the silence has no reason; say why, such as reason='planned migration'")
        self._silences.append(_Silence(utc(until, "until"), code, subject))
        meant = f"{code or 'all codes'}, {subject or 'all subjects'}"
        _log.info("silence until %s for %s: %s", f"{self._silences[-1].until:%Y-%m-%d %H:%M}", meant, reason)

    def take(self, report: Report, at: datetime | str) -> list[Alert]:
        """Judge one more report and tell what opened or closed.

        Args:
            report: reports of one title belong together, in the order of time.
            at: its moment, with a time zone.

        Returns:
            What was told now.

        Raises:
            RefusedError: no report, or its moment is not after that of the one before.
        """
        if not isinstance(report, Report):
            raise RefusedError(f"report is a {type(report).__name__}; expected a Report")
        moment, last = utc(at, "at"), self._last.get(report.title)
        if last is not None and moment <= last:
            raise RefusedError(
                f"the report {report.title!r} is of {moment:%Y-%m-%d %H:%M:%S}, the one before of "
                f"{last:%Y-%m-%d %H:%M:%S}; give each once, in the order of time"
            )
        self._last[report.title] = moment
        self._count(report, moment)
        told = self._tell(moment)
        for outbox in self._outboxes:
            _deliver(outbox, told)
        return told

    @property
    def open(self) -> tuple[Alert, ...]:
        """What is open now, the silenced too."""
        return tuple(
            _alert("open", key, trouble, self._last[key[0]])
            for key, trouble in self._troubles.items()
            if trouble.open
        )

    def _failing(self, report: Report) -> dict[Key, tuple[AlertRule, Finding]]:
        found: dict[Key, tuple[AlertRule, Finding]] = {}
        for i, rule in enumerate(self.rules):
            for f in rule.failing(report):
                if not any(earlier.concerns(f.code) for earlier in self.rules[:i]):
                    found.setdefault((report.title, f.code, f.subject), (rule, f))
        return found

    def _count(self, report: Report, at: pd.Timestamp) -> None:
        """Count failed and calm reports of each trouble; open and close."""
        failing = self._failing(report)
        judged = {(report.title, f.code, f.subject): not f.message.startswith(_UNSEEN) for f in report}
        seen = all(judged.values()) and len(report) > 0  # what is not mentioned is calm, if all was seen
        for key, (rule, finding) in failing.items():
            trouble = self._troubles.setdefault(key, _Trouble(at, rule, finding))
            trouble.finding, trouble.failed, trouble.calm = finding, trouble.failed + 1, 0
            lasted = at - trouble.since >= rule.duration
            trouble.open = trouble.open or (trouble.failed >= rule.successive and lasted)
        for key, trouble in list(self._troubles.items()):
            if key[0] != report.title or key in failing or not judged.get(key, seen):
                continue
            trouble.calm, trouble.failed = trouble.calm + 1, 0
            if not trouble.open:
                del self._troubles[key]

    def _tell(self, at: pd.Timestamp) -> list[Alert]:
        self._silences = [silence for silence in self._silences if silence.until > at]
        told = []
        for key, trouble in list(self._troubles.items()):
            if trouble.calm >= trouble.rule.clear_after:
                del self._troubles[key]
                if trouble.told:
                    told.append(_alert("closed", key, trouble, at))
            elif trouble.open and not trouble.told and not self._silenced(key):
                trouble.told = True
                told.append(_alert("open", key, trouble, at))
        return told

    def _silenced(self, key: Key) -> bool:
        return any(s.code in ("", key[1]) and s.subject in ("", key[2]) for s in self._silences)


def _alert(state: Literal["open", "closed"], key: Key, trouble: _Trouble, at: pd.Timestamp) -> Alert:
    f, rule = trouble.finding, trouble.rule
    return Alert(state, *key, rule.severity, at, trouble.since, f.message, f.value, f.limit, rule.runbook)


def _deliver(outbox: _Outbox, alerts: list[Alert]) -> None:
    """Hand over what is new and what still waits; a failure is said once, until it works again."""
    outbox.waiting.extend(alerts)
    if not outbox.waiting:
        return
    name = repr(outbox.sink)
    try:
        outbox.sink.send(tuple(outbox.waiting))
    except Exception as error:  # whatever it is, the monitor goes on
        if not outbox.failing:
            _log.warning("%s takes no alerts: %s; they wait, the monitor goes on", name, error)
        outbox.failing = True
        return
    if outbox.failing:
        _log.warning("%s takes alerts again: %d delivered", name, len(outbox.waiting))
    outbox.failing = False
    outbox.waiting.clear()
