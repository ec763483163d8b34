"""How often does a drift report cry wolf, and what does it miss?

    python tests/benchmarks/bench_drift_errors.py                      # all rows: an hour and a half
    python tests/benchmarks/bench_drift_errors.py --shorter 20         # a twentieth of the reports
    python tests/benchmarks/bench_drift_errors.py --rows 3000 power    # rows whose name begins so
    python tests/benchmarks/bench_drift_errors.py --list               # what the rows are called

An unchanged report compares two independent samples of one 20-column law; it alarms when any of its
findings is significant, whatever the effect. Power is the chance that the drifted column is named. It is
compared with scipy's two-sample tests on the raw rows (Kolmogorov-Smirnov, chi-square), corrected over the
report in the same way (Benjamini-Hochberg), both at the limit on p at which 5 % of unchanged reports alarm.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial

import numpy as np
import pandas as pd
from scipy import signal, stats

from mlsd.monitoring import compare_domains, detect_drift, detect_drift_by, effective_shares
from mlsd.profile import Profile
from mlsd.report import Report
from mlsd.stats import benjamini_hochberg

WINDOWS = (50, 200, 1_000, 10_000)
UNCHANGED = {  # name: rows of the reference, of the windows beside it, reports
    "3000": (3_000, WINDOWS, 2_000),
    "100000": (100_000, WINDOWS, 1_000),
    "200": (200, (200,), 2_000),
    "million-3000": (3_000, (1_000_000,), 200),
    "million-100000": (100_000, (1_000_000,), 200),
}
FEW = 300  # reports of a row that is not about the nominal 5 % alone


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


def alarms(
    n_reference: int, windows: tuple[int, ...], n_reports: int, random_state: int = 0
) -> dict[int, list[str]]:
    """Return, by size of the window, the first false alarm of each alarming report.

    Windows of several sizes share a reference, so the rows of a table are not independent of each other;
    the reports of one row are.
    """
    rng = np.random.default_rng([random_state, n_reference, *windows])
    found: dict[int, list[str]] = {n: [] for n in windows}
    for _ in range(n_reports):
        reference = Profile.of(draw(rng, n_reference))
        for n in windows:
            found[n] += alarming(detect_drift(reference, Profile.of(draw(rng, n), like=reference)))[:1]
    return found


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
    "unit x1.1, lognormal": ("lognormal", None, lambda f, r: f.assign(lognormal=f.lognormal * 1.1)),
    "unit x1.1, mean 0": ("normal_0", None, lambda f, r: f.assign(normal_0=f.normal_0 * 1.1)),
    "unit x1.1, mean 5 sd": ("normal_0", lambda f, r: f.assign(normal_0=f.normal_0 + 5),
                          lambda f, r: f.assign(normal_0=(f.normal_0 + 5) * 1.1)),
}  # fmt: skip


def scipy_p(reference: pd.Series, window: pd.Series) -> float:
    """Return the p-value of the usual test: Kolmogorov-Smirnov, or chi-square on the raw table."""
    if pd.api.types.is_float_dtype(reference):
        return float(stats.ks_2samp(reference.dropna(), window.dropna()).pvalue)
    table = pd.concat([reference.astype(object).value_counts(), window.astype(object).value_counts()], axis=1)
    table = table.fillna(0).to_numpy(dtype=float)
    return float(stats.chi2_contingency(table).pvalue) if len(table) > 1 else 1.0


FIRST = {  # what the prototype reached at the level of a report (PEERS F), same changes
    "mean +.1 sd": 0.37, "mean +.2 sd": 1.0, "variance x1.2": 0.55, "missing 1 -> 3 %": 0.82,
    "1 of 5 levels 10 -> 12 %": 0.03, "new level 1 % of 5": 0.89, "new level 1 % of 100": 0.59,
    "2 % of rows x1000": 1.0, "unit x1.1, mean 0": 0.65,
}  # fmt: skip


def both(first: pd.DataFrame, second: pd.DataFrame) -> tuple[Report, pd.Series]:
    """Return our report, and scipy's adjusted p-value of every column."""
    reference = Profile.of(first)
    p = [scipy_p(first[name], second[name]) for name in first]
    report = detect_drift(reference, Profile.of(second, like=reference))
    return report, pd.Series(benjamini_hochberg(p), index=first.columns)


def adjusted(report: Report, column: str | None = None) -> float:
    """Return the smallest adjusted p-value of a report, or of one of its columns."""
    found = [f.details["adjusted_p"] for f in report if "p" in f.details and column in (None, f.subject)]
    return min(found)


