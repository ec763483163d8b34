"""What the prediction log keeps of one prediction or label: plain cells, checked at the door."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from mlsd.plain import to_json, to_plain, utc
from mlsd.report import RefusedError

_FAST = json.JSONEncoder(allow_nan=False, ensure_ascii=False, default=to_plain)  # half the time of to_json
_MISSING = -(2**63)  # how numpy writes "no moment"


def prediction_row(
    id: Any, at: Any, version: Any, features: Any, prediction: Any, unit: Any = None
) -> tuple[Any, ...]:
    """Return a prediction as (id, nanoseconds, version, features JSON, prediction JSON, unit).

    >>> prediction_row("post-1", "1970-01-01T00:00:01Z", 3, {"n_links": 2}, 0.8)
    ('post-1', 1000000000, 3, '{"n_links": 2}', '0.8', None)

    Raises:
        RefusedError: a value cannot be kept; names it.
    """
    id = checked_text(id, "the id of a prediction")
    version = to_plain(version) if pd.api.types.is_scalar(version) else None
    if not isinstance(version, int | str) or isinstance(version, bool) or len(str(version)) > 18:
        raise RefusedError(f"the version of {id!r} is {version!r}; expected a whole number or a short text")
    if not isinstance(features, Mapping):
        raise RefusedError(f"the features of {id!r} are {_short(features)}; expected name -> value")
    return (
        id,
        nanoseconds(at, f"the moment of {id!r}"),
        version,
        _features(features, id),
        _prediction(prediction, id),
        None if unit is None else checked_text(unit, f"the unit of {id!r}"),
    )


def _features(features: Mapping[str, Any], id: str) -> str:
    try:
        return _FAST.encode(dict(features))
    except TypeError as error:
        raise RefusedError(f"the features of {id!r}: {error}") from None
    except ValueError:  # NaN or an infinity is in it
        return to_json(features)


def _prediction(value: Any, id: str) -> str:
    try:
        if isinstance(value, Mapping):
            plain: Any = {str(name): float(number) for name, number in value.items()}
            finite = len(plain) > 0 and all(map(math.isfinite, plain.values()))
        elif not isinstance(value, str | bytes):
            plain = float(value)
            finite = math.isfinite(plain)
        else:
            finite = False
    except (TypeError, ValueError, OverflowError):
        finite = False
    if not finite:
        raise RefusedError(
            f"the prediction of {id!r} is {_short(value)}; expected a finite number, or {{class: number}}"
        )
    return _FAST.encode(plain)


def label_row(id: Any, value: Any, at: Any) -> tuple[str, str, int]:
    """Return a label as (id, value JSON, nanoseconds).

    >>> label_row("post-1", True, "1970-01-01T00:00:01Z")
    ('post-1', 'true', 1000000000)

    Raises:
        RefusedError: the value is missing, or no plain scalar.
    """
    id = checked_text(id, "the id of a label")
    plain = to_plain(value) if pd.api.types.is_scalar(value) else None
    if plain is None:
        raise RefusedError(
            f"the label of {id!r} is {_short(value)}; expected a class, a boolean or a finite number"
        )
    return id, _FAST.encode(plain), nanoseconds(at, f"the moment of the label of {id!r}")


def checked_text(value: Any, what: str) -> str:
    """Return a value that must be text and not empty."""
    if not isinstance(value, str) or not value:
        raise RefusedError(f"{what} is {_short(value)}; expected text")
    return str(value)


def nanoseconds(moment: Any, what: str) -> int:
    """Return a moment as nanoseconds since 1970, UTC; refuse one without a time zone."""
    try:
        return utc(moment, what).value
    except (OverflowError, pd.errors.OutOfBoundsDatetime):
        raise RefusedError(f"{what} is {moment}; expected a moment between 1678 and 2262") from None


def moments(numbers: Iterable[int | None]) -> pd.DatetimeIndex:
    """Return nanoseconds as moments in UTC, shape (n,); None is missing.

    >>> moments([1_000_000_000, None]).tolist()
    [Timestamp('1970-01-01 00:00:01+0000', tz='UTC'), NaT]
    """
    known = [_MISSING if number is None else number for number in numbers]
    return pd.DatetimeIndex(pd.array(known, dtype="int64").to_numpy().view("M8[ns]"), tz="UTC")


def parsed(texts: Iterable[str | None]) -> list[Any]:
    """Parse many small JSON texts as one: several times faster than one by one.

    >>> parsed(["0.5", None, '{"ham": 1.0}'])
    [0.5, None, {'ham': 1.0}]
    """
    return json.loads(f"[{','.join('null' if text is None else text for text in texts)}]")


def _short(value: Any) -> str:
    text = repr(value)
    return f"{text if len(text) <= 40 else text[:37] + '...'} ({type(value).__name__})"
