"""A plan: everything a block of a world depends on besides its number; sound rows first, then the faults."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from mlsd.column import Column
from mlsd.datasets.damage import damage
from mlsd.datasets.drift import Drift, force
from mlsd.datasets.fault import Fault
from mlsd.datasets.world import BLOCK, Block


@dataclass(frozen=True)
class Sound:
    """The rows of a block before any fault."""

    frame: pd.DataFrame
    seconds: np.ndarray  # (n,) since the world began, never falling
    true_mean: np.ndarray  # (n,) of the target, given the creation features
    true_mean_reactive: np.ndarray  # (n,)


@dataclass(frozen=True)
class Plan:
    """What the worlds have in common; each says what its columns are and makes its own sound rows."""

    n_samples: int
    length: int  # seconds
    seed: int
    faults: tuple[Fault, ...]
    drifts: tuple[Drift, ...]

    columns: ClassVar[tuple[Column, ...]]
    target: ClassVar[str]

    def sound(self, k: int) -> Sound:
        """Return block k before any fault."""
        raise NotImplementedError

    def __call__(self, k: int) -> Block:
        """Make block k: its sound rows, then what faults make of them."""
        sound = self.sound(k)
        frame, hits, times = damage(sound.frame, sound.seconds, self, k)
        hits += [force(drift, sound.seconds, self.length) > 0 for drift in self.drifts]
        return Block(frame, sound.true_mean, sound.true_mean_reactive, tuple(hits)).repeat(times)

    def generator(self, k: int) -> np.random.Generator:
        """Return the generator of block k: its own child of the seed."""
        return np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=(k,)))

    def rows(self, k: int) -> int:
        """Return how many rows block k has: the last one is made whole, then cut."""
        return min(BLOCK, self.n_samples - k * BLOCK)

    def last_before(self, second: int) -> pd.DataFrame:
        """Return the last sound row before a second of the world, a frame of one; its first if none is."""
        return _last_before(self, second)


def table_of(columns: tuple[Column, ...], cells: Mapping[str, Any]) -> pd.DataFrame:
    """Return cells as a table in the order of its columns: category positions by name, whole numbers as such."""
    table = dict(cells)
    for column in columns:
        values = table[column.name]
        if column.kind == "category":
            table[column.name] = pd.Series(column.categories).take(values).array
        elif column.kind == "integer":
            table[column.name] = values.astype("int64")
    return pd.DataFrame({column.name: table[column.name] for column in columns})


@lru_cache(maxsize=64)
def _last_before(plan: Plan, second: int) -> pd.DataFrame:
    blocks = range(-(-plan.n_samples // BLOCK))
    later = bisect_left(blocks, second, key=lambda k: plan.sound(k).seconds[0])  # blocks come in time's order
    sound = plan.sound(max(later - 1, 0))
    at = max(int((sound.seconds < second).sum()) - 1, 0)
    return sound.frame.iloc[at : at + 1].copy()
