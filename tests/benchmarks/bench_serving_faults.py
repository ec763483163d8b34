"""A server under swaps, under malformed letters, and handlers that wait or compute in three concurrency models.

    python tests/benchmarks/bench_serving_faults.py [--quick]

100,000 requests over 20 swaps and roll-backs, with the server's memory on the way; 10,000 malformed
requests, each with a status that it deserves; threads, processes and an event loop side by side.
"""

import argparse
import asyncio
import http.client
import importlib.util
import random
import tempfile
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import psutil

from mlsd.datasets import make_spam_posts
from mlsd.platform import Server, records_of, send_many
from mlsd.prediction_log import PredictionLog
from mlsd.registry import Registry
from mlsd.training import Recipe, train


def published(folder):
    """Return a registry with two published versions, and rows to ask about."""
    frame, registry = make_spam_posts(6000).frame, Registry(folder / "registry")
    for state in (0, 1):
        package = train(frame, Recipe(target="is_spam", random_state=state))
        registry.publish(registry.register("spam", package))
    return registry, records_of(frame.head(2000), package.schema, package.features)


def swaps(folder, registry, rows, n):
    """Send n requests, 8 in flight, in 21 parts; swap or roll back in the midst of each but the first."""
    print(
        f"\n| requests | swaps so far | lost | versions that answered | log rows | server RSS, MB |\n{'|---' * 6}|"
    )
    lost, versions, sent, number = 0, set(), 0, 2
    with Server(registry.folder, "spam", folder / "log.db") as server, ThreadPoolExecutor(1) as other:
        log = PredictionLog(folder / "log.db")
        for part in range(21):
            count = n // 10 if part == 0 else (n - n // 10) // 20
            questions = [rows[i % len(rows)] for i in range(sent, sent + count)]
            ids = [f"p{i}" for i in range(sent, sent + count)]
            going = other.submit(send_many, server.url, "spam", questions, ids, 8)
            if part:
                time.sleep(0.2)
                number = 3 - number
                registry.alias("spam", "champion", number) if part % 2 else registry.rollback("spam")
            outcomes = going.result()
            sent += count
            lost += sum(outcome.status != 200 for outcome in outcomes)
            versions |= {outcome.version for outcome in outcomes}
            if part % 10 == 0:
                memory = psutil.Process(server.pid).memory_info().rss / 1e6
                print(
                    f"| {sent:,} | {part} | {lost} | {sorted(versions)} | {len(log):,} | {memory:.0f} |",
                    flush=True,
                )


def letters(registry, folder, row, n):
    """Send n malformed requests; count those that got another status, or something back."""
    path = Path(__file__).parents[1] / "serving" / "malformed.py"
    spec = importlib.util.spec_from_file_location("malformed", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    draw, right, wrong, echoed = random.Random(0), Counter(), Counter(), 0
    with Server(registry.folder, "spam", folder / "fuzz.db") as server:
        line = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
        for _ in range(n):
            method, address, headers, body, status = module.malformed(draw, row)
            line.request(
                method, address.encode().decode("latin-1") if address.isascii() else "/%D9%A3", body, headers
            )
            answer = line.getresponse()
            text = answer.read()
            (right if answer.status == status else wrong)[status] += 1
            echoed += module.SECRET.encode() in text or module.SECRET in str(answer.headers)
        line.close()
        left = len(PredictionLog(folder / "fuzz.db"))
    names = ("malformed letters", "the right status", "another", "5xx", "echoed", "rows in the log")
    print(f"\n| {' | '.join(names)} |\n{'|---' * 6}|")
    counts = ", ".join(f"{status}: {count:,}" for status, count in sorted(right.items()))
    print(f"| {n:,} | {counts} | {sum(wrong.values())} | {wrong[500]} | {echoed} | {left} |")


def _full(rows):
    """Return a row that knows every feature, without its time, which may be left out."""
    row = next(row for row in rows if None not in row.values())
    return {name: value for name, value in row.items() if name != "posted_at"}


def wait(_):
    """Stand in for a handler that waits for another machine."""
    time.sleep(0.02)


def compute(_):
    """Stand in for a handler that computes in Python."""
    return sum(i * i for i in range(200_000))


async def _loop(kind, n):
    async def handle():
        if kind is wait:
            await asyncio.sleep(0.02)
        else:
            compute(0)

    await asyncio.gather(*(handle() for _ in range(n)))


def concurrency(n, rounds):
    """Answer n requests of each kind in each model; print requests a second."""
    ways = {
        "one after the other": lambda kind: [kind(i) for i in range(n)],
        "16 threads": lambda kind: list(threads.map(kind, range(n))),
        "2 processes": lambda kind: list(processes.map(kind, range(n))),
        "event loop": lambda kind: asyncio.run(_loop(kind, n)),
    }
    found = {(way, kind): [] for way in ways for kind in (wait, compute)}
    with ThreadPoolExecutor(16) as threads, ProcessPoolExecutor(2, get_context("spawn")) as processes:
        list(processes.map(wait, range(2)))  # started
        for _ in range(rounds):
            for (way, kind), times in found.items():
                started = time.perf_counter()
                ways[way](kind)
                times.append(n / (time.perf_counter() - started))
    print(
        f"\n| {n} requests | waiting 20 ms: requests/s (min-max) | computing: requests/s (min-max) |\n|---|---|---|"
    )
    for way in ways:
        shown = [f"{min(found[way, k]):,.0f}-{max(found[way, k]):,.0f}" for k in (wait, compute)]
        print(f"| {way} | {' | '.join(shown)} |", flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    quick = parser.parse_args().quick
    folder = Path(tempfile.mkdtemp())
    registry, rows = published(folder)
    concurrency(64, 1 if quick else 3)
    letters(registry, folder, _full(rows), 300 if quick else 10_000)
    swaps(folder, registry, rows, 4_000 if quick else 100_000)


if __name__ == "__main__":
    main()
