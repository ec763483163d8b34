"""Data: reading tables and splitting them, with a report on every decision."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .read import read_table as read_table
    from .split import split_by_time as split_by_time
    from .split import split_random as split_random

__all__ = ["read_table", "split_by_time", "split_random"]

_HOME = {"read_table": "read", "split_by_time": "split", "split_random": "split"}


def __getattr__(name: str) -> object:
    """Import a public name from its home the first time it is asked for (PEP 562)."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
