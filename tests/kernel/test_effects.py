from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch

from gptwidgets.errors import Cancelled, ClosedError, TextError
from gptwidgets.kernel import effects as module
from gptwidgets.kernel import resuming
from gptwidgets.kernel.gpt import GPT
from gptwidgets.kernel.worker import CancelToken
from tests.kernel.tiny_models import SMALL, make, tiny
from tests.kernel.words import characters

IDS = [(7 * i * i + 3) % 97 for i in range(20)]
TARGET = 11
NAMES = ["llama", "gpt2", "gemma2", "qwen3", "opt", "gpt_neox", "gpt_oss"]


def build(name):
    return tiny("bloom", "Bloom", {**SMALL, "n_layer": 3, "n_head": 4}) if name == "bloom" else make(name)


def logprob(model, target, ids=IDS):
    """Of a target after the text, or of the text, in one whole pass."""
    with torch.no_grad():
        raw = model(torch.tensor([ids]), use_cache=False).logits[0].log_softmax(-1)
    return float(
        raw[-1, target] if target is not None else raw[:-1].gather(-1, torch.tensor(ids[1:])[:, None]).sum()
    )


def singly(gpt, target, ablation="zero"):
    """What one pass for each head gives, under gpt.intervene."""
    found = []
    for layer in range(3):
        for head in range(4):
            with gpt.intervene(heads_off=[(layer, head)], ablation=ablation):
                found.append(logprob(gpt.model, target))
    return found


@pytest.fixture(scope="module")
def gpt():
    with GPT(make("llama"), characters(), name="tiny") as made:
        yield made


@pytest.mark.parametrize("target", [TARGET, None])
@pytest.mark.parametrize("name", [*NAMES, "bloom"])
def test_each_head_is_what_a_pass_of_its_own_gives(name, target):
    with GPT(build(name)) as gpt:
        table = gpt.head_effects(IDS, target)
        np.testing.assert_allclose(table["logprob"], singly(gpt, target), atol=1e-4)
        assert table.attrs["untouched"] == pytest.approx(logprob(gpt.model, target), abs=1e-4)
    assert list(table.index) == [(layer, head) for layer in range(3) for head in range(4)]
    np.testing.assert_allclose(table["effect"], table["logprob"] - table.attrs["untouched"])
    assert table["effect"].abs().max() > 0.01
    assert table.attrs["unit"] == "nats"


def test_a_model_that_cannot_be_resumed_takes_whole_passes(monkeypatch):
    monkeypatch.setattr(resuming, "_check", lambda _model: False)
    with GPT(make("llama")) as gpt:
        table = gpt.head_effects(IDS, TARGET)
        np.testing.assert_allclose(table["logprob"], singly(gpt, TARGET), atol=1e-4)


@pytest.mark.parametrize("ablation", ["mean", "resample"])
def test_other_ablations(gpt, ablation):
    table = gpt.head_effects(IDS, TARGET, ablation=ablation)
    np.testing.assert_allclose(table["logprob"], singly(gpt, TARGET, ablation), atol=1e-4)
    assert table.attrs["ablation"] == ablation


@pytest.mark.parametrize("target", [TARGET, None])
def test_small_batches_do_not_show(gpt, target, monkeypatch):
    from gptwidgets.kernel import upward

    whole = gpt.head_effects(IDS, target)
    monkeypatch.setattr(upward, "TOKENS", 60)
    monkeypatch.setattr(module, "NUMBERS", 2 * 20 * 97)
    seen = []
    parts = gpt.head_effects(IDS, target, progress=seen.append)
    np.testing.assert_allclose(parts["logprob"], whole["logprob"], atol=1e-4)
    done = [report.done for report in seen]
    assert done == sorted(done)
    assert len(done) > 3
    assert (done[-1], seen[-1].total, seen[-1].unit) == (12, 12, "groups")


def test_groups_are_off_together(gpt):
    groups = {"both": ["L1H2", (0, 3)], "none": [], "last": [(2, 0)]}
    table = gpt.head_effects(IDS, TARGET, groups)
    assert list(table.index) == ["both", "none", "last"]
    with gpt.intervene(heads_off=groups["both"]):
        assert table.loc["both", "logprob"] == pytest.approx(logprob(gpt.model, TARGET), abs=1e-4)
    assert table.loc["none", "effect"] == pytest.approx(0, abs=1e-4)
    assert list(gpt.head_effects(IDS, TARGET, [["L1H2"]]).index) == [0]
    layers = gpt.head_effects(IDS, TARGET, "layers")
    with gpt.intervene(heads_off=[(1, head) for head in range(4)]):
        assert layers.loc[1, "logprob"] == pytest.approx(logprob(gpt.model, TARGET), abs=1e-4)
    assert gpt.head_effects(IDS, TARGET, "kv").index.names == ["layer", "kv_head"]


