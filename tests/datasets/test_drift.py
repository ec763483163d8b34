"""Each kind of drift does what its definition says, and nothing else.

Statistical limits: each family of tests is judged at 99.9 %, shared out over its members (Bonferroni).
"""

import functools

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from mlsd.datasets import Drift, make_spam_posts
from mlsd.datasets import spam_law as law
from mlsd.report import RefusedError

N = 16_000
SEEDS = range(5)
KINDS = ("data", "target", "concept")
CREATION = [
    c.name for c in law.COLUMNS if c.known_at == "creation" and c.kind not in ("text", "time")
]  # fmt: skip
REACTIONS = [c.name for c in law.COLUMNS if c.known_at == "reaction"]
ALPHA = 0.001


@functools.cache
def world(seed, kind=None, strength=1.0, start=0.5, end=1.0):
    drifts = [Drift(kind, start=start, end=end, strength=strength)] if kind else []
    return make_spam_posts(N, random_state=seed, drifts=drifts)


def inside(some, start=0.5, end=1.0):
    """Which rows lie in the span, from their times alone."""
    since = (some.frame["posted_at"] - pd.Timestamp("2024-01-01", tz="UTC")) / pd.Timedelta(days=28)
    return ((since >= start) & (since < end)).to_numpy()


def law_of(frame, turned=0.0):
    """p(x), computed anew from the table alone."""
    x = {name: frame[name].to_numpy() for name in CREATION}
    for column in law.COLUMNS:
        if column.kind == "category":
            x[column.name] = pd.Categorical(frame[column.name], categories=column.categories).codes
    return law.probability(x, np.broadcast_to(turned, len(frame)))


def logit(p):
    return np.log(p) - np.log1p(-p)


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


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("span", [(0.5, 1.0), (0.25, 0.6)])
def test_rows_outside_the_span_are_bit_identical(kind, span):
    for seed in SEEDS[:2]:
        drifted, quiet = world(seed, kind, 1.0, *span), world(seed)
        outside = ~inside(drifted, *span)
        pd.testing.assert_frame_equal(drifted.frame[outside], quiet.frame[outside], check_exact=True)
        for name in ("true_probability", "true_probability_reactive"):
            assert np.array_equal(getattr(drifted, name)[outside], getattr(quiet, name)[outside])
        always = ["post_id", "posted_at", "labelled_at"]
        pd.testing.assert_frame_equal(drifted.frame[always], quiet.frame[always], check_exact=True)


@pytest.mark.parametrize("kind", [None, *KINDS])
def test_labels_follow_the_true_probabilities_and_reactions_tell_more(kind):
    values = []
    for seed in SEEDS:
        some = world(seed, kind)
        y = some.frame["is_spam"].to_numpy()
        for part in (inside(some), ~inside(some)):
            for p in (some.true_probability, some.true_probability_reactive):
                values.append(calibration_p_value(y[part], p[part]))
        loss = [np.where(y, -np.log(p), -np.log1p(-p)).mean() for p in
                (some.true_probability, some.true_probability_reactive)]  # fmt: skip
        assert loss[1] < loss[0] - 0.05
    assert min(values) > ALPHA / len(values)


# ---- data: P(x) moves, P(y|x) stays ---------------------------------------------------------------


def test_data_drift_moves_three_creation_columns_and_no_other():
    moved = ["n_words", "topic", "account_age_days"]
    for seed in SEEDS:
        drifted, quiet = world(seed, "data"), world(seed)
        now, before = drifted.frame[inside(drifted)], quiet.frame[inside(quiet)]
        assert all(differ(now[name], before[name]) < 1e-6 for name in moved)
        rest = [name for name in CREATION if name not in moved]
        pd.testing.assert_frame_equal(now[rest], before[rest], check_exact=True)


def test_data_drift_moves_each_of_them_by_a_tenth_of_the_rows_or_more():
    drifted = world(0, "data")
    now, before = drifted.frame[inside(drifted)], drifted.frame[~inside(drifted)]
    edges = {
        name: np.quantile(before[name], np.linspace(0, 1, 11)[1:-1])
        for name in ("n_words", "account_age_days")
    }
    cells = [(np.searchsorted(e, now[n]), np.searchsorted(e, before[n])) for n, e in edges.items()]
    for a, b in [*cells, (now["topic"], before["topic"])]:
        shares = pd.concat([pd.Series(s).value_counts(normalize=True) for s in (a, b)], axis=1).fillna(0)
        assert (shares.iloc[:, 0] - shares.iloc[:, 1]).abs().sum() / 2 > 0.1  # total variation


