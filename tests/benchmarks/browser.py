"""The widget in real JupyterLab, beside a bare canvas on the same page."""

from __future__ import annotations

import ast
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tests.benchmarks.inputs import model_folder
from tests.benchmarks.options import Options
from tests.benchmarks.timing import Sample
from tests.e2e.lab import PATIENCE, Lab, NotebookPage, start

DRIVE = Path(__file__).with_name("drive.js").read_text()
SETUP = """
import sys
sys.path.insert(0, {root!r})
from tests.benchmarks.cells import *
begin({folder!r})
"""


def figures(options: Options) -> Iterator[tuple[str, Any]]:
    setup = SETUP.format(root=str(Path(__file__).parents[2]), folder=str(model_folder(options)))
    with start() as lab:
        yield from _first_pictures(lab, setup, options)
        yield from _single_steps(lab, setup, options)
        yield from _pan_and_zoom(lab, setup, options)


def _first_pictures(lab: Lab, setup: str, options: Options) -> Iterator[tuple[str, Any]]:
    """From the cell to the screen; a record is there already, for ours, and nothing of it was looked at.

    Taken are the whole time from running the cell, and the time from when the picture leaves the kernel,
    which has no mathematics in it. The bare canvas shows 512×512 codes, and then as many bytes as ours took.
    """
    page = _open(lab, [setup, "show_bare(side)", "show_heat()"])

    def painted(cell: int, there: str, prepare: str) -> tuple[float, float]:
        page.value(prepare)
        whole, at = _js(page, f"gwBench.cellToPaint({cell}, gwBench.{there})")
        return whole, at - float(page.value("sent_at()"))

    for name in (32, 128, 512):
        length = options.size(name, name // 4)

        def ours(length: int = length):
            return painted(2, "oursPainted", f"renew({length})")

        ours()
        _js(page, "gwBench.traffic()")
        ours()
        size = _js(page, "gwBench.counted()")["bytes"]
        yield f"first.{name}.bytes", size
        sides = {
            "bare": lambda: painted(1, "barePainted", "globals().update(side=512)"),
            "same": lambda size=size: painted(1, "barePainted", f"globals().update(side={round(size**0.5)})"),
            "ours": ours,
        }
        times = _in_turns(options.rounds, **sides)
        for side, pairs in times.items():
            yield f"first.{name}.{side}.cell", Sample(tuple(whole for whole, _ in pairs))
            yield f"first.{name}.{side}.sent", Sample(tuple(sent for _, sent in pairs))
        # In seconds, beside peers'.
        yield f"first.{name}.screen", Sample(tuple(whole / 1000 for whole, _ in times["ours"]))
        python = ast.literal_eval(page.value(f"seconds_to_first_message({length}, {options.rounds})"))
        yield f"first.{name}.python", Sample(tuple(python))
    lab.close(page)


def _single_steps(lab: Lab, setup: str, options: Options) -> Iterator[tuple[str, Any]]:
    """One tile, one head, one hover at 1,024 tokens, each in turns with the bare widget's tile."""
    length = options.size(1024, 768)
    page = _open(lab, [setup, f"show_both({length})"])
    desk = Desk(page, length)
    desk.changed({"scale": "linear"})  # so that what is drawn first was drawn before
    yield from desk.in_turns(options, "tile", bare=desk.bare, ours=desk.tile)
    yield from desk.in_turns(options, "answer", bare=desk.bare, ours=desk.answer)
    desk.changed({"view": []})
    yield from desk.in_turns(options, "head", bare=desk.bare, ours=desk.head)
    yield from desk.in_turns(options, "hover", bare=desk.bare, echo=desk.echo, outside=desk.hover)
    yield "hover.asked", len(desk.asked_inside)
    desk.changed({"view": []})
    yield from desk.in_turns(options, "set", bare=desk.bare_from_python, ours=desk.head_from_python)
    lab.close(page)


class Desk:
    """A page with the bare widget and the heatmap on it, and what a hand does there; all in milliseconds."""

    def __init__(self, page: NotebookPage, length: int) -> None:
        self.page = page
        self.length = length
        self.model = ast.literal_eval(page.value("heat_id()"))
        self.fresh = iter(ast.literal_eval(page.value("heads()")))  # each is looked at once
        self.patches = iter([(row, col) for row in range(1, length // 128) for col in range(row)])
        self.asked_inside: list[str] = []

    def in_turns(
        self, options: Options, name: str, **what: Callable[[], float]
    ) -> Iterator[tuple[str, Sample]]:
        times = _in_turns(options.rounds, between=lambda: rest(self.page), **what)
        yield from ((f"{name}.{side}", Sample(tuple(each))) for side, each in times.items())

    def changed(self, traits: dict[str, Any], *, save: bool = False) -> float:
        return _call(self.page, "changed", self.model, traits, save)

    def bare(self) -> float:
        return _js(self.page, "gwBare.tile(256)")

    def echo(self) -> float:
        return _js(self.page, "gwBare.echo()")

    def tile(self) -> float:
        """Another place of a head not looked at before: first a far corner, then the tile that counts."""
        layer, head = next(self.fresh)
        self.changed({"layer": layer, "head": head, "view": [self.length - 256, 0, 256, 256]})
        rest(self.page)
        return self.changed({"view": [256, 256, 256, 256]})

    def answer(self) -> float:
        return _call(self.page, "answer", self.model, *next(self.fresh))

    def head(self) -> float:
        layer, head = next(self.fresh)
        return self.changed({"layer": layer, "head": head}, save=True)

    def hover(self) -> float:
        """Into a patch that was not fetched, then about in it, which must not ask for anything."""
        row, col = next(self.patches)
        self.changed({"view": [128 * row + 4, 128 * col + 4, 100, 100]})
        rest(self.page)
        took = _call(self.page, "hover", 0.4, 0.4)
        rest(self.page)
        _js(self.page, "gwBench.traffic()")
        for place in (0.3, 0.35, 0.45, 0.5):
            _call(self.page, "point", place, place)
            rest(self.page, 0.05)
        self.asked_inside += _js(self.page, "gwBench.counted()")["asked"]
        _call(self.page, "leave")
        return took

    def bare_from_python(self) -> float:
        return _call(self.page, "fromPython", f"bare_trait({self.length})", None)

    def head_from_python(self) -> float:
        layer, head = next(self.fresh)
        return _call(self.page, "fromPython", f"other_head({layer}, {head})", [layer, head])


def _pan_and_zoom(lab: Lab, setup: str, options: Options) -> Iterator[tuple[str, Any]]:
    """A hand that drags and turns the wheel, over tiles that were all fetched by the same movement before."""
    page = _open(lab, [setup, f"show_both({options.size(8192, 1024)})"])
    _movement(page, options)  # fetches
    rest(page, 3)
    _movement(page, options)  # what arrived late the first time is drawn finer now
    rest(page, 3)
    _js(page, "gwBench.traffic()")
    began = time.monotonic()
    _js(page, "gwBench.watchFrames()")
    _movement(page, options)
    seen = _js(page, "gwBench.watched()")
    took = time.monotonic() - began
    rest(page, 1)
    yield "pan.asked", len(_js(page, "gwBench.counted()")["asked"])
    yield "pan.draws", Sample(tuple(seen["draws"]))
    yield "pan.own", Sample(tuple(seen["own"]))
    yield "pan.frames", Sample(tuple(seen["intervals"]))
    yield "pan.slow", _slow(seen["intervals"])
    _js(page, "gwBench.watchFrames()")
    page.page.wait_for_timeout(took * 1000)
    yield "pan.idle_slow", _slow(_js(page, "gwBench.watched()")["intervals"])
    lab.close(page)


def _movement(page: NotebookPage, options: Options) -> None:
    """Zooms in, drags to and fro, zooms out; real input events, about sixty a second."""
    mouse, pause = page.page.mouse, lambda: page.page.wait_for_timeout(16)
    box = _js(page, "gwBench.matrix().getBoundingClientRect().toJSON()")
    x, y = box["x"] + box["width"] * 0.4, box["y"] + box["height"] * 0.6
    steps = options.size(40, 10)
    mouse.move(x, y)
    _js(page, "gwBench.matrix().focus({ preventScroll: true })")  # the wheel turns the picture, not the page
    for _ in range(steps):
        mouse.wheel(0, -35)  # forty of them: 33 times as close
        pause()
    for dx, dy in ((-1, -1), (1, 1), (1, -1), (-1, 1)):
        mouse.down()
        for step in range(steps):
            mouse.move(x + dx * step * 3, y + dy * step * 3)
            pause()
        mouse.up()
        mouse.move(x, y)
    rest(page)  # the view is told to the kernel when the hand rests
    if page.value("here['heat'].view") == "[]":
        raise RuntimeError("The wheel and the drag have not moved the picture.")
    for _ in range(steps):
        mouse.wheel(0, 35)
        pause()


def _open(lab: Lab, cells: list[str]) -> NotebookPage:
    """A notebook with the clock in its page, whose first cell has run, and the second where it shows both."""
    page = lab.open(cells, width=1400, height=1300)
    page.page.evaluate(DRIVE)
    page.run_cell(0)
    if "show_both" in cells[1]:
        page.run_cell(1)
        page.page.wait_for_function("gwBench.oursPainted(document)", timeout=PATIENCE)
    return page


def _js(page: NotebookPage, expression: str) -> Any:
    return page.page.evaluate(expression)


def _call(page: NotebookPage, function: str, *arguments: Any) -> Any:
    return page.page.evaluate(f"all => gwBench.{function}(...all)", list(arguments))


def rest(page: NotebookPage, seconds: float = 0.3) -> None:
    """Lets what was started end: refinement, delayed saves, thumbnails."""
    page.page.wait_for_timeout(seconds * 1000)


def _slow(intervals: list[float]) -> float:
    """How many of the intervals between frames are over 25 ms, in percent."""
    return 100 * sum(interval > 25 for interval in intervals) / max(1, len(intervals))


def _in_turns(
    rounds: int, *, between: Callable[[], None] = lambda: None, **what: Callable[[], Any]
) -> dict[str, list[Any]]:
    """As timing.in_turns, of things that say themselves how long they took."""
    times: dict[str, list[Any]] = {name: [] for name in what}
    for turn in range(-1, rounds):  # the first warms up
        for name in list(what) if turn % 2 == 0 else reversed(what):
            took = what[name]()
            between()
            if turn >= 0:
                times[name].append(took)
    return times
