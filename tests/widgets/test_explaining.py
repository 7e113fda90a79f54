"""A cell's arithmetic and the stages of a head, asked for by a page and set from Python."""

from __future__ import annotations

import numpy as np
import pytest

from gptwidgets.kernel.stages import STAGES, staged
from gptwidgets.widgets.heatmap import AttentionHeatmap
from gptwidgets.widgets.palette import Palette
from tests.widgets.conftest import causal


@pytest.fixture
def heat(gpt):
    made = AttentionHeatmap(gpt, "hello world", layer=1, head=0)
    return made.wait(20)


def about(heat, **fields):
    return {"record": heat.info["record"], "layer": 1, "head": 0, **fields}


def test_a_page_gets_the_numbers_of_the_record(heat, page):
    told, buffers = page(heat).ask("arithmetic", **about(heat, query=4, key=2))
    assert told["ok"]
    products = next(step for step in told["steps"] if step["name"] == "products")
    dot = next(step for step in told["steps"] if step["name"] == "dot")
    numbers = np.frombuffer(buffers[products["buffer"]], "<f4")
    np.testing.assert_allclose(numbers.sum(), dot["value"], atol=1e-5)
    weight = next(step for step in told["steps"] if step["name"] == "weight")
    np.testing.assert_allclose(weight["value"], heat.record.weights(1, 0)[4, 2], atol=1e-5)


@pytest.mark.parametrize(
    ("changed", "type_", "words"),
    [
        ({"record": "another"}, "StaleRecord", "earlier text"),
        ({"head": "mean"}, "TypeError", "one head"),
        ({"query": 99}, "IndexError", "99"),
        ({"key": 0.5}, "TypeError", "whole number"),
    ],
)
def test_what_cannot_be_is_refused_in_words(heat, page, changed, type_, words):
    told, _ = page(heat).ask("arithmetic", **about(heat, query=4, key=2) | changed)
    assert not told["ok"]
    assert told["error"]["type"] == type_
    assert words in told["error"]["message"]


def test_values_with_a_sign_have_no_arithmetic(page):
    heat = AttentionHeatmap(causal() - 0.1).wait(20)
    told, _ = page(heat).ask("arithmetic", **about(heat, query=4, key=2))
    assert "values with a sign" in told["error"]["message"]


def test_a_cell_is_a_query_and_a_key(heat):
    assert heat.cell is None
    heat.cell = (4, -1)
    assert (heat.query, heat.key, heat.cell) == (4, 10, (4, 10))
    heat.query = None
    assert heat.cell is None
    heat.cell = None
    assert heat.key is None


@pytest.mark.parametrize("cell", [3, (1,), (1, 2, 3), "ab", (None, 2), (0.5, 2), (True, 1)])
def test_what_is_no_cell_changes_nothing(heat, cell):
    heat.cell = (4, 2)
    with pytest.raises(TypeError):
        heat.cell = cell
    with pytest.raises(IndexError, match="token 99"):
        heat.cell = (3, 99)
    assert heat.cell == (4, 2)


def test_steps_end_where_the_arithmetic_does(heat):
    assert heat.step == 7
    for given, kept in ((3, 3), (-5, 0), (99, 7)):
        heat.step = given
        assert heat.step == kept
    with pytest.raises(TypeError, match="whole number"):
        heat.step = "two"
    assert heat.step == 7


@pytest.mark.parametrize("stage", STAGES)
def test_a_page_gets_any_stage_of_the_picture(heat, page, stage):
    there = page(heat)
    name = "plain" if stage == "softmax" else f"plain:{stage}"
    told, buffers = there.ask("tiles", **there.about(variant=name, tiles=[[1, 0, 0, 0, 0]]))
    shown = staged(heat.record, stage, 1, 0)
    (entry,) = told["tiles"]
    assert entry[8:] == ([] if stage == "softmax" else [pytest.approx(float(shown.vmax))])
    _, (numbers,) = there.ask("patch", **there.about(variant=name, layer=1, head=0, row=0, col=0))
    patch = np.frombuffer(numbers, "<f4").reshape(64, 64)[:11, :11]
    known = ~np.isnan(patch)
    np.testing.assert_allclose(patch[known], shown.weights(1, 0)[known], atol=1e-5)
    assert known[0, 5] == (stage in {"raw", "scaled"})
    assert len(buffers[0]) == 11 * 11
    _, (line,) = there.ask("line", **there.about(variant=name, layer=1, head=0, query=10))
    np.testing.assert_allclose(np.frombuffer(line, "<f4"), shown.weights(1, 0)[10], atol=1e-5)


def test_files_and_figures_show_the_stage(heat):
    heat.stage = "scaled"
    view = heat._picture(heat.record)
    assert view.record.signed
    assert view.caption.startswith("Scaled: query · key · scale")
    assert Palette("auto", "sqrt", signed=True, vmax=view.record.vmax).signed
    assert heat.csv() != AttentionHeatmap(heat.record, layer=1, head=0).wait(20).csv()
    heat.head = "mean"  # which has the softmax only
    assert not heat._picture(heat.record).record.signed
    heat.head = 2
    assert heat._picture(heat.record).record.signed


def test_stages_that_there_are_not_are_refused_in_words(heat, weights):
    with pytest.raises(ValueError, match="one of raw, scaled, masked, softmax, value-weighted"):
        heat.stage = "cooked"
    heat.head = "max"
    with pytest.raises(TypeError, match="choose one head first"):
        heat.stage = "raw"
    assert heat.stage == "softmax"
    array = AttentionHeatmap(weights).wait(20)
    assert array.info["stages"] == ["softmax"]
    with pytest.raises(TypeError, match="holds weights alone"):
        array.stage = "raw"


def test_a_wish_of_the_page_that_cannot_be_is_answered_by_the_truth(heat):
    heat.head = "mean"
    heat.set_state({"stage": "raw", "step": 3})
    assert (heat.stage, heat.step) == ("softmax", 7)
    heat.set_state({"step": 3})
    assert heat.step == 3


def test_stage_step_and_cell_are_part_of_what_is_shared(heat):
    heat.cell, heat.stage, heat.step = (4, 2), "raw", 2
    other = AttentionHeatmap(heat._gpt, "hello world", layer="mean").wait(20).restore(heat.state())
    assert (other.cell, other.stage, other.step) == ((4, 2), "raw", 2)
