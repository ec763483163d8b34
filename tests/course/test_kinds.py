"""Each kind of law passes what is right, and says in a sentence what is not."""

import http.server
import subprocess
import threading

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure

from mlsd.course.lab import Exercise, kinds
from mlsd.course.lab.expectation import Mismatch
from mlsd.course.lab.judge import alike, diagnose
from mlsd.report import RefusedError

RNG = np.random.default_rng(0)


def says(law, answer):
    """Return what a law says of an answer; nothing when it passes."""
    try:
        law(answer, np.random.default_rng(0))
    except Mismatch as mismatch:
        return str(mismatch)
    return ""


def test_an_oracle_asks_on_fresh_calls_and_shows_both_values():
    law = kinds.oracle(abs, lambda rng: (float(rng.normal()),), n=20)
    assert says(law, abs) == ""
    assert says(law, lambda x: x).startswith("got -0.")
    asked = []
    law(lambda x: asked.append(x) or abs(x), RNG)
    assert len(set(asked)) == 20


@given(st.floats(0, 0.2))
def test_a_number_may_be_off_by_the_tolerance(off):
    said = says(kinds.number(lambda: 0.5, tolerance=0.1), 0.5 + off)
    assert bool(said) == (0.5 + off - 0.5 > 0.1)


@pytest.mark.parametrize("answer", [1, np.int64(1), np.float32(1), np.float64(1)], ids=type)
def test_a_number_of_any_kind_is_one(answer):
    assert says(kinds.number(lambda: 1.0, tolerance=0), answer) == ""


@pytest.mark.parametrize(
    "answer", [True, np.bool_(True), "1", None, [1], np.complex128(1), np.array([1])], ids=type
)
def test_what_is_no_number_is_told_so(answer):
    assert says(kinds.number(lambda: 1.0, tolerance=0.1), answer).startswith("expected a number, got ")


@pytest.mark.parametrize("answer", [np.nan, np.inf, 2])
def test_a_number_far_off_is_told_so_without_the_value(answer):
    said = says(kinds.number(lambda: 0.123, tolerance=0.01), answer)
    assert said.endswith("is further than 0.01 from the value") and "0.123" not in said


def sales():
    return pd.DataFrame({"shop": ["b", "a"], "sold": [2.0, np.nan]})


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda t: t, ""),
        (lambda t: t[::-1], ""),
        (lambda t: t.assign(more=1)[["more", "sold", "shop"]], ""),
        (lambda t: list(t), "expected a table (DataFrame), got list"),
        (lambda t: t[["shop"]], "the column sold is missing; there are shop"),
        (lambda t: t[:1], "number of rows: got 1, expected 2"),
        (lambda t: t.fillna(0), "column sold: got [0, 2], expected [nan, 2]"),
        (lambda t: t.assign(shop=["b", "c"]), "column shop: got ['b', 'c'], expected ['a', 'b']"),
    ],
)
def test_a_table_has_the_columns_and_rows_in_any_order(change, said):
    assert says(kinds.table(sales, by=["shop"]), change(sales())) == said


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ("b2", ""),
        (np.str_("b2"), ""),
        ("b1", "the option can be right; the reason is not"),
        ("a1", "another option fits"),
        ("c1", "expected an option (a, b), then a reason (1, 2), such as 'a1'; got 'c1'"),
        ("b", "expected an option (a, b), then a reason (1, 2), such as 'a1'; got 'b'"),
        (2, "expected an option (a, b), then a reason (1, 2), such as 'a1'; got 2"),
    ],
)
def test_a_choice_needs_its_reason(answer, said):
    assert says(kinds.choice("ab", "12", {"b2"}), answer) == said


def test_the_example_of_a_choice_is_never_the_right_one():
    assert "such as 'a2'" in says(kinds.choice("ab", "12", {"a1"}), "no")


@given(st.sets(st.sampled_from(["a1", "a2", "b1", "b2"]), min_size=1, max_size=3))
def test_each_other_code_is_kept_for_the_proof(right):
    law = kinds.choice("ab", "12", right)
    assert set(law.wrong_codes) | right == {"a1", "a2", "b1", "b2"} and not set(law.wrong_codes) & right
    assert all(says(law, code) for code in law.wrong_codes)


