"""What stands on the disk is whole or not there, for crowds, killed processes and bad disks alike."""

import errno
import os
import pickle
import sqlite3
import stat
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlsd.report import RefusedError
from mlsd.store import (
    Blobs,
    Database,
    append_lines,
    connect,
    new_folder,
    one_sentence,
    transaction,
    write_file,
)
from tests.hardship import FULL, READ_ONLY, crowd, kill_often, on_full_disk, on_read_only_disk

LAYOUT = "CREATE TABLE IF NOT EXISTS facts (id INTEGER PRIMARY KEY, value TEXT NOT NULL)"


def files_in(folder):
    return sorted(path.relative_to(folder).as_posix() for path in Path(folder).rglob("*") if path.is_file())


# ---- files ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("durable", [False, True])
def test_a_file_is_written_and_replaced_whole(tmp_path, durable):
    path = tmp_path / "deep" / "below" / "notes.txt"
    write_file(path, "first ä", durable=durable)
    assert write_file(path, b"second", durable=durable) == path
    assert path.read_bytes() == b"second"
    assert files_in(tmp_path) == ["deep/below/notes.txt"]


def test_a_durable_file_reaches_the_disk_before_its_name_does(tmp_path, monkeypatch):
    done, sync, replace = [], os.fsync, os.replace

    def note_sync(handle):
        done.append("folder" if stat.S_ISDIR(os.fstat(handle).st_mode) else "file")
        sync(handle)

    monkeypatch.setattr(os, "fsync", note_sync)
    monkeypatch.setattr(os, "replace", lambda *paths: (done.append("name"), replace(*paths)))
    write_file(tmp_path / "a.txt", "x", durable=True)
    assert done == ["file", "name", "folder"]
    done.clear()
    write_file(tmp_path / "new" / "below" / "a.txt", "x", durable=True)
    assert done == ["folder", "folder", "file", "name", "folder"]
    done.clear()
    write_file(tmp_path / "a.txt", "x")
    assert done == ["name"]


def test_text_is_written_as_utf_8(tmp_path):
    assert write_file(tmp_path / "a.txt", "ä").read_bytes() == b"\xc3\xa4"


def test_a_file_has_the_permissions_of_any_other(tmp_path):
    (tmp_path / "ordinary").write_text("")
    write_file(tmp_path / "ours", "")
    assert (tmp_path / "ours").stat().st_mode == (tmp_path / "ordinary").stat().st_mode


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    path = write_file(tmp_path / "a.txt", "old")

    def fail(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(RefusedError, match=r"^cannot use .*: no space left on device; free some space$"):
        write_file(path, "new")
    assert (path.read_text(), files_in(tmp_path)) == ("old", ["a.txt"])


def test_a_folder_in_the_place_of_a_file_is_one_sentence(tmp_path):
    (tmp_path / "taken").mkdir()
    with pytest.raises(RefusedError, match=r"^cannot use .*: is a directory; choose a folder you may"):
        write_file(tmp_path / "taken", "x")
    assert files_in(tmp_path) == []


def test_a_new_folder_appears_whole(tmp_path):
    with new_folder(tmp_path / "package") as place:
        (place / "a").write_text("1")
        assert not (tmp_path / "package").exists()
    assert files_in(tmp_path) == ["package/a"]


def test_a_folder_whose_filling_fails_never_appears(tmp_path):
    with pytest.raises(ZeroDivisionError), new_folder(tmp_path / "package") as place:
        (place / "a").write_text("1")
        raise ZeroDivisionError
    assert os.listdir(tmp_path) == []


def test_a_folder_that_holds_something_is_not_replaced(tmp_path):
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "mine").write_text("precious")
    with pytest.raises(RefusedError, match=r"package exists already and is not empty; choose a new folder$"):
        new_folder(tmp_path / "package").__enter__()
    assert files_in(tmp_path) == ["package/mine"]


