from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
import torch

from gptwidgets.errors import Cancelled, ClosedError, DoesNotFitError, TextError, UnsupportedModelError
from gptwidgets.kernel import lens as module
from gptwidgets.kernel import resuming
from gptwidgets.kernel.gpt import GPT
from gptwidgets.kernel.worker import CancelToken
from tests.kernel.tiny_models import make

IDS = [(7 * i * i + 3) % 97 for i in range(20)]
NAMES = ["llama", "gpt2", "gemma2", "qwen3", "opt", "gpt_neox"]


@pytest.fixture(scope="module")
def gpt():
    with GPT(make("llama"), name="tiny") as made:
        yield made


def by_hand(model, *, norm, embed):
    """The lens of a model whose parts are known: norm and output embedding on transformers' hidden states."""
    with torch.no_grad():
        out = model(torch.tensor([IDS]), output_hidden_states=True, use_cache=False)
        *early, last = out.hidden_states  # transformers gives the last one after the norm
        return torch.stack([embed(norm(h))[0] for h in early] + [embed(last)[0]]).softmax(-1)


@pytest.mark.parametrize("name", NAMES)
def test_the_last_row_is_the_models_own_output(name):
    with GPT(make(name)) as gpt:
        with torch.no_grad():
            truth = gpt.model(torch.tensor([IDS])).logits[0].softmax(-1)
        lens = gpt.logit_lens(IDS, k=4)
        score = gpt.scores(IDS, k=0)
    assert lens.layers == (0, 1, 2, 3)
    assert lens.ids.shape == lens.probabilities.shape == (4, 20, 4)
    top = truth.topk(4)
    np.testing.assert_allclose(lens.probabilities[-1], top.values, atol=1e-4)
    assert (lens.ids[-1] == top.indices.numpy()).mean() > 0.97  # equal probabilities may change places
    assert lens.difference <= 1e-4
    np.testing.assert_allclose(lens.logprobs[-1, :-1], score.logprobs[1:], atol=1e-3)
    assert lens.ranks[-1, :-1].tolist() == score.ranks[1:].tolist()
    np.testing.assert_allclose(lens.entropies[-1, :-1], score.entropies[1:], atol=1e-3)


def test_every_row_is_norm_and_output_embedding_on_that_layer(gpt):
    model = gpt.model
    wanted = by_hand(model, norm=model.model.norm, embed=model.lm_head)
    lens = gpt.logit_lens(IDS, k=97)
    for row in range(4):
        made = np.empty((20, 97), np.float32)
        np.put_along_axis(made, lens.ids[row], lens.probabilities[row], axis=1)
        np.testing.assert_allclose(made, wanted[row], atol=1e-4)


def test_gpt2_too():
    with GPT(make("gpt2")) as gpt:
        wanted = by_hand(gpt.model, norm=gpt.model.transformer.ln_f, embed=gpt.model.lm_head)
        lens = gpt.logit_lens(IDS, k=1)
    np.testing.assert_allclose(lens.probabilities[..., 0], wanted.amax(-1), atol=1e-4)


@pytest.mark.parametrize("numbers", [97, 97 * 7, 97 * 20 * 2])
def test_the_parts_that_keep_memory_small_do_not_show(gpt, numbers, monkeypatch):
    whole = gpt.logit_lens(IDS)
    monkeypatch.setattr(module, "NUMBERS", numbers)
    seen = []
    parts = gpt.logit_lens(IDS, progress=seen.append)
    np.testing.assert_allclose(parts.probabilities, whole.probabilities, atol=1e-5)
    np.testing.assert_allclose(parts.entropies, whole.entropies, atol=1e-4)
    np.testing.assert_array_equal(np.isnan(parts.logprobs), np.isnan(whole.logprobs))
    done = [report.done for report in seen]
    assert done == sorted(done)
    assert (done[-1], seen[-1].total, seen[-1].unit) == (4, 4, "layers")


def test_the_last_token_is_followed_by_nothing(gpt):
    lens = gpt.logit_lens(IDS)
    assert np.isnan(lens.logprobs[:, -1]).all()
    assert (lens.ranks[:, -1] == -1).all()
    assert not np.isnan(lens.logprobs[:, :-1]).any()


def test_chosen_rows_are_rows_of_the_whole(gpt):
    whole, some = gpt.logit_lens(IDS), gpt.logit_lens(IDS, layers=[2, 0])
    assert some.layers == (0, 2)
    np.testing.assert_allclose(some.probabilities, whole.probabilities[[0, 2]], atol=1e-5)
    assert math.isnan(some.difference)


def test_tables_to_read(gpt):
    lens = gpt.logit_lens(IDS, k=3)
    wide = lens.table()
    assert wide.shape == (4, 20)
    assert wide.index.name == "layers"
    assert wide.loc[3].iloc[5] == f"⟨id {lens.ids[3, 5, 0]}⟩" == lens.tokens[3][5][0]
    last = lens.table(-1)
    assert list(last) == ["token", "id", "prob", "logprob"]
    assert last.loc[(3, 0), "id"] == lens.ids[3, -1, 0]
    assert last.loc[(3, 1), "prob"] == lens.probabilities[3, -1, 1]
    assert last.loc[3]["prob"].is_monotonic_decreasing
    with pytest.raises(IndexError, match="token 20 does not exist; this text has tokens 0 to 19"):
        lens.table(20)
    with pytest.raises(TypeError, match="number"):
        lens.table("x")
    assert repr(lens) == "<Lens of tiny: 4 rows × 20 tokens, the 3 most probable of each>"


