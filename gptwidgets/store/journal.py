"""Who changed what, and when: a line for every change, in the same transaction as the change itself."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, CursorResult, func, insert, select, update

from gptwidgets.store import clock, schema

if TYPE_CHECKING:
    from gptwidgets.store.database import Database


@dataclass(frozen=True)
class Entry:
    """One line of the journal.

    Attributes:
        id: later lines have larger ones.
        at: when, in UTC.
        who: the person.
        what: was done: "review", "install", …
        subject: what it was done to, mostly the listing's name.
        subject_id: of that row, where it has one.
        details: what else there is to say.
    """

    id: int
    at: datetime
    who: str
    what: str
    subject: str
    subject_id: int | None
    details: dict[str, Any]


def write(
    connection: Connection,
    who: str,
    what: str,
    subject: str = "",
    *,
    subject_id: int | None = None,
    details: dict[str, Any],
) -> int:
    """Adds a line; `Database.writing` does so for whoever writes.

    Returns:
        The line's id.
    """
    added = connection.execute(
        insert(schema.journal).values(
            at=clock.now(connection),
            who=who,
            what=what,
            subject=subject[:500],
            subject_id=subject_id,
            details=details,
        )
    )
    return new_id(added)


def new_id(added: CursorResult[Any]) -> int:
    """The id that the database gave to a row that was inserted."""
    key: Any = added.inserted_primary_key
    return int(key[0])


def complete(connection: Connection, subject_id: int | None = None, **details: Any) -> None:
    """Says more in the line of the change that is being written: the id that a new row has got, and so on.

    Example:
        >>> with database.writing("publish", "mine") as connection:             # doctest: +SKIP
        ...     added = connection.execute(insert(schema.listing).values(...))
        ...     journal.complete(connection, journal.new_id(added), files=3)
    """
    line = connection.info["journal"]
    table = schema.journal
    had = connection.execute(select(table.c.subject_id, table.c.details).where(table.c.id == line)).one()
    connection.execute(
        update(table)
        .where(table.c.id == line)
        .values(
            subject_id=had.subject_id if subject_id is None else subject_id,
            details={**had.details, **details},
        )
    )


def entries(database: Database, subject: str | None = None, *, limit: int = 1000) -> list[Entry]:
    """The newest lines, newest first; those about one subject, in whatever case it is written."""
    table = schema.journal
    query = select(table).order_by(table.c.id.desc()).limit(limit)
    if subject is not None:
        query = query.where(func.lower(table.c.subject) == subject.lower())
    with database.reading() as connection:
        return [Entry(**row._mapping) for row in connection.execute(query)]
