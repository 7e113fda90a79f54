"""Brings a database to today's schema with Alembic, or says why that cannot be."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, Engine, inspect, text

from gptwidgets.errors import StoreError
from gptwidgets.store import schema

if TYPE_CHECKING:
    from alembic.config import Config

SCRIPTS = Path(__file__).with_name("migrations")
_LOCK = 0x677077  # "gpw": PostgreSQL's lock for what only one process may do at a time


def is_current(engine: Engine, where: str) -> bool:
    """True where there is nothing to do, which is found out without loading Alembic.

    Raises:
        StoreError: a newer gptwidgets has written it.
    """
    with engine.connect() as connection, connection.begin():
        found = _revision(connection)
    if found is not None and found != schema.REVISION and found not in _known():
        raise StoreError(
            f"The store {where} was written by a newer gptwidgets (its schema is {found}, and this one knows "
            f"{schema.REVISION}): run `pip install --upgrade gptwidgets`, or open another store."
        )
    return found == schema.REVISION


def upgrade(engine: Engine) -> None:
    """Makes or migrates the tables, in one transaction: an error leaves the database as it was.

    Raises:
        StoreError: a database that cannot hold every character.
    """
    from alembic import command

    if engine.dialect.name == "sqlite":
        raw = engine.raw_connection()  # outside of a transaction; the file remembers it
        raw.cursor().execute("PRAGMA journal_mode = WAL")
        raw.close()
    with engine.connect() as fresh:
        connection = fresh.execution_options(writing=True)
        with connection.begin():
            lock(connection)
            _need_unicode(connection)
            if _revision(connection) != schema.REVISION:  # another process may have been quicker
                config = configuration()
                config.attributes["connection"] = connection
                command.upgrade(config, schema.REVISION)


def configuration() -> Config:
    """Alembic's, without a file."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(SCRIPTS).replace("%", "%%"))
    return config


def lock(connection: Connection) -> None:
    """Holds others off until the transaction ends; SQLite lets one writer in anyway."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})


def _need_unicode(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        encoding = connection.scalar(text("SHOW server_encoding"))
        if encoding != "UTF8":
            raise StoreError(
                f"A store needs a database in UTF8, and this one is in {encoding}: make one with "
                "CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0."
            )


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.scalar(text("SELECT version_num FROM alembic_version"))


def _known() -> set[str]:
    from alembic.script import ScriptDirectory

    return {script.revision for script in ScriptDirectory.from_config(configuration()).walk_revisions()}
