"""compare_serving: equal rows pass; a unit, a shift, a scaling, a gap and an unknown value are named."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

from mlsd.data import compare_serving, prepare_features
from mlsd.datasets import make_spam_posts
from mlsd.report import RefusedError
from mlsd.training import Recipe, train

RNG = np.random.default_rng(0)
N = 200
TABLE = pd.DataFrame({
    "id": np.arange(N),
    "grams": RNG.uniform(100, 5000, N),
    "count": RNG.integers(0, 9, N),
    "new": RNG.random(N) < 0.4,
    "city": pd.Series(RNG.choice(["Huy", "Liège", "Namur"], N), dtype="str"),
    "at": pd.Timestamp("2024-03-01", tz="UTC") + pd.to_timedelta(RNG.integers(0, 10**6, N), unit="s"),
})  # fmt: skip


def finding(report, code, subject=""):
    return next((f for f in report if (f.code, f.subject) == (code, subject)), None)


cells = st.one_of(st.none(), st.floats(allow_nan=False), st.sampled_from([np.inf, -np.inf]))


@settings(max_examples=50)
@given(st.lists(cells, max_size=9))
def test_a_column_equals_itself_and_a_cell_that_changed_is_counted(values):
    column = pd.Series(values, dtype="float64")
    assert all(f.ok for f in compare_serving(column.to_frame("v"), column.to_frame("v")) if f.subject)
    other = column.map(lambda cell: 0.0 if pd.isna(cell) else np.nan)
    missing = [
        f.count for f in compare_serving(column.to_frame("v"), other.to_frame("v")) if f.code == "missing"
    ]
    assert sum(missing) == len(values)


def test_another_storage_is_no_skew():
    served = TABLE.assign(
        count=TABLE["count"].astype("float64"),
        city=TABLE["city"].astype("category"),
        new=TABLE["new"].astype(object),
        at=TABLE["at"].dt.tz_convert("Asia/Tokyo"),
        grams=TABLE["grams"] * (1 + 1e-12),
    )
    assert compare_serving(TABLE, served).ok
    assert compare_serving(TABLE, TABLE.assign(new=TABLE["new"].astype(int))).ok  # a model sees 0 and 1


@pytest.mark.parametrize(
    ("column", "change", "words"),
    [
        ("grams", lambda x: x / 1000, "200 of 200 rows differ: online is about 0.001 times offline"),
        ("grams", lambda x: x.where(x < 2500, x * 1000), "online is about 1000 times offline"),
        ("grams", lambda x: x * 1000 * RNG.uniform(0.995, 1.005, N), "online is about 1000 times offline"),
        ("grams", lambda x: x + 273.15, "online is offline plus about 273.1"),
        ("grams", lambda x: (x - 2500) / 1400, "about 0.0007143 times offline -1.786: scaled on one side"),
        ("at", lambda x: x - pd.Timedelta("1h"), "online is offline minus about 3600 seconds"),
        ("city", lambda x: x.replace("Liège", "Liege"), "mostly 'Liège' -> 'Liege'"),
    ],
    ids=["kilograms", "some_rows", "noisy", "kelvin", "scaled", "clock", "accent"],
)
def test_the_way_it_differs_is_named(column, change, words):
    served = TABLE.assign(**{column: change(TABLE[column])})
    found = finding(compare_serving(TABLE, served), "differs", column)
    assert words in found.message and not found.ok
    assert found.count == int((served[column] != TABLE[column]).sum()) == round(found.value * N)
    assert found.interval[0] <= found.value <= found.interval[1]


def test_noise_is_not_taken_for_a_factor_or_a_line():
    served = TABLE.assign(grams=TABLE["grams"] + RNG.normal(0, 300, N))
    message = finding(compare_serving(TABLE, served), "differs", "grams").message
    assert "200 of 200 rows differ: by " in message and "about" not in message
    few = TABLE.head(3)
    assert "about" not in finding(compare_serving(few, few.assign(grams=1.0)), "differs", "grams").message


def test_missing_unknown_and_absent():
    served = TABLE.drop(columns="count").rename(columns={"new": "is_new"})
    served.loc[:4, "grams"] = np.nan
    served.loc[:1, "city"] = ["Ghent", "Brugge"]
    report = compare_serving(TABLE, served)
    assert finding(report, "missing", "grams").message == "5 of 200 rows are missing online only"
    assert finding(report, "unknown", "city").value == ["Brugge", "Ghent"]
    assert "is_new" in finding(report, "missing_column", "new").message
    assert finding(report, "missing_column", "count") and finding(report, "unknown_column", "is_new")
    assert finding(report, "differs", "grams").ok and finding(report, "missing", "grams").rows == (
        0,
        1,
        2,
        3,
        4,
    )


def test_another_type_is_one_finding():
    found = finding(compare_serving(TABLE, TABLE.assign(count=TABLE["count"].astype(str))), "type", "count")
    assert found.message == "numbers offline, text online" and not found.ok


def test_rows_are_matched_by_key():
    served = TABLE.sample(frac=1, random_state=0)
    assert not compare_serving(TABLE, served).ok and compare_serving(TABLE, served, on="id").ok
    report = compare_serving(
        TABLE, served[served["id"] > 2].assign(id=lambda t: t["id"].replace(199, 500)), on="id"
    )
    rows = finding(report, "rows")
    assert rows.message == "196 rows are compared; 4 stand offline only, 1 online only" and not rows.ok
    assert rows.rows == (0, 1, 2, 199)


def test_scores_and_empty_tables():
    assert compare_serving(np.array([0.1, 0.2]), [0.1, 0.2]).ok
    assert "by 0.1" in finding(compare_serving([0.1, 0.2], [0.1, 0.3]), "differs", "prediction").message
    assert not compare_serving(TABLE.iloc[:0], TABLE.iloc[:0]).ok  # nothing was compared
    void = TABLE.assign(city=None, grams=np.nan)
    assert compare_serving(void, void).ok


def test_many_categories_and_mixed_cells():
    many = pd.DataFrame({"t": [f"v{i}" for i in range(100_000)]})
    assert finding(compare_serving(many, many[::-1].reset_index(drop=True)), "differs", "t").count == 100_000
    mixed = pd.DataFrame({"t": [1, "a", None, pd.NA, [1]]}, dtype=object)
    assert compare_serving(mixed, mixed.copy()).ok
    assert (
        finding(compare_serving(mixed, mixed.assign(t=[1, "b", None, None, [2]])), "differs", "t").count == 2
    )


def test_what_cannot_be_compared_is_one_sentence():
    for one, other, options, words in (
        (TABLE, TABLE.head(3), {}, "offline has 200 rows, online 3; name the key"),
        (TABLE, TABLE, {"on": "city"}, "repeat 'city'"),
        (TABLE, TABLE, {"on": "idd"}, "no column 'idd': did you mean 'id'"),
        (np.ones((2, 2)), np.ones((2, 2)), {}, "expected a table, or scores"),
        (TABLE, TABLE, {"tolerance": -1}, "expected a share of 0 or more"),
        (TABLE.set_axis(["id"] * 6, axis=1), TABLE, {}, "6 columns 'id'"),
    ):
        with pytest.raises(RefusedError, match=words):
            compare_serving(one, other, **options)


def test_a_package_has_no_skew_and_two_preparations_have():
    """One object: the same bits. A second preparation, learnt on served rows: another number in every row."""
    world = make_spam_posts(1500, random_state=0)
    past, served = world.frame.iloc[:1000], world.frame.iloc[1000:]
    package = train(past, Recipe("is_spam", LogisticRegression()))
    records = served[list(package.features)].astype(object).to_dict("records")
    assert compare_serving(package.predict(served), package.predict_rows(records), tolerance=0).ok
    numbers = ["n_words", "n_links"]
    learnt = prepare_features(numbers=numbers)
    learnt.fit(past)
    own = prepare_features(numbers=numbers)
    report = compare_serving(learnt.transform(served), own.fit_transform(served))
    assert "scaled on one side" in finding(report, "differs", "n_words").message
