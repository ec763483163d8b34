"""A package as one file: one digest to verify, one file to make durable."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping

from mlsd.report import RefusedError

_MOMENT = (1980, 1, 1, 0, 0, 0)  # the same bytes whenever it is packed


def pack(files: Mapping[str, bytes]) -> bytes:
    """Return files as one zip archive, not compressed; equal files give equal bytes.

    >>> unpack(pack({"model.txt": b"tree"}))
    {'model.txt': b'tree'}
    """
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in sorted(files):
            archive.writestr(zipfile.ZipInfo(name, _MOMENT), files[name])
    return buffer.getvalue()


def unpack(data: bytes) -> dict[str, bytes]:
    """Return the files of an archive whose digest was verified.

    Raises:
        RefusedError: the bytes are no such archive.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return {name: archive.read(name) for name in archive.namelist()}
    except (zipfile.BadZipFile, ValueError, EOFError) as error:
        raise RefusedError(f"the artifact is no package: {error}; restore it from a copy") from error
