"""What stays in a saved notebook."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

from gptwidgets.widgets import standing
from gptwidgets.widgets.playground import still
from gptwidgets.widgets.playground.playground import Playground
from gptwidgets.widgets.playground.tokens import TokenColumns
from tests.waiting import until

NASTY = "</pre></div><script>alert(1)</script> [x](javascript:alert(1)) &amp; \ud83d \x00"


class Reader(HTMLParser):
    """The elements and the text of a piece of HTML."""

    def __init__(self, html: str):
        super().__init__()
        self.tags: set[str] = set()
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)

    def handle_data(self, data):
        self.text += data


def test_the_last_text_stands_under_the_live_widget(notebook, engine, play):
    notebook.show(play)
    (none, live), (name, _) = notebook.outputs
    assert none is None
    assert live["application/vnd.jupyter.widget-view+json"]["model_id"] == play.model_id
    assert live["text/plain"] == "Playground(fake)"
    run = play.run().wait(20)
    notebook.until(lambda: notebook.still["text/plain"] == "abc" + run.text)
    read = Reader(notebook.still["text/html"])
    assert read.tags == {"div", "pre", "span", "p", "small"}
    assert ("abc" + run.text) in read.text
    assert "fake: 11 tokens." in read.text
    assert name
    assert 'class="gw-playground-still"' in notebook.still["text/html"]
    before = notebook.still["text/html"]
    play.color = "none"
    assert "background" in before
    assert "background" not in notebook.still["text/html"]


def test_where_nobody_looks_it_waits_for_the_text(notebook, play):
    notebook.metadata = {}  # as nbclient and nbconvert send it
    run = play.run()
    notebook.show(play)
    assert run.done
    assert notebook.still["text/plain"] == "abc" + run.text


def test_an_error_stands_there_too(notebook, engine):
    notebook.metadata = {}
    play = Playground(engine)
    play.run()
    notebook.show(play)
    assert "nothing to read" in notebook.still["text/plain"]


def test_a_sentence_appears_when_no_page_answers_and_goes_when_one_does(notebook, play, page, monkeypatch):
    monkeypatch.setattr(standing, "ANSWER_WITHIN", 0.02)
    notebook.show(play)
    notebook.until(lambda: "anywidget" in notebook.still["text/plain"])
    assert "playground" in notebook.still["text/html"]
    page(play).ask("hello")
    assert "anywidget" not in notebook.still["text/plain"]


def test_what_an_earlier_run_of_the_cell_made_stops(notebook, engine, play):
    notebook.show(play)
    engine.gated = True
    play._view_count = 1
    run = play.run()
    until(lambda: run.nodes)
    notebook.run = 2
    other = Playground(engine, "x", max_new_tokens=2)
    notebook.show(other)
    assert not run.done  # a page still shows it
    play._view_count = 0
    assert run.wait(20).status == "stopped"


def test_in_a_terminal_there_is_only_the_text(notebook, play, monkeypatch):
    monkeypatch.setattr(standing, "shell_here", lambda: None)
    notebook.show(play)
    assert [data for _, data in notebook.outputs] == [{"text/plain": "Playground(fake, empty, 0 nodes)"}]


def test_all_text_is_escaped():
    columns = TokenColumns.of([1], [NASTY])
    html = still.html(columns, 0, "probability", [NASTY])
    read = Reader(html)
    assert read.tags == {"div", "pre", "p", "small"}
    assert "</pre></div><script>alert(1)</script>" in read.text
    assert html.encode()
    assert "\x00" not in html


@pytest.mark.parametrize("piece", ["x", "<&\"'>", "日本語", "\x00"])
def test_long_texts_stay_under_the_limit_and_keep_their_end(piece):
    columns = TokenColumns.of(range(60_000), [*([piece] * 59_999), "END"])
    for at in range(0, 60_000, 2):
        columns.set_at(at, logprob=-3.0)
    html = still.html(columns, 10, "probability", ["A caption."])
    assert len(html.encode()) <= still.MOST
    assert len(html.encode()) > still.MOST / 2
    text = Reader(html).text
    assert text.startswith("…")
    assert "END" in text
    one = still.html(TokenColumns.of([1], [piece * 600_000]), 0, "none", [])
    assert len(one.encode()) <= still.MOST


@pytest.mark.parametrize("color", ["probability", "surprise"])
def test_the_less_probable_the_darker(color):
    columns = TokenColumns.of(range(4), "abcd")
    for at, logprob in enumerate([-0.01, -1.0, -4.0, -12.0]):
        columns.set_at(at, logprob=logprob, entropy=1.0, rank=at)
    levels = still.levels_of(columns, color).tolist()
    assert levels == sorted(levels)
    assert levels[0] == 0
    assert levels[-1] > levels[0]
    assert still.levels_of(TokenColumns.of([1], ["x"]), color).tolist() == [0]
    assert re.search(r"rgba\(214,104,20,0\.\d\d\)", still.html(columns, 0, color, []))