@pytest.mark.parametrize(
    ("right", "said"),
    [({"b4"}, "'b4' is no option with a reason"), ({"a1", "b"}, "'b' is no"), ((), "no code is right")],
)
def test_a_right_code_comes_from_the_lists(right, said):
    with pytest.raises(RefusedError, match=f"choice: {said}.*; options are a, b, reasons 1, 2"):
        kinds.choice("ab", "12", right)


def test_a_text_needs_so_many_different_words():
    law = kinds.written(words=3)
    assert says(law, "One two, three!") == ""
    assert says(law, "one One two") == "2 different words; write at least 3"
    assert says(law, None) == "expected a text in quotes, got NoneType"


HEIGHTS = [1.0, 3.0, 2.0]


def figure(draw, x="day", y="views (thousands)"):
    axes = Figure().subplots()
    draw(axes)
    axes.set(xlabel=x, ylabel=y)
    return axes.figure


DRAWN = {
    "line": lambda axes: axes.plot(HEIGHTS),
    "points": lambda axes: axes.scatter(range(3), HEIGHTS),
    "bars": lambda axes: axes.bar(range(3), HEIGHTS),
    "bars over a band": lambda axes: (axes.axvspan(0, 1), axes.bar(range(3), HEIGHTS)),
    "a line over an area": lambda axes: (axes.fill_between(range(3), HEIGHTS), axes.plot(HEIGHTS)),
    "two groups": lambda axes: (axes.bar(range(3), [1, 1, 1]), axes.bar(range(3), HEIGHTS)),
    "a line with errors": lambda axes: axes.errorbar(range(3), HEIGHTS, yerr=0.1),
}


@pytest.mark.parametrize("draw", DRAWN.values(), ids=DRAWN)
def test_a_figure_may_draw_the_heights_in_any_way(draw):
    law = kinds.drawn(x="Day", y="views", data=lambda: HEIGHTS)
    assert says(law, figure(draw)) == says(law, figure(draw).axes[0]) == ""
    other = kinds.drawn(x="Day", y="views", data=lambda: [1, 2, 3])
    assert says(other, figure(draw)) == "nothing drawn has the heights asked for"


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ([1, 2], "expected a figure, got list"),
        (Figure(), "the figure is empty: nothing is drawn in it"),
        (figure(DRAWN["line"], x=""), "the x axis reads ''; say 'day' there"),
        (figure(DRAWN["line"], y="sum"), "the y axis reads 'sum'; say 'views' there"),
    ],
    ids=["list", "empty", "x", "y"],
)
def test_a_figure_without_its_labels_is_told_so(answer, said):
    assert says(kinds.drawn(x="day", y="views", data=lambda: HEIGHTS), answer) == said


def test_a_repository_is_in_its_state(tmp_path):
    subprocess.run(["git", "init", "-q", "-b", "main", str(tmp_path)], check=True)
    on_main = kinds.git_says(["symbolic-ref", "--short", "HEAD"], "main")
    assert says(on_main, tmp_path) == says(on_main, str(tmp_path)) == ""
    other = kinds.git_says(["symbolic-ref", "--short", "HEAD"], "fix")
    assert says(other, tmp_path) == "git symbolic-ref --short HEAD says 'main', expected 'fix'"
    assert says(on_main, tmp_path / "none").startswith("there is no folder ")
    assert says(kinds.git_says(["no-such-command"], ""), tmp_path).startswith("git no-such-command says ")


def test_a_repository_around_the_folder_is_not_the_answer(tmp_path):
    subprocess.run(["git", "init", "-q", "-b", "main", str(tmp_path)], check=True)
    (tmp_path / "inside").mkdir()
    said = says(kinds.git_says(["symbolic-ref", "--short", "HEAD"], "main"), tmp_path / "inside")
    assert "not a git repository" in said


