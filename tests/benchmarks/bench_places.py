"""What tracking, the prediction log and the registry cost, beside the least that could do it.

    python tests/benchmarks/bench_places.py            # half a minute
    python tests/benchmarks/bench_places.py --quick

Each pair is measured in turns, so that both see the same machine: the ratio counts, with its least and
greatest over the turns. Floors: a line appended to a file and flushed (a point, a prediction); the bytes
written and fsynced, the folder fsynced, one row in SQLite with synchronous=FULL (a version).
"""

import argparse
import json
import os
import sqlite3
import statistics
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd

sys.path.insert(0, str(Path(__file__).parents[2]))

from mlsd.prediction_log import PredictionLog
from mlsd.registry import Registry
from mlsd.registry.archive import pack
from mlsd.report import Report
from mlsd.run import Run
from mlsd.tracking import LocalTracker
from tests.hardship import small_package

START = pd.Timestamp("2024-02-05T00:00Z")
FEATURES = {f"x{i}": i / 7 for i in range(15)} | {f"c{i}": "some text" for i in range(5)}


def seconds(work, *arguments) -> float:
    """Wall time of one call."""
    began = time.perf_counter()
    work(*arguments)
    return time.perf_counter() - began


def appended(path: Path, lines: list[dict]) -> None:
    """The floor of a log: a flushed line each."""
    with open(path, "w", buffering=1) as file:
        for line in lines:
            file.write(json.dumps(line) + "\n")


def registered(folder: Path, files: list[bytes]) -> None:
    """The floor of a registry: a durable file and a durable row each."""
    folder.mkdir()
    database = sqlite3.connect(folder / "x.db", isolation_level=None)
    database.execute("PRAGMA journal_mode=WAL")
    database.execute("PRAGMA synchronous=FULL")
    database.execute("CREATE TABLE versions (number INTEGER PRIMARY KEY, file TEXT)")
    handle = os.open(folder, os.O_RDONLY)
    for number, data in enumerate(files):
        with open(folder / f"{number}", "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.fsync(handle)
        database.execute("INSERT INTO versions (file) VALUES (?)", (str(number),))
    os.close(handle)
    database.close()


def read_lines(path: Path) -> pd.DataFrame:
    """The floor of a window: every line parsed, one table made."""
    with open(path) as file:
        return pd.DataFrame([json.loads(line) for line in file])


def log_points(run: Run, n: int) -> None:
    for step in range(n):
        run.log_metrics({"loss": 0.5}, step=step)


def pairs(folder: Path, n: int, versions: int, package):
    """Yield (name, calls, ours, floor): two functions of a turn."""
    points = [{"name": "loss", "step": step, "value": 0.5} for step in range(n)]
    with LocalTracker(folder / "runs").run("bench") as run:
        yield "log_metrics", n, lambda t: log_points(run, n), lambda t: appended(folder / "p.jsonl", points)
    rows = [
        (f"post-{i * 7919 % n}", START + pd.Timedelta(seconds=i), 3, FEATURES, 0.5, "u") for i in range(n)
    ]
    plain = [
        {"id": row[0], "at": row[1].isoformat(), "features": FEATURES, "prediction": 0.5} for row in rows
    ]

    def append(t):
        log = PredictionLog(folder / f"a{t}.db")
        for row in rows:
            log.append(*row)

    yield "PredictionLog.append", n, append, lambda t: appended(folder / "r.jsonl", plain)
    yield (
        "PredictionLog.extend", n,
        lambda t: PredictionLog(folder / f"e{t}.db").extend(rows),
        lambda t: appended(folder / "r.jsonl", plain),
    )  # fmt: skip
    yield (
        "PredictionLog.window", n,
        lambda t: PredictionLog(folder / f"e{t}.db").window(START, START + pd.Timedelta(days=99)),
        lambda t: read_lines(folder / "r.jsonl"),
    )  # fmt: skip
    others = [package.with_report(Report(str(i), package.report.findings)) for i in range(versions)]
    data = [pack(other.to_files()) for other in others]

    def register(t):
        registry = Registry(folder / f"g{t}")
        for other in others:
            registry.register("spam", other)

    yield "Registry.register", versions, register, lambda t: registered(folder / f"f{t}", data)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer calls and turns")
    quick = parser.parse_args().quick
    n, versions, turns = (2_000, 20, 3) if quick else (10_000, 100, 5)
    package = small_package()
    print(f"{'':<24}{'ours':>12}{'floor':>12}{'ratio':>8}{'min':>7}{'max':>7}")
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        for name, calls, ours, floor in pairs(folder, n, versions, package):
            measured = [(seconds(ours, t), seconds(floor, t)) for t in range(turns)]
            ratios = sorted(a / b for a, b in measured)
            a, b = (statistics.median(column) / calls * 1e6 for column in zip(*measured, strict=True))
            print(f"{name:<24}{a:>9.1f} us{b:>9.1f} us{statistics.median(ratios):>8.1f}"
                  f"{ratios[0]:>7.1f}{ratios[-1]:>7.1f}")  # fmt: skip
        registry = Registry(folder / "g0")
        registry.publish(registry.get("spam", 1))
        for name, calls, work in (
            ("Registry.resolve", 2000, lambda: registry.resolve("spam@champion")),
            ("Registry.load", 50, lambda: registry.load("spam@champion")),
            ("Registry.alias", 50, lambda: registry.alias("spam", f"a{time.perf_counter_ns()}", 1)),
            ("Registry.versions", 20, registry.versions),
        ):
            print(
                f"{name:<24}{seconds(lambda w=work, c=calls: [w() for _ in range(c)]) / calls * 1e6:>9.1f} us"
            )


if __name__ == "__main__":
    main()
