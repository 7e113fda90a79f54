"""A scene as SVG: the cells as one embedded PNG, all the rest as lines and real text."""

from __future__ import annotations

import re
from base64 import b64encode
from io import BytesIO
from xml.sax.saxutils import escape, quoteattr

import numpy as np
from PIL import Image

from gptwidgets.widgets.picture.scene import Line, Raster, Scene, Text

FONTS = "Inter, 'Helvetica Neue', Helvetica, Arial, 'Liberation Sans', 'Noto Sans', sans-serif"
SHARP = 2  # programs that smooth images do so at the edges of pixels: each cell has at least so many
ILLEGAL = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # XML 1.0, section 2.2


def svg(scene: Scene) -> str:
    """Write a scene as a standalone SVG document.

    Args:
        scene: what to write.

    Returns:
        Well-formed XML, whatever the texts hold.
    """
    size = f'width="{_n(scene.width)}" height="{_n(scene.height)}"'
    spaces = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
    box = f"0 0 {_n(scene.width)} {_n(scene.height)}"
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f'<svg {spaces} {size} viewBox="{box}" role="img" font-family="{FONTS}">',
        f"<title>{_escape(scene.name)}</title>",
        f"<desc>{_escape(scene.description)}</desc>",
        f'<rect width="100%" height="100%" fill="{scene.ground}"/>',
    ]
    for item in scene.items:
        if isinstance(item, Raster):
            lines.append(_raster(item))
        elif isinstance(item, Line):
            ends = f'x1="{_n(item.x1)}" y1="{_n(item.y1)}" x2="{_n(item.x2)}" y2="{_n(item.y2)}"'
            lines.append(f'<line {ends} stroke="{item.colour}" stroke-width="{_n(item.width)}"/>')
        else:
            lines.append(_text(item))
    return "\n".join([*lines, "</svg>", ""])


def _text(item: Text) -> str:
    turn = "" if item.upright else f' transform="rotate(-90 {_n(item.x)} {_n(item.y)})"'
    anchor = "" if item.anchor == "start" else f' text-anchor="{item.anchor}"'
    tip = f"<title>{_escape(item.whole)}</title>" if item.whole not in {"", item.text} else ""
    place = f'x="{_n(item.x)}" y="{_n(item.y)}" font-size="{_n(item.size)}" fill="{item.colour}"'
    return f"<text {place}{anchor}{turn}>{_escape(item.text)}{tip}</text>"


def _raster(item: Raster) -> str:
    rows, cols = item.cells.shape[:2]
    times = max(SHARP, -(-512 // max(rows, cols)))
    cells = item.cells.repeat(times, 0).repeat(times, 1)
    file = BytesIO()
    Image.fromarray(np.ascontiguousarray(cells), "RGBA").save(file, "PNG")
    data = b64encode(file.getvalue()).decode()
    box = f'x="{_n(item.x)}" y="{_n(item.y)}" width="{_n(item.width)}" height="{_n(item.height)}"'
    href = quoteattr(f"data:image/png;base64,{data}")
    return (
        f'<image {box} preserveAspectRatio="none" image-rendering="pixelated" xlink:href={href} href={href}/>'
    )


def _n(number: float) -> str:
    """A number in a few digits."""
    return f"{number:.2f}".rstrip("0").rstrip(".")


def _escape(text: str) -> str:
    return escape(ILLEGAL.sub("\ufffd", text), {'"': "&quot;"})
