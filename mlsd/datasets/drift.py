"""A drift: the world itself changes, every single value stays plausible.

With x the creation features and y the label:

    data      P(x) moves, P(y|x) stays      the same p, asked about other posts
    target    P(y) moves, P(x|y) stays      negatives are kept with probability a only,
                                            so that p' = p / (p + a (1 - p)),
                                            and logit p' = logit p - log a
    concept   P(y|x) moves, P(x) stays      the coefficients of p change; no feature moves by a bit

Each holds exactly at every moment, whatever the strength there; the shape of a drift says how its
strength goes over its span:

    abrupt      whole from the first row to the last
    gradual     grows evenly, from nothing at the start to the whole at the end
    recurring   comes three times: the span is cut into five equal parts, whole in the first, third
                and fifth, away in the second and fourth
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from mlsd.datasets.checks import check_name, check_number, check_span
from mlsd.datasets.span import limits, within

KINDS = ("data", "target", "concept")
SHAPES = ("abrupt", "gradual", "recurring")
PARTS = 5  # of the span of a recurring drift
MOST = 3.0  # largest strength: beyond it target drift would redraw nearly every row
KEPT = 0.2  # share of negatives that a target drift of strength 1 keeps


@dataclass(frozen=True)
class Drift:
    """A change of the world's law: of which kind, from when to when, in which shape.

    Args:
        kind: `"data"`, `"target"` or `"concept"`, as defined above.
        start: when it begins, as a share of the world's time.
        end: when the old law comes back; 1 is the end of the world.
        shape: `"abrupt"`, `"gradual"` or `"recurring"`, as defined above.
        strength: its size, above 0 and at most 3; 1 is the default size of the kind.

    Raises:
        RefusedError: an argument is not one of these; the sentence names it.

    >>> Drift("concept", start=0.5)
    Drift(concept, 0.5 to 1, strength 1)
    >>> Drift("data", start=0.2, end=0.8, shape="gradual")
    Drift(data, 0.2 to 0.8, gradual, strength 1)
    """

    kind: str
    start: float = 0.6
    end: float = 1.0
    shape: str = "abrupt"
    strength: float = 1.0

    def __post_init__(self) -> None:
        check_name("a drift has kind", self.kind, KINDS)
        check_span(f"the {self.kind} drift", self.start, self.end)
        check_name(f"the {self.kind} drift has shape", self.shape, SHAPES)
        check_number(f"the {self.kind} drift has strength", self.strength, 0, MOST, above=True)

    what = "drift"
    columns = ()

    @property
    def places(self) -> tuple[str, ...]:
        """Where it acts: two drifts of one kind may not overlap in time."""
        return (f"the {self.kind} law",)

    @property
    def size(self) -> str:
        """How much of it there is, in words."""
        return f"{'' if self.shape == 'abrupt' else f'{self.shape}, '}strength {self.strength:g}"

    def __repr__(self) -> str:
        return f"Drift({self.kind}, {self.start:g} to {self.end:g}, {self.size})"


def force(drift: Drift, seconds: np.ndarray, length: int) -> np.ndarray:
    """Return the strength of a drift at each moment, (n,): 0 where it is not at work.

    >>> force(Drift("data", 0.5, shape="gradual"), np.array([40, 50, 60, 75]), length=100).tolist()
    [0.0, 0.0, 0.2, 0.5]
    >>> force(Drift("data", 0.5, shape="recurring"), np.array([40, 55, 60, 75, 99]), length=100).tolist()
    [0.0, 1.0, 0.0, 1.0, 1.0]
    """
    first, last = limits(drift, length)
    since = seconds - first
    shapes = {
        "abrupt": np.ones(len(since)),
        "gradual": since / (last - first),
        "recurring": since * PARTS // (last - first) % 2 == 0,
    }
    return np.where(within(drift, seconds, length), np.round(drift.strength * shapes[drift.shape], 6), 0.0)


def size(drifts: Iterable[Drift], kind: str, seconds: np.ndarray, length: int) -> np.ndarray:
    """Return how strongly one kind of drift is at work at each moment, (n,): 0 outside every span."""
    forces = [force(drift, seconds, length) for drift in drifts if drift.kind == kind]
    return np.sum(forces, axis=0) if forces else np.zeros(len(seconds))  # spans of one kind do not meet


def kept_negatives(strength: np.ndarray) -> np.ndarray:
    """Return a: the share of negatives kept under a target drift, (n,); 1 where there is none.

    >>> kept_negatives(np.array([0.0, 1.0, 2.0])).tolist()
    [1.0, 0.2, 0.04]
    """
    return np.round(np.power(KEPT, strength), 6)


def after_selection(p: np.ndarray, kept: np.ndarray) -> np.ndarray:
    """Return P(y=1) among rows of which only a share `kept` of the negatives was kept, (n,).

    Bayes: the odds are divided by `kept` (Elkan, The foundations of cost-sensitive learning, 2001).

    >>> after_selection(np.array([0.1, 0.5]), np.array([1.0, 0.2])).round(3).tolist()
    [0.1, 0.833]
    """
    return p / (p + kept * (1.0 - p))
