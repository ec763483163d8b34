"""What every place for runs can do, wherever it keeps them: one call shape for three tools."""

from __future__ import annotations

import contextlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, Literal

import pandas as pd

from mlsd.column import near
from mlsd.plain import to_plain, utc, utc_now
from mlsd.report import RefusedError
from mlsd.run import Run, Status
from mlsd.tracking.lineage import source_of, surroundings
from mlsd.tracking.table import compare_runs


class Tracker(ABC):
    """A place that keeps runs. A place says how a run is opened, closed, read and written."""

    @abstractmethod
    def _open(self, run: Run, stack: contextlib.ExitStack) -> str:
        """Keep a new run, return its id; what ends with the run goes onto the stack."""

    @abstractmethod
    def _close(self, run_id: str, status: Status, ended: pd.Timestamp) -> None:
        """Keep how and when a run ended."""

    @abstractmethod
    def get(self, run_id: str) -> Run:
        """Return a run as it stands, also while another process is logging to it."""

    @abstractmethod
    def runs(self) -> pd.DataFrame:
        """Return one row per run, the oldest first.

        The columns are id, name, status, started and seconds, then `params.*`, the last `metrics.*`
        and `tags.*`; a setting within a setting has a dot more: `params.params.num_leaves`.
        """

    @contextlib.contextmanager
    def run(
        self,
        name: str,
        *,
        params: Mapping[str, Any] | None = None,
        lineage: Mapping[str, Any] | None = None,
        code: Callable[..., Any] | None = None,
        now: datetime | None = None,
    ) -> Iterator[Run]:
        """Track one attempt: finished at the end of the block, failed when it raises.

        A process that is killed leaves a run that reads as `"interrupted"`.

        Args:
            name: what is attempted, in a few words.
            params: logged at once.
            lineage: digests of data; the commit, the versions and the digest of the code are added.
            code: the function that makes the attempt; the script or the notebook when left out.
            now: when the attempt starts.

        Raises:
            RefusedError: the name is empty, the code cannot be read, or the place refuses.
        """
        if not isinstance(name, str) or not name.strip() or not name.isprintable():
            raise RefusedError(f"the run's name is {name!r}; expected text on one line")
        try:
            made_from = to_plain({**surroundings(), **source_of(code), **(lineage or {})})
        except TypeError as error:
            raise RefusedError(f"the lineage of run {name!r}: {error}") from None
        run = Run(name, lineage=made_from, started=utc_now() if now is None else utc(now, "now"), writer=self)
        with contextlib.ExitStack() as stack:
            run.id = self._open(run, stack)
            try:
                self._accompany(run, stack)
                run.log_params(params or {})
                yield run
            except BaseException as error:
                status: Status = "interrupted" if isinstance(error, KeyboardInterrupt) else "failed"
                try:
                    run.set_tags({"error": f"{type(error).__name__}: {error}"[:500]})
                    self._end(run, status)
                except RefusedError as refused:
                    error.add_note(f"the run could not be closed either: {refused}")
                raise
            self._end(run, "finished")

    def _accompany(self, run: Run, stack: contextlib.ExitStack) -> None:  # noqa: B027 - most need none
        """Open what goes along with a run that is kept already."""

    def _end(self, run: Run, status: Status) -> None:
        ended = utc_now()
        self._close(run.id, status, ended)
        run.status, run.ended = status, ended

    def best(self, metric: str, mode: Literal["max", "min"] = "max") -> Run:
        """Return the finished run with the best last value of a metric; the oldest of equals.

        The best of many is better by luck too: measure it again on rows that chose nothing.

        Raises:
            RefusedError: no finished run has the metric.
        """
        if mode not in ("max", "min"):
            raise RefusedError(f"mode is {mode!r}; expected 'max' or 'min'")
        table = self.runs()
        known = [name.removeprefix("metrics.") for name in table if name.startswith("metrics.")]
        values = table.loc[table["status"] == "finished", f"metrics.{metric}"] if metric in known else None
        if values is None or values.isna().all():
            raise RefusedError(f"no finished run has a metric {metric!r}{near(metric, known)}; see runs()")
        return self.get(table.loc[values.idxmax() if mode == "max" else values.idxmin(), "id"])

    def compare(self, runs: Iterable[Run | str] | None = None) -> pd.DataFrame:
        """Return what tells runs apart, one column per run: settings and inputs that differ, all metrics.

        Args:
            runs: runs or their ids; all when left out.

        Raises:
            RefusedError: there is no such run, or none at all.
        """
        chosen = list(self.runs()["id"]) if runs is None else [runs] if isinstance(runs, str) else list(runs)
        return compare_runs([run if isinstance(run, Run) else self.get(run) for run in chosen])

    # ---- a `RunWriter`'s tasks; call the run's own `log_params` and so on ------------------------------

    @abstractmethod
    def write_params(self, run_id: str, params: Mapping[str, Any]) -> None:
        """Keep parameters."""

    @abstractmethod
    def write_metrics(self, run_id: str, points: list[tuple[str, int, float]]) -> None:
        """Keep points, all or none."""

    @abstractmethod
    def write_artifact(self, run_id: str, name: str, data: bytes) -> None:
        """Keep an artifact."""

    @abstractmethod
    def write_tags(self, run_id: str, tags: Mapping[str, Any]) -> None:
        """Keep tags."""

    @abstractmethod
    def write_lineage(self, run_id: str, lineage: Mapping[str, Any]) -> None:
        """Keep the whole lineage."""

    @abstractmethod
    def read_artifact(self, run_id: str, name: str) -> bytes:
        """Return the bytes of an artifact."""
