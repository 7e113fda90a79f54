from __future__ import annotations

import pytest
import torch
from torch import nn

import gptwidgets as gw
from gptwidgets.errors import Cancelled, ClosedError, TextError
from gptwidgets.kernel import resuming
from gptwidgets.kernel import upward as module
from gptwidgets.kernel.gpt import GPT
from gptwidgets.kernel.metrics import token_of_word
from gptwidgets.kernel.worker import CancelToken
from tests.kernel.tiny_models import SMALL, make, tiny
from tests.kernel.words import characters

CLEAN = [(7 * i * i + 3) % 97 for i in range(20)]
CORRUPTED = [*CLEAN[:9], 5, 6, *CLEAN[11:]]
METRIC = gw.logit_diff(11, 42)
NAMES = ["llama", "gpt2", "gemma2", "qwen3", "opt", "gpt_neox", "gpt_oss"]


def build(name):
    return tiny("bloom", "Bloom", {**SMALL, "n_layer": 3, "n_head": 4}) if name == "bloom" else make(name)


def metric_of(model, ids):
    with torch.no_grad():
        z = model(torch.tensor([ids])).logits[0, -1]
    return float(z[11] - z[42])


def projection(model, layer):
    """The linear layer that mixes a layer's heads, in the two models whose parts are known here."""
    if hasattr(model, "transformer"):
        return model.transformer.h[layer].attn.c_proj
    return model.model.layers[layer].self_attn.o_proj


def by_hand(model, layer, heads):
    """The metric with what goes into one projection taken from the clean text in these heads' places."""
    kept = []
    hook = projection(model, layer).register_forward_pre_hook(lambda _m, args: kept.append(args[0].clone()))
    metric_of(model, CLEAN)
    hook.remove()

    def put(_module: nn.Module, args: tuple[torch.Tensor]) -> tuple[torch.Tensor]:
        mixed = args[0].clone()
        for head in heads:
            mixed[..., 8 * head : 8 * head + 8] = kept[0][..., 8 * head : 8 * head + 8]
        return (mixed,)

    hook = projection(model, layer).register_forward_pre_hook(put)
    value = metric_of(model, CORRUPTED)
    hook.remove()
    return value


@pytest.fixture(scope="module")
def gpt():
    with GPT(make("llama"), characters(), name="tiny") as made:
        yield made


@pytest.mark.parametrize("name", ["llama", "gpt2"])
def test_a_head_equals_a_hook_before_the_projection(name):
    with GPT(make(name)) as gpt:
        table = gpt.patch(CLEAN, CORRUPTED, METRIC)
        clean, corrupted = metric_of(gpt.model, CLEAN), metric_of(gpt.model, CORRUPTED)
        assert table.attrs["clean"] == pytest.approx(clean, abs=1e-4)
        assert table.attrs["corrupted"] == pytest.approx(corrupted, abs=1e-4)
        assert list(table.index) == [(layer, head) for layer in range(3) for head in range(4)]
        for layer, head in table.index:
            wanted = by_hand(gpt.model, layer, [head])
            row = table.loc[(layer, head)]
            assert row["metric"] == pytest.approx(wanted, abs=1e-4)
            share = (wanted - corrupted) / (clean - corrupted)
            assert row["restored"] == pytest.approx(share, abs=1e-3)
        assert table["restored"].abs().max() > 0.01


def test_heads_that_share_keys_go_together(gpt):
    table = gpt.patch(CLEAN, CORRUPTED, METRIC, groups="kv")
    assert table.index.names == ["layer", "kv_head"]
    assert len(table) == 6
    assert table.loc[(1, 1), "metric"] == pytest.approx(by_hand(gpt.model, 1, [2, 3]), abs=1e-4)


def test_layers_and_groups_of_ones_own(gpt):
    layers = gpt.patch(CLEAN, CORRUPTED, METRIC, groups="layers")
    assert layers.index.name == "layer"
    assert layers.loc[2, "metric"] == pytest.approx(by_hand(gpt.model, 2, range(4)), abs=1e-4)
    own = gpt.patch(CLEAN, CORRUPTED, METRIC, groups={"two": ["L2H0", (2, 1)], "one": [(0, 3)]})
    assert own.loc["two", "metric"] == pytest.approx(by_hand(gpt.model, 2, [0, 1]), abs=1e-4)
    listed = gpt.patch(CLEAN, CORRUPTED, METRIC, groups=[["L2H0", "L2H1"]])
    assert listed.loc[0, "metric"] == pytest.approx(own.loc["two", "metric"], abs=1e-5)


@pytest.mark.parametrize("name", [*NAMES, "bloom"])
def test_everything_patched_is_the_clean_text_and_nothing_the_corrupted_one(name):
    with GPT(build(name)) as gpt:
        every = [(layer, head) for layer in range(3) for head in range(4)]
        table = gpt.patch(CLEAN, CORRUPTED, METRIC, groups={"everything": every, "nothing": []})
        assert table.loc["everything", "restored"] == pytest.approx(1, abs=1e-3)
        assert table.loc["nothing", "restored"] == pytest.approx(0, abs=1e-3)


def test_the_model_is_left_as_it_was(gpt):
    before = metric_of(gpt.model, CORRUPTED)
    gpt.patch(CLEAN, CORRUPTED, METRIC)
    with pytest.raises(ZeroDivisionError):
        gpt.patch(CLEAN, CORRUPTED, lambda *_: 1 / 0)
    assert metric_of(gpt.model, CORRUPTED) == before
    assert not gpt.intervention


