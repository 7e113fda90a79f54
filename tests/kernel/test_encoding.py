from __future__ import annotations

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from gptwidgets.errors import TextError
from gptwidgets.kernel.encoding import encode

VOCABULARY = {"<s>": 0, "the": 1, "cat": 2, "sat": 3, "?": 4}
TEMPLATE = (
    "{% for m in messages %}{% if m['role'] == 'spy' %}{{ raise_exception('no spies') }}{% endif %}"
    "{{ m['content'] + ' ' }}{% endfor %}"
)


@pytest.fixture
def tokenizer():
    core = Tokenizer(models.WordLevel(VOCABULARY, unk_token="?"))
    core.pre_tokenizer = pre_tokenizers.Whitespace()
    made = PreTrainedTokenizerFast(tokenizer_object=core, bos_token="<s>", unk_token="?")
    made.chat_template = TEMPLATE
    return made


def test_text_ids_and_messages_become_ids(tokenizer):
    assert encode("the cat sat", tokenizer, 5) == [1, 2, 3]
    assert encode([1, np.int64(2), 3], tokenizer, 5) == [1, 2, 3]
    assert encode((1, 2), None, 5) == [1, 2]
    assert encode(torch.tensor([1, 2]), None, 5) == [1, 2]
    assert encode(torch.tensor([[1, 2]]), None, 5) == [1, 2]  # a batch of one, as tokenizers return it
    assert encode(np.array([1, 2], dtype=np.uint8), None, 5) == [1, 2]
    assert encode([{"role": "user", "content": "the cat"}], tokenizer, 5) == [1, 2]


def test_the_answer_is_plain_ints(tokenizer):
    for given in ("the", torch.tensor([1]), np.array([1]), [np.int32(1)]):
        assert [type(i) for i in encode(given, tokenizer, 5)] == [int]


@pytest.mark.parametrize("nothing", ["", [], torch.tensor([], dtype=torch.long), np.zeros(0, int), "   "])
def test_nothing_to_read(tokenizer, nothing):
    with pytest.raises(TextError, match="at least one token"):
        encode(nothing, tokenizer, 5)


def test_half_a_character_is_refused_with_its_place(tokenizer):
    with pytest.raises(TextError, match=r"Character 4 .*U\+D83D"):
        encode("the \ud83d cat", tokenizer, 5)
    with pytest.raises(TextError, match=r"Character 0 "):
        encode([{"role": "user", "content": "\ude00"}], tokenizer, 5)


@pytest.mark.parametrize("bad", [-1, 5, 10**12])
def test_ids_out_of_range_are_named(bad):
    with pytest.raises(TextError, match=f"Token id {bad} does not exist; Tiny has ids 0 to 4"):
        encode([1, bad], None, 5, name="Tiny")


@pytest.mark.parametrize(
    "wrong",
    [None, 3, b"the", {"role": "user"}, [1.0], [True], ["the", "cat"], [1, None], object(), {1, 2}],
)
def test_other_types_are_refused_in_words(tokenizer, wrong):
    with pytest.raises(TypeError, match="Give a text, a list of token ids, or a list of chat messages"):
        encode(wrong, tokenizer, 5)


@pytest.mark.parametrize(
    "wrong", [torch.tensor([0.5]), torch.tensor([True]), np.array([0.5]), np.array(["a"])]
)
def test_arrays_of_other_things(wrong):
    with pytest.raises(TypeError, match="whole numbers"):
        encode(wrong, None, 5)


def test_arrays_of_other_shapes():
    with pytest.raises(TextError, match=r"one-dimensional, not of shape \(2, 2\)"):
        encode(torch.zeros(2, 2, dtype=torch.long), None, 5)
    with pytest.raises(TextError, match="one-dimensional"):
        encode(torch.tensor(3), None, 5)


def test_text_without_a_tokenizer():
    with pytest.raises(TextError, match="pass token ids"):
        encode("the", None, 5, name="Tiny")


def test_messages_that_are_none(tokenizer):
    with pytest.raises(TextError, match='"role" and a "content"'):
        encode([{"role": "user"}], tokenizer, 5)
    with pytest.raises(TextError, match="no spies"):
        encode([{"role": "spy", "content": "the"}], tokenizer, 5)
    tokenizer.chat_template = None
    with pytest.raises(TextError, match="no chat template"):
        encode([{"role": "user", "content": "the"}], tokenizer, 5)


def test_special_tokens_are_left_to_the_tokenizer_or_said(tokenizer):
    from tokenizers.processors import TemplateProcessing

    tokenizer.backend_tokenizer.post_processor = TemplateProcessing(
        single="<s> $A", special_tokens=[("<s>", 0)]
    )
    assert encode("the", tokenizer, 5) == [0, 1]
    assert encode("the", tokenizer, 5, add_special_tokens=True) == [0, 1]
    assert encode("the", tokenizer, 5, add_special_tokens=False) == [1]
    with pytest.raises(TypeError, match="True, False or None"):
        encode("the", tokenizer, 5, add_special_tokens="yes")
    with pytest.raises(TextError, match="at least one token"):
        encode("", tokenizer, 5)  # not even where a BOS would be added


def test_markup_is_text(tokenizer):
    assert len(encode("</script><img onerror=alert(1)>\x00", tokenizer, 5)) > 0
