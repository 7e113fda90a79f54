from __future__ import annotations

import pickle

import pytest

from gptwidgets.errors import UnknownModelError, UnsafeModelError, UnsupportedModelError
from tests.kernel.test_folder import edit, folder, load, no_weights_read, saved

__all__ = ["folder", "saved"]  # fixtures


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
        ("bart", "an encoder with a decoder"),
        ("t5", "does not know as a causal language model"),
        ("of_tomorrow", "update transformers"),
    ],
)
def test_other_kinds_of_models_are_refused_from_the_config_alone(folder, monkeypatch, kind, words):
    no_weights_read(monkeypatch)
    edit(folder, model_type=kind)
    with pytest.raises(UnsupportedModelError, match=words):
        load(folder)


def test_a_config_of_a_million_layers_does_not_hang(folder):
    edit(folder, num_hidden_layers=1_000_000)
    with pytest.raises(UnsupportedModelError, match="1,000,000 layers, which no model has"):
        load(folder)
