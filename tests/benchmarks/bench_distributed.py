"""From which size a cluster pays: the same recipe in one process and on Dask workers of the same machine.

    OMP_NUM_THREADS=1 python tests/benchmarks/bench_distributed.py [--rows 100000 1000000] [--limit 300]

Two workers of one thread each against one process with one thread and with two, `--rounds` rounds each and
no early stopping, so that all do the same work. Each size once, a way that passes the limit is told so and
not tried on more rows. The seconds are those that `train` notes in its run as `seconds_fit`; sending the
rows to the workers is part of them, starting the cluster (told apart) is not.
"""

import argparse
import multiprocessing
import os
import queue
import time

from mlsd import Run
from mlsd.datasets import make_spam_posts
from mlsd.training import Recipe, train, train_distributed

WAYS = {"one thread": 1, "two threads": 2, "two Dask workers": 0}


def measure(found, way: str, rows: int, rounds: int, address: str | None) -> None:
    """Train once, in a process of its own that can be stopped; send the seconds and the loss."""
    os.environ["OMP_NUM_THREADS"] = str(WAYS[way] or 1)
    frame = make_spam_posts(rows, random_state=0).frame
    recipe = Recipe("is_spam", params={"n_estimators": rounds, "early_stopping_rounds": 0})
    run = Run(way)
    package = (
        train(frame, recipe, run=run)
        if address is None
        else train_distributed(frame, recipe, address, run=run)
    )
    found.put((run.metrics["seconds_fit"][0][1], package.metric.message))


def limited(limit: float, *arguments) -> tuple[float, str] | None:
    """Return what `measure` found, or None when it took too long."""
    context = multiprocessing.get_context("spawn")
    found = context.Queue()
    process = context.Process(target=measure, args=(found, *arguments))
    process.start()
    try:
        return found.get(timeout=limit)
    except queue.Empty:
        return None
    finally:
        process.terminate()
        process.join()


def main() -> None:
    from distributed import LocalCluster

    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--limit", type=float, default=300)
    asked = parser.parse_args()
    started = time.perf_counter()
    cluster = LocalCluster(
        n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address="127.0.0.1:0"
    )
    try:
        print(f"Starting the cluster: {time.perf_counter() - started:.1f} s.\n")
        limited(asked.limit, "two Dask workers", 5_000, 5, cluster.scheduler_address)  # its first imports
        print("| rows | way | seconds to fit | times one thread | quality |")
        print("|---|---|---|---|---|")
        too_slow: set[str] = set()
        for rows in asked.rows:
            alone = None
            for way, threads in WAYS.items():
                if way in too_slow:
                    continue
                address = None if threads else cluster.scheduler_address
                found = limited(asked.limit, way, rows, asked.rounds, address)
                if found is None:
                    too_slow.add(way)
                    print(f"| {rows:,} | {way} | more than {asked.limit:.0f} | | |")
                    continue
                alone = alone or found[0]
                print(
                    f"| {rows:,} | {way} | {found[0]:.1f} | {found[0] / alone:.2f} | {found[1]} |", flush=True
                )
    finally:
        cluster.close()


if __name__ == "__main__":
    main()
