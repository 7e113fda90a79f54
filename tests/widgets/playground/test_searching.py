"""A beam search in the playground."""

from __future__ import annotations

import numpy as np

from tests.waiting import until
from tests.widgets.playground.fake import logits
from tests.widgets.playground.heard import listen, put_together


def test_beams_are_told_step_by_step_and_the_best_becomes_the_text(engine, play, page):
    heard = listen(play)
    play.beams, play.max_new_tokens = 2, 4
    run = play.run().wait(20)
    assert (run.text, run.reason) == ("aaaa", "max_new_tokens")
    np.testing.assert_allclose(run.tokens["logprob"], -1)
    columns = run.nodes[0].tokens.columns()
    z = logits(list(b"abc"))
    assert columns["alt_id"][0].tolist() == np.argsort(-z, kind="stable")[:10].tolist()
    assert columns["rank"][0] == (z > z[ord("a")]).sum()
    assert np.isfinite(columns["entropy"]).all()
    assert play.figures["context_used"] == 3 + 4
    until(lambda: any(content.get("nodes") for content, _ in heard))
    until(lambda: put_together(heard)[0].get(run.nodes[0].id) == run.ids)
    told = [told for content, _ in heard for told in content.get("beams", [])]
    assert sum(len(each["steps"]) for each in told) == 4
    reply, _ = page(play).ask("beams", node=run.nodes[0].id)
    assert [step["index"] for step in reply["steps"]] == [0, 1, 2, 3]
    second = [(beam["ids"], beam["parent"], beam["kept"]) for beam in reply["steps"][1]["beams"]]
    assert second[:3] == [([97, 97], 0, True), ([97, 98], 0, True), ([98, 97], 1, False)]
    assert reply["steps"][1]["beams"][2]["score"] == -2.5
    engine.gated = True
    play.max_new_tokens = 50
    stopped = play.run()
    engine.gate.release(3)
    until(lambda: stopped.nodes and len(stopped.nodes[0].beams) == 3)
    stopped.stop()
    assert stopped.wait(20).reason == "stopped"
    assert stopped.text == "aaa"
