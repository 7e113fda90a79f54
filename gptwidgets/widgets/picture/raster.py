"""A scene as PNG, by Pillow."""

from __future__ import annotations

from io import BytesIO

import numpy as np
from PIL import Image, ImageDraw

from gptwidgets.widgets.picture.fonts import load, runs, width
from gptwidgets.widgets.picture.scene import Line, Raster, Scene, Text


def png(scene: Scene, zoom: float, max_bytes: int | None = None) -> bytes:
    """Paint a scene.

    Args:
        scene: what to paint.
        zoom: pixels per CSS pixel.
        max_bytes: colours, then pixels, are given up until the file is no larger.

    Returns:
        The PNG file.
    """
    while True:
        image = paint(scene, zoom)
        data = _encode(image)
        if max_bytes is None or len(data) <= max_bytes:
            return data
        for colours in (256, 48):
            if len(data) > 3 * max_bytes and image.width > 300:
                continue  # fewer colours alone would not do
            data = _encode(image.quantize(colours, dither=Image.Dither.NONE))
            if len(data) <= max_bytes:
                return data
        if zoom * scene.width < 64:
            return data  # nothing is left to give up
        zoom *= min(0.9, max(0.3, 0.95 * (max_bytes / len(data)) ** 0.5))


def paint(scene: Scene, zoom: float) -> Image.Image:
    """The scene's pixels."""
    size = (max(1, round(scene.width * zoom)), max(1, round(scene.height * zoom)))
    image = Image.new("RGB", size, scene.ground)
    draw = ImageDraw.Draw(image)
    for item in scene.items:
        if isinstance(item, Raster):
            _raster(image, item, zoom)
        elif isinstance(item, Line):
            _line(draw, item, zoom)
        else:
            _text(image, draw, item, zoom)
    return image


def _raster(image: Image.Image, item: Raster, zoom: float) -> None:
    """Cells with sharp edges: each pixel has the colour of the cell its middle lies in."""
    x0, y0 = round(item.x * zoom), round(item.y * zoom)
    x1, y1 = round((item.x + item.width) * zoom), round((item.y + item.height) * zoom)
    rows, cols = item.cells.shape[:2]
    i, j = _nearest(rows, y1 - y0), _nearest(cols, x1 - x0)
    cells = Image.fromarray(np.ascontiguousarray(item.cells[i][:, j]), "RGBA")
    image.paste(cells, (x0, y0), cells)


def _nearest(cells: int, pixels: int) -> np.ndarray:
    return ((np.arange(max(1, pixels)) + 0.5) * cells / max(1, pixels)).astype(int)


def _line(draw: ImageDraw.ImageDraw, item: Line, zoom: float) -> None:
    ends = [round(at * zoom) for at in (item.x1, item.y1, item.x2, item.y2)]
    draw.line(ends, fill=item.colour, width=max(1, round(item.width * zoom)))


def _text(image: Image.Image, draw: ImageDraw.ImageDraw, item: Text, zoom: float) -> None:
    size = item.size * zoom
    length = width(item.text, size)
    back = {"start": 0.0, "middle": length / 2, "end": length}[item.anchor]
    if item.upright:
        _write(draw, item.x * zoom - back, item.y * zoom, item.text, size, fill=item.colour)
        return
    # written level on a slip of its own, which is then turned and laid on
    up, down = round(size * 1.2), round(size * 0.5)
    slip = Image.new("L", (max(1, round(length) + 4), up + down))
    _write(ImageDraw.Draw(slip), 2, up, item.text, size, fill=255)
    slip = slip.rotate(90, expand=True)
    corner = (round(item.x * zoom) - up, round(item.y * zoom + back) - slip.height + 2)
    image.paste(Image.new("RGB", slip.size, item.colour), corner, slip)


def _write(draw: ImageDraw.ImageDraw, x: float, y: float, text: str, size: float, *, fill: str | int) -> None:
    """One line from x on its baseline y, each run in its own font."""
    for name, piece in runs(text):
        font = load(name, size)
        draw.text((x, y), piece, font=font, fill=fill, anchor="ls")
        x += font.getlength(piece)


def _encode(image: Image.Image) -> bytes:
    file = BytesIO()
    image.save(file, "PNG")
    return file.getvalue()
