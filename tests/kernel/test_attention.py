from __future__ import annotations

import copy
import threading
from typing import Any

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from gptwidgets.errors import UnsupportedModelError
from gptwidgets.kernel import attention, fallback, prefill
from tests.kernel.tiny_models import GROUPED, INTERFACE, make, tiny

T = 24


def ids(n: int = T, seed: int = 1) -> torch.Tensor:
    return torch.randint(3, 97, (1, n), generator=torch.Generator().manual_seed(seed))


def eager_weights(model: Any, text: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """What transformers itself says, from a copy: asking for attentions leaves hooks on a model."""
    other = copy.deepcopy(model)
    other.set_attn_implementation("eager")
    with torch.no_grad():
        return other(text, output_attentions=True).attentions


def snapshot(model: Any) -> tuple[Any, ...]:
    """All that attaching could disturb."""
    return (
        [config._attn_implementation_internal for config in fallback.configs(model)],
        model.config.to_dict(),
        [(len(m._forward_hooks), len(m._forward_pre_hooks), m.training) for m in model.modules()],
        [(name, p.dtype, p.device, id(p)) for name, p in model.named_parameters()],
        {k: id(v) for k, v in vars(model).items()},
    )


@pytest.mark.parametrize("name", INTERFACE)
def test_recorded_weights_equal_eager_ones(name: str) -> None:
    model = make(name)
    text = ids()
    truth = eager_weights(model, text)
    attached = attention.attach(model)
    assert attached.kind == "interface"
    record = prefill.record(model, attached, text[0].tolist())
    assert record.layers == (0, 1, 2)
    for layer, w in enumerate(truth):
        assert (record["pattern", layer] - w[0]).abs().max() < 1e-5
        absent = record.absent(layer, range(T), range(T))
        assert absent is not None
        assert ((w[0] == 0) == absent).all()  # what eager masks is absent, and nothing else


@pytest.mark.parametrize("name", INTERFACE)
def test_chunks_record_the_same(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model, text = make(name), ids()
    attached = attention.attach(model)
    assert attached.chunked
    whole = prefill.record(model, attached, text[0].tolist())
    monkeypatch.setattr(prefill, "CHUNK", 10)
    parts = prefill.record(model, attached, text[0].tolist())
    for layer in whole.layers:
        assert (whole["pattern", layer] - parts["pattern", layer]).abs().max() < 1e-5


@pytest.mark.parametrize("name", INTERFACE)
def test_an_attached_model_computes_what_it_did(name: str) -> None:
    model = make(name)
    batch = torch.cat([ids(12, 2), ids(12, 3)])
    padding = torch.ones_like(batch)
    padding[0, :5] = 0  # on the left
    with torch.no_grad():
        before = model(batch, attention_mask=padding).logits[:, 5:]
        said = model.generate(
            batch, attention_mask=padding, max_new_tokens=8, do_sample=False, min_new_tokens=8
        )
        attached = attention.attach(model)
        assert model.config._attn_implementation == attention.NAME
        after = model(batch, attention_mask=padding).logits[:, 5:]
        again = model.generate(
            batch, attention_mask=padding, max_new_tokens=8, do_sample=False, min_new_tokens=8
        )
    attached.detach()
    assert torch.allclose(before, after, atol=2e-6, rtol=1e-5)
    assert not after.isnan().any()
    assert torch.equal(said, again)


def test_attach_and_detach_leave_the_model_as_it_was() -> None:
    for name in ("llama", "gemma3"):
        model = make(name)
        model.train()
        model.model.layers[0].eval()
        before = snapshot(model)
        attached = attention.attach(model)
        attached.detach()
        attached.detach()
        assert snapshot(model) == before


def test_a_failing_attach_leaves_the_model_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    model = make("llama")
    before = snapshot(model)

    def interrupted(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(prefill, "run", interrupted)
    with pytest.raises(KeyboardInterrupt):
        attention.attach(model)
    assert snapshot(model) == before


def test_two_attachments_share_the_model_and_the_last_one_leaves() -> None:
    model = make("llama")
    first, second = attention.attach(model), attention.attach(model)
    first.detach()
    assert model.config._attn_implementation == attention.NAME
    assert prefill.record(model, second, [5, 6, 7]).length == 3
    second.detach()
    assert model.config._attn_implementation == "sdpa"


def test_an_eager_model_goes_back_to_eager() -> None:
    model = tiny("llama", "Llama", GROUPED, "eager")
    attached = attention.attach(model)
    attached.detach()
    assert model.config._attn_implementation == "eager"


def test_the_mask_is_registered_too() -> None:
    """Without a registered mask the mask is silently None: padding and windows would be ignored."""
    model = make("mistral")
    text = ids()
    with torch.no_grad():
        truth = model(text).logits
        attached = attention.attach(model)
        assert torch.allclose(model(text).logits, truth, atol=1e-6)
    attached.detach()


def test_padding_on_the_left_gives_no_nan() -> None:
    for name in ("llama", "gemma2", "gpt_oss"):
        model = make(name)
        attached = attention.attach(model)
        padding = torch.ones(1, 12, dtype=torch.long)
        padding[0, :7] = 0
        with torch.no_grad():
            out = model(ids(12), attention_mask=padding).logits
            alone = model(ids(12)[:, 7:]).logits
        attached.detach()
        assert not out.isnan().any()
        assert torch.allclose(out[:, 7:], alone, atol=1e-4)


def test_another_thread_is_not_recorded() -> None:
    """The recorder belongs to the thread that records; a plain thread does not inherit it."""
    from gptwidgets.kernel.recorder import Recorder, recording

    model = make("llama")
    attached = attention.attach(model)
    recorder = Recorder(T)
    with recording(recorder):
        thread = threading.Thread(target=lambda: model(ids()))
        thread.start()
        thread.join()
    assert not recorder.kept
    attached.detach()


def test_output_attentions_still_works_on_an_attached_model() -> None:
    model = make("llama")
    truth = eager_weights(model, ids())
    attached = attention.attach(model)
    with torch.no_grad():
        ours = model(ids(), output_attentions=True).attentions
    attached.detach()
    assert all(torch.allclose(a, b, atol=1e-5) for a, b in zip(ours, truth, strict=True))


def test_bfloat16_is_exact_for_the_queries_and_keys_that_were_used() -> None:
    model = make("llama").bfloat16()
    attached = attention.attach(model)
    record = prefill.record(model, attached, ids()[0].tolist())
    q, k = record.query(1), record.key(1)  # (4, T, 8), (2, T, 8)
    assert q.dtype == torch.bfloat16
    s = q.double() @ k.repeat_interleave(2, 0).double().mT * 8**-0.5
    truth = s.masked_fill(~torch.ones(T, T).tril().bool(), -torch.inf).softmax(-1)
    assert (record["pattern", 1] - truth).abs().max() < 1e-6
    attached.detach()


@pytest.mark.parametrize("name", INTERFACE)
def test_a_record_pins_no_more_memory_than_it_says(name: str) -> None:
    """Gpt2's queries, keys and values are views of one buffer, phi3's values are a part of another."""
    model = make(name)
    attached = attention.attach(model)
    record = prefill.record(model, attached, ids()[0].tolist())
    tensors = [take(layer) for layer in record.layers for take in (record.query, record.key, record.value)]
    pinned = {t.untyped_storage().data_ptr(): t.untyped_storage().nbytes() for t in tensors}
    assert sum(pinned.values()) <= 1.05 * record.nbytes
    attached.detach()


def test_a_model_that_never_asks_the_function_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    from transformers.integrations.sdpa_attention import sdpa_attention_forward

    model = LlamaForCausalLM(LlamaConfig(**GROUPED)).eval()
    monkeypatch.setitem(attention.AttentionInterface._global_mapping, attention.NAME, sdpa_attention_forward)
    attached = attention.attach(model)
    assert attached.kind == "hooks"
    assert attached.notes
    assert model.config._attn_implementation == "sdpa"


def test_models_without_softmax_attention_are_refused_before_a_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    from transformers import MambaConfig, MambaForCausalLM, RwkvConfig, RwkvForCausalLM

    models = [
        MambaForCausalLM(MambaConfig(vocab_size=97, hidden_size=16, num_hidden_layers=2, state_size=4)),
        RwkvForCausalLM(
            RwkvConfig(vocab_size=97, hidden_size=16, num_hidden_layers=2, attention_hidden_size=16)
        ),
    ]
    for model in models:
        monkeypatch.setattr(model, "forward", None)
        with pytest.raises(UnsupportedModelError, match="no softmax attention"):
            attention.attach(model)
