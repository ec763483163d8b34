"""Splitting a table into what a model learns from and what it is judged on; each split judges its hygiene."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd

from mlsd.data.hygiene import codes_of, dated, hygiene, time_order
from mlsd.data.where import check_frame, one_column
from mlsd.plain import is_missing, utc
from mlsd.report import Finding, RefusedError, Report

Split = tuple[pd.DataFrame, pd.DataFrame, Report]


def split_by_time(
    frame: pd.DataFrame,
    time: str,
    *,
    test: float | str | datetime = 0.2,
    gap: str | timedelta | None = None,
    groups: str | Iterable[str] = (),
    target: str | None = None,
) -> Split:
    """Return the earlier rows, the later rows and a report: every training row is older than every test row.

    Rows of one instant stay together: those at the cut are test rows.

    Args:
        frame: n rows in any order.
        time: the column that says when, with a time zone.
        test: the share of the rows that are tested on, or the moment at which the test begins.
        gap: how long before the cut training ends (`"7 days"`); the rows between are dropped.
        groups: columns whose values should not stand in both parts; the report says whether they do.
        target: the column whose classes the report counts.

    Raises:
        RefusedError: the time is missing or names no zone, or a part would be empty.

    >>> days = pd.date_range("2024-01-01", periods=10, tz="UTC")
    >>> train, test, report = split_by_time(pd.DataFrame({"at": days}), "at", gap="2 days")
    >>> len(train), len(test), report.findings[0].message
    (7, 2, '7 rows to train on, 2 to test on, 1 dropped')
    """
    times = _times(frame, time)
    order = np.argsort(times.to_numpy(), kind="stable")
    frame, times = frame.iloc[order], times.iloc[order].reset_index(drop=True)
    cut = _cut(times, test)
    pause = _pause(gap)
    later = (times >= cut).to_numpy()
    earlier = (times <= cut - pause).to_numpy() & ~later
    train, rest = _parts(frame, earlier, later, f"before {cut.isoformat()} less a gap of {pause}")
    left = times[later].iloc[0] - times[earlier].iloc[-1]
    message = f"training ends {left} before the test begins at {cut.isoformat()}"
    ordered = Finding("time_order", time, left >= pause, left, pause, message)
    tied = int((times == cut).sum())
    ties = Finding(
        "ties", time, value=tied, severity="info", message=f"{tied} rows at the cut are all tested on"
    )
    found = hygiene(train, rest, groups=groups, target=target, ignore=[time])
    return train, rest, Report("split by time", (_sizes(earlier, later), ordered, ties, *found))


def split_random(
    frame: pd.DataFrame,
    *,
    test: float = 0.2,
    random_state: int = 0,
    stratify: str | None = None,
    groups: str | Iterable[str] = (),
) -> Split:
    """Return two random parts of a table and a report; for rows that have no order in time.

    Args:
        frame: n rows.
        test: the share of the rows that are tested on.
        random_state: the same number gives the same parts.
        stratify: a column of classes; each gives its share to both parts, to within one row.
        groups: columns whose values should not stand in both parts; the report says whether they do.

    Raises:
        RefusedError: the share or the column cannot be used, or a part would be empty.

    >>> posts = pd.DataFrame({"is_spam": [True] * 5 + [False] * 15})
    >>> train, test, report = split_random(posts, stratify="is_spam")
    >>> int(train.is_spam.sum()), int(test.is_spam.sum())
    (4, 1)
    """
    check_frame(frame)
    n, n_test = len(frame), _n_test(len(frame), test)
    rng = np.random.default_rng(random_state)
    order = rng.permutation(n)
    if stratify is not None:
        order = order[np.argsort(_classes(frame, stratify)[order], kind="stable")]
    # Evenly along the order, so evenly in each class; the random start gives small classes their chance.
    steps = (np.arange(n + 1) * n_test + rng.integers(n)) // n
    later = np.zeros(n, dtype=bool)
    later[order[np.diff(steps) > 0]] = True
    return _judged("random split", frame, later, groups, stratify)


def split_grouped(
    frame: pd.DataFrame,
    groups: str,
    *,
    test: float = 0.2,
    random_state: int = 0,
    target: str | None = None,
) -> Split:
    """Return two parts of a table and a report; all rows of a group stand in the same part.

    Groups are drawn at random until their rows come as near to the share as whole groups can.

    Args:
        frame: n rows.
        groups: the column that says which rows belong together, such as the author of a post.
        test: the share of the rows that are tested on.
        random_state: the same number gives the same parts.
        target: the column whose classes the report counts.

    Raises:
        RefusedError: a row has no group, or there are fewer than two groups.

    >>> posts = pd.DataFrame({"author": list("aabbccddee"), "likes": range(10)})
    >>> train, test, report = split_grouped(posts, "author", test=0.4)
    >>> len(test), set(train.author) & set(test.author), report.ok
    (4, set(), True)
    """
    check_frame(frame)
    codes, n_test = _classes(frame, groups), _n_test(len(frame), test)
    n_groups = int(codes.max()) + 1
    if n_groups < 2:
        raise RefusedError(f"all rows have one {groups}; a split by groups needs at least 2")
    drawn = np.random.default_rng(random_state).permutation(n_groups)
    rows = np.cumsum(np.bincount(codes)[drawn])[:-1]  # tested on, were the first 1, 2, ... groups taken
    taken = int(np.argmin(np.abs(rows - n_test))) + 1
    later = np.isin(codes, drawn[:taken])
    return _judged("split by groups", frame, later, groups, target)


def _judged(
    title: str, frame: pd.DataFrame, later: np.ndarray, groups: str | Iterable[str], target: str | None
) -> Split:
    train, rest = _parts(frame, ~later, later, "to train on")
    found = [_sizes(~later, later), *hygiene(train, rest, groups=groups, target=target)]
    time = dated(frame)
    if time is not None:
        found.append(time_order(train, rest, time))
    return train, rest, Report(title, tuple(found))


def _pause(gap: str | timedelta | None) -> pd.Timedelta:
    try:
        pause = pd.Timedelta(gap or 0)
    except ValueError:
        pause = pd.NaT
    if pd.isna(pause) or pause < pd.Timedelta(0):
        raise RefusedError(f"gap is {gap!r}; expected a duration of 0 or more, such as '7 days'")
    return pause


def _moments(values: Iterable[Any], what: str) -> pd.Series:
    try:
        return pd.Series([utc(value, what) for value in values], dtype="datetime64[us, UTC]")
    except (ValueError, TypeError) as error:
        raise RefusedError(f"{what} cannot be read as a time: {error}") from None


def _times(frame: pd.DataFrame, time: str) -> pd.Series:
    column = one_column(frame, time)
    if missing := int(is_missing(column).sum()):
        raise RefusedError(f"{missing} rows have no {time}; leave them out, or split at random")
    if column.dtype == object:
        column = _moments(column, time)
    if not isinstance(column.dtype, pd.DatetimeTZDtype):
        naive = pd.api.types.is_datetime64_dtype(column.dtype)
        what = "names no time zone; say which with tz_localize('UTC')" if naive else "is not a time"
        raise RefusedError(f"the column {time} ({column.dtype}) {what}")
    return column.dt.tz_convert("UTC")


def _cut(times: pd.Series, test: float | str | datetime) -> pd.Timestamp:
    """Return the moment at which the test begins."""
    if isinstance(test, str | datetime):
        return _moments([test], "test")[0]
    cut = times.iloc[len(times) - _n_test(len(times), test)]
    if cut == times.iloc[0] and (times > cut).any():  # nothing would be left to train on
        return times[times > cut].iloc[0]
    return cut


def _n_test(n: int, test: float) -> int:
    if not isinstance(test, Real) or not 0 < test < 1:
        raise RefusedError(f"test is {test!r}; expected a share between 0 and 1")
    if n < 2:
        raise RefusedError(f"a table of {n} row{'' if n == 1 else 's'} cannot be split; needs at least 2")
    return min(max(round(test * n), 1), n - 1)


def _classes(frame: pd.DataFrame, name: str) -> np.ndarray:
    column = one_column(frame, name)
    if missing := int(is_missing(column).sum()):
        raise RefusedError(f"{missing} rows have no {name}; leave them out before the split")
    return codes_of(column, name)[0]


def _parts(
    frame: pd.DataFrame, earlier: np.ndarray, later: np.ndarray, what: str
) -> tuple[pd.DataFrame, pd.DataFrame]:
    if not earlier.any():
        raise RefusedError(f"no row is left {what}; choose another cut or a shorter gap")
    if not later.any():
        raise RefusedError("no row is left to test on; choose an earlier cut")
    return frame[earlier], frame[later]


def _sizes(earlier: np.ndarray, later: np.ndarray) -> Finding:
    n, a, b = len(later), int(earlier.sum()), int(later.sum())
    message = f"{a} rows to train on, {b} to test on" + (f", {n - a - b} dropped" if n > a + b else "")
    return Finding("rows", value=[a, b], severity="info", count=n, message=message)
