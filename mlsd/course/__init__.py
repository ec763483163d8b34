"""The course around the library: labs that check themselves, concepts, and what a student needs to start."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .lab.door import check as check
    from .lab.door import hint as hint
    from .lab.door import solution as solution
    from .lab.start import start_state as start_state

__all__ = ["check", "hint", "solution", "start_state"]

_HOME = {"check": "lab.door", "hint": "lab.door", "solution": "lab.door", "start_state": "lab.start"}


def __getattr__(name: str) -> object:
    """Import a public name from its home the first time it is asked for (PEP 562)."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
