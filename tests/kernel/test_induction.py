from __future__ import annotations

import numpy as np
import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from gptwidgets.errors import TextError
from gptwidgets.kernel.gpt import GPT
from gptwidgets.kernel.induction import random_repeats
from tests.kernel.tiny_models import GROUPED


def build() -> LlamaForCausalLM:
    torch.manual_seed(0)
    return LlamaForCausalLM(LlamaConfig(**GROUPED)).eval()


@pytest.fixture(scope="module")
def gpt():
    with GPT(build()) as made:
        yield made


def test_the_score_is_its_formula(gpt):
    n = 10
    table = gpt.induction_scores(n, repeats=2, seed=3)
    texts, prefix = random_repeats(gpt, n, 2, 3)
    model = build()
    model.set_attn_implementation("eager")
    with torch.no_grad():
        runs = [model(torch.tensor([ids]), output_attentions=True).attentions for ids in texts]
    for layer, head in table.index:
        wanted = np.mean(
            [
                float(run[layer][0, head, i, i - n + 1])
                for run in runs
                for i in range(prefix + n, prefix + 2 * n)
            ]
        )
        assert table.loc[(layer, head), "induction"] == pytest.approx(wanted, abs=1e-5)


def test_the_table_has_a_row_a_head(gpt):
    table = gpt.induction_scores(8, repeats=1)
    assert table.index.names == ["layer", "head"]
    assert len(table) == 12
    assert table["induction"].between(0, 1).all()
    assert table.attrs == {"n": 8, "repeats": 1, "seed": 0}
    assert len(table.nlargest(4, "induction").index) == 4


def test_the_seed_decides(gpt):
    one, same, other = (gpt.induction_scores(8, repeats=1, seed=seed) for seed in (1, 1, 2))
    assert one.equals(same)
    assert not one.equals(other)


def test_texts_are_bos_and_twice_the_same_ordinary_tokens(gpt):
    texts, prefix = random_repeats(gpt, 16, 3, 0)
    assert prefix == 1
    for ids in texts:
        assert ids[0] == 1
        assert ids[1:17] == ids[17:]
        assert len(set(ids[1:17])) == 16
        assert 1 not in ids[1:]
    assert texts[0] != texts[1]


def test_global_randomness_is_left_alone(gpt):
    torch.manual_seed(5)
    before = torch.random.get_rng_state()
    gpt.induction_scores(8, repeats=1)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_what_does_not_fit_is_refused(gpt):
    with pytest.raises(TextError, match="n=31 at most"):
        gpt.induction_scores(40)
    with pytest.raises(ValueError, match="n must be at least 2"):
        gpt.induction_scores(1)
    with pytest.raises(ValueError, match="repeats must be at least 1"):
        gpt.induction_scores(4, repeats=0)
    with pytest.raises(TypeError, match="whole number"):
        gpt.induction_scores(4.5)
    with pytest.raises(TypeError, match="seed must be a whole number"):
        gpt.induction_scores(4, seed="x")


def test_an_induction_head_made_by_hand_scores_one(gpt, monkeypatch):
    from gptwidgets.kernel.record import AttentionRecord

    n, T = 10, 21
    weights = np.zeros((1, 2, T, T), np.float32)
    weights[0, 1, :, 0] = 1  # head 1 looks at the first token only
    for i in range(T):
        weights[0, 0, i, i - n + 1 if i > n else 0] = 1
    monkeypatch.setattr(gpt, "_record", lambda *_, **__: AttentionRecord.from_arrays(weights))
    assert gpt.induction_scores(n, repeats=1)["induction"].tolist() == [1.0, 0.0]


@pytest.mark.model
def test_the_known_induction_heads_of_smollm2():
    import gptwidgets as gw

    with gw.load(progress=False) as smol:
        top = smol.induction_scores(n=32, repeats=2).nlargest(3, "induction")
    assert list(top.index[:1]) == [(18, 6)]
    assert {(18, 6), (17, 3), (17, 4)} == set(top.index)
