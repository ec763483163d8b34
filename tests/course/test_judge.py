"""Four outcomes, and no answer, however strange, is given another one than it has earned."""

import contextlib
import functools
import io
import re
import signal
import threading
import time

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlsd.course.lab.alarm import TooSlow, within
from mlsd.course.lab.exercise import Exercise
from mlsd.course.lab.expectation import expect_same
from mlsd.course.lab.judge import PATIENCE, diagnose, judge, untouched


def doubling():
    """Return the exercise "twice each of these numbers": a list in, a list out."""
    one = Exercise("98.1", "Twice as much", hints=("Times 2.",))

    @one.reference
    def twice(numbers, times=2):
        return [times * x for x in numbers]

    @one.inputs
    def some(rng):
        return (list(map(int, rng.integers(3, 99, 5))),)

    @one.law("twice nothing is nothing")
    def _(answer, rng):
        expect_same(answer([]), [])

    @one.law("twice each number")
    def _(answer, rng):
        numbers = some(rng)[0]
        for _ in range(2):
            expect_same(answer(numbers), [2 * x for x in numbers])

    @one.misconception("adds_two", why="Plus is not times.", hint="What is twice 5?")
    def _(numbers):
        return [x + 2 for x in numbers]

    @one.misconception("squares", why="A square is x times x.", hint="Which number is 2?")
    def _(numbers):
        return [x**2 for x in numbers]

    @one.misconception("needs_one", why="An empty list is a list.", hint="What if there is none?")
    def _(numbers):
        return [numbers[0] * 2, *(2 * x for x in numbers[1:])]

    return one


def valued(right="b2", kinds=("a1",)):
    one = Exercise("98.2", "Which?", value=True, criteria=("it is clear",))
    one.reference(lambda: right)
    one.law("it is right")(lambda answer, rng: expect_same(answer, right))
    for kind in kinds:
        one.misconception(str(kind), why="No.", hint="Look.")(lambda kind=kind: kind)
    return one


def outcome(answer, exercise=None, **named):
    return judge(exercise or doubling(), answer, **named).outcome


def said(answer, exercise=None):
    return judge(exercise or doubling(), answer).findings[0].message


# ---- right answers in strange clothes ----------------------------------------------------------------


class Doubler:
    def __call__(self, numbers):
        return [2 * x for x in numbers]

    def method(self, numbers):
        return self(numbers)

    @staticmethod
    def static(numbers):
        return [2 * x for x in numbers]


class Twice(list):
    """A class as the answer: what it makes is a list."""

    def __init__(self, numbers):
        super().__init__(2 * x for x in numbers)


def multiply(times, numbers):
    return [times * x for x in numbers]


@functools.cache
def cached(times):
    return lambda numbers: [times * x for x in numbers]


def logged(function):
    @functools.wraps(function)
    def inner(*args):
        return function(*args)

    return inner


def careless(numbers):
    print("looking at", numbers)
    for k, x in enumerate(numbers):
        numbers[k] = 2 * x
    return numbers


def empties(numbers):
    return [2 * numbers.pop(0) for _ in list(numbers)]


def with_default(numbers, times=2, *, also=None):
    return [times * x for x in numbers]


def disturbs(numbers):
    np.seterr(all="raise")
    np.random.seed(0)  # noqa: NPY002
    return [2 * x for x in numbers]


RIGHT = {
    "lambda": lambda numbers: [2 * x for x in numbers],
    "partial": functools.partial(multiply, 2),
    "callable object": Doubler(),
    "bound method": Doubler().method,
    "static method": Doubler.static,
    "class": Twice,
    "closure": cached(2),
    "decorated": logged(with_default),
    "default arguments": with_default,
    "prints and changes its argument": careless,
    "empties its argument": empties,
    "changes numpy's state": disturbs,
    "an array": lambda numbers: 2 * np.array(numbers),
    "a tuple": lambda numbers: tuple(2 * x for x in numbers),
    "a series": lambda numbers: 2 * pd.Series(numbers, dtype=float),
}


