"""Schema: what it learns, what it refuses and in which sentence, how big its verdicts get."""

import copy
import datetime as dt
import pickle
import uuid
import warnings

import numpy as np
import pandas as pd
import pytest

from mlsd.report import RefusedError, Report
from mlsd.schema import Column, Rule, Schema


def learn(values, dtype=None, name="x", **more):
    return Schema.infer(pd.DataFrame({name: pd.Series(values, dtype=dtype)}), **more)[name]


def codes(report):
    return [(f.code, f.subject, f.count) for f in report.failures]


# ---- what is learnt ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "dtype", "kind"),
    [
        (range(30), "int64", "integer"),
        (range(3), "uint8", "integer"),
        (range(30), "float64", "integer"),
        ([*range(30), None], "float64", "integer"),
        ([1.0, 2.0, None], "float64", "number"),  # three whole floats prove nothing
        ([1, 2, None], "Int64", "integer"),
        ([1, 2, None], object, "integer"),
        ([1, 2.5, None], object, "number"),
        ([0.5] * 30, "float32", "number"),
        ([True, False], "bool", "boolean"),
        ([True, None], "boolean", "boolean"),
        ([True, None], object, "boolean"),
        (["a", "a", "b", "b"], "str", "category"),
        (["a", "a", None], object, "category"),
        (["a", "b", "a", "b"], "category", "category"),
        (["a", "b", "c"], "str", "text"),  # nothing repeats
        ([f"{i} words" for i in range(30)], "str", "text"),  # blanks: no key
        ([str(i % 60) for i in range(1000)], "str", "text"),  # more than 50 names
        ([str(i % 50) for i in range(1000)], "str", "category"),
        ([1, 2, 1, 2], "category", "integer"),
        ([None] * 30, "float64", "text"),
        ([None] * 30, object, "text"),
        ([pd.NaT] * 30, "datetime64[ns]", "text"),
        ([0, 1] * 30, "int64", "integer"),
    ],
)
def test_kinds_are_judged_on_values(values, dtype, kind):
    values = list(values)
    series = pd.Series(values, dtype=dtype)
    if dtype == "category" and kind == "integer":
        values = values * 5
        series = pd.Series(values, dtype=dtype)
    column = Schema.infer(pd.DataFrame({"x": series}))["x"]
    assert column.kind == kind
    assert column.nullable == series.isna().any()


def test_times_are_known_by_their_zone():
    times = pd.date_range("2024-01-01", periods=3, tz="Europe/Amsterdam")
    assert learn(times).kind == "time"
    assert learn([*times, None], object).kind == "time"
    assert (learn(times).minimum, learn(times).unique) == (None, False)


@pytest.mark.parametrize(
    ("name", "values", "unique"),
    [
        ("post", [f"p{i}" for i in range(20)], True),
        ("post", [f"p{i}" for i in range(19)], False),
        ("post", [f"p{i}" for i in range(19)] + ["p0"], False),
        ("post_id", range(100), True),
        ("PostId", range(100), True),
        ("id", range(100), True),
        ("order number", range(100), True),
        ("post_id", [*range(100), 5], False),
        ("humid", range(100), False),
        ("likes", range(100), False),
        ("price_id", np.arange(100) + 0.5, False),
    ],
)
def test_keys_are_text_without_blanks_or_integers_named_so(name, values, unique):
    column = learn(list(values), name=name)
    assert column.unique == unique
    if unique:
        assert (column.minimum, column.maximum, column.categories) == (None, None, None)


def test_a_target_is_no_key_and_known_with_the_label():
    schema = Schema.infer(pd.DataFrame({"class_id": range(40), "a": range(40)}), target="class_id")
    assert (schema["class_id"].unique, schema["class_id"].known_at) == (False, "label")
    assert schema.features() == ("a",)


