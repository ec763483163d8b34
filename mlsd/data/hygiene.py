"""How clean a split is: what its two parts share, which came first, and which classes each holds."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

import numpy as np
import pandas as pd

from mlsd.data.near_duplicates import CHANGED, find_twins
from mlsd.data.where import one_column
from mlsd.report import MAX_EXAMPLES, Finding, RefusedError, Severity

MAX_CLASSES = 100  # more distinct values than this are a quantity: no finding for each
_MANY = 50  # distinct texts; a column of fewer is a category, whose values every part shares
_NAMED = re.compile(r"(^|[_\W])(id|key|uuid|number)$|[a-z](Id|ID|Key)$")


def hygiene(
    train: pd.DataFrame,
    test: pd.DataFrame,
    *,
    groups: str | Iterable[str] = (),
    target: str | None = None,
    ignore: Iterable[str] = (),
    sure: Severity = "warning",
) -> Iterator[Finding]:
    """Yield what two parts of a table share: index labels, rows, near rows, groups; and their classes.

    Cost: O(d n log n) for n rows of d columns; 10^5 rows of 20 columns take about a second.

    Args:
        train: n rows.
        test: m rows of the same columns.
        groups: columns of which no value may stand in both parts.
        target: the column whose classes are counted.
        ignore: columns that do not count when rows are compared, such as their time.
        sure: how bad equal rows are, where chance hardly makes them.

    >>> train, test = pd.DataFrame({"author": [1, 1, 2]}), pd.DataFrame({"author": [2]}, index=[3])
    >>> [finding for finding in hygiene(train, test, groups="author") if not finding.ok][-1]
    Finding(FAILED groups author: 1 value of author stands in both parts and covers 1 of 1 test rows)
    """
    named = [groups] if isinstance(groups, str) else list(groups)
    yield _overlap(train, test)
    yield from _twins(train, test, list(ignore), sure)
    for name in named:
        yield shared_groups(train, test, name)
    for name in identifier_like(train):
        if name not in named and name != target:
            yield shared_groups(train, test, name, "warning")
    if target is not None:
        yield from balance(train, test, target)


def _overlap(train: pd.DataFrame, test: pd.DataFrame) -> Finding:
    shared = test.index.isin(train.index)
    n = int(shared.sum())
    message = f"{n} index labels stand in both parts" if n else "no index label stands in both parts"
    return Finding("overlap", "", n == 0, n, 0, message, "warning", n, _labels(test, shared))


def _twins(train: pd.DataFrame, test: pd.DataFrame, ignore: list[str], sure: Severity) -> Iterator[Finding]:
    columns = [not drop for drop in train.columns.isin(ignore)]
    twins = find_twins(train.loc[:, columns], test.loc[:, columns])
    n, but = int(twins.equal.sum()), f" but for {', '.join(map(str, ignore))}" if ignore else ""
    message = f"{_rows(n)} to a training row{but}" if n else f"no test row equals a training row{but}"
    severity: Severity = sure if twins.sure else "warning"
    yield Finding("duplicates", "", n == 0, n, 0, message, severity, n, _labels(test, twins.equal))
    if not twins.told:
        message = "too few or too coarse columns to tell near-duplicates from chance"
        yield Finding("near_duplicates", message=message, severity="info")
        return
    n = int(twins.nearly.sum())
    few = f"but for a rounding or at most {CHANGED} columns"
    message = f"{_rows(n)} to a training row {few}" if n else f"no test row equals a training row {few}"
    yield Finding("near_duplicates", "", n == 0, n, 0, message, "warning", n, _labels(test, twins.nearly))


def shared_groups(
    train: pd.DataFrame, test: pd.DataFrame, name: str, severity: Severity = "error"
) -> Finding:
    """Return which values of a column stand in both parts; a missing one belongs to no group.

    Raises:
        RefusedError: there is no such column, or its cells are lists or dicts.

    >>> shared_groups(pd.DataFrame({"author": [1, 2]}), pd.DataFrame({"author": [3]}), "author")
    Finding(ok groups author: no value of author stands in both parts)
    """
    both = pd.concat([one_column(train, name), one_column(test, name)], ignore_index=True)
    codes, _ = codes_of(both, name)
    here, there = codes[: len(train)], codes[len(train) :]
    seen = np.isin(there, here) & (there >= 0)
    n, rows = len(np.unique(there[seen])), int(seen.sum())
    message = f"no value of {name} stands in both parts"
    if n:
        stand = "1 value of {} stands" if n == 1 else f"{n:,} values of {{}} stand"
        message = f"{stand.format(name)} in both parts and cover{'s' * (n == 1)} {rows:,} of {len(test):,} test rows"
        if severity == "warning":
            message += f"; if such rows resemble each other, use split_grouped(frame, {name!r})"
    return Finding("groups", name, n == 0, n, 0, message, severity, rows, _labels(test, seen))


def codes_of(column: pd.Series, name: str) -> tuple[np.ndarray, pd.Index]:
    """Return the number of each cell's value, -1 where it is missing, and the values.

    Raises:
        RefusedError: the cells are lists or dicts, which cannot be counted.
    """
    try:
        return pd.factorize(column.astype(object), sort=False)
    except TypeError:
        raise RefusedError(
            f"column {name!r} holds lists or dicts; expected numbers, text or booleans"
        ) from None


def identifier_like(frame: pd.DataFrame) -> list[str]:
    """Return the columns that look as if they named something: `member_id`, or text with many values.

    >>> identifier_like(pd.DataFrame({"member_id": [1, 1], "likes": [3, 4], "topic": ["art", "jobs"]}))
    ['member_id']
    """
    found = []
    for j, name in enumerate(frame.columns):
        column = frame.iloc[:, j]
        words = isinstance(column.dtype, pd.StringDtype) or pd.api.types.infer_dtype(column) == "string"
        whole = column.dtype.kind in "iu"
        if (whole or words) and _NAMED.search(str(name)):
            found.append(name)
        elif words and column.nunique() > _MANY:
            found.append(name)
    return found


def balance(train: pd.DataFrame, test: pd.DataFrame, target: str) -> Iterator[Finding]:
    """Yield the share of each class in both parts; a class missing from one of them is warned of.

    >>> list(balance(pd.DataFrame({"y": ["a", "b"]}), pd.DataFrame({"y": ["a"]}), "y"))[1]
    Finding(warning balance y: b: 50.0% of the training rows, 0.0% of the test rows)
    """
    both = pd.concat([one_column(train, target), one_column(test, target)], ignore_index=True)
    codes, values = codes_of(both, target)
    counts = [np.bincount(part[part >= 0], minlength=len(values)) for part in np.split(codes, [len(train)])]
    if len(values) > MAX_CLASSES:
        lost = int(((counts[0] == 0) != (counts[1] == 0)).sum())
        message = f"{len(values):,} distinct values, {lost:,} of them in one part only"
        yield Finding("balance", target, value=lost, message=message, severity="info")
        return
    names = sorted(range(len(values)), key=lambda i: str(values[i]))
    for i in names:
        a, b = (float(count[i] / max(count.sum(), 1)) for count in counts)
        message = f"{values[i]}: {a:.1%} of the training rows, {b:.1%} of the test rows"
        yield Finding("balance", target, a > 0 < b, b, a, message, "warning")


def time_order(train: pd.DataFrame, test: pd.DataFrame, time: str) -> Finding:
    """Return whether every training row is older than every test row, as it is when a model is used.

    >>> days = pd.DataFrame({"at": pd.date_range("2024-01-01", periods=3, tz="UTC")})
    >>> time_order(days[1:], days[:1], "at").message
    "2 of 2 training rows are not older than the first test row; use split_by_time(frame, 'at')"
    """
    first = test[time].min()
    late = (train[time] >= first).to_numpy()
    n = int(late.sum())
    message = (
        f"{n:,} of {len(train):,} training rows are not older than the first test row; use split_by_time"
    )
    message = f"{message}(frame, {time!r})" if n else "every training row is older than every test row"
    return Finding("time_order", time, n == 0, n, 0, message, "warning", n, _labels(train, late))


def dated(frame: pd.DataFrame) -> str | None:
    """Return the first column that holds times, or None."""
    single = ~frame.columns.duplicated(keep=False)
    return next((name for name, dtype in frame.dtypes[single].items() if dtype.kind == "M"), None)


def _rows(n: int) -> str:
    return "1 test row is equal" if n == 1 else f"{n:,} test rows are equal"


def _labels(frame: pd.DataFrame, mask: np.ndarray) -> tuple[object, ...]:
    return tuple(frame.index[mask][:MAX_EXAMPLES])
