"""Bramblework's posts: an invented network for independent craftspeople, and its spam."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from mlsd.datasets import spam_law as law
from mlsd.datasets.checks import check_changes, check_number, check_whole
from mlsd.datasets.drift import Drift, after_selection, kept_negatives, size
from mlsd.datasets.fault import Fault, check_suits
from mlsd.datasets.plan import Plan, Sound, table_of
from mlsd.datasets.world import BLOCK, World, moments, seconds_of

TARGET = "is_spam"
HOUR = 3600  # seconds
DESCRIPTION = (
    "Bramblework is an invented network where independent craftspeople show work, sell tools and find jobs. "
    "Some posts are spam: a fake job that asks for a deposit, say. A moderator's verdict comes 1 to 48 hours "
    "after the post. A proactive model knows the post and its member; a reactive one also the first hour's "
    "engagement. Posts are independent of each other, come evenly through the days and have no weekly rhythm."
)


class _Plan(Plan):
    """How posts come about."""

    columns = law.COLUMNS
    target = TARGET

    def sound(self, k: int) -> Sound:
        """Return block k: its posts and what members made of them."""
        rng, n = self.generator(k), self.rows(k)
        u = dict(zip(law.AFTER, rng.random((len(law.AFTER), BLOCK)), strict=True))
        row = np.arange(k * BLOCK, (k + 1) * BLOCK)
        at = np.minimum((row + u["moment"]) / self.n_samples * self.length, self.length - 1).astype("int64")
        x, verdict, p, kept = self._posts(rng, at)
        h = law.mood(verdict, u["mood"])
        reactive = law.probability_reactive(p, h)
        delay = (HOUR + u["delay"] * (47 * HOUR + 1)).astype("int64")
        cells = x | law.reactions(x, h, u) | {TARGET: verdict < p}
        frame = _table(cells, row, moments(at), moments(at + delay)).iloc[:n]
        p, reactive = (after_selection(values, kept)[:n] for values in (p, reactive))
        return Sound(frame, at[:n], p, reactive)

    def _posts(
        self, rng: np.random.Generator, at: np.ndarray
    ) -> tuple[law.Features, np.ndarray, np.ndarray, np.ndarray]:
        """Return creation features, U, p(x) before selection, and a, (n,) each, for posts at n seconds.

        A negative is kept with probability a; in the place of one that was not, another post is drawn,
        and so on: what stays follows P(x, y) with P(y) moved and P(x|y) as it was.
        """
        strength = (size(self.drifts, kind, at, self.length) for kind in ("data", "concept", "target"))
        moved, turned, thinned = strength
        kept = kept_negatives(thinned)
        post: law.Features = {}
        vacant = np.arange(len(at))
        while len(vacant):
            u = dict(zip(law.POST, rng.random((len(law.POST), len(vacant))), strict=True))
            drawn = law.features(u, moved[vacant])
            drawn |= {"U": u["verdict"], "p": law.probability(drawn, turned[vacant])}
            for name, values in drawn.items():
                post.setdefault(name, np.empty(len(at), values.dtype))[vacant] = values
            vacant = vacant[(drawn["U"] >= drawn["p"]) & (u["kept"] >= kept[vacant])]
        verdict, p = post.pop("U"), post.pop("p")
        return post, verdict, p, kept


def _table(x: law.Features, row: np.ndarray, posted: pd.Index, labelled: pd.Index) -> pd.DataFrame:
    """Return columns in the order of `COLUMNS`, categories by name."""
    table: dict[str, Any] = {**x, "posted_at": posted, "labelled_at": labelled}
    table["post_id"] = [f"post-{i:08d}" for i in row]
    return table_of(law.COLUMNS, table)


def make_spam_posts(
    n_samples: int = 20_000,
    *,
    days: float = 28,
    random_state: int = 0,
    faults: Sequence[Fault] = (),
    drifts: Sequence[Drift] = (),
) -> World:
    """Return a world of posts on Bramblework, about one in six of them spam.

    Args:
        n_samples: number of posts, before a fault duplicates any.
        days: time they are spread over, from 2024-01-01.
        random_state: whole number from 0; another number is another world under the same law.
        faults: what breaks between the world and the table; rows they do not hit stay as they are.
        drifts: how the world itself changes; rows outside their spans stay as they are.

    Raises:
        RefusedError: an argument is not as described; the sentence names it.

    >>> world = make_spam_posts(1_000)
    >>> world.frame[["posted_at", "n_links", "topic", "reports_1h", "is_spam"]].shape
    (1000, 5)
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
    return World(
        name="posts",
        description=DESCRIPTION,
        columns=law.COLUMNS,
        target=TARGET,
        key="post_id",
        n_samples=int(n_samples),
        days=days,
        changes=(*faults, *drifts),
        label_delay=pd.Timedelta(hours=48),
        make_block=plan,
    )
