"""Widgets that follow each other: by plain traits, in circles that end, and past widgets that are closed."""

from __future__ import annotations

import threading

import numpy as np
import pytest
import traitlets as t

from gptwidgets.widgets.heatmap import AttentionHeatmap
from gptwidgets.widgets.linking import link
from gptwidgets.widgets.playground.playground import Playground
from gptwidgets.widgets.ties import Texts
from tests.waiting import until
from tests.widgets.conftest import HEADS, LAYERS, causal, tiny

ALL_OFF = [[layer, head] for layer in range(LAYERS) for head in range(HEADS)]


@pytest.fixture
def two(gpt):
    play = Playground(gpt, "hello world", temperature=0, max_new_tokens=5)
    heat = AttentionHeatmap(gpt)
    yield play, heat
    play.close()
    heat.close()


@pytest.fixture
def linked(two):
    play, heat = two
    made = link(play, heat)
    shows(heat, len("hello world"))
    return play, heat, made


def shows(heat: AttentionHeatmap, length: int) -> None:
    until(lambda: heat.status == "ready" and heat.info["length"] == length)


def test_a_prompt_is_read_by_the_heatmap_and_a_text_there_is_the_prompt(linked):
    play, heat, _ = linked
    assert heat.text == "hello world"
    play.prompt = "another one"
    until(lambda: heat.text == "another one")
    heat.text = "and back"
    assert play.prompt == "and back"


def test_what_was_written_and_each_branch_has_its_own_record(linked):
    play, heat, _ = linked
    play.run().wait(30)
    first = play.leaf
    shows(heat, 16)
    assert list(heat.record.tokens.ids) == play.path_ids()
    play.branch(12, 65).wait(30)
    until(lambda: heat.status == "ready" and heat.tokens["ids"] == play.path_ids())
    assert heat.tokens["ids"][12] == 65
    play.leaf = first
    until(lambda: heat.status == "ready" and heat.tokens["ids"] == play.path_ids(first))


def test_the_token_under_the_pointer_and_the_kept_one_are_the_same_in_both(linked):
    play, heat, _ = linked
    play.run().wait(30)
    shows(heat, 16)
    play.pointed = 4
    assert heat.pointed == 4
    heat.pointed = 15
    assert play.pointed == 15
    heat.pointed = None
    assert play.pointed is None
    play.token = 7
    assert heat.query == 7
    heat.query = None
    assert play.token is None


def test_a_token_of_another_text_is_not_lit(linked, monkeypatch):
    play, heat, _ = linked
    play.run().wait(30)
    shows(heat, 16)
    monkeypatch.setattr(Texts, "_show", lambda _: None)  # the heatmap is late: it shows what was there before
    heat._begin("help me to see")  # of which "hel" is common to both
    until(lambda: heat.status == "ready" and heat.info["length"] == 14)
    play.pointed = 2
    assert heat.pointed == 2
    play.pointed = 9
    assert heat.pointed == 2


def test_heads_off_are_felt_by_the_playground_and_come_back(linked):
    play, heat, _ = linked
    plain = play.run().wait(30).ids
    heat.ablation = "zero"
    heat.heads_off = ALL_OFF
    assert play.heads_off == ALL_OFF
    assert play.under.startswith("8 heads off (zero)")
    changed = play.run().wait(30).ids
    assert changed != plain
    heat.clear()
    until(lambda: not play.heads_off)
    assert play.run().wait(30).ids == plain
    play.heads_off = ["L1H2"]
    assert heat.heads_off == [[1, 2]]


def test_a_chosen_head_colours_the_text_until_they_are_unlinked(linked):
    play, heat, made = linked
    play.run().wait(30)
    shows(heat, 16)
    heat.choose("L1H2")
    until(lambda: play.color == "attention")
    until(lambda: play.attention_of.get("words", "").startswith("L1H2"))
    assert len(play.attention) == 16
    heat.query = 3
    until(lambda: play.attention[3:] and not any(play.attention[4:]))  # nothing sees what comes later
    made.unlink()
    assert (play.color, play.attention) == ("probability", b"")


def test_unlinking_lets_each_go_its_own_way_and_linking_twice_is_one_link(two):
    play, heat = two
    once, twice = link(play, heat), link(heat, play)
    assert once._pairs[0] is twice._pairs[0]
    once.unlink()
    once.unlink()
    heat.heads_off = [[0, 1]]
    assert play.heads_off == [[0, 1]]
    twice.unlink()
    heat.heads_off = [[0, 2]]
    assert play.heads_off == [[0, 1]]
    assert "unlinked" in repr(twice)


