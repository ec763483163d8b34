"""Several columns at once: can a classifier tell the window's rows from the reference's?"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from mlsd.cells import TEXT, read_cells, refuse_unlike_frame
from mlsd.column_profile import COMPARED, ORDERED
from mlsd.monitoring.count_tests import rank_scores, score_test
from mlsd.profile import Profile
from mlsd.report import Finding, Report

MOST_ROWS = 10_000  # of either side; more are drawn from
FEWEST_ROWS = 40  # of either side: 20 to learn from and 20 to be judged
_PARAMS = {"objective": "binary", "num_leaves": 15, "learning_rate": 0.1, "min_data_in_leaf": 10,
           "deterministic": True, "force_row_wise": True, "verbosity": -1}  # fmt: skip
_ROUNDS = 50


def compare_domains(
    reference: pd.DataFrame, current: pd.DataFrame, *, random_state: int, alpha: float = 0.05
) -> Report:
    """Let a classifier tell the rows of two tables apart, and say whether it does better than chance.

    The rows are cut in two halves at random; each half is judged by a classifier (LightGBM) that
    learned from the other. If nothing moved, the held-out rows could bear *before* and *now* in any
    order, so the p-value is that of the AUC under random relabelling (the Wilcoxon test, ties
    included), the better half counting twice (Bonferroni). It sees what `detect_drift` cannot: columns
    that are each unchanged and no longer belong together. It does not say what moved, and small changes
    of one column are told better by `detect_drift`.

    Args:
        reference: the table that is normal, 40 rows or more; text, keys and times are left out.
        current: the window, 40 rows or more.
        random_state: the same number gives the same halves and trees; at most 10,000 rows a side are used.
        alpha: chance of a false alarm.

    Returns:
        A finding `domains`: `value` is the AUC on held-out rows, 0.5 without drift; `details` carry p and
        the share of its gain that the classifier took from each column. A warning `duplicates` where a
        key of the reference comes twice in the window; rows that come twice are told apart too easily.

    Raises:
        RefusedError: what was given are no tables.

    Source: Friedman, On Multivariate Goodness-of-Fit (2003); Kim et al., Ann. Stat. 49 (2021).

    >>> rng = np.random.default_rng(0)
    >>> x, y = rng.normal(size=(2, 2000))
    >>> before, now = pd.DataFrame({"x": x, "y": x + y}), pd.DataFrame({"x": x, "y": x[::-1] + y})
    >>> print(compare_domains(before, now, random_state=0))
    domains: FAILED, 1 of 1 findings failed
      FAILED   domains     held-out rows are told apart with AUC 0.69, 0.5 without drift
                           (p = 9e-54); most by 'x', 'y'
    """
    for frame in (reference, current):
        refuse_unlike_frame(frame)
    profile = Profile.of(reference)
    parts = [part for part in profile.parts if part.kind in COMPARED and part.name in current]
    findings = _repeated_keys(profile, current)
    if min(len(reference), len(current)) < FEWEST_ROWS or not parts:
        few = f"{len(reference)} and {len(current)} rows and {len(parts)} columns to compare"
        message = f"cannot judge: {few}; expected {FEWEST_ROWS} rows on both sides and a column"
        return Report("domains", (Finding("domains", message=message), *findings))
    rng = np.random.default_rng(random_state)
    tables = [_drawn(frame, rng) for frame in (reference, current)]
    both = pd.concat([table[[part.name for part in parts]] for table in tables], ignore_index=True)
    x = np.column_stack([_numbers(both[part.name], part.kind) for part in parts])
    y = np.repeat([0, 1], [len(table) for table in tables])
    names = [part.kind not in ORDERED for part in parts]
    auc, p, gain = _told_apart(x, y, np.flatnonzero(names).tolist(), rng)
    shares = dict(zip([part.name for part in parts], (gain / max(gain.sum(), 1e-300)).tolist(), strict=True))
    return Report("domains", (_verdict(auc, p, alpha, shares, y), *findings))


def _verdict(auc: float, p: float, alpha: float, shares: dict[str, float], y: np.ndarray) -> Finding:
    most = sorted(shares, key=lambda name: -shares[name])[:3]
    chance = f"p = {p:.1g}" if p > 1e-99 else "p < 1e-99"
    message = f"held-out rows are told apart with AUC {auc:.2f}, 0.5 without drift ({chance})"
    if p <= alpha:
        message += f"; most by {', '.join(repr(name) for name in most)}"
    sizes = {"n_reference": int((y == 0).sum()), "n_current": int(y.sum())}
    return Finding(
        "domains",
        ok=p > alpha,
        value=auc,
        limit=0.5,
        message=message,
        details={"p": p, "gain": shares, **sizes},
    )


def _drawn(frame: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    if len(frame) <= MOST_ROWS:
        return frame
    return frame.iloc[np.sort(rng.choice(len(frame), MOST_ROWS, replace=False))]


def _numbers(series: pd.Series, kind: str) -> np.ndarray:
    """Return a column as (n,) float64: numbers as they are, names as codes; NaN where there is none."""
    cells = read_cells(series)
    if kind != "category":
        return np.full(len(series), np.nan) if cells.numbers is None else cells.numbers
    codes = pd.factorize(series.astype(object).where(cells.family == TEXT))[0].astype("float64")
    return np.where(codes < 0, np.nan, codes)


def _told_apart(x: np.ndarray, y: np.ndarray, names: list[int], rng: np.random.Generator) -> Any:
    """Return (AUC on held-out rows, p, gain of each column) over two halves."""
    import lightgbm

    half = rng.permutation(len(y)) % 2
    found, gain = [], np.zeros(x.shape[1])
    for side in (0, 1):
        learn, judge = half == side, half != side
        params = {**_PARAMS, "seed": int(rng.integers(2**31)), "num_threads": 1}
        data = lightgbm.Dataset(x[learn], y[learn], categorical_feature=names, params=params)
        model = lightgbm.train(params, data, _ROUNDS)
        gain += model.feature_importance("gain")
        found.append(_auc(np.asarray(model.predict(x[judge])), y[judge]))
    return float(np.mean([auc for auc, _ in found])), min(1.0, 2 * min(p for _, p in found)), gain


def _auc(score: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """Return the AUC of scores and its one-sided permutation p-value."""
    place = np.unique(score, return_inverse=True)[1]
    before, now = (np.bincount(place[y == label], minlength=place.max() + 1) for label in (0, 1))
    z, _, p = score_test(before, now, rank_scores(before + now))
    above = np.cumsum(before) - before / 2  # rows of before that score lower, ties half
    return float(now @ above / (before.sum() * now.sum())), p / 2 if z > 0 else 1 - p / 2


def _repeated_keys(profile: Profile, current: pd.DataFrame) -> tuple[Finding, ...]:
    keys = [part.name for part in profile.parts if part.kind == "key" and part.name in current]
    twice = {name: int(current[name].duplicated().sum()) for name in keys}
    return tuple(
        Finding(
            "duplicates",
            name,
            ok=False,
            severity="warning",
            value=count,
            limit=0,
            count=count,
            message=f"{count:,} values of this key come again: rows that come twice are no two rows",
        )
        for name, count in twice.items()
        if count
    )
