"""A package as one file."""

import io
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlsd.registry.archive import pack, unpack
from mlsd.report import RefusedError

names = st.from_regex(r"[A-Za-z][A-Za-z0-9_.]{0,12}", fullmatch=True)


@given(st.dictionaries(names, st.binary(max_size=100)))
def test_files_are_read_back_and_equal_files_give_equal_bytes(files):
    data = pack(files)
    assert unpack(data) == files
    assert pack(dict(reversed(files.items()))) == data
    with zipfile.ZipFile(io.BytesIO(data)) as archive:  # no clock in it; any unzip can open it
        assert all(entry.date_time == (1980, 1, 1, 0, 0, 0) for entry in archive.infolist())


@pytest.mark.parametrize("data", [b"", b"PK", b"no zip at all", pack({"a": b"x" * 50})[:-30]], ids=len)
def test_other_bytes_are_refused(data):
    with pytest.raises(RefusedError, match=r"^the artifact is no package: .*; restore it from a copy$"):
        unpack(data)
