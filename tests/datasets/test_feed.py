"""The feed: its lists, its law, the place's part in a click, and how hard it is to rank.

Statistical limits: each family of tests is judged at 99.9 %, shared out over its members (Bonferroni).
"""

import functools
import pickle
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import ndcg_score

from mlsd.datasets import Drift, Fault, drift, feed, make_news_feed
from mlsd.datasets import feed_law as law
from mlsd.datasets.fault import SUITS
from mlsd.digest import digest_frame
from mlsd.report import RefusedError
from mlsd.schema import Schema

N = 16_000
SEEDS = range(5)
ALPHA = 0.001
CATEGORIES = {c.name: c.categories for c in law.COLUMNS if c.kind == "category"}
FEATURES = [c.name for c in law.COLUMNS if c.known_at == "creation" and c.kind not in ("text", "time")]
GIVEN = (
    "update_id session shown_at member_id position trade region n_connections tenure_days days_away".split()
)
BROKEN = {
    "faults": [
        Fault("duplicates", start=0.2, fraction=0.3),
        Fault("nulls", "position", start=0.5),
        Fault("type_change", "age_hours", start=0.7, end=0.8),
        Fault("category_rename", "author_region"),
    ],
    "drifts": [Drift("data", start=0.3, end=0.5), Drift("target", start=0.4), Drift("concept", start=0.8)],
}


@functools.cache
def world(seed=0, kind=None):
    return make_news_feed(N, random_state=seed, drifts=[Drift(kind, start=0.5)] if kind else [])


def late(some):
    """Which rows lie in the second half, from their times alone."""
    return (some.frame["shown_at"] >= pd.Timestamp("2024-01-15", tz="UTC")).to_numpy()


def interest_of(frame, turned=0.0):
    """The law, computed anew from the table alone."""
    x = {name: frame[name].to_numpy() for name in FEATURES}
    for name, categories in CATEGORIES.items():
        x[name] = pd.Categorical(frame[name], categories=categories).codes
    return law.interest(x, np.broadcast_to(turned, len(frame)))


def differ(a, b):
    """The p-value of one column's difference between two samples."""
    if a.nunique() <= 12:
        table = pd.concat([a.value_counts(), b.value_counts()], axis=1).fillna(0)
        return stats.chi2_contingency(table.to_numpy()).pvalue
    return stats.ks_2samp(a, b, method="asymp").pvalue


def calibration_p_value(y, p):
    """Do labels fit known probabilities? Chi-square on ten groups of rows like in p, equal in variance."""
    order = np.argsort(p, kind="stable")
    variance = (p * (1 - p))[order]
    group = np.minimum((10 * np.cumsum(variance) / variance.sum()).astype(int), 9)
    excess = np.bincount(group, weights=(y - p)[order])
    return stats.chi2.sf((excess**2 / np.bincount(group, weights=variance)).sum(), 10)


# ---- the table -------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [None, "data"])
def test_every_column_holds_what_the_world_says(kind):
    frame = world(0, kind).frame
    assert list(frame.columns) == [column.name for column in law.COLUMNS]
    assert not frame.isna().any(axis=None)
    for column in law.COLUMNS:
        cells = frame[column.name]
        if column.kind in ("number", "integer"):
            assert cells.dtype == ("int64" if column.kind == "integer" else "float64")
            assert cells.between(column.minimum, column.maximum).all()
            assert (cells == cells.round(6)).all()
        elif column.kind == "category":
            assert set(cells) == set(column.categories)
        elif column.kind == "boolean":
            assert cells.dtype == bool
        elif column.kind == "time":
            assert str(cells.dt.tz) == "UTC"
    assert frame["update_id"].is_unique


@settings(max_examples=20)
@given(n_samples=st.integers(1, 9_000), seed=st.integers(0, 2**40))
def test_a_list_is_one_member_at_one_moment_with_each_place_once(n_samples, seed):
    frame = make_news_feed(n_samples, random_state=seed).frame
    assert (frame["position"] == np.arange(n_samples) % 16 + 1).all()
    changed = (frame["session"] != frame["session"].shift()).to_numpy()
    assert (changed == (np.arange(n_samples) % 16 == 0)).all()
    assert frame["session"].nunique() == changed.sum()
    same = ["shown_at", "member_id", "days_away", "labelled_at"]
    assert (frame.groupby("session")[same].nunique() == 1).all(axis=None)


