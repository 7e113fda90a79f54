from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from gptwidgets.widgets.heatmap import AttentionHeatmap


def test_a_state_goes_through_json_and_back(weights):
    one = AttentionHeatmap(weights).wait(20)
    one.choose(1, "max")
    one.query, one.direction, one.view, one.scale = 4, "to", [0, 0, 5, 5], "log"
    one.filter, one.sort, one.descending, one.title = ["entropy", None, 3], "distance", False, "A title"
    two = AttentionHeatmap(weights).wait(20)
    assert two.restore(json.dumps(one.state())) is two
    assert two.state() == one.state()
    assert json.loads(json.dumps(one.state())) == one.state()


def test_a_state_with_another_text_is_recorded_first(gpt):
    one = AttentionHeatmap(gpt, "one text").wait(20)
    one.choose(1, 2)
    one.query, one.hide_sink = 6, False
    two = AttentionHeatmap(gpt, "ab").wait(20)
    two.restore(one.state()).wait(20)
    assert two.state() == one.state()
    assert two.tokens == one.tokens
    assert two.opening_name.split("|")[1:4] == ["plain", "1", "2"]


def test_a_state_for_a_recording_that_runs_waits_for_it(gpt):
    heat = AttentionHeatmap(gpt, "some text")
    heat.restore({"layer": 1, "head": 3, "query": 5})
    heat.wait(20)
    assert (heat.layer, heat.head, heat.query) == (1, 3, 5)


def test_a_token_that_the_new_text_lacks_is_left_out(gpt):
    heat = AttentionHeatmap(gpt, "some text")
    heat.restore({"layer": 1, "head": 3, "query": 500})
    heat.wait(20)
    assert (heat.status, heat.layer, heat.head, heat.query) == ("ready", 1, 3, None)


@pytest.mark.parametrize(
    ("state", "error"),
    [
        ([], TypeError),
        ("[]", TypeError),
        ({"gptwidgets": 99}, TypeError),
        ({"colour": 1}, TypeError),
        ({"layer": 99}, IndexError),
        ("{", ValueError),
    ],
)
def test_what_is_no_state_is_refused(weights, state, error):
    heat = AttentionHeatmap(weights).wait(20)
    before = heat.state()
    with pytest.raises(error):
        heat.restore(state)
    assert heat.state() == before


@pytest.mark.parametrize(
    "read", [[200, 6, 7, 222, 33], np.array([200, 6, 7, 222, 33]), torch.tensor([200, 6, 7, 222, 33])]
)
def test_ids_survive_though_their_text_would_be_other_tokens(gpt, read):
    one = AttentionHeatmap(gpt, read).wait(20)
    state = json.loads(json.dumps(one.state()))
    other = AttentionHeatmap(gpt, "something").restore(state).wait(20)
    assert other.tokens["ids"] == [200, 6, 7, 222, 33]
    assert other.state() == state
    record = other.record
    assert other.restore(state).wait(20).record is record  # nothing to record anew
    again = one.restore({"text": one.text}).wait(20)
    assert again.tokens["ids"] == gpt.encode(again.text)


@pytest.mark.parametrize("wrong", [{"read": 5}, {"text": 5}])
def test_what_cannot_have_been_read_is_refused(gpt, wrong):
    heat = AttentionHeatmap(gpt, "abc").wait(20)
    with pytest.raises((TypeError, ValueError)):
        heat.restore(wrong)
    assert heat.text == "abc"
