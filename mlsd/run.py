"""One tracked attempt: what was tried, how well it went, and what it was made from."""

from __future__ import annotations

import html
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
import pandas as pd

from mlsd.plain import to_plain, utc_now
from mlsd.report import RefusedError
from mlsd.store import one_sentence

Status = Literal["running", "finished", "failed", "interrupted"]
_SHOWN = 6  # entries listed on one line of a repr


class RunWriter(Protocol):
    """Where a run is kept; every tracker supplies one. What it is given has been checked."""

    def write_params(self, run_id: str, params: Mapping[str, Any]) -> None: ...

    def write_metrics(self, run_id: str, points: list[tuple[str, int, float]]) -> None: ...

    def write_artifact(self, run_id: str, name: str, data: bytes) -> None: ...

    def write_tags(self, run_id: str, tags: Mapping[str, Any]) -> None: ...

    def write_lineage(self, run_id: str, lineage: Mapping[str, Any]) -> None: ...

    def read_artifact(self, run_id: str, name: str) -> bytes: ...


@dataclass
class Run:
    """One attempt: parameters, metrics over steps, artifacts, tags, lineage and how it ended.

    What a call has logged is kept when the call returns: killing the process afterwards loses none
    of it. A run without a `writer` lives in memory only. Trackers make runs; you log to them.

    Args:
        name: what is attempted, in a few words.
        id: how the tracker calls it.
        status: `"running"`, `"finished"`, `"failed"` or `"interrupted"` (its process is gone).
        params: name -> plain value; a value never changes.
        metrics: name -> [(step, value)] in the order of logging.
        artifacts: name -> size in bytes.
        tags: name -> plain value; the newest value counts.
        lineage: what the attempt was made from: digests of data and code, commit, versions.
        started, ended: moments in UTC; `ended` is None until the run has ended in an orderly way.
        writer: where all this is kept.

    >>> run = Run("first try")
    >>> run.log_params({"num_leaves": 31})
    >>> run.log_metrics({"auc": 0.8}); run.log_metrics({"auc": 0.9})
    >>> run.metrics
    {'auc': [(0, 0.8), (1, 0.9)]}
    >>> run
    Run first try: running
      params     num_leaves=31
      metrics    auc=0.9 (2 steps)
    """

    name: str
    id: str = ""
    status: Status = "running"
    params: dict[str, Any] = field(default_factory=dict)
    metrics: dict[str, list[tuple[int, float]]] = field(default_factory=dict)
    artifacts: dict[str, int] = field(default_factory=dict)
    tags: dict[str, Any] = field(default_factory=dict)
    lineage: dict[str, Any] = field(default_factory=dict)
    started: pd.Timestamp = field(default_factory=utc_now)
    ended: pd.Timestamp | None = None
    writer: RunWriter | None = field(default=None, compare=False)
    _held: dict[str, bytes] = field(default_factory=dict, compare=False)  # artifacts without a writer

    def log_params(self, params: Mapping[str, Any]) -> None:
        """Keep what was chosen before the attempt; the same value twice is fine.

        Raises:
            RefusedError: a parameter has another value already, or a value has no plain form.
        """
        plain = self._plain(params, "parameter")
        for name, value in plain.items():
            if name in self.params and self.params[name] != value:
                raise RefusedError(
                    f"parameter {name!r} is {self.params[name]!r} already and cannot become {value!r}: "
                    "start a new run"
                )
        new = {name: value for name, value in plain.items() if name not in self.params}
        if self.writer and new:
            self.writer.write_params(self.id, new)
        self.params.update(new)

    def log_metrics(
        self,
        metrics: Mapping[str, float | Sequence[float]],
        step: int | Sequence[int] | None = None,
    ) -> None:
        """Keep one point of each metric, or a whole curve of it; NaN and infinities stay what they are.

        A curve is kept all or nothing and costs little more than a point: one message to a server.

        Args:
            metrics: name -> number, or name -> n numbers.
            step: iteration or epoch; left out, the step after the metric's last one, from 0. Of a
                curve, the step of its first number, or n steps.

        Raises:
            RefusedError: a value is not a number, or the run has ended.

        >>> run = Run("curve")
        >>> run.log_metrics({"loss": [0.9, 0.5]}, step=10); run.metrics
        {'loss': [(10, 0.9), (11, 0.5)]}
        """
        self._check_running()
        points = []
        for name, value in metrics.items():
            _name(name, "metric")
            if isinstance(value, list | tuple | np.ndarray | pd.Series) and np.ndim(value):
                steps = self._steps(name, step, len(value))
                points += [(name, *pair) for pair in zip(steps, _numbers(name, value), strict=True)]
            else:
                points.append((name, self._step(name, step), _number(name, value)))
        if self.writer and points:
            self.writer.write_metrics(self.id, points)
        for name, at, number in points:
            self.metrics.setdefault(name, []).append((at, number))

    def log_artifact(self, name: str, data: bytes | Path | pd.DataFrame) -> None:
        """Keep a file that the attempt produced; the newest of a name counts.

        Args:
            name: such as `"model.txt"` or `"plots/roc.png"`.
            data: its bytes, the path of a file that is read now, or a table, which is kept as CSV
                without its index under a name that ends in `.csv`.

        Raises:
            RefusedError: the file cannot be read, the disk refuses, or the run has ended.
        """
        self._check_running()
        _name(name, "artifact")
        if isinstance(data, pd.DataFrame):
            if not name.endswith(".csv"):
                raise RefusedError(f"artifact {name!r} is a table; give it a name such as '{name}.csv'")
            data = data.to_csv(index=False).encode()
        elif isinstance(data, Path):
            with one_sentence(data):
                data = Path(data).read_bytes()
        if not isinstance(data, bytes | bytearray | memoryview):
            kind = type(data).__name__
            raise RefusedError(f"artifact {name!r} is a {kind}; expected bytes, a Path or a DataFrame")
        data = bytes(data)
        if self.writer:
            self.writer.write_artifact(self.id, name, data)
        else:
            self._held[name] = data
        self.artifacts[name] = len(data)

    def log_figure(self, name: str, figure: Any) -> None:
        """Keep a picture as an artifact.

        Args:
            name: such as `"roc"`, kept as `roc.png`; or with the ending `.svg`.
            figure: what a plot of this library or of matplotlib returns.

        Raises:
            RefusedError: it is no figure, the disk refuses, or the run has ended.
        """
        self._check_running()
        figure = figure if hasattr(figure, "savefig") else getattr(figure, "figure", figure)  # of its axes
        if not hasattr(figure, "savefig"):
            raise RefusedError(f"figure {name!r} is a {type(figure).__name__}; expected a matplotlib figure")
        name = name if str(name).endswith((".png", ".svg")) else f"{name}.png"
        still = {"Date": None} if name.endswith(".svg") else {"Software": None}  # the same bytes tomorrow
        buffer = io.BytesIO()
        figure.savefig(buffer, format=name[-3:], dpi=150, facecolor="white", metadata=still)
        self.log_artifact(name, buffer.getvalue())

    def read_artifact(self, name: str) -> bytes:
        """Return the bytes of an artifact.

        Raises:
            RefusedError: there is none of this name, or its bytes were changed.
        """
        if name not in self.artifacts:
            known = ", ".join(self.artifacts) or "none"
            raise RefusedError(f"run {self.name!r} has no artifact {name!r}; known: {known}")
        return self.writer.read_artifact(self.id, name) if self.writer else self._held[name]

    def set_tags(self, tags: Mapping[str, Any]) -> None:
        """Label the attempt so that it can be found; a tag may be set anew.

        Raises:
            RefusedError: a value has no plain form, or the run has ended.
        """
        plain = self._plain(tags, "tag")
        if self.writer and plain:
            self.writer.write_tags(self.id, plain)
        self.tags.update(plain)

    def log_lineage(self, facts: Mapping[str, Any]) -> None:
        """Keep what the attempt was made from, such as digests of its data; the newest value counts.

        Raises:
            RefusedError: a value has no plain form, or the run has ended.
        """
        lineage = self.lineage | self._plain(facts, "lineage")
        if self.writer:
            self.writer.write_lineage(self.id, lineage)
        self.lineage.update(lineage)

    def _plain(self, values: Mapping[str, Any], what: str) -> dict[str, Any]:
        self._check_running()
        plain = {}
        for name, value in values.items():
            try:
                plain[_name(name, what)] = to_plain(value)
            except TypeError as error:
                raise RefusedError(f"{what} {name!r}: {error}") from None
        return plain

    def _check_running(self) -> None:
        if self.status != "running":
            raise RefusedError(f"run {self.name!r} is {self.status}; nothing more can be logged to it")

    def _steps(self, name: str, step: Any, n: int) -> Sequence[int]:
        if step is None or np.ndim(step) == 0:
            first = self._step(name, step)
            return range(first, first + n)
        if len(step) != n:
            raise RefusedError(f"metric {name!r} has {n} values and {len(step)} steps; expected as many")
        return [self._step(name, one) for one in step]

    def _step(self, name: str, step: Any) -> int:
        if step is None:
            points = self.metrics.get(name)
            return points[-1][0] + 1 if points else 0
        try:
            if -(2**63) <= step < 2**63 and step == int(step):
                return int(step)
        except (TypeError, ValueError):
            pass
        raise RefusedError(f"the step of metric {name!r} is {step!r}; expected a whole number")

    def _lines(self) -> list[tuple[str, str]]:
        """What there is to say, as (kind, entries) pairs."""
        last = {
            name: f"{points[-1][1]:.4g}" + (f" ({len(points)} steps)" if len(points) > 1 else "")
            for name, points in self.metrics.items()
        }
        sizes = {name: f"{size:,} bytes" for name, size in self.artifacts.items()}
        kinds = {"params": self.params, "metrics": last, "artifacts": sizes, "tags": self.tags}
        return [(kind, _entries(entries)) for kind, entries in kinds.items() if entries]

    def __repr__(self) -> str:
        head = f"Run {self.id + ' ' if self.id else ''}{self.name}: {self.status}"
        return "\n".join([head, *(f"  {kind:<10} {text}" for kind, text in self._lines())])

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><th style='text-align:left'>{kind}</th>"
            f"<td style='text-align:left'>{html.escape(text)}</td></tr>"
            for kind, text in self._lines()
        )
        head = html.escape(f"Run {self.id} {self.name}".strip())
        return f"<div><strong>{head}: {self.status}</strong><table>{rows}</table></div>"


def _entries(entries: Mapping[str, Any]) -> str:
    shown = [f"{name}={value}" for name, value in list(entries.items())[:_SHOWN]]
    more = f", and {len(entries) - _SHOWN} more" if len(entries) > _SHOWN else ""
    return ", ".join(shown) + more


def _name(name: Any, what: str) -> str:
    if not isinstance(name, str) or not name or name.strip() != name or not name.isprintable():
        raise RefusedError(f"{what} {repr(name)[:40]} has no usable name; expected text on one line")
    return name


def _numbers(name: str, values: Any) -> list[float]:
    return [_number(name, value) for value in np.asarray(values, dtype=object).tolist()]


def _number(name: str, value: Any) -> float:
    try:
        if not isinstance(value, str | bytes):
            return float(value) + 0.0  # -0 is 0
    except (TypeError, ValueError, OverflowError):
        pass
    raise RefusedError(f"metric {name!r} is {str(value)[:40]!r} ({type(value).__name__}); expected a number")
