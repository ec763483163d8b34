"""Rows that resemble their neighbours: how to notice them, and how many independent rows they are worth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from mlsd.column_profile import COMPARED, ORDERED, ColumnProfile
from mlsd.monitoring.column_tests import count_vector
from mlsd.monitoring.count_tests import exact_test, merged, pool_rare, rank_scores, score_test
from mlsd.profile import Profile
from mlsd.report import Finding, RefusedError

FEWEST = 10  # quiet windows from which their spread can be told
_CHANCE = 1e-3  # that a report of independent rows warns
_WEAK = 0.05  # a correlation below it changes little


def dependent_rows(reference: Profile, current: Profile) -> tuple[Finding, ...]:
    """Return one warning when rows of the reference or of the window resemble the row before, else none.

    The correlation is that of *high* and *low* in neighbouring rows, of the first 4,096 values of each
    table that was counted; Fisher's exact test, Bonferroni over the columns. A table sorted by a column
    is noticed too. What it cannot see: rows far apart that resemble each other, such as those of one day.
    """
    found = []
    looks = [
        (where, part)
        for where, whole in (("reference", reference), ("window", current))
        for part in whole.parts
    ]
    for where, part in looks:
        if len(part.neighbours) == 4 and part.neighbours[0] and part.neighbours[2]:
            low, low_high, high, high_high = part.neighbours
            alike = high_high / high - low_high / low
            if alike >= _WEAK and exact_test(low_high, low, high_high, high, "more") * len(looks) < _CHANCE:
                found.append((alike, part.name, where))
    if not found or not current.n:
        return ()
    alike, name, where = max(found)
    columns = sorted({name for _, name, _ in found})
    message = (
        f"rows resemble the row before in {len(columns)} of {len(reference.parts)} columns, most {name!r} of "
        f"the {where} (correlation {alike:.2f}): false alarms are likelier than alpha; give effective="
    )
    details = {"columns": columns, "lag": 1}
    return (
        Finding(
            "dependence",
            ok=False,
            severity="warning",
            value=alike,
            limit=_WEAK,
            message=message,
            details=details,
        ),
    )


def effective_shares(windows: Sequence[Profile]) -> dict[str, float]:
    """Return, by column, the share of rows that count as independent, from how quiet windows differ.

    Independent windows differ by chance alone; rows that resemble each other, within a stretch or a day,
    make whole windows differ more. The ratio of the two is how many rows one independent row costs. It
    is taken of location and scale of numbers, of the shares of names, and of missing values, whichever is
    largest; and as it is known from some windows only, its upper 80 % limit is used. That is careful:
    columns of independent rows lose some power, the less the more windows there are.

    Args:
        windows: 10 or more, each `Profile.of(frame, like=reference)`, from a time without drift, in
            which rows are as many and as near in time as in the windows to come.

    Raises:
        RefusedError: fewer than 10 windows with rows.

    >>> import pandas as pd
    >>> rng = np.random.default_rng(0)
    >>> days = [pd.DataFrame({"steady": rng.normal(size=500), "moody": rng.normal(rng.normal(0, 0.2), 1, 500)})
    ...         for _ in range(40)]
    >>> reference = Profile.of(pd.concat(days))
    >>> shares = effective_shares([Profile.of(day, like=reference) for day in days])
    >>> {name: round(share, 2) for name, share in shares.items()}
    {'steady': 0.8, 'moody': 0.04}
    """
    from scipy.special import chdtri

    windows = [window for window in windows if window.n]
    if len(windows) < FEWEST:
        raise RefusedError(
            f"effective_shares got {len(windows)} windows with rows; expected {FEWEST} or more quiet ones"
        )
    free = len(windows) - 1
    careful = free / float(chdtri(free, 0.8))  # the upper 80 % limit of a variance known from few values
    columns = zip(*(window.parts for window in windows), strict=True)
    return {parts[0].name: 1 / max(1.0, careful * _spread(parts)) for parts in columns}


def _spread(parts: Sequence[ColumnProfile]) -> float:
    """Return by how much windows differ, 1 being what independent rows do; the largest of what is tested."""
    spreads = [_table_spread(np.array([[part.missing, part.n - part.missing] for part in parts]))]
    parts = [part for part in parts if part.present]
    if len(parts) >= 2 and parts[0].kind in COMPARED:
        table = np.array([count_vector(part) for part in parts], dtype="float64")
        spreads += _score_spreads(table) if parts[0].kind in ORDERED else [_table_spread(table)]
    return max(spreads)


def _score_spreads(table: np.ndarray) -> list[float]:
    """Return the mean squared z of each window against the others, in location and in scale."""
    total = table.sum(axis=0)
    return [
        float(np.mean([score_test(total - row, row, rank_scores(total, power))[0] ** 2 for row in table]))
        for power in (1, 2)
    ]


def _table_spread(table: np.ndarray) -> float:
    """Return chi-square over its degrees of freedom, of windows x names; rare names in one pool."""
    total = table.sum(axis=0)
    smallest = table[int(table.sum(axis=1).argmin())]
    groups = pool_rare(total - smallest, smallest)
    table = np.array([merged(row, groups) for row in table])
    table = table[:, table.sum(axis=0) > 0]
    if table.shape[1] < 2:
        return 1.0
    expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / table.sum()
    return float(((table - expected) ** 2 / expected).sum() / ((table.shape[0] - 1) * (table.shape[1] - 1)))


def check_shares(effective: float | Mapping[str, float] | None) -> float | Mapping[str, float]:
    """Return the shares of rows that count as independent; 1 when nothing is said.

    Raises:
        RefusedError: one is no share above 0.
    """
    if effective is None:
        return 1.0
    for share in effective.values() if isinstance(effective, Mapping) else [effective]:
        if not isinstance(share, int | float) or not 0 < share <= 1:
            raise RefusedError(
                f"effective is {share!r}; expected the share of rows that count as independent, "
                "above 0 and at most 1, for all columns or by column name"
            )
    return effective
