from __future__ import annotations

import unicodedata

import pytest

from gptwidgets.kernel.readable import hexes, readable, split_characters, visible


@pytest.mark.parametrize(
    ("piece", "shown"),
    [
        ("plain", "plain"),
        (" the", "·the"),
        ("    ", "····"),
        ("\n\n\t", "⏎⏎⇥"),
        ("\r\n", "␍⏎"),
        ("a\x00b", "a␀b"),
        ("\x1b[31m", "␛[31m"),
        ("\x7f\x85", "␡⟨U+0085⟩"),
        ("\u200f", "⟨RLM⟩"),
        ("evil\u202etxt", "evil⟨RLO⟩txt"),
        ("\xa0\u3000\u2003", "⟨NBSP⟩⟨IDSP⟩⟨U+2003⟩"),
        ("👨\u200d👩\u200d👧", "👨\u200d👩\u200d👧"),
        ("\u200d", "⟨ZWJ⟩"),
        ("👨\u200d", "👨⟨ZWJ⟩"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("\u0301", "◌\u0301"),
        ("\ud800", "⟨U+D800⟩"),
        ("\ue000", "⟨U+E000⟩"),
        (" ⟨E2 80⟩", "·⟨E2 80⟩"),
        ("⟨id 49200⟩", "⟨id 49200⟩"),
        ("⟨a b⟩", "⟨a·b⟩"),
        ("日本語", "日本語"),
        ("", ""),
    ],
)
def test_visible(piece, shown):
    assert visible(piece) == shown


def test_nothing_without_ink_is_left_of_any_character():
    for code in [*range(0x3100), *range(0xD7F0, 0x10400), *range(0xE0000, 0xE0200)]:
        shown = visible(chr(code))
        categories = [unicodedata.category(c) for c in shown]  # Cn: newer than Python's own tables
        left = [c for c in categories if c[0] in "CZ" and c != "Cn"]
        assert not left, f"U+{code:04X}"


def test_bytes_that_are_no_text_stand_as_hex():
    assert hexes(b"\x00\xff") == "⟨00 FF⟩"
    assert readable(b"a\xe2\x82") == "a⟨E2 82⟩"
    assert readable(b"\xe2\x82\xac\x80b") == "€⟨80⟩b"
    assert readable("\ufffd".encode()) == "\ufffd"


def test_split_characters():
    euro = "€".encode()
    assert split_characters([b"a", b"b"]) is None
    assert split_characters(["é".encode(), b"x"]) is None
    assert split_characters([b"a", euro[:1], euro[1:2], euro[2:], b"b"]) == [0, 1, 1, 1, 2]
    # letters that one token both ends and begins hold all three together
    assert split_characters([euro[:2], euro[2:] + euro[:1], euro[1:]]) == [0, 0, 0]


def test_what_a_reader_takes_for_one_character_is_one_group():
    family = [part.encode() for part in ("👨", "\u200d", "👩", "\u200d", "👧", "!")]
    assert split_characters(family) == [0, 0, 0, 0, 0, 1]
    assert split_characters([b"e", "\u0301".encode(), b"t"]) == [0, 0, 1]
    assert split_characters([b"\r", b"\n", "é".encode()]) is None


def test_a_special_token_never_joins_its_neighbour():
    accent = "\u0301".encode()
    assert split_characters([b"</s>", accent], apart=[0]) is None
    assert split_characters([b"</s>", accent]) == [0, 0]


def test_an_incomplete_tail_is_no_character():
    assert split_characters([b"a", b"\xf0\x9f", b"\x98"]) is None
    assert split_characters([b"a", b"", "é".encode()[:1], b"", "é".encode()[1:]]) == [0, 1, 2, 3, 3]
