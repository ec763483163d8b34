"""The story a run tells while it works: numbered steps, one line a fact."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from rich.console import Console

from mlsd.report import Report


class Story:
    """Tells steps and lines on a console; keeps them for the page.

    Args:
        console: where to tell it; None keeps silent.

    >>> story = Story()
    >>> story.step("Posts arrive")
    >>> story.say("5,357 posts on the first day")
    >>> story.steps
    [('Posts arrive', ['5,357 posts on the first day'])]
    """

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(quiet=True)
        self.steps: list[tuple[str, list[str]]] = []

    def step(self, title: str) -> None:
        """Begin a step."""
        self.steps.append((title, []))
        self.console.print(f"\n[bold]{len(self.steps)}. {title}[/bold]")

    def say(self, line: str) -> None:
        """Tell one fact."""
        self.steps[-1][1].append(line)
        self.console.print(f"   {line}", markup=False, highlight=False, soft_wrap=True)

    def judge(self, report: Report, limit: int = 4) -> None:
        """Tell what failed in a report, at most `limit` findings, or that it is ok."""
        if report.ok:
            return self.say(report.summary)
        for finding in report.failures[:limit]:
            self.say(f"{finding.mark} {finding.code} {finding.subject}: {finding.message}")
        if len(report.failures) > limit:
            self.say(f"and {len(report.failures) - limit} more")
        return None

    @contextlib.contextmanager
    def working(self, what: str) -> Iterator[None]:
        """Show that work goes on, where somebody looks at a terminal."""
        if self.console.is_terminal and not self.console.quiet:
            with self.console.status(what):
                yield
        else:
            yield
