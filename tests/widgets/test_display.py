from __future__ import annotations

import base64
import gc
import threading

import pytest

from gptwidgets.widgets import display, standing
from gptwidgets.widgets.heatmap import AttentionHeatmap
from tests.widgets.conftest import FakePage, causal

PNG = b"\x89PNG" + bytes(100)


@pytest.fixture
def notebook(notebook, monkeypatch):
    monkeypatch.setattr(display, "PICTURE_WITHIN", 0.05)
    monkeypatch.setattr(AttentionHeatmap, "_python_picture", lambda *_: PNG + b"python")
    return notebook


def picture(still: dict) -> bytes:
    return base64.b64decode(still["image/png"])


def test_a_picture_stands_under_the_live_widget(notebook, later, weights):
    heat = AttentionHeatmap(weights).wait(20)
    notebook.show(heat)
    (name, live), (still, _) = notebook.outputs
    assert name is None
    assert live["application/vnd.jupyter.widget-view+json"]["model_id"] == heat.model_id
    assert live["text/plain"] == "AttentionHeatmap()"
    assert repr(heat) == f"AttentionHeatmap(10 tokens, layer {heat.layer} head {heat.head}, ready)"
    assert still
    assert picture(notebook.outputs[1][1]) == display.BLANK
    later[0]()  # no page has sent one in time
    notebook.until(lambda: picture(notebook.still) == PNG + b"python")
    assert "image/png" not in live


def test_the_browsers_own_picture_takes_its_place(notebook, later, weights):
    heat = AttentionHeatmap(weights).wait(20)
    notebook.show(heat)
    page = FakePage(heat)
    page.ask("hello")
    assert page.heard[0][0]["kind"] == "picture_please"
    assert page.ask("picture", PNG)[0]["ok"]
    assert picture(notebook.still) == PNG
    assert later
    assert not any(job() for job in later)
    assert picture(notebook.still) == PNG
    for wrong in (b"GIF89a", PNG + bytes(200_000)):
        assert page.ask("picture", wrong)[0]["error"]["type"] == "ValueError"
    assert picture(notebook.still) == PNG


def test_where_nobody_looks_it_waits_for_the_picture(notebook, gpt):
    notebook.metadata = {}  # as nbclient and nbconvert send it
    notebook.show(AttentionHeatmap(gpt, "abc"))
    assert picture(notebook.still) == PNG + b"python"
    assert not notebook.callbacks


def test_where_nobody_looks_errors_do_not_hold_it_up(notebook, gpt):
    notebook.metadata = {}
    notebook.show(AttentionHeatmap(gpt, 3.5))
    assert notebook.still.keys() == {"text/plain"}
    assert "text" in notebook.still["text/plain"]
    notebook.show(AttentionHeatmap(gpt))
    assert picture(notebook.still) == display.BLANK


def test_an_error_that_a_page_shows_is_not_said_again_below(notebook, later, gpt):
    heat = AttentionHeatmap(gpt, 3.5)
    with pytest.raises(TypeError):
        heat.wait(20)
    notebook.show(heat)
    assert "text" in notebook.still["text/plain"]
    FakePage(heat).ask("hello")
    assert picture(notebook.still) == display.BLANK
    assert not notebook.still["text/plain"]


def test_where_nobody_looks_no_cell_puts_another_to_sleep(notebook, weights):
    notebook.metadata = {}
    one = AttentionHeatmap(weights)
    notebook.show(one)
    notebook.run = 2
    notebook.show(AttentionHeatmap(weights))
    assert one.first


def test_a_sentence_appears_when_no_page_answers_and_goes_when_one_does(notebook, weights, monkeypatch):
    monkeypatch.setattr(standing, "ANSWER_WITHIN", 0.05)
    heat = AttentionHeatmap(weights).wait(20)
    notebook.show(heat)
    notebook.until(lambda: "text/html" in notebook.still)
    assert "anywidget" in notebook.still["text/plain"]
    assert "environment that runs JupyterLab" in notebook.still["text/plain"]
    page = FakePage(heat)
    page.ask("hello")
    assert "text/html" not in notebook.still


def test_in_a_terminal_there_is_only_the_text(notebook, weights, monkeypatch):
    monkeypatch.setattr(standing, "shell_here", lambda: None)
    notebook.show(AttentionHeatmap(weights, layer=0, head=1).wait(20))
    assert [data for _, data in notebook.outputs] == [
        {"text/plain": "AttentionHeatmap(10 tokens, layer 0 head 1, ready)"}
    ]


def test_each_display_has_its_picture(notebook, weights):
    heat = AttentionHeatmap(weights).wait(20)
    page = FakePage(heat)
    page.ask("hello")
    notebook.show(heat)
    notebook.show(heat)
    page.ask("picture", PNG)
    stills = [data for name, data in notebook.outputs if name]
    assert [picture(still) for still in stills] == [PNG, PNG]
    assert len({name for name, _ in notebook.outputs if name}) == 2


def test_what_an_earlier_run_of_the_cell_showed_goes_to_sleep_and_wakes(notebook, gpt):
    one = AttentionHeatmap(gpt, "abc").wait(20)
    notebook.show(one)
    one._view_count = 1
    notebook.run = 2
    two = AttentionHeatmap(gpt, "abc").wait(20)
    notebook.show(two)
    assert one.first  # a page still shows it
    one._view_count = 0
    assert (one.first, one.tokens, one._record) == (b"", {}, None)
    assert two.first
    one._view_count = 1
    assert one.wait(20).first == two.first
    assert one.weights().shape == (3, 3)


def test_a_sleeping_widget_still_answers_python(notebook, gpt):
    one = AttentionHeatmap(gpt, "abc").wait(20)
    notebook.show(one)
    before = one.weights()
    notebook.run = 2
    notebook.show(AttentionHeatmap(gpt, "abc").wait(20))
    assert one._asleep
    assert (one.weights() == before).all()


def test_what_wakes_is_as_it_was(notebook, gpt):
    one = AttentionHeatmap(gpt, "abcdef").wait(20)
    one.choose(1, "max")
    one.query, one.view, one.hide_sink = 4, [0, 0, 3, 3], False
    before, opening = one.state(), one.opening_name
    notebook.run = 2
    AttentionHeatmap(gpt, "abc").wait(20)
    assert one._asleep
    one._view_count = 1
    assert one.wait(20).state() == before
    assert one.opening_name.split("|")[1:4] == ["plain", "1", "max"] != opening


def test_a_recording_that_nobody_waits_for_any_more_is_stopped(notebook, gpt):
    with gpt.lock:  # it does not come to its end
        one = AttentionHeatmap(gpt, "abc")
        notebook.show(one)
        notebook.run = 2
        two = AttentionHeatmap(gpt, "abcd")
    assert two.wait(20).status == "ready"
    assert one.error["type"] == "Cancelled"


def test_running_a_cell_again_and_again_costs_little(notebook, gpt):
    import tracemalloc

    def again():
        notebook.run += 1
        notebook.show(AttentionHeatmap(gpt, "a" * 200).wait(20))
        gc.collect()

    for _ in range(3):
        again()
    tracemalloc.start()
    again()
    before = tracemalloc.get_traced_memory()[0]
    for _ in range(5):
        again()
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert grown / 5 < 300_000
    assert threading.active_count() < 50


def test_long_arrays_are_pictured_too(notebook):
    heat = AttentionHeatmap(causal(1, 1, 300)).wait(20)
    notebook.show(heat)
    notebook.until(lambda: picture(notebook.still) == PNG + b"python")
