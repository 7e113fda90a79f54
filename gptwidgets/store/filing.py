"""Listings and their versions, as they are written: every change is one transaction.

A listing shows its newest published version (see listings.py); `refresh` sees to that after each change.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from gptwidgets.errors import StoreError
from gptwidgets.store import clock, journal, schema, sizes
from gptwidgets.store.listings import Facts, Version, Words, find, get, version

if TYPE_CHECKING:
    from gptwidgets.store.database import Database


def add(
    database: Database, name: str, words: Words, facts: Facts, *, origin: str = "user", status: str = "draft"
) -> Version:
    """Adds a version, and its listing where there is none of this name yet.

    What a listing that is published says changes only with `describe`.

    Args:
        database: the store's.
        name: the listing's.
        words: what it says of itself.
        facts: what the version consists of.
        origin: one of `schema.ORIGINS`.
        status: the version's; "draft" waits for its checks.

    Raises:
        StoreError: the name is taken by somebody else, or this revision is there already.
    """
    try:
        with database.writing("add version", name, revision=facts.revision) as connection:
            listing_id = _place(connection, database, name, words, facts, origin=origin)
            known = select(schema.version.c.id).where(
                schema.version.c.listing_id == listing_id, schema.version.c.revision == facts.revision
            )
            if connection.scalar(known) is not None:
                raise StoreError(f'"{name}" has a version "{facts.revision}" already; give another revision.')
            version_id = insert_version(connection, listing_id, facts, who=database.user, status=status)
            refresh(connection, listing_id)
            journal.complete(connection, version_id)
    except IntegrityError:  # PostgreSQL lets two look before either has written
        raise StoreError(f'Somebody else has just added "{name}"; look at it and try again.') from None
    return version(database, version_id)


def _place(
    connection: Connection, database: Database, name: str, words: Words, facts: Facts, *, origin: str
) -> int:
    """The listing that a new version goes to, added where there is none of this name."""
    there = find(database, name)
    if there is None:
        return insert_listing(
            connection, name, words, facts, who=database.user, origin=origin, status="draft"
        )
    lock(connection, there.id)
    made_by = select(schema.listing.c.made_by).where(schema.listing.c.id == there.id)
    owner = connection.scalar(made_by)
    if there.origin != origin or (database.shared and owner != database.user):
        raise StoreError(f'The name "{name}" is taken, by {owner}; choose another.')
    if there.status != "published":
        write_words(connection, there.id, words, facts.architecture)
    return there.id


def describe(database: Database, name: str, words: Words) -> None:
    """Changes what a listing says of itself.

    Raises:
        UnknownModelError: there is no listing of this name.
    """
    found = get(database, name)
    with database.writing("describe", found.name, found.id) as connection:
        lock(connection, found.id)
        write_words(connection, found.id, words, found.architecture)


def set_status(
    database: Database,
    version_id: int,
    status: str,
    words: str | None = None,
    *,
    only: Collection[str] = schema.STATUSES,
) -> None:
    """Moves a version on: submitted, published, rejected, withdrawn; its listing follows.

    Args:
        database: the store's.
        version_id: which.
        status: one of `schema.STATUSES`.
        words: of whoever reviewed it; None leaves them.
        only: what its status must be, now that nobody else can change it.

    Raises:
        StoreError: it is published and can only be withdrawn, or somebody else has moved it on meanwhile.
    """
    table, found = schema.version, version(database, version_id)
    with database.writing(status, found.name, version_id, before=found.status) as connection:
        lock(connection, found.listing_id)
        now = connection.scalar(select(table.c.status).where(table.c.id == version_id))
        if now not in only:
            raise StoreError(f'"{found.name}" {found.revision} is {now} by now; look at it again.')
        if now in {"published", "withdrawn"} and status != "withdrawn":
            raise StoreError(
                f'"{found.name}" {found.revision} is {now} and never changes; publish a new version.'
            )
        changed = {"status": status} if words is None else {"status": status, "words": words}
        connection.execute(update(table).where(table.c.id == version_id).values(changed))
        refresh(connection, found.listing_id)


def lock(connection: Connection, listing_id: int) -> None:
    """Holds off others who change this listing, until the transaction ends."""
    connection.execute(select(schema.listing.c.id).where(schema.listing.c.id == listing_id).with_for_update())


def insert_listing(
    connection: Connection, name: str, words: Words, facts: Facts, *, who: str, origin: str, status: str
) -> int:
    """Adds a listing without a version.

    Returns:
        Its id.
    """
    now = clock.now(connection)
    added = connection.execute(
        insert(schema.listing).values(
            name=name,
            origin=origin,
            status=status,
            n_reviews=0,
            made_by=who,
            made_at=now,
            changed_at=now,
            **_words(words, facts.architecture),
            architecture=facts.architecture,
        )
    )
    listing_id = journal.new_id(added)
    _write_sets(connection, listing_id, words)
    return listing_id


def insert_version(connection: Connection, listing_id: int, facts: Facts, *, who: str, status: str) -> int:
    """Adds a version with its files; `refresh` shows it.

    Returns:
        Its id.
    """
    added = connection.execute(
        insert(schema.version).values(
            listing_id=listing_id,
            status=status,
            made_by=who,
            made_at=clock.now(connection),
            **columns(facts),
        )
    )
    version_id = journal.new_id(added)
    if facts.files:
        rows = [{"version_id": version_id, **vars(file)} for file in facts.files]
        connection.execute(insert(schema.file), rows)
    return version_id


def refresh(connection: Connection, listing_id: int) -> None:
    """Lets a listing show its newest published version, else its newest."""
    table = schema.version
    newest = connection.execute(
        select(table)
        .where(table.c.listing_id == listing_id)
        .order_by((table.c.status == "published").desc(), table.c.id.desc())
        .limit(1)
    ).one()
    connection.execute(
        update(schema.listing)
        .where(schema.listing.c.id == listing_id)
        .values(
            latest_version_id=newest.id,
            status=newest.status,
            architecture=newest.architecture,
            parameters=newest.parameters,
            context_length=newest.context_length,
            weight_bytes=newest.weight_bytes,
            memory_bytes=sizes.memory_bytes(newest.weight_bytes, newest.config, newest.dtype),
            changed_at=clock.now(connection),
        )
    )


def columns(facts: Facts) -> dict[str, Any]:
    """The columns of a version's row that its facts fill."""
    plain = {name: value for name, value in vars(facts).items() if name != "files"}
    return {
        name: _kept(dict(value)) if isinstance(value, Mapping) else value  # pyright: ignore[reportUnknownArgumentType]
        for name, value in plain.items()
    }


