"""How hard is the spam world, how much does each drift harm, and how fast are its rows made?

    python tests/benchmarks/bench_spam_world.py            # 100 worlds, about twenty minutes
    python tests/benchmarks/bench_spam_world.py --quick    # 5 worlds

Each world has 120,000 posts over 28 days and drifts at 60 % of them. The old model learns from the
first 48,000, the new one from the first 12,000 after the drift; both are judged on the last 36,000.
"""

from __future__ import annotations

import argparse
import time

import lightgbm
import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression

from mlsd.datasets import Drift, make_spam_posts
from mlsd.datasets import spam_law as law
from mlsd.metrics import score

N, OLD, START, NEW = 120_000, 48_000, 72_000, 12_000
FEATURES = [c.name for c in law.COLUMNS if c.known_at == "creation" and c.kind not in ("text", "time")]
CATEGORIES = {c.name: c.categories for c in law.COLUMNS if c.kind == "category"}


def table(frame: pd.DataFrame) -> np.ndarray:
    """Return the creation features as float64, (n, 12)."""
    cells = [
        pd.Categorical(frame[name], categories=CATEGORIES[name]).codes if name in CATEGORIES else frame[name]
        for name in FEATURES
    ]
    return np.column_stack(cells).astype("float64")


def learn(x: np.ndarray, y: np.ndarray, n_trees: int = 150, **parameters: float) -> lightgbm.Booster:
    """Return a shallow, regularised LightGBM."""
    settings = {
        "objective": "binary", "learning_rate": 0.05, "num_leaves": 15, "min_data_in_leaf": 30,
        "lambda_l2": 1.0, "num_threads": 1, "deterministic": True, "force_row_wise": True, "verbose": -1,
    }  # fmt: skip
    data = lightgbm.Dataset(x, y.astype(float), categorical_feature=[FEATURES.index(n) for n in CATEGORIES])
    return lightgbm.train({**settings, **parameters}, data, n_trees)


def losses(y: np.ndarray, p: np.ndarray) -> np.ndarray:
    """Return the log loss of each row, (n,)."""
    return np.where(y, -np.log(p), -np.log1p(-p))


def recalibration(y: np.ndarray, p: np.ndarray) -> tuple[float, float]:
    """Return intercept and slope of y on logit(p)."""
    logit = (np.log(p) - np.log1p(-p))[:, None]
    fit = LogisticRegression(C=1e6).fit(logit, y)
    return float(fit.intercept_[0]), float(fit.coef_[0, 0])


def small_table(seed: int) -> dict[str, float]:
    """3,200 rows to learn from, 800 to judge on: paired z of the gain over a constant and one question."""
    world = make_spam_posts(4_000, random_state=seed)
    x, y = table(world.frame), world.frame["is_spam"].to_numpy()
    a, b = slice(0, 3_200), slice(3_200, None)
    model = losses(y[b], learn(x[a], y[a], num_leaves=8).predict(x[b]))
    stump = losses(y[b], learn(x[a], y[a], 1, num_leaves=2, learning_rate=1.0).predict(x[b]))
    gains = {"constant": losses(y[b], np.full(800, y[a].mean())) - model, "question": stump - model}
    return {f"z over {name}": g.mean() / g.std() * np.sqrt(len(g)) for name, g in gains.items()}


def learning(x: np.ndarray, y: np.ndarray, p: np.ndarray) -> dict[str, float]:
    """Ceiling of a world without drift, and what 12,000 and 48,000 rows lack to it."""
    test = slice(START, None)
    ceiling = losses(y, p)[test].mean()
    row = {"share": y.mean(), "ceiling AUC": score("roc_auc", y, p), "ceiling": ceiling}
    row["constant"] = losses(y, np.full(len(y), y.mean())).mean()
    for n in (NEW, OLD):
        row[f"excess {n}"] = losses(y, learn(x[:n], y[:n]).predict(x))[test].mean() - ceiling
    return row


def harm(kind: str, seed: int, old: lightgbm.Booster) -> dict[str, float]:
    """What the old model lost, what the new one regained, and how the old one is calibrated."""
    world = make_spam_posts(N, random_state=seed, drifts=[Drift(kind, start=START / N)] if kind else [])
    x, y, p = table(world.frame), world.frame["is_spam"].to_numpy(), world.true_probability
    new = learn(x[START : START + NEW], y[START : START + NEW])
    x, y, p = x[START + NEW :], y[START + NEW :], p[START + NEW :]
    before, after = old.predict(x), new.predict(x)
    intercept, slope = recalibration(y, before)
    lost = (losses(y, before) - losses(y, p)).mean()
    return {
        "share": y.mean(),
        "lost": lost,
        "regained": (losses(y, before) - losses(y, after)).mean() / lost,
        "intercept": intercept,
        "slope": slope,
        "mean p - mean old": p.mean() - before.mean(),
    }


def show(title: str, rows: list[dict[str, float]]) -> None:
    print(f"\n{title}")
    print(pd.DataFrame(rows).describe().loc[["mean", "min", "max"]].round(4).to_string())


def speed() -> None:
    for n, drifts in ((120_000, []), (120_000, [Drift("target")])):
        times = []
        for seed in range(5):
            start = time.perf_counter()
            _ = make_spam_posts(n, random_state=seed, drifts=drifts).frame
            times.append(time.perf_counter() - start)
        print(f"{n:,} rows, drifts {drifts}: {min(times):.2f}-{max(times):.2f} s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--worlds", type=int, default=100)
    parser.add_argument("--quick", action="store_true", help="5 worlds")
    arguments = parser.parse_args()
    worlds = 5 if arguments.quick else arguments.worlds
    speed()
    show("small table", [small_table(seed) for seed in range(worlds)])
    quiet: list[dict[str, float]] = []
    drifted: dict[str, list[dict[str, float]]] = {"": [], "data": [], "target": [], "concept": []}
    for seed in range(worlds):
        world = make_spam_posts(N, random_state=seed)
        x, y = table(world.frame), world.frame["is_spam"].to_numpy()
        quiet.append(learning(x, y, world.true_probability))
        old = learn(x[:OLD], y[:OLD], 250)
        for kind, rows in drifted.items():
            rows.append(harm(kind, seed, old))
    show("no drift", quiet)
    for kind, rows in drifted.items():
        show(f"{kind or 'no'} drift, old model of {OLD:,} rows", rows)


if __name__ == "__main__":
    main()
