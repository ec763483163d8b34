"""One-row requests at 1, 16 and 64 connections: mlsd beside an empty endpoint and other ways to serve.

    python tests/benchmarks/bench_serving.py [--quick] [--bentoml PYTHON]

BentoML takes part when PYTHON names an interpreter that has `bentoml` and `lightgbm`: it wants other versions.

All servers run one process each and take turns in the same run. CPU and memory are read from the
operating system for the server's process and its children, so the client, in a process of its own, does
not count. The aim is at most 3 times the CPU of an empty FastAPI endpoint, without a log.
"""

import argparse
import asyncio
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from multiprocessing import get_context
from pathlib import Path
from statistics import median

import psutil

from mlsd.datasets import make_spam_posts
from mlsd.platform import records_of
from mlsd.registry import Registry
from mlsd.training import Recipe, train

EMPTY = """
from fastapi import FastAPI
app = FastAPI()

@app.post("/v1/models/spam/predictions")
async def empty():
    return {"version": 0, "predictions": [{"id": "", "prediction": 0.0}]}
"""
NAIVE = """
import os
import pandas as pd
from typing import Any
from fastapi import FastAPI
from mlsd.registry import Registry
package = Registry(os.environ["BENCH_REGISTRY"]).load("spam@champion")
app = FastAPI()

@app.post("/v1/models/spam/predictions")
def predict(body: dict[str, Any]):
    frame = pd.DataFrame(body["instances"])
    return {"version": 1, "predictions": [{"prediction": p} for p in package.predict(frame).tolist()]}
"""
BENTO = """
import os
import bentoml
import lightgbm
import numpy as np

@bentoml.service(workers=1)
class Spam:
    def __init__(self):
        self.model = lightgbm.Booster(model_file=os.environ["BENCH_MODEL"])

    @bentoml.api
    def predict(self, instances: list[list[float | None]]) -> list[float]:
        return self.model.predict(np.array(instances, dtype=float), num_threads=1).tolist()
"""
SERVERS = (
    "empty FastAPI endpoint",
    "mlsd, no log",
    "mlsd, with log",
    "DataFrame per request",
    "MLflow scoring server",
    "BentoML",
)


ROOT = Path(__file__).parents[2]