def test_what_is_changed_already_is_the_untouched_one(gpt):
    with gpt.intervene(heads_off=["L0H1"]):
        table = gpt.head_effects(IDS, TARGET)
        assert table.attrs["untouched"] == pytest.approx(logprob(gpt.model, TARGET), abs=1e-4)
        np.testing.assert_allclose(table["logprob"], singly(gpt, TARGET), atol=1e-4)
    assert "L0H1" in table.attrs["intervention"]
    assert table.loc[(0, 1), "effect"] == pytest.approx(0, abs=1e-4)


def test_a_word_is_a_target(gpt):
    word = gpt.vocabulary[TARGET].piece
    table = gpt.head_effects(IDS, word)
    pd.testing.assert_frame_equal(table, gpt.head_effects(IDS, TARGET))
    assert table.attrs["of"] == word
    assert gpt.head_effects(IDS).attrs["of"] == "the text"


def test_control(gpt):
    heads = ["L1H2", "L0H3"]
    table = gpt.effect_control(IDS, heads, TARGET, n=2, unrelated=IDS[::-1])
    others = ["as many other heads, 1", "as many other heads, 2"]
    assert list(table.index) == ["these heads", *others, "the same heads, unrelated text"]
    for group, row in table.iterrows():
        ids, target = (IDS[:0:-1], IDS[0]) if "unrelated" in group else (IDS, TARGET)
        names = row["heads"].split(", ")
        assert len(names) == 2
        assert bool(set(names) & set(heads)) == (group not in others)
        with gpt.intervene(heads_off=names):
            assert row["logprob"] == pytest.approx(logprob(gpt.model, target, ids), abs=1e-4)
        assert row["untouched"] == pytest.approx(logprob(gpt.model, target, ids), abs=1e-4)
        assert row["effect"] == pytest.approx(row["logprob"] - row["untouched"])
    again = gpt.effect_control(IDS, heads, TARGET, n=2, unrelated=IDS[::-1])
    assert list(again["heads"]) == list(table["heads"])
    other = gpt.effect_control(IDS, heads, TARGET, n=2, seed=1, unrelated=IDS[::-1])
    assert list(other["heads"]) != list(table["heads"])


def test_the_packages_own_text_is_unrelated(gpt):
    table = gpt.effect_control(IDS, [(1, 2)])
    assert len(table) == 5
    assert table["untouched"].nunique() == 2
    with GPT(make("llama")) as bare, pytest.raises(TextError, match="unrelated="):
        bare.effect_control(IDS, [(1, 2)])


def test_what_cannot_be_is_refused_in_words(gpt):
    with pytest.raises(IndexError):
        gpt.head_effects(IDS, TARGET, [["L9H0"]])
    with pytest.raises(ValueError, match="lists of heads"):
        gpt.head_effects(IDS, TARGET, "L1H1")
    with pytest.raises(TypeError, match="lists of heads"):
        gpt.head_effects(IDS, TARGET, 3)
    with pytest.raises(ValueError, match="ablation"):
        gpt.head_effects(IDS, TARGET, ablation="none")
    with pytest.raises(TextError, match="2 tokens in tiny"):
        gpt.head_effects(IDS, "ab")
    with pytest.raises(TypeError, match="word of one token"):
        gpt.head_effects(IDS, 1.5)
    with pytest.raises(TextError, match="Token 97"):
        gpt.head_effects(IDS, 97)
    with pytest.raises(TextError, match="two tokens, or a target"):
        gpt.head_effects(IDS[:1])
    with pytest.raises(ValueError, match="heads is empty"):
        gpt.effect_control(IDS, [])
    with pytest.raises(ValueError, match="at most half"):
        gpt.effect_control(IDS, [(layer, head) for layer in range(2) for head in range(4)])
    with pytest.raises(TypeError, match="unexpected keyword"):
        gpt.head_effects(IDS, heads=1)


def test_stop_and_close_leave_the_model_as_it_was():
    gpt, token = GPT(make("llama")), CancelToken()
    before = gpt.next_logits(IDS, reuse=False)
    with pytest.raises(Cancelled):
        gpt.head_effects(IDS, TARGET, progress=lambda _: token.cancel(), cancel=token)
    assert np.array_equal(gpt.next_logits(IDS, reuse=False), before)
    gpt.close()
    with pytest.raises(ClosedError):
        gpt.head_effects(IDS, TARGET)
