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
from mlsd.serving.rows import read_rows, row_problem

_log = logging.getLogger("mlsd")
_JSON = json.JSONEncoder(allow_nan=False, ensure_ascii=False)  # making one costs as much as a small answer


@dataclass(frozen=True)
class Answer:
    """What goes back to the client, and what the log keeps of it.

    Args:
        body: JSON, `{"model", "version", "predictions": [{"id", "prediction"}]}`.
        entries: one per row: id, moment, version, features, prediction.
    """

    body: bytes
    entries: list[tuple[str, datetime, int, dict[str, Any], Any]]


def answer(body: bytes, loaded: Loaded, name: str, max_rows: int, now: Callable[[], datetime]) -> Answer:
    """Answer the body of one request with one version.

    Raises:
        Problem: the body is not what was expected; repeats nothing of it.
    """
    package = loaded.package
    known = (*package.features, *((package.schema.time,) if package.schema.time else ()))
    rows = read_rows(parse_body(body, known), package.schema, max_rows, now)
    predictions = _predict(package, rows.records)
    number = loaded.number
    kept = [{name: record[name] for name in package.features} for record in rows.records]
    entries = list(zip(rows.ids, rows.moments, repeat(number), kept, predictions, strict=False))
    return Answer(_write(rows.ids, predictions, name, number), entries)


def _predict(package: ModelPackage, records: list[dict[str, Any]]) -> list[Any]:
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


def _write(ids: list[str], predictions: list[Any], name: str, number: int) -> bytes:
    said = [{"id": i, "prediction": p} for i, p in zip(ids, predictions, strict=True)]
    content = {"model": name, "version": number, "predictions": said}
    return _JSON.encode(content).encode()
