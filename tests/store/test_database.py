from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing

import pytest
from sqlalchemy import insert, select, text

from gptwidgets.errors import ClosedError, RefusedError, StoreError
from gptwidgets.store import clock, journal, listings, people, schema
from gptwidgets.store.database import FILE, Database

WRITER = """
import sys, threading
from sqlalchemy import insert
from gptwidgets.store import schema
from gptwidgets.store.database import Database
with Database.open(sys.argv[1], user=sys.argv[2]) as database:
    def write(n):
        for _ in range(2):
            with database.writing("add", n=n) as connection:
                connection.execute(insert(schema.setting).values(key=f"{sys.argv[2]} {n} {_}", value="x"))
    threads = [threading.Thread(target=write, args=[n]) for n in range(20)]
    print("ready", flush=True)
    sys.stdin.read(1)
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
"""


@pytest.fixture
def home(monkeypatch, tmp_path):
    monkeypatch.setenv("GPTWIDGETS_HOME", str(tmp_path))
    monkeypatch.delenv("GPTWIDGETS_STORE", raising=False)
    return tmp_path


def settings(database):
    with database.reading() as connection:
        return dict(row for row in connection.execute(select(schema.setting.c.key, schema.setting.c.value)))


def put(connection, key, value="x"):
    connection.execute(insert(schema.setting).values(key=key, value=value))


def fail_half_way(database, key):
    with database.writing("put") as connection:
        put(connection, key)
        _ = 1 / 0


def test_a_change_and_its_line_in_the_journal_are_one(database):
    with database.writing("put", "thing", note="first") as connection:
        put(connection, "a")
        journal.complete(connection, 7, bytes=3)
    with pytest.raises(ZeroDivisionError):
        fail_half_way(database, "b")
    assert "a" in settings(database)
    assert "b" not in settings(database)
    (line,) = [entry for entry in journal.entries(database) if entry.what == "put"]
    assert (line.who, line.subject, line.subject_id) == ("ada", "thing", 7)
    assert line.details == {"note": "first", "bytes": 3}
    assert journal.entries(database, "THING") == [line]


def test_reading_within_writing_sees_what_is_written_and_a_second_writing_joins_the_first(database):
    with database.writing("outer") as connection:
        put(connection, "a")
        assert "a" in settings(database)
        with database.writing("inner") as same:
            put(same, "b")
        journal.complete(connection, 1)
    outer, inner = reversed(journal.entries(database)[:2])
    assert [(line.what, line.subject_id) for line in (outer, inner)] == [("outer", 1), ("inner", None)]
    with pytest.raises(ZeroDivisionError), database.writing("outer"):
        fail_half_way(database, "c")
    assert "c" not in settings(database)
    with database.reading(), pytest.raises(RuntimeError, match="finish reading"), database.writing("late"):
        pass


def test_a_reader_sees_one_moment_while_another_writes(database):
    with database.reading() as reader:
        reader.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")) if database.shared else None
        before = reader.scalar(select(schema.setting.c.key).where(schema.setting.c.key == "new"))
        other = threading.Thread(target=write, args=(database, "new"))
        other.start()
        other.join()
        assert before is None
        assert reader.scalar(select(schema.setting.c.key).where(schema.setting.c.key == "new")) is None
    assert "new" in settings(database)


def write(database, key):
    with database.writing("put") as connection:
        put(connection, key)


