"""Two ways to score rows and remember the predictions: in this process, or over HTTP."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import pandas as pd

from mlsd.platform.server import Server
from mlsd.platform.traffic import NO_ANSWER, records_of, score_many, send_many
from mlsd.platform.workspace import Workspace


@dataclass(frozen=True)
class Swap:
    """What was asked and answered while one version took over from another.

    Args:
        sent: ids in order.
        answered: id to the version that answered; a lost request is not in it.
        milliseconds: of each answered request.
        in_flight: requests at the same time.
    """

    sent: tuple[str, ...]
    answered: dict[str, int]
    milliseconds: tuple[float, ...]
    in_flight: int

    @property
    def versions(self) -> tuple[int, ...]:
        """The versions that answered, in order of number."""
        return tuple(sorted(set(self.answered.values())))


class Scorer(Protocol):
    """Scores rows with the champion and writes each prediction to the workspace's log."""

    def score(self, rows: pd.DataFrame) -> None:
        """Score rows."""

    def swap(self, rows: pd.DataFrame, publish: Callable[[], object]) -> Swap:
        """Send the rows one by one, and publish a new version in the midst of them."""


class LocalScorer:
    """Scores in this process: the loop without a server, for tests and benchmarks."""

    def __init__(self, workspace: Workspace, name: str, key: str) -> None:
        self.workspace, self.name, self.key = workspace, name, key

    def score(self, rows: pd.DataFrame) -> None:
        """Score rows with the champion and log them."""
        version = self.workspace.registry.resolve(f"{self.name}@champion")
        package = self.workspace.registry.load(f"{self.name}@{version}")
        records = records_of(rows, package.schema, package.features)
        features = [{name: record[name] for name in package.features} for record in records]
        answers = package.answers(package.predict(rows))
        moments = (
            rows[package.schema.time] if package.schema.time else [pd.Timestamp.now(tz="UTC")] * len(rows)
        )
        self.workspace.log.extend(
            zip(rows[self.key], moments, [version] * len(rows), features, answers, strict=True)
        )

    def swap(self, rows: pd.DataFrame, publish: Callable[[], object]) -> Swap:
        """Score the first half, publish, score the second half."""
        half = len(rows) // 2
        answered: dict[str, int] = {}
        for part, after in ((rows.iloc[:half], publish), (rows.iloc[half:], lambda: None)):
            self.score(part)
            number = self.workspace.registry.resolve(f"{self.name}@champion")
            answered |= dict.fromkeys(part[self.key], number)
            after()
        return Swap(tuple(rows[self.key]), answered, (), in_flight=1)


class HttpScorer:
    """Scores through a running server.

    Args:
        server: it answers for `name` and writes to the workspace's log.
        workspace: whose registry the server follows.
        name: of the model.
        key: the column whose values are the ids.
        in_flight: requests at the same time while a version is swapped.
    """

    def __init__(self, server: Server, workspace: Workspace, name: str, key: str, in_flight: int = 8) -> None:
        self.server, self.workspace, self.name, self.key = server, workspace, name, key
        self.in_flight = in_flight

    def score(self, rows: pd.DataFrame) -> None:
        """Score rows in bulk requests."""
        package = self.workspace.registry.load(f"{self.name}@champion")
        records = records_of(rows, package.schema, package.features)
        score_many(self.server.url, self.name, records, rows[self.key].tolist())

    def swap(self, rows: pd.DataFrame, publish: Callable[[], object]) -> Swap:
        """Send the rows one by one, `in_flight` at the same time; publish after a third was sent."""
        from concurrent.futures import ThreadPoolExecutor

        package = self.workspace.registry.load(f"{self.name}@champion")
        records = records_of(rows, package.schema, package.features)
        ids = rows[self.key].tolist()
        third = len(ids) // 3
        with ThreadPoolExecutor(1) as pool:
            sent = send_many(self.server.url, self.name, records[:third], ids[:third], self.in_flight)
            rest = pool.submit(
                send_many, self.server.url, self.name, records[third:], ids[third:], self.in_flight
            )
            publish()  # while the rest is on its way
            sent += rest.result()
        answered = {s.id: s.version for s in sent if s.status != NO_ANSWER and s.version is not None}
        return Swap(tuple(ids), answered, tuple(1000 * s.seconds for s in sent), self.in_flight)
