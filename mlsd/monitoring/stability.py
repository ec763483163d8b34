"""The population stability index, and what it is when nothing moved."""

from __future__ import annotations

import numpy as np

from mlsd.column_profile import COMPARED, ORDERED, ColumnProfile
from mlsd.monitoring.column_tests import count_vector
from mlsd.monitoring.count_tests import merged
from mlsd.monitoring.drift import check_pair
from mlsd.profile import Profile
from mlsd.report import Finding, Report

CELLS = 10  # of a numeric column, with about equally many reference values each
FOLKLORE = 0.2  # the usual limit for "a significant shift", whatever the rows and cells


def psi(reference: Profile, current: Profile) -> Report:
    """Return the population stability index of every column, beside what chance alone makes of it.

    PSI = sum over cells of (q - p) ln(q / p), for shares p before and q now; 0 when nothing moved.
    Without drift it is about (1/n + 1/m) times a chi-square with B - 1 degrees of freedom, for n and m
    rows and B cells, so its expectation is (B - 1)(1/n + 1/m). A fixed limit of 0.2 therefore cries wolf
    for few rows or many names and sleeps for many rows: nothing here fails on it. Use `detect_drift` to
    judge, and this to compare with those who state a PSI.

    Each cell is given half a row more, so that an empty one does not make it infinite. Numbers are
    counted on about 10 cells of the reference; names on one cell each.

    Args:
        reference: what is normal.
        current: the window, `Profile.of(frame, like=reference)`.

    Returns:
        A finding `psi` per column that can be compared: a note (`info`) when the index is above what
        95 of 100 unchanged columns show (`limit`). `details` carry `expected`, `cells` and the rows.

    Raises:
        RefusedError: the window was not counted on the reference's cells.

    Source: Yurdakul and Naranjo, J. Risk Model Validation 14 (2020), for its distribution.

    >>> import pandas as pd
    >>> rng = np.random.default_rng(3)
    >>> reference = Profile.of(pd.DataFrame({"likes": rng.normal(10, 2, 5000)}))
    >>> print(psi(reference, Profile.of(pd.DataFrame({"likes": rng.normal(10, 2, 40)}), like=reference)))
    psi: ok, 1 finding
      ok       psi   likes  0.25; without drift about 0.23, at most 0.43: the usual limit of 0.2 would cry wolf
    """
    check_pair(reference, current, alpha=0.5, limit=0)
    after = current.columns
    pairs = [(part, after[part.name]) for part in reference.parts if part.name in after]
    return Report("psi", tuple(_psi(a, b) for a, b in pairs if a.kind in COMPARED and not b.absent))


def _psi(before: ColumnProfile, after: ColumnProfile) -> Finding:
    from scipy.special import chdtri

    n, m = before.present, after.present
    if not n or not m:
        where = "the window" if n else "the reference"
        return Finding("psi", before.name, message=f"cannot judge: {where} holds no value")
    groups = _groups(before, after)
    p, q = (merged(count_vector(part), groups) + 0.5 for part in (before, after))
    p, q = p / p.sum(), q / q.sum()
    value, cells, noise = float((q - p) @ np.log(q / p)), len(p), 1 / n + 1 / m
    expected, limit = (cells - 1) * noise, float(chdtri(max(cells - 1, 1), 0.05)) * noise
    words = f"{value:.2g}; without drift about {expected:.2g}, at most {limit:.2g}"
    if value > FOLKLORE and value <= limit:
        words += ": the usual limit of 0.2 would cry wolf"
    return Finding(
        "psi",
        before.name,
        ok=value <= limit,
        value=value,
        limit=limit,
        severity="info",
        message=words,
        details={"expected": expected, "cells": cells, "n_reference": n, "n_current": m},
    )


def _groups(before: ColumnProfile, after: ColumnProfile) -> np.ndarray:
    """Return the number of each cell's group: about ten for numbers, one a name; empty cells join."""
    counts, seen = count_vector(before), count_vector(before) + count_vector(after) > 0
    if before.kind in ORDERED:
        middle = (np.cumsum(counts) - counts / 2) / counts.sum()
        tenths = np.minimum((middle * CELLS).astype(int), CELLS - 1)
        return np.unique(tenths, return_inverse=True)[1]
    return np.maximum(np.cumsum(seen) - 1, 0)
