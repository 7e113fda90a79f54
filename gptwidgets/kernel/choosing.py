"""From the logits of a step to its tokens and all that is told of them, in one copy to the host.

For logits z and Z = log Σ exp z (all in float32, whatever the model computes in):

    log p_i = z_i - Z,   entropy H = Z - Σ p_i z_i (nats),   rank = |{i : z_i > z_chosen}|
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import torch

from gptwidgets.errors import UnsupportedModelError
from gptwidgets.kernel.rules import apply, rules_of

if TYPE_CHECKING:
    from torch import Tensor

    from gptwidgets.kernel.sampling import Sampling

BITS = 1 / math.log(2)  # a nat


class Choice(NamedTuple):
    """A sequence's token and its numbers; see `step.Token`."""

    id: int
    rank: int
    logprob: float
    sampled_logprob: float
    entropy: float
    alternatives: list[int]
    logprobs: list[float]
    sampled_logprobs: list[float]


class Chooser:
    """Chooses the next token of each sequence.

    A sampled token is what `torch.multinomial` gives with a generator of that seed, so the same run in
    transformers (`torch.manual_seed(seed)`, then `generate`) has the same text. A sequence's chance depends
    on nothing but its own generator.

    Args:
        sampling: the rules.
        seeds: one a sequence.
        k: how many alternatives to tell.
        device: where the logits will be.
    """

    def __init__(self, sampling: Sampling, seeds: Sequence[int], k: int, device: torch.device) -> None:
        self._greedy = sampling.greedy
        self._rules = rules_of(sampling)
        self._k = k
        self._chance = [torch.Generator(device).manual_seed(seed) for seed in seeds]

    @property
    def reads_ids(self) -> bool:
        """Whether the rules look at the text so far."""
        return len(self._rules) > 0

    def choose(self, logits: Tensor, ids: Tensor, rows: Sequence[int]) -> tuple[Tensor, list[Choice]]:
        """One step.

        Args:
            logits: [n, V] of any dtype.
            ids: [n, T], the text so far; only looked at where `reads_ids`.
            rows: which sequences these are, for their seeds; n of them.

        Returns:
            The chosen ids [n, 1] on the device, and each sequence's Choice.

        Raises:
            UnsupportedModelError: the logits are not numbers.
        """
        z = logits.float()
        ruled = apply(self._rules, ids, z)
        k = min(self._k, z.shape[-1])
        if self._greedy:
            chosen = ruled.argmax(-1, keepdim=True)  # [n, 1]
            return chosen, _read(_tell(z, chosen, k), greedy=True)
        p = ruled.softmax(-1)
        chosen = torch.stack([_draw(p[at], self._chance[row]) for at, row in enumerate(rows)])
        return chosen, _read(_tell(z, chosen, k, None if ruled is z else p), greedy=False)


def _draw(p: Tensor, chance: torch.Generator) -> Tensor:
    """One of V with probabilities p, [1]: what `torch.multinomial(p, 1)` does, without its checks.

    For E_i independent and exponentially distributed, argmax p_i / E_i is i with probability p_i.
    """
    waiting = torch.empty_like(p).exponential_(1, generator=chance)
    return torch.div(p, waiting).argmax(-1, keepdim=True)


def _tell(z: Tensor, chosen: Tensor, k: int, p: Tensor | None = None) -> Tensor:
    """All numbers of a step as int32 bits [n, 5 + 3k]: id, rank, 3 floats, k ids, k and k floats."""
    total = z.logsumexp(-1, keepdim=True)  # [n, 1]
    raw = z - total
    weights = raw.exp()
    # a logit of -inf (a token that the model itself rules out) has no share in the entropy
    entropy = -(weights * raw.clamp_min(-1e30)).sum(-1, keepdim=True) * BITS
    best = raw.topk(k)
    logprob = raw.gather(-1, chosen)
    rank = (raw > logprob).sum(-1, keepdim=True)
    if p is None:
        floats = [logprob, logprob, entropy, best.values, best.values]
    else:
        after = p.gather(-1, torch.cat([chosen, best.indices], -1)).log()
        floats = [logprob, after[:, :1], entropy, best.values, after[:, 1:]]
    whole = torch.cat([chosen, rank, best.indices], -1).int()
    return torch.cat([whole, torch.cat(floats, -1).view(torch.int32)], -1).cpu()


def _read(told: Tensor, *, greedy: bool) -> list[Choice]:
    """Takes the copy apart: [n, 5 + 3k] as `_tell` makes it."""
    k = (told.shape[1] - 5) // 3
    floats: list[list[float]] = told[:, 2 + k :].contiguous().view(torch.float32).tolist()
    choices: list[Choice] = []
    for (chosen, rank, *best), (logprob, after, entropy, *rest) in zip(
        told[:, : 2 + k].tolist(), floats, strict=True
    ):
        if math.isnan(logprob):
            raise UnsupportedModelError(
                "The model's logits are not numbers (nan): its arithmetic overflows; take another dtype."
            )
        if greedy:  # the rules leave one token
            sampled, ruled = 0.0, [0.0 if i == chosen else -math.inf for i in best]
        else:
            sampled, ruled = after, rest[k:]
        choices.append(Choice(chosen, rank, logprob, sampled, entropy, best, rest[:k], ruled))
    return choices
