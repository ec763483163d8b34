"""A schema: what may enter. Learnt from a table, edited by a person, held against every later row."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

import numpy as np
import pandas as pd

from mlsd.cells import refuse_unlike_frame
from mlsd.column import Column as Column
from mlsd.column import KnownAt
from mlsd.contract import Contract
from mlsd.encoding import Encoder, encode_frame
from mlsd.inference import infer_columns
from mlsd.judging import beside, divide, judge
from mlsd.report import RefusedError, Report
from mlsd.rule import Rule as Rule
from mlsd.schema_diff import diff as diff
from mlsd.schema_json import describe, read, write
from mlsd.schema_look import as_html, as_text

if TYPE_CHECKING:
    import pandera.pandas as pandera

Now: TypeAlias = datetime | str | pd.Timestamp | None
Tables: TypeAlias = Mapping[str, pd.DataFrame] | None


class Schema(Contract):
    """The columns of a table, which of them is to be predicted, and what every row must keep.

    Args:
        columns: what each column may hold, in order.
        target: the name of the column to be predicted, if there is one.
        rules: what must hold between the columns of a row.
        unique: groups of columns whose values may not come together twice.

    Raises:
        RefusedError: two columns of one name; a target, rule or group over a column that is not there.

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

    _encoders: ClassVar[dict[tuple[str, ...] | None, Encoder]]

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "_encoders", {})  # features -> Encoder, made when first asked for

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
        return cls(infer_columns(frame, target, known_at, units), target)

    def validate(self, frame: pd.DataFrame, *, now: Now = None, tables: Tables = None) -> Report:
        """Return everything that breaks the schema, at once; one finding per column and way.

        Of the rows: `type`, `null`, `infinite`, `range`, `category`, `pattern`, `unique`, `order`,
        `future`, `reference`, `rule`. Of the table: `missing_column`, `duplicate_column`, `stale`,
        `unchecked` (a promise that needs `now` or a table that is not given), and as a warning
        `unknown_column`. A column in order gives one finding `column`. Every column must be there: for
        rows without labels, ask `schema.select(schema.features())`.

        Args:
            frame: a table of n rows; the order of its columns does not count.
            now: the moment for `max_age`, with its zone.
            tables: the tables that columns refer to, by name.

        >>> schema = Schema((Column("likes", "integer", minimum=0),))
        >>> schema.validate(pd.DataFrame({"likes": [1, -2]}, index=["a", "b"])).failures[0].rows
        ('b',)
        """
        return judge(self, frame, beside(now, tables))

    def quarantine(
        self, frame: pd.DataFrame, *, now: Now = None, tables: Tables = None
    ) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Return (clean rows, rejected rows): each row in one of them, in order, none lost.

        The rejected rows have one column more, `reasons`: everything that the row breaks, in words.
        A key that comes again rejects the later rows; times out of order reject as few as can be.

        Raises:
            RefusedError: the fault is the table's, not a row's: a column is missing or doubled, all
                of it is too old, or something could not be checked.

        >>> schema = Schema((Column("likes", "integer", minimum=0),))
        >>> clean, rejected = schema.quarantine(pd.DataFrame({"likes": [1, -2, 3]}))
        >>> len(clean), rejected["reasons"].tolist()
        (2, ['likes is outside at least 0'])
        """
        return divide(self, frame, beside(now, tables))

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
            part = self.coded(key)
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
        refuse_unlike_frame(frame)
        return encode_frame(frame, self._encoder(features).columns)

    def category_positions(self, features: Iterable[str] | None = None) -> list[int]:
        """Return the positions of the category columns in an encoded array."""
        names = self.features() if features is None else features
        return [at for at, name in enumerate(names) if self[name].kind == "category"]

    # ---- other languages ------------------------------------------------------------------------------------

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
        return write(self)

    @classmethod
    def from_json(cls, text: str | bytes) -> Schema:
        """Read what `to_json` wrote and a person may have edited.

        Raises:
            RefusedError: a key is unknown, a column contradicts itself, ...; the sentence names it.
            ValueError: the text is not JSON, or of a newer format.
        """
        return cls(*read(text))

    def to_json_schema(self, features: Iterable[str] | None = None) -> dict[str, Any]:
        """Return the JSON Schema of one record: types, bounds, units, an example of each number.

        Args:
            features: names of columns; `features()`, what `encode` takes, when not given.

        >>> schema = Schema((Column("age", "integer", minimum=0, unit="years"),))
        >>> schema.to_json_schema()["properties"]["age"]
        {'type': 'integer', 'minimum': 0, 'description': 'in years', 'examples': [0]}
        """
        part = self.select(self.features() if features is None else features)
        return describe(part.columns, [c.name for c in self.columns if c.unique or c.kind == "time"])

    def to_pandera(self, *, now: Now = None, tables: Tables = None) -> pandera.DataFrameSchema:
        """Return the same contract as a pandera schema: on one table it fails the same rows.

        Bounds, categories and patterns become pandera's own checks; types stay judged on values, and
        rules, order, age and references stay checks of this library.

        Raises:
            RefusedError: pandera is not installed, or a promise needs `now` or a table not given.
        """
        from mlsd.schema_pandera import as_pandera

        return as_pandera(self, beside(now, tables))

    __repr__ = as_text
    _repr_html_ = as_html
