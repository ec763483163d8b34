"""Where artifacts are kept: in a folder, or in any store that fsspec reaches by URL."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

from mlsd.digest import digest_bytes
from mlsd.report import RefusedError
from mlsd.store import Blobs, one_sentence

_DAY = 86_400.0  # seconds after which a half-written file has no writer any more
_PATIENCE = 10.0  # seconds until a store has answered
_SLOW = 1e6  # bytes a second that the slowest line takes
_OPTIONS: dict[str, dict[str, Any]] = {  # by default S3's client tries again for minutes
    "s3": {
        "use_listings_cache": False,
        "config_kwargs": {"connect_timeout": 3, "read_timeout": _PATIENCE, "retries": {"max_attempts": 0}},
    }
}


class Artifacts(Protocol):
    """Bytes kept under their digest."""

    def put(self, data: bytes) -> str:
        """Keep some bytes; return their digest."""

    def get(self, digest: str) -> bytes:
        """Return the bytes of a digest, verified."""

    def has(self, digest: str) -> bool:
        """Tell whether something is kept under a digest."""

    def sizes(self) -> dict[str, int]:
        """Return everything that is kept: digest -> bytes."""

    def remove(self, digest: str) -> None:
        """Keep it no longer."""


def artifacts_at(place: str | Path) -> Artifacts:
    """Return the artifacts kept at a folder, a `file://` URL or another URL that fsspec knows."""
    where = str(place).removeprefix("file://")
    return UrlArtifacts(where) if "://" in where else FolderArtifacts(where)


class FolderArtifacts(Blobs):
    """Artifacts in a folder of this machine, durable."""

    def has(self, digest: str) -> bool:
        """Tell whether something is kept under a digest."""
        return self.path(digest).is_file()

    def sizes(self) -> dict[str, int]:
        """Return everything that is kept; half-written files once their writer is long gone."""
        with one_sentence(self.folder):
            files = {path: path.stat() for path in self.folder.rglob("*") if path.is_file()}
        kept = {path: at for path, at in files.items() if not path.name.startswith(".")}
        left = {p: at for p, at in files.items() if p not in kept and time.time() - at.st_mtime > _DAY}
        return {path.name: at.st_size for path, at in (kept | left).items()}

    def remove(self, digest: str) -> None:
        """Delete a file, by its digest or, half-written, by its name."""
        with one_sentence(self.folder):
            for path in self.folder.glob(f"*/{digest}"):
                path.unlink(missing_ok=True)


class UrlArtifacts:
    """Artifacts in a store: `s3://bucket/prefix` and whatever else fsspec has a driver for.

    Addresses and keys come from the environment, as each driver reads it (`AWS_ENDPOINT_URL`,
    `AWS_ACCESS_KEY_ID`, ...). A store that does not answer is one sentence within seconds.

    Args:
        url: the bucket and what all names begin with.

    Raises:
        RefusedError: the driver is not installed, or there is none for such a URL.
    """

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        protocol, _, self._root = self.url.partition("://")
        try:
            import fsspec

            options = _OPTIONS.get(protocol, {})
            self._store = fsspec.filesystem(protocol, skip_instance_cache=bool(options), **options)
        except (ImportError, ValueError) as error:
            raise RefusedError(
                f"cannot use {self.url}: {error}; for s3:// run: pip install 'mlsd[s3]'"
            ) from None
        self._store.retries = 1  # of s3fs itself, which else begins again five times

    def put(self, data: bytes) -> str:
        """Keep some bytes, whole or not at all; return their digest."""
        digest = digest_bytes(data)
        with self._one_sentence():
            if self._store.async_impl:  # a silent server would be waited for without end
                from fsspec.asyn import sync

                seconds = _PATIENCE + len(data) / _SLOW
                sync(self._store.loop, self._store._pipe_file, self._path(digest), data, timeout=seconds)
            else:
                self._store.pipe_file(self._path(digest), data)
        return digest

    def get(self, digest: str) -> bytes:
        """Return the bytes of a digest.

        Raises:
            RefusedError: they are gone, no longer what was put there, or the store does not answer.
        """
        with self._one_sentence():
            try:
                data: bytes = self._store.cat_file(self._path(digest))
            except FileNotFoundError:
                raise RefusedError(
                    f"the artifact {digest[:12]} is gone from {self.url}; restore it from a copy"
                ) from None
        if digest_bytes(data) != digest:
            raise RefusedError(
                f"the artifact {digest[:12]} in {self.url} was changed; restore it from a copy"
            )
        return data

    def has(self, digest: str) -> bool:
        """Tell whether something is kept under a digest."""
        with self._one_sentence():
            return bool(self._store.exists(self._path(digest)))

    def sizes(self) -> dict[str, int]:
        """Return everything that is kept: digest -> bytes."""
        with self._one_sentence():
            found = self._store.find(self._root, detail=True)
        return {path.rpartition("/")[2]: int(about["size"]) for path, about in found.items()}

    def remove(self, digest: str) -> None:
        """Keep it no longer."""
        with self._one_sentence():
            self._store.rm_file(self._path(digest))

    def _path(self, digest: str) -> str:
        return f"{self._root}/{digest[:2]}/{digest}"

    @contextlib.contextmanager
    def _one_sentence(self) -> Iterator[None]:
        try:
            yield
        except RefusedError:
            raise
        except Exception as error:  # every driver has kinds of its own
            reason = next(iter(str(error).strip().splitlines()), "") or type(error).__name__
            raise RefusedError(
                f"the store {self.url} refuses or does not answer: {reason[:200]}; "
                "check address, keys and network"
            ) from error
