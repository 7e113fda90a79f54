from __future__ import annotations

import re

import pytest
import torch
from transformers import AutoModelForCausalLM, GPT2Config, LlamaConfig, MistralConfig

from gptwidgets.errors import UnsupportedModelError
from gptwidgets.kernel import device as devices
from gptwidgets.kernel import fit
from gptwidgets.kernel import folder as folders
from gptwidgets.kernel.gpt import GPT
from gptwidgets.kernel.needs import ROOM
from gptwidgets.kernel.shape import Shape
from tests.kernel.tiny_models import GROUPED, INTERFACE, make, tiny

LLAMA = LlamaConfig(
    vocab_size=1000, hidden_size=64, intermediate_size=96, num_hidden_layers=3, num_attention_heads=4,
    num_key_value_heads=2, max_position_embeddings=512,
)  # fmt: skip


@pytest.mark.parametrize("tied", [False, True])
def test_parameters_are_counted_without_building_them(tied):
    config = LlamaConfig(**{**LLAMA.to_dict(), "tie_word_embeddings": tied})
    real = AutoModelForCausalLM.from_config(config)
    assert fit.count_parameters(config) == real.num_parameters() == sum(p.numel() for p in real.parameters())


def test_a_huge_model_is_counted_in_a_moment():
    config = LlamaConfig(
        vocab_size=128256, hidden_size=8192, intermediate_size=28672, num_hidden_layers=80,
        num_attention_heads=64, num_key_value_heads=8,
    )  # fmt: skip
    assert fit.count_parameters(config) == 70_553_706_496  # Llama 3 70B


def test_bytes_by_the_formula():
    needs = fit.needs(LLAMA, dtype=torch.float32, parameters=1000, tokens=100, cache=True)
    assert needs.weights == 4000
    assert needs.cache == 3 * 2 * 2 * 16 * (100 + ROOM) * 4  # layers, k and v, Hkv, d, T and room, bytes
    assert needs.recorded == 3 * (4 + 2 + 2) * 16 * 100 * 4
    assert fit.needs(LLAMA, dtype=torch.bfloat16, parameters=1000, tokens=100).recorded == needs.recorded // 2
    assert needs.total == needs.weights + needs.cache + needs.recorded + needs.working


def test_a_sliding_window_bounds_the_cache():
    config = MistralConfig(
        hidden_size=64, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2, sliding_window=10
    )
    short, long = (
        fit.needs(config, dtype=torch.float32, parameters=1, tokens=t, cache=True) for t in (1000, 10_000)
    )
    assert short.cache == long.cache


@pytest.mark.parametrize("name", [*INTERFACE, "diffllama"])
def test_what_is_recorded_is_what_was_foretold(name):
    """Also where values have another size than keys (DeepSeek), or are two (diffllama)."""
    model = tiny(name, "DiffLlama", GROUPED) if name == "diffllama" else make(name)
    with GPT(model) as gpt:
        record = gpt.record(list(range(3, 63)), progress=False)
    assert record.nbytes == fit.needs(model.config, dtype=torch.float32, parameters=1, tokens=60).recorded


def test_a_configuration_that_cannot_be_built():
    with pytest.raises(UnsupportedModelError, match="cannot build"):
        fit.count_parameters(LlamaConfig(**{**LLAMA.to_dict(), "hidden_act": "nonsense"}))


def test_shapes_under_the_names_of_several_architectures():
    gpt2 = Shape.of(GPT2Config(n_embd=48, n_head=4, n_layer=2, n_positions=77))
    assert (gpt2.n_layers, gpt2.n_heads, gpt2.n_kv_heads, gpt2.head_size, gpt2.context) == (2, 4, 4, 12, 77)
    assert gpt2.inner == 192
    llama = Shape.of(LLAMA)
    assert (llama.n_kv_heads, llama.head_size, llama.windows) == (2, 16, (None,) * 3)


def place(monkeypatch, free, **options):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: "cuda" in free)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda _: "Big GPU")
    monkeypatch.setattr(devices, "available", lambda d: devices.Memory(free[d.type], "free on this machine"))
    return folders.place(
        LLAMA, torch.bfloat16, options.get("device", "auto"), options.get("dtype", "auto"), "Tiny"
    )


GB = 1_000_000_000


def test_the_sentence_names_device_dtype_and_reasons(monkeypatch):
    device, dtype, why = place(monkeypatch, {"cpu": GB})
    assert (device.type, dtype) == ("cpu", torch.float32)
    assert why.startswith("On the CPU (")
    assert "in float32 (" in why
    device, dtype, why = place(monkeypatch, {"cuda": GB, "cpu": GB})
    assert (str(device), dtype) == ("cuda:0", torch.bfloat16)
    assert "Big GPU" in why
    assert "as asked for" in place(monkeypatch, {"cpu": GB}, dtype="float16", device="cpu")[2]


def test_a_full_gpu_is_passed_over_and_the_sentence_says_so(monkeypatch):
    device, _, why = place(monkeypatch, {"cuda": 1000, "cpu": GB})
    assert device.type == "cpu"
    assert re.search(r"Big GPU \(cuda:0\) has only 0 MB free", why)


def test_a_refusal_says_how_much_it_needs_how_much_there_is_and_what_to_do(monkeypatch):
    needed = fit.needs(LLAMA, dtype=torch.float32).total
    with pytest.raises(
        MemoryError, match=r"Tiny needs about \d+ MB in float32, and 50 MB is free .*close"
    ) as caught:
        place(monkeypatch, {"cpu": 50_000_000})
    assert "bfloat16" not in str(caught.value)  # would not fit either
    with pytest.raises(MemoryError, match='dtype="bfloat16"'):
        place(monkeypatch, {"cpu": needed - 1})
