"""Which listings have all the words of a search, as the database's own text index finds them.

A search is words and nothing else: whatever was typed is cut into words first, so that neither SQL nor the
syntax of FTS5 or of tsquery is ever in it. A word stands for all that begin with it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from sqlalchemy import Connection, text

from gptwidgets.store.textindex import folded

MOST_WORDS = 12  # more are not looked for
LONGEST = 60  # signs of a word

# What every listing is, and what holds a sentence together: they choose nothing.
_IDLE = frozenset(
    re.findall(
        r"\w+",
        "a an and any are best but can for from good gpt gpts i in is it language llm llms me model models "
        "my of on or please some something that the this to want which with",
    )
)
_WORD = re.compile(r"[^\W_]+")
# The columns of weight A in textindex.py: what a listing is called.
_TITLES = "{name title}"


def split(words: str) -> list[str]:
    """The words of a search, in lower case; idle ones only where there are no others.

    Example:
        >>> split("A small CHAT model; DROP TABLE")
        ['small', 'chat', 'drop', 'table']
        >>> split("gpt")
        ['gpt']
    """
    plain = unicodedata.normalize("NFC", words[:1000].lower())
    found = [word[:LONGEST] for word in _WORD.findall(plain)]
    telling = [word for word in found if word not in _IDLE] or found
    return list(dict.fromkeys(telling))[:MOST_WORDS]


def matching(connection: Connection, words: Sequence[str], *, in_title: bool = False) -> list[int]:
    """The ids of all listings with each of these words, in no order.

    Args:
        connection: to read from.
        words: of `split`, at least one.
        in_title: only in name and title.
    """
    if connection.dialect.name == "sqlite":
        phrase = " AND ".join(f'"{word}"*' for word in words)
        query = text("SELECT rowid FROM listing_text WHERE listing_text MATCH :phrase")
        phrase = f"{_TITLES} : ({phrase})" if in_title else phrase
    else:
        phrase = " & ".join(_prefixes(word, "A" if in_title else "") for word in words)
        query = text("SELECT id FROM listing WHERE words @@ to_tsquery('simple', :phrase)")
    return list(connection.scalars(query, {"phrase": phrase}))


def _prefixes(word: str, weight: str) -> str:
    """A word for tsquery; where its locale is C it knows capital letters in ASCII only."""
    plain = folded(word)
    forms = [plain] if plain.isascii() else dict.fromkeys([plain, plain.capitalize(), plain.upper()])
    either = " | ".join(f"'{form}':*{weight}" for form in forms)
    return f"({either})"
