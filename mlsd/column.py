"""A column: what its cells may hold, said by a person or learnt from a table."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Any, Literal, NoReturn, get_args

import numpy as np
import pandas as pd

from mlsd.cells import as_float, matches
from mlsd.report import RefusedError

Kind = Literal["number", "integer", "boolean", "category", "text", "time"]
KnownAt = Literal["creation", "reaction", "label"]
KINDS: tuple[str, ...] = get_args(Kind)
MOMENTS: tuple[str, ...] = get_args(KnownAt)
_MAY_BE_KEY = ("integer", "text", "time")
_ONLY = {
    "pattern": ("text",), "references": ("integer", "category", "text"), "ordered": ("time",), "max_age": ("time",),
}  # fmt: skip


@dataclass(frozen=True)
class Column:
    """What one column of a table may hold.

    Args:
        name: its name.
        kind: `"number"`, `"integer"`, `"boolean"`, `"category"`, `"text"` or `"time"`.
        nullable: whether values may be missing.
        minimum: lowest allowed value, in `unit`; None allows any.
        maximum: highest allowed value, in `unit`; None allows any.
        categories: the allowed texts of a category, in the order in which they are coded.
        unique: whether no value may come twice: a key.
        pattern: the regular expression that a whole text must match (RE2: no look-around), `"p-[0-9]+"`.
        references: where each value must also stand, `"members.member_id"`: table, then its column.
        ordered: whether times may never step back from row to row.
        max_age: how old the newest time may be, `"2 days"`; none may then lie in the future.
        unit: of the numbers, for people.
        known_at: when the value is known: at `"creation"`, after a `"reaction"`, or with the `"label"`.
        description: for people.

    Raises:
        RefusedError: the parts contradict each other; the sentence names the column.

    >>> Column("n_links", "integer", minimum=0, maximum=40, unit="links")
    Column(n_links: integer, 0 to 40 links)
    """

    name: str
    kind: Kind
    nullable: bool = False
    minimum: float | None = None
    maximum: float | None = None
    categories: tuple[str, ...] | None = None
    unique: bool = False
    pattern: str = ""
    references: str = ""
    ordered: bool = False
    max_age: str = ""
    unit: str = ""
    known_at: KnownAt = "creation"
    description: str = ""

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name:
            raise RefusedError(f"a column is named {self.name!r}; expected a text that is not empty")
        for name, allowed in (("kind", KINDS), ("known_at", MOMENTS)):
            value = getattr(self, name)
            if value not in allowed:
                self._refuse(
                    f"has {name} {value!r}; expected one of {', '.join(allowed)}{near(value, allowed)}"
                )
        for part in fields(self):
            expected = type(part.default)
            if expected in (bool, str) and not isinstance(getattr(self, part.name), expected):
                words = "true or false" if expected is bool else "a text"
                self._refuse(f"has {part.name} {getattr(self, part.name)!r}; expected {words}")
        self._check_bounds()
        self._check_categories()
        for name, kinds in _ONLY.items():
            if getattr(self, name) and self.kind not in kinds:
                self._refuse(f"is of kind {self.kind} and has {name}; only {', '.join(kinds)} columns may")
        if self.unique and self.kind not in _MAY_BE_KEY:
            self._refuse(f"is a unique {self.kind}; only {', '.join(_MAY_BE_KEY)} columns may be unique")
        self._check_words()

    def _check_bounds(self) -> None:
        self._check_each_bound()
        low, high = self.minimum, self.maximum
        if low is None or high is None:
            return
        if low > high:
            self._refuse(f"has minimum {low:g} above its maximum {high:g}; swap them")
        if self.kind == "integer" and math.ceil(low) > high:
            self._refuse(f"is an integer between {low:g} and {high:g}, where there is none")

    def _check_each_bound(self) -> None:
        for name in ("minimum", "maximum"):
            bound = getattr(self, name)
            if bound is None:
                continue
            if self.kind not in ("number", "integer"):
                self._refuse(
                    f"is of kind {self.kind} and has a {name}; only numbers and integers have bounds"
                )
            finite = isinstance(bound, int | float | np.number) and not isinstance(bound, bool)
            if not finite or not math.isfinite(as_float(bound)):
                self._refuse(f"has {name} {bound!r}; expected a finite number")
            object.__setattr__(self, name, float(bound))

    def _check_categories(self) -> None:
        if self.kind != "category":
            if self.categories is not None:
                self._refuse(f"is of kind {self.kind} and has categories; only the kind category has them")
            return
        names = self.categories
        if isinstance(names, str) or not isinstance(names, Iterable):
            self._refuse(f"is a category with categories {names!r}; expected a list of texts")
        names = tuple(names)
        if not names or not all(isinstance(name, str) for name in names):
            self._refuse("is a category; expected one category or more, all of them texts")
        if len(set(names)) < len(names):
            double = next(name for name in names if names.count(name) > 1)
            self._refuse(f"lists the category {double!r} twice; expected each once")
        object.__setattr__(self, "categories", tuple(str(name) for name in names))

    def _check_words(self) -> None:
        """Refuse a pattern, a reference or an age that cannot be read."""
        if self.pattern:
            try:
                matches([""], self.pattern)
            except ValueError as error:
                self._refuse(f"has the pattern {self.pattern[:80]!r}, which cannot be read: {error}")
        if self.references and not all(self.references.partition(".")):
            self._refuse(
                f"references {self.references!r}; expected a table and its column: 'members.member_id'"
            )
        if self.max_age and not self.age > pd.Timedelta(seconds=1):
            self._refuse(f"has max_age {self.max_age!r}; expected a length of time such as '2 days'")

    @property
    def age(self) -> pd.Timedelta:
        """`max_age` as a length of time; nothing where it is none."""
        try:
            return pd.Timedelta(self.max_age)
        except ValueError:
            return pd.Timedelta(0)

    def _refuse(self, what: str) -> NoReturn:
        raise RefusedError(f"column {self.name!r} {what}")

    @property
    def allowed(self) -> str:
        """What is allowed, in a few words."""
        words = []
        if self.minimum is not None or self.maximum is not None:
            words.append(f"{bounds_text(self)}{' ' + self.unit if self.unit else ''}")
        if self.categories is not None:
            shown = ", ".join(self.categories[:4])
            more = f" and {len(self.categories) - 4} more" if len(self.categories) > 4 else ""
            words.append(shown + more)
        if self.pattern:
            words.append(f"like {self.pattern}")
        if self.references:
            words.append(f"in {self.references}")
        words += [word for word, said in (("unique", self.unique), ("in order", self.ordered)) if said]
        if self.max_age:
            words.append(f"newest at most {self.max_age} old")
        if self.nullable:
            words.append("may be missing")
        return ", ".join(words)

    def to_plain(self) -> dict[str, Any]:
        """Return the parts that differ from their defaults, as plain values."""
        plain: dict[str, Any] = {}
        for part in fields(self):
            value = getattr(self, part.name)
            if value != part.default:
                plain[part.name] = list(value) if isinstance(value, tuple) else whole(value)
        return plain

    def __repr__(self) -> str:
        allowed = f", {self.allowed}" if self.allowed else ""
        return f"Column({self.name}: {self.kind}{allowed})"


def bounds_text(column: Column) -> str:
    """Return the bounds of a column in words: `0 to 40`."""
    low, high = column.minimum, column.maximum
    if low is None:
        return f"at most {high:.15g}"
    return f"at least {low:.15g}" if high is None else f"{low:.15g} to {high:.15g}"


def article(kind: str) -> str:
    """Return a kind with its article: `an integer`."""
    return f"an {kind}" if kind == "integer" else f"a {kind}"


def whole(value: Any) -> Any:
    """Return a float that is a whole number as an int, which reads better; anything else as it is."""
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) < 1e15 else value


def near(name: object, names: Iterable[str]) -> str:
    """Return `: did you mean 'x'?` when some name is nearly this one, else nothing."""
    found = difflib.get_close_matches(name, list(names), n=1) if isinstance(name, str) else []
    return f": did you mean {found[0]!r}?" if found else ""
