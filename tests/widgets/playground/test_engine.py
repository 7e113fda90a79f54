"""What the playground does with what its engine can and cannot."""

from __future__ import annotations

import pytest

from gptwidgets.errors import TextError
from gptwidgets.widgets.playground.playground import Playground
from tests.widgets.playground.fake import FakeEngine


def test_a_chat_goes_through_the_engine(engine):
    chat = [{"role": "user", "content": "hi"}]
    play = Playground(engine, chat, max_new_tokens=4)
    assert (play.chat, play.messages) == (True, chat)
    play.run().wait(20)
    assert play.path_text().startswith("<user>hi\n<assistant>")


def test_recording_uses_ids(engine, play):
    run = play.run().wait(20)
    assert play.record() == ("record", list(b"abc") + run.ids)


def test_texts_of_split_characters_and_a_stop_text(engine, play):
    engine.script = "é😀".encode() + b"\xf0\x9f"
    assert play.run().wait(20).text == "é😀⟨F0 9F⟩"[: len("é😀⟨F0 9F⟩")]
    play.stop_at = "😀"
    run = play.run().wait(20)
    assert (run.reason, run.text) == ("stop", "é😀")


def test_an_engine_that_knows_no_ids(page):
    engine = FakeEngine(frozenset({"alternatives", "seed", "n"}))
    play = Playground(engine, "abc", max_new_tokens=5, temperature=0)
    run = play.run().wait(20)
    assert len(run.text) == 5
    assert max(run.ids) < -1
    assert run.tokens["token"].tolist() == list(run.text)
    play.go_on().wait(20)
    assert engine.seen[-1][0] == "abc" + run.text
    chosen = int(run.nodes[0].tokens.at(1)["alt_id"][2])
    branched = play.branch(2, chosen, leaf=run.nodes[0]).wait(20)
    assert engine.seen[-1][0] == "abc" + run.text[0] + branched.text[0]
    with pytest.raises(TextError, match="fake gives no attention"):
        play.record()
    with pytest.raises(TextError, match="fake gives no ids"):
        play.code()
    reply, _ = page(play).ask("next")
    assert reply["partial"]
    assert len(reply["pieces"]) == 20
    with pytest.raises(TextError, match="fake gives no chat"):
        play.chat = True
    engine.close()
