"""Everything a person decides before training, in one value that can be written down."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mlsd.column import MOMENTS, KnownAt, near
from mlsd.plain import to_plain
from mlsd.report import RefusedError
from mlsd.target import TASKS


@dataclass(frozen=True)
class Recipe:
    """What to predict, from what, and how; with the data it decides the model.

    Args:
        target: the column to predict.
        estimator: `"lightgbm"`, or a scikit-learn estimator, which is copied and never fitted itself.
        features: the inputs; None takes all that are known in time and are not keys, times or text.
        random_state: of the hold-out and of the estimator.
        known_at: when a prediction is asked for: at `"creation"`, or after the `"reaction"`.
        params: hyper-parameters that replace the defaults, such as `{"num_leaves": 7}`; for LightGBM
            also `{"class_weight": {"spam": 5}}` or `"balanced"`, and
            `{"monotone_constraints": {"n_links": 1}}`: more of it never lowers the prediction (-1: never
            raises it).
        task: `"binary"`, `"multiclass"`, `"classification"`, `"regression"` or `"ranking"`; None lets
            the target decide between the first four.
        group: the column that names the list a row belongs to; a ranking orders the rows of each list.
        calibrate: whether probabilities are corrected on a fifth of the rows, kept apart for it.

    Raises:
        RefusedError: a part cannot be what it says.

    >>> Recipe("is_spam", params={"num_leaves": 7})
    Recipe(is_spam by lightgbm, num_leaves=7, random_state=0)
    """

    target: str
    estimator: Any = "lightgbm"
    features: tuple[str, ...] | None = None
    random_state: int = 0
    known_at: KnownAt = "creation"
    params: Mapping[str, Any] = field(default_factory=dict)
    task: str | None = None
    group: str | None = None
    calibrate: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.target, str) or not self.target:
            raise RefusedError(f"the target is {self.target!r}; expected the name of a column")
        if self.features is not None:
            if isinstance(self.features, str):
                raise RefusedError(f"features is {self.features!r}; expected a list of column names")
            object.__setattr__(self, "features", tuple(self.features))
        if not isinstance(self.random_state, int | np.integer) or isinstance(self.random_state, bool):
            raise RefusedError(f"random_state is {self.random_state!r}; expected a whole number")
        object.__setattr__(self, "random_state", int(self.random_state))
        object.__setattr__(self, "params", dict(self.params))
        self._check_words()

    def _check_words(self) -> None:
        if not 0 <= self.random_state < 2**31:
            raise RefusedError(f"random_state is {self.random_state}; expected 0 to 2,147,483,647")
        if self.known_at not in MOMENTS[:2]:
            raise RefusedError(f"known_at is {self.known_at!r}; expected 'creation' or 'reaction'")
        if self.task not in (None, "classification", *TASKS):
            raise RefusedError(
                f"task is {self.task!r}; expected 'binary', 'multiclass', 'regression' or 'ranking'"
            )
        if not isinstance(self.calibrate, bool):
            raise RefusedError(f"calibrate is {self.calibrate!r}; expected True or False")
        if self.calibrate and self.task in ("regression", "ranking"):
            raise RefusedError(f"calibrate corrects probabilities; a {self.task} has none, leave it out")
        if (self.group is not None) != (self.task == "ranking"):
            raise RefusedError(
                "a ranking needs to know which rows are one list, and nothing else does: "
                "say both, Recipe(..., task='ranking', group='session'), or neither"
            )
        if isinstance(self.estimator, str) and self.estimator != "lightgbm":
            raise RefusedError(
                f"no estimator is called {self.estimator!r}{near(self.estimator, ['lightgbm'])}; "
                "expected 'lightgbm' or a scikit-learn estimator such as LogisticRegression()"
            )
        if isinstance(self.estimator, type):
            raise RefusedError(f"the estimator is a class; expected an instance: {self.estimator.__name__}()")
        if not isinstance(self.estimator, str) and not hasattr(self.estimator, "get_params"):
            kind = type(self.estimator).__name__
            raise RefusedError(f"the estimator is a {kind}; expected 'lightgbm' or a scikit-learn estimator")
        if not isinstance(self.estimator, str) and self.task == "ranking":
            raise RefusedError(f"{self.estimator_name} cannot rank; leave the estimator out: LightGBM does")

    @property
    def estimator_name(self) -> str:
        """`lightgbm`, or the class of the scikit-learn estimator."""
        return self.estimator if isinstance(self.estimator, str) else type(self.estimator).__name__

    def to_plain(self) -> dict[str, Any]:
        """Return the recipe as plain values: the same in every process, without addresses.

        >>> Recipe("y", random_state=3).to_plain()["random_state"]
        3
        """
        settings = {} if isinstance(self.estimator, str) else self.estimator.get_params()
        return {
            "target": self.target,
            "estimator": _path(self.estimator),
            "settings": {name: _plain(settings[name]) for name in sorted(settings) if _matters(name)},
            "features": None if self.features is None else list(self.features),
            "random_state": self.random_state,
            "known_at": self.known_at,
            "params": {name: _plain(self.params[name]) for name in sorted(self.params)},
            "task": self.task,
            "group": self.group,
            "calibrate": self.calibrate,
        }

    def __repr__(self) -> str:
        words = [f"{self.target} by {self.estimator_name}"]
        words += [f"{len(self.features)} features"] if self.features else []
        words += [f"{name}={value}" for name, value in self.params.items()]
        words += [f"known_at={self.known_at}"] if self.known_at != "creation" else []
        words += [f"task={self.task}"] if self.task else []
        words += [f"group={self.group}"] if self.group else []
        words += ["calibrated"] if self.calibrate else []
        return f"Recipe({', '.join([*words, f'random_state={self.random_state}'])})"


def _path(thing: Any) -> str:
    """Return where a class or function is at home: `sklearn.linear_model.LogisticRegression`."""
    if isinstance(thing, str):
        return thing
    kind = thing if isinstance(thing, type) or hasattr(thing, "__qualname__") else type(thing)
    module = ".".join(part for part in kind.__module__.split(".") if not part.startswith("_"))
    return f"{module}.{kind.__qualname__}"


def _matters(setting: str) -> bool:
    """Tell whether a setting may change the model: how many threads, and how loud, may not."""
    return setting.rpartition("__")[2] not in ("n_jobs", "verbose")


def _plain(value: Any) -> Any:
    """Return a setting as a plain value; an estimator within is listed by its own settings too."""
    if isinstance(value, Mapping):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not np.isfinite(value):
        return str(value)
    try:
        return to_plain(value)
    except TypeError:
        return _path(value)
