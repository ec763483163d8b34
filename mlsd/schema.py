"""A schema: what may enter. Learnt from a table, edited by a person, held against every later row."""

from __future__ import annotations

import html
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from mlsd.cells import read_cells
from mlsd.checks import Failure, failures
from mlsd.column import MOMENTS, Column, KnownAt, near
from mlsd.encoding import Encoder, encode_frame
from mlsd.inference import infer_column
from mlsd.report import Finding, RefusedError, Report
from mlsd.rule import Rule, operand
from mlsd.schema_json import describe, read, write

_CODED = ("number", "integer", "boolean", "category")  # kinds that become numbers for a model
_SHOWN = 40  # columns listed in a repr
_Failures = list[tuple[str, Failure]]  # (subject, failure)


_keep = object.__setattr__  # how a frozen dataclass keeps what it has computed


@dataclass(frozen=True)
class Schema:
    """The columns of a table, which of them is to be predicted, and rules that every row must keep.

    Args:
        columns: what each column may hold, in order.
        target: the name of the column to be predicted, if there is one.
        rules: what must hold between the columns of a row.

    Raises:
        RefusedError: two columns of one name, a target or rule over a column that is not there.

    >>> frame = pd.DataFrame({"likes": [*range(101), 50], "language": ["en", "nl"] * 51})
    >>> schema = Schema.infer(frame)
    >>> schema
    Schema of 2 columns
      name      kind      allowed
      likes     integer   0 to 200
      language  category  en, nl
    >>> schema.validate(pd.DataFrame({"likes": [7, 300], "language": ["fr", "en"]}))
    table: FAILED, 2 of 2 findings failed
      FAILED   range     likes     1 value is outside 0 to 200: 300
      FAILED   category  language  1 value is not among the 2 categories: 'fr'
    >>> schema.encode([{"likes": 7, "language": "nl"}])
    array([[7., 1.]])
    """

    columns: tuple[Column, ...]
    target: str | None = None
    rules: tuple[Rule, ...] = ()

    def __post_init__(self) -> None:
        _keep(self, "columns", tuple(self.columns))
        _keep(self, "rules", tuple(self.rules))
        _keep(self, "_by_name", {column.name: column for column in self.columns})
        _keep(self, "_encoders", {})  # features -> Encoder, made when first asked for
        if len(self._by_name) < len(self.columns):
            double = next(name for name in self.names if self.names.count(name) > 1)
            raise RefusedError(f"the schema describes column {double!r} twice; expected each name once")
        if self.target is not None:
            self.column(self.target)
        kinds = {column.name: column.kind for column in self.columns}
        for rule in self.rules:
            rule.check(kinds)

    _by_name: ClassVar[dict[str, Column]]
    _encoders: ClassVar[dict[tuple[str, ...] | None, Encoder]]

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.columns, self.target, self.rules)

    # ---- learning --------------------------------------------------------------------------------

    @classmethod
    def infer(
        cls,
        frame: pd.DataFrame,
        *,
        target: str | None = None,
        known_at: Mapping[str, KnownAt] | None = None,
        units: Mapping[str, str] | None = None,
    ) -> Schema:
        """Return the schema that a clean table suggests, with room for rows it does not hold.

        Types are judged on values. From 20 values on, numbers get bounds: the extremes seen and a
        whole span of slack on either side; what was never negative stays so. Whole numbers are
        integers, also inside floats (from 20 values on). Text with at most 50 distinct values, each
        twice or more on average, is a category. Twenty values or more that are all distinct are a
        unique key when they are text without blanks, or integers of a column named like one
        (`post_id`). A column without a single value is text, which no model uses. Columns with
        missing values are nullable.

        Args:
            frame: a table of n rows.
            target: the column to be predicted; it is known with the label and is never a key.
            known_at: when columns are known, by name; `frame.attrs["known_at"]` when not given.
            units: units by name; `frame.attrs["units"]` when not given.

        Raises:
            RefusedError: no rows, doubled names, infinities, times without a zone, or cells that no
                table holds (lists, say); the sentence names column and remedy.
        """
        _refuse_shapeless(frame)
        if not len(frame) or not len(frame.columns):
            raise RefusedError(
                f"the table has {len(frame)} rows and {len(frame.columns)} columns; nothing to learn"
            )
        names = list(frame.columns)
        known_at = _stated(frame, "known_at", known_at)
        units = _stated(frame, "units", units)
        columns = []
        for name in names:
            moment = known_at.get(name, "label" if name == target else "creation")
            columns.append(
                infer_column(frame[name], key=name != target, unit=units.get(name, ""), known_at=moment)
            )
        return cls(tuple(columns), target)

    # ---- questions -------------------------------------------------------------------------------

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

        >>> Schema((Column("likes", "integer", known_at="reaction"), Column("age", "number"))).features()
        ('age',)
        """
        if known_at not in MOMENTS:
            raise RefusedError(f"known_at is {known_at!r}; expected one of {', '.join(MOMENTS)}")
        known = MOMENTS[: MOMENTS.index(known_at) + 1]
        return tuple(
            column.name
            for column in self.columns
            if column.kind in _CODED
            and column.known_at in known
            and column.name != self.target
            and not column.unique
        )

    def select(self, names: Iterable[str]) -> Schema:
        """Return the schema of some columns, in the order given, with the rules over them alone."""
        names = tuple(names)
        rules = tuple(rule for rule in self.rules if set(rule.columns) <= set(names))
        target = self.target if self.target in names else None
        return Schema(tuple(self.column(name) for name in names), target, rules)

    # ---- judging tables --------------------------------------------------------------------------

    def validate(self, frame: pd.DataFrame) -> Report:
        """Return everything that breaks the schema, at once; one finding per column and way.

        Codes: `missing_column`, `duplicate_column`, `type`, `null`, `infinite`, `range`, `category`,
        `unique`, `rule`, and as a warning `unknown_column`. A column in order gives one finding `column`.
        Every column must be there: for rows without labels, ask `schema.select(schema.features())`.

        Args:
            frame: a table of n rows; the order of its columns does not count.

        >>> schema = Schema((Column("likes", "integer", minimum=0),))
        >>> schema.validate(pd.DataFrame({"likes": [1, -2]}, index=["a", "b"])).failures[0].rows
        ('b',)
        """
        _refuse_unlike_frame(frame)
        found, broken = self._of_the_table(frame), self._broken(frame)
        subjects = {finding.subject for finding in found}
        for column in self.columns:
            own = [failure for name, failure in broken if name == column.name and failure.code != "rule"]
            found += [failure.finding(column.name, frame.index) for failure in own]
            if not own and column.name not in subjects:
                words = (
                    f"{len(frame):,} rows hold {column.kind}{': ' + column.allowed if column.allowed else ''}"
                )
                found.append(Finding("column", column.name, message=words))
        found += [failure.finding(name, frame.index) for name, failure in broken if failure.code == "rule"]
        return Report("table", tuple(found))

    def quarantine(self, frame: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Return (clean rows, rejected rows): each row in one of them, in order, none lost.

        The rejected rows have one column more, `reasons`: everything that the row breaks, in words.
        A value of a unique column that comes again rejects the later rows.

        Raises:
            RefusedError: the fault is the table's, not a row's: a column is missing or doubled.

        >>> schema = Schema((Column("likes", "integer", minimum=0),))
        >>> clean, rejected = schema.quarantine(pd.DataFrame({"likes": [1, -2, 3]}))
        >>> len(clean), rejected["reasons"].tolist()
        (2, ['likes is outside at least 0'])
        """
        _refuse_unlike_frame(frame)
        Report("table", tuple(self._of_the_table(frame))).raise_for_failures()
        if "reasons" in frame.columns:
            raise RefusedError("the table has a column 'reasons' already; rename it before the quarantine")
        reasons = np.full(len(frame), "", dtype=object)
        for _, failure in self._broken(frame):
            first = reasons == ""
            reasons[failure.mask & ~first] += "; "
            reasons[failure.mask] += failure.phrase
        bad = reasons != ""
        return frame[~bad], frame[bad].assign(reasons=reasons[bad].astype(str))

    def _of_the_table(self, frame: pd.DataFrame) -> list[Finding]:
        """Judge the names of the columns."""
        found = []
        for name in self.names:
            if name not in frame.columns:
                message = f"the column is missing; expected {self[name].kind}"
                found.append(Finding("missing_column", name, ok=False, message=message))
        for name in frame.columns[frame.columns.duplicated()].unique():
            message = "the name stands twice or more; expected each name once"
            found.append(Finding("duplicate_column", str(name), ok=False, message=message))
        for name in frame.columns.unique():
            if name not in self:
                message = f"the schema does not know the column{near(name, self.names)}"
                found.append(
                    Finding("unknown_column", str(name), ok=False, message=message, severity="warning")
                )
        return found

    def _broken(self, frame: pd.DataFrame) -> _Failures:
        """Return what the rows break: (column or rule, failure), columns that stand there once."""
        single = set(frame.columns) - set(frame.columns[frame.columns.duplicated()])
        cells = {name: read_cells(frame[name]) for name in self.names if name in single}
        broken: _Failures = []
        for name, column_cells in cells.items():
            broken += [(name, failure) for failure in failures(self[name], column_cells)]
        for rule in self.rules:
            if set(rule.columns) <= set(cells):
                mask = rule.broken({name: operand(cells[name], self[name].kind) for name in rule.columns})
                if mask.any():
                    count = int(np.count_nonzero(mask))
                    message = f"{count:,} row{' breaks' if count == 1 else 's break'} {rule.expression}"
                    broken.append((rule.name, Failure("rule", mask, message, f"breaks {rule.name}", limit=0)))
        return broken

    # ---- numbers for a model ---------------------------------------------------------------------

    def encode(
        self, records: Sequence[Mapping[str, Any]] | Mapping[str, Any], features: Iterable[str] | None = None
    ) -> np.ndarray:
        """Return records as float64 (m, f), refusing them unless every value is allowed.

        A record holds every feature, null where it is missing; beside them only keys and times,
        which are ignored. Rules over the features hold too. Messages name fields of the schema and
        never repeat what was sent.

        Args:
            records: m dicts, or one.
            features: f names; `features()` when not given.

        Raises:
            RefusedError: with one finding per code and field: `missing_field`, `unknown_field`, `type`,
                `null`, `infinite`, `category`, `range`, `rule`; `rows` are the numbers of the records.

        >>> schema = Schema((Column("age", "number", nullable=True), Column("promoted", "boolean")))
        >>> schema.encode({"age": None, "promoted": True})
        array([[nan,  1.]])
        """
        if isinstance(records, Mapping):
            records = [records]
        if not isinstance(records, list | tuple):
            raise RefusedError(
                f"records are a {type(records).__name__}; expected a list of dicts (or encode_frame)"
            )
        return self._encoder(features).encode(records)

    def _encoder(self, features: Iterable[str] | None) -> Encoder:
        key = None if features is None else tuple(features)
        if key not in self._encoders:
            part = self.select(self.features() if key is None else key)
            _refuse_uncoded(part.columns)
            extra = {c.name for c in self.columns if c.unique or c.kind == "time"}
            self._encoders[key] = Encoder(part.columns, frozenset(extra), part.rules)
        return self._encoders[key]

    def encode_frame(self, frame: pd.DataFrame, features: Iterable[str] | None = None) -> np.ndarray:
        """Return a table as float64 (n, f); unknown categories are missing, far values pass.

        Args:
            frame: a table of n rows that holds the features.
            features: f names; `features()` when not given.

        Raises:
            RefusedError: a column is missing or doubled, or holds another type or infinities.

        >>> Schema((Column("size", "category", categories=("S", "M")),)).encode_frame(
        ...     pd.DataFrame({"size": ["M", "XL"]}))
        array([[ 1.], [nan]])
        """
        _refuse_unlike_frame(frame)
        columns = self._encoder(features).columns
        return encode_frame(frame, columns)

    def category_positions(self, features: Iterable[str] | None = None) -> list[int]:
        """Return the positions of the category columns in an encoded array."""
        names = self.features() if features is None else features
        return [at for at, name in enumerate(names) if self[name].kind == "category"]

    # ---- JSON ------------------------------------------------------------------------------------

    def to_json(self) -> str:
        """Return the schema as JSON that a person can edit: one column a line, defaults left out.

        >>> print(Schema((Column("age", "number", minimum=0),)).to_json())
        {
         "format": 1,
         "target": null,
         "columns": [
          {"name": "age", "kind": "number", "minimum": 0}
         ],
         "rules": []
        }
        """
        return write(self.columns, self.target, self.rules)

    @classmethod
    def from_json(cls, text: str | bytes) -> Schema:
        """Read what `to_json` wrote and a person may have edited.

        Raises:
            RefusedError: a key is unknown, a column contradicts itself, ...; the sentence names it.
            ValueError: the text is not JSON, or of a newer format.
        """
        return cls(*read(text))

    def to_json_schema(self, features: Iterable[str] | None = None) -> dict[str, Any]:
        """Return the JSON Schema of one record for `encode`: types, bounds, units, an example each.

        >>> schema = Schema((Column("age", "integer", minimum=0, unit="years"),))
        >>> schema.to_json_schema()["properties"]["age"]
        {'type': 'integer', 'minimum': 0, 'description': 'in years', 'examples': [0]}
        """
        encoder = self._encoder(features)
        return describe(encoder.columns, [name for name in self.names if name in encoder.extra])

    # ---- looks -----------------------------------------------------------------------------------

    def _table(self) -> list[list[str]]:
        """Return the lines of the table, its head first, without columns that say nothing."""
        head = ["name", "kind", "allowed", "known at", "note"]
        rows = []
        for column in self.columns[:_SHOWN]:
            known = "" if column.known_at == "creation" else column.known_at
            note = "target" if column.name == self.target else column.description[:60]
            unit = f" ({column.unit})" if column.unit and column.unit not in column.allowed else ""
            rows.append([column.name, column.kind, (column.allowed + unit).strip(), known, note])
        kept = [at for at in range(len(head)) if at < 2 or any(row[at] for row in rows)]
        return [[row[at] for at in kept] for row in [head, *rows]]

    @property
    def _summary(self) -> str:
        count = len(self.columns)
        target = f", target {self.target}" if self.target else ""
        return f"Schema of {count} column{'' if count == 1 else 's'}{target}"

    def _after(self) -> list[str]:
        more = [f"and {len(self.columns) - _SHOWN} more"] if len(self.columns) > _SHOWN else []
        return more + [f"rule {rule.name}" for rule in self.rules]

    def __repr__(self) -> str:
        table = self._table()
        wide = [max(map(len, cells)) for cells in zip(*table, strict=True)]
        lines = [
            "  ".join(cell.ljust(w) for cell, w in zip(row, wide, strict=True)).rstrip() for row in table
        ]
        return "\n".join([self._summary, *(f"  {line}" for line in [*lines, *self._after()])])

    def _repr_html_(self) -> str:
        head, *rows = ([html.escape(cell) for cell in row] for row in self._table())
        top = "".join(f"<th style='text-align:left'>{cell}</th>" for cell in head)
        body = "".join(
            "<tr>" + "".join(f"<td style='text-align:left'>{cell}</td>" for cell in row) + "</tr>"
            for row in rows
        )
        after = "".join(f"<p>{html.escape(line)}</p>" for line in self._after())
        table = f"<table><tr>{top}</tr>{body}</table>"
        return f"<div><strong>{html.escape(self._summary)}</strong>{table}{after}</div>"


