"""An alert is a rule over successive reports: one red report is a sign, several are a reason to act."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import pandas as pd

from mlsd.report import Finding, RefusedError, Report

Urgency = Literal["page", "ticket"]


@dataclass(frozen=True)
class AlertRule:
    """Alert when the same finding fails in each of the last reports; stop when it has been calm as long.

    A drift report on unchanged rows may fail in 5 % of windows, which over four weeks of daily reports
    is a false alarm in most months. The same column failing three times running, and surely each
    time, is another matter: the default rule alerts in less than 1 % of unchanged months, however
    large windows and reference are (`docs/alerts.md` has the measured rates).

    Args:
        successive: how many reports in a row must fail on the same code and subject.
        at_least: a failed finding of a smaller value (an effect size, say) does not count.
        alpha: nor does one whose own corrected p-value is larger. All windows share one reference; one
            unlucky reference fails day after day, so repetition alone is no proof.
        codes: the findings that the rule is about, such as `("excess_loss",)`; empty for all.
        lasting: the time for which it must have failed, such as `"10min"`; `Alerting` knows the time.
        clear_after: how many calm reports in a row close the alert again (hysteresis).
        severity: `"page"` wakes somebody, `"ticket"` waits for the morning.
        runbook: what to do, or where that is written: one line.

    Raises:
        RefusedError: a number, duration or severity is not as described.

    >>> red = Report("Monday", (Finding("drift", "n_links", ok=False, message="moved"),))
    >>> rule = AlertRule(successive=2)
    >>> rule.judge([red]).ok, rule.judge([red, red]).ok
    (True, False)
    """

    successive: int = 3
    at_least: float | None = None
    alpha: float = 0.005
    codes: tuple[str, ...] = ()
    lasting: str = "0s"
    clear_after: int = 3
    severity: Urgency = "ticket"
    runbook: str = ""

    def __post_init__(self) -> None:
        for name in ("successive", "clear_after"):
            count = getattr(self, name)
            if type(count) is not int or count < 1:
                raise RefusedError(f"{name} is {count!r}; expected 1 or more reports")
        if not 0 < self.alpha <= 1:
            raise RefusedError(f"alpha is {self.alpha!r}; expected a chance above 0 and up to 1")
        if isinstance(self.codes, str):
            raise RefusedError(f"codes is {self.codes!r}; expected several: codes=({self.codes!r},)")
        if self.severity not in get_args(Urgency):
            raise RefusedError(f"severity is {self.severity!r}; expected 'page' or 'ticket'")
        if not self.duration >= pd.Timedelta(0):
            raise RefusedError(f"lasting is {self.lasting!r}; expected a time of 0 or more")

    @property
    def duration(self) -> pd.Timedelta:
        """The time for which it must have failed."""
        try:
            return pd.Timedelta(self.lasting)
        except ValueError:
            raise RefusedError(f"lasting is {self.lasting!r}; expected a time such as '10min'") from None

    def judge(self, reports: Sequence[Report]) -> Report:
        """Judge the latest reports, oldest first.

        Returns:
            A report with one failed finding `alert` per code and subject that kept failing.
        """
        title = f"alert after {self.successive} failed reports in a row"
        if len(reports) < self.successive:
            return Report(title, (Finding("quiet", message=f"only {len(reports)} reports so far"),))
        latest = reports[-self.successive :]
        kept = set.intersection(*({(f.code, f.subject) for f in self.failing(report)} for report in latest))
        alerts = [
            Finding(
                "alert",
                f.subject or f.code,
                ok=False,
                value=f.value,
                limit=f.limit,
                message=f.message,
                details={"code": f.code, "successive": self.successive},
            )
            for f in self.failing(latest[-1])
            if (f.code, f.subject) in kept
        ]
        return Report(title, tuple(alerts or [Finding("quiet", message="no finding kept failing")]))

    def concerns(self, code: str) -> bool:
        """Tell whether the rule is about such findings."""
        return not self.codes or code in self.codes

    def failing(self, report: Report) -> list[Finding]:
        """Return the failures that count; one that gives no value or no p-value is taken at its word."""
        return [
            f
            for f in report.failures
            if self.concerns(f.code)
            and (self.at_least is None or not _below(f.value, self.at_least))
            and not _below(self.alpha, f.details.get("adjusted_p"))
        ]


def _below(value: object, limit: object) -> bool:
    """Tell whether both are numbers, and the first the smaller one."""
    return isinstance(value, int | float) and isinstance(limit, int | float) and value < limit
