"""Can this computer run the labs? Each row is tried for real, and each one that fails says what to do."""

from __future__ import annotations

import platform
import re
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import webbrowser
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any

from mlsd.course.packages import INSTALL, compare_packages
from mlsd.report import Finding, RefusedError, Report
from mlsd.store import one_sentence, write_file

PYTHONS = ((3, 11), (3, 13))  # the oldest and the newest that pyproject.toml allows
FREE = 1.0  # GB
SECONDS = 60.0  # seconds; the first start on a cold disk takes long
_OPENMP = {
    "Darwin": "brew install libomp",
    "Windows": "install the Microsoft Visual C++ Redistributable",
    "Linux": "apt-get install libgomp1 (Debian, Ubuntu) or dnf install libgomp (Fedora)",
}
_BROWSERS = (
    "firefox firefox-esr chromium chromium-browser google-chrome google-chrome-stable brave-browser opera "
    "microsoft-edge vivaldi epiphany konqueror org.mozilla.firefox com.google.Chrome x-www-browser wslview"
).split()
_NO_WINDOW = "www-browser w3m lynx links elinks xdg-open gvfs-open gnome-open kde-open".split()
_SUM = "1 + 1"
_IMPORT = "__import__('mlsd.report').__name__"
_TRAIN = """
import lightgbm, numpy
x = numpy.arange(100.0).reshape(-1, 1)
settings = {"objective": "binary", "num_threads": 2, "verbose": -1}
model = lightgbm.train(settings, lightgbm.Dataset(x, x[:, 0] >= 50), num_boost_round=5)
low, high = model.predict(x[[0, 99]])
print("learned" if low < 0.5 < high else f"{low} and {high}")
"""


def examine(folder: Path = Path(".")) -> Report:
    """Look whether this computer can run the labs: one finding per row, in about five seconds.

    Nothing is sent anywhere, and whatever is started or written is ended and deleted.

    Args:
        folder: where the labs are to be worked on.

    >>> print(", ".join(ROWS))
    python, packages, kernel, disk, browser, libgomp, ports
    """
    return Report("this computer", tuple(_look(code, row, Path(folder)) for code, row in ROWS.items()))


def _look(code: str, row: Callable[[Path], dict[str, Any]], folder: Path) -> Finding:
    try:
        return Finding(code, **row(folder))
    except RefusedError as error:
        return Finding(code, ok=False, message=str(error))
    except Exception as error:  # a broken computer breaks in ways nobody foresaw; the other rows go on
        told = (
            f"this row itself stopped: {type(error).__name__}: {error}; mend the other rows, then try again"
        )
        return Finding(code, ok=False, message=told)


def _python(folder: Path) -> dict[str, Any]:
    version, bits = platform.python_version(), 64 if sys.maxsize > 2**32 else 32
    if not PYTHONS[0] <= tuple(sys.version_info[:2]) <= PYTHONS[1] or bits != 64:
        raise RefusedError(
            f"this is Python {version}, {bits} bit, expected 3.11 to 3.13, 64 bit; "
            "install one of these and make a new environment with it"
        )
    return {"message": f"Python {version}, {bits} bit", "value": version}


def _kernel(folder: Path) -> dict[str, Any]:
    try:
        from jupyter_client.kernelspec import NoSuchKernel
        from jupyter_client.manager import KernelManager
    except ImportError as error:
        raise RefusedError(f"no notebook kernel can be started: {error}; run: {INSTALL}") from None
    manager = KernelManager(kernel_name="python3")
    renew = "run: python -m ipykernel install --sys-prefix"
    with tempfile.TemporaryFile() as errors:
        try:
            manager.start_kernel(cwd=_place(folder), stdout=subprocess.DEVNULL, stderr=errors)
        except (NoSuchKernel, OSError) as error:
            raise RefusedError(f"no notebook kernel can be started: {error}; {renew}") from None
        answers = _ask(manager, errors)
    if answers.get(_SUM) != "2":
        raise RefusedError(f"the notebook kernel answers {answers.get(_SUM, 'nothing')} to {_SUM}; {renew}")
    mlsd = answers[_IMPORT]
    if "No module named 'mlsd'" in mlsd:
        raise RefusedError(f"the notebook kernel runs in another Python, which has no mlsd; {renew}")
    if mlsd != "'mlsd'":
        raise RefusedError(
            f"the notebook kernel cannot import mlsd: {mlsd}; if a file of yours has the name of a package, "
            f"rename it, else run: {INSTALL}"
        )
    return {"message": "a notebook kernel starts, adds 1 and 1, and imports mlsd"}


