"""The store's database: opened, brought up to date, read and written.

It is a file of SQLite in the user's data folder, or PostgreSQL by URL for a class or a team. Where nothing
can be written it lives in memory and says so. What users wrote is never thrown away: an older schema is
migrated, a newer one refused, a damaged file put aside.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Generator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any, Self

from filelock import FileLock, Timeout
from sqlalchemy import Connection, Engine, make_url
from sqlalchemy.engine import URL

from gptwidgets.errors import ClosedError, InstallError, StoreError
from gptwidgets.store import damage, engines, facts, journal, migrating, paths, people

FILE = "store.sqlite3"


class Database:
    """One open database.

    Attributes:
        engine: SQLAlchemy's.
        url: where it is.
        user: who writes.
        shared: others use it, too, and have their rights (PostgreSQL).
        memory: it is kept nowhere.
        notes: what the user should know about how it was opened, a sentence each.

    Example:
        >>> with Database.open() as database, database.reading() as connection:         # doctest: +SKIP
        ...     connection.scalar(select(schema.listing.c.title).limit(1))
    """

    def __init__(self, engine: Engine, user: str, notes: tuple[str, ...] = ()) -> None:
        self.engine = engine
        self.url: URL = engine.url
        self.user = user
        self.shared = engine.dialect.name != "sqlite"
        self.memory = not self.shared and self.url.database in {None, "", ":memory:"}
        self.notes = notes
        self._here = threading.local()
        # The writers of one process take turns here, in order, and not by trying SQLite's lock again and
        # again; in memory there is one connection, and readers take turns as well.
        self._turn = nullcontext() if self.shared else threading.RLock()
        self._closed = False

    @classmethod
    def open(cls, url: str | URL | None = None, *, user: str | None = None) -> Database:
        """Opens a store and brings its schema and its embedded catalogue up to date.

        Args:
            url: of the database; None for GPTWIDGETS_STORE, else the file in the user's data folder.
            user: who writes; None for GPTWIDGETS_USER, else the one who is logged in.

        Raises:
            StoreError: it cannot be reached, or a newer gptwidgets has written it.
        """
        name = people.here() if user is None else people.checked(user)
        url = url if url is not None else os.environ.get("GPTWIDGETS_STORE") or None
        if url is not None:
            return _opened(engines.address(url), name)
        try:
            file = paths.writable(paths.home()) / FILE
        except InstallError as error:
            return _opened(URL.create("sqlite"), name, (f"{error} {_NOT_KEPT}",))
        if file.exists() and not os.access(file, os.W_OK):
            return _opened(URL.create("sqlite"), name, (f'Nothing can be written to "{file}". {_NOT_KEPT}',))
        return _opened(URL.create("sqlite", database=str(file)), name)

    @contextmanager
    def reading(self) -> Generator[Connection]:
        """A connection that sees one moment of the database; within `writing`, what is being written."""
        open_here = getattr(self._here, "connection", None)
        if open_here is not None:
            yield open_here
            return
        with self._connection(writes=False) as connection:
            yield connection

    @contextmanager
    def writing(
        self, what: str, subject: str = "", subject_id: int | None = None, **details: Any
    ) -> Generator[Connection]:
        """One transaction, with its line in the journal: all of it happens, or nothing.

        Within another `writing` of the same thread it becomes a part of that. SQLite lets one writer in at a
        time; others wait.

        Args:
            what: is done, for the journal.
            subject: what it is done to.
            subject_id: of its row; `journal.complete` tells it later where there is none yet.
            details: more for the journal.
        """
        open_here = getattr(self._here, "connection", None)
        if open_here is not None:
            if not self._here.writes:
                raise RuntimeError("finish reading the store before you write to it")
            before = open_here.info["journal"]
            open_here.info["journal"] = journal.write(
                open_here, self.user, what, subject, subject_id=subject_id, details=details
            )
            try:
                yield open_here
            finally:
                open_here.info["journal"] = before
            return
        with self._connection(writes=True) as connection:
            connection.info["journal"] = journal.write(
                connection, self.user, what, subject, subject_id=subject_id, details=details
            )
            yield connection

    @contextmanager
    def _connection(self, *, writes: bool) -> Generator[Connection]:
        if self._closed:
            raise ClosedError("The store was closed; open it again with gw.Store().")
        with (
            self._turn if writes or self.memory else nullcontext(),
            damage.noticed(self.url),
            engines.in_words(self.where),
            self.engine.connect() as fresh,
        ):
            connection = fresh.execution_options(writing=writes)
            with connection.begin():
                self._here.connection, self._here.writes = connection, writes
                try:
                    yield connection
                finally:
                    self._here.connection = None

    @property
    def where(self) -> str:
        """The place in words, without a password."""
        if self.memory:
            return "in memory"
        return f'in "{self.url.database}"' if not self.shared else f'at "{self.url.render_as_string()}"'

    def close(self) -> None:
        """Gives the connections back; a store in memory is gone then. A second time is no error."""
        self._closed = True
        self.engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


_NOT_KEPT = "This store lives in memory: what is written to it is gone when it is closed."


def _opened(url: URL, user: str, notes: tuple[str, ...] = ()) -> Database:
    """A database with today's schema; a damaged file is mended or put aside first."""
    file = damage.file_of(url)
    if file is not None and damage.is_suspect(file):
        with _alone(file):
            notes += damage.mend(file)
    try:
        with engines.in_words(_where(url)):
            return _current(url, user, notes)
    except StoreError as error:
        if file is None or not engines.broken(error):
            raise
    with _alone(file):
        notes += damage.mend(file)
    with engines.in_words(_where(url)):
        return _current(url, user, notes)


def _current(url: URL, user: str, notes: tuple[str, ...]) -> Database:
    engine = engines.engine(url)
    file = damage.file_of(url)
    try:
        if not migrating.is_current(engine, _where(url)):
            with nullcontext() if file is None else _alone(file):
                migrating.upgrade(engine)
        database = Database(engine, user, notes)
        if database.shared:
            _introduce(database)
        facts.sync(database)
    except BaseException:
        engine.dispose()
        raise
    return database


def _introduce(database: Database) -> None:
    """Makes the user of a shared store known, the first as its reviewer."""
    with database.reading() as connection:
        if people.known(connection, database.user):
            return
    with database.writing("join", database.user) as connection:
        migrating.lock(connection)
        people.enter(connection, database.user)


@contextmanager
def _alone(file: Path) -> Generator[None]:
    """Lets one process at a time make, migrate or replace the file."""
    lock = FileLock(file.with_name(f".{file.name}.lock"), timeout=60)
    try:
        with lock:
            yield
    except Timeout:
        raise StoreError(f'Another process has been at work on "{file}" for a minute; try again.') from None


def _where(url: URL) -> str:
    return f'in "{url.database}"' if url.get_backend_name() == "sqlite" else f'at "{make_url(url)!r}"'
