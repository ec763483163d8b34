"""Where a model is weak: its loss on parts of the rows, and whether a part got worse than before."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
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
            names, codes = cut_numbers(name, values)
        yield np.where(missing, len(names), codes).astype(int), [*names, f"{name} missing"]


def judge_slices(
    schema: Schema,
    features: tuple[str, ...],
    table: np.ndarray,
    losses: np.ndarray,
    champion: np.ndarray | None,
) -> list[Finding]:
    """Judge every slice of 200 rows or more; how many are smaller is told.

    With a champion, a slice fails when its mean loss is higher by more than 5 % of the champion's
    loss over all rows, and significantly so after Benjamini-Hochberg over all slices; without one,
    the worst slice is told, and whether chance explains it.

    Args:
        schema, features, table: as in `slice_rows`.
        losses: shape (n,), the model's loss on each row.
        champion: shape (n,), the champion's loss on the same rows, or None.

    Returns:
        One finding over all slices first, then one for each failed slice.
    """
    values = losses - losses.mean() if champion is None else losses - champion
    parts, small = _parts(schema, features, table, values)
    untold = f"; cannot tell on {small} smaller ones" if small else ""
    if not parts.names:
        message = f"cannot tell: no slice has {MIN_SLICE} rows"
        return [Finding("slice", "all slices", False, 0, None, message, "info", details={"small": small})]
    if champion is None:
        return [_weakest(parts, float(losses.mean()), untold, small)]
    margin = MARGIN * float(champion.mean())
    worse = np.flatnonzero((parts.adjusted() < LEVEL) & (parts.mean > margin))
    failed = [_worse(parts, int(i), margin) for i in worse]
    words = f"{len(failed)} of {len(parts.names)} slices" if failed else f"none of {len(parts.names)} slices"
    message = f"{words} of {MIN_SLICE} rows or more lost more than {margin:.3g} a row to the champion{untold}"
    details = {"slices": len(parts.names), "margin": margin, "level": LEVEL, "small": small}
    return [Finding("slice", "all slices", not failed, len(failed), 0, message, details=details), *failed]


@dataclass(frozen=True)
class Parts:
    """Mean and standard error of a value on m parts of the rows; `n`, `mean`, `error` of shape (m,)."""

    names: list[str]
    n: np.ndarray
    mean: np.ndarray
    error: np.ndarray

    @classmethod
    def of(cls, names: list[str], sums: np.ndarray) -> Parts:
        """Return the parts whose rows, sums and sums of squares are the columns of `sums`, (m, 3)."""
        n, total, squares = sums.T
        mean = total / n
        spread = np.maximum(squares / n - mean**2, 0) * n / np.maximum(n - 1, 1)
        return cls(names, n, mean, np.sqrt(spread / n))

    def adjusted(self) -> np.ndarray:
        """Return the adjusted p-value of "the mean is above 0", one-sided, shape (m,)."""
        from scipy.special import stdtr

        with np.errstate(divide="ignore", invalid="ignore"):
            t = np.where(self.error > 0, self.mean / self.error, np.where(self.mean > 0, np.inf, 0.0))
        return benjamini_hochberg(stdtr(self.n - 1, -t))

    def interval(self, i: int) -> tuple[float, float]:
        """Return an interval that covers for all parts together in 95 % (Bonferroni): they were searched."""
        from scipy.special import stdtrit

        half = stdtrit(self.n[i] - 1, self.level + (1 - self.level) / 2) * self.error[i]
        return float(self.mean[i] - half), float(self.mean[i] + half)

    @property
    def level(self) -> float:
        """The coverage of one interval."""
        return 1 - LEVEL / len(self.names)


def part_sums(codes: np.ndarray, k: int, values: np.ndarray) -> np.ndarray:
    """Return rows, sum and sum of squares of `values` on each of k parts, shape (k, 3)."""
    return np.column_stack([np.bincount(codes, weights=values**power, minlength=k) for power in range(3)])


def _parts(
    schema: Schema, features: tuple[str, ...], table: np.ndarray, values: np.ndarray
) -> tuple[Parts, int]:
    """Return every slice that is large enough, and the number of those that are not."""
    names: list[str] = []
    sums: list[np.ndarray] = [np.empty((0, 3))]
    small = 0
    for codes, words in slice_rows(schema, features, table):
        found = part_sums(codes, len(words), values)
        enough = found[:, 0] >= MIN_SLICE
        small += int(((found[:, 0] > 0) & ~enough).sum())
        names += [word for word, large in zip(words, enough, strict=True) if large]
        sums.append(found[enough])
    return Parts.of(names, np.concatenate(sums)), small


def _weakest(parts: Parts, overall: float, untold: str, small: int) -> Finding:
    i = int(parts.mean.argmax())
    p = float(parts.adjusted()[i])
    loss, (low, high) = overall + parts.mean[i], parts.interval(i)
    chance = "" if p < LEVEL else "; chance may explain it"
    message = (
        f"weakest of {len(parts.names)} slices: loss {loss:.3g} on {int(parts.n[i]):,} rows, "
        f"{overall:.3g} on all{chance}{untold}"
    )
    details = {"slices": len(parts.names), "overall": overall, "p": p, "level": parts.level, "small": small}
    interval = (overall + low, overall + high)
    return Finding(
        "slice", parts.names[i], True, loss, None, message, "info", int(parts.n[i]),
        interval=interval, details=details,
    )  # fmt: skip


def _worse(parts: Parts, i: int, margin: float) -> Finding:
    message = f"loses {parts.mean[i]:.3g} a row to the champion on {int(parts.n[i]):,} rows; allowed are {margin:.3g}"
    return Finding(
        "slice", parts.names[i], False, parts.mean[i], margin, message, "error", int(parts.n[i]),
        interval=parts.interval(i), details={"level": parts.level},
    )  # fmt: skip


def cut_numbers(name: str, values: np.ndarray) -> tuple[list[str], np.ndarray]:
    """Return the names of the four quarters of a column of numbers, and the quarter of each row, (n,)."""
    cuts = _quartiles(values[~np.isnan(values)])
    names = [_between(name, a, b) for a, b in pairwise([-np.inf, *cuts, np.inf])]
    return names, np.searchsorted(cuts, values)


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
