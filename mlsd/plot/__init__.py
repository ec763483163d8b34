"""One figure per noun: its title is the conclusion, grey is the reference, blue is now, red is refused."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .bars import plot_bars as plot_bars
    from .calibration import plot_calibration as plot_calibration
    from .canvas import CURRENT as CURRENT
    from .canvas import INK as INK
    from .canvas import REFERENCE as REFERENCE
    from .canvas import REFUSED as REFUSED
    from .canvas import Picture as Picture
    from .canvas import picture as picture
    from .canvas import svg as svg
    from .drift import plot_drift as plot_drift
    from .importance import plot_importance as plot_importance
    from .performance import plot_performance as plot_performance
    from .profile import plot_profile as plot_profile
    from .report import plot_report as plot_report
    from .runs import plot_runs as plot_runs
    from .words import label_ends as label_ends

__all__ = [
    "CURRENT",
    "INK",
    "REFERENCE",
    "REFUSED",
    "Picture",
    "label_ends",
    "picture",
    "plot_bars",
    "plot_calibration",
    "plot_drift",
    "plot_importance",
    "plot_performance",
    "plot_profile",
    "plot_report",
    "plot_runs",
    "svg",
]

_HOME = {
    "CURRENT": "canvas",
    "INK": "canvas",
    "REFERENCE": "canvas",
    "REFUSED": "canvas",
    "Picture": "canvas",
    "label_ends": "words",
    "picture": "canvas",
    "plot_bars": "bars",
    "plot_calibration": "calibration",
    "plot_drift": "drift",
    "plot_importance": "importance",
    "plot_performance": "performance",
    "plot_profile": "profile",
    "plot_report": "report",
    "plot_runs": "runs",
    "svg": "canvas",
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