@pytest.mark.parametrize("durable", [False, True])
def test_lines_are_appended_whole_and_a_torn_one_costs_itself(tmp_path, durable):
    path = tmp_path / "deep" / "below" / "notes.txt"
    assert append_lines(path, ["one", "zwei \u00e4"], durable) == path
    append_lines(path, iter(["three"]), durable)
    assert path.read_text("utf-8") == "one\nzwei \u00e4\nthree\n"
    path.write_text("torn")
    append_lines(path, ["whole"], durable)
    assert path.read_text() == "torn\nwhole\n"
    append_lines(path, ["no \ud800 text"], durable)
    assert path.read_text() == "torn\nwhole\nno ? text\n"


def test_durable_lines_reach_the_disk(tmp_path, monkeypatch):
    synced, sync = [], os.fsync
    monkeypatch.setattr(os, "fsync", lambda handle: synced.append(os.fstat(handle).st_size) or sync(handle))
    append_lines(tmp_path / "notes.txt", ["one"])
    assert synced == []
    append_lines(tmp_path / "notes.txt", ["two"], durable=True)
    assert synced == [8]  # bytes: both lines


# ---- blobs ----------------------------------------------------------------------------------------


@given(st.binary(max_size=200))
def test_a_blob_is_read_back_and_kept_once(tmp_path_factory, data):
    blobs = Blobs(tmp_path_factory.mktemp("blobs"))
    digest = blobs.put(data)
    assert blobs.put(data) == digest
    assert (blobs.get(digest), blobs.ok(digest), len(files_in(blobs.folder))) == (data, True, 1)


@given(st.binary(min_size=1, max_size=50), st.data())
def test_a_blob_with_any_bit_flipped_is_refused_until_it_is_put_again(tmp_path_factory, data, draw):
    blobs = Blobs(tmp_path_factory.mktemp("blobs"))
    digest = blobs.put(data)
    place = draw.draw(st.integers(0, 8 * len(data) - 1))
    damaged = bytearray(data)
    damaged[place // 8] ^= 1 << place % 8
    blobs.path(digest).write_bytes(damaged)
    assert not blobs.ok(digest)
    with pytest.raises(
        RefusedError, match=rf"^the artifact {digest[:12]} in .* was changed; restore it from"
    ):
        blobs.get(digest)
    blobs.put(data)
    assert blobs.get(digest) == data


def test_a_blob_that_is_gone_is_one_sentence(tmp_path):
    blobs = Blobs(tmp_path)
    digest = blobs.put(b"x")
    blobs.path(digest).unlink()
    with pytest.raises(
        RefusedError, match=rf"^the artifact {digest[:12]} is gone from .*; restore it from a"
    ):
        blobs.get(digest)


# ---- databases ------------------------------------------------------------------------------------


def test_a_transaction_does_all_or_nothing(tmp_path):
    database = Database(tmp_path / "facts.db", LAYOUT)
    with pytest.raises(ZeroDivisionError), database.transaction() as connection:
        connection.execute("INSERT INTO facts (value) VALUES ('a')")
        raise ZeroDivisionError
    assert database.read("SELECT * FROM facts") == []
    with database.transaction() as connection:
        connection.execute("INSERT INTO facts (value) VALUES ('a')")
    assert [tuple(row) for row in database.read("SELECT * FROM facts")] == [(1, "a")]


def test_a_commit_that_fails_leaves_no_transaction_open(tmp_path):
    layout = (
        "CREATE TABLE IF NOT EXISTS a (id INTEGER PRIMARY KEY); CREATE TABLE IF NOT EXISTS b (a REFERENCES a"
    )
    connection = connect(tmp_path / "x.db", layout + " DEFERRABLE INITIALLY DEFERRED)")
    connection.execute("PRAGMA foreign_keys=ON")
    with pytest.raises(sqlite3.IntegrityError), transaction(connection):  # refused by COMMIT itself
        connection.execute("INSERT INTO b VALUES (7)")
    assert not connection.in_transaction
    connection.close()


def test_a_reader_never_sees_half_of_another_threads_transaction(tmp_path):
    database, seen = Database(tmp_path / "facts.db", LAYOUT), []
    reader = threading.Thread(target=lambda: seen.extend(database.read("SELECT id FROM facts")))
    with database.transaction() as connection:
        connection.execute("INSERT INTO facts (value) VALUES ('a')")
        reader.start()
        reader.join(0.2)  # it waits
        connection.execute("INSERT INTO facts (value) VALUES ('b')")
    reader.join()
    assert len(seen) == 2


def test_opening_waits_for_somebody_who_is_making_the_same_database(tmp_path):
    other = sqlite3.connect(tmp_path / "facts.db", isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    other.execute("CREATE TABLE half_made (id)")
    threading.Timer(0.3, other.execute, ["ROLLBACK"]).start()
    database = Database(tmp_path / "facts.db", LAYOUT)
    assert database.read("PRAGMA journal_mode")[0][0] == "wal"
    other.close()


def test_a_database_travels_as_its_path(tmp_path):
    database = Database(tmp_path / "facts.db", LAYOUT, "FULL")
    database.write("INSERT INTO facts (value) VALUES (?)", ("a",))
    other = pickle.loads(pickle.dumps(database))
    assert other.read("SELECT value FROM facts")[0]["value"] == "a"
    assert other.read("PRAGMA synchronous")[0][0] == 2
    assert other.read("PRAGMA journal_mode")[0][0] == "wal"


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (
            lambda path: path.write_bytes(b"no database " * 200),
            r"file is not a database; restore it from a copy",
        ),
        (lambda path: path.mkdir(), r"unable to open database file; choose a folder you may write to$"),
        (lambda path: path.write_bytes(_newer(path)), r"has format 2; this mlsd reads up to 1: update mlsd$"),
    ],
    ids=["other bytes", "a folder", "a newer format"],
)
def test_a_file_that_is_no_database_of_ours_is_one_sentence(tmp_path, spoil, sentence):
    path = tmp_path / "facts.db"
    spoil(path)
    with pytest.raises(RefusedError, match=sentence):
        Database(path, LAYOUT)


