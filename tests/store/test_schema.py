from __future__ import annotations

import re
import shutil
import sqlite3

import pytest
from sqlalchemy import text
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError

from gptwidgets.errors import StoreError
from gptwidgets.store import journal, measurements, migrating, schema
from gptwidgets.store.database import Database
from gptwidgets.store.engines import engine

SQLITE = (
    "SELECT type, name, sql FROM sqlite_master WHERE name NOT LIKE 'alembic%' AND name NOT LIKE 'sqlite_%'"
)
POSTGRES = (
    """SELECT table_name, column_name, data_type, character_maximum_length, is_nullable, column_default,
    generation_expression FROM information_schema.columns WHERE table_schema = 'public'""",
    "SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'",
    """SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint
    WHERE connamespace = 'public'::regnamespace""",
)
NEXT = f"""
from alembic import op
import sqlalchemy as sa
revision, down_revision, branch_labels, depends_on = "9998", "{schema.REVISION}", None, None
def upgrade():
    op.add_column("person", sa.Column("colour", sa.Text(), server_default="green"))
"""
ADD = """INSERT INTO listing (name, title, publisher, summary, card, terms, licence, status, origin, gated,
    architecture, n_reviews, made_by, made_at, changed_at) VALUES ('one', 'The Zanzibar', 'Us', 'Émilé',
    '', 'chat', 'MIT', 'published', 'user', :no, 'gpt2', 0, 'ada', :now, :now)"""

VERSION = """INSERT INTO version (listing_id, revision, source, architecture, status, made_by, made_at)
    VALUES (1, 'v1', '{}', 'gpt2', 'published', 'ada', :now)"""
MEASURED = """INSERT INTO measurement (version_id, machine, device, dtype, torch, transformers, bits_per_byte,
    person, made_at) VALUES (1, 'here', 'CPU', 'float32', '2', '5', 1.5, 'ada', :now)"""


def described(connection):
    """All that a database says of its own shape."""
    if connection.dialect.name == "sqlite":
        rows = connection.execute(text(SQLITE)).all()
        return {(kind, name, *parts(sql)) for kind, name, sql in rows}
    return {
        tuple(row)
        for query in POSTGRES
        for row in connection.execute(text(query))
        if not row[0].startswith("alembic")
    }


def parts(sql):
    """The columns and constraints of a statement, in any order."""
    found = re.split(r",\s*(?![^()]*\))", " ".join((sql or "").split()))
    return sorted(part.strip(" )").replace("( ", "(") for part in found)


def test_the_migrated_database_is_the_one_that_the_tables_describe(database):
    with database.reading() as connection:
        migrated = described(connection)
    made = engine(database.url if database.shared else URL.create("sqlite"))
    with made.connect() as fresh:
        connection = fresh.execution_options(writing=True)
        with connection.begin():
            if database.shared:
                connection.exec_driver_sql("DROP SCHEMA public CASCADE")
                connection.exec_driver_sql("CREATE SCHEMA public")
            schema.metadata.create_all(connection)
            assert described(connection) == migrated
    made.dispose()
    assert len(migrated) > 25


def test_an_older_store_is_migrated_and_what_users_wrote_is_kept(
    database, database_url, monkeypatch, tmp_path
):
    with database.writing("put") as connection:
        connection.execute(text("INSERT INTO setting (key, value) VALUES ('mine', 'kept')"))
    database.close()
    scripts = tmp_path / "migrations"
    shutil.copytree(migrating.SCRIPTS, scripts)
    (scripts / "versions" / "r9998_next.py").write_text(NEXT)
    monkeypatch.setattr(migrating, "SCRIPTS", scripts)
    monkeypatch.setattr(schema, "REVISION", "9998")
    with Database.open(database_url) as newer, newer.reading() as connection:
        assert connection.scalar(text("SELECT value FROM setting WHERE key = 'mine'")) == "kept"
        assert connection.scalar(text("SELECT colour FROM person LIMIT 1")) in {None, "green"}
        assert connection.scalar(text("SELECT version_num FROM alembic_version")) == "9998"


def test_a_store_of_the_first_schema_has_all_that_it_had_and_is_searched_as_a_new_one(database, database_url):
    from alembic import command

    with database.writing("go back") as connection:
        names = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
        if database.shared:
            connection.exec_driver_sql("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
        else:
            connection.exec_driver_sql("PRAGMA defer_foreign_keys = ON")
            connection.exec_driver_sql("DROP TABLE listing_text")
            for name in connection.scalars(text(names)).all():
                connection.exec_driver_sql(f"DROP TABLE {name}")
        config = migrating.configuration()
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        now = {"no": False, "now": "2026-01-01 00:00:00"}
        connection.execute(text(ADD), now)
        connection.execute(text(VERSION), now)
        connection.execute(text(MEASURED), now)
        journal.write(connection, "ada", "was there", details={})
    database.close()
    with Database.open(database_url, user="ada") as newer:
        assert found(newer, "emile") == 1
        (old,) = measurements.measurements(newer)
        assert (old.bits_per_byte, old.text_bytes) == (1.5, None)
        assert [line.what for line in journal.entries(newer)][-1] == "was there"


def test_a_migration_that_fails_leaves_the_store_as_it_was(database, database_url, monkeypatch, tmp_path):
    database.close()
    scripts = tmp_path / "migrations"
    shutil.copytree(migrating.SCRIPTS, scripts)
    (scripts / "versions" / "r9998_next.py").write_text(NEXT + "    op.drop_table('none_such')\n")
    with monkeypatch.context() as patch:
        patch.setattr(migrating, "SCRIPTS", scripts)
        patch.setattr(schema, "REVISION", "9998")
        with pytest.raises(DBAPIError):
            Database.open(database_url)
    with Database.open(database_url) as same, same.reading() as connection:
        assert connection.scalar(text("SELECT version_num FROM alembic_version")) == schema.REVISION
        columns = connection.execute(text("SELECT * FROM person")).keys()
    assert "colour" not in set(columns)


def test_alembics_newest_revision_is_the_one_that_needs_no_alembic():
    from alembic.script import ScriptDirectory

    assert ScriptDirectory.from_config(migrating.configuration()).get_heads() == [schema.REVISION]


def test_a_newer_schema_is_refused_and_left_alone(database, database_url):
    with database.writing("pretend") as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    database.close()
    with pytest.raises(StoreError, match=r"written by a newer gptwidgets.*9999.*pip install --upgrade"):
        Database.open(database_url)


def test_what_searches_by_words_follows_the_listings(database):
    with database.writing("fill") as connection:
        connection.execute(text(ADD), {"no": False, "now": "2026-01-01 00:00:00"})
    assert found(database, "zanzibar") == 1
    with database.writing("change") as connection:
        connection.execute(text("UPDATE listing SET title = 'Timbuktu' WHERE name = 'one'"))
    assert (found(database, "zanzibar"), found(database, "timbuktu")) == (0, 1)
    with database.writing("remove") as connection:
        connection.execute(text("DELETE FROM listing WHERE name = 'one'"))
    assert found(database, "timbuktu") == 0


def found(database, word):
    table = "SELECT count(*) FROM listing_text WHERE listing_text MATCH :word"
    column = "SELECT count(*) FROM listing WHERE words @@ plainto_tsquery('simple', :word)"
    with database.reading() as connection:
        return connection.scalar(text(column if database.shared else table), {"word": word})


def test_sqlite_is_new_enough_for_what_the_schema_uses():
    assert sqlite3.sqlite_version_info >= (3, 24)