@pytest.mark.parametrize(
    ("values", "unit", "low", "high"),
    [
        (np.linspace(10, 20, 50), "", 0, 30),
        (np.linspace(2, 20, 50), "", 0, 38),  # was never negative
        (np.linspace(-5, 5, 50), "", -15, 15),
        (np.linspace(0.02, 0.45, 50), "", 0, 1),  # what stays inside [0, 1] may use all of it
        (np.linspace(0.01, 0.05, 50), "", 0, 0.09),  # what uses a twentieth of it does not
        (np.linspace(0.1, 0.9, 50), "", 0, 1.7),
        (np.linspace(0.1, 0.9, 50), "share", 0, 1),
        (np.full(50, 7.0), "", 0, 14),
        (np.full(50, -7.0), "", -14, 0),
        (np.zeros(50), "", 0, 1),
        (np.linspace(0.1234567, 9.7654321, 50), "", 0, 19.5),  # rounded outwards to two digits of the span
        (np.linspace(10, 20, 19), "", None, None),  # nineteen values bound nothing
        (np.array([-1e308, 1e308] * 10), "", None, None),  # their span is too large for a float
        (np.array([0.0, 5e-324] * 10), "", 0, 1e-323),
    ],
)
def test_bounds_leave_a_span_of_slack(values, unit, low, high):
    column = learn(values, "float64", units={"x": unit})
    assert (column.minimum, column.maximum) == (low, high)


@pytest.mark.parametrize("law", ["normal", "exponential", "poisson", "lognormal"])
def test_later_clean_rows_stay_inside_the_bounds(law):
    rng = np.random.default_rng(7)
    outside = 0
    for _ in range(50):
        taught = pd.DataFrame({"x": getattr(rng, law)(size=100)})
        later = pd.DataFrame({"x": getattr(rng, law)(size=200)})
        report = Schema.infer(taught).validate(later)
        outside += sum(f.count for f in report.failures)
    assert outside <= 50  # of 10,000; about 100 lie above the highest value seen


def test_ordered_categories_keep_their_order_and_others_are_sorted():
    ordered = pd.CategoricalDtype(["S", "M", "L"], ordered=True)
    assert learn(["L", "S"] * 3, ordered).categories == ("S", "M", "L")
    assert learn(["nl", "en"] * 3, "str").categories == ("en", "nl")
    assert learn(["nl", "en"] * 3, pd.CategoricalDtype(["nl", "en", "de"])).categories == ("en", "nl")


def test_what_is_stated_comes_from_arguments_or_the_table_itself():
    frame = pd.DataFrame({"likes": [1, 2], "age": [3, 4]})
    frame.attrs |= {"known_at": {"likes": "reaction", "gone": "label"}, "units": {"age": "days"}}
    schema = Schema.infer(frame)
    assert (schema["likes"].known_at, schema["age"].unit) == ("reaction", "days")
    assert schema.features() == ("age",)
    assert schema.features("reaction") == ("likes", "age")
    assert Schema.infer(frame, known_at={})["likes"].known_at == "creation"


# ---- questions -----------------------------------------------------------------------------------

POSTS = Schema(
    (
        Column("post_id", "text", unique=True),
        Column("posted_at", "time"),
        Column("body", "text"),
        Column("n_links", "integer", minimum=0, maximum=40, unit="links"),
        Column("language", "category", categories=("en", "nl"), nullable=True),
        Column("promoted", "boolean"),
        Column("likes", "integer", known_at="reaction", minimum=0),
        Column("views", "integer", known_at="reaction", minimum=0),
        Column("is_spam", "boolean", known_at="label", nullable=True),
        Column("labelled_at", "time", known_at="label", nullable=True),
    ),
    target="is_spam",
    rules=(Rule("likes <= views"), Rule("labelled later", "labelled_at >= posted_at")),
)


