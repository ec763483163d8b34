"""What the server counts about itself, for Prometheus to read."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from starlette.responses import Response

from mlsd.serving.champion import Champion

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)


class Metrics:
    """The counters of one app, in a registry of their own, so that two apps never share a number.

    Args:
        champion: whose version, readiness and failures are shown.
    """

    def __init__(self, champion: Champion) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._requests = Counter(
            "mlsd_requests",
            "Requests answered, by route and status.",
            ["route", "status"],
            registry=self.registry,
        )
        self._seconds = Histogram(
            "mlsd_request_seconds",
            "Seconds from the first byte of a request to the last of its answer.",
            ["route"],
            buckets=_SECONDS,
            registry=self.registry,
        )
        self._predictions = Counter(
            "mlsd_predictions", "Predictions answered, by version.", ["version"], registry=self.registry
        )
        self.in_flight = Gauge("mlsd_requests_in_flight", "Requests being answered.", registry=self.registry)
        self._show("mlsd_model_version", "The version that answers; 0: none.", lambda: _number(champion))
        self._show(
            "mlsd_model_ready", "1 when a model is ready.", lambda: float(champion.current is not None)
        )
        self._show(
            "mlsd_model_load_failures",
            "Tries to load a version that failed.",
            lambda: float(champion.failures),
        )
        self._versions: dict[int, Counter] = {}
        self._known: dict[tuple[str, int], tuple[Counter, Histogram]] = {}  # labels() is slow

    def _show(self, name: str, text: str, value: Callable[[], float]) -> None:
        Gauge(name, text, registry=self.registry).set_function(value)

    def answered(self, route: str, status: int, seconds: float) -> None:
        """Count one answered request."""
        known = self._known.get((route, status))
        if known is None:
            known = self._requests.labels(route, str(status)), self._seconds.labels(route)
            self._known[route, status] = known
        known[0].inc()
        known[1].observe(seconds)

    def predicted(self, version: int, count: int) -> None:
        """Count the predictions of one answer."""
        counter = self._versions.get(version)
        if counter is None:
            counter = self._versions[version] = self._predictions.labels(str(version))
        counter.inc(count)

    def response(self) -> Response:
        """Return everything counted, in the text format of Prometheus."""
        return Response(generate_latest(self.registry), headers={"Content-Type": CONTENT_TYPE_LATEST})


def _number(champion: Champion) -> float:
    return float(champion.current.number if champion.current else 0)
