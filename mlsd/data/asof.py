"""Point-in-time join: beside each row, the latest fact that was known at the moment of that row."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta

import numpy as np
import pandas as pd

from mlsd.cells import FAMILY, MISSING, NAMES, read_cells
from mlsd.data.where import check_frame, one_column
from mlsd.plain import is_missing
from mlsd.report import Finding, RefusedError, Report

_TIME = FAMILY["time"]


def join_as_of(
    rows: pd.DataFrame,
    facts: pd.DataFrame,
    *,
    on: str | Iterable[str],
    at: str,
    known_at: str | None = None,
    tolerance: str | timedelta | None = None,
) -> tuple[pd.DataFrame, Report]:
    """Return the rows, each with the latest fact of its key that was known by then, and a report.

    A fact recorded at the very instant of a row counts as known, and is reported. Of two facts of one
    key and instant the later one in the table counts. What is recorded later never changes a row.

    Args:
        rows: n rows in any order, which they keep.
        facts: m facts, each with a key and the time from which it was known.
        on: the key: one column or several, in both tables.
        at: the time of a row.
        known_at: the time of a fact; the column `at` when not given.
        tolerance: how old a fact may be (`"30 days"`); an older one counts as none.

    Raises:
        RefusedError: a column is missing, stands in both tables, is no time or names no zone.

    >>> day = pd.Timestamp("2024-03-01", tz="UTC") + pd.to_timedelta([0, 1, 2], unit="D")
    >>> posts = pd.DataFrame({"member": ["ana", "ana", "bo"], "posted": day})
    >>> facts = pd.DataFrame({"member": ["ana", "ana"], "known": day[[1, 2]], "strikes": [1, 2]})
    >>> joined, report = join_as_of(posts, facts, on="member", at="posted", known_at="known")
    >>> joined["strikes"].tolist()
    [nan, 1.0, nan]
    >>> report.findings[0].message
    '1 of 3 rows found a fact; 2 did not: 1 only later ones, 1 key absent'
    """
    keys, known_at = [on] if isinstance(on, str) else list(on), known_at or at
    check_frame(rows, "the table of rows")
    check_frame(facts, "the table of facts")
    limit = _duration(tolerance)
    row_times, fact_times = _moments(rows, at, "rows"), _moments(facts, known_at, "facts")
    row_keys, fact_keys = _codes(rows, facts, keys)
    own = [name for name in facts.columns if name not in keys and not (name == known_at == at)]
    if clash := [name for name in own if name in rows.columns]:
        raise RefusedError(f"{clash[0]!r} stands in both tables; rename it in the facts before the join")
    found = _latest(row_keys, row_times, fact_keys, fact_times)
    age = row_times - fact_times.reindex(found).reset_index(drop=True)
    old = (age > limit).to_numpy() if limit is not None else np.zeros(len(rows), dtype=bool)
    taken = np.where(old, -1, found)
    values = facts[own].reset_index(drop=True).reindex(taken).set_axis(rows.index, axis=0)
    why = {
        "of no key or time": (row_keys < 0) | is_missing(row_times),
        "key absent": ~np.isin(row_keys, fact_keys),
        "too old": old,
        "only later ones": found < 0,
    }
    twice = _ties(pd.DataFrame({"key": fact_keys, "time": fact_times}), facts[own])
    lost = is_missing(fact_times) | (fact_keys < 0)
    tied = "{} facts share key and instant with one that says something else; the last counts"
    findings = (
        _found(taken, why, rows.index),
        *_ages(age[taken >= 0], rows.index[taken >= 0]),
        _odd("ties", twice, facts.index, tied),
        _odd("undated", lost, facts.index, "{} facts without key or time; they are left out"),
    )
    return pd.concat([rows, values], axis=1), Report("point-in-time join", findings)


def _duration(tolerance: str | timedelta | None) -> pd.Timedelta | None:
    if tolerance is None:
        return None
    try:
        limit = pd.Timedelta(tolerance)
    except ValueError:
        limit = pd.NaT
    if pd.isna(limit) or limit < pd.Timedelta(0):
        raise RefusedError(f"tolerance is {tolerance!r}; expected a duration such as '30 days'")
    return limit


def _moments(frame: pd.DataFrame, name: str, table: str) -> pd.Series:
    """Return a column of times in UTC, (n,), counted from 0; NaT where missing."""
    series = one_column(frame, name)
    found = set(np.unique(read_cells(series).family)) - {MISSING, _TIME}
    if found:
        word = NAMES[min(found)]
        zone = "; say which zone with tz_localize('UTC')" if "zone" in word else ""
        raise RefusedError(f"{name!r} of the {table} holds {word}; expected times with a time zone{zone}")
    times = pd.to_datetime(series.reset_index(drop=True), utc=True)
    return times.dt.as_unit("ns" if times.dt.unit == "ns" else "us")


def _codes(rows: pd.DataFrame, facts: pd.DataFrame, keys: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """Return one number for each key, (n,) and (m,), equal where keys are equal; -1 where one is missing."""
    if not keys:
        raise RefusedError("on names no column; expected the key, such as on='member_id'")
    codes = np.zeros(len(rows) + len(facts), dtype="int64")
    for name in keys:
        sides = [one_column(frame, name) for frame in (rows, facts)]
        kinds = [set(np.unique(read_cells(side).family)) - {MISSING} for side in sides]
        if all(kinds) and not kinds[0] & kinds[1]:
            words = [NAMES[min(kind)] for kind in kinds]
            raise RefusedError(f"key {name!r} holds {words[0]} in the rows, {words[1]} in the facts")
        if sides[0].dtype != sides[1].dtype:
            sides = [side.astype(object) for side in sides]
        try:
            part, names = pd.factorize(pd.concat(sides, ignore_index=True))
        except TypeError:
            raise RefusedError(f"key {name!r} holds lists or dicts; expected text or numbers") from None
        codes = np.where((codes < 0) | (part < 0), -1, codes * max(len(names), 1) + part)
        codes = np.unique(codes, return_inverse=True)[1] - int((codes < 0).any())  # small again; -1 stays
    return codes[: len(rows)], codes[len(rows) :]


def _latest(
    row_keys: np.ndarray, row_times: pd.Series, fact_keys: np.ndarray, fact_times: pd.Series
) -> np.ndarray:
    """Return for each row the position of its latest known fact, (n,); -1 where there is none."""
    unit = "ns" if "ns" in (row_times.dt.unit, fact_times.dt.unit) else "us"
    sides = []
    for keys, times, name in ((row_keys, row_times, "row"), (fact_keys, fact_times, "fact")):
        side = pd.DataFrame({"key": keys, "time": times.dt.as_unit(unit), name: np.arange(len(keys))})
        sides.append(side[(keys >= 0) & times.notna()].sort_values("time", kind="stable"))
    merged = pd.merge_asof(*sides, on="time", by="key")  # the last of equals, so stable sorts matter
    found = np.full(len(row_keys), -1)
    found[merged["row"]] = merged["fact"].fillna(-1).astype("int64")
    return found


def _found(taken: np.ndarray, why: dict[str, np.ndarray], index: pd.Index) -> Finding:
    """Say how many rows found a fact; each row that did not counts under its first reason."""
    rest, reasons = taken < 0, {}
    empty = rest.copy()
    for reason, mask in why.items():
        reasons[reason] = int((rest & mask).sum())
        rest = rest & ~mask
    n, missing = len(taken), int(empty.sum())
    told = ", ".join(f"{count:,} {reason}" for reason, count in reversed(reasons.items()) if count)
    message = f"{n - missing:,} of {n:,} rows found a fact"
    message += f"; {missing:,} did not: {told}" if missing else ""
    share = (n - missing) / n if n else None
    return Finding(
        "found",
        "",
        not missing,
        share,
        1,
        message,
        "warning",
        missing,
        tuple(index[empty][:20]),
        details=reasons,
    )


def _ages(age: pd.Series, index: pd.Index) -> Iterator[Finding]:
    if len(age):
        middle, most = age.median().round("s"), age.max().round("s")
        message = f"facts were {middle} old in the middle, {most} at most"
        yield Finding("age", "", value=most, message=message, severity="info", count=len(age),
                      details={"median_seconds": middle.total_seconds()})  # fmt: skip
    now = (age == pd.Timedelta(0)).to_numpy()
    if now.any():
        message = f"{int(now.sum()):,} rows took a fact of their own instant; was it known before?"
        yield Finding("same_instant", "", False, int(now.sum()), 0, message, "warning", now.sum(),
                      tuple(index[now][:20]))  # fmt: skip


def _ties(stamps: pd.DataFrame, values: pd.DataFrame) -> np.ndarray:
    """Return which facts share key and instant with another that says something else, (m,)."""
    known = (stamps["time"].notna() & (stamps["key"] >= 0)).to_numpy()
    tied = stamps.duplicated(keep=False).to_numpy() & known
    if not tied.any():
        return tied
    told = values[tied].astype(object).map(repr).reset_index(drop=True)
    told.insert(0, "group", stamps[tied].groupby(["key", "time"]).ngroup().to_numpy(), allow_duplicates=True)
    different = np.bincount(told.drop_duplicates().iloc[:, 0])
    tied[np.flatnonzero(tied)] = different[told.iloc[:, 0]] > 1
    return tied


def _odd(code: str, mask: np.ndarray, index: pd.Index, words: str) -> Finding:
    count = int(mask.sum())
    message = words.format(f"{count:,}") if count else words.format("no").partition(";")[0]
    return Finding(code, "", not count, count, 0, message, "warning", count, tuple(index[mask][:20]))
