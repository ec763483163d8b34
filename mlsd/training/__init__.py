"""Training: a recipe, the model package it makes, and the judgement of how good that is."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .behaviour import Direction as Direction
    from .behaviour import Invariance as Invariance
    from .behaviour import MinimumFunctionality as MinimumFunctionality
    from .behaviour import judge_behaviour as judge_behaviour
    from .comparison import compare_models as compare_models
    from .distributed import train_distributed as train_distributed
    from .evaluation import evaluate as evaluate
    from .intervals import metric_interval as metric_interval
    from .online_tests import ab_power as ab_power
    from .online_tests import ab_test as ab_test
    from .online_tests import sample_size as sample_size
    from .recipe import Recipe as Recipe
    from .reliability import calibration_error as calibration_error
    from .reliability import judge_calibration as judge_calibration
    from .reliability import reliability_table as reliability_table
    from .sequential import anytime_p as anytime_p
    from .sequential import fixed_p as fixed_p
    from .sequential import sequential_test as sequential_test
    from .slice_search import worst_slices as worst_slices
    from .threshold import Threshold as Threshold
    from .threshold import best_threshold as best_threshold
    from .threshold import error_cost as error_cost
    from .trainer import train as train
    from .trials import Search as Search
    from .trials import search as search

__all__ = [
    "Direction",
    "Invariance",
    "MinimumFunctionality",
    "Recipe",
    "Search",
    "Threshold",
    "ab_power",
    "ab_test",
    "anytime_p",
    "best_threshold",
    "calibration_error",
    "compare_models",
    "error_cost",
    "evaluate",
    "fixed_p",
    "judge_behaviour",
    "judge_calibration",
    "metric_interval",
    "reliability_table",
    "sample_size",
    "search",
    "sequential_test",
    "train",
    "train_distributed",
    "worst_slices",
]

_HOME = {
    "Direction": "behaviour",
    "Invariance": "behaviour",
    "MinimumFunctionality": "behaviour",
    "Recipe": "recipe",
    "Search": "trials",
    "Threshold": "threshold",
    "ab_power": "online_tests",
    "ab_test": "online_tests",
    "anytime_p": "sequential",
    "best_threshold": "threshold",
    "calibration_error": "reliability",
    "compare_models": "comparison",
    "error_cost": "threshold",
    "evaluate": "evaluation",
    "fixed_p": "sequential",
    "judge_behaviour": "behaviour",
    "judge_calibration": "reliability",
    "metric_interval": "intervals",
    "reliability_table": "reliability",
    "sample_size": "online_tests",
    "search": "trials",
    "sequential_test": "sequential",
    "train": "trainer",
    "train_distributed": "distributed",
    "worst_slices": "slice_search",
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
