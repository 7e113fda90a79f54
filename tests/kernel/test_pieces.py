from __future__ import annotations

import random
import time
from types import SimpleNamespace

import numpy as np
import pytest
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from gptwidgets.kernel.pieces import Token, Tokens, tokens

CORPUS = ["the animal did not cross the street because it was too tired. "] * 20 + [
    "日本語 naïve é 👍 привет "
] * 9
ODD = [
    "",
    " ",
    "    \n\n\t \r\n",
    "The animal didn't cross the street.",
    "naïve café e\u0301",
    "👨\u200d👩\u200d👧\u200d👦 🇩🇪 👍🏽",
    "日本語と漢字、中文",
    "שלום עולם \u200f\u202eabc\u202c مرحبا",
    "a\x00b\x01\x1b[0m\x7f\x85",
    "</script><img onerror=alert(1)>",
    "हिन्दी कि क्षत्रिय",
    "\ufffd ⟨E2 80⟩ ⟨id 3⟩",
    "\ud7ff\ue000\U0010ffff",
    "<|end|>half<|end|>",
]


@pytest.fixture(scope="module")
def byte_level():
    inner = Tokenizer(models.BPE())
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    inner.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=420, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), special_tokens=["<|end|>"]
    )
    inner.train_from_iterator(CORPUS, trainer)
    inner.add_tokens([AddedToken("ünï")])
    return PreTrainedTokenizerFast(tokenizer_object=inner, eos_token="<|end|>")