def _refuse_unlike_frame(frame: Any) -> None:
    if not isinstance(frame, pd.DataFrame):
        raise RefusedError(f"the table is a {type(frame).__name__}; expected a pandas DataFrame")


def _refuse_shapeless(frame: Any) -> None:
    """Refuse what is no table with one text name per column."""
    _refuse_unlike_frame(frame)
    for name in frame.columns:
        if not isinstance(name, str) or not name:
            raise RefusedError(
                f"a column is named {name!r}; expected text: use frame.columns = frame.columns.map(str)"
            )
    double = frame.columns[frame.columns.duplicated()]
    if len(double):
        raise RefusedError(f"the column name {double[0]!r} stands twice; expected each name once: rename one")


def _refuse_uncoded(columns: Iterable[Column]) -> None:
    for column in columns:
        if column.kind not in _CODED:
            raise RefusedError(
                f"column {column.name!r} is {column.kind}, which has no code; expected {', '.join(_CODED)}"
            )


def _stated(frame: pd.DataFrame, what: str, given: Mapping[str, Any] | None) -> Mapping[str, Any]:
    """Return what is stated about columns; what the caller says must name columns of the table."""
    if given is None:
        return frame.attrs.get(what, {})
    for name in given:
        if name not in frame.columns:
            raise RefusedError(f"{what} names {name!r}, which is no column{near(name, frame.columns)}")
    return given
