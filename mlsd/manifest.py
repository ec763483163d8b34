"""A packing list that seals itself: the digest of every file, and last the digest of the list."""

from __future__ import annotations

from collections.abc import Mapping

from mlsd.digest import digest_bytes
from mlsd.report import RefusedError

MANIFEST = "MANIFEST"


def seal(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return the files with their packing list, one line "<sha256>  <name>" each, sorted by name.

    >>> print(seal({"model.txt": b"tree"})["MANIFEST"].decode().strip())
    dc9c5edb8b2d479e697b4b0b8ab874f32b325138598ce9e7b759eb8292110622  model.txt
    62c33b2960e8994b899e5a5ec73de96f479c8b381299f4cafbcf31d807554516
    """
    lines = "".join(f"{digest_bytes(files[name])}  {name}\n" for name in sorted(files))
    return {**files, MANIFEST: f"{lines}{digest_bytes(lines.encode())}\n".encode()}


def seal_of(files: Mapping[str, bytes]) -> str:
    """Return the digest that names a sealed set of files: the last line of its packing list."""
    return files[MANIFEST].decode().split()[-1]


def check_seal(files: Mapping[str, bytes]) -> str:
    """Return the digest of sealed files that are exactly what was packed, bit for bit.

    Raises:
        RefusedError: a file was changed, is missing, or was added; names it.
    """
    if MANIFEST not in files:
        raise RefusedError(
            f"{MANIFEST} is missing, so nothing can be checked; restore the package from a copy"
        )
    packed = _packed(files[MANIFEST])
    here = {name: data for name, data in files.items() if name != MANIFEST}
    for name in sorted(packed.keys() - here.keys()):
        raise RefusedError(f"{name} is missing; restore the package from a copy")
    for name in sorted(here.keys() - packed.keys()):
        raise RefusedError(f"{name} does not belong to the package; remove it, or pack again")
    for name in sorted(here):
        if digest_bytes(here[name]) != packed[name]:
            raise RefusedError(f"{name} was changed after it was packed; restore the package from a copy")
    return seal_of(files)


def _packed(manifest: bytes) -> dict[str, str]:
    """Return name -> digest of a packing list whose own last line is right."""
    lines, _, _ = manifest.removesuffix(b"\n").rpartition(b"\n")
    lines += b"\n"
    if manifest != lines + digest_bytes(lines).encode() + b"\n":
        raise RefusedError(f"{MANIFEST} was changed after it was packed; restore the package from a copy")
    try:
        pairs = [line.split("  ", 1) for line in lines.decode().splitlines()]
        packed = {name: digest for digest, name in pairs}
    except ValueError:  # no UTF-8, or no two parts: not written by `seal`
        raise RefusedError(f"{MANIFEST} is no packing list; restore the package from a copy") from None
    return packed
