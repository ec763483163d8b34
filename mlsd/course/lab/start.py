"""What a lab starts from: files that code builds from seeds, so that no lab needs the one before it."""

from __future__ import annotations

import importlib.util
import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlsd.course.lab.home import labs_folder
from mlsd.digest import digest_file
from mlsd.plain import from_json, to_json
from mlsd.report import RefusedError, check_format
from mlsd.store import new_folder, one_sentence, write_file

_SKIPPED = re.compile(r"(^|/)(\.|__pycache__/)|-(wal|shm)$")  # what systems and databases leave beside files


@dataclass(frozen=True)
class StartState:
    """Where a lab's files lie, and whose they are.

    Args:
        folder: that holds them.
        label: `"reference"` when every file is as the course builds it, `"yours"` when a person changed some.
        changed: which, each with what was done to it.
    """

    folder: Path
    label: str
    changed: tuple[str, ...] = ()

    def __repr__(self) -> str:
        named = f": {', '.join(self.changed)}" if self.changed else ""
        return f"StartState({self.folder.name}, {self.label}{named})"


def has_start(lab: str, labs: Path | None = None) -> bool:
    """Return whether a lab starts from files."""
    return _builder(lab, labs).is_file()


def start_state(lab: str, folder: Path | str = ".", labs: Path | None = None) -> StartState:
    """Return a lab's start state; it is built in `folder/start_NN` when it is not there.

    Files that a person put there are kept: the label says so.

    Args:
        lab: its two digits.
        folder: in which the folder of the start state lies.
        labs: the folder of the labs, if not the one of this installation.

    Raises:
        RefusedError: the lab has none, or the files come out otherwise here than where the course was made.
    """
    place = Path(folder) / f"start_{lab}"
    wanted = _digests(lab, labs)
    if not (place.is_dir() and any(place.iterdir())):
        with new_folder(place) as made:
            _build(lab, made, labs)
            wrong = _changed(_files(made), wanted)
            if wrong:
                raise RefusedError(
                    f"the start state of lab {lab} comes out otherwise on this computer ({_few(wrong)}); "
                    "`mlsd doctor` says which packages differ from the locked ones"
                )
    changed = _changed(_files(place), wanted)
    return StartState(place, "yours" if changed else "reference", changed)


def write_start_digests(lab: str, folder: Path) -> Path | None:
    """Build a lab's start state and write the digests of its files beside the code; None if it has none.

    Raises:
        RefusedError: it does not build, or two builds differ.
    """
    if not has_start(lab, folder):
        return None
    found = []
    for _ in range(2):
        with tempfile.TemporaryDirectory() as place:
            _build(lab, Path(place), folder)
            found.append(_files(Path(place)))
    differ = _changed(found[1], found[0])
    if differ:
        raise RefusedError(
            f"two builds of the start state of lab {lab} differ ({_few(differ)}): fix every seed"
        )
    return write_file(_list(lab, folder), to_json({"format": 1, "files": found[0]}, indent=1) + "\n")


def _builder(lab: str, labs: Path | None) -> Path:
    return (labs or labs_folder()) / "src" / f"{lab}_start.py"


def _list(lab: str, labs: Path | None) -> Path:
    return _builder(lab, labs).with_suffix(".json")


def _digests(lab: str, labs: Path | None) -> dict[str, str]:
    path = _list(lab, labs)
    if not has_start(lab, labs):
        raise RefusedError(f"lab {lab} needs no files to start from: there is no start state to make")
    if not path.is_file():
        raise RefusedError(
            f"the digests of the start state of lab {lab} are missing: run `mlsd course build {lab}`"
        )
    record = check_format(from_json(path.read_text(encoding="utf-8"), path.name), 1, path.name)
    return dict(record["files"])


def _build(lab: str, place: Path, labs: Path | None) -> None:
    path = _builder(lab, labs)
    spec = importlib.util.spec_from_file_location(f"mlsd_start_{lab}", path)
    assert spec is not None and spec.loader is not None
    module: Any = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
        module.start(place)
    except Exception as error:  # whatever the code of a lab runs into on this computer
        said = " ".join(str(error).split())
        raise RefusedError(
            f"the start state of lab {lab} cannot be built here: {type(error).__name__}: {said}; "
            "`mlsd doctor` says what this computer lacks"
        ) from error


def _files(folder: Path) -> dict[str, str]:
    """The digest of each file, by its path inside the folder."""
    with one_sentence(folder):
        files = {p.relative_to(folder).as_posix(): p for p in sorted(folder.rglob("*")) if p.is_file()}
        return {name: digest_file(path) for name, path in files.items() if not _SKIPPED.search(name)}


def _changed(found: Mapping[str, str], wanted: Mapping[str, str]) -> tuple[str, ...]:
    told = {name: "removed" for name in wanted if name not in found}
    told |= {name: "added" for name in found if name not in wanted}
    told |= {name: "changed" for name in found if name in wanted and found[name] != wanted[name]}
    return tuple(f"{name} {told[name]}" for name in sorted(told))


def _few(changed: tuple[str, ...]) -> str:
    return ", ".join(changed[:3]) + (f" and {len(changed) - 3} more" if len(changed) > 3 else "")
