"""Mutants: every kind of small mistake is made, named in words, on the right line, and no other."""

import ast
import functools
import inspect

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlsd.course.lab.mutants import mutants

LIMIT = 3


def compared(a, b):
    return [a > b, a >= b, a < b, a <= b, a == b, a != b, a is b, a is not b, a in b, a not in b]


def computed(a, b):
    a += b
    return (a - b) * a / b // a


def joined(a, b):
    return (not a and b) or a


def axes(x, w, h):
    return np.mean(x, axis=0) + np.sum(x.T, axis=1) + np.dot(x, w) + np.maximum(w, h)


def counted(x, n):
    return [x[k] for k in range(n)] + x[1:n]


def split_up(x_train, x_test, frame):
    return x_train, x_test, frame["before"], frame["after"]


def lines(x):
    """Say nothing."""
    import math

    total: int
    total = 0
    if x:
        total += 1
    else:
        total += 2
    for _ in x:
        total += 3
    return math.sqrt(total)


def documented(x: "int" = 7) -> "dict[str, 5]":
    """Return the docstring, which mentions 3 > 2."""
    y: list[4] = x
    return y


def words_of(function, kind):
    return [mutant.words for mutant in mutants(function) if mutant.kind == kind]


def test_each_comparison_operator_is_flipped():
    assert words_of(compared, "comparison flipped") == [
        *("> became >=", "> became <=", ">= became >", ">= became <", "< became <=", "< became >="),
        *("<= became <", "<= became >", "== became !=", "!= became =="),
        *("is became is not", "is not became is", "in became not in", "not in became in"),
    ]


def test_arithmetic_is_swapped_also_where_it_assigns():
    assert sorted(words_of(computed, "arithmetic swapped")) == ["* became /", "+ became -", "- became +",
                                                                "/ became *", "// became *"]  # fmt: skip


def test_and_or_and_not():
    assert sorted(words_of(joined, "and/or swapped")) == ["and became or", "or became and"]
    assert words_of(joined, "not removed") == ["`not` removed"]
    removed = next(m for m in mutants(joined) if m.kind == "not removed")
    assert (joined(True, True), removed.function(False, True)) == (True, False)


def test_axes_and_arguments_of_the_same_kind_are_swapped_unless_the_order_does_not_count():
    assert sorted(words_of(axes, "axis swapped")) == [
        ".T dropped", "axis=0 became axis=1", "axis=1 became axis=0", "np.dot(x, w) became np.dot(w, x)",
    ]  # fmt: skip


def test_whole_numbers_and_bounds_are_one_off():
    assert sorted(words_of(counted, "off by one")) == [
        "1 became 0", "1 became 2", "the bound n became n + 1", "the bound n became n + 1",
        "the bound n became n - 1", "the bound n became n - 1",
    ]  # fmt: skip


def test_twins_trade_places_where_both_are_there():
    assert words_of(split_up, "train/test swapped") == [
        "x_train became x_test", "x_test became x_train", "before became after", "after became before",
    ]  # fmt: skip


def test_each_line_that_can_go_is_dropped_and_a_block_of_one_line_goes_with_its_head():
    assert words_of(lines, "line dropped") == [
        "dropped `total = 0`", "dropped `if x:`", "dropped `total += 1`", "dropped `total += 2`",
        "dropped `for _ in x:`", "dropped `return math.sqrt(total)`",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("returned", "constants"),
    [
        ("a > 1", ["True", "False"]),
        ("not a", ["True", "False"]),
        ("any(a)", ["True", "False"]),
        ("'yes'", ["'?'"]),
        ("f'{a}'", ["'?'"]),
        ("[a]", ["[]"]),
        ("sorted(a)", ["[]"]),
        ("{a: 1}", ["{}"]),
        ("{a}", ["set()"]),
        ("(a, a)", ["()"]),
        ("a", ["0", "1"]),
        ("np.mean(a)", ["0", "1"]),
    ],
)
def test_the_constant_is_of_the_kind_that_is_returned(tmp_path, returned, constants):
    path = tmp_path / "written.py"
    path.write_text(f"def f(a):\n    return {returned}\n")
    names = {}
    exec(compile(path.read_text(), str(path), "exec"), names)
    assert words_of(names["f"], "constant returned") == [f"the function returns {text}" for text in constants]


def test_docstring_hints_and_imports_stay_as_they_are():
    assert {str(m).split(": ", 1)[1] for m in mutants(documented)} == {
        "7 became 8", "7 became 6", "dropped `y: object = x`", "dropped `return y`",
        "the function returns 0", "the function returns 1",
    }  # fmt: skip
    assert all("the docstring, which mentions 3 > 2" in m.source for m in mutants(documented))


@pytest.mark.parametrize("function", [compared, computed, joined, axes, counted, split_up, lines])
def test_every_mutant_is_another_function_of_the_same_name_and_the_same_each_time(function):
    made = list(mutants(function))
    original = ast.unparse(ast.parse(inspect.getsource(function)))
    assert [(str(m), m.source) for m in made] == [(str(m), m.source) for m in mutants(function)]
    assert len({m.source for m in made} | {original}) == len(made) + 1
    assert all(m.function.__name__ == function.__name__ for m in made)
    assert [m.line for m in made] == sorted(m.line for m in made)


def test_the_line_is_the_one_of_the_file():
    file = inspect.getsource(inspect.getmodule(lines)).splitlines()
    for mutant in mutants(lines):
        if mutant.kind == "line dropped":
            assert (
                file[mutant.line - 1].strip() in (mutant.words[9:-1], "else:") or "total += 2" in mutant.words
            )
    at = {m.words: file[m.line - 1] for m in mutants(axes)}
    assert "np.dot(x, w)" in at["np.dot(x, w) became np.dot(w, x)"]


@given(st.integers(-5, 5))
def test_a_mutant_sees_the_names_its_function_sees_but_not_its_decorators(x):
    inner = 2

    @functools.cache
    def decorated(x):
        return x + inner + LIMIT

    def plain(x):
        return x + inner + LIMIT

    for function in (decorated, plain):
        swapped = [m.function(x) for m in mutants(function) if m.kind == "arithmetic swapped"]
        assert sorted(swapped) == sorted([x - inner + LIMIT, x + inner - LIMIT])


def test_a_mutant_that_calls_itself_calls_the_mutant():
    def down(n):
        return 0 if n == 0 else 1 + down(n - 1)

    dropped = next(m.function for m in mutants(down) if m.words == "+ became -")
    assert (down(4), dropped(4)) == (4, 1 - (1 - (1 - (1 - 0))))