def posts(n=30):
    at = pd.date_range("2024-01-01", periods=n, freq="h", tz="UTC")
    return pd.DataFrame(
        {
            "post_id": [f"p{i}" for i in range(n)], "posted_at": at, "body": ["some words"] * n,
            "n_links": [3] * n, "language": ["en", None, "nl"] * (n // 3), "promoted": [True, False] * (n // 2),
            "likes": [1] * n, "views": [10] * n, "is_spam": [True, None] * (n // 2),
            "labelled_at": at + pd.Timedelta(days=1),
        }
    )  # fmt: skip


def test_questions():
    assert POSTS.names[:2] == ("post_id", "posted_at")
    assert POSTS["n_links"] is POSTS.column("n_links")
    assert (POSTS.time, POSTS.keys, POSTS.target) == ("posted_at", ("post_id",), "is_spam")
    assert POSTS.features() == ("n_links", "language", "promoted")
    assert POSTS.features("reaction") == POSTS.features("label") == (*POSTS.features(), "likes", "views")
    assert POSTS.category_positions() == [1]
    assert POSTS.category_positions(["likes", "language"]) == [1]
    assert "likes" in POSTS
    assert "like" not in POSTS
    assert [column.name for column in POSTS] == list(POSTS.names)
    assert Schema(()).time is None


def test_select_keeps_the_order_asked_for_and_the_rules_that_still_make_sense():
    part = POSTS.select(["views", "likes"])
    assert part.names == ("views", "likes")
    assert part.rules == POSTS.rules[:1]
    assert part.target is None
    assert POSTS.select(POSTS.names) == POSTS


def test_a_schema_is_a_value():
    POSTS.encode({"n_links": 1, "language": None, "promoted": True})
    for again in (pickle.loads(pickle.dumps(POSTS)), copy.deepcopy(POSTS), copy.copy(POSTS)):
        assert again == POSTS
        assert hash(again) == hash(POSTS)
        assert again.encode({"n_links": 1, "language": None, "promoted": True}).shape == (1, 3)
    with pytest.raises(AttributeError):
        POSTS.target = "likes"


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: POSTS["like"], "the schema has no column 'like': did you mean 'likes'?"),
        (lambda: POSTS.select(["zzz"]), "the schema has no column 'zzz'"),
        (lambda: POSTS.features("now"), "known_at is 'now'; expected one of creation, reaction, label"),
        (lambda: Schema(POSTS.columns, "is_spma"), "the schema has no column 'is_spma': did you mean 'is_spam'?"),
        (lambda: Schema(POSTS.columns[:1] * 2), "the schema describes column 'post_id' twice; expected each name once"),
        (lambda: POSTS.validate([1]), "the table is a list; expected a pandas DataFrame"),
        (lambda: POSTS.quarantine(None), "the table is a NoneType; expected a pandas DataFrame"),
        (lambda: POSTS.encode_frame({}), "the table is a dict; expected a pandas DataFrame"),
        (lambda: Schema.infer("posts.csv"), "the table is a str; expected a pandas DataFrame"),
        (lambda: Column("", "text"), "a column is named ''; expected a text that is not empty"),
        (lambda: Column(3, "text"), "a column is named 3; expected a text that is not empty"),
        (lambda: Column("a", "numbr"), "column 'a' has kind 'numbr'; expected one of number, integer, boolean, "
         "category, text, time: did you mean 'number'?"),
        (lambda: Column("a", ["number"]), "column 'a' has kind ['number']; expected one of number, integer, "
         "boolean, category, text, time"),
        (lambda: Column("a", "text", known_at="labl"), "column 'a' has known_at 'labl'; expected one of creation, "
         "reaction, label: did you mean 'label'?"),
        (lambda: Column("a", "number", minimum=3, maximum=2),
         "column 'a' has minimum 3 above its maximum 2; swap them"),
        (lambda: Column("a", "integer", minimum=0.2, maximum=0.8), "column 'a' is an integer between 0.2 and 0.8, "
         "where there is none"),
        (lambda: Column("a", "number", minimum="3"), "column 'a' has minimum '3'; expected a finite number"),
        (lambda: Column("a", "number", maximum=True), "column 'a' has maximum True; expected a finite number"),
        (lambda: Column("a", "number", maximum=float("nan")), "column 'a' has maximum nan; expected a finite number"),
        (lambda: Column("a", "text", minimum=1), "column 'a' is of kind text and has a minimum; "
         "only numbers and integers have bounds"),
        (lambda: Column("a", "category"), "column 'a' is a category with categories None; expected a list of texts"),
        (lambda: Column("a", "category", categories="en"), "column 'a' is a category with categories 'en'; "
         "expected a list of texts"),
        (lambda: Column("a", "category", categories=()), "column 'a' is a category; "
         "expected one category or more, all of them texts"),
        (lambda: Column("a", "category", categories=(1, 2)), "column 'a' is a category; "
         "expected one category or more, all of them texts"),
        (lambda: Column("a", "category", categories=("x", "x")), "column 'a' lists the category 'x' twice; "
         "expected each once"),
        (lambda: Column("a", "text", categories=("x",)), "column 'a' is of kind text and has categories; "
         "only the kind category has them"),
        (lambda: Column("a", "number", unique=True), "column 'a' is a unique number; "
         "only integer, text, time columns may be unique"),
        (lambda: Column("a", "number", nullable=1), "column 'a' has nullable 1; expected true or false"),
        (lambda: Column("a", "number", unit=None), "column 'a' has unit None; expected a text"),
    ],
)  # fmt: skip
def test_mistakes_are_refused_in_one_sentence(call, sentence):
    with pytest.raises(RefusedError) as caught:
        call()
    assert str(caught.value) == sentence
    assert not caught.value.report.ok