def _kept(value: Any) -> Any:
    """What PostgreSQL can keep of JSON: Python reads more, such as Infinity, and halves of characters."""
    if isinstance(value, str):
        return value.replace("\0", "\ufffd").encode("utf-8", "replace").decode()
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        found: dict[Any, Any] = value
        return {_kept(key): _kept(part) for key, part in found.items()}
    if isinstance(value, list | tuple):
        listed: list[Any] = list(value)  # pyright: ignore[reportUnknownArgumentType]
        return [_kept(part) for part in listed]
    return value


def write_words(connection: Connection, listing_id: int, words: Words, architecture: str) -> None:
    """Writes what a listing says of itself."""
    table = schema.listing
    values = {**_words(words, architecture), "changed_at": clock.now(connection)}
    connection.execute(update(table).where(table.c.id == listing_id).values(values))
    _write_sets(connection, listing_id, words)


def _write_sets(connection: Connection, listing_id: int, words: Words) -> None:
    for table, name, values in (
        (schema.listing_use, "use_case", words.use_cases),
        (schema.listing_language, "language", words.languages),
    ):
        connection.execute(delete(table).where(table.c.listing_id == listing_id))
        if values:
            rows = [{"listing_id": listing_id, name: value} for value in sorted(set(values))]
            connection.execute(insert(table), rows)


def _words(words: Words, architecture: str) -> dict[str, Any]:
    unknown = set(words.use_cases) - set(schema.USE_CASES)
    if unknown:
        raise StoreError(
            f"There is no use case {', '.join(sorted(unknown))}; take of {', '.join(schema.USE_CASES)}."
        )
    plain = {name: value for name, value in vars(words).items() if name not in {"use_cases", "languages"}}
    return {**plain, "terms": " ".join([*words.use_cases, *words.languages, architecture])}
