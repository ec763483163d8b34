"""A run in memory: what may be logged, what is refused, how it reads."""

import math

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from mlsd.plot import picture
from mlsd.report import RefusedError
from mlsd.run import Run


def test_a_run_without_a_tracker_keeps_everything_in_memory(tmp_path):
    run = Run("first")
    run.log_params({"rate": np.float64(0.1), "leaves": np.int64(31), "shape": (3, 4)})
    run.log_metrics({"auc": np.float32(0.5), "loss": 2}, step=10)
    run.log_metrics({"auc": 0.75})
    run.log_artifact("model.txt", b"tree")
    (tmp_path / "plot.png").write_bytes(b"png")
    run.log_artifact("plots/roc.png", tmp_path / "plot.png")
    run.set_tags({"sprint": 2})
    run.set_tags({"sprint": 3})
    assert run.params == {"rate": 0.1, "leaves": 31, "shape": [3, 4]}
    assert run.metrics == {"auc": [(10, 0.5), (11, 0.75)], "loss": [(10, 2.0)]}
    assert run.artifacts == {"model.txt": 4, "plots/roc.png": 3}
    assert (run.read_artifact("model.txt"), run.read_artifact("plots/roc.png")) == (b"tree", b"png")
    assert run.tags == {"sprint": 3}
    assert run.started.tzname() == "UTC"


def test_steps_count_from_zero_for_each_metric():
    run = Run("first")
    run.log_metrics({"a": 1})
    run.log_metrics({"a": 2, "b": 3})
    assert run.metrics == {"a": [(0, 1.0), (1, 2.0)], "b": [(0, 3.0)]}


@pytest.mark.parametrize("kind", [list, tuple, np.array, pd.Series])
def test_a_curve_is_its_points_one_after_the_other(kind):
    at_once, one_by_one = Run("a"), Run("b")
    values = [0.5, math.inf, -0.25, 2.0]
    for run in (at_once, one_by_one):
        run.log_metrics({"loss": 7.0}, step=4)
    at_once.log_metrics({"loss": kind(values), "auc": 1.0})
    at_once.log_metrics({"loss": kind(values)}, step=30)
    at_once.log_metrics({"loss": kind(values)}, step=kind([3, 1, 2, 1]))
    at_once.log_metrics({"loss": kind([])})
    one_by_one.log_metrics({"auc": 1.0})
    for value in values:
        one_by_one.log_metrics({"loss": value})
    for step, value in [*enumerate(values, 30), *zip([3, 1, 2, 1], values, strict=True)]:
        one_by_one.log_metrics({"loss": value}, step=step)
    assert at_once.metrics == one_by_one.metrics


def test_a_figure_is_kept_as_a_picture_the_same_bytes_each_time():
    figure, axes = picture("One line", x="x", y="y")
    axes.plot([0, 1], [1, 0])
    run = Run("first")
    run.log_figure("plots/line", figure)
    run.log_figure("again.png", axes)
    run.log_figure("line.svg", figure)
    assert set(run.artifacts) == {"plots/line.png", "again.png", "line.svg"}
    assert run.read_artifact("plots/line.png") == run.read_artifact("again.png")
    assert run.read_artifact("again.png").startswith(b"\x89PNG")
    assert b"<svg" in run.read_artifact("line.svg") and b"dc:date" not in run.read_artifact("line.svg")


def test_a_table_is_kept_as_csv():
    run = Run("first")
    run.log_artifact("slices.csv", pd.DataFrame({"slice": ["new", "old"], "auc": [0.5, 0.75]}))
    assert run.read_artifact("slices.csv").splitlines() == [b"slice,auc", b"new,0.5", b"old,0.75"]


def test_lineage_grows_and_the_newest_value_counts():
    run = Run("first", lineage={"commit": "c1"})
    run.log_lineage({"data": ["d1", "d2"], "rows": np.int64(7)})
    run.log_lineage({"rows": 8})
    assert run.lineage == {"commit": "c1", "data": ["d1", "d2"], "rows": 8}


def test_minus_zero_is_zero_as_it_is_on_the_disk():
    run = Run("first")
    run.log_metrics({"a": -0.0})
    assert repr(run.metrics) == "{'a': [(0, 0.0)]}"


def test_a_parameter_keeps_its_value():
    run = Run("first")
    run.log_params({"rate": 0.1, "leaves": 31})
    run.log_params({"rate": 0.1})
    with pytest.raises(
        RefusedError, match=r"^parameter 'rate' is 0.1 already and cannot become 0.2: start a new run$"
    ):
        run.log_params({"depth": 3, "rate": 0.2})
    assert run.params == {"rate": 0.1, "leaves": 31}  # all or nothing


