"""The words that listings have, for one that none of them has."""

from __future__ import annotations

from sqlalchemy import Connection, text

_MAKE = "CREATE VIRTUAL TABLE IF NOT EXISTS temp.listing_word USING fts5vocab(main, listing_text, row)"


def like(connection: Connection, word: str) -> dict[str, int]:
    """Words that may have been meant: those that begin with the same letter, else all of about its length.

    Returns:
        In how many listings each of them is.
    """
    same = _words(connection, word[0], len(word))
    return same or _words(connection, "", len(word))


def _words(connection: Connection, begin: str, length: int) -> dict[str, int]:
    if connection.dialect.name == "sqlite":
        connection.execute(text(_MAKE))
        term, count, source = "term", "doc", "temp.listing_word"
    else:
        term, count, source = "word", "ndoc", "ts_stat('SELECT words FROM listing')"
    query = (
        f"SELECT {term}, {count} FROM {source} "  # noqa: S608 - our constants
        f"WHERE {term} >= :begin AND {term} < :end AND length({term}) >= :least"
    )
    end = chr(ord(begin) + 1) if begin else "\U0010ffff"
    rows = connection.execute(text(query), {"begin": begin, "end": end, "least": length - 2})
    return {row[0]: row[1] for row in rows}
