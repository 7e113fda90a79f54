"""The first schema.

Revision ID: 0001
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)
NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
JSON = sa.JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")

# What textindex.py said then: a migration does not change with it.
SEARCHED = ("name", "title", "publisher", "summary", "terms", "card")
WEIGHTS = "AABBCD"
SHELF = (
    *("id", "latest_version_id", "status", "licence", "publisher", "architecture", "origin", "parameters"),
    *("context_length", "memory_bytes", "stars_bound"),
)
_COLUMNS = ", ".join(SEARCHED)
_OLD = ", ".join(f"old.{name}" for name in SEARCHED)
_NEW = ", ".join(f"new.{name}" for name in SEARCHED)
_ADD = f"INSERT INTO listing_text(rowid, {_COLUMNS}) VALUES (new.id, {_NEW});"  # noqa: S608 - our constants
_REMOVE = f"INSERT INTO listing_text(listing_text, rowid, {_COLUMNS}) VALUES ('delete', old.id, {_OLD});"  # noqa: S608

TEXT_SQLITE = (
    f"CREATE VIRTUAL TABLE listing_text USING fts5({_COLUMNS}, content='listing', content_rowid='id', "  # noqa: ISC004
    "tokenize='unicode61 remove_diacritics 2', prefix='2 3')",
    f"CREATE TRIGGER listing_text_added AFTER INSERT ON listing BEGIN {_ADD} END",
    f"CREATE TRIGGER listing_text_removed AFTER DELETE ON listing BEGIN {_REMOVE} END",
    f"CREATE TRIGGER listing_text_changed AFTER UPDATE OF {_COLUMNS} ON listing BEGIN {_REMOVE} {_ADD} END",
)

_PLAIN = "regexp_replace(left({}, 200000), '[^[:alnum:]]+', ' ', 'g')"
_WEIGHED = " || ".join(
    f"setweight(to_tsvector('simple', {_PLAIN.format(name)}), '{weight}')"
    for name, weight in zip(SEARCHED, WEIGHTS, strict=True)
)
TEXT_POSTGRESQL = (
    f"ALTER TABLE listing ADD COLUMN words tsvector GENERATED ALWAYS AS ({_WEIGHED}) STORED",
    "CREATE INDEX ix_listing_words ON listing USING gin (words)",
)


def upgrade() -> None:
    """Makes all tables."""
    _tables()
    op.create_index("uq_listing_name", "listing", [sa.text("lower(name)")], unique=True)
    op.create_index("ix_listing_changed_at", "listing", ["changed_at"])
    op.create_index("ix_listing_shelf", "listing", [*SHELF])
    for statement in TEXT_SQLITE if op.get_bind().dialect.name == "sqlite" else TEXT_POSTGRESQL:
        op.execute(statement)


def _tables() -> None:
    op.create_table(
        "journal",
        sa.Column("id", NUMBER, nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("who", sa.String(length=200), nullable=False),
        sa.Column("what", sa.String(length=80), nullable=False),
        sa.Column("subject", sa.String(length=500), nullable=False),
        sa.Column("subject_id", NUMBER, nullable=True),
        sa.Column("details", JSON, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_journal")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_journal_subject"), "journal", ["subject"], unique=False)
    op.create_table(
        "listing",
        sa.Column("id", NUMBER, nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("publisher", sa.Text(), nullable=False),
        sa.Column("summary", sa.Text(), nullable=False),
        sa.Column("card", sa.Text(), nullable=False),
        sa.Column("terms", sa.Text(), nullable=False),
        sa.Column("licence", sa.String(length=100), nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("origin", sa.String(length=20), nullable=False),
        sa.Column("gated", sa.Boolean(), nullable=False),
        sa.Column("latest_version_id", NUMBER, nullable=True),
        sa.Column("architecture", sa.String(length=100), nullable=False),
        sa.Column("parameters", sa.BigInteger(), nullable=True),
        sa.Column("context_length", sa.BigInteger(), nullable=True),
        sa.Column("weight_bytes", sa.BigInteger(), nullable=True),
        sa.Column("memory_bytes", sa.BigInteger(), nullable=True),
        sa.Column("stars_mean", sa.Double(), nullable=True),
        sa.Column("stars_bound", sa.Double(), nullable=True),
        sa.Column("n_reviews", sa.Integer(), nullable=False),
        sa.Column("price_minor", sa.BigInteger(), nullable=True),
        sa.Column("currency", sa.String(length=3), nullable=True),
        sa.Column("made_by", sa.String(length=200), nullable=False),
        sa.Column("made_at", MOMENT, nullable=False),
        sa.Column("changed_at", MOMENT, nullable=False),
        sa.CheckConstraint(
            "origin IN ('embedded', 'hub', 'machine', 'user')", name=op.f("ck_listing_origin")
        ),
        sa.CheckConstraint(
            "status IN ('draft', 'submitted', 'published', 'rejected', 'withdrawn')",
            name=op.f("ck_listing_status"),
        ),
        sa.CheckConstraint("(price_minor IS NULL) = (currency IS NULL)", name=op.f("ck_listing_price")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_listing")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "person",
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("reviewer", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_person")),
    )
    op.create_table(
        "setting",
        sa.Column("key", sa.String(length=80), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_setting")),
    )
    op.create_table(
        "entitlement",
        sa.Column("listing_id", NUMBER, nullable=False),
        sa.Column("person", sa.String(length=200), nullable=False),
        sa.Column("granted_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["listing_id"], ["listing.id"], name=op.f("fk_entitlement_listing_id_listing")
        ),
        sa.PrimaryKeyConstraint("listing_id", "person", name=op.f("pk_entitlement")),
    )
    op.create_table(
        "listing_language",
        sa.Column("listing_id", NUMBER, nullable=False),
        sa.Column("language", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(
            ["listing_id"],
            ["listing.id"],
            name=op.f("fk_listing_language_listing_id_listing"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("listing_id", "language", name=op.f("pk_listing_language")),
    )
    op.create_index(op.f("ix_listing_language_language"), "listing_language", ["language"], unique=False)
    op.create_table(
        "listing_use",
        sa.Column("listing_id", NUMBER, nullable=False),
        sa.Column("use_case", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(
            ["listing_id"], ["listing.id"], name=op.f("fk_listing_use_listing_id_listing"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("listing_id", "use_case", name=op.f("pk_listing_use")),
    )
    op.create_index(op.f("ix_listing_use_use_case"), "listing_use", ["use_case"], unique=False)
    op.create_table(
        "version",
        sa.Column("id", NUMBER, nullable=False),
        sa.Column("listing_id", NUMBER, nullable=False),
        sa.Column("revision", sa.String(length=100), nullable=False),
        sa.Column("source", JSON, nullable=False),
        sa.Column("architecture", sa.String(length=100), nullable=False),
        sa.Column("parameters", sa.BigInteger(), nullable=True),
        sa.Column("context_length", sa.BigInteger(), nullable=True),
        sa.Column("dtype", sa.String(length=20), nullable=True),
        sa.Column("weight_bytes", sa.BigInteger(), nullable=True),
        sa.Column("config", JSON, nullable=True),
        sa.Column("tensors", JSON, nullable=True),
        sa.Column("manifest", JSON, nullable=True),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("words", sa.Text(), nullable=True),
        sa.Column("made_by", sa.String(length=200), nullable=False),
        sa.Column("made_at", MOMENT, nullable=False),
        sa.CheckConstraint(
            "status IN ('draft', 'submitted', 'published', 'rejected', 'withdrawn')",
            name=op.f("ck_version_status"),
        ),
        sa.ForeignKeyConstraint(
            ["listing_id"], ["listing.id"], name=op.f("fk_version_listing_id_listing"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_version")),
        sa.UniqueConstraint("listing_id", "revision", name=op.f("uq_version_listing_id_revision")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "check_result",
        sa.Column("id", NUMBER, nullable=False),
        sa.Column("version_id", NUMBER, nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("passed", sa.Boolean(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("ran_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["version_id"],
            ["version.id"],
            name=op.f("fk_check_result_version_id_version"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_check_result")),
        sa.UniqueConstraint("version_id", "name", name=op.f("uq_check_result_version_id_name")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "file",
        sa.Column("version_id", NUMBER, nullable=False),
        sa.Column("path", sa.String(length=500), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=True),
        sa.ForeignKeyConstraint(
            ["version_id"], ["version.id"], name=op.f("fk_file_version_id_version"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("version_id", "path", name=op.f("pk_file")),
    )
    op.create_table(
        "install",
        sa.Column("id", NUMBER, nullable=False),
        sa.Column("version_id", NUMBER, nullable=False),
        sa.Column("machine", sa.String(length=80), nullable=False),
        sa.Column("person", sa.String(length=200), nullable=False),
        sa.Column("folder", sa.Text(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("made_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["version_id"], ["version.id"], name=op.f("fk_install_version_id_version")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_install")),
        sa.UniqueConstraint("version_id", "machine", name=op.f("uq_install_version_id_machine")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_install_machine"), "install", ["machine"], unique=False)
    op.create_table(
        "measurement",
        sa.Column("id", NUMBER, nullable=False),
        sa.Column("version_id", NUMBER, nullable=False),
        sa.Column("machine", sa.String(length=80), nullable=False),
        sa.Column("device", sa.String(length=200), nullable=False),
        sa.Column("dtype", sa.String(length=20), nullable=False),
        sa.Column("torch", sa.String(length=80), nullable=False),
        sa.Column("transformers", sa.String(length=80), nullable=False),
        sa.Column("tokens_per_second", sa.Double(), nullable=True),
        sa.Column("first_token_s", sa.Double(), nullable=True),
        sa.Column("peak_bytes", sa.BigInteger(), nullable=True),
        sa.Column("bits_per_byte", sa.Double(), nullable=True),
        sa.Column("person", sa.String(length=200), nullable=False),
        sa.Column("made_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["version_id"], ["version.id"], name=op.f("fk_measurement_version_id_version")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_measurement")),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_measurement_version_id_machine", "measurement", ["version_id", "machine", "id"], unique=False
    )
    op.create_table(
        "review",
        sa.Column("id", NUMBER, nullable=False),
        sa.Column("version_id", NUMBER, nullable=False),
        sa.Column("person", sa.String(length=200), nullable=False),
        sa.Column("stars", sa.Integer(), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("made_at", MOMENT, nullable=False),
        sa.Column("changed_at", MOMENT, nullable=False),
        sa.CheckConstraint("stars BETWEEN 1 AND 5", name=op.f("ck_review_stars")),
        sa.ForeignKeyConstraint(["version_id"], ["version.id"], name=op.f("fk_review_version_id_version")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_review")),
        sa.UniqueConstraint("version_id", "person", name=op.f("uq_review_version_id_person")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "report",
        sa.Column("id", NUMBER, nullable=False),
        sa.Column("review_id", NUMBER, nullable=False),
        sa.Column("person", sa.String(length=200), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("made_at", MOMENT, nullable=False),
        sa.Column("settled", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["review_id"], ["review.id"], name=op.f("fk_report_review_id_review"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_report")),
        sa.UniqueConstraint("review_id", "person", name=op.f("uq_report_review_id_person")),
        sqlite_autoincrement=True,
    )
