from __future__ import annotations

import numpy as np
import pytest

import gptwidgets as gw
from gptwidgets.kernel.gpt import GPT
from gptwidgets.kernel.sampling import Sampling
from tests.kernel.endless import IDS, endless
from tests.kernel.tiny_models import SMALL, make, tiny
from tests.waiting import until


@pytest.fixture
def gpt():
    with GPT(endless(make("llama")), name="tiny") as made:
        yield made


def shown(heat, ids) -> bool:
    return heat._live is None and bool(heat._record_name) and list(heat._record.tokens.ids) == ids


def same(one, other) -> None:
    for layer in one.layers:
        for head in range(one.n_heads):
            np.testing.assert_allclose(one.weights(layer, head), other.weights(layer, head), atol=1e-5)


def told(heat):
    """What the pages are told, from now on."""
    events, tell = [], heat._wire.tell

    def hear(kind, content=None, buffers=()):
        events.append((kind, content, [bytes(part) for part in buffers]))
        tell(kind, content, buffers)

    heat._wire.tell = hear
    return events


def test_it_grows_with_a_stream_and_shows_all_of_it_in_the_end(gpt):
    heat = gw.AttentionHeatmap(gpt)
    events = told(heat)
    stream = gpt.stream(IDS, Sampling(temperature=0, max_new_tokens=20))
    follow = heat.follow(stream)
    list(stream)
    ids = [*IDS, *stream.generation.ids]
    until(lambda: shown(heat, ids))
    same(heat.record, gpt.record(ids))
    assert heat.info["length"] == len(heat.tokens["ids"]) == len(ids)
    assert len(heat.scores["rows"]) == 12
    grown = [(content, buffers) for kind, content, buffers in events if kind == "grown"]
    assert grown[-1][0]["length"] == len(ids)
    for content, buffers in grown[:-1]:
        rows = np.frombuffer(buffers[0], "<f4").reshape(-1, content["length"])
        assert len(rows) == content["length"] - content["from"] == len(content["tokens"]["ids"])
        weights = heat.record.weights(content["layer"], content["head"])[content["from"] : content["length"]]
        row = weights[-1, : content["length"]]
        there = ~np.isnan(rows[-1])
        wanted = row / (1 - row[0]) if content["variant"] == "no_sink" else row
        np.testing.assert_allclose(rows[-1][there], wanted[there], atol=1e-5)
    follow.stop()
    assert not heat.info.get("following")
    heat.close()


def test_each_run_of_a_playground_has_its_own_record_until_it_is_let_go(gpt):
    heat, play = gw.AttentionHeatmap(gpt), gw.Playground(gpt, max_new_tokens=8)
    root = play.nodes.add(None, 0, "prompt", play._vocabulary.tokens(IDS, None), source="", given=len(IDS))
    follow = heat.follow(play)
    play.go_on(root).wait()
    until(lambda: shown(heat, play.path_ids()))
    first = heat._record_name
    play.branch(9, 11).wait()
    until(lambda: shown(heat, play.path_ids()))
    assert heat._record_name != first
    same(heat.record, gpt.record(play.path_ids()))
    follow.stop()
    follow.stop()
    was = heat._record_name
    play.go_on().wait()
    assert heat._record_name == was
    heat.close()


def test_a_run_that_is_stopped_is_completed(gpt):
    heat = gw.AttentionHeatmap(gpt)
    stream = gpt.stream(IDS, Sampling(temperature=0, max_new_tokens=20))
    heat.follow(stream)
    for _ in range(2):
        next(stream)
    stream.close()
    until(lambda: shown(heat, [*IDS, *stream.generation.ids]))
    heat.close()


def test_what_cannot_grow_is_shown_at_the_end_and_says_so():
    model = endless(tiny("bloom", "Bloom", {**SMALL, "n_layer": 3, "n_head": 4}))
    with GPT(model, name="tiny") as gpt:
        heat = gw.AttentionHeatmap(gpt)
        stream = gpt.stream(IDS, Sampling(temperature=0, max_new_tokens=6))
        heat.follow(stream)
        list(stream)
        until(lambda: shown(heat, [*IDS, *stream.generation.ids]))
        heat.close()


def test_it_follows_only_what_writes_with_its_own_model(gpt):
    heat = gw.AttentionHeatmap(gpt)
    with pytest.raises(TypeError, match=r"follows a Playground or a gpt\.stream"):
        heat.follow("a text")
    with GPT(endless(make("gpt2")), name="other") as other, pytest.raises(TypeError, match="the same gpt"):
        heat.follow(other.stream(IDS))
    begun = gpt.stream(IDS)
    next(begun)
    with pytest.raises(ValueError, match="record=True"):
        heat.follow(begun)
    heat.close()
