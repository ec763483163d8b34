"""Profiles of parts add to the profile of the whole, exactly, in any order, and survive JSON."""

import functools
import json
from datetime import UTC
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlsd.profile import Profile
from mlsd.schema import Column, Schema

CELLS = st.one_of(
    st.none(),
    st.integers(-9, 9),
    st.integers(10**15, 10**30),
    st.floats(),
    st.booleans(),
    st.sampled_from(["", "a", "b", "ü", "7", "True"]),
    st.text(max_size=3),
    st.datetimes(timezones=st.just(UTC)),
    st.lists(st.integers(), max_size=1),
)
KINDS = {
    "likes": st.one_of(st.integers(0, 6), st.none()),
    "score": st.one_of(st.floats(), st.none()),
    "topic": st.one_of(st.sampled_from(["art", "ml", "sport"]), st.text(max_size=2), st.none()),
    "flag": st.one_of(st.booleans(), st.none()),
    "anything": CELLS,
}


def frame(rows: list[tuple], names: tuple[str, ...] = tuple(KINDS)) -> pd.DataFrame:
    columns = zip(*rows, strict=True) if rows else [[]] * len(names)
    return pd.DataFrame({n: pd.Series(list(c), dtype=object) for n, c in zip(names, columns, strict=True)})


rows = st.lists(st.tuples(*KINDS.values()), max_size=12)


@given(rows, st.lists(rows, min_size=1, max_size=4), st.randoms(use_true_random=False))
def test_profiles_of_parts_add_to_the_profile_of_the_whole(first, parts, random):
    reference = Profile.of(frame(first))
    whole = Profile.of(frame([row for part in parts for row in part]), like=reference)
    profiles = [Profile.of(frame(part), like=reference) for part in parts]
    random.shuffle(profiles)
    left = functools.reduce(lambda a, b: a + b, profiles)
    right = functools.reduce(lambda a, b: b + a, reversed(profiles))
    assert left == right == whole
    assert hash(left) == hash(right) == hash(whole)


@given(rows)
def test_a_table_has_on_its_own_cells_the_profile_that_cut_them(first):
    reference = Profile.of(frame(first))
    assert Profile.of(frame(first), like=reference) == reference


@given(rows, rows)
def test_an_empty_window_changes_nothing_and_json_loses_nothing(first, second):
    reference = Profile.of(frame(first))
    window = Profile.of(frame(second), like=reference)
    assert window + Profile.of(frame([]), like=reference) == window
    for profile in (reference, window):
        assert Profile.from_json(profile.to_json()) == profile


def test_columns_may_come_and_go_between_the_parts():
    reference = Profile.of(pd.DataFrame({"a": [1, 2, 2], "b": ["x", "y", "x"]}))
    one, two = pd.DataFrame({"a": [1], "new": [0]}), pd.DataFrame({"a": [2], "b": ["x"], "also": [0]})
    both = Profile.of(one, like=reference) + Profile.of(two, like=reference)
    assert both == Profile.of(pd.concat([one, two]), like=reference)
    assert both.new_columns == ("also", "new")
    assert Profile.of(one, like=reference).columns["b"].absent
    assert (both.columns["b"].absent, both.columns["b"].missing) == (False, 1)


def test_profiles_with_different_bins_refuse_to_add():
    a, b = (Profile.of(pd.DataFrame({"x": values})) for values in ([1.5, 2, 3], [1.5, 2, 4]))
    sentence = "the profiles of column 'x' count on different bins and cannot be added; build both with "
    with pytest.raises(ValueError, match=f"^{sentence}"):
        a + b
    with pytest.raises(
        ValueError, match=r"^the profiles have different columns and cannot be added; build both"
    ):
        a + Profile.of(pd.DataFrame({"y": [1.5, 2, 3]}))
    with pytest.raises(TypeError):
        a + 1


BAD = {
    "no table": ([1, 2], r"^a profile is made of a pandas DataFrame; got list$"),
    "a column named by a number": (
        pd.DataFrame({0: [1]}),
        r"^a column is named 0 \(int\); expected text: use frame.columns = frame.columns.astype\(str\)$",
    ),
    "one name for two columns": (
        pd.DataFrame([[1, 2]], columns=["a", "a"]),
        r"^two columns are named 'a'; expected each name once: rename one of them$",
    ),
}


@pytest.mark.parametrize(("table", "sentence"), BAD.values(), ids=BAD)
def test_a_table_that_cannot_be_profiled_is_refused_in_one_sentence(table, sentence):
    with pytest.raises(ValueError, match=sentence):
        Profile.of(table)


@pytest.mark.parametrize(
    "table",
    [pd.DataFrame(), pd.DataFrame({"a": []}), pd.DataFrame(index=range(3)),
     pd.DataFrame({"a": pd.Series([], dtype="str"), "b": pd.Series([], dtype="Int64")})],
    ids=["nothing", "no rows", "no columns", "typed, no rows"],
)  # fmt: skip
def test_an_empty_table_has_a_profile(table):
    profile = Profile.of(table)
    assert profile.n == len(table)
    assert all(part.kind == "empty" for part in profile.parts)
    assert Profile.from_json(profile.to_json()) == profile
    assert Profile.of(table, like=profile) == profile
    assert repr(profile).startswith("Profile: ")
    assert profile._repr_html_().startswith("<div>")


