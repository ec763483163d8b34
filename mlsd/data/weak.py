"""Weak labels: a few rules vote on every row, and most votes win."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from mlsd.data.where import check_frame, rows_where
from mlsd.plain import is_missing
from mlsd.report import Finding, RefusedError, Report
from mlsd.stats import wilson_interval


def weak_labels(
    frame: pd.DataFrame, rules: Mapping[str, Any], *, truth: Any = None
) -> tuple[pd.Series, Report]:
    """Return a label for each row that some rule speaks about, by majority, and a report on the rules.

    A rule votes where its condition holds and abstains elsewhere. Where nobody votes, or two labels get
    equally many votes, the label is missing.

    Args:
        frame: n rows.
        rules: condition -> label: `{"n_links > 3": "spam", "age_days > 900": "ok"}`, as `Rule` reads them.
        truth: (n,) true labels, missing where unknown; the report then tells how often each rule is right.

    Raises:
        RefusedError: no rule, a condition that cannot be read, or another number of true labels.

    >>> posts = pd.DataFrame({"links": [9, 9, 0, 0], "age": [1, 999, 999, 1]})
    >>> labels, report = weak_labels(posts, {"links > 3": "spam", "age > 900": "ok"})
    >>> labels.tolist()
    ['spam', nan, 'ok', nan]
    >>> [finding.message for finding in report.findings[:2]]
    ['2 of 4 rows get a label: 1 without a vote, 1 with a tie', 'rules contradict each other on 1 of 4 rows']
    """
    check_frame(frame)
    if not isinstance(rules, Mapping) or not rules or any(is_missing(label) for label in rules.values()):
        raise RefusedError(f"rules is {rules!r}; expected condition -> label: {{'n_links > 3': 'spam'}}")
    votes = np.column_stack([rows_where(frame, condition) for condition in rules])  # (n, rules)
    codes, names = pd.factorize(pd.Series([*rules.values()], dtype=object))
    counts = votes.astype("int64") @ (codes[:, None] == np.arange(len(names)))  # (n, labels)
    most = counts.max(axis=1, initial=0)
    decided = (most > 0) & ((counts == most[:, None]).sum(axis=1) == 1)
    chosen = np.where(decided, counts.argmax(axis=1), -1)
    labels = pd.Series(np.array([*names, None], dtype=object)[chosen], index=frame.index, name="label")
    true = _truth(truth, len(frame))
    rows = frame.index
    findings = [_coverage(most > 0, decided, rows), _conflicts((counts > 0).sum(axis=1) > 1, rows)]
    findings += _right("all rules", chosen, names, true) if true is not None else []
    for at, condition in enumerate(rules):
        own = np.where(votes[:, at], codes[at], -1)
        findings.append(_rule(condition, votes[:, at], counts - (own[:, None] == np.arange(len(names)))))
        findings += _right(condition, own, names, true) if true is not None else []
    return labels, Report("weak labels", tuple(findings))


def _truth(truth: Any, n: int) -> pd.Series | None:
    if truth is None:
        return None
    if np.shape(truth) != (n,):
        raise RefusedError(f"truth has shape {np.shape(truth)}; expected ({n},), missing where unknown")
    return pd.Series(np.asarray(truth, dtype=object))


def _coverage(voted: np.ndarray, decided: np.ndarray, index: pd.Index) -> Finding:
    n, none, tied = len(voted), int((~voted).sum()), int((voted & ~decided).sum())
    message = (
        f"{int(decided.sum()):,} of {n:,} rows get a label: {none:,} without a vote, {tied:,} with a tie"
    )
    rows = tuple(index[~decided][:20])
    share = float(decided.mean()) if n else 0.0
    return Finding("coverage", "", bool(decided.any()), share, None, message, count=none + tied, rows=rows)


def _conflicts(mask: np.ndarray, index: pd.Index) -> Finding:
    count, n = int(mask.sum()), len(mask)
    message = f"rules contradict each other on {count:,} of {n:,} rows"
    share = count / n if n else 0.0
    return Finding("conflicts", "", not count, share, 0, message, "warning", count, tuple(index[mask][:20]))


def _rule(condition: str, voted: np.ndarray, others: np.ndarray) -> Finding:
    """Say how often a rule votes, and how often it is not alone; `others` (n, labels) are their votes."""
    n, count = len(voted), int(voted.sum())
    shared = int((voted & (others.sum(axis=1) > 0)).sum())
    message = f"votes on {count:,} of {n:,} rows, on {shared:,} of them with another rule"
    return Finding("rule", condition, count > 0, count / n if n else 0.0, None, message, "warning", count)


def _right(subject: str, chosen: np.ndarray, names: Any, true: pd.Series) -> Iterator[Finding]:
    """Yield how often a vote is right, where truth is known; a vote must beat its label's own share."""
    known = ~is_missing(true) & (chosen >= 0)
    n = int(known.sum())
    if not n:
        message = "no true label is known where it votes"
        yield Finding("accuracy", subject, False, None, None, message, "warning")
        return
    answers = true.to_numpy()
    right = int((answers[known] == np.asarray(names, dtype=object)[chosen[known]]).sum())
    labels = np.asarray(names, dtype=object)[chosen[known]]
    all_known = answers[~is_missing(true)]
    chance = float(np.mean([(all_known == label).mean() for label in labels]))
    low, high = wilson_interval(right, n)
    message = (
        f"right on {right:,} of {n:,} rows, {low:.0%} to {high:.0%}; drawing at random gives {chance:.0%}"
    )
    yield Finding("accuracy", subject, low > chance, right / n, chance, message, "warning", n,
                  interval=(low, high))  # fmt: skip
