"""The lab engine: exercises that teach and are themselves proved, and the notebooks made from one source."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .exercise import Exercise as Exercise
    from .expectation import expect as expect
    from .expectation import expect_same as expect_same
    from .kinds import choice as choice
    from .kinds import drawn as drawn
    from .kinds import git_says as git_says
    from .kinds import number as number
    from .kinds import oracle as oracle
    from .kinds import responds as responds
    from .kinds import table as table
    from .kinds import written as written

_HOME = {
    "Exercise": "exercise",
    "expect": "expectation",
    "expect_same": "expectation",
    "choice": "kinds",
    "drawn": "kinds",
    "git_says": "kinds",
    "number": "kinds",
    "oracle": "kinds",
    "responds": "kinds",
    "table": "kinds",
    "written": "kinds",
}
__all__ = [
    "Exercise",
    "choice",
    "drawn",
    "expect",
    "expect_same",
    "git_says",
    "number",
    "oracle",
    "responds",
    "table",
    "written",
]


def __getattr__(name: str) -> object:
    """Import a public name from its home the first time it is asked for (PEP 562)."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
