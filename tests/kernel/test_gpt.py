from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import warnings
import weakref

import numpy as np
import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from gptwidgets.errors import Cancelled, ClosedError, OutOfMemory, TextError
from gptwidgets.kernel import budget, prefill
from gptwidgets.kernel.gpt import GPT
from gptwidgets.kernel.worker import CancelToken
from tests.kernel.tiny_models import GROUPED

IDS = list(range(3, 23))


def build(**changes) -> LlamaForCausalLM:
    torch.manual_seed(0)
    return LlamaForCausalLM(LlamaConfig(**{**GROUPED, **changes})).eval()


@pytest.fixture
def gpt():
    made = GPT(build(), name="tiny")
    yield made
    made.close()


def eager(model, ids):
    model.set_attn_implementation("eager")
    with torch.no_grad():
        return model(torch.tensor([ids]), output_attentions=True).attentions


def test_a_record_is_what_eager_attention_says(gpt):
    record = gpt.record(IDS)
    for layer, wanted in enumerate(eager(build(), IDS)):
        for head in range(4):
            np.testing.assert_allclose(record.weights(layer, head), wanted[0, head].numpy(), atol=1e-5)


def test_chosen_layers(gpt):
    assert gpt.record(IDS, layers=[2, 0]).layers == (0, 2)
    with pytest.raises(IndexError, match="layer 3 does not exist; this model has layers 0 to 2"):
        gpt.record(IDS, layers=[3])


def test_unknown_keywords_are_refused(gpt):
    with pytest.raises(TypeError):
        gpt.record(IDS, layer=3)


def test_beyond_the_trained_context_it_warns_and_goes_on(gpt):
    with pytest.warns(UserWarning, match="70 tokens are more than the 64 that tiny was trained to read"):
        record = gpt.record([5] * 70)
    assert record.length == 70
    assert any("64" in note for note in record.notes)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        gpt.record([5] * 64)


def test_records_share_the_budget(gpt, monkeypatch):
    mine = budget.Budget(limit=1)
    monkeypatch.setattr(budget, "records", mine)
    first = gpt.record(IDS)
    assert mine.used == first.nbytes  # the newest stays
    second = gpt.record(IDS)
    assert first.closed
    assert not second.closed
    with pytest.raises(ClosedError):
        first.weights(0, 0)


def test_progress_counts_tokens_and_ends_whole(gpt):
    seen = []
    gpt.record(IDS, progress=seen.append)
    assert {report.stage for report in seen} == {"recording"}
    assert (seen[-1].done, seen[-1].total, seen[-1].unit) == (20, 20, "tokens")


# -- what goes wrong ------------------------------------------------------------------------------


def test_stop_from_another_thread_and_the_next_call_works(gpt):
    token = CancelToken()
    with pytest.raises(Cancelled):
        gpt.record(IDS, cancel=token, progress=lambda _: token.cancel())
    assert gpt.record(IDS).length == 20


def test_an_interrupt_leaves_the_model_clean(gpt):
    def interrupt(_report) -> None:
        os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        gpt.record(IDS, progress=interrupt)
    assert gpt.lock.acquire(blocking=False)
    gpt.lock.release()
    with torch.no_grad():
        gpt.model(torch.tensor([IDS]))  # records nothing any more
    assert gpt.record(IDS).length == 20


def test_out_of_memory_is_said_in_words_and_forgotten(gpt, monkeypatch):
    held = []

    def too_much(*_args, **_kwargs):
        large = torch.zeros(1000)
        held.append(weakref.ref(large))
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")

    monkeypatch.setattr(prefill, "record", too_much)
    with pytest.raises(OutOfMemory, match=r"not enough memory to read 20 tokens .* shorter text"):
        gpt.record(IDS)
    assert held[0]() is None
    monkeypatch.undo()
    assert gpt.record(IDS).length == 20


def test_a_real_limit_on_memory_is_survived():
    code = """
import resource
import torch
from tests.kernel.test_gpt import GPT, build
from gptwidgets.errors import OutOfMemory

gpt = GPT(build(max_position_embeddings=100_000), name="tiny")
gpt.record([5] * 10)
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + 10_000_000, resource.RLIM_INFINITY))
try:
    gpt.record([5] * 30_000, progress=False)
except OutOfMemory as error:
    print("said:", error)
print("next:", gpt.record([5] * 10).length)
"""
    out = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False
    )
    assert "said: There is not enough memory to read 30,000 tokens" in out.stdout, out.stderr
    assert "next: 10" in out.stdout


def test_two_recordings_at_once_are_both_right(gpt):
    texts = [IDS, IDS[::-1], IDS[:7], [9] * 30]
    records: dict[int, object] = {}

    def run(n: int) -> None:
        records[n] = gpt.record(texts[n], progress=False)

    threads = [threading.Thread(target=run, args=(n,)) for n in range(len(texts))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    model = build()
    for n, text in enumerate(texts):
        wanted = eager(model, text)[1][0, 3].numpy()
        np.testing.assert_allclose(records[n].weights(1, 3), wanted, atol=1e-5)


def test_without_a_tokenizer_ids_can_be_read_and_texts_cannot(gpt):
    assert gpt.record(IDS).tokens[0].piece == "⟨id 3⟩"
    with pytest.raises(TextError, match="no tokenizer"):
        gpt.record("text")
    with pytest.raises(TextError, match="without a tokenizer"):
        _ = gpt.tokenizer


@pytest.mark.parametrize(
    ("options", "words"),
    [({"cancel": 1}, "cancel must be a CancelToken"), ({"progress": 3}, "progress is a callable, False")],
)
def test_options_of_the_wrong_kind(gpt, options, words):
    with pytest.raises(TypeError, match=words):
        gpt.record([1, 2], **options)
