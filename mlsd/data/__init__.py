"""Data: reading tables, cleaning, joining and splitting them, labels; a report on every decision."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .agreement import cohen_kappa as cohen_kappa
    from .agreement import judge_agreement as judge_agreement
    from .asof import join_as_of as join_as_of
    from .cleaning import CleaningLog as CleaningLog
    from .cleaning import clean as clean
    from .cleaning_rules import Clip as Clip
    from .cleaning_rules import Convert as Convert
    from .cleaning_rules import DropDuplicates as DropDuplicates
    from .cleaning_rules import Rename as Rename
    from .cleaning_rules import Strip as Strip
    from .features import FeaturePreparation as FeaturePreparation
    from .features import prepare_features as prepare_features
    from .filling import Fill as Fill
    from .leakage import detect_leakage as detect_leakage
    from .read import read_table as read_table
    from .skew import compare_serving as compare_serving
    from .split import split_by_time as split_by_time
    from .split import split_grouped as split_grouped
    from .split import split_random as split_random
    from .uncertainty import uncertainty_sample as uncertainty_sample
    from .weak import weak_labels as weak_labels

__all__ = [
    "CleaningLog",
    "Clip",
    "Convert",
    "DropDuplicates",
    "FeaturePreparation",
    "Fill",
    "Rename",
    "Strip",
    "clean",
    "cohen_kappa",
    "compare_serving",
    "detect_leakage",
    "join_as_of",
    "judge_agreement",
    "prepare_features",
    "read_table",
    "split_by_time",
    "split_grouped",
    "split_random",
    "uncertainty_sample",
    "weak_labels",
]

_HOME = {
    "CleaningLog": "cleaning",
    "Clip": "cleaning_rules",
    "Convert": "cleaning_rules",
    "DropDuplicates": "cleaning_rules",
    "FeaturePreparation": "features",
    "Fill": "filling",
    "Rename": "cleaning_rules",
    "Strip": "cleaning_rules",
    "clean": "cleaning",
    "cohen_kappa": "agreement",
    "compare_serving": "skew",
    "detect_leakage": "leakage",
    "join_as_of": "asof",
    "judge_agreement": "agreement",
    "prepare_features": "features",
    "read_table": "read",
    "split_by_time": "split",
    "split_grouped": "split",
    "split_random": "split",
    "uncertainty_sample": "uncertainty",
    "weak_labels": "weak",
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
