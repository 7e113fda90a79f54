"""The numbers that stand beside a token."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from gptwidgets.errors import UnsupportedModelError
from gptwidgets.kernel.choosing import Chooser
from gptwidgets.kernel.sampling import Sampling
from tests.kernel.endless import GREEDY, IDS, gpt

__all__ = ["gpt"]  # a fixture


def test_the_numbers_are_those_of_a_full_forward_pass(gpt):
    settings = Sampling(temperature=0.8, top_k=12, seed=1, max_new_tokens=15)
    made = gpt.generate(IDS, settings, k=20)
    with torch.no_grad():
        logits = gpt.model(torch.tensor([IDS + made.ids])).logits[0, len(IDS) - 1 : -1]
    raw = logits.log_softmax(-1)
    after = (logits / 0.8).masked_fill(logits < logits.topk(12)[0][:, -1:], -math.inf).log_softmax(-1)
    for at, token in enumerate(made.sequences[0].steps):
        assert token.id == made.ids[at]
        assert token.logprob == pytest.approx(float(raw[at, token.id]), abs=1e-4)
        assert token.sampled_logprob == pytest.approx(float(after[at, token.id]), abs=1e-4)
        assert token.rank == int((raw[at] > raw[at, token.id]).sum())
        bits = -float((raw[at].exp() * raw[at]).sum()) / math.log(2)
        assert token.entropy == pytest.approx(bits, abs=1e-4)
        best = token.alternatives
        assert best.ids == raw[at].topk(20).indices.tolist()
        np.testing.assert_allclose(best.logprobs, raw[at, best.ids], atol=1e-4)
        np.testing.assert_allclose(best.sampled_logprobs, after[at, best.ids], atol=1e-4)
        assert best.sampled_logprobs[12:] == [-math.inf] * 8
        assert best.pieces == [f"⟨id {i}⟩" for i in best.ids]


def test_greedy_leaves_one_token(gpt):
    step = next(gpt.stream(IDS, GREEDY, k=3))
    token = step.tokens[0]
    assert (token.rank, token.sampled_logprob) == (0, 0.0)
    assert token.alternatives.sampled_logprobs == [0.0, -math.inf, -math.inf]


@pytest.mark.parametrize("k", [0, 1, 97])
def test_as_many_alternatives_as_asked_for(gpt, k):
    token = next(gpt.stream(IDS, k=k)).tokens[0]
    assert len(token.alternatives.ids) == len(token.alternatives.logprobs) == k


def test_logits_that_the_model_rules_out_and_logits_that_are_none():
    chooser = Chooser(Sampling(seed=0), [0], 3, torch.device("cpu"))
    logits = torch.tensor([[1.0, -math.inf, 1.0, -math.inf]])
    _, (choice,) = chooser.choose(logits, None, [0])
    assert choice.entropy == pytest.approx(1.0)
    assert choice.id in {0, 2}
    with pytest.raises(UnsupportedModelError, match="not numbers"):
        chooser.choose(torch.full((1, 4), math.nan), None, [0])
