"""The registry: numbered versions of packages, what state each is in, and which one is served."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .local import Registry as Registry
    from .on_mlflow import MLflowRegistry as MLflowRegistry
    from .version import Version as Version

__all__ = ["MLflowRegistry", "Registry", "Version"]

_HOME = {"MLflowRegistry": "on_mlflow", "Registry": "local", "Version": "version"}


def __getattr__(name: str) -> object:
    """Import a public name from its home the first time it is asked for (PEP 562)."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
