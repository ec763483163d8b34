"""Asking a registry: which version is meant, what it is, and what speaks against it."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from mlsd.package import ModelPackage
from mlsd.registry.archive import unpack
from mlsd.registry.gate import judge_approval, judge_package
from mlsd.registry.ledger import Event, Ledger
from mlsd.registry.screen import screen_of
from mlsd.registry.search import chosen
from mlsd.registry.version import CHAMPION, Version, parse_reference
from mlsd.report import Finding, RefusedError, Report

_SHOWN = 10  # names in a sentence


class Asking:
    """The questions that any registry answers, wherever it is kept."""

    _ledger: Ledger
    _called: str  # how it is called when it is printed

    def resolve(self, reference: str) -> int:
        """Return the version number that a reference means now.

        Args:
            reference: `"spam@champion"`, `"spam@3"`, `"models:/spam@champion"` or `"models:/spam/3"`.

        Raises:
            RefusedError: there is no such model, alias or version; names those there are.
        """
        name, what = parse_reference(reference)
        if what.isdecimal():
            return self.get(name, int(what)).number
        number = self._ledger.pointed(name, what)
        if number is None:
            self._check_known(name)
            known = ", ".join(self._ledger.aliases(name)) or "none yet: publish a version"
            raise RefusedError(f"{name} has no alias {what!r}; known: {known}")
        return number

    def load(self, reference: str) -> ModelPackage:
        """Return the package that a reference means now, verified bit for bit before it is read.

        Raises:
            RefusedError: there is no such version, or its artifact is gone or was changed.
        """
        name, _ = parse_reference(reference)
        version = self.get(name, self.resolve(reference))
        return ModelPackage.from_files(unpack(self._ledger.archive(version)), digest=version.digest)

    def get(self, name: str, number: int) -> Version:
        """Return one version as it stands now.

        Raises:
            RefusedError: there is no such version; names those there are.
        """
        usable = isinstance(number, int) and abs(number) < 2**63
        version = self._ledger.find(name, number) if usable else None
        if version is None:
            known = _ranges(self._check_known(name))
            raise RefusedError(f"{name} has no version {number!r}; known: {known}")
        return version

    def _check_known(self, name: str) -> list[int]:
        """Return the version numbers of a model."""
        names = self._ledger.names()
        if name not in names:
            known = ", ".join(names[:_SHOWN]) or "none yet: register one"
            raise RefusedError(f"there is no model {name!r}; known: {known}")
        return [version.number for version in self._ledger.versions(name)]

    def versions(self, name: str | None = None) -> pd.DataFrame:
        """Return one row per version, one column per field of `Version`."""
        return _table(self._ledger.versions(name))

    def screen(self, name: str | None = None) -> pd.DataFrame:
        """Return the publishing screen: every version, where it stands, and what may be done with it now.

        Returns:
            model name, publish name, version, model group, created, created by, status, actions. What
            speaks against publishing is what was found at registration; `unpublishable` looks again.

        Raises:
            RefusedError: there is no model of this name.
        """
        if name is not None:
            self._check_known(name)
        return screen_of(self._ledger.versions(name), self._ledger.events, self._needs_approval)

    def search(
        self,
        text: str = "",
        *,
        state: str | None = None,
        group: str | None = None,
        metric: str | None = None,
        tags: Mapping[str, str] | None = None,
        lineage: Mapping[str, str] | None = None,
    ) -> pd.DataFrame:
        """Return the versions for which everything asked for holds, as `versions` shows them.

        Args:
            text: a part of the model's name, large or small letters.
            state: one of the four states.
            group: the model group.
            metric: a condition on the evaluation: `"roc_auc > 0.8"`; also `>=`, `<`, `<=`, `=`.
            tags: name -> exactly this text.
            lineage: name -> how one of its words begins: `{"data": "3fa1"}` finds a digest.

        Raises:
            RefusedError: the state or the condition is none; says what is.
        """
        versions = self._ledger.versions()
        return _table(chosen(versions, text, state, group, metric, tags or {}, lineage or {}))

    def history(self, name: str) -> pd.DataFrame:
        """Return every change of a model's versions and aliases, oldest first.

        Returns:
            at, by, number, what, from, to: states for `register`, `publish`, `refuse`, `deprecate` and
            `delete`; version numbers for aliases (`champion`, ...) and `roll back`; text for `tag`.
        """
        columns = ["from" if name == "before" else "to" if name == "after" else name
                   for name in Event._fields]  # fmt: skip
        frame = pd.DataFrame([tuple(event) for event in self._ledger.events(name)], columns=columns)
        return frame.assign(at=pd.to_datetime(frame["at"], utc=True, format="ISO8601"))

    def unpublishable(self, version: Version) -> Report:
        """Judge whether a version could be published; the failures are the reasons why not."""
        try:
            package = self.load(version.reference)
        except RefusedError as error:
            return Report(
                f"publish {version.reference}",
                (Finding("artifact", version.reference, ok=False, message=str(error)),),
            )
        report = judge_package(version.reference, package)
        if not self._needs_approval:
            return report
        return report + judge_approval(self.get(version.name, version.number))

    @property
    def _needs_approval(self) -> bool:
        return self._ledger.rule("approval") is not None

    def __repr__(self) -> str:
        names = self._ledger.names()
        lines = []
        for name in names:
            count = len(self._ledger.versions(name))
            champion = self._ledger.pointed(name, CHAMPION) or "none"
            lines.append(f"  {name}: {count} version{'s' if count > 1 else ''}, champion {champion}")
        return "\n".join([f"{type(self).__name__}({self._called}): {len(names)} models", *lines])


def _table(versions: list[Version]) -> pd.DataFrame:
    rows = [vars(version) | {"aliases": " ".join(version.aliases)} for version in versions]
    return pd.DataFrame(rows, columns=list(Version.__dataclass_fields__))


def _ranges(numbers: list[int]) -> str:
    """Return whole numbers in a few words.

    >>> _ranges([1, 2, 3, 5])
    '1 to 3, 5'
    """
    ends: list[list[int]] = []
    for number in numbers:
        if ends and ends[-1][1] == number - 1:
            ends[-1][1] = number
        else:
            ends.append([number, number])
    words = [f"{first}" if first == last else f"{first} to {last}" for first, last in ends]
    return ", ".join(words[:_SHOWN]) + (", ..." if len(words) > _SHOWN else "")
