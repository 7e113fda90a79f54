"""How runs end: stopped, interrupted, failed, closed; and the next one works."""

from __future__ import annotations

import warnings

import pytest

from gptwidgets.errors import ClosedError, OutOfMemory, TextError
from gptwidgets.widgets.playground.playground import Playground
from tests.waiting import until


def test_stop_ends_all_twenty(engine, play):
    engine.gated = True
    runs = [play.run() for _ in range(20)]
    until(lambda: runs[0].nodes)
    engine.gate.release()
    until(lambda: len(runs[0].ids) == 1)
    play.stop()
    for run in runs:
        run.wait(20)
    assert runs[0].reason == "stopped"
    assert (runs[0].status, len(runs[0].ids)) == ("stopped", 1)
    assert {run.status for run in runs[1:]} == {"stopped"}
    assert not any(run.nodes for run in runs[1:])
    assert all(stream.closed for stream in engine.streams)
    engine.gated = False
    assert play.run().wait(20).reason == "max_new_tokens"


def test_stop_before_the_first_token(engine, play):
    engine.gated = True
    run = play.run()
    until(lambda: run.nodes)
    run.stop()
    assert run.wait(20).ids == []
    assert (run.status, run.reason) == ("stopped", "stopped")
    engine.gated = False
    assert play.run().wait(20).text


def test_an_interrupt_while_waiting_stops_the_run(engine, play, monkeypatch):
    engine.gated = True
    run = play.run()

    def interrupted(_timeout):
        raise KeyboardInterrupt

    waits = run._over.wait
    monkeypatch.setattr(run._over, "wait", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run.wait()
    assert waits(20)
    assert run.status == "stopped"


@pytest.mark.parametrize(
    ("error", "kind", "action"),
    [
        (RuntimeError("CUDA error: out of memory"), "OutOfMemory", "shorter"),
        (MemoryError(), "OutOfMemory", "shorter"),
        (TextError("Too long."), "TextError", "prompt"),
        (KeyError("what"), "KeyError", "restart the kernel"),
    ],
)
def test_an_error_is_said_what_was_written_stays_and_the_next_run_works(engine, play, error, kind, action):
    engine.fail_at, engine.error = 3, error
    run = play.run()
    with pytest.raises((OutOfMemory, TextError, KeyError)):
        run.wait(20)
    assert (run.status, run.reason, len(run.ids)) == ("error", "error", 3)
    assert play.status == "error"
    assert play.error["type"] == kind
    assert action in play.error["action"]
    engine.fail_at = None
    assert play.run().wait(20).reason == "max_new_tokens"
    assert (play.status, play.error) == ("ready", {})


def test_an_empty_prompt_is_an_error_in_words(engine):
    play = Playground(engine)
    with pytest.raises(TextError, match="nothing to read"):
        play.run().wait(20)
    assert play.error["action"] == "Change the prompt."
    play.prompt = "now"
    assert play.run().wait(20).text


def test_closing_the_model_during_a_run(engine, play):
    engine.gated = True
    run, waiting = play.run(), play.run()
    until(lambda: run.nodes)
    engine.gate.release()
    until(lambda: run.ids)
    engine.close()
    for each in (run, waiting):
        with pytest.raises(ClosedError, match="closed"):
            each.wait(20)
    assert len(run.ids) >= 1
    until(lambda: play.status == "closed")
    assert play.error["type"] == "ClosedError"
    with pytest.raises(ClosedError, match=r"load it again"):
        play.run()
    assert play.path_text().startswith("abc")


def test_deleting_the_widget_during_a_run(engine, play):
    engine.gated = True
    run = play.run()
    until(lambda: run.nodes)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        play.close()
        run.wait(20)
    assert run.status == "stopped"
    with pytest.raises(ClosedError, match="make a new one"):
        play.run()
    assert all(stream.closed for stream in engine.streams)
