"""A scene as PNG, by Pillow."""

from __future__ import annotations

from io import BytesIO

import numpy as np
from PIL import Image, ImageColor, ImageDraw

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
    few = None
    while True:
        image = paint(scene, zoom)
        data = _encode(image)
        if max_bytes is None or len(data) <= max_bytes:
            return data
        few = few or _few_colours(scene)
        data = _encode(_reduced(image, few))
        if len(data) <= max_bytes or zoom * scene.width < 48:
            return data
        zoom *= min(0.9, max(0.3, 0.95 * (max_bytes / len(data)) ** 0.5))


def _few_colours(scene: Scene) -> Image.Image:
    """A palette of 256 colours: the ground, shades of the type on it, and the cells' own colours."""
    ground = np.array(ImageColor.getrgb(scene.ground), float)
    inks = sorted({item.colour for item in scene.items if not isinstance(item, Raster)})
    shades = [
        ground + (np.array(ImageColor.getrgb(ink)) - ground) * k / 6 for ink in inks for k in range(1, 7)
    ]
    cells = [
        item.cells.reshape(-1, 4).view(np.uint32)[::7] for item in scene.items if isinstance(item, Raster)
    ]
    colours = (
        np.unique(np.concatenate(cells)).view(np.uint8).reshape(-1, 4)[:, :3]
    )  # RGBA as one number: quick
    room = 255 - len(shades)
    colours = colours[np.linspace(0, len(colours) - 1, min(room, len(colours))).astype(int)]
    palette = np.concatenate([np.round([ground, *shades]), colours]).astype(np.uint8)
    image = Image.new("P", (1, 1))
    image.putpalette(palette.tobytes())
    return image


def _reduced(image: Image.Image, few: Image.Image) -> Image.Image:
    """The image in the colours of a palette, the ground exactly: Pillow's own choice is off by a shade."""
    indices = np.array(image.quantize(palette=few, dither=Image.Dither.NONE))
    palette = few.getpalette() or []
    indices[(np.asarray(image) == palette[:3]).all(-1)] = 0
    reduced = Image.fromarray(indices, "P")
    reduced.putpalette(palette)
    return reduced


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
