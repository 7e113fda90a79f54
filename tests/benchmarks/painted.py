"""When is a peer's page painted? In Chromium, from a file, with the scripts that it asks for at hand."""

from __future__ import annotations

from pathlib import Path

import psutil
from playwright.sync_api import Error, Route, sync_playwright

from tests.benchmarks.environment import bertviz_scripts
from tests.benchmarks.timing import Sample, peak_memory
from tests.e2e.browser import FLAGS, find_or_install

# A view is there when this is true, and painted when the page is then quiet: half a second without a
# frame that takes over 100 ms. What counts is the beginning of that quiet.
THERE = {
    "bertviz_head": "document.querySelector('#vis line') !== null",
    "bertviz_model": "document.querySelector('#vis line') !== null",
    "circuitsvis_heads": "document.querySelectorAll('canvas').length > heads",
    "circuitsvis_patterns": "document.querySelectorAll('canvas').length > heads",
}
WATCH = """(() => {
  const heads = %d;
  let last = performance.now(), quietSince = null;
  const frame = (now) => {
    now = performance.now();
    const slow = now - last > 100;
    last = now;
    if (slow || quietSince === null) quietSince = %s ? now : null;
    if (quietSince !== null && now - quietSince > 500) window.paintedAfter = quietSince;
    else requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
})();"""


def seconds_to_paint(
    page_file: Path, view: str, heads: int, *, patience: float, memory: float
) -> Sample | str:
    """Seconds from the start of the navigation to the painted page, or in words why there are none."""
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=find_or_install(), args=list(FLAGS))
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.add_init_script(WATCH % (heads, THERE[view]))
        page.route(lambda url: url.startswith("http"), _serve)
        chromium = _the_browser()
        with peak_memory(chromium, limit=memory, stop=lambda: _kill(chromium)) as seen:
            try:
                page.goto(page_file.as_uri(), wait_until="commit", timeout=patience * 1000)
                page.wait_for_function("window.paintedAfter", timeout=patience * 1000)
                return Sample((page.evaluate("window.paintedAfter") / 1000,))
            except Error:
                if seen["stopped"]:
                    return f"stopped at {memory / 1e9:.0f} GB"
                return f"nothing in {patience:.0f} s"
            finally:
                _kill(chromium)


def _serve(route: Route):
    """Answers a request for one of BertViz's scripts from the cache folder, and nothing else."""
    script = bertviz_scripts() / route.request.url.rsplit("/", 1)[-1]
    if script.exists():
        route.fulfill(path=script)
    else:
        route.abort()


def _the_browser() -> psutil.Process:
    """The Chromium that this process has just started (the driver's child)."""
    for process in psutil.Process().children(recursive=True):
        if "chrom" in process.name() or "headless" in process.name():
            return process
    raise RuntimeError("Chromium has started, but was not found among the processes of this one.")


def _kill(process: psutil.Process):
    """Ends a browser that may be too busy to close: all its processes."""
    try:
        for each in [*process.children(recursive=True), process]:
            each.kill()
    except psutil.NoSuchProcess:
        pass
