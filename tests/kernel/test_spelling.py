from __future__ import annotations

from types import SimpleNamespace

import pytest
from tokenizers import decoders
from tokenizers.pre_tokenizers import ByteLevel

from gptwidgets.kernel.spelling import names, scheme_of


def with_decoder(decoder):
    return SimpleNamespace(backend_tokenizer=SimpleNamespace(decoder=decoder))


def test_every_byte_comes_back():
    scheme = scheme_of(with_decoder(decoders.ByteLevel()))
    assert {scheme.part(char, 0) for char in ByteLevel.alphabet()} == {bytes([b]) for b in range(256)}
    assert scheme.part("Ġthe", 0) == b" the"
    assert scheme.part("日", 0) == "日".encode()


LLAMA = [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]


@pytest.mark.parametrize(
    ("decoder", "name", "part", "drops"),
    [
        (decoders.Metaspace(), "▁the", b" the", True),
        (decoders.Metaspace(prepend_scheme="never"), "▁the", b" the", False),
        (decoders.Sequence(LLAMA), "<0xE4>", b"\xe4", False),
        (decoders.Sequence([*LLAMA, decoders.Strip(" ", 1, 0)]), "▁▁", b"  ", True),
        (decoders.BPEDecoder(suffix="</w>"), "cat</w>", b"cat ", False),
        (decoders.WordPiece(), "##ing", b"ing", True),
        (decoders.WordPiece(), "cat", b" cat", True),
    ],
)
def test_the_decoder_says_how_bytes_are_spelt(decoder, name, part, drops):
    scheme = scheme_of(with_decoder(decoder))
    assert scheme.part(name, 0) == part
    assert scheme.drops_first_space is drops


@pytest.mark.parametrize(
    ("vocabulary", "name", "part"),
    [
        ({"Ġthe": 0, "Ġ": 1}, "Ġthe", b" the"),
        ({"<0x0A>": 0}, "<0xFF>", b"\xff"),
        ({"##s": 0}, "##s", b"s"),
        ({"▁a": 0}, "▁a", b" a"),
    ],
)
def test_else_the_vocabulary_gives_it_away(vocabulary, name, part):
    assert scheme_of(SimpleNamespace(get_vocab=lambda: vocabulary)).part(name, 0) == part


def test_ids_without_a_name():
    class Slow:
        def __len__(self):
            return 3

        def convert_ids_to_tokens(self, ids):
            return [["a", "b"][i] for i in ids]

    assert names(Slow(), [0, 2, 1, -1, 99]) == ["a", None, "b", None, None]
