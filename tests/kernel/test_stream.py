from __future__ import annotations

import os
import signal
import threading

import numpy as np
import pytest
import torch

from gptwidgets.errors import ClosedError, TextError
from gptwidgets.kernel.gpt import GPT
from gptwidgets.kernel.sampling import Sampling
from gptwidgets.kernel.worker import CancelToken
from tests.kernel.endless import GREEDY, IDS, gpt

__all__ = ["gpt"]  # a fixture


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
