"""One drift report by each peer, called as its documentation does; runs in the peer's own environment.

    PYTHON tests/benchmarks/peers/drift_reports.py evidently    # then one JSON question a line

A question names a folder with reference.parquet and current.parquet, the rows of a report, which reports
are asked for, and whether memory is watched. The answer holds, for each report, the columns that each way
flagged, CPU seconds, and the MB by which the process grew. Reading the files is not timed.
"""

from __future__ import annotations

import ctypes
import gc
import importlib.metadata
import json
import logging
import os
import sys
import threading
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import pandas as pd

Flags = dict[str, list[str]]  # way: the columns that it flags


def named(frame: pd.DataFrame) -> list[str]:
    """Return the columns of categories: text and booleans."""
    return [name for name in frame if frame[name].dtype.kind not in "iuf"]


def mlsd(reference: pd.DataFrame, current: pd.DataFrame) -> Flags:
    from mlsd.monitoring import detect_drift
    from mlsd.profile import Profile

    profile = Profile.of(reference)
    report = detect_drift(profile, Profile.of(current, like=profile))
    return {
        "mlsd, significant": [finding.subject for finding in report if not finding.ok],
        "mlsd, failed": [finding.subject for finding in report.failures],
    }


def scipy(reference: pd.DataFrame, current: pd.DataFrame) -> Flags:
    from scipy import stats

    p = {}
    for name in reference:
        if name in named(reference):
            counts = [frame[name].value_counts(sort=False) for frame in (reference, current)]
            table = pd.concat(counts, axis=1).fillna(0).to_numpy()
            p[name] = stats.chi2_contingency(table).pvalue
        else:
            p[name] = stats.ks_2samp(reference[name].dropna(), current[name].dropna()).pvalue
    corrected = stats.false_discovery_control(list(p.values()))
    return {
        "scipy, p < .05": [name for name, value in p.items() if value < 0.05],
        "scipy, Benjamini-Hochberg": [n for n, value in zip(p, corrected, strict=True) if value < 0.05],
    }


def frouros(reference: pd.DataFrame, current: pd.DataFrame) -> Flags:
    from frouros.detectors.data_drift import ChiSquareTest, KSTest

    found = []
    for name in reference:
        detector = ChiSquareTest() if name in named(reference) else KSTest()
        kind = object if name in named(reference) else float
        detector.fit(X=reference[name].dropna().to_numpy(dtype=kind))
        answer, _ = detector.compare(X=current[name].dropna().to_numpy(dtype=kind))
        if answer.p_value < 0.05:
            found.append(name)
    return {"frouros, p < .05": found}


def evidently(reference: pd.DataFrame, current: pd.DataFrame) -> Flags:
    from evidently import DataDefinition, Dataset, Report
    from evidently.presets import DataDriftPreset

    texts = named(reference)
    kinds = DataDefinition(
        numerical_columns=[name for name in reference if name not in texts], categorical_columns=texts
    )
    frames = [Dataset.from_pandas(frame, data_definition=kinds) for frame in (current, reference)]
    answer = json.loads(Report([DataDriftPreset()]).run(*frames).json())
    flagged, counted, many = [], -1, False
    for metric in answer["metrics"]:
        told = metric["config"]
        if told["type"].endswith("ValueDrift"):
            by_p = "p_value" in told["method"]
            value, limit = float(metric["value"]), told["threshold"]
            if value < limit if by_p else value >= limit:
                flagged.append(told["column"])
        elif told["type"].endswith("DriftedColumnsCount"):
            counted, many = metric["value"]["count"], metric["value"]["share"] >= told["drift_share"]
    assert len(flagged) == counted, f"evidently counts {counted} drifted columns, read here: {flagged}"
    return {"evidently": flagged, "evidently, half of the columns": flagged if many else []}


def nannyml(reference: pd.DataFrame, current: pd.DataFrame) -> Flags:
    import nannyml as nml

    calculator = nml.UnivariateDriftCalculator(list(reference), treat_as_categorical=named(reference))
    answer = calculator.fit(reference).calculate(current).filter(period="analysis").to_df()
    alerts = {name: answer[name]["jensen_shannon"]["alert"].astype(bool) for name in reference}
    return {
        "nannyml, any chunk": [name for name, chunks in alerts.items() if chunks.any()],
        "nannyml, half of the chunks": [name for name, chunks in alerts.items() if chunks.mean() >= 0.5],
    }