# ---- what infer refuses --------------------------------------------------------------------------

TIMES = pd.date_range("2024-01-01", periods=2)


@pytest.mark.parametrize(
    ("frame", "sentence"),
    [
        (pd.DataFrame({"a": []}), "the table has 0 rows and 1 columns; nothing to learn"),
        (pd.DataFrame(), "the table has 0 rows and 0 columns; nothing to learn"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]),
         "the column name 'a' stands twice; expected each name once: rename one"),
        (pd.DataFrame([[1, 2]]), "a column is named 0; expected text: use frame.columns = frame.columns.map(str)"),
        (pd.DataFrame({("a", "b"): [1]}), "a column is named ('a', 'b'); expected text: "
         "use frame.columns = frame.columns.map(str)"),
        (pd.DataFrame({"a": [1.0, np.inf, -np.inf]}), "column 'a' holds 2 infinite or too large values at row 1; "
         "expected finite numbers: replace them by missing values"),
        (pd.DataFrame({"a": pd.Series([1, 10**400], dtype=object)}), "column 'a' holds 1 infinite or too large values "
         "at row 1; expected finite numbers: replace them by missing values"),
        (pd.DataFrame({"a": [[1], [2]]}, index=["p", "q"]), "column 'a' holds list values at row 'p'; "
         "expected numbers, booleans, text or times: convert or drop the column"),
        (pd.DataFrame({"a": [1, {"b": 1}]}), "column 'a' holds dict values at row 1; "
         "expected numbers, booleans, text or times: convert or drop the column"),
        (pd.DataFrame({"a": TIMES}), "column 'a' holds times without a zone at row 0; expected UTC: "
         "use frame['a'].dt.tz_localize('UTC')"),
        (pd.DataFrame({"a": pd.Series([TIMES[0].tz_localize("UTC"), TIMES[1]], dtype=object)}),
         "column 'a' holds times without a zone at row 1; expected UTC: use frame['a'].dt.tz_localize('UTC')"),
        (pd.DataFrame({"a": TIMES - TIMES[0]}), "column 'a' holds Timedelta values at row 0; "
         "expected numbers, booleans, text or times: convert or drop the column"),
        (pd.DataFrame({"a": [dt.date(2024, 1, 1)]}), "column 'a' holds date values at row 0; "
         "expected numbers, booleans, text or times: convert or drop the column"),
        (pd.DataFrame({"a": [1j]}), "column 'a' holds complex128 values at row 0; "
         "expected numbers, booleans, text or times: convert or drop the column"),
        (pd.DataFrame({"a": [1, "x"]}), "column 'a' mixes numbers and text (a case of the last at row 1); "
         "expected values of one kind: repair it, or read it with mlsd.data.read_table"),
        (pd.DataFrame({"a": pd.Series([True, 1], dtype=object)}), "column 'a' mixes numbers and booleans "
         "(a case of the last at row 0); expected values of one kind: repair it, or read it with mlsd.data.read_table"),
    ],
)  # fmt: skip
def test_a_table_that_teaches_nothing_is_refused_in_one_sentence(frame, sentence):
    with pytest.raises(RefusedError) as caught:
        Schema.infer(frame)
    assert str(caught.value) == sentence


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ({"target": "b"}, "the schema has no column 'b'"),
        ({"known_at": {"ag": "label"}}, "known_at names 'ag', which is no column: did you mean 'age'?"),
        ({"units": {"ages": "years"}}, "units names 'ages', which is no column: did you mean 'age'?"),
        ({"known_at": {"age": "later"}}, "column 'age' has known_at 'later'; expected one of creation, "
         "reaction, label: did you mean 'label'?"),
    ],
)  # fmt: skip
def test_what_is_stated_wrongly_is_refused(more, sentence):
    with pytest.raises(RefusedError) as caught:
        Schema.infer(pd.DataFrame({"age": [1, 2]}), **more)
    assert str(caught.value) == sentence


