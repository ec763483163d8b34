"""From reports to messages: an alert opens once and closes once."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import pandas as pd

from mlsd.monitoring.alerts import AlertRule
from mlsd.monitoring.outbox import Alert, Outbox, Sink
from mlsd.plain import utc
from mlsd.report import Finding, RefusedError, Report

_log = logging.getLogger("mlsd_alerts")
_UNSEEN = "cannot judge"  # how a finding begins that had nothing to look at

Key = tuple[str, str, str]  # title of the report, code, subject


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
        self._outboxes: list[Outbox] = []
        self._troubles: dict[Key, _Trouble] = {}
        self._silences: list[_Silence] = []
        self._last: dict[str, pd.Timestamp] = {}
        for sink in sinks:
            self.add_sink(sink)

    def add_sink(self, sink: Sink) -> None:
        """Tell one more from now on."""
        if not callable(getattr(sink, "send", None)):
            raise RefusedError(f"the sink is a {type(sink).__name__}; expected one with send(alerts)")
        self._outboxes.append(Outbox(sink))

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
            outbox.deliver(told)
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
