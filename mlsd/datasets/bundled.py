"""Real tables that come with scikit-learn: nothing is downloaded, and nobody knows their law."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cached_property

import pandas as pd

from mlsd.column import Column
from mlsd.datasets.checks import check_name
from mlsd.report import RefusedError
from mlsd.schema import Schema

# name: (target, what a row is)
TABLES = {
    "iris": (
        "species",
        "150 iris flowers of three species, 50 each: lengths and widths of two kinds of leaf (Fisher, 1936).",
    ),
    "wine": (
        "cultivar",
        "178 wines of one region, from three cultivars: 13 chemical measurements each (Forina et al., 1988).",
    ),
    "breast_cancer": (
        "diagnosis",
        "569 breast tumours: 30 measurements of cell nuclei on an image, and whether the tumour is malignant "
        "(Wolberg, Street and Mangasarian, 1995).",
    ),
    "diabetes": (
        "progression",
        "442 patients with diabetes: ten measurements, as they were taken, and how far the disease had "
        "progressed a year later (Efron et al., 2004).",
    ),
    "digits": (
        "digit",
        "1,797 handwritten digits as images of 8 x 8 pixels, each from 0 to 16 (Alpaydin and Kaynak, 1998).",
    ),
}


@dataclass(frozen=True)
class Table:
    """A real table, in the shape of a `World` as far as that has a meaning.

    Args:
        name: what scikit-learn calls it.
        description: what a row is, for people.
        target: the column to predict.
        rows: the table, targets included.

    >>> load_table("wine")
    Table(wine: 178 rows x 14 columns, target cultivar)
    """

    name: str
    description: str
    target: str
    rows: pd.DataFrame = field(repr=False, compare=False)

    @property
    def frame(self) -> pd.DataFrame:
        """All rows; `attrs` hold `known_at` and `units`. A change to it stays in your copy."""
        return self.rows.copy()

    @cached_property
    def columns(self) -> tuple[Column, ...]:
        """What each column may hold, inferred from the rows: nobody has said it."""
        return Schema.infer(self.rows, target=self.target).columns

    @property
    def known_at(self) -> dict[str, str]:
        """When the value of each column is known: all at creation but the target."""
        return dict(self.rows.attrs["known_at"])

    @property
    def units(self) -> dict[str, str]:
        """The unit of each column that has one."""
        return dict(self.rows.attrs["units"])

    @property
    def true_probability(self) -> None:
        """Refused: only a made world knows its law."""
        raise RefusedError(
            f"{self.name} is a real table, whose true_probability nobody knows; "
            "ask a made world for it: make_spam_posts, make_news_feed"
        )

    def __repr__(self) -> str:
        n, k = self.rows.shape
        return f"Table({self.name}: {n:,} rows x {k} columns, target {self.target})"


def load_table(name: str) -> Table:
    """Return a real table that comes with scikit-learn.

    Columns are named in one word, with their unit beside; classes have names, so that a model takes
    them for classes; diabetes is as measured, not scaled by statistics of all its rows. Rows keep
    their order: iris and wine are sorted by class, so shuffle them before a split that cuts by order.

    Args:
        name: `"iris"`, `"wine"`, `"breast_cancer"`, `"diabetes"` or `"digits"`.

    Raises:
        RefusedError: there is no such table.

    >>> table = load_table("iris")
    >>> table.frame.columns.tolist()
    ['sepal_length', 'sepal_width', 'petal_length', 'petal_width', 'species']
    >>> table.units["sepal_length"], table.frame["species"].unique().tolist()
    ('cm', ['setosa', 'versicolor', 'virginica'])
    """
    from sklearn import datasets

    check_name("the table is", name, TABLES)
    target, description = TABLES[name]
    how = {"scaled": False} if name == "diabetes" else {}
    bunch = getattr(datasets, f"load_{name}")(as_frame=True, **how)
    plain = {old: _plain(str(old)) for old in bunch.data}
    rows = bunch.data.rename(columns={old: word for old, (word, _) in plain.items()})
    if bunch.get("target_names") is None:
        rows[target] = bunch.target
    else:
        rows[target] = pd.Series([str(n) for n in bunch.target_names]).take(bunch.target).array
    rows.attrs = {
        "known_at": {column: "label" if column == target else "creation" for column in rows},
        "units": {word: unit for word, unit in plain.values() if unit},
    }
    return Table(name, description, target, rows)


def _plain(name: str) -> tuple[str, str]:
    """Return a column's name in one word and its unit: `sepal length (cm)` is `sepal_length` in cm."""
    found = re.fullmatch(r"(.+?)(?: \((.+)\))?", name)
    assert found is not None  # any name that is not empty
    return found[1].replace(" ", "_"), found[2] or ""
