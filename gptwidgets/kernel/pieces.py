"""Tokens as people read them: ids, their bytes, and the text that stands for them.

A token is bytes, not a string: one emoji may be four tokens, none of which is text by itself. So ids
and bytes are kept, and strings are made from them for reading only. Nothing here encodes generated
text again, because the ids could differ.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from typing import Any, overload

from gptwidgets.kernel.readable import readable, split_characters, visible
from gptwidgets.kernel.spelling import names, scheme_of

__all__ = ["Span", "Token", "Tokens", "tokens", "visible"]

Span = tuple[int, int] | None


@dataclass(frozen=True, slots=True)
class Token:
    """One token.

    Attributes:
        id: its number in the model's vocabulary; -1 where the tokens are words without a vocabulary.
        bytes: the UTF-8 bytes it adds to the text; a special token's are those of its name.
        piece: what a person reads: text, ``⟨E2 80⟩`` for bytes that are no text, ``⟨id 49200⟩`` for an
            id that stands for nothing. Whitespace is kept; `visible` shows it.
        span: first character and the one after the last in the text that was recorded, where known.
            The tokens of a split character all have that character's span.
    """

    id: int
    bytes: bytes
    piece: str
    span: Span = None


class Tokens(Sequence[Token]):
    """The tokens of a text, in order; behaves as a sequence of `Token`.

    Kept as columns, so that 32,768 tokens cost little; a `Token` is made when somebody looks.

    Args:
        ids: n ids.
        parts: n byte strings.
        pieces: n strings for reading; made from the bytes where None.
        spans: n spans in `text`, or None.
        special: indices of special tokens.
        text: the text the tokens came from; the joined bytes, read as UTF-8, where None.

    Raises:
        ValueError: if the columns differ in length.

    Example:
        >>> Tokens([3, 7], [b"Hello", b" you"])[1].piece
        ' you'
    """

    def __init__(
        self,
        ids: Iterable[int],
        parts: Iterable[bytes],
        pieces: Iterable[str] | None = None,
        *,
        spans: Iterable[Span] | None = None,
        special: Iterable[int] = (),
        text: str | None = None,
    ) -> None:
        """Keep the columns as tuples; see the class for their meaning."""
        self.ids = tuple(ids)
        self.parts = tuple(parts)
        self.pieces = tuple(map(readable, self.parts)) if pieces is None else tuple(pieces)
        self.spans = None if spans is None else tuple(spans)
        self.special = tuple(special)
        self._text = text
        lengths = {len(self.ids), len(self.parts), len(self.pieces)}
        if self.spans is not None:
            lengths.add(len(self.spans))
        if len(lengths) > 1:
            raise ValueError(f"the columns of tokens differ in length: {sorted(lengths)}")

    @classmethod
    def from_words(cls, words: Iterable[Any]) -> Tokens:
        """Tokens that are plain words, for arrays of attention weights from elsewhere.

        Args:
            words: n strings, one for each row and column of the array.

        Returns:
            Tokens without a vocabulary (each id is -1). The words are joined by spaces in `text` where
            none of them brings whitespace of its own.

        Raises:
            TypeError: if `words` is one string, or not all of them are strings.

        Example:
            >>> Tokens.from_words(["the", "cat"]).text
            'the cat'
        """
        if isinstance(words, str | bytes):
            raise TypeError("tokens is a list of strings, one a token; this is one string: split it first.")
        given: Any = words
        if not isinstance(given, Iterable):
            raise TypeError(f"tokens is a list of strings, one a token, not {words!r}.")
        pieces = [str(word) if isinstance(word, str) else _not_a_word(word) for word in words]
        parts = [piece.encode("utf-8", "surrogatepass") for piece in pieces]
        glue = "" if any(char.isspace() for piece in pieces for char in piece) else " "
        return cls([-1] * len(pieces), parts, pieces, text=glue.join(pieces))

    @cached_property
    def text(self) -> str:
        """The text the tokens came from, or else what their bytes say."""
        return readable(b"".join(self.parts)) if self._text is None else self._text

    @cached_property
    def groups(self) -> tuple[int, ...]:
        """A number per token, never falling: the tokens of one split character share it."""
        return tuple(range(len(self)) if self._split is None else self._split)

    def group_text(self, index: int) -> str:
        """What a person reads in the group of token `index`: the whole of a split character."""
        if self._split is None:
            return self.pieces[index]
        group = self._split[index]
        return self._group_texts().get(group, self.pieces[index])

    def wire(self) -> dict[str, Any]:
        """The columns as JSON for the browser.

        Returns:
            ``pieces`` and ``ids`` (n each), ``groups`` (n, or None if no character is split),
            ``group_text`` (the readable text by group, only for groups of more than one token) and
            ``special`` (indices).
        """
        return {
            "pieces": [piece.encode("utf-8", "replace").decode() for piece in self.pieces],
            "ids": list(self.ids),
            "groups": None if self._split is None else list(self._split),
            "group_text": {str(group): text for group, text in self._group_texts().items()},
            "special": list(self.special),
        }

    def __len__(self) -> int:
        return len(self.ids)

    @overload
    def __getitem__(self, index: int) -> Token: ...
    @overload
    def __getitem__(self, index: slice) -> Tokens: ...
    def __getitem__(self, index: int | slice) -> Token | Tokens:
        if isinstance(index, slice):
            chosen = range(len(self))[index]
            place = {old: new for new, old in enumerate(chosen)}
            return Tokens(
                self.ids[index],
                self.parts[index],
                self.pieces[index],
                spans=None if self.spans is None else self.spans[index],
                special=[place[i] for i in self.special if i in place],
            )
        span = None if self.spans is None else self.spans[index]
        return Token(self.ids[index], self.parts[index], self.pieces[index], span)

    def __iter__(self) -> Iterator[Token]:
        return map(Token, self.ids, self.parts, self.pieces, self.spans or [None] * len(self))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Tokens):
            return NotImplemented
        return (self.ids, self.parts, self.pieces, self.spans) == (
            other.ids,
            other.parts,
            other.pieces,
            other.spans,
        )

    def __hash__(self) -> int:
        return hash((self.ids, self.parts))

    def __repr__(self) -> str:
        shown = "|".join(visible(piece) for piece in self.pieces[:16])
        return f"<{len(self)} tokens: {shown}{'|…' if len(self) > 16 else ''}>"

    @cached_property
    def _split(self) -> list[int] | None:
        return split_characters(self.parts, self.special)

    def _group_texts(self) -> dict[int, str]:
        """The readable text of the groups of several tokens."""
        members: dict[int, list[bytes]] = {}
        for group, part in zip(self._split or (), self.parts, strict=False):
            members.setdefault(group, []).append(part)
        return {group: readable(b"".join(parts)) for group, parts in members.items() if len(parts) > 1}


def tokens(tokenizer: Any, ids: Iterable[int], text: str | None = None) -> Tokens:
    """Give ids the bytes and pieces that a person reads.

    Args:
        tokenizer: a transformers tokenizer: byte-level, SentencePiece, WordPiece, or any other that can
            decode one id.
        ids: n token ids; one that the vocabulary does not have still gets a piece, ``⟨id 49200⟩``.
        text: the text that was encoded, where there is one; gives the spans. Leave it out for generated
            ids.

    Returns:
        n tokens. Their joined bytes are the UTF-8 of the text, except for special tokens that the
        tokenizer added and for what its normalisation changed.

    Example:
        >>> tokens(tokenizer, tokenizer.encode("naïve"), "naïve").text  # doctest: +SKIP
        'naïve'
    """
    ids = [int(i) for i in ids]
    unique = list(dict.fromkeys(ids))
    added: dict[int, Any] = getattr(tokenizer, "added_tokens_decoder", None) or {}
    special = {i for i, token in added.items() if getattr(token, "special", True)}
    special |= set(getattr(tokenizer, "all_special_ids", ()))
    scheme = scheme_of(tokenizer)
    part_of: dict[int, bytes | None] = {}
    for i, name in zip(unique, names(tokenizer, unique), strict=True):
        if i in added or i in special:  # written as they are, never in the vocabulary's spelling
            part_of[i] = str(added.get(i, name)).encode()
        else:
            part_of[i] = name if isinstance(name, bytes | None) else scheme.part(name, i)
    parts = [part_of[i] or b"" for i in ids]
    piece_of = {i: f"⟨id {i}⟩" if part is None else readable(part) for i, part in part_of.items()}
    pieces = [piece_of[i] for i in ids]
    special_at = [at for at, i in enumerate(ids) if i in special]
    first = next((at for at, i in enumerate(ids) if i not in special), None)
    if scheme.drops_first_space and first is not None and parts[first].startswith(b" "):
        parts[first] = parts[first][1:]  # the space that the tokenizer itself put before the text
        pieces[first] = readable(parts[first]) or " "
    spans = None if text is None else _spans(tokenizer, ids, parts, special, text)
    return Tokens(ids, parts, pieces, spans=spans, special=special_at, text=text)


def _spans(
    tokenizer: Any, ids: list[int], parts: list[bytes], special: set[int], text: str
) -> list[Span] | None:
    """Where each token stands in `text`: by its bytes, else by the tokenizer's own offsets."""
    try:
        data = text.encode()
    except UnicodeEncodeError:  # a lone surrogate: no tokenizer can have read this text
        return None
    at = 0
    edges: list[tuple[int, int] | None] = []
    for i, part in zip(ids, parts, strict=True):
        if part and data.startswith(part, at):
            edges.append((at, at + len(part)))
            at += len(part)
        elif i in special:
            edges.append(None)  # added by the tokenizer, not in the text
        elif part:
            return _offsets(tokenizer, ids, text)  # the tokenizer normalised the text
        else:
            edges.append((at, at))
    if data.isascii():
        return list(edges)
    starts = accumulate((byte & 0xC0 != 0x80 for byte in data), initial=0)
    before = list(starts)  # before[b]: characters that begin before byte b
    return [
        edge and (before[edge[0] + 1] - 1 if edge[0] < edge[1] else before[edge[0]], before[edge[1]])
        for edge in edges
    ]


def _offsets(tokenizer: Any, ids: list[int], text: str) -> list[Span] | None:
    """The tokenizer's offsets, if encoding `text` gives these very ids."""
    if not getattr(tokenizer, "is_fast", False):
        return None
    for extra in (False, True):
        read = tokenizer(text, return_offsets_mapping=True, add_special_tokens=extra, truncation=False)
        if list(read["input_ids"]) == ids:
            return [(start, end) if end > start else None for start, end in read["offset_mapping"]]
    return None


def _not_a_word(word: object) -> str:
    raise TypeError(f"tokens is a list of strings, one a token; one of them is a {type(word).__name__}.")
