"""`mlsd course`: what an author does at the command line."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from mlsd.course.telling import bar, say, show
from mlsd.report import RefusedError, Report

if TYPE_CHECKING:
    from mlsd.course.lab.source import Lab

app = typer.Typer(no_args_is_help=True, help="Labs, for their authors: build, verify, lint.")
Number = Annotated[str | None, typer.Argument(metavar="LAB", help="Number of a lab; all when not given.")]


@app.command()
def build(lab: Number = None) -> None:
    """Make both editions of a lab from its source, run them, and write them with their outputs."""
    from mlsd.course.lab.build import build as make
    from mlsd.course.lab.edition import edition
    from mlsd.course.lab.home import labs_folder
    from mlsd.course.lab.start import write_start_digests

    console, folder = Console(), labs_folder()
    for one in _labs(lab, folder):
        write_start_digests(one.number, folder)  # the exercises may read the start state
        cells = sum(len(edition(one, solved=solved, folder=folder).cells) for solved in (False, True))
        with bar(console) as progress:
            task = progress.add_task(f"lab {one.number}", total=cells)
            made = make(one, folder, on_cell=lambda _: progress.advance(task))  # noqa: B023 - used at once
        for path in made:
            say(console, f"wrote {path.relative_to(folder)}")


@app.command()
def verify(
    lab: Number = None,
    write: Annotated[bool, typer.Option("--write", help="Keep the proof, to be committed.")] = False,
    due: Annotated[bool, typer.Option("--due", help="Only what changed, and one lab by turns.")] = False,
) -> None:
    """Prove the exercises: stubs, references, wrong ideas, broken references; exit code 1 on a gap."""
    from mlsd.course.lab.home import labs_folder
    from mlsd.course.lab.proof import due as due_today
    from mlsd.course.lab.proof import write_proof
    from mlsd.course.lab.verify import verify as prove
    from mlsd.plain import utc_now

    console, folder = Console(), labs_folder()
    today = due_today(folder, utc_now().date()) if due else None
    reports = []
    for one in _labs(lab, folder):
        if today is not None and one.number not in today:
            continue
        with bar(console) as progress:
            task = progress.add_task(f"lab {one.number}", total=len(one.exercises))
            report, proof = prove(one.number, folder, lambda _: progress.advance(task))  # noqa: B023
        proved = Report(report.title, tuple(f for f in report if f.code != "proof"))
        if write and proved.ok:  # what is not proved is not kept
            write_proof(proof, folder)
            report = proved
        reports.append(report)
    _judged(console, reports)


@app.command()
def lint(lab: Number = None) -> None:
    """Look for what makes a lab hard to follow or to trust; exit code 1 when something is found."""
    from mlsd.course.lab.home import labs_folder
    from mlsd.course.lint.rules import lint as judge

    folder = labs_folder()
    _judged(Console(), [judge(one, folder) for one in _labs(lab, folder)])


def _judged(console: Console, reports: list[Report]) -> None:
    for report in reports:
        show(console, report)
    if not all(report.ok for report in reports):
        raise typer.Exit(1)


def _labs(number: str | None, folder: Path) -> list[Lab]:
    """The lab of a number, or all of them, as their authors wrote them."""
    from mlsd.course.lab.source import lab_sources, read_lab

    sources = {path.stem[:2]: path for path in lab_sources(folder)}
    if number is None:
        return [read_lab(path) for path in sources.values()]
    path = sources.get(number.strip().zfill(2))
    if path is None:
        there = ", ".join(sources) or "none yet"
        raise RefusedError(f"there is no source of a lab {number[:20]!r}; there are {there}")
    return [read_lab(path)]