def test_a_hundred_writers_in_five_processes_lose_and_double_nothing(database, database_url):
    command = [sys.executable, "-c", WRITER, database_url]
    many = [
        subprocess.Popen([*command, f"p{n}"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for n in range(5)
    ]
    for process in many:
        assert process.stdout.readline() == "ready\n"
    for process in many:
        process.stdin.write("!")
        process.stdin.close()
    assert [process.wait(240) for process in many] == [0] * 5
    for process in many:
        process.stdout.close()
    assert sum(key.startswith("p") for key in settings(database)) == 200
    lines = [entry for entry in journal.entries(database) if entry.what == "add"]
    wanted = sorted((f"p{n}", k) for n in range(5) for k in range(20) for _ in range(2))
    assert sorted((line.who, line.details["n"]) for line in lines) == wanted
    assert len({line.id for line in lines}) == 200


def test_a_hundred_threads_write_at_once(database):
    threads = [threading.Thread(target=write, args=(database, f"t{n}")) for n in range(100)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(key.startswith("t") for key in settings(database)) == 100
    assert sum(entry.what == "put" for entry in journal.entries(database)) == 100


def test_a_clock_that_is_set_back_an_hour_does_not_turn_the_journal_around(database, monkeypatch):
    true = clock.read()
    for hours in (0, -1, 0.5):
        monkeypatch.setattr(clock, "read", lambda hours=hours: true + hours * clock.LARGEST_JUMP / 24)
        write(database, f"at {hours}")
    times = [entry.at for entry in reversed(journal.entries(database)) if entry.what == "put"]
    assert times == sorted(times)
    assert times[0] == times[1] == true


def test_a_clock_that_was_years_ahead_does_not_hold_the_journal_there(database, monkeypatch):
    true = clock.read()
    monkeypatch.setattr(clock, "read", lambda: true.replace(year=2099))
    write(database, "ahead")
    monkeypatch.setattr(clock, "read", lambda: true)
    write(database, "right")
    newest, before = journal.entries(database)[:2]
    assert (newest.at, before.at.year) == (true, 2099)
    assert newest.id > before.id


def test_the_first_person_of_a_shared_store_names_the_reviewers(database, database_url):
    assert people.is_reviewer(database)
    with Database.open(database_url, user="bob") as second:
        if not second.shared:
            assert people.is_reviewer(second)
            return
        assert not people.is_reviewer(second)
        with pytest.raises(RefusedError, match=r"Only a reviewer may approve.*bob is none here; ask ada"):
            people.need_reviewer(second, "approve a version")
        with pytest.raises(RefusedError, match="ask ada"):
            people.name_reviewer(second, "bob")
        people.name_reviewer(database, "bob")
        assert people.is_reviewer(second)
        assert people.reviewers(second) == ["ada", "bob"]


def test_a_closed_store_says_so(database):
    database.close()
    database.close()
    with pytest.raises(ClosedError, match=r"gw\.Store\(\)"), database.reading():
        pass


def test_who_is_here_has_a_name_or_is_somebody(monkeypatch):
    monkeypatch.setenv("GPTWIDGETS_USER", " Grace Hopper ")
    assert people.here() == "Grace Hopper"
    monkeypatch.setenv("GPTWIDGETS_USER", "a\nb")
    with pytest.raises(StoreError, match="printable"):
        people.here()
    monkeypatch.delenv("GPTWIDGETS_USER")
    monkeypatch.setattr("getpass.getuser", lambda: (_ for _ in ()).throw(KeyError("uid not found")))
    assert people.here() == "somebody"


@pytest.mark.parametrize("left", [b"no database at all" * 100, b"SQLite format 3\0 but broken" * 50])
def test_a_damaged_file_is_put_aside_and_not_deleted(home, left):
    (home / FILE).write_bytes(left)
    with Database.open() as database:
        assert "is kept as" in database.notes[0]
        write(database, "works")
    (kept,) = home.glob(f"{FILE}.broken-*")
    assert kept.read_bytes() == left
    with Database.open() as database:
        assert database.notes == ()
        assert "works" in settings(database)


def test_damage_within_the_file_is_told_and_the_next_opening_puts_it_aside(home):
    with Database.open() as database:
        write(database, "mine")
        with database.engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
            (root,) = connection.exec_driver_sql(
                "SELECT rootpage FROM sqlite_master WHERE name = 'version'"
            ).one()
    with (home / FILE).open("r+b") as file:
        file.seek((root - 1) * 4096)
        file.write(b"\xff" * 4096)
    with Database.open() as database, pytest.raises(StoreError, match=r"damaged.*Open it again"):
        listings.versions(database, 1)
    with Database.open() as database:
        assert "is kept as" in database.notes[0]
        assert listings.versions(database, 1)
    assert list(home.glob(f"{FILE}.broken-*"))
    with Database.open() as database:
        assert database.notes == ()


def test_a_damaged_text_index_is_made_anew_and_nothing_put_aside(home):
    with Database.open() as database:
        write(database, "mine")
    with closing(sqlite3.connect(home / FILE)) as raw:
        raw.execute("DELETE FROM listing_text_data WHERE id > 10")
        raw.commit()
    query = text("SELECT count(*) FROM listing_text WHERE listing_text MATCH 'openai'")
    with (
        Database.open() as database,
        pytest.raises(StoreError, match="damaged"),
        database.reading() as reader,
    ):
        reader.execute(query)
    with Database.open() as database, database.reading() as reader:
        assert reader.scalar(query) > 3
        assert database.notes == ()
        assert "mine" in settings(database)


def test_where_nothing_can_be_written_the_store_lives_in_memory_and_says_so(home, monkeypatch):
    (home / "file").write_text("")
    monkeypatch.setenv("GPTWIDGETS_HOME", str(home / "file"))
    with Database.open() as database:
        assert database.memory
        assert "GPTWIDGETS_HOME" in database.notes[0]
        assert "in memory" in database.notes[0]
        test_a_hundred_threads_write_at_once(database)


def test_a_file_that_may_only_be_read_is_not_written(home, monkeypatch):
    Database.open().close()
    before = (home / FILE).read_bytes()
    writable = os.access
    monkeypatch.setattr("os.access", lambda path, mode: not str(path).endswith(FILE) and writable(path, mode))
    with Database.open() as database:
        assert "lives in memory" in database.notes[0]
        write(database, "gone")
    assert (home / FILE).read_bytes() == before


def test_several_processes_may_be_the_first(home):
    code = "from gptwidgets.store.database import Database; print(Database.open().notes)"
    many = [subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) for _ in range(6)]
    assert {process.communicate(timeout=60)[0].strip() for process in many} == {b"()"}


def test_another_process_that_writes_for_long_is_told_of(home, monkeypatch):
    monkeypatch.setattr("gptwidgets.store.engines.BUSY_SECONDS", 0.05)
    with Database.open() as database:
        other = sqlite3.connect(home / FILE, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match="Another process is writing"), database.writing("put"):
            pass
        other.execute("ROLLBACK")
        other.close()
        write(database, "now")


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("nonsense", "no database URL"),
        ("mysql://here/there", "SQLite or in PostgreSQL"),
        ("postgresql://ada:secret@localhost:1/none", "is the database running"),
        ("sqlite:////nowhere/at/all.sqlite3", "see to its folder"),
    ],
)
def test_an_address_that_leads_nowhere_is_refused_in_words_without_its_password(url, said):
    with pytest.raises(StoreError, match=said) as refused:
        Database.open(url)
    assert "secret" not in str(refused.value)
