"""What a law says when an answer breaks it: one sentence with both values, the wanted one and the one got."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd

from mlsd.plain import is_missing

_WIDTH = 90  # characters of a value that are shown
_LONG = 8  # items of a list; of a longer one, only the first that differs is shown
_PARTS = 3  # of a tuple that are named
_MOMENTS = (datetime, np.datetime64)
_FORMS: dict[Any, str] = {
    pd.DataFrame: "table", np.ndarray: "array", Mapping: "dictionary", str: "text", bool: "bool",
    (int, float, np.number): "number",
}  # fmt: skip


class Mismatch(Exception):
    """An answer broke a law; the text says how."""


def expect(holds: Any, sentence: str) -> None:
    """Raise `Mismatch` with this sentence unless it holds.

    >>> expect(1 < 2, "one is less than two")
    """
    if not bool(holds):
        raise Mismatch(sentence)


def expect_same(got: Any, wanted: Any, about: str = "", *, tolerance: float = 1e-9) -> None:
    """Raise `Mismatch` unless both are the same: numbers within `tolerance`, the rest part by part.

    Args:
        got: the student's value.
        wanted: the value of the oracle.
        about: the situation, put before the two values.
        tolerance: allowed distance, relative for numbers above 1, absolute below.

    >>> expect_same([0.1 + 0.2, "a"], (0.3, "a"))
    >>> expect_same({"x": 1}, {"x": 2}, "after one step")
    Traceback (most recent call last):
        ...
    mlsd.course.lab.expectation.Mismatch: after one step: got {'x': 1}, expected {'x': 2}
    >>> expect_same([*range(30)], [*range(29), 7])
    Traceback (most recent call last):
        ...
    mlsd.course.lab.expectation.Mismatch: at position 29 of 0 to 29: got 29, expected 7
    """
    if not same(got, wanted, tolerance):
        missing = " (does the function return something?)" if got is None and wanted is not None else ""
        got, wanted, about = _narrowed(got, wanted, about, tolerance)
        before = f"{about}: " if about else ""
        raise Mismatch(f"{before}got {shown(got)}, expected {shown(wanted)}{missing}")


def same(a: Any, b: Any, tolerance: float = 1e-9) -> bool:
    """Return whether two values are the same; a list equals a tuple and NaN equals NaN.

    >>> same(np.array([1.0, np.nan]), [1, math.nan]), same(1, "1"), same({1, 2}, {2, 1}), same(True, 1)
    (True, False, True, True)
    """
    a, b = (x.item() if isinstance(x, np.ndarray) and x.ndim == 0 else x for x in (a, b))
    if isinstance(a, pd.DataFrame) or isinstance(b, pd.DataFrame):
        return _same_frames(a, b, tolerance)
    if _is_number(a) and _is_number(b):
        return _close(float(a), float(b), tolerance)
    if _is_listed(a) and _is_listed(b):
        a, b = list(a), list(b)
        return len(a) == len(b) and all(same(x, y, tolerance) for x, y in zip(a, b, strict=True))
    if isinstance(a, Mapping) and isinstance(b, Mapping):
        return a.keys() == b.keys() and all(same(a[key], b[key], tolerance) for key in a)
    if isinstance(a, (set, frozenset)) and isinstance(b, (set, frozenset)):
        return a == b
    if isinstance(a, str) and isinstance(b, str):  # numpy has its own str
        return str(a) == str(b)
    if is_missing(a) is True or is_missing(b) is True:
        return is_missing(a) is True and is_missing(b) is True and (a is None) == (b is None)
    if isinstance(a, _MOMENTS) and isinstance(b, _MOMENTS):
        return bool(pd.Timestamp(a) == pd.Timestamp(b))
    return type(a) is type(b) and bool(a == b)


def form(value: Any) -> str:
    """Return what kind of thing a value is; of a tuple, what its parts are.

    >>> form((np.zeros(2), pd.DataFrame())), form([1, 2]), form({}), form(None)
    ('an array and a table', 'a list', 'a dictionary', 'None')
    """
    if isinstance(value, tuple) and 1 < len(value) <= _PARTS:
        return " and ".join(map(form, value))
    if value is None:
        return "None"
    name = next((name for kind, name in _FORMS.items() if isinstance(value, kind)), type(value).__name__)
    return f"{'an' if name[0] in 'aeiou' else 'a'} {name}"


def shown(value: Any) -> str:
    """Return a value in one short line.

    >>> shown(np.float64(0.123456789)), shown(np.array([1.0, 2.5]))
    ('0.123457', '[1, 2.5]')
    """
    try:
        return shown_text(_text(value))
    except Exception:  # its own repr raises
        return f"a {type(value).__name__} that cannot be shown"


def shown_text(text: str, width: int = _WIDTH) -> str:
    """Return a text in one short line, without addresses in memory: they differ from run to run.

    >>> shown_text("<generator object f at 0x7f12>  ")
    '<generator object f>'
    """
    text = " ".join(re.sub(r" at 0x[0-9A-Fa-f]+", "", text).split())
    return text if len(text) <= width else text[: width - 1] + "…"


def _text(value: Any) -> str:
    if isinstance(value, (bool, np.bool_)):
        return str(bool(value))
    if isinstance(value, (float, np.floating)):
        return f"{float(value):.6g}"
    if isinstance(value, np.integer):
        return str(int(value))
    if isinstance(value, np.ndarray) and value.ndim == 0:
        return _text(value.item())
    if isinstance(value, (np.ndarray, pd.Series, pd.Index)):
        return f"[{', '.join(_text(item) for item in list(value)[:20])}]"
    if isinstance(value, (list, tuple)):
        inside = ", ".join(map(_text, value[:20]))
        return f"[{inside}]" if isinstance(value, list) else f"({inside})"
    if isinstance(value, (set, frozenset)):
        return f"{{{', '.join(sorted(map(_text, value)))}}}" if value else "an empty set"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{_text(key)}: {_text(item)}' for key, item in value.items())}}}"
    if isinstance(value, pd.DataFrame):
        named = f"the columns {', '.join(map(str, value.columns))}" if len(value.columns) else "no columns"
        return f"a table of {len(value)} row{'s' * (len(value) != 1)} with {named}"
    return repr(value)


def _narrowed(got: Any, wanted: Any, about: str, tolerance: float) -> tuple[Any, Any, str]:
    """Return the first parts that differ of two tables or long lists, and where they lie."""
    if isinstance(got, pd.DataFrame) and isinstance(wanted, pd.DataFrame):
        if got.shape == wanted.shape and list(got.columns) == list(wanted.columns):
            k = next(k for k in range(got.shape[1]) if not same(got.iloc[:, k], wanted.iloc[:, k], tolerance))
            about = f"{about}{', ' if about else ''}column {got.columns[k]}"
            return _narrowed(list(got.iloc[:, k]), list(wanted.iloc[:, k]), about, tolerance)
    elif _is_listed(got) and _is_listed(wanted) and len(got) == len(wanted) > _LONG:
        pairs = zip(list(got), list(wanted), strict=True)
        k, (one, other) = next((k, p) for k, p in enumerate(pairs) if not same(*p, tolerance))
        return one, other, f"{about}{', ' if about else ''}at position {k} of 0 to {len(got) - 1}"
    return got, wanted, about


def _is_number(value: Any) -> bool:
    real = isinstance(value, (int, float, np.number, np.bool_))
    return real and not isinstance(value, (np.complexfloating, np.timedelta64))


def _is_listed(value: Any) -> bool:
    return isinstance(value, (list, tuple, pd.Series, pd.Index, pd.api.extensions.ExtensionArray)) or (
        isinstance(value, np.ndarray) and value.ndim > 0
    )


def _close(a: float, b: float, tolerance: float) -> bool:
    if not (math.isfinite(a) and math.isfinite(b)):  # no number is near infinity
        return a == b or (math.isnan(a) and math.isnan(b))
    return abs(a - b) <= tolerance * max(1.0, abs(b))


def _same_frames(a: Any, b: Any, tolerance: float) -> bool:
    both = isinstance(a, pd.DataFrame) and isinstance(b, pd.DataFrame)
    if not both or list(a.columns) != list(b.columns):
        return False
    return all(same(a.iloc[:, k], b.iloc[:, k], tolerance) for k in range(b.shape[1]))  # names may repeat
