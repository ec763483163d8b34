"""One-row requests: the server's CPU against an empty FastAPI endpoint, same client, same run.

    python tests/benchmarks/bench_serving.py [--quick]

CPU is read from the operating system for the server's process, so the client and other programs do
not count. The aim is a ratio of at most 3 without a log.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import psutil

from mlsd.datasets import make_spam_posts
from mlsd.platform import Server, records_of, send_many
from mlsd.registry import Registry
from mlsd.training import Recipe, train

EMPTY = """
import sys, socket, uvicorn
from fastapi import FastAPI, Request
app = FastAPI()

@app.post("/v1/models/spam/predictions")
async def empty():
    return {"version": 0, "predictions": [{"id": "", "prediction": 0.0}]}

listener = socket.create_server(("127.0.0.1", 0))
sys.stdout.write(f"{listener.getsockname()[1]}\\n")
sys.stdout.flush()
uvicorn.Server(uvicorn.Config(app, access_log=False, log_level="warning")).run(sockets=[listener])
"""


def measure(url, pid, questions, ids, concurrency):
    """Return CPU microseconds of the server per request, requests per second, p50 and p99 in ms."""
    process = psutil.Process(pid)
    before, started = process.cpu_times(), time.perf_counter()
    sent = send_many(url, "spam", questions, ids, concurrency)
    seconds, after = time.perf_counter() - started, process.cpu_times()
    assert {s.status for s in sent} == {200}
    cpu = (after.user + after.system - before.user - before.system) / len(sent) * 1e6
    times = sorted(s.seconds * 1000 for s in sent)
    return cpu, len(sent) / seconds, times[len(times) // 2], times[int(len(times) * 0.99)]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    n, rounds = (600, 1) if parser.parse_args().quick else (2000, 3)
    folder = Path(tempfile.mkdtemp())
    frame = make_spam_posts(6000).frame
    package = train(frame, Recipe(target="is_spam"))
    registry = Registry(folder / "registry")
    registry.publish(registry.register("spam", package))
    questions = records_of(frame.head(n), package.schema, package.features)

    with (
        subprocess.Popen([sys.executable, "-c", EMPTY], stdout=subprocess.PIPE, text=True) as empty,
        Server(registry.folder, "spam") as plain,
        Server(registry.folder, "spam", folder / "log.db") as logged,
    ):
        places = {
            "empty FastAPI endpoint": (f"http://127.0.0.1:{int(empty.stdout.readline())}", empty.pid),
            "mlsd, no log": (plain.url, plain.pid),
            "mlsd, with log": (logged.url, logged.pid),
        }
        print(
            f"{package.model.num_trees()} trees, {len(package.features)} features, {n} requests, {rounds} rounds"
        )
        for concurrency in (1, 8):
            found = {name: [] for name in places}
            for turn in range(rounds + 1):  # the first warms up
                for name, (url, pid) in places.items():
                    ids = [f"{concurrency}-{turn}-{i}" for i in range(n)]
                    result = measure(url, pid, questions, ids, concurrency)
                    if turn:
                        found[name].append(result)
            floor = median(r[0] for r in found["empty FastAPI endpoint"])
            print(f"\n{concurrency} in flight{'':14} CPU us (min-max)      ratio   req/s   p50 ms   p99 ms")
            for name, results in found.items():
                cpu, rate, p50, p99 = (median(column) for column in zip(*results, strict=True))
                spread = f"{cpu:5.0f} ({min(r[0] for r in results):.0f}-{max(r[0] for r in results):.0f})"
                print(f"{name:24} {spread:>20} {cpu / floor:9.2f} {rate:7.0f} {p50:8.2f} {p99:8.2f}")
        empty.terminate()


if __name__ == "__main__":
    main()
