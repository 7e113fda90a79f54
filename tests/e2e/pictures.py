"""Takes README's pictures anew, from the real widget in a real browser: `make pictures`.

python -m tests.e2e.pictures [heatmap long_text playground store]
"""

from __future__ import annotations

import sys
from pathlib import Path

from PIL import Image

from tests.e2e.lab import PATIENCE, NotebookPage, start

FOLDER = Path(__file__).parents[2] / "notebooks" / "pictures"
WIDTH = 1100  # CSS pixels of the widget; two device pixels each
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


PICTURES = {heatmap: "gw-heatmap", long_text: "gw-heatmap", playground: "gw-playground", store: "gw-store"}


def main() -> None:
    with start() as lab:
        page = lab.open([LOAD], scale=2)
        page.run_cell(0)
        for make, name in PICTURES.items():
            if sys.argv[1:] and make.__name__ not in sys.argv[1:]:
                continue
            index = make(page)
            widget = page.output(index).locator(f'.{name}[data-status="ready"]').first
            widget.wait_for(timeout=PATIENCE)
            for theme in ("light", "dark"):
                page.theme(theme)
                page.resize(WIDTH, index=index)
                page.settle()
                path = FOLDER / f"{make.__name__}-{theme}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                widget.screenshot(path=path)
                # A third of the bytes in the repository, and no difference that an eye would see.
                Image.open(path).convert("RGB").quantize(255).save(path, optimize=True)
                print(path.relative_to(FOLDER.parents[1]), path.stat().st_size // 1024, "KiB")


if __name__ == "__main__":
    main()