def limits(n: int, n_reports: int, random_state: int = 0) -> dict[str, tuple[float, float]]:
    """Return, for us and for scipy, the share of unchanged reports that alarm at 0.05, and the limit on p
    at which 5 % of them do."""
    rng = np.random.default_rng([random_state, n, 1])
    pairs = [both(draw(rng, n), draw(rng, n)) for _ in range(n_reports)]
    least = {"ours": [adjusted(report) for report, _ in pairs], "scipy": [p.min() for _, p in pairs]}
    return {
        name: (float(np.mean(np.array(p) <= 0.05)), float(np.quantile(p, 0.05))) for name, p in least.items()
    }


def power(case: str, n: int, n_reports: int, random_state: int = 0) -> pd.DataFrame:
    """Return per report the drifted column's adjusted p, ours and scipy's, and whether ours failed."""
    column, before, after = CASES[case]
    rng = np.random.default_rng([random_state, n, len(case)])
    told = []
    for _ in range(n_reports):
        first, second = draw(rng, n), after(draw(rng, n), rng)
        first = before(first, rng) if before else first
        report, p = both(first, second)
        failed = column in {finding.subject for finding in report.failures}
        told.append((adjusted(report, column), p[column], failed))
    return pd.DataFrame(told, columns=["ours", "scipy", "failed"])


def dependent_report(rng: np.random.Generator, law: Law, n_quiet: int, n: int) -> tuple[Report, Report]:
    """Return the plain report on a window, and the one that learned from quiet windows what a row is worth."""
    quiet = [law(rng, n) for _ in range(n_quiet)]
    reference = Profile.of(pd.concat(quiet))
    shares = effective_shares([Profile.of(rows, like=reference) for rows in quiet])
    window = Profile.of(law(rng, n), like=reference)
    return detect_drift(reference, window), detect_drift(reference, window, effective=shares)


def draw_moody(rng: np.random.Generator, n: int) -> pd.DataFrame:
    """Return one window of 20 normal columns, each with a shift of this window's own, 0.05 sd."""
    return pd.DataFrame(rng.normal(size=(n, 20)) + rng.normal(0, 0.05, 20)).add_prefix("x")


DEPENDENT = {
    "independent": partial(draw_correlated, lag_one=0.0),
    "lag-one correlation 0.2": partial(draw_correlated, lag_one=0.2),
    "lag-one correlation 0.5": partial(draw_correlated, lag_one=0.5),
    "windows with a mood": draw_moody,
}


def segments_alarm(rng: np.random.Generator) -> bool:
    """Tell whether an unchanged report on 5 segments of 20 columns alarms."""
    reference = {name: Profile.of(draw(rng, 1_000)) for name in "abcde"}
    window = {name: Profile.of(draw(rng, 200), like=reference[name]) for name in "abcde"}
    return bool(alarming(detect_drift_by(reference, window)))


def draw_pairs(rng: np.random.Generator, n: int, correlation: float) -> pd.DataFrame:
    """Return n rows of the 20 columns, two of them correlated; each alone is always the same."""
    frame = draw(rng, n)
    mixed = correlation * frame["normal_0"] + np.sqrt(1 - correlation**2) * frame["normal_1"]
    return frame.assign(normal_1=mixed)


def domains_alarm(rng: np.random.Generator, n: int, correlation: float) -> tuple[bool, bool]:
    """Tell whether the classifier, and the report by column, see a correlation of 0.5 become another."""
    first, second = draw_pairs(rng, n, 0.5), draw_pairs(rng, n, correlation)
    reference = Profile.of(first)
    report = detect_drift(reference, Profile.of(second, like=reference))
    domains = compare_domains(first, second, random_state=int(rng.integers(2**31)))
    return not domains.ok, not all(finding.ok for finding in report)


def share(told: list[bool] | np.ndarray) -> str:
    """Return a share in percent with its standard error."""
    mean = float(np.mean(told))
    return f"{mean:.1%} ({np.sqrt(mean * (1 - mean) / len(told)):.1%})"


