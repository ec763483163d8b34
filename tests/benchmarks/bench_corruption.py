"""Faults are planted; which rows does a learnt schema reject, and how many sound ones with them?

    python tests/benchmarks/bench_corruption.py            # 20 seeds, about three minutes
    python tests/benchmarks/bench_corruption.py --quick    # 3 seeds

Worlds: the schema is learnt from 4,000 clean rows of one world and held against 4,000 rows of another
under the same law, a tenth of its second half damaged. Real tables (scikit-learn's): learnt from one
half, held against the other, a tenth of it damaged. Nothing in a schema is set by hand but `ordered`
for time columns, which no table can tell.

A fault *breaks* the schema when its cells cannot be what the column allows: missing, far outside,
another type, an unknown name, a key that comes again. The others keep it, row by row, unless a value
happens to leave the bounds; for them the profile of the damaged span is compared with the learning
table by `detect_drift`, on the fault's own column.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from sklearn import datasets as bundled

import mlsd.datasets
from mlsd.datasets import Fault
from mlsd.datasets.fault import SUITS, check_suits
from mlsd.monitoring import detect_drift
from mlsd.profile import Profile
from mlsd.report import RefusedError
from mlsd.schema import Schema

BREAKING = ("nulls", "out_of_range", "type_change", "category_rename", "duplicates")
WORLDS = ("make_spam_posts", "make_news_feed", "make_parcel_volumes")  # those that exist are used
TABLES = ("iris", "wine", "breast_cancer", "diabetes", "digits")
ROWS = 4_000


@dataclass(frozen=True)
class Case:
    """A fault planted: which of n rows it damaged, and where."""

    world: str
    kind: str
    column: str | None
    schema: Schema
    learnt: pd.DataFrame
    frame: pd.DataFrame  # n rows
    damaged: np.ndarray  # (n,) bool
    span: np.ndarray  # (n,) bool: rows from the fault's beginning on


@dataclass(frozen=True)
class Score:
    """What became of one case."""

    world: str
    kind: str
    damaged: int
    found: int  # damaged rows that were rejected
    sound: int
    refused: int  # sound rows that were rejected
    seen: bool  # whether drift was told of the fault's column
    must: int  # damaged rows whose cell lies outside what the schema states, by plain comparison
    missed: int  # of those, not rejected


def judge(case: Case) -> Score:
    """Hold the schema against a case."""
    _, rejected = case.schema.quarantine(case.frame)
    bad = case.frame.index.isin(rejected.index)
    must = case.damaged & (_outside(case) | (case.kind in BREAKING))
    return Score(
        case.world, case.kind, int(case.damaged.sum()), int((case.damaged & bad).sum()),
        int((~case.damaged).sum()), int((~case.damaged & bad).sum()), _drifted(case),
        int(must.sum()), int((must & ~bad).sum()),
    )  # fmt: skip


def _outside(case: Case) -> np.ndarray:
    """Return the rows whose number lies outside the bounds, by a comparison in plain pandas."""
    bounded = case.column and case.schema[case.column].maximum is not None
    if not bounded or case.kind in BREAKING:
        return np.zeros(len(case.frame), dtype=bool)
    column, values = case.schema[case.column], case.frame[case.column].astype(float)
    return ((values < column.minimum) | (values > column.maximum)).to_numpy()


def _drifted(case: Case) -> bool:
    """Return whether the damaged span looks unlike the learning table, in the fault's own column."""
    if case.kind in BREAKING or case.column is None:
        return False
    reference = Profile.of(case.learnt[[case.column]])
    window = Profile.of(case.frame.loc[case.span, [case.column]], like=reference)
    return not detect_drift(reference, window).ok


# ---- worlds with a known law -----------------------------------------------------------------------


