"""What was meant by a word that no listing has."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from heapq import nsmallest


def nearest(word: str, known: Mapping[str, int], most: int = 5) -> list[str]:
    """The known words that are the fewest typing mistakes away, the more frequent first; none if all are far.

    One mistake is a letter left out, put in, exchanged, or two that changed places; words of up to four
    letters may have one, longer ones two. A word that was begun counts, too: its rest is no mistake.

    Args:
        word: in lower case.
        known: how often each word occurs.
        most: how many words.

    Example:
        >>> nearest("smolm", {"smollm2": 3, "small": 9, "pythia": 5})
        ['smollm2', 'small']
        >>> nearest("transaltion", {"translation": 7, "transfer": 1})
        ['translation']
        >>> nearest("xyzzy", {"llama": 5})
        []
    """
    if len(word) < 3:
        return []
    allowed = 1 if len(word) <= 4 else 2
    found: list[tuple[int, bool, int, str]] = []
    for other in _plausible(word, known, allowed):
        mistakes = distance(word, other, allowed)
        if mistakes > 1 and distance(word, other[: len(word) + 1], 1) <= 1:  # begun, with one mistake
            mistakes = 1
        if mistakes <= allowed:
            found.append((mistakes, other[0] != word[0], -known[other], other))
    return [other for *_, other in nsmallest(most, found)]


def distance(one: str, other: str, most: int) -> int:
    """How many typing mistakes lie between two words; `most` + 1 where it is more than `most`.

    The optimal string alignment distance: E. Ukkonen's band of the table is computed, no more.

    Example:
        >>> distance("chta", "chat", 2)
        1
    """
    if abs(len(one) - len(other)) > most:
        return most + 1
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, sign in enumerate(one, 1):
        last, before, row = before, row, [i] + [most + 1] * len(other)
        for j in range(max(1, i - most), min(len(other), i + most) + 1):
            same = sign == other[j - 1]
            row[j] = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (not same))
            if i > 1 and j > 1 and sign == other[j - 2] and one[i - 2] == other[j - 1]:
                row[j] = min(row[j], last[j - 2] + 1)
        if min(row) > most:
            return most + 1
    return min(row[-1], most + 1)


def _plausible(word: str, known: Iterable[str], allowed: int) -> Iterable[str]:
    """Those that share enough letters; counting letters is quicker than aligning them."""
    letters = set(word)
    for other in known:
        if len(other) >= len(word) - allowed and len(letters - set(other)) <= allowed:
            yield other
