"""The logit lens of a playground: asked for by the page, or by Python, and what a chosen cell selects."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from gptwidgets.errors import TextError
from gptwidgets.widgets.columns import unpack
from gptwidgets.widgets.heatmap import AttentionHeatmap
from gptwidgets.widgets.lab import Lab
from gptwidgets.widgets.linking import link
from gptwidgets.widgets.playground import lensing
from gptwidgets.widgets.playground.playground import Playground
from tests.waiting import until
from tests.widgets.conftest import HEADS, LAYERS
from tests.widgets.playground.fake import FakeEngine
from tests.widgets.playground.heard import listen

ALL_OFF = [[layer, head] for layer in range(LAYERS) for head in range(HEADS)]


@pytest.fixture
def play(gpt):
    made = Playground(gpt, "hello world", temperature=0, max_new_tokens=5, ablation="zero")
    yield made
    made.close()


def reply(heard, name):
    found = [one for one in list(heard) if one[0].get("type") == "reply" and one[0]["id"] == name]
    return found[-1] if found else None


def ask(play, **body):
    """Asks as a page does; the last reply's content and its columns."""
    heard = listen(play)
    play._wire.hear(play, {"type": "request", "id": "1", "kind": "lens", **body}, [])
    until(lambda: reply(heard, "1"))
    content, buffers = reply(heard, "1")
    return content, unpack(content["columns"], buffers[0]) if content["ok"] else {}


def test_a_page_gets_each_layers_words_and_the_last_row_is_the_models_own(play, gpt):
    play.run().wait(30)
    content, columns = ask(play, node=play.leaf)
    assert content["layers"] == [0, 1, 2]
    assert (content["start"], content["length"], content["under"]) == (0, 16, "")
    assert columns["read"].tolist() == play.path_ids()
    assert columns["id"].shape == columns["prob"].shape == (3, 16, lensing.BEST)
    truth = gpt.next_token(play.path_ids(), k=lensing.BEST)
    assert columns["id"][-1, -1].tolist() == truth["id"].tolist()
    assert np.allclose(columns["prob"][-1, -1], truth["prob"], atol=1e-5)
    said = {str(int(one)) for one in columns["id"].ravel()}
    assert said <= set(map(str, content["pieces"]))
    assert play.progress == {}


def test_a_prompt_that_nobody_ran_is_read_too(play):
    content, columns = ask(play)
    assert content["ok"]
    assert bytes(columns["read"].tolist()) != b""
    assert len(columns["read"]) == len("hello world")


def test_a_long_text_comes_a_window_at_a_time(play, monkeypatch):
    play.prompt = "x" * 200
    content, columns = ask(play)
    assert (content["start"], len(columns["read"])) == (136, 64)
    content, columns = ask(play, at=50)
    assert (content["start"], len(columns["read"])) == (18, 64)
    whole = play.lens()
    assert np.allclose(columns["prob"], whole.probabilities[:, 18:82], atol=1e-5)
    monkeypatch.setattr(lensing, "READS", 100)
    content, _ = ask(play)
    assert "at most 100 tokens" in content["error"]["message"]
    assert "play.lens(start=136)" in content["error"]["message"]


def test_heads_that_are_off_are_felt(play, gpt):
    play.run().wait(30)
    _, plain = ask(play, node=play.leaf)
    play.heads_off = ALL_OFF
    content, off = ask(play, node=play.leaf)
    assert content["under"].startswith("8 heads off")
    assert np.allclose(off["prob"][0], plain["prob"][0])  # the embedding has no heads
    assert not np.allclose(off["prob"][-1], plain["prob"][-1], atol=1e-5)
    with gpt.intervene(heads_off=ALL_OFF):
        there = gpt.logit_lens(play.path_ids())
    assert np.allclose(off["prob"], there.probabilities, atol=1e-5)
    assert np.allclose(play.lens().probabilities, there.probabilities, atol=1e-5)
    assert gpt.intervention.words() == ""


def test_nobody_reads_who_was_not_asked(play, gpt, monkeypatch):
    monkeypatch.setattr(gpt, "logit_lens", lambda *_, **__: pytest.fail("nobody asked"))
    play.run().wait(30)
    play.lens_cell = [1, 3]
    assert play.token == 3


def test_it_can_be_stopped(play, gpt, monkeypatch):
    began = threading.Event()

    def slow(*_, cancel, **__):
        began.set()
        while True:
            cancel.check()

    monkeypatch.setattr(gpt, "logit_lens", slow)
    heard = listen(play)
    for name, stop in (
        ("1", lambda: play._wire.hear(play, {"type": "cancel", "id": "1"}, [])),
        ("2", play.stop),
    ):
        began.clear()
        play._wire.hear(play, {"type": "request", "id": name, "kind": "lens"}, [])
        assert began.wait(30)
        stop()
        until(lambda name=name: reply(heard, name))
        assert reply(heard, name)[0]["error"]["type"] == "Cancelled"
    assert play.progress == {}


def test_a_model_elsewhere_says_so_in_a_sentence():
    play = Playground(FakeEngine(frozenset({"text", "ids"})), "hello")
    with pytest.raises(TextError, match="only seen where it runs in this kernel"):
        play.lens()
    content, _ = ask(play)
    assert content["error"]["message"].endswith("load it with gw.load().")
    play.close()


@pytest.mark.parametrize("wrong", [3, [1], [1, 2, 3], "12", [-1, 0], [3, 0], [0, -1], [0.5, 1]])
def test_a_cell_that_cannot_be_is_refused(play, wrong):
    with pytest.raises((IndexError, TypeError, ValueError)):
        play.lens_cell = wrong
    assert play.lens_cell is None


def test_a_cell_goes_with_its_text(play):
    play.run().wait(30)
    first = play.leaf
    play.lens_cell = (2, 4)
    assert (play.lens_cell, play.token) == ([2, 4], 4)
    play.branch(12, 65).wait(30)
    assert play.leaf != first
    assert play.lens_cell is None


def follows(play, heat):
    until(lambda: heat.status == "ready" and heat.info["length"] == len(play.path_ids()))
    play.lens_cell = [2, 4]
    assert (heat.layer, heat.query, play.token) == (1, 4, 4)
    play.lens_cell = [0, 6]  # the embedding is no layer
    assert (heat.layer, heat.query) == (1, 6)
    heat.query = 3
    assert play.lens_cell == [0, 3]
    heat.layer = 0
    assert play.lens_cell == [1, 3]
    heat.layer, heat.query = 1, 6
    assert play.lens_cell == [2, 6]
    heat.layer = "mean"  # no row of the lens
    assert play.lens_cell == [2, 6]
    heat.layer = 1
    play.lens_cell = None
    assert (heat.layer, heat.query) == (1, 6)


def test_a_linked_heatmap_shows_the_cells_layer_and_token(play, gpt):
    heat = AttentionHeatmap(gpt)
    tie = link(play, heat)
    play.run().wait(30)
    follows(play, heat)
    tie.unlink()
    play.lens_cell = [1, 2]
    assert (heat.layer, heat.query) == (1, 6)
    heat.close()


def test_so_does_a_labs(gpt):
    lab = Lab(gpt, "hello world", temperature=0, max_new_tokens=5)
    lab.play.run().wait(30)
    follows(lab.play, lab.heat)
    lab.close()


def test_the_cell_of_a_prompt_is_followed_before_any_run(play, gpt):
    heat = AttentionHeatmap(gpt)
    link(play, heat)
    until(lambda: heat.status == "ready" and heat.info["length"] == 11)
    play.lens_cell = [2, 4]
    assert (heat.layer, heat.query) == (1, 4)
    heat.close()
