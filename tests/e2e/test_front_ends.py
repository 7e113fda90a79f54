"""The widgets in JupyterLab and Notebook 7, over ipykernel 6 and 7, with subshells and without."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Locator, expect

from tests.e2e import playing
from tests.e2e.lab import PATIENCE, Lab
from tests.e2e.playing import becomes, button, written
from tests.e2e.test_heatmap import click_head, until

KERNELS = "@jupyterlab/apputils-extension/kernels-settings"
SUBSHELLS = "get_ipython().kernel.shell_channel_thread.manager.list_subshell() != []"
CELL = "heat = gw.AttentionHeatmap(gpt, 'The animal was tired', layer=0, head=0)\nheat"
# A run in a thread, and a cell that goes on until it is interrupted.
BUSY = "run = play.run()\nstep(6)\nimport threading\nthreading.Event().wait(100)"
# A host that drops what threads say, as Colab does: simulated in the kernel, before a page is there.
DEAF = """
def deaf(widget):
    send = widget.comm.send
    widget.comm.send = lambda *given, **options: widget._wire.outbox.aside() or send(*given, **options)
    return widget
"""
SHOP = """
from gptwidgets.widgets.store.browser import StoreBrowser
from tests.widgets.store.fake import FakeStore
StoreBrowser(FakeStore())
"""


def hover(heat: Locator) -> Locator:
    heat.locator("[data-painted]").first.hover()
    return heat.locator(".gw-tip")


@pytest.mark.parametrize(
    ("app", "kernel", "comms"),
    [
        ("lab", "python3", "disabled"),
        ("lab", "ipykernel6", "perCommTarget"),
        ("notebook", "python3", "perCommTarget"),  # it has no such setting
        ("notebook", "ipykernel6", "perCommTarget"),
    ],
)
def test_heatmap_and_playground_answer(lab: Lab, app, kernel, comms):
    lab.server.set(KERNELS, {"commsOverSubshells": comms})
    try:
        page = lab.open([playing.SETUP, CELL], app=app, kernel=kernel)
    finally:
        lab.server.set(KERNELS, {})
    page.run_all()
    major = page.value("__import__('ipykernel').version_info[0]")
    assert major == ("6" if kernel == "ipykernel6" else "7")
    heat = page.heatmap(1)
    click_head(heat, 1, 1)
    until(page, "(heat.layer, heat.head)", (1, 1))
    expect(hover(heat)).to_have_text(re.compile(r"query \d+, key \d+"))
    if major == "7":
        assert page.value(SUBSHELLS) == str(comms != "disabled")

    # What a thread tells reaches the page while a cell runs, and an interrupted cell leaves the run in peace.
    play = playing.show(page, "play = gw.Playground(obeying(), 'abc', temperature=0, max_new_tokens=12)")
    cell = page.begin(BUSY)
    expect(written(play).locator("[data-at]")).to_have_count(6, timeout=PATIENCE)
    page.interrupt()
    expect(page.output(cell)).to_contain_text("KeyboardInterrupt")
    page.value("go()")
    becomes(play, "ready")
    button(play, "Run").click()
    becomes(play, "ready")
    expect(written(play).locator("[data-at]")).to_have_count(12)
    assert page.errors == []


def test_side_by_side_the_widgets_look_as_each_alone(lab: Lab):
    page = lab.open([playing.SETUP, CELL])
    page.run_all()
    heat = page.heatmap(1)
    play = playing.show(page, "play = gw.Playground(gpt, 'abc')", status="empty")
    parts = [".gw-matrix", ".gw-caption", "[role=listbox]"], [".gw-stage", ".gw-side", ".gw-branches"]

    def sizes():
        page.settle()
        return [
            [root.locator(part).first.evaluate("one => [one.offsetWidth, one.offsetHeight]") for part in of]
            for root, of in zip((heat, play), parts, strict=True)
        ]

    alone = sizes()
    shop = page.output(page.run(SHOP)).locator(".gw-store")
    expect(shop).to_have_attribute("data-status", "ready", timeout=PATIENCE)
    assert sizes() == alone
    assert page.errors == []


def test_a_browser_without_canvases_beside_the_page_shows_all_the_same(lab: Lab):
    page = lab.open([playing.SETUP, CELL])
    page.page.evaluate("() => { delete window.OffscreenCanvas; }")
    page.run_all()
    expect(hover(page.heatmap(1))).to_have_text(re.compile(r"query \d+, key \d+"))
    assert page.errors == []


def test_where_the_host_drops_what_threads_say_the_page_asks_for_it(lab: Lab):
    page = lab.open([playing.SETUP + DEAF, CELL.replace("\nheat", "\ndeaf(heat)")])
    page.run_all()
    heat = page.heatmap(1)
    page.value("setattr(heat, 'text', 'A street')")
    expect(heat.get_by_role("listbox")).to_have_text(re.compile("A.?street"), timeout=PATIENCE)
    expect(hover(heat)).to_have_text(re.compile(r"query \d+, key \d+"))

    play = playing.show(
        page, "play = deaf(gw.Playground(obeying(), 'abc', temperature=0, max_new_tokens=12))"
    )
    button(play, "Run").click()
    until(page, "len(play.nodes)", 2)
    for count in (1, 5):
        page.value(f"step({count})")
        expect(written(play).locator("[data-at]")).to_have_count({1: 1, 5: 6}[count])
    button(play, "Stop").click()
    becomes(play, "ready")
    assert page.errors == []


def test_a_kernel_that_dies_leaves_the_picture_and_one_sentence(lab: Lab):
    page = lab.open([playing.SETUP, CELL])
    page.run_all()
    heat = page.heatmap(1)
    page.kill()
    expect(heat.get_by_text("No kernel answers")).to_have_count(1)
    expect(heat.get_by_text("No kernel answers")).to_be_visible()
    expect(heat).to_have_attribute("data-status", "ready")
    expect(heat.locator("canvas").first).to_be_visible()
