"""The registry in one folder of this machine: who published what, when, and what is served now."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from mlsd.registry.acting import Acting
from mlsd.registry.sqlite_ledger import SqliteLedger


class Registry(Acting):
    """Keep numbered versions of packages in a folder: a SQLite database and the artifacts beside it.

    The artifact is on the disk before its row is, numbers are given under one lock, and every call
    that returned survives a power cut. Any number of processes may use one folder, from its first
    use on; threads may share one `Registry`.

    A digest tells that the bytes are those that were registered, and a checksum on every row that it is
    as it was written. They do not tell that the model is any good, nor who registered it: whoever may
    write to this folder can change database and artifact together, and a scikit-learn model runs code
    when it is loaded. Guard the folder.

    Args:
        folder: where everything is kept; made when it is not there. A folder that cannot be written
            can still be read.
        approval: from now on, whoever opens this folder: nothing is published before somebody other
            than its maker has approved it. It cannot be taken back.
        artifacts: another folder or a URL for the artifacts, such as `"s3://bucket/models"`; needed at
            the first use only, the folder remembers it.

    Raises:
        RefusedError: the folder cannot be used, or keeps its artifacts elsewhere.

    >>> import tempfile
    >>> Registry(tempfile.mkdtemp()).resolve("spam@champion")
    Traceback (most recent call last):
        ...
    mlsd.report.RefusedError: there is no model 'spam'; known: none yet: register one
    """

    def __init__(
        self, folder: str | Path, *, approval: bool = False, artifacts: str | Path | None = None
    ) -> None:
        self.folder = Path(folder)
        self._called = self.folder.name
        self._ledger: SqliteLedger = SqliteLedger(self.folder / "registry.db")
        if artifacts is not None:
            self._ledger.place_artifacts(str(artifacts))
        if approval:
            self._ledger.rule("approval", "needed")

    def collect_garbage(self, *, remove: bool = False) -> pd.DataFrame:
        """Return the artifacts that no version needs: of deleted versions, and of killed registrations.

        Others may register meanwhile: a registration looks, under the same lock, that its artifact is
        still there.

        Args:
            remove: also delete them, for good.

        Returns:
            artifact, bytes; one row each.
        """
        with self._ledger.transaction():
            needed = self._ledger.archives()
            spare = {
                digest: size
                for digest, size in self._ledger.artifacts.sizes().items()
                if digest not in needed
            }
            for digest in spare if remove else ():
                self._ledger.artifacts.remove(digest)
        return pd.DataFrame(sorted(spare.items()), columns=["artifact", "bytes"])

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.folder,)
