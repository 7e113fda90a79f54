"""Drives notebooks in a real JupyterLab with a real Chromium; waits for states, never for time.

with start(folder) as lab:
    page = lab.open(["import gptwidgets as gw", "gw.AttentionHeatmap(...)"])
    page.run_all()
    page.output(1).locator(".gw-heatmap").click()
    page.screenshot("first", output=1, width=700, theme="dark")
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import nbformat
from playwright.sync_api import Browser, Error, Locator, Page, sync_playwright

from tests.e2e.browser import FLAGS, find_or_install
from tests.e2e.server import Server

PATIENCE = 120_000  # ms; a kernel may import torch and load a model on a busy machine
SCRIPTS = Path(__file__).with_name("page.js").read_text()
THEMES = {"light": "JupyterLab Light", "dark": "JupyterLab Dark"}


class Lab:
    """One Jupyter server and one browser; `open` gives a notebook in a page of its own."""

    def __init__(self, server: Server, browser: Browser) -> None:
        self.server = server
        self.browser = browser
        self.pages: list[NotebookPage] = []

    def open(
        self,
        what: Path | Sequence[str],
        *,
        app: str = "lab",
        kernel: str = "python3",
        theme: str = "light",
        width: int = 1400,
        height: int = 1000,
        scale: float = 1,
        reduced_motion: bool = False,
    ) -> NotebookPage:
        """Open a copy of the notebook `what`, or a new one with these cells, and wait for its kernel.

        Args:
            what: Path of a notebook, or the source of each code cell.
            app: "lab" or "notebook" (Notebook 7).
            kernel: "python3" or "ipykernel6", of new cells.
            theme: "light" or "dark".
            width: Width of the window in CSS pixels; `NotebookPage.resize` sets that of the output.
            height: Height of the window in CSS pixels.
            scale: Device pixels to a CSS pixel.
            reduced_motion: What the browser answers to `prefers-reduced-motion`.
        """
        return self._show(
            self._put(what, kernel), app, theme, width, height, scale, reduced_motion=reduced_motion
        )

    def reopen(self, page: NotebookPage) -> NotebookPage:
        """Open the file that `page` last saved, in a new page, with a kernel that knows nothing of it."""
        self.close(page)
        return self._show(page.path.name)

    def _show(
        self,
        name: str,
        app: str = "lab",
        theme: str = "light",
        width: int = 1400,
        height: int = 1000,
        scale: float = 1,
        *,
        reduced_motion: bool = False,
    ) -> NotebookPage:
        context = self.browser.new_context(
            viewport={"width": width, "height": height},
            device_scale_factor=scale,
            color_scheme="dark" if theme == "dark" else "light",
            reduced_motion="reduce" if reduced_motion else "no-preference",
            accept_downloads=True,
        )
        context.grant_permissions(["clipboard-read", "clipboard-write"], origin=self.server.url)
        context.add_init_script(SCRIPTS)
        page = context.new_page()
        page.set_default_timeout(60_000)
        notebook = NotebookPage(page, self.server.root / name)
        self.pages.append(notebook)
        where = "doc/tree" if app == "lab" else "notebooks"
        page.goto(f"{self.server.url}/{where}/{name}", wait_until="domcontentloaded")
        notebook.wait_idle()
        page.evaluate("theme => gwTest.prepare(theme)", THEMES[theme])
        notebook.errors.clear()  # what the application said while it started is its own
        return notebook

    def close(self, page: NotebookPage) -> None:
        """Close a notebook's page and end its kernel."""
        self.pages.remove(page)
        page.page.context.close()
        self.server.stop_kernel(page.path.name)

    def _put(self, what: Path | Sequence[str], kernel: str) -> str:
        count = len(list(self.server.root.glob("*.ipynb")))
        if isinstance(what, Path):
            name = f"{what.stem}-{count}.ipynb"
            shutil.copy(what, self.server.root / name)
            return name
        name = f"cells-{count}.ipynb"
        book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in what])
        book.metadata = {"kernelspec": {"name": kernel, "display_name": kernel, "language": "python"}}
        nbformat.write(book, self.server.root / name)
        return name


