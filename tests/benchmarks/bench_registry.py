"""What the registry costs beside MLflow and the least that could do it, how it grows, what it survives.

    python tests/benchmarks/bench_registry.py            # some minutes
    python tests/benchmarks/bench_registry.py --quick

The floor is the bytes written and fsynced, the folder fsynced, one row in SQLite with synchronous=FULL; it
loads with one row, one file and its SHA-256. MLflow is its client on a SQLite file (no server between, no
guess at requirements: faster than its usual way), which keeps and loads the same bytes. All three are
measured in turns.
"""

import argparse
import os
import sqlite3
import statistics
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd

sys.path.insert(0, str(Path(__file__).parents[2]))

from mlsd.digest import digest_bytes
from mlsd.mlflow_client import experiment_id, open_client
from mlsd.package import ModelPackage
from mlsd.registry import Registry, Version
from mlsd.registry.archive import pack, unpack
from mlsd.registry.ledger import Event
from mlsd.report import Report
from tests.hardship import small_package

SETUP = """
from mlsd.package import ModelPackage
from mlsd.registry import Registry
from mlsd.report import RefusedError, Report
package = ModelPackage.load({package!r})
def another(title): return package.with_report(Report(title, package.report.findings))
"""


class Ours:
    """The registry."""

    def __init__(self, folder: Path) -> None:
        self.registry = Registry(folder)

    def register(self, package) -> None:
        self.registry.register("spam", package)

    def list(self) -> None:
        self.registry.versions("spam")

    def alias(self, number: int) -> None:
        self.registry.alias("spam", "challenger", number)

    def load(self) -> None:
        self.registry.load("spam@challenger")


class Floor:
    """A durable file and a durable row."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.folder, self.handle = folder, os.open(folder, os.O_RDONLY)
        self.database = sqlite3.connect(folder / "x.db", isolation_level=None)
        for statement in (
            "PRAGMA journal_mode=WAL",
            "PRAGMA synchronous=FULL",
            "CREATE TABLE versions (number INTEGER PRIMARY KEY, digest TEXT)",
            "CREATE TABLE aliases (alias TEXT PRIMARY KEY, number INTEGER)",
        ):
            self.database.execute(statement)

    def register(self, package) -> None:
        data = pack(package.to_files())
        digest = digest_bytes(data)
        with open(self.folder / digest, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.fsync(self.handle)
        self.database.execute("INSERT INTO versions (digest) VALUES (?)", (digest,))

    def list(self) -> None:
        self.database.execute("SELECT * FROM versions").fetchall()

    def alias(self, number: int) -> None:
        self.database.execute("REPLACE INTO aliases VALUES ('challenger', ?)", (number,))

    def load(self) -> None:
        (digest,) = self.database.execute(
            "SELECT digest FROM versions JOIN aliases USING (number) WHERE alias = 'challenger'"
        ).fetchone()
        data = (self.folder / digest).read_bytes()
        assert digest_bytes(data) == digest
        ModelPackage.from_files(unpack(data))


class MLflow:
    """MLflow's client on its SQLite file."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        uri = f"sqlite:///{folder}/mlflow.db"
        self.folder, self.client = folder, open_client(uri)
        self.experiment = experiment_id(self.client, uri, "bench")
        self.client.create_registered_model("spam")

    def register(self, package) -> None:
        path = self.folder / "package.zip"
        path.write_bytes(pack(package.to_files()))
        run = self.client.create_run(self.experiment).info
        self.client.log_artifact(run.run_id, str(path))
        self.client.set_terminated(run.run_id)
        self.client.create_model_version("spam", f"{run.artifact_uri}/package.zip", run_id=run.run_id)

    def list(self) -> None:
        self.client.search_model_versions("name = 'spam'", max_results=1000)

    def alias(self, number: int) -> None:
        self.client.set_registered_model_alias("spam", "challenger", str(number))

    def load(self) -> None:
        version = self.client.get_model_version_by_alias("spam", "challenger")
        with tempfile.TemporaryDirectory() as folder:
            data = Path(self.client.download_artifacts(version.run_id, "package.zip", folder)).read_bytes()
        ModelPackage.from_files(unpack(data))


def milliseconds(work, calls) -> float:
    """Wall time of a call."""
    began = time.perf_counter()
    for argument in calls:
        work(*argument)
    return (time.perf_counter() - began) / len(calls) * 1e3


def told(values) -> str:
    return f"{statistics.median(values):.3g} ({min(values):.3g} to {max(values):.3g})"


