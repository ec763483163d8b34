"""Slices: every row in one part of each feature, and a part that got worse is found and named."""

import numpy as np
import pandas as pd
import pytest

from mlsd import Column, Schema
from mlsd.training.slices import MARGIN, MIN_SLICE, judge_slices, slice_rows

SCHEMA = Schema(
    (
        Column("language", "category", categories=("en", "nl", "fr")),
        Column("has_image", "boolean"),
        Column("age", "number", nullable=True),
    )
)
FEATURES = ("language", "has_image", "age")


def rows(n: int = 3000, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    age = np.where(rng.random(n) < 0.1, np.nan, rng.exponential(100, n))
    return np.column_stack([rng.choice([0, 1, 2], n, p=[0.6, 0.36, 0.04]), rng.integers(0, 2, n), age])


def test_every_row_is_in_the_part_its_name_says():
    table = rows()
    parts = dict(zip(FEATURES, slice_rows(SCHEMA, FEATURES, table), strict=True))
    codes, names = parts["language"]
    assert names == ["language=en", "language=nl", "language=fr", "language missing"]
    assert np.array_equal(codes, table[:, 0])
    codes, names = parts["has_image"]
    assert names == ["has_image=false", "has_image=true", "has_image missing"]
    codes, names = parts["age"]
    frame = pd.DataFrame({"age": table[:, 2]})
    for code, name in enumerate(
        names[:-1]
    ):  # the words, read as an expression, hold for the rows; cuts are rounded
        assert (frame.eval(name) == (codes == code)).mean() > 0.999
    assert np.array_equal(codes == 4, np.isnan(table[:, 2]))
    assert np.bincount(codes)[:4] == pytest.approx([675] * 4, abs=40)  # quartiles of those not missing


def test_a_category_that_is_unknown_or_missing_is_a_part_of_its_own():
    codes, names = next(slice_rows(SCHEMA, ("language",), np.array([[0.0], [np.nan]])))
    assert names[codes[1]] == "language missing"


def test_a_slice_that_got_worse_is_found_and_named_alone():
    table, rng = rows(), np.random.default_rng(1)
    champion = rng.exponential(0.3, len(table))
    losses = champion + rng.normal(0, 0.05, len(table))
    losses[table[:, 0] == 1] += 0.1
    summary, *failed = judge_slices(SCHEMA, FEATURES, table, losses, champion)
    assert not summary.ok
    assert "language=nl" in {finding.subject for finding in failed}
    for finding in failed:
        assert finding.value > finding.limit == pytest.approx(MARGIN * champion.mean())
        assert finding.interval[0] < finding.value < finding.interval[1]
    worst = max(failed, key=lambda finding: finding.value)
    assert worst.subject == "language=nl"
    assert worst.count == (table[:, 0] == 1).sum()
    assert worst.value == pytest.approx((losses - champion)[table[:, 0] == 1].mean())


def test_a_slice_that_is_too_small_or_lost_too_little_does_not_fail():
    table, rng = rows(), np.random.default_rng(1)
    champion = rng.exponential(0.3, len(table))
    small = champion + (table[:, 0] == 2) * 1.0  # 120 rows
    assert (table[:, 0] == 2).sum() < MIN_SLICE
    assert judge_slices(SCHEMA, ("language",), table[:, :1], small, champion)[0].ok
    little = champion * (1 + MARGIN / 2)  # surely worse, by less than the margin
    assert judge_slices(SCHEMA, FEATURES, table, little, champion)[0].ok


def test_equal_models_hardly_ever_fail_a_slice():
    failed = 0
    for seed in range(100):
        table, rng = rows(1000, seed), np.random.default_rng(seed)
        champion = rng.exponential(0.3, 1000)
        losses = champion + rng.normal(0, 0.5, 1000)
        failed += not judge_slices(SCHEMA, FEATURES, table, losses, champion)[0].ok
    assert failed <= 12  # 5 expected at most, 99.9 % binomial limit


def test_without_champion_the_weakest_slice_is_told_and_nothing_fails():
    table = rows()
    losses = np.where(table[:, 1] == 1, 0.9, 0.1)
    (told,) = judge_slices(SCHEMA, FEATURES, table, losses, None)
    assert (told.ok, told.severity, told.subject) == (True, "info", "has_image=true")
    assert told.value == pytest.approx(0.9)
    assert told.count == (table[:, 1] == 1).sum()
    low, high = told.interval
    assert low <= told.value <= high
    assert told.message.endswith(f"{losses.mean():.3g} on all; cannot tell on 1 smaller ones")  # language=fr


def test_the_weakest_slice_of_a_model_without_weak_spots_is_mostly_put_down_to_chance():
    told = [
        judge_slices(SCHEMA, FEATURES, rows(1500, i), np.random.default_rng(i).exponential(size=1500), None)[
            0
        ]
        for i in range(100)
    ]
    blamed = sum("chance may explain it" not in finding.message for finding in told)
    assert blamed <= 12  # 5 expected at most, 99.9 % binomial limit


def test_what_is_too_small_to_judge_is_told_beside_what_was_judged():
    table, champion = rows(), np.random.default_rng(1).exponential(0.3, 3000)
    summary = judge_slices(SCHEMA, FEATURES, table, champion, champion)[0]
    assert summary.ok
    assert summary.message.endswith("to the champion; cannot tell on 1 smaller ones")
    assert summary.details["small"] == 1


def test_few_rows_make_no_slice():
    (told,) = judge_slices(SCHEMA, FEATURES, rows(100), np.ones(100), np.ones(100))
    assert (told.ok, told.failed) == (False, False)
    assert told.message == "cannot tell: no slice has 200 rows"


def test_a_constant_or_empty_column_is_one_slice():
    table = np.column_stack([np.zeros(300), np.zeros(300), np.full(300, 7.0)])
    names = [name for _, words in slice_rows(SCHEMA, FEATURES, table) for name in words]
    assert "age" in names
    table[:, 2] = np.nan
    codes, words = list(slice_rows(SCHEMA, FEATURES, table))[2]
    assert {words[code] for code in codes} == {"age missing"}
