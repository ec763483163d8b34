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
from collections.abc import Callable
from functools import partial
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
POSTS = 50_000
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
    for name, work in list(ways.items()) * turns:
        work()  # each finds its own bytes in the caches, not those of the way before it
        began = time.perf_counter()
        work()
        taken[name].append(time.perf_counter() - began)
    first = next(iter(taken.values()))
    return {name: _spread([a / b for a, b in zip(own, first, strict=True)]) for name, own in taken.items()}


def _spread(ratios: list[float]) -> str:
    low, middle, high = (
        f"{r:.2f}" if r < 1 else f"{r:.1f}" if r < 10 else f"{r:.0f}"
        for r in (min(ratios), statistics.median(ratios), max(ratios))
    )
    return "1" if set(ratios) == {1} else f"{middle} ({low}-{high})"


def kb(n: float) -> str:
    """Thousands of bytes; small counts by the byte."""
    return f"{n / 1000:,.0f} kB" if n >= 10_000 else f"{n / 1000:.1f} kB" if n >= 1000 else f"{n:.0f} B"


def show(title: str, lines: Lines) -> None:
    """Print a Markdown table; the first line is its head."""
    print(f"\n{title}\n")
    head, *rows = [f"| {' | '.join(line)} |" for line in lines]
    print("\n".join([head, "|---" * len(lines[0]) + "|", *rows]))


# ---- 1. rows or columns -----------------------------------------------------------------------------


FORMATS = {"csv": "CSV", "jsonl": "JSON lines", "parquet": "Parquet", "feather": "Feather (Arrow)"}
MEAN = {
    "csv": lambda file: pd.read_csv(file, usecols=["n_words"])["n_words"].mean(),
    "jsonl": lambda file: pd.read_json(file, lines=True)["n_words"].mean(),
    "parquet": lambda file: pd.read_parquet(file, columns=["n_words"])["n_words"].mean(),
    "feather": lambda file: pd.read_feather(file, columns=["n_words"])["n_words"].mean(),
}


def nth_line(file, number):
    """Read line after line: nothing says where a line begins."""
    with io.BufferedReader(file) as lines:
        return next(islice(lines, number, None))


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
    rows = [("posted_at", ">=", day), ("posted_at", "<", day + pd.Timedelta("1 day"))]
    return pd.read_parquet(file, columns=["n_words"], filters=rows)


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
    lengths = [len(line) for line in paths["posts.csv"].read_bytes().splitlines(keepends=True)]
    np.cumsum([0, *lengths])[:-1].astype("<i8").tofile(folder / "starts")
    return paths


def append_text(path: Path, text: str) -> tuple[int, int]:
    """Write at the end of a file of lines; nothing is read."""
    with path.open("a") as file:
        return 0, file.write(text)


def append_rewriting(path: Path, ten: pd.DataFrame) -> tuple[int, int]:
    """Read everything and write everything: the table of contents stands at the end of the file."""
    kind, longer = path.suffix[1:], path.with_suffix(".longer")
    with CountedFile(path) as file:
        table = pd.concat([getattr(pd, f"read_{kind}")(file), ten], ignore_index=True)
        getattr(table, f"to_{kind}")(longer)
        return file.count, longer.stat().st_size


def _ratio(a: int, b: int) -> str:
    return "1" if a == b else f"1/{b / a:.0f}" if a < b else f"{a / b:.1f}"


def _moved(read: int, written: int) -> str:
    return f"{kb(read)} read, {kb(written)} written"


def row_or_column(posts: pd.DataFrame, folder: Path) -> Lines:
    """Four formats, three questions."""
    paths, ten, number = write_formats(posts, folder), posts.head(10), int(0.618 * len(posts))
    row = {
        "csv": lambda file: nth_line(file, number + 1),  # after the line with the names
        "jsonl": lambda file: nth_line(file, number),
        "parquet": lambda file: row_parquet(file, number),
        "feather": lambda file: row_feather(file, number),
    }
    text = {"csv": ten.to_csv(index=False, header=False), "jsonl": to_lines(ten)}
    csv = paths["posts.csv"]
    whole = csv.stat().st_size
    with CountedFile(folder / "starts") as starts:
        jump = read_from(csv, lambda file: row_by_start(file, starts, number + 1)) + starts.count
    rows = [["format", "on disk", "mean of one column", "against CSV", "one whole row", "append ten rows"]]
    for kind, name in FORMATS.items():
        path = paths[f"posts.{kind}"]
        size, mean, one = path.stat().st_size, read_from(path, MEAN[kind]), read_from(path, row[kind])
        added = append_text(path, text[kind]) if kind in text else append_rewriting(path, ten)
        rows.append([name, kb(size), kb(mean), _ratio(mean, whole), kb(one), _moved(*added)])
    rows.append(["CSV and a list of line starts", kb(whole + 8 * len(posts)), "", "", kb(jump), ""])
    ten.to_parquet(folder / "ten.parquet", index=False)
    second = (folder / "ten.parquet").stat().st_size
    rows.append(["Parquet, the ten in a second file", "", "", "", "", _moved(0, second)])
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
            MEAN["parquet"],
            lambda f: of_one_day(f, day),
            lambda f: row_parquet(f, number),
        ]
        rows.append([name, kb(path.stat().st_size), *(kb(read_from(path, question)) for question in asked)])
    return rows


