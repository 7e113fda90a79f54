from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
import transformers

from gptwidgets.errors import DoesNotFitError, UnsupportedModelError
from gptwidgets.kernel import attention, fallback, prefill
from tests.kernel.tiny_models import GROUPED

T = 20
COMMON = {"vocab_size": 97}
OWN: dict[str, dict[str, Any]] = {
    "Bloom": {"hidden_size": 32, "n_layer": 3, "n_head": 4},
    "Falcon": {"hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 4},
    "GPTJ": {"n_embd": 32, "n_layer": 3, "n_head": 4, "rotary_dim": 4, "n_positions": 64},
    "Mpt": {"d_model": 32, "n_layers": 3, "n_heads": 4, "max_seq_len": 64},
    "CodeGen": {"n_embd": 32, "n_layer": 3, "n_head": 4, "rotary_dim": 4, "n_positions": 64},
    "GPTNeo": {
        "hidden_size": 32,
        "num_layers": 4,
        "num_heads": 4,
        "attention_types": [[["global", "local"], 2]],
        "window_size": 6,
        "max_position_embeddings": 64,
    },
    "OpenAIGPT": {"n_embd": 32, "n_layer": 3, "n_head": 4, "n_positions": 64},
    "XGLM": {"d_model": 32, "num_layers": 3, "attention_heads": 4, "ffn_dim": 48},
    "GPTNeoXJapanese": {"hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 4},
}


def make(name: str) -> Any:
    torch.manual_seed(3)
    config = getattr(transformers, f"{name}Config")(**COMMON, **OWN[name])
    kind = f"{name}ForCausalLM" if hasattr(transformers, f"{name}ForCausalLM") else f"{name}LMHeadModel"
    model = getattr(transformers, kind)(config).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim >= 2:
                parameter.normal_(0, 0.25)
    return model


@pytest.mark.parametrize("name", OWN)
def test_own_attention_is_recorded_by_hooks(name: str) -> None:
    model = make(name)
    text = torch.randint(3, 97, (1, T), generator=torch.Generator().manual_seed(1))
    other = copy.deepcopy(model)
    for config in fallback.configs(other):
        config._attn_implementation_internal = "eager"
    with torch.no_grad():
        truth = other(text, output_attentions=True).attentions
    before = [(len(m._forward_hooks), len(m._forward_pre_hooks)) for m in model.modules()]
    attached = attention.attach(model)
    assert attached.kind == "hooks"
    assert attached.notes
    record = prefill.record(model, attached, text[0].tolist())
    assert record.n_layers == len(truth)
    for layer, w in enumerate(truth):
        assert (record["pattern", layer] - w[0]).abs().max() < 1e-6
    assert record.causal
    assert prefill.record(model, attached, text[0].tolist(), layers=[1]).layers == (1,)
    attached.detach()
    assert [(len(m._forward_hooks), len(m._forward_pre_hooks)) for m in model.modules()] == before
    assert model.config._attn_implementation != "gptwidgets"


def test_a_text_too_long_for_whole_matrices_is_refused_in_words() -> None:
    model = make("Bloom")
    attached = attention.attach(model)
    with pytest.raises(
        DoesNotFitError, match=r"bloom .* 20,000 tokens would take 17\.9 GiB.* to 4,729 tokens"
    ):
        prefill.record(model, attached, [5] * 20_000)


def test_hooks_go_away_after_an_exception() -> None:
    model = make("Falcon")

    def stop(_layer: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fallback.weights(model, torch.tensor([[5, 6, 7]]), None, stop)
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.modules())
    assert model.config._attn_implementation != "eager"


def test_diffllama_attends_twice_to_the_same_and_is_recorded_once() -> None:
    torch.manual_seed(0)
    model = transformers.DiffLlamaForCausalLM(transformers.DiffLlamaConfig(**GROUPED)).eval()
    attached = attention.attach(model)
    assert attached.kind == "interface"
    record = prefill.record(model, attached, list(range(3, 23)))
    truth, _ = fallback.weights(model, torch.tensor([list(range(3, 23))]))
    assert all((record["pattern", layer] - w[0]).abs().max() < 1e-5 for layer, w in truth.items())


def test_a_hybrid_has_the_real_numbers_of_its_attention_layers() -> None:
    torch.manual_seed(0)
    config = transformers.MiniMaxConfig(**GROUPED, num_local_experts=2, num_experts_per_tok=1)
    config.layer_types = ["linear_attention", "full_attention", "linear_attention"]
    model = transformers.MiniMaxForCausalLM(config).eval()
    attached = attention.attach(model)
    assert attached.layers == (1,)
    record = prefill.record(model, attached, [5, 6, 7, 8])
    assert record.layers == (1,)
    with pytest.raises(IndexError, match="layer 0 does not exist; this record has only layer 1"):
        record.weights(0, 0)


def test_a_model_that_runs_its_layers_again_is_refused() -> None:
    class Twice(torch.nn.Module):
        def __init__(self, layer: torch.nn.Module) -> None:
            super().__init__()
            self.inner = layer

        def forward(self, x: torch.Tensor, **kwargs: Any) -> torch.Tensor:
            return self.inner(self.inner(x, **kwargs), **kwargs)

    model = transformers.LlamaForCausalLM(transformers.LlamaConfig(**GROUPED)).eval()
    model.model.layers[1] = Twice(model.model.layers[1])
    before = model.config._attn_implementation
    with pytest.raises(UnsupportedModelError, match="several times"):
        attention.attach(model)
    assert model.config._attn_implementation == before


def test_jamba_has_a_decoder_layer_called_attention_around_its_attention() -> None:
    torch.manual_seed(0)
    config = transformers.JambaConfig(
        **{**GROUPED, "num_hidden_layers": 4, "attn_layer_period": 2, "attn_layer_offset": 1},
        num_experts=2,
        mamba_d_state=4,
        mamba_dt_rank=4,
        use_mamba_kernels=False,
    )
    attached = attention.attach(transformers.JambaForCausalLM(config).eval())
    assert attached.kind == "interface"
    assert attached.layers == (1, 3)