def _ask(manager: Any, errors: IO[bytes]) -> dict[str, str]:
    """What a started kernel answers to `_SUM` and `_IMPORT`; it is ended afterwards."""
    client = manager.blocking_client()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=SECONDS)
        asked = {text: text for text in (_SUM, _IMPORT)}
        reply = client.execute("", user_expressions=asked, reply=True, timeout=SECONDS)
        found = reply["content"].get("user_expressions", {})
        return {text: _answer(told) for text, told in found.items()}
    except (RuntimeError, TimeoutError):
        errors.seek(0)
        silent = f"does not answer within {SECONDS:g} seconds"
        ended = f"ends at once{_last_line(errors.read().decode(errors='replace'))}"
        raise RefusedError(
            f"the notebook kernel {silent if manager.is_alive() else ended}; "
            "run: python -m pip install --force-reinstall ipykernel"
        ) from None
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def _answer(told: dict[str, Any]) -> str:
    return told["data"]["text/plain"] if "data" in told else f"{told.get('ename')}: {told.get('evalue')}"


def _disk(folder: Path) -> dict[str, Any]:
    if not folder.is_dir():
        raise RefusedError(f"there is no folder {folder}; make it, or go to another one and try again")
    data = secrets.token_bytes(2**20)  # 1 MiB that no disk can shrink
    path = folder / f".mlsd-doctor-{secrets.token_hex(8)}"
    with one_sentence(folder):
        write_file(path, data)
        try:
            same = path.read_bytes() == data
        finally:
            path.unlink()
        free = shutil.disk_usage(folder).free / 1e9
    if not same:
        raise RefusedError(f"{folder} gives back other bytes than were written; work on another disk")
    if free < FREE:
        raise RefusedError(
            f"{free:.1f} GB are free in {folder}, expected {FREE:g}; delete what you can spare"
        )
    return {
        "message": f"a file is written, read back and deleted; {FREE:g} GB or more is free",
        "value": free,
    }


def _browser(folder: Path) -> dict[str, Any]:
    name = _default_browser() or next(filter(shutil.which, _BROWSERS), "")
    if name:
        return {"message": "a web browser is here", "value": name}
    todo = "install Firefox or Chromium, or open the address that JupyterLab prints by hand"
    return {"ok": False, "severity": "warning", "message": f"no web browser was found; {todo}"}


def _default_browser() -> str:
    """The browser Python would open, where that is one with windows; else ""."""
    try:
        name = str(getattr(webbrowser.get(), "name", "default"))
    except webbrowser.Error:
        return ""
    if platform.system() in ("Darwin", "Windows"):
        return name  # these always bring one
    return name if Path(name).name not in _NO_WINDOW and shutil.which(name) else ""


def _libgomp(folder: Path) -> dict[str, Any]:
    """In a process of its own: a broken library may end or hang the process it is loaded into."""
    command = [sys.executable, "-c", _TRAIN]
    anew = "run: python -m pip install --force-reinstall --no-deps lightgbm"
    try:
        done = subprocess.run(
            command, cwd=_place(folder), capture_output=True, text=True, errors="replace", timeout=SECONDS
        )
    except subprocess.TimeoutExpired:
        raise RefusedError(f"LightGBM trains no model within {SECONDS:g} seconds; {anew}") from None
    if done.stdout.strip().endswith("learned") and done.returncode == 0:
        return {"message": "LightGBM trains a model"}
    said = _last_line(done.stderr) or f": it ended with code {done.returncode} {done.stdout.strip()}".rstrip()
    if re.search(r"libgomp|libomp|vcomp|lib_lightgbm", done.stderr):
        raise RefusedError(
            f"LightGBM does not start{said}; {_OPENMP.get(platform.system(), _OPENMP['Linux'])}"
        )
    raise RefusedError(f"LightGBM trains no model{said}; {anew}")


def _ports(folder: Path) -> dict[str, Any]:
    todo = "let Python use 127.0.0.1 in the firewall or security program of this computer"
    try:
        with socket.create_server(("127.0.0.1", 0)) as server:
            server.settimeout(5)
            with socket.create_connection(server.getsockname(), timeout=5) as client:
                served = server.accept()[0]
                with served:
                    served.settimeout(5)
                    client.sendall(b"here")
                    if served.recv(4) != b"here":
                        raise OSError("other bytes arrive than were sent")
    except OSError as error:
        raise RefusedError(f"no program here reaches another through 127.0.0.1: {error}; {todo}") from None
    return {"message": "one program reaches another through 127.0.0.1"}


def _place(folder: Path) -> Path | None:
    """Where a process is started: as a lab would be, so that a file that hides a package is found."""
    return folder if folder.is_dir() else None  # the row of the disk tells


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith(" ")]
    return f": {lines[-1][:200]}" if lines else ""


ROWS: Mapping[str, Callable[[Path], dict[str, Any]]] = {
    "python": _python,
    "packages": compare_packages,
    "kernel": _kernel,
    "disk": _disk,
    "browser": _browser,
    "libgomp": _libgomp,
    "ports": _ports,
}
