"""The default model itself: what tiny models cannot show, and that all holds on a real vocabulary."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import gptwidgets as gw
from gptwidgets.kernel.sampling import Sampling

pytestmark = pytest.mark.model
PROMPT = "Once upon a time, in a land far away,"


@pytest.fixture(scope="module")
def smol():
    with gw.load(progress=False) as gpt:
        yield gpt


def test_greedy_writes_what_generate_writes(smol):
    ids = smol.encode(PROMPT)
    with torch.no_grad():
        wanted = smol.model.generate(torch.tensor([ids]), do_sample=False, max_new_tokens=24)
    made = smol.generate(PROMPT, Sampling(temperature=0, max_new_tokens=24))
    assert made.ids == wanted[0, len(ids) :].tolist()
    assert made.text == smol.tokenizer.decode(made.ids)
    branch = [*ids, *made.ids[:12], 260]
    again = Sampling(temperature=0, max_new_tokens=8)
    assert smol.generate(branch, again).ids == smol.generate(branch, again, reuse=False).ids


def test_a_seed_writes_the_same_alone_in_company_and_in_transformers(smol):
    ids = smol.encode(PROMPT)
    settings = Sampling(seed=3, top_p=0.9, temperature=0.8, max_new_tokens=12)
    together = smol.generate(PROMPT, settings, n=2)
    for written in together.sequences:
        torch.manual_seed(written.seed)
        with torch.no_grad():
            wanted = smol.model.generate(
                torch.tensor([ids]), do_sample=True, top_k=0, top_p=0.9, temperature=0.8, max_new_tokens=12
            )
        assert written.ids == wanted[0, len(ids) :].tolist()


def test_scores_are_those_of_the_steps(smol):
    made = smol.generate(PROMPT, Sampling(seed=1, max_new_tokens=10))
    table = smol.score([*made.prompt_ids, *made.ids])[-10:]
    np.testing.assert_allclose(table["logprob"], made.tokens["logprob"], atol=1e-4)
    np.testing.assert_allclose(table["entropy"], made.tokens["entropy"], atol=1e-3)
    assert table["rank"].tolist() == made.tokens["rank"].tolist()
    attrs = smol.score("The quick brown fox jumps over the lazy dog.").attrs
    assert attrs["bytes"] == len("The quick brown fox jumps over the lazy dog.") - 3
    assert 0.3 < attrs["bits_per_byte"] < 1.5


def test_what_a_head_gives_out_and_how_it_came_about(smol):
    text = "The animal didn't cross the street because it"
    entered = []
    hook = smol.model.model.layers[13].self_attn.o_proj.register_forward_pre_hook(
        lambda _, x: entered.append(x[0][0])
    )
    try:
        record = smol.record(text, progress=False)
    finally:
        hook.remove()
    z = record.z(13)  # (9, T, 64)
    np.testing.assert_allclose(z.transpose(0, 1).flatten(1), entered[0], atol=1e-4)
    cell = record.arithmetic("L13H8", query=-1, key=1)
    np.testing.assert_allclose(cell.output, z[8, -1], atol=1e-4)
    assert cell.weight == pytest.approx(record.weights(13, 8, -1, 1), abs=1e-5)
    assert cell.scale == 64**-0.5
    assert cell.tokens == ("·it", "·animal")
    assert "Key and value head 2 of 3 (counted from 0), shared by heads 6 to 8" in cell.facts[0]
    assert "(RoPE)" in cell.facts[1]


def test_beams_are_those_of_transformers(smol):
    ids = smol.encode(PROMPT)
    with torch.no_grad():
        wanted = smol.model.generate(torch.tensor([ids]), num_beams=3, do_sample=False, max_new_tokens=8)
    assert smol.generate(PROMPT, Sampling(beams=3, max_new_tokens=8)).ids == wanted[0, len(ids) :].tolist()


def test_it_answers_chat_messages_and_stops_at_its_end_token(smol):
    made = smol.generate(
        [{"role": "user", "content": "What is the capital of France? Answer in one word."}],
        Sampling(temperature=0, max_new_tokens=40),
    )
    assert smol.tokenizer.decode(made.prompt_ids).endswith("<|im_start|>assistant\n")
    assert "Paris" in made.text
    assert made.reason == "end"
    assert "<|im_end|>" not in made.text
    assert made.sequences[0].steps[-1].piece == "<|im_end|>"
    assert "chat" in smol.can


def test_it_stops_at_a_text_and_within_a_split_character(smol):
    made = smol.generate(PROMPT, Sampling(temperature=0, max_new_tokens=60, stop=[" a "]))
    assert made.reason == "stop"
    assert " a " in made.text
    assert " a " not in "".join(token.text for token in made.sequences[0].steps[:-1])
    emoji = smol.encode("🦄🦄🦄🦄🦄🦄🦄🦄🦄🦄🦄🦄")
    made = smol.generate(emoji, Sampling(temperature=0, max_new_tokens=24, stop="🦄"), k=3)
    assert made.reason == "stop"
    assert made.text.endswith("🦄")
    assert len(made.ids) > 1  # one unicorn is several tokens


def test_special_tokens_typed_as_text_are_what_the_tokenizer_makes_of_them(smol):
    made = smol.generate("</s><|im_end|></script>", Sampling(temperature=0, max_new_tokens=3))
    assert made.prompt_ids == smol.encode("</s><|im_end|></script>")
    assert len(made.ids) >= 1