@pytest.fixture(scope="module")
def sentence_piece():
    """As Llama's: ▁ for a space, one put before the text, bytes for what the vocabulary lacks."""
    inner = Tokenizer(models.BPE(byte_fallback=True, unk_token="<unk>", fuse_unk=True))
    inner.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    trainer = trainers.BpeTrainer(
        vocab_size=420,
        special_tokens=["<unk>", "<s>", "<|end|>", *(f"<0x{b:02X}>" for b in range(256))],
        initial_alphabet=["▁"],
        limit_alphabet=30,
    )
    inner.train_from_iterator(CORPUS[:20], trainer)
    steps = [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    inner.decoder = decoders.Sequence(steps)
    # the bytes are ordinary pieces, not special ones: rebuild without the list of the trainer
    plain = Tokenizer.from_str(inner.to_str())
    bare = Tokenizer(models.BPE(plain.get_vocab(), [], byte_fallback=True, unk_token="<unk>"))
    bare.normalizer, bare.decoder = inner.normalizer, inner.decoder
    bare.add_special_tokens(["<s>", "<|end|>"])
    return PreTrainedTokenizerFast(tokenizer_object=bare, bos_token="<s>")


def random_texts(n, seed=0):
    draw = random.Random(seed)
    alphabet = [*"ab \n\t'é日👍ب\u0301\u200d\u200f\x00", "the ", "👨\u200d👩", "<|end|>", "ünï"]
    return ["".join(draw.choices(alphabet, k=draw.randrange(1, 30))) for _ in range(n)]


@pytest.mark.parametrize("text", [*ODD, *random_texts(60)])
def test_the_bytes_of_the_tokens_are_the_text(byte_level, text):
    ids = byte_level.encode(text, add_special_tokens=False)
    read = tokens(byte_level, ids)
    assert b"".join(read.parts) == text.encode()
    assert read.text == text
    assert list(read.ids) == ids


@pytest.mark.parametrize("text", [t for t in [*ODD, *random_texts(60)] if "<|end|>" not in t])
def test_sentence_piece_gives_the_text_back_too(sentence_piece, text):
    ids = sentence_piece.encode(text, add_special_tokens=False)
    read = tokens(sentence_piece, ids)
    assert b"".join(read.parts) == text.encode()


@pytest.mark.parametrize("text", [*ODD, *random_texts(40)])
@pytest.mark.parametrize("which", ["byte_level", "sentence_piece"])
def test_spans_are_the_places_in_the_text(which, text, request):
    tokenizer = request.getfixturevalue(which)
    read = tokens(tokenizer, tokenizer.encode(text, add_special_tokens=False), text)
    covered = set()
    for token in read:
        assert token.span is not None or not token.bytes or which == "sentence_piece"
        if token.span is None:
            continue
        start, end = token.span
        assert 0 <= start <= end <= len(text)
        assert token.bytes.strip(b" ") in text[start:end].encode()
        covered |= set(range(start, end))
    assert covered == set(range(len(text)))


def test_a_split_character_has_one_group_one_text_and_one_span(byte_level):
    text = "x👨\u200d👩\u200d👧!"
    read = tokens(byte_level, byte_level.encode(text), text)
    members = [i for i, group in enumerate(read.groups) if group == read.groups[1]]
    assert len(members) > 3
    assert {read.group_text(i) for i in members} == {"👨\u200d👩\u200d👧"}
    assert read.group_text(0) == "x"
    assert all("⟨" in read.pieces[i] for i in members[:2])
    assert read.groups[-1] == read.groups[1] + 1
    wire = read.wire()
    assert wire["groups"] == list(read.groups)
    assert wire["group_text"] == {str(read.groups[1]): "👨\u200d👩\u200d👧"}
    assert read.spans[1] == read.spans[2] == (1, 2)


def test_an_incomplete_tail_is_hex(byte_level):
    ids = byte_level.encode("ok 𝔘")
    read = tokens(byte_level, ids[:-1])
    assert "�" not in read.text
    assert read.pieces[-1].endswith("⟩")
    assert bytes.fromhex(read.pieces[-1].strip(" ⟨⟩")) == read.parts[-1].strip()


def test_special_tokens_stand_by_name(byte_level):
    text = "a<|end|>b"
    read = tokens(byte_level, byte_level.encode(text), text)
    assert read.special == (1,)
    assert read[1].piece == "<|end|>"
    assert read[1].span == (1, 8)
    assert read.wire()["special"] == [1]


def test_a_special_token_that_the_tokenizer_added_has_no_span(sentence_piece):
    ids = [sentence_piece.bos_token_id, *sentence_piece.encode("the street", add_special_tokens=False)]
    read = tokens(sentence_piece, ids, "the street")
    assert read[0].piece == "<s>"
    assert read[0].span is None
    assert read[1].span is not None
    assert read[1].span[0] == 0
    assert b"".join(read.parts[1:]) == b"the street"


def test_the_space_before_the_text_is_the_tokenizers_own(sentence_piece):
    ids = sentence_piece.encode("日", add_special_tokens=False)
    read = tokens(sentence_piece, ids, "日")
    assert sentence_piece.convert_ids_to_tokens(ids)[0] == "▁"
    assert read[0] == Token(ids[0], b"", " ", (0, 0))
    assert read[1].piece == "⟨E6⟩"
    assert read.group_text(2) == "日"


def test_an_added_token_is_not_spelt_in_bytes(byte_level):
    ids = byte_level.encode("aünïb")
    assert tokens(byte_level, ids).pieces == ("a", "ünï", "b")


@pytest.mark.parametrize("beyond", [99_999, -7, 2**40])
def test_an_id_outside_the_vocabulary_still_gets_a_piece(byte_level, beyond):
    read = tokens(byte_level, [*byte_level.encode("ab"), beyond])
    assert read[-1] == Token(beyond, b"", f"⟨id {beyond}⟩")
    assert read.text == "ab"


def test_a_normalised_text_gets_its_spans_from_the_tokenizer():
    vocabulary = {"[UNK]": 0, "hello": 1, "wor": 2, "##ld": 3, ".": 4}
    inner = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    inner.normalizer = normalizers.Lowercase()
    inner.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    inner.decoder = decoders.WordPiece()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=inner)
    read = tokens(tokenizer, tokenizer.encode("Hello World"), "Hello World")
    assert read.pieces == ("hello", " wor", "ld")
    assert read.spans == ((0, 5), (6, 9), (9, 11))
    # other ids than the text's own: better no spans than wrong ones
    assert tokens(tokenizer, [2, 3], "Hello World").spans is None


