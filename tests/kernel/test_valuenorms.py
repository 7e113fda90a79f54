from __future__ import annotations

import numpy as np
import pytest
import torch

from gptwidgets.errors import UnsupportedModelError
from gptwidgets.kernel import valuenorms
from gptwidgets.kernel.fallback import attention_modules
from gptwidgets.kernel.gpt import GPT
from gptwidgets.kernel.record import AttentionRecord
from tests.kernel import test_fallback
from tests.kernel.tiny_models import INTERFACE, make, tiny

IDS = [(7 * i * i + 3) % 97 for i in range(20)]


@pytest.mark.parametrize("name", INTERFACE)
def test_the_weighted_values_add_up_to_what_a_head_writes(name):
    """Against the model: Σ_j α_ij v_j W_O[h] over the heads is what the attention module gives."""
    model, seen, hooks = make(name), {}, []
    with GPT(model) as gpt:
        for layer, module in attention_modules(model.base_model):
            hooks.append(
                module.register_forward_hook(lambda _m, _a, out, at=layer: seen.update({at: out[0][0]}))
            )
        record = gpt.record(IDS)
        for hook in hooks:
            hook.remove()
        found = valuenorms.output_weights(gpt)
        written = gpt.value_weighted(record)
        for layer in record.layers:
            values = torch.as_tensor(record.value(layer))
            group, whole = 4 // values.shape[0], torch.zeros(20, 32)
            parts = found[layer].detach().unflatten(-1, (4, -1))
            for head in range(4):
                adds = values[head // group] @ parts[:, head].T
                weights = torch.from_numpy(record.weights(layer, head))
                wanted = (weights[:, :, None] * adds).norm(dim=-1)
                np.testing.assert_allclose(written.weights(layer, head), wanted, atol=1e-5)
                whole += weights @ adds
            torch.testing.assert_close(whole, seen[layer], atol=1e-4, rtol=1e-4)
        assert written.vmax >= max(written.weights(n, h).max() for n in record.layers for h in range(4))


def test_the_projection_is_the_models_own():
    model = make("gpt2")
    with GPT(model) as gpt:
        found = valuenorms.output_weights(gpt)
        for at, block in enumerate(model.transformer.h):
            assert torch.equal(found[at], block.attn.c_proj.weight.T)
        assert not any(part._forward_pre_hooks for part in model.modules())
    model = test_fallback.make("Falcon")
    with GPT(model) as gpt:
        found = valuenorms.output_weights(gpt)
        assert torch.equal(found[1], model.transformer.h[1].self_attention.dense.weight)


def test_of_each_head_as_a_whole():
    with GPT(make("llama")) as gpt:
        record = gpt.record(IDS)
        table, written = gpt.value_norms(record), gpt.value_weighted(record)
        assert list(table.index) == [(layer, head) for layer in range(3) for head in range(4)]
        for at, row in table.iterrows():
            rows = written.weights(*at)[1:]
            assert row["norm"] == pytest.approx(rows.sum() / 19, rel=1e-5)
            assert row["first"] == pytest.approx(rows[:, 0].sum() / rows.sum(), rel=1e-5)
        assert not table.attrs["sampled"]
        assert gpt.value_weighted(record) is written
        assert np.isnan(gpt.value_norms(gpt.record(IDS[:1]))["norm"]).all()


def test_long_texts_are_sampled():
    cls, options = INTERFACE["gpt_oss"]
    with GPT(tiny("gpt_oss", cls, {**options, "max_position_embeddings": 2048})) as gpt:
        record = gpt.record(IDS * 60)
        table = gpt.value_norms(record)
        assert table.attrs["sampled"]
        exact = gpt.value_weighted(record).weights(0, 1)[1:].sum(1).mean()
        assert table.loc[(0, 1), "norm"] == pytest.approx(exact, rel=0.1)


def test_what_cannot_be_is_refused_in_words(monkeypatch):
    with GPT(make("llama")) as gpt, GPT(make("qwen3")) as other, GPT(test_fallback.make("Falcon")) as own:
        with pytest.raises(TypeError, match="queries and keys"):
            gpt.value_norms(AttentionRecord.from_arrays(np.eye(3)))
        with pytest.raises(TypeError, match="queries and keys"):
            own.value_norms(own.record(IDS))
        with pytest.raises(ValueError, match="another model"):
            gpt.value_weighted(other.record(IDS))
        monkeypatch.setattr(valuenorms, "LINEAR", set())
        with pytest.raises(UnsupportedModelError, match="layer 0 of"):
            gpt.value_norms(gpt.record(IDS))
