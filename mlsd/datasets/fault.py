"""A fault: something between the world and the table breaks, and cells come out wrong.

nulls            the value is missing
out_of_range     the value lies 10 x `strength` spans above the largest one possible
unit_change      another unit: days become hours (x 24), shares percent (x 100), anything else
                 thousandths (x 1000), times `strength`
category_rename  the category is spelt in capitals (or, if it was, in small letters)
type_change      the number becomes text with its unit: "12 days"
swapped_columns  the value changes places with that of `other`, a column of the same kind
stuck            a sensor hangs: the value is the column's last one from before the fault began
                 (from the world's first row where the fault is there from the start)
clock_skew       the clock runs `strength` hours ahead
leak             the count is taken when the label is there, and says it: it lies `strength` / 2 of the
                 way nearer to its maximum, times where the target lies in its bounds (yes 1, no 0);
                 and the table says that it is known at creation
serving_skew     the serving code computes otherwise: the value is cut down to whole steps of
                 `strength` / 20 of the column's span (of 2 or more for whole numbers)
duplicates       the whole row comes twice, the copy right after it: the table grows
"""

from __future__ import annotations

from dataclasses import dataclass

from mlsd.column import Column, article
from mlsd.datasets.checks import check_name, check_number, check_span
from mlsd.report import RefusedError

NUMBERS = ("number", "integer")
SUITS = {  # kind of fault: the kinds of column it can damage
    "nulls": (*NUMBERS, "boolean", "category"),
    "out_of_range": NUMBERS,
    "unit_change": NUMBERS,
    "category_rename": ("category",),
    "type_change": NUMBERS,
    "swapped_columns": (*NUMBERS, "boolean", "category"),
    "stuck": NUMBERS,
    "clock_skew": ("time",),
    "leak": NUMBERS,  # and known after a reaction
    "serving_skew": NUMBERS,
    "duplicates": (),
}
WITH_STRENGTH = ("out_of_range", "unit_change", "clock_skew", "leak", "serving_skew")


@dataclass(frozen=True)
class Fault:
    """A defect that hits some rows of a span of time.

    Args:
        kind: what goes wrong; one of the kinds defined above.
        column: the column it damages; None for duplicates, which repeat whole rows.
        start: when it begins, as a share of the world's time.
        end: when it is mended; 1 is the end of the world.
        fraction: the probability with which it hits a row of its span.
        strength: its size, for the kinds that have one; 1 is the default size.
        other: the column that swapped_columns exchanges `column` with.

    Raises:
        RefusedError: an argument is not one of these; the sentence names it.

    >>> Fault("unit_change", "account_age_days", start=0.5)
    Fault(unit_change on account_age_days, 0.5 to 1, 10 % of the rows)
    >>> Fault("swapped_columns", "likes_1h", other="comments_1h", fraction=1)
    Fault(swapped_columns on likes_1h and comments_1h, 0.5 to 1, 100 % of the rows)
    """

    kind: str
    column: str | None = None
    start: float = 0.5
    end: float = 1.0
    fraction: float = 0.1
    strength: float = 1.0
    other: str | None = None

    def __post_init__(self) -> None:
        check_name("a fault has kind", self.kind, SUITS)
        name = f"the fault {self.kind}"
        check_span(name, self.start, self.end)
        check_number(f"{name} has fraction", self.fraction, 0, 1, above=True)
        check_number(f"{name} has strength", self.strength, 0, 1e6, above=True)
        if self.strength != 1 and self.kind not in WITH_STRENGTH:
            raise RefusedError(f"{name} has strength {self.strength:g} but no size; set its fraction instead")
        if self.kind == "duplicates" and self.column is not None:
            raise RefusedError(f"{name} repeats whole rows; leave out column={self.column!r}")
        if self.kind != "duplicates" and not isinstance(self.column, str):
            raise RefusedError(
                f"{name} has column {self.column!r}; expected the name of the column to damage"
            )
        self._check_other(name)

    def _check_other(self, name: str) -> None:
        if self.kind != "swapped_columns" and self.other is not None:
            raise RefusedError(f"{name} damages one column; leave out other={self.other!r}")
        if self.kind == "swapped_columns" and (not isinstance(self.other, str) or self.other == self.column):
            raise RefusedError(
                f"{name} exchanges {self.column} with {self.other!r}; expected other= the name of a second column"
            )

    what = "fault"

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns it damages."""
        return tuple(name for name in (self.column, self.other) if name)

    @property
    def places(self) -> tuple[str, ...]:
        """Where it acts: two faults may not hit one column at the same time."""
        return tuple(f"the column {name}" for name in self.columns) or ("the rows",)

    @property
    def size(self) -> str:
        """How much of it there is, in words."""
        return f"{100 * self.fraction:g} % of the rows"

    def __repr__(self) -> str:
        on = f" on {' and '.join(self.columns)}" if self.columns else ""
        return f"Fault({self.kind}{on}, {self.start:g} to {self.end:g}, {self.size})"


def check_suits(fault: Fault, columns: tuple[Column, ...], target: str) -> None:
    """Refuse a fault on a column that is unknown or that it cannot damage, naming those that it can."""
    if fault.column is None:
        return
    known = {column.name: column for column in columns}
    fit = [column for column in columns if _suits(fault, column) and column.name != target]
    names = [column.name for column in fit]
    if fault.column in known and fault.column not in names:
        column = known[fault.column]
        raise RefusedError(
            f"the fault {fault.kind} cannot damage {column.name}, {article(column.kind)} column known at "
            f"{column.known_at}; "
            + (f"expected one of {', '.join(names)}" if names else "no column suits it")
        )
    check_name(f"the fault {fault.kind} has column", fault.column, names)
    if fault.other:
        kind = known[fault.column].kind
        names = [column.name for column in fit if column.kind == kind and column.name != fault.column]
        check_name(f"the fault {fault.kind} exchanges {fault.column} with", fault.other, names)


def _suits(fault: Fault, column: Column) -> bool:
    late_enough = fault.kind != "leak" or column.known_at == "reaction"
    return column.kind in SUITS[fault.kind] and late_enough and not column.unique
