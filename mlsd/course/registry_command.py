"""`mlsd registry`: who may publish what, from the command line."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from mlsd.course.telling import say, show

if TYPE_CHECKING:
    import pandas as pd

    from mlsd.registry import MLflowRegistry, Registry, Version

app = typer.Typer(no_args_is_help=True, help="The registry: what is published, by whom, and back again.")
Place = Annotated[str, typer.Argument(metavar="FOLDER", help="Of the registry, or an MLflow server's URL.")]
Reference = Annotated[str, typer.Argument(metavar="REFERENCE", help="Such as spam@3 or spam@champion.")]
Name = Annotated[str, typer.Argument(metavar="NAME", help="Of the model.")]
By = Annotated[str | None, typer.Option(help="Who does this; you, when not given.")]
_COLOURS = {"published": "green", "publishing": "yellow", "deprecated": "bright_black"}


@app.command("list")
def list_versions(
    place: Place, name: Annotated[str | None, typer.Argument(metavar="NAME", help="One model only.")] = None
) -> None:
    """Show the publishing screen: where each version stands, and what may be done with it."""
    _print(_open(place).screen(name), "no version is registered")


@app.command("show")
def show_version(place: Place, reference: Reference) -> None:
    """Show all that is known of a version, and what speaks against publishing it."""
    console, registry = Console(), _open(place)
    version = _version(registry, reference)
    for field, value in vars(version).items():
        if value not in (None, "", (), {}):
            words = ", ".join(f"{k}={v}" for k, v in value.items()) if isinstance(value, dict) else value
            say(console, f"{field:<12} {' '.join(value) if isinstance(value, tuple) else words}")
    show(console, registry.unpublishable(version))


@app.command()
def publish(place: Place, reference: Reference, by: By = None) -> None:
    """Publish a version and make it the champion; refused with reasons while anything speaks against it."""
    registry = _open(place)
    _tell(registry.publish(_version(registry, reference), by=_who(by)))


@app.command()
def approve(place: Place, reference: Reference, by: By = None) -> None:
    """Approve a version that somebody else has registered."""
    registry = _open(place)
    version = registry.approve(_version(registry, reference), by=_who(by))
    say(Console(), f"{version.reference}: approved by {', '.join(version.approved_by)}")


@app.command()
def deprecate(place: Place, reference: Reference, by: By = None) -> None:
    """Take a published version out of use, for good."""
    registry = _open(place)
    _tell(registry.deprecate(_version(registry, reference), by=_who(by)))


@app.command()
def alias(
    place: Place,
    reference: Reference,
    alias: Annotated[str, typer.Argument(metavar="ALIAS", help="Such as challenger.")],
    by: By = None,
) -> None:
    """Let an alias point to a version."""
    registry = _open(place)
    version = _version(registry, reference)
    _tell(registry.alias(version.name, alias, version.number, by=_who(by)))


@app.command()
def rollback(place: Place, name: Name, by: By = None) -> None:
    """Make the previous champion the champion again."""
    _tell(_open(place).rollback(name, by=_who(by)))


@app.command()
def search(
    place: Place,
    text: Annotated[str, typer.Argument(metavar="TEXT", help="A part of the name.")] = "",
    state: Annotated[str | None, typer.Option(help="Such as published.")] = None,
    group: Annotated[str | None, typer.Option(help="The model group.")] = None,
    metric: Annotated[str | None, typer.Option(help="Such as 'roc_auc > 0.8'.")] = None,
    tag: Annotated[list[str] | None, typer.Option(help="Such as team=trust; may be repeated.")] = None,
    lineage: Annotated[
        list[str] | None, typer.Option(help="Such as data=3fa1, how a digest begins; may be repeated.")
    ] = None,
) -> None:
    """Show the versions for which everything asked for holds."""
    found = _open(place).search(
        text, state=state, group=group, metric=metric, tags=_pairs(tag), lineage=_pairs(lineage)
    )
    metrics = [" ".join(f"{k}={v:.3g}" for k, v in one.items()) for one in found["metrics"]]
    tags = [" ".join(f"{k}={v}" for k, v in one.items()) for one in found["tags"]]
    shown = found[["name", "number", "state", "group", "created_by", "aliases"]]
    _print(shown.fillna("").assign(metrics=metrics, tags=tags), "no version is like that")


@app.command()
def tag(
    place: Place,
    reference: Reference,
    tags: Annotated[list[str], typer.Argument(metavar="NAME=TEXT...", help="NAME= takes the name away.")],
    by: By = None,
) -> None:
    """Write words on a version, to find it by."""
    registry = _open(place)
    told = {name: text or None for name, text in _pairs(tags).items()}
    version = registry.tag(_version(registry, reference), told, by=_who(by))
    say(
        Console(),
        f"{version.reference}: {' '.join(f'{k}={v}' for k, v in version.tags.items()) or 'no tags'}",
    )


@app.command()
def history(place: Place, name: Name) -> None:
    """Show who did what to a model's versions and aliases, and when."""
    _print(_open(place).history(name).fillna(""), f"nothing ever happened to {name}")


