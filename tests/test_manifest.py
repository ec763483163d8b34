"""The packing list: every set of files seals, and only the same set opens."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlsd.manifest import MANIFEST, check_seal, seal, seal_of
from mlsd.report import RefusedError

NAMES = st.text("abc.-_", min_size=1, max_size=6).filter(lambda name: name != MANIFEST)
FILES = st.dictionaries(NAMES, st.binary(max_size=20), min_size=1, max_size=5)


@given(FILES)
def test_what_was_sealed_opens_under_the_digest_of_its_list(files):
    sealed = seal(files)
    lines = b"".join(
        hashlib.sha256(files[name]).hexdigest().encode() + b"  " + name.encode() + b"\n"
        for name in sorted(files)
    )
    assert check_seal(sealed) == seal_of(sealed) == hashlib.sha256(lines).hexdigest()
    assert sealed[MANIFEST] == lines + seal_of(sealed).encode() + b"\n"
    assert {name: sealed[name] for name in files} == files


@given(FILES, st.data())
def test_anything_else_does_not_open(files, data):
    sealed = seal(files)
    name = data.draw(st.sampled_from(sorted(sealed)))
    damaged = dict(sealed)
    if data.draw(st.booleans()):
        del damaged[name]
    else:
        damaged[name] = data.draw(st.binary(max_size=200).filter(lambda other: other != sealed[name]))
    with pytest.raises(RefusedError, match=name):
        check_seal(damaged)


@given(FILES, NAMES)
def test_an_added_file_does_not_open(files, name):
    if name not in files:
        with pytest.raises(RefusedError, match="does not belong to the package"):
            check_seal({**seal(files), name: b""})


def test_the_order_in_which_files_were_given_does_not_count():
    one, other = seal({"a": b"1", "b": b"2"}), seal({"b": b"2", "a": b"1"})
    assert one[MANIFEST] == other[MANIFEST]
