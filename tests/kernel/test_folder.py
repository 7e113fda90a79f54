from __future__ import annotations

import json
import pickle
import shutil
import struct

import pytest
import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from gptwidgets.errors import (
    DoesNotFitError,
    OutOfMemory,
    UnknownModelError,
    UnsafeModelError,
    UnsupportedModelError,
)
from gptwidgets.kernel import device as devices
from gptwidgets.kernel.folder import checkpoint_dtype, load_folder
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


def test_the_dtype_of_the_files_is_known_from_their_header(folder):
    assert checkpoint_dtype(folder, {}) is torch.float32
    path = folder / "model.safetensors"
    save_file({k: v.bfloat16() for k, v in load_file(path).items()}, path, metadata={"format": "pt"})
    assert checkpoint_dtype(folder, {}) is torch.bfloat16
    path.unlink()
    assert checkpoint_dtype(folder, {"dtype": "float16"}) is torch.float16
    assert checkpoint_dtype(folder, {}) is None
    assert checkpoint_dtype(folder, {"dtype": "nonsense"}) is None


def test_another_dtype_on_request(saved):
    with load(saved, dtype="bfloat16") as gpt:
        assert gpt.dtype is torch.bfloat16
        assert "as asked for" in gpt.why


def test_no_folder(tmp_path):
    with pytest.raises(UnknownModelError, match="There is no folder"):
        load(tmp_path / "missing")
    with pytest.raises(UnknownModelError, match=r"no config\.json"):
        load(tmp_path)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"model_type": 3}', "{}"])
def test_a_config_that_is_none(folder, text):
    (folder / "config.json").write_text(text)
    with pytest.raises((UnknownModelError, UnsupportedModelError), match=r"config\.json"):
        load(folder)


def test_pickled_weights_are_refused_and_never_opened(folder, monkeypatch):
    class Bomb:
        def __reduce__(self):
            return (pytest.fail, ("the pickle was read",))

    no_weights_read(monkeypatch)
    (folder / "model.safetensors").unlink()
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(UnsafeModelError, match=r"pickles \(pytorch_model\.bin\).*save_pretrained"):
        load(folder)


def test_a_pickle_under_the_name_of_safetensors(folder):
    (folder / "model.safetensors").write_bytes(pickle.dumps({"a": 1}))
    with pytest.raises(UnsafeModelError, match="no safetensors file, whatever its name says"):
        load(folder)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\0" * 7,
        struct.pack("<Q", 1 << 60),
        struct.pack("<Q", 2) + b"[]",
        struct.pack("<Q", 7) + b'{"a":3}',
    ],
)
def test_a_broken_header(folder, content):
    (folder / "model.safetensors").write_bytes(content)
    with pytest.raises(UnsafeModelError, match=r"model\.safetensors"):
        load(folder)


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


def test_no_weights_at_all(folder):
    (folder / "model.safetensors").unlink()
    with pytest.raises(UnknownModelError, match="no weights"):
        load(folder)


def test_remote_code_is_never_run(folder, monkeypatch):
    no_weights_read(monkeypatch)
    edit(
        folder,
        model_type="my_own",
        auto_map={"AutoConfig": "evil.Config", "AutoModelForCausalLM": "evil.Model"},
    )
    (folder / "evil.py").write_text("raise SystemExit('it ran')")
    with pytest.raises(UnsafeModelError, match=r"Python code of its own \(auto_map"):
        load(folder)


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("mamba", "without softmax attention"),
        ("rwkv", "without softmax attention"),
        ("bert", "not a GPT"),
        ("t5", "does not know as a causal language model"),
        ("of_tomorrow", "update transformers"),
    ],
)
def test_other_kinds_of_models_are_refused_from_the_config_alone(folder, monkeypatch, kind, words):
    no_weights_read(monkeypatch)
    edit(folder, model_type=kind)
    with pytest.raises(UnsupportedModelError, match=words):
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


def test_a_config_of_a_million_layers_does_not_hang(folder):
    edit(folder, num_hidden_layers=1_000_000)
    with pytest.raises(UnsupportedModelError, match="1,000,000 layers, which no model has"):
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
