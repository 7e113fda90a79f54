"""The playground on a served model: what a page sends and hears, and what is absent in one sentence."""

from __future__ import annotations

import pytest

from gptwidgets.errors import TextError
from gptwidgets.widgets.columns import unpack
from gptwidgets.widgets.playground.playground import Playground
from tests.remote.engines import VLLM, Bare, OpenAIChat
from tests.remote.standin import Answer

CHAT = [{"role": "user", "content": "Tell me."}]


@pytest.fixture
def playing(connected, page):
    opened = []

    def start(engine=None, prompt="Once", **options):
        gpt, server, engine = connected(engine)
        play = Playground(gpt, prompt, **options)
        opened.append(play)
        return play, page(play), server, engine

    yield start
    for play in opened:
        play.close()


def ended(play, page):
    page.until(lambda: play.status in {"ready", "error"} and play._latest is not None and play._latest.done)


def test_a_run_from_the_page(playing):
    play, page, _, _ = playing()
    assert play.info["cannot"].keys() >= {"ids", "logits", "attention", "beams"}
    reply, _ = page.ask("run")
    assert reply["ok"]
    ended(play, page)
    assert (play.status, play.text) == ("ready", " the cat sat.")
    reply, _ = page.ask("story", since={})
    parts = {part["node"]: part for part in reply["parts"]}
    assert parts[play.leaf]["texts"] == [" the", " cat", " sat", "."]
    assert " a" in reply["pieces"].values()  # an alternative


def test_a_page_stops_a_run(playing):
    play, page, server, engine = playing()
    first, *rest = VLLM().stream(type("Asked", (), {"body": {"max_tokens": 4}}))
    engine.streamed = Answer([first, server.release, *rest])
    page.ask("run")
    page.until(lambda: play.nodes.nodes.get(play.leaf) is not None and play.text == " the")
    page.ask("stop")
    ended(play, page)
    assert (play._latest.status, play.text) == ("stopped", " the")
    assert server.gone.wait(10)


def test_a_branch_goes_on_from_the_text(playing):
    play, page, server, _ = playing()
    page.ask("run")
    ended(play, page)
    columns = play._latest.nodes[0].tokens.columns()
    other = int(columns["alt_id"][1][1])
    page.ask("branch", at=2, token=other)  # the prompt is one token, then " the", then " cat"
    ended(play, page)
    assert server.bodies("/v1/completions")[-1]["prompt"] == "Once the" + play._vocabulary.piece(other)
    assert play.error == {}


def test_the_next_token_is_partial(playing):
    play, page, _, _ = playing()
    reply, (data,) = page.ask("next")
    columns = unpack(reply["columns"], data)
    assert reply["partial"] is True
    assert len(columns["id"]) == 5
    assert (columns["logit"][:-1] >= columns["logit"][1:]).all()
    assert reply["pieces"][str(columns["id"][0])] == " the"
    assert play.error == {}


def test_without_log_probabilities_a_sentence_stands_there(playing):
    play, page, _, _ = playing(Bare())
    reply, _ = page.ask("next")
    assert not reply["ok"]
    assert "no log-probabilities" in str(reply)
    page.ask("run")
    ended(play, page)
    assert play.text == " the cat sat."
    assert (play._latest.nodes[0].tokens.columns()["alt_id"] == -1).all()


def test_chats(playing):
    play, page, _, _ = playing(OpenAIChat(), prompt=CHAT)
    page.ask("run")
    ended(play, page)
    assert play.text == " the cat sat."
    page.ask("continue")
    ended(play, page)
    assert "only be given anew" in play.error["message"]


def test_attention_is_asked_for_in_vain(playing):
    play, page, _, _ = playing()
    page.ask("run")
    ended(play, page)
    with pytest.raises(TextError, match="not what it attends to") as caught:
        play.record()
    assert str(caught.value).count(".") <= 6
    play.beams = 4
    play.temperature = 0
    page.ask("run")
    ended(play, page)
    assert "no beams" in play.error["message"]


def test_scores_from_the_page(playing):
    _, page, _, _ = playing()
    reply, _ = page.ask("score", text=" sat cat the")
    assert reply["totals"]["tokens"] == 2
    assert reply["texts"] == [" sat", " cat", " the"]
