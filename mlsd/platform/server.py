"""The serving app in a process of its own, reachable from this machine alone.

As a command:

    python -m mlsd.platform.server REGISTRY NAME [--log FILE] [--port 8000]

The key, if there is one, is read from the environment variable MLSD_API_KEY: a command line can be
read by everybody on the machine.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from mlsd.platform.process import HOST, KEY, Serving, listen, server_of, write_down
from mlsd.report import RefusedError
from mlsd.store import write_file

if TYPE_CHECKING:
    import httpx

_ROOT = Path(__file__).parents[2]  # what must be importable in the new process
_REFUSED = 2  # exit code of a start that was refused in one sentence


class Server:
    """One model served over HTTP by another process, for as long as a `with` block lasts.

    The process ends with the block, and also when this process dies, however it dies.

    Args:
        registry: folder of the registry that the model is published in.
        name: the model's name there.
        log_path: file of the prediction log; None: nothing is kept.
        api_key: needed by everything but `/health`; None: the server is open to this machine.
        port: 0 takes any free one.
        need_model: wait until a model is ready; False: until the process answers.
        start_seconds: how long starting may take.
        stop_seconds: how long requests in flight may take when it stops.

    Raises:
        RefusedError: on entering: the port is taken, there is no champion, or the start failed.
    """

    def __init__(
        self,
        registry: str | Path,
        name: str,
        log_path: str | Path | None = None,
        api_key: str | None = None,
        port: int = 0,
        *,
        need_model: bool = True,
        start_seconds: float = 60.0,
        stop_seconds: float = 10.0,
    ) -> None:
        self.registry, self.name, self.log_path, self.api_key = Path(registry), name, log_path, api_key
        self.port, self.need_model = port, need_model
        self.start_seconds, self.stop_seconds = start_seconds, stop_seconds
        self._process: subprocess.Popen[bytes] | None = None
        self._folder: Path | None = None

    @property
    def url(self) -> str:
        """Where the server answers."""
        return f"http://{HOST}:{self.port}"

    @property
    def pid(self) -> int | None:
        """The number of the server's process; None when there is none."""
        return self._process.pid if self._process else None

    def client(self) -> httpx.Client:
        """Return a client with pooled connections that knows address and key."""
        import httpx

        headers = {"X-API-Key": self.api_key} if self.api_key else {}
        return httpx.Client(base_url=self.url, headers=headers, trust_env=False, timeout=30.0)

    def start(self) -> Server:
        """Start the process and wait until it answers."""
        self._folder = Path(tempfile.mkdtemp(prefix="mlsd-server-"))
        try:
            self._process = self._spawn(self._folder)
            self._wait(time.monotonic() + self.start_seconds)
        except BaseException:  # Ctrl-C too: no process and no folder stays behind
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """Let requests in flight finish, then end the process; does nothing when there is none."""
        process, self._process = self._process, None
        if process is not None:
            with contextlib.suppress(BrokenPipeError):
                process.stdin.close()  # type: ignore[union-attr]  # the signal to stop
            try:
                process.wait(self.stop_seconds)
            except BaseException as error:
                process.kill()
                process.wait()
                if not isinstance(error, subprocess.TimeoutExpired):
                    raise
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    def __enter__(self) -> Server:
        return self.start()

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    def __repr__(self) -> str:
        return f"Server({self.name} at {self.url}, {'running' if self._process else 'stopped'})"

    def _spawn(self, folder: Path) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "mlsd.platform.server", str(self.registry), self.name]
        command += ["--port", str(self.port), "--address", str(folder / "address"), "--until-stdin-closes"]
        command += ["--log", str(self.log_path)] if self.log_path else []
        path = os.pathsep.join([str(_ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
        environment = {"OMP_NUM_THREADS": "1", **os.environ, "PYTHONPATH": path}
        environment.pop(KEY, None)
        if self.api_key is not None:
            environment[KEY] = self.api_key
        own_group: dict[str, Any] = (  # Ctrl-C in the terminal is for the parent, which then stops the child
            {"creationflags": 0x200} if sys.platform == "win32" else {"start_new_session": True}
        )
        with (folder / "errors").open("wb") as errors:
            return subprocess.Popen(
                command,
                env=environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                **own_group,
            )

    def _wait(self, until: float) -> None:
        address = self._folder / "address"  # type: ignore[operator]
        trouble = "it did not say where it listens"
        while time.monotonic() < until:
            self._check_alive()
            if address.exists():
                self.port = int(address.read_text())
                trouble = self._trouble()
                if not trouble:
                    return
            time.sleep(0.05)
        raise RefusedError(f"the server was not ready within {self.start_seconds:g} s: {trouble}")

    def _check_alive(self) -> None:
        code = self._process.poll() if self._process else None
        if code is not None:
            said = self._said()
            raise RefusedError(said if code == _REFUSED else f"the server ended with code {code}: {said}")

    def _said(self) -> str:
        """The last line that the process wrote to its standard error."""
        lines = (self._folder / "errors").read_text(errors="replace").strip().splitlines()  # type: ignore[operator]
        return lines[-1][:500] if lines else "it said nothing"

    def _trouble(self) -> str:
        """What keeps the server from being ready; "" when nothing does."""
        path = "/health/ready" if self.need_model else "/health/live"
        connection = HTTPConnection(HOST, self.port, timeout=5)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            content = json.loads(answer.read())
        except (OSError, HTTPException):
            return "it does not answer yet"
        finally:
            connection.close()
        if answer.status == 200:
            return ""
        if content["errors"][0]["code"] != "starting":
            raise RefusedError(
                f"{content['detail']} Publish a version first. The server said: {self._said()}"
            )
        return str(content["detail"])


def main(arguments: list[str] | None = None) -> int:
    """Serve one model until interrupted; the command line of this module.

    Args:
        arguments: what follows the command; None: what was typed.

    Returns:
        The exit code: 0, or 2 when the start was refused.
    """
    asked = _parser().parse_args(arguments)
    stop = _Stop()
    if asked.until_stdin_closes:  # before anything slow, so that no orphan can be left behind
        threading.Thread(target=stop.when_stdin_closes, daemon=True).start()
    try:
        with listen(asked.port) as listener:
            if asked.address:
                write_file(asked.address, str(listener.getsockname()[1]))
            _serve(asked, listener, stop)
    except RefusedError as error:
        sys.stderr.write(f"{error}\n")
        return _REFUSED
    except KeyboardInterrupt:
        pass
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m mlsd.platform.server", description="Serve one model.")
    parser.add_argument("registry", help="folder of the registry")
    parser.add_argument("name", help="the model's name there")
    parser.add_argument("--log", help="file of the prediction log")
    parser.add_argument("--port", type=int, default=8000, help="0 takes any free one")
    parser.add_argument("--address", help="file that the port is written to")
    parser.add_argument("--until-stdin-closes", action="store_true", help="stop when the parent is gone")
    return parser


def _serve(asked: argparse.Namespace, listener: socket.socket, stop: _Stop) -> None:
    write_down(told=False)
    stop.server = server_of(Serving(asked.registry, asked.name, asked.log).app())
    stop.server.run(sockets=[listener])


class _Stop:
    """Stops the server when the parent closes the pipe, or dies and leaves it closed."""

    def __init__(self) -> None:
        self.server: Any = None

    def when_stdin_closes(self) -> None:
        while os.read(0, 1024):
            pass
        if self.server is None:  # still importing: there is nobody to wait for
            os._exit(0)
        self.server.should_exit = True
        time.sleep(20)
        os._exit(1)


if __name__ == "__main__":
    sys.exit(main())