@pytest.mark.parametrize("answer", RIGHT.values(), ids=RIGHT)
@pytest.mark.parametrize("state", [0, 1])
def test_a_right_answer_passes_in_any_clothes(answer, state):
    before = np.geterr()
    assert outcome(answer, random_state=state) == "passed"
    assert np.geterr() == before


def test_arguments_come_as_copies_so_that_an_answer_cannot_spoil_the_law():
    verdict = judge(doubling(), lambda numbers: numbers.clear() or [])
    assert verdict.outcome == "wrong"
    assert re.search(r"got \[\], expected \[\d+, .*\], in <lambda>\(\[\d+, ", verdict.findings[-1].message)


# ---- wrong answers -----------------------------------------------------------------------------------


class Yes:
    """Equals everything."""

    def __eq__(self, other):
        return True

    __hash__ = None


class Unshowable:
    def __repr__(self):
        raise RuntimeError("no")


WRONG = {
    "not a number": lambda numbers: [np.nan for _ in numbers],
    "infinite": lambda numbers: [np.inf for _ in numbers],
    "a generator": lambda numbers: (2 * x for x in numbers),
    "a set": lambda numbers: {2 * x for x in numbers},
    "one that equals everything": lambda numbers: Yes(),
    "many that equal everything": lambda numbers: [Yes() for _ in numbers],
    "one that cannot be shown": lambda numbers: Unshowable(),
    "text": lambda numbers: [str(2 * x) for x in numbers],
    "true": lambda numbers: True,
    "a function": lambda numbers: lambda: [2 * x for x in numbers],
    "nothing": lambda numbers: numbers.sort(),
    "the dots now and then": lambda numbers: [2 * x for x in numbers] or ...,
    "huge": lambda numbers: [10**400 * x for x in numbers],
    "itself": lambda numbers: Twice,
}


@pytest.mark.parametrize("answer", WRONG.values(), ids=WRONG)
def test_a_wrong_answer_is_wrong_and_its_sentence_has_no_address(answer):
    verdict = judge(doubling(), answer)
    assert verdict.outcome == "wrong"
    assert not re.search("0x[0-9a-f]", repr(verdict)) and len(verdict.findings[-1].message) < 400


def test_each_law_says_what_it_found():
    verdict = judge(doubling(), lambda numbers: [2 * x for x in numbers] + [0])
    laws = [f for f in verdict if f.code == "law"]
    assert laws[0].message == "got [0], expected [], in <lambda>([])"
    assert [(f.subject, f.ok) for f in laws] == [
        ("twice nothing is nothing", False),
        ("twice each number", False),
    ]


def no_number(numbers, times=2):
    return ["two"] * len(numbers)


def shortened(numbers, times=2):
    numbers.clear()
    return 3


def nothing(numbers, times=2):
    numbers.clear()


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (shortened, "shortened([1], times=3) gave 3: expected a list, got a number"),
        (no_number, "no_number([1], times=3) gave ['two'], which cannot be used here: ValueError: "),
        (nothing, "nothing([1], times=3) gave nothing (None): does it end with return?"),
    ],
    ids=["another form", "the same form", "nothing"],
)
def test_what_a_law_cannot_use_is_wrong_not_crashed_and_of_what_form_it_should_be(answer, said):
    one = doubling()
    one.law("numbers")(lambda answer, rng: expect_same(list(map(float, answer([1], times=3))), [3]))
    verdict = judge(one, answer)
    assert verdict.outcome == "wrong" and verdict.findings[-1].message.startswith(said)


def test_a_value_that_a_law_cannot_use_is_told_its_form():
    one = valued(right={"a": 1})
    one.law("its a")(lambda answer, rng: expect_same(answer.get("a"), 1))
    for answer, form in (([1], "a list"), (None, "None"), ("a", "a text"), ({1}, "a set")):
        assert judge(one, answer).findings[-1].message.endswith(f": expected a dictionary, got {form}")


