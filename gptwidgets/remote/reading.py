"""Messages as tokens: which text became complete with which, how it reads, and its place among others."""

from __future__ import annotations

import codecs
import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from gptwidgets.kernel.readable import readable
from gptwidgets.kernel.step import Alternatives, Token
from gptwidgets.remote.chunks import Part, Told

AT_ONCE = 8  # questions for spellings
UNSAID = "⟨?⟩"  # a part of a character, of which some servers leave nothing
IMPOSSIBLE = -9999.0  # what vLLM writes for -inf, which JSON cannot say


class Pieces:
    """How tokens of which only the id is told read, asked once each.

    Args:
        ask: the spelling of an id, or None.

    Example:
        >>> Pieces(lambda token_id: " cat" if token_id == 7 else None).of([7, 8])
        {7: ' cat', 8: '⟨id 8⟩'}
    """

    def __init__(self, ask: Callable[[int], str | None]) -> None:
        self._ask = ask
        self._known: dict[int, str] = {}
        self._pool: ThreadPoolExecutor | None = None

    def of(self, ids: list[int]) -> dict[int, str]:
        """The pieces of some ids."""
        new = [i for i in dict.fromkeys(ids) if i not in self._known]
        if len(new) > 1:
            if self._pool is None:
                self._pool = ThreadPoolExecutor(AT_ONCE, "spelling")
            self.put(new, list(self._pool.map(self._ask, new)))
        elif new:
            self.put(new, [self._ask(new[0])])
        return {i: self._known[i] for i in ids}

    def put(self, ids: list[int], spelt: list[str | None]) -> None:
        """Takes spellings; half a character has none."""
        for i, text in zip(ids, spelt, strict=True):
            self._known[i] = f"⟨id {i}⟩" if not text or "\ufffd" in text else text

    def close(self) -> None:
        """Ends the threads."""
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)


def read(part: Part, k: int, pieces: Pieces, *, asked: int, as_sampled: bool) -> list[Token]:
    """The tokens of a message.

    Args:
        part: what came for one sequence.
        k: how many alternatives are wanted.
        pieces: the spellings of ids.
        asked: how many alternatives the server was asked for.
        as_sampled: whether the probabilities after the rules are those before them.

    Returns:
        One token for each that was told; where none was, the text as one; none for a message without text.
    """
    if not part.tokens:
        if not part.text:
            return []
        data, unknown = part.text.encode(), math.nan
        return [Token(-1, data, part.text, part.text, unknown, unknown, -1, unknown)]
    texts = _texts(part)
    spelt = pieces.of([t.id for told in part.tokens for t in [*told.others[: k + 1], told] if _unspelt(t)])
    made: list[Token] = []
    for told, text in zip(part.tokens, texts, strict=True):
        rank = next((at for at, other in enumerate(told.others) if other.same == told.same), -1)
        wide = len(told.others)
        others = told.others[:k]
        if rank >= asked and rank == wide - 1:
            rank = -1  # it was added at the end of the k best: how many are between is not told
        logprobs = [_number(other.logprob) for other in others]
        logprob = _number(told.logprob)
        made.append(
            Token(
                told.id,
                told.data if told.data is not None else _text(told, spelt, text).encode(),
                _piece(told, spelt, text),
                text,
                logprob,
                logprob if as_sampled else math.nan,
                rank,
                math.nan,
                Alternatives(
                    [other.id for other in others],
                    [_piece(other, spelt, "") for other in others],
                    logprobs,
                    logprobs if as_sampled else [math.nan] * len(logprobs),
                ),
            )
        )
    return made


def piece(told: Told, pieces: Pieces) -> str:
    """What a person reads of one token."""
    return _piece(told, pieces.of([told.id]) if _unspelt(told) else {}, "")


def _texts(part: Part) -> list[str]:
    """The message's text, shared out among its tokens; where that cannot be told the last one has it all."""
    tokens = part.tokens
    if len(tokens) > 1:
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        parts = [decoder.decode(told.data) if told.data is not None else told.text or "" for told in tokens]
        if "".join(parts) == part.text:
            return parts
    return [*[""] * (len(tokens) - 1), part.text]


def _unspelt(told: Told) -> bool:
    return told.id >= 0 and told.text is None and told.data is None


def _text(told: Told, spelt: dict[int, str], text: str) -> str:
    if told.text is not None:
        return told.text
    found = spelt.get(told.id, text)
    return text if found.startswith("⟨id ") else found


def _piece(told: Told, spelt: dict[int, str], text: str) -> str:
    if told.data is not None:
        return readable(told.data)
    if told.text is not None:
        return told.text or UNSAID
    return spelt.get(told.id) or text or f"⟨id {told.id}⟩"


def _number(logprob: float) -> float:
    return -math.inf if logprob <= IMPOSSIBLE else logprob
