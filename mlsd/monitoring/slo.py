"""How much may fail: a service-level objective, its error budget, and how fast the budget burns."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from mlsd.monitoring.signals import checked_requests
from mlsd.plain import utc
from mlsd.report import Finding, RefusedError, Report

FEWEST = 5  # failures before anything burns: one failure in a quiet hour is no fire


@dataclass(frozen=True)
class Burn:
    """A budget that burns too fast in a long window, and still does in a short one.

    The long window makes sure that it matters, the short one that it is not over.

    Args:
        name: of the finding.
        long, short: windows.
        factor: times the rate that would use up the budget exactly at its end.
    """

    name: str
    long: str
    short: str
    factor: float


# Beyer et al., The Site Reliability Workbook (2018), chapter 5, table 5-8: 2 % of a 30-day budget in an
# hour, 5 % in six hours.
BURNS = (Burn("burn_fast", "1h", "5m", 14.4), Burn("burn_slow", "6h", "30m", 6.0))


def error_budget(objective: float, *, days: float = 30) -> float:
    """Return the minutes in which everything may fail without breaking the objective.

    Args:
        objective: the share of requests (or of time) that must be good, such as 0.999.
        days: the time it is promised for.

    >>> error_budget(0.999, days=30)
    43.2
    """
    _check(objective)
    if not days > 0:
        raise RefusedError(f"days is {days!r}; expected a number above 0")
    return round((1 - objective) * days * 24 * 60, 9)


def burn_rate(failed: int, total: int, objective: float) -> float:
    """Return how many times faster than allowed the error budget is used up; 1.0 lasts exactly.

    Args:
        failed: requests that failed.
        total: all requests; 0 burns nothing.
        objective: the share that must be good.

    >>> burn_rate(20, 1000, objective=0.999)  # 2 % fail, 0.1 % may
    20.0
    """
    _check(objective)
    if not 0 <= failed <= total:
        raise RefusedError(f"{failed} of {total} requests failed; expected 0 <= failed <= total")
    return round(failed / total / (1 - objective), 9) if total else 0.0


def judge_budget(requests: pd.DataFrame, *, objective: float = 0.999, now: pd.Timestamp | str) -> Report:
    """Tell whether the error budget burns so fast that somebody should be called.

    Args:
        requests: as `golden_signals` takes them, of the last six hours at least.
        objective: the share of requests that must not fail (status 500 and above).
        now: the end of all windows; what came later is not looked at.

    Returns:
        A finding `burn_fast` (1 hour and 5 minutes, 14.4 times) and `burn_slow` (6 hours and 30
        minutes, 6 times); each needs 5 failures at least.

    >>> at = pd.date_range("2024-02-05", periods=7200, freq="s", tz="UTC")
    >>> log = pd.DataFrame({"at": at, "seconds": 0.1, "status": [200] * 7000 + [503] * 200})
    >>> print(judge_budget(log, now="2024-02-05T02:00Z"))
    error budget of 99.9 %: FAILED, 2 of 2 findings failed
      FAILED   burn_fast     5.6 % failed in 1h, 66.7 % in 5m: 55.6 and 667 times the budget, limit 14.4
      FAILED   burn_slow     2.8 % failed in 6h, 11.1 % in 30m: 27.8 and 111 times the budget, limit 6
    """
    _check(objective)
    end, requests = utc(now, "now"), checked_requests(requests)
    findings = (_burn(requests, burn, objective, end) for burn in BURNS)
    return Report(f"error budget of {100 * objective:g} %", tuple(findings))


def _burn(requests: pd.DataFrame, burn: Burn, objective: float, end: pd.Timestamp) -> Finding:
    long, short = (_counts(requests, window, end) for window in (burn.long, burn.short))
    rates = [burn_rate(*counts, objective) for counts in (long, short)]
    shares = [100 * failed / max(total, 1) for failed, total in (long, short)]
    return Finding(
        burn.name,
        ok=min(rates) <= burn.factor or long[0] < FEWEST,
        value=rates[0],
        limit=burn.factor,
        message=f"{shares[0]:.1f} % failed in {burn.long}, {shares[1]:.1f} % in {burn.short}: "
        f"{rates[0]:.3g} and {rates[1]:.3g} times the budget, limit {burn.factor:g}",
        count=long[0],
        details={"total": long[1], "short": rates[1]},
    )


def _counts(requests: pd.DataFrame, window: str, end: pd.Timestamp) -> tuple[int, int]:
    if requests.empty:
        return 0, 0
    inside = requests[(requests["at"] >= end - pd.Timedelta(window)) & (requests["at"] < end)]
    return int((inside["status"] >= 500).sum()), len(inside)


def _check(objective: float) -> None:
    if not 0 < objective < 1:
        raise RefusedError(f"the objective is {objective!r}; expected a share between 0 and 1, such as 0.999")
