"""A run in memory: what may be logged, what is refused, how it reads."""

import math

import numpy as np
import pandas as pd
import pytest

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
        r"^artifact 'a' is a str; expected bytes or a Path$",
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