def test_a_figure_says_the_words(gpt, monkeypatch):
    from gptwidgets.kernel import lensfigure

    lens = gpt.logit_lens(IDS, k=2)
    chart = lens.figure()
    heat = chart.data[0]
    assert heat.y[0] == "embedding"
    assert heat.y[1:] == ("after 1 layer", "after 2 layers", "after 3 layers")
    assert heat.text[3][5] == lens.tokens[3][5][0]
    assert f"{lens.probabilities[3, 5, 1]:.1%}" in heat.customdata[3][5]
    monkeypatch.setattr(lensfigure, "CELLS", 60)
    with pytest.raises(DoesNotFitError, match="at most 15 tokens"):
        lens.figure()


def test_what_cannot_be_is_refused_in_words(gpt):
    with pytest.raises(IndexError, match="cannot stop after 4 layers: it has 3"):
        gpt.logit_lens(IDS, layers=[4])
    with pytest.raises(TypeError, match="list of numbers"):
        gpt.logit_lens(IDS, layers=2)
    with pytest.raises(TypeError, match="no whole number"):
        gpt.logit_lens(IDS, layers=["L1H1"])
    with pytest.raises(ValueError, match="k must be at least 1"):
        gpt.logit_lens(IDS, k=0)
    with pytest.raises(TypeError, match="CancelToken"):
        gpt.logit_lens(IDS, cancel=True)
    with pytest.raises(TextError):
        gpt.logit_lens([])
    with pytest.raises(TypeError, match="unexpected keyword"):
        gpt.logit_lens(IDS, layer=[1])


def test_a_text_beyond_learned_positions_is_refused():
    with GPT(make("gpt2")) as gpt, pytest.raises(TextError, match="64 positions"):
        gpt.logit_lens([5] * 65)


def test_a_model_without_an_end_of_its_own_is_refused(monkeypatch):
    monkeypatch.setattr(resuming, "_check", lambda _model: False)
    with (
        GPT(make("llama"), name="odd") as gpt,
        pytest.raises(UnsupportedModelError, match=r"odd has no end .* no logit lens"),
    ):
        gpt.logit_lens(IDS)


def test_stop_and_close(monkeypatch):
    gpt, token = GPT(make("llama")), CancelToken()
    monkeypatch.setattr(module, "NUMBERS", 97)
    with pytest.raises(Cancelled):
        gpt.logit_lens(IDS, progress=lambda _: token.cancel(), cancel=token)
    with pytest.raises(Cancelled):
        gpt.logit_lens(IDS, cancel=token)
    gpt.close()
    with pytest.raises(ClosedError):
        gpt.logit_lens(IDS)


@pytest.mark.model
def test_smollm2_comes_to_its_answer_in_the_upper_layers():
    import gptwidgets as gw

    with gw.load(progress=False) as smol:
        lens = smol.logit_lens("The capital of France is")
    assert lens.tokens[-1][-1][0] == " Paris"
    assert lens.tokens[0][-1][0] != " Paris"
    assert lens.difference <= 1e-4
    paris = lens.ids[-1, -1, 0]
    table = lens.table(-1)
    seen = [n for n in lens.layers if paris in set(table.loc[n]["id"])]
    assert min(seen) > 10


def test_the_end_of_a_text_alone_is_what_stands_there_in_the_whole(gpt, monkeypatch):
    whole = gpt.logit_lens(IDS, k=4)
    monkeypatch.setattr(module, "NUMBERS", 97 * 3)  # three tokens at a time
    lens = gpt.logit_lens(IDS, k=4, start=13)
    assert (lens.start, lens.text.ids) == (13, tuple(IDS[13:]))
    np.testing.assert_allclose(lens.probabilities, whole.probabilities[:, 13:], atol=1e-5)
    np.testing.assert_allclose(lens.logprobs, whole.logprobs[:, 13:], atol=1e-4)
    assert lens.table().columns[0][0] == 13
    np.testing.assert_allclose(lens.table(14)["prob"], whole.table(14)["prob"], atol=1e-5)
    np.testing.assert_allclose(lens.table(-1)["prob"], whole.table(-1)["prob"], atol=1e-5)
    for nowhere in (12, 20, -8):
        with pytest.raises(IndexError, match="13 to 19"):
            lens.table(nowhere)
    with pytest.raises(IndexError, match="0 to 19"):
        gpt.logit_lens(IDS, start=20)


def test_a_notebook_shows_its_table(gpt):
    lens = gpt.logit_lens(IDS[:3], k=2)
    shown = lens._repr_html_()
    assert shown.startswith("<p>Lens of tiny: 4 rows × 3 tokens")
    assert shown.count("<tr>") == 2 + 1 + 4  # two lines of columns, the rows' name, the rows
    hostile = dataclasses.replace(lens, tokens=[[["<b>x", "y"]] * 3] * 4, name="<i>")
    assert "<b>x" not in hostile._repr_html_()
    assert "<i>" not in hostile._repr_html_()
