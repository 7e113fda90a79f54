"""What a model's card must say before others are given the model."""

from __future__ import annotations

import re

from gptwidgets.errors import StoreError

LONGEST = 200_000  # characters

# What must be said, and the words by which a heading says it.
PARTS = {
    "use": ("use", "uses", "usage", "purpose", "intended", "what for"),
    "data": ("data", "dataset", "datasets", "training", "trained", "made from", "sources"),
    "limits": ("limit", "limits", "limitations", "risks", "bias", "biases", "out of scope", "cannot"),
}
_HEADING = re.compile(r"^\s{0,3}(?:#{1,6}\s+(.+?)\s*#*|\*\*(.+?)\*\*:?)\s*$", re.MULTILINE)
TEMPLATE = """# {title}

## Use

What it is for, and for whom.

## Data

What it was made from: texts, languages, their licences.

## Limits

What it cannot do, and what nobody should use it for.
"""


def template(title: str) -> str:
    """A card to be filled in.

    Example:
        >>> missing(template("My model"))
        []
    """
    return TEMPLATE.format(title=title)


def checked(card: str) -> str:
    """A card as it is kept.

    Raises:
        StoreError: it is no text, or too long.
    """
    if not isinstance(card, str):  # pyright: ignore[reportUnnecessaryIsInstance] - users are not type checkers
        raise StoreError(f"A card is Markdown in a string, not {type(card).__name__}.")
    if len(card) > LONGEST:
        raise StoreError(
            f"A card has at most {LONGEST:,} characters, and this one {len(card):,}; shorten it."
        )
    return card.encode("utf-8", "replace").decode().replace("\0", "")


def missing(card: str) -> list[str]:
    r"""Which of the parts a card says nothing of: each wants a heading, and words under it.

    Example:
        >>> missing("## Intended use\nTo play with.\n## Limitations\nMany.")
        ['data']
    """
    headings = list(_HEADING.finditer(card))
    said: set[str] = set()
    ends = [*(heading.start() for heading in headings[1:]), len(card)]
    for heading, end in zip(headings, ends, strict=False):
        title = (heading[1] or heading[2]).lower()
        below = card[heading.end() : end]
        if below.strip():
            said |= {part for part, words in PARTS.items() if any(_has(title, word) for word in words)}
    return [part for part in PARTS if part not in said]


def _has(title: str, word: str) -> bool:
    return re.search(rf"\b{word}\b", title) is not None
