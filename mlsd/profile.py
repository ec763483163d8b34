"""A profile: what did enter a table. It keeps counts, never rows, and counts add."""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import pandas as pd

from mlsd.column import near
from mlsd.column_profile import (
    NAMED,
    ORDERED,
    ColumnProfile,
    absent_column,
    check_column,
)
from mlsd.counting import profile_column
from mlsd.plain import from_json, to_json
from mlsd.report import check_format

if TYPE_CHECKING:
    from mlsd.schema import Schema

_SHOWN = 20  # columns listed in a repr


@dataclass(frozen=True)
class Profile:
    """A portrait of a table: per column its rows, missing values, extremes and counts on fixed cells.

    `Profile.of(frame)` cuts the cells and is a reference; `Profile.of(frame, like=reference)` counts
    on the same cells and can be compared with it, and added to others of its kind. Counts and
    extremes add exactly, so profiles of parts add to the profile of the whole, in any order.

    Args:
        n: rows.
        parts: one `ColumnProfile` per column, in the table's order.
        new_columns: columns that the reference does not have, sorted.

    >>> reference = Profile.of(pd.DataFrame({"likes": [3, 5, 8, 13], "topic": ["ml", "ml", "art", "art"]}))
    >>> monday = Profile.of(pd.DataFrame({"likes": [4], "topic": ["ml"]}), like=reference)
    >>> tuesday = Profile.of(pd.DataFrame({"likes": [21], "topic": ["sport"]}), like=reference)
    >>> print(monday + tuesday)
    Profile: 2 rows, 2 columns
      column  kind      missing  min  median  max  most frequent
      likes   integer         0    4      13   21
      topic   category        0                    ml 50%, never seen 50%
    """

    n: int
    parts: tuple[ColumnProfile, ...] = ()
    new_columns: tuple[str, ...] = ()

    @classmethod
    def of(cls, frame: pd.DataFrame, like: Profile | None = None, *, schema: Schema | None = None) -> Profile:
        """Return the profile of a table.

        Args:
            frame: the table; cells of any kind, column names must be text and differ.
            like: the reference whose cells are used; None cuts new cells on this table.
            schema: says the kinds of a reference's columns; None judges their values. Text with at
                most 1,000 names that come twice on average is a category; whole numbers without
                repetition and gaps are a key.

        Raises:
            ValueError: no table, or column names that are not text or come twice.
        """
        _check_frame(frame)
        if like is None:
            kinds = _kinds(schema)
            return cls(
                len(frame), tuple(profile_column(frame[name], kind=kinds.get(name)) for name in frame.columns)
            )
        parts = tuple(
            profile_column(frame[part.name], like=part)
            if part.name in frame.columns
            else absent_column(part, len(frame))
            for part in like.parts
        )
        new = sorted(set(frame.columns) - {part.name for part in like.parts})
        return cls(len(frame), parts, tuple(new))

    @property
    def columns(self) -> Mapping[str, ColumnProfile]:
        """The column profiles by name, in the table's order."""
        return MappingProxyType({part.name: part for part in self.parts})

    def select(self, names: Iterable[str]) -> Profile:
        """Return the profile of some columns, in the order given.

        Raises:
            ValueError: a name is not in the profile.
        """
        names, columns = list(names), self.columns
        for name in names:
            if name not in columns:
                raise ValueError(f"the profile has no column {name!r}{near(name, columns)}")
        return Profile(self.n, tuple(columns[name] for name in names))

    def __add__(self, other: Profile) -> Profile:
        if not isinstance(other, Profile):
            return NotImplemented
        if [part.name for part in self.parts] != [part.name for part in other.parts]:
            raise ValueError(
                "the profiles have different columns and cannot be added; "
                "build both with Profile.of(frame, like=reference)"
            )
        parts = tuple(a + b for a, b in zip(self.parts, other.parts, strict=True))
        return Profile(self.n + other.n, parts, tuple(sorted({*self.new_columns, *other.new_columns})))

    def to_json(self) -> str:
        """Return the profile as strict JSON text, format 1; what a column does not use is left out."""
        columns = [
            {f.name: getattr(part, f.name) for f in fields(part) if getattr(part, f.name) != f.default}
            for part in self.parts
        ]
        return to_json({"format": 1, "n": self.n, "new_columns": self.new_columns, "columns": columns})

    @classmethod
    def from_json(cls, text: str) -> Profile:
        """Read what `to_json` wrote.

        Raises:
            ValueError: the text is no profile, one of a newer format, or its counts disagree.
        """
        record = check_format(from_json(text, "the profile"), 1, "the profile")
        try:
            known = {f.name for f in fields(ColumnProfile)}
            parts = tuple(
                check_column(ColumnProfile(**{k: _frozen(v) for k, v in item.items() if k in known}))
                for item in record["columns"]
            )
            return cls(int(record["n"]), parts, tuple(record["new_columns"]))
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"the profile is incomplete: {error}") from None

    @property
    def _rows(self) -> list[list[str]]:
        head = ["column", "kind", "missing", "min", "median", "max", "most frequent"]
        return [head, *(_row(part) for part in self.parts[:_SHOWN])]

    @property
    def _title(self) -> str:
        return f"Profile: {_many(self.n, 'row')}, {_many(len(self.parts), 'column')}"

    @property
    def _more(self) -> str:
        return f"and {len(self.parts) - _SHOWN} more" if len(self.parts) > _SHOWN else ""

    def __repr__(self) -> str:
        if not self.parts:
            return self._title
        rows = self._rows
        wide = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
        right = range(2, 6)  # numbers stand under one another
        lines = [
            "  ".join(
                cell.rjust(width) if i in right else cell.ljust(width)
                for i, (cell, width) in enumerate(zip(row, wide, strict=True))
            ).rstrip()
            for row in rows
        ]
        lines += [self._more] * bool(self._more)
        return "\n".join([self._title, *(f"  {line}" for line in lines)])

    def _repr_html_(self) -> str:
        head, *rows = ([html.escape(cell) for cell in row] for row in self._rows)
        body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
        table = f"<table><tr>{''.join(f'<th>{cell}</th>' for cell in head)}</tr>{body}</table>"
        more = f"<p>{self._more}</p>" if self._more else ""
        return f"<div><strong>{self._title}</strong>{table if rows else ''}{more}</div>"


