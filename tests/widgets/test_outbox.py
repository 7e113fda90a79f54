"""A host that drops what threads say, as Colab does, simulated: what a page needs reaches it all the same."""

from __future__ import annotations

import threading

import pytest

from gptwidgets.widgets import outbox
from gptwidgets.widgets.heatmap import AttentionHeatmap
from gptwidgets.widgets.outbox import Outbox
from gptwidgets.widgets.playground.playground import Playground
from tests.waiting import until
from tests.widgets.playground.fake import FakeEngine


class DeafPage:
    """A page that gets only what is sent within an answer to it; the state of the widget as it knows it."""

    def __init__(self, widget):
        self.widget = widget
        self.state = widget.get_state()
        self.heard, self.dropped = [], []
        self._answers = threading.local()
        widget.comm.send = self._hear

    def _hear(self, data=None, metadata=None, buffers=None):
        if not getattr(self._answers, "now", False):
            self.dropped.append(data)
        elif data["method"] == "update":
            self.state |= data["state"]
        else:
            self.heard.append((data["content"], buffers))

    def ask(self, name, kind, **fields):
        self._answers.now = True
        content = {"type": "request", "id": name, "kind": kind, **fields}
        self.widget._handle_msg(
            {"content": {"data": {"method": "custom", "content": content}}, "buffers": []}
        )
        self._answers.now = False
        return self.replies(name)

    def poll(self):
        return self.ask("poll", "poll", client="deaf")

    def replies(self, name):
        return [content for content, _ in self.heard if content.get("id") == name]


def greeted(widget):
    page = DeafPage(widget)
    assert page.ask("1", "hello", client="deaf")[0]["ok"]
    until(lambda: {"method": "custom", "content": {"type": "aside", "client": "deaf"}} in page.dropped)
    return page


@pytest.fixture
def engine():
    made = FakeEngine()
    made.gated = True
    yield made
    made.gated = False
    made.gate.release(1000)
    made.close()


@pytest.fixture
def play(engine):
    made = Playground(engine, "abc", temperature=0, max_new_tokens=4)
    yield made
    made.close()


def test_what_a_thread_answers_comes_with_the_next_poll(gpt):
    heat = AttentionHeatmap(gpt, "abc", layer=0, head=0).wait(20)
    page = greeted(heat)
    record = heat.info["record"]
    page.ask("2", "patch", record=record, layer=0, head=0, variant="plain", row=0, col=0)
    until(lambda: page.poll() and page.replies("2"))
    (answer,) = page.replies("2")
    assert answer["ok"], answer
    heat.close()


def test_what_a_thread_sets_comes_with_the_next_poll(gpt):
    heat = AttentionHeatmap(gpt, "abc").wait(20)
    page = greeted(heat)
    page.poll()
    before = page.state["info"]["record"]
    heat.text = "another text"
    heat.wait(20)
    assert page.state["info"]["record"] == before
    until(lambda: page.poll() and page.state["info"]["record"] != before and page.state["status"] == "ready")
    assert page.state["info"] == heat.info
    heat.close()


def test_tokens_come_with_the_polls_while_a_run_writes(play, engine):
    page = greeted(play)
    assert page.ask("2", "run")[0]["ok"]

    def told():
        page.poll()
        return [content for content, _ in page.heard if content.get("kind") == "tokens"]

    for written in range(1, 5):
        engine.gate.release(1)
        until(lambda wanted=written: len(told()) >= wanted)
    until(lambda: page.poll() and page.state["status"] == "ready")
    seqs = [content["seq"] for content, _ in page.heard if content["type"] == "event"]
    assert seqs == list(range(seqs[0], seqs[0] + len(seqs)))


def test_nothing_is_kept_for_a_page_that_hears_threads():
    box = Outbox()
    box.keep({"n": 0}, [])
    assert box.take() == []
    box.greeted("a")
    box.greeted("b")
    box.keep({"n": 1}, [])
    box.heard("a")
    assert box.take() == [({"n": 1}, [])]
    box.keep({"n": 2}, [])
    box.heard("b")
    assert box.take() == []


def test_what_is_kept_has_an_end(monkeypatch):
    monkeypatch.setattr(outbox, "MOST", 3)
    monkeypatch.setattr(outbox, "MOST_BYTES", 100)
    box = Outbox()
    box.greeted("a")
    for n in range(5):
        box.keep({"n": n}, [])
    assert [content["n"] for content, _ in box.take()] == [2, 3, 4]
    for n in range(3):
        box.keep({"n": n}, [bytes(60)])
    assert [content["n"] for content, _ in box.take()] == [2]


def test_a_cell_and_an_answer_are_heard_in_every_host_and_a_thread_is_not():
    box, said = Outbox(), []
    assert not box.aside()

    def work():
        said.append(box.aside())
        with box.answering():
            said.append(box.aside())
        said.append(box.aside())

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert said == [True, False, True]
