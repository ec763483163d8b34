"""Bramblework's feed: lists of updates shown to members, and the clicks they gave."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd

from mlsd.datasets import feed_law as law
from mlsd.datasets.checks import check_changes, check_number, check_whole
from mlsd.datasets.drift import Drift, after_selection, kept_negatives, size
from mlsd.datasets.fault import Fault, check_suits
from mlsd.datasets.plan import Plan, Sound, table_of
from mlsd.datasets.world import BLOCK, World, moments, seconds_of
from mlsd.report import RefusedError

TARGET = "clicked"
HOUR = 3600  # seconds
LISTS = BLOCK // law.PLACES  # of a block
DESCRIPTION = (
    "Bramblework is an invented network where independent craftspeople show work, sell tools and find jobs. "
    "A member who opens the feed sees a list of 16 updates in the order of the ranker in use, which puts first "
    "what was shown often before, what is new, and authors from the towns. A click takes an interested member "
    "who looks that far down; whether one came is known 1 to 24 hours later. Interest does not depend on where "
    "the author lives nor on past views, though both decide about the place. Lists are independent of each "
    "other, come evenly through the days and have no weekly rhythm; what members did before is counted over "
    "an average month."
)


class FeedWorld(World):
    """The world of the feed: `true_probability` is of a click where the update stood.

    A stream whose batch is a multiple of 16 cuts no list (without duplicates).
    """

    @property
    def true_interest(self) -> np.ndarray:
        """P(clicked), had the update stood at the first place, (n,): no order by any model ranks better."""
        return super().true_mean_reactive

    @property
    def true_mean_reactive(self) -> np.ndarray:
        """Refused, as `true_probability_reactive` is: no reaction tells more about a click."""
        raise RefusedError("the feed has no reactions; ask for true_probability or true_interest")


class _Plan(Plan):
    """How lists, updates and clicks come about."""

    columns = law.COLUMNS
    target = TARGET

    def sound(self, k: int) -> Sound:
        """Return block k: its lists and who opened them, the updates and clicks in them."""
        rng, n = self.generator(k), self.rows(k)
        context, at, labelled = self._lists(rng, k)
        x, click, interest, kept = self._updates(rng, context, at)
        p = np.round(law.attention(context["position"]) * interest, 6)
        row = np.arange(k * BLOCK, (k + 1) * BLOCK)
        frame = _table(x | {TARGET: click < p}, row, moments(at), moments(labelled)).iloc[:n]
        p, interest = (after_selection(values, kept)[:n] for values in (p, interest))
        return Sound(frame, at[:n], p, interest)

    def _lists(self, rng: np.random.Generator, k: int) -> tuple[law.Features, np.ndarray, np.ndarray]:
        """Return what is given before updates are drawn, and seconds of showing and label, (BLOCK,) each."""
        u = dict(zip(law.SESSION, rng.random((len(law.SESSION), LISTS)), strict=True))
        number, n_lists = np.arange(k * LISTS, (k + 1) * LISTS), -(-self.n_samples // law.PLACES)
        at = np.minimum((number + u["moment"]) / n_lists * self.length, self.length - 1).astype("int64")
        delay = (HOUR + u["delay"] * (23 * HOUR + 1)).astype("int64")
        member = law.visitor(u["member"])
        identity, _ = _members(self.seed)
        lists = {"member": member, "session": number, "days_away": law.days_away(u["away"])}
        lists |= {name: values[member] for name, values in identity.items()}
        context = {name: np.repeat(values, law.PLACES) for name, values in lists.items()}
        context["position"] = np.tile(np.arange(1, law.PLACES + 1), LISTS)
        return context, np.repeat(at, law.PLACES), np.repeat(at + delay, law.PLACES)

    def _updates(
        self, rng: np.random.Generator, context: law.Features, at: np.ndarray
    ) -> tuple[law.Features, np.ndarray, np.ndarray, np.ndarray]:
        """Return all features, U, interest before selection, and a, (BLOCK,) each.

        A negative is kept with probability a; in its place in the list another update is drawn, and so on.
        """
        strength = (size(self.drifts, kind, at, self.length) for kind in ("data", "concept", "target"))
        moved, turned, thinned = strength
        kept = kept_negatives(thinned)
        _, clicks_on_topic = _members(self.seed)
        seen = law.attention(context["position"])
        made: law.Features = {}
        vacant = np.arange(len(at))
        while len(vacant):
            u = dict(zip(law.UPDATE, rng.random((len(law.UPDATE), len(vacant))), strict=True))
            given = {name: values[vacant] for name, values in context.items()}
            drawn = law.updates(u, given["position"], moved[vacant])
            drawn["clicks_on_topic"] = clicks_on_topic[given["member"], drawn["topic"]]
            drawn |= {"U": u["click"], "interest": law.interest(given | drawn, turned[vacant])}
            for name, values in drawn.items():
                made.setdefault(name, np.empty(len(at), values.dtype))[vacant] = values
            blank = drawn["U"] >= np.round(seen[vacant] * drawn["interest"], 6)
            vacant = vacant[blank & (u["kept"] >= kept[vacant])]
        click, interest = made.pop("U"), made.pop("interest")
        return context | made, click, interest, kept


@lru_cache(maxsize=4)
def _members(seed: int) -> tuple[law.Features, np.ndarray]:
    """Return all members of a world; their child of the seed is that of no block and of no fault."""
    return law.members(np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(0, 0, 0))))


def _table(x: law.Features, row: np.ndarray, shown: pd.Index, labelled: pd.Index) -> pd.DataFrame:
    """Return columns in the order of `COLUMNS`, categories by name."""
    table: dict[str, Any] = {**x, "shown_at": shown, "labelled_at": labelled}
    table["update_id"] = [f"update-{i:08d}" for i in row]
    table["session"] = [f"session-{i:07d}" for i in x["session"]]
    table["member_id"] = [f"member-{i:05d}" for i in x["member"]]
    return table_of(law.COLUMNS, table)


def make_news_feed(
    n_samples: int = 20_000,
    *,
    days: float = 28,
    random_state: int = 0,
    faults: Sequence[Fault] = (),
    drifts: Sequence[Drift] = (),
) -> FeedWorld:
    """Return a world of updates shown on Bramblework in lists of 16, about one in ten of them clicked.

    Args:
        n_samples: number of updates shown, before a fault duplicates any; the last list may be cut short.
        days: time they are spread over, from 2024-01-01.
        random_state: whole number from 0; another number is another world under the same law.
        faults: what breaks between the world and the table; rows they do not hit stay as they are.
        drifts: how the world itself changes; rows outside their spans stay as they are. A target drift
            changes the updates in each place of each list; members, places and moments stay.

    Raises:
        RefusedError: an argument is not as described; the sentence names it.

    >>> world = make_news_feed(1_600)
    >>> top = (world.frame["position"] == 1).to_numpy()
    >>> int(top.sum()), bool((world.true_interest == world.true_probability)[top].all())
    (100, True)
    >>> round(float(world.true_probability.mean()), 1)
    0.1
    """
    check_whole("n_samples is", n_samples, 1)
    check_whole("random_state is", random_state, 0)
    check_number("days is", days, 0.01, 36_500)
    faults, drifts = check_changes("faults", faults, Fault), check_changes("drifts", drifts, Drift)
    for fault in faults:
        check_suits(fault, law.COLUMNS, TARGET)
    plan = _Plan(int(n_samples), seconds_of(days), int(random_state), faults, drifts)
    return FeedWorld(
        name="updates",
        description=DESCRIPTION,
        columns=law.COLUMNS,
        target=TARGET,
        key="update_id",
        n_samples=int(n_samples),
        days=days,
        changes=(*faults, *drifts),
        label_delay=pd.Timedelta(hours=24),
        make_block=plan,
    )