def test_a_schema_says_the_kinds():
    table = pd.DataFrame({"id": [7, 9, 30], "topic": ["a", "b", "c"], "note": ["x", "x", "y"]})
    schema = Schema(
        (
            Column("id", "integer", unique=True),
            Column("topic", "category", categories=("a", "b", "c")),
            Column("note", "text"),
        )
    )
    kinds = {name: part.kind for name, part in Profile.of(table, schema=schema).columns.items()}
    assert kinds == {"id": "key", "topic": "category", "note": "text"}


def test_some_columns_can_be_selected_in_any_order():
    profile = Profile.of(pd.DataFrame({"a": [1], "b": [2.5], "c": ["x"]}))
    assert list(profile.select(["c", "a"]).columns) == ["c", "a"]
    assert profile.select(["c", "a"]).n == 1
    with pytest.raises(ValueError, match=r"^the profile has no column 'bb': did you mean 'b'\?$"):
        profile.select(["bb"])


def test_a_profile_cannot_be_changed_and_keeps_no_row():
    secret = "Anna, 12 Elm Street"
    profile = Profile.of(pd.DataFrame({"name": [f"{secret} {i}" for i in range(50)], "x": range(50)}))
    assert secret not in profile.to_json() + repr(profile)
    with pytest.raises(TypeError):
        profile.columns["x"] = None
    with pytest.raises(AttributeError):
        profile.n = 3


def _with(change):
    """The JSON of a sound profile after `change` of its record."""
    profile = Profile.of(pd.DataFrame({"x": [1.5, 2.0, 4.0], "c": ["a", "a", None]}))
    record = json.loads(profile.to_json())
    change(record)
    return json.dumps(record)


SPOILT = {
    "not JSON": ("{", "the profile is not JSON"),
    "a list": ("[]", "the profile has no whole number under 'format'"),
    "newer": (
        _with(lambda r: r.update(format=2)),
        "the profile has format 2; this mlsd reads up to 1: update",
    ),
    "no columns": (_with(lambda r: r.pop("columns")), "the profile is incomplete: 'columns'"),
    "a nameless column": (_with(lambda r: r["columns"][0].pop("name")), "the profile is incomplete: "),
    "a column that is text": (_with(lambda r: r["columns"].append("x")), "the profile is incomplete: "),
    "a lost count": (
        _with(lambda r: r["columns"][0]["counts"].pop()),
        "the profile of column 'x' contradicts",
    ),
    "a changed count": (
        _with(lambda r: r["columns"][0].update(n=9)),
        "the profile of column 'x' contradicts",
    ),
    "a negative count": (
        _with(lambda r: r["columns"][1].update(missing=-1, n=1)),
        "the profile of column 'c' contradicts",
    ),
    "a count in text": (_with(lambda r: r["columns"][0].update(n="3")), "the profile "),
    "edges that fall": (
        _with(lambda r: r["columns"][0]["edges"].reverse()),
        "the profile of column 'x' contr",
    ),
    "an unknown kind": (
        _with(lambda r: r["columns"][0].update(kind="colour")),
        "the profile of column 'x' con",
    ),
}


@pytest.mark.parametrize(("text", "sentence"), SPOILT.values(), ids=SPOILT)
def test_a_spoilt_file_is_refused_in_one_sentence(text, sentence):
    with pytest.raises(ValueError, match=f"^{sentence}"):
        Profile.from_json(text)


def big_table() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    table = pd.DataFrame({f"x{i:02}": rng.normal(size=40) for i in range(21)})
    return table.assign(topic=["<b>art</b>", "ml"] * 20, at=pd.date_range("2024-02-05", periods=40, tz="UTC"))


def test_the_repr_is_one_small_aligned_table():
    lines = repr(Profile.of(big_table())).splitlines()
    assert lines[0] == "Profile: 40 rows, 23 columns"
    assert lines[-1] == "  and 3 more"
    assert len({line.index("number") for line in lines[2:-1]}) == 1
    small = repr(Profile.of(big_table()[["topic", "at"]].head(1)))
    assert "Profile: 1 row, 2 columns" in small
    assert "<b>art</b> 100%" in small
    assert "2024-02-05T00:00 to 2024-02-05T00:00" in small


def test_the_html_is_well_formed_escaped_and_names_no_colour():
    class Balanced(HTMLParser):
        def __init__(self):
            super().__init__()
            self.open, self.cells = [], 0

        def handle_starttag(self, tag, attrs):
            assert attrs == []  # no colour of its own: readable in light and dark
            self.open.append(tag)
            self.cells += tag == "td"

        def handle_endtag(self, tag):
            assert self.open.pop() == tag

    page = Profile.of(big_table()[["topic", "x00"]])._repr_html_()
    reader = Balanced()
    reader.feed(page)
    assert (reader.open, reader.cells) == ([], 14)
    assert "&lt;b&gt;art&lt;/b&gt;" in page
