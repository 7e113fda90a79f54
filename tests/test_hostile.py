"""What nobody asked for, from people and from pages: one clear sentence, and the next call works."""

from __future__ import annotations

import gc
import threading

import numpy as np
import pytest
import torch

from gptwidgets.errors import Cancelled, ClosedError, OutOfMemory, TextError
from gptwidgets.kernel import prefill
from gptwidgets.kernel.record import AttentionRecord
from gptwidgets.widgets.heatmap import AttentionHeatmap
from tests.widgets.conftest import FakePage, causal, front_end, nothing_unasked, tiny

__all__ = ["front_end", "nothing_unasked"]  # fixtures that every test here uses

EVIL = "</script><img src=x onerror=window.pwned=1>"
READABLE = {
    "one": "a",
    "nul": "\0",
    "controls": "".join(map(chr, range(32))) + "\x7f\x80\x9f",
    "markup": EVIL,
    "families": "👨‍👩‍👧‍👦👩🏽‍🚀🏳️‍🌈",
    "directions": "abc שלום مرحبا \u202e evil \u202c",
    "spaces": "   ",
    "lines": "\n\r\n\u2028",
    "bom": "\ufeff",
}
UNREADABLE = {
    "empty": ([], TextError, "write at least one token"),
    "half": ("a\ud83d b", TextError, "half a character"),
    "number": (3, TypeError, "Give a text"),
    "bytes": (b"abc", TypeError, "Give a text"),
    "floats": ([1.5], TypeError, "Give a text"),
    "no such id": ([256], TextError, "Token id 256 does not exist"),
    "no role": ([{"content": "hi"}], TextError, 'needs a "role"'),
    "a batch": (np.zeros((2, 2), int), TextError, "one-dimensional"),
}


@pytest.fixture(scope="module")
def gpt():
    with tiny() as made:
        yield made


class Gate:
    """Holds the model up in front of each layer until it is open."""

    def __init__(self, gpt):
        self.reached, self.open = threading.Event(), threading.Event()
        self.passed = 0
        self.hooks = [layer.register_forward_pre_hook(self._wait) for layer in gpt.model.model.layers]

    def _wait(self, *_):
        self.reached.set()
        assert self.open.wait(20)
        self.passed += 1


@pytest.fixture
def gate(gpt):
    made = Gate(gpt)
    yield made
    made.open.set()
    for hook in made.hooks:
        hook.remove()


@pytest.mark.parametrize("text", READABLE.values(), ids=READABLE)
def test_texts_that_can_be_read(gpt, text):
    heat = AttentionHeatmap(gpt, text, title=text).wait(20)
    assert (heat.status, heat.error) == ("ready", {})
    assert heat.record.tokens.text == text
    assert heat.weights().sum(-1) == pytest.approx(1, abs=1e-5)
    assert "<img" not in heat.svg()
    heat.png(width=300), heat.csv()
    heat.close()


@pytest.mark.parametrize(("text", "error", "words"), UNREADABLE.values(), ids=UNREADABLE)
def test_texts_that_cannot(gpt, text, error, words):
    with pytest.raises(error, match=words):
        gpt.record(text, progress=False)
    heat = AttentionHeatmap(gpt, text)
    with pytest.raises(error, match=words):
        heat.wait(20)
    assert heat.status == "error"
    assert words in heat.error["message"]
    assert heat.error["action"]
    heat.text = "now a text"
    assert heat.wait(20).status == "ready"
    assert heat.error == {}
    heat.close()


def test_many_texts_quickly_and_from_many_threads(gpt):
    one, other = AttentionHeatmap(gpt, "one"), AttentionHeatmap(gpt, "the other")
    wrong = []

    def record(name: str) -> None:
        for i in range(5):
            text = f"{name} says {i}"
            if gpt.record(text, progress=False).tokens.text != text:
                wrong.append(text)

    threads = [threading.Thread(target=record, args=(name,)) for name in "abc"]
    for thread in threads:
        thread.start()
    for i in range(20):
        one.text = f"text number {i}"
    for thread in threads:
        thread.join(60)
    assert one.wait(30).record.tokens.text == one.text == "text number 19"
    assert other.wait(30).record.tokens.text == "the other"
    assert not wrong


@pytest.mark.parametrize(
    "raised",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"),
        RuntimeError("[enforce fail at alloc_cpu.cpp:117] DefaultCPUAllocator: can't allocate memory"),
        MemoryError(),
    ],
    ids=str,
)
def test_out_of_memory(gpt, monkeypatch, raised):
    def full(*_args, **_kwargs):
        raise raised

    heat = AttentionHeatmap(gpt, "before").wait(20)
    with monkeypatch.context() as patched:
        patched.setattr(prefill, "run", full)
        heat.text = "too much"
        with pytest.raises(OutOfMemory, match="take a shorter text"):
            heat.wait(20)
        assert (heat.status, heat.error["type"]) == ("error", "OutOfMemory")
        assert heat.info["length"] == len("before")  # the picture before is still there
    heat.text = "after"
    assert heat.wait(20).weights().shape == (5, 5)


