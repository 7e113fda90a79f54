"""What a model's card must say before others are given the model."""

from __future__ import annotations

import re

from gptwidgets.errors import StoreError

LONGEST = 200_000  # characters

# What must be said, and the words by which a heading says it.
PARTS = {
    "use": ("use", "uses", "usage", "purpose", "intended", "what for", "what it is for"),
    "data": ("data", "dataset", "datasets", "training", "trained", "made from", "sources"),
    "limits": ("limit", "limits", "limitations", "risks", "bias", "biases", "out of scope", "cannot"),
}
# A sentence without a heading says it, too, where it is as clear as one of these.
_SENTENCES = {
    "use": r"\b(?:intended|meant|made|useful|suitable) (?:for|to)\b|\b(?:can|may) be used (?:for|to|as|in)\b",
    "data": r"\b(?:pre-?trained|fine-?tuned|trained|tuned) (?:only )?(?:on|with|from)\b|\bmade from\b",
    "limits": r"\b(?:cannot|can not|must not|should not|(?:do|does) not know|not (?:suitable|intended|meant) "
    r"(?:for|to)|limited to|(?:is|are|may be|can be) (?:often )?(?:wrong|biased|untrue))\b",
}
# Of lines that end with what is seen: a page of spaces within a heading is not to be tried piece by piece.
_HEADING = re.compile(
    r"^ {0,3}(?:(?P<marks>#{1,6})[ \t]+(?P<title>\S.{0,200}?)(?:[ \t]{0,99}#++)?"
    r"|\*\*(?P<bold>[^*\n]+)\*\*:?"
    r"|(?P<lined>[^\s#>*|-][^\n]*)\n {0,3}(?P<line>=+|-+))$",
    re.MULTILINE,
)
# What nobody reads: comments, code, what a page would run or style, and the facts above a card of the Hub.
_UNREAD = (
    re.compile(r"\A---\n.*?\n---[ \t]*$", re.DOTALL | re.MULTILINE),
    re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL),
    re.compile(r"^ {0,3}(?P<fence>`{3,}|~{3,}).*?(?:^ {0,3}(?P=fence)|\Z)", re.DOTALL | re.MULTILINE),
    re.compile(
        r"<(?P<tag>script|style|svg|iframe|object)\b.*?(?:</(?P=tag)\s*>|\Z)", re.DOTALL | re.IGNORECASE
    ),
    re.compile(r"!\[[^\]\n]{0,500}\]\([^)\n]{0,500}\)"),
    re.compile(r"</?[a-zA-Z][^<>]*>"),
)
_ASKED = {
    "use": "What it is for, and for whom.",
    "data": "What it was made from: texts, languages, their licences.",
    "limits": "What it cannot do, and what nobody should use it for.",
}


def template(title: str, *, use: str = "", data: str = "", limits: str = "") -> str:
    """A card to be filled in; what is not given is asked for in its place, and counts as missing.

    Args:
        title: of the model.
        use: what it is for.
        data: what it was made from.
        limits: what it cannot do.

    Example:
        >>> missing(template("My model", use="To play with.", limits="It only knows rhymes."))
        ['data']
    """
    said = {"use": use, "data": data, "limits": limits}
    parts = [f"## {part.title()}\n\n{said[part].strip() or _ASKED[part]}\n" for part in PARTS]
    return "\n".join([f"# {title}\n", *parts])


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
    return card.replace("\r\n", "\n").encode("utf-8", "replace").decode().replace("\0", "")


def missing(card: str) -> list[str]:
    r"""Which of the parts a card says nothing of: each wants a heading with words below, or a clear sentence.

    Example:
        >>> missing("## Intended use\nTo play with.\n## Limitations\nMany.")
        ['data']
        >>> missing("It was trained on fairy tales. It cannot reason.")
        ['use']
    """
    read = _read(card)
    headings = list(_HEADING.finditer(read))
    said = {part for part, pattern in _SENTENCES.items() if re.search(pattern, read, re.IGNORECASE)}
    for n, heading in enumerate(headings):
        title = (heading["title"] or heading["bold"] or heading["lined"]).lower()
        # what is below smaller headings is below this one, too
        later = (headings[k] for k in range(n + 1, len(headings)))
        end = next((h.start() for h in later if _level(h) <= _level(heading)), len(read))
        if re.search(r"\w", _HEADING.sub("", read[heading.end() : end])):
            said |= {part for part, words in PARTS.items() if any(_has(title, word) for word in words)}
    return [part for part in PARTS if part not in said]


def sentence(card: str) -> str:
    r"""The first plain sentence of a card, at most 300 characters of it; "" where there is none.

    Example:
        >>> sentence("---\nlicense: mit\n---\n# Mine\n\n![](a.png)\n\nIt rhymes. It is small.")
        'It rhymes.'
    """
    plain = (line.strip() for line in _HEADING.sub("", _read(card)).splitlines())
    first = next((line for line in plain if re.match(r"\w", line)), "")
    return re.split(r"(?<=[.!?])\s", first)[0][:300]


def _read(card: str) -> str:
    """What of a card is read by people; the questions of `template` are not yet said."""
    for pattern in _UNREAD:
        card = pattern.sub("", card)
    card = "\n".join(line.rstrip() for line in card.split("\n"))
    for asked in _ASKED.values():
        card = card.replace(asked, "")
    return card


def _level(heading: re.Match[str]) -> int:
    """1 for the largest; a line in bold type stands below all headings."""
    if heading["marks"]:
        return len(heading["marks"])
    return 7 if heading["bold"] else 1 if heading["line"][0] == "=" else 2


def _has(title: str, word: str) -> bool:
    return re.search(rf"\b{word}\b", title) is not None
