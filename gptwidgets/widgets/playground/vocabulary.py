"""Tokens as the page knows them: by id, each id's piece sent once. What has no id gets one of our own."""

from __future__ import annotations

import re
from collections.abc import Iterable
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

from gptwidgets.errors import TextError
from gptwidgets.widgets.playground.tokens import TokenColumns, texts_of

if TYPE_CHECKING:
    from gptwidgets.kernel.step import Token

# What a piece shows instead of bytes that are no text, or that nobody told.
STANDS_IN = re.compile(r"⟨(?:\?|[0-9A-F]{2}(?: [0-9A-F]{2})*|id -?\d+)⟩")


class Vocabulary:
    """The pieces of the ids that were met, and which of them the pages have not heard of yet.

    An engine elsewhere may tell only what its tokens say; such a piece gets an id of -2, -3, …

    Args:
        engine: a GPT, or what behaves like one.
    """

    def __init__(self, engine: Any) -> None:
        self._engine = engine
        self._pieces: dict[int, str] = {}
        self._own: dict[str, int] = {}
        self._untold: set[int] = set()

    def put(self, id_: int, piece: str) -> int:
        """Takes a token's id (-1 where it has none) and piece; returns its id on the wire."""
        if id_ < 0:
            id_ = self._own.setdefault(piece, min(self._own.values(), default=-1) - 1)
        if id_ not in self._pieces:
            self._pieces[id_] = piece
            self._untold.add(id_)
        return id_

    def keep(self, id_: int, piece: str) -> None:
        """Takes a piece under an id that it has already, from a saved story."""
        before = self._pieces.get(id_)
        self._pieces[id_] = piece
        if id_ < -1:
            if before is not None and before != piece:
                self._own.pop(before, None)  # it stood for another piece here
            self._own[piece] = id_

    def take(self, token: Token) -> tuple[int, list[int]]:
        """Takes a token that an engine gave: its id on the wire, and those of its alternatives."""
        some = token.alternatives
        alternatives = [self.put(id_, piece) for id_, piece in zip(some.ids, some.pieces, strict=True)]
        return self.put(token.id, token.piece), alternatives

    def untold(self) -> dict[str, str]:
        """What came up since the last call, for the next message to all pages."""
        fresh, self._untold = self._untold, set()
        return self.some(fresh)

    def some(self, ids: Iterable[int]) -> dict[str, str]:
        """The pieces of these ids as JSON; those that nobody met yet are asked of the tokenizer."""
        wanted = {int(id_) for id_ in ids}
        missing = sorted(id_ for id_ in wanted if id_ >= 0 and id_ not in self._pieces)
        if missing:
            self._pieces.update(zip(missing, pieces_of(self._engine, missing), strict=True))
            self._untold.update(missing)
        found = {id_: self._pieces[id_] for id_ in wanted if id_ in self._pieces}
        return {str(id_): piece.encode("utf-8", "replace").decode() for id_, piece in found.items()}

    def piece(self, id_: int) -> str:
        """The piece of one id; "" where it stands for nothing."""
        return self.some([id_]).get(str(id_), "")

    def spelt(self, id_: int) -> str:
        """The text of one id, to be put into a text for an engine that takes no ids.

        Raises:
            TextError: it is part of a character, or nobody has said how it reads.
        """
        piece = self.piece(id_)
        if not piece or STANDS_IN.search(piece):
            raise TextError(
                f"{self._engine.name} is asked in texts, and {piece or f'⟨id {id_}⟩'} is no text of its own, "
                "maybe part of a character: choose another token, or type what should stand there."
            )
        return piece

    def text(self, text: str) -> TokenColumns:
        """A text as one token of our own, for an engine that says nothing of its tokens."""
        return TokenColumns.of([self.put(-1, text)], [text])

    def tokens(self, ids: list[int], text: str | None = None) -> TokenColumns:
        """Ids as tokens of which only id and text are known.

        Args:
            ids: as the engine knows them.
            text: what was encoded, where there is one.
        """
        from gptwidgets.kernel import pieces

        tokenizer, lock = _tokenizer(self._engine)
        if tokenizer is None:
            return TokenColumns.of(ids, [self.piece(id_) for id_ in ids])
        with lock:
            read = pieces.tokens(tokenizer, ids, text)
        self.some(ids)
        return TokenColumns.of(ids, texts_of(read.parts))


def pieces_of(engine: Any, ids: list[int]) -> list[str]:
    """The pieces of ids, as a reader sees them within a text."""
    from gptwidgets.kernel.vocabulary import Vocabulary as Known

    tokenizer, lock = _tokenizer(engine)
    known = Known(tokenizer)
    with lock or nullcontext():
        known.learn(ids)
        return [known[id_].piece for id_ in ids]


def bytes_of(engine: Any, ids: list[int]) -> list[bytes]:
    """The bytes of ids; none of special tokens, nor where an engine elsewhere keeps them to itself."""
    from gptwidgets.kernel.vocabulary import Vocabulary as Known

    tokenizer, lock = _tokenizer(engine)
    known = Known(tokenizer)
    with lock or nullcontext():
        known.learn(ids)
        return [b"" if known[id_].special else known[id_].bytes for id_ in ids]


def _tokenizer(engine: Any) -> tuple[Any, Any]:
    if engine.closed:
        return None, None
    return getattr(engine, "_tokenizer", None), getattr(engine, "_tokenizer_lock", None)
