"""How good a ranking is: list by list, since the order within a list is all it says."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mlsd.metrics import ndcg
from mlsd.plain import is_missing
from mlsd.report import Finding, Report
from mlsd.stats import mean_interval
from mlsd.training.gate import beats, not_worse
from mlsd.training.inputs import check_table, list_numbers

if TYPE_CHECKING:
    import pandas as pd

    from mlsd.package import ModelPackage

MIN_LISTS = 30  # with something relevant in them; fewer cannot carry an interval


def judge_ranking(
    package: ModelPackage, frame: pd.DataFrame, *, champion: ModelPackage | None = None, random_state: int = 0
) -> Report:
    """Judge a ranking on labelled lists it was not trained on: NDCG, and beside what it must beat.

    A list in which nothing is relevant has no order to get right, and is left out. The interval and the
    gate take a list as one observation, because its rows are not independent.

    Args:
        package: a model trained with task `"ranking"`.
        frame: features, group and target; rows without a label are left out.
        champion: the model it would replace.
        random_state: not used, since nothing is drawn; here to be called as `evaluate` is.

    Raises:
        RefusedError: target or group is not in the table.
    """
    check_table(frame, package.target, least=0)
    frame = frame[~is_missing(frame[package.target])]
    group, y = list_numbers(frame, str(package.group)), package.encode_target(frame[package.target])
    table = package.schema.encode_frame(frame, package.features)
    quality = _quality(y, package.predict_encoded(table), group)
    told = np.isfinite(quality)
    title, n = f"evaluation of {package.target}", int(told.sum())
    message = f"{n:,} lists judged, {len(told) - n:,} without anything relevant left out"
    rows = Finding("rows", package.target, n >= MIN_LISTS, n, MIN_LISTS, message, count=len(told) - n)
    if not rows.ok:
        return Report(title, (rows,))
    low, high = mean_interval(quality[told])
    value = float(quality[told].mean())
    details = {"n": n, "level": 0.95, "greater_is_better": True}
    message = f"ndcg {value:.3g}, {low:.3g} to {high:.3g}"
    found = [
        rows,
        Finding("metric", "ndcg", True, value, None, message, "info", interval=(low, high), details=details),
    ]
    for baseline in package.baselines:
        other = _quality(y, baseline.predict(table), group)
        found.append(beats(baseline.name, 1 - quality[told], 1 - other[told], "NDCG"))
    if champion is not None:
        other = _quality(y, champion.predict(frame), group)
        found.append(not_worse(1 - quality[told], 1 - other[told], "NDCG"))
    return Report(title, tuple(found))


def _quality(y: np.ndarray, prediction: np.ndarray, group: np.ndarray) -> np.ndarray:
    return ndcg(y, prediction, group) if len(y) else np.empty(0)
