"""Planted faults: those that break a learnt schema are all found, and sound rows are left alone."""

import pandas as pd
import pytest

from mlsd.datasets import make_spam_posts
from tests.benchmarks.bench_corruption import BREAKING, PLANTED, judge, table_cases, world_cases

SEEDS = range(2)


def told(cases):
    """Check every case; return how many of the damaged rows each kind of fault had rejected."""
    found = pd.DataFrame([judge(case) for case in cases])
    assert (found.refused <= 0.01 * found.sound).all()
    assert found.missed.sum() == 0
    breaking = found[found.kind.isin(BREAKING)]
    assert (breaking.damaged > 0).all()
    assert (breaking.found == breaking.damaged).all()
    return found.set_index("kind")


@pytest.mark.parametrize("seed", SEEDS)
def test_in_a_world_every_breaking_fault_is_found_row_by_row(seed):
    kinds = (*BREAKING, "unit_change", "clock_skew", "stuck")
    found = told(world_cases(make_spam_posts, seed, kinds, rows=3_000))
    assert set(found.index) == {"none", *kinds}
    assert found.loc["clock_skew", "found"] >= 0.98 * found.loc["clock_skew", "damaged"]
    assert found.loc["stuck", "found"] == 0  # every value is possible: a task for the profile
    assert found.loc[["unit_change", "stuck"], "seen"].all()


@pytest.mark.parametrize("name", ["wine", "breast_cancer"])
def test_in_real_tables_every_breaking_fault_is_found_row_by_row(name):
    for seed in SEEDS:
        assert set(told(table_cases(name, seed)).index) == {"none", *PLANTED}
