"""What a package costs beside the bare model: train, evaluate, save, load, one row.

    OMP_NUM_THREADS=1 python tests/benchmarks/bench_training.py [--quick]

The floor of each line is LightGBM alone on the same encoded rows. CPU seconds of this process,
median of the repetitions and (min-max), so that other programs count little.
"""

import argparse
import tempfile
import time
from pathlib import Path
from statistics import median

import lightgbm
import numpy as np

from mlsd import ModelPackage
from mlsd.datasets import make_spam_posts
from mlsd.training import Recipe, evaluate, train
from mlsd.training.booster import fit_booster, settings


def cpu(function, repetitions: int) -> list[float]:
    """Return the CPU seconds of each repetition."""
    found = []
    for _ in range(repetitions):
        started = time.process_time()
        function()
        found.append(time.process_time() - started)
    return found


def told(seconds: list[float]) -> str:
    scale, unit = (1e6, "us") if median(seconds) < 1e-3 else (1.0, "s")
    return f"{median(seconds) * scale:7.3g} {unit} ({min(seconds) * scale:.3g}-{max(seconds) * scale:.3g})"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    quick = parser.parse_args().quick
    n, repetitions = (5_000, 2) if quick else (50_000, 5)
    frame = make_spam_posts(n, random_state=0).frame
    package = train(frame, Recipe("is_spam"))  # warms up
    table, y = package.schema.encode_frame(frame, package.features), package.encode_target(frame["is_spam"])
    cut, categories = int(0.8 * n), package.schema.category_positions(package.features)
    params = settings("binary", cut, 2, {})
    later = (table[cut:], y[cut:])
    records = frame[list(package.features)].dropna().iloc[:500].to_dict("records")
    rows = package.schema.encode(records, package.features)
    judged = frame.iloc[: min(n, 10_000)]
    bare, text = lightgbm.Booster(model_str=package.model.model_to_string()), package.model.model_to_string()
    place = Path(tempfile.mkdtemp())
    package.save(place / "kept")
    lines = {
        f"train, {n:,} rows": (
            cpu(lambda: train(frame, Recipe("is_spam")), repetitions),
            cpu(lambda: fit_booster(params, table[:cut], y[:cut], later, categories, 0), repetitions),
        ),
        f"evaluate, {len(judged):,} rows": (
            cpu(lambda: evaluate(package, judged), repetitions),
            cpu(lambda: bare.predict(table[: len(judged)]), repetitions),
        ),
        "load": (
            cpu(lambda: ModelPackage.load(place / "kept"), repetitions * 3),
            cpu(lambda: lightgbm.Booster(model_str=text), repetitions * 3),
        ),
        "one row": (
            [s / 500 for s in cpu(lambda: [package.predict_rows([r]) for r in records], repetitions)],
            [
                s / 500
                for s in cpu(lambda: [bare.predict(r, num_threads=1) for r in rows[:, None]], repetitions)
            ],
        ),
    }
    print(f"{'':<24}{'package':>26}{'LightGBM alone':>28}{'ratio':>8}")
    for name, (ours, floor) in lines.items():
        print(f"{name:<24}{told(ours):>26}{told(floor):>28}{median(ours) / median(floor):>8.1f}")
    assert np.array_equal(package.predict_rows(records), bare.predict(rows, num_threads=1))


if __name__ == "__main__":
    main()
