"""Performance estimates by nannyml's CBPE, with its defaults; runs in its own environment.

    PYTHON tests/benchmarks/peers/performance_estimates.py FOLDER

Reads each FOLDER/*.parquet (part, y, p, said) and prints one JSON line: nannyml's version, and for each
file its estimates by metric. CBPE is fitted on the labelled rows of part "reference", which it calibrates
by; the rows of part "window" are one chunk.
"""

from __future__ import annotations

import importlib.metadata
import json
import sys
import time
from pathlib import Path

import pandas as pd

METRICS = ["accuracy", "roc_auc", "f1"]


def estimated(frame: pd.DataFrame) -> dict[str, float]:
    """Return the estimate of each metric on the window."""
    import nannyml

    reference, window = (frame[frame["part"] == part] for part in ("reference", "window"))
    estimator = nannyml.CBPE(
        metrics=METRICS,
        y_pred_proba="p",
        y_pred="said",
        y_true="y",
        problem_type="classification_binary",
        chunk_size=len(window),
    )
    estimator.fit(reference.drop(columns="part"))
    table = estimator.estimate(window.drop(columns=["part", "y"])).filter(period="analysis").to_df()
    return {name: float(table[(name, "value")].iloc[0]) for name in METRICS}


def main() -> None:
    import nannyml  # noqa: F401  (its import is not timed)

    frames = {path.stem: pd.read_parquet(path) for path in sorted(Path(sys.argv[1]).glob("*.parquet"))}
    start = time.process_time()
    found = {name: estimated(frame) for name, frame in frames.items()}
    seconds = time.process_time() - start
    print(json.dumps({"version": importlib.metadata.version("nannyml"), "seconds": seconds, "found": found}))


if __name__ == "__main__":
    main()