class Peer:
    """One server in its process: started until it answers, measured, ended."""

    def __init__(self, command, path, body, python, folder):
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: "
        self.questions = [f"{head}{len(b)}\r\n\r\n".encode() + b for b in body]
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": f"{folder}:{ROOT}"}
        environment |= {"BENCH_MODEL": f"{folder}/model.txt", "BENTOML_DO_NOT_TRACK": "1"}
        environment |= {"BENCH_REGISTRY": f"{folder}/registry", "__pyfunc_model_path__": f"{folder}/mlflow"}
        started = time.perf_counter()
        command = [part.replace("PORT", str(self.port)) for part in command]
        self.process = subprocess.Popen(
            [python, "-m", *command],
            env=environment,
            cwd=folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        while not self._answers():
            assert self.process.poll() is None, command
            time.sleep(0.02)
        self.cold = time.perf_counter() - started

    def _answers(self):
        try:
            return asyncio.run(ask(self.port, self.questions[:1], 1))[1] == {200}
        except OSError:
            return False

    def family(self):
        own = psutil.Process(self.process.pid)
        return [own, *own.children(recursive=True)]

    def cpu(self):
        return sum(p.cpu_times().user + p.cpu_times().system for p in self.family())

    def memory(self):
        return sum(p.memory_full_info().pss for p in self.family()) / 1e6

    def end(self):
        for process in reversed(self.family()):
            process.kill()
        self.process.wait()


async def ask(port, questions, connections):
    """Send all questions over some connections, one at a time on each; return seconds of each, statuses."""
    places, seconds, statuses = iter(questions), [], set()

    async def line():
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            for question in places:
                started = time.perf_counter()
                writer.write(question)
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
                await reader.readexactly(length)
                seconds.append(time.perf_counter() - started)
                statuses.add(int(head.split()[1]))
        finally:
            writer.close()

    await asyncio.gather(*(line() for _ in range(connections)))
    return seconds, statuses


def load(port, questions, connections):
    """Return requests a second, p50 and p99 in ms; runs in the client's process."""
    started = time.perf_counter()
    seconds, statuses = asyncio.run(ask(port, questions, connections))
    assert statuses == {200}, statuses
    rate, ordered = len(seconds) / (time.perf_counter() - started), sorted(seconds)
    return rate, ordered[len(ordered) // 2] * 1e3, ordered[int(len(ordered) * 0.99)] * 1e3


def peers(folder, n, bentoml):
    """Yield (name, how to start it, path, bodies, interpreter)."""
    frame = make_spam_posts(6000).frame
    package = train(frame, Recipe(target="is_spam"))
    registry = Registry(folder / "registry")
    registry.publish(registry.register("spam", package))
    rows = records_of(frame.head(n), package.schema, package.features)
    (folder / "empty_app.py").write_text(EMPTY)
    (folder / "naive_app.py").write_text(NAIVE)
    import mlflow.lightgbm

    mlflow.lightgbm.save_model(package.model, folder / "mlflow")
    table = package.schema.encode_frame(frame.head(n), package.features).tolist()
    names = list(package.features)
    ours, path = [json.dumps({"instances": [row]}).encode() for row in rows], "/v1/models/spam/predictions"
    theirs = [
        json.dumps({"dataframe_split": {"columns": names, "data": [_nulls(row)]}}).encode() for row in table
    ]
    uvicorn = ["--port", "PORT", "--no-access-log", "--log-level", "warning"]
    serve = ["mlsd.platform.server", str(registry.folder), "spam", "--port", "PORT"]
    print(f"{package.model.num_trees()} trees, {len(names)} features, {n} requests a measurement\n")
    python = sys.executable
    yield SERVERS[0], ["uvicorn", "empty_app:app", *uvicorn], path, ours, python
    yield SERVERS[1], serve, path, ours, python
    yield SERVERS[2], [*serve, "--log", f"{folder}/log.db"], path, ours, python
    yield SERVERS[3], ["uvicorn", "naive_app:app", *uvicorn], path, ours, python
    scoring = ["uvicorn", "mlflow.pyfunc.scoring_server.app:app", *uvicorn]
    yield SERVERS[4], scoring, "/invocations", theirs, python
    if bentoml:
        (folder / "bento_app.py").write_text(BENTO)
        package.model.save_model(folder / "model.txt")
        arrays = [json.dumps({"instances": [_nulls(row)]}).encode() for row in table]
        yield (
            SERVERS[5],
            ["bentoml", "serve", "bento_app:Spam", "--port", "PORT"],
            "/predict",
            arrays,
            bentoml,
        )
    else:
        print("BentoML is not measured: name an interpreter that has it, --bentoml PYTHON\n")


def _nulls(row):
    return [None if value != value else value for value in row]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--bentoml", metavar="PYTHON")
    asked = parser.parse_args()
    n, rounds = (100, 1) if asked.quick else (1000, 3)
    folder, running = Path(tempfile.mkdtemp()), {}
    try:
        for name, *how in peers(folder, n, asked.bentoml):
            running[name] = Peer(*how, folder)
        with get_context("spawn").Pool(1) as client:
            for connections in (1, 16, 64):
                show(connections, measured(client, running, connections, rounds))
        print("\n| server | cold start, s | memory after the load, MB |\n|---|---|---|")
        for name, peer in running.items():
            print(f"| {name} | {peer.cold:.1f} | {peer.memory():.0f} |")
    finally:
        for peer in running.values():
            peer.end()


def measured(client, running, connections, rounds):
    """Return name -> (CPU us a request, requests/s, p50, p99) of each round; the servers take turns."""
    found = {name: [] for name in running}
    for turn in range(rounds + 1):  # the first warms up
        for name, peer in running.items():
            before = peer.cpu()
            rate, p50, p99 = client.apply(load, (peer.port, peer.questions, connections))
            cpu = (peer.cpu() - before) / len(peer.questions) * 1e6
            if turn:
                found[name].append((cpu, rate, p50, p99))
    return found


def show(connections, found):
    floors = [turn[0] for turn in found[SERVERS[0]]]
    print(
        f"\n| {connections} connections | CPU us a request | ratio (min-max) | requests/s | p50 ms | p99 ms |"
    )
    print("|---|---|---|---|---|---|")
    for name, turns in found.items():
        cpu, rate, p50, p99 = (median(column) for column in zip(*turns, strict=True))
        ratios = [turn[0] / floor for turn, floor in zip(turns, floors, strict=True)]
        print(
            f"| {name} | {cpu:,.0f} | {median(ratios):.1f} ({min(ratios):.1f}-{max(ratios):.1f}) "
            f"| {rate:,.0f} | {p50:.2f} | {p99:.1f} |"
        )


if __name__ == "__main__":
    main()
