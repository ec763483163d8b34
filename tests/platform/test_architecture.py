"""The picture of a sound system: its boxes exist in this library, and each planted defect is the one named."""

from importlib import import_module

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlsd.platform.architecture import DEFECTS, ROOMS, TYPICAL, crooked, reaches

BOXES = {box for arrow in TYPICAL for box in arrow}


def has(arrows):
    """Look for each defect in the words of its definition."""
    return {
        "no feedback": not reaches(arrows, "monitoring", "training"),
        "loose file": any(b == "serving" and a != "registry" for a, b in arrows),
        "test rows leak": reaches(arrows, "test rows", "training", avoiding=["evaluation"]),
        "no gate": reaches(arrows, "training", "registry", avoiding=["evaluation"]),
        "labels unread": not reaches(arrows, "labels", "monitoring"),
    }


def test_every_box_is_built_somewhere_here():
    assert set(ROOMS) == BOXES
    for room in ROOMS.values():
        import_module(room)


def test_the_typical_system_is_sound_and_every_box_lies_on_the_wheel():
    assert not any(has(TYPICAL).values())
    for box in BOXES - {"labels"}:
        assert reaches(TYPICAL, "data", box) or box == "data"
    assert reaches(TYPICAL, "labels", "serving")


@given(st.integers(0, 10_000), st.sets(st.sampled_from(sorted(DEFECTS))))
def test_exactly_what_is_planted_is_there(random_state, defects):
    arrows, planted = crooked(random_state, defects)
    assert planted == defects
    assert {name for name, there in has(arrows).items() if there} == defects
    assert len(set(arrows)) == len(arrows)


@given(st.integers(0, 10_000))
def test_a_number_draws_one_to_five_defects_and_always_the_same(random_state):
    arrows, planted = crooked(random_state)
    assert 1 <= len(planted) <= 5
    assert (arrows, planted) == crooked(random_state)
    assert {name for name, there in has(arrows).items() if there} == planted


def test_detours_differ_from_number_to_number():
    ways = {tuple(sorted(set(crooked(k, ["no gate"])[0]) - TYPICAL)) for k in range(40)}
    assert len(ways) > 10


@pytest.mark.parametrize("avoid", ["evaluation", "registry"])
def test_a_path_does_not_lead_through_what_it_avoids(avoid):
    assert reaches(TYPICAL, "training", "serving")
    assert not reaches(TYPICAL, "training", "serving", avoiding=[avoid])


def test_a_box_reaches_itself_only_round_a_circle():
    assert not reaches([("a", "b")], "a", "a")
    assert reaches([("a", "b"), ("b", "a")], "a", "b")