def test_a_member_is_the_same_one_in_every_list():
    for seed in SEEDS[:2]:
        frame = world(seed).frame
        lists = frame.groupby("member_id")["session"].nunique()
        assert (lists > 1).sum() > 50
        identity = ["trade", "region", "n_connections", "tenure_days"]
        assert (frame.groupby("member_id")[identity].nunique() == 1).all(axis=None)
        assert (frame.groupby(["member_id", "topic"])["clicks_on_topic"].nunique() == 1).all()


@pytest.mark.parametrize("days", [28, 0.5, 365])
def test_lists_come_in_order_evenly_and_labels_within_a_day(days):
    some = make_news_feed(8_000, days=days, random_state=1)
    lists = some.frame.drop_duplicates("session")
    assert some.frame["shown_at"].is_monotonic_increasing
    since = (lists["shown_at"] - pd.Timestamp("2024-01-01", tz="UTC")) / pd.Timedelta(days=days)
    assert np.abs(since - (np.arange(500) + 0.5) / 500).max() < 1 / 500
    delay = lists["labelled_at"] - lists["shown_at"]
    assert delay.min() >= pd.Timedelta(hours=1)
    assert delay.max() <= some.label_delay == pd.Timedelta(hours=24)
    assert stats.kstest(delay / pd.Timedelta(hours=1), "uniform", args=(1, 23)).pvalue > ALPHA


def test_a_column_seen_in_200_lists_doubled_holds_for_all():
    for seed in SEEDS:
        few = world(seed).frame.iloc[:3_200]
        for column in law.COLUMNS:
            if column.kind in ("number", "integer"):
                low, high = few[column.name].min(), few[column.name].max()
                assert 2 * high - low >= column.maximum


def test_place_and_what_follows_the_click_are_not_known_to_a_ranker():
    some = world()
    assert {name for name, when in some.known_at.items() if when != "creation"} == {
        "position", "clicked", "labelled_at",
    }  # fmt: skip
    schema = Schema.infer(some.frame, target=some.target)
    assert list(schema.features()) == FEATURES
    assert set(schema.features("reaction")) == {*FEATURES, "position"}
    assert some.units["age_hours"] == "hours"


@settings(max_examples=20)
@given(
    n_samples=st.integers(1, 9_000),
    batch=st.one_of(st.integers(30, 10_000), st.sampled_from([4095, 4096, 4097, 8192])),
    broken=st.booleans(),
)
def test_a_stream_of_any_batch_size_is_the_frame(n_samples, batch, broken):
    some = make_news_feed(n_samples, random_state=3, **(BROKEN if broken else {}))
    batches = list(some.stream(batch))
    pd.testing.assert_frame_equal(pd.concat(batches), some.frame, check_exact=True)
    assert all(len(part) == batch for part in batches[:-1])


STREAM = """
import resource, sys
from mlsd.datasets import make_news_feed
seen, peaks = 0, {}
for batch in make_news_feed(400_000).stream(10_000):
    seen += len(batch)
    peaks[seen] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
print(seen, peaks[seen] - peaks[50_000])
"""


def test_rows_stream_in_the_memory_of_some_blocks():
    answer = subprocess.run([sys.executable, "-c", STREAM], check=True, capture_output=True, text=True)
    seen, grown = map(int, answer.stdout.split())
    whole = 25 * world().frame.memory_usage(deep=True).sum()  # bytes of 400,000 rows
    assert seen == 400_000
    assert grown < whole / 20


def test_a_world_is_the_same_after_a_pickle_and_tells_its_story():
    some = make_news_feed(1_000, **BROKEN)
    again = pickle.loads(pickle.dumps(some))
    pd.testing.assert_frame_equal(again.frame, some.frame)
    assert np.array_equal(again.true_interest, some.true_interest)
    head = "World(1,000 updates over 28 days from 2024-01-01, target clicked)\n  fault duplicates from"
    assert repr(some).startswith(head)
    assert "craftspeople" in some.description


def test_worlds_of_other_seeds_and_blocks_are_others():
    frames = [world(seed).frame for seed in (0, 1)]
    assert (frames[0]["author_views"] == frames[1]["author_views"]).mean() < 0.05
    first, second = (frames[0].iloc[k * 4096 : (k + 1) * 4096]["author_views"] for k in (0, 1))
    assert (first.to_numpy() == second.to_numpy()).mean() < 0.05
    tenure = [frame.groupby("member_id")["tenure_days"].first() for frame in frames]
    first, second = tenure[0].align(tenure[1], join="inner")
    assert (first == second).mean() < 0.05
    assert len(first) > 50


