"""The training pipeline: from labelled rows to a gated package, step by step, each kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from mlsd.data import split_by_time, split_random
from mlsd.package import ModelPackage
from mlsd.pipeline import Pipeline, PipelineRun
from mlsd.report import Report
from mlsd.schema import Schema
from mlsd.training import Recipe, evaluate, train

HOLDOUT = 0.2  # the latest share of the rows judges the candidate
JUDGED = 100  # rows that are enough to judge, where the table has them


def checked_rows(rows: pd.DataFrame, contract: Schema) -> pd.DataFrame:
    """Step: keep the rows that the contract allows."""
    clean, _ = contract.quarantine(rows)
    return clean


def training_rows(checked_rows: pd.DataFrame, contract: Schema) -> pd.DataFrame:
    """Step: the rows to learn from, all but the latest fifth."""
    return _split(checked_rows, contract)[0]


def holdout_rows(checked_rows: pd.DataFrame, contract: Schema) -> pd.DataFrame:
    """Step: the latest fifth, which no training sees."""
    return _split(checked_rows, contract)[1]


def candidate(training_rows: pd.DataFrame, recipe: Recipe, contract: Schema) -> ModelPackage:
    """Step: train."""
    return train(training_rows, recipe, schema=contract)


def verdict(candidate: ModelPackage, holdout_rows: pd.DataFrame, champion: ModelPackage | None) -> Report:
    """Step: judge the candidate on the held-out rows, beside baselines and champion."""
    return evaluate(candidate, holdout_rows, champion=champion)


def training_pipeline(folder: str | Path) -> Pipeline:
    """Return the pipeline whose inputs are `rows, contract, recipe, champion` and whose end is `verdict`."""
    return Pipeline([checked_rows, training_rows, holdout_rows, candidate, verdict], folder)


def judged_package(run: PipelineRun) -> ModelPackage:
    """Return the candidate with the verdict that decides about its publication."""
    return run["candidate"].with_report(run["verdict"])


def _split(rows: pd.DataFrame, contract: Schema) -> tuple[Any, ...]:
    few = min(0.4, JUDGED / max(len(rows), 1))  # a small table gives more of its rows to the judge
    share = max(HOLDOUT, few)
    if contract.time and contract.time in rows:
        return split_by_time(rows, contract.time, test=share)
    return split_random(rows, test=share)
