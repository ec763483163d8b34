"""The watch over one published version: window by window, what moved and how good it still is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from mlsd.monitoring import AlertRule, detect_drift, diagnose, judge_performance
from mlsd.package import ModelPackage
from mlsd.prediction_log import PredictionLog, features_of
from mlsd.profile import Profile
from mlsd.report import Report

INPUTS = AlertRule(
    successive=3, at_least=0.05
)  # a column alerts when 5 % of the rows moved, three times running
LOSS = AlertRule(successive=2)


@dataclass(frozen=True)
class Window:
    """What one window of time looked like.

    Args:
        start, end: UTC; the end is not part of it.
        n: rows that were predicted.
        drift: the features beside the training rows.
        performance: the loss beside the promise; None until all labels have arrived.
    """

    start: pd.Timestamp
    end: pd.Timestamp
    n: int
    drift: Report
    performance: Report | None = None


class Watch:
    """Looks at every window of a prediction log on behalf of one version.

    Args:
        log: where predictions and labels are.
        package: the version's package; its profile is the reference.
        version: its number.
        label_delay: the longest time until a label arrives.
        inputs_rule, loss_rule: when failed reports become an alert.
    """

    def __init__(
        self,
        log: PredictionLog,
        package: ModelPackage,
        version: int,
        label_delay: pd.Timedelta,
        inputs_rule: AlertRule = INPUTS,
        loss_rule: AlertRule = LOSS,
    ) -> None:
        self.log, self.package, self.version, self.label_delay = log, package, version, label_delay
        self.inputs_rule, self.loss_rule = inputs_rule, loss_rule
        self.reference = package.profile.select(package.features)
        self.windows: list[Window] = []

    def look(self, start: pd.Timestamp, end: pd.Timestamp) -> Window:
        """Judge the features of one window; windows are looked at in order of time."""
        rows = self._rows(start, end)
        current = Profile.of(features_of(rows)[list(self.package.features)], like=self.reference)
        self.windows.append(Window(start, end, len(rows), detect_drift(self.reference, current)))
        return self.windows[-1]

    def labels_arrived(self, now: pd.Timestamp) -> list[Window]:
        """Judge the performance of every window whose last label has arrived by now; return those."""
        ready = []
        for i, window in enumerate(self.windows):
            if window.performance is None and window.end + self.label_delay <= now:
                y, prediction = self.labelled(window.start, window.end, now)
                performance = judge_performance(
                    y, prediction, task=self.package.task, reference_loss=squared_error(self.package)
                )
                self.windows[i] = Window(window.start, window.end, window.n, window.drift, performance)
                ready.append(self.windows[i])
        return ready

    def alert(self) -> Report:
        """Apply the rules to the windows so far."""
        performances = [w.performance for w in self.windows if w.performance is not None]
        return self.inputs_rule.judge([w.drift for w in self.windows]) + self.loss_rule.judge(performances)

    def trouble_since(self) -> pd.Timestamp:
        """Return the end of the window in which the trouble that is alerted now was first seen.

        That first window may be a mixture of before and after, so what follows it is what counts.
        """
        alerted = {(f.details["code"], f.subject) for f in self.alert() if f.code == "alert"}
        first = self.windows[-1]
        for code, subject in alerted:
            for window in reversed(self.windows):
                reports = [r for r in (window.drift, window.performance) if r is not None]
                judged = [f for r in reports for f in r if (f.code, f.subject or f.code) == (code, subject)]
                if judged and not judged[0].failed:
                    break
                if judged and window.start < first.start:
                    first = window
        return first.end

    def diagnose(self, now: pd.Timestamp) -> Report:
        """Name the trouble that is alerted now, from the rows since it began whose labels are in."""
        y, prediction = self.labelled(self.trouble_since(), now, now)
        return diagnose(
            drift=self.windows[-1].drift,
            y=y,
            prediction=prediction,
            task=self.package.task,
            reference_loss=squared_error(self.package),
        )

    def labelled(self, start: pd.Timestamp, end: pd.Timestamp, now: pd.Timestamp) -> tuple:
        """Return (coded labels, predictions) of a span, as far as labels have arrived by now."""
        rows = self._rows(start, end, labelled_by=now)
        rows = rows[rows["label"].notna()]
        return self.package.encode_target(rows["label"]), as_array(rows["prediction"], self.package)

    def _rows(
        self, start: pd.Timestamp, end: pd.Timestamp, labelled_by: pd.Timestamp | None = None
    ) -> pd.DataFrame:
        rows = self.log.window(start, end, labelled_by=labelled_by)
        return rows[rows["version"] == self.version]


def as_array(answers: pd.Series, package: ModelPackage) -> np.ndarray:
    """Return logged answers as `predict` gave them: (n,), or (n, k) for several classes."""
    if package.task != "multiclass":
        return answers.to_numpy(dtype="float64")
    names = [str(name) for name in package.classes]
    return pd.DataFrame(answers.tolist(), columns=names).to_numpy(dtype="float64")


def squared_error(package: ModelPackage) -> float | None:
    """Return the mean squared error that a regression promised; None for classes."""
    return package.metric.value**2 if package.task == "regression" and package.metric else None
