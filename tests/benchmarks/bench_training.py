"""What a package costs beside the bare model: train, evaluate, save, load, one row.

    OMP_NUM_THREADS=1 python tests/benchmarks/bench_training.py [--quick]

The floor of each line is LightGBM alone: for training, what a person would write without this library (sort
by time, choose columns, make categories, fit 200 rounds and score each), and below it the fit on rows already
encoded. `train` is taken without baselines and evaluation, which it times apart in its run. CPU seconds of
this process (the run's own clock too), so that other programs count little; both ways alternate; median
and (min-max), of the seconds and of the ratios of neighbours.
"""

import argparse
import tempfile
import time
from pathlib import Path
from statistics import median

import lightgbm
import numpy as np
import pandas as pd

from mlsd import ModelPackage, Run, Schema
from mlsd.datasets import make_spam_posts
from mlsd.training import Recipe, evaluate, train, trainer
from mlsd.training.booster import fit_booster, fixed_params
from mlsd.training.params import settings

ASIDE = ("seconds_baselines", "seconds_evaluate")
ROUNDS = {"n_estimators": 200, "early_stopping_rounds": 0}  # the same work for both
RECIPE = Recipe("is_spam", params=ROUNDS)


def seconds(function) -> float:
    """Return the CPU seconds of one call; the seconds that it returns itself are taken off."""
    started = time.process_time()
    aside = function()
    return time.process_time() - started - (aside if isinstance(aside, float) else 0.0)


def alternating(ways, repetitions: int) -> list[list[float]]:
    """Return the seconds of each way, measured in turns."""
    found = [[seconds(way) for way in ways] for _ in range(repetitions)]
    return [list(column) for column in zip(*found, strict=True)]


def trained(frame: pd.DataFrame, schema: Schema | None = None) -> float:
    """Train, and return the seconds of baselines and evaluation."""
    run = Run("bench")
    train(frame, RECIPE, schema, run=run)
    return sum(run.metrics[name][0][1] for name in ASIDE)


def by_hand(frame: pd.DataFrame, features: list[str], params: dict) -> None:
    """Do with LightGBM alone what `train` does, as a person would write it."""
    frame = frame.sort_values("posted_at")
    table = frame[features].copy()
    for name in table.columns[table.dtypes.map(pd.api.types.is_string_dtype)]:
        table[name] = table[name].astype("category")
    cut = int(0.8 * len(frame))
    data = lightgbm.Dataset(table.iloc[:cut], frame["is_spam"].iloc[:cut], params=params)
    valid = lightgbm.Dataset(table.iloc[cut:], frame["is_spam"].iloc[cut:], reference=data)
    scores: dict = {}
    lightgbm.train(
        params,
        data,
        ROUNDS["n_estimators"],
        valid_sets=[valid],
        callbacks=[lightgbm.record_evaluation(scores)],
    )


def told(seconds: list[float]) -> str:
    scale, unit = (1e6, "us") if median(seconds) < 1e-3 else (1.0, "s")
    return f"{median(seconds) * scale:.3g} {unit} ({min(seconds) * scale:.3g}-{max(seconds) * scale:.3g})"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    quick = parser.parse_args().quick
    trainer.perf_counter = time.process_time  # the run's own clock
    n, repetitions = (5_000, 2) if quick else (100_000, 5)
    frame = make_spam_posts(n, random_state=0).frame
    package = train(frame, RECIPE)  # warms up
    table, y = package.schema.encode_frame(frame, package.features), package.encode_target(frame["is_spam"])
    in_time = np.argsort(frame["posted_at"].to_numpy(), kind="stable")
    fit, held = np.split(in_time, [int(0.8 * n)])
    params, categories = (
        settings("binary", len(fit), (False, True), ROUNDS),
        package.schema.category_positions(package.features),
    )
    bare_params = fixed_params(params, 0) | {"num_threads": 1}
    later = (table[held], y[held])
    records = frame[list(package.features)].dropna().iloc[:500].to_dict("records")
    rows = package.schema.encode(records, package.features)
    judged = frame.iloc[: min(n, 10_000)]
    text = package.model.model_to_string()
    bare, place = lightgbm.Booster(model_str=text), Path(tempfile.mkdtemp())
    package.save(place / "kept")
    ours, given, hand, encoded = alternating(
        [
            lambda: trained(frame),
            lambda: trained(frame, package.schema),
            lambda: by_hand(frame, list(package.features), bare_params),
            lambda: fit_booster(params, table[fit], y[fit], later, categories, 0),
        ],
        repetitions,
    )
    judging = alternating(
        [lambda: evaluate(package, judged), lambda: bare.predict(table[: len(judged)])],
        repetitions,
    )
    loading = alternating(
        [
            lambda: ModelPackage.load(place / "kept"),
            lambda: lightgbm.Booster(model_str=text),
        ],
        repetitions * 3,
    )
    asking = alternating(
        [
            lambda: [package.predict_rows([r]) for r in records],
            lambda: [bare.predict(r, num_threads=1) for r in rows[:, None]],
        ],
        repetitions,
    )
    lines = {
        f"train, {n:,} rows, beside LightGBM by hand": (ours, hand),
        f"train, {n:,} rows, schema given, beside LightGBM by hand": (given, hand),
        f"train, {n:,} rows, beside the fit on encoded rows": (ours, encoded),
        f"evaluate, {len(judged):,} rows, beside predict": judging,
        "load": loading,
        "500 rows, one by one": asking,
    }
    print("| | package | LightGBM alone | ratio | ratio, min-max |")
    print("|---|---|---|---|---|")
    for name, (mine, floor) in lines.items():
        ratios = [a / b for a, b in zip(mine, floor, strict=True)]
        print(
            f"| {name} | {told(mine)} | {told(floor)} | {median(ratios):.2f} "
            f"| {min(ratios):.2f}-{max(ratios):.2f} |"
        )
    assert np.array_equal(package.predict_rows(records), bare.predict(rows, num_threads=1))


if __name__ == "__main__":
    main()
