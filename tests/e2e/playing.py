"""What the tests of the playground share: engines that obey, and where things are on the page."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Locator, expect

from tests.e2e.lab import PATIENCE, NotebookPage

ROOT = Path(__file__).parents[2]
SETUP = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
import gptwidgets as gw
from tests.widgets.conftest import tiny
from tests.widgets.playground.fake import FakeEngine

gpt = tiny()


def obeying(script=b"", gated=True):
    "An engine that writes one token for each step(…), or without waiting."
    global engine
    engine = FakeEngine()
    engine.script, engine.gated = script, gated
    return engine


def step(count=1):
    engine.gate.release(count)


def go():
    engine.gated = False
    engine.gate.release(1000)
"""
# Every message to the kernel's widgets from now on: the kinds of requests, and the traits that are written.
LISTEN = """() => {
  const kernel = window.jupyterapp.shell.currentWidget.sessionContext.session.kernel;
  window.asked = [];
  kernel.anyMessage.connect((_, { msg, direction }) => {
    const { content, method, state } = msg.content.data ?? {};
    if (direction !== "send" || msg.header.msg_type !== "comm_msg") return;
    window.asked.push(method === "update" ? Object.keys(state).join() : content?.kind);
  });
}"""
# Moves a slider over its whole width, one place a frame; returns what the bars said at each place.
SWEEP = """async (slider) => {
  const said = [];
  const bars = slider.closest(".gw-playground").querySelector(".gw-bars");
  const frame = () => new Promise(requestAnimationFrame);
  for (let at = 0; at <= 1000; at += 100) {
    slider.value = String(at);
    slider.dispatchEvent(new Event("input", { bubbles: true }));
    await frame();
    await frame();
    said.push([...bars.querySelectorAll(".gw-ruled")].map((cell) => cell.textContent).join(" "));
  }
  return said;
}"""


def show(page: NotebookPage, source: str, *, status: str | None = None) -> Locator:
    """Run a cell that ends with a playground `play`; return it, once it says that it is in this state."""
    index = page.run(f"{source}\nplay")
    root = page.output(index).locator(".gw-playground").first
    root.wait_for(timeout=PATIENCE)
    if status is not None:
        becomes(root, status)
    return root


def becomes(play: Locator, status: str) -> None:
    """Wait until a playground says that it is in this state."""
    expect(play).to_have_attribute("data-status", status, timeout=PATIENCE)


def button(play: Locator, name: str) -> Locator:
    """Return a button of the toolbar."""
    return play.get_by_role("toolbar").get_by_role("button", name=name, exact=True)


def written(play: Locator) -> Locator:
    """Return what was written, the first text of several."""
    return play.get_by_role("listbox").first


def rows(play: Locator) -> Locator:
    """Return the alternatives that are shown."""
    return play.get_by_role("group", name="Alternatives").locator("button:not(:disabled)")
