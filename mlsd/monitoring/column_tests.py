"""Which tests a column gets: for ordered values, for names, and how they share out its error."""

from __future__ import annotations

import numpy as np

from mlsd.column_profile import MAX_LEVELS, ORDERED, ColumnProfile
from mlsd.monitoring.count_tests import (
    Answer,
    chi_square,
    exact_test,
    merge_ordered,
    merged,
    pool_rare,
    rank_scores,
    score_test,
    unseen_test,
)

# How the error of a column is shared out over its tests, which each see another kind of change.
ORDERED_WEIGHTS = {"location": 0.4, "scale": 0.3, "shape": 0.2, "outside": 0.1}
NAMED_WEIGHTS = {"shape": 0.5, "level": 0.25, "unseen": 0.25}
TWO_CELL_WEIGHTS = {"share": 0.75, "unseen": 0.25}


def count_vector(column: ColumnProfile) -> np.ndarray:
    """Return the counts per cell, (k,); for names the last two cells are *other* and *unseen*."""
    extra = () if column.kind in ORDERED else (column.unseen,)
    return np.array([*column.counts, *extra], dtype="int64")


def ordered_tests(
    reference: np.ndarray, current: np.ndarray, column: ColumnProfile
) -> tuple[list[Answer], dict[str, float]]:
    """Return what each test of an ordered column says, and the weights that share out the error.

    Args:
        reference, current: shape (k,), counts; a share of them where rows are not independent.
        column: the reference's.
    """
    total = reference + current
    filled = np.flatnonzero(total)
    if len(filled) <= 2:
        return [_share_test(reference, current, np.arange(len(total)) == filled[-1])], {"share": 1.0}
    location = rank_scores(total)
    outer = np.abs(location) > total.sum() / 4
    z, _, p = score_test(reference, current, location)
    z_scale, _, p_scale = score_test(reference, current, rank_scores(total, 2))
    answers = [
        Answer("location", p, z, (location > 0).astype(int)),
        Answer("scale", p_scale, z_scale, outer.astype(int)),
        _shape_test(reference, current, merge_ordered(reference, current)),
        _outside_test(reference, current),
    ]
    return answers, ORDERED_WEIGHTS


def _shape_test(reference: np.ndarray, current: np.ndarray, groups: np.ndarray) -> Answer:
    found, p = chi_square(merged(reference, groups), merged(current, groups))
    return Answer("shape", p, found, groups)


def _share_test(reference: np.ndarray, current: np.ndarray, chosen: np.ndarray) -> Answer:
    a, b = reference[chosen].sum(), current[chosen].sum()
    p = exact_test(a, reference.sum(), b, current.sum())
    return Answer("share", p, float(b), chosen.astype(int), int(np.flatnonzero(chosen)[0]))


def _outside_test(reference: np.ndarray, current: np.ndarray) -> Answer:
    n, m = reference.sum(), current.sum()
    p, cell = min((exact_test(reference[i], n, current[i], m, "more"), i) for i in (0, len(reference) - 1))
    chosen = np.arange(len(reference)) == cell
    return Answer("outside", min(1.0, 2 * p), float(current[cell]), chosen.astype(int), cell)


def named_tests(
    reference: np.ndarray, current: np.ndarray, column: ColumnProfile
) -> tuple[list[Answer], dict[str, float]]:
    """Return what each test of a column of names says, and the weights that share out the error."""
    cells, n, m = np.arange(len(reference)), reference.sum(), current.sum()
    if column.kind == "boolean":
        return [_share_test(reference, current, cells == 1)], {"share": 1.0}
    unlisted = cells >= len(column.levels)
    p = (
        exact_test(reference[-1], n, current[-1], m, "more")
        if column.unseen
        else unseen_test(column.counts, current[-1], m)
    )
    unseen = Answer("unseen", p, float(current[-1]), (cells == cells[-1]).astype(int), int(cells[-1]))
    groups = pool_rare(reference, current, unlisted, _clearly_named(column, n, n + m))
    before, after = merged(reference, groups), merged(current, groups)
    if len(before) == 2:
        return [_share_test(reference, current, groups == groups[0]), unseen], TWO_CELL_WEIGHTS
    return [
        _shape_test(reference, current, groups),
        _level_test(before, after, groups),
        unseen,
    ], NAMED_WEIGHTS


def _clearly_named(column: ColumnProfile, n: int, size: int) -> float:
    """Return the pooled rows from which a name was kept for sure, where a reference dropped names.

    The names that just made it into the list owe it to chance; in the window they are rarer.
    """
    if len(column.levels) < MAX_LEVELS:
        return 0.0
    last = column.counts[len(column.levels) - 1]
    return (last + 5 * np.sqrt(last)) * size / n


def _level_test(before: np.ndarray, after: np.ndarray, groups: np.ndarray) -> Answer:
    """Test the level that moved most, exactly; Bonferroni over the levels it was chosen from."""
    n, m = before.sum(), after.sum()
    share = (before + after) / (n + m)
    away = np.abs(after / m - before / n) / np.sqrt(np.maximum(share * (1 - share), 1e-12))
    level = int(away.argmax())
    p = min(1.0, len(before) * exact_test(before[level], n, after[level], m))
    chosen = groups == level
    return Answer("level", p, float(after[level]), chosen.astype(int), int(np.flatnonzero(chosen)[0]))