@pytest.mark.parametrize("strength", [0.5, 1.0, 3.0])
def test_data_drift_keeps_the_law_of_the_label(strength):
    for seed in SEEDS[:3]:
        drifted, quiet = world(seed, "data", strength), world(seed)
        p, p_before = drifted.true_probability, quiet.true_probability
        assert np.array_equal(p, law_of(drifted.frame))  # the same function of x, to the last bit
        assert_the_same_hidden_verdict(drifted, quiet)
        assert not np.array_equal(p, p_before)


def assert_the_same_hidden_verdict(one, other):
    """With one U per row, y can only change in the direction in which p changes."""
    y, p = one.frame["is_spam"].to_numpy(), one.true_probability
    z, q = other.frame["is_spam"].to_numpy(), other.true_probability
    assert not (y & ~z & (p <= q)).any()
    assert not (~y & z & (p >= q)).any()


@pytest.mark.parametrize("kind", KINDS)
def test_drift_stays_inside_the_bounds_of_every_column(kind):
    frame = world(0, kind, 3.0).frame
    for column in law.COLUMNS:
        if column.kind in ("number", "integer"):
            assert frame[column.name].between(column.minimum, column.maximum).all()
        elif column.kind == "category":
            assert set(frame[column.name]) == set(column.categories)
    assert not frame.isna().any(axis=None)


# ---- target: P(y) moves, P(x|y) stays --------------------------------------------------------------


@pytest.mark.parametrize(("strength", "kept"), [(0.5, 0.447214), (1.0, 0.2), (2.0, 0.04)])
def test_target_drift_moves_the_log_odds_by_one_constant(strength, kept):
    drifted = world(0, "target", strength)
    now = inside(drifted)
    offset = logit(drifted.true_probability) - logit(law_of(drifted.frame))
    assert np.abs(offset[now] + np.log(kept)).max() < 1e-9
    assert np.abs(offset[~now]).max() < 1e-9


def test_target_drift_moves_the_share_of_spam():
    for seed in SEEDS:
        drifted = world(seed, "target")
        y, now = drifted.frame["is_spam"].to_numpy(), inside(drifted)
        share = y[~now].mean()
        expected = share / (share + 0.2 * (1 - share))
        slope = 0.2 / (share + 0.2 * (1 - share)) ** 2  # d expected / d share
        error = np.hypot(slope * y[~now].std() / (~now).sum() ** 0.5, y[now].std() / now.sum() ** 0.5)
        assert abs(y[now].mean() - expected) < 3.9 * error  # 99.9 % over five seeds
        assert y[now].mean() > 2.5 * share


def test_target_drift_keeps_every_column_within_each_class():
    values, moved = [], []
    for seed in SEEDS:
        drifted = world(seed, "target")
        frame = drifted.frame.assign(law=law_of(drifted.frame))
        now = inside(drifted)
        for name in [*CREATION, *REACTIONS, "law"]:  # `law` joins all creation columns
            moved.append(differ(frame.loc[now, name], frame.loc[~now, name]))
            for spam in (True, False):
                same = (frame["is_spam"] == spam).to_numpy()
                values.append(differ(frame.loc[now & same, name], frame.loc[~now & same, name]))
    assert min(values) > ALPHA / len(values)
    assert np.median(moved) < 1e-6  # while taken together they do move


def test_target_drift_draws_only_rejected_negatives_again():
    for seed in SEEDS[:3]:
        drifted, quiet = world(seed, "target"), world(seed)
        spam = quiet.frame["is_spam"].to_numpy()
        pd.testing.assert_frame_equal(drifted.frame[spam], quiet.frame[spam], check_exact=True)
        negatives = inside(quiet) & ~spam
        same = (drifted.frame[CREATION] == quiet.frame[CREATION]).all(axis=1).to_numpy()
        n = int(negatives.sum())
        assert stats.binomtest(int(same[negatives].sum()), n, 0.2).pvalue > ALPHA / 3


# ---- concept: P(y|x) moves, P(x) stays -------------------------------------------------------------


@pytest.mark.parametrize("strength", [0.5, 1.0, 3.0])
def test_concept_drift_moves_no_feature_by_a_bit(strength):
    for seed in SEEDS[:3]:
        drifted, quiet = world(seed, "concept", strength), world(seed)
        features = [name for name in quiet.frame if name != "is_spam"]
        pd.testing.assert_frame_equal(drifted.frame[features], quiet.frame[features], check_exact=True)


