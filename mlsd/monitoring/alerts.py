"""An alert is a rule over successive reports: one red report is a sign, several are a reason to act."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mlsd.report import Finding, Report


@dataclass(frozen=True)
class AlertRule:
    """Alert when the same finding fails in each of the last reports.

    A drift report on unchanged rows may fail in 5 % of windows, which over two weeks of daily reports
    is a false alarm every other time. The same column failing again and again by chance is another
    matter: `docs/benchmarks.md` has the measured rates.

    Args:
        successive: how many reports in a row must fail on the same code and subject.
        at_least: a failed finding of a smaller value (an effect size, say) does not count.

    >>> red = Report("Monday", (Finding("drift", "n_links", ok=False, message="moved"),))
    >>> rule = AlertRule(successive=2)
    >>> rule.judge([red]).ok, rule.judge([red, red]).ok
    (True, False)
    """

    successive: int = 3
    at_least: float = 0.0

    def __post_init__(self) -> None:
        if self.successive < 1:
            raise ValueError(f"successive is {self.successive}; expected 1 or more reports")

    def judge(self, reports: Sequence[Report]) -> Report:
        """Judge the latest reports, oldest first.

        Returns:
            A report with one failed finding `alert` per code and subject that kept failing.
        """
        title = f"alert after {self.successive} failed reports in a row"
        if len(reports) < self.successive:
            return Report(title, (Finding("quiet", message=f"only {len(reports)} reports so far"),))
        latest = reports[-self.successive :]
        kept = set.intersection(*({(f.code, f.subject) for f in self._failing(report)} for report in latest))
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
            for f in self._failing(latest[-1])
            if (f.code, f.subject) in kept
        ]
        return Report(title, tuple(alerts or [Finding("quiet", message="no finding kept failing")]))

    def _failing(self, report: Report) -> list[Finding]:
        """Return the failures that count; one without a number always does."""
        numbers = (int, float)
        return [f for f in report.failures if not isinstance(f.value, numbers) or f.value >= self.at_least]
