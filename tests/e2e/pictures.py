"""Takes README's pictures anew, from the real widget in a real browser: `make pictures`.

python -m tests.e2e.pictures [heatmap long_text playground store arithmetic lab minute_1 … minute_4]
"""

from __future__ import annotations

import sys
from pathlib import Path

from PIL import Image

from tests.e2e.lab import PATIENCE, NotebookPage, start

FOLDER = Path(__file__).parents[2] / "notebooks" / "pictures"
WIDTH, WIDE = 1100, 1400  # CSS pixels of the widget; two device pixels each
LOAD = "import gptwidgets as gw\ngpt = gw.load(progress=False)"
ZORBELQUIST = "Professor Zorbelquist opened the door. The students stood up and greeted Professor Z"


def heatmap(page: NotebookPage) -> int:
    """A head that copies: the last token looks at what followed its like."""
    return page.run(f"heat = gw.AttentionHeatmap(gpt, {ZORBELQUIST!r}, head='L18H6', query=16)\nheat")


def long_text(page: NotebookPage) -> int:
    """A text of some thousand tokens."""
    return page.run(
        "import inspect, argparse\n"
        "heat = gw.AttentionHeatmap(gpt, inspect.getsource(argparse)[:16000], head='L18H6')\nheat"
    )


def playground(page: NotebookPage) -> int:
    """A story, a branch of it, and what comes next."""
    return page.run(
        "play = gw.Playground(gpt, 'Once upon a time there was a', temperature=0.8, top_p=0.9, seed=1,"
        " max_new_tokens=40)\n"
        "story = play.run().wait()\n"
        "play.branch(12, ' and').wait()\nplay"
    )


def store(page: NotebookPage) -> int:
    """A search in a store of its own, with one model shown."""
    return page.run(
        "import tempfile\n"
        "shelf = gw.Store('sqlite:///' + tempfile.mkdtemp() + '/store.sqlite3', user='you')\n"
        "shop = gw.StoreBrowser(shelf, query='small chat model', max_memory='4 GB', "
        "selected='qwen2.5-0.5b-instruct')\nshop"
    )


def arithmetic(page: NotebookPage) -> int:
    """The numbers behind one cell."""
    return page.run(
        'heat = gw.AttentionHeatmap(gpt, "The animal didn\'t cross the street because it", head="L13H8",'
        " hide_sink=False, height=300).wait()\nheat.cell = (8, 1)\nheat"
    )


def lab(page: NotebookPage) -> int:
    """A playground that has written, and the heatmap that followed."""
    return page.run(
        "lab = gw.Lab(gpt, 'Professor Zorbelquist opened the door. The students greeted Professor',"
        " temperature=0, max_new_tokens=12)\n"
        "lab.play.run().wait()\nlab.heat.head = 'L18H6'\nlab.heat.wait()\nlab"
    )


def minute(page: NotebookPage, then: str = "", **options: object) -> int:
    """The name in the text, and what is done to the heads that remember it."""
    more = "".join(f", {name}={value!r}" for name, value in options.items())
    return page.run(
        f"heat = gw.AttentionHeatmap(gpt, {ZORBELQUIST!r}, head='L18H6', query=16, hide_sink=False,"
        f" sort='induction', switching=True, height=300{more}).wait()\n{then}\nheat.wait()\nheat"
    )


def minute_1(page: NotebookPage) -> int:
    """Nothing is off."""
    return minute(page)


def minute_2(page: NotebookPage) -> int:
    """The best of them is off: not much happens."""
    return minute(page, heads_off=["L18H6"])


def minute_3(page: NotebookPage) -> int:
    """Four are off: the name is gone."""
    return minute(page, "heat.switch_off(4, by='induction')")


def minute_4(page: NotebookPage) -> int:
    """The same four against their controls."""
    return minute(page, "heat.switch_off(4, by='induction').wait().controls()")


HEAT = "gw-heatmap"
BOTH = {heatmap, long_text, playground, store}  # in light and dark
PICTURES = {
    heatmap: HEAT,
    long_text: HEAT,
    playground: "gw-playground",
    store: "gw-store",
    arithmetic: HEAT,
    lab: "gw-lab",
    minute_1: HEAT,
    minute_2: HEAT,
    minute_3: HEAT,
    minute_4: HEAT,
}


def main() -> None:
    with start() as lab:
        page = lab.open([LOAD], scale=2, height=1600)
        page.run_cell(0)
        for make, name in PICTURES.items():
            if sys.argv[1:] and make.__name__ not in sys.argv[1:]:
                continue
            index = make(page)
            page.output(index).locator(".gw-heatmap, .gw-playground, .gw-store").and_(
                page.page.locator('[data-status="ready"]')
            ).first.wait_for(timeout=PATIENCE)
            widget = page.output(index).locator(f".{name}").first
            for theme in ("light", "dark") if make in BOTH else ("light",):
                page.theme(theme)
                page.resize(WIDE if make is arithmetic else WIDTH, index=index)
                page.settle()
                path = FOLDER / f"{make.__name__}-{theme}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                widget.screenshot(path=path)
                # A third of the bytes in the repository, and no difference that an eye would see.
                Image.open(path).convert("RGB").quantize(255).save(path, optimize=True)
                print(path.relative_to(FOLDER.parents[1]), path.stat().st_size // 1024, "KiB")


if __name__ == "__main__":
    main()
