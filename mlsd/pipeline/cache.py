"""Artifacts of a pipeline on disk: written whole or not at all, and named by what they hold."""

from __future__ import annotations

import importlib
import io
import shutil
import uuid
from pathlib import Path
from typing import Any

import joblib
import pandas as pd

from mlsd.digest import digest_bytes, digest_frame, digest_value
from mlsd.plain import from_json, to_json
from mlsd.report import RefusedError, check_format
from mlsd.store import new_folder, write_file


class Cache:
    """Keeps what steps returned, under the key of what went in.

    A frame is kept as Parquet, a plain value as JSON, anything with `save` and `load` as a folder of
    its own making, the rest through joblib (loaded only while its bytes are as they were written).

    Args:
        folder: where artifacts are kept; several processes may share it.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)

    def keep(self, key: str, value: Any) -> str:
        """Write a value under its key; return the digest of its content."""
        kind, digest = _kind(value)
        place = f"{key[:20]}-{uuid.uuid4().hex[:8]}"  # a new place each time: nothing is overwritten
        with new_folder(self.folder / place) as folder:
            bytes_digest = _write(folder, kind, value)
        record = {
            "format": 1,
            "key": key,
            "place": place,
            "kind": kind,
            "digest": digest or bytes_digest,
            "bytes": bytes_digest,
        }
        write_file(self.folder / f"{key}.json", to_json(record, indent=1))
        return str(record["digest"])

    def digest(self, key: str) -> str | None:
        """Return the digest of what is kept under a key, or None."""
        record = self._record(key)
        return str(record["digest"]) if record else None

    def get(self, key: str) -> Any:
        """Return what is kept under a key.

        Raises:
            RefusedError: it is not there, or no longer what was written.
        """
        record = self._record(key)
        if record is None:
            raise RefusedError(f"nothing is kept under {key[:12]} in {self.folder}; run the pipeline again")
        return _read(self.folder / record["place"], record)

    def forget(self, key: str) -> None:
        """Remove what is kept under a key."""
        record = self._record(key)
        (self.folder / f"{key}.json").unlink(missing_ok=True)
        if record:
            shutil.rmtree(self.folder / record["place"], ignore_errors=True)

    def _record(self, key: str) -> dict[str, Any] | None:
        path = self.folder / f"{key}.json"
        if not path.is_file():
            return None
        record = check_format(from_json(path.read_bytes(), str(path)), 1, str(path))
        return record if (self.folder / record["place"]).is_dir() else None


def digest_of(value: Any) -> str:
    """Return the digest of a value's content, in the way the cache names it.

    Raises:
        ValueError: the value has no digest: no frame, no plain value, nothing with `digest`.
    """
    _, digest = _kind(value)
    return digest or digest_bytes(_joblib_bytes(value))


def _kind(value: Any) -> tuple[str, str | None]:
    if isinstance(value, pd.DataFrame):
        return "frame", digest_value([digest_frame(value), value.attrs])
    if (
        hasattr(value, "save")
        and hasattr(type(value), "load")
        and isinstance(getattr(value, "digest", None), str)
    ):
        return f"{type(value).__module__}:{type(value).__qualname__}", value.digest
    if hasattr(value, "to_json") and hasattr(type(value), "from_json"):
        text = value.to_json()
        return f"json {type(value).__module__}:{type(value).__qualname__}", digest_bytes(text.encode())
    if _is_plain(value):
        return "plain", digest_value(value)
    return "joblib", None


def _is_plain(value: Any) -> bool:
    if isinstance(value, dict):
        return all(isinstance(k, str) for k in value) and all(map(_is_plain, value.values()))
    if isinstance(value, list):
        return all(map(_is_plain, value))
    return value is None or type(value) in (str, int, float, bool)


def _write(folder: Path, kind: str, value: Any) -> str:
    if kind == "frame":
        data = _parquet(value)
    elif kind == "plain":
        data = to_json(value).encode()
    elif kind == "joblib":
        data = _joblib_bytes(value)
    elif kind.startswith("json "):
        data = value.to_json().encode()
    else:
        value.save(folder / "saved")
        return str(value.digest)
    write_file(folder / "value", data)
    return digest_bytes(data)


def _read(folder: Path, record: dict[str, Any]) -> Any:
    kind = record["kind"]
    if ":" in kind and not kind.startswith("json "):
        return _class(kind).load(folder / "saved", digest=record["bytes"])
    data = (folder / "value").read_bytes()
    if digest_bytes(data) != record["bytes"]:
        raise RefusedError(f"the artifact in {folder} was changed; delete it, and the step runs again")
    if kind == "frame":
        return pd.read_parquet(io.BytesIO(data)) if data[:4] == b"PAR1" else joblib.load(io.BytesIO(data))
    if kind == "plain":
        return from_json(data)
    if kind == "joblib":
        return joblib.load(io.BytesIO(data))
    return _class(kind.removeprefix("json ")).from_json(data.decode())


def _class(path: str) -> Any:
    module, name = path.split(":")
    return getattr(importlib.import_module(module), name)


def _parquet(frame: pd.DataFrame) -> bytes:
    buffer = io.BytesIO()
    try:
        frame.to_parquet(buffer)
    except (ValueError, TypeError, ImportError):  # mixed cells in one column: Parquet has no type for them
        return _joblib_bytes(frame)
    return buffer.getvalue()


def _joblib_bytes(value: Any) -> bytes:
    buffer = io.BytesIO()
    joblib.dump(value, buffer)
    return buffer.getvalue()
