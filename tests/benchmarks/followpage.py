"""Playground and heatmap on one page: what it costs to follow, and when a token's row is on the screen."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from playwright.sync_api import Locator

from tests.benchmarks.browser import rest
from tests.benchmarks.inputs import model_folder
from tests.benchmarks.options import Options
from tests.benchmarks.playground import CLOCK, SETUP, run
from tests.benchmarks.timing import Sample
from tests.e2e.lab import PATIENCE, Lab, NotebookPage, start
from tests.e2e.playing import becomes
from tests.waiting import until


def figures(options: Options) -> Iterator[tuple[str, Any]]:
    """Runs of the playground with the heatmap linked, in turns with runs while it only stands there.

    A row's time is from when its token was there, in the kernel: the pass that reads the token, which is the
    one that writes the next, is in it.
    """
    root, folder = str(Path(__file__).parents[2]), str(model_folder(options))
    setup = SETUP.format(root=root, folder=folder, new=options.size(64, 8))
    with start() as lab:
        page, play = _open(lab, setup)
        seconds: dict[str, list[float]] = {"followed": [], "alone": []}
        rows: list[float] = []
        for turn in range(-1, options.rounds):  # the first warms up
            for name in ("followed", "alone") if turn % 2 else ("alone", "followed"):
                took, late = _run(page, play, followed=name == "followed")
                if turn >= 0:
                    seconds[name].append(took)
                    rows += late
        for name, times in seconds.items():
            yield f"follow.page.{name}", Sample(tuple(times))
        yield "follow.page.row", Sample(tuple(rows))
        lab.close(page)


def _run(page: NotebookPage, play: Locator, *, followed: bool) -> tuple[float, list[float]]:
    """Seconds of one run, and for each of its tokens how many ms later its row was on the screen."""
    if followed:
        page.value("link()")
        _settle(page)
        page.page.evaluate("gwPlay.watchRows()")
    _, told = run(page, play)
    if not followed:
        rest(page, 1)
        return told["seconds"], []
    first, steps = told["first"], told["steps"]
    drawn = page.page.evaluate("length => gwPlay.grown(length)", first + len(steps))
    _settle(page)
    page.value("unlink()")
    return told["seconds"], [at - made for at, made in zip(drawn[first:], steps, strict=True)]


def _settle(page: NotebookPage) -> None:
    """What a text or a run leaves to do in the heatmap, and on the page, has ended."""
    until(lambda: page.value("settled()") == "True", 60)
    rest(page, 1)


def _open(lab: Lab, setup: str) -> tuple[NotebookPage, Locator]:
    """A window in which both are seen whole."""
    page = lab.open([setup, "show_both()"], width=1400, height=1900)
    page.page.evaluate(CLOCK)
    page.run_cell(0)
    page.run_cell(1)
    play = page.output(1).locator(".gw-playground").first
    play.wait_for(timeout=PATIENCE)
    becomes(play, "empty")
    heat = page.heatmap(1).bounding_box()
    if heat is None or heat["y"] + heat["height"] > 1900:
        raise RuntimeError("The heatmap is not all on the screen, so what it draws says nothing.")
    _settle(page)
    return page, play
