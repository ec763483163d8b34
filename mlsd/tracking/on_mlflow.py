"""Runs kept by MLflow: on a server that a team shares, or in its database on this machine."""

from __future__ import annotations

import contextlib
import functools
import math
import os
import platform
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from mlsd.digest import digest_bytes
from mlsd.mlflow_client import experiment_id, one_answer, open_client
from mlsd.plain import from_json, to_json
from mlsd.run import Run, Status
from mlsd.tracking.alive import alive, sign_of_life
from mlsd.tracking.table import flat, row_of, table_of
from mlsd.tracking.tracker import Tracker

_POINTS, _TEXTS = 1000, 100  # points, parameters or tags that MLflow takes in one message
_LONGEST = 5000  # characters of a parameter or tag; MLflow cuts longer ones off
_STATUS: dict[str, Status] = {"FINISHED": "finished", "FAILED": "failed", "KILLED": "interrupted"}
_THEIRS = {status: name for name, status in _STATUS.items()}
_LINEAGE, _MACHINE = "mlsd_lineage", "mlsd_machine"
_OURS = (_LINEAGE, _MACHINE)  # tags that are no tags of a run


class MLflowTracker(Tracker):
    """Keep runs in MLflow, where `runs()` shows everybody's.

    A call returns when the server has answered, so what it has logged survives a killed process. That
    is one message a call, some milliseconds: log a curve in one call, not point by point. A killed run
    reads as `"interrupted"` on the machine it ran on, elsewhere as `"running"`: MLflow cannot know.

    Args:
        uri: such as `"http://127.0.0.1:5000"` after `mlflow server`, or `"sqlite:///runs/mlflow.db"`.
        experiment: the name under which MLflow lists the runs; made when it is not there.

    Raises:
        RefusedError: mlflow is not installed, or the server does not answer within seconds.
    """

    def __init__(self, uri: str, experiment: str = "mlsd") -> None:
        self.uri, self.experiment = str(uri), experiment
        self._client = open_client(self.uri)
        with self._asked():
            self._experiment_id = experiment_id(self._client, self.uri, experiment)

    def _asked(self) -> contextlib.AbstractContextManager[None]:
        return one_answer(self.uri)

    def _open(self, run: Run, stack: contextlib.ExitStack) -> str:
        tags = {_LINEAGE: "{}", _MACHINE: _machine()}
        with self._asked():
            made = self._client.create_run(
                self._experiment_id, start_time=_milliseconds(run.started), tags=tags, run_name=run.name
            )
            run_id: str = made.info.run_id
            stack.enter_context(sign_of_life(_lock_file(run_id)))
        self.write_lineage(run_id, run.lineage)
        return run_id

    def _close(self, run_id: str, status: Status, ended: pd.Timestamp) -> None:
        with self._asked():
            self._client.set_terminated(run_id, _THEIRS[status], _milliseconds(ended))

    # ---- reading ----------------------------------------------------------------------------------

    def get(self, run_id: str) -> Run:
        """Return a run as it stands, also while another process is logging to it.

        Raises:
            RefusedError: there is no such run, or the server does not answer.
        """
        with self._asked():
            kept = self._client.get_run(str(run_id))
            metrics = {name: self._history(run_id, name) for name in kept.data.metrics}
        return Run(
            kept.info.run_name,
            run_id,
            status=_status(kept),
            params={name: self._value(run_id, text) for name, text in kept.data.params.items()},
            metrics=metrics,
            artifacts=dict(self._artifacts(run_id)),
            tags={name: self._value(run_id, text) for name, text in _own_tags(kept).items()},
            lineage=self._value(run_id, kept.data.tags.get(_LINEAGE, "{}")),
            started=_moment(kept.info.start_time),
            ended=_moment(kept.info.end_time) if kept.info.end_time else None,
            writer=self,
        )

    def _history(self, run_id: str, name: str) -> list[tuple[int, float]]:
        points = self._client.get_metric_history(run_id, name)
        points = sorted(points, key=lambda point: (point.timestamp, point.step))
        return [(point.step, _whole_range(point.value)) for point in points]

    def _artifacts(self, run_id: str, folder: str | None = None) -> Iterator[tuple[str, int]]:
        with self._asked():
            found = self._client.list_artifacts(run_id, folder)
        for entry in found:
            if entry.is_dir:
                yield from self._artifacts(run_id, entry.path)
            elif not entry.path.startswith("mlsd/"):
                yield entry.path, int(entry.file_size)

    def runs(self) -> pd.DataFrame:
        """Return one row per run, as `Tracker.runs` says; MLflow's last metric is that of the last step."""
        rows, token = [], None
        with self._asked():
            while token != "":
                page = self._client.search_runs(
                    [self._experiment_id], order_by=["attributes.start_time ASC"], page_token=token
                )
                rows += [self._row(kept) for kept in page]
                token = page.token or ""
        return table_of(rows)

    def _row(self, kept: Any) -> dict[str, Any]:
        info, data = kept.info, kept.data
        ended = _moment(info.end_time) if info.end_time else None
        row = row_of(info.run_id, info.run_name, _status(kept), _moment(info.start_time), ended)
        for kind, texts in (("params", data.params), ("tags", _own_tags(kept))):
            row |= flat(kind, {name: self._value(info.run_id, text) for name, text in texts.items()})
        return row | {f"metrics.{name}": _whole_range(value) for name, value in data.metrics.items()}

    # ---- writing ----------------------------------------------------------------------------------

    def write_params(self, run_id: str, params: Mapping[str, Any]) -> None:
        """Keep parameters; text as it is, other values as JSON."""
        from mlflow.entities import Param

        self._write(run_id, "params", _TEXTS, self._texts(run_id, "params", params, Param))

    def write_tags(self, run_id: str, tags: Mapping[str, Any]) -> None:
        """Keep tags; text as it is, other values as JSON."""
        from mlflow.entities import RunTag

        self._write(run_id, "tags", _TEXTS, self._texts(run_id, "tags", tags, RunTag))

    def _write(self, run_id: str, kind: str, most: int, things: list[Any]) -> None:
        with self._asked():
            for first in range(0, len(things), most):
                self._client.log_batch(run_id, **{kind: things[first : first + most]})

    def write_lineage(self, run_id: str, lineage: Mapping[str, Any]) -> None:
        """Keep the whole lineage; commit and source also where MLflow's page shows them."""
        shown = {"mlflow.source.git.commit": "commit", "mlflow.source.name": "code_of"}
        told = {tag: lineage[name] for tag, name in shown.items() if lineage.get(name)}
        self.write_tags(run_id, {_LINEAGE: lineage} | told)

    def write_metrics(self, run_id: str, points: list[tuple[str, int, float]]) -> None:
        """Keep points, a thousand a message: so many are kept all or none."""
        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        metrics = [Metric(name, value, now, step) for name, step, value in points]
        self._write(run_id, "metrics", _POINTS, metrics)

    def write_artifact(self, run_id: str, name: str, data: bytes) -> None:
        """Keep an artifact; the server takes files."""
        folder, _, file = name.rpartition("/")
        with self._asked(), tempfile.TemporaryDirectory() as place:
            path = Path(place, file)
            path.write_bytes(data)
            self._client.log_artifact(run_id, str(path), folder or None)

    def read_artifact(self, run_id: str, name: str) -> bytes:
        """Return the bytes of an artifact."""
        with self._asked(), tempfile.TemporaryDirectory() as place:
            return Path(self._client.download_artifacts(run_id, name, place)).read_bytes()

    def _texts(self, run_id: str, kind: str, values: Mapping[str, Any], entity: Any) -> list[Any]:
        return [entity(name, self._text(run_id, f"{kind}/{name}", value)) for name, value in values.items()]

    def _text(self, run_id: str, name: str, value: Any) -> str:
        """Return what MLflow keeps of a value: itself, or where the whole of it is."""
        text = value if isinstance(value, str) and not _is_json(value) else to_json(value)
        if len(text) <= _LONGEST:
            return text
        place = f"mlsd/{name}.json"
        self.write_artifact(run_id, place, to_json(value).encode())
        return f"see artifact {place}"

    def _value(self, run_id: str, text: str) -> Any:
        if text.startswith("see artifact mlsd/"):
            return from_json(self.read_artifact(run_id, text.removeprefix("see artifact ")))
        return from_json(text) if _is_json(text) else text

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.uri, self.experiment)

    def __repr__(self) -> str:
        return f"MLflowTracker({self.uri}, {self.experiment}): {len(self.runs())} runs"


