"""Runs of the playground on an engine that obeys: queues, waiting, seeds, settings side by side."""

from __future__ import annotations

import threading

import numpy as np
import pytest

import gptwidgets as gw
from gptwidgets.kernel.sampling import Sampling
from gptwidgets.widgets.playground.runs import Speed
from tests.waiting import until


def test_a_run_returns_at_once_and_writes_what_the_model_writes(engine, play):
    engine.gated = True
    run = play.run()
    assert (run.status in {"queued", "running"}, run.text, run.tokens.empty) == (True, "", True)
    engine.gated = False
    assert run.wait(20) is run
    assert (run.status, run.reason, len(run.ids)) == ("done", "max_new_tokens", 8)
    assert play.path_text() == "abc" + run.text
    assert play.text == run.text
    assert bytes(run.ids).decode() == run.text
    frame = play.tokens
    assert list(frame) == [
        "token", "id", "text", "logprob", "prob", "sampled_prob", "rank", "entropy", "ms"
    ]  # fmt: skip
    np.testing.assert_allclose(frame["prob"], np.exp(frame["logprob"]))
    assert (frame["rank"] == 0).all()
    assert (play.status, play.error, play.leaf) == ("ready", {}, run.nodes[0].id)
    assert play.figures["queued"] == 0
    assert play.figures["context_used"] == 11
    assert play.figures["first_token_ms"] >= 0


def test_runs_queue_and_say_so(engine, play):
    engine.gated = True
    runs = [play.run() for _ in range(20)]
    until(lambda: runs[0].nodes)
    assert play.figures["queued"] == 19
    assert [run.status for run in runs[1:]] == ["queued"] * 19
    assert play.status == "running"
    engine.gated = False
    engine.gate.release(1000)
    for run in runs:
        run.wait(30)
    assert len({run.text for run in runs}) == 1
    until(lambda: play.status == "ready")
    assert play.figures["queued"] == 0
    assert len([node for node in play.nodes if node.kind == "prompt"]) == 1


def test_waiting_has_an_end(engine, play):
    engine.gated = True
    run = play.run()
    with pytest.raises(TimeoutError, match=r"run\.wait\(\) waits on"):
        run.wait(0.05)
    run.stop()


def test_a_recording_or_a_look_goes_between_two_tokens(engine, play):
    engine.gated = True
    run = play.run()
    until(lambda: run.nodes)
    order: list[str] = []
    engine._model_worker.submit(lambda: order.append(f"recorded after {len(run.ids)}"))
    engine.gate.release()
    until(lambda: order)
    assert order == ["recorded after 1"]
    run.stop()


def test_many_sequences_have_their_own_seeds_and_one_group(engine, play):
    play.temperature, play.seed = 1.0, 40
    run = play.run(n=3).wait(20)
    assert [node.seed for node in run.nodes] == [40, 41, 42]
    assert {node.sequence for node in run.nodes} == {run.id}
    assert run.texts[1] != run.texts[0]
    play.seed = 41
    assert play.run(n=1).wait(20).text == run.texts[1]
    assert [entry["seed"] for entry in play.tree if entry["sequence"] == run.id] == [40, 41, 42]


def test_two_settings_side_by_side_share_prompt_and_chance(engine, play):
    play.temperature, play.other = 1.0, {"temperature": 0.0}
    run = play.run(n=2).wait(20)
    assert [node.sampling["temperature"] for node in run.nodes] == [1.0, 1.0, 0.0, 0.0]
    assert [node.seed for node in run.nodes] == [77, 78, 77, 78]
    assert run.texts[2] == run.texts[3] == play.run().wait(20).texts[1]
    assert engine.seen[-1][1].seed == 77


def test_setting_in_python_shows_at_once(engine, play):
    updates = []
    play._send = lambda message, **_: updates.append(message)
    play.prompt = "new"
    play.sampling = gw.Sampling(top_p=0.5, stop=["x"], seed=4)
    states = [message["state"] for message in updates if message["method"] == "update"]
    put = {name: value for state in states for name, value in state.items()}
    assert (put["prompt"], put["top_p"], put["stop_at"], put["seed"]) == ("new", 0.5, ["x"], 4)
    assert play.sampling == Sampling(top_p=0.5, stop=("x",), seed=4)


def test_two_threads_may_run_at_once(engine, play):
    runs = []
    threads = [threading.Thread(target=lambda: runs.append(play.run())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({run.id for run in runs}) == 8
    for run in runs:
        run.wait(20)


def test_speed_counts_from_the_first_token():
    now = iter([10.0, 10.5, 11.0, 11.5])
    speed = Speed(lambda: next(now))
    assert speed.count(2) == {"first_token_ms": 500.0}
    assert speed.count(2) == {"tokens_per_second": 4.0}
    assert speed.count(2) == {"tokens_per_second": 4.0}
