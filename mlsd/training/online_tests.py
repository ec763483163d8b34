"""A/B tests with a fixed end: how many visitors are needed, and what they tell when all have come."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np

from mlsd.report import Finding, RefusedError, Report
from mlsd.stats import Interval, wilson_interval

_NORMAL = NormalDist()
FEW = 5  # successes, and failures, that each arm should be able to expect


def sample_size(baseline_rate: float, lift: float, *, power: float = 0.8, level: float = 0.05) -> int:
    """Return how many visitors each arm needs to find a lift, looking once, at the end.

    Args:
        baseline_rate: share of successes today.
        lift: what is added to it, in the same unit: 0.02 turns 10 % into 12 %.
        power: the chance to find a lift of this size.
        level: the chance to find one, up or down, where there is none.

    Raises:
        RefusedError: a rate outside 0 to 1, no lift, or a power below the level.

    Source: Fleiss, Levin and Paik, "Statistical methods for rates and proportions" (2003), chapter 4.

    >>> sample_size(0.10, 0.02)
    3841
    """
    _check_plan(baseline_rate, lift, level)
    if not level < power < 1:
        raise RefusedError(
            f"power is {power}; expected a number above the level {level:g} and below 1, such as 0.8"
        )
    even, apart = _errors(baseline_rate, lift)
    z = _NORMAL.inv_cdf(1 - level / 2) * even + _NORMAL.inv_cdf(power) * apart
    return int(np.ceil((z / lift) ** 2))


def ab_power(n: int, baseline_rate: float, lift: float, *, level: float = 0.05) -> float:
    """Return the chance that a test with n visitors in each arm finds a lift.

    Args:
        n: visitors in each arm, 1 or more.
        baseline_rate, lift, level: as in `sample_size`.

    >>> ab_power(1000, 0.10, 0.02)
    0.298
    """
    _check_plan(baseline_rate, lift, level)
    if n < 1:
        raise RefusedError(f"n is {n}; expected 1 visitor or more in each arm")
    even, apart = _errors(baseline_rate, lift)
    return _NORMAL.cdf((abs(lift) * np.sqrt(n) - _NORMAL.inv_cdf(1 - level / 2) * even) / apart)


def ab_test(successes_a: int, n_a: int, successes_b: int, n_b: int, *, level: float = 0.05) -> Report:
    """Judge, once, after the planned number of visitors, whether B is better than A.

    The finding is ok when the interval of B's rate minus A's lies above 0. It may be read a single
    time: whoever looks every day and stops at the first success wants `sequential_test`.

    Args:
        successes_a, n_a: of the arm that runs today; how many succeeded, and how many there were.
        successes_b, n_b: of the arm that is tried.
        level: the chance of a verdict, up or down, where there is no difference.

    Raises:
        RefusedError: more successes than visitors, or none of the latter.

    Source: the interval is Newcombe's, Statistics in Medicine 17 (1998), method 10; the p-value in
    `details` is that of the pooled z-test (chi-square without correction).

    >>> ab_test(400, 4000, 480, 4000).findings[0]
    Finding(ok difference B - A: 0.12 against 0.1: better by 0.02, 0.00629 to 0.0337, p 0.0043)
    """
    for name, k, n in (("A", successes_a, n_a), ("B", successes_b, n_b)):
        if not 0 <= k <= n or n == 0:
            raise RefusedError(
                f"arm {name} has {k} successes of {n} visitors; expected 0 <= successes <= visitors, not 0"
            )
    if not 0 < level < 1:
        raise RefusedError(f"level is {level}; expected a number between 0 and 1, such as 0.05")
    pooled = (successes_a + successes_b) / (n_a + n_b)
    expected = min(n_a, n_b) * min(pooled, 1 - pooled)
    if expected < FEW:
        message = (
            f"cannot tell: the smaller arm expects {expected:.2g} of the rarer outcome, needs {FEW}; wait"
        )
        return Report("A/B test", (Finding("difference", "B - A", False, None, 0, message),))
    a, b = successes_a / n_a, successes_b / n_b
    low, high = _newcombe(successes_a, n_a, successes_b, n_b, 1 - level)
    p = 2 * _NORMAL.cdf(-abs(b - a) / np.sqrt(pooled * (1 - pooled) * (1 / n_a + 1 / n_b)))
    verdict = "better by" if low > 0 else "worse, by" if high < 0 else "not told apart,"
    message = f"{b:.3g} against {a:.3g}: {verdict} {b - a:.3g}, {low:.3g} to {high:.3g}, p {p:.2g}"
    details = {"p": p, "level": 1 - level, "n": [n_a, n_b], "rates": [a, b]}
    finding = Finding(
        "difference", "B - A", low > 0, b - a, 0, message, interval=(low, high), details=details
    )
    return Report("A/B test", (finding,))


def _newcombe(k_a: int, n_a: int, k_b: int, n_b: int, level: float) -> Interval:
    """Return the interval of the difference of two rates, B minus A, from the interval of each."""
    (low_a, high_a), (low_b, high_b) = wilson_interval(k_a, n_a, level), wilson_interval(k_b, n_b, level)
    a, b = k_a / n_a, k_b / n_b
    return b - a - float(np.hypot(b - low_b, high_a - a)), b - a + float(np.hypot(high_b - b, a - low_a))


def _errors(rate: float, lift: float) -> tuple[float, float]:
    """Return the standard error of the difference times the root of n: of equal rates, of lifted ones."""
    other, middle = rate + lift, rate + lift / 2
    return float(np.sqrt(2 * middle * (1 - middle))), float(np.sqrt(rate * (1 - rate) + other * (1 - other)))


def _check_plan(rate: float, lift: float, level: float) -> None:
    if not 0 < rate < 1:
        raise RefusedError(f"baseline_rate is {rate}; expected a share above 0 and below 1, such as 0.1")
    if lift == 0 or not 0 < rate + lift < 1:
        raise RefusedError(
            f"lift is {lift} on a rate of {rate:g}; expected a difference that is not 0 and leads to a "
            "share between 0 and 1, such as 0.02"
        )
    if not 0 < level < 1:
        raise RefusedError(f"level is {level}; expected a number between 0 and 1, such as 0.05")