def _check_frame(frame: Any) -> None:
    if not isinstance(frame, pd.DataFrame):
        raise ValueError(f"a profile is made of a pandas DataFrame; got {type(frame).__name__}")
    for name in frame.columns:
        if not isinstance(name, str):
            raise ValueError(
                f"a column is named {name!r} ({type(name).__name__}); expected text: "
                "use frame.columns = frame.columns.astype(str)"
            )
    if not frame.columns.is_unique:
        double = frame.columns[frame.columns.duplicated()][0]
        raise ValueError(f"two columns are named {double!r}; expected each name once: rename one of them")


def _kinds(schema: Schema | None) -> dict[str, str]:
    columns = schema.columns if schema else ()
    return {column.name: "key" if column.unique else column.kind for column in columns}


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _many(count: int, what: str) -> str:
    return f"{count:,} {what}" if count == 1 else f"{count:,} {what}s"


def _row(part: ColumnProfile) -> list[str]:
    missing = "absent" if part.absent else f"{part.missing:,}"
    numbers = (part.minimum, part.quantile(0.5), part.maximum) if part.kind in ORDERED else (None,) * 3
    shown = ["" if number is None else f"{number:.4g}" for number in numbers]
    return [part.name, part.kind, missing, *shown, _frequent(part)]


def _frequent(part: ColumnProfile) -> str:
    total = part.present
    if part.kind == "time" and part.minimum is not None:
        return f"{str(part.minimum)[:16]} to {str(part.maximum)[:16]}"
    if part.kind not in NAMED or not total:
        return ""
    named = sorted(zip(part.counts, part.levels, strict=False), key=lambda pair: -pair[0])[:2]
    words = [f"{name[:20]} {count / total:.0%}" for count, name in named if count]
    return ", ".join(words + [f"never seen {part.unseen / total:.0%}"] * bool(part.unseen))
