"""What a service counts about itself, for Prometheus to read: requests, predictions, and what its processes use.

One name a thing, whoever counts: `mlsd serve` and `watch()` show the same names, so that one dashboard and
one file of alert rules fit both.
"""

from __future__ import annotations

import os
import time
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlsd.report import RefusedError

if TYPE_CHECKING:
    import pandas as pd
    from prometheus_client import Counter, Gauge, Histogram

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
_SHARED = "PROMETHEUS_MULTIPROC_DIR"  # prometheus_client reads it once, when it is imported
PROBES = "/health(/.*)?|/metrics"  # routes that no user asks for; a pattern for Python and PromQL alike
OUTCOMES = ("ok", "refused", "failed")


def outcome(status: int) -> str:
    """Return `ok`, `refused` (the client's fault, 4xx) or `failed` (the server's, 5xx).

    >>> [outcome(status) for status in (200, 204, 422, 499, 503)]
    ['ok', 'ok', 'refused', 'refused', 'failed']
    """
    return OUTCOMES[(status >= 400) + (status >= 500)]


class Meters:
    """The meters of one service, in a registry of their own: two services never share a number.

    When the environment variable PROMETHEUS_MULTIPROC_DIR names a folder, the numbers are those of all
    processes that share it: counters are added up, also of processes that have ended; what belongs to one
    process carries its `pid`.

    Args:
        keep: how many requests `requests()` remembers.

    Raises:
        RefusedError: prometheus_client or psutil is not installed.

    >>> meters = Meters()
    >>> meters.answered("/predict", 200, seconds=0.004)
    >>> b'mlsd_requests_total{route="/predict",status="200"} 1.0' in meters.text()
    True
    """

    def __init__(self, keep: int = 0) -> None:
        try:
            from prometheus_client import CollectorRegistry, Counter, Histogram
            from prometheus_client.multiprocess import MultiProcessCollector

            from mlsd.usage import Usage
        except ImportError as error:
            raise RefusedError(
                f"watching a service needs {error.name}, which is not installed: pip install 'mlsd[serving]'"
            ) from None
        folder = os.environ.get(_SHARED)
        self.registry = CollectorRegistry()
        self._folder = Path(folder) if folder else None
        self._own = None if folder else self.registry  # shared numbers are read from the folder
        if folder:
            MultiProcessCollector(self.registry, folder)
        self.registry.register(Usage(self._pids))
        self._requests = Counter(
            "mlsd_requests",
            "Requests answered, by route and status.",
            ["route", "status"],
            registry=self._own,
        )
        self._seconds = Histogram(
            "mlsd_request_seconds",
            "Seconds from the first byte of a request to the last of its answer, by route and outcome.",
            ["route", "outcome"],
            buckets=_SECONDS,
            registry=self._own,
        )
        self._predictions = Counter(
            "mlsd_predictions", "Predictions answered, by version.", ["version"], registry=self._own
        )
        self.in_flight = self.gauge("mlsd_requests_in_flight", "Requests being answered.", "livesum")
        self._versions: dict[str, Counter] = {}
        self._known: dict[tuple[str, int], tuple[Counter, Histogram]] = {}  # labels() is slow
        self._recent: deque[tuple[float, str, int, float]] = deque(maxlen=keep)

    def gauge(self, name: str, text: str, together: Any = "liveall") -> Gauge:
        """Return a new gauge; of several processes each has its own, or they are added up (`"livesum"`)."""
        from prometheus_client import Gauge

        return Gauge(name, text, registry=self._own, multiprocess_mode=together)

    def answered(self, route: str, status: int, seconds: float) -> None:
        """Count one answered request."""
        known = self._known.get((route, status)) or self._meet(route, status)
        known[0].inc()
        known[1].observe(seconds)
        if self._recent.maxlen:
            self._recent.append((time.time() - seconds, route, status, seconds))

    def _meet(self, route: str, status: int) -> tuple[Counter, Histogram]:
        by = {
            name: self._seconds.labels(route, name) for name in OUTCOMES
        }  # a first failure is a step from 0
        known = self._known[route, status] = self._requests.labels(route, str(status)), by[outcome(status)]
        return known

    def predicted(self, version: int | str, count: int) -> None:
        """Count the predictions of one answer."""
        counter = self._versions.get(str(version))
        if counter is None:
            counter = self._versions[str(version)] = self._predictions.labels(str(version))
        counter.inc(count)

    def requests(self) -> pd.DataFrame:
        """Return the latest requests of this process: at (when it began, UTC), route, status, seconds."""
        import pandas as pd

        frame = pd.DataFrame(list(self._recent), columns=["at", "route", "status", "seconds"])
        at = pd.to_datetime(frame["at"].astype("float64"), unit="s", utc=True)
        return frame.assign(at=at).astype({"status": "int64", "seconds": "float64"})

    def text(self) -> bytes:
        """Return everything counted, in the text format of Prometheus."""
        from prometheus_client import generate_latest

        return generate_latest(self.registry)

    def _pids(self) -> list[int]:
        """Return the living processes of this service; what a dead one had in flight is forgotten."""
        if self._folder is None:
            return [os.getpid()]
        from prometheus_client.multiprocess import mark_process_dead
        from psutil import pid_exists

        pids = {int(file.stem.rpartition("_")[2]) for file in self._folder.glob("*.db")}
        living = {pid for pid in pids if pid_exists(pid)}
        for pid in pids - living:
            mark_process_dead(pid, str(self._folder))
        return sorted(living)