def test_without_git_one_sentence_says_so(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    said = says(kinds.git_says(["status"], ""), tmp_path)
    assert said == "git is not found on this computer: `mlsd doctor` says what to do"


class _Health(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == "/health" else 404)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


def test_a_service_answers_with_its_status():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Health) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}"
        assert (
            says(kinds.responds("/health"), address) == says(kinds.responds("/health"), address + "/") == ""
        )
        assert says(kinds.responds("/nothing"), address) == "GET /nothing gives 404, expected 200"
        server.shutdown()
    assert (
        says(kinds.responds("/health"), address) == "GET /health gives no answer (ConnectError), expected 200"
    )
    assert "gives no answer (" in says(kinds.responds("/health"), "nowhere")


# ---- what a law looks at: so a wrong idea about a figure, a folder, an address or a table is recognised -------


def ideas(law, **answers):
    """An exercise with this law whose wrong ideas give these answers."""
    one = Exercise("98.1", "What is it?", value=True)
    one.law("it is so")(law)
    one.reference(lambda: None)
    for name, answer in answers.items():
        one.misconception(name, why="No.", hint="Look.")(
            lambda answer=answer: answer() if callable(answer) else answer
        )
    return one


def taken(one, answer):
    return [idea.name for idea in diagnose(one, answer)]


def test_a_number_within_the_tolerance_of_an_idea_is_that_idea():
    one = ideas(kinds.number(lambda: 500, tolerance=2), small=100, large=900)
    assert taken(one, 101.5) == taken(one, np.float64(98)) == ["small"]
    assert taken(one, 103) == taken(one, "100") == taken(one, 500) == []
    assert alike(one, 101, 100) and not alike(one, 101, 100, exact=True)  # a mutant near the value is one


def test_a_table_is_an_idea_in_any_order_of_its_rows_and_columns():
    right = pd.DataFrame({"day": [1, 2, 3], "views": [4.0, 5.0, 6.0]})
    one = ideas(
        kinds.table(lambda: right, by=["day"], tolerance=0.01), double=right * [1, 2], bare=right[["views"]]
    )
    shuffled = (right * [1, 2]).iloc[[2, 0, 1]][["views", "day"]]
    assert taken(one, shuffled) == taken(one, shuffled.add([0.005, 0])) == ["double"]
    assert taken(one, right[["views"]]) == ["bare"]  # no key to sort by: compared as it is
    assert taken(one, right) == taken(one, right * [1, 3]) == taken(one, 7) == []


def test_a_figure_is_an_idea_by_its_words_and_heights():
    law = kinds.drawn(x="day", y="views", data=lambda: HEIGHTS)
    other = lambda axes: axes.bar(range(3), [2, 6, 4])  # noqa: E731
    one = ideas(law, double=lambda: figure(other), nameless=lambda: figure(DRAWN["bars"], y="sum"))
    assert taken(one, figure(other)) == taken(one, figure(other).axes[0]) == ["double"]
    assert taken(one, figure(DRAWN["line"], y="n")) == ["nameless"]
    assert taken(one, figure(DRAWN["bars"])) == taken(one, figure(other, x="")) == taken(one, [1, 2]) == []


def test_a_repository_is_an_idea_by_what_git_says(tmp_path):
    for name in ("main", "fix", "mine", "bare"):
        (tmp_path / name).mkdir()
        branch = "fix" if name == "mine" else name
        if name != "bare":
            subprocess.run(["git", "init", "-q", "-b", branch, str(tmp_path / name)], check=True)
    law = kinds.git_says(["symbolic-ref", "--short", "HEAD"], "main")
    one = ideas(law, elsewhere=tmp_path / "fix", never=tmp_path / "bare")
    assert taken(one, tmp_path / "mine") == ["elsewhere"]
    assert taken(one, tmp_path) == ["never"]
    assert taken(one, tmp_path / "main") == taken(one, tmp_path / "none") == []


def test_a_service_is_an_idea_by_what_it_answers():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Health) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}"
        one = ideas(kinds.responds("/health"), elsewhere=f"{address}/v1", off="http://127.0.0.1:9")
        assert taken(one, f"{address}/v2") == ["elsewhere"]
        assert taken(one, "http://127.0.0.1:9/") == ["off"]
        assert taken(one, address) == []
        server.shutdown()
