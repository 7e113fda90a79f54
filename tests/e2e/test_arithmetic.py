"""The arithmetic of a cell in real JupyterLab: the numbers are Python's, and each says how it was made."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Locator, expect

from tests.e2e.lab import NotebookPage
from tests.e2e.test_heatmap import until

TEXT = "The animal didn't cross the street because it was too tired"
SETUP = """
import gptwidgets as gw
from gptwidgets.kernel.mathml import say

gpt = gw.load(progress=False)

def number(name, at=None):
    "A number as the page shall say it."
    cell = heat.record.arithmetic(heat.layer, heat.head, query=heat.query, key=heat.key)
    value = cell.stages[name]
    return say(value if at is None else value[at])
"""


@pytest.fixture(scope="module")
def heat(page: NotebookPage) -> Iterator[Locator]:
    index = page.run(f"heat = gw.AttentionHeatmap(gpt, {TEXT!r}, head='L13H8')\nheat")
    yield page.heatmap(index)
    page.run("heat.close()")
    assert page.errors == []


@pytest.fixture
def panel(page: NotebookPage, heat: Locator) -> Locator:
    """The panel of the cell in which "it" looks at "animal"."""
    page.run("heat.stage, heat.step, heat.cell = 'softmax', 7, (8, 1)")
    panel = heat.locator(".gw-arithmetic")
    expect(panel.locator("[data-step=output]")).to_be_visible()
    expect(panel).to_have_attribute("aria-busy", "false")
    return panel


def said(page: NotebookPage, name: str, at: int | None = None) -> str:
    return page.value(f"number({name!r}, {at})").strip("'")


def test_a_click_on_a_cell_unfolds_its_numbers(page: NotebookPage, heat: Locator):
    page.run("heat.stage, heat.step, heat.cell = 'softmax', 7, None")
    expect(heat.locator(".gw-arithmetic")).to_have_count(0)
    matrix = heat.locator(".gw-matrix")
    matrix.click(position={"x": 300, "y": 300})
    panel = heat.locator(".gw-arithmetic")
    expect(panel.locator("[data-step=dot]")).to_be_visible()
    until(page, "heat.cell is None", expected=False)
    expect(panel).to_contain_text(f"query {page.value('heat.query')}, key {page.value('heat.key')}")
    for name in ("dot", "scale", "scaled", "logit", "top", "total", "lse", "weight"):
        expect(panel.locator(f"[data-step={name}] b")).to_have_text(said(page, name))
    page.page.keyboard.press("Escape")  # the focus is on the picture
    expect(panel).to_have_count(0)
    until(page, "heat.cell", expected=None)
    page.page.keyboard.press("Enter")
    expect(panel.locator("[data-step=dot]")).to_be_visible()


def test_a_number_shows_its_formula_and_lights_what_went_in(page: NotebookPage, panel: Locator):
    panel.locator("[data-step=dot]").hover()
    made = panel.locator(".gw-made")
    expect(made.locator("math").last).to_contain_text(said(page, "dot"))
    expect(panel.locator("[data-lit]")).to_have_count(1)
    expect(panel.locator("[data-step=products]")).to_have_attribute("data-lit", "")

    products = panel.locator("[data-step=products]")
    products.focus()
    page.page.mouse.move(0, 0)
    page.page.keyboard.press("End")
    last = int(products.get_attribute("aria-valuenow"))
    assert last == 63
    expect(products).to_have_attribute("aria-valuetext", re.compile(f"= {said(page, 'products', last)}$"))
    numbers = made.locator("math").last.locator("mn")
    expect(numbers.first).to_have_text(re.compile(re.escape(said(page, "q", last))))
    expect(numbers.last).to_have_text(said(page, "products", last))
    expect(panel.locator("[data-step=q]")).to_have_attribute("data-lit", "")
    expect(panel.locator("[data-step=k]")).to_have_attribute("data-lit", "")


def test_keys_and_python_unfold_it_step_by_step(page: NotebookPage, panel: Locator):
    page.run("heat.step = 0")
    expect(panel.locator("[data-step=q]")).to_be_hidden()
    expect(panel.locator("h3")).to_contain_text("How much does it look at animal?")
    panel.page.locator(".gw-matrix").first.focus()
    for name in ("q", "dot", "scaled", "logit", "weight", "weighted_v", "output"):
        page.page.keyboard.press(".")
        expect(panel.locator(f"[data-step={name}]")).to_be_visible()
    expect(panel).to_contain_text("7 of 7")
    page.page.keyboard.press(",")
    expect(panel.locator("[data-step=output]")).to_be_hidden()
    until(page, "heat.step", 6)


def test_the_picture_shows_any_stage(page: NotebookPage, heat: Locator, panel: Locator):
    legend = heat.locator(".gw-legend span")
    expect(legend.last).to_have_text("1")
    heat.get_by_label("What the large picture shows").select_option("raw")
    expect(legend.first).to_contain_text("−")
    expect(heat.locator(".gw-caption")).to_contain_text("query · key, before scale and mask")
    expect(heat.locator("[data-tiles-pending]")).to_have_attribute("data-tiles-pending", "0")
    until(page, "heat.stage", "raw")
    page.run("heat.stage = 'value-weighted'")
    expect(heat.locator(".gw-caption")).to_contain_text("what each key adds")
    expect(legend.first).to_have_text("0")
    page.run("heat.head = 'mean'")  # which has the softmax only
    expect(legend.last).to_have_text("1")
    expect(panel.get_by_role("alert")).to_contain_text("one head")
    page.run("heat.head = 8")
    expect(panel.locator("[data-step=dot]")).to_be_visible()
