"""Training: a recipe, the model package it makes, and the judgement of how good that is."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .evaluation import evaluate as evaluate
    from .recipe import Recipe as Recipe
    from .trainer import train as train

__all__ = ["Recipe", "evaluate", "train"]

_HOME = {"Recipe": "recipe", "evaluate": "evaluation", "train": "trainer"}


def __getattr__(name: str) -> object:
    """Import a public name from its home the first time it is asked for (PEP 562)."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