def world_cases(make: Callable, seed: int, kinds: tuple[str, ...], rows: int = ROWS) -> Iterator[Case]:
    """Yield a clean case (kind `none`), then one case per kind of fault that suits some column."""
    learnt, clean = make(rows, random_state=seed), make(rows, random_state=1_000 + seed)
    schema = in_order(Schema.infer(learnt.frame, target=learnt.target))
    nothing = np.zeros(len(clean.frame), dtype=bool)
    yield Case(clean.name, "none", None, schema, learnt.frame, clean.frame, nothing, ~nothing)
    rng = np.random.default_rng(seed)
    for kind in kinds:
        fault = a_fault(kind, clean, schema, rng)
        if fault is None:
            continue
        world = make(rows, random_state=1_000 + seed, faults=[fault])
        ids, frame = world.truth["row_ids"][0], world.frame
        damaged = frame[world.key].isin(ids).to_numpy()
        if kind == "duplicates":
            damaged = frame[world.key].duplicated().to_numpy()
        span = np.arange(len(frame)) >= len(frame) // 2
        yield Case(world.name, kind, fault.column, schema, learnt.frame, frame, damaged, span)


def in_order(schema: Schema) -> Schema:
    """State by hand that the rows come in the order of their time."""
    columns = (replace(c, ordered=True) if c.name == schema.time else c for c in schema)
    return Schema(tuple(columns), schema.target, schema.rules, schema.unique)


def a_fault(kind: str, world, schema: Schema, rng: np.random.Generator) -> Fault | None:
    """Return a fault on a column drawn by chance among those that it suits; None when there is none."""
    if kind == "duplicates":
        return Fault(kind)
    names = [column.name for column in world.columns if not schema[column.name].nullable]
    if kind == "clock_skew":
        names = [name for name in names if name == schema.time]
    for name in rng.permutation(names):
        for other in rng.permutation(names) if kind == "swapped_columns" else [None]:
            try:
                fault = Fault(kind, str(name), other=None if other is None else str(other))
                check_suits(fault, world.columns, world.target)
            except RefusedError:
                continue
            return fault
    return None


# ---- real tables -----------------------------------------------------------------------------------


def table(name: str) -> pd.DataFrame:
    """Return one of scikit-learn's tables with a key, its classes by name."""
    found = getattr(bundled, f"load_{name}")(as_frame=True)
    frame = found.frame.rename(columns=str)
    if len(getattr(found, "target_names", ())):
        frame["target"] = found.target.map(lambda code: f"class {found.target_names[code]}")
    return frame.assign(row_id=[f"row-{at:05}" for at in range(len(frame))])


def table_cases(name: str, seed: int) -> Iterator[Case]:
    """Yield a clean case (kind `none`), then one case per kind of fault that suits some column."""
    rng = np.random.default_rng(seed)
    whole = table(name)
    order = rng.permutation(len(whole))
    learnt, clean = (whole.iloc[part].reset_index(drop=True) for part in np.array_split(order, 2))
    schema = Schema.infer(learnt, target="target")
    nothing = np.zeros(len(clean), dtype=bool)
    yield Case(name, "none", None, schema, learnt, clean, nothing, ~nothing)
    for kind in PLANTED:
        frame, column, damaged = PLANTED[kind](clean.copy(), whole, rng)
        if column is not None or kind == "duplicates":
            yield Case(name, kind, column, schema, learnt, frame, damaged, np.ones(len(frame), dtype=bool))


Planted = tuple[pd.DataFrame, str | None, np.ndarray]


def _drawn(frame: pd.DataFrame, rng: np.random.Generator) -> tuple[str, np.ndarray]:
    """Return a column of numbers that is not constant, and a tenth of the rows."""
    numbers = [c for c in frame.select_dtypes("number") if c != "target" and frame[c].nunique() > 1]
    return str(rng.choice(numbers)), rng.random(len(frame)) < 0.1


def _on_cells(change: Callable[[pd.Series, pd.Series], object], dtype: object = "float64") -> Callable:
    """Return a fault that puts `change(cells, the whole column)` into a tenth of a column."""

    def plant(frame: pd.DataFrame, whole: pd.DataFrame, rng: np.random.Generator) -> Planted:
        name, hit = _drawn(frame, rng)
        cells = frame[name].astype(dtype)
        cells[hit] = change(frame.loc[hit, name], whole[name])
        changed = hit & (cells != frame[name]).to_numpy()
        return frame.assign(**{name: cells}), name, changed

    return plant


