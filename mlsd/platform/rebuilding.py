"""A recipe out of its record: estimators are found by their path and set as they were."""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Mapping
from dataclasses import fields
from importlib import import_module
from typing import Any

from mlsd.report import RefusedError
from mlsd.training import Recipe

_SAFE = re.compile(r"(sklearn|lightgbm)(\.[A-Za-z]\w*)+")  # nothing else is imported because a record says so
_NOT_FINITE = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}


def rebuild_recipe(record: Mapping[str, Any]) -> Recipe:
    """Return the recipe of which `to_plain()` made a record.

    Args:
        record: a run's parameters; others than the recipe's may stand beside.

    Raises:
        RefusedError: a part is not in the record, or the estimator is neither LightGBM nor scikit-learn's.

    >>> recipe = Recipe("is_spam", params={"num_leaves": 7}, random_state=3)
    >>> rebuild_recipe(recipe.to_plain()) == recipe
    True
    """
    names = [field.name for field in fields(Recipe)]
    for name in (*names, "settings"):
        if name not in record:
            raise RefusedError(f"the record does not hold {name!r}, without which nobody can train the same")
    parts = {name: record[name] for name in names}
    if parts["estimator"] != "lightgbm":
        parts["estimator"] = _build(parts["estimator"], record["settings"])
    return Recipe(**parts)


def _build(path: str, settings: Mapping[str, Any]) -> Any:
    """Return an estimator with its settings; `name__setting` belongs to the estimator within."""
    kind = _find(path)
    if not inspect.isclass(kind) or not hasattr(kind, "get_params"):
        raise RefusedError(f"the record's estimator {path!r} is neither LightGBM's nor scikit-learn's")
    takes = inspect.signature(kind).parameters
    own = {name: value for name, value in settings.items() if name in takes}
    built = {name: _value(name, value, settings, takes[name].default) for name, value in own.items()}
    return kind(**built)


def _value(name: str, value: Any, settings: Mapping[str, Any], default: Any) -> Any:
    if isinstance(value, str):
        if _SAFE.fullmatch(value):
            found = _find(value)
            return _build(value, _inside(name, settings)) if hasattr(found, "get_params") else found
        return _NOT_FINITE.get(value, value)
    if isinstance(value, list):
        parts = [_part(item, settings) for item in value]
        return tuple(parts) if isinstance(default, tuple) else parts
    return value


def _part(item: Any, settings: Mapping[str, Any]) -> Any:
    """Return an entry of a list; ["scale", "sklearn...", columns] is a named estimator."""
    named = isinstance(item, list) and len(item) in (2, 3) and isinstance(item[0], str)
    if named and isinstance(item[1], str):
        return (item[0], _value(item[0], item[1], settings, None), *item[2:])
    return item


def _inside(name: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    start = f"{name}__"
    return {key.removeprefix(start): value for key, value in settings.items() if key.startswith(start)}


def _find(path: str) -> Any:
    if not _SAFE.fullmatch(path):
        raise RefusedError(f"the record's estimator {path!r} is neither LightGBM's nor scikit-learn's")
    *parts, name = path.split(".")
    for n in range(len(parts), 0, -1):  # the public home may be above the private file that a path leaves out
        try:
            return getattr(import_module(".".join(parts[:n])), name)
        except (ImportError, AttributeError):
            continue
    raise RefusedError(f"the installed packages hold no {path!r}, which the record names")
