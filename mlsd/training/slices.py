"""Where a model is weak: its loss on parts of the rows, and whether a part got worse than before."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from mlsd.report import Finding
from mlsd.schema import Schema
from mlsd.stats import benjamini_hochberg

MIN_SLICE = 200  # rows; fewer say too little about one part
MARGIN = 0.05  # of the champion's loss over all rows: what a slice may lose
LEVEL = 0.05  # share of false alarms among the slices called worse


def slice_rows(
    schema: Schema, features: tuple[str, ...], table: np.ndarray
) -> Iterator[tuple[np.ndarray, list[str]]]:
    """Yield, for each feature, the part each row falls in and the names of the parts.

    Categories and booleans are parts as they are; numbers are cut at the quartiles of these rows.

    Args:
        schema: tells the kind of each feature.
        features: f names.
        table: shape (n, f), encoded; nan where missing.

    Yields:
        Positions, shape (n,), and one name for each part; the last part is what is missing.
    """
    for position, name in enumerate(features):
        column, values = schema.column(name), table[:, position]
        missing = np.isnan(values)
        if column.kind in ("category", "boolean"):
            words = column.categories if column.kind == "category" else ("false", "true")
            names, codes = [f"{name}={word}" for word in words or ()], np.where(missing, 0, values)
        else:
            cuts = _quartiles(values[~missing])
            ends = [-np.inf, *cuts, np.inf]
            names = [_between(name, a, b) for a, b in pairwise(ends)]
            codes = np.searchsorted(cuts, values)
        yield np.where(missing, len(names), codes).astype(int), [*names, f"{name} missing"]


def judge_slices(
    schema: Schema,
    features: tuple[str, ...],
    table: np.ndarray,
    losses: np.ndarray,
    champion: np.ndarray | None,
) -> list[Finding]:
    """Judge every slice of 200 rows or more.

    With a champion, a slice fails when its mean loss is higher by more than 5 % of the champion's
    loss over all rows, and significantly so after Benjamini-Hochberg over all slices; without one,
    the worst slice is told.

    Args:
        schema, features, table: as in `slice_rows`.
        losses: shape (n,), the model's loss on each row.
        champion: shape (n,), the champion's loss on the same rows, or None.

    Returns:
        One finding over all slices first, then one for each failed slice.
    """
    values = losses if champion is None else losses - champion
    names, n, mean, error = _means(schema, features, table, values)
    if not names:
        return [Finding("slice", "all slices", message=f"no slice has {MIN_SLICE} rows", severity="info")]
    if champion is None:
        return [_weakest(names, n, mean, error, float(losses.mean()))]
    margin = MARGIN * float(champion.mean())
    worse = (_adjusted(mean, error, n) < LEVEL) & (mean > margin)
    failed = [_worse(names[i], int(n[i]), mean[i], error[i], margin) for i in np.flatnonzero(worse)]
    words = f"{len(failed)} of {len(names)} slices" if failed else f"none of {len(names)} slices"
    message = f"{words} of {MIN_SLICE} rows or more lost more than {margin:.3g} a row to the champion"
    details = {"slices": len(names), "margin": margin, "level": LEVEL}
    return [Finding("slice", "all slices", not failed, len(failed), 0, message, details=details), *failed]


def _means(
    schema: Schema, features: tuple[str, ...], table: np.ndarray, values: np.ndarray
) -> tuple[list[str], np.ndarray, np.ndarray, np.ndarray]:
    """Return name, size, mean and standard error of every slice that is large enough."""
    names: list[str] = []
    sums: list[np.ndarray] = [np.empty((0, 3))]
    for codes, words in slice_rows(schema, features, table):
        parts = [np.bincount(codes, weights=w, minlength=len(words)) for w in (values**0, values, values**2)]
        enough = parts[0] >= MIN_SLICE
        names += [word for word, large in zip(words, enough, strict=True) if large]
        sums.append(np.column_stack(parts)[enough])
    n, total, squares = np.concatenate(sums).T
    mean = total / n
    spread = np.maximum(squares / n - mean**2, 0) * n / (n - 1)
    return names, n, mean, np.sqrt(spread / n)


def _adjusted(mean: np.ndarray, error: np.ndarray, n: np.ndarray) -> np.ndarray:
    """Return the adjusted p-value of "the mean is above 0", one-sided, shape (m,)."""
    from scipy.special import stdtr

    with np.errstate(divide="ignore", invalid="ignore"):
        t = np.where(error > 0, mean / error, np.where(mean > 0, np.inf, 0.0))
    return benjamini_hochberg(stdtr(n - 1, -t))


def _weakest(names: list[str], n: np.ndarray, mean: np.ndarray, error: np.ndarray, overall: float) -> Finding:
    i = int(mean.argmax())
    low, high = mean[i] - 1.96 * error[i], mean[i] + 1.96 * error[i]
    message = (
        f"weakest of {len(names)} slices: loss {mean[i]:.3g} on {int(n[i]):,} rows, {overall:.3g} on all"
    )
    return Finding(
        "slice",
        names[i],
        True,
        mean[i],
        None,
        message,
        "info",
        int(n[i]),
        interval=(low, high),
        details={"slices": len(names), "overall": overall},
    )


def _worse(name: str, n: int, mean: float, error: float, margin: float) -> Finding:
    low, high = mean - 1.96 * error, mean + 1.96 * error
    message = f"loses {mean:.3g} a row to the champion on {n:,} rows; allowed are {margin:.3g}"
    return Finding("slice", name, False, mean, margin, message, "error", n, interval=(low, high))


def _quartiles(values: np.ndarray) -> np.ndarray:
    if len(values) == 0:
        return values
    cuts = np.unique(np.quantile(values, [0.25, 0.5, 0.75], method="lower"))
    return cuts[cuts < values.max()]


def _between(name: str, low: float, high: float) -> str:
    if np.isinf(low) and np.isinf(high):
        return name
    if np.isinf(low):
        return f"{name} <= {high:.4g}"
    return f"{name} > {low:.4g}" if np.isinf(high) else f"{low:.4g} < {name} <= {high:.4g}"
