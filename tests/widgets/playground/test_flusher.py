"""What pages hear: every token once, the first at once, the others seldom."""

from __future__ import annotations

import time

from gptwidgets.widgets.playground import flusher
from tests.waiting import until
from tests.widgets.playground.heard import listen, put_together


def test_pages_hear_every_token_once_and_seldom(engine, play):
    heard = listen(play)
    play.max_new_tokens = 400
    began = time.monotonic()
    run = play.run(n=8)
    run.wait(60)
    until(lambda: sum(len(ids) for ids in put_together(heard)[0].values()) == 3 + 8 * 400)
    seconds = time.monotonic() - began
    events = [content for content, _ in heard if content.get("type") == "event"]
    assert len(events) <= 25 * seconds + 2
    ids, texts = put_together(heard)
    for node in run.nodes:
        assert ids[node.id] == node.tokens.ids
        assert texts[node.id] == node.tokens.text
    assert [event["seq"] for event in events] == sorted({event["seq"] for event in events})
    told = {id_ for event in events for id_ in event["pieces"]}
    assert {str(id_) for id_ in run.ids} <= told
    assert all(
        set(event) == {"type", "kind", "seq", "nodes", "parts", "pieces", "beams", "figures"}
        for event in events
    )


def test_no_trait_grows_with_the_tokens(engine, play):
    sent: list[str] = []
    real = play.send_state
    play.send_state = lambda key=None: (sent.append(str(key)), real(key))
    play.max_new_tokens = 500
    play.run().wait(60)
    until(lambda: not play._runs)
    assert sum("'story'" in keys for keys in sent) == 1
    assert len(sent) < 8


def test_the_first_token_goes_at_once(engine, play, monkeypatch):
    monkeypatch.setattr(flusher, "EVERY", 3600.0)  # only a first message can come
    heard = listen(play)
    play._flusher._last = -1e9
    engine.gated = True
    run = play.run()
    engine.gate.release()
    until(lambda: any(content.get("kind") == "tokens" for content, _ in heard))
    run.stop()
