"""The process that serves: one socket, one app, as many workers as are asked for."""

from __future__ import annotations

import errno
import json
import logging
import os
import signal
import socket
import sys
import tempfile
import threading
from dataclasses import asdict, dataclass
from multiprocessing import connection, parent_process
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlsd.report import RefusedError

if TYPE_CHECKING:
    import uvicorn
    from fastapi import FastAPI

HOST = "127.0.0.1"
KEY = "MLSD_API_KEY"  # read from the environment: a command line can be read by everybody on the machine
_SERVING = "MLSD_SERVING"  # how a worker is told what to serve


@dataclass(frozen=True)
class Serving:
    """What one server answers for; plain text, so that workers can be told.

    Args:
        registry: folder.
        name: the model's name there.
        log: file of the prediction log, or None.
        rate: requests a second that one address may ask, or None.
        rate_file: what the workers count in.
        counts: folder that the workers count their requests in, so that `/metrics` is of them all.
        told: a line of JSON for each request, on standard error.
    """

    registry: str
    name: str
    log: str | None = None
    rate: float | None = None
    rate_file: str | None = None
    counts: str | None = None
    told: bool = False

    def app(self) -> FastAPI:
        """Return the app.

        Raises:
            RefusedError: there is no such registry, or the log cannot be used.
        """
        from mlsd.prediction_log import PredictionLog
        from mlsd.registry import Registry
        from mlsd.serving import create_app
        from mlsd.serving.limiter import Limiter

        if not Path(self.registry).is_dir():  # opening it would make it
            raise RefusedError(f"there is no registry in {self.registry}; register a version first")
        log = PredictionLog(self.log) if self.log else None
        limiter = Limiter(self.rate, self.rate_file) if self.rate else None
        return create_app(Registry(self.registry), self.name, log, os.environ.get(KEY), limiter=limiter)


def listen(port: int) -> socket.socket:
    """Return a socket that listens on this machine alone.

    Raises:
        RefusedError: the port is taken, not allowed, or does not exist.
    """
    if not 0 <= port <= 65_535:
        raise RefusedError(f"port {port} does not exist; choose 0 to 65535")
    try:
        return socket.create_server((HOST, port))  # bound and listening at once: nobody can come between
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise RefusedError(f"port {port} is taken; choose another, or 0") from None
        raise RefusedError(f"port {port} cannot be used: {(error.strerror or str(error)).lower()}") from None


def server_of(app: Any, **more: Any) -> uvicorn.Server:
    """Return a server for an app, as every worker runs it."""
    import uvicorn

    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,  # else whoever asks may say which address it comes from
        timeout_graceful_shutdown=5,
        timeout_keep_alive=30,
        **more,
    )
    sys.setswitchinterval(0.0005)  # seconds; at the usual 0.005 the log's thread waits for the loop
    return uvicorn.Server(config)


def run_workers(serving: Serving, listener: socket.socket, workers: int) -> None:
    """Serve from several processes that take turns at one socket, until a signal comes.

    One that dies is started anew. They share the registry, the log, the rate and the counts of
    `/metrics`; the last two begin anew at each start.
    """
    from uvicorn.supervisors import Multiprocess

    with tempfile.TemporaryDirectory(prefix="mlsd-serving-") as folder:
        Path(folder, "counts").mkdir()
        shared = Serving(**{**asdict(serving), "rate_file": f"{folder}/rate", "counts": f"{folder}/counts"})
        os.environ[_SERVING] = json.dumps(asdict(shared))
        server = server_of("mlsd.platform.process:app_of_worker", factory=True, workers=workers)
        Multiprocess(server.config, [listener]).run()


def app_of_worker() -> FastAPI:
    """Return the app of a worker; called by the server in its process."""
    parent = parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()
    sys.setswitchinterval(0.0005)
    serving = Serving(**json.loads(os.environ[_SERVING]))
    if serving.counts:
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = serving.counts  # before prometheus_client is imported
    write_down(serving.told)
    return serving.app()


def _end_with(sentinel: int) -> None:
    connection.wait([sentinel])  # the parent is gone, however it died
    os.kill(os.getpid(), signal.SIGTERM)


def write_down(told: bool) -> None:
    """Write what happens to standard error: sentences, or a line of JSON for each request too."""
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    requests = logging.getLogger("mlsd_requests")
    requests.setLevel(logging.INFO if told else logging.WARNING)
    if told and not requests.handlers:
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter("%(message)s"))
        requests.addHandler(handler)
        requests.propagate = False
