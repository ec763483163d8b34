"""A drift report on 10^6 rows x 20 columns against the numpy floor and scipy's raw tests.

    python tests/benchmarks/bench_drift.py            # a minute
    python tests/benchmarks/bench_drift.py --quick    # 10^5 rows
    python tests/benchmarks/bench_drift.py --stream   # 10^8 rows, a million at a time: ten minutes

The floor reads every window value once: numbers are sorted and the reference's edges searched in them,
names are counted. Scipy compares the raw columns, so it needs the reference's rows. Memory is what the
process grows by while the window is profiled and judged, sampled every millisecond.
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import os
import sys
import threading
import time
from collections.abc import Callable

import numpy as np
import pandas as pd
from scipy import stats

from mlsd.monitoring import detect_drift
from mlsd.profile import Profile


def make(rng: np.random.Generator, n: int) -> pd.DataFrame:
    """Return n rows of 15 floats and 5 text columns of 5 to 1,000 levels."""
    columns: dict[str, object] = {f"f{i:02}": rng.normal(size=n) for i in range(15)}
    for i, k in enumerate((5, 20, 100, 500, 1000)):
        columns[f"c{i:02}"] = np.array([f"level {j}" for j in range(k)], dtype=object)[rng.integers(0, k, n)]
    return pd.DataFrame(columns).infer_objects()


def numpy_floor(window: pd.DataFrame, edges: dict[str, np.ndarray]) -> int:
    """Count a window on given edges and names, with nothing around it; returns the cells counted."""
    cells = 0
    for name in window:
        if name in edges:
            values = np.sort(window[name].to_numpy())
            cells += len(np.diff(np.searchsorted(values, edges[name], side="right")))
        else:
            cells += len(window[name].value_counts(sort=False))
    return cells


def scipy_tests(reference: pd.DataFrame, window: pd.DataFrame) -> list[float]:
    """Return the p-values of scipy's two-sample tests on the raw columns."""
    found = []
    for name in reference:
        if pd.api.types.is_float_dtype(reference[name]):
            found.append(stats.ks_2samp(reference[name], window[name], method="asymp").pvalue)
        else:
            counts = [frame[name].value_counts(sort=False) for frame in (reference, window)]
            found.append(stats.chi2_contingency(pd.concat(counts, axis=1).fillna(0).to_numpy()).pvalue)
    return found


def resident() -> float:
    """Return the process's resident memory, MB."""
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def added_memory(function: Callable[[], object]) -> float:
    """Return by how many MB the process grows, at its peak, while a function runs."""
    gc.collect()
    if sys.platform == "linux":
        ctypes.CDLL("libc.so.6").malloc_trim(0)  # freed memory goes back, or the growth would hide in it
    before, peak, done = resident(), [0.0], threading.Event()

    def watch() -> None:
        while not done.wait(0.001):
            peak[0] = max(peak[0], resident())

    thread = threading.Thread(target=watch)
    thread.start()
    function()
    done.set()
    thread.join()
    return max(peak[0], resident()) - before


def timed(function: Callable[[], object], repeats: int) -> tuple[float, float, float]:
    """Return median, least and largest seconds of CPU time."""
    spent = []
    for _ in range(repeats):
        start = time.process_time()
        function()
        spent.append(time.process_time() - start)
    return float(np.median(spent)), min(spent), max(spent)


def stream(blocks: int, n: int = 1_000_000) -> None:
    """Profile blocks of n rows that are never all there, and print time and memory as they join."""
    rng = np.random.default_rng(0)
    reference = Profile.of(make(rng, n))
    running, joining, counting = Profile.of(make(rng, n), like=reference), [], 0.0
    start = resident()
    print(
        "| rows | profile, CPU s | joining a block, ms | memory beyond the first block, MB |\n|---|---|---|---|"
    )
    for block in range(2, blocks + 1):
        rows, before = make(rng, n), time.process_time()
        window = Profile.of(rows, like=reference)
        between = time.process_time()
        running = running + window
        counting += between - before
        joining.append(time.process_time() - between)
        if block in (2, 10, 30, 100) or block == blocks:
            print(f"| {running.n:,} | {counting:.1f} | {1e3 * np.median(joining[-10:]):.2f} "
                  f"| {resident() - start:.0f} |", flush=True)  # fmt: skip
    print(f"report on {running.n:,} rows: {detect_drift(reference, running).summary}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--stream", type=int, nargs="?", const=100, default=0, metavar="BLOCKS")
    options = parser.parse_args()
    if options.stream:
        stream(options.stream)
        return
    quick = options.quick
    n, repeats = (100_000, 3) if quick else (1_000_000, 5)
    rng = np.random.default_rng(0)
    first, second = make(rng, n), make(rng, n)
    reference = Profile.of(first)
    edges = {part.name: np.array(part.edges) for part in reference.parts if part.edges}

    def report() -> None:
        detect_drift(reference, Profile.of(second, like=reference))

    small = Profile.of(first[:1000])
    detect_drift(small, Profile.of(second[:1000], like=small))  # scipy and pyarrow are loaded
    grown = added_memory(report)
    window = Profile.of(second, like=reference)
    rows = {
        "numpy floor: sort and count": timed(lambda: numpy_floor(second, edges), repeats),
        "window profile + report": timed(report, repeats),
        "  of this the report": timed(lambda: detect_drift(reference, window), repeats),
        "reference profile": timed(lambda: Profile.of(first), repeats),
        "scipy on raw columns": timed(lambda: scipy_tests(first, second), 1 if quick else 3),
    }
    floor = rows["numpy floor: sort and count"][0]
    text = first.dtypes.iloc[-1]
    print(f"{n:,} rows x {first.shape[1]} columns, text stored as {text!r}, CPU seconds, median (min-max)")
    for name, (median, low, high) in rows.items():
        print(f"{name:<30} {median:8.3f} ({low:.3f}-{high:.3f})  {median / floor:6.2f} x floor")
    print(f"memory added by window profile + report: {grown:.0f} MB; reference as JSON: "
          f"{len(reference.to_json()) / 1e3:.0f} kB")  # fmt: skip


if __name__ == "__main__":
    main()
