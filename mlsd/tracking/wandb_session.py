"""Weights & Biases, made quiet: its folders below ours, its helper process gone with the last run."""

from __future__ import annotations

import contextlib
import netrc
import os
import threading
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

from mlsd.report import RefusedError

_PATIENCE = 20.0  # seconds for the server to answer; without a network W&B itself would wait for minutes
_lock = threading.Lock()
_open: dict[int, Any] = {}  # the runs that need the helper process
_before: dict[str, str | None] = {}  # what the environment said before


def check_key(online: bool) -> None:
    """Refuse at once what W&B would ask for in a prompt.

    Raises:
        RefusedError: wandb is not installed, or it shall send and there is no key.
    """
    if find_spec("wandb") is None:
        raise RefusedError("wandb is not installed; run: pip install 'mlsd[labs]'")
    if online and not _has_key():
        raise RefusedError("no W&B key is set: run `wandb login` once, or leave out online=True")


def _has_key() -> bool:
    if os.environ.get("WANDB_API_KEY") or os.environ.get("WANDB_IDENTITY_TOKEN_FILE"):
        return True
    host = urlparse(os.environ.get("WANDB_BASE_URL", "https://api.wandb.ai")).hostname or ""
    places = [os.environ.get("NETRC"), Path.home() / ".netrc", Path.home() / "_netrc"]
    with contextlib.suppress(OSError, netrc.NetrcParseError):
        return any(netrc.netrc(str(p)).authenticators(host) for p in places if p and Path(p).is_file())
    return False


@contextlib.contextmanager
def session(folder: Path, project: str, name: str, online: bool) -> Iterator[Any]:
    """Give a W&B run that is closed at the end; everything W&B writes goes below the folder.

    Raises:
        RefusedError: the server does not answer, or W&B refuses.
    """
    place = (folder / "wandb").absolute()
    with _lock:
        if not _open:
            _keep_below(place)
        import wandb

        run = None
        try:
            run = wandb.init(
                project=project, name=name, dir=str(folder.absolute()), reinit="create_new",
                settings=_settings(wandb, online),
            )  # fmt: skip
            _open[id(run)] = run
        except wandb.Error as error:
            told = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
            raise RefusedError(
                f"W&B cannot open a run: {told}; leave out online=True to work offline"
            ) from error
        finally:
            if run is None:
                _leave(wandb)
    try:
        yield run
    finally:
        with _lock:
            run.finish(exit_code=1)  # no effect on one that is finished
            del _open[id(run)]
            _leave(wandb)


def _settings(wandb: Any, online: bool) -> Any:
    return wandb.Settings(
        mode="online" if online else "offline",
        silent=True,
        console="off",
        init_timeout=_PATIENCE,
        login_timeout=_PATIENCE,
        x_disable_stats=True,  # no thread that measures the machine
        x_disable_machine_info=True,
        x_save_requirements=False,  # the lineage names the packages that count
        disable_git=True,
        disable_code=True,
    )


def _keep_below(place: Path) -> None:
    """Tell W&B, and the helper process it starts, where to write; by default that is the home folder."""
    told = {
        f"WANDB_{name}_DIR": str(place / name.lower()) for name in ("CACHE", "DATA", "CONFIG", "ARTIFACT")
    }
    told["WANDB_ERROR_REPORTING"] = "false"
    _before.update({name: os.environ.get(name) for name in told})
    os.environ.update(told)


def _leave(wandb: Any) -> None:
    """End the helper process when nobody needs it, and leave the environment as it was."""
    if _open:
        return
    if wandb.run is None:
        wandb.teardown()
    for name, value in _before.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
    _before.clear()
