"""Rows that resemble their neighbours are noticed, and counted for what they are worth."""

import functools
import operator

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from mlsd.monitoring import detect_drift, effective_shares
from mlsd.monitoring.column_tests import count_vector
from mlsd.profile import Profile
from tests.benchmarks.bench_drift_errors import draw, draw_correlated


def compare(first, second, **options):
    reference = Profile.of(first)
    return detect_drift(reference, Profile.of(second, like=reference), **options)


def warned(report):
    return [finding for finding in report if finding.code == "dependence"]


def test_neighbours_are_counted_as_by_hand():
    values = [1.0, 9.0, 8.0, np.nan, 7.0, 2.0, 1.5, 9.5]
    reference = Profile.of(
        pd.DataFrame({"x": np.linspace(0, 10, 1001), "c": ["a", "b", "a"] * 333 + ["a", "b"]})
    )
    window = Profile.of(
        pd.DataFrame({"x": values, "c": ["a", "a", "b", "b", None, "b", "a", "?"]}), like=reference
    )
    # high: 0 1 1 1 0 0 1; after low: 1 0 1; after high: 1 1 0
    assert window.columns["x"].neighbours == (3, 2, 3, 2)
    # the most frequent name or not: 1 1 0 0 0 1 0
    assert window.columns["c"].neighbours == (3, 1, 3, 1)


def test_neighbours_are_no_part_of_what_makes_profiles_equal_and_travel_as_json():
    rng = np.random.default_rng(0)
    frame = draw_correlated(rng, 500, 0.5)
    reference = Profile.of(frame)
    shuffled = Profile.of(frame.sample(frac=1, random_state=0), like=reference)
    assert shuffled == reference
    assert shuffled.parts[0].neighbours != reference.parts[0].neighbours
    again = Profile.from_json(reference.to_json())
    assert [part.neighbours for part in again.parts] == [part.neighbours for part in reference.parts]
    pairs = zip(shuffled.parts[0].neighbours, reference.parts[0].neighbours, strict=True)
    assert (shuffled + reference).parts[0].neighbours == tuple(a + b for a, b in pairs)


def test_independent_rows_are_not_said_to_be_dependent():
    rng = np.random.default_rng(0)
    assert not any(warned(compare(draw(rng, 1000), draw(rng, 300))) for _ in range(20))


@pytest.mark.parametrize("lag_one", [0.2, 0.5])
def test_rows_that_resemble_the_row_before_are_noticed(lag_one):
    rng = np.random.default_rng(0)
    (finding,) = warned(compare(draw_correlated(rng, 3000, 0.0), draw_correlated(rng, 2000, lag_one)))
    assert (finding.ok, finding.severity) == (False, "warning")
    signs = 2 / np.pi * np.arcsin(lag_one)  # correlation of high and low in normal rows
    assert finding.value == pytest.approx(signs, abs=5 / np.sqrt(2000))
    assert "of the window (correlation 0." in finding.message
    assert len(finding.details["columns"]) >= 18


def test_every_row_twice_is_noticed_too():
    rng = np.random.default_rng(0)
    first, second = (pd.DataFrame({"x": rng.normal(size=n)}) for n in (1000, 300))
    assert warned(compare(first, second.loc[second.index.repeat(2)]))
    assert warned(compare(first.sort_values("x"), second))


def test_whoever_gives_the_effective_share_is_not_warned():
    rng = np.random.default_rng(0)
    frames = draw_correlated(rng, 1000, 0.5), draw_correlated(rng, 1000, 0.5)
    assert not warned(compare(*frames, effective=0.5))


