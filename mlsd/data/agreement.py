"""Agreement: how often two people give the same label, beyond what chance alone would give."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from mlsd.plain import is_missing
from mlsd.report import Finding, RefusedError, Report
from mlsd.stats import wilson_interval

_PAIRS = 3  # kinds of disagreement that the report names


def cohen_kappa(a: Any, b: Any) -> float:
    """Return Cohen's kappa: 1 for full agreement, 0 for chance, nan where both gave one label only.

    Args:
        a, b: shape (n,) each, labels of the same rows by two people; none missing.

    Raises:
        RefusedError: another number of labels, none, or a missing one.

    Source: Cohen, Educational and Psychological Measurement 20 (1960).

    >>> cohen_kappa(["spam", "spam", "ok", "ok"], ["spam", "ok", "ok", "ok"])
    0.5
    """
    agreed, chance = _agreed_and_chance(*_coded(a, b))
    return (agreed - chance) / (1 - chance) if chance < 1 else float("nan")


def judge_agreement(a: Any, b: Any, *, least: float = 0.6) -> Report:
    """Return a report on two people's labels: agreement, kappa with its interval, and where they differ.

    The interval takes chance agreement as known and the agreement's own interval for the rest.

    Args:
        a, b: shape (n,) each, labels of the same rows by two people.
        least: the kappa that is asked for: failed when the whole interval lies below, a warning when
            part of it does.

    Raises:
        RefusedError: as `cohen_kappa`.

    Source: Landis and Koch, Biometrics 33 (1977), who call 0.6 to 0.8 substantial.

    >>> report = judge_agreement(["spam"] * 10 + ["ok"] * 90, ["spam"] * 8 + ["ok"] * 92)
    >>> report.findings[1].message
    'kappa 0.878, 0.573 to 0.966: too few labels to tell it from 0.6'
    """
    codes = _coded(a, b)
    agreed, chance = _agreed_and_chance(*codes)
    n, same = len(codes[0]), int((codes[0] == codes[1]).sum())
    interval = wilson_interval(same, n)
    message = f"{same:,} of {n:,} labels agree; chance alone would give {chance:.0%}"
    findings = [Finding("agreement", "", True, agreed, None, message, "info", n, interval=interval)]
    if chance == 1:
        words = "both gave one label only, so nothing tells agreement from habit; label rows of other kinds"
        findings.append(Finding("kappa", "", False, None, least, words))
    else:
        low, high = ((bound - chance) / (1 - chance) for bound in interval)
        kappa = (agreed - chance) / (1 - chance)
        told = "enough" if low >= least else f"too few labels to tell it from {least:g}"
        words = f"kappa {kappa:.3f}, {low:.3f} to {high:.3f}: {told if high >= least else f'below {least:g}'}"
        findings.append(
            Finding("kappa", "", low >= least, kappa, least, words, "error" if high < least else "warning",
                    interval=(low, high), details={"n": n, "chance": chance})
        )  # fmt: skip
    return Report("agreement of two labellers", (*findings, *_disagreements(a, b)))


def _coded(a: Any, b: Any) -> tuple[np.ndarray, np.ndarray]:
    sides = [pd.Series(np.asarray(side, dtype=object)) if np.ndim(side) == 1 else None for side in (a, b)]
    if sides[0] is None or sides[1] is None or len(sides[0]) != len(sides[1]) or not len(sides[0]):
        shapes = f"{np.shape(a)} and {np.shape(b)}"
        raise RefusedError(f"the labels have shapes {shapes}; expected (n,) of the same rows, n >= 1")
    both = pd.concat(sides, ignore_index=True)
    if missing := int(is_missing(both).sum()):
        raise RefusedError(f"{missing:,} labels are missing; compare rows that both have labelled")
    codes = pd.factorize(both)[0]
    return codes[: len(a)], codes[len(a) :]


def _agreed_and_chance(a: np.ndarray, b: np.ndarray) -> tuple[float, float]:
    """Return the share of equal labels, and the share that labels drawn at random would give."""
    k = max(a.max(), b.max()) + 1
    shares = [np.bincount(side, minlength=k) / len(side) for side in (a, b)]
    return float((a == b).mean()), float(shares[0] @ shares[1])


def _disagreements(a: Any, b: Any) -> list[Finding]:
    pairs = pd.DataFrame({"a": np.asarray(a, dtype=object), "b": np.asarray(b, dtype=object)})
    counts = pairs[(pairs["a"] != pairs["b"]).to_numpy()].astype(str).value_counts().head(_PAIRS)
    return [
        Finding("disagreement", f"{one} or {other}", value=int(count), severity="info", count=int(count),
                message=f"{count:,} rows: the first says {one}, the second {other}")
        for (one, other), count in counts.items()
    ]  # fmt: skip
