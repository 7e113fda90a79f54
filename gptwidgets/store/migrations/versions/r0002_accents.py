"""PostgreSQL's search leaves accents out, as SQLite's does; a measurement says how much text was read.

Revision ID: 0002
"""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

# What textindex.py said then: a migration does not change with it.
SEARCHED = ("name", "title", "publisher", "summary", "terms", "card")
WEIGHTS = "AABBCD"
_FOLDED = r"normalize(regexp_replace(normalize(left({}, 200000), NFD), '[\u0300-\u036f]+', '', 'g'), NFC)"
_BETWEEN = (
    r"[\u0001-\u002f\u003a-\u0040\u005b-\u0060\u007b-\u00a9\u00ab-\u00b4\u00b6-\u00b9\u00bb-\u00bf\u00d7\u00f7"
    r"\u2000-\u206f\u2190-\u2bff\u3000-\u3004\u3008-\u3020\uff01-\uff0f\uff1a-\uff20\U0001f000-\U0001faff]+"
)
_PLAIN = f"regexp_replace({_FOLDED}, '{_BETWEEN}', ' ', 'g')"
_WEIGHED = " || ".join(
    f"setweight(to_tsvector('simple', {_PLAIN.format(name)}), '{weight}')"
    for name, weight in zip(SEARCHED, WEIGHTS, strict=True)
)


def upgrade() -> None:
    """Makes PostgreSQL's text index anew, and room for one more figure."""
    op.execute("ALTER TABLE measurement ADD COLUMN text_bytes BIGINT")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("ALTER TABLE listing DROP COLUMN words")
        op.execute(f"ALTER TABLE listing ADD COLUMN words tsvector GENERATED ALWAYS AS ({_WEIGHED}) STORED")
        op.execute("CREATE INDEX ix_listing_words ON listing USING gin (words)")
