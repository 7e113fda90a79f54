"""Encoders such as BERT: recorded like GPTs, to both sides; they fill gaps, and do not write."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
import transformers
from tokenizers import Tokenizer, models, pre_tokenizers, processors

import gptwidgets as gw
from gptwidgets.errors import TextError, UnsupportedModelError
from gptwidgets.kernel.folder import load_folder
from gptwidgets.kernel.gpt import GPT
from tests.kernel.tiny_models import SMALL, make

WORDS = [
    "[PAD]",
    "[CLS]",
    "[SEP]",
    "[MASK]",
    "[UNK]",
    *["the", "animal", "crossed", "a", "street", "it", "was", "too", "tired", "wide"],
]
TEXT = "the animal crossed the street"
ENCODERS = {
    "bert": ("Bert", SMALL),
    "roberta": ("Roberta", SMALL),
    "electra": ("Electra", {**SMALL, "embedding_size": 32}),
    "modernbert": ("ModernBert", {**SMALL, "local_attention": 8, "cls_token_id": 1, "sep_token_id": 2}),
    "distilbert": (
        "DistilBert",
        {"vocab_size": 97, "dim": 32, "n_layers": 3, "n_heads": 4, "hidden_dim": 48},
    ),
    "deberta-v2": ("DebertaV2", SMALL),
}


def encoder(name: str = "bert"):
    family, options = ENCODERS[name]
    torch.manual_seed(0)
    config = getattr(transformers, f"{family}Config")(**options)
    return getattr(transformers, f"{family}ForMaskedLM")(config).eval()


def words() -> transformers.PreTrainedTokenizerFast:
    core = Tokenizer(models.WordLevel({word: i for i, word in enumerate(WORDS)}, unk_token="[UNK]"))
    core.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    core.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 1), ("[SEP]", 2)]
    )
    names = {name: f"[{name[:-6].upper()}]" for name in ("pad_token", "cls_token", "sep_token", "mask_token")}
    return transformers.PreTrainedTokenizerFast(tokenizer_object=core, unk_token="[UNK]", **names)


@pytest.fixture
def bert():
    with GPT(encoder(), words(), name="bert") as made:
        yield made


@pytest.mark.parametrize("name", ENCODERS)
def test_both_sides_are_recorded_exactly(name):
    model, ids = encoder(name), list(range(5, 37))
    with gw.load(model=model) as gpt:
        assert not gpt.causal
        record = gpt.record(ids)
    model.set_attn_implementation("eager")
    truth = model(torch.tensor([ids]), output_attentions=True).attentions
    assert not record.causal
    for layer, weights in enumerate(truth):
        assert np.abs(record["pattern", layer].numpy() - weights[0].detach().numpy()).max() < 1e-6
    assert record.weights(0, 0)[0, 1:].sum() > 0.1  # the first token sees later ones


def test_a_gpt_is_causal():
    with GPT(make("llama")) as gpt:
        assert gpt.causal
        with pytest.raises(TextError, match="is a GPT: it writes on"):
            gpt.fill_mask([5, 6, 7])


def test_a_gap_is_filled_with_what_the_model_itself_finds_most_probable(bert):
    table = bert.fill_mask("the [MASK] crossed the [MASK]", k=3)
    ids = bert.encode("the [MASK] crossed the [MASK]")
    logprobs = bert.model(torch.tensor([ids])).logits[0].log_softmax(-1)
    assert list(table.index) == [(place, rank) for place in (2, 5) for rank in range(3)]
    for place in (2, 5):
        best = logprobs[place].topk(3)
        assert table.loc[place, "id"].tolist() == best.indices.tolist()
        np.testing.assert_allclose(table.loc[place, "logprob"], best.values.detach(), atol=1e-5)
    np.testing.assert_allclose(table["prob"], np.exp(table["logprob"]), rtol=1e-5)


def test_heads_that_are_off_are_felt(bert):
    text = "the [MASK] crossed the street"
    before = bert.fill_mask(text)
    with bert.intervene(heads_off=[(layer, head) for layer in range(3) for head in range(4)]):
        assert abs(bert.fill_mask(text)["logprob"] - before["logprob"]).max() > 1e-4
    assert bert.fill_mask(text).equals(before)


def test_what_cannot_be_filled(bert):
    with pytest.raises(TextError, match=r"no gap to fill: write \[MASK\]"):
        bert.fill_mask(TEXT)
    with (
        GPT(encoder(), name="bare") as bare,
        pytest.raises(TextError, match="no tokenizer with a mask token"),
    ):
        bare.fill_mask([5, 6])
    headless = encoder().bert
    with GPT(headless, words()) as gpt, pytest.raises(TextError, match="no head that fills gaps"):
        gpt.fill_mask("the [MASK]")


@pytest.mark.parametrize("ask", ["next_token", "score", "generate", "stream", "logit_lens", "head_effects"])
def test_an_encoder_does_not_write_and_says_so(bert, ask):
    with pytest.raises(TextError, match=r"bert reads both ways and does not write; it fills gaps"):
        getattr(bert, ask)(TEXT)


def test_it_is_loaded_from_a_folder_with_its_head(tmp_path):
    encoder().save_pretrained(tmp_path)
    words().save_pretrained(tmp_path)
    with load_folder(tmp_path, name="bert", device="cpu") as gpt:
        assert type(gpt.model).__name__ == "BertForMaskedLM"
        assert len(gpt.fill_mask("the [MASK]", k=2)) == 2
        assert gpt.record(TEXT).tokens.pieces[0] == "[CLS]"


def test_an_encoder_with_a_decoder_is_refused_before_its_weights_are_read(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "bart", "is_encoder_decoder": True}))
    with pytest.raises(UnsupportedModelError, match="an encoder with a decoder"):
        load_folder(tmp_path, name="bart", device="cpu")
