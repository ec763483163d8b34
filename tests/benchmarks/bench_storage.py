"""How many bytes does a question cost, by the format or the store that holds the posts?

    python tests/benchmarks/bench_storage.py            # prints every figure of docs/storage.md
    python tests/benchmarks/bench_storage.py --quick    # fewer posts and turns

Bytes are counted, not estimated: Python and pyarrow read through `CountedFile`; SQLite reads by itself, so
there Linux is asked (/proc/thread-self/io). Each count starts with a newly opened file. Seconds are taken in
turns, so that all ways see the same machine: the ratio counts, with its least and greatest over the turns.
"""

from __future__ import annotations

import argparse
import inspect
import io
import json
import sqlite3
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.ipc as ipc
import pyarrow.parquet as pq

from mlsd.datasets import make_spam_posts

COLUMNS = (
    "post_id author posted_at country topic language n_words n_links caps_share views_1h likes_1h is_spam"
)
POSTS = 100_000
GROUP = 5_000  # rows of a row group
TABLES = ("no index", "key", "key and index")
LINUX = Path("/proc/thread-self/io")
Lines = list[list[str]]


def make_posts(n: int) -> pd.DataFrame:
    """Return n posts of 12 columns. The world's posts have no author: each gets one of 500 of its country."""
    posts = make_spam_posts(n, random_state=0).frame.rename(columns={"member_country": "country"})
    number = pd.Series(np.random.default_rng(0).integers(0, 500, n)).map("{:03d}".format)
    posts["author"] = posts["country"].astype(str) + "-" + number
    return posts[COLUMNS.split()]


# ---- counting ---------------------------------------------------------------------------------------


class CountedFile(io.FileIO):
    """A file that knows how many bytes were read from it."""

    count = 0

    def read(self, size=-1):
        data = super().read(size)
        self.count += len(data)
        return data

    def readinto(self, buffer):
        n = super().readinto(buffer)
        self.count += n
        return n


def read_from(path: Path, question: Callable[[CountedFile], Any]) -> int:
    """Return how many bytes a question reads from a file."""
    with CountedFile(path) as file:
        question(file)
        return file.count


def traffic(path: Path, question: Callable, *given: Any) -> tuple[Any, int, int]:
    """Return SQLite's answer to a question, and the bytes it read and wrote, by a connection of its own."""
    db = sqlite3.connect(path)
    db.execute("PRAGMA temp_store=MEMORY")  # what is sorted on the way is not counted
    before = LINUX.read_text()
    answer = question(db, *given)
    db.commit()
    after = LINUX.read_text()
    db.close()
    (read, written), (then, later) = ([int(n) for n in text.split()[1:4:2]] for text in (before, after))
    return answer, then - read - len(before), later - written  # less the reading of `before` itself


def in_turns(ways: dict[str, Callable[[], Any]], turns: int) -> dict[str, str]:
    """Return each way's time over the first way's: the median ratio, the least and the greatest."""
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for name, work in [*ways.items(), *list(ways.items()) * turns]:  # the first round only warms up
        began = time.perf_counter()
        work()
        taken[name].append(time.perf_counter() - began)
    first = next(iter(taken.values()))
    ratios = {
        name: [a / b for a, b in zip(times[1:], first[1:], strict=True)] for name, times in taken.items()
    }
    return {name: f"{statistics.median(r):.2g} ({min(r):.2g}-{max(r):.2g})" for name, r in ratios.items()}


def kb(n: float) -> str:
    """Thousands of bytes; small counts by the byte."""
    return f"{n / 1000:,.0f} kB" if n >= 10_000 else f"{n / 1000:.1f} kB" if n >= 1000 else f"{n:.0f} B"


def show(title: str, lines: Lines) -> None:
    """Print a Markdown table; the first line is its head."""
    print(f"\n{title}\n")
    for line in [lines[0], ["---"] * len(lines[0]), *lines[1:]]:
        print(f"| {' | '.join(line)} |".replace("| --- ", "|---").replace("--- |", "---|"))


# ---- 1. rows or columns -----------------------------------------------------------------------------


def mean_csv(file):
    return pd.read_csv(file, usecols=["n_words"])["n_words"].mean()


def mean_json(file):
    return pd.read_json(file, lines=True)["n_words"].mean()


def mean_parquet(file):
    return pd.read_parquet(file, columns=["n_words"])["n_words"].mean()