def test_an_unforeseen_error_is_said_and_leaves_nothing_behind(gpt, monkeypatch):
    def strange(*_args, **_kwargs):
        raise KeyError("x")

    heat = AttentionHeatmap(gpt)
    with monkeypatch.context() as patched:
        patched.setattr(prefill, "run", strange)
        heat.text = "abc"
        with pytest.raises(KeyError):
            heat.wait(20)
    assert heat.error["message"] == "KeyError: 'x'"
    assert "restart the kernel" in heat.error["action"]
    heat.text = "abcd"
    assert heat.wait(20).status == "ready"


def test_a_widget_closed_while_it_records(gpt, gate):
    heat = AttentionHeatmap(gpt, "abc")
    assert gate.reached.wait(20)
    heat.close()
    assert gate.passed == 0  # it did not wait for the model
    for use in (heat.wait, heat.png, lambda: heat.record):
        with pytest.raises(ClosedError, match="This heatmap was closed; make a new one"):
            use()
    heat.text = "ignored"
    assert heat.state()["text"] == "ignored"
    gate.open.set()
    assert gpt.record("abc", progress=False).length == 3


def test_a_model_closed_under_a_widget_that_records():
    gpt = tiny()
    ready, busy = AttentionHeatmap(gpt, "ready").wait(20), AttentionHeatmap(gpt)
    gate = Gate(gpt)
    busy.text = "abc"
    assert gate.reached.wait(20)
    closing = threading.Thread(target=gpt.close)
    closing.start()
    page = FakePage(ready)
    page.until(lambda: gpt._model_worker.closed)
    gate.open.set()
    closing.join(20)
    with pytest.raises(ClosedError, match="tiny was closed meanwhile; load it again"):
        busy.wait(20)
    assert ready.status == busy.status == "closed"
    assert ready.weights().shape == (5, 5)  # what was recorded can still be read
    for kind, fields in {"again": {}, "line": page.about(layer=0, head=0, query=1), "hello": {}}.items():
        assert page.ask(kind, **fields)[0]["done"]


def test_stop_comes_at_the_next_layer(gpt, gate):
    heat = AttentionHeatmap(gpt, "abc")
    assert gate.reached.wait(20)
    heat.stop()
    gate.open.set()
    with pytest.raises(Cancelled):
        heat.wait(20)
    assert gate.passed == 1
    heat._on_again({}, [])
    assert heat.wait(20).status == "ready"


@pytest.mark.parametrize(
    "state",
    [
        None,
        [],
        "",
        "{",
        "null",
        "[" * 100_000,
        {"gptwidgets": 2},
        {"lyer": 1},
        {1: 2},
        {"title": "x", "scale": "none"},
        {"title": "x", "layer": 99},
        {"layer": 1, "head": 99},
        {"layer": 1, "query": 99},
        {"layer": 1, "view": [0, 0, 1e300, 1]},
        {"layer": 1, "filter": ["entropy", "a", 1]},
        {"scale": "log", "hide_sink": "no"},
    ],
    ids=lambda state: str(state)[:40],
)
def test_a_state_that_is_none_changes_nothing(state):
    heat = AttentionHeatmap(causal()).wait(20)
    before = heat.state()
    with pytest.raises((TypeError, ValueError, IndexError)):
        heat.restore(state)
    assert heat.state() == before


@pytest.mark.parametrize(
    "written",
    [
        {"layer": 1, "head": 99},
        {"layer": 1, "view": [float("nan")] * 4},
        {"text": "only a GPT can read this"},
        {"_esm": "alert(1)"},
        {"status": "closed"},
        {"height": 10**40},
        {"query": 1e9},
        {"filter": ["entropy", "a", "b"]},
        {"no such trait": 1},
    ],
    ids=str,
)
def test_what_a_page_may_not_write_changes_nothing(written):
    heat = AttentionHeatmap(causal(), layer=0, head=0).wait(20)
    before, script = heat.state(), heat._esm
    heat.set_state(written)
    assert (heat.state(), heat._esm, heat.status) == (before, script, "ready")


def test_misspelt_names_are_not_taken_for_settings():
    heat = AttentionHeatmap(causal()).wait(20)
    with pytest.raises(AttributeError, match="AttentionHeatmap has no 'qeury'; did you mean 'query'"):
        heat.qeury = 3
    with pytest.raises(TypeError, match="no option 'presentaton'; did you mean 'presentation'"):
        AttentionHeatmap(causal(), presentaton=True)


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"query": 10}, IndexError, "token 10 does not exist; this text has tokens 0 to 9"),
        ({"layer": 2}, IndexError, "layer 2 does not exist; this model has layers 0 to 1"),
        ({"head": "L0H9"}, IndexError, "head 9 does not exist"),
        ({"view": [0, 0, float("inf"), 1]}, ValueError, "A view is"),
        ({"filter": ["entropy", float("nan"), 1]}, ValueError, "ends of a filter"),
    ],
)
def test_an_array_refuses_at_once(options, error, words):
    with pytest.raises(error, match=words):
        AttentionHeatmap(causal(), **options)


def test_a_cell_run_again_and_again_does_not_grow(gpt):
    def run() -> None:
        AttentionHeatmap(gpt, "some text of a cell " * 8).wait(20).close()

    for _ in range(3):
        run()
    before = threading.active_count()
    records = [AttentionRecord, AttentionHeatmap]

    def alive() -> int:
        gc.collect()
        return sum(type(thing) in records for thing in gc.get_objects())

    first = alive()
    for _ in range(20):
        run()
    assert alive() <= first
    assert threading.active_count() <= before