def test_a_tokenizer_of_another_library():
    words = ["<s>", "▁the", "▁cat", "<0xC3>", "<0xA9>"]

    class Slow:
        all_special_ids = (0,)

        def __len__(self):
            return 8

        def get_vocab(self):
            return {**{w: i for i, w in enumerate(words)}, "<0x0A>": 7}

        def convert_ids_to_tokens(self, ids):
            return [words[i] for i in ids]  # raises for a hole in the vocabulary, as some do

    read = tokens(Slow(), [0, 1, 2, 3, 4, 6], None)
    assert read.pieces == ("<s>", "the", " cat", "⟨C3⟩", "⟨A9⟩", "⟨id 6⟩")
    assert read.groups == (0, 1, 2, 3, 3, 4)


def test_the_last_resort_is_to_decode_each_id():
    pieces = {0: "a", 1: " b"}

    class Odd(SimpleNamespace):
        def __len__(self):
            return 2

    odd = Odd(
        convert_ids_to_tokens=lambda ids: [f"#{i}" for i in ids],
        decode=lambda ids: "".join(pieces[i] for i in ids),
    )
    assert tokens(odd, [0, 1, 0]).text == "a ba"


def test_tokens_are_a_sequence(byte_level):
    text = "the animal<|end|> it"
    read = tokens(byte_level, byte_level.encode(text), text)
    assert len(read) == len(list(read)) == len(read.ids)
    assert list(read) == [read[i] for i in range(len(read))]
    assert read[-1] == list(read)[-1]
    assert read[0] in read
    assert read == tokens(byte_level, np.array(read.ids), text)
    assert hash(read) == hash(tokens(byte_level, read.ids, text))
    assert read != read[:-1]
    assert read != list(read)
    with pytest.raises(IndexError):
        read[len(read)]
    assert repr(read).startswith(f"<{len(read)} tokens: the|·animal|")


def test_a_slice_is_tokens_with_their_places_in_the_whole_text(byte_level):
    text = "the animal<|end|> it"
    read = tokens(byte_level, byte_level.encode(text), text)
    end = read.special[0]
    part = read[end - 1 :]
    assert isinstance(part, Tokens)
    assert part.special == (1,)
    assert part.spans == read.spans[end - 1 :]
    assert part.text == "".join(read.pieces[end - 1 :])
    assert read[::-1][0] == read[-1]


def test_from_words():
    words = Tokens.from_words(["the", "cat", "日"])
    assert words.pieces == ("the", "cat", "日")
    assert words.ids == (-1, -1, -1)
    assert words.text == "the cat 日"
    assert Tokens.from_words(["a", " b"]).text == "a b"
    assert Tokens.from_words(np.array(["a", "b"])).pieces == ("a", "b")
    assert Tokens.from_words(["\ud800"]).wire()["pieces"] == ["?"]
    with pytest.raises(TypeError, match="list of strings"):
        Tokens.from_words("the cat")
    with pytest.raises(TypeError, match="int"):
        Tokens.from_words(["the", 3])


def test_columns_must_agree():
    with pytest.raises(ValueError, match="differ in length"):
        Tokens([1, 2], [b"a"])


def test_lone_surrogates_do_not_break_it(byte_level):
    assert tokens(byte_level, byte_level.encode("a"), "\ud800").spans is None


def test_a_long_text_is_quick(byte_level):
    text = "the animal 日本語 did not cross 👍 the street. " * 3000
    ids = byte_level.encode(text)[:32_768]
    assert len(ids) == 32_768
    took = []
    for _ in range(3):
        start = time.process_time()  # others may keep the machine busy
        tokens(byte_level, ids, text).wire()
        took.append(time.process_time() - start)
    assert min(took) < 0.2
