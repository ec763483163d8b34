"""The catalogue is read from the student editions; a damaged one does not hide the others."""

import json

import pytest

from mlsd.course.lab.catalogue import catalogue, entry, exercise_id
from mlsd.report import RefusedError
from tests.course.tiny import make_labs


@pytest.fixture
def labs(tmp_path):
    return make_labs(tmp_path)


def test_what_the_front_matter_says_stands_in_the_catalogue(labs):
    bare, two = catalogue(labs)
    assert (two.number, two.title, two.sprint, two.minutes) == ("98", "Two and two?", 9, 5)
    assert (two.objectives, two.exercises) == (("add two numbers",), ("98.1", "98.2"))
    assert bare.exercises == ()
    assert repr(two) == "Entry(98 Two and two?: 5 minutes, 2 exercises)"


def test_copies_beside_an_edition_are_no_labs(labs):
    for name in ("98_two_and_two.before-reset-1.ipynb", "98_two_and_two-Copy1.ipynb"):
        (labs / "sprint_9" / name).write_text("{}")
    assert [one.number for one in catalogue(labs)] == ["97", "98"]


@pytest.mark.parametrize(
    "text",
    ["", "[]", '{"nbformat": 4, "cells": [], "metadata": []}', '{"nbformat": 4, "cells": [], "metadata": {"mlsd": 3}}',
     '{"nbformat": 4, "cells": [], "metadata": {"mlsd": {"minutes": "x", "objectives": 3, "title": null}}}'],
)  # fmt: skip
def test_a_damaged_edition_is_still_in_the_catalogue(labs, text):
    (labs / "sprint_9" / "98_two_and_two.ipynb").write_text(text)
    two = entry("98", labs)
    assert (two.number, two.title, two.sprint, two.minutes) == ("98", "Two and two", 9, 0)


def test_a_lab_and_an_exercise_are_named_in_any_usual_way_or_refused(labs, tmp_path):
    path = labs / "sprint_9" / "03_third.ipynb"
    about = {"exercises": ["03.1", "03.2"]}
    path.write_text(json.dumps({"nbformat": 4, "metadata": {"mlsd": about}, "cells": []}))
    third = entry("3", labs)
    assert third == entry("03", labs)
    assert exercise_id(third, "2") == exercise_id(third, "03.2") == "03.2"
    with pytest.raises(RefusedError, match=r"^there is no lab '12'; there are 03, 97, 98$"):
        entry("12", labs)
    for wrong in ("7", "04.1", "", "x"):
        with pytest.raises(RefusedError, match=r"^lab 03 has no exercise '.*'; it has 03.1, 03.2$"):
            exercise_id(third, wrong)
    with pytest.raises(RefusedError, match="there are none yet"):
        entry("03", tmp_path / "nothing")
