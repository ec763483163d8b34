"""How a command speaks: plain lines, reports in colour, a bar where somebody watches."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress

    from mlsd.report import Report

_COLOURS = {"ok": "green", "FAILED": "red", "warning": "yellow"}  # by the mark of a finding

_SHORT = 12  # findings


def say(console: Console, line: str, style: str = "") -> None:
    """Print one line as it is: no markup, no folding, so that a path can be copied."""
    console.print(Text(line, style=style), soft_wrap=True)


def show(console: Console, report: Report) -> None:
    """Print a report: all of a short one; of a long one, all that is not as it should be."""
    kept = [f for f in report if not f.ok] if len(report) > _SHORT else list(report)
    code, subject = (max((len(word) for word in words), default=0) for words in
                     ([f.code for f in kept], [f.subject for f in kept]))  # fmt: skip
    say(console, report.summary)
    for f in sorted(kept, key=lambda f: f.ok):
        line = f"  {f.mark:<8} {f.code:<{code}}  {f.subject:<{subject}}  {f.message}"
        say(console, line.rstrip(), _COLOURS.get(f.mark, ""))
    if len(kept) < len(report):
        say(console, f"  {len(report) - len(kept)} more are as they should be")


def bar(console: Console) -> Progress:
    """Return a progress bar that goes away at its end; on no terminal it is not seen at all."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
