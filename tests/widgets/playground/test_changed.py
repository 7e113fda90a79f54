"""A playground whose model is changed inside: its runs and next tokens feel it, and nobody else's."""

from __future__ import annotations

import numpy as np
import pytest

from gptwidgets.errors import TextError
from gptwidgets.widgets.playground.playground import Playground
from tests.widgets.conftest import HEADS, LAYERS, tiny
from tests.widgets.playground.fake import FakeEngine

ALL_OFF = [(layer, head) for layer in range(LAYERS) for head in range(HEADS)]


@pytest.fixture
def real():
    gpt = tiny()
    yield gpt
    gpt.close()


def test_heads_that_are_off_are_felt_by_runs_and_by_the_next_token_and_by_nobody_else(real):
    plain = real.generate("ab", {"temperature": 0, "max_new_tokens": 8}).ids
    before = real.next_logits("ab")
    with real.intervene(heads_off=ALL_OFF, ablation="zero"):
        expected = real.generate("ab", {"temperature": 0, "max_new_tokens": 8}).ids
        next_token = real.next_token("ab")
    assert expected != plain
    play = Playground(real, "ab", temperature=0, max_new_tokens=8, heads_off=ALL_OFF, ablation="zero")
    assert play.run().wait(60).ids == expected
    assert play.under.startswith("8 heads off (zero)")
    assert play.tree[-1]["under"] == play.under
    play.leaf = ""
    assert play.next_token()["prob"].tolist() == pytest.approx(next_token["prob"].tolist())
    assert np.array_equal(real.next_logits("ab"), before)
    play.heads_off = []
    assert play.under == ""
    assert play.run().wait(60).ids == plain
    assert play.tree[-1]["under"] == ""


def test_a_run_keeps_what_held_when_it_was_asked_for(real):
    plain = real.generate("ab", {"temperature": 0, "max_new_tokens": 8}).ids
    play = Playground(real, "ab", temperature=0, max_new_tokens=8, ablation="zero")
    with real.lock:  # the run cannot begin
        run = play.run()
        play.heads_off = ALL_OFF
    assert run.wait(60).ids == plain
    assert play.run().wait(60).ids != plain


def test_heads_that_do_not_exist_are_refused_and_served_models_say_why(real):
    play = Playground(real, "ab")
    with pytest.raises(IndexError, match="layer"):
        play.heads_off = [(99, 0)]
    assert play.heads_off in ([], ())
    engine = FakeEngine()
    engine.can = engine.can - {"attention"}
    with pytest.raises(TextError):
        Playground(engine, "ab").heads_off = [(0, 0)]


def test_a_head_s_attention_can_be_shown_as_colours(real):
    play = Playground(real, "abcd", max_new_tokens=2, temperature=0)
    play.run().wait(60)
    play.show_attention([0.0, 0.25, 1.0], "L0H0")
    assert list(play.attention) == [0, 128, 255]
    assert play.attention_of == {"leaf": play.leaf, "words": "L0H0", "most": 1.0}
    play.show_attention(None)
    assert (play.attention, play.attention_of) == (b"", {})
    with pytest.raises(ValueError, match="shape"):
        play.show_attention(np.zeros((2, 2)))


def test_what_is_pointed_at_is_a_position_or_nothing(real):
    play = Playground(real, "ab", pointed=3)  # the text may be on its way
    play.pointed = None
    with pytest.raises(ValueError, match="from 0 on"):
        play.pointed = -1
    with pytest.raises(TypeError, match="whole number"):
        play.pointed = "a"
