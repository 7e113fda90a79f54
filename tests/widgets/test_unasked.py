from __future__ import annotations

import gc
import threading
import weakref

import pytest

from gptwidgets.kernel.gpt import GPT
from gptwidgets.widgets import unasked
from gptwidgets.widgets.heatmap import AttentionHeatmap
from tests.waiting import until
from tests.widgets.conftest import tiny


@pytest.fixture(autouse=True)
def soon(nothing_unasked, monkeypatch):
    monkeypatch.setattr(unasked, "MOST", 10**6)
    monkeypatch.setattr(unasked, "IDLE", 0.05)


@pytest.fixture
def passes(gpt):
    """Layers that have run, and a gate in front of each."""

    class Passes:
        count = 0
        gate = threading.Event()

    Passes.gate.set()

    def run(*_):
        Passes.count += 1
        assert Passes.gate.wait(20)

    hooks = [layer.register_forward_pre_hook(run) for layer in gpt.model.model.layers]
    yield Passes
    Passes.gate.set()
    for hook in hooks:
        hook.remove()


def test_induction_is_measured_once_for_all_widgets_without_being_asked(gpt, monkeypatch):
    calls = []
    measure = GPT.induction_scores
    monkeypatch.setattr(
        GPT, "induction_scores", lambda self, **options: calls.append(1) or measure(self, **options)
    )
    one, two = AttentionHeatmap(gpt, "abcabc").wait(20), AttentionHeatmap(gpt, "xyz").wait(20)
    assert not one.scores["induction"]  # the picture did not wait for it
    until(lambda: one.scores["induction"] and two.scores["induction"])
    assert AttentionHeatmap(gpt, "later").wait(20).scores["induction"]
    assert len(calls) == 1


def test_what_it_finds_is_said(gpt, monkeypatch):
    def found(self, **_):
        index = self.record("ab", progress=False).scores().index
        import pandas as pd

        return pd.DataFrame({"induction": [0.9] * len(index)}, index=index)

    monkeypatch.setattr(GPT, "induction_scores", found)
    heat = AttentionHeatmap(gpt, "abcabc").wait(20)
    until(lambda: {kind for _, _, kind in heat.kind_of} == {"induction"})
    assert heat.kinds["induction"] in heat.svg()


def test_a_new_text_waits_for_a_layer_at_most(gpt, passes):
    heat = AttentionHeatmap(gpt, "abc").wait(20)
    passes.gate.clear()
    before = passes.count
    until(lambda: passes.count > before)  # the measurement stands in its first layer
    heat.text = "abcd"
    passes.gate.set()
    heat.wait(20)
    assert passes.count <= before + 1 + 2  # that layer, and the two of the text
    until(lambda: heat.scores["induction"])  # it is made up for


def test_a_recording_in_another_thread_waits_for_a_layer_at_most(gpt, passes):
    AttentionHeatmap(gpt, "abc").wait(20)
    passes.gate.clear()
    before = passes.count
    until(lambda: passes.count > before)
    waiting = threading.Thread(target=lambda: (until(lambda: len(gpt._running) > 1), passes.gate.set()))
    waiting.start()
    gpt.record("abcd", progress=False)
    waiting.join(20)
    assert passes.count <= before + 1 + 2


def test_who_looks_is_not_disturbed(gpt, passes):
    heat = AttentionHeatmap(gpt, "abc").wait(20)
    passes.gate.clear()
    before = passes.count
    until(lambda: passes.count > before)
    looking = threading.Event()
    gpt.reader.submit(lambda: looking.wait(20))
    passes.gate.set()
    until(lambda: not gpt._model_worker.busy)
    assert passes.count <= before + 2
    assert not heat.scores["induction"]
    looking.set()
    until(lambda: heat.scores["induction"])


def test_large_models_on_the_cpu_are_asked_first(gpt, monkeypatch):
    planned: list[float] = []
    plan = unasked.Induction._plan
    monkeypatch.setattr(
        unasked.Induction, "_plan", lambda self, seconds: planned.append(seconds) or plan(self, seconds)
    )
    monkeypatch.setattr(unasked, "MOST", 1)
    heat = AttentionHeatmap(gpt, "abc").wait(20)
    assert not heat.scores["induction"]
    heat.sort = "induction"
    until(lambda: heat.scores["induction"])
    assert planned == [0.0]  # once, and at once: nothing was planned before it was asked for


def test_what_goes_wrong_is_said_to_who_asked(gpt, monkeypatch):
    def fails(*_args, **_options):
        raise ValueError("The random tokens ran out.")

    monkeypatch.setattr(GPT, "induction_scores", fails)
    heat = AttentionHeatmap(gpt, "abc").wait(20)
    until(lambda: unasked.induction_of(gpt)._given_up)
    assert heat.notes == gpt.notes
    heat.sort = "induction"
    until(lambda: heat.notes)
    assert heat.notes[-1] == "Induction was not measured: The random tokens ran out."


def test_it_holds_no_model():
    gpt = tiny(1)
    heat = AttentionHeatmap(gpt, "abc").wait(20)
    until(lambda heat=heat: heat.scores["induction"])
    gone = weakref.ref(gpt)
    heat.close()
    gpt.close()
    del gpt, heat
    until(lambda: gc.collect() >= 0 and gone() is None)
