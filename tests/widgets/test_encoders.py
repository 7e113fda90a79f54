"""An encoder in the widgets: its attention is shown to both sides, and a playground refuses it."""

from __future__ import annotations

import pytest

import gptwidgets as gw
from gptwidgets.errors import TextError
from gptwidgets.kernel.gpt import GPT
from tests.kernel.test_filling import TEXT, encoder, words


@pytest.fixture
def bert():
    with GPT(encoder(), words(), name="bert") as made:
        yield made


def test_the_heatmap_shows_both_sides(bert):
    heat = gw.AttentionHeatmap(bert, TEXT).wait()
    assert heat.status == "ready"
    assert heat.info["causal"] is False
    assert heat.hide_sink is False
    heat.layer, heat.head, heat.query = 1, 2, 1
    assert heat.record.weights(1, 2)[1, 2:].sum() > 0.1
    heat.heads_off = ["L1H2"]
    heat.wait()
    assert heat.status == "ready"
    assert heat.error == {}
    heat.close()


def test_a_playground_says_that_an_encoder_does_not_write(bert):
    with pytest.raises(TextError, match="bert reads both ways and does not write"):
        gw.Playground(bert)
