"""The texts are those that transformers' own generate writes."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from gptwidgets.kernel.gpt import GPT
from gptwidgets.kernel.sampling import Sampling
from tests.kernel.endless import GREEDY, IDS, endless, gpt
from tests.kernel.tiny_models import GROUPED, INTERFACE, make, tiny

__all__ = ["gpt"]  # a fixture


HYBRIDS = {
    "qwen3_next": (
        "Qwen3Next",
        {
            **GROUPED,
            "head_dim": 8,
            "num_experts": 2,
            "num_experts_per_tok": 1,
            "moe_intermediate_size": 16,
            "shared_expert_intermediate_size": 16,
            "linear_key_head_dim": 8,
            "linear_value_head_dim": 8,
            "linear_num_key_heads": 2,
            "linear_num_value_heads": 4,
            "layer_types": ["linear_attention", "full_attention", "linear_attention"],
        },
    ),
    "gptj": (
        "GPTJ",
        {"vocab_size": 97, "n_embd": 32, "n_layer": 3, "n_head": 4, "rotary_dim": 4, "n_positions": 64},
    ),
    "bloom": ("Bloom", {"vocab_size": 97, "hidden_size": 32, "n_layer": 3, "n_head": 4}),
}


def same_in_transformers(model, ids, new, **settings):
    with torch.no_grad():
        made = model.generate(
            torch.tensor([ids]),
            max_new_tokens=new,
            pad_token_id=0,
            **settings,
        )
    return made[0, len(ids) :].tolist()


@pytest.mark.parametrize("name", [*INTERFACE, *HYBRIDS])
def test_greedy_writes_what_generate_writes(name):
    model = endless(make(name) if name in INTERFACE else tiny(name, *HYBRIDS[name]))
    wanted = same_in_transformers(model, IDS, 24, do_sample=False)
    with GPT(model) as gpt:
        assert gpt.generate(IDS, GREEDY).ids == wanted
        assert gpt.generate(IDS, GREEDY).ids == wanted  # from what the first run has read
        branch = [*IDS, *wanted[:10], 50]
        assert gpt.generate(branch, GREEDY).ids == gpt.generate(branch, GREEDY, reuse=False).ids
        three = gpt.generate(IDS, GREEDY, n=3)
        assert [written.ids for written in three.sequences] == [wanted] * 3


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"temperature": 0.7},
        {"top_k": 5},
        {"top_p": 0.8, "temperature": 1.3},
        {"min_p": 0.1, "repetition_penalty": 1.2, "top_k": 40, "top_p": 0.95},
    ],
    ids=str,
)
def test_sampled_texts_are_those_of_transformers_with_the_same_seed(gpt, settings):
    for seed in (0, 1, 2**40 + 3):
        torch.manual_seed(seed)
        plain = {"top_k": 0, "top_p": 1.0, "temperature": 1.0} | settings
        wanted = same_in_transformers(gpt.model, IDS, 20, do_sample=True, **plain)
        assert gpt.generate(IDS, Sampling(seed=seed, max_new_tokens=20, **settings)).ids == wanted


def test_each_sequence_is_what_its_seed_gives_alone(gpt):
    together = gpt.generate(IDS, Sampling(seed=7, max_new_tokens=30), n=5)
    assert [written.seed for written in together.sequences] == [7, 8, 9, 10, 11]
    for written in together.sequences:
        alone = gpt.generate(IDS, Sampling(seed=written.seed, max_new_tokens=30), reuse=False)
        assert (alone.ids, alone.reason) == (written.ids, written.reason)
    assert len({tuple(written.ids) for written in together.sequences}) == 5
    last = gpt.generate(IDS, Sampling(seed=2**63 - 1, max_new_tokens=2), n=2)
    assert [written.seed for written in last.sequences] == [2**63 - 1, 0]


def test_without_a_seed_it_says_which_one_it_drew(gpt):
    made = gpt.generate(IDS, Sampling(max_new_tokens=12))
    assert made.sampling.seed == made.seed
    assert gpt.generate(IDS, Sampling(max_new_tokens=12, seed=made.seed)).ids == made.ids


def test_a_table_of_the_tokens(gpt):
    made = gpt.generate(IDS, Sampling(seed=0, max_new_tokens=9))
    assert list(made.tokens) == [
        "token", "id", "text", "logprob", "prob", "sampled_prob", "rank", "entropy", "ms",
    ]  # fmt: skip
    assert made.tokens.shape == (9, 9)
    np.testing.assert_allclose(made.tokens["prob"], np.exp(made.tokens["logprob"]))
    assert (made.tokens["ms"] > 0).all()
