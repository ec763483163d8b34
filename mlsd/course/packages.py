"""Which packages are installed, beside what mlsd asks for and what the class has locked."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from packaging.requirements import Requirement

INSTALL = 'python -m pip install "mlsd[labs]"'
_SHOWN = 5  # packages named in a sentence


def compare_packages(folder: Path) -> dict[str, Any]:
    """Return the parts of the finding: what is missing or too old, then what differs from the lock."""
    from mlsd.course.lab.home import lock_file

    lock = lock_file()
    locked = _locked(lock) if lock else {}
    found, unfit = _installed()
    other = [
        f"{name} {version} (locked: {locked[name]})"
        for name, version in found.items()
        if locked.get(name, version) != version
    ]
    if unfit:
        return _complaint(unfit, len(found), f"do not fit; run: {INSTALL}", "error")
    if lock is None:
        why = "the list of locked versions (requirements.lock) is not here, so none was compared"
        return {"ok": False, "severity": "warning", "message": f"{why}; install mlsd anew"}
    if other:
        why = f'differ from the lock, so outputs may differ in the last digit; run: python -m pip install -r "{lock}"'
        return _complaint(other, len(found), why, "warning")
    return {"message": f"{len(locked.keys() & found.keys())} packages are installed as locked"}


def _complaint(wrong: list[str], n: int, why: str, severity: str) -> dict[str, Any]:
    more = f" and {len(wrong) - _SHOWN} more" if len(wrong) > _SHOWN else ""
    message = f"{len(wrong)} of {n} packages ({', '.join(wrong[:_SHOWN])}{more}) {why}"
    details = {"packages": wrong}
    return {"ok": False, "message": message, "severity": severity, "count": len(wrong), "details": details}


def _locked(lock: Path) -> dict[str, str]:
    """The versions that a lock file gives for this computer: name -> version."""
    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    lines = [line for line in lock.read_text(encoding="utf-8").splitlines() if line.strip()]
    needs = [Requirement(line) for line in lines if not line.startswith("#")]
    return {
        canonicalize_name(need.name): str(need.specifier).removeprefix("==")
        for need in needs
        if need.marker is None or need.marker.evaluate()
    }


def _installed() -> tuple[dict[str, str], list[str]]:
    """What mlsd and its labs need, and what that needs in turn: name -> version; and what does not fit.

    A range counts where mlsd itself asks for it: a package's own caution about another is not ours.
    """
    from packaging.requirements import Requirement

    found: dict[str, str] = {}
    unfit: dict[str, str] = {}
    todo, seen = [("", Requirement("mlsd[labs]"))], set()
    for asking, need in todo:  # grows while it is walked
        name, version = _version(need)
        found[name] = version
        if not version:
            unfit[name] = f"{name} (not installed)"
        elif asking == "mlsd" and not need.specifier.contains(version, prereleases=True):
            unfit[name] = f"{name} {version} (needs {need.specifier})"
        if version and (name, frozenset(need.extras)) not in seen:
            seen.add((name, frozenset(need.extras)))
            todo += [(name, inner) for inner in _needs(need)]
    return {name: version for name, version in found.items() if name != "mlsd"}, list(unfit.values())


def _version(need: Requirement) -> tuple[str, str]:
    """The canonical name of a package and its installed version, "" where there is none."""
    from importlib.metadata import PackageNotFoundError, distribution

    from packaging.utils import canonicalize_name

    name = canonicalize_name(need.name)
    with contextlib.suppress(PackageNotFoundError):
        return name, (distribution(name).metadata.get_all("Version") or [""])[0]  # half a package has none
    return name, ""


def _needs(need: Requirement) -> Iterator[Requirement]:
    """What an installed package asks for on this computer, with the extras that are wanted of it."""
    from importlib.metadata import requires

    from packaging.requirements import Requirement

    for inner in map(Requirement, requires(need.name) or ()):
        asked = ("", *need.extras)
        if inner.marker is None or any(inner.marker.evaluate({"extra": extra}) for extra in asked):
            yield inner
