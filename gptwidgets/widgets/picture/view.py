"""What shall be drawn: a part of one head."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from gptwidgets.kernel import tiles
from gptwidgets.kernel.figure import cells, part

if TYPE_CHECKING:
    from gptwidgets.kernel.record import AttentionRecord, Which
    from gptwidgets.kernel.scale import Scale

Floats: TypeAlias = "np.ndarray[tuple[int, int], np.dtype[np.float32]]"

SIDE = 640  # cells a side that are drawn at most; of more, the largest weight of some stands for them
SAMPLE_ABOVE = 4096  # tokens in view; above, one query stands for its neighbours


@dataclass(frozen=True)
class View:
    """A part of one head, and how it is shown.

    Attributes:
        record: the recording.
        layer: a layer number, "mean" or "max".
        head: a head number, "mean" or "max".
        rows: the queries in view, a range or (start, stop); all where None.
        cols: the keys in view, likewise.
        scale: "linear", "sqrt" or "log".
        sink_hidden: without the first token, its weight shared among the others.
        title: stands above; the model's name where empty.
        caption: stands under the picture.
        picture_note: whether it says that it is a picture, and how to make it live.
        colormap: "auto", "viridis", "cividis", "magma" or "grey".
    """

    record: AttentionRecord
    layer: Which
    head: Which
    rows: range | tuple[int, int] | None = None
    cols: range | tuple[int, int] | None = None
    scale: Scale = "sqrt"
    sink_hidden: bool = False
    title: str = ""
    caption: str = ""
    picture_note: bool = False
    colormap: str = "auto"

    @property
    def queries(self) -> range:
        """The rows in view."""
        return part(self.rows, self.record.length)

    @property
    def keys(self) -> range:
        """The columns in view."""
        return part(self.cols, self.record.length)

    def read(self) -> Cells:
        """The weights in view, as many as can be drawn."""
        rows, cols = self.queries, self.keys
        level = 0
        while max(len(rows), len(cols), 1) > SIDE << level:
            level += 1
        if not level:
            layer, head = self.record.find(self.layer, self.head)
            values = cells(self.record, layer, head, rows, cols, sink_hidden=self.sink_hidden)
            return Cells(values, rows, cols, 1, sampled=False)
        step = 1 << level
        rows, cols = (_aligned(at, step, self.record.length) for at in (rows, cols))
        sampled = max(len(rows), len(cols)) > SAMPLE_ABOVE
        return Cells(self._tiled(rows, cols, level, sampled=sampled), rows, cols, step, sampled=sampled)

    def _tiled(self, rows: range, cols: range, level: int, *, sampled: bool) -> Floats:
        """The largest weights of 2^level × 2^level cells each, put together from tiles."""
        r, c = (range(at.start >> level, -(-at.stop >> level)) for at in (rows, cols))
        out = np.zeros((len(r), len(c)), np.uint8)
        size = tiles.TILE
        for i in range(r.start // size, -(-r.stop // size)):
            for j in range(c.start // size, -(-c.stop // size)):
                steps = tiles.tile(
                    self.record,
                    self.layer,
                    self.head,
                    level,
                    i,
                    j,
                    sink_hidden=self.sink_hidden,
                    sampled=sampled,
                )
                tile = _last(steps)
                top, left = i * size - r.start, j * size - c.start  # where the tile's corner comes to lie
                piece = tile[max(0, -top) : len(r) - top, max(0, -left) : len(c) - left]
                y, x = max(0, top), max(0, left)
                out[y : y + piece.shape[0], x : x + piece.shape[1]] = piece
        return decode(out, signed=self.record.signed, vmax=self.record.vmax)


@dataclass(frozen=True)
class Cells:
    """Weights as they are drawn.

    Attributes:
        values: float32 [rows / step, cols / step], nan where there is no cell.
        rows: the queries that they cover.
        cols: the keys.
        step: so many queries and keys a cell; it shows their largest weight.
        sampled: whether one query of each cell stands for all.
    """

    values: Floats
    rows: range
    cols: range
    step: int
    sampled: bool


def decode(codes: np.ndarray, *, signed: bool = False, vmax: float = 1.0) -> Floats:
    """Weights of coded cells (see `gptwidgets.kernel.tiles`); nan for "no cell".

    Example:
        >>> decode(np.array([[0, 1, 255]], np.uint8)).tolist()
        [[nan, 0.0, 1.0]]
    """
    x = codes.astype(np.float32)
    if signed:
        root = (x - 128) / 127
        values = np.sign(root) * root**4 * vmax
    else:
        values = ((x - 1) / 254) ** 4
    return np.where(codes == 0, np.nan, values).astype(np.float32)


def _aligned(at: range, step: int, length: int) -> range:
    return range(at.start // step * step, min(length, -(-at.stop // step) * step))


def _last(steps: tiles.Generator[None, None, tuple[tiles.Bytes, bool]]) -> tiles.Bytes:
    """What a generator of `tiles` returns."""
    while True:
        try:
            next(steps)
        except StopIteration as stop:
            return stop.value[0]