def _newer(path):
    connection = sqlite3.connect(path.with_name("newer.db"))
    connection.execute("PRAGMA user_version=2")
    connection.close()
    return path.with_name("newer.db").read_bytes()


def test_a_database_of_another_place_is_one_sentence(tmp_path):
    Database(tmp_path / "facts.db", LAYOUT)
    other = Database(tmp_path / "facts.db", "CREATE TABLE IF NOT EXISTS runs (id)")
    with pytest.raises(RefusedError, match=r"no such table: runs; something else wrote it; choose another"):
        other.read("SELECT * FROM runs")


def test_a_damaged_page_is_one_sentence(tmp_path):
    database = Database(tmp_path / "facts.db", LAYOUT)
    for _ in range(50):
        database.write("INSERT INTO facts (value) VALUES (?)", ("x" * 500,))
    database.close()
    data = bytearray((tmp_path / "facts.db").read_bytes())
    data[4096:] = b"\xff" * (len(data) - 4096)
    (tmp_path / "facts.db").write_bytes(data)
    with pytest.raises(
        RefusedError, match=r"malformed; restore it from a copy, or delete it and start anew$"
    ):
        Database(tmp_path / "facts.db", LAYOUT).read("SELECT * FROM facts")


def test_text_that_is_not_unicode_is_one_sentence(tmp_path):
    database = Database(tmp_path / "facts.db", LAYOUT)
    with pytest.raises(RefusedError, match=r"the text 'a\\ud800' is not Unicode; mend it$"):
        database.write("INSERT INTO facts (value) VALUES (?)", ("a\ud800",))


def test_a_mistake_of_ours_is_not_blamed_on_the_disk(tmp_path):
    database = Database(tmp_path / "facts.db", LAYOUT)
    with pytest.raises(sqlite3.IntegrityError):
        database.write("INSERT INTO facts (value) VALUES (NULL)")
    with pytest.raises(sqlite3.IntegrityError), one_sentence(tmp_path):
        raise sqlite3.IntegrityError