# ---- validate and quarantine ---------------------------------------------------------------------


def test_a_table_in_order_gives_one_finding_a_column():
    report = POSTS.validate(posts())
    assert report.ok
    assert [(f.code, f.subject) for f in report] == [("column", name) for name in POSTS.names]
    assert report.findings[3].message == "30 rows hold integer: 0 to 40 links"


def test_the_order_of_columns_does_not_count_and_an_unknown_one_is_a_warning():
    frame = posts()[list(reversed(POSTS.names))].assign(likse=1)
    report = POSTS.validate(frame)
    assert report.ok
    [warning] = [f for f in report if not f.ok]
    assert (warning.code, warning.subject, warning.severity) == ("unknown_column", "likse", "warning")
    assert warning.message == "the schema does not know the column: did you mean 'likes'?"
    clean, rejected = POSTS.quarantine(frame)
    assert (list(clean), len(rejected)) == (list(frame), 0)


def test_every_failure_is_found_at_once():
    frame = posts().drop(columns="body").astype({"n_links": object, "promoted": object})
    frame.loc[0, "n_links"] = "12"
    frame.loc[[1, 2], "n_links"] = [41, 2.5]
    frame.loc[3, "n_links"] = float("inf")
    frame.loc[4, "n_links"] = None
    frame.loc[5, "promoted"] = 1
    frame.loc[6, "language"] = "xx"
    frame.loc[7, "post_id"] = "p0"
    frame.loc[8, "likes"] = 11
    frame.loc[9, "labelled_at"] = pd.Timestamp("2000-01-01", tz="UTC")
    report = POSTS.validate(frame)
    assert codes(report) == [
        ("missing_column", "body", 0),
        ("unique", "post_id", 1),
        ("null", "n_links", 1),
        ("type", "n_links", 2),
        ("infinite", "n_links", 1),
        ("range", "n_links", 1),
        ("category", "language", 1),
        ("type", "promoted", 1),
        ("rule", "likes <= views", 1),
        ("rule", "labelled later", 1),
    ]
    assert [f.rows for f in report.failures[1:]] == [(7,), (4,), (0, 2), (3,), (1,), (6,), (5,), (8,), (9,)]
    messages = {(f.code, f.subject): f.message for f in report.failures}
    assert messages["missing_column", "body"] == "the column is missing; expected text"
    assert messages["unique", "post_id"] == "1 value repeats an earlier one"
    assert messages["null", "n_links"] == "1 value is missing"
    assert messages["type", "n_links"] == (
        "2 values are of the wrong type (numbers with a fraction, text); expected an integer"
    )
    assert messages["infinite", "n_links"] == "1 value is infinite or too large; expected finite numbers"
    assert messages["range", "n_links"] == "1 value is outside 0 to 40: 41"
    assert messages["category", "language"] == "1 value is not among the 2 categories: 'xx'"
    assert messages["rule", "likes <= views"] == "1 row breaks likes <= views"
    with pytest.raises(RefusedError, match=r"^table: body: the column is missing; expected text$"):
        POSTS.quarantine(frame)
    clean, rejected = POSTS.quarantine(frame.assign(body="words"))
    assert rejected["reasons"].tolist() == [
        "n_links has the wrong type, expected an integer",
        "n_links is outside 0 to 40",
        "n_links has the wrong type, expected an integer",
        "n_links is infinite",
        "n_links is missing",
        "promoted has the wrong type, expected a boolean",
        "language is not a known category",
        "post_id repeats an earlier row",
        "breaks likes <= views",
        "breaks labelled later",
    ]
    assert len(clean) == 20


