"""read_table: what is decided, what is rejected, what is refused."""

import csv
import io

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from mlsd.data import read_table
from mlsd.data.lines import lines_of
from mlsd.data.rows import gather_rows, read_rows
from mlsd.report import RefusedError

SAME_FOLDER = [HealthCheck.function_scoped_fixture]  # each example writes its file over the last one


@pytest.fixture
def write(tmp_path):
    def write(data: str | bytes, name: str = "t.csv"):
        path = tmp_path / name
        path.write_bytes(data.encode() if isinstance(data, str) else data)
        return path

    return write


def findings(report, code):
    return [finding for finding in report if finding.code == code]


# ---- kinds ----------------------------------------------------------------------------------------


def test_every_kind_is_found(write):
    frame, rejected, report = read_table(
        write(
            "x,n,b,t,s\n"
            "1.5,1,true,2024-02-05T10:00:00Z,a\n"
            "-2,+2,False,2024-02-05T10:00:00+01:00,1b\n"
            "1e-3,-3,YES,2024-02-05,\n"
            ".5,,no,2024-02-05 10:00,d e\n"
        )
    )
    assert frame["x"].tolist() == [1.5, -2.0, 0.001, 0.5] and frame["x"].dtype == "float64"
    assert frame["n"].dtype == "Int64" and frame["n"].fillna(99).tolist() == [1, 2, -3, 99]
    assert frame["b"].dtype == "bool" and frame["b"].tolist() == [True, False, True, False]
    assert frame["t"].tolist() == [
        pd.Timestamp(text, tz="UTC")
        for text in ("2024-02-05T10:00", "2024-02-05T09:00", "2024-02-05", "2024-02-05T10:00")
    ]
    assert pd.api.types.is_string_dtype(frame["s"].dtype)
    assert frame["s"].isna().tolist() == [False, False, True, False] and frame["s"][3] == "d e"
    assert rejected.empty and list(rejected.columns) == ["line", "reasons", "text"]
    assert [f.value for f in findings(report, "kind")] == ["number", "integer", "boolean", "time", "text"]
    assert report.ok


def test_times_without_a_zone_are_taken_as_utc_and_it_is_said(write):
    _, _, report = read_table(write("t\n2024-02-05\n2024-02-05T10:00\n2024-02-05T10:00Z\n"))
    (said,) = findings(report, "naive_time")
    assert (said.subject, said.count, said.ok) == ("t", 2, False)
    assert said.message == "2 times name no time zone and are taken as UTC"
    _, _, report = read_table(write("t\n2024-02-05T10:00Z\n2024-02-05T10:00-05\n"))
    assert findings(report, "naive_time") == []


@pytest.mark.parametrize("marker", ["", " ", "NA", "na", "N/A", "NaN", "nan", "null", "NULL", "None"])
def test_missing_markers(write, marker):
    frame, rejected, _ = read_table(write(f"x,s\n1,a\n{marker},{marker}\n3,c\n"))
    assert rejected.empty
    assert frame["x"].isna().tolist() == frame["s"].isna().tolist() == [False, True, False]


def test_a_question_mark_is_missing_where_a_column_is_not_text(write):
    frame, rejected, report = read_table(write("x,s\n1.5,a\n?,?\n3,c\n"), target="s")
    assert rejected.empty
    assert frame["x"].isna().tolist() == [False, True, False]
    assert frame["s"].tolist() == ["a", "?", "c"]
    assert findings(report, "kind")[0].count == 1
    _, rejected, _ = read_table(write("x\n1\n?\n3\n"), target="x")
    assert rejected["reasons"].tolist() == ["x is missing, and it is the target"]


def test_a_kind_needs_four_values_in_five(write):
    for bad, kind in ((2, "integer"), (3, "text")):
        cells = [str(i) for i in range(10 - bad)] + ["x"] * bad
        frame, rejected, report = read_table(write("\n".join(["n", *cells])))
        assert findings(report, "kind")[0].value == kind
        assert len(rejected) == (bad if kind == "integer" else 0)
        assert len(frame) + len(rejected) == 10


