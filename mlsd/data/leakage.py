"""Leakage: what a model is told in training, or in its test, and will not be told when it is used."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from mlsd.data.fitted import Raw, prepared_columns
from mlsd.data.hygiene import dated, hygiene
from mlsd.data.refit import compare_refits
from mlsd.data.single_feature import Answers, gives_away, identifier, is_key
from mlsd.data.where import check_frame, one_column
from mlsd.plain import is_missing
from mlsd.report import Finding, RefusedError, Report
from mlsd.schema import Schema
from mlsd.target import encode_target, judge_target

_LEAST = 10  # rows in each part


def detect_leakage(
    train: pd.DataFrame,
    test: pd.DataFrame,
    schema: Schema | None = None,
    *,
    target: str | None = None,
    time: str | None = None,
    groups: str | Iterable[str] = (),
    recorded_at: Mapping[str, str] | None = None,
    raw: pd.DataFrame | None = None,
    transformer: Any = None,
) -> Report:
    """Look for six leaks between training rows, test rows and the target.

    `known_later`: the schema says that a column is known after the decision, or its moments are later.
    `gives_away`: one column alone predicts the target nearly perfectly. `identifier`: a key runs with
    time or with the target. `groups` and `duplicates`: both parts hold the same members, the same rows.
    `fitted_before_split`: a column or a transformer carries statistics of test rows.

    Cost: O(d n log n) for n rows of d columns: about a second for 10^5 rows of 20.

    Args:
        train: n rows, as the model will see them, and their target.
        test: m rows of the same columns.
        schema: says target, time, keys and when each column is known.
        target: the column to predict; the schema's when not given.
        time: when the decision is made; the schema's, or the first time column, when not given.
        groups: columns of which no value may stand in both parts.
        recorded_at: for a column, the time column that says when its values were written down.
        raw: the table before preparation and split, with the same index labels.
        transformer: a fitted one; train and test are then the rows before preparation.

    Raises:
        RefusedError: the two tables differ in columns, are too short, or have no target.

    >>> returned = np.random.default_rng(0).random(200) < 0.5
    >>> table = pd.DataFrame({"refund": returned * 9.5, "grams": np.sqrt(range(200)), "returned": returned})
    >>> detect_leakage(table[:100], table[100:], target="returned").failures
    (Finding(FAILED gives_away refund: alone it reaches AUC 1.000 on the test rows, above 0.99: ...),)
    """
    target = _checked(train, test, schema, target)
    time = time or (schema.time if schema is not None and schema.time in train.columns else dated(train))
    answers, classes = _answers(train, test, target)
    with np.errstate(
        over="ignore", invalid="ignore"
    ):  # of infinities, and numbers near the largest there are
        found = _look(train, test, schema, target, time, groups, recorded_at or {}, answers)
        found += _fitted(train, test, target, answers, classes, raw, transformer)
    return Report("leakage", tuple(found))


def _look(
    train: pd.DataFrame,
    test: pd.DataFrame,
    schema: Schema | None,
    target: str,
    time: str | None,
    groups: str | Iterable[str],
    recorded_at: Mapping[str, str],
    answers: Answers,
) -> list[Finding]:
    both, names = pd.concat([train, test]), [name for name in train.columns if name != target]
    found = list(_known_later(both, names, schema, time, recorded_at))
    found += [gives_away(both[name], answers) for name in names]
    keys = [name for name in names if name != time and is_key(both[name], _described(schema, name))]
    moments = None if time is None else one_column(both, time)
    for name in keys:
        declared = schema is not None and name in schema.keys
        found.append(identifier(both[name], moments, answers, declared))
    ignore = [name for name in (time, *keys) if name is not None]
    return [*found, *hygiene(train, test, groups=groups, target=target, ignore=ignore, sure="error")]


def _checked(train: Any, test: Any, schema: Schema | None, target: str | None) -> str:
    """Return the target of two tables that can be compared."""
    for part, what in ((train, "train"), (test, "test")):
        check_frame(part, what)
        if len(part) < _LEAST:
            raise RefusedError(f"{what} has {len(part)} rows; needs {_LEAST} to look for leaks")
        if not part.columns.is_unique:
            double = part.columns[part.columns.duplicated()][0]
            raise RefusedError(f"{what} has the column {double!r} twice; expected each once")
    if set(train.columns) != set(test.columns):
        odd = sorted(map(str, set(train.columns) ^ set(test.columns)))[0]
        raise RefusedError(
            f"the column {odd!r} stands in one of train and test only; expected the same columns"
        )
    target = target or (schema.target if schema is not None else None)
    if target is None:
        raise RefusedError("no target is named; say target='is_spam', or give a schema that has one")
    one_column(train, target)
    return target


def _answers(train: pd.DataFrame, test: pd.DataFrame, target: str) -> tuple[Answers, tuple[Any, ...]]:
    y = pd.concat([train[target], test[target]], ignore_index=True)
    task, classes = judge_target(y, target)
    return Answers(encode_target(y, task, classes, target), len(train), task, len(classes)), classes


def _described(schema: Schema | None, name: str) -> Any:
    return schema[name] if schema is not None and name in schema else None


def _known_later(
    both: pd.DataFrame,
    names: list[str],
    schema: Schema | None,
    time: str | None,
    recorded_at: Mapping[str, str],
) -> Iterator[Finding]:
    """Yield what the schema says about each column, then what moments say about it."""
    moments = None if time is None else _moments(both, time)
    for name in recorded_at:
        one_column(both, name)
    for name in names:
        column = _described(schema, name)
        if column is not None and column.known_at != "creation":
            message = f"known with the {column.known_at}, after the decision: leave it out"
            yield Finding("known_later", name, False, column.known_at, "creation", message)
        elif moments is not None and name in recorded_at:
            yield _written_late(name, _moments(both, recorded_at[name]), moments)
        elif moments is not None and name != time and both[name].dtype.kind == "M":
            yield _late_moment(name, _moments(both, name), moments)
        elif column is not None:
            yield Finding(
                "known_later", name, True, "creation", "creation", "known at the decision, says the schema"
            )


def _moments(both: pd.DataFrame, name: str) -> pd.Series:
    column = one_column(both, name)
    if column.dtype.kind != "M":
        raise RefusedError(
            f"the column {name} ({column.dtype}) holds no times; convert it with pd.to_datetime(utc=True)"
        )
    return column if column.dt.tz is not None else column.dt.tz_localize("UTC")


def _written_late(name: str, written: pd.Series, decided: pd.Series) -> Finding:
    late = (written > decided).to_numpy()
    n, rows = int(late.sum()), tuple(written.index[late][:20])
    message = f"{n:,} of {len(late):,} values were written down after the decision, as {written.name} says"
    return Finding("known_later", name, n == 0, n, 0, message, count=n, rows=rows)


def _late_moment(name: str, moment: pd.Series, decided: pd.Series) -> Finding:
    late = (moment > decided).to_numpy()
    n, rows = int(late.sum()), tuple(moment.index[late][:20])
    message = f"{n:,} of {len(late):,} moments lie after {decided.name}"
    message += ": a plan, or something recorded later? what it dates was not known" if n else ""
    return Finding("known_later", name, n == 0, n, 0, message, "warning", n, rows)


def _fitted(
    train: pd.DataFrame,
    test: pd.DataFrame,
    target: str,
    answers: Answers,
    classes: tuple[Any, ...],
    raw: pd.DataFrame | None,
    transformer: Any,
) -> Iterator[Finding]:
    features = [name for name in train.columns if name != target]
    before = None if raw is None else _raw(raw, train, test, target, answers, classes)
    if transformer is None:
        yield from prepared_columns(train[features], test[features], answers, before)
    elif before is None:
        yield compare_refits(transformer, train, answers.y[: answers.n], pd.concat([train, test]), answers.y)
    else:
        known = np.isfinite(before.y)
        yield compare_refits(transformer, train, answers.y[: answers.n], before.frame[known], before.y[known])


def _raw(
    raw: pd.DataFrame,
    train: pd.DataFrame,
    test: pd.DataFrame,
    target: str,
    answers: Answers,
    classes: tuple[Any, ...],
) -> Raw:
    check_frame(raw, "raw")
    column = one_column(raw, target)
    y, known = np.full(len(raw), np.nan), ~is_missing(column)
    y[known] = encode_target(column[known], answers.task, classes, target)
    return Raw.of(raw, y, train.index.append(test.index))