def test_a_row_that_breaks_much_names_all_of_it():
    frame = posts().assign(n_links=-1, language="xx", views=0)
    rejected = POSTS.quarantine(frame)[1]
    assert len(rejected) == len(frame)
    assert set(rejected["reasons"]) == {
        "n_links is outside 0 to 40; language is not a known category; breaks likes <= views"
    }


def test_naive_times_fail_with_the_remedy():
    frame = posts()
    frame["posted_at"] = frame["posted_at"].dt.tz_localize(None)
    [failure] = POSTS.validate(frame).failures
    assert failure.message == (
        "30 values are of the wrong type (times without a zone); expected a time; use tz_localize('UTC')"
    )


def test_doubled_names_fail_and_are_no_matter_of_rows():
    frame = pd.concat([posts(), posts()[["likes"]]], axis=1)
    report = POSTS.validate(frame)
    assert codes(report) == [("duplicate_column", "likes", 0)]
    with pytest.raises(
        RefusedError, match=r"^table: likes: the name stands twice or more; expected each name once$"
    ):
        POSTS.quarantine(frame)
    with pytest.raises(RefusedError, match=r"^table: likes: stands 2 times; expected once$"):
        POSTS.encode_frame(frame, ["likes"])


def test_a_table_with_reasons_already_is_not_quarantined_again():
    with pytest.raises(RefusedError, match=r"^the table has a column 'reasons' already; rename it"):
        POSTS.quarantine(posts().assign(reasons=""))


def test_empty_tables():
    empty = posts().head(0)
    assert POSTS.validate(empty).ok
    assert POSTS.validate(empty.astype(object)).ok
    clean, rejected = POSTS.quarantine(empty)
    assert (len(clean), len(rejected), list(rejected)[-1]) == (0, 0, "reasons")
    assert POSTS.encode_frame(empty).shape == (0, 3)
    assert codes(POSTS.validate(pd.DataFrame())) == [("missing_column", name, 0) for name in POSTS.names]
    assert Schema(()).validate(pd.DataFrame({"a": [1]})).ok


def test_unhashable_cells_fail_with_their_rows():
    frame = posts().astype({"post_id": object, "language": object})
    frame.at[2, "post_id"] = ["p", 2]
    frame.at[4, "language"] = {"en": 1}
    assert codes(POSTS.validate(frame)) == [("type", "post_id", 1), ("type", "language", 1)]
    assert POSTS.quarantine(frame)[1].index.tolist() == [2, 4]


@pytest.mark.parametrize(
    "dtype",
    ["Int64", "float64", "float32", "uint8", "object", "category", "int32", "int64[pyarrow]", "Sparse[int]"],
)
def test_integers_pass_however_they_are_stored(dtype):
    schema = Schema((Column("x", "integer", minimum=0, maximum=3),))
    frame = pd.DataFrame({"x": pd.Series([1, 2, 3], dtype="int64").astype(dtype)})
    assert schema.validate(frame).ok
    assert codes(schema.validate(frame + 1 if dtype != "category" else frame.astype(int) + 1)) == [
        ("range", "x", 1)
    ]


@pytest.mark.parametrize("kind", ["number", "integer", "boolean", "category", "text", "time"])
def test_each_kind_refuses_the_others(kind):
    values = {
        "number": [1.5, 2.5], "integer": [1, 2], "boolean": [True, False], "text": ["a", "b"],
        "time": list(pd.date_range("2024-01-01", periods=2, tz="UTC")),
    }  # fmt: skip
    fits = {"number": {"number", "integer"}, "category": {"text"}}.get(kind, {kind})
    schema = Schema((Column("x", kind, categories=("a", "b") if kind == "category" else None),))
    for other, cells in values.items():
        for dtype in (None, object, "category"):
            report = schema.validate(pd.DataFrame({"x": pd.Series(cells, dtype=dtype)}))
            assert codes(report) == ([] if other in fits else [("type", "x", 2)])


