"""Performance without labels: how far from the truth, beside nannyml's CBPE, and where both must fail.

    python tests/benchmarks/bench_estimate.py --nannyml PYTHON           # 30 worlds a kind, some minutes
    python tests/benchmarks/bench_estimate.py --nannyml PYTHON --quick   # 5 worlds a kind

PYTHON is that of an environment of nannyml's own (`pip install nannyml statsmodels "pandas<3"`); without it
our own estimates are printed alone. Each world has 12,000 posts under one law and 4,000 after a drift of one
kind: 8,000 train, 4,000 are the labelled reference that nannyml calibrates by, the last are the window.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

from mlsd.datasets import Drift, make_spam_posts
from mlsd.metrics import score
from mlsd.monitoring import estimate_performance
from mlsd.training import Recipe, train

METRICS = ("accuracy", "roc_auc", "f1")
KINDS = ("none", "data", "target", "concept")
N, TRAIN, REFERENCE = 16_000, 8_000, 12_000
PEER = Path(__file__).parent / "peers" / "performance_estimates.py"


def tables(seed: int) -> dict[str, pd.DataFrame]:
    """Return for each kind of drift the labelled reference and the window: part, y, p, said."""
    worlds = {
        kind: make_spam_posts(
            N, random_state=seed, drifts=[] if kind == "none" else [Drift(kind, start=REFERENCE / N)]
        )
        for kind in KINDS
    }
    package = train(worlds["none"].frame.iloc[:TRAIN], Recipe("is_spam", random_state=seed))
    found = {}
    for kind, world in worlds.items():
        later = world.frame.iloc[TRAIN:]
        p = package.predict(later)
        parts = np.repeat(["reference", "window"], [REFERENCE - TRAIN, N - REFERENCE])
        found[kind] = pd.DataFrame(
            {"part": parts, "y": later["is_spam"].astype(int), "p": p, "said": (p > 0.5).astype(int)}
        )
    return found


def own(frame: pd.DataFrame, metric: str, calibrated: bool) -> tuple[float, float, bool]:
    """Return our estimate, the true value, and whether the interval holds it."""
    before, window = (frame[frame["part"] == part] for part in ("reference", "window"))
    reference = (before["y"], before["p"]) if calibrated else None
    finding = estimate_performance(window["p"], metric=metric, reference=reference).findings[0]
    truth = score(metric, window["y"], window["p"])
    low, high = finding.interval or (np.nan, np.nan)
    return finding.value, truth, bool(low <= truth <= high)


def peers(frames: dict[tuple[int, str], pd.DataFrame], python: str) -> tuple[str, float, dict]:
    """Return nannyml's version, its CPU seconds, and (seed, kind) -> metric -> estimate."""
    with tempfile.TemporaryDirectory() as folder:
        for (seed, kind), frame in frames.items():
            frame.to_parquet(Path(folder) / f"{seed}-{kind}.parquet")
        answer = subprocess.run([python, str(PEER), folder], check=True, capture_output=True, text=True)
    told = json.loads(answer.stdout.splitlines()[-1])
    keys = {name: (int(name.split("-")[0]), name.split("-")[1]) for name in told["found"]}
    return told["version"], told["seconds"], {keys[name]: found for name, found in told["found"].items()}


def spread(away: np.ndarray) -> str:
    """Return the mean error, signed, and the mean absolute error, with its standard error."""
    size = np.abs(away)
    return f"{away.mean():+.4f}, {size.mean():.4f} ± {size.std(ddof=1) / np.sqrt(len(size)):.4f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--nannyml", help="the python of nannyml's environment")
    parser.add_argument("--quick", action="store_true")
    arguments = parser.parse_args()
    seeds = range(5 if arguments.quick else 30)
    frames = {(seed, kind): frame for seed in seeds for kind, frame in tables(seed).items()}
    start = time.process_time()
    ours = {
        (key, metric, calibrated): own(frame, metric, calibrated)
        for key, frame in frames.items()
        for metric in METRICS
        for calibrated in (False, True)
    }
    seconds = (time.process_time() - start) / 2
    version, peer_seconds, theirs = (
        peers(frames, arguments.nannyml) if arguments.nannyml else ("-", np.nan, {})
    )
    print(f"{len(seeds)} worlds a kind, windows of {N - REFERENCE:,} rows; nannyml {version}")
    print(
        f"seconds a window: {seconds / len(frames):.4f}, nannyml {peer_seconds / len(frames):.4f} with its fit\n"
    )
    print("| drift | metric | true value, mean | as calibrated: error, absolute | held | by the reference: "
          "error, absolute | held | nannyml: error, absolute |\n|---|---|---|---|---|---|---|---|")  # fmt: skip
    for kind in KINDS:
        for metric in METRICS:
            plain, fitted = (
                np.array([ours[(seed, kind), metric, calibrated] for seed in seeds], dtype=float)
                for calibrated in (False, True)
            )
            truth = plain[:, 1]
            peer = np.array([theirs.get((seed, kind), {}).get(metric, np.nan) for seed in seeds])
            cells = [f"{spread(mine[:, 0] - truth)} | {mine[:, 2].mean():.0%}" for mine in (plain, fitted)]
            print(
                f"| {kind} | {metric} | {truth.mean():.3f} | {' | '.join(cells)} | {spread(peer - truth)} |"
            )


if __name__ == "__main__":
    main()
