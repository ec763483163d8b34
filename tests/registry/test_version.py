"""Names, references and the moves between states."""

import itertools

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlsd.registry import Version
from mlsd.registry.version import MOVES, check_move, check_name, parse_reference
from mlsd.report import RefusedError

names = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,20}", fullmatch=True)

LEGAL = {
    ("in_progress", "publishing"),
    ("publishing", "published"),
    ("publishing", "in_progress"),
    ("published", "deprecated"),
}


@pytest.mark.parametrize(("state", "target"), [*itertools.product(MOVES, repeat=2)])
def test_every_move_is_legal_or_refused_in_a_sentence_that_says_what_is(state, target):
    if (state, target) in LEGAL:
        check_move("spam@3", state, target)
        return
    with pytest.raises(RefusedError) as refused:
        check_move("spam@3", state, target)
    sentence = str(refused.value)
    assert sentence.startswith(f"spam@3 is {state} and cannot become {target}; ")
    assert all(after in sentence.partition(";")[2] for before, after in LEGAL if before == state)


@given(names, names.filter(lambda alias: not alias.isdecimal()), st.integers(1, 10**6))
def test_references_are_read_back(name, alias, number):
    assert parse_reference(f"{name}@{alias}") == parse_reference(f"models:/{name}@{alias}") == (name, alias)
    assert (
        parse_reference(f"{name}@{number}")
        == parse_reference(f"models:/{name}/{number}")
        == (name, str(number))
    )


@pytest.mark.parametrize(
    "reference",
    ["spam", "", "@", "spam@", "@champion", "spam/3", "a b@champion", "spam@x@y", "models:/spam", "models:/spam/x",
     "runs:/spam@x", "spam@champion\n", "spam@²", "../../etc@champion", None, 3, b"spam@3"],
)  # fmt: skip
def test_what_is_no_reference_is_refused(reference):
    with pytest.raises(
        RefusedError, match=r"refers to no version; expected 'name@champion', 'name@3' or 'models:/name/3'$"
    ):
        parse_reference(reference)


@pytest.mark.parametrize("name", ["a", "Spam-2.1_x", "9", "x" * 100])
def test_a_good_name_is_returned(name):
    assert check_name(name) == name


@pytest.mark.parametrize(
    "name", ["", " a", "a b", ".hidden", "-x", "a/b", "a@b", "ä", "a\n", "x" * 101, None, 3, "٣"]
)
def test_a_bad_name_is_refused(name):
    sentence = (
        r"^the model's name is .*; expected at most 100 letters, digits, '-', '_' and '.', the first a letter"
    )
    with pytest.raises(RefusedError, match=sentence):
        check_name(name)


def test_a_version_reads_as_one_line():
    version = Version("spam", 3, "in_progress", None, pd.Timestamp("2024-02-05", tz="UTC"), "ann", "a1", "b2")
    assert (repr(version), version.reference) == ("Version(spam@3: in_progress)", "spam@3")
