"""From the bytes of a text file to its lines: the encoding, and what no text holds."""

from __future__ import annotations

import codecs
import io
import re

from mlsd.report import RefusedError

_LOST = re.compile("[\ud800-\udfff]")  # bytes that are not UTF-8, kept as lone surrogates
_ODD = re.compile("[\x00-\x08\x0e-\x1f\ud800-\udfff]")  # and control characters


def decode(data: bytes, name: str) -> tuple[str, str, bool]:
    """Return the text of a file, the encoding it was read with, and whether that is sure.

    A byte order mark decides. Without one the text is UTF-8, unless most of the lines with other than
    ASCII characters say otherwise; bytes that do not belong in UTF-8 text stay in it as surrogates.

    >>> decode("größe".encode(), "a.csv"), decode("größe".encode("cp1252"), "a.csv")
    (('größe', 'UTF-8', True), ('größe', 'Windows-1252', False))
    """
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        try:
            return data.decode("utf-16"), "UTF-16", True
        except UnicodeDecodeError:
            raise RefusedError(
                f"{name} starts as UTF-16 text and does not go on as such; save it as UTF-8"
            ) from None
    mark = data.startswith(codecs.BOM_UTF8)
    text = data.decode("utf-8-sig", "surrogateescape")
    if mark or not _LOST.search(text):
        return text, "UTF-8 with a byte order mark" if mark else "UTF-8", True
    special = [line for line in text.split("\n") if not line.isascii()]
    if 2 * sum(_LOST.search(line) is not None for line in special) <= len(special):
        return text, "UTF-8", True
    try:
        return data.decode("cp1252"), "Windows-1252", False
    except UnicodeDecodeError:
        return data.decode("latin-1"), "Latin-1", False


def lines_of(text: str) -> list[str]:
    """Return the lines of a text with their ends; only `\\n`, `\\r` and `\\r\\n` end a line."""
    return io.StringIO(text, newline="").readlines()


def odd_lines(text: str, lines: list[str]) -> frozenset[int]:
    """Return which lines hold what no text holds: control characters, bytes that could not be decoded.

    >>> odd_lines("a\\nb\\x00\\n", ["a\\n", "b\\x00\\n"])
    frozenset({1})
    """
    if not _ODD.search(text):
        return frozenset()
    return frozenset(i for i, line in enumerate(lines) if _ODD.search(line))


def as_in_file(text: str, length: int = 200) -> str:
    """Return the start of a text as it stands in the file, odd bytes written as `\\xff`."""
    shown = text.rstrip("\r\n")[:length]
    return shown.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