# ---- the same on every machine ---------------------------------------------------------------------

EXPECTED = [
    "ebc154e1e243d42dcfe5afb80e81c6a3c9ff762fb9d33ed2c7dfb87bfe05c3b6",
    "788136f3f25dbe418c643c89688175c8b05dfe452ccc28adc8b5614ffd9d7f1d",
]


def digests():
    """The digests of a quiet and of a drifting world, true probabilities included."""
    drifts = [Drift("data", 0.3, strength=0.7), Drift("target", 0.5, strength=0.7), Drift("concept", 0.7)]
    for some in (make_news_feed(20_000), make_news_feed(12_000, random_state=7, drifts=drifts)):
        p = {"p": some.true_probability.round(6), "q": some.true_interest.round(6)}
        yield digest_frame(pd.concat([some.frame, pd.DataFrame(p)], axis=1))


def test_the_feed_is_the_same_on_every_machine():
    """The digests were noted once, under Linux on x86-64; a change of the law changes them."""
    assert list(digests()) == EXPECTED


class Shaken:
    """numpy as on another machine: the last bits of exp, log and powers come out otherwise."""

    def __init__(self):
        self.rng = np.random.default_rng(0)
        self.shaken = 0

    def __getattr__(self, name):
        if name not in ("exp", "log", "log1p", "power", "sqrt"):
            return getattr(np, name)
        return self.shake(getattr(np, name))

    def shake(self, function):
        def other(*arguments):
            exact = np.asarray(function(*arguments))
            self.shaken += exact.size
            return exact * (1 + self.rng.integers(-2, 3, exact.shape) * np.finfo(float).eps)

        return other


def test_last_bits_that_differ_between_machines_change_nothing(monkeypatch):
    from mlsd.datasets import spam_law

    feed._members.cache_clear()
    shaken = Shaken()
    for module in (law, spam_law, drift):
        monkeypatch.setattr(module, "np", shaken)
    monkeypatch.setattr(spam_law, "ndtri", shaken.shake(spam_law.ndtri))
    assert list(digests()) == EXPECTED
    assert shaken.shaken > 500_000


# ---- the law ---------------------------------------------------------------------------------------


@given(position=st.integers(1, law.PLACES - 1))
def test_attention_is_whole_at_the_top_and_falls(position):
    here, below = law.attention(np.array([position, position + 1]))
    assert 1 >= here > below > 0
    assert (here == 1) == (position == 1)


@pytest.mark.parametrize("kind", [None, "data", "concept"])
def test_a_click_takes_interest_and_a_look(kind):
    values = []
    for seed in SEEDS:
        some = world(seed, kind)
        turned = late(some) if kind == "concept" else np.zeros(N)
        interest = np.where(turned, interest_of(some.frame, 1.0), interest_of(some.frame))
        assert np.array_equal(some.true_interest, interest)
        seen = law.attention(some.frame["position"])
        assert np.array_equal(some.true_probability, np.round(seen * interest, 6))
        y = some.frame["clicked"].to_numpy()
        values += [
            calibration_p_value(y[part], some.true_probability[part]) for part in (late(some), ~late(some))
        ]
        at_top = seen == 1
        values.append(calibration_p_value(y[at_top], some.true_interest[at_top]))
    assert min(values) > ALPHA / len(values)


@pytest.mark.parametrize("shape", ["gradual", "recurring"])
def test_the_law_turns_as_the_drift_goes(shape):
    change = Drift("concept", start=0.25, end=0.75, shape=shape, strength=2)
    some = make_news_feed(N, drifts=[change])
    seconds = (some.frame["shown_at"] - pd.Timestamp("2024-01-01", tz="UTC")).dt.total_seconds().to_numpy()
    turned = drift.force(change, seconds.astype(int), 28 * 86_400)
    assert np.array_equal(some.true_interest, interest_of(some.frame, turned))
    assert set(some.truth["row_ids"][0]) == set(some.frame.loc[turned > 0, "update_id"])


def test_about_one_update_in_ten_is_clicked_and_the_share_falls_with_the_place():
    for seed in SEEDS:
        clicked = world(seed).frame.groupby("position")["clicked"].mean()
        assert 0.08 < clicked.mean() < 0.15
        assert clicked[1] > 2 * clicked[4] > 4 * clicked[16]