def test_arguments_that_only_a_wrong_answer_leads_to_do_not_hide_the_verdict():
    one = doubling()
    one.law("twice twice")(lambda answer, rng: expect_same(answer(answer([1]))[0], 4))
    seven = lambda numbers: 7  # noqa: E731
    said = judge(one, seven).findings[-1].message
    assert (
        said == "<lambda>(7) gave 7, which cannot be used here: TypeError: 'int' object is not subscriptable"
    )


def test_a_law_sees_what_became_of_the_arguments():
    one = doubling()

    @one.law("the list stays as it was")
    def _(answer, rng):
        numbers = [1, 2]
        answer(numbers)
        expect_same(numbers, [1, 2], "the law's own list")
        expect_same(answer.given[0], numbers, "the list after the call")

    said = [f.message for f in judge(one, lambda numbers: [2 * numbers.pop(0) for _ in list(numbers)])]
    assert said[-1] == "the list after the call: got [], expected [1, 2], in <lambda>([1, 2])"
    assert judge(one, lambda numbers: [2 * x for x in numbers]).outcome == "passed"


@pytest.mark.parametrize(
    "answer", [3, "twice", [2], None, pd.Series([1])], ids=lambda value: type(value).__name__
)
def test_a_value_where_a_function_is_asked_is_wrong(answer):
    assert outcome(answer) == "wrong"
    assert said(answer).startswith(f"The answer is a function; got {type(answer).__name__} ")


@pytest.mark.parametrize("answer", [len, Twice, lambda: "b2"], ids=lambda value: type(value).__name__)
def test_a_function_where_a_value_is_asked_is_wrong(answer):
    assert said(answer, valued()).startswith("The answer is a value; got a function, <")


# ---- crashes -----------------------------------------------------------------------------------------


def deep(numbers):
    return deep(numbers)


def looks_up(numbers):
    scores = {"a": 1}
    return scores["b"]


def asks_pandas(numbers):
    return pd.DataFrame({"a": numbers})["b"]


def library_is_unwritten(numbers):
    return pd.api.extensions.ExtensionArray().dtype


def leaves(numbers):
    raise SystemExit(1)


CRASHES = {
    looks_up: "looks_up([]) raised KeyError: 'b' on line {line}: return scores[\"b\"].",
    asks_pandas: 'asks_pandas([]) raised KeyError: \'b\' on line {line}: return pd.DataFrame({{"a": numbers}})["b"].',
    leaves: "leaves([]) raised SystemExit: 1 on line {line}: raise SystemExit(1).",
    deep: "deep([]) raised RecursionError: maximum recursion depth exceeded on line {line}: return deep(numbers).",
}


@pytest.mark.parametrize(("answer", "wanted"), CRASHES.items(), ids=lambda x: getattr(x, "__name__", ""))
def test_a_crash_names_the_call_the_error_and_the_students_own_line(answer, wanted):
    line = answer.__code__.co_firstlineno + (2 if answer is looks_up else 1)
    verdict = judge(doubling(), answer)
    assert (verdict.outcome, verdict.findings[0].message) == ("crashed", wanted.format(line=line))
    assert [(f.subject, f.message) for f in verdict.findings[1:]] == [
        ("twice nothing is nothing", "it crashed here")
    ]


def test_wrong_numbers_of_arguments_are_a_crash():
    assert outcome(lambda: []) == "crashed"
    assert "takes 0 positional arguments but 1 was given" in said(lambda: [])


def test_a_library_that_raises_not_implemented_is_a_crash_and_a_body_that_does_is_not_attempted():
    def unwritten(numbers):
        raise NotImplementedError

    assert outcome(library_is_unwritten) == "crashed"
    assert outcome(unwritten) == "not attempted"
    assert "still raises NotImplementedError" in said(unwritten)


