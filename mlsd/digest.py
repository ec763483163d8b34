"""Digests: a short name that changes when, and only when, what it names changes."""

from __future__ import annotations

import ast
import hashlib
import inspect
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mlsd.plain import is_missing, to_json

_CHUNK = 1 << 20  # bytes read at a time


def digest_bytes(data: bytes) -> str:
    """Return the SHA-256 of some bytes, as 64 hexadecimal digits.

    >>> digest_bytes(b"spam")[:12]
    '4e388ab32b10'
    """
    return hashlib.sha256(data).hexdigest()


def digest_file(path: str | Path) -> str:
    """Return the SHA-256 of a file, read a megabyte at a time."""
    state = hashlib.sha256()
    with open(path, "rb") as file:
        while chunk := file.read(_CHUNK):
            state.update(chunk)
    return state.hexdigest()


def digest_value(value: Any) -> str:
    """Return the digest of anything that has a plain form; the order of a dict does not count.

    >>> digest_value({"a": 1, "b": 2}) == digest_value({"b": 2, "a": 1})
    True
    """
    return digest_bytes(to_json(_ordered(value)).encode())


def _ordered(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _ordered(value[key]) for key in sorted(value, key=str)}
    if isinstance(value, list | tuple):
        return [_ordered(item) for item in value]
    return value


def digest_frame(frame: pd.DataFrame) -> str:
    """Return the digest of a table's values: column names, order of rows, cells; not its index.

    How a value is stored does not count: text as object, string or category, numbers as int,
    float or nullable, give the same digest when the cells are equal. Cost: one pass.

    >>> a = pd.DataFrame({"n": [1, 2]})
    >>> digest_frame(a) == digest_frame(a.astype("float64")) == digest_frame(a.astype("Int64"))
    True
    """
    state = hashlib.sha256()
    state.update(to_json([len(frame), [str(name) for name in frame.columns]]).encode())
    for position in range(frame.shape[1]):
        state.update(_column_bytes(frame.iloc[:, position]))
    return state.hexdigest()


def _column_bytes(column: pd.Series) -> bytes:
    missing = is_missing(column)
    if column.dtype == object or isinstance(column.dtype, pd.CategoricalDtype):
        column = column.astype(object).convert_dtypes()  # numbers and times by what they are
    if pd.api.types.is_datetime64_any_dtype(column.dtype):
        return b"time" + _time_bytes(column, missing)
    if pd.api.types.is_bool_dtype(column.dtype) or pd.api.types.is_numeric_dtype(column.dtype):
        return b"number" + _number_bytes(column, missing)
    if isinstance(column.dtype, pd.StringDtype):
        codes, names = pd.factorize(column.astype(object), use_na_sentinel=True)
        return b"text" + np.array([*map(_hash, names), 0], dtype="uint64")[codes].tobytes()
    cells = (0 if gone else _hash(cell) for cell, gone in zip(column, missing, strict=True))
    return b"text" + np.array([*cells], dtype="uint64").tobytes()


def _time_bytes(column: pd.Series, missing: np.ndarray) -> bytes:
    """Microseconds since 1970; then, where there are any, the nanoseconds left over."""
    stamps = pd.to_datetime(column, utc=True).dt.tz_localize(None).to_numpy()
    coarse = stamps.astype("datetime64[us]")
    rest = np.where(missing, 0, (stamps - coarse).astype("int64"))
    numbers = np.where(missing, np.iinfo("int64").min, coarse.astype("int64"))
    return numbers.tobytes() + (rest.tobytes() if rest.any() else b"")


def _number_bytes(column: pd.Series, missing: np.ndarray) -> bytes:
    """Floats; then, where whole numbers are too large to be one, what is left over."""
    floats = column.astype("Float64").to_numpy(dtype="float64", na_value=np.nan)
    floats = np.where(missing, np.nan, floats) + 0.0  # -0 is 0
    rest = b""
    if pd.api.types.is_integer_dtype(column.dtype):
        large = np.flatnonzero(np.abs(floats) >= 2.0**53)
        left = [int(column.iloc[i]) - int(floats[i]) for i in large]
        rest = to_json(left).encode() if any(left) else b""
    return floats.tobytes() + rest


def _hash(cell: Any) -> int:
    kind = "str" if isinstance(cell, str) else type(cell).__name__
    return int.from_bytes(hashlib.sha256(f"{kind}:{cell}".encode()).digest()[:8])


def digest_code(function: Callable[..., Any]) -> str:
    """Return the digest of a function's code: comments, docstring and layout do not count.

    Raises:
        ValueError: the source cannot be read (a built-in, or typed at a bare prompt).
    """
    return digest_bytes(code_of(function).encode())


def code_of(function: Callable[..., Any]) -> str:
    """Return a function's code in one normal form, without comments, docstring and layout."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    except (OSError, TypeError, SyntaxError):
        name = getattr(function, "__qualname__", repr(function))
        raise ValueError(
            f"the source of {name} cannot be read; put the function into a file or a notebook cell"
        ) from None
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and ast.get_docstring(
            node
        ):
            node.body = node.body[1:] or [ast.Pass()]
    return ast.dump(tree)
