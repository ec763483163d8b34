"""Cleaning: rules are applied one after the other, and a log says what each of them did."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from mlsd.column import near
from mlsd.data.cleaning_rules import CleaningRule, Clip, Convert, DropDuplicates, Rename, Strip
from mlsd.data.filling import Fill
from mlsd.data.where import check_frame
from mlsd.digest import digest_frame
from mlsd.plain import from_json, to_json, to_plain
from mlsd.report import RefusedError, check_format

RULES: dict[str, type[CleaningRule]] = {
    rule.__name__: rule for rule in (DropDuplicates, Strip, Rename, Convert, Clip, Fill)
}
_EXAMPLES = 3  # rows shown for each rule
_DONE = {"row": "dropped", "cell": "changed"}
Cleaned = tuple[pd.DataFrame, pd.DataFrame, "CleaningLog"]


@dataclass(frozen=True)
class CleaningStep:
    """What one rule did: the rule with its numbers, the rows and cells it touched, the rows it dropped."""

    rule: CleaningRule
    rows: int
    cells: int
    dropped: int
    examples: tuple[dict[str, Any], ...]


@dataclass(frozen=True)
class CleaningLog:
    """What was done to a table, so that it can be read and done again.

    Args:
        before: digest of the raw table.
        after: digest of the cleaned one.
        rows: how many rows there were, and are.
        steps: what each rule did, in order.
    """

    before: str
    after: str
    rows: tuple[int, int]
    steps: tuple[CleaningStep, ...]

    @property
    def rules(self) -> tuple[CleaningRule, ...]:
        """The rules with the numbers they learnt."""
        return tuple(step.rule for step in self.steps)

    def replay(self, frame: pd.DataFrame) -> Cleaned:
        """Clean a table with the numbers of this log: the same raw table gives the same values.

        Raises:
            RefusedError: the table is the result of this log, or the result is not the recorded one.

        >>> from mlsd.data import Fill
        >>> _, _, log = clean(pd.DataFrame({"age": [20, 30, 70, None]}), [Fill("age", statistic="median")])
        >>> later, _, _ = log.replay(pd.DataFrame({"age": [90, None]}))
        >>> later["age"].tolist()
        [90.0, 30.0]
        """
        cleaned, dropped, log = clean(frame, self.rules)
        if log.before == self.after != self.before:
            raise RefusedError("the table is what this log returned; it is clean already")
        if log.before == self.before and log.after != self.after:
            raise RefusedError(
                f"the same table gave {log.after[:12]}, the log says {self.after[:12]}; "
                "the log was edited, or other versions of mlsd and pandas made it"
            )
        return cleaned, dropped, log

    def to_json(self) -> str:
        """Return the log as strict JSON text, format 1."""
        steps = [{**step.rule.to_plain(), "touched": _counts(step)} for step in self.steps]
        record = {"format": 1, "before": self.before, "after": self.after, "rows": self.rows, "steps": steps}
        return to_json(record, indent=1)

    @classmethod
    def from_json(cls, text: str) -> CleaningLog:
        """Read what `to_json` wrote.

        Raises:
            ValueError: the text is no log, or one of a newer format.
        """
        record = check_format(from_json(text, "the cleaning log"), 1, "the cleaning log")
        try:
            steps = tuple(_step(dict(step)) for step in record["steps"])
            n_before, n_after = record["rows"]
            return cls(record["before"], record["after"], (n_before, n_after), steps)
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise RefusedError(f"the cleaning log cannot be read: {error}") from None

    def __repr__(self) -> str:
        lines = [f"CleaningLog: {self.rows[0]:,} rows in, {self.rows[1]:,} out"]
        names = [repr(step.rule) for step in self.steps]
        for name, step in zip(names, self.steps, strict=True):
            kind = "row" if isinstance(step.rule, DropDuplicates) else "cell"
            done = f"{step.rows:,} {kind}{'' if step.rows == 1 else 's'} {_DONE[kind]}"
            lines.append(f"  {name:<{max(map(len, names))}}  {done}")
        return "\n".join(lines)


def clean(frame: pd.DataFrame, rules: Iterable[CleaningRule]) -> Cleaned:
    """Return the cleaned table, the dropped rows with their `reasons`, and the log.

    Rules work in their order, each on what the one before left. A statistic is learnt from these rows,
    so give the training rows, and `log.replay` all others. The table given is left as it is.

    Args:
        frame: n rows.
        rules: such as `[DropDuplicates("id"), Strip("city"), Fill("age", statistic="median")]`.

    Raises:
        RefusedError: a column is unknown, or does not hold what the rule works on.

    >>> from mlsd.data import DropDuplicates, Strip
    >>> raw = pd.DataFrame({"id": [1, 2, 2], "city": [" Huy", "Huy", "Huy"]})
    >>> cleaned, dropped, log = clean(raw, [DropDuplicates("id"), Strip("city")])
    >>> log
    CleaningLog: 3 rows in, 2 out
      DropDuplicates('id')  1 row dropped
      Strip('city')         1 cell changed
    >>> dropped["reasons"].tolist()
    ["DropDuplicates('id')"]
    """
    check_frame(frame)
    if "reasons" in frame.columns:
        raise RefusedError("the table has a column 'reasons' already; rename it before cleaning")
    now, steps, dropped = frame.copy(deep=False), [], [frame.iloc[:0].assign(reasons="")]
    for rule in _checked(rules):
        rule = rule.learn(now)
        if isinstance(rule, DropDuplicates):
            gone = rule.repeated(now)
            steps.append(_step_of(rule, now, gone))
            dropped.append(now[gone].assign(reasons=repr(rule)))
            now = now[~gone]
        else:
            mask, cells = rule.change(now)
            steps.append(_step_of(rule, now, mask, cells))
            now = _written(now, rule, mask, cells)
    log = CleaningLog(digest_frame(frame), digest_frame(now), (len(frame), len(now)), tuple(steps))
    return now, pd.concat([part for part in dropped if len(part)] or dropped), log


def _checked(rules: Iterable[CleaningRule]) -> list[CleaningRule]:
    found = list(rules) if isinstance(rules, Iterable) else [rules]
    for rule in found:
        if type(rule) not in RULES.values():
            raise RefusedError(f"{rule!r} is no cleaning rule; expected one of {', '.join(RULES)}")
    return found


def _step_of(
    rule: CleaningRule, frame: pd.DataFrame, mask: np.ndarray, cells: np.ndarray | None = None
) -> CleaningStep:
    """Describe a step before it is done: `cells` (m,) are the new ones, None when rows are dropped."""
    count = int(mask.sum())
    at = np.flatnonzero(mask)[:_EXAMPLES]
    examples = [{"row": _plain(frame.index[place])} for place in at]
    if cells is not None:
        old = frame[rule.column].iloc[at]
        for example, before, after in zip(examples, old, cells, strict=False):
            example |= {"before": _plain(before), "after": _plain(after)}
    changed, dropped = (0, count) if cells is None else (count, 0)
    return CleaningStep(rule, count, changed, dropped, tuple(examples))


def _plain(value: Any) -> Any:
    try:
        return to_plain(value)
    except TypeError:  # a label such as a period
        return str(value)


def _written(frame: pd.DataFrame, rule: CleaningRule, mask: np.ndarray, cells: np.ndarray) -> pd.DataFrame:
    """Return the table with the new cells in it; a column that is not touched stays the same object."""
    out = frame.copy(deep=False)
    if mask.any():
        out[rule.column] = _put(frame[rule.column], mask, cells)
    units = frame.attrs.get("units")
    if isinstance(rule, Convert) and not rule.where and isinstance(units, dict) and rule.column in units:
        out.attrs["units"] = units | {rule.column: rule.unit}
    return out


def _put(series: pd.Series, mask: np.ndarray, cells: np.ndarray) -> pd.Series:
    """Return a column with new cells, stored as before where they fit: whole numbers stay integers."""
    values = series.astype(object).to_numpy(copy=True)
    dtype = series.dtype
    if dtype.kind in "iu":
        if (cells != np.trunc(cells)).any():
            dtype = pd.Float64Dtype() if pd.api.types.is_extension_array_dtype(dtype) else np.dtype("float64")
        else:
            cells = np.array([*map(int, cells), None], dtype=object)[:-1]
    values[mask] = cells
    if isinstance(dtype, pd.CategoricalDtype):
        used = set(pd.unique(values))
        names = [name for name in dtype.categories if name in used or name not in set(series[mask])]
        dtype = pd.CategoricalDtype(list(dict.fromkeys([*names, *cells[~pd.isna(cells)]])), dtype.ordered)
    try:
        return pd.Series(values, index=series.index, name=series.name).astype(dtype)
    except (ValueError, TypeError, OverflowError):  # a number too large for a small integer type
        return pd.Series(list(values), index=series.index, name=series.name)


def _counts(step: CleaningStep) -> dict[str, Any]:
    return {"rows": step.rows, "cells": step.cells, "dropped": step.dropped, "examples": step.examples}


def _step(record: dict[str, Any]) -> CleaningStep:
    touched, name = record.pop("touched"), record.pop("rule")
    if name not in RULES:
        raise RefusedError(f"no cleaning rule is called {name!r}{near(name, RULES)}")
    return CleaningStep(RULES[name](**record), **{**touched, "examples": tuple(touched["examples"])})
