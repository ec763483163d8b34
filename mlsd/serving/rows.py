"""From parsed JSON to rows that a model may see: records, ids and the moments they stand for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from mlsd.report import RefusedError
from mlsd.schema import Schema
from mlsd.serving.problems import FieldError, Problem, refused

MAX_ID = 200  # characters
_YEARS = range(1700, 2262)  # what nanoseconds since 1970 can tell
_MEMBERS = {"instances", "ids"}


@dataclass(frozen=True)
class Rows:
    """What one request asks about.

    Args:
        records: n rows, column name -> plain value.
        ids: n names, given by the client or made here.
        moments: n moments in UTC: each row's own time, else now.
    """

    records: list[dict[str, Any]]
    ids: list[str]
    moments: list[datetime]


def read_rows(content: Any, schema: Schema, max_rows: int, now: Callable[[], datetime]) -> Rows:
    """Return the rows of a request.

    Args:
        content: the parsed body, `{"instances": [row, ...], "ids": [... optional]}`.
        schema: of the model that answers; its first time column dates a row that carries it.
        max_rows: the most rows one request may hold.
        now: dates the other rows.

    Raises:
        Problem: not of that form; names the member or row, repeats nothing of it.
    """
    if not isinstance(content, dict):
        raise refused("type", 'Expected an object {"instances": [row, ...]}.')
    if not content.keys() <= _MEMBERS:
        raise refused("unknown_field", "The body may hold 'instances' and 'ids', nothing else.")
    records = _records(content, max_rows)
    ids = _ids(content, len(records))
    return Rows(records, ids, _moments(records, schema.time, now))


def _records(content: dict[str, Any], max_rows: int) -> list[dict[str, Any]]:
    if "instances" not in content:
        raise refused("missing_field", "The body needs 'instances', a list of rows.", "instances")
    records = content["instances"]
    if not isinstance(records, list):
        raise refused("type", "'instances' must be a list of rows.", "instances")
    if not records:
        raise refused("empty", "'instances' is empty; send at least one row.", "instances")
    if len(records) > max_rows:
        error = FieldError("too_many_rows", f"expected at most {max_rows:,} rows", "instances")
        raise Problem("too-many-rows", f"Send at most {max_rows:,} rows in one request.", [error])
    wrong = [row for row, record in enumerate(records) if not isinstance(record, dict)]
    if wrong:
        message = "expected an object, column name to value"
        errors = [FieldError("type", message, "instances", row) for row in wrong]
        raise Problem("request-refused", "Each row must be an object.", errors)
    return records


def _ids(content: dict[str, Any], n: int) -> list[str]:
    ids = content.get("ids")
    if ids is None:
        return [str(uuid4()) for _ in range(n)]
    if not isinstance(ids, list) or len(ids) != n:
        raise refused("length", "'ids' must be a list with one id for each row.", "ids")
    wrong = [row for row, name in enumerate(ids) if not is_id(name)]
    if wrong:
        message = f"expected text of 1 to {MAX_ID} printable characters"
        errors = [FieldError("type", message, "ids", row) for row in wrong]
        raise Problem("request-refused", "Each id must be a short printable text.", errors)
    if len(set(ids)) < n:
        raise refused("duplicate", "'ids' must be different from each other.", "ids")
    return ids


def is_id(name: Any) -> bool:
    """Tell whether a value may name a prediction: 1 to 200 printable characters.

    >>> is_id("post-17"), is_id(""), is_id("a\\nb"), is_id(17)
    (True, False, False, False)
    """
    return isinstance(name, str) and 0 < len(name) <= MAX_ID and name.isprintable()


def _moments(records: list[dict[str, Any]], time: str | None, now: Callable[[], datetime]) -> list[datetime]:
    present = now()
    moments, errors = [], []
    for row, record in enumerate(records):
        given = record.get(time) if time else None
        moment = present if given is None else read_moment(given)
        if moment is None:
            errors.append(FieldError("time", "expected ISO 8601 text with a time zone", time, row))
        else:
            moments.append(moment)
    if errors:
        raise Problem("row-refused", "A time must name its zone, as in 2024-02-05T09:00:00+00:00.", errors)
    return moments


def read_moment(text: Any) -> datetime | None:
    """Return ISO 8601 text as a moment in UTC, or None when it does not name one.

    >>> read_moment("2024-02-05T10:00:00+01:00").isoformat()
    '2024-02-05T09:00:00+00:00'
    >>> read_moment("2024-02-05T10:00:00"), read_moment("now"), read_moment(3)
    (None, None, None)
    """
    try:
        moment = datetime.fromisoformat(text)
        return moment.astimezone(UTC) if moment.tzinfo and moment.year in _YEARS else None
    except (TypeError, ValueError, OverflowError):
        return None


def row_problem(error: RefusedError, features: tuple[str, ...]) -> Problem:
    """Return what the schema refused as a problem; a name that the client made up is not repeated."""
    errors = []
    for finding in error.report.failures:
        field = finding.subject if finding.subject in features else None
        errors += [FieldError(finding.code, finding.message, field, row) for row in finding.rows or (None,)]
    return Problem("row-refused", "A row does not fit the schema; 'errors' names the fields.", errors)