# ---- 2. relational, document, key-value -------------------------------------------------------------


def post_relational(db, post_id):
    sql = "SELECT * FROM posts JOIN members USING (author) WHERE post_id = ?"
    return db.execute(sql, [post_id]).fetchone()


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


STORES = ("relational", "document", "key-value")
QUESTIONS = {
    "a post by its id": (post_relational, post_document, post_key_value),
    "one author's posts of a week": (week_relational, week_document, week_key_value),
    "share of spam per country": (share_relational, share_document, share_key_value),
}


def documents_of(posts: pd.DataFrame) -> list[tuple[str, str]]:
    """Return (id, JSON text): the author is part of the post, country and all."""
    rows = _plain(posts).to_dict("records")
    for post in rows:
        post["author"] = {"name": post["author"], "country": post.pop("country")}
    return [(post["post_id"], json.dumps(post)) for post in rows]


def _plain(posts: pd.DataFrame) -> pd.DataFrame:
    """Return cells that SQLite and JSON know: moments as ISO text."""
    return posts.assign(posted_at=posts["posted_at"].dt.strftime("%Y-%m-%dT%H:%M:%SZ"))


def rows_of(posts: pd.DataFrame) -> list[list]:
    return _plain(posts).astype(object).values.tolist()


def build_stores(posts: pd.DataFrame, folder: Path) -> dict[str, Path]:
    """Put the same posts into three stores; only the model differs, the engine is SQLite each time."""
    columns = ", ".join(name for name in posts if name not in ("post_id", "country"))
    members = posts[["author", "country"]].astype(object).drop_duplicates().values.tolist()
    documents = documents_of(posts)
    by_author = "CREATE INDEX by_author ON documents (json_extract(body, '$.author.name'), "
    by_author += "json_extract(body, '$.posted_at'))"
    content = {
        "relational": {
            f"posts (post_id TEXT PRIMARY KEY, {columns})": rows_of(posts.drop(columns="country")),
            "members (author TEXT PRIMARY KEY, country TEXT)": members,
        },
        "document": {"documents (id TEXT PRIMARY KEY, body TEXT)": documents},
        "document, no index": {"documents (id TEXT PRIMARY KEY, body TEXT)": documents},
        "key-value": {"pairs (key TEXT PRIMARY KEY, value TEXT)": documents},
    }
    index = {"relational": "CREATE INDEX by_author ON posts (author, posted_at)", "document": by_author}
    return {s: build(folder / f"{s}.db", tables, index.get(s, "")) for s, tables in content.items()}


def build(path: Path, tables: dict[str, list], index: str, journal: str = "delete") -> Path:
    """Write tables, given as layout and rows, then an index."""
    db = sqlite3.connect(path)
    db.execute(f"PRAGMA journal_mode={journal}")
    for layout, rows in tables.items():
        db.execute(f"CREATE TABLE {layout}")
        if rows:
            marks = ", ".join("?" * len(rows[0]))
            db.executemany(f"INSERT INTO {layout.split()[0]} VALUES ({marks})", rows)
    db.execute(index)
    db.commit()
    db.close()
    return path