@settings(max_examples=20)
@given(seed=st.integers(0, 2**32))
def test_the_order_of_a_list_is_that_of_the_rankers_score(seed):
    rng = np.random.default_rng(seed)
    position = np.tile(np.arange(1, law.PLACES + 1), 250)
    z = law.latents(
        dict(zip(law.UPDATE, rng.random((len(law.UPDATE), len(position))), strict=True)), position
    )
    score = sum(weight * z[name] for name, weight in law.RANKER.items()).reshape(250, law.PLACES)
    assert (np.diff(score, axis=1) < 1e-3).all()
    assert sum(weight**2 for weight in law.RANKER.values()) == pytest.approx(1, abs=1e-4)


def test_over_all_places_together_an_updates_features_are_independent_normals():
    rng = np.random.default_rng(0)
    position = np.tile(np.arange(1, law.PLACES + 1), 2_000)
    z = law.latents(
        dict(zip(law.UPDATE, rng.random((len(law.UPDATE), len(position))), strict=True)), position
    )
    values = [stats.kstest(part, "norm").pvalue for part in z.values()]
    for a in z:
        values += [stats.spearmanr(z[a], z[b]).pvalue for b in z if b > a]
    assert min(values) > ALPHA / len(values)


def test_lists_are_independent_of_time_and_of_each_other():
    values = []
    for seed in SEEDS[:3]:
        top = world(seed).frame.query("position == 1")
        for name in (*FEATURES, "clicked"):
            codes = top[name].astype("category").cat.codes
            values.append(stats.spearmanr(codes, np.arange(len(codes))).pvalue)
            values.append(stats.spearmanr(codes[1:], codes[:-1]).pvalue)
    assert min(values) > ALPHA / len(values)


def test_authors_of_the_valleys_interest_as_much_and_were_shown_less():
    """Fairness: the same law and the same interest in both groups, and a worse place."""
    values = []
    for seed in SEEDS:
        some = world(seed)
        valleys = (some.frame["author_region"] == "valleys").to_numpy()
        assert 0.22 < valleys.mean() < 0.28
        moved = some.frame.assign(author_region="towns", author_views=1)
        assert np.array_equal(interest_of(moved), some.true_interest)  # neither is part of the law
        values.append(stats.ks_2samp(some.true_interest[valleys], some.true_interest[~valleys]).pvalue)
        groups = some.frame.groupby("author_region")[["position", "author_views", "clicked"]].mean()
        towns, valley = groups.loc["towns"], groups.loc["valleys"]
        assert valley["position"] > towns["position"] + 2
        assert valley["author_views"] < towns["author_views"] / 2
        assert valley["clicked"] < 0.75 * towns["clicked"]
    assert min(values) > ALPHA / len(values)


# ---- drifts: data, concept, target -----------------------------------------------------------------


@pytest.mark.parametrize("kind", drift.KINDS)
def test_rows_outside_the_span_and_what_is_given_are_bit_identical(kind):
    for seed in SEEDS[:2]:
        drifted, quiet = world(seed, kind), world(seed)
        before = ~late(drifted)
        pd.testing.assert_frame_equal(drifted.frame[before], quiet.frame[before], check_exact=True)
        for name in ("true_probability", "true_interest"):
            assert np.array_equal(getattr(drifted, name)[before], getattr(quiet, name)[before])
        given = [*GIVEN, "labelled_at"]
        pd.testing.assert_frame_equal(drifted.frame[given], quiet.frame[given], check_exact=True)


def test_data_drift_moves_age_format_and_topic_and_what_hangs_on_the_topic():
    moved = ["age_hours", "format", "topic"]
    for seed in SEEDS:
        drifted, quiet = world(seed, "data"), world(seed)
        now, before = drifted.frame[late(drifted)], quiet.frame[late(quiet)]
        assert all(differ(now[name], before[name]) < 1e-6 for name in moved)
        rest = [name for name in FEATURES if name not in (*moved, "clicks_on_topic")]
        pd.testing.assert_frame_equal(now[rest], before[rest], check_exact=True)
        same = (now["topic"] == before["topic"]).to_numpy()
        assert now["clicks_on_topic"][same].equals(before["clicks_on_topic"][same])


