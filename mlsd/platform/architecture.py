"""The typical architecture of an ML system as a graph, and five ways in which one goes wrong."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np

Arrow = tuple[str, str]  # what the first box makes, the second one reads

TYPICAL: frozenset[Arrow] = frozenset(
    {
        ("data", "validation"),
        ("validation", "training rows"),
        ("validation", "test rows"),
        ("training rows", "training"),
        ("training", "evaluation"),
        ("test rows", "evaluation"),
        ("evaluation", "registry"),
        ("registry", "serving"),
        ("serving", "prediction log"),
        ("labels", "prediction log"),
        ("prediction log", "monitoring"),
        ("monitoring", "pipeline"),
        ("pipeline", "training"),
    }
)
ROOMS: Mapping[str, str] = {  # box -> where this library builds it
    "data": "mlsd.data",
    "validation": "mlsd.schema",
    "training rows": "mlsd.data.split",
    "test rows": "mlsd.data.split",
    "training": "mlsd.training",
    "evaluation": "mlsd.training.evaluation",
    "registry": "mlsd.registry",
    "serving": "mlsd.serving",
    "prediction log": "mlsd.prediction_log",
    "labels": "mlsd.serving.labels",
    "monitoring": "mlsd.monitoring",
    "pipeline": "mlsd.pipeline",
}
DEFECTS: Mapping[str, str] = {  # name -> what is wrong, in words
    "no feedback": "nothing leads from monitoring back to training",
    "loose file": "something other than the registry feeds serving",
    "test rows leak": "test rows reach training without passing through evaluation",
    "no gate": "training reaches the registry without passing through evaluation",
    "labels unread": "labels never reach monitoring",
}
_CHANGES: Mapping[str, tuple[Collection[Arrow], Collection[Arrow]]] = {  # name -> (arrows gone, arrows new)
    "no feedback": ([("monitoring", "pipeline")], [("monitoring", "dashboard")]),
    "loose file": ([], [("?", "serving")]),
    "test rows leak": ([], [("test rows", "?"), ("?", "training")]),
    "no gate": ([], [("training", "?"), ("?", "registry")]),
    "labels unread": ([("labels", "prediction log")], [("labels", "archive")]),
}
_DETOURS = ("notebook", "shared folder", "nightly job", "feature table", "mail to Bo", "backup", "script")
_HARMLESS: tuple[Arrow, ...] = (
    ("serving", "dashboard"), ("data", "archive"), ("evaluation", "report page"), ("registry", "archive"),
)  # fmt: skip


def reaches(arrows: Collection[Arrow], start: str, end: str, *, avoiding: Collection[str] = ()) -> bool:
    """Return whether a path leads from one box to another, past none of the boxes to avoid.

    >>> reaches(TYPICAL, "data", "serving"), reaches(TYPICAL, "data", "serving", avoiding=["registry"])
    (True, False)
    """
    seen, front = {start}, {start}
    while front:
        front = {b for a, b in arrows if a in front and b not in avoiding} - seen
        seen |= front
    return end in seen - {start}


def crooked(random_state: int, defects: Collection[str] | None = None) -> tuple[list[Arrow], set[str]]:
    """Return the arrows of a system with planted defects, in any order, and the names of the defects.

    Args:
        random_state: decides the order, the detours, the harmless arrows and, when not given, the defects.
        defects: names out of `DEFECTS`; None draws one to five.

    >>> arrows, planted = crooked(0, ["no gate"])
    >>> reaches(arrows, "training", "registry", avoiding=["evaluation"]), planted
    (True, {'no gate'})
    """
    rng = np.random.default_rng([random_state, 23])
    drawn = set(rng.permutation(list(DEFECTS))[: rng.integers(1, 6)].tolist())
    planted = drawn if defects is None else set(defects)
    arrows = set(TYPICAL) | {arrow for arrow in _HARMLESS if rng.random() < 0.5}
    detours = dict(zip(_CHANGES, rng.permutation(_DETOURS).tolist(), strict=False))  # each its own
    for name in sorted(planted):
        gone, new = _CHANGES[name]
        arrows -= set(gone)
        arrows |= {tuple(detours[name] if box == "?" else box for box in arrow) for arrow in new}  # type: ignore[misc]
    ordered = sorted(arrows)
    return [ordered[k] for k in rng.permutation(len(ordered))], planted
