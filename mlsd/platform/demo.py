"""The demo: one system, once, from the first post to the safe swap, told line by line."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from rich.console import Console

from mlsd.platform.loop import NAME, Loop, Outcome
from mlsd.platform.own_table import keep_table_promises, read_own, run_table
from mlsd.platform.page import write_page, write_table_page
from mlsd.platform.plan import Plan
from mlsd.platform.promises import keep_promises
from mlsd.platform.scoring import HttpScorer
from mlsd.platform.server import Server
from mlsd.platform.story import Story
from mlsd.platform.workspace import Workspace
from mlsd.report import Report
from mlsd.training import Recipe


def demo_of_world(drift: str, random_state: int, folder: Path, console: Console) -> bool:
    """Run the loop on the world of spam posts, over HTTP; tell it; write the page.

    Returns:
        Whether every promise was kept.

    Raises:
        RefusedError: the folder is not the demo's to write, or a server could not start.
    """
    started = time.perf_counter()
    plan = Plan(drift=drift, random_state=random_state)
    workspace = Workspace.anew(folder)
    story = Story(console)
    outcome = run_over_http(plan, workspace, story)
    report = keep_promises(outcome, workspace.log)
    return finish(report, story, started, write_page(folder / "index.html", outcome, report, story))


def run_over_http(plan: Plan, workspace: Workspace, story: Story) -> Outcome:
    """Run the loop with the server in a process of its own."""
    with _serving(story) as serve:
        return Loop(plan.world(), workspace, lambda w: serve(w, NAME, "post_id"), plan, story).run()


@contextlib.contextmanager
def _serving(story: Story) -> Iterator[Callable[[Workspace, str, str], HttpScorer]]:
    """Yield what starts a server for a workspace; the server ends with the block."""
    with contextlib.ExitStack() as servers:

        def serve(workspace: Workspace, name: str, key: str) -> HttpScorer:
            server = Server(workspace.registry_folder, name, log_path=workspace.log_path)
            with story.working("starting the server"):
                servers.enter_context(server)
            story.say(f"a server in a process of its own answers on {server.url}")
            return HttpScorer(server, workspace, name, key)

        yield serve


def demo_of_table(
    path: Path,
    target: str,
    time_column: str | None,
    task: str | None,
    random_state: int,
    folder: Path,
    console: Console,
) -> bool:
    """Run the same system on a table of the reader's own.

    Returns:
        Whether every promise was kept.

    Raises:
        RefusedError: the table, or the folder, cannot be used.
    """
    started = time.perf_counter()
    story = Story(console)
    recipe = Recipe(target=target, random_state=random_state, task=task)
    frame = read_own(path, target, time_column, random_state, story)
    workspace = Workspace.anew(folder)  # a table that cannot be read leaves an older demo as it is
    with _serving(story) as serve:
        outcome = run_table(path.name, frame, recipe, workspace, serve, story)
    report = keep_table_promises(outcome)
    return finish(report, story, started, write_table_page(folder / "index.html", outcome, report, story))


def finish(report: Report, story: Story, started: float, page: Path) -> bool:
    """Tell the verdict on the promises and where the page is; return whether all were kept."""
    story.step("What was promised")
    for finding in report:
        story.say(f"{finding.mark:<7} {finding.code}: {finding.message}")
    story.console.print(
        f"\nPage with pictures: {page}\n{time.perf_counter() - started:.0f} seconds",
        markup=False,
        highlight=False,
    )
    if not report.ok:
        broken = "; ".join(f"{f.code}: {f.message}" for f in report.failures)
        story.console.print(
            f"\nA promise was broken: {broken}", style="bold red", markup=False, highlight=False
        )
    return report.ok
