from __future__ import annotations

import json
import sys
import threading

import pytest

from gptwidgets.errors import Cancelled
from gptwidgets.store import folders
from gptwidgets.store.folders import Watch
from gptwidgets.verbs import check_child, checking
from gptwidgets.verbs.checking import NAMES
from tests.verbs.test_publishing import CARD


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


def check(folder, watch=None, licence="MIT"):
    (folder / "gptwidgets.json").unlink(missing_ok=True)
    folders.seal(folder, {})
    results = checking.check(folder, "mine", CARD, licence, watch=watch or Watch())
    return {name: (passed, reason) for name, passed, reason in results}


def test_a_model_that_works_passes_every_check(folder):
    found = check(folder)
    assert [name for name, (passed, _) in found.items() if not passed] == []
    assert set(NAMES) < set(found)


def trials(folder, monkeypatch):
    """What a model is tried for, without a process of its own."""
    monkeypatch.setattr(check_child, "_hold", lambda _most: None)
    found = check_child._work({"folder": str(folder), "name": "mine", "memory": 0}, Watch())["results"]
    return {name: (passed, reason) for name, passed, reason in found}


def rewrite(folder, change):
    from safetensors.torch import load_file, save_file

    weights = load_file(folder / "model.safetensors")
    change(weights)
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})


def test_weights_that_overflow_are_found(folder, monkeypatch):
    rewrite(folder, lambda weights: [tensor.fill_(float("nan")) for tensor in weights.values()])
    found = trials(folder, monkeypatch)
    assert not all(found[name][0] for name in NAMES[:2])


def test_logits_that_overflow_are_found(folder, monkeypatch):
    rewrite(folder, lambda weights: weights["lm_head.weight"].fill_(3e38))
    found = trials(folder, monkeypatch)
    assert found[NAMES[0]][0]
    assert "save it anew" in found[NAMES[1]][1]
    assert not found[NAMES[1]][0]


def test_a_tokenizer_of_another_model_is_found(folder, monkeypatch):
    spelt = json.loads((folder / "tokenizer.json").read_text())
    del spelt["decoder"]
    spelt["model"]["vocab"] = {letter: n % 9 for letter, n in spelt["model"]["vocab"].items()}
    (folder / "tokenizer.json").write_text(json.dumps(spelt))
    passed, reason = trials(folder, monkeypatch)[NAMES[2]]
    assert not passed
    assert "tokenizer that belongs" in reason


def test_a_model_that_ends_every_text_at_once_writes_nothing(folder, monkeypatch):
    rewrite(folder, lambda weights: weights["lm_head.weight"].zero_())  # the first token is the likeliest
    (folder / "generation_config.json").write_text(json.dumps({"eos_token_id": 0}))
    passed, reason = trials(folder, monkeypatch)[NAMES[3]]
    assert not passed
    assert "eos_token_id" in reason


def test_what_cannot_be_loaded_says_why_and_is_not_tried(folder, monkeypatch):
    (folder / "tokenizer.json").write_text("{}")
    found = trials(folder, monkeypatch)
    assert "cannot be loaded" in found[NAMES[0]][1]
    assert found[NAMES[1]] == (False, "Not tried.")


def test_a_check_can_be_stopped(folder):
    """Within the trial itself, by whoever waits."""
    asked = threading.Event()

    def stop():
        if asked.is_set():
            raise Cancelled("Stopped.")

    def tell(stage, *_):
        if stage == "loading":
            asked.set()

    with pytest.raises(Cancelled):
        check(folder, Watch(tell=tell, stop=stop))


def test_a_trial_that_takes_too_long_is_a_check_that_failed(folder, monkeypatch):
    monkeypatch.setattr(checking, "LONGEST", 0.01)
    found = check(folder)
    assert not found[NAMES[0]][0]
    assert "longer than" in found[NAMES[0]][1]
    assert found[NAMES[3]] == (False, "Not tried.")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux counts what a process allocates")
def test_a_trial_has_so_much_memory_and_no_more(folder, monkeypatch):
    monkeypatch.setattr(checking, "ROOM", 60_000_000)  # less than torch alone
    found = check(folder)
    assert not any(found[name][0] for name in NAMES)
    assert found[NAMES[0]][1]


def test_a_trial_that_crashes_is_a_check_that_failed(folder, monkeypatch):
    monkeypatch.setattr(checking, "_OFFLINE", {"PYTHONHOME": "/nowhere"})
    assert "crashed" in check(folder)[NAMES[0]][1]


@pytest.mark.parametrize(
    ("licence", "paper", "passes"),
    [
        ("MIT", None, True),
        ("CC-BY-NC-4.0", None, True),
        ("MIT OR Apache-2.0", None, True),
        ("free", None, False),
        ("LicenseRef-Mine", None, False),
        ("LicenseRef-Mine", "", False),
        ("LicenseRef-Mine", "Do as you like.", True),
    ],
)
def test_a_licence_is_one_that_can_be_read(folder, monkeypatch, licence, paper, passes):
    monkeypatch.setattr(checking, "run_child", lambda *_, **__: {"results": []})
    if paper is not None:
        (folder / "LICENSE.txt").write_text(paper)
    assert check(folder, licence=licence)["licence is known"][0] == passes
