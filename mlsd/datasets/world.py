"""A world: a table of any length whose law, faults and drifts are known."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from mlsd.column import Column, article
from mlsd.datasets.checks import check_whole
from mlsd.datasets.span import Change, limits
from mlsd.report import RefusedError

BLOCK = 4096  # rows made at once, before duplicates; block k draws from child k of the seed
BEGAN = pd.Timestamp("2024-01-01", tz="UTC")
DAY = 86_400  # seconds


@dataclass(frozen=True)
class Block:
    """Some rows with their truth: `hits[j]` tells which of them change j touched, (n,) bool each.

    The mean of a target that is yes or no, 1 or 0, is its probability.
    """

    frame: pd.DataFrame
    true_mean: np.ndarray  # (n,) of the target, given the creation features
    true_mean_reactive: np.ndarray  # (n,) given what is behind the reactions too
    hits: tuple[np.ndarray, ...]

    def repeat(self, times: np.ndarray) -> Block:
        """Return the block with row i standing `times[i]` times in a row."""
        if times.max() == 1:
            return self
        rows = np.repeat(np.arange(len(times)), times)
        return Block(
            self.frame.take(rows),
            self.true_mean[rows],
            self.true_mean_reactive[rows],
            tuple(hit[rows] for hit in self.hits),
        )

    @classmethod
    def join(cls, blocks: list[Block]) -> Block:
        """Return blocks one below the other, rows numbered from 0."""
        frame = pd.concat([block.frame for block in blocks], ignore_index=True)
        mean = np.concatenate([block.true_mean for block in blocks])
        reactive = np.concatenate([block.true_mean_reactive for block in blocks])
        hits = zip(*(block.hits for block in blocks), strict=True)
        return cls(frame, mean, reactive, tuple(np.concatenate(hit) for hit in hits))


@dataclass(frozen=True)
class World:
    """A made table and the truth about it; rows are made when they are first asked for.

    Args:
        name: of what the rows are, in the plural.
        description: the situation, for people.
        columns: what each column may hold before any fault, its unit, and when its value is known.
        target: the column to predict.
        key: the column that names a row.
        n_samples: rows before duplicates.
        days: the time they are spread over.
        changes: the faults, then the drifts.
        label_delay: the longest time from a row to its label.
        make_block: makes block k.

    >>> from mlsd.datasets import Drift, make_spam_posts
    >>> make_spam_posts(10_000, drifts=[Drift("target", start=0.75)])
    World(10,000 posts over 28 days from 2024-01-01, target is_spam)
      drift target from 2024-01-22 00:00, strength 1
    """

    name: str
    description: str
    columns: tuple[Column, ...]
    target: str
    key: str
    n_samples: int
    days: float
    changes: tuple[Change, ...]
    label_delay: pd.Timedelta
    make_block: Callable[[int], Block]

    @property
    def known_at(self) -> dict[str, str]:
        """When the value of each column is known: at creation, after a reaction or with the label.

        The frame's own `attrs["known_at"]` may claim otherwise: a leak says creation.
        """
        return {column.name: column.known_at for column in self.columns}

    @property
    def units(self) -> dict[str, str]:
        """The unit of each column that has one."""
        return {column.name: column.unit for column in self.columns if column.unit}

    @property
    def frame(self) -> pd.DataFrame:
        """All rows, oldest first; `attrs` hold `known_at` and `units`. A change to it stays in your copy."""
        return self._marked(self._whole.frame.copy(deep=False))

    @property
    def true_mean(self) -> np.ndarray:
        """E[target | creation features] by the world's own law, (n,): no forecast has a smaller squared error."""
        return self._whole.true_mean

    @property
    def true_mean_reactive(self) -> np.ndarray:
        """E[target | creation features and the hidden mood behind the reactions], (n,).

        Reactions are noisy signs of that mood, so no model that reads them scores better.
        """
        return self._whole.true_mean_reactive

    @property
    def true_probability(self) -> np.ndarray:
        """P(target | creation features), (n,): `true_mean` of a target that is yes or no; no model scores better.

        Raises:
            RefusedError: the target is a number.
        """
        self._check_yes_or_no()
        return self.true_mean

    @property
    def true_probability_reactive(self) -> np.ndarray:
        """P(target | creation features and the hidden mood behind the reactions), (n,)."""
        self._check_yes_or_no()
        return self.true_mean_reactive

    def _check_yes_or_no(self) -> None:
        kind = next(column.kind for column in self.columns if column.name == self.target)
        if kind != "boolean":
            raise RefusedError(
                f"{self.target} is {article(kind)}, which has no probability; read true_mean, its expected value"
            )

    @property
    def truth(self) -> pd.DataFrame:
        """One row per fault and drift: what, kind, column, other, start, end, n_rows, row_ids.

        `row_ids` names the rows touched, in order, each once: for a fault those whose cells really
        changed (or that were repeated), for a drift all rows that it was at work on.
        """
        return self._truth.copy(deep=False)

    def stream(self, batch: int = BLOCK) -> Iterator[pd.DataFrame]:
        """Yield the rows of `frame`, `batch` at a time, in memory that does not grow with their number.

        Raises:
            RefusedError: `batch` is no whole number above 0.

        >>> from mlsd.datasets import make_spam_posts
        >>> world = make_spam_posts(10_000)
        >>> [len(batch) for batch in world.stream(4_000)]
        [4000, 4000, 2000]
        """
        check_whole("batch is", batch, 1)
        return self._batches(int(batch))

    def _batches(self, batch: int) -> Iterator[pd.DataFrame]:
        held: list[pd.DataFrame] = []
        n_held = first = 0
        for block in self._blocks():
            held.append(block.frame)
            n_held += len(block.frame)
            if n_held >= batch:
                rows = pd.concat(held, ignore_index=True)
                cut = n_held - n_held % batch
                yield from self._cut(rows.iloc[:cut], batch, first)
                held, n_held, first = ([rows.iloc[cut:]] if cut < n_held else []), n_held - cut, first + cut
        if n_held:
            yield from self._cut(pd.concat(held, ignore_index=True), batch, first)

    def _cut(self, rows: pd.DataFrame, batch: int, first: int) -> Iterator[pd.DataFrame]:
        rows = self._marked(rows.set_axis(pd.RangeIndex(first, first + len(rows)), axis=0))
        for at in range(0, len(rows), batch):
            yield rows.iloc[at : at + batch]

    def _marked(self, frame: pd.DataFrame) -> pd.DataFrame:
        claimed = {change.columns[0]: "creation" for change in self.changes if change.kind == "leak"}
        frame.attrs = {"known_at": self.known_at | claimed, "units": self.units}
        return frame

    def _blocks(self) -> Iterator[Block]:
        return (self.make_block(k) for k in range(-(-self.n_samples // BLOCK)))

    @cached_property
    def _whole(self) -> Block:
        whole = Block.join(list(self._blocks()))
        for array in (whole.true_mean, whole.true_mean_reactive):
            array.flags.writeable = False
        return whole

    @cached_property
    def _truth(self) -> pd.DataFrame:
        names, rows = self._whole.frame[self.key], []
        for change, hit in zip(self.changes, self._whole.hits, strict=True):
            start, end = self._dates(change)
            ids = tuple(names[hit].drop_duplicates())
            column, other = (*change.columns, None, None)[:2]
            rows.append([change.what, change.kind, column, other, start, end, len(ids), ids])
        return pd.DataFrame(rows, columns="what kind column other start end n_rows row_ids".split())

    def _dates(self, change: Change) -> list[pd.Timestamp]:
        return [BEGAN + pd.Timedelta(seconds=s) for s in limits(change, seconds_of(self.days))]

    def __repr__(self) -> str:
        time = f"over {self.days:g} days from {BEGAN:%Y-%m-%d}"
        head = f"World({self.n_samples:,} {self.name} {time}, target {self.target})"
        return "\n".join([head, *(f"  {self._told(change)}" for change in self.changes)])

    def _told(self, change: Change) -> str:
        start, end = self._dates(change)
        until = f" until {end:%Y-%m-%d %H:%M}" if change.end < 1 else ""
        on = f" on {' and '.join(change.columns)}" if change.columns else ""
        return f"{change.what} {change.kind}{on} from {start:%Y-%m-%d %H:%M}{until}, {change.size}"


def seconds_of(days: float) -> int:
    """Return the length of a world in whole seconds."""
    return round(days * DAY)


def moments(seconds: np.ndarray) -> pd.DatetimeIndex:
    """Return seconds since the world began as UTC timestamps, (n,)."""
    since = int(BEGAN.timestamp()) + seconds.astype("int64")
    return pd.DatetimeIndex((since * 1_000_000).view("datetime64[us]")).tz_localize("UTC")
