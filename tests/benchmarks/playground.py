"""The playground in real JupyterLab: beside generate() on the same page, and under a hand."""

from __future__ import annotations

import ast
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from playwright.sync_api import Locator

from tests.benchmarks.browser import rest
from tests.benchmarks.inputs import model_folder
from tests.benchmarks.options import Options
from tests.benchmarks.timing import Sample
from tests.e2e.lab import PATIENCE, Lab, NotebookPage, start
from tests.e2e.playing import becomes, button, written

CLOCK = Path(__file__).with_name("play.js").read_text()
SETUP = """
import sys
sys.path.insert(0, {root!r})
from tests.benchmarks.playcells import *
begin({folder!r}, 64, {new})
"""
SECOND = 1000  # ms
SLIDERS = ("Temperature", "Top-k", "Top-p", "Min-p", "Repetition")


def figures(options: Options) -> Iterator[tuple[str, Any]]:
    root, folder = str(Path(__file__).parents[2]), str(model_folder(options))
    setup = SETUP.format(root=root, folder=folder, new=options.size(64, 8))
    with start() as lab:
        yield from _runs(lab, setup, options)
        yield from _messages(lab, setup, options)
        yield from _sliders(lab, setup, options)
        yield from _long(lab, setup, options)


def _runs(lab: Lab, setup: str, options: Options) -> Iterator[tuple[str, Any]]:
    """Runs from the prompt, in turns with generate() while the page is open and idle."""
    page, play = _open(lab, setup, "show()", "empty")
    ours: list[float] = []
    generate: list[float] = []
    first: list[float] = []
    screen: list[float] = []

    def generated() -> None:
        generate.append(float(page.value("generate()")))

    def run() -> None:
        seen, told = run(page, play)
        if not told["same"]:
            raise AssertionError("The texts differ, so their times say nothing.")
        ours.append(told["seconds"])
        shown = [seen["painted"][str(told["first"] + i)] for i in range(len(told["steps"]))]
        first.append(shown[0] - seen["clicked"] - told["forward"])
        screen.extend(at - made for at, made in zip(shown[1:], told["steps"][1:], strict=True))

    generated()
    for turn in range(-1, options.rounds):  # the first warms up
        for what in (generated, run) if turn % 2 else (run, generated):
            what()
            rest(page, 1)
        if turn < 0:
            for times in (ours, generate, first, screen):
                times.clear()
    yield "play.ours", Sample(tuple(ours))
    yield "play.generate", Sample(tuple(generate))
    yield "play.first", Sample(tuple(first))
    yield "play.screen", Sample(tuple(screen))
    lab.close(page)


def run(page: NotebookPage, play: Locator) -> tuple[dict[str, Any], dict[str, Any]]:
    """One click on Run; what the page saw of it, and what the kernel did."""
    page.value("forget()")
    page.page.evaluate("gwPlay.watchRun()")
    button(play, "Run").click()
    seen = page.page.evaluate("gwPlay.ran()")
    return seen, json.loads(ast.literal_eval(page.value("told()")))


def _messages(lab: Lab, setup: str, options: Options) -> Iterator[tuple[str, Any]]:
    """Messages of the busiest second between the first tokens and the last, of a model that is never slow."""
    page, play = _open(lab, setup, f"show_quick({options.size(2000, 400)})", "empty")
    seen, told = run(page, play)
    sent = sorted(at for at in seen["sent"] if told["steps"][0] <= at <= told["steps"][-1])
    yield "play.messages", max(sum(at <= other < at + SECOND for other in sent) for at in sent)
    lab.close(page)


def _sliders(lab: Lab, setup: str, options: Options) -> Iterator[tuple[str, Any]]:
    """Each slider is dragged to and fro over the next token of 150,000."""
    page, play = _open(lab, setup, "show_wide()", "empty")
    play.get_by_text("of 150,000 tokens").wait_for(timeout=PATIENCE)
    play.get_by_text("More", exact=True).click()
    rest(page)

    def drag() -> dict[str, list[float]]:
        page.page.evaluate("gwPlay.watchSliders()")
        for name in SLIDERS:
            slider = play.get_by_label(name, exact=True)
            slider.scroll_into_view_if_needed()
            _drag(page, slider.bounding_box() or {}, options.size(60, 10))
        rest(page)
        return page.page.evaluate("gwPlay.moved()")

    drag()  # warms up
    seen = drag()
    for name, times in seen.items():
        yield f"slider.{name}", Sample(tuple(times))
    lab.close(page)


