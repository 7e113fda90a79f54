"""One head as a picture: for papers, and for a notebook in which no kernel runs.

The browser's widget draws itself; this is the same picture without a browser.
"""

from __future__ import annotations

from gptwidgets.widgets.picture import raster, vector
from gptwidgets.widgets.picture.layout import compose
from gptwidgets.widgets.picture.table import csv
from gptwidgets.widgets.picture.view import View

__all__ = ["View", "csv", "png", "svg"]


def png(
    view: View, *, width: int | None = None, dark: bool = False, max_bytes: int | None = 200_000
) -> bytes:
    """Draw a view as PNG: axes, legend and caption included.

    Args:
        view: what to draw.
        width: of the picture in pixels, type and lines with it; twice its size on the page where None.
        dark: on a dark ground.
        max_bytes: the file is no larger; colours, then pixels, are given up for it. None for no limit.

    Raises:
        ValueError: for a width under 64 pixels.

    Example:
        >>> Path("head.png").write_bytes(png(View(record, 13, 8)))  # doctest: +SKIP
    """
    scene = compose(view, dark=dark)
    if width is not None and width < 64:
        raise ValueError(f"a picture {width} pixels wide shows nothing; take at least 64.")
    return raster.png(scene, 2.0 if width is None else width / scene.width, max_bytes)


def svg(view: View, *, dark: bool = False) -> str:
    """Draw a view as a standalone SVG document, with real text.

    Args:
        view: what to draw.
        dark: on a dark ground.

    Example:
        >>> Path("head.svg").write_text(svg(View(record, 13, 8)), encoding="utf-8")  # doctest: +SKIP
    """
    return vector.svg(compose(view, dark=dark, live=True))