class NotebookPage:
    """One notebook in one browser page."""

    def __init__(self, page: Page, path: Path) -> None:
        self.page = page
        self.path = path
        self.errors: list[str] = []
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", lambda line: self.errors.append(line.text) if line.type == "error" else None)

    # -- the kernel and its cells

    def wait_idle(self) -> None:
        """Return once the notebook is there and its kernel is connected and has nothing to do."""
        self.page.wait_for_function("() => window.gwTest && gwTest.idle()", timeout=PATIENCE)

    def run_cell(self, index: int, *, may_fail: bool = False) -> None:
        """Run one cell, by its number from 0, and wait until it has finished.

        Raises:
            AssertionError: Where the cell raised and `may_fail` is False; the text is its traceback.
        """
        error = self.page.evaluate("index => gwTest.run(index)", index)
        if error and not may_fail:
            raise AssertionError(f"cell {index} failed:\n{error}")

    def code_cells(self) -> list[int]:
        """Return the numbers of the code cells."""
        return self.page.evaluate("() => gwTest.codeCells()")

    def run_all(self) -> None:
        """Run all code cells, one after the other; the first that raises ends it."""
        for index in self.code_cells():
            self.run_cell(index)

    def run(self, source: str, *, may_fail: bool = False) -> int:
        """Append a cell with this source, run it, and return its number."""
        index = self.page.evaluate("source => gwTest.append(source)", source)
        self.run_cell(index, may_fail=may_fail)
        return index

    def begin(self, source: str) -> int:
        """Append a cell with this source, run it, and return its number at once."""
        index = self.page.evaluate("source => gwTest.append(source)", source)
        self.page.evaluate("index => gwTest.begin(index)", index)
        return index

    def value(self, expression: str) -> str:
        """Return `repr` of a Python expression, evaluated in the kernel outside of any cell."""
        return self.page.evaluate("code => gwTest.value(code)", expression)

    # -- what is on the screen

    def cell(self, index: int) -> Locator:
        """Return the cell, scrolled into view: JupyterLab draws only the cells that can be seen."""
        self.page.evaluate("index => gwTest.show(index)", index)
        # A locator is looked up anew at each use, so it goes by the cell's id and not by its place.
        selector = self.page.evaluate("index => gwTest.mark(index)", index)
        return self.page.locator(selector)

    def output(self, index: int) -> Locator:
        """Return the output area of a cell."""
        return self.cell(index).locator(".jp-Cell-outputArea")

    def shows_heatmap(self, index: int) -> bool:
        """Return whether a cell has put out a heatmap, drawn already or not."""
        return self.page.evaluate("index => gwTest.heatmaps(index)", index) > 0

    def heatmap(self, index: int, *, status: str | None = "ready") -> Locator:
        """Return the root of the heatmap in a cell's output, once it says that it is in this state."""
        root = self.output(index).locator(".gw-heatmap").first
        root.wait_for(timeout=PATIENCE)
        if status is not None:
            self.output(index).locator(f'.gw-heatmap[data-status="{status}"]').first.wait_for(
                timeout=PATIENCE
            )
        return root

    def settle(self, quiet: int = 300) -> None:
        """Return once nothing on the page has changed for `quiet` ms and the last frame is drawn."""
        self.page.evaluate("quiet => gwTest.settle(quiet)", quiet)

    def resize(self, width: int, *, index: int = 0, height: int | None = None) -> None:
        """Make the output area of a cell `width` CSS pixels wide, by the window's width."""
        self.cell(index)
        for _ in range(2):  # a scroll bar may come or go with the first
            now = self.page.evaluate("index => gwTest.outputWidth(index)", index)
            size = self.page.viewport_size
            self.page.set_viewport_size(
                {"width": size["width"] + width - round(now), "height": height or size["height"]}
            )
            self.settle(100)

    def theme(self, name: str) -> None:
        """Change to the "light" or the "dark" theme, as the user would by the menu."""
        self.page.emulate_media(color_scheme="dark" if name == "dark" else "light")
        self.page.evaluate("theme => gwTest.theme(theme)", THEMES[name])
        self.settle()

    def screenshot(
        self,
        path: Path,
        *,
        output: int | None = None,
        width: int | None = None,
        theme: str | None = None,
    ) -> Path:
        """Take a picture of a cell's output, whole, or of the window."""
        if theme is not None:
            self.theme(theme)
        if width is not None:
            self.resize(width, index=output or 0)
        path.parent.mkdir(parents=True, exist_ok=True)
        if output is None:
            self.settle()
            self.page.screenshot(path=path)
            return path
        area = self.output(output)
        box = area.bounding_box() or {"height": 0}
        size = self.page.viewport_size
        if box["height"] + 160 > size["height"]:
            self.page.set_viewport_size({**size, "height": round(box["height"]) + 160})
            area = self.output(output)
        self.settle()
        area.screenshot(path=path)
        return path

    # -- the notebook's file

    def save(self) -> nbformat.NotebookNode:
        """Save the notebook as the user would, and return what was written."""
        self.page.evaluate("() => gwTest.save()")
        return nbformat.read(self.path, as_version=4)

    def reload(self) -> None:
        """Load the page again, as the user would; the kernel goes on meanwhile."""
        self.page.reload(wait_until="domcontentloaded")
        self.wait_idle()
        self.errors.clear()  # as in `Lab.open`

    def interrupt(self) -> None:
        """Interrupt the kernel, as the user would by the notebook's stop button."""
        self.page.evaluate("() => gwTest.interrupt()")

    def restart(self) -> None:
        """Restart the kernel and wait for the new one."""
        self.page.evaluate("() => gwTest.restart()")
        self.wait_idle()

    def kill(self) -> None:
        """Kill the kernel, as a system without memory would, and wait for the one that Jupyter starts."""
        self.page.evaluate("() => gwTest.kill()")
        self.page.locator(".jp-Dialog .jp-mod-accept").click()  # Jupyter tells of it in a window
        self.wait_idle()

    def shutdown(self) -> None:
        """End the kernel and leave the page as it is: what a reopened notebook is like."""
        self.page.evaluate("() => gwTest.shutdown()")


@contextmanager
def start(root: Path | None = None) -> Iterator[Lab]:
    """Start a server and a browser; stop both at the end, whatever happened."""
    with tempfile.TemporaryDirectory(prefix="gptwidgets-lab-", ignore_cleanup_errors=True) as home:
        folder = root or Path(home) / "root"
        folder.mkdir(parents=True, exist_ok=True)
        server = Server(Path(home), folder)
        try:
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(executable_path=find_or_install(), args=list(FLAGS))
                server.wait()
                try:
                    yield Lab(server, browser)
                finally:
                    with suppress(Error):  # it has died already: the test that killed it says so
                        browser.close()
        finally:
            server.close()
