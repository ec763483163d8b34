"""Splitting a table into what a model learns from and what it is judged on, and looking for leaks between."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd

from mlsd.plain import is_missing, utc
from mlsd.report import Finding, RefusedError, Report

Split = tuple[pd.DataFrame, pd.DataFrame, Report]


def split_by_time(
    frame: pd.DataFrame,
    time: str,
    *,
    test: float | str | datetime = 0.2,
    gap: str | timedelta | None = None,
) -> Split:
    """Return the earlier rows, the later rows and a report: every training row is older than every test row.

    Rows of one instant stay together: those at the cut are test rows.

    Args:
        frame: n rows in any order.
        time: the column that says when, with a time zone.
        test: the share of the rows that are tested on, or the moment at which the test begins.
        gap: how long before the cut training ends (`"7 days"`); the rows between are dropped.

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
    hygiene = _hygiene(frame, earlier, later, ignore=time)
    return train, rest, Report("split by time", (_sizes(earlier, later), ordered, ties, *hygiene))


def split_random(
    frame: pd.DataFrame, *, test: float = 0.2, random_state: int = 0, stratify: str | None = None
) -> Split:
    """Return two random parts of a table and a report; for rows that have no order in time.

    Args:
        frame: n rows.
        test: the share of the rows that are tested on.
        random_state: the same number gives the same parts.
        stratify: a column of classes; each gives its share to both parts, to within one row.

    Raises:
        RefusedError: the share or the column cannot be used, or a part would be empty.

    >>> posts = pd.DataFrame({"is_spam": [True] * 5 + [False] * 15})
    >>> train, test, report = split_random(posts, stratify="is_spam")
    >>> int(train.is_spam.sum()), int(test.is_spam.sum())
    (4, 1)
    """
    n, n_test = len(frame), _n_test(len(frame), test)
    rng = np.random.default_rng(random_state)
    order = rng.permutation(n)
    if stratify is not None:
        order = order[np.argsort(_classes(frame, stratify)[order], kind="stable")]
    # Evenly along the order, so evenly in each class; the random start gives small classes their chance.
    steps = (np.arange(n + 1) * n_test + rng.integers(n)) // n
    later = np.zeros(n, dtype=bool)
    later[order[np.diff(steps) > 0]] = True
    train, rest = _parts(frame, ~later, later, "to train on")
    found = [_sizes(~later, later), *_hygiene(frame, ~later, later)]
    if stratify is not None:
        found += _balance(frame[stratify].astype(str).to_numpy(), later, stratify)
    return train, rest, Report("random split", tuple(found))


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
    column = _column(frame, time)
    if missing := int(is_missing(column).sum()):
        raise RefusedError(f"{missing} rows have no {time}; leave them out, or split at random")
    if column.dtype == object:
        column = _moments(column, time)
    if not isinstance(column.dtype, pd.DatetimeTZDtype):
        naive = pd.api.types.is_datetime64_dtype(column.dtype)
        what = "names no time zone; say which with tz_localize('UTC')" if naive else "is not a time"
        raise RefusedError(f"the column {time} ({column.dtype}) {what}")
    return column.dt.tz_convert("UTC")


def _column(frame: pd.DataFrame, name: str) -> pd.Series:
    if list(frame.columns).count(name) != 1:
        raise RefusedError(
            f"the table has no single column {name!r}; it has {', '.join(map(str, frame.columns))}"
        )
    return frame[name]


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
    column = _column(frame, name)
    if missing := int(is_missing(column).sum()):
        raise RefusedError(f"{missing} rows have no {name}; leave them out before the split")
    return pd.factorize(column.astype(object), sort=False)[0]


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


def _hygiene(
    frame: pd.DataFrame, earlier: np.ndarray, later: np.ndarray, ignore: str = ""
) -> Iterator[Finding]:
    shared = frame.index[later].isin(frame.index[earlier])
    n = int(shared.sum())
    message = f"{n} index labels stand in both parts" if n else "no index label stands in both parts"
    yield Finding("overlap", "", n == 0, n, 0, message, "warning", n, tuple(frame.index[later][shared]))
    rows = _row_digests(frame.drop(columns=ignore) if ignore else frame)
    twice = np.isin(rows[later], rows[earlier])
    n = int(twice.sum())
    but = f" but for {ignore}" if ignore else ""
    message = (
        f"{n} test rows are equal to a training row{but}" if n else f"no test row equals a training row{but}"
    )
    yield Finding("duplicates", "", n == 0, n, 0, message, "warning", n, tuple(frame.index[later][twice]))


def _row_digests(frame: pd.DataFrame) -> np.ndarray:
    """Return one number for each row, equal where rows are equal; unhashable cells count by their text."""
    if frame.shape[1] == 0:  # nothing to compare
        return np.arange(len(frame))
    cells = {i: _hashable(frame.iloc[:, i]) for i in range(frame.shape[1])}
    return pd.util.hash_pandas_object(pd.DataFrame(cells), index=False).to_numpy()


def _hashable(column: pd.Series) -> pd.Series:
    plain = column.dtype != object or all(cell.__hash__ is not None for cell in column)
    return column if plain else column.map(repr)


def _balance(classes: np.ndarray, later: np.ndarray, name: str) -> Iterator[Finding]:
    for value in np.unique(classes):
        train, test = float((classes[~later] == value).mean()), float((classes[later] == value).mean())
        message = f"{value}: {train:.1%} of the training rows, {test:.1%} of the test rows"
        yield Finding("balance", name, train > 0 < test, test, train, message, "warning")
