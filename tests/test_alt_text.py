"""A figure in words: its kind, its axes, what its lines do, which bar is the biggest; always the same."""

import re
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure

from mlsd.alt_text import alt_text

DAYS = pd.date_range("2024-01-01", periods=5, tz="UTC")


def figure(draw, x="x", y="y", title=""):
    made = Figure(layout="constrained")
    axes = made.add_subplot()
    draw(axes)
    axes.set(xlabel=x, ylabel=y)
    if title:
        made.suptitle(title)
    return made


def grouped(axes):
    axes.bar([-0.2, 0.8], [1, 2], 0.4, label="before")
    axes.bar([0.2, 1.2], [1.5, 5], 0.4, label="now")
    axes.set_xticks([0, 1], ["art", "jobs"])


def with_limits(axes):
    axes.plot([1, 2, 3], [0.1, 0.2, 0.4], label="effect")
    axes.axhline(0.05, label="limit")
    axes.axvline(2, label="alert")


def log_line(axes):
    axes.plot([1, 2, 3], [1, 1.05, 1_000])
    axes.set_yscale("log")


SAID = {
    "a line": (
        lambda axes: axes.plot([1, 2, 3], [0.5, 0.4, 0.3], label="loss"),
        "A line chart of y (0.3 to 0.5) against x (1 to 3). The line loss falls from 0.5 to 0.3.",
    ),
    "a line without a name": (
        lambda axes: axes.plot([1, 2], [3_000, 48_123]),
        "A line chart of y (3,000 to 48,100) against x (1 to 2). The line rises from 3,000 to 48,100.",
    ),
    "lines": (
        lambda axes: axes.plot(
            [1, 2, 3, 4],
            np.transpose([[1, 5, 2, 0], [3, 0, 2, 3], [2, 4, 0, 2], [1, 1, 1, 1], [1, 1.1, 1, 1.1]]),
        ),
        "A line chart of y (0 to 5) against x (1 to 4). Lines: "
        "line 1 rises from 1 to 5 at 2, then falls to 0; "
        "line 2 falls from 3 to 0 at 2, then rises to 3; "
        "line 3 goes up and down between 0 and 4; "
        "line 4 is flat at 1; line 5 is flat at 1.05.",
    ),
    "limits": (
        with_limits,
        "A line chart of y (0.05 to 0.4) against x (1 to 3). Lines: "
        "effect rises from 0.1 to 0.4; limit is level at 0.05; alert is upright at 2.",
    ),
    "gaps": (
        lambda axes: axes.plot([1, 2, 3, 4], [np.nan, 2, np.inf, 4]),
        "A line chart of y (2 to 4) against x (2 to 4). The line rises from 2 to 4.",
    ),
    "one point": (
        lambda axes: axes.plot([1], [3]),
        "A line chart of y (3) against x (1). The line is one point at 3.",
    ),
    "a logarithmic axis": (
        log_line,
        "A line chart of y (1 to 1,000) against x (1 to 3). The line rises from 1 to 1,000.",
    ),
    "nobody sees the rest": (
        lambda axes: axes.plot([0, 1], [1, 1e-9]),
        "A line chart of y (0 to 1) against x (0 to 1). The line falls from 1 to 0.",
    ),
    "days": (
        lambda axes: axes.plot(DAYS, [0, 1, 2, 1, 0]),
        "A line chart of y (0 to 2) against x (2024-01-01 to 2024-01-05). "
        "The line rises from 0 to 2 at 2024-01-03, then falls to 0.",
    ),
    "hours": (
        lambda axes: axes.plot(DAYS[0] + pd.to_timedelta([0, 90], unit="min"), [0, 2]),
        "A line chart of y (0 to 2) against x (2024-01-01 00:00 to 2024-01-01 01:30). "
        "The line rises from 0 to 2.",
    ),
    "names along the axis": (
        lambda axes: axes.plot(["first", "last"], [3, 4]),
        "A line chart of y (3 to 4) against x (first to last). The line rises from 3 to 4.",
    ),
    "dots": (
        lambda axes: axes.scatter([1, 2], [3, 4]),
        "A scatter plot of y (3 to 4) against x (1 to 2).",
    ),
    "dots of a line": (
        lambda axes: axes.plot([1, 2], [3, 4], "o"),
        "A scatter plot of y (3 to 4) against x (1 to 2).",
    ),
    "dots with errors": (
        lambda axes: axes.errorbar([1, 2], [3, 4], [0.5, 0.5], fmt="o", capsize=2),
        "A scatter plot of y (2.5 to 4.5) against x (1 to 2).",
    ),
    "a line with errors": (
        lambda axes: axes.errorbar([1, 2], [3, 4], [0.5, 0.5], capsize=2, label="auc"),
        "A line chart of y (2.5 to 4.5) against x (1 to 2). The line auc rises from 3 to 4.",
    ),
    "bars": (
        lambda axes: axes.bar(["art", "jobs", "tools"], [1, 3, 2]),
        "A bar chart of y (0 to 3) against x (3 bars). The biggest bar is jobs at 3, the smallest art at 1.",
    ),
    "lying bars": (
        lambda axes: axes.barh(["art", "jobs"], [1, 3]),
        "A bar chart of x (0 to 3) against y (2 bars). The biggest bar is jobs at 3, the smallest art at 1.",
    ),
    "groups of bars": (
        grouped,
        "A bar chart of y (0 to 5) against x (4 bars). "
        "The biggest bar is jobs (now) at 5, the smallest art (before) at 1.",
    ),
    "bars by date": (
        lambda axes: axes.bar(DAYS, [1, 2, 3, 4, 5]),
        "A bar chart of y (0 to 5) against x (5 bars). "
        "The biggest bar is 2024-01-05 at 5, the smallest 2024-01-01 at 1.",
    ),
    "bars by number": (
        lambda axes: axes.bar([10, 20], [-1, 2]),
        "A bar chart of y (-1 to 2) against x (2 bars). The biggest bar is 20 at 2, the smallest 10 at -1.",
    ),
    "equal bars": (
        lambda axes: axes.bar(["art", "jobs"], [2, 2]),
        "A bar chart of y (0 to 2) against x (2 bars). All 2 bars stand at 2.",
    ),
    "one bar": (
        lambda axes: axes.bar(["art"], [2]),
        "A bar chart of y (0 to 2) against x (1 bar). The only bar is art at 2.",
    ),
    "a histogram": (
        lambda axes: axes.hist([0, 1, 1, 1, 2, 4], bins=[0, 1, 2, 4]),
        "A histogram of y (0 to 3) against x (0 to 4). The tallest bar stands from 1 to 2 and reaches 3.",
    ),
    "stairs": (
        lambda axes: axes.stairs([1, 3, 2], [0, 1, 2, 3]),
        "A histogram of y (0 to 3) against x (0 to 3). The tallest bar stands from 1 to 2 and reaches 3.",
    ),
    "a heat map": (
        lambda axes: axes.imshow(np.eye(3)),
        "A heat map of y (-0.5 to 2.5) against x (-0.5 to 2.5).",
    ),
    "nothing": (lambda axes: None, "An empty figure."),
}