@app.command()
def delete(
    place: Place,
    reference: Reference,
    by: By = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Forget a version for good; refused while it is published or an alias points to it."""
    from mlsd.registry.version import check_deletable
    from mlsd.report import RefusedError

    registry = _open(place)
    version = _version(registry, reference)
    check_deletable(version)  # before anybody is asked
    try:
        sure = yes or typer.confirm(f"delete {version.reference}?")
    except typer.Abort:
        raise RefusedError("nothing was deleted: nobody answered; --yes deletes without asking") from None
    if sure:
        registry.delete(version, by=_who(by))
    say(Console(), f"{version.reference} is deleted" if sure else "nothing was deleted")


@app.command()
def garbage(
    place: Place, remove: Annotated[bool, typer.Option("--remove", help="Delete them, for good.")] = False
) -> None:
    """Show the artifacts that no version needs any more."""
    from mlsd.registry import MLflowRegistry
    from mlsd.report import RefusedError

    registry = _open(place)
    if isinstance(registry, MLflowRegistry):
        raise RefusedError("an MLflow server collects its own garbage; run `mlflow gc` where it runs")
    spare = registry.collect_garbage(remove=remove)
    _print(spare, "every artifact is needed")
    if len(spare):
        left = "removed" if remove else "can go; --remove deletes them"
        say(Console(stderr=True), f"{len(spare)} artifacts, {spare['bytes'].sum():,} bytes: {left}")


def _open(place: str) -> Registry | MLflowRegistry:
    from mlsd.registry import MLflowRegistry, Registry
    from mlsd.report import RefusedError

    if place.startswith(("http://", "https://")):
        return MLflowRegistry(place)
    if not Path(place, "registry.db").is_file():
        raise RefusedError(f"there is no registry at {place}; expected a folder that holds registry.db")
    return Registry(place)


def _version(registry: Registry | MLflowRegistry, reference: str) -> Version:
    from mlsd.registry.version import parse_reference

    name, _ = parse_reference(reference)
    return registry.get(name, registry.resolve(reference))


def _who(by: str | None) -> str:
    import getpass

    return getpass.getuser() if by is None else by


def _pairs(texts: list[str] | None) -> dict[str, str]:
    pairs = dict(text.split("=", 1) for text in texts or () if "=" in text)
    if len(pairs) < len(texts or ()):
        raise typer.BadParameter("expected NAME=TEXT, each name once")
    return pairs


def _tell(version: Version) -> None:
    say(Console(), f"{version.reference}: {', '.join((version.state, *version.aliases))}")


def _print(frame: pd.DataFrame, nothing: str) -> None:
    """Print a table: in colour where somebody watches, else as lines that a program can read."""
    from rich.table import Table
    from rich.text import Text

    console = Console()
    for column in frame.select_dtypes("datetimetz"):
        frame = frame.assign(**{column: frame[column].dt.strftime("%Y-%m-%d %H:%M:%S")})
    if frame.empty:
        say(console, nothing)
    elif console.is_terminal:
        table = Table(*frame.columns, box=None, pad_edge=False)
        for row in frame.astype(str).itertuples(index=False):
            style = next((_COLOURS[word] for word in row if word in _COLOURS), "")
            table.add_row(*(Text(word, style=style) for word in row))
        console.print(table)
    else:
        typer.echo(frame.to_csv(sep="\t", index=False, lineterminator="\n"), nl=False)