def whylogs(reference: pd.DataFrame, current: pd.DataFrame) -> Flags:
    import whylogs as why
    from whylogs.viz.drift.column_drift_algorithms import calculate_drift_scores

    before, after = (why.log(frame).view() for frame in (reference, current))
    scores = calculate_drift_scores(target_view=after, reference_view=before, with_thresholds=True)
    return {
        "whylogs": [name for name, score in scores.items() if score and score["drift_category"] == "DRIFT"]
    }


def alibi(reference: pd.DataFrame, current: pd.DataFrame) -> Flags:
    import numpy as np
    from alibi_detect.cd import TabularDrift

    n, texts, levels = len(reference), named(reference), {}
    table = np.empty((n + len(current), reference.shape[1]), order="F")  # it takes numbers only
    for i, name in enumerate(reference):
        both = pd.concat([reference[name], current[name]])
        if name not in texts:
            table[:, i] = both
        else:
            table[:, i], known = pd.factorize(both)
            levels[i] = list(range(-int(table[:, i].min() < 0), len(known)))
    told = TabularDrift(table[:n], p_val=0.05, categories_per_feature=levels).predict(table[n:])["data"]
    flagged = [name for name, p in zip(reference, told["p_val"], strict=True) if p < told["threshold"]]
    return {"alibi-detect, Bonferroni": flagged}


WAYS: dict[str, tuple[Callable[[pd.DataFrame, pd.DataFrame], Flags], str]] = {  # peer: report, package
    "mlsd": (mlsd, "mlsd"), "scipy": (scipy, "scipy"), "frouros": (frouros, "frouros"),
    "nannyml": (nannyml, "nannyml"), "whylogs": (whylogs, "whylogs"),
    "alibi-detect": (alibi, "alibi-detect"), "evidently": (evidently, "evidently"),
}  # fmt: skip


def resident() -> float:
    """Return the process's resident memory, MB."""
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def timed(function: Callable[[], Flags]) -> tuple[Flags, float]:
    """Return what a function answers, and its CPU seconds."""
    start = time.process_time()
    answer = function()
    return answer, time.process_time() - start


def measured(function: Callable[[], Flags]) -> tuple[Flags, float, float]:
    """Return what a function answers, its CPU seconds and the MB it added at the peak, each 5 ms."""
    gc.collect()
    ctypes.CDLL("libc.so.6").malloc_trim(0)  # freed memory goes back, or the growth would hide in it
    before, peak, done = resident(), [0.0], threading.Event()

    def watch() -> None:
        while not done.wait(0.005):
            peak[0] = max(peak[0], resident())

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        answer, seconds = timed(function)
    finally:
        done.set()
        thread.join()
    return answer, seconds, max(peak[0], resident()) - before


def main() -> None:
    way, package = WAYS[sys.argv[1]]
    answers = os.fdopen(os.dup(1), "w")  # a peer that prints does not disturb the answers
    os.dup2(2, 1)
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    versions = {name: importlib.metadata.version(name) for name in (package, "numpy", "pandas")}
    print(json.dumps(versions), file=answers, flush=True)
    frames: dict[str, tuple[pd.DataFrame, pd.DataFrame]] = {}
    for line in sys.stdin:
        question = json.loads(line)
        folder, rows = question["folder"], question["rows"]
        if folder not in frames:
            frames.clear()
            files = (Path(folder) / f"{side}.parquet" for side in ("reference", "current"))
            frames[folder] = tuple(pd.read_parquet(file) for file in files)
        told, measure = [], measured if question["memory"] else timed
        for i in question["reports"]:
            pair = [frame.iloc[i * rows : (i + 1) * rows].reset_index(drop=True) for frame in frames[folder]]
            told.append(measure(lambda pair=pair: way(*pair)))
        del pair
        print(json.dumps(told), file=answers, flush=True)


if __name__ == "__main__":
    main()