def test_rejected_rows_do_not_vote_on_sparse_columns(write):
    """A column with few values keeps its kind though there are more garbage rows than values."""
    rows = [f"{i},{i if i % 20 == 0 else ''}" for i in range(100)] + ["zzz,zzz"] * 10
    frame, rejected, _ = read_table(write("n,sparse\n" + "\n".join(rows)))
    assert len(frame) == 100 and len(rejected) == 10
    assert frame["sparse"].dropna().tolist() == [0, 20, 40, 60, 80]


def test_whole_numbers_beyond_64_bits_are_names(write):
    frame, _, _ = read_table(write("id,n\n99999999999999999999,9223372036854775807\n1" + "0" * 30 + ",-1\n"))
    assert frame["id"].tolist() == ["99999999999999999999", "1" + "0" * 30]
    assert frame["n"].tolist() == [2**63 - 1, -1] and frame["n"].dtype == "int64"


def test_lost_leading_zeros_are_said(write):
    _, _, report = read_table(write("zip\n01234\n10234\n"))
    assert findings(report, "leading_zeros")[0].count == 1


@pytest.mark.parametrize("cell", ["inf", "-Infinity", "1e400", "+INF"])
def test_infinite_cells_are_rejected(write, cell):
    frame, rejected, _ = read_table(write(f"x\n1.5\n2\n{cell}\n3\n4\n"))
    assert rejected["reasons"].tolist() == [f"x is infinite: '{cell}'"]
    assert frame["x"].tolist() == [1.5, 2, 3, 4]


@pytest.mark.parametrize("cell", ["0x1A", "1_000", "nan(ind)", "1e", "--1", "٣", "1,5", "1.5.2", "1 2"])
def test_what_only_looks_like_a_number_is_rejected(write, cell):
    frame, rejected, _ = read_table(write(f'x\n1\n2\n"{cell}"\n3\n4\n'))
    assert rejected["reasons"].tolist() == [f"x is not a number: {cell!r}"]
    assert frame["x"].tolist() == [1, 2, 3, 4]


@pytest.mark.parametrize("cell", ["2024-02-30", "2024-13-01", "05/02/2024", "2024-02-05T25:00", "1707127200"])
def test_what_only_looks_like_a_time_is_rejected(write, cell):
    days = "".join(f"2024-01-0{i}\n" for i in range(1, 6))
    frame, rejected, _ = read_table(write(f"t\n{days}{cell}\n"), time="t")
    assert len(frame) == 5 and rejected["reasons"].tolist() == [f"t is not an ISO 8601 time: '{cell}'"]


def test_times_far_off_and_times_in_nanoseconds_stand_side_by_side(write):
    frame, rejected, _ = read_table(write("t\n9999-12-31\n2024-01-01T00:00:00.123456789Z\n0001-01-01\n"))
    assert rejected.empty
    assert [str(moment) for moment in frame["t"]] == [
        "9999-12-31 00:00:00+00:00",
        "2024-01-01 00:00:00.123456+00:00",
        "0001-01-01 00:00:00+00:00",
    ]


def test_an_empty_column_stays(write):
    frame, rejected, report = read_table(write("x,e\n1,\n2,\n"))
    assert frame["e"].isna().all() and rejected.empty
    assert findings(report, "kind")[1].value == "empty"


# ---- delimiter, encoding, structure -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("delimiter", "word"), [(",", "comma"), (";", "semicolon"), ("\t", "tab"), ("|", "pipe")]
)
def test_delimiters(write, delimiter, word):
    text = 'a,b,c\n1,x y,2.5\n3,"p,q;r|s\tt",4\n'
    rows = csv.reader(io.StringIO(text))
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter).writerows(rows)
    frame, rejected, report = read_table(write(out.getvalue()))
    assert findings(report, "delimiter")[0].value == word
    assert frame.to_dict("list") == {"a": [1, 3], "b": ["x y", "p,q;r|s\tt"], "c": [2.5, 4.0]}
    assert rejected.empty


