"""The rows that a health report is about: those of one version, cut into windows, each looked at once."""

from __future__ import annotations

from collections.abc import Hashable
from datetime import datetime

import pandas as pd

from mlsd.package import ModelPackage
from mlsd.plain import utc
from mlsd.platform.health_answers import promises
from mlsd.platform.health_words import day
from mlsd.platform.own_table import ALWAYS, MIN_WINDOW
from mlsd.platform.watch import Watch
from mlsd.prediction_log import PredictionLog, features_of
from mlsd.report import RefusedError

WINDOWS = 28  # looked at when nobody says since when
MAX_WINDOWS = 366


class _Read(PredictionLog):
    """A log that has been read: windows are cut from its rows, so that the file is read once."""

    def __init__(self, rows: pd.DataFrame) -> None:
        self.rows = rows

    def window(
        self, start: datetime | str, end: datetime | str, labelled_by: datetime | str | None = None
    ) -> pd.DataFrame:
        """Return the rows of start <= at < end; labels later than the report were never read."""
        at = self.rows["at"]
        return self.rows[(at >= start) & (at < end)]


def moments(
    every: str, start: datetime | str | None, end: datetime | str | None
) -> tuple[pd.Timedelta, pd.Timestamp | None, pd.Timestamp | None]:
    """Return the length of a window, and the two moments in UTC.

    Raises:
        RefusedError: one of them is none, or they stand the wrong way round.
    """
    try:
        step = pd.Timedelta(every)
    except ValueError:
        raise RefusedError(f"every is {every!r}; expected a length such as '1D' or '6h'") from None
    try:
        since = None if start is None else utc(start, "start")
        until = None if end is None else utc(end, "end")
    except ValueError as error:
        raise RefusedError(str(error)) from None
    if not step > pd.Timedelta(0):
        raise RefusedError(f"every is {every!r}; expected a length above 0, such as '1D' or '6h'")
    if since is not None and until is not None and since >= until:
        raise RefusedError(f"start is {since}, end is {until}; expected start before end")
    return step, since, until


def of_version(rows: pd.DataFrame, version: Hashable, log: PredictionLog) -> pd.DataFrame:
    """Return the rows that one version answered, in the order of time.

    Raises:
        RefusedError: there is none.
    """
    if rows.empty:
        inside = "in this time" if len(log) else "yet: serve with --log, or append to it"
        raise RefusedError(f"{log.path.name} holds no prediction {inside}{_reach(log)}")
    own = rows[rows["version"] == (rows["version"].iloc[-1] if version is None else version)]
    if own.empty:
        known = ", ".join(sorted(map(str, rows["version"].unique())))
        raise RefusedError(f"{log.path.name} holds no prediction of version {version}; it holds: {known}")
    return own.reset_index(drop=True)


def _reach(log: PredictionLog) -> str:
    at = log.window(*ALWAYS)["at"]
    return f"; it reaches from {day(at.iloc[0])} to {day(at.iloc[-1])}" if len(at) else ""


def check_features(package: ModelPackage, rows: pd.DataFrame, log: PredictionLog) -> None:
    there = features_of(rows).columns
    lacking = [name for name in package.features if name not in there]
    if lacking:
        raise RefusedError(
            f"{log.path.name} holds no {', '.join(lacking[:3])}, which the model of {package.target} needs; "
            "is it the log of another model?"
        )


def watch_windows(
    package: ModelPackage,
    rows: pd.DataFrame,
    since: pd.Timestamp | None,
    step: pd.Timedelta,
    now: pd.Timestamp,
) -> Watch:
    """Return a watch that has looked at the windows of some rows, and at the labels that were due.

    Raises:
        RefusedError: the windows are too many.
    """
    first, last = rows["at"].iloc[0], rows["at"].iloc[-1]
    begin = since or max(first.floor(step), last.floor(step) - (WINDOWS - 1) * step)
    count = (last - begin) // step + 1
    if count > MAX_WINDOWS:
        raise RefusedError(f"these are {count:,} windows; expected at most {MAX_WINDOWS}: use longer ones")
    took = (rows["labelled_at"] - rows["at"]).dropna()
    delay = took.quantile(0.99) if len(took) else pd.Timedelta(0)
    watch = Watch(_Read(rows), package, rows["version"].iloc[-1], delay)
    for at in (begin + k * step for k in range(count)):
        if rows["at"].between(at, at + step, inclusive="left").sum() >= MIN_WINDOW:
            watch.look(at, at + step)
    if len(took) and promises(package):
        watch.labels_arrived(now)
    return watch