def _is_json(text: str) -> bool:
    try:
        from_json(text)
    except ValueError:
        return False
    return True


def _own_tags(kept: Any) -> dict[str, str]:
    tags = kept.data.tags.items()
    return {name: text for name, text in tags if name not in _OURS and not name.startswith("mlflow.")}


def _status(kept: Any) -> Status:
    theirs = kept.info.status
    if theirs in _STATUS:
        return _STATUS[theirs]
    here = kept.data.tags.get(_MACHINE) == _machine()
    return "interrupted" if here and not alive(_lock_file(kept.info.run_id)) else "running"


@functools.cache
def _machine() -> str:
    """Return a name for this machine that does not tell what it is called."""
    return digest_bytes(platform.node().encode())[:12]


def _lock_file(run_id: str) -> Path:
    user = os.getuid() if hasattr(os, "getuid") else "user"
    return Path(tempfile.gettempdir(), f"mlsd-{user}", run_id)


def _milliseconds(moment: pd.Timestamp) -> int:
    return int(moment.timestamp() * 1000)


def _moment(milliseconds: int) -> pd.Timestamp:
    return pd.Timestamp(milliseconds, unit="ms", tz="UTC")


def _whole_range(value: float) -> float:
    """Return a number as it was logged: MLflow's database keeps an infinity as the largest number."""
    return math.copysign(math.inf, value) if abs(value) == sys.float_info.max else value
