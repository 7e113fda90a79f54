"""What makes listings searchable by words, which each database does in its own way.

SQLite has an FTS5 table `listing_text` that triggers keep in step with `listing`; PostgreSQL has a generated
column `listing.words`. Both read the columns in `SEARCHED`, and both leave accents out: who looks for "cafe"
finds "Café".
"""

from __future__ import annotations

import re
import unicodedata

# The earlier weigh more. `terms` is use cases, languages and architecture in one string.
SEARCHED = ("name", "title", "publisher", "summary", "terms", "card")
WEIGHTS = "AABBCD"

_COLUMNS = ", ".join(SEARCHED)
_OLD = ", ".join(f"old.{name}" for name in SEARCHED)
_NEW = ", ".join(f"new.{name}" for name in SEARCHED)
_ADD = f"INSERT INTO listing_text(rowid, {_COLUMNS}) VALUES (new.id, {_NEW});"  # noqa: S608 - our constants
_REMOVE = f"INSERT INTO listing_text(listing_text, rowid, {_COLUMNS}) VALUES ('delete', old.id, {_OLD});"  # noqa: S608

SQLITE = (
    f"CREATE VIRTUAL TABLE listing_text USING fts5({_COLUMNS}, content='listing', content_rowid='id', "  # noqa: ISC004
    "tokenize='unicode61 remove_diacritics 2', prefix='2 3')",
    f"CREATE TRIGGER listing_text_added AFTER INSERT ON listing BEGIN {_ADD} END",
    f"CREATE TRIGGER listing_text_removed AFTER DELETE ON listing BEGIN {_REMOVE} END",
    f"CREATE TRIGGER listing_text_changed AFTER UPDATE OF {_COLUMNS} ON listing BEGIN {_REMOVE} {_ADD} END",
)

_ACCENTS = r"[\u0300-\u036f]+"


def folded(words: str) -> str:
    """Words without their accents, as PostgreSQL's index has them; case and other signs are as they were.

    Example:
        >>> folded("Café, Ёлка, ﬁn, 한국")
        'Cafe, Елка, ﬁn, 한국'
    """
    return unicodedata.normalize("NFC", re.sub(_ACCENTS, "", unicodedata.normalize("NFD", words)))


# A tsvector holds 1 MB at most, and a card may be long. PostgreSQL would take "qwen2.5-0.5b" for the name of
# a computer or for numbers: it gets words only, cut as SQLite cuts them. What is a letter differs between its
# locales (in C only ASCII's are), so that the signs between words are listed.
_FOLDED = f"normalize(regexp_replace(normalize(left({{}}, 200000), NFD), '{_ACCENTS}', '', 'g'), NFC)"
_BETWEEN = (
    r"[\u0001-\u002f\u003a-\u0040\u005b-\u0060\u007b-\u00a9\u00ab-\u00b4\u00b6-\u00b9\u00bb-\u00bf\u00d7\u00f7"
    r"\u2000-\u206f\u2190-\u2bff\u3000-\u3004\u3008-\u3020\uff01-\uff0f\uff1a-\uff20\U0001f000-\U0001faff]+"
)
_PLAIN = f"regexp_replace({_FOLDED}, '{_BETWEEN}', ' ', 'g')"
_WEIGHED = " || ".join(
    f"setweight(to_tsvector('simple', {_PLAIN.format(name)}), '{weight}')"
    for name, weight in zip(SEARCHED, WEIGHTS, strict=True)
)
POSTGRESQL = (
    f"ALTER TABLE listing ADD COLUMN words tsvector GENERATED ALWAYS AS ({_WEIGHED}) STORED",
    "CREATE INDEX ix_listing_words ON listing USING gin (words)",
)
