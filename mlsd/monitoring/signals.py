"""The four golden signals of a service, from a list of its requests: latency, traffic, errors, saturation."""

from __future__ import annotations

import numpy as np
import pandas as pd

from mlsd.meters import PROBES
from mlsd.plain import to_plain
from mlsd.report import Finding, RefusedError, Report
from mlsd.stats import wilson_interval

_QUANTILES = {"p50": 0.50, "p95": 0.95, "p99": 0.99}
_FULL = 0.8  # of the capacity; beyond it waiting grows faster than traffic


def golden_signals(
    requests: pd.DataFrame, *, slow_seconds: float = 0.5, errors: float = 0.01, capacity: int | None = None
) -> Report:
    """Judge the requests of a window by latency, traffic, errors and saturation.

    Latency is that of the answers that succeeded: a service that fails fast is not a fast one. Errors are
    the server's own, status 500 and above; what it refused for the client's fault (4xx) is told beside. A
    limit counts as passed only when the 95 % interval leaves no doubt. Without a column `in_flight`,
    how many requests were in flight follows from when each began and how long it took. With a column
    `route`, health checks and scrapes are left out: they are many and quick.

    Args:
        requests: one row per request: `at` (when it began, with a time zone), `seconds`, `status`.
        slow_seconds: at most 5 % of the good answers may take longer.
        errors: the share of requests that may fail.
        capacity: requests that can be answered at once; None: saturation is told, not judged.

    Raises:
        RefusedError: a column is missing or holds what is no moment, no duration, no status.

    Source: Beyer et al., Site Reliability Engineering (2016), chapter 6.

    >>> at = pd.date_range("2024-02-05", periods=100, freq="s", tz="UTC")
    >>> log = pd.DataFrame({"at": at, "seconds": 0.2, "status": [200] * 80 + [500] * 20})
    >>> print(golden_signals(log))
    golden signals: FAILED, 1 of 6 findings failed
      FAILED   errors              20 of 100 requests failed: 20.0 %, limit 1.0 %
      ok       latency     p50     half of the good answers took at most 0.2 s
      ok       latency     p95     95 % of the good answers took at most 0.2 s, limit 0.5 s
      ok       latency     p99     99 % of the good answers took at most 0.2 s
      ok       traffic             1.01 requests a second, 100 in all
      ok       saturation          0.2 requests in flight on average, 1 at most
    """
    requests = checked_requests(requests)
    if requests.empty:
        sentence = "there was no request in this window; nothing can be said about the service"
        return Report("golden signals", (Finding("no_requests", ok=False, message=sentence),))
    good = requests.loc[requests["status"] < 400, "seconds"]
    findings = [*_latency(good, slow_seconds), _traffic(requests), _errors(requests, errors)]
    return Report("golden signals", (*findings, _saturation(requests, capacity)))


def checked_requests(requests: pd.DataFrame) -> pd.DataFrame:
    """Return the requests in order of time, without health checks and scrapes.

    Raises:
        RefusedError: see `golden_signals`.
    """
    wanted = ("at", "seconds", "status")
    if not isinstance(requests, pd.DataFrame):
        raise RefusedError(f"requests is a {type(requests).__name__}; expected a DataFrame of {wanted}")
    absent = [name for name in wanted if name not in requests]
    if absent:
        raise RefusedError(f"the requests have no column {absent[0]!r}; expected one row each with {wanted}")
    if requests.empty:
        return requests
    at = requests["at"]
    if not isinstance(at.dtype, pd.DatetimeTZDtype) or at.isna().any():
        raise RefusedError("column 'at' must hold moments with a time zone: pd.to_datetime(at, utc=True)")
    seconds = pd.to_numeric(requests["seconds"], errors="coerce").astype("float64")
    status = pd.to_numeric(requests["status"], errors="coerce").astype("float64")
    for name, wrong in (
        ("seconds", ~(np.isfinite(seconds) & (seconds >= 0))),
        ("status", ~status.between(100, 599)),
    ):
        if wrong.any():
            came, where = to_plain(requests.loc[wrong, name].iloc[0]), requests.index[wrong][0]
            expected = "a duration of 0 or more seconds" if name == "seconds" else "a status of 100 to 599"
            raise RefusedError(f"column {name!r} holds {came!r} in row {where}; expected {expected}")
    requests = requests.assign(seconds=seconds, status=status)
    if "route" in requests:
        requests = requests[~requests["route"].astype(str).str.fullmatch(PROBES)]
    return requests.sort_values("at", kind="stable")