@pytest.mark.parametrize("name", SAID)
def test_a_figure_in_words(name):
    draw, words = SAID[name]
    assert alt_text(figure(draw)) == words
    assert alt_text(figure(draw, title="We\nlost")) == f"We lost. {words}"
    assert alt_text(figure(draw, title="Who lost?")) == f"Who lost? {words}"


def test_an_axis_without_a_label_is_named_as_such():
    words = alt_text(figure(lambda axes: axes.plot([1, 2], [3, 4]), x="", y=" "))
    assert "of an unlabelled y axis (3 to 4) against an unlabelled x axis (1 to 2)" in words
    assert "against x (1 to 2)" in alt_text(figure(lambda axes: axes.plot([1, 2], [3, 4]), y=""))


def test_what_cannot_be_seen_is_not_in_the_range():
    def draw(axes):
        axes.plot([0, 10, 20], [0, 1, 2])
        axes.set_xlim(5, 12)

    assert "against x (5 to 12)" in alt_text(figure(draw))


def test_panels_are_told_one_by_one_and_a_colour_bar_is_none():
    made = Figure()
    first, second = made.subplots(1, 2)
    first.plot([1, 2], [3, 4])
    first.set(xlabel="a", ylabel="b", title="Both fell")
    colours = second.imshow(np.eye(2))
    second.set(xlabel="c", ylabel="d")
    made.colorbar(colours)
    assert alt_text(made) == (
        "Both fell. 2 panels: A line chart of b (3 to 4) against a (1 to 2); "
        "A heat map of d (-0.5 to 1.5) against c (-0.5 to 1.5)."
    )


