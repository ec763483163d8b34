"""Which labels are here yet, and can the rows that have one stand for the rest?"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd

from mlsd.plain import is_missing, utc, utc_now
from mlsd.report import MAX_EXAMPLES, Finding, RefusedError, Report

MIN_SIDE = 50  # rows with and rows without a label, to compare the two
ALPHA = 0.001  # asked of every window: false alarms must be rare
NEEDED = ("id", "at", "prediction", "label")


def judge_labels(
    rows: pd.DataFrame,
    *,
    now: datetime | str | None = None,
    label_delay: timedelta | str | None = None,
) -> Report:
    """Judge the labels of logged predictions: how many are out, and are the early ones a fair sample?

    Labels that arrive first are seldom like the rest: fraud is reported at once, honesty never. So
    the predictions of rows with a label are compared with those of rows without (Mann and Whitney).

    Args:
        rows: as `PredictionLog.window` gives them.
        now: the moment of looking; None is this instant.
        label_delay: the longest a label should take; None expects none yet.

    Returns:
        Findings `rows`, `id` (given twice), `clock` (a label known before its prediction, or a
        prediction from the future), `labels` (how many are out; an error when they are due and none
        has come) and `early_labels`, a warning when the labelled rows were scored differently.

    Raises:
        RefusedError: a column of the log is missing, or `at` has no time zone.

    >>> at = pd.Timestamp("2024-02-05T10:00Z")
    >>> rows = pd.DataFrame({"id": ["a", "b"], "at": at, "prediction": [0.1, 0.8], "label": [None, True]})
    >>> judge_labels(rows, now=at).findings[3].message
    '1 of 2 labels are here, 1 is out'
    """
    _check_columns(rows)
    moment = utc_now() if now is None else utc(now, "now")
    n = len(rows)
    if not n:
        finding = Finding(
            "rows", ok=False, value=0, message="no predictions in this window, nothing to judge"
        )
        return Report("labels", (finding,))
    return Report(
        "labels",
        (
            Finding("rows", value=n, message=f"{n:,} predictions"),
            _ids(rows),
            _clock(rows, moment),
            _arrived(rows, moment, label_delay),
            _early(rows),
        ),
    )


def checked_rows(rows: pd.DataFrame) -> pd.DataFrame:
    """Return logged predictions that can be counted: with the log's columns, each id once.

    Raises:
        RefusedError: they cannot.
    """
    _check_columns(rows)
    twice = rows["id"][rows["id"].duplicated()]
    if len(twice):
        raise RefusedError(
            f"{twice.nunique():,} ids stand twice or more, such as {twice.iloc[0]!r}; a prediction counts "
            "once: drop_duplicates('id')"
        )
    return rows


def _check_columns(rows: pd.DataFrame) -> None:
    lost = [name for name in NEEDED if name not in rows]
    if lost:
        raise RefusedError(f"rows have no column {lost[0]!r}; give what PredictionLog.window returns")
    if not isinstance(rows["at"].dtype, pd.DatetimeTZDtype):
        raise RefusedError(
            f"at is {rows['at'].dtype} without a time zone; expected UTC moments: use pd.to_datetime(at, utc=True)"
        )


def _ids(rows: pd.DataFrame) -> Finding:
    twice = rows["id"].duplicated()
    message = f"{twice.sum():,} rows repeat an id" if twice.any() else "every id stands once"
    return Finding(
        "id", ok=not twice.any(), message=message, count=int(twice.sum()), rows=_examples(rows, twice)
    )


def _clock(rows: pd.DataFrame, now: pd.Timestamp) -> Finding:
    wrong = rows["at"] > now
    if "labelled_at" in rows:
        wrong |= rows["labelled_at"] < rows["at"]
    message = (
        f"{wrong.sum():,} rows were labelled before they were predicted, or predicted after now: a clock is wrong"
        if wrong.any()
        else "labels follow their predictions"
    )
    return Finding(
        "clock", ok=not wrong.any(), message=message, count=int(wrong.sum()), rows=_examples(rows, wrong)
    )


def _examples(rows: pd.DataFrame, which: pd.Series) -> tuple[Any, ...]:
    return tuple(rows["id"][which].head(MAX_EXAMPLES))


def _arrived(rows: pd.DataFrame, now: pd.Timestamp, label_delay: timedelta | str | None) -> Finding:
    known = ~is_missing(rows["label"])
    n, here = len(rows), int(known.sum())
    words = f"{here:,} of {n:,} labels are here, {n - here:,} {'is' if n - here == 1 else 'are'} out"
    details = {"labelled": here, "out": n - here}
    if label_delay is None:
        return Finding("labels", value=here / n, message=words, severity="info", details=details)
    due = (rows["at"] + pd.Timedelta(label_delay) < now).to_numpy()
    late = int((due & ~known).sum())
    none = late > 0 and not (due & known).any()
    if late:
        words += f"; {late:,} should be here after {pd.Timedelta(label_delay)}"
    if none:
        words += ", and none that should has come: ask who sends them"
    return Finding(
        "labels",
        ok=not late,
        value=here / n,
        message=words,
        severity="error" if none else "warning",
        count=late,
        rows=_examples(rows, pd.Series(due & ~known, index=rows.index)),
        details={**details, "late": late},
    )


def _early(rows: pd.DataFrame) -> Finding:
    known = ~is_missing(rows["label"])
    scored = probabilities(rows["prediction"])
    with_label, without = scored[known], scored[~known]
    if min(len(with_label), len(without)) < MIN_SIDE:
        return Finding(
            "early_labels",
            severity="info",
            message=f"not compared: needs {MIN_SIDE} rows with a label and {MIN_SIDE} without",
        )
    from scipy.stats import mannwhitneyu

    each = mannwhitneyu(with_label, without).pvalue
    p = min(1.0, float(each.min()) * len(each))  # Bonferroni over the classes
    far = int(each.argmin())
    before, after = float(with_label[:, far].mean()), float(without[:, far].mean())
    verdict = "early labels may be a biased sample: " if p < ALPHA else ""
    return Finding(
        "early_labels",
        ok=p >= ALPHA,
        value=before - after,
        message=f"{verdict}labelled rows were scored {before:.3g} on average, the others {after:.3g}",
        severity="warning",
        details={"p": p, "alpha": ALPHA},
    )


def probabilities(prediction: pd.Series) -> np.ndarray:
    """Return logged predictions as numbers, shape (n, 1), or (n, k) for several classes.

    >>> probabilities(pd.Series([{"ham": 0.75, "spam": 0.25}])).tolist()
    [[0.75, 0.25]]
    """
    several = len(prediction) and isinstance(prediction.iloc[0], dict)
    table = pd.DataFrame(prediction.tolist()) if several else prediction.to_frame()
    return table.to_numpy(dtype="float64")
