"""Characters that one run begins and another one completes: their bytes are spread over both runs' tokens."""

from __future__ import annotations

import codecs
from collections.abc import Iterator, Sequence

from gptwidgets.kernel.readable import hexes

LONGEST = 4  # bytes of a character, and so at most as many tokens


def unfinished(parts: Sequence[bytes]) -> tuple[bytes, int]:
    r"""The beginning of a character with which tokens end.

    Args:
        parts: the bytes of the last tokens; special ones have none.

    Returns:
        Its bytes, and over how many tokens they are spread; nothing and 0 where the last character is whole.

    Example:
        >>> unfinished([b"a", b" \xe2", b"\x82"])
        (b'\xe2\x82', 2)
    """
    whole = b"".join(parts)
    _, length = codecs.utf_8_decode(whole, "surrogateescape", False)
    begun = whole[length:]
    left, tokens = len(begun), 0
    while left > 0:
        tokens += 1
        left -= len(parts[-tokens])
    return begun, tokens


def texts(
    said: Sequence[str], parts: Sequence[bytes], begun: bytes, spread: int
) -> Iterator[tuple[int, str]]:
    r"""What tokens say without the hex that stood in for a character which now may be completed.

    Args:
        said: what they say, as many as there are.
        parts: the bytes of the last of them.
        begun: the character's bytes.
        spread: over how many of the last tokens.

    Returns:
        For each of those its index and what it says.

    Example:
        >>> list(texts(["a", " ", "⟨E2 82⟩"], [b"a", b" \xe2", b"\x82"], b"\xe2\x82", 2))
        [(1, ' '), (2, '')]
    """
    left = begun
    for back in range(spread, 0, -1):
        share = left[: len(left) - sum(map(len, parts[len(parts) - back + 1 :]))]
        left = left[len(share) :]
        own = said[-back]
        yield len(said) - back, "" if len(parts[-back]) == len(share) else own.removesuffix(hexes(share))


def completed(begun: bytes, part: bytes, text: str) -> tuple[bytes, str]:
    r"""The next token after a character that was begun.

    Args:
        begun: the bytes that are there.
        part: the token's bytes.
        text: what the token says for itself.

    Returns:
        What is begun still, and what the token says now. What does not go on with the character leaves its
        bytes as hex.

    Example:
        >>> completed(b"\xe2\x82", b"\xac!", "⟨AC⟩!")
        (b'', '€!')
    """
    if not 0x80 <= (part[:1] or b"\0")[0] < 0xC0:
        return b"", hexes(begun) + text
    try:
        said, length = codecs.utf_8_decode(begun + part, "strict", False)
    except UnicodeDecodeError:
        return b"", hexes(begun) + text
    return ((begun + part)[length:], "") if not said else (b"", said)
