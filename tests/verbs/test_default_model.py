from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time

import pytest
import torch
from transformers import AutoModelForCausalLM

import gptwidgets as gw
from gptwidgets.errors import (
    ChecksumError,
)
from gptwidgets.store import install
from gptwidgets.verbs import fetch_default


@pytest.fixture(scope="module")
def smol():
    with gw.load(device="cpu", progress=False) as gpt:
        yield gpt


@pytest.mark.model
def test_the_default_model_says_what_it_is(smol):
    assert (smol.name, smol.n_layers, smol.n_heads, smol.n_kv_heads) == ("smollm2-135m-instruct", 30, 9, 3)
    assert (smol.context_length, smol.dtype) == (8192, torch.float32)
    assert smol.notes == ["dequantised from Q4_1; differs from the Hub's weights"]
    assert "dequantised from Q4_1" in repr(smol)


@pytest.mark.model
@pytest.mark.parametrize(
    "text",
    [
        "The animal didn't cross the street because it was too tired",
        "  two spaces,\ttab\n\nnewlines \r\n and a trailing space ",
        "👩‍👩‍👧‍👦 🇩🇪 é é 你好 مرحبا שלום ½ ² 12345 1,000.5",
        "\x00\x01\x7f\u200b\u202e\ufeff",
        "</script><img src=x onerror=alert(1)>",
        "i'll I'LL they've don't",
        " ",
        "def f(x):\n    return x**2  # 3.14",
    ],
)
def test_its_tokenizer_loses_nothing_and_adds_nothing(smol, text):
    ids = smol.encode(text)
    assert smol.tokenizer.decode(ids) == text
    assert not set(ids) & set(smol.tokenizer.all_special_ids)
    assert smol.record(text).length == len(ids)


@pytest.mark.model
def test_its_special_tokens_digits_and_chat_template(smol):
    assert smol.encode("<|im_start|>") == [1]
    assert len(smol.encode("2024")) == 4
    ids = smol.encode([{"role": "user", "content": "Hi"}])
    said = smol.tokenizer.decode(ids)
    assert said.startswith("<|im_start|>system\nYou are a helpful AI assistant named SmolLM")
    assert said.endswith("<|im_start|>user\nHi<|im_end|>\n")
    assert (ids[0], ids[-2]) == (1, 2)


@pytest.mark.model
def test_it_speaks_english(smol):
    ids = torch.tensor([smol.encode("The capital of France is")])
    out = smol.model.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=4, do_sample=False)
    assert "Paris" in smol.tokenizer.decode(out[0])


@pytest.mark.model
def test_it_loads_offline_and_in_seconds():
    code = """
import socket, sys, time

def refuse(*_):
    raise OSError("no network in this test")

socket.socket.connect = refuse
socket.getaddrinfo = refuse
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.models.llama import LlamaForCausalLM
import gptwidgets as gw
begun = time.process_time()
gpt = gw.load(device="cpu", progress=False)
print(gpt.name, time.process_time() - begun)
"""
    env = {**os.environ, "OMP_NUM_THREADS": "1"}  # a waiting thread counts as processor time
    out = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True, env=env
    )
    name, seconds = out.stdout.split()
    assert name == "smollm2-135m-instruct"
    assert float(seconds) < 15, "seconds of processor time: the converted weights, not the GGUF file"


@pytest.mark.model
def test_a_changed_byte_in_it_is_refused(tmp_path, monkeypatch):
    there = install.installed("smollm2-135m-instruct")
    monkeypatch.setenv("GPTWIDGETS_MODELS", str(tmp_path / "class"))
    copy = tmp_path / "class" / "smollm2-135m-instruct"
    shutil.copytree(there, copy)
    with (copy / "tokenizer.json").open("r+b") as file:
        file.seek(1000)
        file.write(b"\xff")
    with pytest.raises(ChecksumError, match=r'"tokenizer\.json"'):
        gw.load(progress=False, device="cpu")


@pytest.mark.model
def test_fetching_it_again_is_a_moment():
    begun = time.monotonic()
    folder = fetch_default(progress=False)
    assert time.monotonic() - begun < 2
    assert folder == install.installed("smollm2-135m-instruct")


@pytest.mark.model
def test_eager_transformers_and_we_see_the_same_attention(smol):
    ids = smol.encode("The animal didn't cross the street because it was too tired")
    folder = install.installed("smollm2-135m-instruct")
    model = AutoModelForCausalLM.from_pretrained(folder, attn_implementation="eager", dtype=torch.float32)
    with torch.no_grad():
        wanted = model(torch.tensor([ids]), output_attentions=True).attentions
    record = smol.record(ids)
    for layer in (0, 13, 29):
        ours = record["pattern", layer].cpu()
        assert torch.allclose(ours, wanted[layer][0], atol=1e-5)