# ---- hardship -------------------------------------------------------------------------------------

SETUP = f"""
import sys; from mlsd.store import Database, Blobs, write_file
LAYOUT = {LAYOUT!r}
"""


def test_a_crowd_may_open_a_fresh_database_and_write_at_once(tmp_path):
    work = f"""
    for turn in range(5):  # five fresh databases
        database = Database({str(tmp_path)!r} + f"/deep/{{turn}}/facts.db", LAYOUT)
        for i in range(20):
            database.write("INSERT INTO facts (value) VALUES (?)", (f"{{me}}-{{i}}",))
        database.close()
    """
    crowd(8, SETUP, work)
    for turn in range(5):
        rows = Database(tmp_path / "deep" / str(turn) / "facts.db", LAYOUT).read(
            "SELECT id, value FROM facts"
        )
        assert sorted(row["id"] for row in rows) == list(range(1, 161))
        assert {row["value"] for row in rows} == {f"{me}-{i}" for me in range(8) for i in range(20)}


def test_what_was_acknowledged_survives_kill_9(tmp_path):
    work = f"""
    folder = {str(tmp_path)!r}
    database = Database(folder + f"/{{me % 3}}/facts.db", LAYOUT)  # also killed while it is made
    while True:
        for i in range(10**9):
            database.write("INSERT INTO facts (value) VALUES (?)", (f"{{me}}-{{i}}",))
            acknowledge("fact", f"{{me}}-{{i}}")
            write_file(folder + "/state.txt", f"{{me}}-{{i}} " * 5000)
            if i % 10 == 0:
                acknowledge("blob", Blobs(folder + "/blobs").put(f"{{me}}-{{i}} ".encode() * 5000))
    """
    told, rounds = kill_often(tmp_path, 30, 0.06, SETUP, work)
    kept = {
        row["value"]
        for number in range(3)
        for row in Database(tmp_path / str(number) / "facts.db", LAYOUT).read("SELECT value FROM facts")
    }
    facts = {value for _, kind, value in told if kind == "fact"}
    assert len(facts) > 50 and facts <= kept and len(kept) <= len(facts) + rounds
    blobs = Blobs(tmp_path / "blobs")
    assert all(blobs.ok(digest) for _, kind, digest in told if kind == "blob")
    named = [path for path in blobs.folder.rglob("*") if path.is_file() and not path.name.startswith(".")]
    assert named and all(blobs.ok(path.name) for path in named)
    words = (tmp_path / "state.txt").read_text().split()
    assert len(words) == 5000 and len(set(words)) == 1


@pytest.mark.parametrize("kind", FULL)
def test_a_full_disk_is_one_sentence_and_leaves_nothing_half_written(tmp_path, kind):
    printed = on_full_disk(kind, tmp_path, f"""
    import os
    from pathlib import Path
    from mlsd.report import RefusedError
    from mlsd.store import Blobs, Database, write_file
    database, blobs, refused = Database(folder + "/facts.db", {LAYOUT!r}), Blobs(folder + "/blobs"), []
    database.write("INSERT INTO facts (value) VALUES ('first')")
    kept = blobs.put(b"small")
    for attempt in (lambda: blobs.put(os.urandom(900_000)), lambda: write_file(folder + "/a", b"x" * 900_000)):
        try:
            attempt()
        except RefusedError as error:
            refused.append(str(error))
    remedy = "free some space" if {kind!r} == "disk" else "choose a folder"
    assert len(refused) == 2 and all(remedy in sentence for sentence in refused), refused
    count = 1
    try:
        while count < 1000:
            database.write("INSERT INTO facts (value) VALUES (?)", ("x" * 20_000,))
            count += 1
    except RefusedError as error:
        assert "free some space" in str(error), error
    assert 1 < count < 1000
    assert database.read("SELECT count(*) FROM facts")[0][0] == count  # also from the same connection
    database.close()
    assert Database(folder + "/facts.db", {LAYOUT!r}).read("SELECT count(*) FROM facts")[0][0] == count
    assert blobs.get(kept) == b"small"
    names = {{path.name for path in Path(folder).rglob("*") if path.is_file()}}
    assert names - {{"facts.db-wal", "facts.db-shm"}} == {{"facts.db", kept}}, names
    print("as promised")
    """)  # fmt: skip
    assert printed == "as promised\n"