def test_concept_drift_moves_no_feature_by_a_bit():
    for seed in SEEDS:
        drifted, quiet = world(seed, "concept"), world(seed)
        pd.testing.assert_frame_equal(
            drifted.frame.drop(columns="clicked"), quiet.frame.drop(columns="clicked"), check_exact=True
        )
        assert (drifted.true_interest != quiet.true_interest)[late(quiet)].mean() > 0.99


def test_target_drift_divides_the_odds_and_keeps_the_updates_of_each_label():
    values = []
    for seed in SEEDS:
        drifted, quiet = world(seed, "target"), world(seed)
        now = late(drifted)
        interest = interest_of(drifted.frame[now])
        before = np.round(law.attention(drifted.frame["position"][now]) * interest, 6)
        for p, q in ((before, drifted.true_probability[now]), (interest, drifted.true_interest[now])):
            assert np.allclose(q / (1 - q), p / (1 - p) / drift.KEPT, rtol=1e-9)
        y = drifted.frame["clicked"].to_numpy()
        values.append(calibration_p_value(y[now], drifted.true_probability[now]))
        for place in (1, 2, 5):
            old, new = (
                some.frame[late(some) & (some.frame["position"] == place)] for some in (quiet, drifted)
            )
            for label in (False, True):
                values += [
                    differ(old.loc[old["clicked"] == label, name], new.loc[new["clicked"] == label, name])
                    for name in FEATURES
                ]
    assert min(values) > ALPHA / len(values)


# ---- faults and truth ------------------------------------------------------------------------------


def test_the_truth_names_the_rows_and_stands_row_by_row():
    some = make_news_feed(8_000, **BROKEN)
    frame, truth = some.frame, some.truth.set_index("kind")
    assert len(frame) == 8_000 + truth.loc["duplicates", "n_rows"] == len(some.true_interest)
    assert set(frame.loc[frame["position"].isna(), "update_id"]) == set(truth.loc["nulls", "row_ids"])
    renamed = frame["author_region"].str.isupper()
    assert set(frame.loc[renamed, "update_id"]) == set(truth.loc["category_rename", "row_ids"])
    copies = frame["update_id"].duplicated().to_numpy()
    first = np.flatnonzero(copies) - 1
    assert np.array_equal(some.true_interest[copies], some.true_interest[first])
    assert (some.true_interest >= some.true_probability).all()
    with pytest.raises(ValueError, match="read-only"):
        some.true_interest[0] = 0.5


ONE_OF_EACH = [
    Fault("nulls", "format"),
    Fault("out_of_range", "days_away"),
    Fault("unit_change", "tenure_days"),
    Fault("category_rename", "author_region"),
    Fault("type_change", "age_hours"),
    Fault("swapped_columns", "clicks_on_topic", other="clicks_on_author"),
    Fault("stuck", "author_views"),
    Fault("clock_skew", "shown_at"),
    Fault("leak", "position"),
    Fault("serving_skew", "author_click_rate"),
]


def test_faults_hit_the_rows_that_the_truth_names_and_no_other():
    sound, broken = make_news_feed(8_000), make_news_feed(8_000, faults=ONE_OF_EACH)
    assert {fault.kind for fault in ONE_OF_EACH} == set(SUITS) - {"duplicates"}
    for row in broken.truth.itertuples():
        changed = broken.frame[row.column].astype(object).ne(sound.frame[row.column].astype(object))
        if isinstance(row.other, str):
            changed |= broken.frame[row.other].ne(sound.frame[row.other])
        assert set(sound.frame.loc[changed, "update_id"]) == set(row.row_ids)
        assert row.n_rows > 0


# ---- how hard it is to rank ------------------------------------------------------------------------


def as_numbers(frame, names):
    """Features as float64, (n, k); categories as positions."""
    return np.column_stack([
        pd.Categorical(frame[name], categories=CATEGORIES[name]).codes if name in CATEGORIES else frame[name]
        for name in names
    ]).astype("float64")  # fmt: skip


def learn(frame, names):
    """LightGBM on clicks, row by row."""
    import lightgbm

    settings = {
        "objective": "binary", "learning_rate": 0.1, "num_leaves": 15, "min_data_in_leaf": 40,
        "lambda_l2": 1.0, "num_threads": 1, "deterministic": True, "force_row_wise": True, "verbose": -1,
    }  # fmt: skip
    categories = [names.index(name) for name in names if name in CATEGORIES]
    x, y = as_numbers(frame, names), frame["clicked"].to_numpy("float64")
    return lightgbm.train(settings, lightgbm.Dataset(x, y, categorical_feature=categories), 100)


