"""The attention heatmap as a person uses it, in real JupyterLab: by mouse, by keyboard, and from Python."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import Locator, expect

from tests.e2e.lab import PATIENCE, Lab, NotebookPage

WORDS = ["The", "animal", "did", "n't", "cross", "the", "street", "because", "it", "was", "too", "tired"]
LAYERS, HEADS, T = 3, 4, len(WORDS)
SETUP = f"""
import numpy as np
import gptwidgets as gw

words = {WORDS!r}
logits = np.random.default_rng(0).normal(size=({LAYERS}, {HEADS}, {T}, {T})) * 2
logits[:, :, *np.triu_indices({T}, 1)] = -np.inf
weights = np.exp(logits)
weights /= weights.sum(-1, keepdims=True)  # (layer, head, query, key)
"""
# How many colours a canvas shows, of every 97th pixel.
COLOURS = """canvas => {
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  const pixels = new Uint32Array(data.buffer);
  return new Set(pixels.filter((_, i) => i % 97 === 0)).size;
}"""


@pytest.fixture
def heat(page: NotebookPage) -> Iterator[Locator]:
    """A heatmap of random attention, ready; `heat` in Python."""
    page.errors.clear()
    index = page.run("heat = gw.AttentionHeatmap(weights, tokens=words, layer=0, head=0)\nheat")
    yield page.heatmap(index)
    assert page.errors == []


def until(page: NotebookPage, expression: str, expected: object) -> None:
    """Wait until a Python expression of the kernel has a value that was caused in the browser."""
    end = time.monotonic() + PATIENCE / 1000
    while (found := page.value(expression)) != repr(expected):
        assert time.monotonic() < end, f"{expression} is {found}, not {expected!r}"
        page.settle(50)


def click_head(heat: Locator, layer: int, head: int) -> None:
    """Click a head's thumbnail, where the grid's own figures say that it is."""
    grid = heat.get_by_role("grid")
    at = json.loads(grid.get_attribute("data-grid"))
    x = at["left"] + head * at["stepX"] + at["cellWidth"] / 2
    y = at["top"] + layer * at["stepY"] + at["cellHeight"] / 2
    grid.click(position={"x": x, "y": y})


def token(heat: Locator, number: int) -> Locator:
    """Return a token of the text; far from the window the text is not there token by token."""
    text = heat.get_by_role("listbox")
    text.scroll_into_view_if_needed()
    return text.locator(f'[data-token="{number}"]')


def test_clicking_a_head_chooses_it_here_and_in_python(page, heat):
    click_head(heat, 2, 3)
    expect(heat).to_have_attribute("data-layer", "2")
    expect(heat).to_have_attribute("data-head", "3")
    until(page, "(heat.layer, heat.head)", (2, 3))


def test_arrow_keys_walk_through_the_heads(page, heat):
    click_head(heat, 0, 0)
    for key in ("ArrowRight", "ArrowRight", "ArrowDown", "ArrowLeft"):
        page.page.keyboard.press(key)
    expect(heat).to_have_attribute("data-layer", "1")
    expect(heat).to_have_attribute("data-head", "1")
    until(page, "(heat.layer, heat.head)", (1, 1))


def test_python_chooses_a_head_and_the_picture_follows(page, heat):
    page.run("heat.layer, heat.head = 1, 2")
    expect(heat).to_have_attribute("data-layer", "1")
    expect(heat).to_have_attribute("data-head", "2")
    expect(heat.get_by_role("gridcell")).to_have_attribute("data-head", "2")


def hover_cell(heat: Locator, x: float, y: float) -> Locator:
    """Point at a place of the large head, in shares of its width and height; return what floats there."""
    matrix = heat.locator(".gw-matrix")
    box = matrix.bounding_box()
    matrix.hover(position={"x": box["width"] * x, "y": box["height"] * y})
    return heat.locator(".gw-tip")


def test_hovering_reads_the_exact_weight(page, heat):
    page.run("heat.hide_sink = False")
    tip = hover_cell(heat, 0.4, 0.75)
    # The exact value takes the place of the approximate one, "≈", once its patch is there.
    expect(tip).to_have_text(re.compile(r"^[\d.e-]+(?![\d.]).*query \d+, key \d+"))
    shown, row, col = re.search(r"^([\d.e-]+).*query (\d+), key (\d+)", tip.inner_text(), re.DOTALL).groups()
    true = float(page.value(f"float(weights[heat.layer, heat.head, {row}, {col}])"))
    assert int(col) <= int(row)
    assert float(shown) == pytest.approx(true, rel=0.01, abs=1e-4)


def test_a_masked_cell_says_so(heat):
    expect(hover_cell(heat, 0.8, 0.3)).to_contain_text("masked")


def test_a_token_is_kept_by_a_click_and_let_go_by_escape(page, heat):
    token(heat, 8).click()
    until(page, "heat.query", 8)
    expect(heat.locator(".gw-chip")).to_contain_text("it")
    page.page.keyboard.press("Escape")
    until(page, "heat.query", None)
    expect(heat.locator(".gw-chip")).to_have_count(0)


def test_a_token_is_kept_by_the_keyboard(page, heat):
    heat.get_by_role("listbox").focus()
    for key in ("End", "Enter"):
        page.page.keyboard.press(key)
    until(page, "heat.query", T - 1)


def test_who_looks_at_a_token(page, heat):
    token(heat, 1).click()
    heat.get_by_text("is looked at by").click()
    until(page, "(heat.direction, heat.key, heat.query)", ("to", 1, None))


def test_the_wheel_zooms_and_the_button_shows_the_whole_again(page, heat):
    heat.locator(".gw-matrix").hover()
    page.page.keyboard.down("Control")  # without it the wheel is the page's, until a click
    page.page.mouse.wheel(0, -400)
    page.page.keyboard.up("Control")
    until(page, "len(heat.view)", 4)
    heat.get_by_role("button", name="The whole head").click()
    until(page, "heat.view == [] or heat.view[2] >= 12", True)


def test_scale_and_sink_are_switched_and_the_legend_follows(page, heat):
    legend = heat.locator(".gw-legend")
    before = legend.inner_text()
    heat.get_by_text("log", exact=True).click()
    until(page, "heat.scale", "log")
    assert legend.inner_text() != before
    expect(heat).to_contain_text("first token hidden")
    heat.get_by_text("Hide first token").click()
    until(page, "heat.hide_sink", False)
    expect(heat).not_to_contain_text("first token hidden")


def test_the_grid_sorts_by_a_score(page, heat):
    heat.get_by_label("Order of the heads").select_option("entropy")
    until(page, "heat.sort", "entropy")
    heat.get_by_role("grid").focus()
    page.page.keyboard.press("Control+Home")
    layer, head = re.findall(r"\d+", page.value("tuple(map(int, heat.record.scores()['entropy'].idxmin()))"))
    until(page, "(heat.layer, heat.head)", (int(layer), int(head)))


def test_the_sheet_over_the_grid_is_used_by_mouse(page, heat):
    heat.get_by_role("button", name="Means, maxima, filter").click()
    heat.get_by_text("Means and maxima", exact=True).click()
    until(page, "heat.aggregates", True)
    expect(heat.locator(".gw-sheet")).to_be_visible()  # a press inside it does not close it
    heat.locator(".gw-sheet .gw-switch i").click()
    until(page, "heat.aggregates", False)
    heat.locator(".gw-text h3").click()
    expect(heat.locator(".gw-sheet")).to_have_count(0)


def test_a_widget_that_python_closes_leaves_the_page_in_peace(page, heat):
    page.run("heat.close()")
    page.settle(600)  # the fixture looks for errors


def test_a_double_click_zooms_and_chooses_nothing(page, heat):
    matrix = heat.locator(".gw-matrix")
    box = matrix.bounding_box()
    matrix.dblclick(position={"x": box["width"] * 0.3, "y": box["height"] * 0.6})
    until(page, "len(heat.view)", 4)
    assert page.value("(heat.query, heat.key)") == "(None, None)"


def test_two_views_stay_together_and_two_widgets_apart(page, heat):
    views = page.run(
        "from IPython.display import display\ndisplay(heat, other := gw.AttentionHeatmap("
        "weights, tokens=words, layer=0, head=0, height=300), heat)"
    )
    expect(page.output(views).locator(".gw-heatmap[data-status=ready]")).to_have_count(3)
    first, other, again = page.output(views).locator(".gw-heatmap").all()
    page.run("heat.layer, heat.head = 2, 1")
    page.output(views)
    for one, layer in [(first, "2"), (other, "0"), (again, "2")]:
        expect(one).to_have_attribute("data-layer", layer)
    click_head(again, 1, 3)
    expect(first).to_have_attribute("data-layer", "1")
    until(page, "(heat.layer, heat.head, other.layer, other.head)", (1, 3, 0, 0))


def test_no_text_becomes_html(page):
    page.errors.clear()
    bad = [
        "</script><img src=x onerror=hacked=1>",
        "<b>bold</b>",
        "\0\x1b[31m",
        "👩‍👩‍👧",
        "שלום",
        "  ",
        "\ud83d",
    ]
    index = page.run(
        f"bad = {bad!r}\n"
        "gw.AttentionHeatmap(np.tril(np.ones((1, 1, 7, 7))) / 7, tokens=bad, title=bad[0], hide_sink=False)"
    )
    heat = page.heatmap(index)
    token(heat, 0).click()
    heat.locator(".gw-matrix").hover()
    page.settle()
    assert page.page.evaluate("() => window.hacked") is None
    assert heat.locator("img, b:text('bold'), script").count() == 0
    expect(heat.get_by_role("listbox")).to_contain_text("<b>bold</b>")
    assert page.errors == []


def test_an_error_is_said_where_it_happens(page):
    index = page.run("gw.AttentionHeatmap(weights, layer=40)", may_fail=True)
    expect(page.output(index)).to_contain_text("layer 40 does not exist; this model has layers 0 to 2")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_it_has_no_sideways_scroll_and_paints_in(page, heat, theme):
    page.theme(theme)
    try:
        overflow = heat.evaluate("node => node.scrollWidth - node.clientWidth")
        assert overflow <= 0
        # Not one colour only: the large head is painted.
        colours = heat.locator(".gw-matrix canvas").first.evaluate(COLOURS)
        assert colours > 10
    finally:
        page.theme("light")


def test_the_picture_stays_when_no_kernel_is_there(lab: Lab):
    page = lab.open([SETUP, "heat = gw.AttentionHeatmap(weights, tokens=words)\nheat"])
    page.run_all()
    page.heatmap(1)
    page.settle(1500)  # the browser's own picture takes the place of Python's once the view has settled
    saved = page.save()
    pictures = [out for out in saved.cells[1].outputs if "image/png" in out.get("data", {})]
    assert len(pictures) == 1
    assert 1000 < len(pictures[0].data["image/png"]) * 3 / 4 <= 200_000
    reopened = lab.reopen(page)
    image = reopened.output(1).locator("img")
    expect(image).to_be_visible()
    assert image.evaluate("image => image.naturalWidth") > 300
