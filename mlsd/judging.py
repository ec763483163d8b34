"""Judging a table: everything that breaks a contract, at once, and the rows that do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from mlsd.cells import read_cells, refuse_unlike_frame
from mlsd.checks import Failure, failures, known
from mlsd.checks_beside import Beside, failures_beside, repeated, stale
from mlsd.column import near
from mlsd.contract import Contract
from mlsd.plain import utc
from mlsd.report import Finding, RefusedError, Report
from mlsd.rule import Rule, operand

Found = list[tuple[str, Failure]]  # (a column's name, or words for what lies between columns; failure)


def beside(now: Any, tables: Mapping[str, pd.DataFrame] | None) -> Beside:
    """Return the clock and the other tables that a caller gave."""
    return Beside(None if now is None else utc(now, "now"), tables or {})


def judge(contract: Contract, frame: pd.DataFrame, given: Beside) -> Report:
    """Return one finding per column and way of breaking it, then one per rule and group of columns."""
    refuse_unlike_frame(frame)
    found = of_the_table(contract, frame, given)
    columns, between = broken(contract, frame, given)
    subjects = {finding.subject for finding in found}
    for column in contract:
        own = [failure for name, failure in columns if name == column.name]
        found += [failure.finding(column.name, frame.index) for failure in own]
        if not own and column.name not in subjects:
            allowed = f": {column.allowed}" if column.allowed else ""
            words = f"{len(frame):,} rows hold {column.kind}{allowed}"
            found.append(Finding("column", column.name, message=words))
    found += [failure.finding(words, frame.index) for words, failure in between]
    return Report("table", tuple(found))


def of_the_table(contract: Contract, frame: pd.DataFrame, given: Beside) -> list[Finding]:
    """Return what is wrong with the table and with none of its rows: names, age, what nobody gave."""
    found = []
    for name in contract.names:
        if name not in frame.columns:
            message = f"the column is missing; expected {contract[name].kind}"
            found.append(Finding("missing_column", name, ok=False, message=message))
    for name in frame.columns[frame.columns.duplicated()].unique():
        message = "the name stands twice or more; expected each name once"
        found.append(Finding("duplicate_column", str(name), ok=False, message=message))
    for name in frame.columns.unique():
        if name not in contract:
            message = f"the schema does not know the column{near(name, contract.names)}"
            found.append(Finding("unknown_column", str(name), ok=False, message=message, severity="warning"))
    return found + _of_promises(contract, frame, given)


def _of_promises(contract: Contract, frame: pd.DataFrame, given: Beside) -> list[Finding]:
    """Return promises that were not looked at for want of a clock or a table, and times too old."""
    found = []
    single = _single(frame)
    for column in contract:
        lacks = given.lacks(column)
        if lacks:
            found.append(Finding("unchecked", column.name, ok=False, message=lacks))
        elif column.max_age and given.now is not None and column.name in single:
            old = stale(column, read_cells(frame[column.name]), given.now)
            found += [old] if old else []
    return found


def _single(frame: pd.DataFrame) -> set[Any]:
    """Return the names that stand once."""
    return set(frame.columns) - set(frame.columns[frame.columns.duplicated()])


def broken(contract: Contract, frame: pd.DataFrame, given: Beside) -> tuple[Found, Found]:
    """Return what the rows break, inside columns and between them; only columns that stand there once.

    Cells are read one column at a time and kept no longer than needed, so that memory stays small.
    """
    single = _single(frame)
    columns: Found = []
    values: dict[str, np.ndarray] = {}  # what rules compare
    fit: dict[str, np.ndarray] = {}  # what groups of columns compare
    in_rules = {name for rule in contract.rules for name in rule.columns}
    in_groups = {name for group in contract.unique for name in group}
    for column in contract:
        if column.name not in single:
            continue
        cells = read_cells(frame[column.name])
        found = failures(column, cells) + failures_beside(column, cells, given)
        columns += [(column.name, failure) for failure in found]
        if column.name in in_rules:
            values[column.name] = operand(cells, column.kind)
        if column.name in in_groups:
            fit[column.name] = known(column, cells)
    between = [_of_rule(rule, values) for rule in contract.rules if set(rule.columns) <= single]
    for group in contract.unique:
        if set(group) <= single:
            both = np.logical_and.reduce([fit[name] for name in group])
            between.append((" and ".join(group), repeated(frame, group, both)))
    return columns, [(words, failure) for words, failure in between if failure.mask.any()]


def _of_rule(rule: Rule, values: Mapping[str, np.ndarray]) -> tuple[str, Failure]:
    mask = rule.broken({name: values[name] for name in rule.columns})
    count = int(np.count_nonzero(mask))
    message = f"{count:,} row{' breaks' if count == 1 else 's break'} {rule.expression}"
    return rule.name, Failure("rule", mask, message, f"breaks {rule.name}", limit=0)


def divide(contract: Contract, frame: pd.DataFrame, given: Beside) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return (clean rows, rejected rows with their reasons)."""
    refuse_unlike_frame(frame)
    Report("table", tuple(of_the_table(contract, frame, given))).raise_for_failures()
    if "reasons" in frame.columns:
        raise RefusedError("the table has a column 'reasons' already; rename it before the quarantine")
    columns, between = broken(contract, frame, given)
    failed = [failure for _, failure in (*columns, *between)]
    if not failed:
        return frame.copy(deep=False), frame.head(0).assign(reasons=pd.Series(dtype=str))
    bad = np.logical_or.reduce([failure.mask for failure in failed])
    return frame[~bad], frame[bad].assign(reasons=_reasons(failed, bad))


def _reasons(failed: list[Failure], bad: np.ndarray) -> pd.api.extensions.ExtensionArray:
    """Return what each bad row breaks, (n_bad,) texts; each combination is put into words once."""
    codes, texts = np.zeros(np.count_nonzero(bad), dtype="int64"), np.array([""], dtype=object)
    for failure in failed:
        codes, pairs = pd.factorize(codes * 2 + failure.mask[bad])
        texts, hit = texts[pairs // 2], pairs % 2 == 1
        texts[hit & (texts != "")] += "; "
        texts[hit] += failure.phrase
    return pd.Series(texts, dtype=str).iloc[codes].array
