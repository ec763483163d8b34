"""What is missing, what moment it is, and what may be written as JSON: decided once, here."""

from __future__ import annotations

import dataclasses
import json
import math
import re
import sys
from collections.abc import Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd


def is_missing(value: Any) -> Any:
    """Tell what is missing: None, NaN, pandas NA and NaT are; infinities and empty text are not.

    Args:
        value: one cell, or a Series or array of n cells.

    Returns:
        A bool for a cell, a boolean array of shape (n,) for a Series or array.

    >>> is_missing(None), is_missing(float("nan")), is_missing(""), is_missing([1, 2])
    (True, True, False, False)
    >>> is_missing(pd.Series([1.0, None, float("inf")])).tolist()
    [False, True, False]
    """
    if isinstance(value, pd.Series | pd.Index | np.ndarray | pd.api.extensions.ExtensionArray):
        return np.asarray(pd.isna(value), dtype=bool)
    return bool(pd.api.types.is_scalar(value) and pd.isna(value))


def utc(moment: datetime | str | pd.Timestamp, what: str = "the moment") -> pd.Timestamp:
    """Return a moment as a UTC timestamp.

    Raises:
        ValueError: the moment has no time zone, so nobody can know which instant is meant, or is none.

    >>> utc("2024-02-05T10:00:00+01:00")
    Timestamp('2024-02-05 09:00:00+0000', tz='UTC')
    """
    try:
        stamp = pd.Timestamp(moment)
    except (ValueError, TypeError, OverflowError):
        raise ValueError(f"{what} is no moment; expected one such as '2024-02-05T10:00:00+00:00'") from None
    if pd.isna(stamp):
        raise ValueError(f"{what} is missing; expected a moment with a time zone")
    if stamp.tzinfo is None:
        raise ValueError(
            f"{what} is {stamp.isoformat()}, which names no time zone; "
            "expected UTC: add '+00:00', or use tz_localize('UTC') on a column"
        )
    return stamp.tz_convert("UTC")


def utc_now() -> pd.Timestamp:
    """Return this instant, the default of every `now` in the library."""
    return pd.Timestamp(datetime.now(UTC))


def to_plain(value: Any) -> Any:
    """Return a value as dicts, lists, text, numbers, booleans and None, ready for strict JSON.

    NaN, NA, NaT and infinities become None; timestamps become ISO 8601 text.

    Raises:
        TypeError: the value has no plain form.

    >>> to_plain({"auc": np.float64(0.5), "lost": float("nan"), "days": (1, 2)})
    {'auc': 0.5, 'lost': None, 'days': [1, 2]}
    """
    if value is None or type(value) in (str, bool, int):
        return value
    if isinstance(value, float | np.floating):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): to_plain(item) for key, item in value.items()}
    if isinstance(value, np.bool_):
        return bool(value)
    if is_missing(value) is True:
        return None
    if isinstance(value, pd.Timedelta | np.timedelta64):  # which numpy counts among the integers
        return pd.Timedelta(value).isoformat()
    if isinstance(value, np.integer):
        return int(value)
    if isinstance(value, datetime | date | pd.Timestamp):
        return value.isoformat()
    if isinstance(value, np.datetime64):
        return pd.Timestamp(value).isoformat()
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, set | frozenset):
        return sorted((to_plain(item) for item in value), key=repr)
    if isinstance(value, np.ndarray) and value.ndim == 0:
        return to_plain(value.item())
    if isinstance(value, list | tuple | np.ndarray | pd.Series | pd.Index | pd.api.extensions.ExtensionArray):
        return [to_plain(item) for item in value]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: to_plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, str | int):  # a subclass: an enum member, numpy's str_
        return str.__str__(value) if isinstance(value, str) else int(value)
    raise TypeError(f"cannot write {type(value).__name__} as JSON; give numbers, text, lists or dicts")


def to_json(value: Any, indent: int | None = None) -> str:
    """Return a value as strict JSON text: never a bare NaN, keys in their given order.

    >>> to_json({"limit": float("nan")})
    '{"limit": null}'
    """
    if indent is None:
        return _STRICT.encode(to_plain(value))
    return json.dumps(to_plain(value), indent=indent, allow_nan=False, ensure_ascii=False)


_STRICT = json.JSONEncoder(allow_nan=False, ensure_ascii=False)  # making one costs as much as a small text


def from_json(text: str | bytes, what: str = "the JSON text") -> Any:
    """Parse strict JSON, refusing NaN, infinities, overflow, doubled keys and broken characters.

    Raises:
        ValueError: the text is not JSON in the strict sense; says where.

    >>> from_json('{"likes": 1e400}')
    Traceback (most recent call last):
        ...
    ValueError: the JSON text holds the number 1e400, which is too large; expected a finite number
    """
    try:
        if isinstance(text, bytes | bytearray):
            text = text.decode("utf-8-sig")
        value = json.loads(
            text,
            parse_int=lambda digits: _whole(digits, what),
            parse_float=lambda digits: _finite(digits, what),
            parse_constant=lambda name: _refuse_constant(name, what),
            object_pairs_hook=lambda pairs: _without_doubles(pairs, what),
        )
        if _HALF.search(text):
            _STRICT.encode(value).encode()  # raises when a half stands alone
        return value
    except json.JSONDecodeError as error:
        raise ValueError(
            f"{what} is not JSON: {error.msg.lower()} at line {error.lineno}, column {error.colno}"
        ) from None
    except UnicodeEncodeError:
        raise ValueError(f"{what} holds half a character (a lone surrogate); expected whole ones") from None
    except UnicodeDecodeError:
        raise ValueError(f"{what} is not JSON: its bytes are not UTF-8 text") from None
    except RecursionError:
        raise ValueError(f"{what} is nested too deeply") from None


_HALF = re.compile(r"\\u[dD]|[\ud800-\udfff]")  # what may be half a character


def _whole(digits: str, what: str) -> int:
    if len(digits) > sys.float_info.max_10_exp:
        _finite(digits, what)
    return int(digits)


def _finite(digits: str, what: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise ValueError(
            f"{what} holds the number {digits[:20]}, which is too large; expected a finite number"
        )
    return number


def _refuse_constant(name: str, what: str) -> None:
    raise ValueError(f"{what} holds {name}; expected a finite number, or null where nothing is known")


def _without_doubles(pairs: list[tuple[str, Any]], what: str) -> dict[str, Any]:
    record = dict(pairs)
    if len(record) < len(pairs):
        names = [name for name, _ in pairs]
        double = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"{what} names {double[:40]!r} twice; expected each name once")
    return record