def test_the_students_own_stop_gets_through_and_leaves_no_alarm():
    def interrupted(numbers):
        raise KeyboardInterrupt

    before = signal.getsignal(signal.SIGALRM)
    with pytest.raises(KeyboardInterrupt):
        judge(doubling(), interrupted)
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0) and signal.getsignal(signal.SIGALRM) is before


def endless(numbers):
    while True:
        pass


def stubborn(numbers):
    try:
        endless(numbers)
    except:  # noqa: E722
        endless(numbers)


def endless_list(numbers):
    return iter(int, 1) and [x for x in iter(int, 1) if x]


@pytest.mark.parametrize("answer", [endless, stubborn, endless_list])
def test_an_endless_loop_is_stopped_even_one_that_swallows_everything(answer):
    before = signal.getsignal(signal.SIGALRM)
    verdict = judge(doubling(), answer, patience=0.1)
    assert (verdict.outcome, len(verdict)) == ("crashed", 1)
    assert verdict.findings[0].message == "It was stopped after 0.1 seconds: is there a loop without end?"
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0) and signal.getsignal(signal.SIGALRM) is before


def test_an_endless_generator_is_stopped_while_the_law_reads_it():
    one = doubling()
    one.law("its sum")(lambda answer, rng: expect_same(sum(answer([1])), 2))
    assert outcome(lambda numbers: (x for x in iter(int, 1)), one, patience=0.1) == "crashed"


def test_elsewhere_than_in_the_main_thread_no_alarm_is_set():
    found = []

    def ask():
        with within(0.01):
            time.sleep(0.05)
        found.append(outcome(RIGHT["lambda"]))

    thread = threading.Thread(target=ask)
    thread.start()
    thread.join()
    assert found == ["passed"] and PATIENCE == 5


def test_within_stops_only_what_is_inside():
    with pytest.raises(TooSlow), within(0.05):
        time.sleep(5)
    with within(0.05):
        pass
    time.sleep(0.1)


# ---- not attempted -----------------------------------------------------------------------------------


def stub(numbers): ...


def stub_with_default(numbers=..., *, times: "int" = 2) -> "list":
    """Return twice the numbers."""


def passing(numbers):
    pass


def returning_dots(numbers):
    return ...


def returning_none(numbers):
    """Say so."""
    return None


def returning_two(numbers):
    return 2


def assigning(numbers):
    found = []  # noqa: F841


UNTOUCHED = [
    ..., "", "...", " . \n", (..., "why"), ["b", ...], {"level": ...}, stub, stub_with_default, passing,
    returning_dots, returning_none, lambda numbers: ..., logged(stub), functools.lru_cache(stub),
]  # fmt: skip
TOUCHED = [
    None, 0, False, np.array([]), [], (), {}, "a.", pd.DataFrame(), returning_two, assigning, lambda numbers: numbers,
    logged(returning_two), Doubler(), Twice, functools.partial(multiply, 2), abs, np.nan, [None], {"level": None},
]  # fmt: skip


@pytest.mark.parametrize("answer", UNTOUCHED, ids=lambda value: type(value).__name__)
def test_a_stub_is_not_attempted(answer):
    assert untouched(answer)
    for exercise in (doubling(), valued()):
        verdict = judge(exercise, answer)
        assert verdict.outcome == "not attempted" and not verdict.ok
        assert said(answer, exercise).startswith("Put your answer in place of ...")


@pytest.mark.parametrize("answer", TOUCHED, ids=lambda value: type(value).__name__)
def test_anything_else_is_an_attempt(answer):
    assert not untouched(answer)
    assert outcome(answer) != "not attempted" and outcome(answer, valued()) != "not attempted"


# ---- known wrong ideas -------------------------------------------------------------------------------


def test_a_known_idea_gets_its_hint_and_no_other():
    verdict = judge(doubling(), lambda numbers: [2 + x for x in numbers])
    idea = verdict.findings[1]
    assert (idea.code, idea.subject, idea.message) == (
        "idea",
        "adds_two",
        "Plus is not times. What is twice 5?",
    )
    assert [f.code for f in verdict] == ["wrong", "idea", "law", "law"]


