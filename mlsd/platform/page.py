"""The page of a demo: one file, its pictures inside, readable in light and dark, without a network."""

from __future__ import annotations

import html
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from mlsd.metrics import row_losses
from mlsd.platform.loop import Outcome
from mlsd.platform.page_style import document, palette
from mlsd.platform.promises import regained
from mlsd.platform.story import Story
from mlsd.platform.watch import INPUTS
from mlsd.plot import Picture, plot_calibration, plot_drift, plot_performance, plot_report, svg
from mlsd.report import Report
from mlsd.store import write_file

if TYPE_CHECKING:
    from mlsd.platform.own_table import TableOutcome

STYLE = (
    palette(":root")
    + """
body { font: 16px/1.55 system-ui, sans-serif; color: var(--ink); background: var(--paper);
  max-width: 46rem; margin: 2rem auto; padding: 0 1rem; }
h1 { line-height: 1.2; } h2 { margin-top: 2.2rem; font-size: 1.15rem; }
p.lead { color: var(--soft); } ul { padding-left: 1.2rem; } li { margin: .15rem 0; }
table { border-collapse: collapse; width: 100%; } td { padding: .3rem .5rem; vertical-align: top;
  border-bottom: 1px solid var(--line); } td.ok { color: var(--good); } td.no { color: var(--bad); }
td.ok, td.no { font-weight: 600; white-space: nowrap; }
figure { margin: 1.2rem 0; } figure svg { width: 100%; height: auto; }
figcaption { color: var(--soft); font-size: .92rem; }
"""
)


def write_page(path: Path, outcome: Outcome, promises: Report, story: Story) -> Path:
    """Write the page of the demo's own world; return its path."""
    figures = [_loss_figure(outcome), _drift_figure(outcome), _calibration_figure(outcome)]
    title = {
        "none": "A month in which nothing happened, and nobody was woken",
        "data": "The posts changed, the model kept its promise",
    }.get(outcome.plan.drift, "The world changed, the system noticed and mended itself")
    lead = (
        f"{len(outcome.world.frame):,} posts of an invented network over {outcome.plan.days} days, "
        f"{outcome.plan.drift} drift, random state {outcome.plan.random_state}."
    )
    return write_file(path, _page(title, lead, promises, figures, story))


def write_table_page(path: Path, outcome: TableOutcome, promises: Report, story: Story) -> Path:
    """Write the page of somebody's own table; return its path."""
    figures = []
    if outcome.package is not None:
        figure = plot_report(outcome.package.report)
        figures = [(figure, "The model beside its baselines, on rows that no training saw.")]
    title = f"{outcome.target} of {outcome.source}, once through the whole system"
    lead = f"{len(outcome.planted):,} rows were broken on purpose ({outcome.fault})."
    return write_file(path, _page(title, lead, promises, figures, story))


def _page(
    title: str, lead: str, promises: Report, figures: Iterable[tuple[Picture, str]], story: Story
) -> str:
    rows = "".join(
        f"<tr><td class='{'no' if f.failed else 'ok'}'>{'broken' if f.failed else 'kept'}</td>"
        f"<td>{html.escape(f.code)}</td><td>{html.escape(f.message)}</td></tr>"
        for f in promises
    )
    pictures = "".join(
        f"<figure><div class='light'>{svg(figure)}</div><div class='dark'>{svg(figure, dark=True)}</div>"
        f"<figcaption>{html.escape(caption)}</figcaption></figure>"
        for figure, caption in figures
    )
    steps = "".join(
        f"<h2>{number}. {html.escape(step)}</h2><ul>{''.join(f'<li>{html.escape(x)}</li>' for x in lines)}</ul>"
        for number, (step, lines) in enumerate(story.steps, 1)
        if lines
    )
    body = (
        f"<h1>{html.escape(title)}</h1><p class='lead'>{html.escape(lead)}</p>"
        f"<h2>What was promised</h2><table>{rows}</table>"
        f"<h2>What was seen</h2>{pictures}<h2>The story</h2>{steps}"
    )
    return document(title, STYLE, body)


def _loss_figure(outcome: Outcome) -> tuple[Picture, str]:
    """Return the loss of each live day beside the promise and the ceiling."""
    judged = [w for w in outcome.windows if w.performance is not None and len(w.performance) > 1]
    loss = [w.performance.findings[0] for w in judged]  # type: ignore[union-attr]
    figure = plot_performance(
        [w.start for w in judged],
        [f.value for f in loss],
        expected=[f.details["promised"] for f in loss],
        low=[f.interval[0] for f in loss],  # type: ignore[index]
        high=[f.interval[1] for f in loss],  # type: ignore[index]
        ceiling=[_ceiling(outcome, w.start, w.end) for w in judged],
        events=_events(outcome),
        title=_loss_title(outcome),
    )
    return figure, (
        "Log loss of each day's posts, judged once their last label was in, with 95 % intervals; what the model "
        "promised of itself; and the ceiling, the loss of the world's own law."
    )


def _loss_title(outcome: Outcome) -> str:
    won = regained(outcome)
    if won is not None:
        return f"The new version won back {won.share:.0%} of what the drift had cost"
    return "The loss stays where the model promised it would be"


def _ceiling(outcome: Outcome, start: pd.Timestamp, end: pd.Timestamp) -> float:
    world = outcome.world
    at = world.frame["posted_at"]
    inside = ((at >= start) & (at < end)).to_numpy()
    y = world.frame[world.target].to_numpy(dtype=float)[inside]
    return float(row_losses("binary", y, world.true_probability[inside]).mean())


def _events(outcome: Outcome) -> list[tuple[pd.Timestamp, str]]:
    truth = outcome.world.truth
    events = [(start, "drift") for start in truth.loc[truth["what"] == "drift", "start"]]
    events += [(at, "alert") for at, _ in outcome.alerts[:1]]
    events += [(outcome.swapped_at, "swap")] if outcome.swapped_at is not None else []
    return events


def _drift_figure(outcome: Outcome) -> tuple[Picture, str]:
    windows = outcome.windows
    alerted = [
        f.subject for _, alert in outcome.alerts[:1] for f in alert.failures if f.details["code"] == "drift"
    ]
    title = (
        f"{len(alerted)} features moved: {', '.join(alerted[:3])}"
        if alerted
        else "No feature raised an alert"
    )
    figure = plot_drift([w.drift for w in windows], [w.start for w in windows], INPUTS.at_least, title=title)
    return figure, (
        "How far each feature of a day's posts is from the training posts (total variation, the expected noise "
        f"removed). A column alerts when it is above the limit on {INPUTS.successive} days running."
    )


def _calibration_figure(outcome: Outcome) -> tuple[Picture, str]:
    """Return how the last version's probabilities meet the truth, on the last days' posts."""
    world = outcome.world
    after = (world.frame["posted_at"] >= (outcome.swapped_at or outcome.windows[0].start)).to_numpy()
    posts = world.frame[after]
    package = outcome.packages[max(outcome.packages)]
    y = posts[world.target].to_numpy(dtype=float)
    p = package.predict(posts)
    gap = np.abs(p.mean() - y.mean())
    title = f"Version {max(outcome.packages)} expects {p.mean():.1%} spam and meets {y.mean():.1%}"
    words = f"Posts after {posts['posted_at'].iloc[0]:%d %B}; the mean is off by {gap:.3f}."
    return plot_calibration(y, p, title=title), words
