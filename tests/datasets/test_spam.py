"""The spam world: its table, the same on every machine, and how hard it is to learn."""

import functools

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from mlsd.datasets import Drift, Fault, drift, make_spam_posts
from mlsd.datasets import spam_law as law
from mlsd.digest import digest_frame
from mlsd.metrics import score
from mlsd.report import RefusedError

FEATURES = [c.name for c in law.COLUMNS if c.known_at == "creation" and c.kind not in ("text", "time")]


@functools.cache
def quiet(seed=0, n=20_000):
    return make_spam_posts(n, random_state=seed)


# ---- the table -------------------------------------------------------------------------------------


def test_every_column_holds_what_the_world_says():
    frame = quiet().frame
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
    assert frame["post_id"].is_unique
    for reaction in ("likes_1h", "comments_1h", "reports_1h"):
        assert (frame[reaction] <= frame["views_1h"]).all()


def test_columns_differ_in_shape_as_real_ones_do():
    frame = quiet().frame
    assert stats.skew(frame["account_age_days"]) > 1.5  # heavy-tailed, capped
    assert stats.skew(frame["n_connections"]) > 1.5
    assert 0.57 < (frame["n_links"] == 0).mean() < 0.63  # zero-inflated
    assert 0.15 < (frame["profile_complete"] == 1).mean() < 0.25  # an atom
    assert frame["topic"].nunique() == 6


def test_a_bound_seen_in_few_rows_doubled_holds_for_all():
    """So a schema inferred from 3,200 rows, with one span of slack, rejects no sound row."""
    for seed in range(5):
        few = quiet(seed).frame.iloc[:3_200]
        for column in law.COLUMNS:
            if column.kind in ("number", "integer"):
                low, high = few[column.name].min(), few[column.name].max()
                assert high + (high - low) >= column.maximum - 1e-9 or column.name == "caps_share"
            elif column.kind == "category":
                assert set(few[column.name]) == set(column.categories)
        assert few["caps_share"].max() > 0.5  # shares reach 0.8


@pytest.mark.parametrize("days", [28, 0.5, 365])
def test_posts_come_in_order_evenly_and_labels_within_two_days(days):
    world = make_spam_posts(5_000, days=days, random_state=1)
    posted, labelled = world.frame["posted_at"], world.frame["labelled_at"]
    assert posted.is_monotonic_increasing
    since = (posted - pd.Timestamp("2024-01-01", tz="UTC")) / pd.Timedelta(days=days)
    assert since.between(0, 1, inclusive="left").all()
    assert np.abs(since - (np.arange(5_000) + 0.5) / 5_000).max() < 1 / 5_000
    delay = labelled - posted
    assert delay.min() >= pd.Timedelta(hours=1)
    assert delay.max() <= world.label_delay == pd.Timedelta(hours=48)
    hours = delay / pd.Timedelta(hours=1)
    assert stats.kstest(hours, "uniform", args=(1, 47)).pvalue > 0.001


def test_rows_are_independent_of_time_and_of_each_other():
    values = []
    for seed in range(3):
        frame = quiet(seed).frame
        for name in (*FEATURES, "is_spam"):
            codes = frame[name].astype("category").cat.codes
            values.append(stats.spearmanr(codes, np.arange(len(codes))).pvalue)
            values.append(stats.spearmanr(codes[1:], codes[:-1]).pvalue)
    assert min(values) > 0.001 / len(values)


def test_worlds_of_other_seeds_and_blocks_are_others():
    frames = [quiet(seed).frame for seed in (0, 1)]
    assert (frames[0]["account_age_days"] == frames[1]["account_age_days"]).mean() < 0.05
    first, second = (frames[0].iloc[k * 4096 : (k + 1) * 4096]["account_age_days"] for k in (0, 1))
    assert (first.to_numpy() == second.to_numpy()).mean() < 0.05


# ---- the same on every machine ---------------------------------------------------------------------

EXPECTED = [
    "3818740079260bb9adb8dc4660882961d1199815a6904d1631d9effda4b2c050",
    "89cdf37a7ba5bba6da285274fb28168d77c0c7294c4664c62b7d88bcb27ea327",
]


def digests():
    """The digests of a quiet and of a drifting world, true probabilities included."""
    drifts = [Drift("data", 0.3, strength=0.7), Drift("target", 0.5, strength=0.7), Drift("concept", 0.7)]
    for world in (make_spam_posts(20_000), make_spam_posts(12_000, random_state=7, drifts=drifts)):
        p = {"p": world.true_probability.round(6), "q": world.true_probability_reactive.round(6)}
        yield digest_frame(pd.concat([world.frame, pd.DataFrame(p)], axis=1))


def test_the_world_is_the_same_on_every_machine():
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
    shaken = Shaken()
    for module in (law, drift):
        monkeypatch.setattr(module, "np", shaken)
    for name in ("ndtr", "ndtri"):
        monkeypatch.setattr(law, name, shaken.shake(getattr(law, name)))
    assert list(digests()) == EXPECTED
    assert shaken.shaken > 500_000


# ---- how hard it is --------------------------------------------------------------------------------


def test_spam_is_the_smaller_part_and_the_ceiling_is_high_but_not_perfect():
    world = quiet(n=60_000)
    y, p = world.frame["is_spam"].to_numpy(), world.true_probability
    assert 0.12 < y.mean() < 0.2
    assert 0.88 < score("roc_auc", y, p) < 0.92
    assert score("log_loss", y, p) < score("log_loss", y, np.full(len(y), y.mean())) - 0.1
    assert score("roc_auc", y, world.true_probability_reactive) > 0.95


