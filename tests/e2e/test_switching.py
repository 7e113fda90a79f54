"""The minute "Delete its memory", in real JupyterLab on the pinned model: a name is found, shown, taken away.

The thresholds are wide: they say what a class sees, and not the third digit.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Locator, expect

from tests.e2e.lab import NotebookPage
from tests.e2e.test_heatmap import token, until

TEXT = "Professor Zorbelquist opened the door. The students stood up and greeted Professor Z"
SETUP = """
import random

import gptwidgets as gw

gpt = gw.load(progress=False)

def orb(side="now"):
    "How probable the name's second piece is."
    return {piece: prob for piece, _, prob in heat.effect[side]["next"]}.get("orb", 0.0)
"""


@pytest.fixture(scope="module")
def heat(page: NotebookPage) -> Iterator[Locator]:
    index = page.run(f"heat = gw.AttentionHeatmap(gpt, {TEXT!r})\nheat")
    yield page.heatmap(index)
    page.run("heat.close()")
    assert page.errors == []


@pytest.fixture(autouse=True)
def nothing_off(page: NotebookPage, heat: Locator) -> None:
    page.run("heat.switching = False; heat.compare = 'with'; heat.clear().wait()")


def click_ranked(heat: Locator, place: int) -> None:
    """Click the thumbnail that stands at a place of the ranking."""
    grid = heat.get_by_role("grid")
    at = json.loads(grid.get_attribute("data-grid"))
    x = at["left"] + (place % at["columns"]) * at["stepX"] + at["cellWidth"] / 2
    y = at["top"] + (place // at["columns"]) * at["stepY"] + at["cellHeight"] / 2
    grid.click(position={"x": x, "y": y})


def said(page: NotebookPage) -> float:
    """The probability of "orb", once all is measured."""
    return float(page.value("heat.wait() and orb()"))


def test_delete_its_memory(page: NotebookPage, heat: Locator):
    # Sort by induction: L18H6 is among the first. Click "Z": the earlier "orb" glows.
    heat.get_by_label("Order of the heads").select_option("induction")
    expect(heat.locator(".gw-overview footer")).not_to_contain_text("measuring", timeout=60_000)
    ranked = "[r[1:] for r in sorted((-r[-1], r[0], r[1]) for r in heat.scores['rows'])]"
    until(page, "heat.scores['induction']", expected=True)
    place = int(page.value(f"{ranked}.index((18, 6))"))
    assert place < 4
    click_ranked(heat, place)
    until(page, "(heat.layer, heat.head)", (18, 6))
    token(heat, 16).click()
    expect(heat.locator(".gw-object")).to_contain_text("most at orb")

    # Switch that head off: one is not enough.
    heat.get_by_role("button", name="Switch off", exact=True).click()
    cause = heat.locator(".gw-cause")
    expect(cause.locator(".gw-next")).to_be_visible(timeout=60_000)
    assert float(page.value("orb('untouched')")) > 0.5
    click_ranked(heat, place)
    expect(cause).to_contain_text("L18H6")
    until(page, "heat.heads_off", [[18, 6]])
    assert said(page) > 0.45

    # Switch off the four highest: the name is gone, from what comes next and from how it goes on.
    cause.get_by_role("button", name="Switch these off").click()
    until(page, "len(heat.heads_off)", 4)
    assert said(page) < 0.2
    lines = cause.locator("dd")
    expect(lines.nth(0)).to_contain_text("…orb")
    expect(lines.nth(1)).not_to_contain_text("…orb")
    expect(cause.locator(".gw-next tr").nth(1)).to_contain_text("orb")
    expect(heat.locator(".gw-caption")).to_contain_text("4 heads off (mean)")
    until(page, "len(heat.record.intervention.heads_off)", 4)

    # Its controls, and a sentence of what it is not.
    cause.get_by_role("button", name="Compare with controls").click()
    expect(cause.locator(".gw-control")).to_contain_text("as many others", timeout=60_000)
    assert min(eval(page.value("heat.effect['control']['others']"))) > 0.35
    expect(cause).to_contain_text("other heads repair")

    # Undo. Eight others: the name is still there. Undo.
    cause.get_by_role("button", name="Undo").click()
    until(page, "heat.heads_off", [[18, 6]])
    page.run(f"heat.clear()\nheat.heads_off = random.Random(0).sample({ranked}[20:], 8)\nheat.wait()")
    expect(cause.locator(".gw-chip")).to_have_count(8)
    assert said(page) > 0.3
    cause.get_by_role("button", name="Clear").click()
    until(page, "heat.heads_off", [])
    assert said(page) > 0.5


def test_the_key_x_switches_the_head_that_has_the_focus(page: NotebookPage, heat: Locator):
    page.run("heat.sort = ''; heat.choose('L17H3')")
    grid = heat.get_by_role("grid")
    grid.focus()
    page.page.keyboard.press("x")
    until(page, "heat.heads_off", [[17, 3]])
    expect(heat.get_by_role("gridcell")).to_have_attribute("aria-label", re.compile("switched off"))
    page.page.keyboard.press("x")
    until(page, "heat.heads_off", [])


def test_a_box_on_the_map_cuts_its_edges(page: NotebookPage, heat: Locator):
    page.run("heat.choose('L18H6'); heat.query = None; heat.switching = True; heat.wait()")
    box = heat.locator(".gw-matrix").bounding_box()
    mouse = page.page.mouse
    heat.locator(".gw-matrix").scroll_into_view_if_needed()
    box = heat.locator(".gw-matrix").bounding_box()
    mouse.move(box["x"] + box["width"] * 0.3, box["y"] + box["height"] * 0.6)
    mouse.down()
    mouse.move(box["x"] + box["width"] * 0.4, box["y"] + box["height"] * 0.75, steps=4)
    mouse.up()
    expect(heat.locator(".gw-cause")).to_contain_text("cut")
    until(page, "{tuple(edge[:2]) for edge in heat.cut}", {(18, 6)})
    until(page, "heat.record.intervention.cut == {tuple(edge) for edge in heat.cut}", expected=True)
    until(page, "max(float(heat.record['pattern', 18][6, q, k]) for _, _, q, k in heat.cut)", 0.0)
