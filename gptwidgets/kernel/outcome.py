"""What a model makes of a text, under one intervention and another: the next token, and the text itself.

And what an effect has to be held against: as many other heads, and the same heads on a text that has nothing
to do with it.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from gptwidgets.kernel.forward import reading
from gptwidgets.kernel.intervention import Edge, Head, Heads, Intervention
from gptwidgets.kernel.textscore import NUMBERS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gptwidgets.kernel.asking import Asking
    from gptwidgets.kernel.worker import CancelToken

# Of no book that a model knows by heart, and without a name that comes twice.
UNRELATED = (
    "It had rained all night, and in the morning the river stood as high as the lowest windows of the mill. "
    "Two men in a boat went slowly from door to door with bread and milk, while children waved from the "
    "roofs as if this were a holiday."
)


@dataclass(frozen=True)
class Outcome:
    """What a model makes of a text of T tokens.

    Attributes:
        next: natural logarithms of the probabilities of the token after it, float32 [V].
        text: the sum of its tokens' log-probabilities, in nats; nan for a single token.
        tokens: T − 1, of how many it is the sum.
        agrees: how many of the tokens that it was asked about it would write itself, the most probable ones.
    """

    next: np.ndarray[Any, np.dtype[np.float32]]
    text: float
    tokens: int
    agrees: int = 0

    def likely(self, k: int) -> list[int]:
        """The k most probable next tokens, most probable first."""
        k = min(k, len(self.next))
        best = np.argpartition(-self.next, k - 1)[:k]
        return [int(i) for i in best[np.argsort(-self.next[best], kind="stable")]]


def outcome(
    gpt: Asking, ids: Sequence[int], then: Sequence[int] = (), *, cancel: CancelToken | None = None
) -> Outcome:
    """Reads a text once, under the intervention that holds; what it read is kept for who writes on.

    Args:
        gpt: the model.
        ids: T checked ids.
        then: how it may go on: read in the same pass, to see how far the model agrees.
        cancel: looked at before each piece of a long text.

    Raises:
        OutOfMemory, Cancelled, ClosedError: as the words say.

    Example:
        >>> outcome(gpt, gpt.encode("Once upon a")).likely(1)        # doctest: +SKIP
    """
    T = len(ids)
    text = torch.tensor([[*ids, *then]])  # [1, T + …]
    piece = max(1, min(512, NUMBERS // gpt.vocabulary_size))
    total, last = 0.0, None
    best: list[int] = []  # what it would write after each place from T − 1 on
    with reading(gpt, ids, cancel) as reader:
        for start in range(0, text.shape[1], piece):
            if cancel is not None:
                cancel.check()
            wanted = text[0, start + 1 : min(T, start + 1 + piece)]
            logprobs = reader.read(text[:, start : start + piece].to(gpt.device), last=0)[0].float()
            logprobs = logprobs.log_softmax(-1)  # [t, V]
            rows = torch.arange(len(wanted), device=logprobs.device)
            total += float(logprobs[rows, wanted.to(logprobs.device)].double().sum())
            after = max(0, T - 1 - start)  # this place's token is the last of the text
            if last is None and after < len(logprobs):
                last = logprobs[after].cpu().numpy()
            best += logprobs[after:].argmax(-1).tolist()
        reader.close([text[0].tolist()])
    assert last is not None  # noqa: S101 - a text has a token
    agrees = next((n for n, (one, two) in enumerate(zip(best, then, strict=False)) if one != two), len(then))
    return Outcome(last, total if T > 1 else float("nan"), T - 1, agrees)


def unrelated(gpt: Asking) -> list[int]:
    """A short text that has nothing to do with anybody's.

    Raises:
        TextError: the model was given without a tokenizer.
    """
    return gpt._prompt(UNRELATED, reply=False)


def other_heads(model: Heads, changed: Intervention, seed: int) -> Intervention:
    """The same done to as many other heads, in whichever layers chance says.

    Args:
        model: the GPT.
        changed: heads off, and edges cut; each head that it names is replaced by one that it does not.
        seed: of the draw.

    Raises:
        ValueError: it names more than half of all heads, so that there are not as many others.

    Example:
        >>> class Two:
        ...     attention_layers, n_heads = (0, 1), 1
        >>> other_heads(Two(), Intervention(frozenset({(0, 0)})), seed=0).words()
        '1 head off (zero): L1H0'
    """
    named: list[Head] = sorted({*changed.heads_off, *((layer, head) for layer, head, _, _ in changed.cut)})
    others = [
        (layer, head)
        for layer in model.attention_layers
        for head in range(model.n_heads)
        if (layer, head) not in set(named)
    ]
    if len(others) < len(named):
        raise ValueError("More than half of all heads are changed: there are not as many others to compare.")
    instead = dict(zip(named, random.Random(seed).sample(others, len(named)), strict=True))  # noqa: S311
    cut: frozenset[Edge] = frozenset(
        (*instead[layer, head], query, key) for layer, head, query, key in changed.cut
    )
    return Intervention(frozenset(instead[head] for head in changed.heads_off), changed.ablation, cut)
