from __future__ import annotations

from types import SimpleNamespace

import pytest

from gptwidgets.errors import Cancelled
from gptwidgets.store import folders
from gptwidgets.store.folders import Watch
from gptwidgets.verbs import checking
from gptwidgets.verbs.check_child import NAMES
from tests.verbs.test_publishing import CARD

LISTING = SimpleNamespace(name="mine")


@pytest.fixture
def folder(tmp_path):
    """A tiny model with a tokenizer of bytes, as `publish` leaves it."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    made = tmp_path / "model"
    torch.manual_seed(0)
    sizes = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
    LlamaForCausalLM(LlamaConfig(vocab_size=256, **sizes)).save_pretrained(made)
    tokenizer().save_pretrained(made)
    return made


def tokenizer():
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    made = Tokenizer(models.BPE(vocab={letter: n for n, letter in enumerate(letters)}, merges=[]))
    made.pre_tokenizer, made.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    return PreTrainedTokenizerFast(tokenizer_object=made)


def check(folder, watch=None):
    folders.seal(folder, {})
    results = checking.check(folder, LISTING, CARD, "MIT", watch or Watch())
    return {name: (passed, reason) for name, passed, reason in results}


def test_a_model_that_works_passes_every_check(folder):
    found = check(folder)
    assert [name for name, (passed, _) in found.items() if not passed] == []
    assert set(NAMES) < set(found)


def test_weights_that_overflow_are_found(folder):
    from safetensors.torch import load_file, save_file

    weights = load_file(folder / "model.safetensors")
    for tensor in weights.values():
        tensor.fill_(float("nan"))
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    found = check(folder)
    assert not all(found[name][0] for name in NAMES[:2])


def test_what_cannot_be_loaded_says_why_and_is_not_tried(folder):
    (folder / "tokenizer.json").write_text("{}")
    found = check(folder)
    assert "cannot be loaded" in found[NAMES[0]][1]
    assert found[NAMES[1]] == (False, "Not tried.")


def test_a_check_can_be_stopped(folder):
    def stop():
        raise Cancelled("Stopped.")

    with pytest.raises(Cancelled):
        check(folder, Watch(stop=stop))
