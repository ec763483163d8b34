"""`mlsd serve NAME`: put the champion of a model behind HTTP, on this machine."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from mlsd.report import RefusedError


def serve(
    name: Annotated[str, typer.Argument(help="The model's name in the registry.")],
    registry: Annotated[Path, typer.Option(help="Folder of the registry.")],
    port: Annotated[int, typer.Option(help="0 takes any free one.")] = 8000,
    key_file: Annotated[Path | None, typer.Option(help="File with the key that clients must send.")] = None,
    log: Annotated[
        Path | None, typer.Option(help="File of the prediction log; without it, no labels.")
    ] = None,
    workers: Annotated[int, typer.Option(min=1, max=64, help="Processes that answer.")] = 1,
    rate: Annotated[
        float | None, typer.Option(min=0.01, help="Requests a second that one address may ask.")
    ] = None,
) -> None:
    """Answer with the champion of a model until Ctrl-C; a new champion takes over without a restart."""
    from mlsd.platform.process import HOST, Serving, listen, run_workers, server_of, write_down

    serving = Serving(str(registry), name, str(log) if log else None, rate, told=True)
    version = _champion(registry, name)
    _hand_over(key_file)
    with listen(port) as listener:
        app = serving.app()  # a log that cannot be used is told before anything is promised
        _tell(f"http://{HOST}:{listener.getsockname()[1]}", name, version, key_file is not None, workers)
        write_down(told=True)
        with contextlib.suppress(KeyboardInterrupt):  # raised again once all requests have finished
            if workers == 1:
                server_of(app).run(sockets=[listener])
            else:
                run_workers(serving, listener, workers)


def _champion(folder: Path, name: str) -> int:
    """Return the version that will answer.

    Raises:
        RefusedError: there is no registry, no such model, no champion, or its artifact is damaged.
    """
    from mlsd.registry import Registry

    if not folder.is_dir():  # opening it would make it
        raise RefusedError(f"there is no registry in {folder}; register a version first")
    registry = Registry(folder)
    number = registry.resolve(f"{name}@champion")
    registry.load(f"{name}@{number}")
    return number


def _hand_over(key_file: Path | None) -> None:
    """Put the key where the server looks for it, which is no command line; no file: no key."""
    from mlsd.platform.process import KEY

    os.environ.pop(KEY, None)
    if key_file is None:
        return
    try:
        key = key_file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise RefusedError(
            f"the key file {key_file} cannot be read: {error}; write one line of text"
        ) from None
    if not key:
        raise RefusedError(f"the key file {key_file} is empty; write one line of text into it")
    os.environ[KEY] = key


def _tell(url: str, name: str, version: int, keyed: bool, workers: int) -> None:
    console = Console(highlight=False)
    key = ", with the key" if keyed else ""
    by = f", from {workers} processes" if workers > 1 else ""
    console.print(f"{name}@{version} answers{by} at [bold]{url}/v1/models/{name}/predictions[/]{key}")
    console.print(f"the docs page: [bold]{url}/docs[/]{key}")
    console.print("Ctrl-C stops it; one line a request follows")
