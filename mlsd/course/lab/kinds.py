"""The usual kinds of law: against an oracle, a number, a table, a choice, a text, a figure, a state.

A law whose answers are not compared as they are carries `seen(answer)`, what it looks at, and may carry
`near(seen, other)`, whether two of these are the same to it: so a wrong idea is recognised.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mlsd.course.lab.exercise import Draw, Test
from mlsd.course.lab.expectation import Mismatch, expect, expect_same, same, shown
from mlsd.report import RefusedError


def oracle(function: Callable[..., Any], draw: Draw, *, n: int = 10, tolerance: float = 1e-9) -> Test:
    """Return the law that an answer agrees with an oracle on fresh calls.

    >>> def draw(rng): return (rng.random(),)
    >>> oracle(abs, draw)(lambda x: x, np.random.default_rng(0))
    """

    def test(answer: Any, rng: np.random.Generator) -> None:
        for _ in range(n):
            call = draw(rng)
            expect_same(answer(*call), function(*call), tolerance=tolerance)

    return test


def number(recompute: Callable[[], float], *, tolerance: float) -> Test:
    """Return the law that a number lies within `tolerance` (in its own unit) of the one computed anew.

    >>> number(lambda: 0.25, tolerance=0.01)(0.255, np.random.default_rng(0))
    """

    def test(answer: Any, rng: np.random.Generator) -> None:
        usable = isinstance(answer, (int, float, np.integer, np.floating)) and not isinstance(answer, bool)
        expect(usable, f"expected a number, got {type(answer).__name__} {shown(answer)}")
        off = abs(float(answer) - recompute())
        expect(off <= tolerance, f"{shown(float(answer))} is further than {tolerance:g} from the value")

    vars(test).update(seen=lambda answer: answer + 0.0, near=lambda one, other: abs(one - other) <= tolerance)
    return test


def table(recompute: Callable[[], pd.DataFrame], *, by: Sequence[str], tolerance: float = 1e-9) -> Test:
    """Return the law that a table has the columns and rows of the one computed anew, in any order of rows.

    Args:
        recompute: makes the right table.
        by: the columns that name a row.
        tolerance: of its numbers.
    """

    def test(answer: Any, rng: np.random.Generator) -> None:
        wanted = recompute()
        expect(isinstance(answer, pd.DataFrame), f"expected a table (DataFrame), got {type(answer).__name__}")
        missing = [name for name in wanted if name not in answer]
        expect(
            not missing,
            f"the column {', '.join(missing)} is missing; there are {', '.join(map(str, answer))}",
        )
        expect_same(len(answer), len(wanted), "number of rows")
        got, wanted = seen(answer), seen(wanted)
        for name in wanted:
            expect_same(list(got[name]), list(wanted[name]), f"column {name}", tolerance=tolerance)

    def seen(answer: pd.DataFrame) -> pd.DataFrame:
        rows = answer.sort_values(list(by)).reset_index(drop=True)
        return rows[sorted(rows, key=str)]

    vars(test).update(seen=seen, near=lambda one, other: same(one, other, tolerance))
    return test


def choice(options: Collection[str], reasons: Collection[str], right: Collection[str]) -> Test:
    """Return the law that an option is chosen for a right reason: option, then reason, as in `"b2"`.

    Both are chosen from lists, so that a lucky letter without its reason does not pass (a two-tier
    question, after Treagust, 1988).

    >>> choice("ab", "123", {"b2"})("b2", np.random.default_rng(0))
    """

    legal = {option + reason for option in options for reason in reasons}
    odd = sorted({*right} - legal)
    if odd or not right:
        said = f"{odd[0]!r} is no option with a reason" if odd else "no code is right"
        raise RefusedError(f"choice: {said}; options are {', '.join(options)}, reasons {', '.join(reasons)}")
    wrong = tuple(sorted(legal - set(right)))

    def test(answer: Any, rng: np.random.Generator) -> None:
        asked = f"expected an option ({', '.join(options)}), then a reason ({', '.join(reasons)}), such as"
        expect(answer in legal, f"{asked} {wrong[0]!r}; got {shown(answer)}")
        halves = {r for r in right if r[0] == str(answer)[0]}
        expect(
            answer in right, "the option can be right; the reason is not" if halves else "another option fits"
        )

    vars(test)["wrong_codes"] = wrong  # each is tried when the exercise is proved
    return test


def written(*, words: int = 25) -> Test:
    """Return the law that a text of so many words is there; what it is worth is the writer's to judge."""

    def test(answer: Any, rng: np.random.Generator) -> None:
        expect(isinstance(answer, str), f"expected a text in quotes, got {type(answer).__name__}")
        found = {word.lower() for word in re.findall(r"\w+", answer)}
        expect(len(found) >= words, f"{len(found)} different words; write at least {words}")

    return test


