from __future__ import annotations

import gguf
import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from gptwidgets.errors import DoesNotFitError, UnsupportedModelError
from gptwidgets.kernel import device as devices
from gptwidgets.kernel.convert import convert

WIDTH, LAYERS, HEADS, KV, INNER = 64, 2, 4, 2, 96


def byte_alphabet() -> list[str]:
    """GPT-2's printable stand-ins for the 256 bytes."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    rest = iter(range(256, 512))
    return [chr(b) if b in printable else chr(next(rest)) for b in range(256)]


def write_gguf(path, architecture="llama", *, pre="smollm", quantised=True) -> dict[str, np.ndarray]:
    """A tiny random model as a GGUF file; returns its numbers, dequantised."""
    tokens = ["<|end|>", *byte_alphabet(), "12"]
    writer = gguf.GGUFWriter(str(path), architecture)
    writer.add_block_count(LAYERS)
    writer.add_context_length(128)
    writer.add_embedding_length(WIDTH)
    writer.add_feed_forward_length(INNER)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KV)
    writer.add_rope_freq_base(10000.0)
    writer.add_rope_dimension_count(WIDTH // HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_vocab_size(len(tokens))
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(pre)
    writer.add_token_list(tokens)
    writer.add_token_types([3] + [1] * (len(tokens) - 1))
    writer.add_token_merges(["1 2"])
    writer.add_bos_token_id(0)
    writer.add_eos_token_id(0)
    random = np.random.default_rng(0)
    kept = {}

    def add(name: str, *shape: int) -> None:
        values = random.normal(size=shape).astype(np.float32) * 0.1
        if quantised and len(shape) == 2:
            packed = gguf.quantize(values, gguf.GGMLQuantizationType.Q8_0)
            writer.add_tensor(name, packed, raw_dtype=gguf.GGMLQuantizationType.Q8_0)
            values = gguf.dequantize(packed, gguf.GGMLQuantizationType.Q8_0)
        else:
            writer.add_tensor(name, values)
        kept[name] = values

    add("token_embd.weight", len(tokens), WIDTH)
    add("output_norm.weight", WIDTH)
    for n in range(LAYERS):
        add(f"blk.{n}.attn_norm.weight", WIDTH)
        add(f"blk.{n}.ffn_norm.weight", WIDTH)
        add(f"blk.{n}.attn_q.weight", WIDTH, WIDTH)
        add(f"blk.{n}.attn_k.weight", WIDTH * KV // HEADS, WIDTH)
        add(f"blk.{n}.attn_v.weight", WIDTH * KV // HEADS, WIDTH)
        add(f"blk.{n}.attn_output.weight", WIDTH, WIDTH)
        add(f"blk.{n}.ffn_gate.weight", INNER, WIDTH)
        add(f"blk.{n}.ffn_up.weight", INNER, WIDTH)
        add(f"blk.{n}.ffn_down.weight", WIDTH, INNER)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return kept


@pytest.fixture(scope="module")
def converted(tmp_path_factory):
    folder = tmp_path_factory.mktemp("gguf")
    kept = write_gguf(folder / "tiny.gguf")
    reports = []
    facts = convert(folder / "tiny.gguf", folder / "model", reports.append)
    return folder / "model", facts, kept, reports


def test_every_number_is_the_dequantised_one(converted):
    folder, _, kept, _ = converted
    model = AutoModelForCausalLM.from_pretrained(folder)
    weights = {name: parameter.detach().numpy() for name, parameter in model.named_parameters()}
    assert model.dtype is torch.float32
    np.testing.assert_array_equal(weights["model.embed_tokens.weight"], kept["token_embd.weight"])
    np.testing.assert_array_equal(weights["model.norm.weight"], kept["output_norm.weight"])
    for n in range(LAYERS):
        ours, theirs = f"model.layers.{n}.", f"blk.{n}."
        for here, there in (
            ("mlp.down_proj", "ffn_down"),
            ("self_attn.v_proj", "attn_v"),
            ("self_attn.o_proj", "attn_output"),
        ):
            np.testing.assert_array_equal(weights[f"{ours}{here}.weight"], kept[f"{theirs}{there}.weight"])
        # queries and keys come back in the order of rotary halves: the same rows, moved
        for here, there in (("self_attn.q_proj", "attn_q"), ("self_attn.k_proj", "attn_k")):
            a, b = weights[f"{ours}{here}.weight"], kept[f"{theirs}{there}.weight"]
            np.testing.assert_array_equal(np.sort(a, axis=0), np.sort(b, axis=0))


def test_the_facts(converted):
    _, facts, kept, _ = converted
    assert facts["architecture"] == "llama"
    assert facts["parameters"] == sum(values.size for values in kept.values())
    assert (facts["dtype"], facts["quantisation"]) == ("float32", "Q8_0")
    assert len(facts["weights"]) == 64


def test_converting_again_gives_the_same_bytes(converted, tmp_path):
    folder, facts, _, _ = converted
    again = convert(folder.parent / "tiny.gguf", tmp_path / "again")
    assert again == facts
    for name in ("model.safetensors", "tokenizer.json", "config.json"):
        assert (tmp_path / "again" / name).read_bytes() == (folder / name).read_bytes()


def test_digits_stand_alone_where_the_models_maker_split_them(converted, tmp_path):
    folder, *_ = converted
    tokenizer = AutoTokenizer.from_pretrained(folder)
    assert len(tokenizer("12")["input_ids"]) == 2  # although the vocabulary has "12"
    assert tokenizer.model_max_length == 128
    write_gguf(tmp_path / "other.gguf", pre="gpt-2")
    convert(tmp_path / "other.gguf", tmp_path / "other")
    assert len(AutoTokenizer.from_pretrained(tmp_path / "other")("12")["input_ids"]) == 1


def test_progress_counts_tensors(converted):
    *_, kept, reports = converted
    tensors = [report for report in reports if report.stage == "converting"]
    assert [report.done for report in tensors] == list(range(1, len(kept) + 1))
    assert {report.total for report in tensors} == {len(kept)}


def test_other_files_are_refused(tmp_path):
    path = tmp_path / "junk.gguf"
    path.write_bytes(b"not a GGUF file at all" * 100)
    with pytest.raises(UnsupportedModelError, match=r"junk\.gguf"):
        convert(path, tmp_path / "out")
    path = tmp_path / "mamba.gguf"
    write_gguf(path, "unheardof")
    with pytest.raises(UnsupportedModelError, match=r"mamba\.gguf"):
        convert(path, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_what_does_not_fit_is_refused_first(converted, tmp_path, monkeypatch):
    folder, *_ = converted
    monkeypatch.setattr(devices, "cgroup_free", lambda: 1000)
    with pytest.raises(DoesNotFitError, match="container"):
        convert(folder.parent / "tiny.gguf", tmp_path / "out")