def test_concept_drift_gives_the_label_another_law():
    for seed in SEEDS:
        drifted, quiet = world(seed, "concept"), world(seed)
        now = inside(drifted)
        assert np.array_equal(drifted.true_probability[now], law_of(drifted.frame, 1.0)[now])
        assert_the_same_hidden_verdict(drifted, quiet)
        y = drifted.frame["is_spam"].to_numpy()[now]
        assert calibration_p_value(y, quiet.true_probability[now]) < 1e-12  # the old law is refuted
        assert stats.spearmanr(drifted.true_probability[now], quiet.true_probability[now]).statistic < 0.3


# ---- gradual and recurring: the same laws at every strength in between ------------------------------

SHAPES = ("gradual", "recurring")
SPAN = (0.2, 0.9)


@functools.cache
def shaped(seed, kind, shape):
    return make_spam_posts(N, random_state=seed, drifts=[Drift(kind, *SPAN, shape, 2.0)])


def strength_of(some, shape):
    """How strong a drift of strength 2 over `SPAN` is at each row, from the row's time alone."""
    since = (some.frame["posted_at"] - pd.Timestamp("2024-01-01", tz="UTC")) / pd.Timedelta(days=28)
    way = ((since - SPAN[0]) / (SPAN[1] - SPAN[0])).to_numpy()
    on = way if shape == "gradual" else np.isin(np.floor(way * 5), [0, 2, 4])
    return np.where((way >= 0) & (way < 1), 2.0 * on, 0.0)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("kind", KINDS)
def test_a_shaped_drift_touches_its_rows_and_no_other(kind, shape):
    drifted, quiet = shaped(0, kind, shape), world(0)
    at_work = strength_of(drifted, shape) > 0
    assert drifted.truth["row_ids"][0] == tuple(drifted.frame.loc[at_work, "post_id"])
    pd.testing.assert_frame_equal(drifted.frame[~at_work], quiet.frame[~at_work], check_exact=True)
    assert np.array_equal(drifted.true_probability[~at_work], quiet.true_probability[~at_work])
    assert np.mean(drifted.true_probability[at_work] != quiet.true_probability[at_work]) > 0.2


@pytest.mark.parametrize("shape", SHAPES)
def test_a_shaped_data_drift_moves_x_and_keeps_the_law_of_the_label_everywhere(shape):
    for seed in SEEDS[:3]:
        drifted, quiet = shaped(seed, "data", shape), world(seed)
        assert np.array_equal(drifted.true_probability, law_of(drifted.frame))
        assert_the_same_hidden_verdict(drifted, quiet)
        strength = strength_of(drifted, shape)
        early, late = (strength > 0) & (strength < 0.5), strength > 1.5
        for name in ("n_words", "account_age_days"):
            assert differ(drifted.frame.loc[late, name], quiet.frame.loc[late, name]) < 1e-6
        shift = (quiet.frame["account_age_days"] - drifted.frame["account_age_days"]).to_numpy()
        assert shape == "recurring" or 0 < shift[early].mean() < shift[late].mean() / 3


@pytest.mark.parametrize("shape", SHAPES)
def test_a_shaped_target_drift_moves_the_log_odds_by_what_its_strength_says(shape):
    drifted = shaped(0, "target", shape)
    offset = logit(drifted.true_probability) - logit(law_of(drifted.frame))
    expected = -strength_of(drifted, shape) * np.log(0.2)
    assert np.abs(offset - expected).max() < 2e-4  # a second of the clock, six decimals of a


@pytest.mark.parametrize("shape", SHAPES)
def test_a_shaped_target_drift_keeps_every_column_within_each_class(shape):
    values = []
    for seed in SEEDS[:3]:
        drifted, quiet = shaped(seed, "target", shape), world(seed)
        strength = strength_of(drifted, shape)
        frame = drifted.frame.assign(law=law_of(drifted.frame))
        now = {"some": (strength > 0) & (strength < 1), "much": strength >= 1}
        for part in (rows for rows in now.values() if rows.any()):
            for name in [*CREATION, *REACTIONS, "law"]:
                for spam in (True, False):
                    same = (frame["is_spam"] == spam).to_numpy()
                    values.append(
                        differ(frame.loc[part & same, name], frame.loc[(strength == 0) & same, name])
                    )
            share = drifted.frame.loc[part, "is_spam"].mean(), quiet.frame.loc[part, "is_spam"].mean()
            assert share[0] > 1.3 * share[1]
    assert min(values) > ALPHA / len(values)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_shaped_concept_drift_moves_no_feature_and_turns_the_law_as_far_as_its_strength(shape):
    for seed in SEEDS[:2]:
        drifted, quiet = shaped(seed, "concept", shape), world(seed)
        features = [name for name in quiet.frame if name != "is_spam"]
        pd.testing.assert_frame_equal(drifted.frame[features], quiet.frame[features], check_exact=True)
        strength = strength_of(drifted, shape)
        assert np.abs(drifted.true_probability - law_of(drifted.frame, strength)).max() < 1e-4
        assert_the_same_hidden_verdict(drifted, quiet)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("kind", KINDS)
