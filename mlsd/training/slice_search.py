"""The search for weak spots: parts of one feature and of two, corrected for all that were looked at."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from mlsd.report import Finding, Report, Severity
from mlsd.training.evaluation import judged_rows
from mlsd.training.slices import LEVEL, MARGIN, MIN_SLICE, Parts, part_sums, slice_rows

if TYPE_CHECKING:
    import pandas as pd

    from mlsd.package import ModelPackage

MOST = 5  # weak spots named
Cut = tuple[np.ndarray, list[str]]  # the part of each row, or the number of parts where it is in none


def worst_slices(
    package: ModelPackage, frame: pd.DataFrame, *, champion: ModelPackage | None = None
) -> Report:
    """Search where a model is weak: its loss beside that on all rows, or beside a champion's.

    Every part of a feature, and every pair of parts of two features, that holds 200 rows or more is
    looked at. The most certain one is named, its rows are set aside, and the search begins again on
    the others, so that one weak spot is told once. Named is what is significant after
    Benjamini-Hochberg over all parts and loses more than 5 % of the mean loss.

    Args:
        package: the model.
        frame: features and target.
        champion: the model it would replace; what got worse then fails, while without champion weak
            slices are warnings.

    Raises:
        RefusedError: as `evaluate`.
    """
    judged = judged_rows(package, frame, champion)
    title = f"worst slices of {package.target}"
    if judged.losses is None:
        return Report(title, (judged.rows,))
    values = judged.losses if judged.before is None else judged.losses - judged.before
    margin = MARGIN * float((judged.losses if judged.before is None else judged.before).mean())
    cuts = [
        _large(codes, len(names), names.__getitem__)
        for codes, names in slice_rows(package.schema, package.features, judged.table)
    ]
    found, looked = _search([*cuts, *_pairs(cuts)], values, margin, judged.before is None)
    severity: Severity = "warning" if champion is None else "error"
    words = "are weaker than the rest" if champion is None else "lost to the champion"
    message = f"{len(found)} of {looked:,} slices of {MIN_SLICE} rows or more {words}"
    if not looked:
        message, severity = f"cannot tell: no slice has {MIN_SLICE} rows", "warning"
    ok, details = not found and looked > 0, {"slices": looked}
    first = Finding("slices", "all slices", ok, len(found), 0, message, severity, details=details)
    return Report(title, (judged.rows, first, *(_named(*item, margin, severity) for item in found)))


def _search(
    cuts: list[Cut], values: np.ndarray, margin: float, alone: bool
) -> tuple[list[tuple[Parts, int, float, float]], int]:
    """Return the weak parts, most certain first, each with its p-value and the mean it is held against."""
    found: list[tuple[Parts, int, float, float]] = []
    left, looked = np.ones(len(values), dtype=bool), 0
    while len(found) < MOST and left.sum() >= MIN_SLICE:
        usual = float(values[left].mean()) if alone else 0.0
        parts, where = _measured(cuts, values - usual, left)
        if not parts.names:
            break
        looked = looked or len(parts.names)
        p = parts.adjusted()
        weak = np.flatnonzero((p < LEVEL) & (parts.mean > margin))
        if not len(weak):
            break
        t = parts.mean[weak] / np.maximum(parts.error[weak], 1e-300)
        i = int(weak[t.argmax()])
        found.append((parts, i, float(p[i]), usual))
        cut, code = where[i]
        left &= cuts[cut][0] != code
    return found, looked


def _measured(cuts: list[Cut], values: np.ndarray, left: np.ndarray) -> tuple[Parts, list[tuple[int, int]]]:
    names: list[str] = []
    sums, where = [np.empty((0, 3))], []
    for at, (codes, words) in enumerate(cuts):
        found = part_sums(codes[left], len(words) + 1, values[left])[:-1]
        enough = np.flatnonzero(found[:, 0] >= MIN_SLICE)
        names += [words[code] for code in enough]
        where += [(at, int(code)) for code in enough]
        sums.append(found[enough])
    return Parts.of(names, np.concatenate(sums)), where


def _large(codes: np.ndarray, k: int, name: Callable[[int], str]) -> Cut:
    """Return those of k parts that are large enough, numbered from 0; code k, like the others, is no part."""
    enough = np.bincount(codes, minlength=k + 1) >= MIN_SLICE
    enough[k] = False
    numbers = np.where(enough, np.cumsum(enough) - 1, enough.sum())
    return numbers[codes].astype("int32"), [name(int(code)) for code in np.flatnonzero(enough)]


def _pairs(cuts: list[Cut]) -> Iterator[Cut]:
    for (first, names), (second, others) in combinations(cuts, 2):
        k, wide = len(names) * len(others), max(len(others), 1)
        both = (first < len(names)) & (second < len(others))

        def name(code: int, names: list[str] = names, others: list[str] = others, wide: int = wide) -> str:
            return f"{names[code // wide]} and {others[code % wide]}"

        yield _large(np.where(both, first * wide + second, k), k, name)


def _named(parts: Parts, i: int, p: float, usual: float, margin: float, severity: Severity) -> Finding:
    n, loss, (low, high) = int(parts.n[i]), usual + float(parts.mean[i]), parts.interval(i)
    message = f"loses {loss:.3g} a row to the champion on {n:,} rows; allowed are {margin:.3g}"
    if usual:
        message = f"loss {loss:.3g} on {n:,} rows; {usual:.3g} on all rows not named yet"
    details = {"p": p, "level": parts.level, "slices": len(parts.names)}
    return Finding(
        "slice", parts.names[i], False, loss, usual + margin, message, severity, n,
        interval=(usual + low, usual + high), details=details,
    )  # fmt: skip
