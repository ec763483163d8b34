"""Tracking: every attempt leaves its parameters, metrics, artifacts and lineage behind."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .local import LocalTracker as LocalTracker
    from .on_mlflow import MLflowTracker as MLflowTracker
    from .on_wandb import WandbTracker as WandbTracker

__all__ = ["LocalTracker", "MLflowTracker", "WandbTracker"]

_HOME = {"LocalTracker": "local", "MLflowTracker": "on_mlflow", "WandbTracker": "on_wandb"}


def __getattr__(name: str) -> object:
    """Import a public name from its home the first time it is asked for (PEP 562)."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
