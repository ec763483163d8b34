"""One folder that holds everything a system remembers: registry, prediction log, runs, artifacts."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

from mlsd.prediction_log import PredictionLog
from mlsd.registry import Registry
from mlsd.report import RefusedError
from mlsd.store import one_sentence
from mlsd.tracking import LocalTracker

_MARK = ".mlsd-workspace"


class Workspace:
    """The places of one system, below one folder.

    Args:
        folder: where they are kept; made on first use.

    Raises:
        RefusedError: the folder cannot be written.

    >>> import tempfile
    >>> sorted(path.name for path in Workspace(tempfile.mkdtemp()).folder.iterdir())
    ['.mlsd-workspace']
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        with one_sentence(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            (self.folder / _MARK).touch()

    @classmethod
    def anew(cls, folder: str | Path) -> Workspace:
        """Return an empty workspace; an older one in the same folder is removed, nothing else ever is.

        Raises:
            RefusedError: the folder holds files that are not a workspace's.
        """
        import shutil

        folder = Path(folder)
        if folder.is_dir() and any(folder.iterdir()):
            if not (folder / _MARK).is_file():
                raise RefusedError(f"{folder} holds other files; choose a new folder, they stay as they are")
            with one_sentence(folder):
                shutil.rmtree(folder)
        elif folder.exists() and not folder.is_dir():
            raise RefusedError(f"{folder} is a file; choose a folder")
        return cls(folder)

    @cached_property
    def registry(self) -> Registry:
        """The versions."""
        return Registry(self.registry_folder)

    @property
    def registry_folder(self) -> Path:
        """Where the versions are kept; another process opens the same."""
        return self.folder / "registry"

    @cached_property
    def log(self) -> PredictionLog:
        """What was predicted, and what turned out to be true."""
        return PredictionLog(self.log_path)

    @property
    def log_path(self) -> Path:
        """The file of the prediction log; another process opens the same."""
        return self.folder / "predictions.db"

    @cached_property
    def tracker(self) -> LocalTracker:
        """The runs."""
        return LocalTracker(self.folder / "runs")

    @property
    def cache(self) -> Path:
        """Where pipelines keep their artifacts."""
        return self.folder / "artifacts"