def test_decimal_commas_with_semicolons(write):
    frame, rejected, _ = read_table(write("a;b;c\n1,5;1.5;1\n-2,25;2;2\n1,5e3;3;3\n"))
    assert frame.to_dict("list") == {"a": [1.5, -2.25, 1500.0], "b": [1.5, 2.0, 3.0], "c": [1, 2, 3]}
    assert rejected.empty
    _, rejected, _ = read_table(write("a;b\n1,5;1\n2,5;2\n3,5;3\n4,5;4\n1.234;5\n"))  # 1234 or 1.234?
    assert rejected["reasons"].tolist() == ["a is not a number: '1.234'"]


@pytest.mark.parametrize(
    ("data", "encoding"),
    [
        ("größe\n1\n2\n".encode(), "UTF-8"),
        ("größe\n1\n2\n".encode("utf-8-sig"), "UTF-8 with a byte order mark"),
        ("größe\n1\n2\n".encode("utf-16"), "UTF-16"),
        (b"\xfe\xff" + "größe\n1\n2\n".encode("utf-16-be"), "UTF-16"),
        ("größe\n1\n2\n".encode("cp1252"), "Windows-1252"),
        ("größe\n1\n2\n".encode("cp1252") + b"\x81\n", "Latin-1"),
    ],
)
def test_encodings(write, data, encoding):
    frame, _, report = read_table(write(data))
    assert list(frame.columns) == ["größe"]
    (said,) = findings(report, "encoding")
    assert said.value == encoding
    assert said.ok == (encoding not in ("Windows-1252", "Latin-1"))


def test_one_broken_line_does_not_change_the_encoding(write):
    data = "s,n\né,1\nü,2\nß,3\n".encode() + b"\xff,4\n" + "ö,5\n".encode()
    frame, rejected, report = read_table(write(data))
    assert frame["s"].tolist() == ["é", "ü", "ß", "ö"]
    assert rejected["line"].tolist() == [5] and rejected["text"].tolist() == ["\\xff,4"]
    assert rejected["reasons"].tolist() == ["holds control characters or broken text"]
    assert findings(report, "encoding")[0].value == "UTF-8"


def test_quoted_cells_hold_delimiters_quotes_and_line_ends(write):
    frame, rejected, _ = read_table(
        write('s,n\r\n"a, ""b""\r\nc",1\r\n\r\n"d\n",x\r\n"",3\r\n"e",4\ne,5\ne,6\n')
    )
    assert frame["s"].fillna("-").tolist() == ['a, "b"\r\nc', "-", "e", "e", "e"]
    assert rejected.to_dict("list") == {
        "line": [5],
        "reasons": ["n is not a number: 'x'"],
        "text": ['"d\n",x'],
    }


def test_line_ends_and_blank_lines(write):
    for end in ("\n", "\r\n", "\r"):
        frame, rejected, _ = read_table(write(end.join(["", "a,b", "1,2", "", "3,4", ""])))
        assert frame.to_dict("list") == {"a": [1, 3], "b": [2, 4]} and rejected.empty


def test_a_line_with_control_characters_is_rejected(write):
    frame, rejected, _ = read_table(write("x\n1\n2\n3\x00\n4\n"))
    assert frame["x"].tolist() == [1, 2, 4] and rejected["line"].tolist() == [4]
    assert rejected["reasons"].tolist() == ["holds control characters or broken text"]


def test_a_name_may_hold_another_delimiter(write):
    frame, _, report = read_table(write("size; cm\n1.5\n2.5\n"))
    assert list(frame.columns) == ["size; cm"] and findings(report, "delimiter")[0].value == "comma"


