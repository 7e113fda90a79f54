"""What earlier runs have read already: a branch begins there and not at the prompt.

A cache of keys and values belongs to its text, and to the intervention under which that was read: where a
new text has its first L tokens in common with one that was read under the same, their keys and values are the
same. They are copied, so that branches never disturb each other.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

from gptwidgets.kernel.budget import Budget
from gptwidgets.kernel.cache import copy_prefix, nbytes
from gptwidgets.kernel.intervention import NOTHING, Intervention

SHORTEST = 8  # tokens in common below which reading again costs less than copying

caches = Budget(limit=500_000_000)  # bytes, of all models together


class _Entry:
    """A cache and the ids of each of its rows, as the budget sees it."""

    def __init__(self, cache: Any, texts: list[list[int]], under: Intervention) -> None:
        self.cache = cache
        self.texts = texts
        self.under = under
        self._bytes = nbytes(cache)

    @property
    def nbytes(self) -> int:
        return self._bytes if self.cache is not None else 0

    def close(self) -> None:
        self.cache = None


class Prefixes:
    """The caches that one model's runs have left, the newest last.

    Example:
        >>> Prefixes().take([1, 2, 3])
        (None, 0)
    """

    def __init__(self) -> None:
        self._entries: list[_Entry] = []
        self._lock = threading.Lock()
        self._closed = False

    def put(self, cache: Any, texts: Sequence[Sequence[int]], under: Intervention = NOTHING) -> None:
        """Keeps a cache; it is ours from now on.

        Args:
            cache: what a model has read.
            texts: the ids of each row of its batch; more than the cache holds are cut.
            under: what was changed in the model meanwhile.
        """
        length = int(cache.get_seq_length())
        entry = _Entry(cache, [list(text[:length]) for text in texts], under)
        with self._lock:
            if self._closed or length < SHORTEST:
                return
            mine = {tuple(text) for text in entry.texts}
            self._entries = [
                old
                for old in self._entries
                if old.cache is not None
                and not (old.under == under and {tuple(text) for text in old.texts} <= mine)
            ]
            self._entries.append(entry)
        caches.add(entry)

    def take(self, ids: Sequence[int], under: Intervention = NOTHING) -> tuple[Any, int]:
        """A copy of the longest beginning of a text that was read before.

        Args:
            ids: the text; its last token is left to be read, since that gives the logits.
            under: what is changed in the model now; only what was read under the same is of use.

        Returns:
            A cache of batch 1 and how many tokens it holds; None and 0 where there is none to use.
        """
        wanted = list(ids[:-1])
        with self._lock:
            found = [
                (_common(text, wanted), age, row)
                for age, entry in enumerate(self._entries)
                if entry.under == under
                for row, text in enumerate(entry.texts)
            ]
            for length, age, row in sorted(found, reverse=True):
                if length < SHORTEST:
                    break
                entry = self._entries[age]
                cache = entry.cache  # the budget may take it away at any time
                copy = None if cache is None else copy_prefix(cache, row, length)
                if copy is not None:
                    caches.touch(entry)
                    return copy, length
        return None, 0

    def clear(self) -> None:
        """Forgets all of it."""
        with self._lock:
            for entry in self._entries:
                entry.close()
            self._entries.clear()

    def close(self) -> None:
        """Forgets all of it and takes nothing more."""
        self._closed = True
        self.clear()


def _common(a: list[int], b: list[int]) -> int:
    """How many tokens two texts begin with together."""
    short = min(len(a), len(b))
    if a[:short] == b[:short]:
        return short
    return next(at for at in range(short) if a[at] != b[at])
