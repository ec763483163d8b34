"""A contract: the columns of a table and what must hold between them, said once and asked often."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from mlsd.column import MOMENTS, Column, KnownAt, near
from mlsd.report import RefusedError
from mlsd.rule import Rule

CODED = ("number", "integer", "boolean", "category")  # kinds that become numbers for a model


_keep = object.__setattr__  # how a frozen dataclass keeps what it has computed


@dataclass(frozen=True, repr=False)
class Contract:
    """What a `Schema` says; `Schema` adds what is done with it.

    Args:
        columns: what each column may hold, in order.
        target: the name of the column to be predicted, if there is one.
        rules: what must hold between the columns of a row.
        unique: groups of columns whose values may not come together twice.

    Raises:
        RefusedError: two columns of one name; a target, rule or group over a column that is not there.
    """

    columns: tuple[Column, ...]
    target: str | None = None
    rules: tuple[Rule, ...] = ()
    unique: tuple[tuple[str, ...], ...] = ()

    _by_name: ClassVar[dict[str, Column]]

    def __post_init__(self) -> None:
        _keep(self, "columns", tuple(self.columns))
        _keep(self, "rules", tuple(self.rules))
        _keep(self, "_by_name", {column.name: column for column in self.columns})
        if len(self._by_name) < len(self.columns):
            double = next(name for name in self.names if self.names.count(name) > 1)
            raise RefusedError(f"the schema describes column {double!r} twice; expected each name once")
        if self.target is not None:
            self.column(self.target)
        kinds = {column.name: column.kind for column in self.columns}
        for rule in self.rules:
            rule.check(kinds)
        _keep(self, "unique", tuple(self._group(group) for group in self.unique))

    def _group(self, group: Any) -> tuple[str, ...]:
        names = tuple(group) if isinstance(group, list | tuple) else ()
        if len(names) < 2 or not all(isinstance(name, str) for name in names) or len(set(names)) < len(names):
            raise RefusedError(
                f"the schema has the unique group {group!r}; expected two different columns or more, "
                "such as ('author_id', 'posted_at'); one column is Column(..., unique=True)"
            )
        return tuple(self.column(name).name for name in names)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.columns, self.target, self.rules, self.unique)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the columns, in order."""
        return tuple(column.name for column in self.columns)

    def column(self, name: str) -> Column:
        """Return a column by name.

        Raises:
            RefusedError: there is none; a near miss is proposed.
        """
        if not isinstance(name, str) or name not in self._by_name:
            raise RefusedError(f"the schema has no column {name!r}{near(name, self.names)}")
        return self._by_name[name]

    __getitem__ = column

    def __contains__(self, name: object) -> bool:
        return name in self._by_name

    def __iter__(self) -> Iterator[Column]:
        return iter(self.columns)

    @property
    def time(self) -> str | None:
        """The first time column that is known at creation, or None."""
        found = (c.name for c in self.columns if c.kind == "time" and c.known_at == "creation")
        return next(found, None)

    @property
    def keys(self) -> tuple[str, ...]:
        """The names of the unique columns."""
        return tuple(column.name for column in self.columns if column.unique)

    def features(self, known_at: KnownAt = "creation") -> tuple[str, ...]:
        """Return the names a model may use: coded kinds known by then; no target, no key.

        >>> Contract((Column("likes", "integer", known_at="reaction"), Column("age", "number"))).features()
        ('age',)
        """
        if known_at not in MOMENTS:
            raise RefusedError(f"known_at is {known_at!r}; expected one of {', '.join(MOMENTS)}")
        known = MOMENTS[: MOMENTS.index(known_at) + 1]
        return tuple(
            column.name
            for column in self.columns
            if column.kind in CODED
            and column.known_at in known
            and column.name != self.target
            and not column.unique
        )

    def select(self, names: Iterable[str]) -> Self:
        """Return the schema of some columns, in the order given, with what is said of them alone."""
        names = tuple(names)
        rules = tuple(rule for rule in self.rules if set(rule.columns) <= set(names))
        unique = tuple(group for group in self.unique if set(group) <= set(names))
        target = self.target if self.target in names else None
        return type(self)(tuple(self.column(name) for name in names), target, rules, unique)

    def coded(self, features: Iterable[str] | None = None) -> Self:
        """Return the schema of the columns that become numbers: `features()`, or those named.

        Raises:
            RefusedError: a column is of a kind that has no code.
        """
        part = self.select(self.features() if features is None else features)
        for column in part:
            if column.kind not in CODED:
                raise RefusedError(
                    f"column {column.name!r} is {column.kind}, which has no code; expected {', '.join(CODED)}"
                )
        return part