def _drag(page: NotebookPage, box: dict[str, float], steps: int) -> None:
    mouse = page.page.mouse
    y = box["y"] + box["height"] / 2
    places = [box["x"] + 4 + (box["width"] - 8) * i / steps for i in range(steps + 1)]
    mouse.move(places[0], y)
    mouse.down()
    for x in [*places, *reversed(places)]:
        mouse.move(x, y)
        page.page.wait_for_timeout(16)
    mouse.up()


def _long(lab: Lab, setup: str, options: Options) -> Iterator[tuple[str, Any]]:
    """2,000 tokens on the screen: a hand that types and points, at rest and while the model writes on."""
    length = options.size(2000, 200)
    page, play = _open(lab, setup, f"show_long({length})", "ready")
    page.page.wait_for_function(
        "n => document.querySelectorAll('.gw-written [data-at]').length >= n", arg=length
    )
    page.page.evaluate("gwPlay.bare()")
    rest(page, 2)
    yield from _hand(page, play, options, "rest")
    page.value("go_on()")
    page.page.wait_for_function(
        "n => document.querySelectorAll('.gw-written [data-at]').length > n", arg=length + 8, timeout=PATIENCE
    )
    yield from _hand(page, play, options, "writing")
    if page.value("here['play'].status") != "'running'":
        raise RuntimeError("The model had written all that it was to write before the hand was done.")
    page.value("stop()")
    becomes(play, "ready")
    lab.close(page)


def _hand(page: NotebookPage, play: Locator, options: Options, when: str) -> Iterator[tuple[str, Any]]:
    """Types and points, in turns with a bare field and bare words in the same page."""
    prompt, field = play.get_by_label("Prompt", exact=True), page.page.locator(".gw-bare-field")
    words = page.page.locator(".gw-bare-word").first.locator("..")
    moves: dict[str, tuple[str, str, Callable[[], None]]] = {
        "type": ("keydown", ".gw-prompt", lambda: _type(page, prompt)),
        "type.bare": ("keydown", ".gw-bare-field", lambda: _type(page, field)),
        "point": ("pointerover", ".gw-written [data-at]", lambda: _point(page, written(play))),
        "point.bare": ("pointerover", ".gw-bare-word", lambda: _point(page, words)),
    }
    times: dict[str, list[float]] = {name: [] for name in moves}
    for turn in range(-1, options.size(6, 1)):  # the first warms up
        for name, (kind, where, does) in moves.items():
            page.page.evaluate("all => gwPlay.watchHand(...all)", [kind, where])
            does()
            took = page.page.evaluate("gwPlay.handled()")
            if turn >= 0:
                times[name] += took
    for name, took in times.items():
        yield f"{name}.{when}", Sample(tuple(took))


def _type(page: NotebookPage, field: Locator) -> None:
    field.focus()
    for letter in "the quick brown fox jumps":
        page.page.keyboard.press("Space" if letter == " " else letter)
        page.page.wait_for_timeout(60)


def _point(page: NotebookPage, host: Locator) -> None:
    """Moves over a text, from line to line."""
    box = host.bounding_box() or {}
    for step in range(40):
        x = box["x"] + box["width"] * (0.1 + 0.8 * (step * 0.37 % 1))
        y = box["y"] + box["height"] * (0.1 + 0.8 * step / 40)
        page.page.mouse.move(x, y)
        page.page.wait_for_timeout(40)


def _open(lab: Lab, setup: str, shows: str, status: str) -> tuple[NotebookPage, Locator]:
    """A notebook whose playground is there, with the clock in its page."""
    page = lab.open([setup, shows], width=1400, height=1200)
    page.page.evaluate(CLOCK)
    page.run_cell(0)
    page.run_cell(1)
    play = page.output(1).locator(".gw-playground").first
    play.wait_for(timeout=PATIENCE)
    becomes(play, status)
    rest(page, 1)
    return page, play
