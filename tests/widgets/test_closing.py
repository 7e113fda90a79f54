"""What a heatmap still shows when its model or its record is closed, stopped or out of memory."""

from __future__ import annotations

import gc
import sys
import weakref

import numpy as np
import pytest

from gptwidgets.errors import Cancelled, ClosedError, OutOfMemory
from gptwidgets.kernel import budget
from gptwidgets.kernel.gpt import GPT
from gptwidgets.widgets import recording
from gptwidgets.widgets.heatmap import AttentionHeatmap
from tests.waiting import until
from tests.widgets.conftest import FakePage, tiny


def test_out_of_memory_is_told_and_the_next_text_works(gpt, monkeypatch):
    def full(*_args, **_options):
        raise MemoryError

    with monkeypatch.context() as patched:
        patched.setattr(GPT, "record", full)
        heat = AttentionHeatmap(gpt, "abc")
        with pytest.raises(OutOfMemory):
            heat.wait(20)
    assert heat.error["type"] == "OutOfMemory"
    assert "shorter" in heat.error["action"]
    heat.text = "ab"
    assert heat.wait(20).status == "ready"


def test_out_of_memory_while_the_picture_is_prepared(gpt, monkeypatch):
    def full(*_args, **_options):
        raise RuntimeError("CUDA out of memory")
        yield

    with monkeypatch.context() as patched:
        patched.setattr(recording.opening, "grid", full)
        heat = AttentionHeatmap(gpt, "abc")
        with pytest.raises(OutOfMemory):
            heat.wait(20)
    heat.text = "abcd"
    assert heat.wait(20).status == "ready"


def test_a_model_closed_under_the_widget_leaves_the_picture(gpt):
    heat = AttentionHeatmap(gpt, "abc").wait(20)
    first = heat.first
    gpt.close()
    assert heat.status == "closed"
    assert "closed" in heat.error["message"]
    assert heat.first == first
    with pytest.raises(ClosedError, match="tiny is closed and reads no other text"):
        heat.text = "new"
    heat.set_state({"text": "from a page"})
    assert (heat.text, heat.status) == ("abc", "closed")
    assert heat.weights().shape == (3, 3)
    page = FakePage(heat)
    content, _ = page.ask("line", **page.about(layer=0, head=0, query=1))
    assert content["ok"]  # what was recorded can still be explored


def test_a_model_closed_while_another_text_is_read_leaves_text_and_picture(gpt, gate):
    heat = AttentionHeatmap(gpt)
    heat.text = "abc"
    gate.release()
    heat.wait(20)
    heat.text = "another"
    gpt.close()
    with pytest.raises(ClosedError):
        heat.wait(20)
    assert (heat.text, heat.status) == ("abc", "closed")
    assert heat.weights().shape == (3, 3)


def test_a_closed_widget_stops_what_it_does(gpt, gate):
    heat = AttentionHeatmap(gpt, "abc")
    run = heat._run
    heat.close()
    gate.release()
    assert run.done.wait(20)
    assert run.token.cancelled
    heat.close()
    assert AttentionHeatmap(gpt, "abcd").wait(20).status == "ready"


def test_a_model_closed_during_a_recording(gpt, gate):
    heat = AttentionHeatmap(gpt, "abc")
    gpt.close()
    with pytest.raises((Cancelled, ClosedError)):
        heat.wait(20)
    assert heat.status == "closed"


def test_a_record_that_the_budget_took_is_recorded_again(gpt):
    heat = AttentionHeatmap(gpt, "abcdef").wait(20)
    before, name = heat.weights(1, 2) if False else heat.record.weights(1, 2), heat.info["record"]
    heat._record.close()
    page = FakePage(heat)
    _, (data,) = page.ask("line", **page.about(layer=1, head=2, query=5))
    np.testing.assert_allclose(np.frombuffer(data, "<f4"), before[5], atol=1e-6)
    assert heat.info["record"] == name
    heat._record.close()
    np.testing.assert_allclose(heat.record.weights(1, 2), before, atol=1e-6)


def test_many_requests_for_a_record_that_is_gone_record_once(gpt, monkeypatch):
    heat = AttentionHeatmap(gpt, "abcdef").wait(20)
    heat._record.close()
    calls = []
    record = GPT.record
    monkeypatch.setattr(
        GPT, "record", lambda self, *args, **options: calls.append(1) or record(self, *args, **options)
    )
    page = FakePage(heat)
    names = [page.post("line", **page.about(layer=0, head=0, query=i)) for i in range(5)]
    assert all(page.answer(name)[-1][0]["ok"] for name in names)
    assert len(calls) == 1


def test_somebodys_closed_record_cannot_be_read_again(gpt):
    record = gpt.record("abc")
    heat = AttentionHeatmap(record).wait(20)
    record.close()
    page = FakePage(heat)
    content, _ = page.ask("line", **page.about(layer=0, head=0, query=1))
    assert content["error"]["type"] == "ClosedError"
    assert heat.status == "ready"


def test_records_stay_within_the_budget(gpt, monkeypatch):
    monkeypatch.setattr(budget.records, "limit", 3 * gpt.record("a" * 200).nbytes)
    heats = [AttentionHeatmap(gpt, "a" * 200).wait(20) for _ in range(8)]
    assert budget.records.used <= budget.records.limit * 1.7  # log-sum-exps come on top while one looks
    page = FakePage(heats[0])
    assert page.ask("line", **page.about(layer=0, head=0, query=1))[0]["ok"]


def test_a_widget_and_its_model_can_be_thrown_away():
    gpt = tiny(1)
    heat = AttentionHeatmap(gpt, "abc").wait(20)
    record = weakref.ref(heat.record)
    heat.close()
    del heat
    gpt.close()
    gone = weakref.ref(gpt)
    del gpt
    until(lambda: gc.collect() >= 0 and gone() is None and record() is None)


@pytest.mark.parametrize("wrong", [None, "a text", object()])
def test_what_was_never_whole_leaves_without_a_word(wrong, monkeypatch):
    said = []
    monkeypatch.setattr(sys, "unraisablehook", said.append)
    with pytest.raises(TypeError):
        AttentionHeatmap(wrong)
    gc.collect()  # an error holds what was begun in a cycle
    assert not said