def given(posts: pd.DataFrame) -> list[tuple]:
    """Return what each question names: a post in the middle; its author and the second week; nothing."""
    middle = posts.iloc[len(posts) // 2]
    week = ("2024-01-08T00:00:00Z", "2024-01-15T00:00:00Z")
    return [(middle["post_id"],), (middle["author"], *week), ()]


def code_lines(function: Callable) -> int:
    return len(inspect.getsource(function).splitlines()) - 1  # less the line with its name


def plan(path: Path, question: Callable, *values: Any) -> str:
    """Return whether SQLite searches by an index or scans a whole table, in its own words."""
    db, asked = sqlite3.connect(path), []
    db.set_trace_callback(asked.append)
    question(db, *values)
    db.set_trace_callback(None)
    steps = [row[3].split()[0] for sql in asked for row in db.execute(f"EXPLAIN QUERY PLAN {sql}")]
    db.close()
    return "SCAN" if "SCAN" in steps else "SEARCH"


def three_stores(posts: pd.DataFrame, paths: dict[str, Path]) -> Lines:
    """What each question reads, by store."""

    def cell(store, ask, values):
        read = traffic(paths[store], ask, *values)[1]
        return f"{code_lines(ask)}, {plan(paths[store], ask, *values)}, {kb(read)}"

    rows = [["question", *(f"{store}: lines, plan, read" for store in STORES)]]
    rows.append(["(the whole file)", *(kb(paths[store].stat().st_size) for store in STORES)])
    for (words, asks), values in zip(QUESTIONS.items(), given(posts), strict=True):
        rows.append([words, *(cell(store, ask, values) for store, ask in zip(STORES, asks, strict=True))])
    _, week, _ = given(posts)
    rows.append(
        ["the same week, no index on the author", "", cell("document, no index", week_document, week), ""]
    )
    moved = str(sum(posts["author"] == week[0]))
    rows.append(["a member moves: records to write", "1", moved, moved])
    return rows


def times_of_stores(posts: pd.DataFrame, paths: dict[str, Path], turns: int) -> Lines:
    """How long each question takes, over the relational store."""
    rows = [["question", *STORES]]
    for (words, asks), values in zip(QUESTIONS.items(), given(posts), strict=True):
        pairs = zip(STORES, asks, strict=True)
        ways = {store: partial(traffic, paths[store], ask, *values) for store, ask in pairs}
        rows.append([words, *in_turns(ways, turns).values()])
    return rows


def new_field(posts: pd.DataFrame, paths: dict[str, Path]) -> Lines:
    """Tomorrow a post knows whether it was edited: what changes, what old posts say, what a slip does."""
    old = posts["post_id"].iloc[0]
    column = "ALTER TABLE posts ADD COLUMN edited INTEGER DEFAULT 0"
    field = "SELECT json_extract(body, '$.edited') FROM documents WHERE id = ?"
    slip = json.dumps(traffic(paths["key-value"], post_key_value, old)[0] | {"editted": 1})
    written = traffic(paths["relational"], lambda db: db.execute(column))[2]
    says = {
        "relational": lambda db: db.execute("SELECT edited FROM posts WHERE post_id = ?", [old]),
        "document": lambda db: db.execute(field, [old]),
        "key-value": lambda db: iter([(post_key_value(db, old).get("edited"),)]),
    }
    new = {
        "relational": "INSERT INTO posts (post_id, editted) VALUES ('new', ?)",
        "document": "INSERT INTO documents VALUES ('new', ?)",
        "key-value": "INSERT INTO pairs VALUES ('new', ?)",
    }
    rows = [["store", "to do first", "an old post says", "a new post with `editted`"]]
    for store in STORES:
        todo = f"`ALTER TABLE`: {kb(written)} written" if store == "relational" else "nothing"
        said = traffic(paths[store], lambda db, store=store: next(says[store](db))[0])[0]
        slipped = traffic(paths[store], _tried, new[store], slip)[0]
        rows.append([store, todo, str(said), slipped])
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
    names, rows = ", ".join(posts), rows_of(posts)
    keyed = names.replace("post_id", "post_id TEXT PRIMARY KEY")
    index = "CREATE INDEX spam_by_country ON posts (country, is_spam)"
    votes = {"votes (post_id TEXT, vote INTEGER)": []}
    return {
        kind: build(folder / f"{kind}.db", {f"posts ({columns})": rows, **votes}, after, "wal")
        for kind, columns, after in zip(TABLES, (names, keyed, keyed), ("", "", index), strict=True)
    }


def vote(db, post_id):
    """One small transaction: keep a vote, read the post."""
    with db:
        db.execute("INSERT INTO votes VALUES (?, 1)", [post_id])
        return db.execute("SELECT * FROM posts WHERE post_id = ?", [post_id]).fetchone()


def vote_parquet(folder, file, number, post_id):
    """The same on column files: a vote is a file of its own, as a closed file cannot grow."""
    kept = pd.DataFrame({"post_id": [post_id], "vote": [1]})
    kept.to_parquet(folder / f"{number}.vote.parquet", index=False)
    return row_parquet(file, number)


def share_rows(db):
    return dict(db.execute("SELECT country, avg(is_spam) FROM posts GROUP BY country"))


def share_columns(file):
    posts = pd.read_parquet(file, columns=["country", "is_spam"])
    return posts.groupby("country", observed=True)["is_spam"].mean()


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


def times(posts: pd.DataFrame, folder: Path, turns: int) -> dict[str, Lines]:
    """Return the tables of ratios of time, once `counts` has written the files."""
    stores = {store: folder / f"{store}.db" for store in STORES}
    tables = {kind: folder / f"{kind}.db" for kind in TABLES}
    return {
        "Time over the relational store": times_of_stores(posts, stores, turns),
        "Time over the table with a key": times_of_tables(posts, tables, folder, turns),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true")
    asked = parser.parse_args()
    if not LINUX.exists():
        sys.exit(f"bench_storage.py: what SQLite reads is counted by {LINUX}, which only Linux has.")
    n, turns = (10_000, 3) if asked.quick else (POSTS, 7)
    posts = make_posts(n)
    print(f"{n:,} posts of {posts.shape[1]} columns")
    with tempfile.TemporaryDirectory() as folder:
        for title, lines in (counts(posts, Path(folder)) | times(posts, Path(folder), turns)).items():
            show(title, lines)


if __name__ == "__main__":
    main()
