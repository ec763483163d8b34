"""How often does a drift report cry wolf, and what does it miss?

    python tests/benchmarks/bench_drift_errors.py            # some thousand reports, about ten minutes
    python tests/benchmarks/bench_drift_errors.py --quick    # one minute

An unchanged report compares two independent samples of one 20-column law; it alarms when any of its
findings is significant, whatever the effect. Power is the chance that the drifted column is named,
beside what scipy's two-sample tests reach with the same correction over the report (Benjamini-Hochberg).
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from functools import partial

import numpy as np
import pandas as pd
from scipy import signal, stats

from mlsd.monitoring import detect_drift
from mlsd.profile import Profile
from mlsd.report import Report
from mlsd.stats import benjamini_hochberg

UNCHANGED = [  # rows of the reference, rows of the window, reports
    (3_000, 50, 2000), (3_000, 500, 2000), (3_000, 2_000, 2000), (3_000, 20_000, 1000), (20_000, 50, 1000),
    (20_000, 500, 1000), (20_000, 2_000, 1000), (200, 200, 2000), (60_000, 4_000, 300),
    (3_000, 1_000_000, 60),
]  # fmt: skip


Law = Callable[[np.random.Generator, int], pd.DataFrame]


def draw(rng: np.random.Generator, n: int) -> pd.DataFrame:
    """Return n independent rows of 20 columns, of every kind that a report compares."""
    columns = {f"normal_{i}": rng.normal(size=n) for i in range(3)}
    columns |= {f"heavy_tail_{i}": rng.standard_t(2, n) for i in range(2)}
    columns |= {"lognormal": rng.lognormal(size=n), "uniform": rng.random(n)}
    columns |= {"poisson": rng.poisson(4, n), "rare_count": rng.poisson(0.1, n), "die": rng.integers(1, 7, n)}
    columns |= {"zero_inflated": np.where(rng.random(n) < 0.7, 0.0, rng.exponential(size=n))}
    columns |= {"gappy": np.where(rng.random(n) < 0.3, np.nan, rng.normal(size=n))}
    columns |= {"boolean": rng.random(n) < 0.3, "rare_boolean": rng.random(n) < 0.01}
    columns |= {f"level_{k}": names(rng.integers(0, k, n), k) for k in (2, 5, 100, 1000)}
    columns |= {"zipf": names(np.minimum((1000 ** rng.random(n)).astype(int), 999), 1000)}
    columns |= {"gappy_level": names(np.where(rng.random(n) < 0.3, -1, rng.integers(0, 5, n)), 5)}
    return pd.DataFrame(columns)


def names(codes: np.ndarray, k: int) -> pd.Categorical:
    """Return codes as text; -1 is missing."""
    return pd.Categorical.from_codes(codes, [f"level {i}" for i in range(k)])


def draw_correlated(rng: np.random.Generator, n: int, lag_one: float) -> pd.DataFrame:
    """Return n rows of 20 normal columns, each row correlated with the one before it."""
    noise = rng.normal(size=(n + 100, 20))
    return pd.DataFrame(signal.lfilter([1], [1, -lag_one], noise, axis=0)[100:]).add_prefix("x")


def unchanged_report(rng: np.random.Generator, n_reference: int, n_window: int, law: Law = draw) -> Report:
    """Return the report on a window whose rows come from where the reference's came from."""
    reference = Profile.of(law(rng, n_reference))
    return detect_drift(reference, Profile.of(law(rng, n_window), like=reference))


def alarming(report: Report) -> list[str]:
    """Return the columns with a significant finding, however small its effect."""
    return [finding.subject for finding in report if not finding.ok]


def alarms(n_reference: int, n_window: int, n_reports: int, random_state: int = 0) -> list[str]:
    """Return the first false alarm of each alarming report, over unchanged reports."""
    rng = np.random.default_rng([random_state, n_reference, n_window])
    found = (alarming(unchanged_report(rng, n_reference, n_window)) for _ in range(n_reports))
    return [columns[0] for columns in found if columns]