def as_numbers(frame):
    """Creation features as float64, (n, 12); categories as positions."""
    categories = {c.name: c.categories for c in law.COLUMNS if c.kind == "category"}
    return np.column_stack([
        pd.Categorical(frame[name], categories=categories[name]).codes if name in categories else frame[name]
        for name in FEATURES
    ]).astype("float64")  # fmt: skip


def learn(world, rows, n_trees=150, **parameters):
    """LightGBM on some rows; returns its predictions for all."""
    import lightgbm

    x, y = as_numbers(world.frame), world.frame["is_spam"].to_numpy(dtype="float64")
    settings = {
        "objective": "binary", "learning_rate": 0.05, "num_leaves": 15, "min_data_in_leaf": 30,
        "lambda_l2": 1.0, "num_threads": 1, "deterministic": True, "force_row_wise": True, "verbose": -1,
    }  # fmt: skip
    names = [FEATURES.index(c.name) for c in law.COLUMNS if c.kind == "category"]
    data = lightgbm.Dataset(x[rows], y[rows], categorical_feature=names)
    return lightgbm.train({**settings, **parameters}, data, n_trees).predict(x)


def losses(y, p):
    return np.where(y, -np.log(p), -np.log1p(-p))


def test_a_small_model_beats_a_constant_and_the_best_single_question():
    for seed in range(6):
        world = make_spam_posts(4_000, random_state=seed)
        y, train, test = world.frame["is_spam"].to_numpy(), slice(0, 3_200), slice(3_200, None)
        model = losses(y, learn(world, train, num_leaves=8))[test]
        stump = losses(y, learn(world, train, n_trees=1, num_leaves=2, learning_rate=1.0))[test]
        constant = losses(y, np.full(len(y), y[train].mean()))[test]
        for other in (constant, stump):
            gain = other - model
            assert gain.mean() > 4 * gain.std() / np.sqrt(len(gain))


LIMITS = {  # by kind of drift: what the old model loses at least and at most to the ceiling, in log loss
    "data": (0.0, 0.02),
    "target": (0.12, 0.3),
    "concept": (0.25, 0.6),
}


@pytest.mark.parametrize("kind", LIMITS)
def test_a_drift_harms_as_it_should_and_a_new_model_regains_what_was_lost(kind):
    world = make_spam_posts(44_000, random_state=1, drifts=[Drift(kind, start=0.5)])
    y, p = world.frame["is_spam"].to_numpy(), world.true_probability
    before, fresh, test = slice(0, 12_000), slice(22_000, 34_000), slice(34_000, None)
    old, new = learn(world, before), learn(world, fresh)
    lost = (losses(y, old) - losses(y, p))[test].mean()
    low, high = LIMITS[kind]
    assert low < lost < high
    early = slice(12_000, 22_000)
    assert (losses(y, old) - losses(y, p))[early].mean() < 0.02  # close to the ceiling before the drift
    if kind == "data":
        assert abs((p - old)[test].mean()) < 0.01  # still calibrated, though P(x) moved
    else:
        regained = (losses(y, old) - losses(y, new))[test].mean() / lost
        assert regained > 0.88


# ---- refused ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"n_samples": 0}, "n_samples is 0; expected a whole number, 1 or more"),
        ({"n_samples": 1e4}, "n_samples is 10000.0; expected a whole number, 1 or more"),
        ({"n_samples": "many"}, "n_samples is 'many'; expected a whole number, 1 or more"),
        ({"random_state": -1}, "random_state is -1; expected a whole number, 0 or more"),
        ({"random_state": None}, "random_state is None; expected a whole number, 0 or more"),
        ({"days": 0}, "days is 0; expected a number from 0.01 to 36500"),
        ({"days": float("inf")}, "days is inf; expected a number from 0.01 to 36500"),
        ({"faults": None}, r"faults is None; expected a list: faults=[Fault(...)]"),
        ({"faults": Fault("duplicates")}, "faults is Fault(duplicates, 0.5 to 1, 10 % of the rows); expected a list"),
        ({"faults": ["nulls"]}, "faults[0] is 'nulls'; expected a Fault"),
        ({"faults": [Drift("data")]}, "faults[0] is Drift(data, 0.6 to 1, strength 1); expected a Fault"),
        ({"drifts": "concept"}, "drifts is 'concept'; expected a list: drifts=[Drift(...)]"),
        ({"drifts": [Drift("data"), Drift("data", 0.9)]},
         "drifts[1] meets an earlier drift on the data law at the same time; give each a span of its own"),
        ({"faults": [Fault("nulls", "n_links"), Fault("unit_change", "n_links")]},
         "faults[1] meets an earlier fault on the column n_links at the same time"),
        ({"faults": [Fault("duplicates"), Fault("duplicates")]},
         "faults[1] meets an earlier fault on the rows at the same time"),
    ],
)  # fmt: skip
def test_a_world_that_cannot_be_is_refused_in_one_sentence(arguments, sentence):
    with pytest.raises(RefusedError) as refused:
        make_spam_posts(**{"n_samples": 10, **arguments})
    assert str(refused.value).startswith(sentence)
    assert "\n" not in str(refused.value)
