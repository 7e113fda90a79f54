"""The instruments in one layout: what they share, and what is left when something goes wrong."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch

import gptwidgets as gw
from gptwidgets.errors import ClosedError
from gptwidgets.widgets.lab import Lab
from tests.waiting import until
from tests.widgets.conftest import HEADS, LAYERS, tiny
from tests.widgets.store.fake import FakeStore

ALL_OFF = [[layer, head] for layer in range(LAYERS) for head in range(HEADS)]
TEXT = "hello world"


def logits(gpt) -> np.ndarray:
    """The plain model's, as a user calls it."""
    with torch.inference_mode():
        return gpt.model(torch.tensor([gpt.encode("something else")])).logits.numpy()


@pytest.fixture
def lab(gpt):
    made = Lab(gpt, TEXT, temperature=0, max_new_tokens=8, scale="log")
    until(lambda: made.heat.status == "ready")
    yield made
    made.close()


def shows(lab: Lab) -> None:
    """Waits until the heatmap shows what the playground wrote."""
    until(lambda: lab.heat.status == "ready" and lab.heat.tokens["ids"] == lab.play.path_ids())


def test_options_go_to_the_widgets_that_have_them(lab, gpt):
    assert (lab.play.temperature, lab.heat.scale, lab.gpt) == (0, "log", gpt)
    assert lab.play.prompt == lab.heat.text == TEXT
    assert repr(lab) == "Lab(tiny)"
    other = Lab(gpt, presentation=True)
    assert (other.play.presentation, other.heat.presentation) == (True, True)
    other.close()


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"temprature": 0}, "did you mean 'temperature'"),
        ({"height": 300}, "heights"),
        ({"temperature": -1}, "temperature"),
    ],
)
def test_what_neither_has_is_refused_and_leaves_nothing_open(gpt, wrong, words):
    with pytest.raises((TypeError, ValueError), match=words):
        Lab(gpt, TEXT, **wrong)
    with pytest.raises(TypeError, match="needs a GPT"):
        Lab(3)


def test_a_text_alone_loads_the_default_model_which_closes_with_the_lab(monkeypatch):
    made = tiny()
    monkeypatch.setattr("gptwidgets.verbs.load", lambda: made)
    lab = gw.Lab(TEXT)
    assert lab.gpt is made
    assert lab.play.prompt == TEXT
    lab.close()
    lab.close()
    assert made.closed


def test_all_is_as_before_once_a_lab_is_closed(gpt):
    before = logits(gpt)
    lab = Lab(gpt, TEXT, temperature=0, max_new_tokens=8)
    lab.heat.ablation = "zero"
    lab.heat.heads_off = ALL_OFF
    lab.play.run().wait(30)
    lab.heat.cut = [[0, 0, 3, 1]]
    lab.close()
    assert np.array_equal(logits(gpt), before)
    assert not gpt.intervention


def test_two_labs_of_one_model_keep_their_own_heads_off(lab, gpt):
    other = Lab(gpt, TEXT, temperature=0, max_new_tokens=8)
    plain = other.play.run().wait(30).ids
    lab.heat.ablation = "zero"
    lab.heat.heads_off = ALL_OFF
    assert lab.play.run().wait(30).ids != plain
    assert other.play.run().wait(30).ids == plain
    assert (other.heat.heads_off, other.play.under) == ([], "")
    shows(lab)
    shows(other)
    other.close()


def test_an_exception_in_a_run_leaves_the_model_untouched(lab, gpt, monkeypatch):
    before = logits(gpt)
    lab.heat.ablation = "zero"
    lab.heat.heads_off = [[0, 1]]
    lab.heat.wait(30)

    calls = iter(range(100))
    touch = lab.play._flusher.touch

    def breaks(*args, **options):
        if next(calls) == 4:
            raise RuntimeError("broken in the middle")
        touch(*args, **options)

    monkeypatch.setattr(lab.play._flusher, "touch", breaks)
    run = lab.play.run()
    with pytest.raises(Exception, match="broken in the middle"):
        run.wait(30)
    monkeypatch.undo()
    assert np.array_equal(logits(gpt), before)
    assert lab.heat.heads_off == [[0, 1]]
    lab.play.run().wait(30)
    shows(lab)


def test_the_heatmap_closed_in_the_middle_of_a_run_leaves_the_playground_alone(gpt):
    lab = Lab(gpt, TEXT, temperature=0, max_new_tokens=200)
    until(lambda: lab.heat.status == "ready")
    run = lab.play.run()
    until(lambda: run.nodes and len(run.nodes[0].tokens) > 5)
    lab.heat.close()
    assert len(run.wait(60).ids) == 200
    assert lab.play.go_on().wait(60).ids
    lab.close()


def test_the_model_is_exchanged_in_the_middle_of_a_run(lab, gpt):
    lab.play.max_new_tokens = 200
    before = logits(gpt)
    lab.heat.heads_off = [[0, 1]]
    run = lab.play.run()
    until(lambda: run.nodes and len(run.nodes[0].tokens) > 5)
    other = tiny(1)
    fresh = logits(other)
    lab.gpt = other
    assert run.done
    assert lab.heat.gpt is lab.play.gpt is other
    assert (lab.heat.heads_off, lab.play.heads_off) == ([], [])
    assert np.array_equal(logits(other), fresh)
    assert np.array_equal(logits(gpt), before)
    assert not gpt.closed  # it came from outside
    lab.play.max_new_tokens = 3
    lab.play.run().wait(30)
    shows(lab)
    other.close()


def test_a_model_of_a_store_is_taken_by_both(lab, gpt):
    shop = lab.store(FakeStore())
    assert lab.store() is shop
    assert list(lab.children) == [shop, lab.play, lab.heat]
    loaded = tiny(1)
    shop._model = loaded
    shop._say(model_name=loaded.name)
    until(lambda: lab.play.gpt is loaded and lab.heat.gpt is loaded)
    assert lab.heat.text == TEXT
    lab.close()
    assert loaded.closed
    assert not gpt.closed


def test_a_closed_lab_says_so(gpt):
    lab = Lab(gpt, TEXT)
    lab.close()
    with pytest.raises(ClosedError, match="make a new one"):
        lab.store()
    with pytest.raises(ClosedError, match="make a new one"):
        lab.gpt = gpt


def test_marimo_is_given_the_parts(lab, monkeypatch):
    monkeypatch.setitem(sys.modules, "marimo", SimpleNamespace(vstack=list))
    assert lab._display_() == [lab.play, lab.heat]
