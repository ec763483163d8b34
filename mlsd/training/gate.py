"""The gate: may this model replace what is there? Each answer is an interval against a limit."""

from __future__ import annotations

import numpy as np

from mlsd.report import Finding
from mlsd.stats import mean_interval, paired_interval

UNITS = {"binary": "nats", "multiclass": "nats", "regression": "squared units"}


def beats(name: str, losses: np.ndarray, others: np.ndarray, unit: str) -> Finding:
    """Judge whether a model is better than a baseline: the whole 95 % interval lies above 0.

    Args:
        name: `"constant"` or `"rule"`.
        losses: shape (n,), the model's loss on each row.
        others: shape (n,), the baseline's loss on the same rows.
        unit: of the losses.

    >>> beats("rule", np.array([0.1, 0.2, 0.1]), np.array([0.7, 0.9, 0.8]), "nats")
    Finding(ok beats_rule rule: better than the rule by 0.667 nats a row, 0.523 to 0.81)
    """
    low, high = paired_interval(others, losses)
    gain = float(np.mean(others - losses))
    ok = low > 0
    verdict = "better than" if ok else "not shown to be better than"
    return Finding(
        f"beats_{name}",
        name,
        ok=ok,
        value=gain,
        limit=0,
        message=f"{verdict} the {name} by {gain:.3g} {unit} a row, {low:.3g} to {high:.3g}"
        + ("" if ok else "; the interval must lie above 0"),
        interval=(low, high),
        details={"level": 0.95, "n": len(losses), "unit": unit},
    )


def not_worse(losses: np.ndarray, champion: np.ndarray, unit: str) -> Finding:
    """Judge a model beside the champion: it fails when its whole 95 % interval lies on the worse side.

    Args:
        losses: shape (n,), the model's loss on each row.
        champion: shape (n,), the champion's loss on the same rows.
        unit: of the losses.

    >>> not_worse(np.array([0.1, 0.3, 0.2]), np.array([0.2, 0.2, 0.2]), "nats").ok
    True
    """
    low, high = paired_interval(champion, losses)
    gain = float(np.mean(champion - losses))
    ok = high >= 0
    verdict = "better than" if low > 0 else "not worse than" if ok else "worse than"
    return Finding(
        "not_worse_than_champion",
        "champion",
        ok=ok,
        value=gain,
        limit=0,
        message=f"{verdict} the champion: {gain:+.3g} {unit} a row, {low:+.3g} to {high:+.3g}"
        + ("" if ok else "; the interval may not lie below 0"),
        interval=(low, high),
        details={"level": 0.95, "n": len(losses), "unit": unit},
    )


def near_ceiling(losses: np.ndarray, constant: np.ndarray, best: np.ndarray, unit: str) -> Finding:
    """Tell how far a model came on the way from the constant to the best that anything could know.

    It fails when the model is better than the best possible: something in its features tells the answer.

    Args:
        losses: shape (n,), the model's loss on each row.
        constant: shape (n,), the constant baseline's.
        best: shape (n,), that of the world's own law.
        unit: of the losses.

    >>> rng = np.random.default_rng(0)
    >>> best = rng.random(1000)
    >>> near_ceiling(best + 0.1, best + 0.5, best, "nats")
    Finding(ok ceiling: 80% of the way from the constant to the best possible, 80% to 80%; 0.1 nats a row are left)
    """
    way, gain = constant - best, constant - losses
    left = float(np.mean(losses - best))
    details = {"level": 0.95, "n": len(losses), "unit": unit, "left": left}
    if paired_interval(constant, best)[0] <= 0:
        message = "cannot tell: on these rows the best possible is not shown to be better than the constant"
        return Finding("ceiling", "", False, None, 1, message, "warning", details=details)
    share = float(gain.mean() / way.mean())
    low, high = mean_interval(share + (gain - share * way) / way.mean())  # the ratio, made linear
    words = f"{share:.0%} of the way from the constant to the best possible, {low:.0%} to {high:.0%}"
    more = (
        f"{left:.3g} {unit} a row are left"
        if low <= 1
        else "better than the truth: a feature tells the answer"
    )
    return Finding(
        "ceiling", "", low <= 1, share, 1, f"{words}; {more}", interval=(low, high), details=details
    )
