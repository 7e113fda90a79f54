from __future__ import annotations

import numpy as np
import pytest
import torch

import gptwidgets as gw
from gptwidgets.errors import ClosedError, NotBuiltError, TextError
from gptwidgets.kernel.record import AttentionRecord
from gptwidgets.widgets import base, heatmap
from gptwidgets.widgets.heatmap import AttentionHeatmap
from tests.widgets.conftest import WORDS

# What it is made of


def test_an_array_is_shown_with_its_words(heat, weights):
    assert heat.status == "ready"
    assert heat.tokens["pieces"] == WORDS
    assert heat.info["layers"] == [0, 1]
    assert (heat.info["length"], heat.info["n_heads"], heat.info["causal"]) == (10, 4, True)
    assert heat.hide_sink
    assert not heat.editable
    np.testing.assert_allclose(heat.weights(), weights[heat.layer, heat.head], atol=1e-6)


def test_a_torch_tensor_a_single_head_and_a_record_do_as_well(weights):
    assert AttentionHeatmap(torch.tensor(weights)).wait(20).info["length"] == 10
    assert AttentionHeatmap(weights[0, 0]).wait(20).info["n_heads"] == 1
    record = AttentionRecord.from_arrays(weights, WORDS)
    assert AttentionHeatmap(record).wait(20).record is record


def test_signed_and_two_sided_arrays_keep_their_first_column():
    both = np.random.default_rng(0).random((1, 1, 5, 5))
    assert not AttentionHeatmap(both).wait(20).hide_sink
    signed = AttentionHeatmap(np.tril(both) - 0.5 * np.tril(np.ones((5, 5)))).wait(20)
    assert signed.info["signed"]
    assert signed.info["vmax"] == pytest.approx(np.abs(np.tril(both - 0.5)).max(), abs=1e-6)
    assert not signed.hide_sink


def test_a_gpt_reads_a_text(gpt):
    heat = AttentionHeatmap(gpt, "A cat sat.")
    assert heat.editable
    assert heat.wait(20).tokens["pieces"] == list("A cat sat.")
    assert heat.info["name"] == "tiny"
    assert heat.text == "A cat sat."
    np.testing.assert_allclose(heat.weights().sum(-1), 1, atol=1e-5)


def test_ids_and_an_empty_widget(gpt):
    heat = AttentionHeatmap(gpt, [10, 11, 12]).wait(20)
    assert heat.tokens["ids"] == [10, 11, 12]
    assert heat.text == heat.record.tokens.text
    empty = AttentionHeatmap(gpt)
    assert empty.status == "empty"
    with pytest.raises(TextError, match=r"set heat\.text first"):
        empty.wait()
    empty.text = "now"
    assert empty.wait(20).info["length"] == 3


@pytest.mark.parametrize(
    ("source", "options", "sentence"),
    [
        (None, {}, "needs a GPT"),
        ("a text", {}, "GPT first and the text second"),
        (np.eye(3), {"text": "x"}, "Only a GPT can read"),
        (object(), {}, "array"),
        (np.eye(3), {"colour": "x"}, "no option 'colour'"),
        (np.eye(3), {"hidesink": False}, "did you mean 'hide_sink'"),
        (np.eye(3), {"status": "ready"}, "no option 'status'"),
        (np.eye(3), {"layer": 1.5}, "layer is a whole number"),
        (np.eye(3), {"head": True}, "head is a whole number"),
        (np.eye(3), {"head": "first"}, "L18H6"),
    ],
)
def test_wrong_things_are_refused_in_a_sentence(source, options, sentence):
    with pytest.raises(TypeError, match=sentence) as error:
        AttentionHeatmap(source, **options)
    assert "\n" not in str(error.value)


def test_a_closed_gpt_and_tokens_for_a_gpt_are_refused(gpt):
    with pytest.raises(TypeError, match="makes its own tokens"):
        AttentionHeatmap(gpt, "x", tokens=["x"])
    gpt.close()
    with pytest.raises(ClosedError, match="closed"):
        AttentionHeatmap(gpt, "x")


def test_without_its_front_end_it_says_how_to_build_it(front_end, weights):
    (front_end / "heatmap.js").unlink()
    base.front_end.cache_clear()
    with pytest.raises(NotBuiltError, match="make lab"):
        AttentionHeatmap(weights)


def test_the_public_name_is_this_class():
    assert gw.AttentionHeatmap is heatmap.AttentionHeatmap


# What follows from a choice


def test_the_sentence_follows_head_and_token_at_once(heat, page):
    heat.choose(0, 1)
    heat.query = 5
    strongest = 1 + heat.weights(rows=5)[1:].argmax()
    assert heat.sentence.startswith(f"layer 0 head 1: 'w5' looks most at 'w{strongest}'")
    heat.set_state({"query": 6})
    page(heat).until(lambda: "'w6' looks" in heat.sentence)


