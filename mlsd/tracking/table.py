"""Runs beside each other: as rows of a table, or as columns that tell them apart."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from mlsd.plain import to_json
from mlsd.report import RefusedError
from mlsd.run import Run

COLUMNS = ("id", "name", "status", "started", "seconds")


def row_of(
    id: str, name: str, status: str, started: pd.Timestamp, ended: pd.Timestamp | None
) -> dict[str, Any]:
    """Return the first cells of a run's row."""
    seconds = math.nan if ended is None else (ended - started).total_seconds()
    return dict(zip(COLUMNS, (id, name, status, started, seconds), strict=True))


def table_of(rows: Iterable[dict[str, Any]]) -> pd.DataFrame:
    """Return rows as a table: parameters before metrics before tags, each in the order of logging."""
    table = pd.DataFrame(list(rows))
    if table.empty:
        return pd.DataFrame(columns=list(COLUMNS))
    kinds = ("params.", "metrics.", "tags.")
    return table[[*COLUMNS, *(name for kind in kinds for name in table if name.startswith(kind))]]


def flat(prefix: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return nested values under dotted names.

    >>> flat("params", {"target": "y", "params": {"num_leaves": 7}})
    {'params.target': 'y', 'params.params.num_leaves': 7}
    """
    found: dict[str, Any] = {}
    for name, value in values.items():
        found |= (
            flat(f"{prefix}.{name}", value) if isinstance(value, Mapping) else {f"{prefix}.{name}": value}
        )
    return found


def compare_runs(runs: Sequence[Run]) -> pd.DataFrame:
    """Return names, settings and inputs that differ, and all last metrics: one column per run."""
    if not runs:
        raise RefusedError("there is no run to compare; track one with tracker.run(...)")
    told = [
        flat("params", run.params) | flat("lineage", run.lineage) | {"name": run.name, "status": run.status}
        for run in runs
    ]
    metrics = [{f"metrics.{name}": points[-1][1] for name, points in run.metrics.items()} for run in runs]
    names = ["name", "status", *(name for one in told for name in one)]
    differ = [name for name in dict.fromkeys(names) if len({to_json(one.get(name)) for one in told}) > 1]
    names = list(dict.fromkeys([*differ, *(name for one in metrics for name in one)]))
    cells = [
        {name: (one | more).get(name) for name in names} for one, more in zip(told, metrics, strict=True)
    ]
    return pd.DataFrame(
        {run.id: pd.Series(cell, index=names, dtype=object) for run, cell in zip(runs, cells, strict=True)}
    )
