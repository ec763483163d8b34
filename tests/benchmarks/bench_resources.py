"""What watching costs: a function and an endpoint, bare and watched, and what one scrape takes.

    python tests/benchmarks/bench_resources.py [--quick] [--instrumentator FOLDER]

FOLDER holds `prometheus-fastapi-instrumentator` (`uv pip install --no-deps --target FOLDER ...`), a peer
that counts the same two things; without it the peer is left out. All ways take turns in the same run. CPU
is read from the operating system for the server's process alone.
"""

import argparse
import os
import sys
import tempfile
import time
import timeit
import urllib.request
from multiprocessing import get_context
from pathlib import Path
from statistics import median

from bench_serving import Peer, measured

from mlsd.datasets import make_spam_posts
from mlsd.monitoring import watch
from mlsd.platform import records_of
from mlsd.training import Recipe, train

EMPTY = """
from fastapi import FastAPI
app = FastAPI()

@app.post("/predictions")
async def empty():
    return {"version": 0, "predictions": [{"id": "", "prediction": 0.0}]}
"""
WATCHED = EMPTY + "\nfrom mlsd.monitoring import watch\nwatch(app)\n"
SHARED = "import os, tempfile\nos.environ['PROMETHEUS_MULTIPROC_DIR'] = tempfile.mkdtemp(dir='.')\n" + WATCHED
PEER = (
    "import os, sys\nsys.path.append(os.environ['BENCH_PEER'])\n"
    + EMPTY
    + (
        "\nfrom prometheus_fastapi_instrumentator import Instrumentator\nInstrumentator().instrument(app).expose(app)\n"
    )
)
APPS = {
    "bare": EMPTY,
    "watched": WATCHED,
    "watched, numbers shared with other processes": SHARED,
    "prometheus-fastapi-instrumentator": PEER,
}


def functions(n, rounds):
    """Print microseconds a call of two functions, bare and watched in turns."""
    world = make_spam_posts(6000, random_state=0)
    package = train(world.frame, Recipe(target=world.target))
    row = records_of(world.frame.head(1), package.schema, package.features)
    print(
        "| function | bare, µs of CPU a call | watched | added (min-max) | ratio (min-max) |\n|---|---|---|---|---|"
    )
    for name, predict, calls in (
        ("answers at once", lambda rows: rows, 10 * n),
        ("LightGBM, one row", package.predict_rows, n // 4),
    ):
        watched = watch(predict)
        turns = [
            [
                timeit.timeit(lambda f=f: f(row), number=calls, timer=time.process_time) / calls * 1e6
                for f in (predict, watched)
            ]
            for _ in range(rounds + 1)
        ][1:]  # the first warms up
        bare, other = (median(column) for column in zip(*turns, strict=True))
        added, ratios = [b - a for a, b in turns], [b / a for a, b in turns]
        print(
            f"| {name} | {bare:,.2f} | {other:,.2f} | {median(added):.1f} ({min(added):.1f}-{max(added):.1f}) "
            f"| {median(ratios):.2f} ({min(ratios):.2f}-{max(ratios):.2f}) |"
        )


def endpoints(folder, n, rounds, instrumentator):
    """Print CPU a request of an empty FastAPI endpoint, bare and watched, and what a scrape takes."""
    running = {}
    os.environ["BENCH_PEER"] = str(instrumentator)
    try:
        for i, (name, text) in enumerate(APPS.items()):
            if text is PEER and not instrumentator:
                print("\nThe peer is not measured: --instrumentator FOLDER")
                continue
            (folder / f"app{i}.py").write_text(text)
            command = [
                "uvicorn",
                f"app{i}:app",
                "--port",
                "PORT",
                "--no-access-log",
                "--log-level",
                "warning",
            ]
            running[name] = Peer(command, "/predictions", [b"{}"] * n, sys.executable, folder)
        with get_context("spawn").Pool(1) as client:
            found = measured(client, running, 16, rounds)
        floors = [turn[0] for turn in found["bare"]]
        print(
            "\n| endpoint, 16 connections | CPU, µs a request | ratio (min-max) | a scrape, ms |\n|---|---|---|---|"
        )
        for name, turns in found.items():
            ratios = [turn[0] / floor for turn, floor in zip(turns, floors, strict=True)]
            print(
                f"| {name} | {median(turn[0] for turn in turns):,.0f} | {median(ratios):.2f} "
                f"({min(ratios):.2f}-{max(ratios):.2f}) | {scrape(running[name].port, name)} |"
            )
    finally:
        for peer in running.values():
            peer.end()


def scrape(port, name):
    """Return the median milliseconds of 20 scrapes."""
    if name == "bare":
        return "-"
    seconds = []
    for _ in range(20):
        started = time.perf_counter()
        urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics").read()
        seconds.append(time.perf_counter() - started)
    return f"{median(seconds) * 1e3:.1f}"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--instrumentator", metavar="FOLDER")
    asked = parser.parse_args()
    n, rounds = (400, 2) if asked.quick else (3000, 5)
    functions(n, rounds)
    with tempfile.TemporaryDirectory() as folder:
        endpoints(Path(folder), n, rounds, asked.instrumentator)


if __name__ == "__main__":
    main()
