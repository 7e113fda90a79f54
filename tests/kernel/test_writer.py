from __future__ import annotations

import pytest

from gptwidgets.kernel.writer import Writer


def written(parts, stop=()):
    writer = Writer(stop)
    texts, stopped = [], None
    for at, part in enumerate(parts):
        texts.append(writer.add(part))
        if writer.stopped and stopped is None:
            stopped = at
    return texts, writer.end(), stopped


def test_a_character_is_complete_with_its_last_byte():
    family = "👩\u200d👧".encode()
    parts = [family[i : i + 1] for i in range(len(family))]
    texts, left, _ = written(parts)
    assert "".join(texts) == family.decode()
    assert left == ""
    assert texts[:4] == ["", "", "", "👩"]


def test_bytes_that_are_no_text_are_hex_and_nothing_is_lost():
    assert written([b"a\xff", b"b"]) == (["a⟨FF⟩", "b"], "", None)
    assert written([b"\xe2\x80", b"a"]) == (["", "⟨E2 80⟩a"], "", None)
    assert written([b"ok \xf0\x9f"]) == (["ok "], "⟨F0 9F⟩", None)


@pytest.mark.parametrize(
    ("parts", "stop", "at"),
    [
        ([b"caf\xc3", b"\xa9", b"!"], ("é",), 1),
        ([b"a\n", b"\nb"], ("\n\n",), 1),
        ([b"one", b" END", b" of"], (" END of",), 2),
        ([b"hello"], ("ell",), 0),
        ([b"aaab"], ("aab",), 0),
        ([b"a", b"b", b"a", b"b", b"c"], ("abc",), 4),
        ([b"never"], ("nope",), None),
        ([b"x", b"y"], ("q", "y", "x"), 0),
    ],
)
def test_stop_texts_are_found_across_tokens(parts, stop, at):
    assert written(parts, stop)[2] == at


def test_a_special_token_is_no_text_but_may_be_stopped_at():
    writer = Writer(("<|end|>",))
    assert writer.add(b"hi \xe2") == "hi "
    assert writer.add(b"<|end|>", silent=True) == "⟨E2⟩"
    assert writer.stopped
