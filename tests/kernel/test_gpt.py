from __future__ import annotations

import copy
import gc
import os
import pickle
import signal
import subprocess
import sys
import threading
import types
import warnings
import weakref

import numpy as np
import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM, MambaConfig, MambaForCausalLM

from gptwidgets.errors import Cancelled, ClosedError, OutOfMemory, TextError, UnsupportedModelError
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


def test_it_says_what_it_is(gpt):
    assert (gpt.n_layers, gpt.n_heads, gpt.n_kv_heads, gpt.context_length) == (3, 4, 2, 64)
    assert (gpt.device.type, gpt.dtype, gpt.closed) == ("cpu", torch.float32, False)
    assert isinstance(gpt.model, LlamaForCausalLM)
    said = repr(gpt)
    assert said == "GPT tiny: 3 layers × 4 heads (2 KV heads), context 64, float32 on cpu"
    assert "\n" not in said


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


# -- closing ------------------------------------------------------------------------------------


def test_close_gives_the_model_back_to_the_allocator():
    gpt = GPT(build(), name="tiny")
    record = gpt.record(IDS)
    model = weakref.ref(gpt.model)
    gpt.close()
    gpt.close()
    assert model() is None
    assert gpt.closed
    assert repr(gpt) == "GPT tiny: closed"
    assert record.weights(0, 0).shape == (20, 20)  # a record stands on its own


def test_a_closed_gpt_says_so(gpt):
    gpt.close()
    for use in (
        lambda: gpt.model,
        lambda: gpt.tokenizer,
        lambda: gpt.encode([1]),
        lambda: gpt.record(IDS),
        lambda: gpt.induction_scores(n=4),
        lambda: gpt.reader.submit(lambda: 1),
    ):
        with pytest.raises(ClosedError, match=r"closed; load it again with gw\.load"):
            use()


def test_with_closes():
    with GPT(build()) as gpt:
        assert not gpt.closed
    assert gpt.closed


def test_a_gpt_nobody_holds_gives_its_memory_back_too():
    gpt = GPT(build())
    gpt.record(IDS)
    model = weakref.ref(gpt.model)
    del gpt
    gc.collect()
    assert model() is None


def test_a_failed_recording_does_not_pin_the_model(monkeypatch):
    gpt = GPT(build())
    model = weakref.ref(gpt.model)
    monkeypatch.setattr(sys, "last_exc", None, raising=False)
    try:
        gpt.record([5, 10**6])
    except TextError as error:
        sys.last_exc = error  # as Python does for an error at the prompt
    gpt.close()
    assert model() is None


def test_what_the_notebook_keeps_on_the_side_is_let_go(monkeypatch):
    gpt = GPT(build())
    model = weakref.ref(gpt.model)
    names = {"_oh": {3: gpt.model, 4: "text"}, "_": gpt.model, "_3": gpt.model, "x": 1, "__": gpt}
    hook = types.SimpleNamespace(_=gpt.model, __=None, ___=None)
    shell = types.SimpleNamespace(user_ns=names, displayhook=hook)
    monkeypatch.setitem(sys.modules, "IPython", types.SimpleNamespace(get_ipython=lambda: shell))
    gpt.close()
    assert model() is None
    assert names["_oh"] == {4: "text"}
    assert (names["x"], names["__"]) == (1, gpt)


def test_the_users_model_is_left_exactly_as_it_was_found():
    model = build(attn_implementation="eager")
    model.train()
    model.model.layers[1].eval()
    training = [module.training for module in model.modules()]
    implementation = model.config._attn_implementation
    hooks = [len(module._forward_hooks) for module in model.modules()]
    before = torch.tensor([IDS])
    gpt = GPT(model)
    gpt.record(IDS)
    gpt.close()
    assert [module.training for module in model.modules()] == training
    assert model.config._attn_implementation == implementation
    assert [len(module._forward_hooks) for module in model.modules()] == hooks
    with torch.no_grad():
        assert model(before, output_attentions=True).attentions[0] is not None
    assert gpt.closed


def test_callbacks_are_called_once_and_pin_nothing():
    class Widget:
        def __init__(self) -> None:
            self.told = 0

        def closed(self) -> None:
            self.told += 1

    gpt, kept, gone, plain = GPT(build()), Widget(), Widget(), []
    for widget in (kept, gone):
        gpt.on_close(widget.closed)
    gpt.on_close(lambda: plain.append(1))
    seen = weakref.ref(gone)
    del gone, widget
    gc.collect()
    assert seen() is None
    gpt.close()
    gpt.close()
    assert (kept.told, plain) == (1, [1])


def test_close_stops_a_recording_on_the_worker():
    gpt = GPT(build())
    started = threading.Event()
    token = CancelToken()

    def held(_report) -> None:  # in the middle of the text until it is told to stop
        started.set()
        token._event.wait(20)

    future = gpt._model_worker.submit(lambda: gpt.record(IDS, progress=held, cancel=token), token=token)
    assert started.wait(20)
    gpt.close()
    assert isinstance(future.exception(5), Cancelled)


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


def test_a_model_without_attention_is_refused():
    config = MambaConfig(vocab_size=97, hidden_size=16, num_hidden_layers=2, state_size=4)
    with pytest.raises(UnsupportedModelError):
        GPT(MambaForCausalLM(config))


@pytest.mark.parametrize(
    ("options", "words"),
    [({"cancel": 1}, "cancel must be a CancelToken"), ({"progress": 3}, "progress is a callable, False")],
)
def test_options_of_the_wrong_kind(gpt, options, words):
    with pytest.raises(TypeError, match=words):
        gpt.record([1, 2], **options)


@pytest.mark.parametrize("twin", [copy.copy, copy.deepcopy, pickle.dumps])
def test_it_is_not_copied(gpt, twin):
    """The copy's close() would take the recording out of the model that the first one still uses."""
    with pytest.raises(TypeError, match="neither copied nor pickled: share this one"):
        twin(gpt)
