from __future__ import annotations

import pytest

from gptwidgets.errors import Cancelled, TextError
from gptwidgets.kernel import tiles
from gptwidgets.kernel.pooling import pool_codes
from gptwidgets.widgets import recording
from gptwidgets.widgets.heatmap import AttentionHeatmap
from tests.waiting import until
from tests.widgets.conftest import FakePage


def test_construction_returns_at_once_and_tells_how_it_goes(gpt, gate):
    heat = AttentionHeatmap(gpt, "abc")
    assert heat.status == "recording"
    assert heat.progress["stage"] == "recording"
    with pytest.raises(TimeoutError, match="Not ready after"):
        heat.wait(0.05)
    gate.release()
    assert heat.wait(20).status == "ready"
    assert heat.progress == {}


def test_the_latest_text_wins(gpt, gate):
    heat = AttentionHeatmap(gpt, "first")
    heat.text = "second text"
    heat.text = "the third"
    gate.release(3)
    assert heat.wait(20).tokens["pieces"] == list("the third")
    assert heat.text == "the third"
    gpt._model_worker.submit(lambda: None, priority=-9).result(20)  # nothing is left to be read
    assert heat.tokens["pieces"] == list("the third")
    assert heat.error == {}


def test_stop_says_that_it_was_stopped_and_can_be_done_again(gpt, gate):
    heat = AttentionHeatmap(gpt, "abc")
    page = FakePage(heat)
    page.ask("stop")
    with pytest.raises(Cancelled):
        heat.wait(20)
    assert (heat.status, heat.error["type"]) == ("error", "Cancelled")
    assert heat.error["action"]
    gate.release()
    page.ask("again")
    assert heat.wait(20).status == "ready"
    assert heat.error == {}


def test_what_was_there_before_a_stop_stays(gpt, gate):
    gate.release()
    heat = AttentionHeatmap(gpt, "abc").wait(20)
    before = heat.first, heat.tokens, heat.info
    heat.text = "abcd"
    heat.stop()
    with pytest.raises(Cancelled):
        heat.wait(20)
    assert (heat.first, heat.tokens, heat.info) == before
    page = FakePage(heat)
    assert page.ask("line", **page.about(layer=0, head=0, query=1))[0]["ok"]


def test_an_interrupt_while_waiting_stops_the_job(gpt, gate, monkeypatch):
    heat = AttentionHeatmap(gpt, "abc")

    def interrupted(_seconds):
        raise KeyboardInterrupt

    monkeypatch.setattr(heat._run.done, "wait", interrupted)
    with pytest.raises(KeyboardInterrupt):
        heat.wait()
    assert heat._run.token.cancelled
    gate.release()
    heat.text = "after"
    assert heat.wait(20).status == "ready"


@pytest.mark.parametrize("text", [[], "half \ud800"])
def test_a_text_that_cannot_be_read_is_an_error_and_the_next_one_works(gpt, text):
    heat = AttentionHeatmap(gpt, text)
    with pytest.raises(TextError) as error:
        heat.wait(20)
    assert heat.status == "error"
    assert heat.error == {"type": "TextError", "message": str(error.value), "action": "Change the text."}
    heat.text = "good"
    assert heat.wait(20).error == {}


@pytest.mark.parametrize(
    "text", ["x", "   ", "a\x00b\x07", "👨‍👩‍👧 fam", "שלום hello", "</script><img src=x onerror=alert(1)>"]
)
def test_strange_texts_are_shown(gpt, text):
    heat = AttentionHeatmap(gpt, text).wait(20)
    assert heat.status == "ready"
    assert heat.info["length"] == len(text.encode())
    assert heat.text == text


@pytest.mark.parametrize("wrong", [3.5, object(), [1.5], b"bytes", {"role": "user"}])
def test_wrong_types_of_text_are_an_error(gpt, wrong):
    heat = AttentionHeatmap(gpt, wrong)
    with pytest.raises((TypeError, TextError)):
        heat.wait(20)
    assert heat.status == "error"
    heat.text = "good"
    assert heat.wait(20).status == "ready"


def test_no_text_is_the_empty_state(gpt):
    heat = AttentionHeatmap(gpt, "")
    assert (heat.status, heat.error) == ("empty", {})
    heat.text = "abc"
    heat.wait(20).query = 1
    heat.text = ""
    assert (heat.status, heat.error, heat.info, heat.first, heat.query) == ("empty", {}, {}, b"", None)
    with pytest.raises(TextError, match="nothing to wait for"):
        heat.weights()
    heat.text = "abcd"
    assert heat.wait(20).info["length"] == 4


def test_a_failed_text_is_not_taken_for_that_of_the_picture(gpt):
    heat = AttentionHeatmap(gpt, "abcdef").wait(20)
    heat.text = "half \ud83d"
    with pytest.raises(TextError):
        heat.wait(20)
    heat._record.close()  # as the budget does it
    page = FakePage(heat)
    content, (data,) = page.ask("line", **page.about(layer=1, head=2, query=5))
    assert content["ok"]
    assert len(data) == 6 * 4


