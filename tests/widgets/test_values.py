"""What may be chosen, and in which words."""

from __future__ import annotations

import numpy as np
import pytest
import traitlets

from gptwidgets.widgets.heatmap import AttentionHeatmap


def test_a_head_is_chosen_by_number_by_name_and_by_choose(heat):
    heat.layer, heat.head = 0, 3
    heat.head = "L1H2"
    assert (heat.layer, heat.head) == (1, 2)
    heat.layer = "l0h1"
    assert (heat.layer, heat.head) == (0, 1)
    assert heat.choose("mean", 3) is heat
    assert (heat.layer, heat.head) == ("mean", 3)
    heat.choose("L1H0").choose(np.int64(0), np.int32(1))
    assert (heat.layer, heat.head) == (0, 1)
    assert isinstance(heat.layer, int)


def test_naming_a_head_tells_observers_of_a_whole_head_only(heat):
    heat.choose(0, 0)
    seen = []
    heat.observe(lambda _: seen.append((heat.layer, heat.head)), ["layer", "head"])
    heat.head = "L1H2"
    assert set(seen) == {(1, 2)}


@pytest.mark.parametrize(
    ("set_it", "sentence"),
    [
        (lambda heat: setattr(heat, "layer", 40), "layer 40 does not exist; this model has layers 0 to 1"),
        (lambda heat: setattr(heat, "layer", -1), "layer -1 does not exist"),
        (lambda heat: setattr(heat, "head", "L1H9"), "head 9 does not exist; this model has heads 0 to 3"),
        (lambda heat: heat.choose(0, 4), "head 4 does not exist"),
        (lambda heat: setattr(heat, "query", 10), "token 10 does not exist; this text has tokens 0 to 9"),
        (lambda heat: setattr(heat, "key", -11), "token -11 does not exist"),
    ],
)
def test_out_of_range_is_an_index_error_and_changes_nothing(heat, set_it, sentence):
    before = heat.state()
    with pytest.raises(IndexError, match=sentence):
        set_it(heat)
    assert heat.state() == before


def test_an_array_knows_its_layers_at_once(weights):
    with pytest.raises(IndexError, match="layer 40 does not exist; this model has layers 0 to 1"):
        AttentionHeatmap(weights, layer=40)
    heat = AttentionHeatmap(weights, layer=1, head=2, query=-1).wait(20)
    assert (heat.layer, heat.head, heat.query) == (1, 2, 9)


def test_layers_that_were_not_recorded_do_not_exist(gpt):
    heat = AttentionHeatmap(gpt.record("abc", layers=[1])).wait(20)
    assert heat.layer == 1
    with pytest.raises(IndexError, match=r"layer 0 does not exist; this record has layers 1$"):
        heat.layer = 0


def test_the_model_knows_its_layers_before_the_text_is_read(gpt):
    with pytest.raises(IndexError, match="layer 2 does not exist; this model has layers 0 to 1"):
        AttentionHeatmap(gpt, "abc", layer=2)
    heat = AttentionHeatmap(gpt, "abc", head="L1H3").wait(20)
    assert (heat.layer, heat.head) == (1, 3)


def test_negative_tokens_count_from_the_end(heat):
    heat.query = -1
    assert heat.query == 9
    heat.query = None
    assert heat.query is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("view", [0, 0, 4]),
        ("view", [0, 0, -1, 2]),
        ("view", [0, 0, float("nan"), 2]),
        ("view", "all"),
        ("filter", ["entropy", 1]),
        ("filter", ["beauty", 0, 1]),
        ("scale", "cubic"),
        ("height", 10_000),
        ("sort", "beauty"),
        ("hide_sink", "yes"),
        ("query", 1.5),
    ],
)
def test_values_that_cannot_be_are_refused(heat, name, value):
    with pytest.raises((traitlets.TraitError, ValueError, TypeError)):
        setattr(heat, name, value)


def test_values_that_can_be_are_kept(heat):
    heat.view = (1, 2.5, 3, 4)
    assert heat.view == [1, 2.5, 3, 4]
    heat.filter = ["entropy", 1, None]
    assert heat.filter == ["entropy", 1, None]
    heat.view = []
    assert heat.view == []


def test_what_only_python_writes_is_read_only(heat):
    with pytest.raises(traitlets.TraitError, match="read-only"):
        heat.status = "empty"
    with pytest.raises(TypeError, match="only a GPT can read"):
        heat.text = "another"
