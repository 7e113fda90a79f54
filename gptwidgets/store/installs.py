"""Which versions are installed on this machine, as the database knows it; the disk has the last word."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, func, select

from gptwidgets.store import clock, disk, filing, install, listings, schema
from gptwidgets.store.machine import machine

if TYPE_CHECKING:
    from gptwidgets.store.database import Database


def note(database: Database, facts: dict[str, Any]) -> None:
    """Writes down that a model was installed here.

    Args:
        database: the store's.
        facts: as `install.Note` gets them: name, folder, bytes, revision.
    """
    listing = listings.find(database, facts["name"])
    if listing is None:  # of the Hub or of a folder, and in no store
        return
    same = (found for found in listings.versions(database, listing.id) if found.revision == facts["revision"])
    wanted = next(same, None)
    version_id = listing.version_id if wanted is None else wanted.id
    table, here = schema.install, machine()
    row = {"folder": facts["folder"], "bytes": facts["bytes"], "person": database.user}
    with database.writing("install", listing.name, version_id, revision=facts["revision"]) as connection:
        filing.lock(connection, listing.id)  # two processes may have finished at once
        connection.execute(_gone(listing.id, here))
        connection.execute(
            table.insert().values(version_id=version_id, machine=here, made_at=clock.now(connection), **row)
        )


def forget(database: Database, name: str) -> None:
    """Writes down that a model was removed from here."""
    listing = listings.find(database, name)
    if listing is not None:
        with database.writing("remove", listing.name, listing.id) as connection:
            connection.execute(_gone(listing.id, machine()))


def sync(database: Database) -> None:
    """Compares what is written down with what lies on the disk: other processes install and remove, too."""
    here, table = machine(), schema.install
    there = {model.name.lower(): model for model in disk.use() if model.kind in {"installed", "shared"}}
    with database.reading() as connection:
        query = (
            select(func.lower(schema.listing.c.name))
            .select_from(table)
            .join(schema.version, schema.version.c.id == table.c.version_id)
            .join(schema.listing, schema.listing.c.id == schema.version.c.listing_id)
            .where(table.c.machine == here)
        )
        known = set(connection.scalars(query))
        named = select(func.lower(schema.listing.c.name)).where(func.lower(schema.listing.c.name).in_(there))
        listed = set(connection.scalars(named))
    for name in sorted(listed - known):
        model = there[name]
        facts = {"name": name, "folder": str(model.folder), "bytes": model.bytes, "revision": model.revision}
        note(database, facts)
    for name in sorted(known - set(there)):
        if install.placed(name) is None:
            forget(database, name)


def _gone(listing_id: int, here: str) -> Any:
    versions = select(schema.version.c.id).where(schema.version.c.listing_id == listing_id)
    return delete(schema.install).where(
        schema.install.c.machine == here, schema.install.c.version_id.in_(versions)
    )