@pytest.mark.parametrize("asks", [lambda heat: heat.back(), lambda heat: FakePage(heat).ask("back")])
def test_after_a_failed_text_the_one_before_is_there_again_and_nothing_is_read(gpt, asks, monkeypatch):
    heat = AttentionHeatmap(gpt, "abcdef").wait(20)
    before = heat.weights()
    heat.text = "half \ud83d"
    with pytest.raises(TextError) as failed:  # these are not the weights of that text
        heat.weights()
    assert "heat.back()" in failed.value.__notes__[0]
    monkeypatch.setattr(type(gpt), "record", None)
    asks(heat)
    assert (heat.status, heat.text, heat.error) == ("ready", "abcdef", {})
    assert (heat.weights() == before).all()


def test_a_recording_that_runs_is_left_for_the_text_before(gpt, gate):
    gate.release()
    heat = AttentionHeatmap(gpt, [1, 2, 3]).wait(20)
    heat.text = "another"
    heat.back()
    gate.release()
    gpt._model_worker.submit(lambda: None, priority=-9).result(20)  # nothing is left to be read
    assert (heat.status, heat.info["length"], heat.text) == ("ready", 3, heat.record.tokens.text)
    heat.text = "next"
    assert heat.wait(20).weights().shape == (4, 4)


def test_the_text_before_becomes_exact_where_the_other_came_between(gpt, monkeypatch):
    monkeypatch.setattr(recording, "BREATH", 3600.0)
    heat = AttentionHeatmap(gpt, "abcdefgh " * 40)
    until(lambda: heat.status == "ready")
    heat.text = "half \ud83d"
    with pytest.raises(TextError):
        heat.wait(20)
    assert heat.scores["sampled"]
    monkeypatch.setattr(recording, "BREATH", 0.01)
    heat.back().wait(60)
    assert not heat.scores["sampled"]


def test_where_nothing_was_before_there_is_no_way_back(gpt):
    heat = AttentionHeatmap(gpt, "half \ud83d")
    with pytest.raises(TextError) as failed:
        heat.wait(20)
    assert not hasattr(failed.value, "__notes__")
    with pytest.raises(TextError, match="no text before"):
        heat.back()
    assert heat.status == "error"


def test_two_widgets_on_one_model_do_not_disturb_each_other(gpt):
    one, two = AttentionHeatmap(gpt, "abc"), AttentionHeatmap(gpt, "defgh")
    assert one.wait(20).tokens["pieces"] == list("abc")
    assert two.wait(20).tokens["pieces"] == list("defgh")
    one.choose(1, 3)
    two.choose(0, 0)
    assert (one.layer, one.head, two.layer, two.head) == (1, 3, 0, 0)
    assert one.info["record"] != two.info["record"]


def test_a_head_that_somebody_chose_survives_a_new_text(gpt):
    heat = AttentionHeatmap(gpt, "abc abc").wait(20)
    heat.choose(1, 3)
    heat.query = 2
    heat.text = "something else"
    assert (heat.wait(20).layer, heat.head, heat.query) == (1, 3, None)
    assert heat.opening_name.split("|")[2:4] == ["1", "3"]


def test_a_token_chosen_while_the_text_is_read_is_kept(gpt, gate):
    heat = AttentionHeatmap(gpt, "abc abc", query=-1, view=[0, 0, 3, 3])
    heat.key = 2
    gate.release()
    heat.wait(20)
    assert (heat.query, heat.key, heat.view) == (6, 2, [0, 0, 3, 3])
    heat.text = "a longer text than before"
    heat.query = 20
    gate.release()
    assert (heat.wait(20).query, heat.key, heat.view) == (20, None, [])
    heat.text = "short"
    heat.query = 5
    gate.release()
    assert heat.wait(20).query is None  # it has no such token


def test_long_texts_begin_sampled_and_can_be_made_exact(gpt):
    heat = AttentionHeatmap(gpt, "abcdefgh " * 125).wait(60)
    assert heat.info["length"] == 1125
    assert heat.scores["sampled"]
    assert heat.first_name.endswith("|0")
    page = FakePage(heat)
    page.answer(page.post("scores", exact=True))
    assert not heat.scores["sampled"]
    assert heat.first_name.endswith("|1")
    exact = heat.record.scores(sampled=False)
    shown = {(row[0], row[1]): row[2] for row in heat.scores["rows"]}
    assert shown[1, 2] == pytest.approx(exact.loc[(1, 2), "entropy"], abs=1e-4)


def test_texts_of_middle_length_begin_sampled_and_become_exact_by_themselves(gpt):
    seen: list[bool] = []
    heat = AttentionHeatmap(gpt)
    heat.observe(lambda change: seen.append(change["new"].get("sampled")), "scores")
    heat.text = "abcdefgh " * 40
    heat.wait(60)
    assert heat.info["length"] == 360
    assert seen == [True, False]
    exact = heat.record.scores()
    shown = {(row[0], row[1]): row[2] for row in heat.scores["rows"]}
    assert shown[1, 2] == pytest.approx(exact.loc[(1, 2), "entropy"], abs=1e-4)
    thumbnail = next(found for found in tiles.thumbnails(heat.record, [(0, 0)], sink_hidden=True) if found)[2]
    side = len(heat.first) // (2 * 4)
    small = pool_codes(thumbnail, signed=False)
    assert heat.first_name.endswith("|no_sink|1")
    assert heat.first[:side] == small.tobytes()
