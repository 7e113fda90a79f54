"""A notebook that nbclient has run, where no page is, and what nbconvert makes of it."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from nbconvert import HTMLExporter
from playwright.sync_api import Page, expect

from tests.e2e import playing
from tests.e2e.lab import Lab
from tests.kernels import environment

CELLS = {
    "heat": "gw.AttentionHeatmap(gpt, 'The animal was tired')",
    "play": "play = gw.Playground(gpt, 'abc', temperature=0, max_new_tokens=8)\nplay.run()\nplay",
    "store": "gw.StoreBrowser(gw.Store('sqlite:///store.sqlite3'), query='smollm2')",
    "lab": "lab = gw.Lab(gpt, 'Once')\nlab",
}


@pytest.fixture(scope="module", params=[7, 6], ids=["ipykernel7", "ipykernel6"])
def ran(request, tmp_path_factory) -> nbformat.NotebookNode:
    """The notebook as nbclient leaves it; its first cell has no output."""
    sources = [playing.SETUP, *CELLS.values()]
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])
    folder = tmp_path_factory.mktemp("converted")
    client = NotebookClient(book, timeout=120, resources={"metadata": {"path": str(folder)}})
    client.execute(env=environment(request.param), cwd=str(folder))
    return book


@pytest.fixture
def page(lab: Lab):
    """A page that no network answers, and what its console says of errors."""
    context = lab.browser.new_context()
    page = context.new_page()
    # The scripts that nbconvert's own template wants from elsewhere.
    page.route(re.compile("^https?:"), lambda route: route.fulfill(content_type="text/javascript", body=""))
    page.problems = []
    page.on("pageerror", lambda error: page.problems.append(str(error)))
    page.on("console", lambda line: page.problems.append(line.text) if line.type == "error" else None)
    yield page
    context.close()


def still(book: nbformat.NotebookNode, name: str) -> dict:
    """What stands under a live widget, the last output of its cell."""
    outputs = book.cells[1 + list(CELLS).index(name)].outputs
    assert "application/vnd.jupyter.widget-view+json" in outputs[0].data
    assert "application/vnd.jupyter.widget-view+json" not in outputs[-1].data
    return outputs[-1].data


def test_each_widget_leaves_what_it_showed(ran):
    assert len(still(ran, "heat")["image/png"]) > 10_000
    assert "abc" in still(ran, "play")["text/html"]
    assert "11 tokens" in still(ran, "play")["text/html"]  # 3 given and 8 written
    assert "smollm2-135m" in still(ran, "store")["text/html"]
    assert set(still(ran, "lab")) & {"image/png", "text/html"}
    for cell in ran.cells:
        assert not [out for out in cell.outputs if out.output_type in {"error", "stream"}]


def test_converted_to_html_it_shows_the_same_without_a_kernel(ran, page: Page, tmp_path: Path):
    html, _ = HTMLExporter().from_notebook_node(ran)
    path = tmp_path / "converted.html"
    path.write_text(html, "utf-8")
    page.goto(path.as_uri())
    cells = page.locator(".jp-CodeCell")
    expect(cells).to_have_count(1 + len(CELLS))
    picture = cells.nth(1).locator("img")
    expect(picture).to_be_visible()
    assert picture.evaluate("image => [image.naturalWidth, image.width]") == [1800, 900]
    expect(cells.nth(2).locator(".gw-playground-still")).to_contain_text("abc")
    expect(cells.nth(3).locator(".gw-store-still")).to_contain_text("smollm2-135m")
    for place in (2, 3, 4):
        shown = cells.nth(place).locator(".gw-playground-still, .gw-store-still, img").first
        expect(shown).to_be_visible()
        assert shown.bounding_box()["height"] > 30
    assert page.problems == []
