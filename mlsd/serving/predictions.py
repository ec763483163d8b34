"""One request's bytes in, its answer's bytes and the rows for the log out: a plain function, any thread."""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from itertools import repeat
from typing import Any

from mlsd.package import ModelPackage
from mlsd.report import RefusedError
from mlsd.serving.body import parse_body
from mlsd.serving.champion import Loaded
from mlsd.serving.problems import FieldError, Problem
from mlsd.serving.rows import Rows, read_rows, row_problem

Entry = tuple[str, datetime, int, dict[str, Any], Any]  # id, moment, version, features, prediction
_log = logging.getLogger("mlsd")
JSON = json.JSONEncoder(allow_nan=False, ensure_ascii=False)  # making one costs as much as a small answer


@dataclass(frozen=True)
class Answer:
    """What goes back to the client, and what the log keeps of it.

    Args:
        body: JSON, `{"model", "version", "predictions": [{"id", "prediction"}]}`.
        entries: one per row.
    """

    body: bytes
    entries: list[Entry]


def answer(body: bytes, loaded: Loaded, name: str, max_rows: int, now: Callable[[], datetime]) -> Answer:
    """Answer the body of one request with one version.

    Raises:
        Problem: the body is not what was expected; repeats nothing of it.
    """
    content = parse_body(body, names_of(loaded.package))
    said, entries = answer_content(content, loaded, name, max_rows, now)
    return Answer(JSON.encode(said).encode(), entries)


def answer_content(
    content: Any, loaded: Loaded, name: str, max_rows: int, now: Callable[[], datetime]
) -> tuple[dict[str, Any], list[Entry]]:
    """Return the answer to a question that is parsed already, and what the log keeps of it."""
    rows = read_rows(content, loaded.package.schema, max_rows, now)
    predictions = predict(loaded.package, rows.records)
    said = [{"id": i, "prediction": p} for i, p in zip(rows.ids, predictions, strict=True)]
    answered = {"model": name, "version": loaded.number, "predictions": said}
    return answered, entries_of(rows, predictions, loaded)


def names_of(package: ModelPackage) -> tuple[str, ...]:
    """Return the names that an error may mention: the features, and the column that dates a row."""
    return (*package.features, *((package.schema.time,) if package.schema.time else ()))


def entries_of(rows: Rows, predictions: list[Any], loaded: Loaded) -> list[Entry]:
    """Return what the log keeps of some rows."""
    kept = [{name: record[name] for name in loaded.package.features} for record in rows.records]
    return list(zip(rows.ids, rows.moments, repeat(loaded.number), kept, predictions, strict=False))


def predict(package: ModelPackage, records: list[dict[str, Any]]) -> list[Any]:
    """Return a finite prediction for each record.

    Raises:
        Problem: the schema refuses a record, or the model has no finite answer.
    """
    try:
        predictions = package.answers(package.predict_rows(records))
    except RefusedError as error:
        raise row_problem(error, package.features) from None
    except (ValueError, ArithmeticError):  # a model that cannot take what the schema allows
        _log.exception("the model cannot answer")
        raise _no_answer(None) from None
    for row, prediction in enumerate(predictions):
        if not all(map(math.isfinite, prediction.values() if isinstance(prediction, dict) else [prediction])):
            raise _no_answer(row)
    return predictions


def _no_answer(row: int | None) -> Problem:
    message = "the model has no finite answer for these values"
    return Problem("row-refused", "The model cannot answer.", [FieldError("no_answer", message, row=row)])
