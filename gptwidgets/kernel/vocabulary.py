"""The vocabulary as it is read while a model writes: a token's bytes and piece, each made once."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from gptwidgets.kernel import pieces


class Entry(NamedTuple):
    """A token of the vocabulary: its bytes, what a person reads, and whether it is a special one."""

    bytes: bytes
    piece: str
    special: bool


class Vocabulary:
    """A tokenizer's tokens by id, as they stand within a text (see `pieces.tokens`).

    Args:
        tokenizer: a transformers tokenizer, or None: then every id is a ``⟨id 7⟩`` without bytes.

    Example:
        >>> Vocabulary(None)[7].piece
        '⟨id 7⟩'
    """

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        self._known: dict[int, Entry] = {}
        self._before: list[int] | None = None

    def __getitem__(self, token_id: int) -> Entry:
        entry = self._known.get(token_id)
        if entry is None:
            self.learn([token_id])
            entry = self._known[token_id]
        return entry

    def learn(self, ids: Iterable[int]) -> None:
        """Looks up what is not known yet of these ids, all at once."""
        new = [i for i in dict.fromkeys(ids) if i not in self._known]
        if not new:
            return
        if self._tokenizer is None:
            self._known.update((i, Entry(b"", f"⟨id {i}⟩", special=False)) for i in new)
            return
        # Some tokenizers put a space before a text and take it away again; nothing here comes first.
        before = self._something_before()
        made = pieces.tokens(self._tokenizer, [*before, *new])[len(before) :]
        special = set(made.special)
        for at, token in enumerate(made):
            self._known[token.id] = Entry(token.bytes, token.piece, at in special)

    def _something_before(self) -> list[int]:
        if self._before is None:
            try:
                ids: list[int] = self._tokenizer.encode("a", add_special_tokens=False)
            except Exception:  # a tokenizer of an odd kind; only its first space is at stake
                ids = []
            self._before = ids[:1]
        return self._before