def side_by_side(folder: Path, package, calls: int, turns: int) -> None:
    began = time.perf_counter()
    theirs = MLflow(folder / "mlflow")
    first_use = time.perf_counter() - began
    ways = {"ours": Ours(folder / "ours"), "floor": Floor(folder / "floor"), "MLflow": theirs}
    spent = {(name, what): [] for name in ways for what in ("register", "list", "alias", "load")}
    for turn in range(turns):
        made = [package.with_report(Report(f"{turn}-{i}", package.report.findings)) for i in range(calls)]
        for name, way in ways.items():
            numbers = [(turn * calls + 1 + i,) for i in range(calls)]
            for what, given in (
                ("register", [(one,) for one in made]), ("list", [()] * 5), ("alias", numbers),
                ("load", [()] * calls),
            ):  # fmt: skip
                spent[name, what].append(milliseconds(getattr(way, what), given))
    print(f"\n{turns} turns of {calls} calls; the list ends with {turns * calls} versions. Median (least to")
    print(f"greatest), milliseconds a call. MLflow's first use: {first_use:.1f} s.\n")
    print("| call | registry | floor | MLflow | registry / floor | MLflow / registry |")
    print("|---|---|---|---|---|---|")
    for what in ("register", "list", "alias", "load"):
        a, b, c = (spent[name, what] for name in ways)
        floor = [x / y for x, y in zip(a, b, strict=True)]
        peer = [x / y for x, y in zip(c, a, strict=True)]
        print(f"| {what} | {' | '.join(map(told, (a, b, c, floor, peer)))} |")


def filled(folder: Path, package, n: int) -> Registry:
    """A registry of n versions of the same bytes, written in one transaction."""
    registry, at = Registry(folder), pd.Timestamp("2024-02-05T00:00Z")
    ledger = registry._ledger
    kept = ledger.keep("spam", package)
    draft = Version("spam", 0, "in_progress", "trust", at, "ann", package.id, package.digest)
    with ledger.transaction():
        for _ in range(n):
            number = ledger.add(draft, kept)
            ledger.record("spam", Event(at.isoformat(), "ann", number, "register", None, "in_progress"))
    registry.publish(registry.get("spam", n))
    return registry


def growth(folder: Path, package, turns: int) -> None:
    sizes = (10, 1_000, 10_000)
    registries = {n: filled(folder / f"grown-{n}", package, n) for n in sizes}
    calls = {
        "register": (lambda r: r.register("spam", package), 20),
        "resolve": (lambda r: r.resolve("spam@champion"), 500),
        "load": (lambda r: r.load("spam@champion"), 20),
        "alias": (lambda r: r.alias("spam", "a", 1 + time.perf_counter_ns() % 9), 20),
        "rollback and back": (lambda r: (r.publish(r.register("spam", package)), r.rollback("spam")), 3),
        "list, for each version": (lambda r: r.versions("spam"), 1),
    }
    print("\n| milliseconds a call | 10 versions | 1,000 | 10,000 | 10,000 / 10 |\n|---|---|---|---|---|")
    for what, (call, times) in calls.items():
        spent = {n: [] for n in sizes}
        for _ in range(turns):
            for n, registry in registries.items():
                count = len(registry.versions("spam")) if what.startswith("list") else 1
                spent[n].append(milliseconds(call, [(registry,)] * times) / count)
        ratios = [b / a for a, b in zip(spent[10], spent[10_000], strict=True)]
        print(f"| {what} | {' | '.join(told(spent[n]) for n in sizes)} | {told(ratios)} |")


def faults(folder: Path, package, rounds: int, step: int) -> None:
    from tests.registry.test_registry_faults import flipped, kill_and_look, three_versions

    setup = SETUP.format(package=str(package.save(folder / "package")))
    (folder / "kills").mkdir()
    calls, killed = kill_and_look(folder / "kills", setup, rounds, enough=100)
    print(f"\nkill -9 at {killed} random instants: {calls} acknowledged calls hold, every version loads")
    (folder / "flips").mkdir()
    three_versions(folder / "flips", package)
    right, refused = flipped(folder / "flips", step, start=1)
    print(f"one flipped bit in the database: {right} right answers, {refused} refusals, 0 others")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer calls, turns and kills")
    quick = parser.parse_args().quick
    package = small_package()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        side_by_side(folder, package, *((5, 3) if quick else (20, 5)))
        growth(folder, package, 3 if quick else 5)
        faults(folder, package, *((20, 1777) if quick else (200, 61)))


if __name__ == "__main__":
    main()
