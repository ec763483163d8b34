"""Learn machine-learning systems by running one.

The six nouns of the library stand here; the rooms (`mlsd.datasets`, `mlsd.data`, `mlsd.training`,
...) hold the blocks that use them. A name is imported when somebody first asks for it, so
`import mlsd` itself costs next to nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .package import ModelPackage as ModelPackage
    from .prediction_log import PredictionLog as PredictionLog
    from .profile import Profile as Profile
    from .report import Finding as Finding
    from .report import RefusedError as RefusedError
    from .report import Report as Report
    from .run import Run as Run
    from .schema import Column as Column
    from .schema import Rule as Rule
    from .schema import Schema as Schema

__version__ = "0.1.0"

__all__ = [
    "Column",
    "Finding",
    "ModelPackage",
    "PredictionLog",
    "Profile",
    "RefusedError",
    "Report",
    "Rule",
    "Run",
    "Schema",
]

_HOME = {
    "Column": "schema",
    "Finding": "report",
    "ModelPackage": "package",
    "PredictionLog": "prediction_log",
    "Profile": "profile",
    "RefusedError": "report",
    "Report": "report",
    "Rule": "schema",
    "Run": "run",
    "Schema": "schema",
}


def __getattr__(name: str) -> object:
    """Import a public name from its home the first time it is asked for (PEP 562)."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
