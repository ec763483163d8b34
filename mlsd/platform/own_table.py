"""The same system on somebody's own table: what it can judge it judges, what it cannot it says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mlsd.data import read_table
from mlsd.monitoring import AlertRule, detect_drift, judge_performance
from mlsd.package import ModelPackage
from mlsd.plain import utc_now
from mlsd.platform.retraining import judged_package, training_pipeline
from mlsd.platform.scoring import HttpScorer, Swap
from mlsd.platform.story import Story
from mlsd.platform.watch import as_array, squared_error
from mlsd.platform.workspace import Workspace
from mlsd.prediction_log import features_of
from mlsd.profile import Profile
from mlsd.report import Finding, RefusedError, Report
from mlsd.schema import Column, Schema
from mlsd.training import Recipe

NAME = "table"
ROW = "row_id"  # names a row of the table in the log
LEARN = 0.6  # the share of rows to learn from; the rest arrives later
WINDOWS = 4
SINGLE = 400  # rows sent one by one
MIN_WINDOW = 50  # rows below which a window is not compared
ALWAYS = (pd.Timestamp("1700-01-01", tz="UTC"), pd.Timestamp("2200-01-01", tz="UTC"))


@dataclass
class TableOutcome:
    """What happened to a table, for the page and for the promises."""

    source: str
    target: str
    contract: Schema
    planted: tuple[str, ...] = ()
    caught: tuple[str, ...] = ()
    fault: str = ""
    package: ModelPackage | None = None
    swap: Swap | None = None
    scored: int = 0
    logged: int = 0
    windows: list[tuple[Report, Report]] = field(default_factory=list)  # features, performance
    readable: bool = True


def read_own(path: Path, target: str, time: str | None, random_state: int, story: Story) -> pd.DataFrame:
    """Read a table and bring its rows into the order in which they arrive; nothing is written.

    Raises:
        RefusedError: the table as a whole cannot be used; one sentence says why.
    """
    story.step(f"{path.name} is read")
    frame, rejected, report = read_table(path, target=target, time=time)
    for finding in report:
        if not finding.ok or finding.code in ("encoding", "delimiter"):
            story.say(finding.message)
    story.say(f"{len(frame):,} rows and {frame.shape[1]} columns; {len(rejected):,} rows rejected")
    return _ordered(frame, time, random_state, story)


def run_table(
    source: str,
    frame: pd.DataFrame,
    recipe: Recipe,
    workspace: Workspace,
    make_scorer: Callable[[Workspace, str, str], HttpScorer],
    story: Story,
) -> TableOutcome:
    """Learn from the first rows of a table, publish, and let the others arrive, be served and watched.

    Raises:
        RefusedError: nothing can be learned from the table; one sentence says why.
    """
    target = recipe.target
    cut = int(len(frame) * LEARN)
    learn, later = frame.iloc[:cut], frame.iloc[cut:]
    story.step("A contract says what may enter, and a model is trained")
    contract = Schema.infer(learn.drop(columns=ROW), target=target)
    story.say(f"{len(learn):,} rows to learn from, {len(later):,} rows that arrive later")
    outcome = TableOutcome(source, target, contract)
    _learn(outcome, learn.drop(columns=ROW), recipe, workspace, story)
    arriving = contract.select([name for name in contract.names if name != target])
    clean = _arrive(outcome, arriving, later, target, recipe.random_state, story)
    if outcome.package is not None:
        _serve(outcome, outcome.package, clean, workspace, make_scorer, story)
    return outcome


def _ordered(frame: pd.DataFrame, time: str | None, random_state: int, story: Story) -> pd.DataFrame:
    """Return the rows in the order in which they arrive, each with a name."""
    if ROW in frame:
        raise RefusedError(f"the table has a column {ROW}, which the demo needs for itself; rename it")
    if time is not None:
        story.say(f"rows are taken in the order of {time}")
        frame = frame.sort_values(time, kind="stable")
    else:
        story.say("no --time was given: the rows are shuffled, so nothing can be said about change over time")
        frame = frame.sample(frac=1, random_state=random_state)
    ids = [f"row-{i:07d}" for i in range(len(frame))]
    return frame.reset_index(drop=True).assign(**{ROW: ids})


def _learn(
    outcome: TableOutcome, rows: pd.DataFrame, recipe: Recipe, workspace: Workspace, story: Story
) -> None:
    with story.working("training"), workspace.tracker.run(NAME) as run:
        done = training_pipeline(workspace.cache).run(
            rows=rows, contract=outcome.contract, recipe=recipe, champion=None
        )
        package = judged_package(done)
        run.log_params({"target": recipe.target, "rows": len(rows), "package": package.id})
        run.log_metrics({f.subject or f.code: f.value for f in package.report if f.code == "metric"})
    story.say(f"{recipe.target} is taken for {_said(package)}; --task says otherwise")
    story.say(repr(package))
    for finding in package.report:
        if not finding.ok or "cannot judge" in finding.message:
            story.say(finding.message)
    version = workspace.registry.register(NAME, package, group=NAME, by="demo")
    if not package.report.ok:
        story.say("the gate stops it: the version stays unpublished, and nothing is served")
        return
    workspace.registry.publish(version, by="demo")
    outcome.package = package
    story.say(f"the gate lets it pass: version {version.number} is published as {NAME}@champion")


def _said(package: ModelPackage) -> str:
    """Return the task in words."""
    return f"classification ({len(package.classes)} classes)" if package.classes else "regression"


def _arrive(
    outcome: TableOutcome, arriving: Schema, later: pd.DataFrame, target: str, random_state: int, story: Story
) -> pd.DataFrame:
    """Break a tenth of the later rows in a way the contract forbids; return the rows it lets in."""
    story.step("The other rows arrive, some of them broken on purpose")
    column, words, spoil = forbidden(arriving)
    rng = np.random.default_rng(random_state)
    hit = np.zeros(len(later), dtype=bool)
    hit[rng.choice(len(later), size=max(1, len(later) // 10), replace=False)] = True
    spoiled = later[column.name].astype(object).where(~hit, spoil)
    rows = later.drop(columns=target).assign(**{column.name: spoiled})
    if rows[column.name].notna().any() and column.kind != "text":
        rows[column.name] = rows[column.name].infer_objects()
    clean, rejected = arriving.quarantine(rows.drop(columns=ROW))
    outcome.planted, outcome.fault = tuple(later[ROW][hit]), f"{words} in {column.name}"
    outcome.caught = tuple(later[ROW].loc[rejected.index])
    others = len(set(outcome.caught) - set(outcome.planted))
    story.say(f"planted: {words} in {column.name} of {hit.sum():,} rows")
    story.say(f"quarantined: {len(rejected):,} rows, {others:,} of them for other reasons")
    for reason, count in rejected["reasons"].value_counts().head(3).items():
        story.say(f"  {count:,} x {reason}")
    return later.loc[clean.index]


def forbidden(contract: Schema) -> tuple[Column, str, Any]:
    """Return a column, what the contract forbids there in words, and a value that breaks it.

    Raises:
        RefusedError: the contract forbids nothing.
    """
    columns = [c for c in contract.columns if c.kind != "time" and not c.unique]
    for column in columns:
        if not column.nullable:
            return column, "missing values", None
    for column in columns:
        if column.kind in ("number", "integer") and column.maximum is not None:
            return column, "numbers far out of range", column.maximum * 10 + 1e6
        if column.categories is not None:
            return column, "an unknown category", "never seen before"
    raise RefusedError("every column may hold anything, so no fault can be planted; add a column with values")


def _serve(
    outcome: TableOutcome,
    package: ModelPackage,
    clean: pd.DataFrame,
    workspace: Workspace,
    make_scorer: Callable[[Workspace, str, str], HttpScorer],
    story: Story,
) -> None:
    story.step("The rows are scored over HTTP, and their true values come back")
    scorer = make_scorer(workspace, NAME, ROW)
    bounds = np.linspace(0, len(clean), WINDOWS + 1).astype(int)
    parts = [clean.iloc[a:b] for a, b in pairwise(bounds)]
    outcome.swap = scorer.swap(clean.iloc[:SINGLE], lambda: None)
    scorer.score(clean.iloc[SINGLE:])
    log = workspace.log
    rows = log.window(*ALWAYS)
    outcome.scored, outcome.logged = len(clean), rows["id"].nunique()
    story.say(
        f"{len(outcome.swap.sent):,} single requests, {outcome.swap.in_flight} in flight: "
        f"{len(outcome.swap.answered):,} answered; {outcome.logged:,} of {len(clean):,} rows are logged"
    )
    now = utc_now()
    log.label_many(zip(clean[ROW], clean[outcome.target], [now] * len(clean), strict=True))
    rows = log.window(*ALWAYS).set_index("id")
    outcome.windows = [_window(package, rows.loc[part[ROW]]) for part in parts]
    _tell_windows(outcome, story)
    outcome.readable = _same_again(rows.loc[clean[ROW]], clean, workspace)


def _window(package: ModelPackage, rows: pd.DataFrame) -> tuple[Report, Report]:
    """Return the reports on features and performance of some logged and labelled rows."""
    reference = package.profile.select(package.features)
    n = len(rows)
    if n < MIN_WINDOW:
        message = f"cannot judge: {n} rows, needs {MIN_WINDOW}"
        drift = Report(
            "drift", (Finding("rows", value=n, limit=MIN_WINDOW, message=message, severity="info"),)
        )
    else:
        drift = detect_drift(reference, Profile.of(features_of(rows)[list(package.features)], like=reference))
    y, prediction = package.encode_target(rows["label"]), as_array(rows["prediction"], package)
    loss = judge_performance(y, prediction, task=package.task, reference_loss=squared_error(package))
    return drift, loss


def _tell_windows(outcome: TableOutcome, story: Story) -> None:
    story.step(f"Monitoring looks at {WINDOWS} windows")
    for number, (drift, loss) in enumerate(outcome.windows, 1):
        few = [f.message for f in drift if f.code == "rows"]
        moved = [f.subject for f in drift.failures]
        said = few[0] if few else f"{', '.join(moved) or 'no column'} moved"
        story.say(f"window {number}: features: {said}; {loss.findings[-1].message}")
    alert = AlertRule(successive=3).judge([drift for drift, _ in outcome.windows])
    subjects = ", ".join(f.subject for f in alert.failures)
    story.say(f"alert: {subjects} moved in three windows running" if subjects else "no alert")


def _same_again(logged: pd.DataFrame, rows: pd.DataFrame, workspace: Workspace) -> bool:
    """Tell whether the published package, read anew, gives the answers that were logged."""
    package = workspace.registry.load(f"{NAME}@champion")
    return bool(np.array_equal(package.predict(rows), as_array(logged["prediction"], package)))


def keep_table_promises(outcome: TableOutcome) -> Report:
    """Judge what must hold for any table: the fault caught, no request lost, the package readable."""
    missed = len(set(outcome.planted) - set(outcome.caught))
    planted = len(outcome.planted)
    findings = [
        Finding(
            "quarantined",
            "planted fault",
            ok=planted > 0 and not missed,
            value=missed,
            limit=0,
            message=f"{planted - missed:,} of {planted:,} broken rows quarantined ({outcome.fault})",
        )
    ]
    if outcome.swap is None:
        message = "cannot judge: the gate stopped the model, so nothing was served"
        return Report("promises", (*findings, Finding("served", message=message, severity="info")))
    sent = len(outcome.swap.sent)
    lost = sent - len(outcome.swap.answered) + outcome.scored - outcome.logged
    findings.append(
        Finding(
            "served",
            "requests",
            ok=lost == 0,
            value=lost,
            limit=0,
            message=f"{sent:,} single requests, {len(outcome.swap.answered):,} answered; "
            f"{outcome.scored:,} rows scored, {outcome.logged:,} logged",
        )
    )
    words = "the package read anew gives the logged answers" if outcome.readable else "it gives other answers"
    findings.append(Finding("readable", "package", ok=outcome.readable, message=words))
    return Report("promises", tuple(findings))
