"""A notebook is run from top to bottom in a fresh kernel; whatever goes wrong is told in one sentence."""

from __future__ import annotations

import atexit
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlsd.course.lab.home import LABS
from mlsd.course.lab.notebook import cell_name
from mlsd.course.lab.progress import PLACE, VERDICTS
from mlsd.report import RefusedError

if TYPE_CHECKING:
    from nbformat import NotebookNode

CELL_SECONDS = 60
MAX_OUTPUT = 5_000_000  # characters of one cell
_SHOWN = 300  # characters of an error that are told


def run_notebook(
    notebook: NotebookNode,
    folder: Path,
    progress: Path,
    *,
    labs: Path | None = None,
    verdicts: Path | None = None,
    go_on: bool = False,
    seconds: int = CELL_SECONDS,
    on_cell: Callable[[int], None] = lambda k: None,
) -> str:
    """Run a notebook in a fresh kernel and keep its outputs in it; the kernel and its children are ended.

    Args:
        notebook: changed in place.
        folder: the kernel's working folder.
        progress: the file that the checks inside write to.
        labs: the folder of the labs, if not the one of this installation.
        verdicts: a file to which every check inside adds its outcome.
        go_on: whether a cell that raises is told (in its output) and the next one run.
        seconds: a cell may take.
        on_cell: called with the position (from 0) of each cell when its turn comes.

    Returns:
        Why it stopped before its end, in one sentence; empty when it did not.

    Raises:
        RefusedError: no kernel can be started.
    """
    from jupyter_client.kernelspec import NoSuchKernel
    from jupyter_client.manager import AsyncKernelManager
    from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

    client = _client()(
        notebook, timeout=seconds, allow_errors=go_on, record_timing=False, coalesce_streams=True,
        resources={"metadata": {"path": str(folder)}}, kernel_name="python3",
        kernel_manager_class=AsyncKernelManager,
        on_cell_start=lambda cell, cell_index: on_cell(cell_index),
    )  # fmt: skip
    try:
        client.km = client.create_kernel_manager()
        client.km.kernel_spec.argv[0] = sys.executable  # this Python, whatever the kernel is registered with
        silent = {
            "stdout": subprocess.DEVNULL,
            "stderr": subprocess.DEVNULL,
        }  # of the kernel, not of the cells
        client.execute(**silent, env=_environment({PLACE: progress, LABS: labs, VERDICTS: verdicts}))
    except CellTimeoutError:
        return f"{client.where} did not finish in {seconds} seconds and was stopped: is there a loop without end?"
    except CellExecutionError as error:
        return f"{client.where} raised {told(error.ename, error.evalue)}"
    except (DeadKernelError, NoSuchKernel, RuntimeError, AssertionError) as error:
        if client.interrupted:
            raise KeyboardInterrupt from None
        if client.flooded:
            much = f"wrote more than {MAX_OUTPUT:,} characters"
            return f"{client.where} {much} and was stopped: is there a print in a loop?"
        if isinstance(error, DeadKernelError):
            return f"the kernel died in {client.where}: too much memory, or something ended the process"
        raise RefusedError(f"no notebook kernel can be started: {error}; `mlsd doctor` says why") from None
    finally:
        client.end_children()
        atexit.unregister(client._cleanup_kernel)  # nbclient forgets it where no kernel started
    return ""


def told(name: str, value: str) -> str:
    """Return an error of a cell in one short line.

    >>> told("ValueError", "two\\n  lines")
    'ValueError: two lines'
    """
    if name == "StdinNotImplementedError":
        return (
            "an error, for it asks with input(), and nobody is there to answer: write the value into the cell"
        )
    said = f"{name}: {' '.join(value.split())}".removesuffix(": ")
    return said if len(said) <= _SHOWN else said[: _SHOWN - 1] + "…"


def _environment(places: dict[str, Path | None]) -> dict[str, str]:
    """What the kernel is told: one thread, no chance, and where things lie."""
    named = {name: str(path.absolute()) for name, path in places.items() if path}
    return {**os.environ, **named, "OMP_NUM_THREADS": "1", "PYTHONHASHSEED": "0"}


def _client() -> Any:
    from nbclient import NotebookClient
    from nbclient.exceptions import CellTimeoutError, DeadKernelError

    class Client(NotebookClient):
        """Counts what a cell writes, knows which cell runs, and ends what the kernel started."""

        where = "its start"
        written = 0
        flooded = False
        group = 0  # of processes: the kernel's and those it starts

        @property
        def interrupted(self) -> bool:
            return hasattr(self, "_async_cleanup_kernel_future")  # nbclient was told to stop by Ctrl-C

        async def async_execute_cell(
            self, cell: Any, cell_index: int, execution_count: int | None = None, store_history: bool = True
        ) -> Any:
            self.where, self.written = cell_name(cell_index + 1, cell.source), 0
            self.group = getattr(getattr(self.km, "provisioner", None), "pgid", None) or 0
            try:
                return await super().async_execute_cell(cell, cell_index, execution_count, store_history)
            except (CellTimeoutError, DeadKernelError):
                self.shutdown_kernel = "immediate"  # it would not hear a polite request
                raise

        async def _async_check_alive(self) -> None:
            if self.kc is None:  # it was stopped meanwhile; nbclient asserts that it was not
                raise DeadKernelError("stopped")
            await super()._async_check_alive()

        def process_message(self, msg: Any, cell: Any, cell_index: int) -> Any:
            self.written += len(msg["content"].get("text") or str(msg["content"]))
            if self.written <= MAX_OUTPUT:
                return super().process_message(msg, cell, cell_index)
            self.flooded = True
            if self.task_poll_for_reply:
                self.task_poll_for_reply.cancel()  # it may wait for a reply that never comes
            return None

        def end_children(self) -> None:
            if self.group and hasattr(os, "killpg"):
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(self.group, signal.SIGKILL)

    return Client
