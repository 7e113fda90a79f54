"""The embedded catalogue: well-known open GPTs described by facts, in every store, without a network.

The package ships facts.json; a store takes it over when it changed. What users wrote is never touched: a
listing that was retired stays, withdrawn, where somebody has reviewed, measured or installed it.
"""

from __future__ import annotations

import hashlib
import json
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, delete, exists, func, insert, select, update

from gptwidgets.store import filing, journal, schema
from gptwidgets.store.listings import Facts, Words

if TYPE_CHECKING:
    from gptwidgets.store.database import Database


@cache
def text() -> str:
    """The facts as they are shipped, in JSON."""
    return (files("gptwidgets.store") / "facts.json").read_text("utf-8")


def default_name() -> str:
    """The name of the model that `gw.load()` loads."""
    return str(json.loads(text())["default"])


def sync(database: Database) -> None:
    """Takes over the facts of this package where the store has others, and not those of a later edition."""
    digest = hashlib.sha256(text().encode()).hexdigest()
    with database.reading() as connection:
        if _setting(connection, "facts") == digest:
            return
    shipped = json.loads(text())
    with database.writing("take over facts", edition=shipped["edition"]) as connection:
        before = int(_setting(connection, "facts edition") or 0)
        # another process may have been quicker, or a later gptwidgets shares this store
        if _setting(connection, "facts") == digest or before > shipped["edition"]:
            return
        done = {"added": 0, "changed": 0, "taken": 0}
        for fact in shipped["listings"]:
            done[_take_over(connection, database.user, fact)] += 1
        retired = _retire(connection, {fact["name"].lower() for fact in shipped["listings"]})
        _set(connection, "facts", digest)
        _set(connection, "facts edition", str(shipped["edition"]))
        journal.complete(connection, **done, retired=retired)


def card(fact: dict[str, Any]) -> str:
    """What a listing's card says, in Markdown: the facts, and where it comes from."""
    source = fact["source"]
    if source["kind"] == "hub":
        origin = (
            f"[{source['repository']}](https://huggingface.co/{source['repository']}) on the Hugging Face Hub"
        )
        pinned = (
            f"Its revision is pinned: `{source['revision']}`."
            if source["revision"]
            else "Its revision is pinned at install: the newest then is what is kept."
        )
    else:
        origin = f"`{source['package']}=={source['version']}` of the Python package index"
        pinned = f"Its file is pinned by SHA-256; {source['note']}."
    gate = "\n\nIts publisher gives it to those who accept the licence there." if fact["gated"] else ""
    return (
        f"{fact['summary']}\n\n"
        f"## Use\n\n{', '.join(fact['use_cases'])}; languages: {', '.join(fact['languages'])}.\n\n"
        f"## Size\n\n{fact['parameters']:,} parameters ({fact['dtype']}), "
        f"{fact['context_length']:,} tokens of context.\n\n"
        f"## Source\n\n{fact['publisher']}, {fact['licence']}; from {origin}. {pinned}{gate}\n"
    )


def _take_over(connection: Connection, who: str, fact: dict[str, Any]) -> str:
    """Adds or changes one listing; a name that a user has taken stays the user's."""
    words = Words(
        **{name: fact[name] for name in ("title", "publisher", "summary", "licence", "gated")},
        card=card(fact),
        use_cases=fact["use_cases"],
        languages=fact["languages"],
    )
    told = {
        name: fact[name]
        for name in (
            "architecture",
            "parameters",
            "context_length",
            "dtype",
            "weight_bytes",
            "config",
            "source",
        )
    }
    facts = Facts(**told, revision=_revision(fact["source"]))
    table = schema.listing
    there = connection.execute(
        select(table.c.id, table.c.origin).where(func.lower(table.c.name) == fact["name"].lower())
    ).one_or_none()
    if there is not None and there.origin != "embedded":
        return "taken"
    if there is None:
        listing_id = filing.insert_listing(
            connection, fact["name"], words, facts, who=who, origin="embedded", status="published"
        )
    else:
        listing_id = there.id
        filing.write_words(connection, listing_id, words, facts.architecture)
    _version(connection, listing_id, facts, who)
    filing.refresh(connection, listing_id)
    return "added" if there is None else "changed"


def _version(connection: Connection, listing_id: int, facts: Facts, who: str) -> None:
    """The one version that the facts name; another that nobody has is dropped."""
    table = schema.version
    of_listing = table.c.listing_id == listing_id
    known = connection.scalar(select(table.c.id).where(of_listing, table.c.revision == facts.revision))
    connection.execute(
        delete(table).where(of_listing, table.c.revision != facts.revision, ~_used(table.c.id))
    )
    connection.execute(  # what somebody has of another revision stays for those who have it
        update(table)
        .where(of_listing, table.c.revision != facts.revision, table.c.status == "published")
        .values(status="withdrawn")
    )
    if known is None:
        filing.insert_version(connection, listing_id, facts, who=who, status="published")
    else:
        values = {**filing.columns(facts), "status": "published"}
        connection.execute(update(table).where(table.c.id == known).values(values))


def _retire(connection: Connection, names: set[str]) -> int:
    """Removes embedded listings that are shipped no more; those that somebody has used are withdrawn."""
    table, retired = schema.listing, 0
    gone = [
        row.id
        for row in connection.execute(select(table.c.id, table.c.name).where(table.c.origin == "embedded"))
        if row.name.lower() not in names
    ]
    for listing_id in gone:
        mine = schema.version.c.listing_id == listing_id
        if connection.scalar(select(func.count()).where(mine, _used(schema.version.c.id))):
            connection.execute(update(schema.version).where(mine).values(status="withdrawn"))
            filing.refresh(connection, listing_id)
        else:
            connection.execute(delete(table).where(table.c.id == listing_id))
        retired += 1
    return retired


def _used(version_id: Any) -> Any:
    """True for a version that somebody has reviewed, installed or measured."""
    tables = (schema.review, schema.install, schema.measurement)
    first, *others = (exists().where(table.c.version_id == version_id) for table in tables)
    for other in others:
        first |= other
    return first


def _revision(source: dict[str, Any]) -> str:
    """The pin: a commit, or a hash; "" where it is pinned at install."""
    return source["revision"] or "" if source["kind"] == "hub" else source["member_sha256"]


def _setting(connection: Connection, key: str) -> str | None:
    return connection.scalar(select(schema.setting.c.value).where(schema.setting.c.key == key))


def _set(connection: Connection, key: str, value: str) -> None:
    table = schema.setting
    if connection.execute(update(table).where(table.c.key == key).values(value=value)).rowcount == 0:
        connection.execute(insert(table).values(key=key, value=value))