def _latency(good: pd.Series, slow_seconds: float) -> list[Finding]:
    if good.empty:
        sentence = "no request succeeded; there is no latency to speak of"
        return [Finding("latency", ok=False, severity="warning", message=sentence)]
    slow = int((good > slow_seconds).sum())
    findings = []
    for name, share in _QUANTILES.items():
        value = float(good.quantile(share, interpolation="higher"))
        judged = name == "p95"
        words = "half" if name == "p50" else f"{share:.0%}".replace("%", " %")
        sentence = f"{words} of the good answers took at most {value:.3g} s"
        findings.append(
            Finding(
                "latency",
                name,
                ok=not judged or wilson_interval(slow, len(good))[0] <= 1 - share,
                value=value,
                limit=slow_seconds if judged else None,
                message=sentence + (f", limit {slow_seconds:g} s" if judged else ""),
                details={"n": len(good), "slower": slow} if judged else {"n": len(good)},
            )
        )
    return findings


def _span(requests: pd.DataFrame) -> float:
    """Return the seconds from the first request to the last answer."""
    end = (requests["at"] + pd.to_timedelta(requests["seconds"], unit="s")).max()
    return max((end - requests["at"].iloc[0]).total_seconds(), 1.0)  # a rate per second needs a second


def _traffic(requests: pd.DataFrame) -> Finding:
    rate = len(requests) / _span(requests)
    sentence = f"{rate:.3g} requests a second, {len(requests):,} in all"
    return Finding("traffic", value=rate, message=sentence, count=len(requests))


def _errors(requests: pd.DataFrame, limit: float) -> Finding:
    n, failed = len(requests), int((requests["status"] >= 500).sum())
    refused = int(requests["status"].between(400, 499).sum())
    low, high = wilson_interval(failed, n)
    beside = f"; {refused:,} more were refused for the client's fault" if refused else ""
    return Finding(
        "errors",
        ok=low <= limit,
        value=failed / n,
        limit=limit,
        message=f"{failed:,} of {n:,} requests failed: {failed / n:.1%}, limit {limit:.1%}".replace("%", " %")
        + beside,
        count=failed,
        interval=(low, high),
        details={"refused": refused, "n": n},
    )


def _saturation(requests: pd.DataFrame, capacity: int | None) -> Finding:
    if "in_flight" in requests:
        mean, most = float(requests["in_flight"].mean()), float(requests["in_flight"].max())
    else:
        mean, most = float(requests["seconds"].sum()) / _span(requests), _most_at_once(requests)
    limit = None if capacity is None else _FULL * capacity
    allowed = "" if limit is None else f", limit {limit:g} of {capacity}"
    sentence = f"{mean:.2g} requests in flight on average{allowed}, {most:g} at most"
    ok = limit is None or mean <= limit
    return Finding("saturation", ok=ok, value=mean, limit=limit, message=sentence, details={"most": most})


def _most_at_once(requests: pd.DataFrame) -> float:
    """Count up at each beginning and down at each end; an end comes before a beginning of the same moment."""
    began = requests["at"].to_numpy("datetime64[ns]").astype("int64")
    ended = began + (requests["seconds"].to_numpy() * 1e9).astype("int64")
    steps = np.r_[np.ones(len(began)), -np.ones(len(ended))]
    order = np.lexsort((steps, np.r_[began, ended]))
    return float(max(np.cumsum(steps[order]).max(), 1))