def unchanged_rows(name: str, shorter: int, seed: int) -> None:
    """Print the false alarms beside one reference."""
    n_reference, windows, n_reports = UNCHANGED[name]
    n_reports = max(n_reports // shorter, 3)
    for n, found in alarms(n_reference, windows, n_reports, seed).items():
        bound = 0.05 + 3 * np.sqrt(0.05 * 0.95 / n_reports)
        named = ", ".join(pd.Series(found, dtype=object).value_counts().index[:3])
        told = share(np.arange(n_reports) < len(found))
        print(f"| {n_reference:,} | {n:,} | {n_reports:,} | {told} | {bound:.1%} | {named} |", flush=True)


def dependent_row(name: str, shorter: int, seed: int) -> None:
    """Print what rows that resemble each other do, with and without `effective`."""
    rng, n_reports = np.random.default_rng(seed), max(FEW // shorter, 3)
    pairs = [dependent_report(rng, DEPENDENT[name], 20, 2_000) for _ in range(n_reports)]
    plain = [[f.subject for f in report if f.code == "drift" and not f.ok] for report, _ in pairs]
    warned = [any(f.code == "dependence" for f in report) for report, _ in pairs]
    learned = [bool(alarming(report)) for _, report in pairs]
    print(f"| {name} | {n_reports} | {share([bool(p) for p in plain])} | {share(warned)} | {share(learned)} |",
          flush=True)  # fmt: skip


def power_rows(cases: list[str], shorter: int, seed: int) -> None:
    """Print the chances to name the drifted column, ours and scipy's."""
    nominal = limits(2_000, max(1_000 // shorter, 20), seed)
    for name, (alarm, limit) in nominal.items():
        print(f"{name}: {alarm:.1%} of {max(1_000 // shorter, 20)} unchanged reports alarm at 0.05; "
              f"5 % do at {limit:.3g}", flush=True)  # fmt: skip
    print("\n| change | reports | significant | failed | at 5 % alarms | KS, chi-square at 5 % alarms | "
          "difference (se) | prototype |\n|---|---|---|---|---|---|---|---|")  # fmt: skip
    for case in cases:
        told = power(case, 2_000, max(FEW // shorter, 3), seed)
        ours, theirs = (told[name] <= nominal[name][1] for name in ("ours", "scipy"))
        apart = ours.astype(int) - theirs.astype(int)
        row = (case, len(told), share(told.ours <= 0.05), share(told.failed), share(ours), share(theirs),
               f"{apart.mean():+.1%} ({apart.std() / np.sqrt(len(apart)):.1%})", FIRST.get(case, ""))  # fmt: skip
        print(f"| {' | '.join(map(str, row))} |", flush=True)


def other_rows(name: str, shorter: int, seed: int) -> None:
    """Print the false alarms of segments, or what the domain classifier sees."""
    rng, n_reports = np.random.default_rng(seed), max(FEW // shorter, 3)
    if name == "segments":
        print(f"5 segments x 20 columns, 1,000 against 200 rows, {n_reports} unchanged reports: "
              f"{share([segments_alarm(rng) for _ in range(n_reports)])} alarm")  # fmt: skip
        return
    for now in (0.5, 0.3, 0.0):
        told = np.array([domains_alarm(rng, 2_000, now) for _ in range(n_reports)])
        print(f"| 0.5 to {now} | {n_reports} | {share(told[:, 0])} | {share(told[:, 1])} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shorter", type=int, default=1, help="divide the number of reports by this")
    parser.add_argument("--list", action="store_true", help="name the rows")
    parser.add_argument("--rows", nargs="*", default=[""], help="rows whose name begins so")
    parser.add_argument("--random-state", type=int, default=0)
    options = parser.parse_args()
    powers = {f"power {case}": case for case in CASES}
    names = [*UNCHANGED, *DEPENDENT, *powers, "segments", "domains"]
    if options.list:
        print("\n".join(names))
        return
    chosen = [name for name in names if any(name.startswith(start) for start in options.rows)]
    how = {"shorter": options.shorter, "seed": options.random_state}
    if not UNCHANGED.keys().isdisjoint(chosen):
        print("| reference | window | reports | alarms (se) | 5 % + 3 se | columns that alarmed most |\n"
              "|---|---|---|---|---|---|")  # fmt: skip
    for name in filter(UNCHANGED.__contains__, chosen):
        unchanged_rows(name, **how)
    if not DEPENDENT.keys().isdisjoint(chosen):
        print("\n| rows | reports | alarms (se) | warned | alarms with `effective` of 20 windows |\n"
              "|---|---|---|---|---|")  # fmt: skip
    for name in filter(DEPENDENT.__contains__, chosen):
        dependent_row(name, **how)
    if cases := [powers[name] for name in chosen if name in powers]:
        power_rows(cases, **how)
    if "segments" in chosen:
        other_rows("segments", **how)
    if "domains" in chosen:
        print(
            "\n| correlation | reports | classifier alarms (se) | report by column alarms |\n|---|---|---|---|"
        )
        other_rows("domains", **how)


if __name__ == "__main__":
    main()
