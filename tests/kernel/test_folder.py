from __future__ import annotations

import json
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from gptwidgets.errors import (
    DoesNotFitError,
    OutOfMemory,
    UnsupportedModelError,
)
from gptwidgets.kernel import device as devices
from gptwidgets.kernel.folder import load_folder
from tests.kernel.tiny_models import GROUPED


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models") / "tiny"
    torch.manual_seed(0)
    LlamaForCausalLM(LlamaConfig(**GROUPED)).save_pretrained(folder)
    core = Tokenizer(models.WordLevel({"?": 0, "the": 1, "cat": 2}, unk_token="?"))
    core.pre_tokenizer = pre_tokenizers.Whitespace()
    PreTrainedTokenizerFast(tokenizer_object=core, unk_token="?").save_pretrained(folder)
    return folder


@pytest.fixture
def folder(saved, tmp_path):
    return shutil.copytree(saved, tmp_path / "tiny")


def edit(folder, **changes) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def load(folder, **options):
    return load_folder(folder, name="tiny", device="cpu", **options)


def no_weights_read(monkeypatch) -> None:
    def refuse(*_args, **_kwargs):
        pytest.fail("the weights were read")

    monkeypatch.setattr(LlamaForCausalLM, "from_pretrained", refuse)


def test_a_folder_becomes_a_gpt(saved):
    stages = []
    with load(
        saved, notes=["from a test"], progress=lambda r: stages.append((r.stage, r.done, r.total))
    ) as gpt:
        assert gpt.encode("the cat") == [1, 2]
        assert gpt.notes == ["from a test"]
        assert gpt.dtype is torch.float32
        assert "the CPU" in gpt.why
        assert gpt.record("the cat the").length == 3
        assert stages[0] == ("loading", 0, 3)
        assert stages[-1] == ("loading", 3, 3)


def test_another_dtype_on_request(saved):
    with load(saved, dtype="bfloat16") as gpt:
        assert gpt.dtype is torch.bfloat16
        assert "as asked for" in gpt.why


def test_a_file_that_was_cut_off(folder):
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-1000])
    with pytest.raises(UnsupportedModelError, match="tiny"):
        load(folder)


def test_missing_weights_are_not_made_up(folder):
    path = folder / "model.safetensors"
    weights = load_file(path)
    del weights["model.layers.1.self_attn.q_proj.weight"]
    save_file(weights, path, metadata={"format": "pt"})
    with pytest.raises(UnsupportedModelError, match=r"lack 1 of its weights .*q_proj"):
        load(folder)


def test_what_does_not_fit_is_refused_before_the_weights_are_read(folder, monkeypatch):
    no_weights_read(monkeypatch)
    monkeypatch.setattr(devices, "cgroup_free", lambda: 1_000_000)
    with pytest.raises(
        DoesNotFitError, match=r"needs about \d+ MB .* 1 MB is left within this container's limit"
    ):
        load(folder)


def test_out_of_memory_on_the_way(folder, monkeypatch):
    def allocate(*_args, **_kwargs):
        torch.empty(1 << 50)

    monkeypatch.setattr(LlamaForCausalLM, "from_pretrained", allocate)
    with pytest.raises(OutOfMemory, match="Memory ran out while tiny was loaded onto the CPU"):
        load(folder)
    monkeypatch.undo()
    load(folder).close()


def test_a_broken_tokenizer(folder):
    (folder / "tokenizer.json").write_text('{"version": "1.0"}')
    with pytest.raises(UnsupportedModelError, match="tiny"):
        load(folder)


def test_a_config_of_other_shapes_than_the_weights(folder):
    edit(folder, hidden_size=64)
    with pytest.raises(UnsupportedModelError, match=r"other shapes than its config\.json says; download"):
        load(folder)


@pytest.mark.parametrize("change", [{"num_hidden_layers": "two"}, {"num_attention_heads": 0}])
def test_a_config_of_nonsense_is_one_sentence(folder, change):
    edit(folder, **change)
    with pytest.raises(UnsupportedModelError, match=r"^[^\n]*download it again\.$"):
        load(folder)
