"""Publishes that were begun: the database knows of them before their first byte is written.

So what a kill leaves is known by name, and whoever publishes next clears it away: no other folder is ever
taken for one that nobody needs, be it of another store, or of this one as an older copy of it knew it.
"""

from __future__ import annotations

import json
import shutil
import uuid
from collections.abc import Callable, Generator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock, Timeout
from sqlalchemy import Connection, delete, insert, select

from gptwidgets.errors import GPTWidgetsError
from gptwidgets.store import listings, published, schema

if TYPE_CHECKING:
    from gptwidgets.store.database import Database

_KEY = "publishing "


@contextmanager
def begun(database: Database, name: str, folder: Path) -> Generator[Callable[[Connection], None]]:
    """Tells that a folder is being published to; whatever goes wrong, it is cleared away again.

    Call it under the lock of the name.

    Args:
        database: the store's.
        name: of the listing.
        folder: that is not there yet.

    Yields:
        What ends it, within the transaction that takes the folder into the store.
    """
    key, table = f"{_KEY}{uuid.uuid4().hex}", schema.setting
    told = {"name": name, "folder": published.kept(database, folder), "who": database.user}

    def end(connection: Connection) -> None:
        connection.execute(delete(table).where(table.c.key == key))

    with database.writing("begin to publish", name, folder=told["folder"]) as connection:
        connection.execute(insert(table).values(key=key, value=json.dumps(told)))
    try:
        yield end
    except BaseException:
        with suppress(GPTWidgetsError, OSError):  # what cannot be done now the next publish does
            if key in _known(database):  # else it is in the store, and only the word of it was lost
                _clear(folder)
                with database.writing("clear away", name, folder=told["folder"]) as connection:
                    end(connection)
        raise


def clear(database: Database, name: str) -> None:
    """Clears away what was begun and is not worked on any more; call it under the lock of the name.

    What others of a shared store have begun is theirs; and a folder that has become a version's is nobody's.

    Args:
        database: the store's.
        name: of the listing whose lock is held.
    """
    for key, told in _known(database).items():
        if database.shared and told["who"] != database.user:
            continue
        with suppress(GPTWidgetsError, OSError, Timeout):  # somebody is at work on it, or it is locked away
            folder = published.root(database) / told["folder"]
            held = told["name"] == name
            lock = FileLock(folder.parent.with_name(f".{told['name']}.lock"), timeout=0)
            with nullcontext() if held else lock:
                if not _is_a_version(database, told["name"], folder):
                    _clear(folder)
            with database.writing("clear away", told["name"], folder=told["folder"]) as connection:
                connection.execute(delete(schema.setting).where(schema.setting.c.key == key))


def _known(database: Database) -> dict[str, dict[str, Any]]:
    table = schema.setting
    query = select(table.c.key, table.c.value).where(table.c.key.startswith(_KEY)).order_by(table.c.key)
    with database.reading() as connection:
        return {key: json.loads(value) for key, value in connection.execute(query)}


def _is_a_version(database: Database, name: str, folder: Path) -> bool:
    found = listings.find(database, name)
    versions = [] if found is None else listings.versions(database, found.id)
    return any(
        version.source.get("kind") == "folder" and published.place(version) == folder for version in versions
    )


def _clear(folder: Path) -> None:
    """Deletes a folder, what was built of it, and the folder around it where nothing else is in that."""
    around = folder.parent
    if around.exists():
        for left in [folder, *around.glob(f".{folder.name}.part-*")]:
            if left.exists():
                shutil.rmtree(left)
        if all(path.name.endswith(".lock") for path in around.iterdir()):
            shutil.rmtree(around)