def test_batches_and_whole_passes_give_the_same(gpt, monkeypatch):
    wanted = gpt.patch(CLEAN, CORRUPTED, METRIC)
    seen = []
    monkeypatch.setattr(module, "TOKENS", 40)
    again = gpt.patch(CLEAN, CORRUPTED, METRIC, progress=seen.append)
    assert [report.done for report in seen] == [2, 4, 6, 8, 10, 12]
    assert (seen[0].total, seen[0].unit) == (12, "groups")
    torch.testing.assert_close(torch.tensor(again.values), torch.tensor(wanted.values), atol=1e-3, rtol=1e-3)
    monkeypatch.setattr(resuming, "_check", lambda _model: False)
    with GPT(make("llama")) as whole:
        again = whole.patch(CLEAN, CORRUPTED, METRIC)
    torch.testing.assert_close(torch.tensor(again.values), torch.tensor(wanted.values), atol=1e-3, rtol=1e-3)


def test_it_happens_under_the_intervention_that_holds(gpt):
    with gpt.intervene(heads_off=["L1H0"]):
        table = gpt.patch(CLEAN, CORRUPTED, METRIC)
        assert table.attrs["clean"] == pytest.approx(metric_of(gpt.model, CLEAN), abs=1e-4)
        assert table.attrs["corrupted"] == pytest.approx(metric_of(gpt.model, CORRUPTED), abs=1e-4)
        assert table.loc[(2, 1), "metric"] == pytest.approx(by_hand(gpt.model, 2, [1]), abs=1e-4)
    assert table.attrs["intervention"] == "1 head off (zero): L1H0"
    assert table.loc[(1, 0), "restored"] == pytest.approx(0, abs=1e-4)


def test_words_are_looked_up_as_they_follow_a_text(gpt):
    table = gpt.patch("the cat sat", "the dog sat", gw.logit_diff("a", "b"))
    a, b = (token_of_word(gpt, word) for word in "ab")
    assert table.attrs["metric"] == "logit of 'a' − logit of 'b'"
    z = gpt.next_logits("the cat sat")
    assert table.attrs["clean"] == pytest.approx(float(z[a] - z[b]), abs=1e-4)
    with pytest.raises(TextError, match=r"'Mary' is 4 tokens in tiny \('M' \+ 'a' \+ 'r' \+ 'y'\)"):
        gpt.patch("the cat sat", "the dog sat", gw.logit_diff("Mary", "b"))
    with pytest.raises(TextError, match="Token 97 does not exist; tiny has tokens 0 to 96"):
        gpt.patch(CLEAN, CORRUPTED, gw.logit_diff(3, 97))
    with pytest.raises(TextError, match="are one token"):
        gpt.patch(CLEAN, CORRUPTED, gw.logit_diff("a", a))
    with pytest.raises(TypeError, match="two words"):
        gw.logit_diff("a", 1.5)


def test_what_cannot_be_is_refused_in_words(gpt):
    with pytest.raises(TextError, match=r"Clean has 3 tokens: c\|a\|t; corrupted has 5: h\|o\|r\|s\|e\."):
        gpt.patch("cat", "horse", METRIC)
    with pytest.raises(TextError, match="the same; change a word"):
        gpt.patch("cat", "cat", METRIC)
    with pytest.raises(ValueError, match="no difference that a head could restore"):
        gpt.patch(CLEAN, CORRUPTED, lambda _gpt, logits: logits[:, 0] * 0)
    with pytest.raises(ValueError, match=r"for \[1, 97\] it gave the shape \[\]"):
        gpt.patch(CLEAN, CORRUPTED, lambda _gpt, logits: logits[0, 0])
    with pytest.raises(ValueError, match="not finite"):
        gpt.patch(CLEAN, CORRUPTED, lambda _gpt, logits: logits[:, 0] / 0)
    for groups, words in (
        ("head", 'groups is "heads", "kv"'),
        ([], "groups is empty"),
        (3, "lists of heads"),
    ):
        with pytest.raises((ValueError, TypeError), match=words):
            gpt.patch(CLEAN, CORRUPTED, METRIC, groups=groups)
    with pytest.raises(IndexError, match="head 9 does not exist"):
        gpt.patch(CLEAN, CORRUPTED, METRIC, groups=[["L1H9"]])
    with pytest.raises(TypeError, match="unexpected keyword"):
        gpt.patch(CLEAN, CORRUPTED, METRIC, group="kv")


def test_stop_and_close():
    gpt, token = GPT(make("llama")), CancelToken()
    with pytest.raises(Cancelled):
        gpt.patch(CLEAN, CORRUPTED, METRIC, progress=lambda _: token.cancel(), cancel=token)
    assert not any("forward" in part.__dict__ for part in gpt.model.modules())
    gpt.close()
    with pytest.raises(ClosedError):
        gpt.patch(CLEAN, CORRUPTED, METRIC)


@pytest.mark.model
def test_smollm2_knows_who_gets_the_drink_by_a_few_heads():
    text = "When Mary and John went to the store, {} gave a drink to"
    with gw.load(progress=False) as smol:
        table = smol.patch(text.format("John"), text.format("Mary"), gw.logit_diff("Mary", "John"))
        every = [list(table.index)]
        whole = smol.patch(
            text.format("John"), text.format("Mary"), gw.logit_diff("Mary", "John"), groups=every
        )
    assert table.attrs["clean"] > 0 > table.attrs["corrupted"]
    assert table["restored"].nlargest(5).sum() > 0.3
    assert whole.loc[0, "restored"] == pytest.approx(1, abs=1e-3)