def test_a_quote_that_is_never_closed_costs_one_row(write):
    rows = [f"{i},text {i}" for i in range(100)]
    rows[40] = '40,"oops'
    frame, rejected, _ = read_table(write("n,s\n" + "\n".join(rows)))
    assert rejected["line"].tolist() == [42]
    assert rejected["reasons"].tolist() == ["a quote is opened and not closed"]
    assert frame["n"].tolist() == [i for i in range(100) if i != 40]


def test_two_stray_quotes_do_not_swallow_the_rows_between(write):
    for end in ('60",60,text', '60",text'):  # joined, they have too many cells, or one that is no number
        rows = [f"{i},{i},text" for i in range(100)]
        rows[40], rows[60] = '40,"40', end
        frame, rejected, _ = read_table(write("n,m,s\n" + "\n".join(rows)))
        assert rejected["line"].tolist() == [42, 62]
        assert rejected["text"].tolist() == ['40,"40', end]
        assert frame["n"].tolist() == [i for i in range(100) if i not in (40, 60)]


def test_a_bad_row_on_several_lines_is_one_row(write):
    frame, rejected, _ = read_table(write('n,s\n1,a\n2,"x\ny",z\n3,b\n"u\nv",c\n4,d\n5,e\n6,f\n'))
    assert frame["n"].tolist() == [1, 3, 4, 5, 6]
    assert rejected["line"].tolist() == [3, 6]
    assert rejected["reasons"].tolist() == ["has 3 cells, expected 2", "n is not a number: 'u\\nv'"]


def test_rejected_rows_say_line_reasons_and_text(write):
    text = "n,x,is_spam\n1,1,yes\n2,2\n3,3,no,9\nx,y,no\n5,5,\n" + "".join(
        f"{i},{i},no\n" for i in range(6, 20)
    )
    frame, rejected, report = read_table(write(text), target="is_spam")
    assert len(frame) == 15 and frame.index.tolist() == list(range(15))
    assert rejected.to_dict("list") == {
        "line": [3, 4, 5, 6],
        "reasons": [
            "has 2 cells, expected 3",
            "has 4 cells, expected 3",
            "n is not a number: 'x'; x is not a number: 'y'",
            "is_spam is missing, and it is the target",
        ],
        "text": ["2,2", "3,3,no,9", "x,y,no", "5,5,"],
    }
    told = {(f.subject, f.count, f.rows) for f in findings(report, "rejected")}
    assert told >= {("", 1, (3,)), ("n", 1, (5,)), ("is_spam", 1, (6,))}
    assert {f.severity for f in findings(report, "rejected")} == {"warning"} and report.ok
    assert findings(report, "rows")[0].message == "19 rows read, 15 kept"


def test_a_rejected_row_is_shown_shortened(write):
    _, rejected, _ = read_table(write("a,b\n1,2\n3,4\n" + "x" * 5000 + "\n"))
    assert rejected["text"][0] == "x" * 200


# ---- one sentence -----------------------------------------------------------------------------------

