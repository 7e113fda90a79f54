"""What is known of one step of a run: the tokens chosen, and what else they could have been."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Alternatives:
    """The k most probable tokens of one place, most probable first. The chosen one need not be among them.

    Attributes:
        ids: their numbers.
        pieces: what a person reads.
        logprobs: natural logarithms of the probabilities, before any rule.
        sampled_logprobs: the same after the sampling rules, renormalised; -inf for what they cut.
    """

    ids: list[int] = field(default_factory=list[int])
    pieces: list[str] = field(default_factory=list[str])
    logprobs: list[float] = field(default_factory=list[float])
    sampled_logprobs: list[float] = field(default_factory=list[float])


@dataclass(frozen=True, slots=True)
class Token:
    """One generated token.

    Attributes:
        id: its number in the vocabulary; -1 where an engine elsewhere does not say.
        bytes: the UTF-8 bytes it adds; of a special token, those of its name.
        piece: what a person reads, ``⟨E2 80⟩`` for bytes that are no text by themselves.
        text: what became complete with it: "" in the middle of a character and for special tokens. The
            texts of a run's tokens, one after the other, are the run's text.
        logprob: natural logarithm of its probability, before any rule.
        sampled_logprob: the same after the sampling rules, renormalised; nan where unknown.
        rank: how many tokens were more probable; -1 where unknown.
        entropy: of the whole distribution before any rule, in bits; nan where unknown.
        alternatives: the most probable tokens of this place.
    """

    id: int
    bytes: bytes
    piece: str
    text: str
    logprob: float
    sampled_logprob: float
    rank: int
    entropy: float
    alternatives: Alternatives = field(default_factory=Alternatives)


@dataclass(frozen=True, slots=True)
class Step:
    """One token more of each sequence.

    Attributes:
        index: 0 for the first.
        tokens: one a sequence; None for a sequence that has ended.
        milliseconds: since the step before (of the first: since the run began).
    """

    index: int
    tokens: tuple[Token | None, ...]
    milliseconds: float

    @property
    def token_ids(self) -> tuple[int | None, ...]:
        """Their numbers in the vocabulary, one a sequence.

        Example:
            >>> Step(0, (None,), 1.5).token_ids
            (None,)
        """
        return tuple(None if token is None else token.id for token in self.tokens)