def test_a_crowd_may_append_to_one_file(tmp_path):
    path = tmp_path / "notes.txt"
    setup = f"from mlsd.store import append_lines\npath = {str(path)!r}"
    crowd(4, setup, "for i in range(50): append_lines(path, [f'{me} ' + 'x' * 5000, f'{me} {i}'])")
    lines = path.read_text().splitlines()
    assert len([line for line in lines if line]) == 400
    assert {len(line) for line in lines if line.endswith("x")} == {5002}


@pytest.mark.parametrize("kind", FULL)
def test_lines_on_a_full_disk_are_there_whole_or_refused(tmp_path, kind):
    printed = on_full_disk(kind, tmp_path, """
    from pathlib import Path
    from mlsd.report import RefusedError
    from mlsd.store import append_lines
    path, count = Path(folder, "notes.txt"), 0
    try:
        while count < 1000:
            append_lines(path, ["x" * 7_000])
            count += 1
    except RefusedError as error:
        assert "free some space" in str(error), error
    assert 1 < count < 1000
    whole = [line for line in path.read_text().splitlines() if len(line) == 7_000]
    assert len(whole) == count, (len(whole), count)
    print("as promised")
    """)  # fmt: skip
    assert printed == "as promised\n"


@pytest.mark.parametrize("kind", READ_ONLY)
def test_a_read_only_disk_can_be_read_and_refuses_writers_in_one_sentence(tmp_path, kind):
    database = Database(tmp_path / "facts.db", LAYOUT)
    database.write("INSERT INTO facts (value) VALUES ('first')")
    database.close()
    Blobs(tmp_path / "blobs").put(b"small")
    text = f"""
    from pathlib import Path
    from mlsd.report import RefusedError
    from mlsd.store import Blobs, Database, new_folder, write_file
    def delete():
        with database.transaction() as connection:
            connection.execute("DELETE FROM facts")
    names = sorted(Path(folder).rglob("*"))
    database, refused = Database(folder + "/facts.db", {LAYOUT!r}), []
    assert database.read("SELECT value FROM facts")[0][0] == "first"
    assert Blobs(folder + "/blobs").put(b"small")
    for attempt in (
        lambda: database.write("INSERT INTO facts (value) VALUES ('second')"),
        delete,
        lambda: Database(folder + "/new.db", {LAYOUT!r}),
        lambda: Database(folder + "/new/new.db", {LAYOUT!r}),
        lambda: Blobs(folder + "/blobs").put(b"other"),
        lambda: write_file(folder + "/new", "x"),
        lambda: new_folder(folder + "/new").__enter__(),
    ):
        try:
            attempt()
        except RefusedError as error:
            assert str(error).startswith("cannot use ") and str(error).endswith("a folder you may write to"), error
            refused.append(error)
    assert len(refused) == 7
    assert sorted(Path(folder).rglob("*")) == names
    print("as promised")
    """
    assert on_read_only_disk(kind, tmp_path, text) == "as promised\n"


@pytest.mark.parametrize("kind", READ_ONLY)
def test_a_read_only_reader_sees_what_a_living_writer_wrote(tmp_path, kind):
    database = Database(tmp_path / "facts.db", LAYOUT)
    database.write("INSERT INTO facts (value) VALUES ('still in the journal')")
    assert (tmp_path / "facts.db-wal").stat().st_size > 0
    text = f"""
    from mlsd.store import Database
    print(Database(folder + "/facts.db", {LAYOUT!r}).read("SELECT value FROM facts")[0][0])
    """
    assert on_read_only_disk(kind, tmp_path, text) == "still in the journal\n"
    database.close()
