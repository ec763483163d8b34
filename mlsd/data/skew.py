"""Training-serving skew: the same rows, prepared or scored twice, must hold the same values."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from mlsd.cells import BOOLEAN, FAMILY, MISSING, NAMES, NUMBER, OTHER, Cells, read_cells
from mlsd.column import near
from mlsd.data.gap import in_words
from mlsd.data.where import one_column
from mlsd.plain import is_missing
from mlsd.report import Finding, RefusedError, Report
from mlsd.stats import wilson_interval


def compare_serving(offline: Any, online: Any, *, on: str | None = None, tolerance: float = 1e-9) -> Report:
    """Return a report on rows that training and serving prepared, or scored, each in its own way.

    Args:
        offline: a table, or (n,) scores, as training made them.
        online: the same rows as serving made them.
        on: a key that says which row is which; without it both come in the same order.
        tolerance: how far numbers may lie apart, as a share of the larger one.

    Raises:
        RefusedError: the rows cannot be matched: another number of them, or a key that repeats.

    >>> offline = pd.DataFrame({"grams": [1000.0, 2000, 2500, 3000, 800]})
    >>> compare_serving(offline, offline / 1000)
    training-serving skew: FAILED, 1 of 2 findings failed
      FAILED   differs  grams  5 of 5 rows differ: online is about 0.001 times offline
      ok       rows            5 rows are compared
    """
    tables = [_table(values, name) for values, name in ((offline, "offline"), (online, "online"))]
    if not tolerance >= 0:
        raise RefusedError(f"tolerance is {tolerance!r}; expected a share of 0 or more, such as 1e-9")
    sides, rows = _matched(tables[0], tables[1], on)
    findings = [rows]
    for name in sides[0].columns:
        if name == on:
            continue
        if name in sides[1].columns:
            one, other = one_column(sides[0], name), one_column(sides[1], name)
            findings += _judged(str(name), one, other, tolerance)
        else:
            hint = near(name, [str(other) for other in sides[1].columns if other not in sides[0].columns])
            findings.append(_absent("missing_column", str(name), f"serving does not make this column{hint}"))
    for name in sides[1].columns:
        if name not in sides[0].columns:
            findings.append(_absent("unknown_column", str(name), "training never saw this column"))
    return Report("training-serving skew", tuple(findings))


def _table(values: Any, side: str) -> pd.DataFrame:
    if isinstance(values, pd.DataFrame):
        return values
    array = np.asarray(values)
    if array.ndim != 1:
        raise RefusedError(f"{side} has shape {array.shape}; expected a table, or scores of shape (n,)")
    return pd.DataFrame({"prediction": array})


def _matched(
    offline: pd.DataFrame, online: pd.DataFrame, on: str | None
) -> tuple[tuple[pd.DataFrame, pd.DataFrame], Finding]:
    """Return both tables with the same rows in the same order, and what was left over."""
    if on is None:
        if len(offline) != len(online):
            raise RefusedError(
                f"offline has {len(offline):,} rows, online {len(online):,}; name the key: on='id'"
            )
        both = np.arange(len(offline))
        return (offline, online), _rows(offline.index, both, both)
    keys = [pd.Index(one_column(table, on)) for table in (offline, online)]
    for key, side in zip(keys, ("offline", "online"), strict=True):
        bad = key.duplicated() | is_missing(key)
        if bad.any():
            raise RefusedError(f"{int(bad.sum()):,} rows {side} repeat {on!r} or have none; expected a key")
    at = keys[1].get_indexer(keys[0])
    parts = (offline[at >= 0], online.iloc[at[at >= 0]].set_axis(offline.index[at >= 0], axis=0))
    return parts, _rows(keys[0], at, np.arange(len(online)))


def _rows(labels: pd.Index, at: np.ndarray, online: np.ndarray) -> Finding:
    """Say how many rows stand on both sides; `at` is -1 for rows that serving never made."""
    found = int((at >= 0).sum())
    lost, extra = len(at) - found, len(online) - found
    message = f"{found:,} rows are compared"
    message += f"; {lost:,} stand offline only, {extra:,} online only" if lost or extra else ""
    return Finding(
        "rows",
        "",
        not lost and found > 0,
        found,
        len(at),
        message,
        count=lost,
        rows=tuple(labels[at < 0][:20]),
    )


def _absent(code: str, name: str, message: str) -> Finding:
    return Finding(code, name, ok=False, message=message)


def _judged(name: str, offline: pd.Series, online: pd.Series, tolerance: float) -> Iterator[Finding]:
    """Yield what differs in one column: its kind, values that are missing or unknown, the others."""
    a, b = read_cells(offline), read_cells(online)
    kinds = [_kinds(cells) for cells in (a, b)]
    if kinds[0] and kinds[1] and not set(kinds[0]) & set(kinds[1]):
        words = [" and ".join(NAMES[code] for code in kind) for kind in kinds]
        yield Finding(
            "type",
            name,
            False,
            words[1],
            words[0],
            f"{words[0]} offline, {words[1]} online",
            count=len(offline),
        )
        return
    gone = (a.family == MISSING, b.family == MISSING)
    yield from _missing(name, gone, offline.index)
    differs = ~gone[0] & ~gone[1]
    if kinds[0] == kinds[1] == [NUMBER] or kinds[0] == kinds[1] == [FAMILY["time"]]:
        x, y = _numbers(a), _numbers(b)
        differs &= ~_close(x, y, tolerance)
        told = in_words(x[differs], y[differs], kinds[0] == [NUMBER])
        details: dict[str, Any] = _distance(x[differs], y[differs])
    else:
        x, y = _objects(offline, a), _objects(online, b)
        differs &= x != y
        pairs = _pairs(x[differs], y[differs])
        told = f"mostly {next(iter(pairs))}" if pairs else ""
        details = {"pairs": pairs}
        yield from _unknown(name, x[~gone[0]], y, ~gone[1], offline.index)
    n, count = len(offline), int(differs.sum())
    message = f"{count:,} of {n:,} rows differ" + (f": {told}" if told else "")
    yield Finding(
        "differs", name, not count, count / n if n else 0.0, 0, message if count else f"{n:,} rows are equal",
        count=count, rows=tuple(offline.index[differs][:20]), interval=wilson_interval(count, n), details=details,
    )  # fmt: skip


def _kinds(cells: Cells) -> list[int]:
    """Return the families of a column; a boolean counts as the number that a model sees."""
    found = {NUMBER if code == BOOLEAN else int(code) for code in np.unique(cells.family)}
    return sorted(found - {MISSING})


def _numbers(cells: Cells) -> np.ndarray:
    """Return numbers, or seconds since 1970 for times, (n,); NaN where missing."""
    if cells.numbers is not None:
        return cells.numbers
    times = pd.to_datetime(cells.series, utc=True)
    return ((times - pd.Timestamp(0, tz="UTC")) / pd.Timedelta(seconds=1)).to_numpy(dtype="float64")


def _objects(series: pd.Series, cells: Cells) -> np.ndarray:
    """Return cells as objects that can be looked up, (n,): None where missing, a list by its text."""
    found = series.astype(object).where(cells.family != MISSING, None)
    return (found.map(repr) if (cells.family == OTHER).any() else found).to_numpy()


def _pairs(x: np.ndarray, y: np.ndarray) -> dict[str, int]:
    """Return the most frequent pairs, offline -> online, and how often each comes."""
    (one, ones), (other, others) = pd.factorize(x), pd.factorize(y)
    pairs, counts = np.unique(one * max(len(others), 1) + other, return_counts=True)
    top = np.argsort(-counts, kind="stable")[:5]
    named = [(ones[pair // len(others)], others[pair % len(others)]) for pair in pairs[top]]
    return {f"{a!r} -> {b!r}": int(count) for (a, b), count in zip(named, counts[top], strict=True)}


def _close(x: np.ndarray, y: np.ndarray, tolerance: float) -> np.ndarray:
    with np.errstate(invalid="ignore"):  # inf - inf
        return (x == y) | (np.abs(x - y) <= tolerance * np.maximum(np.abs(x), np.abs(y)))


def _distance(x: np.ndarray, y: np.ndarray) -> dict[str, Any]:
    with np.errstate(invalid="ignore"):
        gap = np.abs(x - y)
    return {"largest": float(gap.max()), "middle": float(np.median(gap))} if len(gap) else {}


def _missing(name: str, gone: tuple[np.ndarray, np.ndarray], index: pd.Index) -> Iterator[Finding]:
    for mask, where in ((gone[1] & ~gone[0], "online only"), (gone[0] & ~gone[1], "offline only")):
        if count := int(mask.sum()):
            message = f"{count:,} of {len(mask):,} rows are missing {where}"
            yield Finding("missing", name, False, count / len(mask), 0, message, count=count,
                          rows=tuple(index[mask][:20]))  # fmt: skip


def _unknown(
    name: str, x: np.ndarray, y: np.ndarray, known: np.ndarray, index: pd.Index
) -> Iterator[Finding]:
    """Yield the values that serving makes and training never did."""
    new = ~pd.Series(y).isin(set(x)).to_numpy() & known
    if new.any():
        names = sorted({str(value) for value in y[new]})
        message = f"values unknown offline in {int(new.sum()):,} of {len(y):,} rows: {', '.join(names[:3])}"
        yield Finding("unknown", name, False, names[:20], 0, message, count=int(new.sum()),
                      rows=tuple(index[new][:20]))  # fmt: skip
