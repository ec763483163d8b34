"""What the server counts about itself: the meters of every service, and which version answers."""

from __future__ import annotations

from prometheus_client.exposition import CONTENT_TYPE_LATEST
from starlette.responses import Response

from mlsd.meters import Meters
from mlsd.serving.champion import Champion


class Metrics(Meters):
    """The meters of one app.

    Args:
        champion: whose version, readiness and failures are shown, looked up after each of its looks.
    """

    def __init__(self, champion: Champion) -> None:
        super().__init__()
        self._champion = champion
        self._version = self.gauge("mlsd_model_version", "The version that answers; 0: none.")
        self._ready = self.gauge("mlsd_model_ready", "1 when a model is ready.")
        self._failures = self.gauge("mlsd_model_load_failures", "Tries to load a version that failed.")
        champion.after_look = self._show
        self._show()

    def _show(self) -> None:
        current = self._champion.current
        self._version.set(current.number if current else 0)
        self._ready.set(current is not None)
        self._failures.set(self._champion.failures)

    def response(self) -> Response:
        """Return everything counted, in the text format of Prometheus."""
        self._show()
        return Response(self.text(), headers={"Content-Type": CONTENT_TYPE_LATEST})
