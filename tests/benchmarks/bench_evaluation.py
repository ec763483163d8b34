"""How often the intervals and tests of evaluation are right, and what they cost.

    OMP_NUM_THREADS=1 python tests/benchmarks/bench_evaluation.py [--quick]

Coverage: one model; the truth is its metric on 10^6 posts; samples are drawn from those. Peeking: A/A
runs, both arms 10 %, read after every pair. Twins: forty seeds of one recipe, judged on 300 posts. Cost:
seconds of this process, the ways alternating.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from statistics import median

import numpy as np
import scipy.stats

from mlsd.datasets import make_spam_posts
from mlsd.metrics import score
from mlsd.stats import bootstrap_interval, wilson_interval
from mlsd.training import Recipe, anytime_p, compare_models, fixed_p, metric_interval, sample_size, train

ROWS, RESAMPLES = 500, 1000


def share(found: int, n: int) -> str:
    """Return a share with its 95 % interval, in percent."""
    low, high = wilson_interval(found, n)
    return f"{found / n:.1%} ({low:.1%}-{high:.1%})"


def coverage(pool: int, samples: int) -> None:
    """Print how often the 95 % interval of a real model's score holds the truth."""
    world = make_spam_posts(6_000 + pool, random_state=0)
    package = train(world.frame.iloc[:6_000], Recipe("is_spam"))
    later = world.frame.iloc[6_000:]
    p, y = package.predict(later), later["is_spam"].to_numpy(dtype=int)
    print(
        f"| metric | truth on {pool:,} posts | {samples:,} samples of {ROWS}: covered | low misses | high misses |"
    )
    print("|---|---|---|---|---|")
    for name in ("roc_auc", "average_precision", "log_loss"):
        truth, rng = score(name, y, p), np.random.default_rng(1)
        below = above = 0
        for i in range(samples):
            rows = rng.integers(0, pool, ROWS)
            low, high = metric_interval(name, y[rows], p[rows], n_resamples=RESAMPLES, random_state=i)
            below, above = below + (high < truth), above + (low > truth)
        covered = share(samples - below - above, samples)
        print(
            f"| {name} | {truth:.4f} | {covered} | {below / samples:.1%} | {above / samples:.1%} |",
            flush=True,
        )


def peeking(runs: int, pairs: int) -> None:
    """Print how often a difference is seen where there is none, and how soon one is seen that is there."""
    rng = np.random.default_rng(0)
    a, b = rng.random((runs, pairs)) < 0.1, rng.random((runs, pairs)) < 0.1
    always, naive = anytime_p(a, b)[:, -1] < 0.05, fixed_p(a, b)[:, 99:]
    print(f"\n| {runs:,} A/A runs of {pairs:,} pairs | false alarms |\n|---|---|")
    print(f"| z-test, read once at the end | {share(int((naive[:, -1] < 0.05).sum()), runs)} |")
    print(
        f"| z-test, read after every pair from 100 on | {share(int((naive.min(axis=1) < 0.05).sum()), runs)} |"
    )
    print(f"| `sequential_test`, read after every pair | {share(int(always.sum()), runs)} |", flush=True)
    print(
        "\n| B instead of 10 % | visitors an arm, fixed test, power 0.8 | sequential test stops: median | found |"
    )
    print("|---|---|---|---|")
    for lift in (0.02, 0.03, 0.05):
        n = sample_size(0.1, lift)
        a, b = rng.random((200, 4 * n)) < 0.1, rng.random((200, 4 * n)) < 0.1 + lift
        p = anytime_p(a, b)
        stopped = np.where(p[:, -1] < 0.05, (p < 0.05).argmax(axis=1), 4 * n)
        print(
            f"| {0.1 + lift:.0%} | {n:,} | {int(np.median(stopped)):,} | {(p[:, -1] < 0.05).mean():.0%} |",
            flush=True,
        )


def twins(worlds: int) -> None:
    """Print how often one of two models of a recipe is promoted, and one that learned from more rows."""
    twin = more = highest = 0
    gaps = []
    for seed in range(worlds):
        posts = make_spam_posts(4_300, random_state=seed).frame
        fresh = make_spam_posts(10_000, random_state=10_000 + seed).frame
        judged = posts.iloc[4_000:]
        options = {"bagging_fraction": 0.7, "bagging_freq": 1}
        one, two, large = (
            train(posts.iloc[:rows], Recipe("is_spam", params=options, random_state=state), valid=judged)
            for rows, state in ((400, 1), (400, 2), (4_000, 1))
        )
        y, p, q, r = (judged["is_spam"], *(model.predict(judged) for model in (one, two, large)))
        twin += compare_models(y, p, q).ok
        highest += score("roc_auc", y, p) > score("roc_auc", y, q)
        more += compare_models(y, r, p).ok
        gaps.append(
            score("roc_auc", fresh["is_spam"], large.predict(fresh))
            - score("roc_auc", fresh["is_spam"], one.predict(fresh))
        )
    print(f"\n| {worlds} worlds, 300 judged posts | promoted |\n|---|---|")
    print(f"| a twin: same recipe, same rows, another seed | {share(twin, worlds)} |")
    print(f"| the twin with the higher score | {share(highest, worlds)} |")
    print(
        f"| ten times the rows, truly better by {100 * np.median(gaps):.1f} points | {share(more, worlds)} |",
        flush=True,
    )


def cost(repetitions: int) -> None:
    """Print what one interval costs, beside a loop and scipy."""
    rng = np.random.default_rng(0)
    p = rng.random(ROWS)
    y = (rng.random(ROWS) < p).astype(int)

    def loop() -> None:
        drawn, n = np.random.default_rng(0), len(y)
        found = [score("roc_auc", y[r], p[r]) for r in (drawn.integers(0, n, n) for _ in range(RESAMPLES))]
        np.quantile(found, [0.025, 0.975])

    def with_scipy() -> None:
        scipy.stats.bootstrap(
            (y, p), lambda a, b: score("roc_auc", a, b), paired=True, vectorized=False,
            n_resamples=RESAMPLES, method="percentile", rng=0,
        )  # fmt: skip

    ways: dict[str, Callable[[], object]] = {
        "`metric_interval`": lambda: metric_interval("roc_auc", y, p, n_resamples=RESAMPLES),
        "six-line loop": loop,
        "`stats.bootstrap_interval`": lambda: bootstrap_interval(
            lambda a, b: score("roc_auc", a, b), y, p, n_resamples=RESAMPLES
        ),
        "scipy.stats.bootstrap": with_scipy,
    }
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(repetitions):
        for name, way in ways.items():
            started = time.process_time()
            way()
            seconds[name].append(time.process_time() - started)
    floor = median(seconds["`metric_interval`"])
    print(f"\n| AUC, {ROWS} rows, {RESAMPLES:,} resamples | ms (min-max) | ratio |\n|---|---|---|")
    for name, spent in seconds.items():
        told = f"{1000 * median(spent):.1f} ({1000 * min(spent):.1f}-{1000 * max(spent):.1f})"
        print(f"| {name} | {told} | {median(spent) / floor:.1f} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true")
    quick = parser.parse_args().quick
    coverage(*((20_000, 200) if quick else (1_000_000, 5_000)))
    peeking(*((200, 2_000) if quick else (1_000, 5_000)))
    twins(5 if quick else 40)
    cost(3 if quick else 11)


if __name__ == "__main__":
    main()
