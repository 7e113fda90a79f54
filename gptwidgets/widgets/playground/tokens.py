"""What is known of each token of a piece of text, as columns that grow while a model writes."""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from gptwidgets.kernel.readable import hexes

if TYPE_CHECKING:
    from gptwidgets.kernel.step import Token

NUMBERS = {  # column → its dtype and what stands where a number is not known
    "id": ("<i4", -1),
    "logprob": ("<f4", np.nan),  # natural logarithm, before the sampling rules
    "sampled": ("<f4", np.nan),  # natural logarithm, after them; -inf was cut
    "rank": ("<i4", -1),  # 0 is the most probable
    "entropy": ("<f4", np.nan),  # bits
    "ms": ("<f4", np.nan),
}
CHOICES = {"alt_id": "<i4", "alt_logprob": "<f4", "alt_sampled": "<f4"}  # (T, k) each


class TokenColumns:
    """The tokens of one node of the tree, T of them with k alternatives each.

    Kept as arrays whose capacity doubles. `texts[t]` is the text that became complete with token t; joined
    they are the node's text.

    Args:
        k: how many alternatives of each token are kept.
    """

    def __init__(self, k: int = 0) -> None:
        self.k = k
        self.texts: list[str] = []
        self._room = 0
        self._columns: dict[str, Any] = {}
        self._grow(16)

    @classmethod
    def of(cls, ids: Iterable[int], texts: Sequence[str], k: int = 0) -> Self:
        """Tokens of which nothing is known but what they are: a prompt's, or those that a person wrote."""
        made = cls(k)
        for id_, text in zip(ids, texts, strict=True):
            made._put(text, {"id": id_})
        return made

    @classmethod
    def from_columns(cls, columns: Mapping[str, np.ndarray], texts: Sequence[str]) -> Self:
        """What `columns()` gave; missing columns are not known.

        Raises:
            ValueError: columns of unequal length, or of the wrong kind.
        """
        length, choices = len(texts), columns.get("alt_id", np.empty((len(texts), 0)))
        made = cls(choices.shape[1] if choices.ndim == 2 else 0)
        made._grow(length)
        for name, column in columns.items():
            mine = made._columns.get(name)
            if mine is None or column.shape != (length, *mine.shape[1:]) or column.dtype != mine.dtype:
                raise ValueError(f"'{name}' is not a column of {length} tokens.")
            mine[:length] = column
        made.texts = [str(text) for text in texts]
        return made

    def __len__(self) -> int:
        return len(self.texts)

    @property
    def text(self) -> str:
        """The text of all tokens."""
        return "".join(self.texts)

    @property
    def ids(self) -> list[int]:
        """The ids of all tokens."""
        return self._columns["id"][: len(self)].tolist()

    def append(self, token: Token, id_: int, milliseconds: float, alternatives: Sequence[int]) -> None:
        """Takes a token that a model wrote.

        Args:
            token: as the engine gave it.
            id_: its id on the wire.
            milliseconds: how long it took.
            alternatives: the ids of its alternatives on the wire.
        """
        numbers = {
            "id": id_,
            "logprob": token.logprob,
            "sampled": token.sampled_logprob,
            "rank": token.rank,
            "entropy": token.entropy,
            "ms": milliseconds,
        }
        at = self._put(token.text, numbers)
        some = token.alternatives
        n = min(self.k, len(alternatives))
        if n:
            self._columns["alt_id"][at, :n] = alternatives[:n]
            self._columns["alt_logprob"][at, :n] = some.logprobs[:n]
            self._columns["alt_sampled"][at, :n] = some.sampled_logprobs[:n]

    def copy(self, start: int, end: int, *, known: bool) -> TokenColumns:
        """Some of the tokens; with `known=False` only what they are, since their context has changed."""
        made = TokenColumns(self.k if known else 0)
        made._grow(max(0, end - start))
        made.texts = self.texts[start:end]
        for name in made._columns if known else ("id",):
            made._columns[name][: len(made)] = self._columns[name][start:end]
        return made

    def extend(self, other: TokenColumns) -> None:
        """Appends other tokens; alternatives beyond k are left out."""
        at, n = len(self), len(other)
        self._grow(at + n)
        for name, mine in self._columns.items():
            theirs = other._columns[name][:n]
            if mine.ndim == 2:
                mine[at : at + n, : other.k] = theirs[:, : self.k]
            else:
                mine[at : at + n] = theirs
        self.texts += other.texts

    def set_at(self, index: int, **numbers: Any) -> None:
        """Sets what is known of one token, by column."""
        for name, number in numbers.items():
            self._columns[name][index] = number

    def columns(self, start: int = 0, end: int | None = None) -> dict[str, np.ndarray]:
        """The columns of tokens start … end, as copies."""
        stop = len(self) if end is None else min(end, len(self))
        return {name: column[start:stop].copy() for name, column in self._columns.items()}

    def at(self, index: int) -> dict[str, Any]:
        """What is known of one token, by column."""
        return {name: column[index].copy() for name, column in self._columns.items()}

    def _put(self, text: str, numbers: Mapping[str, float]) -> int:
        at = len(self)
        self._grow(at + 1)
        for name, number in numbers.items():
            self._columns[name][at] = number
        self.texts.append(text)  # last: who reads from another thread sees whole tokens only
        return at

    def _grow(self, length: int) -> None:
        if length <= self._room:
            return
        self._room = max(2 * self._room, length)
        empty: dict[str, Any] = {
            name: np.full(self._room, unknown, dtype) for name, (dtype, unknown) in NUMBERS.items()
        }
        for name, dtype in CHOICES.items():
            empty[name] = np.full((self._room, self.k), -1 if dtype == "<i4" else np.nan, dtype)
        for name, column in self._columns.items():
            empty[name][: len(column)] = column
        self._columns = empty


def texts_of(parts: Iterable[bytes]) -> list[str]:
    r"""The text that becomes complete with each token; bytes that never become text stand as hex.

    Args:
        parts: the bytes of each token.

    Example:
        >>> texts_of([b"a", b"\xe2\x82", b"\xac!", b"\xf0"])
        ['a', '', '€!', '⟨F0⟩']
    """
    decoder = codecs.getincrementaldecoder("utf-8")("gptwidgets.hex")
    texts = [decoder.decode(part) for part in parts]
    if texts:
        texts[-1] += decoder.decode(b"", final=True)
    return texts


def _as_hex(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeDecodeError)  # noqa: S101 - decoding raises nothing else
    return hexes(error.object[error.start : error.end]), error.end


codecs.register_error("gptwidgets.hex", _as_hex)
