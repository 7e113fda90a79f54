from __future__ import annotations

import re
import sqlite3

import pytest
from sqlalchemy import text

from gptwidgets.errors import StoreError
from gptwidgets.store import migrating, schema
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
TABLES = """SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'
    AND name NOT LIKE 'listing_text_%'"""
ADD = """INSERT INTO listing (name, title, publisher, summary, card, terms, licence, status, origin, gated,
    architecture, n_reviews, made_by, made_at, changed_at) VALUES ('one', 'The First', 'Us', 'Émile',
    '', 'chat', 'MIT', 'published', 'user', :no, 'gpt2', 0, 'ada', :now, :now)"""


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
    made = engine(database.url)
    with made.connect() as fresh:
        connection = fresh.execution_options(writing=True)
        with connection.begin():
            if connection.dialect.name == "sqlite":
                for (name,) in connection.execute(text(TABLES)).all():
                    connection.exec_driver_sql(f"DROP TABLE {name}")
            else:
                connection.exec_driver_sql("DROP SCHEMA public CASCADE")
                connection.exec_driver_sql("CREATE SCHEMA public")
            schema.metadata.create_all(connection)
            assert described(connection) == migrated
    made.dispose()
    assert len(migrated) > 25


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
    assert found(database, "first") == 1
    with database.writing("change") as connection:
        connection.execute(text("UPDATE listing SET title = 'Another'"))
    assert (found(database, "first"), found(database, "another")) == (0, 1)
    with database.writing("remove") as connection:
        connection.execute(text("DELETE FROM listing"))
    assert found(database, "another") == 0


def found(database, word):
    table = "SELECT count(*) FROM listing_text WHERE listing_text MATCH :word"
    column = "SELECT count(*) FROM listing WHERE words @@ plainto_tsquery('simple', :word)"
    with database.reading() as connection:
        return connection.scalar(text(column if database.shared else table), {"word": word})


def test_sqlite_is_new_enough_for_what_the_schema_uses():
    assert sqlite3.sqlite_version_info >= (3, 24)