def mean_feather(file):
    return pd.read_feather(file, columns=["n_words"])["n_words"].mean()


def nth_line(file, number):
    """Read line after line: nothing says where a line begins."""
    return next(islice(io.BufferedReader(file), number, None))


def row_parquet(file, number):
    """Read the row group that holds the row, all its columns."""
    table = pq.ParquetFile(file)
    for group in range(table.num_row_groups):
        rows = table.metadata.row_group(group).num_rows
        if number < rows:
            return table.read_row_group(group).slice(number, 1).to_pylist()[0]
        number -= rows


def row_feather(file, number):
    """Read the batch that holds the row, all its columns."""
    table = ipc.open_file(file)
    for index in range(table.num_record_batches):
        batch = table.get_batch(index)
        if number < batch.num_rows:
            return batch.slice(number, 1).to_pylist()[0]
        number -= batch.num_rows


def row_by_start(file, starts, number):
    """Look up where the line begins (8 bytes a line, in a file of their own), and jump there."""
    starts.seek(8 * number)
    file.seek(int.from_bytes(starts.read(8), "little"))
    return file.readline()


def of_one_day(file, day):
    until = day + pd.Timedelta("1 day")
    return pd.read_parquet(
        file, columns=["n_words"], filters=[("posted_at", ">=", day), ("posted_at", "<", until)]
    )


def to_lines(posts: pd.DataFrame, target: Any = None) -> Any:
    return posts.to_json(target, orient="records", lines=True, date_format="iso")


def write_formats(posts: pd.DataFrame, folder: Path) -> dict[str, Path]:
    """Write the same table once in each format, and CSV's list of line starts."""
    names = (
        "posts.csv",
        "posts.jsonl",
        "posts.parquet",
        "posts.feather",
        "groups.parquet",
        "shuffled.parquet",
    )
    paths = {name: folder / name for name in names}
    posts.to_csv(paths["posts.csv"], index=False)
    to_lines(posts, paths["posts.jsonl"])
    posts.to_parquet(paths["posts.parquet"], index=False)
    posts.to_feather(paths["posts.feather"])
    posts.to_parquet(paths["groups.parquet"], index=False, row_group_size=GROUP)
    shuffled = posts.sample(frac=1, random_state=0)
    shuffled.to_parquet(paths["shuffled.parquet"], index=False, row_group_size=GROUP)
    lengths = [len(line) for line in paths["posts.csv"].open("rb")]
    np.cumsum([0, *lengths])[:-1].astype("<i8").tofile(folder / "starts")
    return paths


def append_text(path: Path, text: str) -> str:
    """Write at the end of a file of lines; nothing is read."""
    with path.open("a") as file:
        return _moved(0, file.write(text))


def append_rewriting(path: Path, ten: pd.DataFrame, read: Callable, write: str) -> str:
    """Read everything and write everything: the table of contents stands at the end of the file."""
    longer = path.with_suffix(".longer")
    with CountedFile(path) as file:
        getattr(pd.concat([read(file), ten], ignore_index=True), write)(longer)
        return _moved(file.count, longer.stat().st_size)


def _ratio(a: int, b: int) -> str:
    return f"1/{b / a:.0f}" if a < b else f"{a / b:.1f} times"


def _moved(read: int, written: int) -> str:
    return f"{kb(read)} read, {kb(written)} written"


def row_or_column(posts: pd.DataFrame, folder: Path) -> Lines:
    """Four formats, three questions."""
    paths, ten = write_formats(posts, folder), posts.head(10)
    csv, lines, parquet, feather = (paths[f"posts.{kind}"] for kind in ("csv", "jsonl", "parquet", "feather"))
    number = int(0.618 * len(posts))  # a row somewhere in the second half
    whole = csv.stat().st_size
    with CountedFile(folder / "starts") as starts:
        jump = read_from(csv, lambda file: row_by_start(file, starts, number + 1)) + starts.count
    rows = [["format", "on disk", "mean of one column", "against CSV", "one whole row", "append ten rows"]]
    for name, path, mean, row, skip, append in (
        ("CSV", csv, mean_csv, nth_line, 1, lambda: append_text(csv, ten.to_csv(index=False, header=False))),
        ("JSON lines", lines, mean_json, nth_line, 0, lambda: append_text(lines, to_lines(ten))),
        ("Parquet", parquet, mean_parquet, row_parquet, 0,
         lambda: append_rewriting(parquet, ten, pd.read_parquet, "to_parquet")),
        ("Feather (Arrow)", feather, mean_feather, row_feather, 0,
         lambda: append_rewriting(feather, ten, pd.read_feather, "to_feather")),
    ):  # fmt: skip
        size, all_rows = path.stat().st_size, read_from(path, mean)
        one = read_from(path, lambda file, row=row, skip=skip: row(file, number + skip))
        rows.append([name, kb(size), kb(all_rows), _ratio(all_rows, whole), kb(one), append()])
    ten.to_parquet(folder / "ten.parquet", index=False)
    rows.append(["CSV and a list of line starts", kb(whole + 8 * len(posts)), "", "", kb(jump), ""])
    second = _moved(0, (folder / "ten.parquet").stat().st_size)
    rows.append(["Parquet, the ten in a second file", "", "", "", "", second])
    return rows


