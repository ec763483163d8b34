"""A proof: what each law of a lab rejects; kept in `labs/proofs/NN.json`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from mlsd.course.lab.source import Lab, lab_sources, read_lab
from mlsd.digest import digest_value
from mlsd.plain import from_json, to_json
from mlsd.report import RefusedError, check_format
from mlsd.store import write_file

_ENGINE = ("judge", "expectation", "kinds", "exercise", "mutants")  # files on which every proof rests

Table = dict[
    str, dict[str, int]
]  # row (a wrong idea, or all mutants) -> law -> how many it rejects; no zeros


@dataclass(frozen=True)
class Proof:
    """What each law of a lab rejects, and the digest of what was proved.

    Args:
        lab: its two digits.
        digest: of exercises, stubs and engine.
        tables: exercise -> row -> law -> how many the law rejects; a row for each wrong idea, and one for
            all mutants with how many crashed and survived.

    >>> proof = Proof("98", "abc", {"98.1": {"counts_twice": {"it adds up": 1}}})
    >>> proof.changes(Proof("98", "def", {"98.1": {"counts_twice": {}}}))
    ["98.1 counts_twice x 'it adds up': 1 became 0"]
    """

    lab: str
    digest: str
    tables: Mapping[str, Table]

    def __repr__(self) -> str:
        return f"Proof(lab {self.lab}, {len(self.tables)} exercises, {sum(self._cells.values())} rejections)"

    @property
    def _cells(self) -> Counter[tuple[str, str, str]]:
        return Counter(
            {
                (id, row, law): n
                for id, table in self.tables.items()
                for row, laws in table.items()
                for law, n in laws.items()
            }
        )

    def changes(self, newer: Proof) -> list[str]:
        """Return each cell of the tables that differs, in words."""
        old, new = self._cells, newer._cells
        return [
            f"{id} {row} x {law!r}: {old[id, row, law]} became {new[id, row, law]}"
            for id, row, law in sorted({*old, *new})
            if old[id, row, law] != new[id, row, law]
        ]

    def to_json(self) -> str:
        """Return the proof as JSON text, format 1."""
        return to_json({"format": 1, "lab": self.lab, "digest": self.digest, "tables": self.tables}, 1) + "\n"

    @classmethod
    def from_json(cls, text: str, what: str = "the proof") -> Proof:
        """Read what `to_json` wrote.

        Raises:
            ValueError: the text is no proof, or one of a newer format.
        """
        record = check_format(from_json(text, what), 1, what)
        try:
            proof = cls(record["lab"], record["digest"], record["tables"])
            proof.changes(proof)  # looks at every cell
        except (KeyError, AttributeError, TypeError):
            raise ValueError(
                f"{what} is incomplete: write it anew with `mlsd course verify --write`"
            ) from None
        return proof


def proof_path(lab: str, folder: Path) -> Path:
    """Return where the proof of a lab is kept."""
    return folder / "proofs" / f"{lab}.json"


def write_proof(proof: Proof, folder: Path) -> Path:
    """Keep a proof."""
    return write_file(proof_path(proof.lab, folder), proof.to_json())


def read_proof(lab: str, folder: Path) -> Proof | None:
    """Return the proof that is kept of a lab, if there is one.

    Raises:
        ValueError: the file is no proof.
    """
    path = proof_path(lab, folder)
    return Proof.from_json(path.read_text(encoding="utf-8"), path.name) if path.is_file() else None


def due(folder: Path, today: date) -> list[str]:
    """Return the labs to prove today: those that changed since their proof, and one by turns."""
    labs = sorted(path.name[:2] for path in (folder / "src").glob("[0-9][0-9]_exercises.py"))
    turn = [labs[today.toordinal() % len(labs)]] if labs else []
    return sorted({*turn, *(lab for lab in labs if not _is_fresh(lab, folder))})


def digest_of(lab: str, folder: Path) -> str:
    """Return the digest of what a proof rests on: the exercises, the stubs, the engine's own files."""
    stubs = [cell.source for cell in source_of_lab(lab, folder).cells if cell.exercise]
    files = [folder / "src" / f"{lab}_exercises.py", *(Path(__file__).with_name(f"{n}.py") for n in _ENGINE)]
    return digest_value([stubs, [path.read_text(encoding="utf-8") for path in files]])


def source_of_lab(lab: str, folder: Path) -> Lab:
    """Return the source of a lab.

    Raises:
        RefusedError: there is none, or it cannot be read.
    """
    for path in lab_sources(folder):
        if path.name.startswith(f"{lab}_"):
            return read_lab(path)
    raise RefusedError(f"lab {lab} has exercises but no source: write {folder / 'src' / lab}_name.py")


def _is_fresh(lab: str, folder: Path) -> bool:
    try:
        kept = read_proof(lab, folder)
        return kept is not None and kept.digest == digest_of(lab, folder)
    except ValueError:  # what cannot be read has to be proved; that says why
        return False
