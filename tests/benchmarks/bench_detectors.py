"""Do the detectors of concept drift agree with river's, what do they promise, and what does a row cost?

python tests/benchmarks/bench_detectors.py            # a minute
python tests/benchmarks/bench_detectors.py --quick    # 10 streams
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from river import __version__, drift

from mlsd.monitoring import ADWIN, DDM, PageHinkley

PAIRS: dict[str, tuple[Callable[[], Any], Callable[[], Any]]] = {
    "PageHinkley": (PageHinkley, drift.PageHinkley),
    "DDM": (DDM, drift.binary.DDM),
    "ADWIN": (ADWIN, drift.ADWIN),
}


def stream(seed: int) -> np.ndarray:
    """Return 200 to 20,000 errors whose rate jumps one to eight times, shape (n,)."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(100, 2500, size=rng.integers(2, 9))
    rates = np.repeat(rng.uniform(0.02, 0.6, size=len(lengths)), lengths)
    return (rng.uniform(size=len(rates)) < rates).astype(float)


def one_change(seed: int, n: int = 50_000) -> np.ndarray:
    """Return n errors at a rate of .10, then n at .20."""
    rng = np.random.default_rng(10_000 + seed)
    return (rng.uniform(size=2 * n) < np.repeat([0.1, 0.2], n)).astype(float)


def of_river(detector: Any, errors: np.ndarray) -> list[int]:
    """Return where river's detector, given one error after the other, detects a drift."""
    found, update = [], detector.update
    for i, error in enumerate(errors.tolist()):
        update(error)
        if detector.drift_detected:
            found.append(i)
    return found


def cost(ways: list[Callable[[], Any]], repeats: int) -> list[list[float]]:
    """Return the CPU seconds of each way, in turn, shape (ways, repeats)."""
    taken: list[list[float]] = [[] for _ in ways]
    for _ in range(repeats):
        for way, own in zip(ways, taken, strict=True):
            start = time.process_time()
            way()
            own.append(time.process_time() - start)
    return taken


def quality(found: list[list[int]], change: int) -> str:
    """Return cells: false alarms a stream, streams with one, median delay with its range, missed."""
    false = np.array([sum(at < change for at in stream) for stream in found])
    first = [next((at - change + 1 for at in stream if at >= change), None) for stream in found]
    delays = np.array([delay for delay in first if delay is not None])
    missed = len(first) - len(delays)
    spread = f"{np.median(delays):,.0f} ({delays.min():,}-{delays.max():,})"
    error = false.std(ddof=1) / np.sqrt(len(false))
    return f"{false.mean():.2f} ± {error:.2f} | {(false > 0).sum()} of {len(found)} | {spread} | {missed}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true")
    arguments = parser.parse_args()
    streams, n = (10, 50_000) if arguments.quick else (100, 200_000)
    print(f"river {__version__}; {streams} streams a row; errors .10, then .20 from row 50,001 on\n")
    print("| detector | equal on streams with jumps | equal on one change | false alarms in 50,000 rows "
          "| streams with one | delay, rows | missed |\n|---|---|---|---|---|---|---|")  # fmt: skip
    for name, (ours, theirs) in PAIRS.items():
        jumps = [ours().update(stream(s)) == of_river(theirs(), stream(s)) for s in range(streams)]
        found = [ours().update(one_change(s)) for s in range(streams)]
        same = [f == of_river(theirs(), one_change(s)) for s, f in enumerate(found)]
        print(f"| {name} | {sum(jumps)} of {streams} | {sum(same)} of {streams} | {quality(found, 50_000)} |")
    print("\n| detector | ns a row | river, ns a row | ratio (min-max) | 1,000 rows a call: ratio |")
    print("|---|---|---|---|---|")
    errors = (np.random.default_rng(0).uniform(size=n) < 0.1).astype(float)
    pieces = np.array_split(errors, n // 1000)
    for name, (ours, theirs) in PAIRS.items():

        def by_pieces(ours: Callable[[], Any] = ours) -> None:
            detector = ours()
            for piece in pieces:
                detector.update(piece)

        ways = [lambda: ours().update(errors), by_pieces, lambda: of_river(theirs(), errors)]  # noqa: B023
        whole, cut, river = cost(ways, 5)
        ratios = np.array(whole) / np.array(river)
        times = [f"{np.median(t) / n * 1e9:.0f}" for t in (whole, river)]
        print(f"| {name} | {times[0]} | {times[1]} | {np.median(ratios):.2f} ({ratios.min():.2f}-{ratios.max():.2f}) "
              f"| {np.median(np.array(cut) / np.array(river)):.2f} |")  # fmt: skip


if __name__ == "__main__":
    main()
