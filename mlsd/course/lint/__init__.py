"""Rules that a lab must keep, each a function; nothing is run."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .draft import Draft as Draft
    from .rules import lint as lint

_HOME = {"Draft": "draft", "lint": "rules"}
__all__ = ["Draft", "lint"]


def __getattr__(name: str) -> object:
    """Import a public name from its home the first time it is asked for (PEP 562)."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