REFUSED = {
    "text as a metric": (
        lambda run: run.log_metrics({"auc": "0.9"}),
        r"^metric 'auc' is '0.9' \(str\); expected a",
    ),
    "nothing as a metric": (
        lambda run: run.log_metrics({"auc": None}),
        r"^metric 'auc' is 'None' \(NoneType\)",
    ),
    "pandas NA as a metric": (lambda run: run.log_metrics({"auc": pd.NA}), r"^metric 'auc' is '<NA>'"),
    "a step that is no step": (
        lambda run: run.log_metrics({"auc": 1}, step=0.5),
        r"^the step of metric 'auc' is 0.5; expected a whole number$",
    ),
    "a step without end": (lambda run: run.log_metrics({"auc": 1}, step=2**63), r"expected a whole number$"),
    "a step that is missing": (
        lambda run: run.log_metrics({"auc": 1}, step=math.nan),
        r"is nan; expected a whole",
    ),
    "a parameter without plain form": (
        lambda run: run.log_params({"model": object()}),
        r"^parameter 'model': cannot write object as JSON; give numbers, text, lists or dicts$",
    ),
    "a name that is no text": (
        lambda run: run.set_tags({3: "x"}),
        r"^tag 3 has no usable name; expected text on",
    ),
    "an empty name": (lambda run: run.log_metrics({"": 1}), r"^metric '' has no usable name"),
    "a name of two lines": (
        lambda run: run.log_params({"a\nb": 1}),
        r"^parameter 'a\\nb' has no usable name",
    ),
    "text as an artifact": (
        lambda run: run.log_artifact("a", "text"),
        r"^artifact 'a' is a str; expected bytes, a Path or a DataFrame$",
    ),
    "a table that is no csv": (
        lambda run: run.log_artifact("slices", pd.DataFrame({"a": [1]})),
        r"^artifact 'slices' is a table; give it a name such as 'slices.csv'$",
    ),
    "a figure that is none": (
        lambda run: run.log_figure("roc", [1, 2]),
        r"^figure 'roc' is a list; expected a matplotlib figure$",
    ),
    "a curve with text in it": (
        lambda run: run.log_metrics({"loss": 1.0, "auc": [0.5, "0.9"]}),
        r"^metric 'auc' is '0.9' \(str\); expected a number$",
    ),
    "more steps than values": (
        lambda run: run.log_metrics({"auc": [0.5]}, step=[1, 2]),
        r"^metric 'auc' has 1 values and 2 steps; expected as many$",
    ),
    "many steps of one value": (
        lambda run: run.log_metrics({"auc": 0.5}, step=[1, 2]),
        r"^the step of metric 'auc' is \[1, 2\]; expected a whole number$",
    ),
    "lineage without plain form": (
        lambda run: run.log_lineage({"data": object()}),
        r"^lineage 'data': cannot write object as JSON",
    ),
    "an artifact nobody logged": (
        lambda run: run.read_artifact("a"),
        r"^run 'first' has no artifact 'a'; known: none$",
    ),
}


@pytest.mark.parametrize(("attempt", "sentence"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_kept_is_refused_and_nothing_is_kept(attempt, sentence):
    run = Run("first")
    with pytest.raises(RefusedError, match=sentence):
        attempt(run)
    assert (run.params, run.metrics, run.artifacts, run.tags) == ({}, {}, {}, {})


def test_an_artifact_that_cannot_be_read_is_one_sentence(tmp_path):
    with pytest.raises(RefusedError, match=r"^cannot use .*absent: no such file or directory; "):
        Run("first").log_artifact("a", tmp_path / "absent")


@pytest.mark.parametrize("status", ["finished", "failed", "interrupted"])
def test_a_run_that_has_ended_takes_nothing_more(status):
    run = Run("first", status=status)
    for attempt in (
        lambda: run.log_params({"a": 1}),
        lambda: run.log_metrics({"a": 1}),
        lambda: run.log_artifact("a", b""),
        lambda: run.set_tags({"a": 1}),
        lambda: run.log_lineage({"a": 1}),
        lambda: run.log_figure("a", Figure()),
    ):
        with pytest.raises(
            RefusedError, match=rf"^run 'first' is {status}; nothing more can be logged to it$"
        ):
            attempt()


def test_a_run_reads_as_a_small_table():
    run = Run("first", "run-7")
    assert repr(run) == "Run run-7 first: running"
    run.log_params({f"p{i}": i for i in range(8)})
    run.log_metrics({"auc": 0.123456})
    run.log_metrics({"auc": 0.987654, "loss": math.nan})
    run.log_artifact("model.txt", b"x" * 1234)
    run.set_tags({"note": "<b>"})
    assert repr(run).splitlines() == [
        "Run run-7 first: running",
        "  params     p0=0, p1=1, p2=2, p3=3, p4=4, p5=5, and 2 more",
        "  metrics    auc=0.9877 (2 steps), loss=nan",
        "  artifacts  model.txt=1,234 bytes",
        "  tags       note=<b>",
    ]
    page = run._repr_html_()
    assert "note=&lt;b&gt;" in page and "color" not in page
