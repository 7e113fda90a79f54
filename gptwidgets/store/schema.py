"""The tables of the store, for SQLite and PostgreSQL alike.

This is what the newest database looks like; `migrations/versions/` is how it came to be so, and a test holds
the two against each other. What searching by words needs beside them is in textindex.py.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    DDL,
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Dialect,
    Double,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    event,
    func,
)
from sqlalchemy.dialects.postgresql import JSONB

from gptwidgets.store import textindex

# The revision that these tables are; opening a database of this revision needs no Alembic.
REVISION = "0002"

STATUSES = ("draft", "submitted", "published", "rejected", "withdrawn")
ORIGINS = ("embedded", "hub", "machine", "user")
USE_CASES = (
    "chat",
    "story",
    "code",
    "translation",
    "summary",
    "classification",
    "question-answering",
    "research",
    "teaching",
    "multilingual",
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)


class Moment(TypeDecorator[datetime]):
    """A time in UTC: SQLite, which knows no time zones, keeps it without one, and it comes back with."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """To the database: in UTC."""
        if value is None:
            return None
        return (
            value.astimezone(UTC)
            if dialect.name == "postgresql"
            else value.astimezone(UTC).replace(tzinfo=None)
        )

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """From the database: in UTC, too, whatever zone the session of PostgreSQL has."""
        if value is None:
            return None
        return value.astimezone(UTC) if dialect.name == "postgresql" else value.replace(tzinfo=UTC)


Number = BigInteger().with_variant(Integer, "sqlite")  # SQLite counts rows up in INTEGER columns only
Json = JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")


def _id() -> Column[int]:
    return Column("id", Number, primary_key=True)


def _to(table: str, *, cascade: bool = False, primary_key: bool = False) -> Column[int]:
    """A column that points to a row; what users wrote is in no table that goes with its row (cascade)."""
    rule = "CASCADE" if cascade else None
    target = ForeignKey(f"{table}.id", ondelete=rule)
    return Column(f"{table}_id", Number, target, nullable=False, primary_key=primary_key)


def _table(name: str, *parts: Any) -> Table:
    # AUTOINCREMENT: an id that was deleted never means another row later
    return Table(name, metadata, *parts, sqlite_autoincrement=True)


def _one_of(column: str, values: tuple[str, ...]) -> CheckConstraint:
    return CheckConstraint(f"{column} IN ({', '.join(map(repr, values))})", name=column)


setting = Table(
    "setting", metadata, Column("key", String(80), primary_key=True), Column("value", Text, nullable=False)
)

person = Table(
    "person",
    metadata,
    Column("name", String(200), primary_key=True),
    Column("reviewer", Boolean, nullable=False),
)

listing = _table(
    "listing",
    _id(),
    Column("name", String(200), nullable=False),
    Column("title", Text, nullable=False),
    Column("publisher", Text, nullable=False),
    Column("summary", Text, nullable=False),
    Column("card", Text, nullable=False),  # Markdown
    Column("terms", Text, nullable=False),
    Column("licence", String(100), nullable=False),  # SPDX
    Column("status", String(20), nullable=False),
    Column("origin", String(20), nullable=False),
    Column("gated", Boolean, nullable=False),
    # of the newest published version, else of the newest; no foreign key, which would go in a circle
    Column("latest_version_id", Number),
    Column("architecture", String(100), nullable=False),
    Column("parameters", BigInteger),
    Column("context_length", BigInteger),
    Column("weight_bytes", BigInteger),
    Column("memory_bytes", BigInteger),
    # of the reviews of all its versions (see ranking.py)
    Column("stars_mean", Double),
    Column("stars_bound", Double),
    Column("n_reviews", Integer, nullable=False),
    # room for a shop, which nothing reads: a price in the smallest unit of an ISO 4217 currency
    Column("price_minor", BigInteger),
    Column("currency", String(3)),
    Column("made_by", String(200), nullable=False),
    Column("made_at", Moment, nullable=False),
    Column("changed_at", Moment, nullable=False),
    _one_of("status", STATUSES),
    _one_of("origin", ORIGINS),
    CheckConstraint("(price_minor IS NULL) = (currency IS NULL)", name="price"),
)
Index("uq_listing_name", func.lower(listing.c.name), unique=True)
Index("ix_listing_changed_at", listing.c.changed_at)
# All that shelf.py reads, so that it need not read the cards' pages.
Index(
    "ix_listing_shelf",
    *(listing.c[name] for name in ("id", "latest_version_id", "status", "licence", "publisher")),
    *(listing.c[name] for name in ("architecture", "origin", "parameters", "context_length")),
    *(listing.c[name] for name in ("memory_bytes", "stars_bound")),
)

listing_use = Table(
    "listing_use",
    metadata,
    _to("listing", cascade=True, primary_key=True),
    Column("use_case", String(40), primary_key=True, index=True),
)

listing_language = Table(
    "listing_language",
    metadata,
    _to("listing", cascade=True, primary_key=True),
    Column("language", String(40), primary_key=True, index=True),  # ISO 639
)

version = _table(
    "version",
    _id(),
    _to("listing", cascade=True),
    Column("revision", String(100), nullable=False),  # "" where it is pinned at install
    Column("source", Json, nullable=False),
    Column("architecture", String(100), nullable=False),
    Column("parameters", BigInteger),
    Column("context_length", BigInteger),
    Column("dtype", String(20)),
    Column("weight_bytes", BigInteger),
    Column("config", Json),
    Column("tensors", Json),
    Column("manifest", Json),
    Column("status", String(20), nullable=False),
    Column("words", Text),  # the reviewer's
    Column("made_by", String(200), nullable=False),
    Column("made_at", Moment, nullable=False),
    UniqueConstraint("listing_id", "revision"),
    _one_of("status", STATUSES),
)

file = Table(
    "file",
    metadata,
    _to("version", cascade=True, primary_key=True),
    Column("path", String(500), primary_key=True),
    Column("bytes", BigInteger, nullable=False),
    Column("sha256", String(64)),
)

check_result = _table(
    "check_result",
    _id(),
    _to("version", cascade=True),
    Column("name", String(80), nullable=False),
    Column("passed", Boolean, nullable=False),
    Column("reason", Text, nullable=False),
    Column("ran_at", Moment, nullable=False),
    UniqueConstraint("version_id", "name"),
)

review = _table(
    "review",
    _id(),
    _to("version"),
    Column("person", String(200), nullable=False),
    Column("stars", Integer, nullable=False),
    Column("words", Text, nullable=False),
    Column("made_at", Moment, nullable=False),
    Column("changed_at", Moment, nullable=False),
    UniqueConstraint("version_id", "person"),
    CheckConstraint("stars BETWEEN 1 AND 5", name="stars"),
)

report = _table(
    "report",
    _id(),
    _to("review", cascade=True),
    Column("person", String(200), nullable=False),
    Column("words", Text, nullable=False),
    Column("made_at", Moment, nullable=False),
    Column("settled", Boolean, nullable=False),
    UniqueConstraint("review_id", "person"),
)

install = _table(
    "install",
    _id(),
    _to("version"),
    Column("machine", String(80), nullable=False, index=True),
    Column("person", String(200), nullable=False),
    Column("folder", Text, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("made_at", Moment, nullable=False),
    UniqueConstraint("version_id", "machine"),
)

measurement = _table(
    "measurement",
    _id(),
    _to("version"),
    Column("machine", String(80), nullable=False),
    Column("device", String(200), nullable=False),
    Column("dtype", String(20), nullable=False),
    Column("torch", String(80), nullable=False),
    Column("transformers", String(80), nullable=False),
    Column("tokens_per_second", Double),
    Column("first_token_s", Double),
    Column("peak_bytes", BigInteger),
    Column("bits_per_byte", Double),
    Column("text_bytes", BigInteger),  # of which those bits are; a slow model reads less of the text
    Column("person", String(200), nullable=False),
    Column("made_at", Moment, nullable=False),
)
Index("ix_measurement_version_id_machine", measurement.c.version_id, measurement.c.machine, measurement.c.id)

entitlement = Table(  # who bought what: a shop's, which is not built
    "entitlement",
    metadata,
    _to("listing", primary_key=True),
    Column("person", String(200), primary_key=True),
    Column("granted_at", Moment, nullable=False),
)

journal = _table(
    "journal",
    _id(),
    Column("at", Moment, nullable=False),
    Column("who", String(200), nullable=False),
    Column("what", String(80), nullable=False),
    Column("subject", String(500), nullable=False, index=True),
    Column("subject_id", Number),
    Column("details", Json, nullable=False),
)

for _dialect, _statements in (("sqlite", textindex.SQLITE), ("postgresql", textindex.POSTGRESQL)):
    for _statement in _statements:
        event.listen(metadata, "after_create", DDL(_statement).execute_if(dialect=_dialect))