def test_a_drawing_without_axes():
    def draw(axes):
        axes.fill([0, 1, 1], [0, 0, 1])
        axes.set_axis_off()

    assert (
        alt_text(figure(draw, title="The model is the small box")) == "The model is the small box. A drawing."
    )


def test_many_lines_are_counted():
    words = alt_text(figure(lambda axes: axes.plot(np.arange(20).reshape(2, 10))))
    assert words.endswith("line 6 rises from 5 to 15; and 4 more.")


# ---- laws -------------------------------------------------------------------------------------------

VALUES = st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=30)
LABEL = st.sampled_from(["", "recall", "log loss (nats)"])


@settings(max_examples=60)
@given(values=VALUES, x=LABEL, y=LABEL, kind=st.sampled_from(["plot", "bar", "scatter", "hist"]))
def test_one_to_four_sentences_short_numbers_no_ids_and_the_same_twice(values, x, y, kind):
    def draw(axes):
        axes.hist(values) if kind == "hist" else getattr(axes, kind)(range(len(values)), values)

    words = alt_text(figure(draw, x, y, "Title"))
    assert words == alt_text(figure(draw, x, y, "Title"))
    assert 1 <= len(re.findall(r"[.?!](?: |$)", words)) <= 4 and words[-1] == "."
    assert not re.search(r"_child|_container|0x[0-9a-f]+|nan|inf\b|\n|  ", words)
    for number in re.findall(r"\d[\d,]*(?:\.\d+)?", re.sub(r"e[+-]\d+", "", words)):
        assert len(number.replace(",", "").replace(".", "").strip("0")) <= 3, number


@settings(max_examples=60)
@given(values=VALUES)
def test_a_rise_told_backwards_is_a_fall_and_upside_down_too(values):
    def does(y):
        return alt_text(figure(lambda axes: axes.plot(range(len(y)), y))).split("The line ")[1]

    verbs = {"rises": "falls", "falls": "rises"}
    said, backwards, turned = does(values), does(values[::-1]), does([-value for value in values])
    verb, then = said.split()[0], ", then" in said
    assert turned.split()[0] == verbs.get(verb, verb)
    assert backwards.split()[0] == (verb if then else verbs.get(verb, verb))


@given(values=st.lists(st.integers(-99, 99), min_size=2, max_size=8, unique=True))
def test_the_biggest_and_the_smallest_bar_are_the_right_ones(values):
    names = [f"name{i}" for i in range(len(values))]
    words = alt_text(figure(lambda axes: axes.bar(names, values)))
    big, small = names[values.index(max(values))], names[values.index(min(values))]
    assert f"The biggest bar is {big} at {max(values)}, the smallest {small} at {min(values)}." in words


@given(steps=st.lists(st.floats(0.1, 1), min_size=1, max_size=20))
def test_a_line_that_only_climbs_rises(steps):
    y = np.cumsum([0, *steps])
    assert "The line rises from 0 to" in alt_text(figure(lambda axes: axes.plot(y)))


# ---- without matplotlib -----------------------------------------------------------------------------


def test_reading_a_figure_needs_no_matplotlib():
    script = "import sys, mlsd.alt_text; print([n for n in sys.modules if n.startswith('matplotlib')])"
    answer = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    assert answer.stdout.strip() == "[]"
