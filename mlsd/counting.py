"""Counting: from the cells of one column to its portrait."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from mlsd.cells import BOOLEAN, FAMILY, MISSING, NUMBER, TEXT, TIME, Cells, read_cells
from mlsd.column_profile import COMPARED, MAX_LEVELS, MAX_UNSEEN, ORDERED, ColumnProfile

N_BINS = 100
_BLOCK = 1 << 15  # values sorted at a time: they stay in the processor's cache
_HEAD = 4096  # values whose neighbours are looked at
_MIN_PER_BIN = 10  # reference values; fewer would cut bins on chance


def profile_column(
    series: pd.Series, like: ColumnProfile | None = None, kind: str | None = None
) -> ColumnProfile:
    """Return the portrait of a column, on its own cells or on those of `like`.

    Args:
        series: shape (n,); its name is the column's.
        like: the same column of a reference; None cuts new cells.
        kind: what a schema says the column is; None judges the values.
    """
    kind = like.kind if like else kind or _kind(series)
    if kind not in COMPARED:
        return _count_rows(series, kind)
    column = (_count_numbers if kind in ORDERED else _count_names)(series, like, kind)
    return replace(column, neighbours=_neighbours(series.iloc[:_HEAD], like or column))


# ---- what kind of column is it ----------------------------------------------------------------------


def _kind(series: pd.Series) -> str:
    family = _family(series)
    if family is None:
        return "empty"
    if family == NUMBER:
        return _kind_of_numbers(series)
    if family == TEXT:
        return _kind_of_text(series)
    return {BOOLEAN: "boolean", TIME: "time"}.get(family, "other")


def _family(series: pd.Series) -> int | None:
    """Return what most values are; None when there is no value at all."""
    if _is_plain_number(series):
        return None if np.isnan(series.to_numpy()).all() else NUMBER
    count = np.bincount(read_cells(series).family, minlength=MISSING + 1)
    count[MISSING] = 0
    return int(count.argmax()) if count.any() else None


def _is_plain_number(series: pd.Series) -> bool:
    return isinstance(series.dtype, np.dtype) and series.dtype.kind in "iuf"


def _kind_of_numbers(series: pd.Series) -> str:
    values = _numbers(series)[0]
    if not _whole(values[:1000]) or not _whole(values):
        return "number"
    values = np.sort(values[np.isfinite(values)])
    n = len(values)  # whole numbers, none twice, without gaps: a running number, not a quantity
    runs = n >= 100 and values[-1] - values[0] < 1.5 * n and (np.diff(values) > 0).all()
    return "key" if runs else "integer"


def _whole(values: np.ndarray) -> bool:
    values = values[np.isfinite(values)] if values.dtype.kind == "f" else values
    return bool((values == np.trunc(values)).all())


def _kind_of_text(series: pd.Series) -> str:
    head = series.iloc[: 20 * MAX_LEVELS]  # a million keys need not be counted to see what they are
    if len(head) < len(series) and head.map(str).nunique() > MAX_LEVELS + 1:
        return "text"
    counts = _names(series)[0]
    few = len(counts) <= 20 or 2 * len(counts) <= sum(counts.values())
    return "category" if few and len(counts) <= MAX_LEVELS else "text"


# ---- counting ---------------------------------------------------------------------------------------


def _numbers(series: pd.Series) -> tuple[np.ndarray, int]:
    """Return the numbers, NaN where missing, and how many values are none."""
    if _is_plain_number(series):
        return series.to_numpy(), 0
    cells = read_cells(series)
    number = cells.family == NUMBER
    wrong = int(np.count_nonzero(~number & (cells.family != MISSING)))
    return (np.empty(0) if cells.numbers is None else cells.numbers[number]), wrong


def _count_numbers(series: pd.Series, like: ColumnProfile | None, kind: str) -> ColumnProfile:
    values, wrong = _numbers(series)
    edges = like.edges if like else cut_edges(values)
    below_edge = np.zeros(len(edges), dtype=np.int64)  # how many values are <= each edge
    total, low, high = 0, np.inf, -np.inf
    for start in range(0, len(values), _BLOCK):
        block = values[start : start + _BLOCK].astype("float64")
        block.sort()  # NaN goes last
        block = block[: np.searchsorted(block, np.nan)]
        below_edge += np.searchsorted(block, edges, side="right")
        total += len(block)
        finite = block if len(block) and np.isfinite(block[[0, -1]]).all() else block[np.isfinite(block)]
        if len(finite):
            low, high = min(low, finite[0]), max(high, finite[-1])
    seen = bool(low <= high)
    return ColumnProfile(
        str(series.name),
        kind,
        len(series),
        missing=len(series) - total - wrong,
        wrong_type=wrong,
        minimum=float(low) + 0.0 if seen else None,  # + 0.0 turns -0.0 into 0.0
        maximum=float(high) + 0.0 if seen else None,
        edges=edges,
        counts=tuple(np.diff([0, *below_edge, total]).tolist()),
    )


def cut_edges(values: np.ndarray) -> tuple[float, ...]:
    """Return the upper edges of about 100 cells that hold equally many values each.

    A value that alone holds more than one cell's share is an atom: it gets a cell of its own, between
    itself and the next smaller float, and the cells are cut on the rest.

    Args:
        values: shape (n,), NaN and infinities are left out; 10 values a cell at least.

    >>> len(cut_edges(np.arange(5000.0))), cut_edges(np.array([0.0] * 30 + [1.0] * 30))
    (101, (-5e-324, 0.0, 0.9999999999999999, 1.0))
    """
    values = np.sort(np.asarray(values, dtype="float64"))
    values = values[np.searchsorted(values, -np.inf, side="right") : np.searchsorted(values, np.inf)]
    n = len(values)
    if n == 0:
        return ()
    n_bins = int(np.clip(n // _MIN_PER_BIN, 1, N_BINS))
    step = max(1, n // n_bins)
    candidates = np.unique(values[::step])  # whoever holds more than a share stands on one of these places
    first, last = (np.searchsorted(values, candidates, side=side) for side in ("left", "right"))
    heavy = (last - first) * n_bins > n
    atoms, first, last = candidates[heavy], first[heavy], last[heavy]
    pieces = [values[a:b] for a, b in zip([0, *last], [*first, n], strict=True)]
    rest = np.concatenate(pieces) if len(atoms) else values
    n_rest = int(np.ceil(n_bins * len(rest) / n))
    places = np.ceil(np.arange(1, n_rest + 1) * len(rest) / max(n_rest, 1)).astype(int) - 1
    with np.errstate(over="ignore"):  # nothing is below the lowest float
        just_below = np.nextafter([values[0], *atoms], -np.inf)
    edges = np.unique(np.concatenate([just_below, atoms, rest[places]])) + 0.0
    return tuple(edges[np.isfinite(edges)].tolist())


def _names(series: pd.Series) -> tuple[dict[str, int], int, int]:
    """Return how often each name comes, how many cells are missing, and how many are no text."""
    dtype = series.dtype
    if (
        isinstance(dtype, pd.CategoricalDtype)
        and (read_cells(pd.Series(dtype.categories)).family == TEXT).all()
    ):
        counts = np.bincount(series.cat.codes.to_numpy() + 1, minlength=len(dtype.categories) + 1).tolist()
        found = zip(map(str, dtype.categories.tolist()), counts[1:], strict=True)
        return {name: count for name, count in found if count}, counts[0], 0
    missing = wrong = 0
    if not isinstance(dtype, pd.StringDtype) and pd.api.types.infer_dtype(series, skipna=True) != "string":
        cells = read_cells(series)
        text = cells.family == TEXT
        missing = int(np.count_nonzero(cells.family == MISSING))
        wrong = len(series) - missing - int(np.count_nonzero(text))
        series = series.astype(object)[text]
    values = series.value_counts(sort=False)
    names = dict(zip(map(str, values.index.tolist()), values.tolist(), strict=True))
    return names, missing + len(series) - sum(names.values()), wrong


def _booleans(series: pd.Series) -> tuple[dict[str, int], int, int]:
    cells: Cells = read_cells(series)
    missing = int(np.count_nonzero(cells.family == MISSING))
    values = cells.numbers[cells.family == BOOLEAN] if cells.numbers is not None else np.empty(0)
    true = int(np.count_nonzero(values))
    return {"False": len(values) - true, "True": true}, missing, len(series) - missing - len(values)


def _count_names(series: pd.Series, like: ColumnProfile | None, kind: str) -> ColumnProfile:
    found, missing, wrong = _booleans(series) if kind == "boolean" else _names(series)
    ranked = sorted(found, key=lambda name: (-found[name], name)) if kind == "category" else list(found)
    levels = like.levels if like else tuple(ranked[:MAX_LEVELS])
    counts = [found.pop(name, 0) for name in levels]
    left = sum(found.values())
    full = len(levels) >= MAX_LEVELS  # a reference that dropped names cannot say which are new
    unseen = () if full else tuple(sorted(found)[:MAX_UNSEEN])
    return ColumnProfile(
        str(series.name),
        kind,
        len(series),
        missing=missing,
        wrong_type=wrong,
        levels=levels,
        counts=(*counts, left if full else 0),
        unseen=0 if full else left,
        unseen_names=unseen,
        unseen_counts=tuple(found[name] for name in unseen),
    )


def _neighbours(head: pd.Series, ruler: ColumnProfile) -> tuple[int, ...]:
    """Return (after low: values, high ones; after high: values, high ones) of one value and the next."""
    if not (ruler.edges or ruler.levels):
        return ()
    if ruler.kind in ORDERED:
        below = np.cumsum(ruler.counts)[:-1] / max(sum(ruler.counts), 1)
        values = _numbers(head)[0]
        high = values[values == values] > ruler.edges[int(np.abs(below - 0.5).argmin())]
    elif ruler.kind == "boolean":
        cells = read_cells(head)
        high = (np.empty(0) if cells.numbers is None else cells.numbers)[cells.family == BOOLEAN] == 1
    else:
        name = ruler.levels[int(np.argmax(ruler.counts[: len(ruler.levels)]))]
        if isinstance(head.dtype, pd.CategoricalDtype):
            codes = head.cat.codes.to_numpy()
            high = np.isin(codes[codes >= 0], np.flatnonzero(head.cat.categories == name))
        else:
            high = head.to_numpy(dtype=object)[read_cells(head).family == TEXT] == name
    before, after = high[:-1], high[1:]
    pairs, highs = len(before), int(before.sum())
    both = int((before & after).sum())
    return pairs - highs, int(after.sum()) - both, highs, both


def _count_rows(series: pd.Series, kind: str) -> ColumnProfile:
    family = read_cells(series).family
    missing = family == MISSING
    wrong = ~missing & (family != FAMILY[kind]) if kind in FAMILY else np.zeros(len(series), dtype=bool)
    low = high = None
    if kind == "time" and (family == TIME).any():
        times = pd.to_datetime(series[family == TIME], utc=True)
        low, high = times.min().isoformat(), times.max().isoformat()
    return ColumnProfile(
        str(series.name),
        kind,
        len(series),
        missing=int(np.count_nonzero(missing)),
        wrong_type=int(np.count_nonzero(wrong)),
        minimum=low,
        maximum=high,
    )
