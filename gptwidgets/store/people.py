"""Who is here, and what they may do.

On the user's own store the one user may do everything. In a shared one everybody may publish, review and
measure, and who approves and rejects is named in the database; its first person names the others.
"""

from __future__ import annotations

import getpass
import os
from typing import TYPE_CHECKING

from sqlalchemy import Connection, insert, select, update

from gptwidgets.errors import RefusedError, StoreError
from gptwidgets.store import schema

if TYPE_CHECKING:
    from gptwidgets.store.database import Database

LONGEST = 200


def here() -> str:
    """The name of the person in front of this kernel: GPTWIDGETS_USER, or the one who is logged in."""
    named = os.environ.get("GPTWIDGETS_USER", "").strip()
    if named:
        return checked(named)
    try:
        return checked(getpass.getuser())
    except (OSError, KeyError, ImportError, StoreError):  # a container's user may have no name
        return "somebody"


def checked(name: str) -> str:
    """A person's name as it is kept.

    Raises:
        StoreError: it is empty, too long or not to be printed.
    """
    name = name.strip()
    if not name or len(name) > LONGEST or not name.isprintable():
        raise StoreError(f"A person's name has 1 to {LONGEST} printable characters; {name[:40]!r} does not.")
    return name


def known(connection: Connection, name: str) -> bool:
    """True where a person has been here before."""
    return connection.scalar(select(schema.person.c.name).where(schema.person.c.name == name)) is not None


def enter(connection: Connection, name: str) -> None:
    """Makes a person known; the first of a database becomes its reviewer."""
    table = schema.person
    if not known(connection, name):
        first = connection.scalar(select(table.c.name).limit(1)) is None
        connection.execute(insert(table).values(name=name, reviewer=first))


def is_reviewer(database: Database) -> bool:
    """True where this person may approve, reject and settle."""
    if not database.shared:
        return True
    table = schema.person
    with database.reading() as connection:
        return bool(connection.scalar(select(table.c.reviewer).where(table.c.name == database.user)))


def reviewers(database: Database) -> list[str]:
    """Who may approve and reject, by name; on one's own store that is oneself."""
    if not database.shared:
        return [database.user]
    table = schema.person
    with database.reading() as connection:
        return list(connection.scalars(select(table.c.name).where(table.c.reviewer).order_by(table.c.name)))


def need_reviewer(database: Database, wanted: str) -> None:
    """Raises RefusedError where this person may not do what only a reviewer may.

    Args:
        database: the store's.
        wanted: what is to be done, as in "approve a version".
    """
    if not is_reviewer(database):
        named = " or ".join(reviewers(database)) or "nobody yet"
        raise RefusedError(f"Only a reviewer may {wanted}, and {database.user} is none here; ask {named}.")


def name_reviewer(database: Database, person: str) -> None:
    """Lets one more person approve and reject.

    Raises:
        RefusedError: who asks is no reviewer.
    """
    person = checked(person)
    need_reviewer(database, "name another reviewer")
    table = schema.person
    with database.writing("name reviewer", person) as connection:
        enter(connection, person)
        connection.execute(update(table).where(table.c.name == person).values(reviewer=True))
