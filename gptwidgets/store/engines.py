"""Connections to the store's database: how SQLite and PostgreSQL are opened, and what their errors mean."""

from __future__ import annotations

import sqlite3
from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Engine, create_engine, event, exc, make_url
from sqlalchemy.pool import StaticPool

from gptwidgets.errors import StoreError

if TYPE_CHECKING:
    from sqlalchemy.engine import URL

BUSY_SECONDS = 10
# How many threads of one process may be in the database at once; others wait for their turn.
CONNECTIONS = 5


def address(url: str | URL) -> URL:
    """A database's URL, understood.

    Raises:
        StoreError: it is no URL, or of a database that the store does not speak to.
    """
    try:
        found = make_url(url)
    except exc.ArgumentError:
        raise StoreError(
            "That is no database URL; write postgresql://user:password@host/database or sqlite:////a/file.sqlite3."
        ) from None
    if found.drivername in {"postgresql", "postgres"}:
        found = found.set(drivername="postgresql+psycopg")
    if found.drivername not in {"sqlite", "sqlite+pysqlite", "postgresql+psycopg"}:
        raise StoreError(
            f"A store lives in SQLite or in PostgreSQL, and not in {found.drivername}; "
            "write postgresql://user:password@host/database or sqlite:////a/file.sqlite3."
        )
    return found


def engine(url: URL) -> Engine:
    """An engine whose transactions are what they seem.

    Raises:
        StoreError: PostgreSQL's driver is not installed.
    """
    if url.get_backend_name() == "sqlite":
        return _sqlite(url)
    try:
        return create_engine(
            url,
            pool_size=CONNECTIONS,
            max_overflow=0,
            pool_timeout=120,
            pool_pre_ping=True,  # a server that was started anew is no error
            connect_args={"connect_timeout": BUSY_SECONDS, "application_name": "gptwidgets"},
        )
    except ModuleNotFoundError:
        raise StoreError(
            "A store in PostgreSQL needs its driver: run `pip install 'gptwidgets[postgres]'`."
        ) from None


def _sqlite(url: URL) -> Engine:
    kept = url.database not in {None, "", ":memory:"}
    pool: dict[str, Any] = (
        {"pool_size": CONNECTIONS, "max_overflow": 0, "pool_timeout": 120}
        if kept
        else {"poolclass": StaticPool}
    )
    made = create_engine(url, connect_args={"timeout": BUSY_SECONDS, "check_same_thread": False}, **pool)

    @event.listens_for(made, "connect")
    def connected(connection: sqlite3.Connection, _record: object) -> None:  # pyright: ignore[reportUnusedFunction]
        connection.isolation_level = None  # Python's sqlite3 must not begin transactions of its own
        connection.execute("PRAGMA foreign_keys = ON")

    @event.listens_for(made, "begin")
    def begun(connection: Connection) -> None:  # pyright: ignore[reportUnusedFunction]
        # a writer waits for its turn at the start: a reader that turned writer could fail half way
        writes = connection.get_execution_options().get("writing")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return made


def broken(error: BaseException) -> bool:
    """True where an error says that the file of SQLite is no database, or one that was damaged."""
    cause = error.__cause__ if isinstance(error, StoreError) else error
    original = cause.orig if isinstance(cause, exc.DBAPIError) else cause
    code = getattr(original, "sqlite_errorcode", None)
    return code is not None and code & 0xFF in {sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT}


@contextmanager
def in_words(where: str) -> Generator[None]:
    """Turns what a database says of itself (not of our statements) into a StoreError."""
    try:
        yield
    except exc.TimeoutError:
        raise StoreError("The store is busy: too much of this kernel waits for it; try again.") from None
    except exc.DBAPIError as error:
        sentence = _sentence(error, where)
        if sentence is None:
            raise
        raise StoreError(sentence) from error


def _sentence(error: exc.DBAPIError, where: str) -> str | None:
    said = str(error.orig).strip().split("\n")[0]
    code = getattr(error.orig, "sqlite_errorcode", None)
    if broken(error):
        return (
            f"The store {where} is damaged ({said}). Open it again: it is mended then, or put aside and "
            "a new store begun."
        )
    if code is not None:
        return {
            sqlite3.SQLITE_BUSY: f"Another process is writing to the store {where} for long; try again.",
            sqlite3.SQLITE_FULL: f"The disk of the store {where} is full; make room and try again.",
            sqlite3.SQLITE_READONLY: f"The store {where} cannot be written; see to its permissions.",
            sqlite3.SQLITE_IOERR: f"The store {where} cannot be read or written ({said}); see to its disk.",
            sqlite3.SQLITE_CANTOPEN: f"The store {where} cannot be opened ({said}); see to its folder.",
        }.get(code & 0xFF)
    if getattr(error.orig, "sqlstate", None) == "42501":
        return f"The store {where} does not let you do that ({said}); ask whoever runs the database."
    if isinstance(error, exc.OperationalError):
        return f"The store {where} cannot be reached ({said}); is the database running?"
    return None
