"""Is the trouble given its right name? A confusion table over worlds of which one thing is known to be wrong.

    python tests/benchmarks/bench_diagnosis.py [--worlds 500] [--models 3]

Each world is 5,000 posts, all of them under one cause: nothing, a fault between world and table, a
serving path that computes otherwise, or a drift of half or full strength. The schema refuses rows as
`quarantine` does; drift is judged against the model's training rows; 300 rows are prepared both ways.
Every kind of fault that can hit such posts has the same chance, those too whose values stay plausible.
"""

from __future__ import annotations

import argparse
from functools import cache
from typing import Any

import numpy as np
import pandas as pd

from mlsd.data import compare_serving
from mlsd.datasets import Drift, Fault, make_spam_posts
from mlsd.monitoring import detect_drift, diagnose
from mlsd.monitoring.diagnosis import KINDS
from mlsd.profile import Profile
from mlsd.training import Recipe, train

N_ROWS, N_TRAIN, N_COMPARED = 5_000, 40_000, 300
TARGET = "is_spam"
NUMBERS = ("n_words", "n_links", "caps_share", "account_age_days", "n_connections", "posts_last_week")
SEEN = ("nulls", "out_of_range", "unit_change", "category_rename", "type_change", "duplicates")
PLAUSIBLE = ("stuck", "swapped_columns", "clock_skew")  # no single value is wrong
PAIRS = (("n_words", "n_connections"), ("has_image", "asks_payment"))
CAUSES = ("nothing", "fault", "skew", "data", "target", "concept")


@cache
def model(state: int) -> Any:
    """Train on calm posts."""
    return train(make_spam_posts(N_TRAIN, random_state=1_000 + state).frame, Recipe(target=TARGET))


def change(cause: str, rng: np.random.Generator) -> Fault | Drift | None:
    """Draw what is wrong; it is so from the first post on."""
    column = str(rng.choice(NUMBERS))
    if cause == "nothing":
        return None
    if cause == "skew":
        return Fault("serving_skew", column, start=0.0, fraction=1.0)
    if cause != "fault":
        return Drift(cause, start=0.0, strength=float(rng.choice([0.5, 1.0])))
    kind = str(rng.choice([*SEEN, *PLAUSIBLE]))
    named = {"category_rename": "topic", "duplicates": None, "clock_skew": "posted_at"}
    if kind == "swapped_columns":
        one, other = PAIRS[rng.integers(len(PAIRS))]
        return Fault(kind, one, other=other, start=0.0)
    return Fault(kind, named.get(kind, column), start=0.0)


def truth(changed: Fault | Drift | None) -> str:
    """Return the row of the table that a world belongs to."""
    if changed is None:
        return "no drift"
    if isinstance(changed, Drift):
        return f"{changed.kind} drift"
    if changed.kind == "serving_skew":
        return "training-serving skew"
    return "data fault, plausible values" if changed.kind in PLAUSIBLE else "data fault"


def world(state: int, cause: str, n_models: int) -> dict[str, Any]:
    """Return what is wrong in one world, and what is said of it without labels and with."""
    rng = np.random.default_rng(state)
    changed, package = change(cause, rng), model(state % n_models)
    args = {"faults": [changed]} if isinstance(changed, Fault) else {"drifts": [changed] if changed else []}
    posts = make_spam_posts(N_ROWS, random_state=50_000 + state, **args).frame
    sound = make_spam_posts(N_ROWS, random_state=50_000 + state).frame if cause == "skew" else posts
    clean, rejected = package.schema.quarantine(posts)
    names, reference = list(package.features), package.profile.select(package.features)
    seen = {
        "rejected_share": len(rejected) / len(posts),
        "drift": detect_drift(reference, Profile.of(clean[names], like=reference)),
        "serving": compare_serving(sound[names].head(N_COMPARED), posts[names].head(N_COMPARED)),
    }
    labels = {"y": clean[TARGET].to_numpy(float), "prediction": package.predict(clean)}
    before, after = (diagnose(**seen, **y).findings[0].value for y in ({}, labels))
    return {"truth": truth(changed), "what": getattr(changed, "kind", ""), "before": before, "after": after}


def judged(n_worlds: int, n_models: int) -> pd.DataFrame:
    """Return one row per world; the causes take turns."""
    return pd.DataFrame([world(s, CAUSES[s % len(CAUSES)], n_models) for s in range(n_worlds)])


def right(told: pd.DataFrame) -> pd.Series:
    """Return per world whether its name is right, once labels have arrived."""
    return told["truth"].str.partition(",")[0] == told["after"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--worlds", type=int, default=500)
    parser.add_argument("--models", type=int, default=3)
    asked = parser.parse_args()
    told = judged(asked.worlds, asked.models)
    table = pd.crosstab(told["truth"], told["after"]).reindex(columns=list(KINDS), fill_value=0)
    print(f"{asked.worlds} worlds of {N_ROWS:,} labelled posts, {asked.models} models; rows: what is true\n")
    print(f"| | n | {' | '.join(KINDS)} |\n|{'---|' * (len(KINDS) + 2)}")
    for name, row in table.iterrows():
        print(f"| {name} | {row.sum()} | {' | '.join(map(str, row))} |")
    p = float(right(told).mean())
    print(f"\nright: {p:.1%} (standard error {np.sqrt(p * (1 - p) / len(told)):.1%})")
    wrong = told[told["truth"] != "no drift"]
    print(
        f"*no drift* where something was wrong: {(wrong['after'] == 'no drift').mean():.1%} of {len(wrong)}"
    )
    early = told[~told["truth"].isin(["data fault", "training-serving skew"])]
    print(
        f"before labels, *cannot tell yet*: {(early['before'] == 'cannot tell yet').mean():.1%} of {len(early)}"
    )
    print("of the faults with plausible values:", end=" ")
    hidden = told[told["truth"] == "data fault, plausible values"]
    print(hidden.groupby(["what", "after"]).size().to_dict())


if __name__ == "__main__":
    main()