def drawn(*, x: str, y: str, data: Callable[[], Sequence[float]], tolerance: float = 1e-6) -> Test:
    """Return the law that a figure names its axes and draws these heights: as a line, points or bars.

    Args:
        x: word that the label of the horizontal axis must hold; `y` likewise.
        data: makes the heights anew.
        tolerance: of the heights.
    """

    def test(answer: Any, rng: np.random.Generator) -> None:
        expect(hasattr(answer, "axes"), f"expected a figure, got {type(answer).__name__}")
        axes = list(answer.axes) if isinstance(answer.axes, list) else [answer]
        expect(axes, "the figure is empty: nothing is drawn in it")
        for name, word, label in (("x", x, axes[0].get_xlabel()), ("y", y, axes[0].get_ylabel())):
            expect(word.lower() in label.lower(), f"the {name} axis reads {label!r}; say {word!r} there")
        wanted = list(map(float, data()))
        found = any(same(heights, wanted, tolerance) for heights in _heights(axes[0]))
        expect(found, "nothing drawn has the heights asked for")

    def seen(answer: Any) -> list[Any]:
        axes = answer.axes[0] if isinstance(answer.axes, list) else answer
        named = [x.lower() in axes.get_xlabel().lower(), y.lower() in axes.get_ylabel().lower()]
        return [named, _heights(axes)]

    vars(test).update(seen=seen, near=lambda one, other: same(one, other, tolerance))
    return test


def _heights(axes: Any) -> list[list[float]]:
    heights = [list(map(float, line.get_ydata())) for line in axes.lines]
    bars = [box.patches for box in axes.containers if hasattr(box, "patches")]
    heights += [[float(bar.get_height()) for bar in group] for group in bars]
    return heights + [list(map(float, np.asarray(dots.get_offsets())[:, 1])) for dots in axes.collections]


def git_says(arguments: Sequence[str], wanted: str) -> Test:
    """Return the law that a repository is in a state: `git -C folder <arguments>` prints `wanted`."""

    def test(answer: Any, rng: np.random.Generator) -> None:
        expect(Path(answer).is_dir(), f"there is no folder {shown(str(answer))}")
        said = seen(answer)
        expect(said == wanted, f"git {' '.join(arguments)} says {shown(said)}, expected {shown(wanted)}")

    def seen(answer: Any) -> str:
        above = str(Path(answer).resolve().parent)  # a repository around the folder is not the answer
        try:
            ran = subprocess.run(
                ["git", "-C", str(answer), *arguments], capture_output=True, text=True, check=False,
                env={**os.environ, "GIT_CEILING_DIRECTORIES": above},
            )  # fmt: skip
        except FileNotFoundError:
            raise Mismatch("git is not found on this computer: `mlsd doctor` says what to do") from None
        return ran.stdout.strip() if ran.returncode == 0 else ran.stderr.strip()

    vars(test)["seen"] = seen
    return test


def responds(path: str, *, status: int = 200, seconds: float = 2) -> Test:
    """Return the law that a service, given by its address, answers GET `path` with this status."""

    def test(answer: Any, rng: np.random.Generator) -> None:
        got = seen(answer)
        expect(got == str(status), f"GET {path} gives {got}, expected {status}")

    def seen(answer: Any) -> str:
        import httpx

        try:
            return str(httpx.get(f"{str(answer).rstrip('/')}{path}", timeout=seconds).status_code)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            return f"no answer ({type(error).__name__})"

    vars(test)["seen"] = seen
    return test