def test_hiding_the_first_token_or_not_renews_the_grid(heat, page):
    heard = page(heat)
    before, record = heat.first, heat.info["record"]
    heat.hide_sink = False
    heard.until(lambda: heat.first_name == f"{record}|plain|1")
    assert heat.first != before
    heat.hide_sink = True
    heard.until(lambda: heat.first_name == f"{record}|no_sink|1")
    assert heat.first == before


def test_the_chosen_head_becomes_the_picture_that_stays(heat, page, monkeypatch):
    monkeypatch.setattr(heatmap, "SETTLED", 0.01)
    heard = page(heat)
    heat.choose("mean", 2)
    heat.choose(1, "max")
    name = heat.info["record"]
    heard.until(lambda: heat.opening_name == f"{name}|no_sink|1|max|0|1")
    assert len(heat.opening) == 100


def test_sorting_by_induction_measures_it(gpt, page):
    heat = AttentionHeatmap(gpt, "abcabc").wait(20)
    heard = page(heat)
    assert not heat.scores["induction"]
    heat.sort = "induction"
    heard.until(lambda: heat.scores["induction"])
    assert heat.scores["columns"][-1] == "induction"
    assert all(0 <= row[-1] <= 1 for row in heat.scores["rows"])
    assert AttentionHeatmap(gpt, "abc", sort="induction").wait(20)
    heat.text = "xyz"  # the model's, not the text's: it is still known
    assert heat.wait(20).scores["induction"]


def test_where_induction_cannot_be_measured_a_note_says_why(heat, gpt):
    assert heat.info["model"] is False
    heat.sort = "induction"
    heat.filter = ["induction", 0.5, None]
    why = "Induction cannot be measured: it takes an open model to read random tokens, and"
    assert [note for note in heat.notes if note.startswith("Induction")] == [
        f"{why} a record of one text is all there is here."
    ]
    other = AttentionHeatmap(gpt, "abc").wait(20)
    assert other.info["model"] is True
    gpt.close()
    assert other.info["model"] is False
    other.filter = ["induction", 0.5, None]
    assert other.notes[-1] == f"{why} tiny is closed."


# From the browser


def test_the_browser_writes_what_it_may(heat):
    heat.set_state({"layer": 1, "head": "max", "query": 3, "view": [0, 0, 5, 5], "scale": "log"})
    assert (heat.layer, heat.head, heat.query, heat.view, heat.scale) == (1, "max", 3, [0, 0, 5, 5], "log")


@pytest.mark.parametrize(
    "wrong", [{"layer": 99}, {"status": "empty"}, {"scale": "cubic"}, {"first": b"x"}, {"query": "x"}]
)
def test_what_it_may_not_write_is_answered_by_the_truth(heat, page, wrong):
    heard = page(heat)
    truth = {name: getattr(heat, name) for name in wrong}
    updates = []
    heat._send = lambda message, **_: updates.append(message)
    heat.set_state(wrong)
    assert {name: getattr(heat, name) for name in wrong} == truth
    sent = [message for message in updates if message["method"] == "update"]
    assert any(
        set(wrong) <= set(message["state"]) | {path[0] for path in message["buffer_paths"]}
        for message in sent
    )
    del heard


def test_no_text_can_break_a_message(gpt):
    nasty = "</script><img onerror=alert(1)>\x00 \ud83d family"
    heat = AttentionHeatmap(gpt, title=nasty)
    heat.text = nasty
    with pytest.raises(TextError):
        heat.wait(20)
    state = heat.get_state(["text", "title", "error"])
    for value in (state["text"], state["title"], state["error"]["message"]):
        value.encode("utf-8")
    heat.text = "good"
    assert heat.wait(20).status == "ready"


def test_every_trait_says_what_it_is():
    names = AttentionHeatmap.class_trait_names(sync=True)
    ours = [
        name for name in names if not name.startswith("_") and name not in {"layout", "tabbable", "tooltip"}
    ]
    assert len(ours) >= 39
    assert all(AttentionHeatmap.class_traits()[name].help for name in ours)


# What is said of it


def test_a_signed_array_gets_no_kinds_and_one_that_looks_both_ways_other_words():
    signed = AttentionHeatmap(np.random.default_rng(0).normal(size=(2, 4, 8, 8))).wait(20)
    assert signed.kind_of == []
    assert signed.svg().count("word each token picks out") == 0
    both = AttentionHeatmap(np.full((1, 1, 40, 40), 1 / 40)).wait(20)
    assert both.kind_of == [(0, 0, "broad")]
    assert both.kinds["broad"] == "No single bright cell: each token averages over much of the text."
    assert both.kinds["broad"] in both.svg()


def test_a_single_token_is_shown(gpt):
    heat = AttentionHeatmap(gpt, "a").wait(20)
    assert not heat.hide_sink
    assert set(heat.first) == {255}
    assert heat.kinds[heat.kind_of[0][2]].startswith("A single token has nowhere to look")
    heat.text = "ab"
    assert heat.wait(20).hide_sink


def test_merged_heads_are_described_as_they_were_merged(heat):
    heat.choose("mean", "max")
    assert heat.kinds["mean of max"] in heat.svg()
    heat.choose("max", 0)
    assert heat.kinds["max"] in heat.svg()