def test_a_million_failures_stay_small():
    n = 1_000_000
    schema = Schema((
        Column("a", "number", minimum=0), Column("b", "category", categories=("x",)),
        Column("c", "integer", unique=True),
    ))  # fmt: skip
    frame = pd.DataFrame(
        {
            "a": np.full(n, -1.0),
            "b": np.resize(np.array([f"{i:0100d}" for i in range(1000)], dtype=object), n),
            "c": 7,
        }
    )
    report = schema.validate(frame)
    assert codes(report) == [("range", "a", n), ("category", "b", n), ("unique", "c", n - 1)]
    assert all(len(f.rows) == 20 for f in report)
    assert len(report.to_json()) < 5000
    assert Report.from_json(report.to_json()) == report


@pytest.mark.parametrize(
    "index",
    [
        pd.period_range("2024-01", periods=3, freq="M"),
        pd.interval_range(0, 3),
        pd.Index([uuid.UUID(int=i) for i in range(3)], dtype=object),
        pd.MultiIndex.from_product([["a"], [1, 2, 3]]),
        pd.date_range("2024-01-01", periods=3),
        pd.Index([None, np.nan, 2.0], dtype=object),
        pd.CategoricalIndex(["x", "y", "z"]),
    ],
    ids=lambda index: type(index).__name__,
)
def test_labels_of_any_index_are_told(index):
    schema = Schema((Column("x", "integer", minimum=2),))
    report = schema.validate(pd.DataFrame({"x": [0, 1, 2]}, index=index))
    assert (report.failures[0].count, len(report.failures[0].rows)) == (2, 2)
    assert Report.from_json(report.to_json()) == report


def test_nothing_is_written_into_the_table():
    frame = posts().astype(object)
    before = frame.copy(deep=True)
    POSTS.validate(frame)
    clean, rejected = POSTS.quarantine(frame)
    clean["likes"] = 5
    rejected["likes"] = 5
    POSTS.encode_frame(frame, ["promoted"])
    pd.testing.assert_frame_equal(frame, before)


def test_text_storage_without_arrow_gives_the_same_verdict():
    frame = posts().assign(language=["en", "xx", None] * 10)
    found = POSTS.validate(frame)
    assert codes(found) == [("category", "language", 10)]
    for dtype in (object, "category", "string", pd.StringDtype("python", na_value=np.nan), "string[pyarrow]"):
        assert POSTS.validate(frame.astype({"language": dtype, "post_id": dtype})) == found


# ---- looks ---------------------------------------------------------------------------------------


def test_the_repr_is_a_table():
    assert repr(POSTS.select(["n_links", "language", "likes", "views"])) == (
        "Schema of 4 columns\n"
        "  name      kind      allowed                 known at\n"
        "  n_links   integer   0 to 40 links\n"
        "  language  category  en, nl, may be missing\n"
        "  likes     integer   at least 0              reaction\n"
        "  views     integer   at least 0              reaction\n"
        "  rule likes <= views"
    )
    assert repr(Schema((Column("a", "text"),))) == "Schema of 1 column\n  name  kind\n  a     text"
    assert repr(POSTS).startswith("Schema of 10 columns, target is_spam\n")
    wide = Schema(tuple(Column(f"c{i}", "text") for i in range(100)))
    assert repr(wide).endswith("and 60 more")
    assert len(repr(wide).splitlines()) == 43
    assert repr(Schema(())) == "Schema of 0 columns\n  name  kind"


def test_the_html_escapes_and_sets_no_colours():
    text = Schema(
        (Column("<b>a</b>", "number", unit="<i>", minimum=0),), rules=(Rule("`<b>a</b>` < 3"),)
    )._repr_html_()
    assert "<b>" not in text
    assert "<i>" not in text
    assert "&lt;b&gt;a&lt;/b&gt;" in text
    assert "color" not in text


def test_no_warning_is_raised_on_the_way():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        frame = posts()
        frame.loc[3, "language"] = "xx"
        schema = Schema.infer(frame.drop(columns="labelled_at"), target="is_spam")
        schema.quarantine(frame)