def _scaled_share(frame: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    chosen = rng.random(len(frame)) < 0.02
    return frame.assign(lognormal=frame.lognormal.where(~chosen, frame.lognormal * 1000))


def _missing(rng: np.random.Generator, frame: pd.DataFrame, share: float) -> pd.DataFrame:
    return frame.assign(normal_0=frame.normal_0.where(rng.random(len(frame)) >= share))


def _with_level(rng: np.random.Generator, frame: pd.DataFrame, column: str) -> pd.DataFrame:
    return frame.assign(**{column: frame[column].astype("str").where(rng.random(len(frame)) >= 0.01, "new")})


def _level_shares(rng: np.random.Generator, frame: pd.DataFrame, share: float) -> pd.DataFrame:
    p = np.array([share, *[(1 - share) / 4] * 4])
    return frame.assign(level_5=names(rng.choice(5, len(frame), p=p), 5))


# name: (column, how the reference is made, how the window is made)
CASES = {
    "mean +.1 sd": ("normal_0", None, lambda f, r: f.assign(normal_0=f.normal_0 + 0.1)),
    "mean +.2 sd": ("normal_0", None, lambda f, r: f.assign(normal_0=f.normal_0 + 0.2)),
    "variance x1.2": ("normal_0", None, lambda f, r: f.assign(normal_0=f.normal_0 * np.sqrt(1.2))),
    "missing 1 -> 3 %": ("normal_0", lambda f, r: _missing(r, f, 0.01), lambda f, r: _missing(r, f, 0.03)),
    "1 of 5 levels 10 -> 12 %": (
        "level_5", lambda f, r: _level_shares(r, f, 0.10), lambda f, r: _level_shares(r, f, 0.12),
    ),
    "new level 1 % of 5": ("level_5", None, lambda f, r: _with_level(r, f, "level_5")),
    "new level 1 % of 100": ("level_100", None, lambda f, r: _with_level(r, f, "level_100")),
    "2 % of rows x1000": ("lognormal", None, _scaled_share),
    "unit x1.1": ("lognormal", None, lambda f, r: f.assign(lognormal=f.lognormal * 1.1)),
    "unit x1.1, normal": ("normal_0", lambda f, r: f.assign(normal_0=f.normal_0 + 5),
                          lambda f, r: f.assign(normal_0=(f.normal_0 + 5) * 1.1)),
}  # fmt: skip


def scipy_p(reference: pd.Series, window: pd.Series) -> float:
    """Return the p-value of the usual test: Kolmogorov-Smirnov, or chi-square on the raw table."""
    if pd.api.types.is_float_dtype(reference):
        return float(stats.ks_2samp(reference.dropna(), window.dropna()).pvalue)
    table = pd.concat([reference.astype(object).value_counts(), window.astype(object).value_counts()], axis=1)
    table = table.fillna(0).to_numpy(dtype=float)
    return float(stats.chi2_contingency(table).pvalue) if len(table) > 1 else 1.0


def power(case: str, n: int, n_reports: int, random_state: int = 0, **options: float) -> dict[str, float]:
    """Return the chances to name the drifted column: significant, failed, and scipy's."""
    column, before, after = CASES[case]
    rng = np.random.default_rng([random_state, n, len(case)])
    told = {"significant": 0, "failed": 0, "scipy": 0}
    for _ in range(n_reports):
        first, second = draw(rng, n), after(draw(rng, n), rng)
        first = before(first, rng) if before else first
        reference = Profile.of(first)
        report = detect_drift(reference, Profile.of(second, like=reference), **options)
        told["significant"] += column in alarming(report)
        told["failed"] += column in {finding.subject for finding in report.failures}
        p = [scipy_p(first[name], second[name]) for name in first]
        told["scipy"] += bool(benjamini_hochberg(p)[list(first).index(column)] <= 0.05)
    return {name: count / n_reports for name, count in told.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--random-state", type=int, default=0)
    options = parser.parse_args()
    share = 20 if options.quick else 1
    print("unchanged, independent rows: reports that alarm (nominal 5 %)")
    print(" reference     window  reports  alarms 5 % + 3 se s a report  columns that alarmed")
    for n_reference, n_window, n_reports in UNCHANGED:
        n_reports = max(n_reports // share, 3)
        start = time.perf_counter()
        found = alarms(n_reference, n_window, n_reports, options.random_state)
        spent = (time.perf_counter() - start) / n_reports
        bound = 0.05 + 3 * np.sqrt(0.05 * 0.95 / n_reports)
        named = pd.Series(found, dtype=object).value_counts().head(3).to_dict()
        row = (
            f"{n_reference:>10,} {n_window:>10,} {n_reports:>8} {len(found) / n_reports:>7.3f} {bound:>10.3f}"
        )
        print(row, f"{spent:>10.3f}  {named}", flush=True)
    n_reports = 300 // share
    print("\nrows that resemble the one before, 3,000 against 2,000: reports that alarm")
    for lag_one in (0.0, 0.2, 0.5):
        rng, law = np.random.default_rng(options.random_state), partial(draw_correlated, lag_one=lag_one)
        found = [not all(f.ok for f in unchanged_report(rng, 3_000, 2_000, law)) for _ in range(n_reports)]
        print(f"lag-one correlation {lag_one}: {np.mean(found):.3f} of {n_reports}", flush=True)
    print(f"\n2,000 rows on both sides, {n_reports} reports of 20 columns: chance to name the drifted column")
    print(f"{'case':<28} significant   failed    scipy")
    for case in CASES:
        told = power(case, 2_000, n_reports, options.random_state)
        row = " ".join(
            f"{told[name]:>{width}.2f}" for name, width in (("significant", 11), ("failed", 8), ("scipy", 8))
        )
        print(f"{case:<28} {row}", flush=True)


if __name__ == "__main__":
    main()
