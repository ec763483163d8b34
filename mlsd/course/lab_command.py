"""`mlsd lab`: what a student does at the command line."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from mlsd.course.telling import bar, say

if TYPE_CHECKING:
    from mlsd.course.lab.catalogue import Entry
    from mlsd.course.lab.progress import Progress
    from mlsd.report import Report

app = typer.Typer(no_args_is_help=True, help="Labs: start one, check it, begin anew.")
Number = Annotated[str, typer.Argument(metavar="LAB", help="Number of the lab, such as 03.")]
Notebook = Annotated[
    Path | None, typer.Argument(metavar="NOTEBOOK", help="Yours; looked for here and in lab_NN.")
]


@app.command("list")
def list_labs(
    objectives: Annotated[bool, typer.Option("--objectives", help="Say what each lab teaches.")] = False,
) -> None:
    """List the labs: minutes, and how many exercises you have passed."""
    from rich.table import Table

    from mlsd.course.lab.catalogue import catalogue
    from mlsd.course.lab.progress import Progress

    console, passed = Console(), Progress.here().passed
    table = Table("lab", "title", "sprint", "minutes", "passed", box=None, pad_edge=False)
    for lab in catalogue():
        done = f"{len(passed & set(lab.exercises))} of {len(lab.exercises)}"
        goals = "".join(f"\n- {goal}" for goal in lab.objectives) if objectives else ""
        table.add_row(lab.number, lab.title + goals, str(lab.sprint), str(lab.minutes), done)
    if not table.rows:
        say(console, "no lab is here yet")
        return
    console.print(table)


@app.command()
def start(
    lab: Number,
    folder: Annotated[
        Path | None, typer.Argument(metavar="DIR", help="To work in; lab_NN when not given.")
    ] = None,
) -> None:
    """Copy a lab and the files it starts from into a folder; work that is there is never overwritten."""
    from mlsd.course.lab.catalogue import entry
    from mlsd.course.lab.desk import lay_out

    console, one = Console(), entry(lab)
    desk = lay_out(one, folder)
    say(console, f"lab {one.number}: {one.title} ({one.minutes} minutes, {len(one.exercises)} exercises)")
    if not desk.new:
        say(console, f"{desk.notebook} is there already, untouched")
    if desk.state:
        changed = f" ({', '.join(desk.state.changed)})" if desk.state.changed else ""
        say(console, f"it starts from the files in {desk.state.folder}: {desk.state.label}{changed}")
    named = f'"{desk.notebook}"' if " " in str(desk.notebook) else desk.notebook
    say(console, f"open it with: jupyter lab {named}")


@app.command()
def check(lab: Number, notebook: Notebook = None) -> None:
    """Run your notebook in a fresh kernel and report every exercise; your file is not changed."""
    from mlsd.course.lab.catalogue import entry
    from mlsd.course.lab.desk import notebook_of
    from mlsd.course.lab.notebook import cells_of, read_notebook
    from mlsd.course.lab.rehearse import rehearse

    console, one = Console(), entry(lab)
    path = notebook_of(one, notebook)
    total = len(cells_of(read_notebook(path)))
    say(console, f"lab {one.number}: {path} runs from top to bottom in a fresh kernel")
    with bar(console) as progress:
        task = progress.add_task(f"running {path.name}", total=total)
        report = rehearse(one, path, on_cell=lambda k: progress.update(task, completed=k))
    _tell(console, report, one)
    if not report.ok:
        raise typer.Exit(1)


def _tell(console: Console, report: Report, lab: Entry) -> None:
    from rich.table import Table
    from rich.text import Text

    colours = {"passed": "green", "wrong": "red", "crashed": "red"}
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    told = [finding for finding in report if finding.subject in lab.exercises]
    for finding in told:
        outcome = Text(finding.code, style=colours.get(finding.code, "yellow"))
        table.add_row(finding.subject, outcome, Text(finding.message))
    console.print(table)
    for finding in report:
        if finding not in told:
            say(console, f"note: {finding.message}", "yellow")
    say(console, f"{sum(finding.ok for finding in told)} of {len(told)} exercises passed")


@app.command()
def reset(
    lab: Number,
    notebook: Notebook = None,
    exercise: Annotated[str | None, typer.Option(help="Number of the exercise, such as 2.")] = None,
    all_: Annotated[bool, typer.Option("--all", help="The whole notebook.")] = False,
) -> None:
    """Put an exercise back to its stub; the notebook as it was is kept beside it."""
    from mlsd.course.lab.catalogue import entry, exercise_id
    from mlsd.course.lab.desk import notebook_of
    from mlsd.course.lab.reset import reset as put_back

    if (exercise is None) is not all_:
        raise typer.BadParameter("say what: --exercise 2, or --all for the whole notebook")
    console, one = Console(), entry(lab)
    id = None if exercise is None else exercise_id(one, exercise)
    path = notebook_of(one, notebook, own=True)
    kept = put_back(one, path, id)
    say(
        console,
        f"{'the whole notebook' if id is None else f'exercise {id}'} is as it was at the start: {path}",
    )
    say(console, f"your version is kept in {kept.name}; if the notebook is open, reload it from disk")


@app.command()
def progress(
    delete: Annotated[bool, typer.Option("--delete", help="Delete the file.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Show what you have passed and tried, and in which file it is kept."""
    from mlsd.course.lab.progress import Progress

    console, kept = Console(), Progress.here()
    if delete:
        _delete(console, kept, yes)
        return
    _tell_progress(console, kept)
    there = "the file is yours: read it, or delete it with --delete" if kept.path.is_file() else "no file yet"
    say(console, f"kept in {kept.path} and sent nowhere ({there})")


def _tell_progress(console: Console, kept: Progress) -> None:
    from mlsd.course.lab.catalogue import catalogue

    passed = kept.passed
    for lab in catalogue():
        n = len(passed & set(lab.exercises))
        say(console, f"{lab.number} {lab.title}: {n} of {len(lab.exercises)} passed", "bold")
        for id in lab.exercises:
            happened = {"wrong": kept.count(id, "wrong"), "crashed": kept.count(id, "crashed")}
            hints = kept.count(id, "hint")
            happened["hint" if hints == 1 else "hints"] = hints
            counts = [f"{n} {what}" for what, n in happened.items() if n]
            state = "passed" if id in passed else "not passed yet" if counts else "not tried"
            say(console, f"  {id}  {', '.join([state, *counts])}")


def _delete(console: Console, kept: Progress, yes: bool) -> None:
    from mlsd.report import RefusedError
    from mlsd.store import one_sentence

    if not kept.path.is_file():
        say(console, f"there is nothing to delete: no file {kept.path}")
        return
    try:
        sure = yes or typer.confirm(f"delete {kept.path}?")
    except typer.Abort:
        raise RefusedError("nothing was deleted: nobody answered; --yes deletes without asking") from None
    if sure:
        with one_sentence(kept.path):
            kept.path.unlink()
    say(console, f"{kept.path} is deleted" if sure else "nothing was deleted")
