"""Numbers that say how far a model is for one answer and against another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from gptwidgets.errors import TextError

if TYPE_CHECKING:
    from torch import Tensor

    from gptwidgets.kernel.asking import Asking


@dataclass(frozen=True)
class LogitDifference:
    """The logit of a right word minus that of a wrong one: how far the model is for the right one, in logits.

    It is log(P(right) / P(wrong)), in nats, whatever else is probable (Wang et al. 2022, "Interpretability in
    the Wild"). Made by `logit_diff`.

    Attributes:
        right: a word, or a token's id.
        wrong: likewise.
    """

    right: str | int
    wrong: str | int

    def __call__(self, gpt: Asking, logits: Tensor) -> Tensor:
        """The differences [B] of logits [B, V]."""
        right, wrong = self.ids(gpt)
        return logits[:, right] - logits[:, wrong]

    def ids(self, gpt: Asking) -> tuple[int, int]:
        """The two tokens' numbers in a model.

        Raises:
            TextError: a word of several tokens, which the error names; two words that are one token.
        """
        right, wrong = token_of_word(gpt, self.right), token_of_word(gpt, self.wrong)
        if right == wrong:
            raise TextError(f"{self.right!r} and {self.wrong!r} are one token; a difference needs two.")
        return right, wrong

    def __str__(self) -> str:
        return f"logit of {self.right!r} − logit of {self.wrong!r}"


def logit_diff(right: str | int, wrong: str | int) -> LogitDifference:
    """How far a model is for one word and against another: the difference of their logits.

    Args:
        right: a word that is one token of the model, as it follows a text: a word without a space before it
            is taken with one where the model knows it so; or a token's id.
        wrong: likewise.

    Returns:
        A metric: called with a GPT and logits [B, V] it gives [B].

    Raises:
        TypeError: neither words nor ids. What a word is in a model is looked up when it is called.

    Example:
        >>> print(logit_diff("Mary", "John"))
        logit of 'Mary' − logit of 'John'
    """
    for word in (right, wrong):
        given: Any = word
        if isinstance(given, bool) or not isinstance(given, str | int | np.integer):
            raise TypeError(f"logit_diff takes two words (or ids of tokens), not {word!r}.")
    return LogitDifference(right, wrong)


def token_of_word(gpt: Asking, word: str | int) -> int:
    """The token that a word is when it follows a text.

    Args:
        gpt: whose tokens.
        word: a word of one token, or a token's id.

    Raises:
        TextError: it is several tokens, or there is none such.
    """
    from gptwidgets.kernel.encoding import encode

    size = gpt.vocabulary_size
    if not isinstance(word, str):
        if not 0 <= word < size:
            raise TextError(f"Token {word} does not exist; {gpt.name} has tokens 0 to {size - 1:,}.")
        return int(word)
    tokenizer = gpt.tokenizer
    spaced = [f" {word}"] if word[:1].isalnum() else []  # "Mary" stands in a text as " Mary"
    with gpt._tokenizer_lock:
        ways = [
            encode(way, tokenizer, size, add_special_tokens=False, name=gpt.name) for way in (*spaced, word)
        ]
        fewest = min(ways, key=len)
        gpt.vocabulary.learn(fewest)
    if len(fewest) > 1:
        pieces = " + ".join(repr(gpt.vocabulary[i].piece) for i in fewest)
        raise TextError(
            f"{word!r} is {len(fewest)} tokens in {gpt.name} ({pieces}); take a word that is one, or give a "
            "token's id."
        )
    return fewest[0]


def likelier_token(gpt: Asking, word: Any, logits: Tensor) -> int:
    """The token that is meant: a word as it stands, or after a space, whichever is the likelier here.

    Args:
        gpt: whose tokens.
        word: a word of one token, or a token's id.
        logits: of the next token, [V].

    Raises:
        TypeError: neither a word nor an id.
        TextError: it is several tokens, or there is none such.
    """
    from gptwidgets.kernel.encoding import encode

    if isinstance(word, bool) or not (isinstance(word, str) or hasattr(word, "__index__")):
        raise TypeError(f"target is a word of one token, or a token's id, not {word!r}.")
    if not isinstance(word, str):
        return token_of_word(gpt, int(word))
    found = {token_of_word(gpt, word)}
    tokenizer, size = gpt.tokenizer, gpt.vocabulary_size
    with gpt._tokenizer_lock:
        bare = encode(word, tokenizer, size, add_special_tokens=False, name=gpt.name)
    if len(bare) == 1:  # "orb" goes on in the middle of a word, where " orb" cannot be
        found.add(bare[0])
    return max(found, key=lambda token: float(logits[token]))
