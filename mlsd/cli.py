"""The `mlsd` command."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from mlsd.course import course_command, lab_command, registry_command
from mlsd.course.telling import show
from mlsd.monitor_command import app as monitor_app
from mlsd.report import RefusedError
from mlsd.serve_command import serve

app = typer.Typer(
    no_args_is_help=True, add_completion=False, help="Learn machine-learning systems by running one."
)
app.add_typer(lab_command.app, name="lab")
app.add_typer(course_command.app, name="course")
app.command()(serve)
app.add_typer(registry_command.app, name="registry")
app.add_typer(monitor_app, name="monitor")


class DriftKind(StrEnum):
    """What may happen to the world of the demo."""

    concept = "concept"
    data = "data"
    target = "target"
    none = "none"


class TaskKind(StrEnum):
    """What a target may be taken for."""

    classification = "classification"
    regression = "regression"


@app.callback()
def _root() -> None:
    """Learn machine-learning systems by running one."""


@app.command()
def demo(
    drift: Annotated[
        DriftKind | None, typer.Option(help="What happens to the world; concept when not given.")
    ] = None,
    random_state: Annotated[int, typer.Option(min=0, help="Another number is another month.")] = 0,
    data: Annotated[Path | None, typer.Option(help="Your own table: CSV or Parquet.")] = None,
    target: Annotated[str | None, typer.Option(help="The column of your table to predict.")] = None,
    time: Annotated[str | None, typer.Option(help="The column of your table that dates its rows.")] = None,
    task: Annotated[
        TaskKind | None, typer.Option(help="What to take the target for, if not what it looks like.")
    ] = None,
    folder: Annotated[
        Path, typer.Option(help="Where everything is written; an older demo there is replaced.")
    ] = Path("mlsd-demo"),
) -> None:
    """Run a whole system once: data, model, registry, serving, drift, retraining, safe swap."""
    console = Console()
    if data is None and (target or time or task):
        raise typer.BadParameter("--target, --time and --task go with --data FILE")
    if data is not None and drift is not None:
        raise typer.BadParameter("--drift goes with the demo's own world; your table drifts as it does")
    if data is not None and target is None:
        raise typer.BadParameter("--data needs --target COLUMN: the column to predict")
    from mlsd.platform.demo import demo_of_table, demo_of_world

    if data is None:
        kept = demo_of_world(drift.value if drift else "concept", random_state, folder, console)
    else:
        kind = task.value if task else None
        kept = demo_of_table(data, str(target), time, kind, random_state, folder, console)
    if not kept:
        raise typer.Exit(1)


@app.command()
def doctor() -> None:
    """Look whether this computer can run the labs; exit code 1 when it cannot."""
    from mlsd.course.doctor import examine

    report = examine(Path())
    show(Console(), report)
    if not report.ok:
        raise typer.Exit(1)


def main() -> None:
    """Run the command; a refusal is one sentence and exit code 1."""
    import os
    import sys

    # Threads that wait for each other must sleep: on a busy machine LightGBM's would spin, seven times as long.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    errors = Console(stderr=True)
    try:
        app()
    except RefusedError as error:
        errors.print(f"mlsd: {error}", markup=False, highlight=False, soft_wrap=True)
        sys.exit(1)
    except ModuleNotFoundError as error:
        if (error.name or "mlsd").partition(".")[0] == "mlsd":
            raise
        errors.print(f"mlsd: this needs {error.name}; run: python -m pip install 'mlsd[labs]'", markup=False)
        sys.exit(1)
    except KeyboardInterrupt:
        errors.print("mlsd: stopped; what was finished is kept")
        sys.exit(130)


if __name__ == "__main__":
    main()
