"""A page asks for the arithmetic of a cell."""

from __future__ import annotations

import numpy as np

from gptwidgets.widgets.heatmap import AttentionHeatmap


def test_a_page_gets_the_numbers_of_the_record(gpt, page):
    heat = AttentionHeatmap(gpt, "hello world").wait(20)
    there = page(heat)
    cell = {"record": heat.info["record"], "layer": 1, "head": 0, "query": 4, "key": 2}
    told, buffers = there.ask("arithmetic", **cell)
    assert told["ok"]
    products = next(step for step in told["steps"] if step["name"] == "products")
    dot = next(step for step in told["steps"] if step["name"] == "dot")
    numbers = np.frombuffer(buffers[products["buffer"]], "<f4")
    np.testing.assert_allclose(numbers.sum(), dot["value"], atol=1e-5)
    weight = next(step for step in told["steps"] if step["name"] == "weight")
    np.testing.assert_allclose(weight["value"], heat.record.weights(1, 0)[4, 2], atol=1e-5)


def test_a_cell_of_an_earlier_text_is_refused(gpt, page):
    heat = AttentionHeatmap(gpt, "hello world").wait(20)
    cell = {"record": "another", "layer": 1, "head": 0, "query": 4, "key": 2}
    told, _ = page(heat).ask("arithmetic", **cell)
    assert not told["ok"]
    assert told["error"]["type"] == "StaleRecord"