def test_a_closed_widget_in_the_middle_is_no_error(gpt):
    play, heat, other = (
        Playground(gpt, "hello"),
        AttentionHeatmap(gpt, "hello"),
        AttentionHeatmap(gpt, "hello"),
    )
    made = link(play, heat, other)
    heat.wait(20)
    other.wait(20)
    heat.close()
    other.heads_off = [[0, 1]]
    assert play.heads_off == [[0, 1]]
    play.close()
    other.heads_off = []
    other.pointed = 2
    made.unlink()
    other.close()


def test_links_in_a_circle_end(gpt):
    three = [AttentionHeatmap(gpt, "hello").wait(20) for _ in range(3)]
    for one, other in zip(three, [*three[1:], three[0]], strict=True):
        link(one, other)
    three[1].choose("L1H3")
    three[2].pointed = 4
    three[0].heads_off = [[0, 0]]
    until(lambda: [heat.head for heat in three] == [3, 3, 3])
    assert [heat.pointed for heat in three] == [4, 4, 4]
    assert [heat.heads_off for heat in three] == [[[0, 0]]] * 3
    for heat in three:
        heat.close()


def test_widgets_of_one_s_own_are_linked_by_plain_traits(gpt):
    class Mine(t.HasTraits):
        pointed = t.Int(None, allow_none=True)
        layer = t.Any(1)

    heat, mine = AttentionHeatmap(gpt, "hello").wait(20), Mine()
    link(mine, heat)
    assert heat.layer == 1  # the first one's value holds
    heat.pointed = 3
    assert mine.pointed == 3
    mine.layer = 99  # the model has no such layer
    assert heat.layer == 1
    mine.layer = 0
    assert heat.layer == 0
    heat.close()


def test_two_models_keep_their_own_and_share_what_both_have(gpt, weights):
    other = tiny(1)
    play, heat = Playground(gpt, "hello"), AttentionHeatmap(other, "hello")
    heat.wait(20)
    link(play, heat)
    assert play.gpt is not heat.gpt
    array = AttentionHeatmap(causal()).wait(20)
    link(array, heat)
    heat.heads_off = [[0, 1]]
    assert array.heads_off in ([], ())
    for widget in (play, heat, array):
        widget.close()
    other.close()


def test_widgets_that_tell_at_once_from_two_threads_do_not_wait_for_each_other(linked):
    play, heat, _ = linked

    def turn(widget, count=60):
        for k in range(count):
            with widget._lock:
                widget._say(heads_off=[[k % LAYERS, k % HEADS]])

    threads = [threading.Thread(target=turn, args=[widget], daemon=True) for widget in (play, heat)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert not any(thread.is_alive() for thread in threads)


@pytest.mark.parametrize("given", [(), ("play",), ("play", "play"), ("play", 3), ("play", "stranger")])
def test_what_cannot_be_linked_is_refused_in_words(two, given):
    play, _ = two
    named = {"play": play, "stranger": t.HasTraits()}
    with pytest.raises(TypeError, match=r"link"):
        link(*(named.get(one, one) if isinstance(one, str) else one for one in given))


def test_a_model_that_is_exchanged_is_exchanged_in_both_and_what_it_wrote_goes(linked):
    play, heat, _ = linked
    run = play.run()
    other = tiny(1)
    heat.heads_off = [[0, 1]]
    play.gpt = other  # while it writes
    assert run.done
    assert heat.gpt is other
    assert (play.heads_off, play.leaf, len(play.nodes), play.under) == ([], "", 0, "")
    shows(heat, 11)
    assert np.allclose(heat.record.weights(1, 2), other.record("hello world").weights(1, 2), atol=1e-5)
    run = play.run().wait(30)
    assert run.ids == other.generate("hello world", {"temperature": 0, "max_new_tokens": 5}).ids
    shows(heat, 16)
    other.close()
    assert (play.status, heat.status) == ("closed", "closed")


def test_the_old_model_may_be_closed_once_it_was_exchanged(linked, gpt):
    play, heat, _ = linked
    other = tiny(1)
    play.gpt = other
    shows(heat, 11)
    gpt.close()
    assert (play.status, heat.status) == ("empty", "ready")
    with pytest.raises(TypeError):
        heat.gpt = "a name"
    assert heat.gpt is other
    other.close()
