"""What turned out to be true, reported for one prediction."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import datetime
from typing import Any

from mlsd.serving.champion import Loaded
from mlsd.serving.problems import Problem, refused
from mlsd.serving.rows import is_id, read_moment

MEMBERS = {"value", "at"}


def read_label(
    content: Any, loaded: Loaded | None, now: Callable[[], datetime]
) -> tuple[Any, datetime, bool]:
    """Return a label's value, the moment it became known, and whether the client told that moment.

    Args:
        content: `{"value": ..., "at": optional ISO 8601 text}`, parsed.
        loaded: the version in use, whose target decides what a label may be; None: any plain value.
        now: dates a label that carries no moment.

    Raises:
        Problem: the body is not of that form; repeats nothing of it.
    """
    if not isinstance(content, dict):
        raise refused("type", 'Expected an object {"value": ...}.')
    if not content.keys() <= MEMBERS:
        raise refused("unknown_field", "A label may hold 'value' and 'at', nothing else.")
    if "value" not in content:
        raise refused("missing_field", "A label needs 'value', what turned out to be true.", "value")
    _check_value(content["value"], loaded)
    if content.get("at") is None:
        return content["value"], now(), False
    moment = read_moment(content["at"])
    if moment is None:
        raise refused("time", "'at' must be ISO 8601 text that names its zone, as in +00:00.", "at")
    return content["value"], moment, True


def check_id(name: str) -> str:
    """Return the id of a prediction.

    Raises:
        Problem: no prediction can have it.
    """
    if not is_id(name):
        raise Problem("not-found", "No prediction can have this id.")
    return name


def _check_value(value: Any, loaded: Loaded | None) -> None:
    classes = loaded.package.classes if loaded else ()
    if classes:
        if not any(isinstance(value, bool) == isinstance(c, bool) and value == c for c in classes):
            raise refused("category", f"'value' must be one of: {', '.join(map(_shown, classes))}.", "value")
    elif loaded and not _is_number(value):
        raise refused("type", "'value' must be a finite number.", "value")
    elif not isinstance(value, str | bool) and not _is_number(value):
        raise refused("type", "'value' must be text, a number, true or false.", "value")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < math.inf


def _shown(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
