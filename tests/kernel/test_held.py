from __future__ import annotations

import copy
import gc
import pickle
import subprocess
import sys
import threading
import weakref

import pytest
import torch
from transformers import LlamaForCausalLM, MambaConfig, MambaForCausalLM

from gptwidgets.errors import Cancelled, ClosedError, TextError, UnsupportedModelError
from gptwidgets.kernel.gpt import GPT
from gptwidgets.kernel.worker import CancelToken
from tests.kernel.test_gpt import IDS, build, gpt
from tests.waiting import until

__all__ = ["gpt"]  # a fixture


def test_it_says_what_it_is(gpt):
    assert (gpt.n_layers, gpt.n_heads, gpt.n_kv_heads, gpt.context_length) == (3, 4, 2, 64)
    assert (gpt.device.type, gpt.dtype, gpt.closed) == ("cpu", torch.float32, False)
    assert isinstance(gpt.model, LlamaForCausalLM)
    said = repr(gpt)
    assert said == "GPT tiny: 3 layers × 4 heads (2 KV heads), context 64, float32 on cpu"
    assert "\n" not in said
    gpt.why = "On the CPU (there is no other), in float32 (the most exact one)."
    gpt.notes = ["dequantised"]
    said += "; On the CPU (there is no other), in float32 (the most exact one); dequantised"
    assert repr(gpt) == said


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


def test_close_stops_a_recording_in_another_thread():
    gpt, token = GPT(build()), CancelToken()
    started = threading.Event()
    ended: list[BaseException] = []
    layers: list[int] = []

    def held(*_) -> None:
        layers.append(1)
        started.set()
        until(lambda: token.cancelled)  # close() waits for this layer and no other

    for layer in gpt.model.model.layers:
        layer.register_forward_hook(held)

    def record() -> None:
        try:
            gpt.record(IDS, cancel=token)
        except Cancelled as error:
            ended.append(error)

    thread = threading.Thread(target=record)
    thread.start()
    assert started.wait(20)
    gpt.close()
    thread.join(20)
    assert len(ended) == len(layers) == 1


def test_a_script_that_ends_while_it_records_ends_quietly():
    script = """
import threading
from gptwidgets.kernel.worker import CancelToken  # before torch, as `import gptwidgets` does it
from gptwidgets.kernel.gpt import GPT
from tests.kernel.test_gpt import build
from tests.waiting import until

gpt, token, began = GPT(build(), name="tiny"), CancelToken(), threading.Event()

def held(*_):
    print("layer", flush=True)
    began.set()
    until(lambda: token.cancelled)  # Python's end asks it to stop, and waits for this layer

for layer in gpt.model.model.layers:
    layer.register_forward_hook(held)
gpt._model_worker.submit(lambda: gpt.record([1, 2, 3], cancel=token), token=token)
began.wait()
"""
    done = subprocess.run(
        [sys.executable, "-c", script], check=True, capture_output=True, text=True, timeout=120
    )
    assert (done.stdout, done.stderr) == ("layer\n", "")


def test_a_model_without_attention_is_refused():
    config = MambaConfig(vocab_size=97, hidden_size=16, num_hidden_layers=2, state_size=4)
    with pytest.raises(UnsupportedModelError):
        GPT(MambaForCausalLM(config))


@pytest.mark.parametrize("twin", [copy.copy, copy.deepcopy, pickle.dumps])
def test_it_is_not_copied(gpt, twin):
    """The copy's close() would take the recording out of the model that the first one still uses."""
    with pytest.raises(TypeError, match="neither copied nor pickled: share this one"):
        twin(gpt)
