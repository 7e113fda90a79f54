"""Bytes and characters as people read them: hex for what is no text, signs for what cannot be seen."""

from __future__ import annotations

import unicodedata
from itertools import accumulate
from typing import TYPE_CHECKING

import regex  # its \X finds what a reader takes for one character; the standard library cannot

if TYPE_CHECKING:
    from collections.abc import Sequence

_CLUSTER = regex.compile(r"\X")
_UNDECODED = regex.compile("[\udc80-\udcff]+")  # how "surrogateescape" writes bytes that are no UTF-8
# What has no ink, except inside the ⟨E2 80⟩ and ⟨id 49200⟩ that this project writes itself.
_HIDDEN = regex.compile(
    r"⟨(?:[0-9A-F]{2}(?: [0-9A-F]{2})*|id -?\d+)⟩|[\p{C}\p{Z}\uFFF9-\uFFFB\u115F\u1160\u3164\uFFA0\u2800]"
)
# Inside a word or an emoji these do their work (families, Persian, Indic); elsewhere they are invisible.
_JOINERS = "\u200c\u200d"
_SIGNS = {
    " ": "·", "\n": "⏎", "\t": "⇥", "\x7f": "␡", "\xa0": "⟨NBSP⟩", "\xad": "⟨SHY⟩", "\u061c": "⟨ALM⟩",
    "\u200b": "⟨ZWSP⟩", "\u200c": "⟨ZWNJ⟩", "\u200d": "⟨ZWJ⟩", "\u200e": "⟨LRM⟩", "\u200f": "⟨RLM⟩",
    "\u2028": "⟨LS⟩", "\u2029": "⟨PS⟩", "\u202a": "⟨LRE⟩", "\u202b": "⟨RLE⟩", "\u202c": "⟨PDF⟩",
    "\u202d": "⟨LRO⟩", "\u202e": "⟨RLO⟩", "\u2060": "⟨WJ⟩", "\u2066": "⟨LRI⟩", "\u2067": "⟨RLI⟩",
    "\u2068": "⟨FSI⟩", "\u2069": "⟨PDI⟩", "\u3000": "⟨IDSP⟩", "\ufeff": "⟨BOM⟩",
    **{chr(c): chr(0x2400 + c) for c in range(0x20) if chr(c) not in "\n\t"},
}  # fmt: skip


def hexes(data: bytes) -> str:
    r"""Bytes as a reader sees them where they are no text.

    Example:
        >>> hexes(b"\xe2\x80")
        '⟨E2 80⟩'
    """
    return f"⟨{data.hex(' ').upper()}⟩"


def readable(data: bytes) -> str:
    r"""UTF-8 decoded; the bytes that are no UTF-8 stand as hex, so that nothing is lost.

    Example:
        >>> readable(b"caf\xc3\xa9 \xf0\x9f")
        'café ⟨F0 9F⟩'
    """
    text = data.decode("utf-8", "surrogateescape")
    return _UNDECODED.sub(lambda m: hexes(m[0].encode("utf-8", "surrogateescape")), text)


def visible(piece: str) -> str:
    r"""A piece with everything that has no ink of its own made visible, for labels and tooltips.

    A space becomes ``·``, a newline ``⏎``, a tab ``⇥``, other control characters their pictures
    (U+2400 …), direction marks and odd spaces their names in ⟨…⟩. A direction mark that were left in
    could reorder the label it stands in. Joiners are kept inside a word or an emoji, where they belong.

    Args:
        piece: any string.

    Returns:
        A string without control, format, separator, surrogate or private characters, except joiners
        that join; a combining mark at its beginning sits on a dotted circle.

    Example:
        >>> visible(" so\n")
        '·so⏎'
    """
    if piece.isascii() and piece.isalnum():
        return piece

    def sign(match: regex.Match[str]) -> str:
        char = match[0]
        if len(char) > 1:
            return char
        if char in _JOINERS and 0 < match.start() < len(piece) - 1 and not piece[match.start() - 1].isspace():
            return char
        return _SIGNS.get(char) or f"⟨U+{ord(char):04X}⟩"

    shown = _HIDDEN.sub(sign, piece)
    if shown and unicodedata.category(shown[0])[0] == "M":
        return "◌" + shown
    return shown


def split_characters(parts: Sequence[bytes], apart: Sequence[int] = ()) -> list[int] | None:
    r"""Which byte strings share a character that a reader sees as one.

    A character is what Unicode calls an extended grapheme cluster (UAX #29): an emoji family held
    together by joiners, a letter with its accents, a syllable of Hindi.

    Args:
        parts: the byte strings of n tokens, in order.
        apart: indices of tokens that never share a character with a neighbour (special tokens).

    Returns:
        A group number for each of the n tokens, never falling, from 0; tokens that share a character
        share the number. None where every token is its own group.

    Example:
        >>> split_characters([b"a", b"\xe2\x82", b"\xac"])
        [0, 1, 1]
    """
    data = b"".join(parts)
    if data.isascii():
        return None
    inside = _inside(data)
    alone = set(apart)
    starts = accumulate((len(part) for part in parts), initial=0)
    groups: list[int] = []
    group = -1
    for i, (start, part) in enumerate(zip(starts, parts, strict=False)):
        joined = bool(part) and start < len(data) and inside[start] and i not in alone and i - 1 not in alone
        group += not (joined and groups)
        groups.append(group)
    return groups if group + 1 < len(parts) else None


def _inside(data: bytes) -> bytearray:
    """For each byte, 1 where it continues the character before it."""
    text = data.decode("utf-8", "surrogateescape")
    inside = bytearray(len(data))
    at = 0
    for match in _CLUSTER.finditer(text):
        cluster: str = match[0]
        if cluster == "\r\n":  # one cluster to Unicode, two to a reader of tokens
            at += 2
            continue
        size = len(cluster) if cluster.isascii() else len(cluster.encode("utf-8", "surrogateescape"))
        if size > 1:
            inside[at + 1 : at + size] = b"\1" * (size - 1)
        at += size
    return inside