def test_labels_follow_the_law_of_every_strength(kind, shape):
    some = shaped(1, kind, shape)
    y, p, strength = some.frame["is_spam"].to_numpy(), some.true_probability, strength_of(some, shape)
    parts = [strength == 0, (strength > 0) & (strength < 1), strength >= 1]
    values = [calibration_p_value(y[part], p[part]) for part in parts if part.sum() > 500]
    assert min(values) > ALPHA / len(values) / 6


# ---- together, and refused -------------------------------------------------------------------------


def test_drifts_of_different_kinds_act_together():
    drifts = [Drift("data", start=0.5), Drift("concept", start=0.5), Drift("target", start=0.5)]
    some = make_spam_posts(N, drifts=drifts)
    now = inside(some)
    offset = logit(some.true_probability) - logit(law_of(some.frame, 1.0))
    assert np.abs(offset[now] - np.log(5)).max() < 1e-9
    assert calibration_p_value(some.frame["is_spam"].to_numpy()[now], some.true_probability[now]) > ALPHA
    assert some.frame.loc[now, "topic"].eq("portfolio").mean() > 0.22  # 0.20 before


def test_a_drift_may_come_twice():
    some = make_spam_posts(N, drifts=[Drift("concept", 0.2, 0.4), Drift("concept", 0.6, 0.8, strength=0.5)])
    again, half = inside(some, 0.2, 0.4), inside(some, 0.6, 0.8)
    expected = np.select(
        [again, half], [law_of(some.frame, 1.0), law_of(some.frame, 0.5)], law_of(some.frame)
    )
    assert np.array_equal(some.true_probability, expected)


def test_a_gradual_drift_may_lead_into_an_abrupt_one():
    some = make_spam_posts(N, drifts=[Drift("concept", 0.2, 0.5, "gradual"), Drift("concept", 0.5, 1.0)])
    now = inside(some)
    assert np.array_equal(some.true_probability[now], law_of(some.frame, 1.0)[now])
    assert repr(some).splitlines()[1] == (
        "  drift concept from 2024-01-06 14:24 until 2024-01-15 00:00, gradual, strength 1"
    )


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"kind": "label"}, "a drift has kind 'label'; expected one of data, target, concept"),
        ({"kind": "consept"}, "a drift has kind 'consept'; .*: did you mean 'concept'?"),
        ({"kind": None}, "a drift has kind None; expected one of"),
        ({"shape": "slow"}, "the data drift has shape 'slow'; expected one of abrupt, gradual, recurring"),
        ({"shape": "gradually"}, "the data drift has shape 'gradually'; .*: did you mean 'gradual'?"),
        ({"start": -0.1}, "the data drift has start -0.1; expected a number from 0 to 1"),
        ({"start": 0.5, "end": 0.5}, "the data drift starts at 0.5 and ends at 0.5; expected 0 <= start < end <= 1"),
        ({"end": 28}, "the data drift has end 28; expected a number from 0 to 1"),
        ({"start": "2024-01-10"}, "the data drift has start '2024-01-10'; expected a number"),
        ({"start": True}, "the data drift has start True; expected a number"),
        ({"strength": 0}, "the data drift has strength 0; expected a number above 0 and at most 3"),
        ({"strength": float("nan")}, "the data drift has strength nan; expected a number above 0"),
        ({"strength": 3.1}, "the data drift has strength 3.1; expected a number above 0 and at most 3"),
    ],
)  # fmt: skip
def test_a_drift_that_is_none_is_refused_in_one_sentence(arguments, sentence):
    with pytest.raises(RefusedError, match=f"^{sentence}".replace("?", r"\?")) as refused:
        Drift(**{"kind": "data", **arguments})
    assert "\n" not in str(refused.value)