REFUSED = {
    "empty": (b"", "is empty"),
    "blank": (b" \n\n", "is empty"),
    "only a byte order mark": (b"\xef\xbb\xbf", "is empty"),
    "header only": (b"a,y\n", "has a header and no rows"),
    "one row": (b"a,y\n1,2\n", "has 1 row; needs at least 2"),
    "no such target": (
        b"a,yy\n1,2\n3,4\n",
        "has no column 'y' for the target; did you mean 'yy'? it has 'a', 'yy'",
    ),
    "a name on two lines": (b'"a\nb",x\n1,2\n3,4\n', "no column 'y' for the target; it has 'a\\nb', 'x'"),
    "constant target": (b"a,y\n1,2\n3,2\n", "the target y of t.csv is 2 in every row"),
    "missing target": (b"a,y\n1,\n3,\n", "y is missing, and it is the target"),
    "columns twice": (b"a,y,a\n1,2,3\n4,5,6\n", "names the column 'a' twice"),
    "a column without a name": (b",y\n1,2\n4,5\n", "column 1 of 2 in t.csv has no name"),
    "no header": (b"1.5,2\n3,4\n5,6\n", "holds numbers, not names"),
    "most rows bad": (b"a,y\n1,2\n3\n4\n5\n6,7\n", "3 of 5 rows of t.csv do not fit, more than half"),
    "one row left": (b"a,y\n1,2\n3\n", "at least 2 must be left"),
    "binary": (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\1\0\n\0\1", "holds the bytes of a binary file"),
    "NUL in the header": (b"a\0,y\n1,2\n3,4\n5,6\n", "it holds control characters"),
    "UTF-16 unmarked": ("a,y\n1,2\n3,4\n".encode("utf-16-le"), "holds the bytes of a binary file"),
    "UTF-16 cut": ("a,y\n1,2\n3,4\n".encode("utf-16")[:-1], "starts as UTF-16 text and does not go on"),
    "a quote in the header": (b'"a,y\n1,2\n3,4\n', "the header of t.csv (line 1) cannot be read: a quote"),
}


@pytest.mark.parametrize(("data", "sentence"), REFUSED.values(), ids=REFUSED)
def test_a_file_that_cannot_be_used_is_refused_in_one_sentence(write, data, sentence):
    with pytest.raises(RefusedError) as caught:
        read_table(write(data), target="y")
    assert sentence in str(caught.value) and "t.csv" in str(caught.value)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 250
    assert not caught.value.report.ok or caught.value.report.findings


def test_a_path_that_cannot_be_read(tmp_path, monkeypatch):
    with pytest.raises(RefusedError, match=r"^there is no file .*none\.csv; check the name and the folder$"):
        read_table(tmp_path / "none.csv")
    with pytest.raises(RefusedError, match="is a folder; expected a text table"):
        read_table(tmp_path)
    with pytest.raises(RefusedError, match="there is no file"):
        read_table("a\0b.csv")
    file = tmp_path / "locked.csv"
    file.write_text("a\n1\n2\n")

    def denied(self):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(type(file), "read_bytes", denied)
    with pytest.raises(RefusedError, match=r"locked\.csv cannot be read: permission denied"):
        read_table(file)


def test_the_time_must_be_a_time(write):
    path = write("day,y\n5 Feb,1\n6 Feb,2\n")
    with pytest.raises(
        RefusedError, match=r"day of t\.csv is text, not a time; write times as 2024-02-05T10"
    ):
        read_table(path, target="y", time="day")
    with pytest.raises(RefusedError, match="has no column 'date' for the time"):
        read_table(path, target="y", time="date")
    _, rejected, _ = read_table(write("t,y\n2024-01-01,1\n,2\n2024-01-03,3\n"), time="t")
    assert rejected["reasons"].tolist() == ["t is missing, and it is the time"]


# ---- tables of the world ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["iris", "wine", "breast_cancer", "diabetes", "digits"])
@pytest.mark.parametrize("text_target", [False, True])
def test_bundled_tables_come_back(tmp_path, name, text_target):
    from sklearn import datasets

    bunch = getattr(datasets, f"load_{name}")(as_frame=True)
    frame = bunch.frame
    if text_target and name not in ("diabetes", "digits"):
        frame = frame.assign(target=bunch.target_names[bunch.target])
    frame.to_csv(tmp_path / "t.csv", index=False)
    back, rejected, _ = read_table(tmp_path / "t.csv", target="target")
    assert rejected.empty
    pd.testing.assert_frame_equal(back, frame, check_dtype=False)


def test_a_table_like_the_housing_one(tmp_path):
    rng = np.random.default_rng(0)
    n = 2_000
    frame = pd.DataFrame(
        {
            "longitude": rng.normal(-120, 2, n).round(2),
            "total_bedrooms": pd.array(rng.integers(1, 6_000, n), dtype="Int64"),
            "median_income": rng.gamma(4, 1, n).round(4),
            "ocean_proximity": rng.choice(["<1H OCEAN", "INLAND", "NEAR BAY", "NEAR OCEAN"], n),
            "median_house_value": np.minimum(rng.integers(15_000, 700_000, n), 500_001),
        }
    )
    frame.loc[rng.choice(n, 20, replace=False), "total_bedrooms"] = pd.NA
    frame.loc[:4, "ocean_proximity"] = "ISLAND"
    frame.to_csv(tmp_path / "housing.csv", index=False)
    back, rejected, _ = read_table(tmp_path / "housing.csv", target="median_house_value")
    pd.testing.assert_frame_equal(back, frame, check_dtype=False)
    assert back["total_bedrooms"].isna().sum() == 20 and (back["ocean_proximity"] == "ISLAND").sum() == 5
    assert rejected.empty


# ---- laws ---------------------------------------------------------------------------------------------

NAMES = st.lists(
    st.from_regex(r"[A-Za-z_][A-Za-z_ .%0-9]{0,8}[a-z]", fullmatch=True), min_size=1, max_size=5, unique=True
)
TEXT = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc"], include_characters="\n\t"), max_size=12
).map(lambda text: "w" + text)  # a letter first: no number, no time, no missing marker
CELLS = {
    "text": TEXT,
    "float": st.floats(allow_nan=False, allow_infinity=False),
    "integer": st.integers(-(2**63), 2**63 - 1),
    "boolean": st.booleans(),
    "time": st.datetimes(pd.Timestamp(1000, 1, 1), pd.Timestamp(9999, 12, 31)).map(
        lambda moment: pd.Timestamp(moment, tz="UTC")
    ),
}


