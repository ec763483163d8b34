"""Searching versions by name, state, metric, tag and lineage."""

from __future__ import annotations

import operator
import re
from collections.abc import Mapping
from typing import Any

from mlsd.package import ModelPackage
from mlsd.registry.version import MOVES, Version
from mlsd.report import RefusedError

_COMPARE = {">": operator.gt, ">=": operator.ge, "<": operator.lt, "<=": operator.le, "=": operator.eq}
_CONDITION = re.compile(r"\s*([\w.@-]+)\s*(>=|<=|=|>|<)\s*([-+]?[\d.]+(?:[eE][-+]?\d+)?)\s*")


def metrics_of(package: ModelPackage) -> dict[str, float]:
    """Return the metrics of a package's evaluation, name -> value."""
    found = (finding for finding in package.report if finding.code == "metric")
    return {finding.subject: float(finding.value) for finding in found if finding.value is not None}


def lineage_of(package: ModelPackage) -> dict[str, str]:
    """Return a package's lineage as words by name: `data`, `recipe.estimator`, ..."""
    return {name: words for name, words in _flat("", package.lineage).items() if words}


def _flat(prefix: str, value: Any) -> dict[str, str]:
    if isinstance(value, Mapping):
        parts = [_flat(f"{prefix}.{name}" if prefix else str(name), item) for name, item in value.items()]
        return {name: words for part in parts for name, words in part.items()}
    items = value if isinstance(value, list | tuple) else [value]
    return {prefix: " ".join(str(item) for item in items if item is not None)[:200]}


def chosen(
    versions: list[Version],
    text: str,
    state: str | None,
    group: str | None,
    metric: str | None,
    tags: Mapping[str, str],
    lineage: Mapping[str, str],
) -> list[Version]:
    """Return the versions for which everything asked for holds; see `Registry.search`."""
    if state is not None and state not in MOVES:
        raise RefusedError(f"there is no state {state!r}; expected {', '.join(MOVES)}")
    name, compare, limit = condition(metric) if metric is not None else ("", operator.eq, 0.0)
    if name and versions and not any(name in version.metrics for version in versions):
        known = ", ".join(sorted({known for version in versions for known in version.metrics})) or "none"
        raise RefusedError(f"no version has a metric {name!r}; known: {known}")
    return [
        version
        for version in versions
        if text.lower() in version.name.lower()
        and (state is None or version.state == state)
        and (group is None or version.group == group)
        and (not name or (name in version.metrics and compare(version.metrics[name], limit)))
        and all(version.tags.get(tag) == value for tag, value in tags.items())
        and all(_begins(version.lineage.get(part, ""), start) for part, start in lineage.items())
    ]


def _begins(words: str, start: str) -> bool:
    return any(word.startswith(start) for word in words.split())


def condition(text: str) -> tuple[str, Any, float]:
    """Return (metric, comparison, limit) of a condition.

    >>> condition("roc_auc > 0.8")
    ('roc_auc', <built-in function gt>, 0.8)

    Raises:
        RefusedError: it is no condition.
    """
    match = _CONDITION.fullmatch(str(text))
    try:
        if match is None:
            raise ValueError(text)
        return match[1], _COMPARE[match[2]], float(match[3])
    except ValueError:
        raise RefusedError(f"{text!r} is no condition; expected such as 'roc_auc > 0.8'") from None
