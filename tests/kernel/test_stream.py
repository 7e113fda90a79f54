from __future__ import annotations

import math
import os
import signal
import threading

import numpy as np
import pytest
import torch
from transformers import (
    LogitsProcessorList,
    MinPLogitsWarper,
    RepetitionPenaltyLogitsProcessor,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

from gptwidgets.errors import ClosedError, TextError, UnsupportedModelError
from gptwidgets.kernel.choosing import Chooser
from gptwidgets.kernel.gpt import GPT
from gptwidgets.kernel.rules import apply, rules_of
from gptwidgets.kernel.sampling import Sampling
from gptwidgets.kernel.worker import CancelToken
from tests.kernel.tiny_models import GROUPED, INTERFACE, make, tiny

IDS = [5, 17, 42, 9, 77, 3, 61]
GREEDY = Sampling(temperature=0, max_new_tokens=24)


def endless(model):
    """The model without an end token, so that its texts are as long as asked for."""
    model.generation_config.eos_token_id = model.config.eos_token_id = None
    return model


@pytest.fixture
def gpt():
    made = GPT(endless(make("llama")), name="tiny")
    yield made
    made.close()


def same_in_transformers(model, ids, new, **settings):
    with torch.no_grad():
        made = model.generate(
            torch.tensor([ids]),
            max_new_tokens=new,
            pad_token_id=0,
            **settings,
        )
    return made[0, len(ids) :].tolist()


# -- the same text as transformers ----------------------------------------------------------------

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


def test_the_rules_are_transformers_own(monkeypatch):
    chance = np.random.default_rng(0)
    for _ in range(60):
        settings = {
            "repetition_penalty": float(chance.choice([1.0, 0.7, 1.3])),
            "temperature": float(chance.choice([1.0, chance.uniform(0.1, 3)])),
            "top_k": int(chance.choice([0, 1, 5, 60, 500])),
            "top_p": float(chance.choice([1.0, chance.uniform(0.01, 1)])),
            "min_p": float(chance.choice([0.0, chance.uniform(0, 1)])),
        }
        logits = torch.tensor(chance.normal(0, 3, (3, 200)), dtype=torch.float32)
        ids = torch.tensor(chance.integers(0, 200, (3, 11)))
        all_of_them = LogitsProcessorList(
            [RepetitionPenaltyLogitsProcessor(settings["repetition_penalty"])]
            + [TemperatureLogitsWarper(settings["temperature"])]
            + ([TopKLogitsWarper(settings["top_k"])] if settings["top_k"] else [])
            + [TopPLogitsWarper(settings["top_p"])]
            + [MinPLogitsWarper(settings["min_p"])]
        )
        ours = apply(rules_of(Sampling(**settings)), ids, logits.clone())
        torch.testing.assert_close(ours, all_of_them(ids, logits.clone()), rtol=0, atol=0)


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


# -- the numbers ----------------------------------------------------------------------------------


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


def test_a_table_of_the_tokens(gpt):
    made = gpt.generate(IDS, Sampling(seed=0, max_new_tokens=9))
    assert list(made.tokens) == [
        "token", "id", "text", "logprob", "prob", "sampled_prob", "rank", "entropy", "ms",
    ]  # fmt: skip
    assert made.tokens.shape == (9, 9)
    np.testing.assert_allclose(made.tokens["prob"], np.exp(made.tokens["logprob"]))
    assert (made.tokens["ms"] > 0).all()


# -- its end --------------------------------------------------------------------------------------


def test_it_ends_with_the_models_own_end_token(gpt):
    wanted = gpt.generate(IDS, GREEDY).ids
    at = next(at for at, i in enumerate(wanted) if i not in wanted[:at] and at > 3)
    gpt.model.generation_config.eos_token_id = [wanted[at], 96]
    with GPT(gpt.model) as again:
        made = again.generate(IDS, GREEDY)
        assert (made.ids, made.reason) == (wanted[: at + 1], "end")


def test_sequences_that_have_ended_leave_the_others_alone(gpt):
    free = gpt.generate(IDS, Sampling(seed=0, max_new_tokens=25), n=4)
    end = free.sequences[1].ids[6]
    gpt.model.generation_config.eos_token_id = end
    with GPT(gpt.model) as again:
        stream = again.stream(IDS, Sampling(seed=0, max_new_tokens=25), n=4)
        steps = list(stream)
        for row, written in enumerate(stream.generation.sequences):
            ids = free.sequences[row].ids
            wanted = ids[: ids.index(end) + 1] if end in ids else ids
            assert written.ids == wanted
            assert written.reason == ("end" if end in ids else "max_new_tokens")
            assert [step.tokens[row] for step in steps] == [
                *written.steps, *[None] * (len(steps) - len(written.ids)),
            ]  # fmt: skip


def test_a_full_context_ends_it(gpt):
    made = gpt.generate([5] * 60, Sampling(temperature=0))
    assert (len(made.ids), made.reason) == (4, "context")
    with pytest.raises(TextError, match="64 tokens, and tiny reads at most 64 with what it writes: shorten"):
        gpt.stream([5] * 64)
    assert gpt.next_logits([5] * 64).shape == (97,)


def test_stop_from_another_thread(gpt):
    token = CancelToken()
    stream = gpt.stream(IDS, Sampling(max_new_tokens=40), cancel=token)
    for step in stream:
        if step.index == 3:
            token.cancel()
    assert stream.reasons == ["stopped"]
    assert len(stream.generation.ids) == 4
    never = CancelToken()
    never.cancel()
    made = gpt.generate(IDS, cancel=never)
    assert (made.ids, made.text, made.reason) == ([], "", "stopped")
    assert len(gpt.generate(IDS, GREEDY).ids) == 24


def test_closing_a_stream_ends_it(gpt):
    stream = gpt.stream(IDS, GREEDY)
    next(stream)
    stream.close()
    stream.close()
    assert list(stream) == []
    assert stream.reasons == ["stopped"]


def test_an_interrupt_leaves_the_model_clean_and_keeps_what_was_written(gpt):
    wanted = gpt.generate(IDS, GREEDY).ids

    def interrupt(report) -> None:
        if report.done == 5:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        gpt.generate(IDS, GREEDY, progress=interrupt)
    assert gpt.last.ids == wanted[:5]
    assert gpt.last.reason == "stopped"
    assert gpt.lock.acquire(blocking=False)
    gpt.lock.release()
    assert gpt.generate(IDS, GREEDY).ids == wanted


def test_an_interrupt_within_a_forward_pass(gpt, monkeypatch):
    wanted = gpt.generate(IDS, GREEDY, reuse=False).ids
    passes = []
    layer = gpt.model.model.layers[1]

    def interrupt(*_):
        passes.append(1)
        if len(passes) == 4:
            raise KeyboardInterrupt

    hook = layer.register_forward_hook(interrupt)
    stream = gpt.stream(IDS, GREEDY)
    with pytest.raises(KeyboardInterrupt):
        list(stream)
    hook.remove()
    assert stream.reasons == ["stopped"]
    assert stream.generation.ids == wanted[:3]
    assert gpt.generate(IDS, GREEDY).ids == wanted  # not from a cache whose layers differ in length


def test_running_out_of_memory_keeps_the_tokens(gpt):
    wanted = gpt.generate(IDS, GREEDY, reuse=False).ids
    passes = []

    def too_much(*_):
        passes.append(1)
        if len(passes) == 6:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")

    hook = gpt.model.model.layers[2].register_forward_hook(too_much)
    made = gpt.generate(IDS, GREEDY)
    hook.remove()
    assert (made.ids, made.reason) == (wanted[:5], "memory")
    assert gpt.generate(IDS, GREEDY).ids == wanted


def test_closing_the_model_ends_its_runs(gpt):
    stream = gpt.stream(IDS, GREEDY)
    next(stream)
    gpt.close()
    assert list(stream) == []
    assert stream.reasons == ["stopped"]
    assert len(stream.generation.ids) == 1
    with pytest.raises(ClosedError, match=r"closed; load it again with gw.load\(\)"):
        gpt.stream(IDS)


# -- with others ----------------------------------------------------------------------------------


def test_recording_while_it_writes(gpt):
    wanted = gpt.generate(IDS, GREEDY).ids
    with_nobody = gpt.record(IDS).weights(1, 2)
    stream = gpt.stream(IDS, GREEDY, reuse=False)
    got = []
    for step in stream:
        got.append(step.tokens[0].id)
        np.testing.assert_array_equal(gpt.record(IDS).weights(1, 2), with_nobody)
    assert got == wanted


def test_twenty_streams_at_once(gpt):
    alone = [gpt.generate(IDS, Sampling(seed=seed, max_new_tokens=15)).ids for seed in range(20)]
    together = [None] * 20

    def run(seed):
        together[seed] = gpt.generate([*IDS], Sampling(seed=seed, max_new_tokens=15)).ids

    threads = [threading.Thread(target=run, args=(seed,)) for seed in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert together == alone


def test_a_model_in_training_is_put_back(gpt):
    gpt.model.train()
    gpt.model.config.attention_dropout = 0.5
    first = gpt.generate(IDS, GREEDY, reuse=False).ids
    assert first == gpt.generate(IDS, GREEDY, reuse=False).ids
    assert gpt.model.training


@pytest.mark.parametrize(
    ("given", "error", "said"),
    [
        ({"n": 0}, ValueError, "n must be at least 1"),
        ({"n": 257}, ValueError, "at most 256"),
        ({"n": True}, TypeError, "n must be a whole number"),
        ({"n": 1.0}, TypeError, "n must be a whole number"),
        ({"k": -1}, ValueError, "k must be at least 0"),
        ({"k": 98}, ValueError, "k must be at least 0 and at most 97"),
        ({"cancel": 3}, TypeError, "cancel must be a CancelToken, not int"),
        ({"sampling": 0.7}, TypeError, "sampling is a gw.Sampling"),
        ({"sampling": {"beams": 2}}, ValueError, "Beams cannot be streamed"),
    ],
    ids=str,
)
def test_what_stream_refuses(gpt, given, error, said):
    with pytest.raises(error, match=said):
        gpt.stream(IDS, **given)


@pytest.mark.parametrize(
    "prompt", ["", [], [97], [-1], [True], None, 3, b"x", "text without a tokenizer"], ids=repr
)
def test_prompts_that_cannot_be_read(gpt, prompt):
    with pytest.raises((TextError, TypeError)):
        gpt.generate(prompt)


# -- what comes next ------------------------------------------------------------------------------


def test_the_next_tokens_probabilities(gpt):
    with torch.no_grad():
        logits = gpt.model(torch.tensor([IDS])).logits[0, -1]
    np.testing.assert_allclose(gpt.next_logits(IDS), logits, atol=1e-4)
    assert gpt.next_logits(IDS).dtype == np.float32
    table = gpt.next_token(IDS, k=97)
    assert list(table) == ["token", "id", "prob", "logprob"]
    assert table["prob"].sum() == pytest.approx(1)
    assert table["id"].tolist() == logits.argsort(descending=True).tolist()
    np.testing.assert_allclose(table["logprob"], logits.log_softmax(-1).sort(descending=True)[0], atol=1e-4)
    assert len(gpt.next_token(IDS, k=500)) == 97
    with pytest.raises(ValueError, match="k must be at least 1"):
        gpt.next_token(IDS, k=0)


def test_what_it_can_and_cannot(gpt):
    assert {"ids", "logits", "alternatives", "attention"} <= gpt.can
    assert gpt.cannot("logits") == ""
    assert gpt.cannot("chat") == "tiny has no chat template: it continues texts."