@st.composite
def plain_frames(draw):
    """Any frame of plain values, as a user may have one; a cell in five is missing."""
    columns = {}
    n = draw(st.integers(2, 12))
    for name in draw(NAMES):
        kind = draw(st.sampled_from(sorted(CELLS)))
        cells = draw(st.lists(CELLS[kind], min_size=n, max_size=n))
        gaps = draw(st.sets(st.integers(1, n - 1), max_size=n // 5))
        columns[name] = pd.Series([None if i in gaps else cell for i, cell in enumerate(cells)], dtype=object)
    return pd.DataFrame(columns)


@settings(suppress_health_check=SAME_FOLDER)
@given(frame=plain_frames(), delimiter=st.sampled_from(",;\t|"), mark=st.booleans())
def test_what_pandas_writes_comes_back_equal(tmp_path, frame, delimiter, mark):
    """The law: a written table is read as it was, and nothing of it is rejected."""
    if delimiter != ",":  # elsewhere a file of one column has no delimiter to be found
        assume(frame.shape[1] > 1)
    text = [cell for name in frame for cell in [name, *frame[name]] if isinstance(cell, str)]
    assume(not any(other in cell for cell in text for other in set(",;\t|") - {delimiter}))
    encoding = "utf-8-sig" if mark else "utf-8"
    frame.to_csv(tmp_path / "t.csv", index=False, sep=delimiter, encoding=encoding)
    back, rejected, report = read_table(tmp_path / "t.csv")
    assert rejected.empty and report.ok
    assert list(back.columns) == list(frame.columns)
    for name in frame:
        assert back[name].isna().tolist() == frame[name].isna().tolist()
        assert back[name].dropna().tolist() == frame[name].dropna().tolist()


TOKENS = st.sampled_from(
    b'a b , , ; | " "" 1 2.5 -7 1,5 inf 1e400 NaN ? NA true no 2024-01-01 9999-12-31T23:59-14:00 \x00'.split(
        b" "
    )
    + b"\xff \xc3\xa9 \xef\xbb\xbf \xff\xfe 99999999999999999999 0x1A \x1a \xe2\x80\xa8 -1-".split(b" ")
    + [b"\n"] * 3
    + [b"\r\n", b"\r", b"\t", b" ", b"0" * 5000]
)


@settings(suppress_health_check=SAME_FOLDER, max_examples=400)
@given(
    data=st.one_of(
        st.binary(max_size=300),
        st.lists(TOKENS, max_size=50).map(b"".join),
        st.lists(TOKENS, max_size=50).map(lambda tokens: b"a,b\n1,2\n" + b"".join(tokens)),
        st.text(max_size=100).map(lambda text: text.encode("utf-16", "surrogatepass")),
    ),
    role=st.sampled_from([{}, {"target": "a"}, {"target": "b"}, {"time": "a"}]),
)
def test_any_bytes_are_parted_or_refused(tmp_path, data, role):
    """The law: every row is kept or rejected with a reason, or the file is refused; never another error."""
    (tmp_path / "t.csv").write_bytes(data)
    try:
        frame, rejected, report = read_table(tmp_path / "t.csv", **role)
    except RefusedError as error:
        assert "\n" not in str(error)
        return
    assert len(frame) + len(rejected) == findings(report, "rows")[0].value
    assert len(frame) >= 2 and rejected["reasons"].str.len().min() > 0 if len(rejected) else True
    assert rejected["line"].is_monotonic_increasing
    assert report.from_json(report.to_json()) == report
    frame.to_csv(tmp_path / "back.csv")  # every cell can be written again
    rejected.to_csv(tmp_path / "rejected.csv")


GARBAGE = st.one_of(
    st.binary(min_size=1, max_size=40).filter(lambda line: not set(line) & set(b'\n\r"')),
    st.text("abcxyz#@!-.,;|? 0123456789", min_size=1, max_size=40).map(str.encode),
    st.sampled_from(
        [b'"', b'1,"2,x', b",,,,,", b"x,y,z,u", b"NULL;NULL", b"\x00\x00\x00", b"ERROR: disk full"]
    ),
)


@settings(suppress_health_check=SAME_FOLDER)
@given(garbage=st.lists(GARBAGE, min_size=20, max_size=20), seed=st.integers(0, 2**32 - 1))
def test_garbage_is_rejected_and_no_clean_row_is(tmp_path, garbage, seed):
    """The law: of 200 rows with 10 % garbage the 180 clean ones stay, in order, and nothing else does."""
    assume(all(line.strip() for line in garbage))
    rng = np.random.default_rng(seed)
    clean = [
        f'{i},{rng.normal():.4f},"{rng.choice(["a, b", "c", "d e"])}",{rng.choice(["yes", "no"])}'.encode()
        for i in range(180)
    ]
    fine = [line for line in garbage if line.count(b",") == 3]  # it might be a row by chance
    assume(not fine or all(_no_row(line) for line in fine))
    lines = list(clean)
    for line in garbage:
        lines.insert(int(rng.integers(len(lines) + 1)), line)
    (tmp_path / "t.csv").write_bytes(b"n,x,s,y\n" + b"\n".join(lines) + b"\n")
    frame, rejected, _ = read_table(tmp_path / "t.csv", target="y")
    assert frame["n"].tolist() == list(range(180))
    told = [
        line + k
        for line, text in zip(rejected["line"], rejected["text"], strict=True)
        for k in range(text.count("\n") + 1)
    ]
    assert told == [i + 2 for i, line in enumerate(lines) if line not in set(clean)]


def _no_row(line: bytes) -> bool:
    """Whether a line of four cells has a first cell that is no number: garbage beyond doubt."""
    return line.split(b",")[0].strip()[:1].isalpha()


@given(text=st.text("ab1,;\n\r \x00é", max_size=60), width=st.integers(1, 3))
def test_the_fast_way_cuts_as_the_csv_module_does(text, width):
    """Oracle: without quotes, cutting whole columns gives what the standard library's reader gives."""
    lines = lines_of(text)
    fast = gather_rows(lines, ",", width)
    slow = list(read_rows(lines, ",", width))
    assert fast.starts.tolist() == [row.start for row in slow]
    assert fast.problems == {i: row.problem for i, row in enumerate(slow) if row.cells is None}
    cells = [row.cells for row in slow if row.cells is not None]
    assert [column.to_pylist() for column in fast.columns] == [
        [row[i] for row in cells] for i in range(width)
    ]
