from __future__ import annotations

from typing import Any

import pytest
import torch
import transformers

from gptwidgets.errors import UnsupportedModelError
from gptwidgets.kernel import attention, chunk, fallback, prefill, selfcheck
from gptwidgets.kernel.source import QKSource
from tests.kernel.tiny_models import GROUPED, make, tiny


def test_wrong_weights_lead_to_the_fallback(monkeypatch: pytest.MonkeyPatch) -> None:
    real = QKSource.block
    monkeypatch.setattr(QKSource, "block", lambda self, *a, **k: real(self, *a, **k) * 1.01)
    attached = attention.attach(make("llama"))
    assert attached.kind == "hooks"
    assert "differ from eager ones" in attached.notes[0]


def test_a_wrong_output_leads_to_the_fallback(monkeypatch: pytest.MonkeyPatch) -> None:
    real = attention.sdpa_attention_forward

    def wrong(*args: Any, **kwargs: Any) -> Any:
        out, w = real(*args, **kwargs)
        return out * 1.5, w

    monkeypatch.setattr(attention, "sdpa_attention_forward", wrong)
    model = make("llama")
    attached = attention.attach(model)
    assert attached.kind == "hooks"
    assert model.config._attn_implementation == "sdpa"


def test_chunks_that_come_out_wrong_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunk, "_past_and_present", lambda q, *_: torch.zeros_like(q).transpose(1, 2))
    attached = attention.attach(make("llama"))
    assert attached.kind == "interface"
    assert not attached.chunked


def test_models_whose_masks_are_looked_into_are_recorded_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """DeepSeek V3.2's indexer slices the mask; in chunks ours is no tensor."""
    from gptwidgets.kernel import mask

    monkeypatch.setattr(mask.LazyMask, "tensor", lambda *_: 1 / 0)
    attached = attention.attach(make("gemma2"))  # a soft cap takes the mask as a tensor
    assert not attached.chunked
    assert attached.kind == "interface"


def test_shorter_formats_are_held_to_their_rounding() -> None:
    for dtype in (torch.bfloat16, torch.float16):
        attached = attention.attach(make("llama").to(dtype))
        assert attached.kind == "interface"
        assert attached.chunked


def test_the_check_leaves_no_trace() -> None:
    model = make("llama")
    hooks = [len(m._forward_hooks) for m in model.modules()]
    state = torch.get_rng_state()
    selfcheck.check(model, attention.Attachment())
    assert torch.equal(torch.get_rng_state(), state)
    assert [len(m._forward_hooks) for m in model.modules()] == hooks
    assert not any(m.training for m in model.modules())


def test_an_encoder_with_a_decoder_is_refused() -> None:
    config = transformers.T5Config(vocab_size=97, d_model=16, d_kv=4, d_ff=16, num_layers=1, num_heads=2)
    with pytest.raises(UnsupportedModelError, match="encoder"):
        attention.attach(transformers.T5ForConditionalGeneration(config))


def test_a_sink_that_eager_leaves_out_of_its_weights_is_understood() -> None:
    """granite_swa reports weights before the sink takes its share; ours are the effective ones."""
    model = tiny("granite_swa", "GraniteSWA", {**GROUPED, "sliding_window": 6})
    attached = attention.attach(model)
    assert attached.kind == "interface"
    record = prefill.record(model, attached, list(range(3, 23)))
    truth, _ = fallback.weights(model, torch.tensor([list(range(3, 23))]))
    for layer, w in truth.items():
        ours = record["pattern", layer]
        assert (ours.sum(-1) < 1).any()
        assert (ours / ours.sum(-1, keepdim=True) - w[0]).abs().max() < 1e-5


def test_the_work_apart_from_attention_is_estimated() -> None:
    model = make("llama")
    attached = attention.attach(model)
    layers = sum(p.numel() for p in model.model.layers.parameters())
    assert attached.flat == pytest.approx(layers / 3 / (4 * 8), rel=0.05)
