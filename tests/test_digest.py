"""Digests: equal values give equal digests however they are stored, and any changed cell changes it."""

import hashlib
import os
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlsd.digest import code_of, digest_bytes, digest_code, digest_file, digest_frame, digest_value

MOMENTS = pd.to_datetime(["2024-02-05T10:00:00Z", "2024-02-06T11:30:00Z", None])
STORED = {
    "text": [pd.Series(["nl", "en", None], dtype=dtype) for dtype in ("str", "object", "category", "string")],
    "whole numbers": [
        pd.Series([1, 2, 3], dtype=dtype)
        for dtype in ("int64", "uint8", "float32", "float64", "Int32", "Float64", "object", "category")
    ],
    "numbers with a gap": [
        pd.Series([1, 2, None], dtype=dtype)
        for dtype in ("float64", "Int64", "Float64", "object", "category")
    ],
    "booleans": [pd.Series([True, False, True], dtype=dtype) for dtype in ("bool", "boolean", "object")],
    "times": [
        pd.Series(MOMENTS).astype("datetime64[us, UTC]"),
        pd.Series(MOMENTS).astype("datetime64[ns, UTC]"),
        pd.Series(MOMENTS).astype("datetime64[s, UTC]"),
        pd.Series(MOMENTS).dt.tz_convert("Europe/Brussels"),
        pd.Series(MOMENTS).astype(object),
    ],
    "times without a gap": [
        pd.Series(MOMENTS[:2]).astype("datetime64[us, UTC]"),
        pd.Series(MOMENTS[:2]).astype("datetime64[ns, UTC]"),
    ],
    "what is missing": [pd.Series([None, np.nan, pd.NA], dtype=object), pd.Series([None] * 3, dtype=object)],
}

CELLS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False),
    st.text(max_size=5),
)
COLUMNS = st.one_of(
    st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=6).map(
        lambda v: pd.Series(v, dtype="int64")
    ),
    st.lists(st.floats(), min_size=1, max_size=6).map(lambda v: pd.Series(v, dtype="float64")),
    st.lists(st.text(max_size=5), min_size=1, max_size=6).map(lambda v: pd.Series(v, dtype="str")),
    st.lists(CELLS, min_size=1, max_size=6).map(lambda v: pd.Series(v, dtype="object")),
)


def of(column: pd.Series) -> str:
    return digest_frame(column.to_frame("x"))


@pytest.mark.parametrize("what", STORED)
def test_how_values_are_stored_does_not_count(what):
    assert len({of(column) for column in STORED[what]}) == 1


def test_the_index_does_not_count():
    frame = pd.DataFrame({"x": [1, 2, 3], "y": ["a", "b", "c"]})
    assert digest_frame(frame) == digest_frame(frame.set_index(pd.Index([7, 8, 9])))
    assert digest_frame(frame.iloc[1:]) == digest_frame(frame.iloc[1:].reset_index(drop=True))


@given(COLUMNS, st.data())
def test_any_changed_cell_changes_the_digest(column, data):
    row = data.draw(st.integers(0, len(column) - 1))
    changed = column.astype(object)
    old = changed.iloc[row]
    changed.iloc[row] = new = data.draw(CELLS)
    same = (pd.isna(old) and pd.isna(new)) or (
        not pd.isna(old) and isinstance(old, str) == isinstance(new, str) and old == new
    )
    if not same:
        assert of(column) != of(changed)
    assert of(column) == of(column.copy())


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (pd.Series([2**53]), pd.Series([2**53 + 1])),
        (pd.Series([2**64 - 1], dtype="uint64"), pd.Series([2**64 - 2], dtype="uint64")),
        (pd.Series(["1"]), pd.Series([1])),
        (pd.Series(["None"]), pd.Series([None], dtype=object)),
        (pd.Series([""]), pd.Series([None], dtype=object)),
        (pd.Series([1, "x"], dtype=object), pd.Series(["1", "x"], dtype=object)),
        (pd.Series([[1]]), pd.Series([[2]])),
        (
            pd.Series(pd.to_datetime(["2024-01-01T00:00:00.000000001Z"])),
            pd.Series(pd.to_datetime(["2024-01-01T00:00:00Z"])),
        ),
        (pd.Series([1, "x", True], dtype=object), pd.Series([1, "x", 2], dtype=object)),
    ],
)
def test_near_twins_differ(one, other):
    assert of(one) != of(other)


def test_names_order_and_shape_count():
    frame = pd.DataFrame({"a": [1, 2], "b": [3, 4]})
    others = [
        frame[["b", "a"]],
        frame.rename(columns={"a": "c"}),
        frame.iloc[::-1],
        frame.iloc[:1],
        frame[["a"]],
        pd.DataFrame({"a": [1, 3], "b": [2, 4]}),
    ]
    assert len({digest_frame(frame), *map(digest_frame, others)}) == 7


def test_minus_zero_is_zero_and_infinity_is_not_missing():
    assert of(pd.Series([0.0])) == of(pd.Series([-0.0]))
    assert of(pd.Series([float("inf")])) != of(pd.Series([float("nan")]))


def test_far_moments_have_a_digest():
    assert of(pd.Series(pd.to_datetime(["3000-01-01T00:00Z"]))) != of(
        pd.Series(pd.to_datetime(["3001-01-01T00:00Z"]))
    )


SCRIPT = """
import pandas as pd
from mlsd.digest import digest_frame, digest_value
times = pd.to_datetime(["2024-02-05T10:00:00Z", "2024-02-06T11:30:00Z"])
frame = pd.DataFrame({"text": ["a", "b"], "n": [1, 2], "t": times, "c": pd.Categorical(["x", "y"])})
print(digest_frame(frame), digest_value({"b": [1, {"z", "y"}], "a": None}))
"""


def test_another_process_gives_the_same_digests():
    found = set()
    for seed in ("0", "1"):
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT],
            env=os.environ | {"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        )
        found.add(done.stdout)
    assert len(found) == 1
    assert len(found.pop().split()) == 2


def test_bytes_and_files_are_plain_sha256(tmp_path):
    data = bytes(range(256)) * 9000  # more than two reads
    (tmp_path / "file").write_bytes(data)
    assert digest_file(tmp_path / "file") == digest_bytes(data) == hashlib.sha256(data).hexdigest()


@given(st.dictionaries(st.text(max_size=3), st.integers(), min_size=2))
def test_the_order_of_a_dict_does_not_count(record):
    turned = dict(reversed(record.items()))
    assert digest_value({"in": record}) == digest_value({"in": turned})
    assert digest_value(list(record)) != digest_value(list(turned))


def plain(x):
    return x + 1


def told(x):
    """Add one."""
    # a comment
    return x + 1


def other(x):
    return x + 2


def test_comments_docstring_and_layout_do_not_change_the_digest_of_code():
    one, two, three = (code_of(f).replace(f.__name__, "f") for f in (plain, told, other))
    assert one == two != three
    assert digest_code(plain) == digest_code(plain) != digest_code(other)


def test_code_without_source_is_refused():
    with pytest.raises(ValueError, match="the source of len cannot be read; put the function into a file"):
        digest_code(len)