def row_groups(posts: pd.DataFrame, folder: Path) -> Lines:
    """What a Parquet file reads, by the groups its rows lie in."""
    day, number = posts["posted_at"].iloc[len(posts) // 2].floor("D"), int(0.618 * len(posts))
    groups = -(-len(posts) // GROUP)
    kinds = {
        "one group": "posts.parquet",
        f"{groups} groups, by time": "groups.parquet",
        f"{groups} groups, shuffled": "shuffled.parquet",
    }
    rows = [["Parquet file", "on disk", "12 columns", "1 column", "1 column of 1 day", "1 row"]]
    for name, file in kinds.items():
        path = folder / file
        asked = [
            pd.read_parquet,
            mean_parquet,
            lambda f: of_one_day(f, day),
            lambda f: row_parquet(f, number),
        ]
        rows.append([name, kb(path.stat().st_size), *(kb(read_from(path, question)) for question in asked)])
    return rows


# ---- 2. relational, document, key-value -------------------------------------------------------------


def post_relational(db, post_id):
    return db.execute(
        "SELECT * FROM posts JOIN members USING (author) WHERE post_id = ?", [post_id]
    ).fetchone()


def week_relational(db, author, start, end):
    sql = "SELECT post_id FROM posts WHERE author = ? AND posted_at >= ? AND posted_at < ?"
    return [post_id for (post_id,) in db.execute(sql, [author, start, end])]


def share_relational(db):
    sql = "SELECT country, avg(is_spam) FROM posts JOIN members USING (author) GROUP BY country"
    return dict(db.execute(sql))


def post_document(db, post_id):
    (body,) = db.execute("SELECT body FROM documents WHERE id = ?", [post_id]).fetchone()
    return json.loads(body)


def week_document(db, author, start, end):
    sql = """SELECT id FROM documents WHERE json_extract(body, '$.author.name') = ?
             AND json_extract(body, '$.posted_at') >= ? AND json_extract(body, '$.posted_at') < ?"""
    return [post_id for (post_id,) in db.execute(sql, [author, start, end])]


def share_document(db):
    sql = """SELECT json_extract(body, '$.author.country') AS country, avg(json_extract(body, '$.is_spam'))
             FROM documents GROUP BY country"""
    return dict(db.execute(sql))


def get(db, key):
    return db.execute("SELECT value FROM pairs WHERE key = ?", [key]).fetchone()[0]


def values(db):
    return (value for (value,) in db.execute("SELECT value FROM pairs"))


def post_key_value(db, post_id):
    return json.loads(get(db, post_id))


def week_key_value(db, author, start, end):
    found = []
    for post in map(json.loads, values(db)):
        if post["author"]["name"] == author and start <= post["posted_at"] < end:
            found.append(post["post_id"])
    return found


def share_key_value(db):
    posts, spam = Counter(), Counter()
    for post in map(json.loads, values(db)):
        posts[post["author"]["country"]] += 1
        spam[post["author"]["country"]] += post["is_spam"]
    return {country: spam[country] / n for country, n in posts.items()}


STORES = ("relational", "document", "key_value")
QUESTIONS = {
    "a post by its id": "post",
    "one author's posts of a week": "week",
    "share of spam per country": "share",
}


def documents_of(posts: pd.DataFrame) -> Iterable[tuple[str, str]]:
    """Yield (id, JSON text): the author is part of the post, country and all."""
    for row in _plain(posts).to_dict("records"):
        post = dict(row)
        post["author"] = {"name": post["author"], "country": post.pop("country")}
        yield post["post_id"], json.dumps(post)


def _plain(posts: pd.DataFrame) -> pd.DataFrame:
    """Return cells that SQLite and JSON know: moments as ISO text."""
    return posts.assign(posted_at=posts["posted_at"].dt.strftime("%Y-%m-%dT%H:%M:%SZ"))


def rows_of(posts: pd.DataFrame) -> list[list]:
    return _plain(posts).astype(object).values.tolist()


def build_stores(posts: pd.DataFrame, folder: Path) -> dict[str, Path]:
    """Put the same posts into three stores; only the model differs, the engine is SQLite each time."""
    paths = {store: folder / f"{store}.db" for store in (*STORES, "document, no index")}
    db = sqlite3.connect(paths["relational"])
    columns = ", ".join(name for name in posts if name not in ("post_id", "country"))
    db.execute(f"CREATE TABLE posts (post_id TEXT PRIMARY KEY, {columns})")
    db.execute("CREATE TABLE members (author TEXT PRIMARY KEY, country TEXT)")
    members = posts[["author", "country"]].drop_duplicates()
    db.executemany("INSERT INTO members VALUES (?, ?)", members.values.tolist())
    rows = rows_of(posts.drop(columns="country"))
    db.executemany(f"INSERT INTO posts VALUES ({', '.join('?' * 11)})", rows)
    db.execute("CREATE INDEX by_author ON posts (author, posted_at)")
    _close(db)
    index = """CREATE INDEX by_author ON documents
               (json_extract(body, '$.author.name'), json_extract(body, '$.posted_at'))"""
    for store, layout, after in (
        ("document", "documents (id TEXT PRIMARY KEY, body TEXT)", index),
        ("document, no index", "documents (id TEXT PRIMARY KEY, body TEXT)", ""),
        ("key_value", "pairs (key TEXT PRIMARY KEY, value TEXT)", ""),
    ):
        db = sqlite3.connect(paths[store])
        db.execute(f"CREATE TABLE {layout}")
        db.executemany(f"INSERT INTO {layout.split()[0]} VALUES (?, ?)", documents_of(posts))
        db.execute(after)
        _close(db)
    return paths


def _close(db: sqlite3.Connection) -> None:
    db.commit()
    db.close()


def given(posts: pd.DataFrame) -> dict[str, tuple]:
    """Return what each question names: a post in the middle, its author, the second week."""
    middle = posts.iloc[len(posts) // 2]
    return {
        "post": (middle["post_id"],),
        "week": (middle["author"], "2024-01-08T00:00:00Z", "2024-01-15T00:00:00Z"),
        "share": (),
    }


def code_lines(function: Callable) -> int:
    return len(inspect.getsource(function).splitlines()) - 1  # less the line with its name


def three_stores(posts: pd.DataFrame, paths: dict[str, Path]) -> Lines:
    """What each question reads, by store."""
    rows = [["question", *(f"{store}: lines, read" for store in STORES)]]
    rows.append(["(the whole file)", *(kb(paths[store].stat().st_size) for store in STORES)])
    for words, question in QUESTIONS.items():
        cells = []
        for store in STORES:
            function = globals()[f"{question}_{store}"]
            _, read, _ = traffic(paths[store], function, *given(posts)[question])
            cells.append(f"{code_lines(function)}, {kb(read)}")
        rows.append([words, *cells])
    _, read, _ = traffic(paths["document, no index"], week_document, *given(posts)["week"])
    rows.append(["the same week, no index on the author", "", f"{code_lines(week_document)}, {kb(read)}", ""])
    moved = sum(posts["author"] == given(posts)["week"][0])
    rows.append(["a member moves: records to write", "1", str(moved), str(moved)])
    return rows


def times_of_stores(posts: pd.DataFrame, paths: dict[str, Path], turns: int) -> Lines:
    """How long each question takes, over the relational store."""
    rows = [["question", *STORES]]
    for words, question in QUESTIONS.items():
        ways = {
            store: lambda store=store, question=question: traffic(
                paths[store], globals()[f"{question}_{store}"], *given(posts)[question]
            )
            for store in STORES
        }
        rows.append([words, *in_turns(ways, turns).values()])
    return rows


def new_field(posts: pd.DataFrame, paths: dict[str, Path]) -> Lines:
    """Tomorrow a post knows whether it was edited: what changes, what old posts say, what a slip does."""
    old = posts["post_id"].iloc[0]
    slip = json.dumps(traffic(paths["key_value"], post_key_value, old)[0] | {"editted": 1})
    steps = {
        "relational": (
            "`ALTER TABLE`, 1 line",
            "SELECT edited FROM posts WHERE post_id = ?",
            ("INSERT INTO posts (post_id, editted) VALUES ('new', ?)", 1),
        ),
        "document": (
            "nothing",
            "SELECT json_extract(body, '$.edited') FROM documents WHERE id = ?",
            ("INSERT INTO documents VALUES ('new', ?)", slip),
        ),
        "key_value": ("nothing", "", ("INSERT INTO pairs VALUES ('new', ?)", slip)),
    }
    alter = "ALTER TABLE posts ADD COLUMN edited INTEGER DEFAULT 0"
    written = traffic(paths["relational"], lambda db: db.execute(alter))[2]
    rows = [["store", "to do first", "written", "an old post says", "a new post with `editted`"]]
    for store, (todo, ask, new) in steps.items():
        if ask:
            said = traffic(paths[store], lambda db, ask=ask: db.execute(ask, [old]).fetchone()[0])[0]
        else:
            said = traffic(paths[store], post_key_value, old)[0].get("edited")
        cost = kb(written if store == "relational" else 0)
        rows.append([store, todo, cost, str(said), traffic(paths[store], _tried, *new)[0]])
    return rows


def _tried(db, sql, value):
    try:
        db.execute(sql, [value])
    except sqlite3.OperationalError as error:
        return f"refused: {error}"
    return "accepted"


# ---- 3. many small transactions, or one question to all rows -----------------------------------------


def build_tables(posts: pd.DataFrame, folder: Path) -> dict[str, Path]:
    """Write the table of posts without index, with a key, and with an index for the aggregate."""
    rows, names = rows_of(posts), ", ".join(posts)
    keyed = names.replace("post_id", "post_id TEXT PRIMARY KEY")
    paths = {}
    for kind, columns in zip(TABLES, (names, keyed, keyed), strict=True):
        paths[kind] = folder / f"{kind}.db"
        db = sqlite3.connect(paths[kind])
        db.execute("PRAGMA journal_mode=WAL")
        db.execute(f"CREATE TABLE posts ({columns})")
        db.execute("CREATE TABLE votes (post_id TEXT, vote INTEGER)")
        db.executemany(f"INSERT INTO posts VALUES ({', '.join('?' * 12)})", rows)
        if kind == "key and index":
            db.execute("CREATE INDEX spam_by_country ON posts (country, is_spam)")
        _close(db)
    return paths


def vote(db, post_id):
    """One small transaction: keep a vote, read the post."""
    with db:
        db.execute("INSERT INTO votes VALUES (?, 1)", [post_id])
        return db.execute("SELECT * FROM posts WHERE post_id = ?", [post_id]).fetchone()


def vote_parquet(folder, file, number, post_id):
    """The same on column files: a vote is a file of its own, as a closed file cannot grow."""
    pd.DataFrame({"post_id": [post_id], "vote": [1]}).to_parquet(
        folder / f"{number}.vote.parquet", index=False
    )
    return row_parquet(file, number)


def share_rows(db):
    return dict(db.execute("SELECT country, avg(is_spam) FROM posts GROUP BY country"))


def share_columns(file):
    return (
        pd.read_parquet(file, columns=["country", "is_spam"])
        .groupby("country", observed=True)["is_spam"]
        .mean()
    )


def add_posts(db, rows):
    """Add post after post, each in a transaction of its own."""
    db.execute("PRAGMA synchronous=OFF")
    for row in rows:
        with db:
            db.execute(f"INSERT INTO posts VALUES ({', '.join('?' * len(row))})", row)


def small_or_all(posts: pd.DataFrame, tables: dict[str, Path], folder: Path) -> Lines:
    """What a small transaction, an aggregate and a new post move, by table."""
    number, groups = len(posts) // 2, folder / "groups.parquet"
    post_id = posts["post_id"].iloc[number]
    new = make_posts(len(posts) + 100).tail(100)
    rows = [["table", "on disk", "a vote and a post: read", "all posts: read", "one more post: written"]]
    for kind, path in tables.items():
        moved = [
            traffic(path, vote, post_id)[1],
            traffic(path, share_rows)[1],
            traffic(path, add_posts, rows_of(new))[2] / 100,
        ]
        rows.append([f"rows, {kind}", kb(path.stat().st_size), *map(kb, moved)])
    small = read_from(groups, lambda file: vote_parquet(folder, file, number, post_id))
    rows.append(
        ["columns (Parquet)", kb(groups.stat().st_size), kb(small), kb(read_from(groups, share_columns)), ""]
    )
    return rows


def times_of_tables(posts: pd.DataFrame, tables: dict[str, Path], folder: Path, turns: int) -> Lines:
    """How long a hundred small transactions and one aggregate take, over the table with a key."""
    ids, groups = posts["post_id"].sample(100, random_state=0), folder / "groups.parquet"

    def small(path):
        db = sqlite3.connect(path)
        db.execute("PRAGMA synchronous=OFF")  # nobody waits for the disk, here as there
        for post_id in ids:
            vote(db, post_id)
        db.close()

    def small_files():
        for number, post_id in ids.items():
            read_from(groups, lambda file, n=number, i=post_id: vote_parquet(folder, file, n, i))

    order = ("key", "no index", "key and index")
    votes = {kind: lambda kind=kind: small(tables[kind]) for kind in order} | {"columns": small_files}
    shares = {kind: lambda kind=kind: traffic(tables[kind], share_rows) for kind in order}
    shares["columns"] = lambda: read_from(groups, share_columns)
    rows = [["work", *votes]]
    rows.append(["100 votes, 100 posts read", *in_turns(votes, turns).values()])
    rows.append(["share of spam per country", *in_turns(shares, turns).values()])
    return rows


def write_while_reading(posts: pd.DataFrame, folder: Path) -> Lines:
    """A hundred votes arrive while somebody counts them all."""
    rows = [["journal", "written during the count", "why not", "the count says", "the next count"]]
    for mode in ("delete", "wal"):
        path = folder / f"{mode}.db"
        writer = sqlite3.connect(path, timeout=0, isolation_level=None)  # 0 s: it does not wait
        writer.execute(f"PRAGMA journal_mode={mode}")
        writer.execute("CREATE TABLE votes (post_id TEXT)")
        writer.execute("BEGIN")
        writer.executemany("INSERT INTO votes VALUES (?)", [[post_id] for post_id in posts["post_id"]])
        writer.execute("COMMIT")
        reader = sqlite3.connect(path)
        cursor = reader.execute("SELECT post_id FROM votes")
        counted, written, reasons = len(cursor.fetchmany(len(posts) // 2)), 0, set()
        for _ in range(100):
            try:
                writer.execute("INSERT INTO votes VALUES ('new')")
                written += 1
            except sqlite3.OperationalError as error:
                reasons.add(str(error))
        counted += len(cursor.fetchall())
        (after,) = reader.execute("SELECT count(*) FROM votes").fetchone()
        rows.append([mode, f"{written} of 100", ", ".join(reasons), f"{counted:,}", f"{after:,}"])
        reader.close()
        writer.close()
    return rows


# ---- all together -----------------------------------------------------------------------------------


def counts(posts: pd.DataFrame, folder: Path) -> dict[str, Lines]:
    """Return the tables that come out the same each time: bytes, rows, lines."""
    formats, stores = row_or_column(posts, folder), build_stores(posts, folder)
    tables = build_tables(posts, folder)
    return {
        "Row or column": formats,
        "Row groups": row_groups(posts, folder),
        "Three stores": three_stores(posts, stores),
        "A new field": new_field(posts, stores),
        "Small transactions or all rows": small_or_all(posts, tables, folder),
        "A write while a long read runs": write_while_reading(posts, folder),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true")
    asked = parser.parse_args()
    if not LINUX.exists():
        sys.exit(
            "bench_storage.py: what SQLite reads is counted by /proc/thread-self/io, which only Linux has."
        )
    n, turns = (10_000, 3) if asked.quick else (POSTS, 7)
    posts = make_posts(n)
    print(f"{n:,} posts of {posts.shape[1]} columns")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for title, lines in counts(posts, folder).items():
            show(title, lines)
        stores = {store: folder / f"{store}.db" for store in STORES}
        show("Time over the relational store", times_of_stores(posts, stores, turns))
        tables = {kind: folder / f"{kind}.db" for kind in TABLES}
        show("Time over the table with a key", times_of_tables(posts, tables, folder, turns))


if __name__ == "__main__":
    main()
