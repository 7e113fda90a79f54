"""Takes pictures of cells' outputs in real JupyterLab, to look at while building.

    python -m tests.e2e.shoot --cell "import gptwidgets as gw; gpt = gw.load()" \\
        --cell "gw.AttentionHeatmap(gpt, 'The animal')" --out shots --width 700 --width 1400 --dark --light

The output of the last cell is taken (`--output N` for another, `--window` for the whole window).
Before the picture, acts on it, in order, each as `--act KIND:REST`: `click:SELECTOR`, `hover:SELECTOR`,
`at:X,Y` (the pointer goes to that place of the output), `drag:X,Y` (with the button down), `wheel:DY`,
`press:KEY`, `type:TEXT`, `run:PYTHON` (in a new cell), `wait:SELECTOR`, `eval:JAVASCRIPT` (printed),
`shot:NAME` (a picture in between). What the page's console says of errors is printed.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from playwright.sync_api import Locator

from tests.e2e.lab import PATIENCE, NotebookPage, start

READY = ".gw-heatmap:is([data-status=ready], [data-status=error], [data-status=empty], [data-status=closed])"


def main() -> None:
    options = _options()
    themes = [name for name in ("light", "dark") if getattr(options, name)] or ["light"]
    with start() as lab:
        what = options.notebook or [Path(c).read_text() if c.endswith(".py") else c for c in options.cell]
        page = lab.open(what, app=options.app, scale=options.scale)
        try:
            page.run_all()
            shown = len(what) - 1 if options.output is None and options.cell else options.output or 0
            _wait(page, shown, options.wait)
            page.resize(options.width[0], index=shown)
            for act in options.act:
                _act(page, shown, act, options.out)
            for width in options.width:
                for theme in themes:
                    path = options.out / f"{options.name}-{width}-{theme}.png"
                    print(
                        page.screenshot(
                            path, output=None if options.window else shown, width=width, theme=theme
                        )
                    )
        except BaseException:
            page.page.screenshot(path=options.out / f"{options.name}-failed.png")
            print("the window as it was:", options.out / f"{options.name}-failed.png")
            raise
        finally:
            print(*(f"console: {line}" for line in page.errors), sep="\n")


def _wait(page: NotebookPage, shown: int, selector: str | None) -> None:
    """Wait for what was asked for; without it, for the heatmap where there is one."""
    area = page.output(shown)
    page.settle()
    if selector or area.locator(".gw-heatmap").count():
        area.locator(selector or READY).first.wait_for(timeout=PATIENCE)
        page.settle()


def _act(page: NotebookPage, shown: int, act: str, out: Path) -> None:
    kind, _, rest = act.partition(":")
    mouse, area = page.page.mouse, page.output(shown)
    match kind:
        case "click":
            area.locator(rest).first.click()
        case "hover":
            area.locator(rest).first.hover()
        case "press":
            page.page.keyboard.press(rest)
        case "type":
            page.page.keyboard.type(rest)
        case "wheel":
            mouse.wheel(0, float(rest))
        case "at":
            mouse.move(*_place(area, rest))
        case "drag":
            mouse.down()
            mouse.move(*_place(area, rest), steps=8)
            mouse.up()
        case "shot":
            print(page.screenshot(out / f"{rest}.png", output=shown))
        case "run":
            page.run(rest, may_fail=True)
            page.output(shown)
        case "wait":
            area.locator(rest).first.wait_for()
        case "eval":
            print(page.page.evaluate(rest))
        case _:
            raise SystemExit(f"there is no act '{kind}'; see python -m tests.e2e.shoot --help")
    page.settle()


def _place(area: Locator, rest: str) -> tuple[float, float]:
    x, y = map(float, rest.split(","))
    box = area.bounding_box()
    return box["x"] + x, box["y"] + y


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m tests.e2e.shoot", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    add = parser.add_argument
    add("--cell", action="append", default=[], help="source of a code cell, or a .py file; repeatable")
    add("--notebook", type=Path, help="a notebook instead of cells")
    add("--output", type=int, help="number of the cell whose output is taken (default: the last)")
    add("--window", action="store_true", help="take the whole window")
    add("--out", type=Path, default=Path("shots"), help="folder for the pictures")
    add("--name", default="shot", help="how the pictures' names begin")
    add("--width", type=int, action="append", help="width of the output in CSS pixels; repeatable (1400)")
    add("--dark", action="store_true")
    add("--light", action="store_true")
    add("--scale", type=float, default=1, help="device pixels to a CSS pixel")
    add("--app", choices=["lab", "notebook"], default="lab")
    add("--wait", help="selector to wait for in the output before anything is done")
    add("--act", action="append", default=[], help="see above; repeatable, in order")
    options = parser.parse_args()
    options.width = options.width or [1400]
    options.out.mkdir(parents=True, exist_ok=True)
    return options


if __name__ == "__main__":
    main()
