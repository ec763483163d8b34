"""The health of a model in service: is it up, are the inputs the same, is it still right - and what to do."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pandas as pd

from mlsd.monitoring import diagnose, estimate_performance, judge_labels
from mlsd.package import ModelPackage
from mlsd.platform.health_answers import (
    REFUSED,
    is_it_right,
    is_it_up,
    promises,
    refused_share,
    same_inputs,
    scored_again,
)
from mlsd.platform.health_rows import check_features, moments, of_version, watch_windows
from mlsd.platform.health_words import advice_for, as_text, title_of
from mlsd.platform.own_table import ALWAYS
from mlsd.platform.watch import Watch, Window, as_array, squared_error
from mlsd.prediction_log import PredictionLog, features_of
from mlsd.report import Finding, Report
from mlsd.store import write_file

NEWEST = 1_000  # rows of the last window that are held against the contract, and scored again


@dataclass(frozen=True)
class Health:
    """How a model in service is: three answers, what changed, whether it hurts, what to do.

    `print` shows it as text, a notebook as a page with pictures, `save` writes that page as one file.

    Args:
        model: what is looked at, such as `"spam@2"`.
        now: the moment of the report, UTC.
        card: three findings, `up`, `inputs` and `right`; the value is one word.
        windows: what was judged, oldest first.
        labels: how many are in, and what to expect where none is.
        diagnosis: what kind of trouble it is, with evidence.
        absent: what was not looked at, and how it would be.
        rate: labels that arrive a day.
    """

    model: str
    now: pd.Timestamp
    card: Report
    windows: tuple[Window, ...]
    labels: Report
    diagnosis: Report
    absent: tuple[str, ...] = ()
    rate: float = 0.0

    @property
    def title(self) -> str:
        """The conclusion, in one sentence."""
        return title_of(self)

    @property
    def advice(self) -> tuple[str, ...]:
        """What to do, the first thing first."""
        return advice_for(self)

    @property
    def kind(self) -> str:
        """The kind of trouble, as `diagnose` names it."""
        return str(self.diagnosis.findings[0].value)

    def save(self, path: str | Path) -> Path:
        """Write the page: one file, no script, nothing from elsewhere; whole or not at all.

        Raises:
            RefusedError: the folder cannot be written.
        """
        from mlsd.platform.health_page import page

        return write_file(path, page(self))

    def __repr__(self) -> str:
        return as_text(self)

    def _repr_html_(self) -> str:
        from mlsd.platform.health_page import part

        return part(self)


def health_report(
    package: ModelPackage,
    log: PredictionLog,
    *,
    version: int | str | None = None,
    name: str = "",
    start: datetime | str | None = None,
    end: datetime | str | None = None,
    every: str = "1D",
    requests: pd.DataFrame | None = None,
) -> Health:
    """Look at what a version answered, window by window, and say how it is.

    The inputs of each window are compared with the rows that the model learned from (`detect_drift`),
    its loss with what it promised (`judge_performance`, once 99 % of the labels had time to arrive).
    Only what keeps failing is an alert (`AlertRule`), and an alert is diagnosed (`diagnose`).

    Args:
        package: the model, with the profile of the rows it learned from.
        log: what it answered, and what turned out to be true.
        version: as it stands in the log; the one that answered last when not given.
        name: of the model, for the title.
        start: what lies before is not looked at; the last 28 windows when not given.
        end: the moment of the report: what is later is not known yet; the newest moment in the log
            when not given.
        every: how long a window is, such as `"1D"` or `"6h"`.
        requests: one row per request, for latency, errors and saturation (`golden_signals`).

    Raises:
        RefusedError: the log holds no row to look at, or the log of another model.
    """
    step, since, until = moments(every, start, end)
    rows = log.window(since or ALWAYS[0], until or ALWAYS[1], labelled_by=until)
    now = until if until is not None else max(rows["at"].max(), rows["labelled_at"].max())
    own = of_version(rows, version, log)
    check_features(package, own, log)
    watch = watch_windows(package, own, since, step, now)
    later = rows.loc[rows["at"] > own["at"].iloc[-1], "version"]
    asked = rows["at"].max() if until is None else until  # labels come later than the last prediction
    up = is_it_up(own["at"], asked, step, set(later) - {watch.version}, requests)
    newest = own[own["at"] >= watch.windows[-1].start].tail(NEWEST) if watch.windows else own[:0]
    refused = refused_share(package, features_of(newest)[list(package.features)])
    serving = scored_again(package, newest)
    right = is_it_right(watch, own)
    card = Report("health", (up, same_inputs(watch, refused, serving), right))
    absent = () if requests is not None else (
        "Latency, errors and saturation: no table of requests was given (requests=..., --requests FILE).",
    )  # fmt: skip
    return Health(
        f"{name or package.target}@{watch.version}",
        now,
        card,
        tuple(watch.windows),
        _labels(package, own, newest, now, right.mark == "note"),
        _diagnosis(watch, now, refused, serving),
        absent,
        float(own["label"].notna().sum() / max((now - own["at"].iloc[0]) / pd.Timedelta("1D"), 1e-9)),
    )


def _labels(
    package: ModelPackage, rows: pd.DataFrame, newest: pd.DataFrame, now: pd.Timestamp, unknown: bool
) -> Report:
    """Say how many labels are in, whether they are a fair sample and, where none says more, what to expect."""
    judged = judge_labels(rows, now=now)
    found = [f for f in judged if f.code == "labels" or (f.code == "early_labels" and not f.ok)]
    if unknown and package.task in ("binary", "multiclass"):
        found += estimate_performance(as_array(newest["prediction"], package))
    return Report("labels", tuple(found))


def _diagnosis(watch: Watch, now: pd.Timestamp, refused: float, serving: Report | None) -> Report:
    """Name the trouble that keeps failing, or say that there is none."""
    calm = watch.alert().ok and refused <= REFUSED and (serving is None or serving.ok)
    if calm or not watch.windows:
        none = Finding("diagnosis", value="no drift", message="no alert, nothing to explain")
        return Report("diagnosis", (none,))
    y, prediction = (), ()
    if promises(watch.package):
        y, prediction = watch.labelled(watch.trouble_since(), now, now)
    return diagnose(
        rejected_share=refused,
        drift=watch.windows[-1].drift,
        serving=serving,
        y=y,
        prediction=prediction,
        task=watch.package.task,
        reference_loss=squared_error(watch.package),
        rejected_limit=REFUSED,
    )
