"""The page on storage keeps its word: its code is the benchmark's, its bytes and rows are measured again."""

import io
import re
from itertools import chain
from pathlib import Path

import pytest

from tests.benchmarks import bench_storage as bench

PAGE = (Path(__file__).parents[1] / "docs/storage.md").read_text(encoding="utf-8")
linux = pytest.mark.skipif(not bench.LINUX.exists(), reason="what SQLite reads is counted by Linux")
NUMBER = r"\d[\d,.]*"


@pytest.fixture(scope="module")
def small():
    """Return 3,000 posts: enough for the right answers."""
    return bench.make_posts(3_000)


@pytest.fixture(scope="module")
def stores(small, tmp_path_factory):
    return bench.build_stores(small, tmp_path_factory.mktemp("stores"))


def page_table(head: list[str]) -> list[list[str]]:
    """Return the page's table with this head, cell by cell."""
    lines = PAGE.splitlines()
    start = lines.index(f"| {' | '.join(head)} |")
    rows = []
    for line in lines[start:]:
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in line.strip("|").split("|")])
    return [rows[0], *rows[2:]]  # the second line is the rule


def in_bytes(cell: str) -> list[float]:
    units = re.sub(rf"({NUMBER}) kB", lambda m: str(float(m[1].replace(",", "")) * 1000), cell)
    return [float(number.replace(",", "")) for number in re.findall(NUMBER, units)]


# ---- the page ---------------------------------------------------------------------------------------


