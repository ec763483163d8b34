"""How good a model is on labelled rows, how sure that is, and whether it may pass the gate."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from mlsd.metrics import row_losses
from mlsd.plain import is_missing
from mlsd.report import Finding, RefusedError, Report
from mlsd.training.behaviour import BehaviourTest, judge_behaviour
from mlsd.training.gate import UNITS, beats, near_ceiling, not_worse
from mlsd.training.groups import judge_groups
from mlsd.training.inputs import check_table
from mlsd.training.intervals import MIN_ROWS
from mlsd.training.measuring import measure
from mlsd.training.ranking import judge_ranking
from mlsd.training.reliability import judge_calibration
from mlsd.training.slices import judge_slices

if TYPE_CHECKING:
    import pandas as pd

    from mlsd.package import ModelPackage

LEAST = 1e-4  # the smallest probability the gate believes: one row costs at most 9.2 nats


def evaluate(
    package: ModelPackage,
    frame: pd.DataFrame,
    *,
    champion: ModelPackage | None = None,
    groups: Sequence[str] = (),
    behaviour: Iterable[BehaviourTest] = (),
    ceiling: Any = None,
    random_state: int = 0,
    slices: bool = True,
) -> Report:
    """Judge a package on labelled rows it was not trained on.

    Findings: `rows` (how many could be judged), `metric` (one each, with a 95 % interval, the main
    one first), `calibration`, `beats_constant` and `beats_rule`, with a champion
    `not_worse_than_champion`, then `ceiling`, `slice`, `group` and `behaviour`. Log loss, Brier score,
    accuracy and errors get Student's interval of a mean; ranking metrics and r2 a bootstrap of 200
    resamples. Gate and slices compare losses row by row, in which no probability counts as less than
    0.0001: one mistake made with certainty does not decide alone.

    Args:
        package: the model to be judged.
        frame: features and target; rows without a label are left out and counted.
        champion: the model it would replace.
        groups: columns whose parts are protected: one that is worse off than with the champion stops
            the model, one with too few rows is a warning.
        behaviour: what is expected whatever the score is.
        ceiling: shape (n,), the best possible prediction of each row of `frame`, as worlds know it:
            `world.true_probability[frame.index]`.
        random_state: of the bootstrap.
        slices: whether parts of the rows are judged too.

    Raises:
        RefusedError: the target is not in the table, holds an unknown class, the champion predicts
            something else, or a group, a behaviour test or the ceiling does not fit the table.
    """
    if package.task == "ranking":
        if groups or ceiling is not None:
            raise RefusedError(
                "a ranking is judged list by list; groups and ceiling are about rows, leave them out"
            )
        report = judge_ranking(package, frame, champion=champion, random_state=random_state)
        return replace(report, findings=(*report, *judge_behaviour(package, frame, behaviour)))
    judged = judged_rows(package, frame, champion)
    title = f"evaluation of {package.target}"
    if judged.losses is None:
        return Report(title, (judged.rows,))
    y, prediction, losses, unit = judged.y, judged.prediction, judged.losses, UNITS[package.task]
    found = [judged.rows, *measure(package.task, y, prediction, random_state)]
    if package.task == "binary":
        found.append(judge_calibration(y, prediction, random_state=random_state))
    others = {
        baseline.name: row_losses(package.task, y, baseline.predict(judged.table), LEAST)
        for baseline in package.baselines
    }
    found += [beats(name, losses, other, unit) for name, other in others.items()]
    if judged.before is not None:
        found.append(not_worse(losses, judged.before, unit))
    if ceiling is not None:
        best = row_losses(package.task, y, _best(package, frame, ceiling)[judged.labelled], LEAST)
        found.append(near_ceiling(losses, others["constant"], best, unit))
    if slices:
        found += judge_slices(package.schema, package.features, judged.table, losses, judged.before)
    found += judge_groups(judged.frame, groups, losses, judged.before)
    return Report(title, (*found, *judge_behaviour(package, judged.frame, behaviour)))


@dataclass(frozen=True, eq=False)
class Judged:
    """The labelled rows of a table and what a model makes of them.

    Args:
        rows: how many can be judged.
        labelled: which rows of the table given have a label, bool.
        frame: those n rows; `table` encoded (n, f), `y` coded (n,), `prediction` (n,) or (n, k).
        losses: (n,); None where there are too few rows, or a prediction is no number.
        before: the champion's losses, (n,), or None.
    """

    rows: Finding
    labelled: np.ndarray
    frame: pd.DataFrame
    y: np.ndarray
    table: np.ndarray
    prediction: np.ndarray
    losses: np.ndarray | None = None
    before: np.ndarray | None = None


def judged_rows(package: ModelPackage, frame: pd.DataFrame, champion: ModelPackage | None) -> Judged:
    """Return the losses of a model, and of a champion, on the labelled rows of a table.

    Raises:
        RefusedError: as `evaluate`.
    """
    if package.task == "ranking":
        raise RefusedError("a ranking has no loss of a single row; evaluate judges it list by list")
    if champion is not None:
        _check_champion(package, champion)
    check_table(frame, package.target, least=0)
    labelled = ~is_missing(frame[package.target])
    part = frame[labelled]
    rows = _told(package.target, len(part), int((~labelled).sum()))
    y = package.encode_target(part[package.target]) if len(part) else np.empty(0)
    table = package.schema.encode_frame(part, package.features)
    prediction = package.predict_encoded(table)
    wrong = int((~np.isfinite(prediction)).sum())
    if wrong:
        message = f"cannot judge: {wrong:,} predictions are no number; the model must answer every row"
        rows = Finding("rows", package.target, False, len(part), MIN_ROWS, message, count=wrong)
    judged = Judged(rows, labelled, part, y, table, prediction)
    if not rows.ok:
        return judged
    losses = row_losses(package.task, y, prediction, LEAST)
    if champion is None:
        return replace(judged, losses=losses)
    return replace(judged, losses=losses, before=row_losses(package.task, y, champion.predict(part), LEAST))


def _told(target: str, n: int, without: int) -> Finding:
    if n < MIN_ROWS:
        message = f"cannot judge: {n} rows, needs {MIN_ROWS}"
    else:
        message = f"{n:,} labelled rows judged" + (
            f", {without:,} without a label left out" if without else ""
        )
    return Finding("rows", target, n >= MIN_ROWS, n, MIN_ROWS, message, count=without)


def _best(package: ModelPackage, frame: pd.DataFrame, ceiling: Any) -> np.ndarray:
    """Return the best possible prediction of each row, checked."""
    best = np.asarray(ceiling, dtype="float64")
    if len(best) != len(frame) or best.ndim != (2 if package.task == "multiclass" else 1):
        raise RefusedError(
            f"the ceiling has shape {best.shape} for {len(frame):,} rows; expected one prediction a row, "
            "such as world.true_probability[frame.index]"
        )
    low, high = (-np.inf, np.inf) if package.task == "regression" else (0, 1)
    if not (np.isfinite(best) & (best >= low) & (best <= high)).all():
        raise RefusedError(
            "the ceiling holds what no prediction can be; expected the world's own probabilities"
        )
    return best


def _check_champion(package: ModelPackage, champion: ModelPackage) -> None:
    for what in ("target", "task", "classes"):
        mine, other = getattr(package, what), getattr(champion, what)
        if mine != other:
            raise RefusedError(
                f"the champion has {what} {_short(other)}, this model {_short(mine)}; they cannot be compared"
            )


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
