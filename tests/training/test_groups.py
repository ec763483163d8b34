"""Named groups: worse off stops, too few rows are told, and equal models hardly ever fail."""

import numpy as np
import pandas as pd
import pytest

from mlsd import RefusedError
from mlsd.training.groups import judge_groups
from mlsd.training.slices import MARGIN


def people(n: int = 2000, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    language = rng.choice(["en", "nl", "fr"], n, p=[0.7, 0.29, 0.01])
    return pd.DataFrame(
        {"language": language, "age": rng.exponential(30, n), "newcomer": rng.random(n) < 0.1}
    )


def by_name(findings) -> dict:
    return {finding.subject: finding for finding in findings}


def test_a_group_that_is_worse_off_fails_whatever_the_others_gain():
    frame, rng = people(), np.random.default_rng(1)
    champion = rng.exponential(0.3, 2000)
    newcomer = frame["newcomer"].to_numpy()
    losses = champion + np.where(newcomer, 0.1, -0.1) + rng.normal(0, 0.05, 2000)
    assert losses.mean() < champion.mean()
    found = by_name(judge_groups(frame, ["newcomer"], losses, champion))
    assert found["newcomer=True"].failed
    assert found["newcomer=True"].value == pytest.approx((losses - champion)[newcomer].mean())
    assert found["newcomer=True"].limit == pytest.approx(MARGIN * champion.mean())
    assert found["newcomer=True"].count == newcomer.sum()
    assert found["newcomer=True"].message.startswith("worse off: loses +0.09")
    assert found["newcomer=False"].ok
    assert found["newcomer=False"].message.startswith("not worse off: loses -0.")


def test_few_rows_or_a_wide_interval_cannot_tell():
    frame, rng = people(), np.random.default_rng(1)
    champion = rng.exponential(0.3, 2000)
    losses = champion + rng.normal(0, 1.0, 2000)
    found = by_name(judge_groups(frame, ["language"], losses, champion))
    few, wide = found["language=fr"], found["language=nl"]
    assert few.count < 30
    assert (few.ok, few.severity, few.message) == (
        False,
        "warning",
        f"cannot tell: {few.count} rows, needs 30",
    )
    assert (wide.ok, wide.severity) == (False, "warning")
    assert wide.message.startswith("cannot tell: loses")
    assert wide.interval[1] > wide.limit


def test_the_same_model_is_not_worse_off_anywhere_it_can_be_told():
    frame, champion = people(), np.random.default_rng(1).exponential(0.3, 2000)
    found = judge_groups(frame, ["language", "age", "newcomer"], champion, champion)
    assert not [finding for finding in found if finding.failed]
    assert [finding.subject for finding in found if not finding.ok] == ["language=fr"]


def test_equal_models_hardly_ever_fail_a_group():
    failed = 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        champion = rng.exponential(0.3, 1000)
        found = judge_groups(
            people(1000, seed), ["language", "newcomer"], champion + rng.normal(0, 0.5, 1000), champion
        )
        failed += any(finding.failed for finding in found)
    assert failed <= 20  # 10 expected at most, 99.9 % binomial limit


def test_without_champion_each_loss_is_told():
    frame = people()
    losses = np.where(frame["newcomer"], 0.9, 0.1)
    found = by_name(judge_groups(frame, ["newcomer"], losses, None))
    assert all(finding.ok and finding.severity == "info" for finding in found.values())
    assert found["newcomer=True"].value == pytest.approx(0.9)
    few = by_name(judge_groups(frame, ["language"], losses, None))["language=fr"]
    assert (few.ok, few.severity) == (False, "warning")


def test_numbers_are_cut_at_their_quartiles_and_what_is_missing_is_a_group():
    frame = people().assign(age=lambda rows: rows["age"].mask(rows.index < 200))
    losses = np.random.default_rng(0).exponential(size=2000)
    found = by_name(judge_groups(frame, ["age"], losses, None))
    assert len(found) == 5
    assert found["age missing"].count == 200
    assert sum(finding.count for finding in found.values()) == 2000


def test_what_makes_no_group_is_one_sentence():
    frame, losses = people().assign(member=lambda rows: rows.index.astype(str)), np.ones(2000)
    with pytest.raises(
        RefusedError, match="groups names 'member', which has 2,000 values; expected at most 50"
    ):
        judge_groups(frame, ["member"], losses, None)
    with pytest.raises(
        RefusedError, match="groups names 'languages', which is no column: did you mean 'language'"
    ):
        judge_groups(frame, ["languages"], losses, None)
    assert judge_groups(frame, [], losses, None) == []