def test_the_code_on_the_page_is_the_code_that_is_measured():
    script = Path(bench.__file__).read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.+?)```", PAGE, re.S)
    assert len(blocks) == 2 + 3 * len(bench.QUESTIONS)
    assert [block for block in blocks if block not in script] == []


def test_numbers_in_the_text_stand_in_its_tables():
    lines = re.sub(r"```.+?```", "", PAGE, flags=re.S).splitlines()
    tables = " ".join(line for line in lines if line.startswith("|"))
    text = " ".join(line for line in lines if not line.startswith("|")).replace(" bytes", " B")
    told = re.findall(r"1/\d+|[\d,.]+ k?B\b", text)
    assert len(told) >= 8
    assert [number for number in told if f" {number} " not in tables] == []


@linux
def test_bytes_and_rows_on_the_page_are_those_measured_today(tmp_path):
    """Words agree exactly; counts within 5 %, as another release of SQLite or pyarrow may write a page more."""
    posts = bench.make_posts(bench.POSTS)
    for title, measured in bench.counts(posts, tmp_path).items():
        told = page_table(measured[0])
        assert len(told) == len(measured), title
        for ours, theirs in zip(chain(*told), chain(*measured), strict=True):
            assert re.sub(NUMBER, "#", ours) == re.sub(NUMBER, "#", theirs), title
            assert in_bytes(ours) == pytest.approx(in_bytes(theirs), rel=0.05), f"{title}: {ours}, {theirs}"


@linux
def test_the_tables_of_time_have_the_rows_of_the_benchmark(small, tmp_path):
    bench.counts(small, tmp_path)
    for measured in bench.times(small, tmp_path, turns=1).values():
        assert [row[0] for row in page_table(measured[0])] == [row[0] for row in measured]


# ---- what is counted, and what is answered ----------------------------------------------------------


def test_a_counted_file_counts_each_byte_once(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(bytes(100_000))

    def question(file):
        file.read(10)
        file.seek(5)
        file.readinto(bytearray(20))
        file.seek(0)
        return file.read()

    assert bench.read_from(path, question) == 10 + 20 + 100_000


@linux
@pytest.mark.parametrize("kind", list(bench.FORMATS))
def test_the_counted_bytes_are_those_linux_counts(small, tmp_path, kind):
    path = bench.write_formats(small, tmp_path)[f"posts.{kind}"]
    bench.MEAN[kind](path)  # what is imported on the way is read now
    before = Path("/proc/self/io").read_text()  # all threads: pyarrow has its own
    counted = bench.read_from(path, bench.MEAN[kind])
    after = Path("/proc/self/io").read_text()
    asked = int(after.split()[1]) - int(before.split()[1]) - len(before)
    assert counted <= asked < counted + 10_000  # a test runner's own threads read a little


@linux
def test_sqlite_s_bytes_are_whole_pages_and_a_scan_reads_the_table(stores):
    db_size = stores["document, no index"].stat().st_size
    assert bench.traffic(stores["document, no index"], lambda db: None)[1:] == (0, 0)
    _, read, written = bench.traffic(stores["document, no index"], bench.share_document)
    assert written == 0
    assert 0.8 * db_size < read <= db_size + 4096  # all but the index of the key


@pytest.mark.parametrize("kind", list(bench.FORMATS))
def test_each_format_gives_the_mean_and_the_row(small, tmp_path, kind):
    path = bench.write_formats(small, tmp_path)[f"posts.{kind}"]
    assert bench.MEAN[kind](path) == pytest.approx(small["n_words"].mean())
    with bench.CountedFile(path) as file:
        if kind in ("parquet", "feather"):
            row = getattr(bench, f"row_{kind}")(file, 2_000)["post_id"]
        else:
            row = bench.nth_line(file, 2_000 + (kind == "csv")).decode()
    assert small["post_id"].iloc[2_000] in row


def test_a_list_of_line_starts_leads_to_the_line(small, tmp_path):
    path = bench.write_formats(small, tmp_path)["posts.csv"]
    with bench.CountedFile(path) as file, bench.CountedFile(tmp_path / "starts") as starts:
        line = bench.row_by_start(file, starts, 2_001)
        assert file.count == len(line)
        assert starts.count == 8
    assert small["post_id"].iloc[2_000] in line.decode()


def test_row_groups_give_the_posts_of_the_day(small, tmp_path):
    paths = bench.write_formats(small, tmp_path)
    day = small["posted_at"].iloc[1_500].floor("D")
    expected = sorted(small["n_words"][small["posted_at"].dt.floor("D") == day])
    for name in ("posts.parquet", "groups.parquet", "shuffled.parquet"):
        with io.FileIO(paths[name]) as file:
            assert sorted(bench.of_one_day(file, day)["n_words"]) == expected


@linux
def test_the_three_stores_give_the_answers_pandas_gives(small, stores):
    (post_id,), (_, start, end), _ = bench.given(small)
    week = small[small["posted_at"].between(start, end, inclusive="left")]
    later = small["author"][small["posted_at"] >= end]
    author = week["author"][week["author"].isin(later)].mode()[0]
    own = week["post_id"][week["author"] == author]
    shares = small.groupby("country", observed=True)["is_spam"].mean().to_dict()
    for store, asks in zip(bench.STORES, zip(*bench.QUESTIONS.values(), strict=True), strict=True):
        post, posts_of_week, share = asks
        found = bench.traffic(stores[store], post, post_id)[0]
        assert post_id in (found.values() if isinstance(found, dict) else found)
        assert sorted(bench.traffic(stores[store], posts_of_week, author, start, end)[0]) == sorted(own)
        assert bench.traffic(stores[store], share)[0] == pytest.approx(shares)
    assert 1 < len(own) < sum(small["author"] == author)


@linux
def test_rows_and_columns_give_the_same_share(small, tmp_path):
    tables = bench.build_tables(small, tmp_path)
    columns = bench.share_columns(bench.write_formats(small, tmp_path)["groups.parquet"]).to_dict()
    for path in tables.values():
        assert bench.traffic(path, bench.share_rows)[0] == pytest.approx(columns)


@pytest.mark.parametrize(
    ("n", "text"), [(999, "999 B"), (1_000, "1.0 kB"), (9_960, "10.0 kB"), (12_800, "13 kB")]
)
def test_bytes_are_written_for_people(n, text):
    assert bench.kb(n) == text