def _renamed(frame: pd.DataFrame, whole: pd.DataFrame, rng: np.random.Generator) -> Planted:
    hit = rng.random(len(frame)) < 0.1
    if not pd.api.types.is_string_dtype(frame["target"]):
        return frame, None, hit
    return frame.assign(target=frame["target"].str.upper().where(hit, frame["target"])), "target", hit


def _doubled(frame: pd.DataFrame, whole: pd.DataFrame, rng: np.random.Generator) -> Planted:
    times = 1 + (rng.random(len(frame)) < 0.1)
    frame = frame.loc[np.repeat(np.arange(len(frame)), times)].reset_index(drop=True)
    return frame, None, frame["row_id"].duplicated().to_numpy()


def _swapped(frame: pd.DataFrame, whole: pd.DataFrame, rng: np.random.Generator) -> Planted:
    name, hit = _drawn(frame, rng)
    other = next(
        n for n in rng.permutation(frame.select_dtypes("number").columns) if n not in (name, "target")
    )
    hit &= (frame[name] != frame[other]).to_numpy()
    pair = {name: frame[name].where(~hit, frame[other]), other: frame[other].where(~hit, frame[name])}
    return frame.assign(**pair), name, hit


PLANTED: dict[str, Callable[[pd.DataFrame, pd.DataFrame, np.random.Generator], Planted]] = {
    "nulls": _on_cells(lambda cells, whole: np.nan),
    "out_of_range": _on_cells(lambda cells, whole: whole.max() + 10 * (whole.max() - whole.min())),
    "type_change": _on_cells(lambda cells, whole: cells.astype(str) + " mm", object),
    "category_rename": _renamed,
    "duplicates": _doubled,
    "unit_change": _on_cells(lambda cells, whole: cells * 1000),
    "swapped_columns": _swapped,
    "stuck": _on_cells(lambda cells, whole: whole.iloc[0]),
}


# ---- the table -------------------------------------------------------------------------------------


def scores(seeds: range) -> Iterator[Score]:
    """Yield the score of every case: each world and table, each kind of fault, each seed."""
    for seed in seeds:
        for maker in WORLDS:
            make = getattr(mlsd.datasets, maker, None)
            if make is not None:
                yield from map(judge, world_cases(make, seed, tuple(SUITS)))
        for name in TABLES:
            yield from map(judge, table_cases(name, seed))


def share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.2f} %" if whole else "-"


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--quick", action="store_true", help="3 seeds instead of 20")
    found = pd.DataFrame(list(scores(range(3 if arguments.parse_args().quick else 20))))

    print("sound rows of the same world that were rejected\n")
    print("| world | seeds | sound rows | rejected | worst seed |\n|---|---|---|---|---|")
    for world, part in found[found.kind == "none"].groupby("world", sort=False):
        worst = (part.refused / part.sound).max()
        print(
            f"| {world} | {len(part)} | {part.sound.sum():,} | {share(part.refused.sum(), part.sound.sum())} "
            f"| {100 * worst:.2f} % |"
        )
    print("\nfaults that break the schema\n")
    print(
        "| fault | tables | damaged rows | rejected | sound rows rejected beside them |\n|---|---|---|---|---|"
    )
    for kind, part in found[found.kind.isin(BREAKING)].groupby("kind", sort=False):
        print(
            f"| {kind} | {len(part)} | {part.damaged.sum():,} | {share(part.found.sum(), part.damaged.sum())} "
            f"| {share(part.refused.sum(), part.sound.sum())} |"
        )
    print("\nfaults that keep the schema, unless a value happens to leave the bounds\n")
    print("| fault | world | tables | rows that left the bounds, rejected | of all damaged rows rejected |"
          " drift told | sound rows rejected |\n|---|---|---|---|---|---|---|")  # fmt: skip
    kept = found[~found.kind.isin((*BREAKING, "none"))]
    for (kind, world), part in kept.groupby(["kind", "world"], sort=False):
        left = f"{part.must.sum() - part.missed.sum():,} of {part.must.sum():,}"
        print(
            f"| {kind} | {world} | {len(part)} | {left} | {share(part.found.sum(), part.damaged.sum())} "
            f"| {part.seen.sum()} of {len(part)} | {share(part.refused.sum(), part.sound.sum())} |"
        )


if __name__ == "__main__":
    main()
