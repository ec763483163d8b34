"""detect_leakage: each leak planted and found, and as many clean tables left alone, over 100 random states."""

import time
import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_iris, load_wine
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    MaxAbsScaler,
    MinMaxScaler,
    OneHotEncoder,
    RobustScaler,
    StandardScaler,
    TargetEncoder,
)

from mlsd.column import Column
from mlsd.data import detect_leakage, prepare_features, split_by_time, split_grouped, split_random
from mlsd.data.fitted import Raw, prepared_columns
from mlsd.data.refit import compare_refits
from mlsd.data.single_feature import Answers
from mlsd.datasets import Drift, make_spam_posts
from mlsd.metrics import score
from mlsd.report import RefusedError
from mlsd.schema import Schema

STATES = range(100)
START = pd.Timestamp("2024-01-01", tz="UTC")
SIX = {"known_later", "gives_away", "identifier", "groups", "duplicates", "fitted_before_split"}
SPAM = make_spam_posts(40_000).frame  # 100 tables of 400 posts are cut from it


def parcels(rng, n=400, task="binary"):
    """A clean table with real signal: distance, weight and city predict the target, far from perfectly."""
    distance, weight = rng.lognormal(3, 1, n), rng.normal(5, 2, n)
    city = rng.choice(["Gent", "Huy", "Liege", "Namur"], n)
    s = 1.5 * (np.log(distance) - 3) + 0.5 * (weight - 5) + (city == "Huy") + rng.normal(size=n)
    y = {"binary": s > 0.5, "regression": 10 + s, "multiclass": np.digitize(s, [-0.5, 1.2])}[task]
    return pd.DataFrame(
        {
            "parcel_id": [f"p-{i}" for i in rng.permutation(n)],
            "at": START + pd.to_timedelta(rng.permutation(n), unit="h"),
            "member": rng.integers(0, n // 2, n),
            "distance": distance,
            "weight": weight,
            "city": city,
            "stops": rng.poisson(4, n),
            "y": y,
        }
    )


def failing(report):
    """{(code, subject)} of all that is not ok, notes about shared text left out."""
    return {(f.code, f.subject) for f in report if not f.ok and f.code in SIX}


def task_of(state):
    return ("binary", "regression", "multiclass")[state % 3]


# ---- all six at once -------------------------------------------------------------------------------


def plant(frame, rng):
    """One case of each leak, each in a column of its own, and copied rows; then a split by group-blind chance."""
    n, y = len(frame), frame["y"].to_numpy(dtype="float64")
    order = np.empty(n, dtype=int)
    order[np.argsort(y + rng.normal(scale=0.3 * y.std(), size=n))] = np.arange(n)
    frame = frame.assign(
        refund=3 * y + 1 + rng.normal(scale=1e-4, size=n),
        paid_at=frame["at"] + pd.Timedelta("1h"),
        invoice=order,
        ticket=frame["at"].rank().astype(int) + 1000,
    )
    train, test, _ = split_random(frame, test=0.5, random_state=int(rng.integers(1000)))
    new = np.arange(n, n + 5)  # copied rows have keys and moments of their own
    copies = train.sample(5, random_state=0).assign(invoice=new, ticket=new + 1001)
    copies = copies.assign(parcel_id=[f"p-{i}" for i in new], at=frame["at"].max() + pd.Timedelta("1h"))
    return train, pd.concat([test, copies])


PLANTED = {
    ("known_later", "weight"), ("known_later", "paid_at"), ("gives_away", "refund"), ("identifier", "invoice"),
    ("identifier", "ticket"), ("groups", "member"), ("duplicates", ""),
}  # fmt: skip


def test_every_leak_is_found_in_100_states():
    schema = Schema((Column("weight", "number", known_at="reaction"),))
    counts = dict.fromkeys(PLANTED, 0)
    beside = 0
    for state in STATES:
        rng = np.random.default_rng(state)
        train, test = plant(parcels(rng, task=task_of(state)), rng)
        found = failing(detect_leakage(train, test, schema, target="y", time="at", groups="member"))
        for leak in PLANTED:
            counts[leak] += leak in found
        beside += len(
            found - PLANTED - {("gives_away", "invoice")}
        )  # a key in the order of the target is both
    assert counts == dict.fromkeys(PLANTED, 100) and beside == 0


def test_clean_tables_are_left_alone_in_100_states():
    """0 of 100: with 99.9 % confidence fewer than 7 % of such tables raise anything."""
    alarms = []
    for state in STATES:
        frame = parcels(np.random.default_rng(state), task=task_of(state))
        if state % 2:
            train, test, _ = split_grouped(frame, "member", random_state=state)
            groups = "member"
        else:
            train, test, _ = split_by_time(frame, "at", gap="5 h")
            groups = ()
        alarms += failing(detect_leakage(train, test, target="y", groups=groups))
    assert alarms == []


# ---- the spam world --------------------------------------------------------------------------------


def test_the_spam_world_its_reactions_are_later_and_its_creation_columns_clean_100_states():
    world = make_spam_posts(10)
    schema = Schema(world.columns, "is_spam")
    later = {("known_later", c.name) for c in world.columns if c.known_at != "creation"} - {
        ("known_later", "is_spam")
    }
    creation = ["post_id", "posted_at", "n_words", "account_age_days", "topic", "is_spam"]
    some = [*creation, *(name for _, name in later)]
    for state in STATES:
        posts = SPAM[some][state * 400 : state * 400 + 400]
        train, test, _ = split_by_time(posts, "posted_at")
        report = detect_leakage(train, test, schema)
        assert {(f.code, f.subject) for f in report.failures} == later
        notes = {(f.code, f.subject, f.severity) for f in report if not f.ok} - {
            (*leak, "error") for leak in later
        }
        assert notes == {("identifier", "post_id", "info")}  # a declared key that runs with time
        if state % 10 == 0:
            assert detect_leakage(train[creation], test[creation], schema).ok


def test_without_a_schema_the_moments_and_the_key_still_tell():
    train, test, _ = split_by_time(SPAM[:1000], "posted_at")
    report = detect_leakage(train, test, target="is_spam")
    assert failing(report) == {("known_later", "labelled_at"), ("identifier", "post_id")}
    assert report.ok  # warnings: a person decides


def test_a_drift_of_the_target_makes_no_key_a_leak():
    posts = make_spam_posts(4000, drifts=[Drift("target", start=0.5)]).frame.sample(2000, random_state=0)
    shuffled = posts.assign(post_id=np.random.default_rng(0).permutation(posts["post_id"].to_numpy()))
    train, test, _ = split_by_time(shuffled, "posted_at")
    assert {
        s for c, s in failing(detect_leakage(train, test, target="is_spam")) if c == "identifier"
    } == set()


# ---- real tables: strong features are no leaks ----------------------------------------------------


@pytest.mark.parametrize(
    "load", [load_breast_cancer, load_diabetes, load_digits, load_iris, load_wine], ids=lambda f: f.__name__
)
def test_strong_real_features_stay_below_the_limit(load):
    frame = load(as_frame=True).frame
    for state in range(3):
        train, test, _ = split_random(frame, test=0.5, random_state=state)
        report = detect_leakage(train, test, target="target")
        assert {c for c, _ in failing(report)} <= {"duplicates"}  # iris does hold a flower twice


# ---- gives_away --------------------------------------------------------------------------------------


def test_a_strong_feature_is_no_leak_and_a_leak_is_in_100_states():
    strong = leak = 0
    for state in STATES:
        rng = np.random.default_rng(state)
        y = rng.random(400) < 0.4
        frame = pd.DataFrame({"strong": y + rng.normal(scale=0.38, size=400), "y": y})  # AUC 0.969
        frame["note"] = np.where(y, rng.choice(["fraud", "scam"], 400), "fine")
        found = failing(detect_leakage(frame[:200], frame[200:], target="y"))
        strong += ("gives_away", "strong") in found
        leak += ("gives_away", "note") in found
    assert (strong, leak) == (0, 100)


def test_missing_cells_may_give_the_target_away():
    rng = np.random.default_rng(0)
    y = rng.random(400) < 0.5
    frame = pd.DataFrame({"chargeback": np.where(y, rng.normal(size=400), np.nan), "y": y})
    (finding,) = detect_leakage(frame[:200], frame[200:], target="y").failures
    assert (finding.code, finding.subject) == ("gives_away", "chargeback")


def test_few_rows_believe_nothing():
    frame = pd.DataFrame({"copy": [0, 1] * 20, "y": [0, 1] * 20})
    report = detect_leakage(frame[:20], frame[20:], target="y")
    finding = next(f for f in report if f.code == "gives_away")
    assert finding.ok and finding.value == 1.0 and finding.interval[0] < 0.9


# ---- fitted_before_split ---------------------------------------------------------------------------


def coin_flips(state, n=3000):
    rng = np.random.default_rng(state)
    return pd.DataFrame({"author": rng.integers(0, 1000, n), "y": rng.integers(0, 2, n)})


def mean_label(train, *parts):
    rates, prior = train.groupby("author")["y"].mean(), train["y"].mean()
    return [part.assign(author=part["author"].map(rates).fillna(prior)) for part in parts]


def test_coin_flips_are_told_from_luck():
    before, after = [], []
    for state in range(20):
        flips = coin_flips(state)
        (encoded,) = mean_label(flips, flips)
        train, test, _ = split_random(encoded, random_state=state)
        report = detect_leakage(train, test, target="y")
        assert [(f.code, f.subject) for f in report.failures] == [("fitted_before_split", "author")]
        before.append(score("roc_auc", test["y"], test["author"]))
        train, test, _ = split_random(flips, random_state=state)
        train, test = mean_label(train, train, test)
        report = detect_leakage(train, test, target="y")
        own = next(f for f in report if f.code == "fitted_before_split")
        assert report.ok and not own.ok and "their own among them" in own.message
        after.append(score("roc_auc", test["y"], test["author"]))
    assert 0.80 < np.mean(before) < 0.83 and 0.48 < np.mean(after) < 0.52


FITTED = {
    "standard": (StandardScaler(), "a"),
    "min-max": (MinMaxScaler(), "b"),
    "robust": (RobustScaler(), "c"),
    "largest": (MaxAbsScaler(), "d"),
    "mean filled": (SimpleImputer(), "e"),
    "median filled, scaled": (make_pipeline(SimpleImputer(strategy="median"), StandardScaler()), "f"),
    "mean label": (TargetEncoder(smooth=5.0, target_type="binary"), "member"),
}


def unprepared(rng, n=200):
    """A raw table, one column for each way of preparing, with a test part that holds the extremes."""
    raw = pd.DataFrame({name: rng.lognormal(size=n) for name in "abcdef"})
    raw["e"], raw["f"] = (raw[name].where(rng.random(n) > 0.2) for name in "ef")
    raw["member"], raw["y"] = [f"m{i}" for i in rng.integers(0, 20, n)], rng.random(n) < 0.5
    extremes = raw.index.isin([raw["b"].idxmax(), raw["d"].idxmax()])
    later = extremes | (rng.random(n) < 0.3)
    return raw, raw[~later], raw[later]


def prepared(rows, *parts):
    """The parts, each column as its transformer in FITTED makes it from the statistics of `rows`."""
    x, median = rows, rows["f"].median()
    filled, gap = x["f"].fillna(median), x["c"].quantile(0.75) - x["c"].quantile(0.25)
    by = rows.groupby("member")["y"].agg(["sum", "size"])
    label = (by["sum"] + 5 * rows["y"].mean()) / (by["size"] + 5)
    return [
        part[["y"]].assign(
            a=(part["a"] - x["a"].mean()) / x["a"].std(ddof=0),
            b=(part["b"] - x["b"].min()) / (x["b"].max() - x["b"].min()),
            c=(part["c"] - x["c"].median()) / gap,
            d=part["d"] / x["d"].max(),
            e=part["e"].fillna(x["e"].mean()),
            f=(part["f"].fillna(median) - filled.mean()) / filled.std(ddof=0),
            member=part["member"].map(label).fillna(rows["y"].mean()),
        )
        for part in parts
    ]


def test_preparing_by_hand_is_what_scikit_learn_does():
    _, train, test = unprepared(np.random.default_rng(0))
    (ours,) = prepared(train, test)
    for transformer, name in FITTED.values():
        theirs = transformer.fit(train[[name]], train["y"]).transform(test[[name]])[:, 0]
        np.testing.assert_allclose(ours[name], theirs)


def test_what_was_fitted_before_the_split_is_told_from_what_was_not_100_states():
    before, after, own = set(), 0, 0
    for state in STATES:
        raw, train, test = unprepared(np.random.default_rng(state))
        answers = Answers(pd.concat([train, test])["y"].to_numpy(dtype=int), len(train), "binary", 2)
        table = Raw.of(raw, raw["y"].to_numpy(dtype=float), train.index.append(test.index))
        leaking = prepared_columns(*prepared(raw, train, test), answers, table)
        before |= {(state, f.subject) for f in leaking if f.failed}
        fitted = list(prepared_columns(*prepared(train, train, test), answers, table))
        after += len([f for f in fitted if f.failed])
        own += [f.subject for f in fitted if not f.ok] == ["member"]  # a warning: its own label is in it
    assert before == {(state, name) for state in STATES for _, name in FITTED.values()}
    assert (after, own) == (0, 100)


@pytest.mark.parametrize("name", FITTED)
def test_a_transformer_tells_which_rows_it_has_seen(name):
    transformer, column = FITTED[name]
    for state in range(5):
        raw, train, _ = unprepared(np.random.default_rng(state))
        for rows, ok in ((raw, False), (train, True)):
            fitted = transformer.fit(rows[[column]], rows["y"])
            finding = compare_refits(fitted, train, train["y"], raw, raw["y"])
            assert (finding.ok, finding.value) == (ok, "train" if ok else "all")


def test_clean_preparation_is_left_alone_and_a_leaking_one_named():
    raw = parcels(np.random.default_rng(0))
    train, test, _ = split_by_time(raw, "at", gap="20 h")
    features = prepare_features(numbers=["distance", "weight"], one_hot=["city"], target_mean=["member"])
    for rows, ok in ((train, True), (raw, False)):
        features.fit_transform(rows, rows["y"])
        report = detect_leakage(train, test, target="y", raw=raw, transformer=features)
        (finding,) = [f for f in report if f.code == "fitted_before_split"]
        assert (finding.ok, finding.value) == (ok, "train" if ok else "all")


def test_rows_that_a_gap_dropped_are_among_all_rows():
    raw = coin_flips(0).sort_values("y", ignore_index=True)
    raw["author"] = pd.factorize(raw["author"])[0]  # numbers that rise with the label, and are no line
    raw = raw.sample(frac=1, random_state=0, ignore_index=True).assign(
        at=pd.date_range(START, periods=3000, freq="h"), size=np.arange(3000.0) ** 2
    )
    by = raw.groupby("author")["y"].agg(["sum", "size"])
    label = raw["author"].map((by["sum"] + 5 * raw["y"].mean()) / (by["size"] + 5))
    ready = raw.assign(size=(raw["size"] - raw["size"].mean()) / raw["size"].std(), author=label)
    train, test, _ = split_by_time(ready, "at", gap="20 days")
    assert detect_leakage(train, test, target="y").ok  # the columns alone do not tell
    failures = detect_leakage(train, test, target="y", raw=raw).failures
    assert {(f.code, f.subject) for f in failures} == {
        ("fitted_before_split", name) for name in ("author", "size")
    }


def test_statistics_of_other_rows_are_not_guessed_at():
    raw = parcels(np.random.default_rng(0))
    train, test, _ = split_random(raw)
    other = StandardScaler().fit(raw[["distance"]][:50])
    (finding,) = [
        f
        for f in detect_leakage(train, test, target="y", transformer=other)
        if f.code == "fitted_before_split"
    ]
    assert finding.ok and finding.message.endswith("nothing can be told")
    spread = OneHotEncoder(sparse_output=True).fit(train[["city"]])
    assert detect_leakage(train, test, target="y", transformer=spread).ok


def test_a_change_of_unit_is_no_leak():
    raw = parcels(np.random.default_rng(0))
    raw["kelvin"] = raw["weight"]
    train, test, _ = split_random(raw)
    parts = [
        part.assign(weight=part["weight"] * 1000, kelvin=part["kelvin"] + 273.15) for part in (train, test)
    ]
    assert failing(detect_leakage(*parts, target="y", raw=raw)) == set()


# ---- known_later and identifier -------------------------------------------------------------------


def test_when_a_value_was_written_down_tells():
    frame = parcels(np.random.default_rng(0))
    frame["checked_at"] = frame["at"] - pd.Timedelta("1h")
    frame.loc[:9, "checked_at"] = frame.loc[:9, "at"] + pd.Timedelta("1h")
    train, test, _ = split_by_time(frame, "at")
    report = detect_leakage(train, test, target="y", recorded_at={"stops": "checked_at"})
    (finding,) = report.failures
    assert (finding.code, finding.subject, finding.count) == ("known_later", "stops", 10)
    assert finding.message == "10 of 400 values were written down after the decision, as checked_at says"


def test_keys_by_block_and_at_random_in_100_states():
    blocks = chance = 0
    for state in STATES:
        rng = np.random.default_rng(state)
        y = rng.random(400) < np.repeat([0.1, 0.7, 0.2, 0.9], 100)  # four files, pasted one below the other
        frame = pd.DataFrame(
            {"record": range(400), "key": rng.permutation(400), "x": rng.normal(size=400), "y": y}
        )
        train, test, _ = split_random(frame, random_state=state)
        found = failing(detect_leakage(train, test, target="y"))
        blocks += ("identifier", "record") in found
        chance += ("identifier", "key") in found
    assert (blocks, chance) == (100, 0)


# ---- cost, and what no table should hold -----------------------------------------------------------


def test_twice_the_rows_take_about_twice_the_time():
    def seconds(n):
        rng = np.random.default_rng(0)
        frame = parcels(rng, n).assign(**{f"x{j}": rng.normal(size=n) for j in range(4)})
        train, test, _ = split_by_time(frame, "at")
        start = time.process_time()
        detect_leakage(train, test, target="y")
        return time.process_time() - start

    seconds(1_000)
    assert seconds(40_000) < 4 * 3 * max(seconds(10_000), 0.02)  # four times the rows; quadratic would be 16


def odd(**columns):
    return pd.DataFrame({"y": [0, 1] * 60, **columns})


ODD = {
    "lists": odd(x=[[1], [2], {}] * 40),
    "mixed": odd(x=[1, "a", None, 2.5] * 30),
    "constant": odd(x=[1.0] * 120),
    "infinite": odd(x=[np.inf, -np.inf, 1.0, np.nan] * 30),
    "huge": odd(x=[1e308, -1e308, 0.5] * 40),
    "huge integers": odd(x=[10**30, 1, 2] * 40),
    "empty column": odd(x=[None] * 120),
    "missing times": odd(at=[START, None, START + pd.Timedelta("1h")] * 40),
    "names of many kinds": odd(**{"x": range(120)}).rename(columns={"x": 7}),
    "categories": odd(x=pd.Categorical(list("ab") * 60)),
    "nullable": odd(
        x=pd.array([1, None, 3] * 40, dtype="Int64"), z=pd.array([True, None] * 60, dtype="boolean")
    ),
    "text target": odd(x=range(120)).assign(y=["ham", "spam"] * 60),
    "many categories": odd(x=[f"c{i}" for i in range(120)]),
}


@pytest.mark.parametrize("name", ODD)
def test_odd_tables_are_judged_without_a_warning(name):
    frame = ODD[name].sample(frac=1, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        report = detect_leakage(frame[:80], frame[80:], target="y", raw=frame)
    assert {"gives_away", "duplicates", "balance"} <= {f.code for f in report}


def test_a_class_in_one_part_only_is_told():
    frame = odd(x=np.random.default_rng(0).normal(size=120)).assign(y=["a"] * 80 + ["b"] * 40)
    report = detect_leakage(frame[:80], frame[80:], target="y")
    assert [f.ok for f in report if f.code == "balance"] == [False, False]
    assert next(f for f in report if f.code == "gives_away").message.endswith("nothing can be told")


TABLE = parcels(np.random.default_rng(0), 40)
REFUSED = {
    "no frame": (TABLE, [1], {}, "test is a list; expected a pandas DataFrame"),
    "empty": (TABLE, TABLE[:0], {}, "test has 0 rows; needs 10 to look for leaks"),
    "one row": (TABLE[:1], TABLE, {}, "train has 1 rows; needs 10 to look for leaks"),
    "columns": (
        TABLE,
        TABLE.drop(columns="city"),
        {},
        "the column 'city' stands in one of train and test only",
    ),
    "doubled": (TABLE, pd.concat([TABLE, TABLE], axis=1), {}, "test has the column 'parcel_id' twice"),
    "no target": (TABLE, TABLE, {"target": None}, "no target is named; say target='is_spam'"),
    "unknown": (TABLE, TABLE, {"target": "why"}, "the table has no column 'why'"),
    "missing": (TABLE.assign(y=None), TABLE, {}, "target 'y' has no value in 40 of 80 rows"),
    "constant": (TABLE.assign(y=1), TABLE.assign(y=1), {}, "target 'y' holds only 1"),
    "time": (TABLE, TABLE, {"time": "city"}, "the column city (str) holds no times"),
    "groups": (TABLE, TABLE, {"groups": "house"}, "the table has no column 'house'"),
    "recorded": (TABLE, TABLE, {"recorded_at": {"house": "at"}}, "the table has no column 'house'"),
    "raw rows": (TABLE[:20], TABLE[20:], {"raw": TABLE[:30]}, "the raw table has no row 30"),
    "raw twice": (TABLE[:20], TABLE[20:], {"raw": pd.concat([TABLE, TABLE])}, "holds an index label twice"),
    "raw target": (TABLE[:20], TABLE[20:], {"raw": TABLE[["city"]]}, "the table has no column 'y'"),
    "not fitted": (
        TABLE[:20],
        TABLE[20:],
        {"transformer": StandardScaler()},
        "does not name the columns it was fitted on",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_judged_is_refused_in_one_sentence(name):
    train, test, how, sentence = REFUSED[name]
    with pytest.raises(RefusedError) as caught:
        detect_leakage(train, test, **{"target": "y", **how})
    assert sentence in str(caught.value) and "\n" not in str(caught.value)
