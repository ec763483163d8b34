"""`mlsd monitor report`: how a model in service is, on one page and in the terminal."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.text import Text

from mlsd.report import RefusedError

if TYPE_CHECKING:
    import pandas as pd

    from mlsd.package import ModelPackage
    from mlsd.platform.health import Health

app = typer.Typer(no_args_is_help=True, help="Watch a model in service.")
_COLOURS = {"ok": "white on green", "warning": "black on yellow", "FAILED": "white on red"}


@app.callback()
def _root() -> None:
    """Watch a model in service."""


@app.command()
def report(
    reference: Annotated[
        str,
        typer.Argument(metavar="REFERENCE", help="Such as spam, spam@2; or the folder of a saved package."),
    ],
    log: Annotated[Path, typer.Option(help="File of the prediction log.")],
    registry: Annotated[
        Path | None, typer.Option(help="Folder of the registry; without it, REFERENCE is a folder.")
    ] = None,
    start: Annotated[str | None, typer.Option(help="Since when, such as 2024-01-15T00:00Z.")] = None,
    end: Annotated[str | None, typer.Option(help="As of when; the newest moment in the log.")] = None,
    every: Annotated[str, typer.Option(help="How long a window is, such as 6h.")] = "1D",
    requests: Annotated[
        Path | None, typer.Option(help="Table of requests (CSV or Parquet): at, seconds, status.")
    ] = None,
    to: Annotated[Path, typer.Option(help="The page that is written.")] = Path("health.html"),
) -> None:
    """Say whether a model is up, sees the same inputs and is still right; write a page of it."""
    from mlsd.platform import health_report
    from mlsd.prediction_log import PredictionLog

    if not log.is_file():  # opening it would make it
        raise RefusedError(f"there is no prediction log at {log}; give the file that mlsd serve --log wrote")
    name, version, package = _found(reference, registry)
    table = None if requests is None else _read(requests)
    health = health_report(
        package,
        PredictionLog(log),
        version=version,
        name=name,
        start=start,
        end=end,
        every=every,
        requests=table,
    )
    page = health.save(to)
    tell(Console(), health)
    typer.echo(f"\nPage: {page}")


def tell(console: Console, health: Health) -> None:
    """Print the health, the three answers in colour where the terminal has any."""
    text = Text(str(health))
    text.stylize("bold", 0, len(health.title))
    for finding in health.card:
        at = text.plain.index(finding.subject) + 26  # where the answer stands
        text.stylize(_COLOURS.get(finding.mark, "reverse"), at, at + len(str(finding.value)))
    console.print(text, soft_wrap=True)


def _found(reference: str, folder: Path | None) -> tuple[str, int | None, ModelPackage]:
    """Return name, version and package of what was asked for.

    Raises:
        RefusedError: there is no such folder, registry, model or version.
    """
    from mlsd.package import ModelPackage
    from mlsd.registry import Registry

    if folder is None:
        if not Path(reference).is_dir():
            raise RefusedError(
                f"there is no package at {reference}; give --registry, or a saved package's folder"
            )
        return "", None, ModelPackage.load(reference)
    if not (folder / "registry.db").is_file():
        raise RefusedError(f"there is no registry at {folder}; expected a folder that holds registry.db")
    registry = Registry(folder)
    full = reference if "@" in reference or reference.startswith("models:") else f"{reference}@champion"
    version, name = registry.resolve(full), full.removeprefix("models:/").replace("@", "/").partition("/")[0]
    return name, version, registry.load(f"{name}@{version}")


def _read(path: Path) -> pd.DataFrame:
    """Return a table of requests, its times in UTC.

    Raises:
        RefusedError: there is none, or its times are none.
    """
    import pandas as pd

    if not path.is_file():
        raise RefusedError(f"there is no table of requests at {path}")
    try:
        frame = pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path)
        return frame.assign(at=pd.to_datetime(frame["at"], utc=True))
    except (ValueError, KeyError, OSError) as error:
        raise RefusedError(
            f"{path} is no table of requests with a column 'at': {str(error).splitlines()[0]}"
        ) from None
