"""The sampling rules on logits, by transformers' own processors, in transformers' own order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from transformers import (
    LogitsProcessorList,
    MinPLogitsWarper,
    RepetitionPenaltyLogitsProcessor,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

if TYPE_CHECKING:
    from torch import Tensor

    from gptwidgets.kernel.sampling import Sampling


def rules_of(sampling: Sampling) -> LogitsProcessorList:
    """What `model.generate()` would do to the logits with these settings.

    Greedy runs take the largest logit, which only the repetition penalty can change.

    Args:
        sampling: the settings.

    Returns:
        A callable from (ids [n, T], logits [n, V] float32) to logits [n, V], where -inf stands for what is
        cut; empty where the settings change nothing.

    Example:
        >>> from gptwidgets.kernel.sampling import Sampling
        >>> len(rules_of(Sampling(top_k=40, top_p=0.9)))
        2
    """
    rules = LogitsProcessorList()
    if sampling.repetition_penalty != 1:
        rules.append(RepetitionPenaltyLogitsProcessor(sampling.repetition_penalty))
    if sampling.greedy:
        return rules
    if sampling.temperature != 1:
        rules.append(TemperatureLogitsWarper(sampling.temperature))
    if sampling.top_k:
        rules.append(TopKLogitsWarper(sampling.top_k))
    if sampling.top_p < 1:
        rules.append(TopPLogitsWarper(sampling.top_p))
    if sampling.min_p:
        rules.append(MinPLogitsWarper(sampling.min_p))
    return rules


def apply(rules: LogitsProcessorList, ids: Any, logits: Any) -> Tensor:
    """Logits [n, V] after the rules; the given ones themselves where there is no rule."""
    return rules(ids, logits) if len(rules) else logits