def test_an_answer_that_is_wrong_in_its_own_way_is_no_known_idea():
    assert [f.code for f in judge(doubling(), lambda numbers: [3 * x for x in numbers])] == [
        "wrong",
        "law",
        "law",
    ]


def test_an_idea_that_agrees_with_the_reference_on_all_calls_is_not_named():
    one = doubling()
    slip = lambda numbers: [2 * x for x in numbers] or [0]  # noqa: E731  # as `needs_one`: right where there are numbers
    assert judge(one, slip).outcome == "wrong" and diagnose(one, slip) == []


def test_an_idea_is_recognised_by_what_of_an_answer_shows_it():
    one = doubling()
    one.misconception("one_too_many", why="?", hint="!", seen=lambda got: len(got) % 2)(
        lambda numbers: [2 * x for x in numbers] + [0]
    )
    for extra in ([0], [7], [1, 2, 3]):
        ideas = diagnose(one, lambda numbers, extra=extra: [2 * x for x in numbers] + extra)
        assert [idea.name for idea in ideas] == ["one_too_many"]
    for answer in (lambda numbers: [2 * x for x in numbers] + [1, 2], lambda numbers: None):
        assert diagnose(one, answer) == []  # nothing has no length: it is like no idea


def test_an_idea_about_a_value_is_recognised_by_what_shows_it():
    one = valued(right={"a": 1, "b": 2}, kinds=())
    one.misconception("no_b", why="?", hint="!", seen=lambda got: "b" in got)(lambda: {"a": 1})
    assert [idea.name for idea in diagnose(one, {"c": 5})] == ["no_b"]
    one.misconception("no_idea", why="?", hint="!", seen=lambda got: "a" in got)(lambda: {"a": 9, "b": 9})
    assert diagnose(one, {"a": 5, "b": 2}) == [] and diagnose(one, 3) == []  # the right value shows it too


@given(st.integers(0, 10**6))
def test_each_idea_is_known_on_any_random_state_and_the_reference_is_none(state):
    one = doubling()
    for idea in one.misconceptions[:2]:
        assert diagnose(one, idea.wrong, state) == [idea]
    assert diagnose(one, one.reference_function, state) == []


@pytest.mark.parametrize(
    "answer", [Unshowable(), 10**400, pd.DataFrame([[1, 2]], columns=["a", "a"]), Yes()], ids=type
)
def test_a_value_that_cannot_be_compared_is_wrong_and_no_idea(answer):
    assert [f.code for f in judge(valued(right=1.5, kinds=(2.5, "a")), answer)] == ["wrong", "law"]


def test_a_value_is_compared_with_what_the_idea_makes():
    assert [f.subject for f in judge(valued(kinds=("a1", "b1")), "b1")][:2] == ["98.2", "b1"]


# ---- the report --------------------------------------------------------------------------------------


def test_a_pass_lists_the_laws_and_what_is_yours_to_judge():
    verdict = judge(valued(), "b2")
    assert verdict.ok and [(f.code, f.subject) for f in verdict] == [
        ("passed", "98.2"), ("law", "it is right"), ("yours", "it is clear"),
    ]  # fmt: skip
    assert verdict.summary == "exercise 98.2: passed"


@given(st.integers(0, 1000))
def test_the_same_random_state_gives_the_same_report_and_the_inputs_differ(state):
    slip = lambda numbers: numbers  # noqa: E731
    assert judge(doubling(), slip, state) == judge(doubling(), slip, state)
    assert judge(doubling(), slip, state).findings[-1] != judge(doubling(), slip, state + 1).findings[-1]


def test_a_print_of_the_answer_is_seen():
    with contextlib.redirect_stdout(io.StringIO()) as out:
        judge(doubling(), careless)
    assert out.getvalue().startswith("looking at []")
