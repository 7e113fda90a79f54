"""A tokenizer for the tiny models: 97 ids, one a character, so a text has as many tokens as characters."""

from __future__ import annotations

import string

from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

SIZE = 97


def characters() -> PreTrainedTokenizerFast:
    """Ids 0 to 2 are special; every printable character has one of the others."""
    known = ["<pad>", "<s>", "</s>", "?", *(c for c in string.printable if c != "?")][:SIZE]
    core = Tokenizer(models.WordLevel({word: i for i, word in enumerate(known)}, unk_token="?"))
    core.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    core.decoder = decoders.Fuse()
    return PreTrainedTokenizerFast(
        tokenizer_object=core, unk_token="?", pad_token="<pad>", bos_token="<s>", eos_token="</s>"
    )
