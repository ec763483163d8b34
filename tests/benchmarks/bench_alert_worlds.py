"""How many unchanged months does AlertRule() alert, and how many days does it need when something drifts?

    python tests/benchmarks/bench_alert_worlds.py            # 1,000 worlds a line, about half an hour
    python tests/benchmarks/bench_alert_worlds.py --quick    # two minutes

A world is one reference and 28 daily windows of the 20 columns of `bench_drift_errors.draw`, all from
one law. Every run of k days holds one of the days k, 2k, 3k, ...; so only these are looked at, and the
days around one that fails. The answer is that of all 28 reports (a test feeds both ways the same).
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

import numpy as np
import pandas as pd

from mlsd.monitoring import Alerting, AlertRule, detect_drift
from mlsd.profile import Profile
from mlsd.report import Report
from mlsd.stats import wilson_interval
from tests.benchmarks.bench_drift_errors import CASES, draw

DAYS = 28
START, DAY = pd.Timestamp("2024-01-01", tz="UTC"), pd.Timedelta(days=1)
SIZES = [(3_000, 1_000), (300, 3_000)]  # rows of the reference, rows of a day
NAIVE = AlertRule(alpha=1.0)  # three red reports in a row, however narrowly


def alerted(rules: list[AlertRule], day: Callable[[int], Report], days: int = DAYS) -> list[bool]:
    """Return per rule whether it alerts in the days 0, 1, ...; the rules share `successive`."""
    k, seen = rules[0].successive, dict[int, Report]()

    def look(i: int) -> Report:
        if i not in seen:
            seen[i] = day(i)
        return seen[i]

    found = [False] * len(rules)
    for middle in range(k - 1, days, k):
        if look(middle).failures:
            runs = range(max(0, middle - k + 1), min(middle, days - k) + 1)
            months = [[look(start + i) for i in range(k)] for start in runs]
            found = [
                f or any(not rule.judge(run).ok for run in months)
                for f, rule in zip(found, rules, strict=True)
            ]
    return found


def unchanged_world(rules: list[AlertRule], n_reference: int, n_day: int, state: int) -> list[bool]:
    """Return per rule whether it alerts in a month in which nothing happens."""
    rng = np.random.default_rng([state, n_reference, n_day])
    reference = Profile.of(draw(rng, n_reference))

    def day(i: int) -> Report:
        rows = draw(np.random.default_rng([state, n_reference, n_day, i]), n_day)
        return detect_drift(reference, Profile.of(rows, like=reference))

    return alerted(rules, day)


def delay(case: str, n_reference: int, n_day: int, state: int, days: int = DAYS) -> int | None:
    """Return the days from the first drifted window to the alert on the right column; None is never."""
    column, before, after = CASES[case]
    rng = np.random.default_rng([state, n_reference, n_day, len(case)])
    first = draw(rng, n_reference)
    reference = Profile.of(before(first, rng) if before else first)
    alerting = Alerting(AlertRule())
    for i in range(days):
        window = Profile.of(after(draw(rng, n_day), rng), like=reference)
        told = alerting.take(detect_drift(reference, window), START + i * DAY)
        if column in {alert.subject for alert in told}:
            return i + 1
    return None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true")
    share = 20 if parser.parse_args().quick else 1
    worlds, drifted = 1_000 // share, 20 // min(share, 4)
    print(f"{worlds:,} unchanged worlds of {DAYS} daily reports, 20 columns: worlds with a false alert\n")
    print("| reference / day | AlertRule() | without its alpha |\n|---|---|---|")
    for sizes in SIZES:
        found = np.array([unchanged_world([AlertRule(), NAIVE], *sizes, s) for s in range(worlds)])
        shares = [(p, np.sqrt(p * (1 - p) / worlds), wilson_interval(round(p * worlds), worlds))
                  for p in found.mean(axis=0)]  # fmt: skip
        cells = [f"{p:.1%}, se {se:.2%} (95 %: {low:.1%} to {high:.1%})" for p, se, (low, high) in shares]
        print(f"| {sizes[0]:,} / {sizes[1]:,} | {' | '.join(cells)} |", flush=True)
    print(f"\nDays until the alert, {drifted} worlds of 3,000 / 1,000, median (min-max); 3 is the least\n")
    print("| drift | days | not within 28 |\n|---|---|---|")
    for case in CASES:
        days = [delay(case, 3_000, 1_000, s) for s in range(drifted)]
        told = [d for d in days if d is not None]
        words = f"{np.median(told):g} ({min(told)}-{max(told)})" if told else "-"
        print(f"| {case} | {words} | {days.count(None)} of {drifted} |", flush=True)


if __name__ == "__main__":
    main()
