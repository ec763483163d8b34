"""The closed loop: posts arrive, are scored, labels come back, and the system looks after itself.

arrive -> check -> score -> labels -> watch -> alert -> diagnose -> retrain -> gate -> swap
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pandas as pd

from mlsd.datasets import World
from mlsd.monitoring import diagnose
from mlsd.package import ModelPackage
from mlsd.platform.plan import Plan
from mlsd.platform.retraining import judged_package, training_pipeline
from mlsd.platform.story import Story
from mlsd.platform.watch import Watch, Window
from mlsd.platform.workspace import Workspace
from mlsd.report import Report
from mlsd.schema import Schema
from mlsd.training import Recipe

if TYPE_CHECKING:
    from mlsd.platform.scoring import Scorer, Swap

NAME = "spam"
_TEAM = "moderation team"


@dataclass
class Outcome:
    """What happened, for the page and for the promises.

    Args:
        plan, world: what was asked for, and the truth.
        contract: what may enter.
        packages: version number to package.
        windows: one per live day, each judged by the version that answered on that day.
        rejected: what the contract refused, with reasons and the day.
        faults: the diagnosis of each day with too many refused rows.
        alerts: (when, report), the first of each trouble.
        diagnoses: (when, report), each day from the alert until it could tell.
        retrained_on: labelled rows of the retraining; 0 without one.
        verdict: of the gate on the retrained candidate.
        swap: what was asked and answered while the version changed.
        swapped_at: UTC.
    """

    plan: Plan
    world: World
    contract: Schema
    packages: dict[int, ModelPackage] = field(default_factory=dict)
    windows: list[Window] = field(default_factory=list)
    rejected: pd.DataFrame = field(default_factory=pd.DataFrame)
    faults: list[tuple[pd.Timestamp, Report]] = field(default_factory=list)
    alerts: list[tuple[pd.Timestamp, Report]] = field(default_factory=list)
    diagnoses: list[tuple[pd.Timestamp, Report]] = field(default_factory=list)
    retrained_on: int = 0
    verdict: Report | None = None
    swap: Swap | None = None
    swapped_at: pd.Timestamp | None = None

    @property
    def diagnosis(self) -> str:
        """The last word on what kind of trouble it was."""
        return str(self.diagnoses[-1][1].findings[0].value) if self.diagnoses else "no drift"


class Loop:
    """Runs the days of a world through a workspace.

    Args:
        world: where posts, and later their labels, come from.
        workspace: empty; everything the system remembers is kept there.
        make_scorer: called once, when there is a champion; it scores from then on.
        plan: which day brings what.
        story: told as it happens.
    """

    def __init__(
        self,
        world: World,
        workspace: Workspace,
        make_scorer: Callable[[Workspace], Scorer],
        plan: Plan,
        story: Story | None = None,
    ) -> None:
        self.world, self.workspace, self.make_scorer, self.plan = world, workspace, make_scorer, plan
        self.story = story or Story()
        frame = world.frame
        known = [name for name, when in world.known_at.items() if when == "creation"]
        self.posts = frame[[*known]]
        self.labels = frame[[world.key, world.target, "labelled_at"]]
        self.time = "posted_at"
        self.begin = frame[self.time].iloc[0].floor("D")
        self.recipe = Recipe(target=world.target, random_state=plan.random_state)
        self.pipeline = training_pipeline(workspace.cache)
        self.pending: ModelPackage | None = None  # passed the gate, waits for the next posts
        self.closed = False  # whether the trouble that is alerted has been dealt with

    def run(self) -> Outcome:
        """Learn, then live through the days; return what happened."""
        self._learn()
        self.scorer = self.make_scorer(self.workspace)
        for day in range(self.plan.train_days, self.plan.days):
            with self.story.working(f"day {day + 1} of {self.plan.days}"):
                self._live(day)
        self._close()
        return self.outcome

    def _close(self) -> None:
        """Say what became of the last days."""
        if self.outcome.swap is not None:
            quiet = self.watch.alert().ok
            self.story.say(
                f"in the {len(self.watch.windows)} days since, {'no alert' if quiet else 'another alert'}"
            )
        elif not self.outcome.alerts:
            self.story.step("The month ends")
            self.story.say(f"{len(self.outcome.windows)} daily reports, no alert, no retraining")

    # ---- before going live ------------------------------------------------------------------------

    def _learn(self) -> None:
        now = self._midnight(self.plan.train_days)
        arrived = self.posts[self.posts[self.time] < now]
        labelled = self._labels(now)
        rows = arrived.merge(labelled[[self.world.key, self.world.target]], on=self.world.key)
        rows.attrs = self.posts.attrs
        self.story.step("Posts arrive, and a contract says what may enter")
        contract = Schema.infer(rows, target=self.world.target)
        self.outcome = Outcome(self.plan, self.world, contract)
        self.arriving = contract.select([name for name in contract.names if name != self.world.target])
        self.story.say(
            f"{len(arrived):,} posts in {self.plan.train_days} days; "
            f"{len(rows):,} have their label by now, {rows[self.world.target].mean():.1%} of them spam"
        )
        self.story.say(f"the contract (schema) describes {len(contract.columns)} columns")
        self.story.step("A model is trained, tracked, judged, packaged and published")
        package = self._train(rows, None)
        self._publish(package)
        self.watches = [Watch(self.workspace.log, package, 1, self.world.label_delay)]

    def _train(self, rows: pd.DataFrame, champion: ModelPackage | None) -> ModelPackage:
        """Run the training pipeline as a tracked run; return the judged candidate."""
        with self.story.working("training"), self.workspace.tracker.run(NAME) as run:
            done = self.pipeline.run(
                rows=rows, contract=self.outcome.contract, recipe=self.recipe, champion=champion
            )
            package = judged_package(done)
            run.log_params({"target": self.world.target, "rows": len(rows), "package": package.id})
            run.log_metrics({f.subject or f.code: f.value for f in package.report if f.code == "metric"})
        self.story.say(f"pipeline: ran {', '.join(done.ran)}")
        self.story.say(repr(package))
        self.story.judge(package.report)
        return package

    def _publish(self, package: ModelPackage) -> int:
        registry = self.workspace.registry
        version = registry.register(NAME, package, group=NAME, by=_TEAM)
        registry.publish(version, by=_TEAM)
        self.outcome.packages[version.number] = package
        self.story.say(f"version {version.number} is published as {NAME}@champion")
        return version.number

    # ---- one day ----------------------------------------------------------------------------------

    def _live(self, day: int) -> None:
        start, now = self._midnight(day), self._midnight(day + 1)
        posts = self.posts[(self.posts[self.time] >= start) & (self.posts[self.time] < now)]
        clean = self._check(posts, now)
        if self.pending is not None:
            clean = self._swap(clean, self.pending)
        self.scorer.score(clean)
        arrived = self._labels(now, since=start)
        self.workspace.log.label_many(
            zip(arrived[self.world.key], arrived[self.world.target], arrived["labelled_at"], strict=True)
        )
        self.outcome.windows.append(self.watch.look(start, now))
        for watch in self.watches:
            self._update(watch.labels_arrived(now))
        if not self.closed:
            self._consider(now)

    def _check(self, posts: pd.DataFrame, now: pd.Timestamp) -> pd.DataFrame:
        clean, rejected = self.arriving.quarantine(posts)
        self.outcome.rejected = pd.concat([self.outcome.rejected, rejected])
        share = len(rejected) / len(posts)
        found = diagnose(rejected_share=share)
        if found.findings[0].value == "data fault":
            self.outcome.faults.append((now, found))
            self.story.step(f"{_day(now)}: broken posts arrive")
            reason = rejected["reasons"].value_counts().index[0]
            self.story.say(f"{len(rejected):,} of {len(posts):,} posts are quarantined: {reason}")
            self.story.say(f"diagnosis: {found.findings[0].value}; the other posts go on")
        return clean

    @property
    def watch(self) -> Watch:
        """The watch over the version that answers now; older ones still wait for their last labels."""
        return self.watches[-1]

    def _update(self, ready: list[Window]) -> None:
        by_start = {window.start: window for window in ready}
        self.outcome.windows = [by_start.get(w.start, w) for w in self.outcome.windows]

    def _consider(self, now: pd.Timestamp) -> None:
        """Alert, diagnose and act, as far as the evidence of this evening allows."""
        alert = self.watch.alert()
        if alert.ok:
            return
        if not self.outcome.diagnoses or self.outcome.swapped_at is not None:
            self.outcome.alerts.append((now, alert))
            self.story.step(f"{_day(now)}, evening: an alert")
            self.story.judge(alert)
        found = self.watch.diagnose(now)
        self.outcome.diagnoses.append((now, found))
        kind = found.findings[0].value
        self.story.say(f"{_day(now)}, diagnosis: {found.findings[0].message}")
        if kind in ("data drift", "no drift"):
            self.closed = True
            self.story.say("the model keeps its promise, so it stays; the drift is reported, no retraining")
        elif kind in ("target drift", "concept drift"):
            self._retrain(now)

    def _retrain(self, now: pd.Timestamp) -> None:
        rows = self._labelled_rows(self.watch.trouble_since(), now)
        if len(rows) < self.plan.retrain_rows:
            self.story.say(
                f"{len(rows):,} labelled posts since; retraining waits for {self.plan.retrain_rows:,}"
            )
            return
        self.story.step(f"{_day(now)}, night: the pipeline retrains")
        self.story.say(f"{len(rows):,} labelled posts since the trouble began")
        candidate = self._train(rows, self.watch.package)
        self.outcome.retrained_on, self.outcome.verdict = len(rows), candidate.report
        if candidate.report.ok:
            self.pending, self.closed = candidate, True

    def _swap(self, posts: pd.DataFrame, candidate: ModelPackage) -> pd.DataFrame:
        """Publish while requests are on their way; return the posts that were not among them."""
        self.story.step("The new version takes over while members post")
        asked, rest = posts.iloc[: self.plan.requests], posts.iloc[self.plan.requests :]
        swap = self.scorer.swap(asked, lambda: self._publish(candidate))
        self.outcome.swap, self.outcome.swapped_at = swap, asked[self.time].iloc[0]
        self.pending = None
        self.story.say(
            f"{len(swap.sent):,} requests, {swap.in_flight} in flight: {len(swap.answered):,} answered, "
            f"by versions {' and '.join(map(str, swap.versions))}"
        )
        number = max(self.outcome.packages)
        self.watches.append(Watch(self.workspace.log, candidate, number, self.world.label_delay))
        return rest

    # ---- who knows what, when ---------------------------------------------------------------------

    def _midnight(self, day: int) -> pd.Timestamp:
        return self.begin + pd.Timedelta(days=day)

    def _labels(self, now: pd.Timestamp, since: pd.Timestamp | None = None) -> pd.DataFrame:
        """Return the labels that have arrived by now (and after `since`)."""
        at = self.labels["labelled_at"]
        return self.labels[(at <= now) & (at > since if since is not None else True)]

    def _labelled_rows(self, since: pd.Timestamp, now: pd.Timestamp) -> pd.DataFrame:
        """Return the posts since a moment as they were predicted, with the labels of the log."""
        rows = self.workspace.log.window(since, now, labelled_by=now)
        rows = rows[rows["label"].notna()]
        labels = rows[["id", "label"]].set_axis([self.world.key, self.world.target], axis=1)
        labelled = self.posts.merge(labels.astype({self.world.target: bool}), on=self.world.key)
        labelled.attrs = self.posts.attrs
        return labelled


def _day(now: pd.Timestamp) -> str:
    """Return the day that ends now, in words."""
    return f"{now - pd.Timedelta(seconds=1):%-d %B}"