def ndcg(some, rows, scores):
    """NDCG@10 of scores for some rows, whole lists; the gain is the true interest."""
    gain = some.true_interest[rows].reshape(-1, law.PLACES)
    return ndcg_score(gain, np.asarray(scores, dtype="float64").reshape(-1, law.PLACES), k=10)


def rank(some, train, test):
    """Scores of trees that do not know the place, and of trees that do, asked about the first one."""
    frame, with_place = some.frame, [*FEATURES, "position"]
    naive = learn(frame[train], FEATURES).predict(as_numbers(frame[test], FEATURES))
    at_top = frame[test].assign(position=1)
    aware = learn(frame[train], with_place).predict(as_numbers(at_top, with_place))
    return naive, aware


TRAIN, TEST = slice(0, 11_200), slice(11_200, N)


@functools.cache
def ranked(seed):
    return rank(world(seed), TRAIN, TEST)


def test_trees_beat_recency_and_popularity_and_those_that_know_the_place_come_near_the_ceiling():
    for seed in SEEDS:
        some = world(seed)
        rows = some.frame[TEST]
        chance = ndcg(some, TEST, np.random.default_rng(seed).random(len(rows)))
        recency, popularity = ndcg(some, TEST, -rows["age_hours"]), ndcg(some, TEST, rows["author_views"])
        naive, aware = (ndcg(some, TEST, scores) for scores in ranked(seed))
        assert 0.58 < chance < 0.64
        assert chance + 0.04 < min(recency, popularity)
        assert max(recency, popularity) < 0.76
        assert max(recency, popularity) + 0.13 < naive
        assert naive + 0.03 < aware < 0.99
        assert ndcg(some, TEST, some.true_interest[TEST]) == pytest.approx(1)


def test_clicks_learnt_without_the_place_keep_authors_of_the_valleys_down():
    for seed in SEEDS:
        some = world(seed)
        valleys = (some.frame["author_region"][TEST] == "valleys").to_numpy().reshape(-1, law.PLACES)

        def on_top(scores, valleys=valleys):
            first = np.argsort(-scores.reshape(-1, law.PLACES), axis=1)[:, :3]
            return np.take_along_axis(valleys, first, axis=1).mean() / valleys.mean()

        naive, aware = map(on_top, ranked(seed))
        assert naive < 0.65 < 0.75 < aware
        assert 0.8 < on_top(some.true_interest[TEST]) < 1.2


def test_after_a_concept_drift_an_old_ranker_is_little_better_than_chance():
    some = world(1, "concept")
    fresh, test = slice(N // 2, 12_800), slice(12_800, N)
    chance = ndcg(some, test, np.random.default_rng(0).random(N - 12_800))
    old, new = (ndcg(some, test, rank(some, train, test)[1]) for train in (slice(0, 4_800), fresh))
    assert old < chance + 0.1 < old + 0.15 < new


# ---- refused ---------------------------------------------------------------------------------------


def test_a_feed_without_reactions_says_so():
    for name in ("true_probability_reactive", "true_mean_reactive"):
        with pytest.raises(RefusedError, match=r"^the feed has no reactions; ask for true_probability or"):
            getattr(make_news_feed(10), name)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"n_samples": 0}, "n_samples is 0; expected a whole number, 1 or more"),
        ({"random_state": -1}, "random_state is -1; expected a whole number, 0 or more"),
        ({"days": 0}, "days is 0; expected a number from 0.01 to 36500"),
        ({"faults": None}, "faults is None; expected a list: faults=[Fault(...)]"),
        ({"faults": [Fault("nulls", "positio")]},
         "the fault nulls has column 'positio'; expected one of position, trade"),
        ({"faults": [Fault("nulls", "clicked")]}, "the fault nulls "),
        ({"drifts": "concept"}, "drifts is 'concept'; expected a list: drifts=[Drift(...)]"),
        ({"drifts": [Drift("data"), Drift("data", 0.9)]},
         "drifts[1] meets an earlier drift on the data law at the same time"),
    ],
)  # fmt: skip
def test_a_feed_that_cannot_be_is_refused_in_one_sentence(arguments, sentence):
    with pytest.raises(RefusedError) as refused:
        make_news_feed(**{"n_samples": 10, **arguments})
    assert str(refused.value).startswith(sentence)
    assert "\n" not in str(refused.value)
