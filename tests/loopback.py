"""Real servers on loopback, for tests that need one."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request


def free_port():
    with socket.socket() as waiting:
        waiting.bind(("127.0.0.1", 0))
        return waiting.getsockname()[1]


@contextlib.contextmanager
def mlflow_server(folder):
    """A real `mlflow server` on loopback with SQLite, and its address."""
    port = free_port()
    uri = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port)]
    command += ["--workers", "1", "--backend-store-uri", f"sqlite:///{folder}/mlflow.db"]
    command += ["--artifacts-destination", str(folder / "artifacts")]
    quiet = os.environ | {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    with open(folder / "server.log", "wb") as log:
        process = subprocess.Popen(
            command, cwd=folder, stdout=log, stderr=log, env=quiet, start_new_session=True
        )
        try:
            end = time.monotonic() + 120
            while True:
                with contextlib.suppress(OSError), urllib.request.urlopen(f"{uri}/health", timeout=1):
                    break
                assert process.poll() is None and time.monotonic() < end, (folder / "server.log").read_text()
                time.sleep(0.1)
            yield uri
        finally:
            os.killpg(process.pid, signal.SIGKILL)  # the server and its worker
            process.wait()