def test_a_share_of_rows_counts_as_a_window_of_fewer_rows():
    """A third of the rows, on both sides: z-scores shrink by the root of three."""
    rng = np.random.default_rng(0)
    first, second = (pd.DataFrame({"x": rng.normal(shift, size=6000)}) for shift in (0, 0.1))
    whole, third = (next(iter(compare(first, second, effective=share))) for share in (1.0, 1 / 3))
    assert third.details["led_by"] == whole.details["led_by"] == "location"
    assert third.details["statistic"] == pytest.approx(whole.details["statistic"] / np.sqrt(3), rel=1e-3)
    by_name = next(iter(compare(first, second, effective={"x": 1 / 3, "y": 1.0})))
    assert by_name == third


@pytest.mark.parametrize(
    "share", [0, 1.5, "half", {"x": -1}], ids=["none", "more than all", "a word", "negative"]
)
def test_a_share_that_is_none_is_refused(share):
    frame = pd.DataFrame({"x": np.arange(50.0)})
    with pytest.raises(
        ValueError, match="expected the share of rows that count as independent, above 0 and at most 1"
    ):
        compare(frame, frame, effective=share)


def quiet(law, n_windows, n, seed=0):
    rng = np.random.default_rng(seed)
    frames = [law(rng, n) for _ in range(n_windows)]
    reference = Profile.of(pd.concat(frames))
    return reference, [Profile.of(frame, like=reference) for frame in frames], rng


def test_the_spread_of_quiet_windows_is_kruskals_and_chi_squares():
    def law(rng, n):
        return pd.DataFrame({"x": rng.integers(0, 30, n), "c": rng.choice(list("abc"), n)})

    _, windows, _ = quiet(law, 12, 200)
    shares = effective_shares(windows)
    careful = 11 / stats.chi2.ppf(0.2, 11)
    table = [count_vector(window.columns["c"])[:3] for window in windows]
    ratio = stats.chi2_contingency(table).statistic / 22
    assert shares["c"] == pytest.approx(1 / max(1.0, careful * max(ratio, 1.0)), rel=1e-6)
    values = [np.repeat(np.arange(len(w.columns["x"].counts)), w.columns["x"].counts) for w in windows]
    kruskal = stats.kruskal(*values).statistic / 11
    assert 1 / shares["x"] >= careful * kruskal * (1 - 1e-6)


@pytest.mark.parametrize("kind", ["numbers", "names", "gaps"])
def test_windows_with_a_mood_are_worth_fewer_rows(kind):
    def law(rng, n):
        mood = rng.normal(0, 0.3)
        column = {
            "numbers": rng.normal(mood, 1, n),
            "names": np.where(rng.random(n) < 0.5 + 0.1 * mood, "a", "b"),
            "gaps": np.where(rng.random(n) < 0.3 + 0.1 * mood, np.nan, rng.normal(size=n)),
        }
        return pd.DataFrame({"x": column[kind]})

    _, windows, _ = quiet(law, 40, 1000)
    (share,) = effective_shares(windows).values()
    spread = 1 + 1000 * {"numbers": 0.09, "names": 0.03**2 / 0.25, "gaps": 0.03**2 / 0.21}[kind]
    assert 1 / share == pytest.approx(spread, rel=0.9)
    assert 1 / share > 2


def test_reports_that_know_what_a_row_is_worth_are_quiet():
    alarms = plain = 0
    for seed in range(15):
        law = functools.partial(draw_correlated, lag_one=0.5)
        reference, windows, rng = quiet(law, 20, 500, seed)
        window = Profile.of(law(rng, 500), like=reference)
        shares = effective_shares(windows)
        alarms += not all(finding.ok for finding in detect_drift(reference, window, effective=shares))
        plain += any(f.code == "drift" and not f.ok for f in detect_drift(reference, window))
    assert alarms <= stats.binom.isf(0.001, 15, 0.05)
    assert plain > 7


def test_few_windows_are_refused():
    reference, windows, _ = quiet(draw, 3, 100)
    with pytest.raises(
        ValueError, match=r"^effective_shares got 3 windows with rows; expected 10 or more quiet ones$"
    ):
        effective_shares(windows)
    assert functools.reduce(operator.add, windows) == reference
